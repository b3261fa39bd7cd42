"""Noise of a voxel, and what independent components of it add up to."""

from typing import Any

import numpy as np

from neurochem.units import FloatArray


def noise_level(rss: FloatArray, dof: Any) -> FloatArray:
    """Return the standard deviation of unit weight, sqrt(rss/dof); NaN without degrees of freedom."""
    return np.sqrt(rss / np.where(np.asarray(dof) > 0, dof, np.nan))


def combined(sigma: FloatArray, *parts: FloatArray | float) -> FloatArray:
    """Return sigma times the root of the sum of squares of the parts."""
    total = np.zeros(sigma.shape)
    for part in parts:
        total += np.square(part)
    return np.asarray(sigma * np.sqrt(total, out=total))
