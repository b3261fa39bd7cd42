"""Logistic regression with Firth's penalty, which has a finite maximum where few events separate the classes."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from neurochem.quality import Flag
from neurochem.response.linear import t_test_p
from neurochem.response.measurement_error.profile import LEVELS, limits
from neurochem.response.model_data import (
    SLOPE,
    Labels,
    ModelData,
    failed_fit,
    marker_axis,
    reliability_record,
    row_record,
    why_not_fitted,
)
from neurochem.response.odds import log_odds_estimates
from neurochem.results import FitResult
from neurochem.units import FloatArray

MODEL = "logistic (Firth)"
_STEPS, _HALVINGS, _LARGEST_STEP = 500, 30, 5.0
# Log-odds per SD of the marker beyond which a slope is as good as endless.
_ENDLESS = 200.0


def fit_firth(data: ModelData, labels: Labels, *, settings: Mapping[str, Any]) -> FitResult:
    """Fit logit P(outcome) = slope x marker + intercept + covariates, log-likelihood + 0.5 log|information| maximised.

    Parameters
    ----------
    data : ModelData
        Complete rows; outcome 0 or 1.
    labels : Labels
        Names and units.
    settings : mapping
        Goes into the record of the result.

    Returns
    -------
    FitResult
        Intervals and p of the slope are those of the penalised likelihood ratio; standard errors come from the
        information at the maximum.

    References
    ----------
    Firth (1993), Biometrika 80:27. Heinze, Schemper (2002), Stat Med 21:2409.
    """
    flag = why_not_fitted(data)
    if flag is not None:
        return failed_fit(MODEL, data, labels, flag, settings)
    data = data.sorted()
    centre = data.design.mean(axis=0) * (np.arange(len(data.names)) != 1)
    scale = np.sqrt(np.mean((data.design - centre) ** 2, axis=0))
    design = (data.design - centre) / scale
    found, peak = _climb(design, data.outcome)
    back = np.diag(1.0 / scale)
    back[1] -= centre / scale
    values, covariance = back @ found, back @ np.linalg.inv(_information(design, found)) @ back.T

    def heights(slopes: FloatArray) -> FloatArray:
        return np.array([_climb(design, data.outcome, slope * scale[0])[1] for slope in slopes])

    far = heights(np.array([-_ENDLESS, 0.0, _ENDLESS]) / scale[0])
    ends = limits(
        heights, peak=peak, centre=float(values[0]), step=math.sqrt(covariance[0, 0]),
        drops=np.array([float(special.chdtri(1, 1.0 - level)) for level in LEVELS]), open_heights=(far[0], far[2]),
    )  # fmt: skip
    rows = [(level, float(low), float(high)) for level, (low, high) in zip(LEVELS, ends, strict=True)]
    estimates = log_odds_estimates(data, labels, values, covariance, rows, kind="profile")
    reliability, low = reliability_record(data)
    chance = special.expit(design @ found)
    slope, drop = estimates[SLOPE], max(0.0, 2.0 * (peak - far[1]))
    return FitResult(
        model=MODEL, name=labels.name, estimates=estimates, flags=(_note(data), *low), axis=marker_axis(data, labels),
        data=data.outcome, fitted=chance, weights=np.ones(data.outcome.size),
        used=np.ones(data.outcome.size, dtype=bool), covariance=covariance, covariance_names=data.names,
        diagnostics={
            "n": float(data.outcome.size), "events": float(data.outcome.sum()), "z": slope.value / slope.stderr,
            "p_value": float(special.chdtrc(1, drop)), "p_wald": t_test_p(slope.value, slope.stderr, math.inf),
            "likelihood_ratio": drop, "log_likelihood": peak + float(np.log(scale).sum()),
            "brier": float(np.mean((chance - data.outcome) ** 2)), **reliability,
        },
        settings={
            **settings, "inference": "penalised profile likelihood", "rows": row_record(data),
            "covariate_means": data.covariates.matrix.mean(axis=0).tolist(),
        },
    )  # fmt: skip


def _information(design: FloatArray, found: FloatArray) -> FloatArray:
    chance = special.expit(design @ found)
    return (design.T * (chance * (1.0 - chance))) @ design


def _height(design: FloatArray, outcome: FloatArray, found: FloatArray) -> float:
    line = design @ found
    sign, size = np.linalg.slogdet(_information(design, found))
    if sign <= 0.0:
        return -math.inf
    return float(np.sum(special.log_expit(np.where(outcome > 0.5, line, -line)))) + 0.5 * float(size)


def _climb(design: FloatArray, outcome: FloatArray, slope: float | None = None) -> tuple[FloatArray, float]:
    """Return coefficients and penalised log-likelihood at its maximum, the slope held where it is given.

    With the slope held the penalty stays that of the whole model, as in the profile of Heinze and Schemper.
    """
    found = np.zeros(design.shape[1])
    free = np.arange(design.shape[1])
    if slope is not None:
        found[0], free = slope, free[1:]
    best = _height(design, outcome, found)
    for _ in range(_STEPS):
        chance = special.expit(design @ found)
        weight = chance * (1.0 - chance)
        information = (design.T * weight) @ design
        hat = weight * np.einsum("ij,jk,ik->i", design, np.linalg.pinv(information, hermitian=True), design)
        pull = (design.T @ (outcome - chance + hat * (0.5 - chance)))[free]
        step = np.linalg.lstsq(information[np.ix_(free, free)], pull, rcond=None)[0]
        step *= min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        for _ in range(_HALVINGS):
            trial = found.copy()
            trial[free] += step
            height = _height(design, outcome, trial)
            if height >= best:
                break
            step = 0.5 * step
        else:
            return found, best
        found, gained, best = trial, height - best, height
        if gained < 1e-13 * (1.0 + abs(best)) and float(np.abs(step).max()) < 1e-8:
            break
    return found, best


def _note(data: ModelData) -> Flag:
    events = int(data.outcome.sum())
    smaller = min(events, data.outcome.size - events)
    message = (
        f"{smaller} people in the smaller class ({events} of {data.outcome.size} with the outcome): Firth's penalty "
    )
    return Flag("firth", message + "keeps the odds ratio finite and nearly unbiased; keep the model small", "info")
