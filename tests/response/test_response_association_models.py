import numpy as np
import pandas as pd
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from numpy.testing import assert_allclose
from scipy import special

from neurochem.errors import InputError, UnknownNameError
from neurochem.response import (
    Cohort,
    MarkerColumn,
    associate,
    plot_association,
    regress,
    regress_ordinal,
    regress_survival,
    regress_trajectory,
    time_to_response,
)
from neurochem.response.effect_sizes import auc, hedges_g
from neurochem.response.measurement_error.mean_change import mean_with_errors
from neurochem.response.measurement_error.simex import extrapolate


def test_firth_maximises_the_penalised_likelihood():
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    marker, arm = rng.standard_normal(30), np.arange(30) % 2
    response = (rng.random(30) < special.expit(marker - 1)).astype(float)
    fit = regress(response, marker, covariates={"arm": arm}, family="binomial", penalty="firth")
    design = np.column_stack([marker, np.ones(30), arm])

    def fall(values):
        line = design @ values
        chance = special.expit(line)
        information = (design.T * (chance * (1 - chance))) @ design
        sign = np.where(response > 0.5, line, -line)
        return -special.log_expit(sign).sum() - 0.5 * np.linalg.slogdet(information)[1]

    found = minimize(fall, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    assert_allclose([fit[name].value for name in ("slope", "intercept", "arm")], found.x, rtol=1e-5, atol=1e-6)
    assert_allclose(fit.diagnostics["log_likelihood"], -found.fun, rtol=1e-9)


def test_separated_classes_have_a_finite_slope_with_the_penalty():
    fit = regress([0, 0, 0, 0, 1, 1, 1, 1], np.arange(8.0), family="binomial", penalty="auto", error="none")
    assert fit.success
    assert fit.model == "logistic (Firth)"
    assert 0.0 < fit["slope"].value < 3.0
    low, high = fit["slope"].interval(0.95)
    assert 0.0 < low < fit["slope"].value < high
    assert fit.diagnostics["p_value"] < 0.05
    assert [flag.name for flag in fit.flags] == ["firth"]
    assert plot_association(fit) is not None


def test_the_penalty_is_left_out_where_events_are_many():
    rng = np.random.default_rng(1)
    marker = rng.standard_normal(80)
    response = (rng.random(80) < special.expit(marker)).astype(float)
    assert regress(response, marker, family="binomial", penalty="auto").model == "logistic"
    few = associate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="response", error="none")
    assert few.model == "logistic (Firth)"


def test_cluster_errors_are_those_of_statsmodels_with_t_of_clusters_less_one():
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(2)
    site = np.repeat(np.arange(25), 6)
    marker = rng.standard_normal(150) + 0.5 * rng.standard_normal(25)[site]
    outcome = marker + rng.standard_normal(25)[site] + rng.standard_normal(150)
    fit = regress(outcome, marker, error="none", robust="cluster", clusters=site)
    other = OLS(outcome, np.column_stack([marker, np.ones(150)])).fit(cov_type="cluster", cov_kwds={"groups": site})
    assert_allclose(fit["slope"].stderr, other.bse[0], rtol=1e-8)
    assert fit["slope"].dof == 24
    assert fit.flags == ()
    few = regress(outcome, marker, error="none", robust="cluster", clusters=site % 3)
    assert [flag.name for flag in few.flags] == ["few_clusters"]
    with pytest.raises(InputError, match="there are 0 clusters; give at least two"):
        regress(outcome, marker, robust="cluster")


def test_sites_of_a_cohort_can_be_clusters():
    fit = associate(a24_cohort(), outcome="hamd17", marker="BPND", error="none", robust="cluster", clusters="site")
    assert fit["slope"].dof == 2
    with pytest.raises(UnknownNameError, match="unknown column of people 'sites'; did you mean 'site'"):
        associate(a24_cohort(), outcome="hamd17", marker="BPND", error="none", robust="cluster", clusters="sites")


