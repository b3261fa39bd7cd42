"""Every number of the worked examples W9 to W17, each from a public function; see test_worked_examples.py."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from cohort_a24 import column
from scipy import special
from worked_example import SEARCHED, Examples, pair

from neurochem import response as nc
from neurochem.response.mediation import mediation
from neurochem.response.prediction import brier, calibration, discrimination, net_benefit

EXAMPLES = Examples()
example = EXAMPLES.add

# --- W9 mixed model -------------------------------------------------------------------------------------------------

SCORES = [24, 20, 16, 14, 22, 21, 19, 17, 27, 22, 15, 12, 19, 16, 14, 9, 21, 15, 12, 8, 25, 24, 20, 19]


@cache
def trajectory(random):
    return nc.regress_trajectory(SCORES, np.tile([0, 2, 4, 8], 6), np.repeat(np.arange(6), 4), random=random)


example("W9", "slope, intercept", "-1.221429 22.233333",
        lambda: [trajectory("intercept")[k].value for k in ("slope", "intercept")])  # fmt: skip
example("W9", "random intercept: SE, variances", "0.137457 3.967857 8.718452",
        lambda: [trajectory("intercept")["slope"].stderr,
                 *(trajectory("intercept")[f"{k}_variance"].value for k in ("residual", "intercept"))], SEARCHED)  # fmt: skip
example("W9", "random slope: SEs, residual variance", "0.187709 1.127140 2.538095",
        lambda: [trajectory("slope")["slope"].stderr, trajectory("slope")["intercept"].stderr,
                 trajectory("slope")["residual_variance"].value], SEARCHED)  # fmt: skip
example("W9", "random slope: covariance", "6.09981 0.182095 0.138891",
        lambda: [trajectory("slope")[k].value for k in
                 ("intercept_variance", "intercept_slope_covariance", "slope_variance")], SEARCHED)  # fmt: skip
example("W9", "REML logL", "-54.606731 -56.342885",
        lambda: [trajectory(k).diagnostics["log_likelihood"] for k in ("slope", "intercept")])  # fmt: skip

# --- W10 mediation --------------------------------------------------------------------------------------------------

MEDIATOR = [-0.02, 0.05, -0.01, 0.03, -0.04, 0.02, 0.08, 0.12, 0.05, 0.15, 0.07, 0.10]
CHANGE = [-5, -9, -6, -8, -4, -7, -10, -13, -8, -15, -9, -12]


@cache
def mediated():
    return mediation(CHANGE, MEDIATOR, [0] * 6 + [1] * 6, rng=np.random.default_rng(1), bootstraps=100)


example("W10", "a, b", "0.090000 0.020248 -64.227642 3.794038", lambda: pair(mediated(), "a", "b"))
example("W10", "ab, c', c", "-5.780488 1.113821 -4.666667",
        lambda: [mediated()[k].value for k in ("indirect", "direct", "total")])  # fmt: skip
example("W10", "Sobel", "1.344591 -4.299067", lambda: [mediated().diagnostics[f"sobel_{k}"] for k in ("stderr", "z")])
example("W10", "share that is not reported", "1.238676",
        lambda: mediated()["indirect"].value / mediated()["total"].value)  # fmt: skip

# --- W11 ComBat -----------------------------------------------------------------------------------------------------

FEATURES = ["f1", "f2", "f3", "f4"]
TEN = pd.DataFrame(
    [[1.50, 8.9, 2.10, 1.20], [1.42, 9.6, 2.35, 1.11], [1.61, 8.4, 2.02, 1.31], [1.33, 9.1, 2.28, 1.05],
     [1.55, 9.9, 2.21, 1.24], [1.78, 10.4, 2.60, 1.29], [1.69, 11.9, 2.95, 1.22], [1.90, 10.1, 2.41, 1.45],
     [1.60, 12.2, 2.88, 1.12], [1.83, 10.9, 2.66, 1.37]], columns=FEATURES,
).assign(age=[30, 42, 25, 51, 36, 33, 45, 28, 55, 39], site=list("AAAAABBBBB"))  # fmt: skip


@cache
def combat():
    return nc.ComBat(preserve=["age"], empirical_bayes=True).fit(TEN)


@cache
def harmonised():
    return combat().transform(TEN)[FEATURES].to_numpy()


example("W11", "alpha", "2.014837 7.940987 1.870000 1.630731", lambda: combat().alpha_)
example("W11", "age", "-0.010256 0.057266 0.015000 -0.010279", lambda: combat().beta_)
example("W11", "sigma", "0.036529 0.441776 0.082735 0.042110", lambda: combat().sigma_)
example("W11", "A: g", "-4.254430 -1.965644 -2.779976 -1.672912", lambda: combat().effects_.raw_location[0])
example("W11", "A: d", "1.202253 1.821540 0.841855 0.811394", lambda: combat().effects_.raw_scale[0])
example("W11", "A: prior", "-2.668241 1.337601 8.197323 8.415546", lambda: combat().effects_.prior[0])
example("W11", "A: g*", "-4.025284 -2.076032 -2.764921 -1.806835", lambda: combat().effects_.location[0], SEARCHED)
example("W11", "A: d*", "1.129314 1.246642 1.041506 1.039789", lambda: combat().effects_.scale[0], SEARCHED)
example("W11", "B: g*", "3.999387 2.069661 2.761443 1.839162", lambda: combat().effects_.location[1], SEARCHED)
example("W11", "B: d*", "1.281401 1.162193 1.329898 1.341103", lambda: combat().effects_.scale[1], SEARCHED)
example("W11", "person 1", "1.650586 9.800632 2.328578 1.276980", lambda: harmonised()[0], SEARCHED)
example("W11", "person 6", "1.638859 9.510658 2.370665 1.223329", lambda: harmonised()[5], SEARCHED)

# --- W12 multiplicity -----------------------------------------------------------------------------------------------

P_VALUES = [0.001, 0.008, 0.012, 0.020, 0.041, 0.049, 0.30, 0.62]
TWO_MARKERS = [[1.1, 2.0], [1.3, 2.4], [1.2, 2.1], [1.6, 2.9], [1.5, 2.2], [1.9, 2.6], [1.8, 3.1], [1.7, 2.8]]


@cache
def screened():
    rng = np.random.default_rng(0)
    return nc.screen(TWO_MARKERS, np.repeat([0.0, 1.0], 4), rng=rng, permutations=50_000).to_frame()


example("W12", "Holm", ".008 .056 .072 .100 .164 .164 .600 .620", lambda: nc.adjust_p_values(P_VALUES, "holm"))
example("W12", "Benjamini-Hochberg", ".008 .032 .032 .040 .065333 .065333 .342857 .620",
        lambda: nc.adjust_p_values(P_VALUES, "bh"))  # fmt: skip
example("W12", "Benjamini-Yekutieli", ".021743 .086971 .086971 .108714 .177567 .177567 .931837 1",
        lambda: nc.adjust_p_values(P_VALUES, "by"))  # fmt: skip
example("W12", "|t|", "3.086660 1.175360", lambda: np.abs(screened()["t"]))
example("W12", "raw p of 70 splits", ".057143 .314286", lambda: screened()["p_permutation"])
example("W12", "max-T p of 70 splits", ".057143 .371429", lambda: screened()["p_max"])

# --- W13 Rubin ------------------------------------------------------------------------------------------------------


@cache
def rubin():
    return nc.pool_estimates([-6.1, -5.4, -6.8, -5.9, -6.3], np.sqrt([4.0, 4.4, 3.9, 4.2, 4.1]), dof=20)


example("W13", "Q, SE", "-6.100000 2.106656", lambda: pair(rubin(), "pooled"))
example("W13", "T, r, nu, lambda", "4.438000 0.077184 779.0769 0.071654",
        lambda: [rubin().diagnostics[k] for k in
                 ("total_variance", "relative_increase", "dof_large_sample", "share_from_missing")])  # fmt: skip
example("W13", "Barnard-Rubin nu, p", "16.591385 .010245", lambda: [rubin().diagnostics[k] for k in ("dof", "p_value")])

# --- W14 change with per-scan errors --------------------------------------------------------------------------------


@cache
def mean_change():
    return nc.mean_with_errors(
        [0.12, 0.05, 0.20, -0.03, 0.10, 0.16, 0.02, 0.09], [0.04, 0.06, 0.05, 0.05, 0.03, 0.07, 0.05, 0.04]
    )


example("W14", "fixed", "0.090256 0.015727", lambda: pair(mean_change(), "fixed_mean"))
example("W14", "Q, I2", "14.677790 52.3089", lambda: [mean_change().diagnostics[k] for k in ("Q", "I2")])
example("W14", "DerSimonian-Laird", "0.00226066 0.088355 0.023736",
        lambda: [mean_change().diagnostics[f"{k}_moments"] for k in ("tau2", "mean", "stderr")])  # fmt: skip
example("W14", "REML tau2, mean, SE", "0.00246151 0.088317 0.024287",
        lambda: [mean_change()["tau2"].value, mean_change()["mean"].value, mean_change().diagnostics["stderr_mean"]])  # fmt: skip
example("W14", "Hartung-Knapp", "0.025147 0.028854 0.147781",
        lambda: [mean_change()["mean"].stderr, *mean_change()["mean"].interval()])  # fmt: skip
example("W14", "shrunken values", "0.107519 0.072757 0.143725 0.029618 0.096872 0.112286 0.054424 0.089337",
        lambda: mean_change().fitted)  # fmt: skip

# --- W15 survival and ordinal ---------------------------------------------------------------------------------------

WEEKS = [2, 3, 3, 4, 4, 5, 6, 6, 8, 8, 8, 8]
EVENTS = [1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0]
BINDING = [1.72, 1.61, 1.57, 1.55, 1.40, 1.51, 1.63, 1.35, 1.42, 1.30, 1.37, 1.21]


@cache
def cox(ties):
    return nc.regress_survival(WEEKS, EVENTS, BINDING, ties=ties)


@cache
def ordinal():
    y0, y8, bp = column("y0"), column("y8"), column("bp")
    category = np.where(y8 <= 9, 2, np.where(nc.percent_reduction(y0, y8) >= 40, 1, 0))
    return nc.regress_ordinal(category, (bp - bp.mean()) / bp.std(ddof=1))


example("W15", "Kaplan-Meier", "2 3 4 5 6 8 .916667 .750000 .666667 .571429 .476190 .357143",
        lambda: nc.kaplan_meier(WEEKS, EVENTS)[["time", "survival"]].to_numpy().T)  # fmt: skip
for _ties, _numbers, _height in (
    ("breslow", "14.546887 5.667731", "-8.031230"), ("efron", "14.614678 5.625741", "-7.796406"),
):  # fmt: skip
    example("W15", f"Cox, {_ties}", _numbers, lambda t=_ties: pair(cox(t), "slope"), SEARCHED)
    example("W15", f"Cox logL, {_ties}", _height, lambda t=_ties: cox(t).diagnostics["log_likelihood"])
example("W15", "ordinal slope", "0.479049 0.414410", lambda: pair(ordinal(), "slope"), SEARCHED)
example("W15", "thresholds", "0.188144 1.699002",
        lambda: [ordinal()[f"threshold[{k}]"].value for k in ("0|1", "1|2")], SEARCHED)  # fmt: skip
example("W15", "ordinal logL", "-23.058333", lambda: ordinal().diagnostics["log_likelihood"])

# --- W16 calibration and net benefit --------------------------------------------------------------------------------

OBSERVED = np.array([0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1.0])
RISK = np.array([0.1, 0.2, 0.3, 0.35, 0.45, 0.55, 0.6, 0.7, 0.8, 0.9, 0.25, 0.65])


@cache
def calibrated():
    return calibration(OBSERVED, special.logit(RISK))


@cache
def decision():
    return net_benefit(OBSERVED, RISK, [0.2, 0.3, 0.5])


example("W16", "slope, SE, intercept", "0.602153 0.553976 0.036951",
        lambda: [calibrated().slope, calibrated().slope_stderr, calibrated().intercept])  # fmt: skip
example("W16", "in the large, O/E", "0.065257 1.025641",
        lambda: [calibrated().in_the_large, calibrated().observed_expected])  # fmt: skip
example("W16", "Brier, AUC", "0.221042 0.722222",
        lambda: [brier(OBSERVED, RISK)[0], discrimination(OBSERVED, RISK).auc])  # fmt: skip
example("W16", "net benefit", "0.395833 0.392857 0.166667", lambda: decision()["model"])
example("W16", "act on all", "0.375000 0.285714 0", lambda: decision()["act_on_all"])

# --- W17 Riley ------------------------------------------------------------------------------------------------------

for _arguments, _criteria, _needed in (
    ((24, 0.174, 0.288), "622.31 661.10 220.85", "662"), ((5, 0.45, 0.15), "274.24 120.82 380.32", "381"),
):  # fmt: skip
    example("W17", f"binary {_arguments}", _criteria, lambda a=_arguments: nc.riley_binary(*a).criteria)
    example("W17", f"binary {_arguments}: n", _needed, lambda a=_arguments: nc.riley_binary(*a).needed)
for _arguments, _criteria, _needed in (((25, 0.2), "918 401 259", "918"), ((5, 0.2), "112 81 239", "239")):
    example("W17", f"continuous {_arguments}", _criteria, lambda a=_arguments: nc.riley_continuous(*a).criteria)
    example("W17", f"continuous {_arguments}: n", _needed, lambda a=_arguments: nc.riley_continuous(*a).needed)


@pytest.mark.parametrize("case", EXAMPLES.cases, ids=EXAMPLES.names)
def test_the_printed_value_is_given_by_a_public_function(case):
    case.check()


def test_a_share_with_inconsistent_signs_is_suppressed():
    assert "share_mediated" not in mediated().diagnostics
    assert [flag.name for flag in mediated().flags] == ["inconsistent_mediation"]
