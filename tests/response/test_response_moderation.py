"""Treatment by marker: the worked example, the likelihood against others, wording, advantage index."""

import numpy as np
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from numpy.testing import assert_allclose

from neurochem.errors import InputError, UnknownNameError
from neurochem.response import regress
from neurochem.response.moderation import (
    advantage_of,
    describe_moderation,
    johnson_neyman,
    moderate,
    moderation,
    personal_advantage,
)
from neurochem.response.moderation.arm_slopes import INTERACTION, SLOPE, ArmCohorts, best

PRINTED = 5e-7  # reference values are printed with six decimals


@pytest.fixture(scope="module")
def worked():
    return moderate(
        a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint", error="none", robust="classical"
    )


def test_the_worked_example_is_reproduced(worked):
    assert worked.settings["arms"] == ["placebo", "ssri"]
    expected = {
        "interaction": (-6.299060, 7.987840), "slope[placebo]": (-8.251846, 5.843611),
        "slope[ssri]": (-14.550906, 5.558280), "arm_difference": (-2.117219, 1.107348),
    }  # fmt: skip
    for name, (value, error) in expected.items():
        assert_allclose([worked[name].value, worked[name].stderr], [value, error], atol=PRINTED, err_msg=name)
    assert_allclose(worked.diagnostics["p_value"], 0.440086, atol=PRINTED)
    assert worked.diagnostics["dof"] == 19
    assert_allclose(worked["crossover"].value, 1.107633, atol=PRINTED)
    assert_allclose(worked.settings["centre"], 1.443750, atol=PRINTED)


def test_the_region_of_the_worked_example_does_not_exist(worked):
    region = worked.settings["johnson_neyman"]
    # printed with six decimals of numbers up to 240
    assert_allclose([region["a"], region["b"], region["c"]], [-239.838130, 26.529809, -0.889147], atol=PRINTED)
    assert region["kind"] == "none"
    assert "at no value of the marker" in describe_moderation(worked)


def test_what_each_person_would_gain_follows_from_arm_and_interaction(worked):
    bp = column("bp")[:4]
    gain = worked["arm_difference"].value + worked["interaction"].value * (bp - worked.settings["centre"])
    assert_allclose(gain, [-1.841635, -2.471541, -2.030607, -0.770795], atol=2 * PRINTED)
    at_zero = worked["arm_difference"].value - worked["interaction"].value * worked.settings["centre"]
    assert_allclose(at_zero, 6.977048, atol=PRINTED)


def test_arms_may_be_named_in_either_order_with_opposite_sign(worked):
    turned = moderate(
        a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint", error="none", arms=("ssri", "placebo")
    )
    assert_allclose(turned["interaction"].value, -worked["interaction"].value, rtol=1e-9)
    assert_allclose(turned["prognostic_slope"].value, worked["prognostic_slope"].value, rtol=1e-9)


def test_a_study_of_one_arm_is_refused_and_a_wrong_arm_named():
    frame = a24_frame().assign(arm="ssri")
    with pytest.raises(InputError, match="the study has 1 arm"):
        moderate(a24_cohort(frame), outcome="hamd17", marker="BPND")
    with pytest.raises(UnknownNameError, match="placbo"):
        moderate(a24_cohort(), outcome="hamd17", marker="BPND", arms=("placbo", "ssri"))
    with pytest.raises(UnknownNameError, match="MLE"):
        moderate(a24_cohort(), outcome="hamd17", marker="BPND", error="MLE")


def test_noise_of_the_marker_costs_degrees_of_freedom_and_none_costs_nothing():
    y, w, arm, _ = simulated(np.random.default_rng(4), 24)
    dofs = [moderation(y, w, arm, stderr=np.full(24, size)).diagnostics["dof"] for size in (1e-6, 0.3, 0.6, 50.0)]
    assert_allclose(dofs[0], 20.0, atol=1e-9)
    assert dofs[0] > dofs[1] > dofs[2] > dofs[3]
    # twice a share of noise of one at most
    assert_allclose(dofs[3], 18.0, atol=1e-9)
    spread = np.var(w - np.where(arm == 1.0, w[arm == 1.0].mean(), w[arm == 0.0].mean())) * 24 / 22
    assert_allclose(dofs[1], 20.0 - 2.0 * 0.09 / spread, rtol=1e-9)


