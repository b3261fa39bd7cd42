"""Worked examples with values computed independently (numpy, scipy, statsmodels, closed forms), six decimals printed.

Closed forms are held to the printed digits (1e-6 relative), searches to 1e-4.
"""

import numpy as np
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from numpy.testing import assert_allclose

from neurochem.response import associate, kaplan_meier, regress, regress_ordinal, regress_survival, regress_trajectory
from neurochem.response.covariates import encode_covariates
from neurochem.response.effect_sizes import auc, compare_auc, hedges_g
from neurochem.response.measurement_error.mean_change import mean_with_errors
from neurochem.response.measurement_error.noisy_data import problem
from neurochem.response.measurement_error.regression_calibration import calibrate
from neurochem.response.model_data import ModelData

PRINTED = 6e-7
SEARCHED = 1e-4


def a24(error, **choices):
    return associate(a24_cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint", error=error, **choices)


def responders():
    return (column("y8") <= 0.5 * column("y0")).astype(float)


def treated():
    return (a24_frame()["arm"] == "ssri").to_numpy(dtype=float)


def test_moderator_and_simple_slopes():
    centred, t = column("bp") - column("bp").mean(), treated()
    terms = {"y0": column("y0"), "bpc": centred, "t": t}
    fit = regress(column("y8"), t * centred, covariates=terms, robust="classical")
    expected = {"intercept": -1.810465, "y0": 0.746381, "bpc": -8.251846, "t": -2.117219, "slope": -6.299060}
    for name, value in expected.items():
        assert_allclose(fit[name].value, value, atol=PRINTED, err_msg=name)
    assert_allclose([fit[name].stderr for name in ("bpc", "t", "slope")], (5.843611, 1.107348, 7.987840), atol=PRINTED)
    assert_allclose(fit.diagnostics["p_value"], 0.440086, atol=PRINTED)
    both = fit.combine("ssri", {"bpc": 1.0, "slope": 1.0})
    assert_allclose((both.value, both.stderr), (-14.550906, 5.558280), atol=PRINTED)
    plain = regress(column("y8"), t * column("bp"), covariates={**terms, "bpc": column("bp")}, robust="classical")
    assert_allclose(plain["t"].value, 6.977048, atol=PRINTED)


def test_firth():
    z = (column("bp") - column("bp").mean()) / column("bp").std(ddof=1)
    fit = regress(responders(), z, family="binomial", penalty="firth")
    assert fit.model == "logistic (Firth)"
    assert_allclose((fit["intercept"].value, fit["intercept"].stderr), (-1.036751, 0.531373), rtol=SEARCHED)
    assert_allclose((fit["slope"].value, fit["slope"].stderr), (1.102181, 0.600728), rtol=SEARCHED)
    assert_allclose(
        (fit.diagnostics["likelihood_ratio"], fit.diagnostics["p_value"]), (4.773975, 0.028893), rtol=SEARCHED
    )


def test_groups_and_discrimination():
    g = hedges_g(column("bp"), responders())
    assert_allclose((g["d"].value, g["g"].value), (1.079397, 1.042104), atol=PRINTED)
    assert_allclose((g.diagnostics["correction"], g["g"].stderr ** 2), (0.965451, 0.224305), atol=PRINTED)
    assert_allclose(g["g"].interval(0.95), (0.113848, 1.970360), atol=PRINTED)
    assert_allclose(g["d"].interval(0.95), (0.133004, 2.004135), atol=PRINTED)
    assert_allclose((g.diagnostics["t"], g.diagnostics["p_value"]), (2.403526, 0.025105), atol=PRINTED)
    area = auc(column("bp"), responders())["auc"]
    assert_allclose((area.value, area.stderr), (0.806723, 0.118838), atol=PRINTED)
    assert_allclose(area.interval(0.95), (0.483763, 0.948956), atol=PRINTED)
    gap = compare_auc(column("bp"), -column("y0"), responders())
    assert_allclose((gap["difference"].value, gap["difference"].stderr), (0.201681, 0.244388), atol=PRINTED)
    assert_allclose((gap.diagnostics["z"], gap.diagnostics["p_value"]), (0.825249, 0.409230), atol=PRINTED)
    assert_allclose(auc(-column("y0"), responders())["auc"].value, 0.605042, atol=PRINTED)


def test_measurement_error_by_maximum_likelihood():
    fit = a24("ml")
    assert_allclose(fit["slope"].value, -18.695362, rtol=SEARCHED)
    assert_allclose(fit["slope"].stderr, 5.853353, rtol=SEARCHED)
    assert_allclose(
        (fit.diagnostics["likelihood_low95"], fit.diagnostics["likelihood_high95"]), (-31.8438, -7.1497), rtol=SEARCHED
    )
    assert_allclose((fit.diagnostics["sigma"], fit.diagnostics["tau"]), (1.992546, 0.111091), rtol=SEARCHED)
    assert_allclose(fit.diagnostics["naive_slope"], -11.561964, atol=PRINTED)
    assert_allclose(fit.diagnostics["reliability"], 0.585970, atol=PRINTED)


def test_measurement_error_by_regression_calibration():
    fit = a24("rc", robust="classical")
    assert_allclose(fit["slope"].value, -17.955190, rtol=SEARCHED)
    table = a24_frame()[["y0", "arm"]]
    covariates = encode_covariates(table, {"arm": ["placebo", "ssri"]})
    data = ModelData(column("y8"), column("bp"), column("se"), covariates, tuple(a24_frame()["id"]))
    found = calibrate(data)
    assert_allclose(found.tau2, 0.01230797, rtol=SEARCHED)
    # the second is printed with four digits only
    assert_allclose(found.coefficients, (1.270062, 0.007448, 0.023745), rtol=SEARCHED, atol=1e-6)
    assert_allclose((found.weight.min(), found.weight.max()), (0.385733, 0.831172), rtol=SEARCHED)
    assert_allclose(found.expected[:3, 0], (1.424750, 1.485427, 1.440025), rtol=SEARCHED)
    assert problem(data).dof == 20


def test_measurement_error_by_simulation_extrapolation():
    fit = a24("simex")
    assert_allclose(
        fit.settings["simex_slopes"], (-11.561964, -9.349888, -7.848320, -6.762310, -5.940320), atol=PRINTED
    )
    found = [fit.diagnostics[f"simex_{kind}"] for kind in ("linear", "quadratic", "rational")]
    assert_allclose(found[:2], (-13.824907, -17.020636), atol=PRINTED)
    # the rational extrapolant is the exact moment estimator, found by a search
    assert_allclose(found[2], -21.946579, rtol=SEARCHED)
    assert fit["slope"].value == found[1]


def test_weighting_by_the_error_is_no_correction():
    frame = a24_frame()
    design = np.column_stack([frame["bp"], np.ones(24), frame["y0"], treated()])
    root = 1.0 / column("se")
    slope = np.linalg.lstsq(design * root[:, None], column("y8") * root, rcond=None)[0][0]
    assert_allclose(slope, -12.846980, atol=PRINTED)
    assert slope > a24("ml")["slope"].interval(0.95)[0]
    assert slope > 0.75 * a24("ml")["slope"].value


def test_change_against_baseline_of_the_same_marker():
    w0 = np.array([1.62, 1.48, 1.71, 1.35, 1.80, 1.29, 1.66, 1.44, 1.38, 1.51])
    w1 = np.array([1.50, 1.49, 1.52, 1.41, 1.58, 1.35, 1.49, 1.47, 1.36, 1.52])
    s0 = np.array([0.06, 0.05, 0.09, 0.05, 0.12, 0.04, 0.07, 0.05, 0.06, 0.08])
    covariance, variance = np.cov(w0, w1 - w0)[0, 1], np.var(w0, ddof=1)
    assert_allclose(regress(w1 - w0, w0)["slope"].value, -0.613163, atol=PRINTED)
    corrected = (covariance + np.mean(s0**2)) / (variance - np.mean(s0**2))
    assert_allclose(corrected, -0.529446, atol=PRINTED)
    # the error of the outcome w1 is independent of that of w0: the slope of w1 less one is the corrected slope of change
    after = regress(w1, w0, stderr=np.full(10, np.sqrt(np.mean(s0**2))), error="reml")
    assert_allclose(after["slope"].value - 1.0, corrected, rtol=SEARCHED)


@pytest.mark.parametrize(
    ("random", "stderr", "variances", "height"),
    [
        ("intercept", 0.137457, {"residual_variance": 3.967857, "intercept_variance": 8.718452}, -56.342885),
        (
            "slope", 0.187709,
            {
                "residual_variance": 2.538095, "intercept_variance": 6.09981, "slope_variance": 0.138891,
                "intercept_slope_covariance": 0.182095,
            }, -54.606731,
        ),
    ],
)  # fmt: skip
def test_mixed_model_on_a_balanced_grid_is_the_analysis_of_variance(random, stderr, variances, height):
    scores = [24, 20, 16, 14, 22, 21, 19, 17, 27, 22, 15, 12, 19, 16, 14, 9, 21, 15, 12, 8, 25, 24, 20, 19]
    fit = regress_trajectory(scores, np.tile([0, 2, 4, 8], 6), np.repeat(np.arange(6), 4), random=random)
    assert_allclose((fit["slope"].value, fit["intercept"].value), (-1.221429, 22.233333), rtol=1e-6)
    assert_allclose(fit["slope"].stderr, stderr, rtol=SEARCHED)
    for name, value in variances.items():
        assert_allclose(fit[name].value, value, rtol=SEARCHED, err_msg=name)
    assert_allclose(fit.diagnostics["log_likelihood"], height, rtol=1e-6)
    if random == "slope":
        assert_allclose(fit["intercept"].stderr, 1.127140, rtol=SEARCHED)


def test_mean_change_with_errors():
    change = [0.12, 0.05, 0.20, -0.03, 0.10, 0.16, 0.02, 0.09]
    fit = mean_with_errors(change, [0.04, 0.06, 0.05, 0.05, 0.03, 0.07, 0.05, 0.04])
    assert_allclose((fit["fixed_mean"].value, fit["fixed_mean"].stderr), (0.090256, 0.015727), atol=PRINTED)
    assert_allclose((fit.diagnostics["Q"], fit.diagnostics["I2"]), (14.677790, 52.3089), rtol=2e-6)
    assert_allclose(fit.diagnostics["tau2_moments"], 0.00226066, atol=6e-9)
    assert_allclose(
        (fit.diagnostics["mean_moments"], fit.diagnostics["stderr_moments"]), (0.088355, 0.023736), atol=PRINTED
    )
    assert_allclose(fit["tau2"].value, 0.00246151, atol=6e-9)
    assert_allclose((fit["mean"].value, fit.diagnostics["stderr_mean"]), (0.088317, 0.024287), atol=PRINTED)
    assert_allclose(fit["mean"].stderr, 0.025147, atol=PRINTED)
    assert_allclose(fit["mean"].interval(0.95), (0.028854, 0.147781), atol=PRINTED)
    shrunken = (0.107519, 0.072757, 0.143725, 0.029618, 0.096872, 0.112286, 0.054424, 0.089337)
    assert_allclose(fit.fitted, shrunken, atol=PRINTED)


WEEKS = [2, 3, 3, 4, 4, 5, 6, 6, 8, 8, 8, 8]
EVENTS = [1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0]
BINDING = [1.72, 1.61, 1.57, 1.55, 1.40, 1.51, 1.63, 1.35, 1.42, 1.30, 1.37, 1.21]


def test_survival():
    curve = kaplan_meier(WEEKS, EVENTS)
    assert curve["time"].tolist() == [2, 3, 4, 5, 6, 8]
    assert_allclose(curve["survival"], (0.916667, 0.750000, 0.666667, 0.571429, 0.476190, 0.357143), atol=PRINTED)
    expected = {"breslow": (14.546887, 5.667731, -8.031230), "efron": (14.614678, 5.625741, -7.796406)}
    for ties, (slope, stderr, height) in expected.items():
        fit = regress_survival(WEEKS, EVENTS, BINDING, ties=ties)
        assert_allclose((fit["slope"].value, fit["slope"].stderr), (slope, stderr), rtol=SEARCHED)
        assert_allclose(fit.diagnostics["log_likelihood"], height, rtol=1e-6)


def test_ordinal():
    y0, y8, bp = column("y0"), column("y8"), column("bp")
    categories = np.where(y8 <= 9, 2, np.where(100 * (y0 - y8) / y0 >= 40, 1, 0))
    assert np.bincount(categories).tolist() == [13, 7, 4]
    fit = regress_ordinal(categories, (bp - bp.mean()) / bp.std(ddof=1))
    assert_allclose((fit["slope"].value, fit["slope"].stderr), (0.479049, 0.414410), rtol=SEARCHED)
    assert_allclose((fit["threshold[0|1]"].value, fit["threshold[1|2]"].value), (0.188144, 1.699002), rtol=SEARCHED)
    assert_allclose(fit.diagnostics["log_likelihood"], -23.058333, rtol=1e-6)
