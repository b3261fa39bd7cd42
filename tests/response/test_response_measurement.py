import numpy as np
import pandas as pd
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from numpy.testing import assert_allclose
from scipy import special
from small_study import edit, small_study

from neurochem.errors import InputError, UnknownNameError
from neurochem.response import (
    analysis_rows,
    associate,
    coefficient_table,
    conditional_reliability,
    describe,
    influence,
    plot_association,
    plot_influence,
    regress,
    sensitivity,
)
from neurochem.response.measurement_error.gaussian_ml import GaussianLikelihood
from neurochem.response.measurement_error.logistic_normal import log_probability, probability
from neurochem.response.measurement_error.noisy_data import problem
from neurochem.response.measurement_error.profile import tail
from neurochem.response.measurement_error.sensitivity import rows_of
from neurochem.response.measurement_error.structural import Cohorts, evaluate
from neurochem.results import FitResult

ITERATIVE = 1e-6  # searches end where the likelihood moves by rounding


def sample(seed, n=60, slope=-4.0, sd=0.5):
    rng = np.random.default_rng(seed)
    age, arm = rng.standard_normal(n), (np.arange(n) % 2).astype(float)
    true = 0.3 * age + rng.standard_normal(n)
    outcome = slope * true + age - 2 * arm + 2 * rng.standard_normal(n)
    noise = rng.uniform(0.5 * sd, 1.5 * sd, n)
    return outcome, true + noise * rng.standard_normal(n), noise, {"age": age, "arm": arm}


def test_without_error_the_likelihood_is_least_squares_with_its_exact_t():
    outcome, marker, _, covariates = sample(1)
    plain = regress(outcome, marker, covariates=covariates, robust="classical")
    for error in ("ml", "reml"):
        fit = regress(outcome, marker, stderr=np.full(60, 1e-7), covariates=covariates, error=error)
        assert fit.model == "structural"
        assert_allclose(fit["slope"].value, plain["slope"].value, rtol=ITERATIVE)
        for level in (0.90, 0.95, 0.99):
            assert_allclose(fit["slope"].interval(level), plain["slope"].interval(level), rtol=ITERATIVE)
            assert_allclose(fit["age"].interval(level), plain["age"].interval(level), rtol=ITERATIVE)
        assert_allclose(fit.diagnostics["p_value"], plain.diagnostics["p_value"], rtol=1e-5)
        assert_allclose(fit["partial_r"].value, plain["partial_r"].value, rtol=ITERATIVE)
        assert_allclose(
            coefficient_table(fit).set_index("term")["p"]["arm"],
            coefficient_table(plain).set_index("term")["p"]["arm"], rtol=1e-5,
        )  # fmt: skip


def test_equal_errors_divide_the_slope_by_the_reliability_and_leave_the_test_alone():
    outcome, marker, _, covariates = sample(2, slope=-1.0)
    plain = regress(outcome, marker, covariates=covariates, robust="classical")
    fit = regress(outcome, marker, stderr=np.full(60, 0.6), covariates=covariates, error="reml")
    # restricted likelihood with equal errors is the method of moments with the unbiased residual variance
    design = np.column_stack([np.ones(60), covariates["age"], covariates["arm"]])
    residual = marker - design @ np.linalg.lstsq(design, marker, rcond=None)[0]
    total = residual @ residual / 57
    assert_allclose(fit["slope"].value, plain["slope"].value * total / (total - 0.36), rtol=ITERATIVE)
    assert_allclose(fit.diagnostics["p_value"], plain.diagnostics["p_value"], rtol=1e-5)


def test_the_likelihood_of_the_kernel_is_that_of_multivariate_normal_people():
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(3)
    joint, root = rng.standard_normal((1, 12, 3)), rng.standard_normal((1, 12, 3, 3))
    noise = 0.2 * root @ root.swapaxes(-1, -2)
    terms = np.stack([np.ones((1, 12)), rng.standard_normal((1, 12))], axis=2)
    factor = np.tril(rng.standard_normal((1, 3, 3))) + 2 * np.eye(3)
    state = evaluate(Cohorts(joint, noise, terms, np.ones((1, 12))), factor)
    expected = sum(
        multivariate_normal(state.means[0] @ terms[0, i], factor[0] @ factor[0].T + noise[0, i]).logpdf(joint[0, i])
        for i in range(12)
    )
    assert_allclose(state.height[0], expected, rtol=1e-12)