def test_a_correction_without_standard_errors_is_noted_and_the_fit_stands():
    y, w, arm, se = simulated(np.random.default_rng(5), 60)
    fit = moderation(y, w, arm)
    note = next(flag for flag in fit.flags if flag.name == "nothing_corrected")
    assert note.severity == "info"
    assert fit.success
    for other in (moderation(y, w, arm, stderr=se), moderation(y, w, arm, error="none")):
        assert "nothing_corrected" not in {flag.name for flag in other.flags}


def simulated(rng, n, interaction=-2.0, noise=0.67):
    true, arm = rng.standard_normal(n), (rng.random(n) < 0.5).astype(float)
    variance = np.maximum(noise * rng.gamma(2.0, 0.5, n), 0.1 * noise)
    marker = true + np.sqrt(variance) * rng.standard_normal(n)
    outcome = -arm - true + interaction * arm * true + 3.0 * rng.standard_normal(n)
    return outcome, marker, arm, np.sqrt(variance)


def test_without_error_the_likelihood_is_least_squares():
    y, w, arm, _ = simulated(np.random.default_rng(1), 120)
    tiny = moderation(y, w, arm, stderr=np.full(120, 1e-6))
    plain = moderation(y, w, arm, error="none", robust="classical")
    for name in ("interaction", "prognostic_slope", "arm_difference", "slope[1]"):
        assert_allclose(tiny[name].value, plain[name].value, rtol=1e-4, err_msg=name)
    assert_allclose(tiny["interaction"].stderr, plain["interaction"].stderr, rtol=1e-3)
    assert_allclose(tiny["interaction"].interval(), plain["interaction"].interval(), rtol=2e-3)
    assert_allclose(tiny.diagnostics["p_value"], plain.diagnostics["p_value"], rtol=2e-3)


def test_with_one_slope_for_both_arms_the_marker_is_that_of_regress():
    """With the interaction held at zero the likelihood is the structural one of `regress`."""
    y, w, arm, se = simulated(np.random.default_rng(2), 100, interaction=0.0)
    for family in ("gaussian", "binomial"):
        outcome = y if family == "gaussian" else (y > np.median(y)).astype(float)
        terms = np.column_stack([np.ones(100), arm - 0.5])
        rows = (outcome, w, se**2, arm - 0.5, terms)
        cohort = ArmCohorts(*(part[None] for part in rows), binary=family == "binomial")
        held = best(cohort, np.array([INTERACTION]), np.zeros(1))
        fit = regress(outcome, w, stderr=se, covariates={"arm": arm}, family=family)
        # the search of `regress` ends 1e-5 of a standard error from the maximum
        assert_allclose(held.values[0, SLOPE], fit["slope"].value, rtol=1e-4)


def test_a_large_study_finds_the_true_interaction_and_the_uncorrected_one_is_shrunk():
    y, w, arm, se = simulated(np.random.default_rng(3), 3000)
    fit = moderation(y, w, arm, stderr=se)
    assert abs(fit["interaction"].value + 2.0) < 4 * fit["interaction"].stderr
    assert fit["interaction"].stderr < 0.3
    assert_allclose(fit.diagnostics["naive_interaction"], -2.0 * 0.6, atol=0.4)  # its standard error is 0.1
    low, high = fit["interaction"].interval()
    assert_allclose(
        [low, high], fit["interaction"].value + np.array([-1.96, 1.96]) * fit["interaction"].stderr, rtol=0.02
    )


