"""Logistic regression of response or remission, with separation detected and not fitted through."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from neurochem.quality import Flag
from neurochem.response.linear import t_test_p
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
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

MODEL = "logistic"
# Fewer people than this in the smaller class, and maximum likelihood is biased away from zero.
FEW_EVENTS = 10
_LEVEL = 0.95
_CERTAIN = 1e-6
_NEWTON_STEPS, _HALVINGS = 100, 40


def fit_logistic(data: ModelData, labels: Labels, *, settings: Mapping[str, Any]) -> FitResult:
    """Fit logit P(outcome) = slope x marker + intercept + covariates by maximum likelihood.

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
        The 95 % interval of the slope is the profile likelihood's and its p_value the likelihood ratio's; standard
        errors are Wald's. Separated data give success False: the maximum does not exist.

    References
    ----------
    Albert, Anderson (1984), Biometrika 71:1 (separation). Venzon, Moolgavkar (1988), Appl Stat 37:87 (profile).
    """
    flag = why_not_fitted(data) or _separation(data)
    if flag is not None:
        return failed_fit(MODEL, data, labels, flag, settings)
    from statsmodels.discrete.discrete_model import Logit

    data = data.sorted()
    scale = _column_scale(data.design)
    model = Logit(data.outcome, data.design / scale).fit(disp=0, maxiter=200, warn_convergence=False)
    if not model.mle_retvals["converged"]:
        message = "the likelihood has no maximum that the search could reach; simplify the model"
        return failed_fit(MODEL, data, labels, Flag("not_converged", message, "failure"), settings)
    covariance = np.asarray(model.cov_params()) / np.outer(scale, scale)
    log_likelihood = float(model.llf)
    null = _fit_at(data, 0.0)
    values, stderr = model.params / scale, math.sqrt(covariance[0, 0])
    ends = _profile_limits(data, float(values[0]), stderr, log_likelihood)
    estimates = log_odds_estimates(data, labels, values, covariance, [(_LEVEL, *ends)])
    reliability, low = reliability_record(data)
    return FitResult(
        model=MODEL, name=labels.name, estimates=estimates, flags=(*_few_events(data), *_near_separation(model.predict()), *low),
        axis=marker_axis(data, labels), data=data.outcome, fitted=model.predict(),
        weights=np.ones(data.outcome.size), used=np.ones(data.outcome.size, dtype=bool),
        covariance=covariance, covariance_names=data.names,
        diagnostics={**_diagnostics(model, data, estimates[SLOPE], null), **reliability},
        settings={
            **settings, "inference": "profile likelihood", "rows": row_record(data),
            "covariate_means": data.covariates.matrix.mean(axis=0).tolist(),
        },
    )  # fmt: skip


def _column_scale(design: FloatArray) -> FloatArray:
    """Return the root mean square of each column: a volume of 7600 beside a 0 or 1 spoils Newton's steps."""
    return np.sqrt(np.mean(design**2, axis=0))


def _few_events(data: ModelData) -> tuple[Flag, ...]:
    events = int(data.outcome.sum())
    smaller = min(events, data.outcome.size - events)
    if smaller >= FEW_EVENTS:
        return ()
    message = f"only {smaller} people in the smaller class ({events} of {data.outcome.size} with the outcome): "
    message += "the odds ratio is biased away from one; keep the model small and prefer the score itself"
    return (Flag("few_events", message),)


def _near_separation(chance: FloatArray) -> tuple[Flag, ...]:
    """Return a flag where a finite maximum exists but people are fitted as certain."""
    certain = int(np.sum((chance < _CERTAIN) | (chance > 1.0 - _CERTAIN)))
    if not certain:
        return ()
    message = (
        f"{certain} of {chance.size} people are fitted as certain: the classes are nearly separated, and the slope "
    )
    message += "and its error are far too large; use the score as the outcome or fewer covariates"
    return (Flag("near_separation", message, parameter=SLOPE),)


