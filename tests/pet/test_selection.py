"""Model comparison."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.figures import new_axes
from neurochem.pet.selection import compare_models, draw_comparison, f_test
from neurochem.results import Axis, Estimate, FitResult, Flag, ResultSet
from tests.pet.truth import FRAMINGS, curves, reference_curve

RNG = np.random.default_rng(4)
X = np.linspace(0.0, 1.0, 20)
Y = 1.0 + 2.0 * X + 0.8 * X**2 + 0.05 * RNG.standard_normal(20)


def polynomial(degree: int, weights=None, name="region", y=Y) -> ResultSet:
    weights = np.ones(20) if weights is None else weights
    fitted = np.polyval(np.polyfit(X, y, degree, w=np.sqrt(weights)), X)
    result = FitResult(
        f"degree {degree}", name, {"a": Estimate("a", 1.0)}, axis=Axis(X, "x", ""), data=y, fitted=fitted, weights=weights,
        used=np.ones(20, dtype=bool), diagnostics={"dof": 20.0 - degree - 1},
    )  # fmt: skip
    return ResultSet({name: result})


def test_criteria_and_f_test_against_statsmodels():
    import statsmodels.api as sm

    weights = np.linspace(0.3, 1.0, 20)
    comparison = compare_models([polynomial(1, weights), polynomial(2, weights)], nested=[("degree 1", "degree 2")])
    small = sm.WLS(Y, np.vander(X, 2), weights=weights).fit()
    large = sm.WLS(Y, np.vander(X, 3), weights=weights).fit()
    # statsmodels keeps constants that are the same for both models
    a, b = comparison.candidates
    assert_allclose(b.bic - a.bic, large.bic - small.bic, rtol=1e-9)
    plain = [item.aicc - 2 * k * (k + 1) / (20 - k - 1) for item, k in ((a, 3), (b, 4))]
    assert_allclose(plain[1] - plain[0], large.aic - small.aic, rtol=1e-9)
    f, p, _ = large.compare_f_test(small)
    test = comparison.tests[0]
    assert_allclose([test.f, test.p], [f, p], rtol=1e-9)
    assert test.dof == (1.0, 17.0)
    assert_allclose(sum(item.weight for item in comparison.candidates), 1.0)
    assert comparison.best("region") == "degree 2"


def test_scaled_weights_and_data_change_no_difference():
    one = compare_models([polynomial(1), polynomial(3)])
    other = compare_models([polynomial(1, np.full(20, 7.0), y=37 * Y), polynomial(3, np.full(20, 7.0), y=37 * Y)])
    assert_allclose([c.delta for c in other.candidates], [c.delta for c in one.candidates], atol=1e-8)


def test_kinetic_models_of_the_same_curves():
    frames = FRAMINGS["15 s to 7 min"]
    reference = reference_curve()
    target = nc.pet.simulate("SRTM", frames, {"R1": 1.1, "k2": 0.11, "BPND": 1.5}, reference=reference)
    noisy = target * (1 + 0.02 * np.random.default_rng(1).standard_normal(len(frames)))
    tacs = curves(frames, noisy, reference.frame_means(frames.start_min, frames.end_min), isotope="C11")
    fits = [nc.pet.fit(tacs, "MRTM1", reference="reference")]
    fits.append(nc.pet.fit(tacs, "MRTM2", reference="reference", k2prime=0.1))
    comparison = compare_models(fits)
    assert [item.parameters for item in comparison.candidates] == [3, 2]
    # k2' is right, so that the third parameter earns nothing
    assert comparison.best("target") == "MRTM2"
    assert comparison.tests[0].p > 0.01
    assert f_test(fits[1]["target"], fits[0]["target"]).p == comparison.tests[0].p
    table = comparison.to_frame()
    assert list(table.columns) == ["region", "model", "points", "parameters", "rss", "aicc", "bic", "delta", "weight"]
    graph = nc.pet.fit(tacs, "LoganRef", reference="reference", k2prime=0.1)
    with pytest.raises(InputError, match="cannot be compared"):
        compare_models([fits[0], graph])


def test_a_failed_fit_takes_no_part():
    bad = polynomial(2)["region"]
    failed = ResultSet({"region": FitResult("broken", "region", {"a": Estimate("a", math.nan)}, success=False,
                                            flags=(Flag("x", "x", "failure"),), data=bad.data, weights=bad.weights,
                                            fitted=np.full(20, np.nan), used=bad.used, axis=bad.axis)})  # fmt: skip
    comparison = compare_models([polynomial(1), failed])
    assert math.isnan(comparison.candidates[1].aicc)
    assert comparison.candidates[1].weight == 0.0
    assert comparison.best("region") == "degree 1"


def test_bad_input_says_what_to_do():
    with pytest.raises(InputError, match="two or more"):
        compare_models([polynomial(1)])
    with pytest.raises(InputError, match="2 result sets of 1 different"):
        compare_models([polynomial(1), polynomial(1)])
    assert len(compare_models({"first": polynomial(1), "second": polynomial(1)}).candidates) == 2
    with pytest.raises(InputError, match="share no region"):
        compare_models([polynomial(1), polynomial(2, name="other")])
    with pytest.raises(InputError, match="same data"):
        compare_models([polynomial(1), polynomial(2, y=2 * Y)])
    with pytest.raises(UnknownNameError, match="region with a fit"):
        compare_models([polynomial(1), polynomial(2)]).best("nowhere")
    with pytest.raises(InputError, match="larger model second"):
        f_test(polynomial(2)["region"], polynomial(1)["region"])
    with pytest.raises(InputError, match="both fits are of"):
        f_test(polynomial(2)["region"], polynomial(2)["region"])


def test_the_plot_shows_a_bar_for_each_model_and_region():
    ax = new_axes()
    comparison = compare_models([polynomial(1), polynomial(2), polynomial(4)])
    assert draw_comparison(comparison, ax) is ax
    assert_allclose([bar.get_height() for bar in ax.patches], [item.weight for item in comparison.candidates])


@pytest.mark.slow
def test_the_f_test_rejects_a_right_model_as_often_as_it_says():
    rng = np.random.default_rng(5)
    p = []
    for _ in range(2000):
        y = 1.0 + 2.0 * X + 0.05 * rng.standard_normal(20)
        p.append(compare_models([polynomial(1, y=y), polynomial(2, y=y)], nested=[("degree 1", "degree 2")]).tests[0].p)
    # one SD of the rate is 0.5 percentage points
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 0.015
