"""The result of a partial-volume correction."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.frames import Frames
from neurochem.pet.image import DynamicImage
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.quality import Flag
from neurochem.results import frozen_array
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_ARRAYS = (
    "observed", "means", "background", "noise_variance", "unit_covariance", "transfer_matrix", "voxels", "affine",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class PartialVolumeResult:
    """Corrected regional means, with their covariance, and corrected voxels where the method makes them.

    Attributes
    ----------
    method, reference : str
        Name of the method and its source.
    regions : tuple of str
        Names of the columns.
    observed, means : array, shape (n_frames, n_regions)
        Regional means before and after, in the unit of the image; one row for a single volume.
    background : array, shape (n_frames,)
        Mean of what belongs to no region; NaN where it was assumed to be zero.
    noise_variance : array, shape (n_frames,)
        Variance of a voxel: given, or that of the regions' voxels around the model (which holds any pattern within
        regions too, hence is an upper limit for the noise).
    unit_covariance : array, shape (n_regions, n_regions)
        Covariance of the means for noise of variance 1; NaN where the method gives none.
    transfer_matrix : array, shape (m, m)
        Share of column's activity that row reads; the background last if it is a region.
    condition_number : float
        Of the equations solved.
    voxels : array, shape (n_regions,)
        Voxels in each region.
    image : array, shape (x, y, z) or (x, y, z, n_frames), or None
        Corrected voxels, read-only; None from a method of regional means.
    image_stderr : array, shape (x, y, z), or None
        Their standard error, if one was given.
    affine : array, shape (4, 4)
        Voxel indices to millimetres.
    frames, isotope : Frames or None, str or None
        Of a dynamic image.
    flags : tuple of Flag
        What a reader must know.
    settings : mapping
        FWHM, background, what lies outside, resolution of the noise, iterations, threshold.
    """

    method: str
    reference: str
    regions: tuple[str, ...]
    observed: FloatArray
    means: FloatArray
    background: FloatArray
    noise_variance: FloatArray
    unit_covariance: FloatArray
    transfer_matrix: FloatArray
    condition_number: float
    voxels: FloatArray
    image: np.ndarray | None
    image_stderr: np.ndarray | None
    affine: FloatArray
    frames: Frames | None
    isotope: str | None
    flags: tuple[Flag, ...]
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            object.__setattr__(self, name, frozen_array(getattr(self, name)))
        for name in ("image", "image_stderr"):
            values = getattr(self, name)
            if values is not None:
                # a view, since an image may be too large to copy
                shown = values.view()
                shown.setflags(write=False)
                object.__setattr__(self, name, shown)
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Rebuild from the fields, since a read-only view of a mapping cannot be pickled."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return PartialVolumeResult, tuple({**values, "settings": dict(self.settings)}.values())

    @property
    def fwhm_mm(self) -> tuple[float, float, float]:
        """Resolution that was corrected for."""
        return self.settings["fwhm_mm"]

    @property
    def success(self) -> bool:
        """Whether the means can be used."""
        return not any(flag.severity == "failure" for flag in self.flags)

    @property
    def stderr(self) -> FloatArray:
        """Standard errors of the means, shape (n_frames, n_regions): of noise alone, not of FWHM or segmentation."""
        return np.sqrt(self.noise_variance[:, None] * np.diag(self.unit_covariance))

    def covariance(self, frame: int = 0) -> FloatArray:
        """Return the covariance of the means in one frame, shape (n_regions, n_regions); frames are independent."""
        return self.noise_variance[frame] * self.unit_covariance

    @property
    def tacs(self) -> TimeActivityCurves:
        """Corrected curves of the regions.

        Raises
        ------
        InputError
            If the image has no frames, or the means are not finite.
        """
        return TimeActivityCurves(
            self._need_frames(),
            self.means,
            regions=self.regions,
            isotope=self.isotope,
            voxels=self.voxels,
            where=str(self.settings["image"]),
        )

    @property
    def dynamic_image(self) -> DynamicImage:
        """The corrected image.

        Raises
        ------
        InputError
            If the method makes none, or the image has no frames.
        """
        if self.image is None:
            msg = f"method '{self.method}' gives regional means, no voxels; give 'rbv', 'iy' or 'mg' for an image"
            raise InputError(msg)
        note = f"partial volume corrected by {self.method}, FWHM {self.fwhm_mm} mm"
        return DynamicImage(
            self.image,
            self._need_frames(),
            self.affine,
            isotope=self.isotope,
            where=str(self.settings["image"]),
            notes=(note,),
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table: one row a frame and region."""
        import pandas as pd

        count, width = self.means.shape
        return pd.DataFrame(
            {
                "frame": np.repeat(np.arange(1, count + 1), width),
                "region": np.tile(self.regions, count),
                "observed": self.observed.ravel(),
                "mean": self.means.ravel(),
                "stderr": self.stderr.ravel(),
                "method": self.method,
            }
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw regional means before and after, averaged over frames by duration, with standard errors."""
        from neurochem.pet.partial_volume.plots import draw_means

        return draw_means(self, ax)

    def __repr__(self) -> str:
        """Return method, resolution, sizes and names of flags on one line."""
        fwhm = " x ".join(f"{width:g}" for width in self.fwhm_mm)
        flags = ", ".join(sorted({flag.name for flag in self.flags})) or "no flags"
        return (
            f"<PartialVolumeResult {self.method}, FWHM {fwhm} mm, {len(self.means)} frames, {len(self.regions)} regions, "
            f"{flags}>"
        )

    def _need_frames(self) -> Frames:
        if self.frames is None:
            msg = "the image that was corrected has no frames; give a DynamicImage, or read .means and .image"
            raise InputError(msg)
        return self.frames
