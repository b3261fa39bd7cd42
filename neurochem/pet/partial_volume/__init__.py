"""Partial-volume correction: what the limited resolution of the scanner does to regions and voxels, undone."""

from neurochem.pet.partial_volume.correct import partial_volume_correct, partial_volume_methods
from neurochem.pet.partial_volume.psf import PointSpread, gaussian_kernel, gaussian_smooth
from neurochem.pet.partial_volume.result import PartialVolumeResult

__all__ = [
    "PartialVolumeResult",
    "PointSpread",
    "gaussian_kernel",
    "gaussian_smooth",
    "partial_volume_correct",
    "partial_volume_methods",
]
