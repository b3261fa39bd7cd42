"""What a regression is given, and the checks that come before any fit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurochem.quality import Flag
from neurochem.response.covariates import Covariates
from neurochem.response.reliability import conditional_reliability
from neurochem.results import Axis, Estimate, FitResult
from neurochem.units import FloatArray

# Below this most of a marker's spread is noise, and every report says so.
LOW_RELIABILITY = 0.5
SLOPE, INTERCEPT = "slope", "intercept"


@dataclass(frozen=True, slots=True, eq=False)
class ModelData:
    """Complete rows of one model.

    Attributes
    ----------
    outcome, marker, stderr : array, shape (n,)
        Outcome, marker and the marker's standard error (NaN where unknown).
    covariates : Covariates
        Columns to adjust for.
    ids : tuple of str
        One name a row.
    error_covariates : tuple of int
        Columns of the covariates that carry error themselves (the marker's own baseline, a noisy confounder); they stay
        out of the marker's reliability.
    error_covariance : array, shape (n, 1 + e, 1 + e), optional
        Covariance of the errors of the marker and of those e columns, in that order; by default the marker's error
        alone. NaN where unknown.
    clusters : tuple of str
        Cluster of each row (site, family); empty when there are none.
    """

    outcome: FloatArray
    marker: FloatArray
    stderr: FloatArray
    covariates: Covariates
    ids: tuple[str, ...]
    error_covariates: tuple[int, ...] = ()
    error_covariance: FloatArray | None = None
    clusters: tuple[str, ...] = ()

    def sorted(self) -> "ModelData":
        """Return the rows by marker, then outcome, so that the order in which people came changes nothing."""
        order = np.lexsort((np.arange(self.marker.size), self.outcome, self.marker))
        covariates = replace(self.covariates, matrix=self.covariates.matrix[order])
        return replace(
            self, outcome=self.outcome[order], marker=self.marker[order], stderr=self.stderr[order],
            covariates=covariates, ids=tuple(self.ids[i] for i in order),
            error_covariance=None if self.error_covariance is None else self.error_covariance[order],
            clusters=tuple(self.clusters[i] for i in order) if self.clusters else (),
        )  # fmt: skip

    @property
    def noise(self) -> FloatArray:
        """Covariance of the errors of the marker and of the noisy covariates, shape (n, 1 + e, 1 + e)."""
        if self.error_covariance is not None:
            return self.error_covariance
        return np.square(self.stderr)[:, None, None]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of the design."""
        return (SLOPE, INTERCEPT, *self.covariates.names)

    @property
    def design(self) -> FloatArray:
        """Marker, intercept and covariates, shape (n, p)."""
        return np.column_stack([self.marker, np.ones(self.marker.size), self.covariates.matrix])


@dataclass(frozen=True, slots=True)
class Labels:
    """What the numbers are called and measured in; `short` names the marker without its region."""

    name: str
    outcome: str
    outcome_unit: str
    marker: str
    marker_unit: str
    short: str = "marker"

    @property
    def marker_step(self) -> str:
        """Return what one unit of the marker is called: its unit, or its short name when it is a ratio."""
        return self.marker_unit or self.short

    def per(self, thing: str) -> str:
        """Return the unit of a coefficient: outcome unit per unit of `thing`."""
        return f"{self.outcome_unit} per {thing}".strip() if self.outcome_unit else f"per {thing}"


def unit_of_term(labels: Labels, data: ModelData, index: int) -> str:
    """Return the unit of the coefficient of a column of the design."""
    if index == 0:
        return labels.per(labels.marker_step)
    if index == 1 or data.covariates.categorical[index - 2]:
        return labels.outcome_unit
    name = data.covariates.names[index - 2]
    known = {"baseline_score": "point", "baseline_marker": labels.marker_step, "age": "year"}
    return labels.per(known.get(name, name))


def why_not_fitted(data: ModelData) -> Flag | None:
    """Return the reason why no model can be fitted to these rows, if there is one."""
    design = data.design
    n, p = design.shape
    if n <= p:
        message = f"{n} complete rows for {p} coefficients: at least {p + 1} are needed"
        return Flag("too_few_rows", message, "failure")
    if np.ptp(data.marker) <= 1e-12 * max(1.0, float(np.abs(data.marker).max())):
        return Flag("constant_marker", f"the marker is {data.marker[0]:g} in all {n} rows", "failure")
    if np.ptp(data.outcome) == 0.0:
        message = f"the outcome is {data.outcome[0]:g} in all {n} rows: there is nothing to relate"
        return Flag("constant_outcome", message, "failure")
    dependent = _dependent_columns(data)
    if dependent:
        message = f"{', '.join(dependent)} can be computed from the other terms: leave one of them out"
        return Flag("collinear", message, "failure")
    return None


def _dependent_columns(data: ModelData) -> list[str]:
    """Return the columns that add nothing to those before them (intercept, covariates, then the marker)."""
    order = [*range(1, len(data.names)), 0]
    kept: list[np.ndarray] = []
    dependent = []
    for index in order:
        column = data.design[:, index]
        rest = column.copy()
        for _ in range(2):  # twice is enough: one pass of Gram-Schmidt leaves rounding behind
            for basis in kept:
                rest = rest - basis * (basis @ rest)
        length = float(np.linalg.norm(rest))
        if length <= 1e-9 * float(np.linalg.norm(column)):
            dependent.append("the marker" if index == 0 else data.names[index])
        else:
            kept.append(rest / length)
    return dependent


def failed_fit(model: str, data: ModelData, labels: Labels, flag: Flag, settings: Mapping[str, Any]) -> FitResult:
    """Return a result that says why there are no numbers."""
    estimates = {
        name: Estimate(name, np.nan, np.nan, unit_of_term(labels, data, index)) for index, name in enumerate(data.names)
    }
    return FitResult(
        model=model, name=labels.name, estimates=estimates, success=False, flags=(flag,),
        diagnostics={"n": float(data.outcome.size), "p_value": np.nan}, settings=settings,
        axis=marker_axis(data, labels), data=data.outcome, fitted=np.full(data.outcome.shape, np.nan),
    )  # fmt: skip


def row_record(data: ModelData) -> dict[str, list[Any]]:
    """Return the rows of a model for its record, the marker's standard errors among them."""
    record = {
        "participant_id": list(data.ids),
        "outcome": data.outcome.tolist(),
        "marker": data.marker.tolist(),
        "marker_se": data.stderr.tolist(),
        "covariates": data.covariates.matrix.tolist(),
    }
    if data.error_covariance is not None:
        record["error_covariates"] = list(data.error_covariates)
        record["error_covariance"] = data.error_covariance.tolist()
    return record


def reliability_record(data: ModelData, *, corrected: bool = False) -> tuple[dict[str, float], tuple[Flag, ...]]:
    """Return the reliability of the marker given the covariates, and a flag where it is low."""
    shared = set(data.error_covariates)
    others = [index for index in range(len(data.covariates.names)) if index not in shared]
    stderr = _with_typical(data.stderr) if corrected else data.stderr
    found = conditional_reliability(data.marker, stderr, data.covariates.matrix[:, others], weighted=True)
    numbers = {
        "reliability": found.value, "reliability_low95": found.low, "reliability_high95": found.high,
        "tau2": found.tau2, "mean_se2": found.mean_se2, "n_with_se": float(np.isfinite(data.stderr).sum()),
    }  # fmt: skip
    if not found.value < LOW_RELIABILITY:
        return numbers, ()
    if found.tau2 <= 0.0:
        message = "the scans' errors explain all of the spread of the marker: people cannot be told apart by it"
        return numbers, (Flag("no_spread_beyond_noise", message, parameter=SLOPE),)
    message = f"reliability of the marker is {found.value:.2f}: "
    message += (
        "more than half of its spread is noise, and the correction rests on the standard errors of the scans"
        if corrected
        else "the slope is shrunk to about that share of the true one"
    )
    return numbers, (Flag("low_reliability", message, parameter=SLOPE),)


def marker_axis(data: ModelData, labels: Labels) -> Axis:
    """Return the marker as the horizontal axis."""
    return Axis(data.marker, labels.marker, labels.marker_unit, labels.outcome, labels.outcome_unit)


def is_binary(fit: FitResult) -> bool:
    """Say whether a fit is of a yes-or-no outcome, its slope in log-odds."""
    return str(fit.settings.get("outcome_family", "binomial" if "logistic" in fit.model else "gaussian")) == "binomial"


def true_sd(data: ModelData) -> float:
    """Return the SD of the true marker between people, each value weighted by its own error."""
    if not np.isfinite(data.stderr).any():
        return float(np.std(data.marker, ddof=1))
    none = np.empty((data.marker.size, 0))
    found = conditional_reliability(data.marker, _with_typical(data.stderr), none, weighted=True)
    return math.sqrt(max(found.tau2, 0.0))


def _with_typical(stderr: FloatArray) -> FloatArray:
    """Return the standard errors, unknown ones being the root mean square of the finite ones, as the corrections take them."""
    finite = np.isfinite(stderr)
    return np.where(
        np.isnan(stderr) & finite.any(), np.sqrt(np.mean(stderr[finite] ** 2)) if finite.any() else np.nan, stderr
    )
