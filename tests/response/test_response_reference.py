"""Regressions against values computed independently (numpy, scipy, statsmodels), printed with six decimals."""

import numpy as np
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from numpy.testing import assert_allclose

from neurochem import response
from neurochem.response import adjust_p_values, coefficient_table, conditional_reliability, regress

PRINTED = 6e-7  # half a unit of the last printed digit, and a little rounding


@pytest.fixture(scope="module")
def cohort():
    return a24_cohort()


def associate(cohort, **choices):
    """Least squares and logistic regression as they are, which the printed values belong to."""
    return response.associate(cohort, error="none", **choices)


def endpoint(cohort, **choices):
    return associate(cohort, outcome="hamd17", marker="BPND", outcome_type="endpoint", **choices)


TERMS = {
    "intercept": (14.899649, 6.752603, 8.332121, 0.039205, 0.088902),
    "baseline_score": (0.744184, 0.210461, 0.266252, 0.002075, 0.011179),
    "slope": (-11.561964, 4.026881, 4.358221, 0.009441, 0.015269),
    "arm[ssri]": (-2.115606, 1.096828, 1.296589, 0.068065, 0.118396),
}


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("robust", ["classical", "HC3"])
def test_every_coefficient_of_the_ancova_is_reproduced(cohort, term, robust):
    value, classical, hc3, p_classical, p_hc3 = TERMS[term]
    fit = endpoint(cohort, robust=robust)
    table = coefficient_table(fit).set_index("term")
    assert_allclose(fit[term].value, value, atol=PRINTED)
    assert_allclose(fit[term].stderr, hc3 if robust == "HC3" else classical, atol=PRINTED)
    assert_allclose(table.loc[term, "p"], p_hc3 if robust == "HC3" else p_classical, atol=PRINTED)
    assert fit[term].dof == 20


def test_interval_and_effect_sizes_of_the_ancova_are_reproduced(cohort):
    fit = endpoint(cohort, robust="classical")
    assert_allclose(fit["slope"].interval(0.95), (-19.961890, -3.162038), atol=PRINTED)
    assert_allclose(fit["partial_r"].value, -0.540258, atol=PRINTED)
    assert_allclose(fit["partial_r"].interval(0.95), (-0.783421, -0.153647), atol=PRINTED)
    assert_allclose(fit["standardised_slope"].value, -0.440852, atol=PRINTED)
    expected = {"f2": 0.412188, "r_squared": 0.548537, "residual_sd": 2.653122, "t": -2.871196}
    for name, value in expected.items():
        assert_allclose(fit.diagnostics[name], value, atol=PRINTED)


def test_partial_r_does_not_depend_on_the_kind_of_standard_error(cohort):
    assert endpoint(cohort)["partial_r"].value == endpoint(cohort, robust="classical")["partial_r"].value


def test_change_and_endpoint_give_the_same_slope_when_severity_is_adjusted_for(cohort):
    after = endpoint(cohort)
    change = associate(cohort, outcome="hamd17", marker="BPND", outcome_type="change")
    for term in ("slope", "arm[ssri]", "intercept"):
        # equal but for rounding of sums in another order
        assert_allclose(change[term].value, after[term].value, rtol=1e-11)
        assert_allclose(change[term].stderr, after[term].stderr, rtol=1e-11)
    assert_allclose(change["baseline_score"].value, after["baseline_score"].value - 1.0, rtol=1e-11)
    assert_allclose(change["baseline_score"].value, -0.255816, atol=PRINTED)


def test_change_without_severity_is_reproduced(cohort):
    fit = associate(
        cohort, outcome="hamd17", marker="BPND", outcome_type="change", adjust_severity=False, robust="classical"
    )
    assert_allclose((fit["slope"].value, fit["slope"].stderr), (-12.514084, 3.994609), atol=PRINTED)
    assert_allclose(fit.diagnostics["p_value"], 0.005029, atol=PRINTED)
    assert_allclose(fit["arm[ssri]"].value, -1.926813, atol=PRINTED)


@pytest.mark.parametrize(("kind", "sign"), [("percent_reduction", 1.0), ("percent_change", -1.0)])
def test_percent_outcomes_are_reproduced_with_their_sign(cohort, kind, sign):
    fit = associate(
        cohort, outcome="hamd17", marker="BPND", outcome_type=kind, adjust_severity=False, robust="classical"
    )
    assert_allclose((sign * fit["slope"].value, fit["slope"].stderr), (46.793522, 17.366713), atol=PRINTED)
    assert_allclose((sign * fit["arm[ssri]"].value, fit["arm[ssri]"].stderr), (10.436936, 4.773806), atol=PRINTED)
    assert fit["slope"].unit == "% per BPND"


