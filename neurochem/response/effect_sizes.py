"""Difference of two groups in units that can be compared: Hedges' g and the area under the ROC curve."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.response.design_columns import as_vector
from neurochem.response.prediction.metrics import compare_discrimination, discrimination
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray


@checked_arguments
def hedges_g(values: ArrayLike, group: ArrayLike) -> FitResult:
    """Return the standardised difference of two groups.

    Parameters
    ----------
    values : array_like, shape (n,)
        One value a person.
    group : array_like, shape (n,)
        1 for the first group (responders), 0 for the other.

    Returns
    -------
    FitResult
        "g" (small-sample corrected, normal interval), "d" (pooled SD, exact interval through the noncentral t).
        `diagnostics`: t, p_value, n, correction J.

    Notes
    -----
    d = (m1 - m0) / s; g = J d with J = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)); var g = n / (n1 n0) + g^2 / (2 n).

    References
    ----------
    Hedges (1981), J Educ Stat 6:107.
    """
    one, none = _groups(values, group)
    n1, n0 = one.size, none.size
    dof = n1 + n0 - 2
    pooled = math.sqrt(((n1 - 1) * one.var(ddof=1) + (n0 - 1) * none.var(ddof=1)) / dof)
    if pooled == 0.0:
        msg = "values are the same for everyone within both groups; a standardised difference needs spread"
        raise InputError(msg)
    d = float(one.mean() - none.mean()) / pooled
    factor = math.exp(special.gammaln(dof / 2) - special.gammaln((dof - 1) / 2)) / math.sqrt(dof / 2)
    g, size = factor * d, math.sqrt(n1 * n0 / (n1 + n0))
    error = math.sqrt((n1 + n0) / (n1 * n0) + g**2 / (2 * (n1 + n0)))
    t = d * size
    exact = (0.95, _noncentrality(t, dof, 0.975) / size, _noncentrality(t, dof, 0.025) / size)
    return FitResult(
        model="Hedges g", name="difference of two groups",
        estimates={"g": Estimate("g", g, error, "SD"), "d": Estimate("d", d, error / factor, "SD", limits=(exact,))},
        diagnostics={
            "n": float(n1 + n0), "t": t, "dof": float(dof), "correction": factor,
            "p_value": float(2.0 * special.stdtr(dof, -abs(t))),
        },
    )  # fmt: skip


def _groups(values: ArrayLike, group: ArrayLike) -> tuple[FloatArray, FloatArray]:
    numbers = as_vector(values, "values")
    member = as_vector(group, "group", numbers.size)
    if not np.isin(member, (0.0, 1.0)).all() or min(member.sum(), (1.0 - member).sum()) < 2:
        msg = "group must hold 0 and 1, at least two people each; check the coding"
        raise InputError(msg)
    return numbers[member == 1.0], numbers[member == 0.0]


def _noncentrality(t: float, dof: int, probability: float) -> float:
    """Return the noncentrality at which t is exceeded with 1 - probability."""
    from scipy import optimize, stats

    reach = 10.0 + 2.0 * abs(t)
    return float(optimize.brentq(lambda c: stats.nct.cdf(t, dof, c) - probability, t - reach, t + reach, xtol=1e-12))


@checked_arguments
def auc(scores: ArrayLike, outcome: ArrayLike) -> FitResult:
    """Return the probability that a person with the outcome has the higher score (ties count half).

    Parameters
    ----------
    scores : array_like, shape (n,)
        Higher for those expected to have the outcome.
    outcome : array_like, shape (n,)
        1 with the outcome, 0 without.

    Returns
    -------
    FitResult
        "auc" with DeLong's standard error and a 95 % interval formed on the logit scale, which stays within 0 and 1.
        `diagnostics`: mann_whitney_u and its p_value (normal approximation with continuity correction), n, events.

    Notes
    -----
    An apparent value: it says how scores separate these people, not how a model will do in new ones.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44:837.
    """
    one, none = _groups(scores, outcome)
    found = discrimination(outcome, scores)
    open_ended = not 0.0 < found.auc < 1.0 or found.stderr == 0.0
    limits = () if open_ended else ((0.95, found.low, found.high),)
    from scipy import stats

    ranks = stats.mannwhitneyu(one, none, method="asymptotic", use_continuity=True)
    return FitResult(
        model="AUC", name="discrimination",
        estimates={"auc": Estimate("auc", found.auc, found.stderr, "", limits=limits)},
        diagnostics={
            "n": float(one.size + none.size), "events": float(one.size), "mann_whitney_u": float(ranks.statistic),
            "p_value": float(ranks.pvalue),
        },
    )  # fmt: skip


@checked_arguments
def compare_auc(first: ArrayLike, second: ArrayLike, outcome: ArrayLike) -> FitResult:
    """Return the difference of the AUCs of two scores of the same people.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Scores.
    outcome : array_like, shape (n,)
        1 with the outcome, 0 without.

    Returns
    -------
    FitResult
        "difference" (first minus second) with DeLong's standard error; `diagnostics` z and p_value.
    """
    one, _ = _groups(first, outcome)
    size = as_vector(second, "second", as_vector(first, "first").size).size
    gap, error, p_value = compare_discrimination(outcome, first, second)
    return FitResult(
        model="DeLong", name="difference of two AUCs", estimates={"difference": Estimate("difference", gap, error)},
        diagnostics={
            "z": gap / error if error > 0.0 else math.nan, "p_value": p_value, "n": float(size), "events": float(one.size),
        },
    )  # fmt: skip
