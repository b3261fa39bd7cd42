import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem.errors import FileFormatError, InputError, MissingFileError, UnknownNameError
from neurochem.results import Axis, Estimate, FitResult, Flag, ResultSet


def make_fit(**changes) -> FitResult:
    x = np.linspace(0.0, 90.0, 10)
    settings = {
        "model": "SRTM",
        "name": "putamen",
        "estimates": {
            "BPND": Estimate("BPND", 2.0, 0.1, dof=20.0, limits=((0.9, 1.7, 2.4),)),
            "R1": Estimate("R1", 1.0, math.inf, at_bound=True),
            "k2": Estimate("k2", 0.1, math.nan, "1/min", "none", fixed=True),
        },
        "axis": Axis(x, "time", "min", "activity", "kBq/mL"),
        "data": np.sin(x),
        "fitted": np.sin(x) + 0.01,
        "weights": np.ones(10),
        "used": np.arange(10) > 0,
        "covariance": np.array([[0.01, 0.004, 0.0], [0.004, 0.04, 0.0], [0.0, 0.0, 0.0]]),
        "covariance_names": ("BPND", "R1", "k2"),
        "diagnostics": {"rss": 0.5, "ratio": math.inf},
        "settings": {"bounds": (0.1, np.float64(2.0)), "count": np.int64(3), "flag": True, "none": None},
        "components": {"reference": np.cos(x), "complex": np.exp(1j * x)},
        "flags": (Flag("edge", "R1 ended at the edge", "warning", "R1"), Flag("note", "something", "info")),
    }
    return FitResult(**{**settings, **changes})


def test_interval_uses_its_own_kind_of_error():
    assert_allclose(Estimate("x", 1.0, 0.5).interval(0.95), (1 - 1.959964 * 0.5, 1 + 1.959964 * 0.5), rtol=1e-6)
    # t with 5 degrees of freedom: 2.570582
    assert_allclose(Estimate("x", 1.0, 0.5, dof=5).interval(0.95), (1 - 2.570582 * 0.5, 1 + 2.570582 * 0.5), rtol=1e-6)
    assert make_fit()["BPND"].interval(0.9) == (1.7, 2.4)
    assert make_fit()["R1"].interval() == (-math.inf, math.inf)
    assert make_fit()["k2"].interval() == (0.1, 0.1)
    with pytest.raises(InputError, match="between 0 and 1"):
        make_fit()["BPND"].interval(95)


def test_relative_stderr_is_in_percent():
    assert Estimate("x", -4.0, 1.0).relative_stderr == 25.0
    assert math.isnan(Estimate("x", 0.0, 1.0).relative_stderr)


def test_names_are_found_in_any_case_and_missing_ones_suggest_the_nearest():
    fit = make_fit()
    assert fit["bpnd"].value == 2.0
    with pytest.raises(UnknownNameError, match="unknown estimate of SRTM 'BPNX'; did you mean 'BPND'"):
        fit["BPNX"]
    with pytest.raises(UnknownNameError, match="unknown result 'putamne'; did you mean 'putamen'"):
        ResultSet({"putamen": fit})["putamne"]


def test_results_cannot_be_changed():
    fit = make_fit()
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.success = False
    with pytest.raises(ValueError, match="read-only"):
        fit.data[0] = 1.0
    with pytest.raises(TypeError):
        fit.estimates["BPND"] = None
    source = np.zeros(10)
    held = make_fit(data=source)
    source[0] = 9.0
    assert held.data[0] == 0.0


def test_written_fit_reads_back_whole(tmp_path):
    fit = make_fit()
    path = fit.save(tmp_path / "deep" / "fit.json")
    back = FitResult.load(path)
    assert back.to_dict() == fit.to_dict()
    assert back["R1"].stderr == math.inf
    assert back.components["complex"].dtype == complex
    assert json.loads(path.read_text())["settings"]["bounds"] == [0.1, 2.0]
    assert pickle.loads(pickle.dumps(fit)).to_dict() == fit.to_dict()


def test_files_that_are_no_fit_are_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"absent\.json: no such file"):
        FitResult.load(tmp_path / "absent.json")
    path = tmp_path / "other.json"
    path.write_text("{")
    with pytest.raises(FileFormatError, match="not valid JSON"):
        FitResult.load(path)
    path.write_text("[]")
    with pytest.raises(FileFormatError, match="field 'format'"):
        FitResult.load(path)


def test_sum_takes_its_error_from_the_covariance():
    # variances 0.09 and 0.16, covariance -0.06: SD of the sum 0.3606, not 0.5
    fit = make_fit(
        estimates={"a": Estimate("a", 3.0, 0.3, "mM"), "b": Estimate("b", 4.0, 0.4, "mM")},
        covariance=np.array([[0.09, -0.06], [-0.06, 0.16]]),
        covariance_names=("a", "b"),
    )
    total = fit.combine("ab", {"a": 1.0, "b": 1.0})
    assert_allclose([total.value, total.stderr], [7.0, math.sqrt(0.13)])
    assert (total.name, total.unit) == ("ab", "mM")
    with pytest.raises(UnknownNameError, match="unknown term with a covariance 'c'"):
        fit.combine("x", {"c": 1.0})


def test_tables_have_one_row_a_parameter():
    table = ResultSet({"putamen": make_fit(), "caudate": make_fit(name="caudate")}).to_frame()
    assert list(table.columns[:6]) == ["name", "model", "parameter", "value", "stderr", "unit"]
    assert len(table) == 6
    assert table.loc[1, "flags"] == "edge"
    assert table.loc[0, "flags"] == ""


def test_flags_concern_a_parameter_or_the_whole_fit():
    fit = make_fit()
    assert [flag.name for flag in fit.flagged("R1")] == ["edge"]
    assert fit.flagged("BPND") == ()
    assert not fit.failed
    assert make_fit(flags=(Flag("x", "y", "failure"),)).failed
    with pytest.raises(ValueError, match="severity 'bad'"):
        Flag("x", "y", "bad")


def test_summary_and_repr_carry_value_error_and_unit():
    fit = make_fit()
    assert "BPND = 2 ± 0.1" in repr(fit)
    text = fit.summary()
    assert "k2 = 0.1 ± nan 1/min (fixed)" in text
    assert "warning: R1 ended at the edge" in text
    assert "rss = 0.5" in text


@pytest.mark.parametrize("descending", [False, True])
def test_plot_shows_data_fit_and_residual(descending):
    axis = Axis(np.linspace(0.0, 4.0, 10), "shift", "ppm", "signal", "a.u.", descending=descending)
    upper = make_fit(axis=axis).plot()
    assert upper.get_ylabel() == "signal (a.u.)"
    lower = upper.figure.axes[1]
    assert lower.get_xlabel() == "shift (ppm)"
    assert lower.get_ylabel() == "residual\n(a.u.)"
    low, high = upper.get_xlim()
    assert bool(low > high) is descending


def test_plot_draws_into_the_axes_it_is_given():
    from neurochem.figures import new_axes

    axes = new_axes()
    assert make_fit().plot(axes) is axes
    assert make_fit(axis=None).plot(new_axes()).get_title().endswith("no curve to draw")