def _separation(data: ModelData) -> Flag | None:
    """Return a flag if some combination of the terms splits the classes, wholly or with ties.

    A linear programme asks for a direction along which no one is on the wrong side and someone is on the right side;
    along it the likelihood rises for ever.
    """
    from scipy.optimize import linprog

    design = data.design / _column_scale(data.design)
    signed = design * (2.0 * data.outcome - 1.0)[:, None]
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1.0, 1.0), method="highs")
    # the optimum is exactly zero without separation; the solver's own tolerance is 1e-7
    if found.status != 0 or -found.fun <= 1e-6 * len(signed):
        return None
    names = ["the marker" if name == SLOPE else name for name in data.names]
    terms = [name for name, weight in zip(names, found.x, strict=True) if abs(weight) > 1e-6 and name != "intercept"]
    message = f"separation: {', '.join(terms) or 'the intercept'} split(s) the classes without overlap, the odds ratio "
    message += "is infinite; use the score as the outcome or fewer covariates"
    return Flag("separation", message, "failure")


def _fit_at(data: ModelData, slope: float) -> float:
    """Return the log-likelihood maximised over all other coefficients with the slope held, by damped Newton steps."""
    others = data.design[:, 1:] / _column_scale(data.design[:, 1:])
    # centred, so that a steep slope does not start with every probability at 0 or 1
    offset = slope * (data.marker - data.marker.mean())
    sign = 2.0 * data.outcome - 1.0

    def height(coefficients: FloatArray) -> float:
        return -float(np.logaddexp(0.0, -sign * (others @ coefficients + offset)).sum())

    found = np.zeros(others.shape[1])
    best = height(found)
    for _ in range(_NEWTON_STEPS):
        chance = special.expit(others @ found + offset)
        spread = np.maximum(chance * (1.0 - chance), 1e-12)
        step = np.linalg.lstsq((others.T * spread) @ others, others.T @ (data.outcome - chance), rcond=None)[0]
        for _ in range(_HALVINGS):
            value = height(found + step)
            if value >= best:
                break
            step = 0.5 * step
        if value - best < 1e-13 * (1.0 + abs(best)):
            return max(value, best)
        found, best = found + step, value
    return best


def _profile_limits(data: ModelData, slope: float, stderr: float, top: float) -> tuple[float, float]:
    """Return where twice the log-likelihood has fallen by the 95 % quantile of chi-square with one degree of freedom."""
    from scipy.optimize import brentq

    drop = 0.5 * float(special.chdtri(1, 1.0 - _LEVEL))

    def height(value: float) -> float:
        return _fit_at(data, value) - (top - drop)

    limits = []
    for side in (-1.0, 1.0):
        far = next((k for k in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0) if height(slope + side * k * stderr) < 0.0), None)
        if far is None:
            limits.append(side * math.inf)
            continue
        inner, outer = slope, slope + side * far * stderr
        limits.append(float(brentq(height, min(inner, outer), max(inner, outer), xtol=1e-8 * stderr)))
    return limits[0], limits[1]


def _diagnostics(model: Any, data: ModelData, slope: Estimate, null: float) -> dict[str, float]:
    ratio = max(0.0, 2.0 * (float(model.llf) - null))
    n = float(data.outcome.size)
    cox_snell = 1.0 - math.exp(2.0 / n * (float(model.llnull) - float(model.llf)))
    return {
        "n": n,
        "events": float(data.outcome.sum()),
        "z": slope.value / slope.stderr,
        "p_value": float(special.chdtrc(1, ratio)),
        "p_wald": t_test_p(slope.value, slope.stderr, math.inf),
        "likelihood_ratio": ratio,
        "log_likelihood": float(model.llf),
        "log_likelihood_null": float(model.llnull),
        "cox_snell": cox_snell,
        "nagelkerke": cox_snell / (1.0 - math.exp(2.0 / n * float(model.llnull))),
        "mcfadden": 1.0 - float(model.llf) / float(model.llnull),
        "brier": float(np.mean((model.predict() - data.outcome) ** 2)),
    }