def test_units_and_order_of_people_change_nothing():
    y, w, arm, se = simulated(np.random.default_rng(4), 60)
    fit = moderation(y, w, arm, stderr=se)
    order = np.random.default_rng(5).permutation(60)
    other = moderation(10 * y[order] + 3, w[order] / 100 + 1, arm[order], stderr=se[order] / 100)
    assert_allclose(other["interaction"].value, 1000 * fit["interaction"].value, rtol=1e-4)
    assert_allclose(other["interaction"].interval(), np.multiply(1000, fit["interaction"].interval()), rtol=1e-3)


def test_a_marker_of_noise_alone_has_an_open_interval_and_raises_nothing():
    rng = np.random.default_rng(6)
    y, arm = rng.standard_normal(40), np.tile([0.0, 1.0], 20)
    fit = moderation(y, rng.standard_normal(40), arm, stderr=np.full(40, 1.5))
    low, high = fit["interaction"].interval()
    assert np.isinf(low) or np.isinf(high)
    assert "unidentified_interaction" in {flag.name for flag in fit.flags}
    describe_moderation(fit)


def test_too_few_people_in_an_arm_fail_with_a_reason():
    y, w, arm, se = simulated(np.random.default_rng(6), 12)
    arm[:] = 0.0
    arm[0] = 1.0
    fit = moderation(y, w, arm, stderr=se)
    assert fit.failed
    assert "cannot be estimated" in describe_moderation(fit)


def test_effect_is_said_of_a_randomised_study_only():
    plain = moderate(a24_cohort(), outcome="hamd17", marker="BPND")
    assert "effect of" not in describe_moderation(plain)
    assert "nothing here shows what a treatment does" in describe_moderation(plain)
    mixed = moderate(a24_cohort(a24_frame().assign(randomized="true")), outcome="hamd17", marker="BPND")
    assert "effect of ssri against placebo" in describe_moderation(mixed)
    assert "prognostic slope" in describe_moderation(mixed)


def test_response_is_moderated_as_a_difference_of_risk():
    fit = moderate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="response", error="none")
    assert fit.settings["scale_of_interaction"] == "risk difference"
    assert np.isfinite(fit["interaction"].stderr)
    assert "on the scale of risk difference" in describe_moderation(fit)
    odds = moderate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="response", scale="log-odds")
    assert odds.settings["scale_of_interaction"] == "log-odds"
    assert "on the scale of log-odds" in describe_moderation(odds)


def test_without_error_the_log_odds_are_those_of_logistic_regression():
    from statsmodels.discrete.discrete_model import Logit

    y, w, arm, _ = simulated(np.random.default_rng(14), 200)
    response = (y < np.median(y)).astype(float)
    fit = moderation(response, w, arm, family="binomial", error="none")
    side, x = arm - 0.5, w - w.mean()
    other = Logit(response, np.column_stack([x, x * side, side, np.ones(200)])).fit(disp=0)
    # the mixture that stands for the logistic curve is good to 4e-7 of a probability
    assert_allclose(fit["interaction"].value, other.params[1], rtol=1e-4)
    assert_allclose(fit["interaction"].stderr, other.bse[1], rtol=1e-3)
    assert_allclose(fit["slope[1]"].value, other.params[0] + 0.5 * other.params[1], rtol=1e-4)


def test_separated_and_tiny_cohorts_are_told_and_never_raise():
    rng = np.random.default_rng(15)
    for n in (10,):
        marker, arm = rng.standard_normal(n), (np.arange(n) % 2).astype(float)
        for outcome in ((marker > 0.0).astype(float), np.eye(n)[0], np.zeros(n)):
            for family in ("gaussian", "binomial"):
                fit = moderation(outcome, marker, arm, stderr=np.full(n, 0.8), family=family)
                assert fit.failed or np.isfinite(fit["interaction"].interval()).all() or (
                    "unidentified_interaction" in {flag.name for flag in fit.flags}
                )  # fmt: skip
                describe_moderation(fit)


