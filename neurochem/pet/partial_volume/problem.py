"""What every method is given: regions, point-spread function, background and noise on one grid of voxels."""

from dataclasses import dataclass
from functools import cached_property

from neurochem.pet.partial_volume.noise import noise_correlation
from neurochem.pet.partial_volume.psf import PointSpread
from neurochem.pet.partial_volume.region_boxes import RegionBoxes
from neurochem.pet.partial_volume.separable import Separable
from neurochem.units import FloatArray

BACKGROUNDS = ("region", "zero")


@dataclass(frozen=True, eq=False)
class Problem:
    """Geometry and assumptions, the same for every frame.

    Attributes
    ----------
    regions : RegionBoxes
        Regions.
    psf : PointSpread
        Resolution.
    background : str
        "region" (what belongs to no region is one more region of its own mean) or "zero" (it holds no activity).
    noise_fwhm_mm : tuple of float
        Resolution of the noise; zeros for white noise.
    noise_variance : array, shape (n_frames,), or None
        Variance of a voxel; None takes it from what the regional means leave.
    where : str
        Image, for messages.
    """

    regions: RegionBoxes
    psf: PointSpread
    background: str
    noise_fwhm_mm: tuple[float, float, float]
    noise_variance: FloatArray | None
    where: str

    @property
    def has_background(self) -> bool:
        """Whether the background is a region."""
        return self.background == "region"

    @cached_property
    def noise(self) -> Separable:
        """Multiplies by the correlation matrix of the noise."""
        return noise_correlation(self.noise_fwhm_mm, self.psf.voxel_mm)
