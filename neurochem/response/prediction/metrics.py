"""How good predictions are: discrimination, calibration, Brier score, net benefit, error in points."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from neurochem.errors import InputError
from neurochem.units import FloatArray

_STEPS = 100


@dataclass(frozen=True, slots=True)
class Discrimination:
    """Area under the ROC curve with DeLong's error.

    Attributes
    ----------
    auc, stderr : float
        P(case scores higher) + 0.5 P(tie), and its standard error.
    low, high : float
        95 % interval on the logit scale, which stays between 0 and 1; (0, 1) where the classes are separate.
    """

    auc: float
    stderr: float
    low: float
    high: float


def _placements(outcome: ArrayLike, score: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return for each case the share of non-cases below it, and for each non-case the share of cases above."""
    y, s = np.asarray(outcome, dtype=float), np.asarray(score, dtype=float)
    if not np.isin(y, (0.0, 1.0)).all() or len(set(y.tolist())) < 2:
        msg = "outcome must hold 0 and 1, both at least once"
        raise InputError(msg)
    case, other = s[y == 1], s[y == 0]
    wins = (case[:, None] > other) + 0.5 * (case[:, None] == other)
    return wins.mean(axis=1), wins.mean(axis=0)


def discrimination(outcome: ArrayLike, score: ArrayLike) -> Discrimination:
    """Return the area under the ROC curve of scores made for people that the model has not seen.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        0 and 1.
    score : array_like, shape (n,)
        Higher means more likely 1.

    Raises
    ------
    InputError
        If the outcome is not 0 and 1 or one of them is missing.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44:837.
    """
    case, other = _placements(outcome, score)
    auc = float(case.mean())
    error = math.sqrt(_spread(case) + _spread(other))
    low, high = logit_interval(auc, error)
    return Discrimination(auc, error, low, high)


def _spread(values: FloatArray) -> float:
    return float(values.var(ddof=1)) / values.size if values.size > 1 else math.nan


def logit_interval(auc: float, stderr: float, quantile: float = 1.959963984540054) -> tuple[float, float]:
    """Return an interval of a share that stays between 0 and 1; (0, 1) at its ends, where it cannot be told."""
    if not 0.0 < auc < 1.0 or not math.isfinite(stderr):
        return 0.0, 1.0
    middle, half = math.log(auc / (1.0 - auc)), quantile * stderr / (auc * (1.0 - auc))
    return float(special.expit(middle - half)), float(special.expit(middle + half))


def compare_discrimination(outcome: ArrayLike, first: ArrayLike, second: ArrayLike) -> tuple[float, float, float]:
    """Return the difference of two areas in the same people (first - second), its standard error and two-sided p."""
    a, b = _placements(outcome, first), _placements(outcome, second)
    difference = float(a[0].mean() - b[0].mean())
    error = math.sqrt(_spread(a[0] - b[0]) + _spread(a[1] - b[1]))
    return difference, error, float(2.0 * special.ndtr(-abs(difference / error))) if error > 0 else math.nan


