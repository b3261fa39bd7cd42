"""One entry to every method of partial-volume correction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.partial_volume.method import METHODS, FrameCorrection, Method
from neurochem.pet.partial_volume.noise import checked_variance
from neurochem.pet.partial_volume.problem import BACKGROUNDS, Problem
from neurochem.pet.partial_volume.psf import PointSpread, perpendicular_voxel_mm, three_widths
from neurochem.pet.partial_volume.quality import geometry_flags
from neurochem.pet.partial_volume.region_boxes import RegionBoxes
from neurochem.pet.partial_volume.result import PartialVolumeResult
from neurochem.pet.partial_volume.volumes import Volumes, as_volumes
from neurochem.pet.region_voxels import find_regions


def partial_volume_methods() -> list[str]:
    """Return the names of the methods."""
    return METHODS.names()


@checked_arguments
def partial_volume_correct(  # noqa: PLR0913 - the description of a correction
    image: Any,
    regions: Any = None,
    *,
    fwhm_mm: float | ArrayLike,
    method: str = "gtm",
    names: Mapping[int, str] | Sequence[str] | None = None,
    maps: Any = None,
    skip_absent: bool = False,
    affine: ArrayLike | None = None,
    background: str | None = None,
    outside: str = "zero",
    fwhm_includes_voxel: bool = False,
    noise_variance: ArrayLike | None = None,
    noise_fwhm_mm: float | ArrayLike | None = None,
    stderr: ArrayLike | None = None,
    out: Any = None,
    **options: Any,
) -> PartialVolumeResult:
    """Correct an image for the limited resolution of the scanner.

    Parameters
    ----------
    image : DynamicImage, path, nibabel image, or array, shape (x, y, z) or (x, y, z, n_frames)
        One volume (a map) or frames. Correct frames and then fit, rather than maps: only linear models of regional means
        commute with the correction.
    regions : path, image or array, shape (x, y, z), optional
        Labels, on the voxels of the image; 0 is background.
    fwhm_mm : float or three floats
        Full width at half maximum of the point-spread function in mm, along each axis of the array.
    method : str
        "gtm" (Rousset), "sgtm" (symmetric), "rbv" (region-based voxelwise), "iy" (iterative Yang), "mg"
        (Mueller-Gaertner); `partial_volume_methods()` lists them.
    names : mapping of int to str, or sequence of str
        Names of labels (others are background), or of a stack of maps.
    maps : mapping of str to map, or stack of shape (x, y, z, n_regions), optional
        Probabilistic maps instead of labels; shares of one voxel add up to 1 at most.
    skip_absent : bool
        Whether to leave out names without a voxel instead of refusing.
    affine : array_like, shape (4, 4), optional
        For an image given as an array.
    background : str, optional
        What belongs to no region: "region" (one more region with a mean of its own) or "zero" (no activity). By default the
        method's own: "region", and "zero" for "mg".
    outside : str
        Beyond the faces of the volume: "zero" (no activity) or "nearest" (the faces continued).
    fwhm_includes_voxel : bool
        Whether the FWHM was read from voxel values, which are means over voxels already; see `PointSpread`.
    noise_variance : float or array, shape (n_frames,), optional
        Variance of a voxel, in the unit of the image squared; by default that of the residual within regions.
    noise_fwhm_mm : float or three floats, optional
        Resolution of the noise: 0 for white noise; by default `fwhm_mm`, since reconstructed noise is about as coarse as
        the image. Standard errors of regional means grow with it.
    stderr : array_like, shape (x, y, z), optional
        Standard error of the voxels of one volume; scaled as the voxels are, regional means taken as known.
    out : array, optional
        Where to write corrected voxels, for example a memory map; allocated by default (float32 for files and float32).
    **options
        Of the method: `iterations` (iy); `grey`, `white_matter`, `csf`, `white`, `white_purity`, `csf_value`, `threshold`
        (mg).

    Returns
    -------
    PartialVolumeResult
        Regional means with covariance, voxels where the method makes them, and flags.

    Raises
    ------
    InputError, UnknownNameError
        If image, regions, resolution or options do not fit; the message says which.

    Notes
    -----
    All methods take the image for I = P S: activity S, blurred by the point-spread function P. They assume that FWHM,
    segmentation and alignment are right; repeat with another FWHM to see how much hangs on it.

    Examples
    --------
    >>> import numpy as np
    >>> from neurochem.pet.partial_volume import gaussian_smooth
    >>> labels = np.zeros((24, 24, 24), dtype=int)
    >>> labels[8:16, 8:16, 8:16] = 1
    >>> image = gaussian_smooth(np.where(labels == 1, 4.0, 1.0), 6.0, np.diag([2, 2, 2, 1]), outside="nearest")
    >>> result = partial_volume_correct(
    ...     image, labels, names={1: "cube"}, fwhm_mm=6.0, affine=np.diag([2, 2, 2, 1]), outside="nearest"
    ... )
    >>> result.observed.round(2), result.means.round(6)
    (array([[3.]]), array([[4.]]))
    """
    volumes = as_volumes(image, affine)
    kind = METHODS[method]
    unknown = [name for name in options if name not in kind.options]
    if unknown:
        raise unknown_name(unknown[0], kind.options, kind=f"option of method '{kind.name}'")
    psf = PointSpread(
        fwhm_mm, perpendicular_voxel_mm(volumes.affine), outside=outside, fwhm_includes_voxel=fwhm_includes_voxel
    )
    psf.check_volume(volumes.shape)
    place: Any = _Place(volumes.shape, volumes.affine, volumes.where)
    voxels = find_regions(place, regions, names, maps=maps, skip_absent=skip_absent)
    coarse = psf.fwhm_mm if noise_fwhm_mm is None else three_widths(noise_fwhm_mm, "noise_fwhm_mm")
    problem = Problem(
        RegionBoxes(voxels, volumes.shape),
        psf,
        _background(kind, background),
        coarse,
        checked_variance(noise_variance, volumes.count),
        volumes.where,
    )
    corrector = kind(problem, volumes.dtype, **options)
    error = _voxel_error(stderr, volumes, kind)
    target = _output(out, volumes) if kind.makes_image else None
    done = [_corrected(corrector, volumes, index, target) for index in range(volumes.count)]
    scaled = None
    if error is not None:
        scaled = corrector.scaled_error(error, done[0].means, done[0].background)
    return _gathered(corrector, volumes, done, target, scaled)


@dataclass(frozen=True)
class _Place:
    """What regions are checked against: the grid of one volume."""

    shape: tuple[int, int, int]
    affine: Any
    where: str


def _corrected(corrector: Method, volumes: Volumes, index: int, target: Any) -> FrameCorrection:
    """Correct one frame and let go of its voxels once they are written."""
    frame = corrector.correct(volumes.volume(index), index)
    if target is not None:
        target[... if volumes.single else (..., index)] = frame.image
    return FrameCorrection(frame.observed, frame.means, frame.background, frame.noise_variance, None, frame.diagnostics)


def _gathered(
    corrector: Method, volumes: Volumes, done: list[FrameCorrection], target: Any, error: np.ndarray | None
) -> PartialVolumeResult:
    problem = corrector.problem
    settings = {
        "image": volumes.where, "fwhm_mm": problem.psf.fwhm_mm, "voxel_mm": problem.psf.voxel_mm,
        "fwhm_includes_voxel": problem.psf.fwhm_includes_voxel, "outside": problem.psf.outside,
        "background": problem.background, "noise_fwhm_mm": problem.noise_fwhm_mm,
        "noise_variance": "residual" if problem.noise_variance is None else "given", **corrector.settings,
    }  # fmt: skip
    return PartialVolumeResult(
        method=corrector.name,
        reference=corrector.reference,
        regions=corrector.regions,
        observed=np.array([frame.observed for frame in done]),
        means=np.array([frame.means for frame in done]),
        background=np.array([frame.background for frame in done]),
        noise_variance=np.array([frame.noise_variance for frame in done]),
        unit_covariance=corrector.unit_covariance,
        transfer_matrix=corrector.transfer_matrix,
        condition_number=corrector.condition_number,
        voxels=corrector.voxels,
        image=target,
        image_stderr=error,
        affine=volumes.affine,
        frames=volumes.frames,
        isotope=volumes.isotope,
        flags=(*geometry_flags(problem, corrector), *corrector.flags([frame.diagnostics for frame in done])),
        settings=settings,
    )


def _background(kind: type[Method], background: str | None) -> str:
    chosen = kind.backgrounds[0] if background is None else background
    if chosen not in BACKGROUNDS:
        raise unknown_name(chosen, BACKGROUNDS, kind="assumption on the background")
    if chosen not in kind.backgrounds:
        msg = (
            f"method '{kind.name}' takes background={' or '.join(kind.backgrounds)}, not '{chosen}'; "
            "name other tissue as a region of its own instead"
        )
        raise InputError(msg)
    return chosen


def _voxel_error(stderr: ArrayLike | None, volumes: Volumes, kind: type[Method]) -> np.ndarray | None:
    if stderr is None:
        return None
    values = np.asarray(stderr, dtype=volumes.dtype)
    if not kind.makes_image or volumes.count != 1 or values.shape != volumes.shape:
        msg = (
            f"stderr has shape {values.shape}; it is for one volume {volumes.shape} and a method that corrects voxels, "
            f"not for {volumes.count} frames by '{kind.name}'"
        )
        raise InputError(msg)
    return values


def _output(out: Any, volumes: Volumes) -> Any:
    shape = volumes.shape if volumes.single else (*volumes.shape, volumes.count)
    if out is None:
        return np.empty(shape, dtype=volumes.dtype)
    if not (hasattr(out, "shape") and hasattr(out, "dtype") and hasattr(out, "__setitem__")):
        raise argument_error(out, "out", f"an array {shape} of float32 or float64 that is written into")
    if tuple(out.shape) != shape or not np.issubdtype(out.dtype, np.floating):
        msg = f"out has shape {tuple(out.shape)} and type {out.dtype}; it must be {shape} of float32 or float64"
        raise InputError(msg)
    return out
