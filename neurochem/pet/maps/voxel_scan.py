"""What all voxels of an image share, prepared once, and the pass over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import is_numeric_array
from neurochem.errors import InputError
from neurochem.pet.aligned import read_mask
from neurochem.pet.curves import Curve
from neurochem.pet.image import DynamicImage
from neurochem.pet.maps.estimator import Solution, VoxelEstimator
from neurochem.pet.maps.status import VoxelStatus
from neurochem.pet.maps.voxel_blocks import VoxelBlocks
from neurochem.pet.model import KineticModel, ScanInputs
from neurochem.pet.preparation import scan_inputs
from neurochem.pet.region_voxels import find_regions, without_lost_voxels
from neurochem.pet.regions import mean_curves
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.quality import Flag
from neurochem.units import FloatArray

MEAN = "mean of the voxels"


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimates of all chosen voxels, float32, their status codes, and how many are NaN or infinite in the image."""

    values: dict[str, np.ndarray]
    stderrs: dict[str, np.ndarray]
    codes: np.ndarray
    not_finite: int


def mean_curve(blocks: VoxelBlocks, left_out: Sequence[int] = ()) -> FloatArray:
    """Return the mean of the chosen voxels whose frames are all finite, shape (n_frames,).

    Parameters
    ----------
    blocks : VoxelBlocks
        Voxels.
    left_out : sequence of int
        Frames that are not looked at, whose mean is given as zero.

    Raises
    ------
    InputError
        If there is none, or all are zero.
    """
    sums, counts = [], []
    unused = np.flatnonzero(np.isin(np.arange(len(blocks.image.frames)), left_out))

    def add(place: int, block: FloatArray) -> None:
        if unused.size:
            block[:, unused] = 0.0
        total = block.sum(axis=0)
        if not np.isfinite(total).all():
            block = block[np.isfinite(block).all(axis=1)]
            total = block.sum(axis=0)
        sums.append((place, total))
        counts.append(len(block))

    blocks.visit(add, "mean curve")
    # in the order of the file, so that threads change no digit
    total = np.sum([part for _, part in sorted(sums, key=lambda pair: pair[0])], axis=0)
    count = sum(counts)
    where = blocks.image.where or "the image"
    if not count or not np.any(total):
        what = "is zero in every frame" if count else "has a frame that is NaN or infinite"
        msg = f"{where}: every voxel inside the mask {what}; check image and mask"
        raise InputError(msg)
    return np.asarray(total / count)


def image_reference(image: DynamicImage, reference: Any, left_out: Sequence[int] = ()) -> tuple[Any, tuple[Flag, ...]]:
    """Return the reference as `scan_inputs` takes it, and what to say of it.

    A mask of the volume (array, image or path) becomes its mean curve; see `region_curve` for voxels that are not finite.
    """
    if reference is None or isinstance(reference, Curve | TimeActivityCurves):
        return reference, ()
    is_path = not isinstance(reference, np.ndarray) and (hasattr(reference, "__fspath__") or isinstance(reference, str))
    if is_path and not str(reference).endswith((".nii", ".nii.gz")):
        msg = (
            f"reference is {str(reference)!r}; an image has no named regions. Give a TAC, frame means, a curve, or a mask of the "
            "reference region (array, NIfTI image or its path)"
        )
        raise InputError(msg)
    if is_path or hasattr(reference, "dataobj") or (is_numeric_array(reference) and np.ndim(reference) >= 3):
        return region_curve(image, reference, "reference", left_out)
    return reference, ()


def region_curve(
    image: DynamicImage, mask: Any, name: str, left_out: Sequence[int] = ()
) -> tuple[TimeActivityCurves, tuple[Flag, ...]]:
    """Return the mean curve of a region, and a flag that counts voxels left out because they are not finite.

    Parameters
    ----------
    image : DynamicImage
        Image.
    mask : path, image or array, shape (x, y, z)
        The region.
    name : str
        Its name.
    left_out : sequence of int
        Frames that are not looked at, whose mean is given as zero.

    Raises
    ------
    InputError
        If more than a fifth of the voxels are not finite in some frame that is looked at.
    """
    inside = read_mask(mask, image, kind="reference mask")
    used = [index for index in range(len(image.frames)) if index not in left_out]
    regions = find_regions(image, inside.astype(np.uint8), {1: name})
    regions, notes = without_lost_voxels(image, regions, used)
    return mean_curves(image, regions, used), tuple(Flag("reference_not_finite", note) for note in notes)


def voxel_inputs(  # noqa: PLR0913 - the choices of a fit, as `scan_inputs` has them
    blocks: VoxelBlocks,
    kinetic: KineticModel,
    *,
    reference: Any,
    blood: Any,
    weights: ArrayLike | str | None,
    exclude: Sequence[int],
    options: Mapping[str, Any],
    mean: FloatArray,
) -> ScanInputs:
    """Return the inputs of the regional fit, weights from the mean of the voxels unless given."""
    image = blocks.image
    tacs = TimeActivityCurves(
        image.frames, mean[:, None], regions=[MEAN], isotope=image.isotope, voxels=[blocks.count], where=image.where
    )
    return scan_inputs(tacs, kinetic, reference, blood, weights, exclude, options)


def estimate_all(
    blocks: VoxelBlocks,
    estimator: VoxelEstimator,
    kept: FloatArray,
    lowest: float,
    names: Sequence[str],
    title: str,
) -> Estimates:
    """Fit every chosen voxel.

    Parameters
    ----------
    blocks : VoxelBlocks
        Voxels.
    estimator : VoxelEstimator
        Model prepared for the scan.
    kept : array, shape (n_frames,)
        Shares of the frames in the mean activity, zero for those left out.
    lowest : float
        Mean activity in kBq/mL below which a voxel is not fitted.
    names : sequence of str
        Parameters to keep.
    title : str
        For the progress bar.
    """
    values = {name: np.full(blocks.count, np.nan, dtype=np.float32) for name in names}
    stderrs = {name: np.full(blocks.count, np.nan, dtype=np.float32) for name in names}
    codes = np.full(blocks.count, VoxelStatus.NOT_FINITE, dtype=np.uint8)
    unused = np.flatnonzero(kept == 0)
    lost: list[int] = []

    def one(place: int, block: FloatArray) -> None:
        if unused.size:
            block[:, unused] = 0.0
        with np.errstate(invalid="ignore", over="ignore"):
            mean = block @ kept
        here = slice(place, place + len(block))
        code = np.where(np.isfinite(mean), np.uint8(VoxelStatus.LOW_SIGNAL), np.uint8(VoxelStatus.NOT_FINITE))
        found = np.flatnonzero(np.isfinite(mean) & (mean > lowest))
        if found.size:
            solution = estimator.solve(block if found.size == len(block) else block[found], place + found)
            with np.errstate(over="ignore"):
                for name in names:
                    values[name][here][found] = solution.values[name]
                    stderrs[name][here][found] = solution.stderrs[name]
            code[found] = _codes(solution)
        codes[here] = code
        lost.append(int(np.count_nonzero(~np.isfinite(mean))))

    blocks.visit(one, title)
    return Estimates(values, stderrs, codes, sum(lost))


def _codes(solution: Solution) -> np.ndarray:
    """Return the status of fitted voxels: at the edge, or ok where every value is finite."""
    sound = np.all([np.isfinite(part) for part in solution.values.values()], axis=0)
    code = np.where(sound, np.uint8(VoxelStatus.OK), np.uint8(VoxelStatus.NOT_FINITE))
    return np.where(solution.edge, np.uint8(VoxelStatus.EDGE), code)
