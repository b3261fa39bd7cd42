"""What goes from step to step, and the registry of steps.

A step takes and returns a state (metabolite data and water reference together), so that both are combined, weighted
and scaled alike; it also says in one sentence what it did, or why it did nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.noise import NoiseLevel
from neurochem.mrs.spectra import TIME, Acquisition
from neurochem.registry import Registry
from neurochem.units import ComplexArray, FloatArray

WATER_PPM = 4.65


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Metabolite data and, where there is one, the water reference.

    Attributes
    ----------
    data, water : Acquisition
        Scans; `water` may be None.
    weights : array or None
        One weight a FID of `data` (its shape without time), with which the average will be taken; None for equal ones.
    noise : NoiseLevel or None
        Of `data`, from averaging on.
    """

    data: Acquisition
    water: Acquisition | None = None
    weights: FloatArray | None = None
    noise: NoiseLevel | None = None

    def both(self, change: Callable[[Acquisition], Acquisition]) -> "State":
        """Return the state with the same done to both scans."""
        return replace(self, data=change(self.data), water=None if self.water is None else change(self.water))


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A curve that shows what a step found: shifts, scores, weights.

    Attributes
    ----------
    values : array, shape (n,) or (n_curves, n)
        One value an index or time.
    name, unit : str
        Of the values.
    along, along_unit : str
        Of the horizontal axis.
    x : array, optional
        Horizontal axis; 1, 2, 3, ... by default.
    limit : float, optional
        A level to draw, for example that of rejection.
    """

    values: FloatArray
    name: str
    unit: str = ""
    along: str = "transient"
    along_unit: str = ""
    x: FloatArray | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """What a step made of a state.

    Attributes
    ----------
    state : State
        After the step.
    what : str
        One sentence.
    effect : mapping
        Numbers worth keeping, plain values and lists.
    traces : tuple of Trace
        Curves worth drawing.
    """

    state: State
    what: str
    effect: Mapping[str, Any] = field(default_factory=dict)
    traces: tuple[Trace, ...] = ()


StepFunction = Callable[..., Done]
STEPS: Registry[StepFunction] = Registry("preprocessing step", package="neurochem.mrs.preprocess.steps")


def axis_last(data: Acquisition, dim: str) -> ComplexArray:
    """Return the data with a dimension moved to just before time."""
    return np.moveaxis(data.data, data.dims.index(dim), -2)


def without(data: Acquisition, dim: str, values: ComplexArray) -> Acquisition:
    """Return the acquisition with other data and one dimension less."""
    return data.with_data(values, tuple(name for name in data.dims if name != dim))


def times(data: Acquisition) -> FloatArray:
    """Return the time of each point (s)."""
    return np.arange(data.size(TIME), dtype=float) * data.dwell_s


def same_sampling(one: Acquisition, other: Acquisition) -> bool:
    """Say whether two scans have one dwell time."""
    return abs(one.dwell_s / other.dwell_s - 1.0) < 1e-6


def band_hz(data: Acquisition, ppm: tuple[float, float]) -> tuple[float, float]:
    """Return a range of shifts as stored frequencies (Hz), ascending.

    Raises
    ------
    InputError
        If the range is empty or lies outside the band of the data.
    """
    low, high = (float((data.reference_ppm - value) * data.larmor_mhz) for value in (max(ppm), min(ppm)))
    half = 0.5 / data.dwell_s
    if not low < high or high < -half or low > half:
        reach = half / data.larmor_mhz
        msg = (
            f"{data.source or data.name}: ppm={ppm} is no range within {data.reference_ppm - reach:.2f} to "
            f"{data.reference_ppm + reach:.2f} ppm, the band of the data. Give (low, high) inside of it."
        )
        raise InputError(msg)
    return low, high


def usable(data: Acquisition) -> bool:
    """Say whether there is signal and no NaN."""
    return bool(np.isfinite(data.data).all() and data.data.any())
