"""SRTM with each voxel's washout drawn towards that of its neighbours."""

import numpy as np
from scipy.ndimage import gaussian_filter

from neurochem.errors import InputError
from neurochem.pet.aligned import voxel_size_mm
from neurochem.pet.maps.estimator import Solution, VoxelEstimator
from neurochem.pet.maps.estimators.srtm import VoxelSRTM
from neurochem.pet.maps.propagation import noise_level
from neurochem.pet.maps.voxel_blocks import VoxelBlocks, taken_out
from neurochem.units import BoolArray, FloatArray

_FWHM_PER_SIGMA = 2.3548200450309493
# Neighbours never agree better than this in log k2a: anatomy is not smooth; chosen here.
_LEAST_SPREAD = 0.05


class SpatialSRTM(VoxelEstimator):
    """SRTM with a normal prior on log k2a of every voxel, whose mean and spread come from the smoothed first pass.

    Minimises rss + (sigma/tau)^2 (log k2a - centre)^2: sigma is the voxel's own noise from the free fit, centre and tau
    the local mean of log k2a and its spread beyond what noise explains. It is a ridge on the one parameter that noise
    makes unstable; R1 and the amplitude stay free. Standard errors add the prior's information to the data's and do
    not count that neighbours share noise. The bias is towards the neighbours.
    """

    names = VoxelSRTM.names

    def __init__(self, free: VoxelSRTM, centre: FloatArray, spread: FloatArray) -> None:
        self.free, self._centre, self._spread = free, centre, spread
        self.settings = free.settings

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Search freely for the noise, then near the neighbours."""
        family = self.free.family
        loose = family.search(block)
        sigma = noise_level(loose.rss, self.free.points - 3 + loose.edge)
        strength = (sigma / self._spread[places]) ** 2
        return self.free.derive(family.search_near(block, self._centre[places], strength), strength)


def neighbourhood(
    values: FloatArray, stderrs: FloatArray, usable: BoolArray, blocks: VoxelBlocks, fwhm_mm: float
) -> tuple[FloatArray, FloatArray]:
    """Return the local mean of log k2a and its spread beyond noise, for every chosen voxel.

    Parameters
    ----------
    values, stderrs : array, shape (n_chosen,)
        k2a of the first pass.
    usable : bool array, shape (n_chosen,)
        Voxels fitted inside the limits.
    blocks : VoxelBlocks
        Where the voxels lie.
    fwhm_mm : float
        Width of the Gaussian neighbourhood.

    Raises
    ------
    InputError
        If no voxel is usable, or the width is not positive.
    """
    if not (np.isfinite(fwhm_mm) and fwhm_mm > 0):
        msg = f"spatial_fwhm_mm is {fwhm_mm}; give a positive width in mm, for example 6"
        raise InputError(msg)
    sound = usable & np.isfinite(stderrs) & (values > 0)
    if not sound.any():
        msg = "no voxel was fitted inside the limits of the search; the spatial constraint has nothing to lean on"
        raise InputError(msg)
    sigma = fwhm_mm / _FWHM_PER_SIGMA / voxel_size_mm(blocks.image.affine)

    def local(chosen: np.ndarray) -> np.ndarray:
        volume = blocks.volume(chosen, 0.0)
        gaussian_filter(volume, sigma, mode="constant", truncate=4.0, output=volume)
        return taken_out(volume, blocks.chosen, blocks.order)

    # single precision throughout: these are as many numbers as the image has voxels, several times
    safe = np.where(sound, values, 1.0).astype(np.float32)
    noise = np.where(sound, stderrs / safe, 1.0).astype(np.float32)
    np.square(noise, out=noise)
    logs = np.log(safe, out=safe)
    weight = np.where(sound, 1.0 / (noise + np.float32(_LEAST_SPREAD**2)), np.float32(0.0))
    total = local(weight)
    everywhere = np.float32(np.sum(weight * logs, dtype=float) / weight.sum(dtype=float))
    near = total > 1e-6 * total.max()
    total[~near] = 1.0
    centre = np.where(near, local(weight * logs) / total, everywhere)
    logs -= centre
    np.square(logs, out=logs)
    logs -= noise
    logs *= weight
    excess = np.where(near, local(logs) / total, np.float32(1.0))
    spread = np.sqrt(np.maximum(excess, np.float32(_LEAST_SPREAD**2)))
    return centre, spread
