import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import neurochem
from neurochem import units
from neurochem.errors import UnitError, UnknownNameError, unknown_name
from neurochem.naming import bids_name, parse_bids_name, sidecar_path, write_text, write_via
from neurochem.quality import QualityRule, add_rule, apply_rules
from neurochem.registry import Registry


def test_importing_the_package_loads_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import neurochem; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names) - {'neurochem'}; "
        "print(sorted(new))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rooms_load_on_first_use_and_unknown_ones_are_named():
    assert neurochem.units is units
    assert "pet" in dir(neurochem)
    with pytest.raises(AttributeError, match="its rooms are"):
        neurochem.nothing  # noqa: B018 - the access is the test


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [([1.5], "min", [90.0]), ([250.0], "ms", [0.25]), ([2.0], " S ", [2.0]), ([1.0], "h", [3600.0])],
)
def test_times_become_seconds(values, unit, expected):
    assert_allclose(units.to_seconds(values, unit), expected)


def test_activities_become_kbq_per_ml():
    assert_allclose(units.to_kbq_per_ml([1000.0, -5.0], "Bq/mL"), [1.0, -0.005])
    assert_allclose(units.to_kbq_per_ml([1.0], "nCi/mL"), [0.037])
    assert units.activity_factor("uCi/mL") == 37.0
    assert units.is_unit("kbq/ml", "activity concentration")
    assert not units.is_unit("min", "activity concentration")


def test_unknown_units_name_place_and_choices():
    with pytest.raises(UnitError, match=r"x\.tsv, column 'a': unit 'furlong' is not a unit of time; allowed: s, "):
        units.to_seconds([1.0], "furlong", where="x.tsv, column 'a'")


@given(st.floats(-1e6, 1e6))
def test_minutes_and_seconds_are_inverse(value):
    # subnormal numbers have fewer digits
    assert_allclose(units.minutes_to_seconds(units.seconds_to_minutes([value])), [value], rtol=1e-15, atol=1e-300)


def test_unknown_name_suggests_the_nearest():
    assert str(unknown_name("strm", ["SRTM", "Logan"], kind="model")) == (
        "unknown model 'strm'; did you mean 'SRTM'? Available: SRTM, Logan."
    )
    assert "did you mean" not in str(unknown_name("xyz", ["SRTM"], kind="model"))


def test_registry_finds_names_and_aliases_in_any_case():
    registry: Registry[int] = Registry("thing")
    registry.add(1, name="One", aliases=("uno",), reference="a book", needs=("x",))
    registry.register(name="Two")(2)
    assert registry["ONE"] == registry["Uno"] == 1
    assert registry.entry("uno").reference == "a book"
    assert "two" in registry
    assert 3 not in registry
    assert registry.names() == ["One", "Two"]
    assert len(registry) == 2
    with pytest.raises(UnknownNameError, match="unknown thing 'Too'; did you mean 'Two'"):
        registry["Too"]
    with pytest.raises(ValueError, match="'Uno' is already taken by 'One'"):
        registry.add(3, name="Uno")


def test_quality_rules_flag_what_is_outside():
    rules: Registry[QualityRule] = Registry("rule")
    add_rule(rules, QualityRule("wide", "width", "Hz", "line width", "a source", high=10.0))
    add_rule(rules, QualityRule("odd", "phase", "deg", "phase", "a source", low=-90.0, high=90.0, severity="info"))
    assert apply_rules(rules, {"width": 9.0, "phase": 0.0, "other": 1.0}) == ()
    wide, odd = apply_rules(rules, {"width": float("nan"), "phase": 120.0})
    assert wide.message == "line width is nan Hz, expected at most 10 Hz"
    assert odd.message == "phase is 120 deg, expected -90 to 90 deg"
    assert odd.severity == "info"


def test_bids_names_parse_back():
    entities = {"sub": "01", "ses": "week8", "model": "SRTM", "run": ""}
    name = bids_name(entities, "kinpar", ".tsv")
    assert name == "sub-01_ses-week8_model-SRTM_kinpar.tsv"
    assert parse_bids_name(name) == ({"sub": "01", "ses": "week8", "model": "SRTM"}, "kinpar", ".tsv")
    assert sidecar_path("a/sub-01_pet.nii.gz").name == "sub-01_pet.json"


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    target = write_text(tmp_path / "x.txt", "before")

    def fail(path):
        path.write_text("half")
        message = "disk"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="disk"):
        write_via(target, fail)
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_figures_are_written_the_same_twice(tmp_path):
    from neurochem.figures import label, new_axes, save_figure

    axes = new_axes()
    axes.plot(np.arange(3))
    first, second = (save_figure(axes.figure, tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    assert label("time", "min") == "time (min)"
    assert label("ratio", "") == "ratio"
