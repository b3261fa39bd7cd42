"""Simulation extrapolation: add more error, see what it does to the slope, and extrapolate back to none."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from scipy import optimize, special

from neurochem.errors import unknown_name
from neurochem.quality import Flag
from neurochem.response.linear import t_test_p
from neurochem.response.measurement_error.noisy_data import known_errors
from neurochem.response.measurement_error.open_slope import opened_where_unknown
from neurochem.response.model_data import (
    SLOPE,
    Labels,
    ModelData,
    failed_fit,
    marker_axis,
    reliability_record,
    row_record,
    true_sd,
    unit_of_term,
    why_not_fitted,
)
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

ADDED = (0.0, 0.5, 1.0, 1.5, 2.0)
EXTRAPOLANTS = ("quadratic", "linear", "rational")
_NODES = 9
_NEWTON, _NUDGE = 60, 1e-6


def extrapolate(added: FloatArray, slopes: FloatArray, extrapolant: str) -> float:
    """Return the slope at zeta = -1, where no error is left.

    Parameters
    ----------
    added, slopes : array, shape (k,)
        How much error was added, in multiples of its variance, and the slope with it.
    extrapolant : str
        "linear", "quadratic" (least squares) or "rational" a + b / (c + zeta), exact for one marker in a linear model.
    """
    if extrapolant == "linear":
        return float(np.polyval(np.polyfit(added, slopes, 1), -1.0))
    if extrapolant == "quadratic":
        return float(np.polyval(np.polyfit(added, slopes, 2), -1.0))
    if extrapolant != "rational":
        raise unknown_name(extrapolant, EXTRAPOLANTS, kind="extrapolant")
    size = float(np.abs(slopes).max()) or 1.0
    scaled = slopes / size

    def residual(values: FloatArray) -> FloatArray:
        a, b, log_c = values
        return a + b / (1.0 + math.exp(log_c) + added) - scaled

    # c > 1 keeps the pole beyond the place that is extrapolated to
    starts = [optimize.least_squares(residual, (0.0, scaled[0] * (1.0 + math.exp(c)), c), xtol=1e-15, ftol=1e-15, gtol=1e-15)
              for c in (-2.0, 0.0, 2.0)]  # fmt: skip
    a, b, log_c = min(starts, key=lambda found: found.cost).x
    return float(size * (a + b / math.exp(log_c)))


def fit_simex(
    data: ModelData, labels: Labels, *, family: str, extrapolant: str = "quadratic", settings: Mapping[str, Any]
) -> FitResult:
    """Fit by simulation extrapolation, the average over simulated copies taken exactly.

    Parameters
    ----------
    data : ModelData
        Complete rows with the errors' covariances.
    labels : Labels
        Names and units.
    family : str
        "gaussian" or "binomial".
    extrapolant : str
        "quadratic", "linear" or "rational".
    settings : mapping
        Goes into the record of the result.

    Returns
    -------
    FitResult
        Diagnostics hold the slope of every extrapolant, settings the curve of slopes. A comparison, not the default: the
        quadratic extrapolant under-corrects.

    Notes
    -----
    With error of variance zeta s^2 added, the estimating equations are averaged over the added error: in a linear model
    this adds zeta times the sum of s^2 to the marker's entry of X'X, in a logistic one it is a quadrature. Standard
    errors are those of the extrapolated influence of each person (sandwich), with t of n - p degrees of freedom. Where
    people may not differ beyond the noise the slope has an infinite interval and the flag "unidentified_slope".

    References
    ----------
    Cook, Stefanski (1994), J Am Stat Assoc 89:1314. Carroll et al (1996), J Am Stat Assoc 91:242 (influence).
    """
    if extrapolant not in EXTRAPOLANTS:
        raise unknown_name(extrapolant, EXTRAPOLANTS, kind="extrapolant")
    name = "SIMEX" if family == "gaussian" else "logistic SIMEX"
    flag = why_not_fitted(data)
    if flag is not None:
        return failed_fit(name, data, labels, flag, settings)
    data = data.sorted()
    filled, flags = known_errors(data)
    fitted = [_with_added(filled, zeta, family) for zeta in ADDED]
    if not all(np.isfinite(found[0]).all() for found in fitted):
        flag = Flag("not_converged", "a model with added error has no maximum; use error='ml'", "failure")
        return failed_fit(name, data, labels, flag, settings)
    added = np.array(ADDED)
    paths = np.array([found[0] for found in fitted])
    values, influence = _extrapolated(paths, np.array([found[1] for found in fitted]), extrapolant)
    n, p = data.design.shape
    covariance = influence.T @ influence * n / (n - p)
    named = labels if family == "gaussian" else replace(labels, outcome_unit="log-odds")
    estimates = {
        term: Estimate(
            term, float(values[i]), float(math.sqrt(covariance[i, i])), unit_of_term(named, data, i), dof=n - p
        )
        for i, term in enumerate(data.names)
    }
    slope = estimates[SLOPE]
    reliability, low = reliability_record(data, corrected=True)
    shift = (data.covariates.matrix - data.covariates.matrix.mean(axis=0)) @ values[2:] if family == "gaussian" else 0.0
    line = data.design @ values if family == "gaussian" else special.expit(data.design @ values)
    note = Flag(
        "simex_comparison", "the quadratic extrapolation of SIMEX corrects too little; it is for comparison", "info"
    )
    result = FitResult(
        model=name, name=labels.name, estimates={**estimates, **_standardised(data, slope, family)},
        flags=(*flags, *((note,) if extrapolant == "quadratic" else ()), *low),
        axis=marker_axis(data, labels), data=data.outcome - shift, fitted=line - shift, weights=np.ones(n),
        used=np.ones(n, dtype=bool), covariance=covariance, covariance_names=data.names,
        diagnostics={
            "n": float(n), "dof": float(n - p), "p_value": t_test_p(slope.value, slope.stderr, slope.dof),
            **{f"simex_{kind}": extrapolate(added, paths[:, 0], kind) for kind in EXTRAPOLANTS}, **reliability,
            **({"events": float(data.outcome.sum())} if family == "binomial" else {}),
        },
        settings={
            **settings, "inference": f"SIMEX, {extrapolant}", "rows": row_record(data), "simex_added": list(ADDED),
            "simex_slopes": paths[:, 0].tolist(), "covariate_means": data.covariates.matrix.mean(axis=0).tolist(),
        },
    )  # fmt: skip
    return opened_where_unknown(result)


def _standardised(data: ModelData, slope: Estimate, family: str) -> dict[str, Estimate]:
    spread = true_sd(data)
    scale = spread / (float(np.std(data.outcome, ddof=1)) if family == "gaussian" else 1.0)
    unit = "SD per SD" if family == "gaussian" else "log-odds per SD"
    return {
        "standardised_slope": replace(
            slope, name="standardised_slope", value=slope.value * scale, stderr=slope.stderr * scale, unit=unit
        )
    }


def _with_added(data: ModelData, zeta: float, family: str) -> tuple[FloatArray, FloatArray]:
    """Return coefficients with added error, shape (p,), and the influence of each person on them, shape (n, p)."""
    return _linear(data, zeta) if family == "gaussian" else _logistic(data, zeta)


def _linear(data: ModelData, zeta: float) -> tuple[FloatArray, FloatArray]:
    design, noise = data.design, _full_noise(data)
    gram = design.T @ design + zeta * noise.sum(axis=0)
    found = np.linalg.solve(gram, design.T @ data.outcome)
    score = design * (data.outcome - design @ found)[:, None] - zeta * noise @ found
    return found, np.linalg.solve(gram, score.T).T


def _full_noise(data: ModelData) -> FloatArray:
    """Return the errors' covariances as matrices over the whole design, shape (n, p, p)."""
    n, p = data.design.shape
    index = [0, *(column + 2 for column in data.error_covariates)]
    full = np.zeros((n, p, p))
    full[np.ix_(range(n), index, index)] = data.noise
    return full


