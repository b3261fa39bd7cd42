"""Result of a regression by structural maximum likelihood: the marker's error carried into slope and interval."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from neurochem.quality import Flag
from neurochem.response.influence import influence_record, leverage
from neurochem.response.measurement_error.gaussian_ml import GaussianLikelihood
from neurochem.response.measurement_error.logistic_ml import BinaryLikelihood
from neurochem.response.measurement_error.noisy_data import known_errors, problem
from neurochem.response.measurement_error.profile import LEVELS, largest_drop, limits, tail
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

GAUSSIAN, BINOMIAL = "structural", "structural logistic"
# Above this number of people one of them moves little, and leaving out each is not worth the wait.
_MOST_LEFT_OUT, _AT_ONCE = 400, 100
_CHI_SQUARE_95 = float(special.chdtri(1, 0.05))
Likelihood = GaussianLikelihood | BinaryLikelihood


def fit_structural(
    data: ModelData,
    labels: Labels,
    naive: FitResult,
    *,
    restricted: bool = False,
    settings: Mapping[str, Any],
) -> FitResult:
    """Fit outcome = slope x true marker + intercept + covariates, where the measured marker has known error.

    Parameters
    ----------
    data : ModelData
        Complete rows with the errors' covariances.
    labels : Labels
        Names and units.
    naive : FitResult
        The same model without correction, of the same family; it decides between a continuous and a yes-or-no outcome.
    restricted : bool
        Restricted likelihood; continuous outcomes only.
    settings : mapping
        Goes into the record of the result.

    Returns
    -------
    FitResult
        Model "structural" or "structural logistic". Intervals of the slope are the profile likelihood's with an F
        reference; standard errors come from the observed information. A slope that the data cannot tell from an endless
        one has an infinite interval and the flag "unidentified_slope".

    Notes
    -----
    W = X + U, U ~ N(0, S_i) known; X | Z ~ N(A'Z, T); outcome on X and Z linear with normal residual, or logistic.
    The errors are classical and independent of everything else. The residual of a continuous outcome has one variance.
    """
    family = settings.get("outcome_family", "gaussian")
    name = GAUSSIAN if family == "gaussian" else BINOMIAL
    flag = why_not_fitted(data)
    if flag is not None:
        return failed_fit(name, data, labels, flag, settings)
    data = data.sorted()
    filled, assumed = known_errors(data)
    standard = problem(filled)
    gaussian = family == "gaussian"
    likelihood = GaussianLikelihood(standard, restricted=restricted) if gaussian else BinaryLikelihood(standard)
    return _result(name, data, labels, likelihood, naive, assumed, settings)


def _result(
    name: str,
    data: ModelData,
    labels: Labels,
    likelihood: Likelihood,
    naive: FitResult,
    flags: tuple[Flag, ...],
    settings: Mapping[str, Any],
) -> FitResult:
    values, covariance = likelihood.coefficients()
    people, dof = likelihood.effective_people, likelihood.problem.dof
    if np.isnan(likelihood.slope):
        values[:], covariance[:] = np.nan, np.inf
    ends, plain = _intervals(likelihood, values, covariance)
    binary = name == BINOMIAL
    factor = 1.0 if binary else math.sqrt(people / dof)
    estimates = _estimates(data, labels, (values, covariance), ends, None if binary else (dof, factor))
    estimates.update(_derived(data, estimates[SLOPE], likelihood, binary=binary))
    reliability, low = reliability_record(data, corrected=True)
    diagnostics = {
        **_diagnostics(likelihood, naive, estimates[SLOPE]), **reliability, "stderr_factor": factor,
        "likelihood_low95": plain[0], "likelihood_high95": plain[1],
    }  # fmt: skip
    record, largest, note = influence_record(data, values, _without_each(likelihood), estimates[SLOPE], covariance)
    diagnostics.update(largest)
    flags = (*flags, *_unidentified(ends, binary=binary), *_few(naive))
    return FitResult(
        model=name, name=labels.name, estimates=estimates, flags=(*flags, *note, *low),
        **_curves(data, labels, values, binary=binary), covariance=covariance, covariance_names=data.names,
        diagnostics=diagnostics,
        settings={
            **settings, "inference": f"{'restricted ' if likelihood.restricted else ''}profile likelihood, F reference",
            "rows": row_record(data), "covariate_means": data.covariates.matrix.mean(axis=0).tolist(),
            "influence": record,
        },
    )  # fmt: skip


def _without_each(likelihood: Likelihood) -> FloatArray:
    """Return the coefficients with each person left out, NaN where there are none (or too many people)."""
    data = likelihood.problem.data
    without = np.full(data.design.shape, np.nan)
    # without a person who alone determines a coefficient there is no fit
    spared = np.flatnonzero(leverage(data.design) < 1.0 - 1e-9)
    if math.isnan(likelihood.slope) or likelihood.problem.dof < 2 or len(without) > _MOST_LEFT_OUT:
        return without
    for first in range(0, spared.size, _AT_ONCE):
        people = spared[first : first + _AT_ONCE]
        found, identified = likelihood.without_each(people)
        without[people] = np.where(identified[:, None], found, np.nan)
    return without


def _intervals(
    likelihood: Likelihood, values: FloatArray, covariance: FloatArray
) -> tuple[tuple[tuple[float, float, float], ...], tuple[float, float]]:
    """Return the intervals of the slope by level, and the 95 % interval of the plain likelihood ratio."""
    people, dof = likelihood.effective_people, likelihood.problem.dof
    drops = [*(largest_drop(level, people, dof) for level in LEVELS), _CHI_SQUARE_95]
    open_heights = likelihood.open_heights
    unit = float(np.std(likelihood.problem.data.outcome) / np.std(likelihood.problem.data.marker))
    centre, step = float(values[0]), math.sqrt(float(covariance[0, 0]))
    if not math.isfinite(centre):
        if min(open_heights) >= likelihood.peak - 0.5 * min(drops):
            return tuple((level, -math.inf, math.inf) for level in LEVELS), (-math.inf, math.inf)
        centre = likelihood.far_slope
    step = min(step, 10.0 * unit) if step > 0.0 else unit
    found = limits(
        likelihood.heights, peak=likelihood.peak, centre=centre, step=step, drops=np.array(drops),
        open_heights=open_heights,
    )  # fmt: skip
    levels = tuple((level, float(low), float(high)) for level, (low, high) in zip(LEVELS, found[:-1], strict=True))
    return levels, (float(found[-1, 0]), float(found[-1, 1]))


def _unidentified(ends: tuple[tuple[float, float, float], ...], *, binary: bool) -> tuple[Flag, ...]:
    """Return a flag where the 95 % interval is open."""
    _, low, high = next(item for item in ends if item[0] == 0.95)
    if math.isfinite(low) and math.isfinite(high):
        return ()
    if math.isinf(low) and math.isinf(high):
        message = (
            "the data do not identify the slope: with the errors given, people may not differ beyond noise, and any "
        )
        message += "slope is compatible with that; the interval is infinite"
    else:
        message = f"the data give no {'upper' if math.isinf(high) else 'lower'} limit of the slope: it may be endless"
    if binary:
        message += (
            "; use the score itself as outcome, or error='none' with Firth's penalty for a slope that stays attenuated"
        )
    return (Flag("unidentified_slope", message, parameter=SLOPE),)


def _few(naive: FitResult) -> tuple[Flag, ...]:
    return tuple(flag for flag in naive.flags if flag.name == "few_events")


def _estimates(
    data: ModelData,
    labels: Labels,
    fitted: tuple[FloatArray, FloatArray],
    ends: tuple[tuple[float, float, float], ...],
    small: tuple[float, float] | None,
) -> dict[str, Estimate]:
    """Return slope with profile limits, and the others with limits widened for small samples by `small`."""
    values, covariance = fitted
    errors = np.sqrt(np.diag(covariance))
    named = labels if small is not None else replace(labels, outcome_unit="log-odds")
    found = {}
    for i, name in enumerate(data.names):
        estimate = Estimate(name, float(values[i]), float(errors[i]), unit_of_term(named, data, i))
        if small is not None and math.isfinite(errors[i]):
            dof, factor = small
            half = [float(special.stdtrit(dof, 0.5 + 0.5 * level)) * factor * float(errors[i]) for level in LEVELS]
            limits_of = tuple(
                (level, estimate.value - h, estimate.value + h) for level, h in zip(LEVELS, half, strict=True)
            )
            estimate = replace(estimate, dof=float(dof), limits=limits_of)
        found[name] = estimate
    open_end = any(not math.isfinite(end) for level, *pair in ends if level == 0.95 for end in pair)
    slope = replace(found[SLOPE], limits=ends, stderr_kind="profile")
    found[SLOPE] = replace(slope, stderr=math.inf) if open_end else slope
    return found


def _derived(data: ModelData, slope: Estimate, likelihood: Likelihood, *, binary: bool) -> dict[str, Estimate]:
    """Return the slope per SD of the true marker, and the partial correlation or the odds ratio."""
    # no spread seen: a slope per SD of nothing has no value
    spread = true_sd(data) or math.nan
    scale = spread if binary else spread / float(np.std(data.outcome, ddof=1))
    standardised = replace(
        slope, name="standardised_slope", value=slope.value * scale, stderr=_times(slope.stderr, scale),
        unit="log-odds per SD" if binary else "SD per SD",
        limits=tuple((level, _times(low, scale), _times(high, scale)) for level, low, high in slope.limits),
    )  # fmt: skip
    if not binary:
        partial = likelihood.extras()["partial_r"] if math.isfinite(slope.value) else math.nan
        return {standardised.name: standardised, "partial_r": Estimate("partial_r", partial, math.nan)}
    ratio = _exp(standardised.value)
    odds = Estimate(
        "odds_ratio", ratio, ratio * standardised.stderr, "per SD", stderr_kind="profile",
        limits=tuple((level, _exp(low), _exp(high)) for level, low, high in standardised.limits),
    )  # fmt: skip
    return {standardised.name: standardised, odds.name: odds}


def _times(value: float, scale: float) -> float:
    """Return the product, an endless value staying endless even where the scale is not known."""
    return value if math.isinf(value) else value * scale


def _exp(value: float) -> float:
    if math.isnan(value):
        return math.nan
    return math.exp(value) if value < 700.0 else math.inf


def _diagnostics(likelihood: Likelihood, naive: FitResult, slope: Estimate) -> dict[str, float]:
    people, dof = likelihood.effective_people, likelihood.problem.dof
    drop = 2.0 * max(likelihood.peak - float(likelihood.heights(np.zeros(1))[0]), 0.0)
    plain = naive["slope"] if not naive.failed else None
    share = 1.0 - (plain.stderr / slope.stderr) ** 2 if plain and 0.0 < slope.stderr < math.inf else math.nan
    numbers = {
        "n": float(likelihood.problem.people), "dof": float(dof),
        "p_value": float(tail(np.asarray(drop), np.asarray(people), np.asarray(dof))),
        "p_likelihood_ratio": float(special.chdtrc(1, drop)), "likelihood_ratio": drop,
        "log_likelihood": likelihood.log_likelihood,
        "naive_slope": plain.value if plain else math.nan, "naive_stderr": plain.stderr if plain else math.nan,
        "naive_p": naive.diagnostics["p_value"], "variance_from_correction": max(share, 0.0),
    }  # fmt: skip
    extras = likelihood.extras()
    numbers.update({name: value for name, value in extras.items() if name != "partial_r"})
    if "events" in naive.diagnostics:
        numbers["events"] = naive.diagnostics["events"]
    return numbers


def _curves(data: ModelData, labels: Labels, values: FloatArray, *, binary: bool) -> dict[str, Any]:
    """Return axis, data and line for the figure: the outcome shifted to the mean of the covariates."""
    matrix = data.covariates.matrix
    everyone = np.ones(data.outcome.size, dtype=bool)
    axis = marker_axis(data, labels)
    line = values[0] * data.marker + values[1] + matrix.mean(axis=0) @ values[2:]
    if binary:
        shift, fitted = (
            np.zeros(data.outcome.size),
            special.expit(values[0] * data.marker + values[1] + matrix @ values[2:]),
        )
    else:
        shift, fitted = (matrix - matrix.mean(axis=0)) @ values[2:], line
        axis = replace(axis, data_name=labels.outcome + (", adjusted" if matrix.size else ""))
    shift = np.nan_to_num(shift)
    return {
        "axis": axis, "data": data.outcome - shift, "fitted": fitted, "weights": np.ones(data.outcome.size),
        "used": everyone,
    }  # fmt: skip
