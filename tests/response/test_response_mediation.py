import mediation_cohorts as mc
import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_study import small_study

from neurochem.errors import InputError
from neurochem.response import regress
from neurochem.response.mediation import describe_mediation, mediate, mediation
from neurochem.response.mediation.product import product_interval
from neurochem.results import Estimate

PRINTED = 5e-7  # reference values are printed with six decimals
M = [-0.02, 0.05, -0.01, 0.03, -0.04, 0.02, 0.08, 0.12, 0.05, 0.15, 0.07, 0.10]
Y = [-5, -9, -6, -8, -4, -7, -10, -13, -8, -15, -9, -12]
ARM = [0] * 6 + [1] * 6


def test_the_worked_example_is_reproduced_and_no_share_is_given():
    fit = mediation(Y, M, ARM, rng=np.random.default_rng(1), bootstraps=500)
    for name, value, error in (("a", 0.09, 0.020248), ("b", -64.227642, 3.794038)):
        assert_allclose([fit[name].value, fit[name].stderr], [value, error], atol=PRINTED)
    for name, value in (("indirect", -5.780488), ("direct", 1.113821), ("total", -4.666667)):
        assert_allclose(fit[name].value, value, atol=PRINTED)
    assert_allclose(fit.diagnostics["sobel_stderr"], 1.344591, atol=PRINTED)
    assert_allclose(fit.diagnostics["sobel_z"], -4.299067, atol=PRINTED)
    assert "share_mediated" not in fit.diagnostics
    assert [flag.name for flag in fit.flags] == ["inconsistent_mediation"]


def simulated(rng, n=400, b=-4.0):
    arm, z = np.tile([0.0, 1.0], n // 2), rng.standard_normal(n)
    m = 0.5 * arm + 0.3 * z + rng.standard_normal(n)
    return b * m - 1.0 * arm + z + 2.0 * rng.standard_normal(n), m, arm, z


def test_the_paths_add_up_exactly_and_cover_the_truth():
    y, m, arm, z = simulated(np.random.default_rng(2))
    fit = mediation(y, m, arm, covariates={"z": z}, rng=np.random.default_rng(3), bootstraps=1000)
    assert_allclose(fit["total"].value, fit["indirect"].value + fit["direct"].value, rtol=1e-10)
    low, high = fit["indirect"].interval()
    assert low < -2.0 < high
    assert_allclose(fit["indirect"].stderr, fit.diagnostics["sobel_stderr"], rtol=0.15)
    assert_allclose(fit.diagnostics["share_mediated"], 2.0 / 3.0, atol=0.2)


def test_at_the_sensitivity_value_the_path_is_nothing():
    y, m, arm, _ = simulated(np.random.default_rng(4))
    fit = mediation(y, m, arm, rng=np.random.default_rng(5), bootstraps=100)
    design = np.column_stack([arm, np.ones(arm.size)])
    off = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (m, y)]
    # residuals of the model without the mediator correlate by just this much when b is zero
    assert_allclose(fit.diagnostics["sensitivity"], np.corrcoef(*off)[0, 1], rtol=1e-9)


def test_a_cohort_gives_both_paths_as_measured_and_corrected(tmp_path):
    cohort = small_study(np.random.default_rng(3), patients=60).read(tmp_path)
    fit = mediate(cohort, outcome="madrs", marker="Glx", rng=np.random.default_rng(1), bootstraps=200)
    assert {"b", "b_corrected", "indirect_corrected"} <= set(fit.estimates)
    text = describe_mediation(fit)
    assert "difference between ssri and placebo" in text
    assert "effect" not in text
    again = mediate(cohort, outcome="madrs", marker="Glx", rng=np.random.default_rng(1), bootstraps=200)
    assert again["indirect"].limits == fit["indirect"].limits


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"outcome_type": "response"}, "scores only"),
        ({"arms": ("ssri", "ssri")}, "arms are ssri, ssri; name two different ones"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path, choices, message):
    cohort = small_study(np.random.default_rng(3), patients=30).read(tmp_path)
    with pytest.raises(InputError, match=message):
        mediate(cohort, outcome="madrs", marker="Glx", rng=np.random.default_rng(1), **choices)


def test_too_few_people_or_one_arm_are_refused():
    with pytest.raises(InputError, match="needs at least 12"):
        mediation(Y[:8], M[:8], ARM[2:10], rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="arm holds"):
        mediation(Y, M, [1] * 12, rng=np.random.default_rng(1))


def test_a_change_that_is_noise_is_told_as_measured_with_the_reason(tmp_path):
    cohort = small_study(np.random.default_rng(3), patients=40).read(tmp_path)
    fit = mediate(
        cohort, outcome="madrs", marker="Glx", rng=np.random.default_rng(1), bootstraps=100, test_retest_sd=2.0
    )
    assert fit["indirect_corrected"].interval() == (-np.inf, np.inf)
    text = describe_mediation(fit)
    assert ", as measured" in text
    assert "inf" not in text.replace("infinite", "")
    assert "no finite interval" in text


def test_the_product_of_two_normal_paths_has_its_known_quantiles():
    # product of independent N(2, 1) and N(3, 1): against two million draws, good to 0.02
    rng = np.random.default_rng(1)
    draws = (2.0 + rng.standard_normal(2_000_000)) * (3.0 + rng.standard_normal(2_000_000))
    found = product_interval(Estimate("a", 2.0, 1.0), Estimate("b", 3.0, 1.0))
    assert_allclose(found, np.percentile(draws, [2.5, 97.5]), atol=0.05)


def test_a_path_with_an_asymmetric_interval_hands_it_to_the_product():
    b = Estimate("b", 1.0, 0.5, dof=30.0, limits=((0.90, 0.6, 2.0), (0.95, 0.5, 2.5), (0.99, 0.3, 4.0)))
    low, high = product_interval(Estimate("a", 2.0, 1e-9), b)
    # a path known exactly leaves the other's interval, between two of 600 quantiles
    assert_allclose([low, high], [1.0, 5.0], rtol=0.01)
    endless = Estimate("b", 1.0, 0.5, dof=30.0, limits=((0.90, 0.6, 2.0), (0.95, 0.5, 2.5), (0.99, 0.3, np.inf)))
    assert_allclose(product_interval(Estimate("a", 2.0, 1e-9), endless), [1.0, 5.0], rtol=0.01)


def test_the_corrected_path_of_arrays_is_that_of_regress():
    y, m, arm, z = simulated(np.random.default_rng(8), n=80)
    noise = np.full(80, 0.5)
    seen = m + 0.5 * np.random.default_rng(9).standard_normal(80)
    fit = mediation(y, seen, arm, covariates={"z": z}, stderr=noise, rng=np.random.default_rng(1), bootstraps=50)
    b = regress(y, seen, stderr=noise, covariates={"arm": arm, "z": z})["slope"]
    assert_allclose(fit["b_corrected"].value, b.value, rtol=1e-6)
    assert_allclose(fit["indirect_corrected"].value, fit["a"].value * b.value, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [(0.1, -12.0), (0.1, 0.0), (0.0, -12.0)])
def test_the_interval_of_the_corrected_indirect_path_covers(a, b):
    drawn = mc.trials(np.random.default_rng(30), 600, 40, a, b)
    found = mc.paths(np.random.default_rng(31), drawn, bootstraps=0)
    # three standard errors of a share of 95 % among 600; where a path is nothing the product is held too long, not too short
    assert mc.covers(found.corrected_ends, a * b) >= 0.95 - 0.027
    if a and b:
        assert mc.covers(found.corrected_ends, a * b) <= 0.97 + 0.021