@pytest.mark.parametrize(
    ("arm", "interaction", "kind"), [(0.0, 5.0, "outside"), (5.0, 0.5, "inside"), (0.1, 0.1, "none")]
)
def test_the_region_has_the_right_side(arm, interaction, kind):
    region = johnson_neyman(arm, interaction, np.diag([1.0, 1.0]), dof=50.0, centre=2.0)
    assert region.kind == kind
    for edge in (region.low, region.high):
        if np.isfinite(edge):
            m = edge - 2.0
            assert_allclose(abs(arm + interaction * m) / np.hypot(1.0, m), 2.008559, rtol=1e-5)  # t(50), 97.5 %


def test_the_index_finds_people_for_whom_an_arm_is_better():
    rng = np.random.default_rng(7)
    x, arm = rng.standard_normal(200), np.tile([0.0, 1.0], 100)
    y = 10.0 - 6.0 * x * (arm - 0.5) + rng.standard_normal(200)
    found = personal_advantage(y, arm, x, rng=rng, repeats=5, bootstraps=100)
    right = found.table["recommended"].to_numpy() == (x > 0)
    assert right.mean() > 0.9
    assert found.low > 0.0
    assert found.over_low > 0.0
    # perfect advice is worth E|6 x| = 6 sqrt(2 / pi)
    assert_allclose(found.benefit, 6.0 * np.sqrt(2.0 / np.pi), atol=1.0)
    assert "is better" in found.summary()


def test_on_noise_the_honest_benefit_is_nothing_and_the_in_sample_one_is_not():
    rng = np.random.default_rng(8)
    honest, seen = [], []
    for _ in range(40):
        x, y = rng.standard_normal((60, 4)), rng.standard_normal(60)
        found = personal_advantage(y, np.tile([0.0, 1.0], 30), x, rng=rng, repeats=3, bootstraps=2)
        honest.append(found.benefit)
        seen.append(found.in_sample_benefit)
    # SE of the mean of 40 benefits of SD about 0.27
    assert abs(np.mean(honest)) < 0.15
    assert np.mean(seen) > 0.3


def test_an_arm_that_is_better_for_everyone_is_not_taken_for_a_choice_by_person():
    rng = np.random.default_rng(18)
    benefit, over = [], []
    for _ in range(40):
        arm = np.tile([0.0, 1.0], 30)
        found = personal_advantage(
            rng.standard_normal(60) - arm, arm, rng.standard_normal(60), rng=rng, repeats=3, bootstraps=40
        )
        benefit.append(found.benefit)
        over.append((found.over_best_arm, found.over_low))
    assert np.mean(benefit) > 0.8  # the arm's own difference, 1
    # 0 of 1,000 such trials claim a gain; the mean of 1,000 is -0.014
    assert abs(np.mean(over, axis=0)[0]) < 0.05
    assert max(low for _, low in over) <= 0.0
    assert "Choosing by person is not shown to gain" in found.summary()


def test_copies_of_a_person_never_sit_in_two_folds_and_too_many_features_are_refused():
    rng = np.random.default_rng(9)
    y, arm = rng.standard_normal(40), np.tile([0.0, 1.0], 20)
    with pytest.raises(InputError, match="the index would be noise"):
        personal_advantage(y, arm, rng.standard_normal((40, 10)), rng=rng)
    with pytest.raises(InputError, match="at least 10 in each"):
        personal_advantage(y[:15], arm[:15], rng.standard_normal(15), rng=rng)


def test_the_index_of_a_cohort_has_a_row_a_patient():
    found = advantage_of(
        a24_cohort(), outcome="hamd17", markers=["BPND midbrain"], rng=np.random.default_rng(1), bootstraps=50
    )
    assert len(found.table) == 24
    assert "not assigned at random" in found.summary()


def test_the_same_arm_twice_is_refused():
    with pytest.raises(
        InputError, match="arms are ssri, ssri; name two different ones, the reference first, of placebo, ssri"
    ):
        moderate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint", arms=("ssri", "ssri"))