def test_site_dummies_are_reproduced(cohort):
    fit = endpoint(cohort, covariates=["site"], robust="classical")
    assert_allclose((fit["slope"].value, fit["slope"].stderr), (-11.137997, 4.292841), atol=PRINTED)
    assert_allclose((fit["arm[ssri]"].value, fit["arm[ssri]"].stderr), (-2.102145, 1.140887), atol=PRINTED)
    assert_allclose((fit["site[B]"].value, fit["site[C]"].value), (-0.611296, -0.996181), atol=PRINTED)
    assert dict(fit.settings["reference_levels"]) == {"arm": "placebo", "site": "A"}


def test_logistic_response_is_reproduced():
    marker = column("bp")
    z = (marker - marker.mean()) / marker.std(ddof=1)
    response = (100 * (column("y0") - column("y8")) / column("y0") >= 50).astype(float)
    fit = regress(response, z, family="binomial")
    assert_allclose((fit["intercept"].value, fit["intercept"].stderr), (-1.197700, 0.580426), atol=PRINTED)
    assert_allclose((fit["slope"].value, fit["slope"].stderr), (1.327984, 0.669384), atol=PRINTED)
    assert_allclose(fit["odds_ratio"].value, 3.773429, atol=PRINTED)
    expected = {
        "p_wald": 0.047268, "p_value": 0.017391, "likelihood_ratio": 5.656458, "log_likelihood": -11.659065,
        "log_likelihood_null": -14.487294, "cox_snell": 0.209971, "nagelkerke": 0.299536, "mcfadden": 0.195221,
        "brier": 0.151085,
    }  # fmt: skip
    for name, value in expected.items():
        assert_allclose(fit.diagnostics[name], value, atol=PRINTED, err_msg=name)
    wald = np.exp(fit["slope"].value + np.array([-1, 1]) * 1.959963985 * fit["slope"].stderr)
    assert_allclose(wald, (1.016144, 14.012547), atol=2e-6)  # exp magnifies the rounding of the printed error


def test_profile_interval_ends_where_the_likelihood_has_fallen_by_the_quantile():
    from statsmodels.discrete.discrete_model import Logit

    marker, response = column("bp"), (column("y8") <= 0.5 * column("y0")).astype(float)
    severity = column("y0")
    fit = regress(response, marker, covariates={"y0": severity}, family="binomial")
    others = np.column_stack([np.ones(24), severity])
    for end in fit["slope"].interval(0.95):
        model = Logit(response, others, offset=end * (marker - marker.mean()))
        fall = 2 * (fit.diagnostics["log_likelihood"] - model.fit(disp=0).llf)
        assert_allclose(fall, 3.841459, rtol=1e-5)  # the search ends at 1e-8 standard errors


def test_reliability_is_reproduced_with_and_without_covariates(cohort):
    fit = endpoint(cohort)
    assert_allclose(fit.diagnostics["reliability"], 0.585970, atol=PRINTED)
    assert_allclose(fit.diagnostics["mean_se2"], 0.00855833, atol=5e-9)
    alone = conditional_reliability(column("bp"), column("se"), np.zeros((24, 0)))
    assert_allclose(alone.value, 0.565818, atol=PRINTED)


def test_adjusted_p_values_are_reproduced():
    p = [0.001, 0.008, 0.012, 0.020, 0.041, 0.049, 0.30, 0.62]
    assert_allclose(adjust_p_values(p, "holm"), [0.008, 0.056, 0.072, 0.100, 0.164, 0.164, 0.600, 0.620], atol=1e-12)
    bh = [0.008, 0.032, 0.032, 0.040, 0.065333, 0.065333, 0.342857, 0.620]
    assert_allclose(adjust_p_values(p, "bh"), bh, atol=PRINTED)
    by = [0.021743, 0.086971, 0.086971, 0.108714, 0.177567, 0.177567, 0.931837, 1.0]
    assert_allclose(adjust_p_values(p, "by"), by, atol=PRINTED)


def test_an_unknown_p_is_not_counted_among_the_tests():
    adjusted = adjust_p_values([0.01, np.nan, 0.02], "bonferroni")
    assert_allclose(adjusted, [0.02, np.nan, 0.04], atol=1e-15)


def test_hc3_is_the_sandwich_of_its_definition(cohort):
    fit = endpoint(cohort)
    frame = a24_frame()
    design = np.column_stack([frame["bp"], np.ones(24), frame["y0"], frame["arm"] == "ssri"]).astype(float)
    bread = np.linalg.inv(design.T @ design)
    residual = frame["y8"] - design @ (bread @ design.T @ frame["y8"])
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    meat = (design.T * (residual / (1 - leverage)).to_numpy() ** 2) @ design
    assert_allclose(fit.covariance, bread @ meat @ bread, rtol=1e-8)  # two routes to an inverse of condition 1e5