def test_proportional_odds_finds_what_was_planted_and_tests_parallel_slopes():
    rng = np.random.default_rng(3)
    marker, age = rng.standard_normal(1500), 40 + 10 * rng.standard_normal(1500)
    latent = 0.8 * marker + 0.05 * age + rng.logistic(size=1500)
    outcome = np.digitize(latent, [1.5, 2.5])
    fit = regress_ordinal(outcome, marker, covariates={"age": age})
    assert_allclose((fit["slope"].value, fit["age"].value), (0.8, 0.05), atol=0.15)
    assert_allclose(fit["threshold[0|1]"].value, 1.5, atol=0.6)
    assert fit.diagnostics["parallel_p"] > 0.01
    bent = np.where(latent > 2.0, np.where(rng.random(1500) < special.expit(2 - 3 * marker), 2, 1), 0)
    assert regress_ordinal(bent, marker).diagnostics["parallel_p"] < 1e-6
    with pytest.raises(InputError, match="outcome has 2 categories"):
        regress_ordinal((outcome > 0).astype(int), marker)


def test_ordinal_of_two_cuts_that_separate_is_a_flag():
    fit = regress_ordinal(np.repeat([0, 1, 2], 6), np.arange(18.0))
    assert not fit.success
    assert "separation" in [flag.name for flag in fit.flags]


def test_cox_regression_refuses_what_means_nothing_and_flags_a_perfect_order():
    weeks, marker = np.arange(1.0, 13.0), np.arange(12.0)
    fit = regress_survival(weeks, np.ones(12), marker)
    assert not fit.success
    assert "monotone_likelihood" in [flag.name for flag in fit.flags]
    with pytest.raises(InputError, match="time must be above zero"):
        regress_survival(weeks - 1, np.ones(12), marker)
    with pytest.raises(InputError, match="event must hold 0 and 1"):
        regress_survival(weeks, np.full(12, 2.0), marker)
    with pytest.raises(InputError, match="the marker is the same in all 12 rows"):
        regress_survival(weeks, np.ones(12), np.ones(12))


def test_a_covariate_in_a_cox_model_keeps_its_unit():
    rng = np.random.default_rng(4)
    marker, age = rng.standard_normal(800), 40 + 12 * rng.standard_normal(800)
    weeks = rng.exponential(np.exp(-0.7 * marker - 0.03 * age))
    fit = regress_survival(weeks + 1e-6, np.ones(800), marker, covariates={"age": age})
    assert_allclose((fit["slope"].value, fit["age"].value), (0.7, 0.03), atol=0.12)
    assert fit["age"].unit == "log-hazard per age"


def test_the_rate_of_change_is_related_to_the_marker():
    rng = np.random.default_rng(5)
    marker = rng.standard_normal(120)
    who, weeks = np.repeat(np.arange(120), 5), np.tile([0.0, 1, 2, 4, 8], 120)
    level, rate = 24 + 2 * rng.standard_normal(120), -1 - 0.5 * marker + 0.3 * rng.standard_normal(120)
    scores = level[who] + rate[who] * weeks + rng.standard_normal(600)
    fit = regress_trajectory(scores, weeks, who, marker=marker[who], covariates={"age": (40 + marker**2)[who]})
    assert abs(fit["slope"].value + 0.5) < 3 * fit["slope"].stderr
    assert_allclose(fit["slope"].stderr, 0.3 / np.sqrt(120), rtol=0.5)  # a person's own rate adds the visits' noise
    assert fit["slope"].unit == "points per week per marker"
    assert fit.diagnostics["dof"] == 118
    assert_allclose(fit["slope_variance"].value, 0.09, atol=0.05)
    with pytest.raises(InputError, match="nobody was seen often enough"):
        regress_trajectory(scores[::5], weeks[::5], who[::5])


