"""Samples of blood: times, values and weights, checked once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error
from neurochem.errors import InputError
from neurochem.results import Axis, frozen_array
from neurochem.units import BoolArray, FloatArray, seconds_to_minutes


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples to fit.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        Seconds after injection, not negative; doubles are allowed (replicates).
    values : array_like, shape (n,)
        What was measured.
    weights : array_like, shape (n,), optional
        One over variance, up to a factor; zero leaves a sample out, and it may then be missing (NaN). Equal by default.
    name, unit : str
        What the values are, for axes and messages.
    where : str
        File, for messages.

    Raises
    ------
    InputError
        Naming file, sample, value and remedy.
    """

    time_s: FloatArray
    values: FloatArray
    weights: FloatArray
    name: str = "value"
    unit: str = ""
    where: str = ""

    def __init__(
        self,
        time_s: ArrayLike,
        values: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        name: str = "value",
        unit: str = "",
        where: str = "",
    ) -> None:
        time, value = np.array(time_s, dtype=float), np.array(values, dtype=float)
        weight = np.ones(value.shape) if weights is None else np.array(weights, dtype=float)
        _check_samples(time, value, weight, name, f"{where}: " if where else "")
        for key, item in (("time_s", time), ("values", value), ("weights", weight)):
            object.__setattr__(self, key, frozen_array(item))
        for key, text in (("name", name), ("unit", unit), ("where", where)):
            object.__setattr__(self, key, text)

    @property
    def time_min(self) -> FloatArray:
        """Minutes after injection."""
        return seconds_to_minutes(self.time_s)

    def check(self, allowed: BoolArray, remedy: str) -> None:
        """Raise InputError naming the first sample used that is not allowed, with what to do."""
        bad = np.flatnonzero(self.used & ~allowed)
        if bad.size:
            place, row = f"{self.where}: " if self.where else "", bad[0]
            msg = f"{place}{self.name}, sample {row + 1} at {self.time_s[row]:g} s, is {self.values[row]:g}; {remedy}"
            raise InputError(msg)

    @property
    def used(self) -> BoolArray:
        """Samples that carry weight."""
        return self.weights > 0


def _check_samples(time: FloatArray, value: FloatArray, weight: FloatArray, name: str, place: str) -> None:
    if time.ndim != 1 or value.shape != time.shape or weight.shape != time.shape or time.size == 0:
        msg = f"{place}{name}: {time.size} times, {value.size} values and {weight.size} weights; give one of each a sample"
        raise InputError(msg)
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if bad.size:
        msg = (
            f"{place}weight of {name}, sample {bad[0] + 1}, is {weight[bad[0]]}; give 1/variance, or 0 to leave it out"
        )
        raise InputError(msg)
    bad = np.flatnonzero(~(np.isfinite(time) & (time >= 0)))
    if bad.size:
        msg = (
            f"{place}time of {name}, sample {bad[0] + 1}, is {time[bad[0]]:g} s; it must be a number of seconds after "
            "injection. Leave samples before injection out."
        )
        raise InputError(msg)
    bad = np.flatnonzero(~np.isfinite(value) & (weight > 0))
    if bad.size:
        msg = f"{place}{name}, sample {bad[0] + 1} at {time[bad[0]]:g} s, is {value[bad[0]]}; remove it or give it weight 0"
        raise InputError(msg)
    if not (weight > 0).any():
        msg = f"{place}every weight of {name} is zero; give at least as many samples a weight as there are parameters"
        raise InputError(msg)


def sample_axis(samples: Samples) -> Axis:
    """Return the axis on which samples are drawn."""
    return Axis(samples.time_min, "time after injection", "min", samples.name, samples.unit)


def checked_variance(variance: float | None) -> float | None:
    """Return the variance of unit weight, or raise InputError where it is none."""
    if variance is not None and not 0 < variance < np.inf:
        raise argument_error(variance, "variance", "a positive number, or None to estimate it from the residual")
    return variance
