"""Least squares of a continuous outcome, with standard errors that allow unequal variance."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neurochem.quality import Flag
from neurochem.response.influence import influence_record, leverage
from neurochem.response.model_data import (
    INTERCEPT,
    SLOPE,
    Labels,
    ModelData,
    failed_fit,
    marker_axis,
    reliability_record,
    row_record,
    unit_of_term,
    why_not_fitted,
)
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

MODEL = "OLS"
_FISHER_LEVELS = (0.90, 0.95, 0.99)
_ENOUGH_CLUSTERS = 20


def fit_linear(data: ModelData, labels: Labels, *, robust: str, settings: Mapping[str, Any]) -> FitResult:
    """Fit outcome = slope x marker + intercept + covariates by least squares.

    Parameters
    ----------
    data : ModelData
        Complete rows.
    labels : Labels
        Names and units.
    robust : str
        "HC3", "classical" or "cluster" (the data then name the cluster of each person).
    settings : mapping
        Goes into the record of the result.

    Returns
    -------
    FitResult
        `data` and `fitted` are shown at the mean of the covariates, so that the fit is a line over the marker;
        the residual is that of the whole model.
    """
    flag = why_not_fitted(data)
    if flag is not None:
        return failed_fit(MODEL, data, labels, flag, settings)
    from statsmodels.regression.linear_model import OLS

    data = data.sorted()
    model = OLS(data.outcome, data.design).fit()
    covariance, kind, flags = _covariance(model, data, robust)
    dof = float(model.df_resid) if kind != "cluster" else float(len(set(data.clusters)) - 1)
    estimates = _estimates(data, labels, model.params, covariance, dof)
    classical_t = float(model.params[0] / model.bse[0])
    estimates.update(_derived(data, labels, estimates[SLOPE], classical_t, float(model.df_resid)))
    reliability, low = reliability_record(data)
    record, largest, note = influence_record(
        data, model.params, _without_each(model, data.design), estimates[SLOPE], np.asarray(model.cov_params())
    )
    centred = data.covariates.matrix - data.covariates.matrix.mean(axis=0)
    shift = centred @ model.params[2:]
    return FitResult(
        model=MODEL, name=labels.name, estimates=estimates, flags=(*flags, *note, *low),
        axis=replace(marker_axis(data, labels), data_name=labels.outcome + (", adjusted" if centred.size else "")),
        data=data.outcome - shift, fitted=model.fittedvalues - shift, weights=np.ones(data.outcome.size),
        used=np.ones(data.outcome.size, dtype=bool), covariance=covariance, covariance_names=data.names,
        diagnostics={**_diagnostics(model, estimates[SLOPE], classical_t), **reliability, **largest},
        settings={
            **settings, "inference": kind, "rows": row_record(data),
            "covariate_means": data.covariates.matrix.mean(axis=0).tolist(), "influence": record,
        },
    )  # fmt: skip


def _covariance(model: Any, data: ModelData, robust: str) -> tuple[FloatArray, str, tuple[Flag, ...]]:
    """Return the covariance of the coefficients, its kind, and a flag where HC3 has no meaning."""
    classical = np.asarray(model.cov_params())
    if robust == "classical":
        return classical, "classical", ()
    if robust == "cluster":
        return _clustered(model, data)
    alone = leverage(data.design) > 1.0 - 1e-9
    if not alone.any():
        return np.asarray(model.cov_HC3), "HC3", ()
    who = ", ".join(data.ids[index] for index in np.flatnonzero(alone))
    message = f"HC3 is undefined because {who} alone determines a coefficient; standard errors are classical"
    return classical, "classical", (Flag("leverage_one", message),)


def _clustered(model: Any, data: ModelData) -> tuple[FloatArray, str, tuple[Flag, ...]]:
    """Return the covariance that allows people of one cluster (site, family) to share what the model leaves out."""
    codes = np.unique(np.asarray(data.clusters), return_inverse=True)[1]
    count = int(codes.max()) + 1
    found = np.asarray(model.get_robustcov_results(cov_type="cluster", groups=codes).cov_params())
    if count >= _ENOUGH_CLUSTERS:
        return found, "cluster", ()
    message = f"only {count} clusters: cluster errors are too small below about {_ENOUGH_CLUSTERS}, even with t of "
    message += f"{count - 1} degrees of freedom; put the cluster in the model as a covariate"
    return found, "cluster", (Flag("few_clusters", message),)


def _without_each(model: Any, design: FloatArray) -> FloatArray:
    """Return the coefficients with each person left out, exactly: b - (X'X)^-1 x e / (1 - h)."""
    hat = leverage(design)
    left = model.resid / np.where(hat > 1.0 - 1e-9, np.nan, 1.0 - hat)
    return model.params - (left[:, None] * design) @ np.asarray(model.normalized_cov_params)


def _estimates(
    data: ModelData, labels: Labels, values: FloatArray, covariance: FloatArray, dof: float
) -> dict[str, Estimate]:
    errors = np.sqrt(np.diag(covariance))
    return {
        name: Estimate(name, float(values[i]), float(errors[i]), unit_of_term(labels, data, i), dof=dof)
        for i, name in enumerate(data.names)
    }


def _derived(data: ModelData, labels: Labels, slope: Estimate, classical_t: float, dof: float) -> dict[str, Estimate]:
    scale = float(np.std(data.marker, ddof=1) / np.std(data.outcome, ddof=1))
    standardised = replace(
        slope, name="standardised_slope", value=slope.value * scale, stderr=slope.stderr * scale, unit="SD per SD"
    )
    return {standardised.name: standardised, "partial_r": _partial_r(classical_t, dof)}


def _partial_r(t: float, dof: float) -> Estimate:
    """Return r = t / sqrt(t^2 + dof) with Fisher's interval; n - k - 3 = dof - 1 for k covariates beside the marker."""
    from scipy import special

    r = t / math.hypot(t, math.sqrt(dof)) if math.isfinite(t) else math.copysign(1.0, t)
    if dof <= 1 or abs(r) >= 1.0:
        return Estimate("partial_r", r, math.nan)
    width = 1.0 / math.sqrt(dof - 1.0)
    limits = []
    for level in _FISHER_LEVELS:
        half = float(special.ndtri(0.5 + 0.5 * level)) * width
        limits.append((level, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)))
    return Estimate("partial_r", r, (1.0 - r**2) * width, limits=tuple(limits))


def _diagnostics(model: Any, slope: Estimate, classical_t: float) -> dict[str, float]:
    return {
        "n": float(model.nobs),
        "dof": slope.dof,
        "t": slope.value / slope.stderr if slope.stderr > 0.0 else math.nan,
        "p_value": t_test_p(slope.value, slope.stderr, slope.dof),
        "p_classical": float(model.pvalues[0]),
        "stderr_classical": float(model.bse[0]),
        "f2": classical_t**2 / float(model.df_resid),
        "r_squared": float(model.rsquared),
        "residual_sd": math.sqrt(float(model.mse_resid)),
    }


def t_test_p(value: float, stderr: float, dof: float) -> float:
    """Return the two-sided p of value / stderr against t of `dof` degrees of freedom (normal when infinite)."""
    from scipy import special

    if not (math.isfinite(value) and math.isfinite(stderr)) or stderr <= 0.0:
        return math.nan
    size = -abs(value / stderr)
    return float(2.0 * (special.ndtr(size) if math.isinf(dof) else special.stdtr(dof, size)))


__all__ = ["INTERCEPT", "MODEL", "SLOPE", "fit_linear", "t_test_p"]
