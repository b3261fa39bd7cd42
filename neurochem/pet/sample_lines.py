"""Straight lines through samples, in the place of a fitted model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.errors import InputError
from neurochem.pet.sample_fit import SampleCurve, SampleModel, Samples, held_parameters, sample_axis
from neurochem.results import FitResult, frozen_array
from neurochem.units import FloatArray


@dataclass(frozen=True, eq=False)
class InterpolatedCurve(SampleCurve):
    """Straight lines through samples, level beyond the first and last."""

    time_min: FloatArray
    sampled: FloatArray
    result: FitResult

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at times in minutes."""
        return np.interp(np.asarray(time_min, dtype=float), self.time_min, self.sampled)

    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return NaN: lines through samples carry no error of their own."""
        return np.full(np.shape(time_min), np.nan)

    def draw(self, rng: np.random.Generator) -> "InterpolatedCurve":
        """Return the curve itself."""
        del rng
        return self

    @property
    def knots_min(self) -> FloatArray:
        """Sample times."""
        return self.time_min


class Interpolation(SampleModel):
    """Straight lines between samples, which pass the noise of each sample on.

    Parameters
    ----------
    at_zero : float, optional
        Value at injection, where there is no sample before; level from the first sample by default.
    """

    name = "interpolation"
    citation = "straight lines"
    equation = "straight lines through the samples, level beyond the last"
    parameters = ()

    def __init__(self, at_zero: float | None = None) -> None:
        self.at_zero = at_zero

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Raise: there is no function without samples."""
        msg = f"interpolation has no parameters; fit it to samples first (got {np.size(theta)} and {np.size(time_min)} times)"
        raise InputError(msg)

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return nothing to start from."""
        del time_min, values
        return []

    def fit(
        self, samples: Samples, *, fixed: Mapping[str, float | None] | None = None, variance: float | None = None
    ) -> InterpolatedCurve:
        """Return lines through the samples that carry weight; doubles are averaged."""
        del variance
        held_parameters(self, fixed)
        used = samples.used
        time, group = np.unique(samples.time_min[used], return_inverse=True)
        weight = np.bincount(group, samples.weights[used])
        mean = np.bincount(group, samples.weights[used] * samples.values[used]) / weight
        if self.at_zero is not None and time[0] > 0:
            time, mean = np.concatenate([[0.0], time]), np.concatenate([[self.at_zero], mean])
        result = FitResult(
            model=self.name, name=samples.name, estimates={}, axis=sample_axis(samples), data=samples.values,
            fitted=np.interp(samples.time_min, time, mean), weights=samples.weights, used=used,
            settings={"equation": self.equation, "where": samples.where},
        )  # fmt: skip
        return InterpolatedCurve(frozen_array(time), frozen_array(mean), result)
