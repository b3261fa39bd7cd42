"""A separable Gaussian of stated width in mm, inside a mask or over the whole volume."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, optimize

from neurochem.errors import InputError
from neurochem.pet.aligned import read_mask, voxel_size_mm
from neurochem.pet.denoise.method import Float32Array
from neurochem.pet.image import DynamicImage
from neurochem.units import BoolArray

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
# 6e-7 of a Gaussian lies beyond five sigma, below single precision's rounding of a sum of three passes.
_TRUNCATE = 5.0
# Samples of a Gaussian wider than this, in voxels, have its variance to 1e-6; narrower ones lose up to all of it.
_WELL_SAMPLED = 1.0


@dataclass(frozen=True, eq=False)
class GaussianKernel:
    """A Gaussian on the voxels of an image.

    Attributes
    ----------
    fwhm_mm : tuple of 3 floats
        Full width at half maximum along each axis of the array in mm; 0 leaves an axis as it is.
    sigma : tuple of 3 floats
        Standard deviation along each axis in voxels, of the Gaussian that is sampled.
    inside : bool array, shape (x, y, z), or None
        Mask.
    share : tuple of arrays, one a plane of the last axis
        Share of the kernel that lies inside the mask (the smoothed mask), at the voxels inside.
    """

    fwhm_mm: tuple[float, float, float]
    sigma: tuple[float, float, float]
    inside: BoolArray | None
    share: tuple[Float32Array, ...]

    @property
    def text(self) -> str:
        """Width and mask in words, for notes."""
        width = " x ".join(f"{value:g}" for value in self.fwhm_mm)
        return f"Gaussian of FWHM {width} mm" + ("" if self.inside is None else " inside a mask")

    def smooth(self, volume: Float32Array, *, keep_outside: bool = True) -> None:
        """Smooth a volume in place; outside the mask it stays as it is, or becomes 0 where that is not wanted.

        Notes
        -----
        Inside a mask M the result is G(M C) / G(M), a mean over the voxels inside alone: what lies outside does not leak
        in, and a constant stays what it is up to the edge. At the faces of the volume it is continued by reflection.
        """
        if self.inside is None:
            _filter(volume, self.sigma)
            return
        # plane by plane, so that no copy of the volume is made
        planes = [(volume[..., z], self.inside[..., z]) for z in range(volume.shape[2])]
        outside = [plane[~inside] for plane, inside in planes] if keep_outside else None
        for plane, inside in planes:
            plane[~inside] = 0.0
        _filter(volume, self.sigma)
        for z, (plane, inside) in enumerate(planes):
            plane[inside] /= self.share[z]
            plane[~inside] = 0.0 if outside is None else outside[z]


def _sampled_sigma(sigma: float) -> float:
    """Return the width of the Gaussian whose samples at whole voxels have the variance `sigma` squared."""
    if sigma == 0.0 or sigma > _WELL_SAMPLED:
        return float(sigma)
    position = np.arange(-8.0, 9.0)

    def excess(width: float) -> float:
        weight = np.exp(-0.5 * (position / width) ** 2)
        return float(weight @ position**2 / weight.sum() - sigma**2)

    return float(optimize.brentq(excess, sigma, sigma + 0.5, xtol=1e-12))


def _filter(volume: Float32Array, sigma: tuple[float, float, float]) -> None:
    """Smooth in place: every line is read before it is written."""
    for axis, width in enumerate(sigma):
        if width > 0:
            ndimage.gaussian_filter1d(volume, width, axis=axis, output=volume, mode="reflect", truncate=_TRUNCATE)


def gaussian_kernel(image: DynamicImage, fwhm_mm: Any, mask: Any = None) -> GaussianKernel:
    """Return the kernel for an image.

    Parameters
    ----------
    image : DynamicImage
        Gives voxel size and shape.
    fwhm_mm : float or three floats
        Full width at half maximum in mm, one for all axes or one for each axis of the array.
    mask : path, image or array, shape (x, y, z), or "finite", optional
        Where to smooth; "finite" is every voxel that is finite in all frames.

    Raises
    ------
    InputError
        If a width is negative or all are 0, or the mask lies elsewhere or is empty.
    """
    try:
        widths = np.atleast_1d(np.asarray(fwhm_mm, dtype=float))
    except (TypeError, ValueError):
        widths = np.zeros(0)
    if widths.size == 1:
        widths = np.repeat(widths, 3)
    if widths.shape != (3,) or not (np.isfinite(widths) & (widths >= 0)).all() or not widths.any():
        msg = f"fwhm_mm is {fwhm_mm!r}; give a positive width in mm, or three, of which some may be 0"
        raise InputError(msg)
    sigma = [_sampled_sigma(width) for width in widths / (FWHM_PER_SIGMA * voxel_size_mm(image.affine))]
    inside = _mask(image, mask)
    along: tuple[float, float, float] = (sigma[0], sigma[1], sigma[2])
    share: tuple[Float32Array, ...] = ()
    if inside is not None:
        smoothed = inside.astype(np.float32, order="F")
        _filter(smoothed, along)
        share = tuple(smoothed[..., z][inside[..., z]] for z in range(inside.shape[2]))
    return GaussianKernel((float(widths[0]), float(widths[1]), float(widths[2])), along, inside, share)


def _mask(image: DynamicImage, mask: Any) -> BoolArray | None:
    if mask is None:
        return None
    if not (isinstance(mask, str) and mask == "finite"):
        return np.asfortranarray(read_mask(mask, image))
    inside = np.ones(image.shape, dtype=bool, order="F")
    for index in range(len(image.frames)):
        inside &= np.isfinite(image.frame(index))
    if not inside.any():
        msg = f"{image.where or 'image'}: no voxel is finite in all frames; repair the image"
        raise InputError(msg)
    return inside