def brier(outcome: ArrayLike, probability: ArrayLike) -> tuple[float, float]:
    """Return the Brier score mean (p - y)^2 and the scaled one, 1 - Brier / (ybar (1 - ybar))."""
    y, p = np.asarray(outcome, dtype=float), np.asarray(probability, dtype=float)
    score, rate = float(np.mean((p - y) ** 2)), float(y.mean())
    return score, 1.0 - score / (rate * (1.0 - rate)) if 0.0 < rate < 1.0 else math.nan


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far predicted and observed risks agree; slope 1 and in-the-large 0 are perfect.

    Attributes
    ----------
    slope, slope_stderr, intercept : float
        Logistic model of the outcome on the predicted logit; below 1 means predictions are too extreme.
    in_the_large, in_the_large_stderr : float
        Intercept with the predicted logit as offset; above 0 means risks are predicted too low.
    observed_expected : float
        Observed over expected events.
    """

    slope: float
    slope_stderr: float
    intercept: float
    in_the_large: float
    in_the_large_stderr: float
    observed_expected: float


def calibration(outcome: ArrayLike, linear: ArrayLike) -> Calibration:
    """Return the calibration of predicted logits.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        0 and 1.
    linear : array_like, shape (n,)
        Predicted log-odds.

    Returns
    -------
    Calibration
        The slope is NaN where all predictions are equal, or where they separate the outcomes.
    """
    y, eta = np.asarray(outcome, dtype=float), np.asarray(linear, dtype=float)
    expected = float(special.expit(eta).sum())
    level, level_error = _offset_intercept(y, eta)
    slope, error, intercept = _logistic_line(y, eta)
    return Calibration(slope, error, intercept, level, level_error, float(y.sum()) / expected)


def _offset_intercept(y: FloatArray, eta: FloatArray) -> tuple[float, float]:
    if y.min() == y.max():
        return math.nan, math.nan
    level = 0.0
    for _ in range(_STEPS):
        p = special.expit(eta + level)
        step = float((y - p).sum() / (p * (1 - p)).sum())
        level += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-12:
            break
    p = special.expit(eta + level)
    return level, 1.0 / math.sqrt(float((p * (1 - p)).sum()))


def _logistic_line(y: FloatArray, eta: FloatArray) -> tuple[float, float, float]:
    """Return slope, its standard error and intercept, NaN where they do not exist."""
    case, other = eta[y == 1], eta[y == 0]
    separate = not case.size or not other.size or case.min() >= other.max() or case.max() <= other.min()
    if separate or np.ptp(eta) < 1e-12:
        return math.nan, math.nan, math.nan
    scale = float(eta.std())
    design = np.column_stack([np.ones(eta.size), (eta - eta.mean()) / scale])
    found = np.zeros(2)
    information = np.eye(2)
    for _ in range(_STEPS):
        p = special.expit(design @ found)
        information = design.T @ (design * (p * (1 - p))[:, None])
        step = np.linalg.solve(information, design.T @ (y - p))
        found += step * min(1.0, 1.5 / max(float(np.abs(design @ step).max()), 1e-300))
        if np.abs(step).max() < 1e-12:
            break
    slope = float(found[1] / scale)
    error = math.sqrt(np.linalg.inv(information)[1, 1]) / scale
    return slope, error, float(found[0] - slope * eta.mean())


def net_benefit(outcome: ArrayLike, probability: ArrayLike, thresholds: ArrayLike) -> pd.DataFrame:
    """Return the decision curve.

    Parameters
    ----------
    outcome, probability : array_like, shape (n,)
        0 and 1, and predicted risk.
    thresholds : array_like, shape (t,)
        Risks in (0, 1) from which on one would act.

    Returns
    -------
    DataFrame
        threshold, model (TP/n - FP/n pt/(1 - pt), acting where p >= pt), act_on_all, act_on_none.

    References
    ----------
    Vickers, Elkin (2006), Med Decis Making 26:565.
    """
    y, p, cut = (np.asarray(values, dtype=float) for values in (outcome, probability, thresholds))
    if ((cut <= 0) | (cut >= 1)).any():
        msg = "thresholds must lie between 0 and 1, for example 0.2"
        raise InputError(msg)
    odds = cut / (1.0 - cut)
    acted = p[None, :] >= cut[:, None]
    model = (acted * y).mean(axis=1) - (acted * (1.0 - y)).mean(axis=1) * odds
    everyone = y.mean() - (1.0 - y.mean()) * odds
    return pd.DataFrame({"threshold": cut, "model": model, "act_on_all": everyone, "act_on_none": 0.0})


def area_within_folds(
    outcome: FloatArray, score: FloatArray, folds: np.ndarray, sites: np.ndarray | None = None
) -> FloatArray:
    """Return the area under the ROC curve from pairs of the same fold (and site) only, shape (B,).

    Parameters
    ----------
    outcome, score, folds : array, shape (B, n)
        Labels, predictions for people left out, and the fold that left them out.
    sites : array of int, shape (n,), optional
        Site of each row; pairs of two sites are then not compared.

    Notes
    -----
    Pairs of different folds compare predictions of different models: pooled over folds of one person the area of a null
    model falls to about 0.4. Pairs of different sites reward a model that only tells the sites apart where these differ in
    response: with markers shifted by 0.5 SD and response of 25, 50 and 70 % at three sites, noise has an area of 0.59 over
    all pairs and of 0.50 over those of one site (200 cohorts of 90 people).
    """
    areas = np.empty(len(outcome))
    for index, (y, s, fold) in enumerate(zip(outcome, score, folds, strict=True)):
        case, other = y > 0.5, y < 0.5
        same = fold[case][:, None] == fold[other]
        if sites is not None:
            same &= sites[case][:, None] == sites[other]
        wins = (s[case][:, None] > s[other]) + 0.5 * (s[case][:, None] == s[other])
        areas[index] = (wins * same).sum() / same.sum() if same.any() else math.nan
    return areas


def explained(outcome: FloatArray, predicted: FloatArray, reference: FloatArray) -> float:
    """Return the out-of-sample R2, 1 - SSE / SST about the means of the training rows; it may be negative."""
    return 1.0 - float(((outcome - predicted) ** 2).sum() / ((outcome - reference) ** 2).sum())