def test_an_independent_em_algorithm_finds_the_same_maximum():
    outcome, marker, noise, covariates = sample(4, n=80)
    fit = regress(outcome, marker, stderr=noise, covariates=covariates)
    z = np.column_stack([np.ones(80), covariates["age"], covariates["arm"]])
    a, g = np.linalg.lstsq(z, marker, rcond=None)[0], np.linalg.lstsq(z, outcome, rcond=None)[0]
    beta, tau2, sigma2 = 0.0, marker.var(), outcome.var()
    for _ in range(20000):
        spread = 1.0 / (1 / tau2 + 1 / noise**2 + beta**2 / sigma2)
        mean = spread * (z @ a / tau2 + marker / noise**2 + beta * (outcome - z @ g) / sigma2)
        a = np.linalg.lstsq(z, mean, rcond=None)[0]
        tau2 = np.mean((mean - z @ a) ** 2 + spread)
        design = np.column_stack([z, mean])
        gram = design.T @ design
        gram[-1, -1] += spread.sum()
        found = np.linalg.solve(gram, design.T @ outcome)
        old, g, beta = beta, found[:-1], found[-1]
        sigma2 = np.mean((outcome - design @ found) ** 2 + beta**2 * spread)
        if abs(beta - old) < 1e-12:
            break
    assert_allclose(fit["slope"].value, beta, rtol=1e-6)
    assert_allclose((fit.diagnostics["tau"], fit.diagnostics["sigma"]), np.sqrt([tau2, sigma2]), rtol=1e-6)


def test_the_ends_of_the_interval_are_where_the_f_statistic_reaches_its_quantile():
    outcome, marker, noise, covariates = sample(5)
    fit = regress(outcome, marker, stderr=noise, covariates=covariates)
    likelihood = GaussianLikelihood(problem(rows_of(fit)), restricted=False)
    for end in fit["slope"].interval(0.95):
        drop = 2 * (likelihood.peak - likelihood.heights(np.array([end])))
        assert_allclose(tail(drop, np.array(60), np.array(56)), 0.05, rtol=1e-5)


def test_no_spread_beyond_noise_gives_an_infinite_interval_and_a_flag():
    rng = np.random.default_rng(1)
    marker, outcome = rng.standard_normal(40), rng.standard_normal(40)
    for error in ("ml", "reml"):
        fit = regress(outcome, marker, stderr=np.full(40, 2.0), error=error)
        assert fit["slope"].interval(0.95) == (-np.inf, np.inf)
        assert np.isinf(fit["slope"].stderr)
        assert {"unidentified_slope", "no_spread_beyond_noise"} <= {flag.name for flag in fit.flags}
        assert 0.0 <= fit.diagnostics["p_value"] <= 1.0
        assert "do not identify the slope" in describe(fit)
        assert plot_association(fit).get_title() == fit.name
    response = (outcome > 0).astype(float)
    fit = regress(response, marker, stderr=np.full(40, 2.0), family="binomial")
    assert fit["slope"].interval(0.95) == (-np.inf, np.inf)
    assert "unidentified_slope" in {flag.name for flag in fit.flags}
    assert plot_association(fit) is not None


def test_weak_evidence_of_spread_leaves_the_interval_open_too():
    rng = np.random.default_rng(3)
    marker = rng.standard_normal(24)
    outcome = rng.standard_normal(24)
    fit = regress(outcome, marker, stderr=np.full(24, 0.93 * marker.std()))
    assert np.isfinite(fit["slope"].value)
    assert fit["slope"].interval(0.95) == (-np.inf, np.inf)
    # an outcome that goes with the marker shows that people differ in it
    shown = regress(outcome - 2 * marker, marker, stderr=np.full(24, 0.93 * marker.std()))
    assert np.isfinite(shown["slope"].interval(0.95)).all()


