"""One estimate with its error, and the axis of a curve: what every result is made of."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.records import encode, number_value

STDERR_KINDS = ("fit", "crlb", "bootstrap", "profile", "mcmc", "none")


def frozen_array(values: Any) -> np.ndarray:
    """Return a read-only copy, so that a result cannot be changed after the fact."""
    array = np.array(values)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True)
class Estimate:
    """One fitted or derived quantity.

    Attributes
    ----------
    name, unit : str
        Name of the parameter and unit of value and standard error ("" for a ratio).
    value, stderr : float
        Estimate and absolute standard error, NaN when unknown and infinite when the data cannot tell.
    stderr_kind : str
        "fit", "crlb", "bootstrap", "profile", "mcmc" or "none".
    fixed, at_bound : bool
        Whether the value was given rather than estimated, and whether it ended at the edge of its search.
    dof : float
        Degrees of freedom of the standard error; infinite means the normal distribution.
    limits : tuple of (level, low, high)
        Intervals that are not symmetric (profile likelihood, bootstrap), by level.
    """

    name: str
    value: float
    stderr: float = math.nan
    unit: str = ""
    stderr_kind: str = "fit"
    fixed: bool = False
    at_bound: bool = False
    dof: float = math.inf
    limits: tuple[tuple[float, float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.stderr_kind not in STDERR_KINDS:
            msg = f"kind of standard error '{self.stderr_kind}' is not one of {', '.join(STDERR_KINDS)}"
            raise ValueError(msg)

    @property
    def relative_stderr(self) -> float:
        """Return the standard error in percent of the value."""
        return 100.0 * self.stderr / abs(self.value) if self.value else math.nan

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return (low, high) from the estimate's own kind of error.

        A stored interval of that level wins; otherwise value +- t x stderr with the estimate's degrees of freedom.
        A fixed value is its own interval; an unknown error gives (NaN, NaN), an unidentified one (-inf, inf).
        """
        if not 0.0 < level < 1.0:
            msg = f"level is {level}; it must lie between 0 and 1, for example 0.95"
            raise InputError(msg)
        for stored, low, high in self.limits:
            if math.isclose(stored, level):
                return low, high
        if self.fixed:
            return self.value, self.value
        if math.isinf(self.stderr):
            return -math.inf, math.inf
        half = _quantile(0.5 + 0.5 * level, self.dof) * self.stderr
        return self.value - half, self.value + half

    def __repr__(self) -> str:
        """Return name, value, error and unit on one line."""
        unit = f" {self.unit}" if self.unit else ""
        note = " (fixed)" if self.fixed else " (at bound)" if self.at_bound else ""
        return f"{self.name} = {self.value:.6g} ± {self.stderr:.2g}{unit}{note}"


def _quantile(probability: float, dof: float) -> float:
    from scipy import special

    return float(special.ndtri(probability) if math.isinf(dof) else special.stdtrit(dof, probability))


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """What a curve is drawn against.

    Attributes
    ----------
    values : array, shape (n,)
        Positions, for example mid-frame times or shifts.
    name, unit : str
        Label of the horizontal axis.
    data_name, data_unit : str
        Label of the vertical axis.
    descending : bool
        Whether the axis is drawn from high to low, as chemical shifts are.
    """

    values: np.ndarray
    name: str
    unit: str
    data_name: str = ""
    data_unit: str = ""
    descending: bool = False


def axis_record(axis: Axis | None) -> dict[str, Any] | None:
    """Return an axis as JSON holds it."""
    if axis is None:
        return None
    return {
        "values": encode(np.asarray(axis.values)), "name": axis.name, "unit": axis.unit,
        "data_name": axis.data_name, "data_unit": axis.data_unit, "descending": axis.descending,
    }  # fmt: skip


def estimate_record(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as JSON holds it."""
    return {
        "name": estimate.name, "value": number_value(estimate.value), "stderr": number_value(estimate.stderr),
        "unit": estimate.unit, "stderr_kind": estimate.stderr_kind, "fixed": bool(estimate.fixed),
        "at_bound": bool(estimate.at_bound), "dof": number_value(estimate.dof),
        "limits": [[number_value(value) for value in row] for row in estimate.limits],
    }  # fmt: skip
