"""Fit a kinetic model to every voxel of a dynamic image."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.aligned import read_mask
from neurochem.pet.blood import ArterialInput
from neurochem.pet.curves import Curve
from neurochem.pet.denoise import hypr_lr, smooth_image
from neurochem.pet.image import DynamicImage
from neurochem.pet.maps.estimator import ESTIMATORS, VoxelEstimator
from neurochem.pet.maps.estimators.srtm import VoxelSRTM
from neurochem.pet.maps.result import ParametricMaps
from neurochem.pet.maps.shared_k2prime import median_k2prime
from neurochem.pet.maps.spatial import SpatialSRTM, neighbourhood
from neurochem.pet.maps.status import VoxelStatus
from neurochem.pet.maps.voxel_blocks import VoxelBlocks, checked_threads
from neurochem.pet.maps.voxel_scan import Estimates, estimate_all, image_reference, mean_curve, voxel_inputs
from neurochem.pet.maps.voxelwise import VoxelwiseFit
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs
from neurochem.pet.plasma_blood import PlasmaAndBlood
from neurochem.pet.preparation import region_target
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.quality import Flag
from neurochem.units import BoolArray, FloatArray

# A voxel whose mean activity is below this share of the input region's (or of the mean voxel's) holds no signal; chosen here.
LOW_SIGNAL = 0.05
# What a regional fit of the mean voxel says of the method rather than of that curve.
_OF_ALL_VOXELS = ("biased_without_k2prime", "t_star_default", "t_star_not_found", "vascular_correction")


@checked_arguments(text=("weights",))
def fit_image(  # noqa: PLR0913 - the choices of a fit, all by keyword
    image: DynamicImage,
    model: str,
    *,
    reference: Any = None,
    blood: ArterialInput | PlasmaAndBlood | Curve | None = None,
    mask: Any = None,
    weights: ArrayLike | str | None = None,
    exclude: Sequence[int] = (),
    parameters: Sequence[str] | None = None,
    smooth_fwhm_mm: float | Sequence[float] | None = None,
    hypr_fwhm_mm: float | Sequence[float] | None = None,
    spatial_fwhm_mm: float | None = None,
    low_signal: float = LOW_SIGNAL,
    threads: int = 1,
    **options: Any,
) -> ParametricMaps:
    """Fit a kinetic model to every voxel.

    Parameters
    ----------
    image : DynamicImage
        Dynamic image, in memory or in a file; a compressed file is unpacked once, any other is read slab by slab.
    model : str
        Name as listed by `models()`. SRTM, SRTM2, MRTM1, MRTM2, LoganRef, LoganRefML, PatlakRef, REPlot, SUVR, 1TCM, Logan,
        MLLogan, MA1, Patlak and SA are solved in blocks; every other model by its regional fit in each voxel, which takes
        milliseconds a voxel.
    reference : TimeActivityCurves of one region, array, Curve, or mask of the reference region
        Input of reference-tissue models: a TAC, frame means (n_frames,), a continuous curve, or the region itself as an
        array of the volume's shape, a NIfTI image, or its path. Of a region, voxels that are not finite are left out and
        counted in a flag; more than a fifth of them is an error.
    blood : ArterialInput, PlasmaAndBlood or Curve
        Parent plasma (and whole blood) for models that need it.
    mask : path, image or array, shape (x, y, z), optional
        Voxels to fit; all by default (as "finite"). Voxels that are NaN or infinite in a frame that is used, as registration
        leaves them outside the head, take part in nothing: status "not_finite", counted in a flag.
    weights : array_like, shape (n_frames,), or str, optional
        One over variance of the frame means, as in `fit`; by default counting statistics of the mean of the voxels.
    exclude : sequence of int
        Frames (from 0) to leave out.
    parameters : sequence of str, optional
        Maps to keep, to save memory; all that the model reports by default.
    smooth_fwhm_mm, hypr_fwhm_mm : float or three floats, optional
        Denoise first: Gaussian smoothing of every frame, or HYPR-LR with a kernel of that width.
    spatial_fwhm_mm : float, optional
        SRTM only: draw log k2a of every voxel towards its neighbours within this width (see `SpatialSRTM`).
    low_signal : float
        A voxel is not fitted if its mean activity over the frames used is at most this share of the reference's; with
        plasma input, of the mean voxel's.
    threads : int
        Slabs worked on at once.
    **options
        As in `fit`: `k2prime`, `t_star_s`, `t1_s`, `t2_s`, `VB`. Without `k2prime`, SRTM2 and MRTM2 take the weighted median
        over binding voxels of a first pass of SRTM. Without `t_star_s`, graphical models take for all voxels the start that the
        regional fit finds for their mean.

    Returns
    -------
    ParametricMaps
        `maps["BPND"].data`, `.stderr` and `.status`, `maps.save(folder)`, `maps.plot()`, `maps.histogram()`.

    Raises
    ------
    UnknownNameError, InputError, FileFormatError
        If a name is not known, an input is missing or does not fit the image, or the file is damaged.

    Notes
    -----
    The same equations, exact frame means, weights and search limits as in the regional fit, whose optimum each voxel reaches: the
    washout rate ends off the grid, by derivative. Standard errors come from the voxel's own residual, with the noise of frames
    as the weights have it; the reference's noise is common to all voxels and is not in them. Nothing is clipped.
    Memory beyond the image: the maps (4 bytes a value) and about 40 MB a thread.

    Examples
    --------
    >>> import neurochem as nc
    >>> frames = nc.pet.Frames([0, 60, 120, 300, 600, 1200, 2400], [60, 60, 180, 300, 600, 1200, 1200])
    >>> cerebellum = np.array([2.0, 6.0, 8.0, 7.5, 6.0, 4.0, 2.5])
    >>> putamen = nc.pet.simulate("SRTM", frames, {"R1": 1, "k2": 0.1, "BPND": 2}, reference=cerebellum)
    >>> image = nc.pet.DynamicImage(np.tile(putamen, (4, 3, 2, 1)), frames, np.eye(4))
    >>> maps = nc.pet.fit_image(image, "SRTM", reference=cerebellum)
    >>> round(float(maps["BPND"].data[0, 0, 0]), 5)
    2.0
    """
    if not isinstance(image, DynamicImage):
        msg = f"image is a {type(image).__name__}; give a DynamicImage, for example from read_image"
        raise InputError(msg)
    kinetic = MODELS[model]
    _check_choices(kinetic, spatial_fwhm_mm, low_signal)
    everywhere = mask is None or (isinstance(mask, str) and mask == "finite")
    chosen = np.ones(image.shape, dtype=bool) if everywhere else read_mask(mask, image)
    image, notes = _denoised(image, None if everywhere else chosen, smooth_fwhm_mm, hypr_fwhm_mm)
    blocks = VoxelBlocks(image, chosen, checked_threads(threads))
    unused = _left_out(exclude, weights)
    mean = mean_curve(blocks, unused)
    reference, said = image_reference(image, reference, unused)
    choices = {key: value for key, value in options.items() if value is not None}

    def inputs_for(known: KineticModel, given: Mapping[str, Any]) -> ScanInputs:
        return voxel_inputs(
            blocks, known,
            reference=reference, blood=blood, weights=weights, exclude=exclude, options=given, mean=mean,
        )  # fmt: skip

    scan = _VoxelScan(blocks, mean, low_signal)
    entry = ESTIMATORS[kinetic.name] if kinetic.name in ESTIMATORS else None  # noqa: SIM401 - a Registry has no get
    if entry is not None and entry.shares_k2prime and choices.get("k2prime") is None:
        choices["k2prime"], more = _first_pass_k2prime(scan, inputs_for(MODELS["SRTM"], {}))
        notes.update(more)
    inputs = inputs_for(kinetic, choices)
    of_mean = _fit_of_mean(kinetic, inputs, mean)
    if of_mean is not None and "t_star_s" in kinetic.options and choices.get("t_star_s") is None:
        # one t* for all voxels: that of the regional fit to their mean
        inputs = inputs_for(kinetic, {**choices, "t_star_s": float(of_mean.settings.get("t_star_s", 0.0))})
    estimator = VoxelwiseFit(inputs, kinetic, mean) if entry is None else entry.prepare(inputs)
    if spatial_fwhm_mm is not None:
        assert isinstance(estimator, VoxelSRTM)
        estimator = _constrained(scan, estimator, inputs, float(spatial_fwhm_mm))
        notes["spatial_fwhm_mm"] = float(spatial_fwhm_mm)
    names = _wanted(parameters, estimator.names, kinetic.name)
    found = scan.run(estimator, inputs, names, f"{kinetic.name} maps")
    maps = _maps(kinetic, estimator, inputs, found, blocks, {**notes, "low_signal_share": low_signal})
    known = () if of_mean is None else tuple(flag for flag in of_mean.flags if flag.name in _OF_ALL_VOXELS)
    return replace(maps, flags=(*maps.flags, *said, *_lost(found.not_finite, blocks.count, everywhere), *known))


def _check_choices(kinetic: KineticModel, spatial_fwhm_mm: float | None, low_signal: float) -> None:
    """Refuse a constraint that the model has no use for, and a share that is none."""
    if spatial_fwhm_mm is not None and kinetic.name != "SRTM":
        msg = f"spatial_fwhm_mm belongs to SRTM; {kinetic.name} has no washout search to constrain"
        raise InputError(msg)
    if not (np.isfinite(low_signal) and 0 <= low_signal < 1):
        msg = f"low_signal is {low_signal}; it is a share of the input's mean activity, from 0 to below 1"
        raise InputError(msg)


def _lost(count: int, total: int, everywhere: bool) -> tuple[Flag, ...]:
    """Return a flag that counts voxels of the image that are not finite: expected outside the head, odd inside a mask."""
    if not count:
        return ()
    message = f"{count:,} of {total:,} voxels are NaN or infinite in a frame that is used and were not fitted"
    return (Flag("not_finite_voxels", message, "info" if everywhere else "warning"),)


def _left_out(exclude: Sequence[int], weights: ArrayLike | str | None) -> list[int]:
    """Return the frames that no fit looks at: those excluded, and those of weight zero; both are checked later."""
    given = np.ones(1) if weights is None or isinstance(weights, str) else np.asarray(weights, dtype=float).ravel()
    zero = np.flatnonzero((given == 0) & given.any())
    return [int(index) for index in (*exclude, *zero)]


class _VoxelScan:
    """Voxels, their mean curve, and the share below which there is no signal."""

    def __init__(self, blocks: VoxelBlocks, mean: FloatArray, share: float) -> None:
        self.blocks, self.mean, self.share = blocks, mean, share

    def run(self, estimator: VoxelEstimator, inputs: ScanInputs, names: Sequence[str], title: str) -> Estimates:
        """Fit every voxel that has signal."""
        duration = np.where(inputs.kept, inputs.frames.duration_min, 0.0)
        # frames of zero length may be all there is in a window; then each counts the same
        shares = duration / duration.sum() if duration.any() else inputs.kept / np.count_nonzero(inputs.kept)
        level = inputs.view.input if inputs.input_name != "plasma" else self.mean
        return estimate_all(self.blocks, estimator, shares, self.share * float(level @ shares), names, title)


def _denoised(image: DynamicImage, inside: Any, smooth: Any, hypr: Any) -> tuple[DynamicImage, dict[str, Any]]:
    """Return the image after what was asked for, and what to say of it."""
    if smooth is not None and hypr is not None:
        msg = "smooth_fwhm_mm and hypr_fwhm_mm are both given; choose one way to denoise"
        raise InputError(msg)
    notes: dict[str, Any] = {}
    if smooth is not None or hypr is not None:
        inside = _finite_inside(image, inside)
    if smooth is not None:
        image, notes = smooth_image(image, smooth, mask=inside), {"smooth_fwhm_mm": smooth}
    if hypr is not None:
        image, notes = hypr_lr(image, hypr, mask=inside), {"hypr_fwhm_mm": hypr}
    if image.notes:
        notes["image_notes"] = list(image.notes)
    return image, notes


def _finite_inside(image: DynamicImage, inside: BoolArray | None) -> BoolArray | None:
    """Return the mask without voxels that are not finite in some frame, which a kernel would spread."""
    finite = np.ones(image.shape, dtype=bool)
    for index in range(len(image.frames)):
        finite &= np.isfinite(image.frame(index))
    if finite.all() if inside is None else finite[inside].all():
        return inside
    both = finite if inside is None else finite & inside
    if not both.any():
        msg = f"{image.where or 'the image'}: every voxel inside the mask has a frame that is NaN or infinite; repair the image"
        raise InputError(msg)
    return both


def _fit_of_mean(kinetic: KineticModel, inputs: ScanInputs, mean: FloatArray) -> Outcome | None:
    """Return the regional fit of the mean voxel, where the model is a line with a start or a method with a known bias."""
    if not {"t_star_s", "k2prime", "VB"} & set(kinetic.options) or kinetic.name not in ESTIMATORS:
        return None
    curve = TimeActivityCurves(inputs.frames, mean[:, None], regions=["mean"])
    return kinetic.estimate(region_target(curve, inputs, "mean"), inputs)


def _first_pass_k2prime(scan: _VoxelScan, inputs: ScanInputs) -> tuple[float, dict[str, Any]]:
    """Return k2' from a first pass of SRTM, and what to say of it."""
    first = scan.run(VoxelSRTM(inputs), inputs, ("BPND", "k2prime"), "SRTM, for k2'")
    shared = median_k2prime(first.values, first.stderrs, first.codes == VoxelStatus.OK)
    return shared.value, {
        "k2prime_source": "weighted median over binding voxels of a first pass of SRTM",
        "k2prime_stderr": shared.stderr,
        "k2prime_voxels": shared.voxels,
    }