def test_change_against_endpoint_scan_is_the_same_model_in_other_words():
    rng = np.random.default_rng(6)
    first = rng.standard_normal(80)
    second = 0.6 * first + 0.8 * rng.standard_normal(80)
    s0, s1 = rng.uniform(0.3, 0.6, 80), rng.uniform(0.3, 0.6, 80)
    outcome = 2 * second - first + rng.standard_normal(80)
    w0, w1 = first + s0 * rng.standard_normal(80), second + s1 * rng.standard_normal(80)
    shared = np.empty((80, 2, 2))
    shared[:, 0, 0], shared[:, 1, 1] = s0**2 + s1**2, s0**2
    shared[:, 0, 1] = shared[:, 1, 0] = -(s0**2)
    change = regress(outcome, w1 - w0, covariates={"w0": w0}, covariate_stderr={"w0": s0}, error_covariance=shared)
    endpoint = regress(outcome, w1, stderr=s1, covariates={"w0": w0}, covariate_stderr={"w0": s0})
    assert_allclose(change["slope"].value, endpoint["slope"].value, rtol=ITERATIVE)
    assert_allclose(change["slope"].interval(0.95), endpoint["slope"].interval(0.95), rtol=1e-5)
    assert_allclose(change["w0"].value, endpoint["w0"].value + endpoint["slope"].value, rtol=ITERATIVE)
    binary = (outcome > np.median(outcome)).astype(float)
    keywords = {"covariates": {"w0": w0}, "covariate_stderr": {"w0": s0}, "family": "binomial"}
    one = regress(binary, w1 - w0, error_covariance=shared, **keywords)
    two = regress(binary, w1, stderr=s1, **keywords)
    assert_allclose(one["slope"].value, two["slope"].value, rtol=1e-5)


def test_an_association_with_change_carries_the_errors_of_both_scans(tmp_path):
    cohort = small_study(np.random.default_rng(9), patients=40).read(tmp_path)
    fit = associate(cohort, outcome="madrs", marker="BPND", at="change", adjust_arm=False)
    rows = analysis_rows(fit)
    noise = np.tile([[0.02, -0.01], [-0.01, 0.01]], (40, 1, 1))  # 0.1^2 a scan, shared with the baseline
    same = regress(
        rows["outcome"], rows["marker"], covariates=rows[["baseline_score", "baseline_marker"]],
        covariate_stderr={"baseline_marker": np.full(40, 0.1)}, error_covariance=noise,
    )  # fmt: skip
    assert_allclose(fit["slope"].value, same["slope"].value, rtol=ITERATIVE)
    assert_allclose(rows["marker_se"], np.sqrt(0.02), rtol=1e-12)
    days = associate(cohort, outcome="madrs", marker="BPND", at="change", adjust_arm=False, test_retest_sd=0.05)
    assert_allclose(analysis_rows(days)["marker_se"], np.sqrt(2 * (0.1**2 + 0.05**2)), rtol=1e-12)


def test_day_to_day_variance_is_added_to_every_scan():
    outcome, marker, noise, _ = sample(7)
    fit = regress(outcome, marker, stderr=noise, test_retest_sd=0.3)
    same = regress(outcome, marker, stderr=np.hypot(noise, 0.3))
    assert_allclose(fit["slope"].value, same["slope"].value, rtol=ITERATIVE)
    with pytest.raises(InputError, match="test_retest_sd is -1"):
        regress(outcome, marker, stderr=noise, test_retest_sd=-1)


def test_an_error_prone_confounder_is_corrected_beside_a_clean_marker():
    rng = np.random.default_rng(8)
    confounder = rng.standard_normal(2000)
    marker = 0.7 * confounder + rng.standard_normal(2000)
    outcome = 2 * confounder + rng.standard_normal(2000)
    seen = confounder + 0.8 * rng.standard_normal(2000)
    noise = {"c": np.full(2000, 0.8)}
    plain = regress(outcome, marker, covariates={"c": seen})
    fit = regress(outcome, marker, covariates={"c": seen}, covariate_stderr=noise)
    assert plain["slope"].value > 0.3
    low, high = fit["slope"].interval(0.95)
    assert low < 0.0 < high
    assert_allclose(fit["c"].value, 2.0, atol=0.21)  # three standard errors


