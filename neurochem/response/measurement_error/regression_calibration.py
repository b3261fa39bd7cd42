"""Regression calibration: each noisy value is replaced by what the true one is expected to be, then the model is fitted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from neurochem.response.linear import fit_linear, t_test_p
from neurochem.response.logistic import fit_logistic
from neurochem.response.measurement_error.noisy_data import Problem, known_errors, problem
from neurochem.response.measurement_error.open_slope import opened_where_unknown
from neurochem.response.measurement_error.structural import Cohorts, State, covariance_of, maximise, start
from neurochem.response.model_data import (
    SLOPE,
    Labels,
    ModelData,
    marker_axis,
    reliability_record,
    row_record,
    true_sd,
    why_not_fitted,
)
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

_LEVELS = (0.90, 0.95, 0.99)
_NEWTON = 50


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The model of the true markers given the error-free terms, fitted by maximum likelihood.

    Attributes
    ----------
    expected : array, shape (n, q)
        E[X | W, Z], in the units of the markers; columns in the order of `problem.noisy`.
    tau2 : float
        Variance of the true marker asked about, given the terms.
    weight : array, shape (n,)
        How much of each value's deviation is kept (one noisy marker only; NaN otherwise).
    coefficients : array, shape (p,)
        Coefficients of the marker asked about on the error-free terms as given, the intercept first.
    """

    expected: FloatArray
    tau2: float
    weight: FloatArray
    coefficients: FloatArray


class _Model:
    """W | Z ~ N(A'Z, T + S_i) of standardised rows."""

    def __init__(self, standard: Problem) -> None:
        self.problem = standard
        present = np.ones((1, standard.people))
        self.cohort = Cohorts(standard.markers[None], standard.noise[None], standard.terms[None], present)
        self.state: State = maximise(self.cohort, start(self.cohort))

    def expected(self, means: FloatArray, factor: FloatArray) -> FloatArray:
        """Return E[X | W, Z] in the units of the markers, shape (B, n, q)."""
        standard = self.problem
        spread = factor @ factor.swapaxes(1, 2)
        centre = standard.terms @ means.swapaxes(1, 2)
        kept = spread[:, None] @ np.linalg.inv(spread[:, None] + standard.noise)
        true = centre + np.einsum("bnij,bnj->bni", kept, standard.markers - centre)
        straight = standard.data.design[:, standard.plain] @ standard.shift
        return true * standard.scale + straight


def calibrate(data: ModelData) -> Calibration:
    """Return the expected true markers of complete rows whose errors are known.

    Notes
    -----
    E[X | W, Z] = A'Z + T (T + S)^-1 (W - A'Z), A and T by maximum likelihood with each value's own error.
    """
    return _calibration(_Model(problem(data)))


def _calibration(model: "_Model") -> Calibration:
    factor, means, standard = model.state.factor, model.state.means, model.problem
    spread = (factor @ factor.swapaxes(1, 2))[0]
    one = len(spread) == 1
    share = spread[0, 0] / (spread[0, 0] + standard.noise[:, 0, 0]) if one else np.full(standard.people, np.nan)
    a = standard.turn @ means[0, -1] * standard.scale[-1] + standard.shift[:, -1]
    return Calibration(
        model.expected(means, factor)[0], float(spread[-1, -1] * standard.scale[-1] ** 2), share, a
    )  # fmt: skip


def fit_calibrated(
    data: ModelData, labels: Labels, *, family: str, robust: str, settings: Mapping[str, Any]
) -> FitResult:
    """Fit the outcome model with every noisy marker replaced by its expected true value.

    Parameters
    ----------
    data : ModelData
        Complete rows with the errors' covariances.
    labels : Labels
        Names and units.
    family : str
        "gaussian" or "binomial".
    robust : str
        Standard errors of the second stage, as for least squares.
    settings : mapping
        Goes into the record of the result.

    Returns
    -------
    FitResult
        Standard errors add what is not known of the calibration to those of the second stage. Consistent for a linear
        model; for a logistic one an approximation that is good while slope x sd(X | W) is small. Where people may not
        differ beyond the noise the slope has an infinite interval and the flag "unidentified_slope".

    References
    ----------
    Carroll, Ruppert, Stefanski, Crainiceanu (2006), Measurement Error in Nonlinear Models, chapter 4.
    """
    if why_not_fitted(data) is not None:
        return _plain(data, labels, family, robust, settings)
    data = data.sorted()
    filled, flags = known_errors(data)
    model = _Model(problem(filled))
    found = _calibration(model)
    calibrated = _replaced(data, found.expected)
    if why_not_fitted(calibrated) is not None:  # expected values that are a line of the other terms
        plain = _plain(data, labels, family, robust, settings)
        return opened_where_unknown(
            replace(plain, diagnostics={**plain.diagnostics, "reliability_low95": 0.0, "tau2": 0.0})
        )
    fit = _plain(calibrated, labels, family, robust, settings)
    if fit.failed:
        return fit
    added = _added(model, family)
    covariance = fit.covariance + added
    estimates = _widened(fit, data, covariance, family)
    slope = estimates[SLOPE]
    reliability, low = reliability_record(data, corrected=True)
    kept = tuple(flag for flag in fit.flags if flag.name not in {"low_reliability", "no_spread_beyond_noise"})
    result = replace(
        fit, model="regression calibration" if family == "gaussian" else "logistic regression calibration",
        estimates=estimates, covariance=covariance, flags=(*flags, *kept, *low), axis=_axis(fit, data, labels),
        fitted=fit.fitted if family == "binomial" else _line(fit, data),
        diagnostics={
            **fit.diagnostics, **reliability, "p_value": t_test_p(slope.value, slope.stderr, slope.dof),
            "t": slope.value / slope.stderr,
            "variance_from_calibration": float(added[0, 0] / covariance[0, 0]),
        },
        settings={**fit.settings, "rows": row_record(data), "calibrated_marker": calibrated.marker.tolist(),
            "calibration": {
                "tau2": found.tau2, "coefficients": found.coefficients.tolist(), "weights": found.weight.tolist(),
            },
        },
    )  # fmt: skip
    return opened_where_unknown(result)