def test_the_test_of_the_rate_is_exact_on_a_balanced_grid():
    rng = np.random.default_rng(6)
    who, weeks = np.repeat(np.arange(10), 4), np.tile([0.0, 2, 4, 8], 10)
    p_values = []
    for _ in range(5):
        marker = rng.standard_normal(10)
        rate = -1 + 0.6 * rng.standard_normal(10)
        scores = 20 + 3 * rng.standard_normal(10)[who] + rate[who] * weeks + rng.standard_normal(40)
        fit = regress_trajectory(scores, weeks, who, marker=marker[who])
        # on a balanced grid the test is that of each person's own slope regressed on the marker
        slopes = [np.polyfit(weeks[who == i], scores[who == i], 1)[0] for i in range(10)]
        p_values.append(
            (fit.diagnostics["p_value"], regress(slopes, marker, robust="classical").diagnostics["p_value"])
        )
    found, expected = np.array(p_values).T
    assert_allclose(found, expected, rtol=2e-3)  # the search of the variances


def test_time_to_response_is_the_first_visit_or_the_last_seen():
    frame = pd.DataFrame(
        {
            "id": ["s1", "s2", "s3", "s4"], "group": ["patient", "patient", "patient", "control"],
            "w0": [20, 20, 20, 20], "w2": [10, 15, 10, 5], "w4": [9, 14, 15, 5], "w8": [8, np.nan, 9, 5], "bp": 1.0,
        }
    )  # fmt: skip
    cohort = Cohort(
        frame, participant="id", visits={"baseline": 0, "week2": 2, "week4": 4, "week8": 8},
        scores={"hamd17": {"baseline": "w0", "week2": "w2", "week4": "w4", "week8": "w8"}},
        markers=[MarkerColumn("BPND", "baseline", "bp", region="midbrain")],
    )  # fmt: skip
    first = time_to_response(cohort, "hamd17").set_index("participant_id")
    assert first["time"].to_dict() == {"s1": 2.0, "s2": 4.0, "s3": 2.0}
    assert first["event"].to_dict() == {"s1": 1, "s2": 0, "s3": 1}
    kept = time_to_response(cohort, "hamd17", confirmed=True).set_index("participant_id")
    assert kept["event"].to_dict() == {"s1": 1, "s2": 0, "s3": 0}
    assert kept["time"].to_dict() == {"s1": 2.0, "s2": 4.0, "s3": 8.0}


def test_group_differences_refuse_a_coding_that_is_none():
    with pytest.raises(InputError, match="group must hold 0 and 1"):
        hedges_g([1, 2, 3, 4], [1, 2, 1, 2])
    with pytest.raises(InputError, match="needs spread"):
        hedges_g([1, 1, 2, 2], [0, 0, 1, 1])
    assert auc([1, 2, 3, 4], [0, 0, 1, 1])["auc"].value == 1.0


def test_people_who_do_not_differ_have_no_variance_between_them():
    fit = mean_with_errors([0.1, 0.11, 0.09, 0.1], [0.05, 0.06, 0.05, 0.04])
    assert fit["tau2"].value == 0.0
    assert fit["mean"].value == pytest.approx(fit["fixed_mean"].value, rel=1e-12)
    with pytest.raises(InputError, match="give at least three"):
        mean_with_errors([0.1, 0.2], [0.1, 0.1])


def test_the_rational_extrapolant_finds_a_rational_curve():
    added = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    assert_allclose(extrapolate(added, 1.0 + 3.0 / (1.7 + added), "rational"), 1.0 + 3.0 / 0.7, rtol=1e-5)
    with pytest.raises(UnknownNameError, match="unknown extrapolant 'cubic'"):
        extrapolate(added, added, "cubic")


def test_a_logistic_model_of_few_events_says_so():
    frame = a24_frame()
    response = (frame["y8"] <= 0.5 * frame["y0"]).to_numpy(dtype=float)
    fit = regress(response, column("bp"), stderr=column("se"), family="binomial")
    assert {"few_events", "unidentified_slope"} <= {flag.name for flag in fit.flags}
    low, high = fit["slope"].interval(0.95)
    assert 0.0 < low < high == np.inf