def test_the_order_of_two_noisy_markers_does_not_matter():
    rng = np.random.default_rng(10)
    true = rng.standard_normal((70, 2)) @ np.array([[1.0, 0.4], [0.0, 0.9]])
    shared = np.array([[0.3, 0.15], [0.15, 0.4]])
    seen = true + rng.standard_normal((70, 2)) @ np.linalg.cholesky(shared).T
    outcome = true @ [1.0, -2.0] + rng.standard_normal(70)
    noise = np.tile(shared, (70, 1, 1))
    one = regress(
        outcome, seen[:, 0], covariates={"b": seen[:, 1]}, covariate_stderr={"b": 0.0}, error_covariance=noise
    )
    two = regress(
        outcome, seen[:, 1], covariates={"a": seen[:, 0]}, covariate_stderr={"a": 0.0},
        error_covariance=noise[:, ::-1, ::-1],
    )  # fmt: skip
    assert_allclose(one["slope"].value, two["a"].value, rtol=ITERATIVE)
    assert_allclose(one["b"].value, two["slope"].value, rtol=ITERATIVE)
    assert_allclose(one["b"].stderr, two["slope"].stderr, rtol=1e-5)


def test_unknown_errors_take_the_mean_variance_and_are_told():
    outcome, marker, noise, _ = sample(11)
    some = noise.copy()
    some[:5] = np.nan
    fit = regress(outcome, marker, stderr=some)
    filled = np.where(np.isnan(some), np.sqrt(np.nanmean(some**2)), some)
    assert_allclose(fit["slope"].value, regress(outcome, marker, stderr=filled)["slope"].value, rtol=1e-12)
    assert "stderr_assumed" in {flag.name for flag in fit.flags}
    assert regress(outcome, marker, stderr=np.full(60, np.nan)).settings["error"] == "none"


def test_a_scan_with_an_endless_error_says_nothing_of_the_marker():
    outcome, marker, noise, _ = sample(12)
    wild, spoiled = marker.copy(), noise.copy()
    wild[3], spoiled[3] = 4.0, np.inf
    other = marker.copy()
    other[3] = -3.0
    # the error is taken as a thousand SD of the marker
    found = [regress(outcome, values, stderr=spoiled)["slope"].value for values in (wild, other)]
    assert_allclose(found[0], found[1], rtol=1e-4)


@pytest.mark.parametrize("error", ["ml", "reml", "rc", "simex"])
def test_units_and_order_do_not_matter(error):
    outcome, marker, noise, covariates = sample(13)
    order = np.random.default_rng(0).permutation(60)
    first = regress(outcome, marker, stderr=noise, covariates=covariates, error=error)
    second = regress(
        outcome[order], 700 * marker[order] + 7600, stderr=700 * noise[order], error=error,
        covariates={name: values[order] for name, values in covariates.items()},
    )  # fmt: skip
    assert_allclose(700 * second["slope"].value, first["slope"].value, rtol=ITERATIVE)
    assert_allclose(700 * second["slope"].stderr, first["slope"].stderr, rtol=1e-5)
    assert_allclose(700 * np.array(second["slope"].interval()), first["slope"].interval(), rtol=1e-5)
    assert_allclose(second["standardised_slope"].value, first["standardised_slope"].value, rtol=ITERATIVE)


@pytest.mark.parametrize("error", ["ml", "reml", "rc", "simex"])
def test_all_corrections_find_the_slope_of_a_large_cohort(error):
    outcome, marker, noise, covariates = sample(14, n=3000)
    fit = regress(outcome, marker, stderr=noise, covariates=covariates, error=error)
    # quadratic SIMEX corrects too little by a few percent at this reliability
    assert_allclose(fit["slope"].value, -4.0, rtol=0.06 if error == "simex" else 0.03)
    assert fit.settings["error"] == error


def test_calibration_without_error_is_least_squares():
    outcome, marker, _, covariates = sample(15)
    plain = regress(outcome, marker, covariates=covariates)
    fit = regress(outcome, marker, stderr=np.full(60, 1e-6), covariates=covariates, error="rc")
    assert_allclose(fit["slope"].value, plain["slope"].value, rtol=ITERATIVE)
    assert_allclose(fit["slope"].stderr, plain["slope"].stderr, rtol=1e-5)


