"""Every number of the worked examples W1 to W8, each from a public function, named by example and quantity.

The numbers were computed independently (numpy, scipy, statsmodels, closed forms) and are given as printed. A value agrees
when it lies within half a unit of the last printed digit, and 1e-4 of it more where a search finds it.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from worked_example import SEARCHED, Examples, pair

from neurochem import pet
from neurochem import response as nc
from neurochem.response.moderation import moderate
from neurochem.response.prediction import brier

EXAMPLES = Examples()
example = EXAMPLES.add

# --- W1 outcomes ----------------------------------------------------------------------------------------------------

Y0, Y8, BP, SE = (column(name) for name in ("y0", "y8", "bp", "se"))
TREATED = (a24_frame()["arm"] == "ssri").to_numpy(dtype=float)
Z = (BP - BP.mean()) / BP.std(ddof=1)


@cache
def cohort():
    return a24_cohort()


def people_where(mask):
    return [int(name) for name in a24_frame()["id"][np.asarray(mask)]]


@cache
def table_of(visit):
    return cohort().wide(visit).describe()


example("W1", "baseline mean, SD", "22.083333 2.701315", lambda: table_of("baseline")["hamd17"][["mean", "std"]])
example("W1", "endpoint mean, SD", "13.583333 3.682115", lambda: table_of("week8")["hamd17"][["mean", "std"]])
example("W1", "marker mean, SD", "1.443750 0.140397", lambda: table_of("baseline")["BPND midbrain"][["mean", "std"]])
example("W1", "percent reduction", "38.652064", lambda: nc.percent_reduction(Y0, Y8).mean())
example("W1", "responders", "5 7 13 18 19 21 23", lambda: people_where(nc.is_response(Y0, Y8)))
example("W1", "remitters", "13", lambda: people_where(nc.is_remission(Y0, Y8, nc.SCALES["hamd17"])))

# --- W2 ANCOVA ------------------------------------------------------------------------------------------------------


@cache
def a24(**choices):
    given = {"outcome_type": "endpoint", "error": "none", "robust": "classical", **choices}
    given["covariates"] = list(given.get("covariates", ()))
    return nc.associate(cohort(), outcome="hamd17", marker="BPND", **given)


def row(term, *columns, **choices):
    return nc.coefficient_table(a24(**choices)).set_index("term").loc[term, list(columns)]


for _term, _numbers, _robust in (
    ("intercept", "14.899649 6.752603 2.206505 .039205", "8.332121 .088902"),
    ("baseline_score", "0.744184 0.210461 3.535970 .002075", "0.266252 .011179"),
    ("slope", "-11.561964 4.026881 -2.871196 .009441", "4.358221 .015269"),
    ("arm[ssri]", "-2.115606 1.096828 -1.928840 .068065", "1.296589 .118396"),
):
    example("W2", f"{_term} b, SE, t, p", _numbers, lambda t=_term: row(t, "estimate", "stderr", "t", "p"))
    example("W2", f"{_term} HC3 SE, p", _robust, lambda t=_term: row(t, "stderr", "p", robust="HC3"))
example("W2", "df", "20", lambda: a24().diagnostics["dof"])
example("W2", "R2, residual SD, f2", "0.548537 2.653122 0.412188",
        lambda: [a24().diagnostics[k] for k in ("r_squared", "residual_sd", "f2")])  # fmt: skip
example("W2", "interval of the slope", "-19.961890 -3.162038", lambda: list(a24()["slope"].interval()))
example("W2", "partial r", "-0.540258", lambda: a24()["partial_r"].value)
example("W2", "Fisher interval", "-0.783421 -0.153647", lambda: list(a24()["partial_r"].interval()))
example("W2", "standardised beta", "-0.440852", lambda: a24()["standardised_slope"].value)
example("W2", "change: slope, arm, baseline", "-11.561964 -2.115606 -0.255816",
        lambda: [a24(outcome_type="change")[k].value for k in ("slope", "arm[ssri]", "baseline_score")])  # fmt: skip
example("W2", "change without baseline", "-12.514084 3.994609 .005029",
        lambda: row("slope", "estimate", "stderr", "p", outcome_type="change", adjust_severity=False))  # fmt: skip
example("W2", "change without baseline: arm", "-1.926813",
        lambda: a24(outcome_type="change", adjust_severity=False)["arm[ssri]"].value)  # fmt: skip
for _term, _numbers in (("slope", "46.793522 17.366713"), ("arm[ssri]", "10.436936 4.773806")):
    example("W2", f"percent reduction: {_term}", _numbers,
            lambda t=_term: row(t, "estimate", "stderr", outcome_type="percent_reduction", adjust_severity=False))  # fmt: skip
for _term, _numbers in (("slope", "-11.137997 4.292841"), ("arm[ssri]", "-2.102145 1.140887")):
    example("W2", f"with sites: {_term}", _numbers,
            lambda t=_term: row(t, "estimate", "stderr", covariates=("site",)))  # fmt: skip
example("W2", "with sites: B, C", "-0.611296 -0.996181",
        lambda: [a24(covariates=("site",))[f"site[{k}]"].value for k in "BC"])  # fmt: skip

# --- W3 moderation --------------------------------------------------------------------------------------------------


@cache
def centred():
    terms = {"y0": Y0, "bpc": BP - BP.mean(), "t": TREATED}
    return nc.regress(Y8, TREATED * (BP - BP.mean()), covariates=terms, robust="classical")


@cache
def moderated():
    return moderate(
        cohort(), outcome="hamd17", marker="BPND", outcome_type="endpoint", error="none", robust="classical"
    )


def gain(marker):
    return moderated()["arm_difference"].value + moderated()["interaction"].value * (marker - BP.mean())


example("W3", "coefficients", "-1.810465 0.746381 -8.251846 -2.117219 -6.299060",
        lambda: [centred()[k].value for k in ("intercept", "y0", "bpc", "t", "slope")])  # fmt: skip
example("W3", "errors, p", "5.843611 1.107348 7.987840 .440086",
        lambda: [*(centred()[k].stderr for k in ("bpc", "t", "slope")), centred().diagnostics["p_value"]])  # fmt: skip
example("W3", "interaction", "-6.299060 7.987840 .440086",
        lambda: [*pair(moderated(), "interaction"), moderated().diagnostics["p_value"]])  # fmt: skip
example("W3", "simple slopes", "-8.251846 -14.550906 5.558280",
        lambda: [moderated()["slope[placebo]"].value, *pair(moderated(), "slope[ssri]")])  # fmt: skip
example("W3", "uncentred effect of arm", "6.977048", lambda: gain(0.0))
example("W3", "in-sample advantage", "-1.841635 -2.471541 -2.030607 -0.770795", lambda: gain(BP[:4]))
example("W3", "crossover", "1.107633", lambda: moderated()["crossover"].value)
example("W3", "Johnson-Neyman", "-239.838130 26.529809 -0.889147",
        lambda: [moderated().settings["johnson_neyman"][k] for k in "abc"])  # fmt: skip

# --- W4 response ----------------------------------------------------------------------------------------------------

RESPONDED = (Y8 <= 0.5 * Y0).astype(float)


@cache
def logistic(penalty="none"):
    return nc.regress(RESPONDED, Z, family="binomial", penalty=penalty)


example("W4", "const, z", "-1.197700 0.580426 1.327984 0.669384", lambda: pair(logistic(), "intercept", "slope"))
example("W4", "p, logL, null, LR, LR p", ".047268 -11.659065 -14.487294 5.656458 .017391",
        lambda: [logistic().diagnostics[k] for k in
                 ("p_wald", "log_likelihood", "log_likelihood_null", "likelihood_ratio", "p_value")])  # fmt: skip
example("W4", "odds ratio", "3.773429", lambda: logistic()["odds_ratio"].value)
example("W4", "Wald interval", "1.016144 14.012547",
        lambda: np.exp(replace(logistic()["slope"], limits=()).interval()))  # fmt: skip
example("W4", "pseudo R2", "0.209971 0.299536 0.195221",
        lambda: [logistic().diagnostics[k] for k in ("cox_snell", "nagelkerke", "mcfadden")])  # fmt: skip
example("W4", "Brier, scaled", "0.151085 0.268700", lambda: brier(logistic().data, logistic().fitted))
example("W4", "Firth", "-1.036751 0.531373 1.102181 0.600728",
        lambda: pair(logistic("firth"), "intercept", "slope"), SEARCHED)  # fmt: skip
example("W4", "Firth LR, p", "4.773975 .028893",
        lambda: [logistic("firth").diagnostics[k] for k in ("likelihood_ratio", "p_value")], SEARCHED)  # fmt: skip

# --- W5 discrimination and g ----------------------------------------------------------------------------------------


@cache
def area():
    return nc.auc(BP, RESPONDED)


@cache
def hedges():
    return nc.hedges_g(BP, RESPONDED)


@cache
def two_areas():
    return nc.compare_auc(BP, -Y0, RESPONDED)


example("W5", "AUC, DeLong SE", "0.806723 0.118838", lambda: pair(area(), "auc"))
example("W5", "plain interval", "0.573804 1.039642", lambda: replace(area()["auc"], limits=()).interval())
example("W5", "logit interval", "0.483763 0.948956", lambda: list(area()["auc"].interval()))
example("W5", "U, p", "96 .022116", lambda: [area().diagnostics[k] for k in ("mann_whitney_u", "p_value")])
example("W5", "d, J, g", "1.079397 0.965451 1.042104",
        lambda: [hedges()["d"].value, hedges().diagnostics["correction"], hedges()["g"].value])  # fmt: skip
example("W5", "var g, interval", "0.224305 0.113848 1.970360",
        lambda: [hedges()["g"].stderr ** 2, *hedges()["g"].interval()])  # fmt: skip
example("W5", "noncentral interval of d", "0.133004 2.004135", lambda: list(hedges()["d"].interval()))
example("W5", "t, p", "2.403526 .025105", lambda: [hedges().diagnostics[k] for k in ("t", "p_value")])
example("W5", "AUC of -y0", "0.605042", lambda: nc.auc(-Y0, RESPONDED)["auc"].value)
example("W5", "difference", "0.201681 0.244388 0.825249 .409230",
        lambda: [*pair(two_areas(), "difference"), *(two_areas().diagnostics[k] for k in ("z", "p_value"))])  # fmt: skip

# --- W6 measurement error -------------------------------------------------------------------------------------------

NOTHING = np.zeros((24, 0))
ADJUSTED = np.column_stack([Y0, TREATED])


@cache
def simple():
    return nc.regress(Y8, BP, robust="classical")


def calibrated(people):
    fit = a24(error="rc")
    values = dict(zip(fit.settings["rows"]["participant_id"], fit.settings["calibrated_marker"], strict=True))
    return [values[name] for name in people]


def weighted_slope():
    root = 1.0 / SE
    design = np.column_stack([BP, np.ones(24), ADJUSTED]) * root[:, None]
    # a weighted regression is the plain one of weighted columns; no function offers it, because it corrects nothing
    return np.linalg.lstsq(design, Y8 * root, rcond=None)[0][0]


example("W6", "var of the marker", "0.01971141", lambda: table_of("baseline").loc["std", "BPND midbrain"] ** 2)
example("W6", "mean se2, lambda", "0.00855833 0.565818",
        lambda: [getattr(nc.conditional_reliability(BP, SE, NOTHING), k) for k in ("mean_se2", "value")])  # fmt: skip
example("W6", "conditional lambda", "0.585970", lambda: nc.conditional_reliability(BP, SE, ADJUSTED).value)
example("W6", "simple slope", "-9.468141", lambda: simple()["slope"].value)
example("W6", "simple slope corrected", "-16.733534",
        lambda: nc.conditional_reliability(BP, SE, NOTHING).corrected_slope(simple()["slope"].value))  # fmt: skip
example("W6", "r", "-0.361016", lambda: simple()["partial_r"].value)
example("W6", "r corrected", "-0.479941",
        lambda: nc.conditional_reliability(BP, SE, NOTHING).corrected_correlation(simple()["partial_r"].value))  # fmt: skip
example("W6", "homoscedastic calibration", "-19.731318",
        lambda: nc.conditional_reliability(BP, SE, ADJUSTED).corrected_slope(a24()["slope"].value))  # fmt: skip
example("W6", "exact moment", "-21.946579", lambda: a24(error="simex").diagnostics["simex_rational"], SEARCHED)
example("W6", "regression calibration", "-17.955190", lambda: a24(error="rc")["slope"].value, SEARCHED)
example("W6", "calibration model", "0.01230797 1.270062 0.007448 0.023745",
        lambda: [a24(error="rc").settings["calibration"]["tau2"], *a24(error="rc").settings["calibration"]["coefficients"]],
        SEARCHED)  # fmt: skip
example("W6", "weights", "0.385733 0.831172",
        lambda: [f(a24(error="rc").settings["calibration"]["weights"]) for f in (min, max)], SEARCHED)  # fmt: skip
example("W6", "calibrated values", "1.424750 1.485427 1.440025", lambda: calibrated(["01", "02", "03"]), SEARCHED)
example("W6", "maximum likelihood", "-18.695362 5.853353", lambda: pair(a24(error="ml"), "slope"), SEARCHED)
example("W6", "likelihood interval", "-31.8438 -7.1497",
        lambda: [a24(error="ml").diagnostics[f"likelihood_{k}95"] for k in ("low", "high")], SEARCHED)  # fmt: skip
example("W6", "sigma, tau", "1.992546 0.111091",
        lambda: [a24(error="ml").diagnostics[k] for k in ("sigma", "tau")], SEARCHED)  # fmt: skip
example("W6", "SIMEX slopes", "-11.561964 -9.349888 -7.848320 -6.762310 -5.940320",
        lambda: a24(error="simex").settings["simex_slopes"])  # fmt: skip
example("W6", "SIMEX linear, quadratic", "-13.824907 -17.020636",
        lambda: [a24(error="simex").diagnostics[f"simex_{k}"] for k in ("linear", "quadratic")])  # fmt: skip
example("W6", "weighted outcome model", "-12.846980", weighted_slope)

# --- W7 change and baseline -----------------------------------------------------------------------------------------

W0 = [1.62, 1.48, 1.71, 1.35, 1.80, 1.29, 1.66, 1.44, 1.38, 1.51]
S0 = [0.06, 0.05, 0.09, 0.05, 0.12, 0.04, 0.07, 0.05, 0.06, 0.08]
W1 = [1.50, 1.49, 1.52, 1.41, 1.58, 1.35, 1.49, 1.47, 1.36, 1.52]
S1 = [0.06, 0.06, 0.07, 0.06, 0.09, 0.05, 0.06, 0.05, 0.05, 0.07]


@cache
def severity():
    return nc.change_on_baseline(Y0, Y8)


@cache
def binding():
    return nc.change_on_baseline(W0, W1, S0, S1)


@cache
def lord():
    y0 = np.array([18, 20, 22, 24, 26, 22, 24, 26, 28, 30.0])
    return nc.compare_arms(y0, 0.5 * y0 + 8 + np.tile([0.2, -0.1, -0.2, -0.1, 0.2], 2), np.repeat([0, 1], 5))


def selected():
    found = nc.expected_without_treatment(20.0, 4.0, 0.7, at_least=17.0)
    return [found.mean, found.change]


example("W7", "r, r with change, Oldham", "0.501958 -0.258742 0.341954",
        lambda: [severity().diagnostics["r"], severity()["naive_r"].value, severity()["oldham_r"].value])  # fmt: skip
example("W7", "Pitman-Morgan", "1.706796 .101938",
        lambda: [severity().diagnostics[k] for k in ("pitman_morgan_t", "p_value")])  # fmt: skip
example("W7", "selection", "21.557528 -0.467258", selected)
example("W7", "moments", "-0.01726667 0.00501000 -0.01225667 0.02315000 0.822088",
        lambda: [binding().diagnostics[k] for k in
                 ("covariance", "mean_first_se2", "corrected_covariance", "corrected_variance", "reliability")])  # fmt: skip
example("W7", "slopes", "-0.613163 -0.529446", lambda: [binding()[k].value for k in ("naive_slope", "slope")])
example("W7", "corrected r is not estimable", "-1.518",
        lambda: float(binding().flags[0].message.partition("(")[2].partition(")")[0]))  # fmt: skip
example("W7", "Lord", "-2.000000 0.000000",
        lambda: [lord()[k].value for k in ("change_difference", "ancova_difference")])  # fmt: skip

# --- W8 test-retest and derived quantities --------------------------------------------------------------------------

PAIRS = [(1.50, 1.56), (1.32, 1.30), (1.71, 1.62), (1.44, 1.49), (1.60, 1.66), (1.25, 1.21)]
DOSES, OCCUPIED = [2, 5, 10, 20, 40, 80], [0.21, 0.40, 0.55, 0.67, 0.76, 0.81]
UNBLOCKED, BLOCKED = [8.2, 6.9, 5.5, 4.4, 3.9, 3.1], [3.6, 3.4, 3.0, 2.75, 2.6, 2.45]


@cache
def repeated():
    return nc.repeatability(PAIRS)


def occupancy():
    change, se = nc.percent_change(1.60, 0.36, 0.08, 0.05)
    return [-change / 100, se / 100]


example("W8", "mean squares", "0.06017333 0.00165000", lambda: [repeated().ms_between, repeated().ms_within])
example("W8", "ICC(1,1)", "0.946622 0.717942 0.992171",
        lambda: [repeated().icc11, repeated().icc11_low, repeated().icc11_high])  # fmt: skip
example("W8", "ICC(2,1), ICC(3,1)", "0.946341 0.936494", lambda: [repeated().icc21, repeated().icc31])
example("W8", "SEM, wsCV, RC", "0.040620 2.760149 0.112591",
        lambda: [repeated().sem, repeated().cv_percent, repeated().repeatability])  # fmt: skip
example("W8", "variability, limits", "3.533279 -0.119797 0.126463",
        lambda: [repeated().absolute_variability_percent, repeated().limits_low, repeated().limits_high])  # fmt: skip
example("W8", "RCI", "-4.564355", lambda: nc.reliable_change_index(24, 14, baseline_sd=4.0, reliability=0.85))
example("W8", "scan RCI", "-3.000000", lambda: nc.reliable_change(1.50, 1.20, 0.08, 0.06))
example("W8", "occupancy", "0.775000 0.033213", occupancy)
example("W8", "CRLB", "0.2160", lambda: nc.stderr_from_crlb(1.8, 12.0))
example("W8", "ratio to tCr", "0.225 0.027372",
        lambda: nc.ratio_of_markers(1.8, 8.0, *nc.stderr_from_crlb([1.8, 8.0], [12.0, 2.0])))  # fmt: skip
example("W8", "with the day", "0.078102", lambda: nc.scan_stderr(0.06, 0.05))
example("W8", "Spearman-Brown", "0.750000", lambda: nc.reliability_of_mean(0.6, 2))
example("W8", "Emax", "0.872881 0.004961 5.999018 0.129174",
        lambda: pair(pet.occupancy_curve(DOSES, OCCUPIED), "Emax", "EC50"), SEARCHED)  # fmt: skip
example("W8", "Lassen", "0.764595 0.009605 2.238014",
        lambda: [*pair(pet.lassen(UNBLOCKED, BLOCKED, method="ols"), "occupancy"),
                 pet.lassen(UNBLOCKED, BLOCKED, method="ols")["VND"].value])  # fmt: skip


@pytest.mark.parametrize("case", EXAMPLES.cases, ids=EXAMPLES.names)
def test_the_printed_value_is_given_by_a_public_function(case):
    case.check()


def test_weighting_by_the_error_is_no_correction():
    assert weighted_slope() > 0.75 * a24(error="ml")["slope"].value


def test_a_region_of_significance_that_does_not_exist_is_a_result():
    assert moderated().settings["johnson_neyman"]["kind"] == "none"


def test_an_error_that_is_off_by_two_in_the_last_digit_is_seen():
    wrong = replace(EXAMPLES.cases[0], printed="22.083335 2.701315")
    with pytest.raises(AssertionError, match="is not 22"):
        wrong.check()
