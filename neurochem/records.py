"""Numbers, arrays and settings as values that JSON can hold, and back."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def number_value(value: Any) -> Any:
    """Return a float that JSON can hold: NaN and infinities become words."""
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def encode(array: np.ndarray) -> Any:
    """Return an array as lists, complex ones as a pair."""
    if np.iscomplexobj(array):
        return {"real": encode(array.real), "imag": encode(array.imag)}
    if array.ndim > 1:
        return [encode(row) for row in array]
    return [number_value(value) for value in array.tolist()]


def decode(values: Any) -> np.ndarray:
    """Return the array that `encode` made lists of."""
    if isinstance(values, dict):
        return decode(values["real"]) + 1j * decode(values["imag"])
    if values and isinstance(values[0], list):
        return np.array([decode(row) for row in values])
    return np.array([float(value) for value in values], dtype=float)


def plain(value: Any) -> Any:
    """Return settings as values that JSON holds, arrays as lists and other objects as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, bool | int | str) or value is None:
        return value
    return number_value(value) if isinstance(value, float) else str(value)