def test_the_averaged_logistic_probability_is_an_integral():
    nodes, weights = special.roots_hermitenorm(101)
    weights = weights / weights.sum()
    for mean in (-4.0, -0.5, 2.0):
        for variance in (0.0, 0.3, 2.0, 6.0):
            exact = weights @ special.expit(mean + np.sqrt(variance) * nodes)
            assert_allclose(probability(np.array(mean), np.array(variance)), exact, atol=6e-7)  # of the mixture: 4e-7
    given = log_probability(np.array([1.0, 0.0]), np.array([0.7, 0.7]), np.array([0.9, 0.9]))
    assert_allclose(np.exp(given.value).sum(), 1.0, rtol=1e-12)


def test_logistic_without_error_is_logistic_regression():
    rng = np.random.default_rng(16)
    marker, arm = rng.standard_normal(120), np.arange(120) % 2
    response = (rng.random(120) < special.expit(0.8 * marker - 0.3 + 0.5 * arm)).astype(float)
    plain = regress(response, marker, covariates={"arm": arm}, family="binomial")
    fit = regress(response, marker, stderr=np.full(120, 1e-5), covariates={"arm": arm}, family="binomial")
    assert fit.model == "structural logistic"
    assert_allclose(
        fit["slope"].value, plain["slope"].value, rtol=2e-5
    )  # the mixture of normal distributions: 4e-7 of a probability
    assert_allclose(fit["arm"].stderr, plain["arm"].stderr, rtol=1e-4)
    assert_allclose((fit.diagnostics["likelihood_low95"], fit.diagnostics["likelihood_high95"]),
                    plain["slope"].interval(0.95), rtol=1e-4)  # fmt: skip


def test_logistic_corrections_agree_in_a_large_cohort():
    rng = np.random.default_rng(17)
    true = rng.standard_normal(3000)
    seen = true + 0.7 * rng.standard_normal(3000)
    response = (rng.random(3000) < special.expit(-0.3 - true)).astype(float)
    found = {
        error: regress(response, seen, stderr=np.full(3000, 0.7), family="binomial", error=error)["slope"].value
        for error in ("ml", "rc", "none")
    }
    assert_allclose(found["ml"], -1.0, atol=0.17)  # three standard errors
    assert_allclose(found["rc"], found["ml"], rtol=0.1)  # an approximation in a logistic model
    assert found["none"] > -0.75
    with pytest.raises(InputError, match="no restricted likelihood"):
        regress(response, seen, stderr=np.full(3000, 0.7), family="binomial", error="reml")


def test_names_shapes_and_matrices_that_do_not_fit_are_refused():
    outcome, marker, noise, covariates = sample(18)
    keywords = {"stderr": noise, "covariates": covariates}
    with pytest.raises(UnknownNameError, match="covariate with a standard error 'agee'; did you mean 'age'"):
        regress(outcome, marker, covariate_stderr={"agee": noise}, **keywords)
    with pytest.raises(InputError, match=r"error_covariance has shape \(60, 1, 1\); give \(60, 2, 2\)"):
        regress(outcome, marker, covariate_stderr={"age": noise}, error_covariance=np.ones((60, 1, 1)), **keywords)
    bad = np.tile([[1.0, 2.0], [2.0, 1.0]], (60, 1, 1))
    with pytest.raises(InputError, match="is not a covariance matrix"):
        regress(outcome, marker, covariate_stderr={"age": noise}, error_covariance=bad, **keywords)
    with pytest.raises(InputError, match=r"covariate_stderr\['age'\]\[0\] is -1"):
        regress(outcome, marker, covariate_stderr={"age": -np.ones(60)}, **keywords)
    with pytest.raises(UnknownNameError, match="unknown error 'maximum'"):
        regress(outcome, marker, error="maximum")


