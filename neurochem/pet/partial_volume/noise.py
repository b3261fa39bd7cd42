"""Noise of voxels: its variance, and how far neighbouring voxels share it."""

import math

import numpy as np
from numpy.typing import ArrayLike

from neurochem.errors import InputError
from neurochem.pet.partial_volume.psf import FWHM_PER_SIGMA
from neurochem.pet.partial_volume.separable import Separable
from neurochem.units import FloatArray

# Correlations below this are left out.
_FAINTEST = 1e-8


def noise_correlation(fwhm_mm: tuple[float, ...], voxel_mm: tuple[float, ...]) -> Separable:
    """Return the operator that multiplies by the correlation matrix of the noise.

    Parameters
    ----------
    fwhm_mm : tuple of three floats
        Resolution of the noise along each axis: it is white noise blurred by a Gaussian of this FWHM; 0 is white.
    voxel_mm : tuple of three floats
        Size of a voxel.

    Notes
    -----
    Blurred with standard deviation s, noise at distance d is correlated by exp(-d^2 / (4 s^2)); one at distance 0.
    """
    kernels = []
    for fwhm, voxel in zip(fwhm_mm, voxel_mm, strict=True):
        sigma = fwhm / FWHM_PER_SIGMA
        reach = math.ceil(2.0 * sigma * math.sqrt(-math.log(_FAINTEST)) / voxel)
        offset = np.arange(-reach, reach + 1) * voxel
        kernels.append(np.exp(-((offset / (2.0 * sigma)) ** 2)) if sigma > 0 else np.ones(1))
    return Separable((kernels[0], kernels[1], kernels[2]), "zero")


def checked_variance(noise_variance: ArrayLike | None, n_frames: int) -> FloatArray | None:
    """Return one variance a frame, or None where the frames are to tell."""
    if noise_variance is None:
        return None
    given = np.asarray(noise_variance, dtype=float)
    if given.shape not in ((), (n_frames,)) or not (np.isfinite(given) & (given >= 0)).all():
        msg = (
            f"noise_variance has shape {given.shape}; give the variance of a voxel, one number or one for each of the "
            f"{n_frames} frames, finite and not negative, in the unit of the image squared"
        )
        raise InputError(msg)
    return np.broadcast_to(given, (n_frames,)).copy()
