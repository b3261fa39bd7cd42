"""One k2' for all voxels from a first pass of SRTM."""

from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.shared_washout import BINDING_THRESHOLD
from neurochem.units import BoolArray, FloatArray

# A voxel binds when BPND exceeds the threshold of the regional fit and this many of its standard errors.
_SURE = 2.0
_FEWEST = 10


@dataclass(frozen=True)
class VoxelK2prime:
    """k2' in 1/min, its standard error, and how many voxels gave it."""

    value: float
    stderr: float
    voxels: int


def median_k2prime(values: dict[str, FloatArray], stderrs: dict[str, FloatArray], fitted: BoolArray) -> VoxelK2prime:
    """Return the weighted median of k2' over voxels that bind.

    Parameters
    ----------
    values, stderrs : dict of arrays, shape (n,)
        BPND and k2prime of a first pass of SRTM.
    fitted : bool array, shape (n,)
        Voxels fitted inside the limits of the search.

    Raises
    ------
    InputError
        If fewer than ten voxels bind.

    Notes
    -----
    Weights are one over the variance of log k2'. (One over that of k2' itself would favour voxels that noise has made
    small, whose error comes out small too: at 10 % noise in a frame of 5 min the median is then 6 to 17 % low.) The
    median, unlike the mean, is not drawn up by the long tail that k2' has where binding is low (Wu and Carson 2002).
    The standard error adds the shift against the unweighted median, which shows what is left of such a bias, to the
    spread of voxels taken as independent. At 10 % noise k2' is within 3.5 % of the truth; at 20 %, where many voxels are
    not sure to bind, up to 14 % high: smooth the image first, or give k2'.
    """
    bpnd, k2prime, error = values["BPND"], values["k2prime"], stderrs["k2prime"]
    binding = fitted & (bpnd > BINDING_THRESHOLD) & (bpnd > _SURE * stderrs["BPND"])
    binding &= (k2prime > 0) & np.isfinite(k2prime) & np.isfinite(error) & (error > 0)
    if np.count_nonzero(binding) < _FEWEST:
        msg = (
            f"only {np.count_nonzero(binding)} voxels bind (BPND above {BINDING_THRESHOLD:g} and twice its error), too few to "
            "estimate k2prime; give k2prime in 1/min"
        )
        raise InputError(msg)
    chosen = k2prime[binding]
    order = np.argsort(chosen)
    ordered = chosen[order]
    # in the precision of the maps: an image of millions of voxels must not fill the memory with this
    weights = np.square(ordered / error[binding][order])
    share = np.cumsum(weights, dtype=float)
    total = share[-1]
    share -= 0.5 * weights
    share /= total
    low, value, high = (_at(level, share, ordered) for level in (0.1587, 0.5, 0.8413))
    middle = 0.5 * (float(ordered[(ordered.size - 1) // 2]) + float(ordered[ordered.size // 2]))
    effective = total**2 / np.sum(np.square(weights, dtype=float))
    # the standard error of a median is 1.2533 times that of a mean of as many normal values
    chance = 1.2533 * 0.5 * (high - low) / np.sqrt(effective)
    return VoxelK2prime(value, float(np.hypot(chance, value - middle)), int(ordered.size))


def _at(level: float, share: FloatArray, ordered: np.ndarray) -> float:
    """Return the value at a share of the weight, between the two nearest voxels."""
    last = int(np.clip(np.searchsorted(share, level), 1, share.size - 1))
    return float(np.interp(level, share[last - 1 : last + 1], ordered[last - 1 : last + 1]))