def _logistic(data: ModelData, zeta: float) -> tuple[FloatArray, FloatArray]:
    scale = np.sqrt(np.mean(data.design**2, axis=0))
    index = [0, *(column + 2 for column in data.error_covariates)]
    nodes, weights = _nodes(len(index) if zeta else 0)
    root = np.linalg.cholesky(data.noise + 1e-14 * np.eye(len(index)) * np.var(data.marker))
    copies = np.repeat(data.design[:, None], len(weights), axis=1)
    if zeta:
        copies[:, :, index] += math.sqrt(zeta) * np.einsum("nij,hj->nhi", root, nodes)
    copies = copies / scale
    found = np.zeros(copies.shape[2])
    for _ in range(_NEWTON):
        chance = special.expit(copies @ found)
        score = np.einsum("h,nh,nhp->np", weights, data.outcome[:, None] - chance, copies)
        bend = np.einsum("h,nh,nhp,nhq->pq", weights, chance * (1.0 - chance), copies, copies, optimize=True)
        if not np.isfinite(bend).all() or np.linalg.cond(bend) > 1e14:
            return np.full(found.shape, np.nan), np.full(data.design.shape, np.nan)
        step = np.linalg.solve(bend, score.sum(axis=0))
        found = found + step
        if np.abs(step).max() < 1e-12:
            break
    return found / scale, np.linalg.solve(bend, score.T).T / scale


def _nodes(dimensions: int) -> tuple[FloatArray, FloatArray]:
    """Return places and weights that average over a standard normal vector."""
    if dimensions == 0:
        return np.zeros((1, 0)), np.ones(1)
    places, weights = special.roots_hermitenorm(_NODES)
    grid = np.array(list(product(places, repeat=dimensions)))
    return grid, np.prod(np.array(list(product(weights, repeat=dimensions))), axis=1) / (2.0 * math.pi) ** (
        dimensions / 2
    )


def _extrapolated(paths: FloatArray, influences: FloatArray, extrapolant: str) -> tuple[FloatArray, FloatArray]:
    """Return coefficients and influences at zeta = -1; terms beside the slope are extrapolated by the quadratic."""
    added = np.array(ADDED)
    values, total = np.empty(paths.shape[1]), np.zeros(influences.shape[1:])
    for term in range(paths.shape[1]):
        kind = extrapolant if term == 0 or extrapolant != "rational" else "quadratic"
        values[term] = extrapolate(added, paths[:, term], kind)
        weights = _weights(partial(extrapolate, added, extrapolant=kind), paths[:, term])
        total[:, term] = weights @ influences[:, :, term]
    return values, total


def _weights(extrapolated: Callable[[FloatArray], float], path: FloatArray) -> FloatArray:
    """Return the derivative of the extrapolated value by each value of the path."""
    step = _NUDGE * (float(np.abs(path).max()) or 1.0)
    steps = step * np.eye(len(path))
    return np.array([(extrapolated(path + move) - extrapolated(path - move)) / (2.0 * step) for move in steps])