def test_influence_is_what_happens_when_each_person_is_left_out():
    outcome, marker, noise, covariates = sample(19, n=30)
    names = pd.DataFrame(covariates)
    for error in ("ml", "none"):
        fit = regress(outcome, marker, stderr=noise, covariates=names, error=error)
        table = influence(fit)
        assert table["dfbeta"].abs().is_monotonic_decreasing
        for person in ("0", "17", "29"):
            keep = np.arange(30) != int(person)
            left = regress(outcome[keep], marker[keep], stderr=noise[keep], covariates=names[keep], error=error)
            moved = table.set_index("participant_id").loc[person, "dfbeta"]
            assert_allclose(moved, fit["slope"].value - left["slope"].value, rtol=1e-5, atol=1e-7)


def test_influence_in_a_large_logistic_cohort_is_that_of_leaving_out():
    rng = np.random.default_rng(22)
    marker = rng.standard_normal(160)
    response = (rng.random(160) < special.expit(-1.5 * marker)).astype(float)
    noise = rng.uniform(0.3, 0.7, 160)
    seen = marker + noise * rng.standard_normal(160)
    seen[7], response[7], noise[7] = 4.0, 1.0, 0.1  # moves the slope too far for one step
    fit = regress(response, seen, stderr=noise, family="binomial")
    table = influence(fit).set_index("participant_id")
    assert table.index[0] == "7"
    for person, close in (("7", 1e-4), (table.index[1], 0.03), (table.index[80], 0.03)):
        keep = np.arange(160) != int(person)
        left = regress(response[keep], seen[keep], stderr=noise[keep], family="binomial")
        moved = (fit["slope"].value - left["slope"].value) / fit["slope"].stderr
        # one step is within 0.03 standard errors, a search of its own within its last step
        assert_allclose(table.loc[person, "dfbetas"], moved, atol=close)


def test_a_correction_without_any_standard_error_is_noted_and_the_fit_stands():
    outcome, marker, noise, covariates = sample(23, n=30)
    plain = regress(outcome, marker, covariates=covariates, error="none")
    assert "nothing_corrected" not in {flag.name for flag in plain.flags}
    for error in ("ml", "reml", "rc", "simex"):
        fit = regress(outcome, marker, covariates=covariates, error=error)
        note = next(flag for flag in fit.flags if flag.name == "nothing_corrected")
        assert note.severity == "info"
        assert f"error is '{error}'" in note.message
        assert fit.success
        assert_allclose(fit["slope"].value, plain["slope"].value, rtol=1e-12)
    # the error of a covariate does not correct the marker; a day-to-day SD, or one known error, does
    beside = regress(outcome, marker, covariates=covariates, covariate_stderr={"age": 0.3})
    assert "nothing_corrected" in {flag.name for flag in beside.flags}
    noise[1:] = np.nan
    for known in ({"test_retest_sd": 0.3}, {"stderr": noise}):
        fit = regress(outcome, marker, covariates=covariates, **known)
        assert "nothing_corrected" not in {flag.name for flag in fit.flags}


def test_a_cohort_without_standard_errors_is_noted():
    fit = associate(a24_cohort(a24_frame().assign(se=np.nan)), outcome="hamd17", marker="BPND")
    assert "nothing_corrected" in {flag.name for flag in fit.flags}
    assert "nothing_corrected" not in {
        flag.name for flag in associate(a24_cohort(), outcome="hamd17", marker="BPND").flags
    }


def test_cook_and_leverage_of_least_squares_are_those_of_statsmodels():
    from statsmodels.regression.linear_model import OLS

    outcome, marker, _, covariates = sample(20, n=30)
    fit = regress(outcome, marker, covariates=covariates, robust="classical")
    design = np.column_stack([marker, np.ones(30), covariates["age"], covariates["arm"]])
    other = OLS(outcome, design).fit().get_influence()
    table = influence(fit).sort_values("participant_id", key=lambda ids: ids.astype(int))
    assert_allclose(table["cook"], other.cooks_distance[0], rtol=1e-7)
    assert_allclose(table["leverage"], other.hat_matrix_diag, rtol=1e-9)


def test_an_influential_person_is_named_and_drawn():
    outcome, marker, noise, _ = sample(21, n=24, slope=0.0)
    marker[5], outcome[5], noise[5] = 6.0, 15.0, 0.1
    fit = regress(outcome, marker, stderr=noise)
    assert influence(fit)["participant_id"].iloc[0] == "5"
    note = next(flag for flag in fit.flags if flag.name == "influential_person")
    assert note.message.startswith("without 5")
    ax = plot_influence(fit)
    assert "5" in [text.get_text() for text in ax.texts]
    with pytest.raises(InputError, match="holds no influence"):
        influence(regress([1, 2], [1, 2]))


