"""The point-spread function of a scanner: a Gaussian, one width an axis, on voxels."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import argument_error, checked_arguments
from neurochem.errors import InputError
from neurochem.pet.aligned import voxel_size_mm
from neurochem.pet.partial_volume.separable import Separable, float_type
from neurochem.units import FloatArray

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
OUTSIDE = ("zero", "nearest")
# Share of a kernel that may be cut off: below the rounding of the type that it meets.
_TAIL = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-7}
# Axes may be this far from perpendicular (cosine): affines in files carry single-precision numbers.
_SHEAR = 1e-3


def perpendicular_voxel_mm(affine: ArrayLike) -> FloatArray:
    """Return the size of a voxel along each axis of the array, shape (3,), in mm.

    Parameters
    ----------
    affine : array_like, shape (4, 4)
        Voxel indices to millimetres; rotated (oblique) ones are fine.

    Raises
    ------
    InputError
        If it is no affine, has no volume or is sheared: a kernel by axis needs perpendicular axes.
    """
    matrix = np.asarray(affine, dtype=float)
    if matrix.shape != (4, 4):
        msg = f"affine has shape {matrix.shape}; give the 4 x 4 numbers that take voxel indices to millimetres"
        raise InputError(msg)
    size = voxel_size_mm(matrix)
    directions = matrix[:3, :3] / size
    cosine = float(np.abs(directions.T @ directions - np.eye(3)).max())
    if cosine > _SHEAR:
        msg = (
            f"affine is sheared (cosine between axes {cosine:.3g}); a point-spread function by axis needs perpendicular "
            "axes. Resample the image to a grid without shear."
        )
        raise InputError(msg)
    return size


def gaussian_kernel(fwhm_mm: float, voxel_mm: float, *, averaged: bool = True, tail: float = 1e-12) -> FloatArray:
    """Return the weights of a Gaussian between voxels, integrated over them exactly.

    Parameters
    ----------
    fwhm_mm, voxel_mm : float
        Full width at half maximum, and the size of the voxel along this axis. FWHM 0 gives the identity.
    averaged : bool
        Whether the voxel that reads is averaged over as well as the one that emits; False gives the value at its centre.
    tail : float
        Share of the kernel that may be cut off; the rest is scaled to sum to one.

    Returns
    -------
    array, odd length
        Weights for offsets -r to r voxels.

    Notes
    -----
    Activity is uniform within a voxel of width D, so an offset of k voxels receives, at its centre,
    Phi((k + 1/2) D/s) - Phi((k - 1/2) D/s), and on average over the voxel [H(k + 1) - 2 H(k) + H(k - 1)]/D with
    H(k) the integral of Phi up to k D. Samples of the Gaussian at the centres approach both for wide kernels only: at
    FWHM = D the centre sample, normalised, is 0.89 where the mean over the voxel is 0.66, and at D/2 it is 1.00 (no blur
    at all) where the mean is 0.83. Averaging over both voxels makes sums over whole voxels exact integrals: regional means
    of a blurred label image are those of the continuous convolution.
    """
    if fwhm_mm == 0:
        return np.ones(1)
    sigma = fwhm_mm / FWHM_PER_SIGMA
    reach = -special.ndtri(0.5 * tail) * sigma / voxel_mm
    offset = np.arange(math.ceil(reach) + 1, dtype=float)
    half = _averaged(offset, voxel_mm / sigma) if averaged else _central(offset, voxel_mm / sigma)
    weights = np.concatenate([half[:0:-1], half])
    return weights / weights.sum()


def _central(offset: FloatArray, width: float) -> FloatArray:
    # differences of upper tails keep their digits far from the centre
    weights = special.ndtr(-(offset - 0.5) * width) - special.ndtr(-(offset + 0.5) * width)
    return np.asarray(weights)


def _averaged(offset: FloatArray, width: float) -> FloatArray:
    def tail(x: FloatArray) -> FloatArray:
        """Return the integral of the upper tail of the normal distribution beyond x."""
        return np.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi) - x * special.ndtr(-x)

    weights = tail((offset + 1) * width) - 2.0 * tail(offset * width) + tail(np.abs(offset - 1) * width)
    weights[0] += width  # the tail function of a negative argument is that of its size, plus the size
    return weights / width


@dataclass(frozen=True, eq=False)
class PointSpread:
    """A Gaussian point-spread function on the voxels of an image.

    Parameters
    ----------
    fwhm_mm : float or three floats
        Full width at half maximum in mm along each axis of the array (with an oblique affine, along its rotated axes).
    voxel_mm : array_like, shape (3,)
        Size of a voxel.
    outside : str
        What lies beyond the volume: "zero", no activity, or "nearest", the activity of the face continued (a scanner's
        field of view that cuts through the neck).
    fwhm_includes_voxel : bool
        False: the FWHM is the scanner's, and a voxel reports its mean of the blurred activity. True: the FWHM was read
        from voxel values (a fitted line source, a phantom matched to the image), and is not widened by the voxel again.

    Raises
    ------
    InputError
        If a width is negative, not finite or larger than the volume, or `outside` is neither of the two.
    """

    fwhm_mm: tuple[float, float, float]
    voxel_mm: tuple[float, float, float]
    outside: str
    fwhm_includes_voxel: bool

    @checked_arguments
    def __init__(
        self,
        fwhm_mm: float | ArrayLike,
        voxel_mm: ArrayLike,
        *,
        outside: str = "zero",
        fwhm_includes_voxel: bool = False,
    ) -> None:
        if outside not in OUTSIDE:
            msg = f"outside is '{outside}'; give 'zero' (no activity beyond the volume) or 'nearest' (its faces continued)"
            raise InputError(msg)
        object.__setattr__(self, "fwhm_mm", three_widths(fwhm_mm))
        voxel = np.asarray(voxel_mm, dtype=float)
        if voxel.shape != (3,) or not (np.isfinite(voxel) & (voxel > 0)).all():
            raise argument_error(voxel_mm, "voxel_mm", "three positive lengths in mm, one an axis")
        object.__setattr__(self, "voxel_mm", tuple(voxel.tolist()))
        object.__setattr__(self, "outside", outside)
        object.__setattr__(self, "fwhm_includes_voxel", bool(fwhm_includes_voxel))

    @cached_property
    def exact(self) -> Separable:
        """The operator for double precision."""
        return self._operator(np.float64)

    @cached_property
    def single(self) -> Separable:
        """The operator for single precision, whose kernels are shorter."""
        return self._operator(np.float32)

    def for_type(self, dtype: Any) -> Separable:
        """Return the operator for values of a type."""
        return self.single if float_type(dtype) == np.float32 else self.exact

    def check_volume(self, shape: tuple[int, ...]) -> None:
        """Refuse a volume that is smaller than the point-spread function."""
        for axis, (fwhm, voxel, count) in enumerate(zip(self.fwhm_mm, self.voxel_mm, shape, strict=True)):
            if fwhm > voxel * count:
                msg = (
                    f"fwhm_mm is {fwhm:g} along axis {axis}, more than the volume's {voxel * count:g} mm; give the "
                    "resolution in millimetres (not in voxels, not as a standard deviation), and check the affine"
                )
                raise InputError(msg)

    def _operator(self, dtype: Any) -> Separable:
        tail = _TAIL[np.dtype(dtype)]
        kernels = [
            gaussian_kernel(fwhm, voxel, averaged=not self.fwhm_includes_voxel, tail=tail)
            for fwhm, voxel in zip(self.fwhm_mm, self.voxel_mm, strict=True)
        ]
        return Separable((kernels[0], kernels[1], kernels[2]), self.outside)


def three_widths(fwhm_mm: float | ArrayLike, name: str = "fwhm_mm") -> tuple[float, float, float]:
    """Return a width for each axis from one or three numbers, none negative."""
    widths = np.asarray(fwhm_mm, dtype=float)
    if widths.size not in (1, 3) or widths.ndim > 1 or not np.isfinite(widths).all() or (widths < 0).any():
        msg = (
            f"{name} is {np.asarray(fwhm_mm).tolist()}; give one width in millimetres or three (one an axis), 0 or more"
        )
        raise InputError(msg)
    x, y, z = np.broadcast_to(widths, 3).tolist()
    return x, y, z


@checked_arguments
def gaussian_smooth(
    volume: np.ndarray,
    fwhm_mm: float | ArrayLike,
    affine: ArrayLike,
    *,
    outside: str = "zero",
    fwhm_includes_voxel: bool = False,
) -> np.ndarray:
    """Return a volume blurred by a Gaussian.

    Parameters
    ----------
    volume : array, shape (x, y, z) or (x, y, z, n_frames)
        Values; float32 stays float32.
    fwhm_mm : float or three floats
        Full width at half maximum in mm, along the axes of the array; 0 leaves an axis as it is.
    affine : array_like, shape (4, 4)
        Gives the size of the voxels.
    outside, fwhm_includes_voxel
        As for `PointSpread`.

    Returns
    -------
    array of the same shape
        A new array. With `outside="zero"` activity that is blurred out of the volume is lost: values fall off at its faces.

    Raises
    ------
    InputError
        If widths, affine or the number of dimensions do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> step = np.repeat([0.0, 1.0], 8).reshape(16, 1, 1)
    >>> gaussian_smooth(step, (4.0, 0.0, 0.0), np.eye(4))[6:10, 0, 0].round(3)
    array([0.192, 0.386, 0.614, 0.808])
    """
    volume = np.asarray(volume)
    if volume.ndim not in (3, 4):
        msg = f"the volume has {volume.ndim} dimensions {volume.shape}; give (x, y, z) or (x, y, z, frames)"
        raise InputError(msg)
    spread = PointSpread(
        fwhm_mm, perpendicular_voxel_mm(affine), outside=outside, fwhm_includes_voxel=fwhm_includes_voxel
    )
    spread.check_volume(volume.shape[:3])
    return spread.for_type(volume.dtype).apply(volume)