def _constrained(scan: _VoxelScan, free: VoxelSRTM, inputs: ScanInputs, fwhm_mm: float) -> SpatialSRTM:
    first = scan.run(free, inputs, ("k2a",), "SRTM, free")
    centre, spread = neighbourhood(
        first.values["k2a"], first.stderrs["k2a"], first.codes == VoxelStatus.OK, scan.blocks, fwhm_mm
    )
    return SpatialSRTM(free, centre, spread)


def _wanted(parameters: Sequence[str] | None, names: tuple[str, ...], model: str) -> tuple[str, ...]:
    if parameters is None:
        return names
    asked = [parameters] if isinstance(parameters, str) else list(parameters)
    derived = ("DVR",) if "BPND" in names and "DVR" not in names else ()
    if not asked:
        msg = f"parameters is empty; name at least one of {', '.join((*names, *derived))}, or leave it out for all"
        raise InputError(msg)
    known = {name.casefold(): name for name in names} | {name.casefold(): "BPND" for name in derived}
    for name in asked:
        if name.casefold() not in known:
            raise unknown_name(name, (*names, *derived), kind=f"map of {model}")
    return tuple(dict.fromkeys(known[name.casefold()] for name in asked))


def _maps(
    kinetic: KineticModel,
    estimator: VoxelEstimator,
    inputs: ScanInputs,
    found: Estimates,
    blocks: VoxelBlocks,
    notes: Mapping[str, Any],
) -> ParametricMaps:
    settings = {
        "input": inputs.input_name,
        "weights": inputs.weighting,
        **dict(inputs.options),
        **dict(estimator.settings),
        **notes,
        "image": blocks.image.where,
        "reference": kinetic.citation,
    }
    flags = list(inputs.flags)
    if "hypr_fwhm_mm" in notes or "smooth_fwhm_mm" in notes:
        message = "the image was denoised: voxels or frames share noise, and standard errors are not calibrated"
        flags.append(Flag("denoised", message))
    return ParametricMaps(
        kinetic.name, found.values, found.stderrs, found.codes, blocks.chosen, blocks.order, blocks.image.affine,
        settings, tuple(flags),
    )  # fmt: skip