def test_sensitivity_holds_the_analysis_itself_and_its_extremes():
    fit = associate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint")
    found = sensitivity(fit)
    table = found.table.set_index("scale")
    assert list(table.index) == [0.0, 0.5, 0.75, 1.0, 1.25, 1.5]
    assert_allclose(table.loc[1.0, "slope"], fit["slope"].value, rtol=ITERATIVE)
    assert_allclose(
        table.loc[0.0, ["slope", "low95", "high95"]].astype(float), (-11.561964, -19.961890, -3.162038), atol=2e-6
    )
    assert (np.diff(table["slope"].abs()) > 0).all()
    assert (np.diff(table["reliability"]) < 0).all()
    ax = found.plot()
    assert ax.get_xlabel() == "assumed reliability of the marker given the other terms"
    assert ax.get_ylabel() == "slope (points per BPND)"


def test_sensitivity_works_on_a_loaded_fit_and_without_standard_errors(tmp_path):
    cohort = small_study(np.random.default_rng(9), patients=40).read(tmp_path / "study")
    fit = associate(cohort, outcome="madrs", marker="BPND", at="change")
    loaded = FitResult.load(fit.save(tmp_path / "fit.json"))
    pd.testing.assert_frame_equal(sensitivity(loaded).table, sensitivity(fit).table)
    bare = regress(column("y8"), column("bp"))
    table = sensitivity(bare).table
    assert list(table["reliability"].round(6)) == [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert_allclose(table["slope"].iloc[-1], bare["slope"].value, rtol=ITERATIVE)
    assert sensitivity(bare, reliabilities=[0.05]).table["identified"].tolist() == [False]
    with pytest.raises(InputError, match="both given"):
        sensitivity(fit, scales=[1], reliabilities=[0.5])
    with pytest.raises(InputError, match="each must lie above 0"):
        sensitivity(fit, reliabilities=[1.5])
    with pytest.raises(InputError, match="zero or more"):
        sensitivity(fit, scales=[-1])


def test_flagged_scans_are_kept_and_told_or_dropped(tmp_path):
    study = small_study(np.random.default_rng(3), patients=24)
    edit(study.markers, 0, qc="flagged", qc_reason="edge")
    cohort = study.read(tmp_path)
    kept = associate(cohort, outcome="madrs", marker="BPND")
    assert "1 of 24 values come from scans that quality control flagged; they were kept" in describe(kept)
    dropped = associate(cohort, outcome="madrs", marker="BPND", flagged="drop")
    assert dropped.diagnostics["n"] == 23
    assert {"flagged_scans_dropped"} <= {flag.name for flag in dropped.flags}
    assert dropped.settings["dropped"] == [{"participant_id": "sub-01", "reason": "scan flagged by quality control"}]
    with pytest.raises(UnknownNameError, match="choice for flagged scans 'remove'"):
        associate(cohort, outcome="madrs", marker="BPND", flagged="remove")


def test_change_and_endpoint_give_the_same_corrected_slope_when_severity_is_adjusted_for():
    change, after = (
        associate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type=kind) for kind in ("change", "endpoint")
    )
    assert_allclose(change["slope"].value, after["slope"].value, rtol=ITERATIVE)
    assert_allclose(change["baseline_score"].value, after["baseline_score"].value - 1.0, rtol=1e-5)


