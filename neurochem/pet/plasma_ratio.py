"""The ratio of whole blood to plasma, fitted where both were measured."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.pet.sample_fit import Parameter, SampleCurve, SampleModel, Samples
from neurochem.pet.sample_lines import Interpolation
from neurochem.registry import Registry
from neurochem.units import FloatArray

BLOOD_TO_PLASMA: Registry[SampleModel] = Registry("blood-to-plasma ratio model")

_LARGEST = 100.0


class ConstantRatio(SampleModel):
    """C_B/C_P = r."""

    name = "constant"
    citation = "weighted mean"
    equation = "C_B/C_P = r"
    parameters = (Parameter("r", "", 0.0, _LARGEST),)

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the ratio at times in minutes."""
        return theta[0] * np.ones(np.shape(time_min))

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return the mean."""
        del time_min
        return [np.array([float(np.mean(values))])]


class LinearRatio(SampleModel):
    """C_B/C_P = r + s t, t in minutes; not to be carried far beyond the samples."""

    name = "linear"
    citation = "straight line"
    equation = "C_B/C_P = r + s t"
    parameters = (Parameter("r", "", 0.0, _LARGEST), Parameter("s", "1/min", -_LARGEST, _LARGEST))

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the ratio at times in minutes."""
        return theta[0] + theta[1] * time_min

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return a level line."""
        del time_min
        return [np.array([float(np.mean(values)), 0.0])]


class ExponentialRatio(SampleModel):
    """C_B/C_P = r + (r0 - r) exp(-k t), t in minutes: from r0 at injection to the asymptote r."""

    name = "exponential"
    citation = "exponential to an asymptote"
    equation = "C_B/C_P = r + (r0 - r) exp(-k t)"
    parameters = (
        Parameter("r", "", 0.0, _LARGEST), Parameter("r0", "", 0.0, _LARGEST), Parameter("k", "1/min", 0.0, 20.0),
    )  # fmt: skip

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the ratio at times in minutes."""
        level, first, rate = theta
        return level + (first - level) * np.exp(-rate * time_min)

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return three rates between first and last sample."""
        order = np.argsort(time_min)
        first, last = float(values[order[0]]), float(values[order[-1]])
        span = max(float(np.max(time_min)), 1e-3)
        return [np.array([last, first, rate / span]) for rate in (1.0, 5.0, 30.0)]


BLOOD_TO_PLASMA.add(ConstantRatio(), name="constant")
BLOOD_TO_PLASMA.add(LinearRatio(), name="linear")
BLOOD_TO_PLASMA.add(ExponentialRatio(), name="exponential", aliases=("asymptote",))
BLOOD_TO_PLASMA.add(Interpolation(), name="interpolation", aliases=("interp",))


@checked_arguments
def fit_blood_to_plasma(
    time_s: ArrayLike,
    ratio: ArrayLike,
    *,
    model: str = "constant",
    weights: ArrayLike | None = None,
    fixed: Mapping[str, float | None] | None = None,
    variance: float | None = None,
    where: str = "",
) -> SampleCurve:
    """Fit the ratio of whole blood to plasma.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        Seconds after injection.
    ratio : array_like, shape (n,)
        Whole-blood over plasma activity, positive.
    model : str
        "constant", "linear", "exponential" (to an asymptote) or "interpolation".
    weights, fixed, variance, where
        As for `fit_parent_fraction`.

    Returns
    -------
    SampleCurve
        The ratio at every time; plasma is whole blood divided by it.

    Raises
    ------
    InputError, UnknownNameError
        If a ratio is not positive, or there are too few samples.
    """
    samples = Samples(time_s, ratio, weights=weights, name="blood-to-plasma ratio", where=where)
    samples.check(samples.values > 0, "it must be positive. Give samples from before arrival the weight 0.")
    return BLOOD_TO_PLASMA[model].fit(samples, fixed=fixed, variance=variance)
