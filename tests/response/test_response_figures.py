import dataclasses

import numpy as np
import pytest
from cohort_a24 import a24_cohort
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from small_study import small_study

from neurochem.errors import InputError
from neurochem.figures import save_figure
from neurochem.response import associate, associate_all, plot_association, plot_forest


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    cohort = small_study(np.random.default_rng(1), patients=24).read(tmp_path_factory.mktemp("study"))
    return associate_all(cohort, outcome="madrs", covariates=["age"], error="none")


def test_forest_shows_every_interval_where_it_is(results):
    ax = plot_forest(results)
    drawn = [segment for collection in ax.collections for segment in collection.get_segments()]
    # standardised slope times the SD of the outcome of those analysed, as the table of the page gives it
    scale = {name: np.std([float(v) for v in fit.settings["rows"]["outcome"]], ddof=1) for name, fit in results.items()}
    intervals = [
        tuple(scale[name] * np.array(fit["standardised_slope"].interval(0.95))) for name, fit in results.items()
    ]
    assert_allclose(sorted((s[0][0], s[1][0]) for s in drawn), sorted(intervals), rtol=1e-12)
    assert [label.get_text().split("  n")[0] for label in ax.get_yticklabels()] == list(results)
    assert ax.get_xlabel() == "points per SD of the marker, 95 % interval"
    assert ax.get_title(loc="left") == "MADRS change: endpoint minus baseline score, negative = better"
    assert [text.get_text().split(" [")[0] for text in ax.texts] == [
        f"{scale[name] * fit['standardised_slope'].value:.2g}" for name, fit in results.items()
    ]


def test_forest_draws_into_the_axes_it_is_given(results):
    ax = Figure(figsize=(9, 3)).add_subplot()
    assert plot_forest(results, ax) is ax


def test_forest_says_what_cannot_be_estimated(results):
    name = next(iter(results))
    failed = dataclasses.replace(results[name], success=False)
    ax = plot_forest({**results, name: failed})
    assert sum("cannot be estimated" in text.get_text() for text in ax.texts) == 1
    assert sum(len(collection.get_segments()) for collection in ax.collections) == len(results) - 1


def test_forest_refuses_to_mix_slopes_of_different_kinds(results):
    logistic = associate(
        a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="response", error="none", penalty="none"
    )
    with pytest.raises(InputError, match="results hold OLS, logistic; give associations of one kind"):
        plot_forest({**results, "response": logistic})
    with pytest.raises(InputError, match="results hold nothing"):
        plot_forest({})


def test_association_draws_each_scan_with_its_own_error():
    fit = associate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint")
    ax = plot_association(fit)
    points, _, (bars,) = ax.containers[0]
    assert_allclose(points.get_xdata(), fit.axis.values)
    assert_allclose(points.get_ydata() - fit.fitted, fit.residual)
    half = [0.5 * (segment[1][0] - segment[0][0]) for segment in bars.get_segments()]
    assert_allclose(half, fit.settings["rows"]["marker_se"], rtol=1e-9)
    line = next(item for item in ax.lines if len(item.get_xdata()) == 200)
    slope = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
    assert_allclose(slope, fit["slope"].value, rtol=1e-9)
    assert ax.get_ylabel() == "HAM-D17 at week8, adjusted (points)"
    assert ax.get_xlabel() == "BPND midbrain"


def test_the_general_plot_of_a_fit_shows_a_line_over_the_marker():
    fit = associate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint")
    assert_allclose(np.diff(fit.fitted), fit["slope"].value * np.diff(fit.axis.values), atol=1e-12)
    assert np.all(np.diff(fit.axis.values) >= 0)


def test_logistic_curve_and_band_stay_between_nought_and_one():
    fit = associate(
        a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="response", error="none", penalty="none"
    )
    ax = plot_association(fit)
    curve = next(item for item in ax.lines if len(item.get_xdata()) == 200).get_ydata()
    band = next(item for item in ax.collections if isinstance(item, PolyCollection)).get_paths()[0].vertices[:, 1]
    assert 0.0 <= band.min() < curve.min() + 1e-12
    assert curve.max() < band.max() <= 1.0


def test_a_failed_association_says_why_in_its_figure():
    fit = associate(
        a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="remission", error="none", penalty="none"
    )
    assert "separation" in plot_association(fit).texts[0].get_text()


def test_the_same_results_give_the_same_bytes(results, tmp_path):
    files = [save_figure(plot_forest(results).figure, tmp_path / f"{name}.png") for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