def _plain(data: ModelData, labels: Labels, family: str, robust: str, settings: Mapping[str, Any]) -> FitResult:
    if family == "gaussian":
        return fit_linear(data, labels, robust=robust, settings=settings)
    return fit_logistic(data, labels, settings=settings)


def _replaced(data: ModelData, expected: FloatArray) -> ModelData:
    matrix = data.covariates.matrix.copy()
    matrix[:, data.error_covariates] = expected[:, :-1]
    return replace(data, marker=expected[:, -1], covariates=replace(data.covariates, matrix=matrix))


def _added(model: _Model, family: str) -> FloatArray:
    """Return the covariance of the second-stage coefficients that comes from the calibration."""
    data, noisy = model.problem.data, list(model.problem.noisy)

    def coefficients(means: FloatArray, factor: FloatArray) -> FloatArray:
        expected = model.expected(means, factor)
        design = np.repeat(data.design[None], len(expected), axis=0)
        design[:, :, noisy] = expected
        return np.array([_second_stage(part, data.outcome, family) for part in design])

    return covariance_of(model.cohort, model.state, coefficients)


def _second_stage(design: FloatArray, outcome: FloatArray, family: str) -> FloatArray:
    if family == "gaussian":
        return np.asarray(np.linalg.lstsq(design, outcome, rcond=None)[0], dtype=float)
    scale = np.sqrt(np.mean(design**2, axis=0))
    columns, found = design / scale, np.zeros(design.shape[1])
    for _ in range(_NEWTON):
        chance = special.expit(columns @ found)
        weight = np.maximum(chance * (1.0 - chance), 1e-10)
        step = np.linalg.solve((columns.T * weight) @ columns, columns.T @ (outcome - chance))
        found = found + step
        if np.abs(step).max() < 1e-12:
            break
    return np.asarray(found / scale, dtype=float)


def _widened(fit: FitResult, data: ModelData, covariance: FloatArray, family: str) -> dict[str, Estimate]:
    """Return the estimates with errors and intervals of the larger covariance."""
    errors = dict(zip(fit.covariance_names, np.sqrt(np.diag(covariance)), strict=True))
    found = dict(fit.estimates)
    for name, error in errors.items():
        found[name] = replace(found[name], stderr=float(error), limits=())
    scale = true_sd(data) / (float(np.std(data.outcome, ddof=1)) if family == "gaussian" else 1.0)
    slope = found[SLOPE]
    standard = replace(
        found["standardised_slope"], value=slope.value * scale, stderr=slope.stderr * scale, limits=()
    )  # fmt: skip
    found["standardised_slope"] = standard
    if family == "gaussian":
        return found
    odds = _exp(standard.value)
    ends = [(level, *standard.interval(level)) for level in _LEVELS]
    found["odds_ratio"] = replace(
        found["odds_ratio"], value=odds, stderr=odds * standard.stderr,
        limits=tuple((level, _exp(low), _exp(high)) for level, low, high in ends),
    )  # fmt: skip
    return found


def _exp(value: float) -> float:
    return math.exp(value) if value < 700.0 else math.inf


def _axis(fit: FitResult, data: ModelData, labels: Labels) -> Any:
    axis = marker_axis(data, labels)
    return axis if fit.axis is None else replace(axis, data_name=fit.axis.data_name)


def _line(fit: FitResult, data: ModelData) -> FloatArray:
    """Return the line over the measured marker at the mean of the covariates."""
    others = [fit[name].value for name in fit.covariance_names[2:]]
    means = np.array([float(value) for value in fit.settings["covariate_means"]])
    return fit[SLOPE].value * data.marker + fit["intercept"].value + float(means @ np.array(others))