def test_words_tell_the_correction_and_the_naive_slope():
    text = describe(associate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint"))
    assert "corrected for the noise of the scans by maximum likelihood (without correction -11.6, p = 0.015)" in text
    assert "effect" not in text


def test_a_person_who_alone_determines_a_dummy_does_not_stop_the_likelihood():
    frame = a24_frame()
    frame.loc[3, "site"] = "D"
    fit = associate(a24_cohort(frame), outcome="hamd17", marker="BPND", covariates=["site"])
    assert np.isfinite(fit["slope"].interval(0.95)).all()
    assert np.isnan(influence(fit).set_index("participant_id").loc["04", "dfbeta"])


def test_inputs_are_not_changed():
    outcome, marker, noise, covariates = sample(22)
    copies = [array.copy() for array in (outcome, marker, noise, covariates["age"])]
    regress(outcome, marker, stderr=noise, covariates=covariates, covariate_stderr={"age": noise})
    for before, after in zip(copies, (outcome, marker, noise, covariates["age"]), strict=True):
        assert (before == after).all()


def few_bad_scans(seed):
    """Forty people, four of them with scans eight times as noisy as the others; slope 2 per unit, true SD 1."""
    rng = np.random.default_rng(seed)
    true, noise = rng.standard_normal(40), np.r_[np.full(4, 4.0), np.full(36, 0.5)]
    return 2 * true + rng.standard_normal(40), true + noise * rng.standard_normal(40), noise


def test_a_few_very_noisy_scans_do_not_hide_that_people_differ():
    for seed in range(12):
        outcome, marker, noise = few_bad_scans(seed)
        fit = regress(outcome, marker, stderr=noise)
        assert "no_spread_beyond_noise" not in {flag.name for flag in fit.flags}
        # tau2 is 1; that of plain moments, variance less mean squared error, runs from -1.3 to 2.7 in these cohorts
        assert 0.4 < fit.diagnostics["tau2"] < 2.0
        low, high = fit["standardised_slope"].interval()
        assert 0.0 < low < 2 / np.sqrt(5) < high
    response = (outcome + 4 * np.sin(np.arange(40.0)) > 0).astype(float)
    odds = regress(response, marker, stderr=noise, family="binomial")["odds_ratio"]
    assert odds.value > 1.5


def test_an_endless_error_leaves_the_reliability_of_the_others_alone():
    outcome, marker, noise = few_bad_scans(1)
    rest = regress(outcome[4:], marker[4:], stderr=noise[4:])
    fit = regress(outcome, marker, stderr=np.r_[np.full(4, np.inf), noise[4:]])
    for name in ("reliability", "reliability_low95", "tau2", "mean_se2"):
        assert_allclose(fit.diagnostics[name], rest.diagnostics[name], rtol=1e-12)
    assert_allclose(fit["slope"].value, rest["slope"].value, rtol=1e-3)
    assert analysis_rows(fit)["marker_se"].isin([np.inf]).sum() == 4


def test_reliability_by_own_errors_is_that_of_moments_where_errors_are_equal():
    _, marker, _, covariates = sample(5)
    matrix = np.column_stack(list(covariates.values()))
    even = np.full(marker.size, 0.5 * marker.std())
    nearly = even * np.linspace(1.0, 1.0 + 1e-9, even.size)
    plain = conditional_reliability(marker, even, matrix)
    weighted = conditional_reliability(marker, nearly, matrix, weighted=True)
    for name in ("value", "tau2", "mean_se2", "low", "high"):
        assert_allclose(getattr(weighted, name), getattr(plain, name), rtol=1e-7)


@pytest.mark.parametrize("error", ["rc", "simex"])
@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_calibration_and_simex_know_no_slope_where_people_do_not_differ(error, family):
    rng = np.random.default_rng(1)
    marker, outcome = rng.standard_normal(40), rng.standard_normal(40)
    if family == "binomial":
        outcome = (outcome > 0).astype(float)
    fit = regress(outcome, marker, stderr=np.full(40, 2.0), error=error, family=family)
    assert fit["slope"].interval() == (-np.inf, np.inf)
    assert np.isnan(fit["slope"].value)
    assert np.isnan(fit["standardised_slope"].value)
    assert {"unidentified_slope", "no_spread_beyond_noise"} <= {flag.name for flag in fit.flags}
    assert "do not identify the slope" in describe(fit)
    assert "nan" not in describe(fit)
    # spread that is seen but not shown: a slope with an open interval
    weak = regress(outcome, marker, stderr=np.full(40, 0.9 * marker.std()), error=error, family=family)
    assert np.isfinite(weak["slope"].value)
    assert weak["slope"].interval() == (-np.inf, np.inf)
    assert "unidentified_slope" in {flag.name for flag in weak.flags}
