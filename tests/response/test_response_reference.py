"""Regressions against values computed independently (numpy, scipy, statsmodels), printed with six decimals."""

import numpy as np
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from numpy.testing import assert_allclose

from neurochem import response
from neurochem.response import adjust_p_values, regress

PRINTED = 6e-7  # half a unit of the last printed digit, and a little rounding


@pytest.fixture(scope="module")
def cohort():
    return a24_cohort()


def associate(cohort, **choices):
    """Least squares and logistic regression as they are, which the printed values belong to."""
    return response.associate(cohort, error="none", **choices)


def endpoint(cohort, **choices):
    return associate(cohort, outcome="hamd17", marker="BPND", outcome_type="endpoint", **choices)


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


@pytest.mark.parametrize(("kind", "sign"), [("percent_reduction", 1.0), ("percent_change", -1.0)])
def test_percent_outcomes_are_reproduced_with_their_sign(cohort, kind, sign):
    fit = associate(
        cohort, outcome="hamd17", marker="BPND", outcome_type=kind, adjust_severity=False, robust="classical"
    )
    assert_allclose((sign * fit["slope"].value, fit["slope"].stderr), (46.793522, 17.366713), atol=PRINTED)
    assert_allclose((sign * fit["arm[ssri]"].value, fit["arm[ssri]"].stderr), (10.436936, 4.773806), atol=PRINTED)
    assert fit["slope"].unit == "% per BPND"


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
