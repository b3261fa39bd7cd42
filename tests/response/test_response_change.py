"""Change and its baseline, test-retest, courses: worked examples and what must hold whatever the numbers."""

import dataclasses

import numpy as np
import pytest
from cohort_a24 import a24_cohort, column
from numpy.testing import assert_allclose
from small_study import small_study

from neurochem.errors import InputError
from neurochem.response.baseline_change import (
    baseline_adjusted_change,
    change_on_baseline,
    compare_arms,
    expected_without_treatment,
    plot_regression_to_mean,
)
from neurochem.response.change import change, reliable_change, reliable_change_index
from neurochem.response.courses import changed_markers, outcome_categories, score_slopes, sustained_remission
from neurochem.response.regression import regress
from neurochem.response.repeatability import repeatability
from neurochem.response.scales import find_scale

PRINTED = 5e-7  # reference values are printed with six decimals
W0 = np.array([1.62, 1.48, 1.71, 1.35, 1.80, 1.29, 1.66, 1.44, 1.38, 1.51])
S0 = np.array([0.06, 0.05, 0.09, 0.05, 0.12, 0.04, 0.07, 0.05, 0.06, 0.08])
W1 = np.array([1.50, 1.49, 1.52, 1.41, 1.58, 1.35, 1.49, 1.47, 1.36, 1.52])
S1 = np.array([0.06, 0.06, 0.07, 0.06, 0.09, 0.05, 0.06, 0.05, 0.05, 0.07])
PAIRS = [(1.50, 1.56), (1.32, 1.30), (1.71, 1.62), (1.44, 1.49), (1.60, 1.66), (1.25, 1.21)]


def test_change_on_baseline_of_the_worked_example():
    fit = change_on_baseline(column("y0"), column("y8"))
    for name, value in (("naive_r", -0.258742), ("oldham_r", 0.341954)):
        assert_allclose(fit[name].value, value, atol=PRINTED)
    assert_allclose(fit.diagnostics["pitman_morgan_t"], 1.706796, atol=PRINTED)
    assert_allclose(fit.diagnostics["p_value"], 0.101938, atol=PRINTED)


def test_known_errors_are_taken_out_of_the_slope_and_an_impossible_correlation_is_not_returned():
    fit = change_on_baseline(W0, W1, S0, S1)
    for name, value in (
        ("covariance", -0.01726667), ("corrected_covariance", -0.01225667), ("corrected_variance", 0.02315),
        ("reliability", 0.822088),
    ):  # fmt: skip
        assert_allclose(fit.diagnostics[name], value, atol=PRINTED)
    assert_allclose(fit["naive_slope"].value, -0.613163, atol=PRINTED)
    assert_allclose(fit["slope"].value, -0.529446, atol=PRINTED)
    assert np.isnan(fit["corrected_r"].value)
    assert [flag.name for flag in fit.flags] == ["r_not_estimable"]
    assert "-1.518" in fit.flags[0].message


def test_a_regression_that_knows_the_error_of_the_baseline_gives_the_same_corrected_slope():
    # the error of the outcome w1 is independent of that of w0: the slope of w1 less one is the corrected slope of change
    after = regress(W1, W0, stderr=np.full(10, np.sqrt(np.mean(S0**2))), error="reml")
    assert_allclose(
        after["slope"].value - 1.0, change_on_baseline(W0, W1, S0, S1)["slope"].value, rtol=1e-4
    )  # a search


@pytest.mark.parametrize(("rho", "r"), [(0.5, -0.5), (0.7, -0.387298), (0.9, -0.223607)])
def test_noise_alone_ties_change_to_its_baseline(rho, r):
    # exact sample correlation, equal variances, true values constant
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(np.column_stack([np.ones(40), rng.standard_normal((40, 2))]))[0][:, 1:]
    first = basis[:, 0]
    second = rho * basis[:, 0] + np.sqrt(1 - rho**2) * basis[:, 1]
    fit = change_on_baseline(first, second)
    assert_allclose([fit["naive_r"].value, fit["noise_r"].value], r, atol=1e-6)
    assert_allclose(fit["oldham_r"].value, 0.0, atol=1e-12)


def test_with_the_true_error_the_slope_is_right_when_nothing_but_noise_happened():
    rng = np.random.default_rng(5)
    true = rng.normal(22.0, 3.0, 4000)
    first, second = true + rng.normal(0, 2, 4000), true + rng.normal(0, 2, 4000)
    fit = change_on_baseline(first, second, np.full(4000, 2.0), np.full(4000, 2.0))
    assert_allclose(fit["naive_slope"].value, -4 / 13, atol=0.05)  # 1 - reliability, standard error 0.013
    assert abs(fit["slope"].value) < 4 * fit["slope"].stderr


def test_a_baseline_that_is_only_noise_has_no_slope_and_raises_nothing():
    rng = np.random.default_rng(6)
    fit = change_on_baseline(rng.normal(0, 1, 30), rng.normal(0, 1, 30), np.full(30, 2.0), np.full(30, 2.0))
    assert fit["slope"].interval() == (-np.inf, np.inf)
    assert "unidentified_slope" in {flag.name for flag in fit.flags}


