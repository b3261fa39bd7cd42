"""Where the slices of a shape lie, and what its options may be."""

import numpy as np

from neurochem.errors import InputError
from neurochem.units import FloatArray


def slice_middles(shape: str, points: int) -> FloatArray:
    """Return the middles of equal slices of the interval from -1 to 1, exactly antisymmetric, shape (points,)."""
    if not (isinstance(points, int) and 1 <= points <= 100_000):
        msg = f"{shape}: points is {points}; the number of slices must be a whole number from 1 to 100000."
        raise InputError(msg)
    return (2.0 * np.arange(points) + 1.0 - points) / points


def open_interval(shape: str, option: str, value: float, low: float, high: float) -> None:
    """Refuse an option of a shape outside an open interval."""
    if not low < value < high:
        msg = f"{shape}: {option} is {value}; it must lie between {low:g} and {high:g}, both excluded."
        raise InputError(msg)