def test_selection_by_severity_lets_scores_fall_untreated():
    found = expected_without_treatment(20.0, 4.0, 0.7, at_least=17.0)
    assert_allclose([found.mean, found.change], [21.557528, -0.467258], atol=PRINTED)
    scores = np.random.default_rng(2).normal(20.0, 4.0, 400_000)
    assert_allclose(found.mean, scores[scores >= 17].mean(), atol=0.03)
    assert_allclose(found.share, np.mean(scores >= 17), atol=0.005)
    with pytest.raises(InputError, match="retest_correlation"):
        expected_without_treatment(20.0, 4.0, 1.2, at_least=17.0)


def test_change_and_ancova_answer_different_questions():
    y0 = np.array([18, 20, 22, 24, 26, 22, 24, 26, 28, 30.0])
    y1 = 0.5 * y0 + 8 + np.tile([0.2, -0.1, -0.2, -0.1, 0.2], 2)
    fit = compare_arms(y0, y1, np.repeat([0, 1], 5))
    assert_allclose(fit["change_difference"].value, -2.0, atol=PRINTED)
    assert_allclose(fit["ancova_difference"].value, 0.0, atol=PRINTED)
    assert_allclose(fit["baseline_gap"].value, 4.0, atol=PRINTED)
    with pytest.raises(InputError, match="arm holds"):
        compare_arms(y0, y1, np.ones(10))


def test_adjusted_change_is_uncorrelated_with_the_baseline():
    left = baseline_adjusted_change(W0, W1)
    assert_allclose([left.mean(), left @ (W0 - W0.mean())], 0.0, atol=1e-12)


def test_reliable_change_counts_scans_and_days():
    assert_allclose(reliable_change(1.50, 1.20, 0.08, 0.06), -3.0, rtol=1e-12)
    assert_allclose(reliable_change_index(24, 14, baseline_sd=4.0, reliability=0.85), -4.564355, atol=PRINTED)
    assert_allclose(change(1.5, 1.5, np.hypot(0.06, 0.05), 0.0)[1], 0.078102, atol=PRINTED)
    with_days = reliable_change(1.50, 1.20, 0.08, 0.06, test_retest_sd=0.05)
    assert_allclose(with_days, -0.3 / np.sqrt(0.01 + 0.005), rtol=1e-12)


def test_repeatability_of_the_worked_example():
    found = repeatability(PAIRS)
    expected = {
        "ms_between": 0.06017333, "ms_within": 0.00165, "icc11": 0.946622, "icc11_low": 0.717942, "icc11_high": 0.992171,
        "icc21": 0.946341, "icc31": 0.936494, "sem": 0.040620, "cv_percent": 2.760149, "repeatability": 0.112591,
        "absolute_variability_percent": 3.533279, "limits_low": -0.119797, "limits_high": 0.126463,
    }  # fmt: skip
    for name, value in expected.items():
        assert_allclose(getattr(found, name), value, atol=PRINTED, err_msg=name)
    assert np.isnan(found.day_sd)


def test_days_are_what_the_scans_errors_leave_unexplained():
    rng = np.random.default_rng(8)
    true = rng.normal(1.5, 0.3, 3000)[:, None] + rng.normal(0, 0.05, (3000, 2))
    found = repeatability(true + rng.normal(0, 0.06, (3000, 2)), np.full((3000, 2), 0.06))
    assert_allclose(found.day_sd, 0.05, rtol=0.05)  # SE of a variance of 3000 pairs is 2.6 %
    assert_allclose(found.error_ratio, np.hypot(0.06, 0.05) / 0.06, rtol=0.05)
    exact = repeatability(np.array(PAIRS), np.full((6, 2), 0.5))
    assert exact.day_sd == 0.0
    with pytest.raises(InputError, match="shape"):
        repeatability([1.0, 2.0])


def test_categories_are_ordered_and_their_limits_included():
    scale = find_scale("hamd17")
    found = outcome_categories([20, 20, 20, 20, 20, 0], [15.5, 15, 10, 7, np.nan, 3], scale)
    assert found == ["non-response", "partial response", "response", "remission", "", ""]


def test_slopes_and_lasting_remission_come_from_all_visits():
    cohort = a24_cohort()
    slopes = score_slopes(cohort, "hamd17").set_index("participant_id")
    assert_allclose(slopes["slope"].to_numpy(), (column("y8") - column("y0")) / 8.0, rtol=1e-12)
    lasting = sustained_remission(cohort, "hamd17", from_week=4, until_week=8).set_index("participant_id")
    assert lasting.index[lasting["sustained"] == 1.0].tolist() == ["13"]
    with pytest.raises(InputError, match="widen the window"):
        sustained_remission(cohort, "hamd17", from_week=9, until_week=12)


def test_markers_that_changed_are_told_from_noise(tmp_path):
    cohort = small_study(np.random.default_rng(4)).read(tmp_path)
    found = changed_markers(cohort, "BPND")
    assert set(found["verdict"]) <= {"rise", "fall", "within noise"}
    assert_allclose(found["se"], np.sqrt(2) * 0.10)
    strict = changed_markers(cohort, "BPND", test_retest_sd=10.0)
    assert set(strict["verdict"]) == {"within noise"}


def test_the_figure_shows_the_line_of_noise_alone():
    ax = plot_regression_to_mean(W0, W1, S0, S1, name="BPND", unit="")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        "people", "as measured, slope -0.61", "noise of the baseline alone, slope -0.18", "noise taken out, slope -0.53",
    ]  # fmt: skip


def test_repeatability_is_a_record():
    assert dataclasses.is_dataclass(repeatability(PAIRS))
