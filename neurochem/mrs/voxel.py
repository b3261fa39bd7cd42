"""Where a spectroscopy voxel lies in an image, and what it is made of."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.spectra import Acquisition
from neurochem.mrs.tissue import Tissue
from neurochem.reading import load_nifti
from neurochem.units import FloatArray

# Cells a tenth of an image voxel leave at most a twentieth of one undecided at each face of the box.
_CELLS_PER_VOXEL = 10
_MOST_CELLS_A_SIDE = 300
_COVERED = 0.98
_SAME_PLACE_MM = 1e-3


@checked_fields
@dataclass(frozen=True, eq=False)
class VoxelMask:
    """The share of every image voxel that lies inside a spectroscopy voxel.

    Attributes
    ----------
    fractions : array, shape (x, y, z)
        0 outside, 1 inside (within 1 %: the cells that are counted do not share the image's grid), between at the faces.
    affine : array, shape (4, 4)
        Of the image.
    volume_ml : float
        Volume of the spectroscopy voxel.
    covered : float
        Share of that volume which lies inside the image.
    """

    fractions: FloatArray
    affine: FloatArray
    volume_ml: float
    covered: float

    def save(self, path: str | Path) -> Path:
        """Write the shares as a NIfTI image through a temporary file and return the path."""
        import nibabel

        from neurochem.naming import write_via

        file = Path(path)
        if not file.name.endswith((".nii", ".nii.gz")):
            msg = f"{file}: a NIfTI image is named .nii or .nii.gz; give such a name"
            raise InputError(msg)
        image = nibabel.Nifti1Image(np.asarray(self.fractions, dtype=np.float32), self.affine)
        image.header.set_xyzt_units("mm")
        return write_via(file, lambda temporary: nibabel.save(image, temporary))


def voxel_affine(source: Any) -> FloatArray:
    """Return the affine of a spectroscopy voxel: index coordinates -0.5 to 0.5 along each axis to scanner millimetres.

    Parameters
    ----------
    source : path, NIfTI image, Acquisition, or array, shape (4, 4)
        A single-voxel NIfTI-MRS file, such an image, a scan that `read` returned, or the affine itself.

    Raises
    ------
    MissingFileError, FileFormatError, InputError
        If the file cannot be read, or holds no voxel with a place.
    """
    if isinstance(source, Acquisition):
        if source.header.get("affine") is None:
            where = source.source or source.name
            msg = f"{where}: the file does not say where its voxel lies; give a NIfTI-MRS file or the affine"
            raise InputError(msg)
        return voxel_affine(source.header["affine"])
    if isinstance(source, str | Path):
        image = load_nifti(source)
    elif hasattr(source, "affine"):
        image = source
    else:
        affine = np.array(source, dtype=float)
        _check_affine(affine, "voxel affine")
        return affine
    where = str(source) if isinstance(source, str | Path) else "voxel image"
    affine = np.array(image.affine, dtype=float)
    _check_affine(affine, where)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if sides.max() >= 1000.0:
        msg = f"{where}: a voxel side is {sides.max():g} mm, as of a scan without localisation; there is no voxel to place"
        raise InputError(msg)
    if tuple(image.shape[:3]) != (1, 1, 1):
        msg = f"{where}: the grid has {image.shape[:3]} voxels; give the affine of the one you mean"
        raise InputError(msg)
    return affine


def _check_affine(affine: FloatArray, where: str) -> None:
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        msg = f"{where}: an affine is 4 x 4, finite and invertible; got {affine.tolist()}"
        raise InputError(msg)


@checked_arguments
def voxel_mask(voxel: Any, image: Any) -> VoxelMask:
    """Return how much of every voxel of an image lies inside a spectroscopy voxel.

    Parameters
    ----------
    voxel : path, image or array, shape (4, 4)
        As `voxel_affine` takes it.
    image : path, NIfTI image, or (shape, affine)
        The image in the same scanner coordinates, for example a T1-weighted scan.

    Returns
    -------
    VoxelMask
        Partial volumes of the rotated box, from cells a tenth of an image voxel; their sum times the volume
        of an image voxel is the box's volume inside the image.

    Raises
    ------
    InputError
        If the box lies outside the image altogether.

    Notes
    -----
    Nothing is registered: both must be in one coordinate system, as they are when taken in one session without motion.
    The box is the nominal one, without chemical shift displacement.
    """
    shape, affine, where = _grid(image)
    box = voxel_affine(voxel)
    sides = np.linalg.norm(box[:3, :3], axis=0)
    finest = float(np.linalg.norm(affine[:3, :3], axis=0).min()) / _CELLS_PER_VOXEL
    counts = [min(_MOST_CELLS_A_SIDE, max(1, math.ceil(side / finest))) for side in sides]
    ticks = [(np.arange(count) + 0.5) / count - 0.5 for count in counts]
    to_index = np.linalg.inv(affine) @ box
    corners = to_index[:3, :3] @ (np.indices((2, 2, 2)).reshape(3, -1) - 0.5) + to_index[:3, 3:]
    low = np.floor(corners.min(axis=1)).astype(int)
    size = np.ceil(corners.max(axis=1)).astype(int) + 1 - low
    near = np.zeros(int(size.prod()))
    first, second = (part.ravel() for part in np.meshgrid(ticks[0], ticks[1], indexing="ij"))
    plane = to_index[:3, :2] @ np.stack([first, second]) + to_index[:3, 3:]
    for third in ticks[2]:
        index = np.floor(plane + to_index[:3, 2:3] * third + 0.5).astype(int) - low[:, None]
        near += np.bincount(np.ravel_multi_index(tuple(index), tuple(size)), minlength=near.size)
    found = _pasted(near.reshape(size), low, shape)
    if not found.any():
        msg = f"the spectroscopy voxel lies outside {where}; are both in the same scanner coordinates?"
        raise InputError(msg)
    total = math.prod(counts)
    volume = abs(float(np.linalg.det(box[:3, :3])))
    cell = volume / total / abs(float(np.linalg.det(affine[:3, :3])))
    fractions = found * cell
    fractions.flags.writeable = False
    return VoxelMask(fractions, affine, volume / 1000.0, float(found.sum()) / total)


def _pasted(near: FloatArray, low: np.ndarray, shape: tuple[int, int, int]) -> FloatArray:
    """Return a volume with a block whose first voxel is `low` put in, what lies outside left out."""
    volume = np.zeros(shape)
    first, last = np.maximum(low, 0), np.minimum(low + near.shape, shape)
    if (last > first).all():
        here = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        volume[here] = near[tuple(slice(a, b) for a, b in zip(first - low, last - low, strict=True))]
    return volume


def _grid(image: Any) -> tuple[tuple[int, int, int], FloatArray, str]:
    if isinstance(image, tuple):
        shape, affine = image
        where = "the image"
    else:
        loaded = load_nifti(image) if isinstance(image, str | Path) else image
        shape, affine = loaded.shape, loaded.affine
        where = str(image) if isinstance(image, str | Path) else "the image"
    affine = np.array(affine, dtype=float)
    _check_affine(affine, where)
    if len(shape) < 3:
        msg = f"{where}: the image has {len(shape)} dimensions; a map of tissue has 3"
        raise InputError(msg)
    return (int(shape[0]), int(shape[1]), int(shape[2])), affine, where


@checked_fields
@dataclass(frozen=True)
class TissueShares:
    """Tissue of a spectroscopy voxel, and how sure the maps are of it.

    Attributes
    ----------
    tissue : Tissue
        Volume fractions, normalised to sum to one.
    unassigned : float
        Share of the voxel that the maps give to no tissue (skull, air, outside the image); spread over the three.
    covered : float
        Share of the voxel inside the image.
    volume_ml : float
        Volume of the voxel.
    """

    tissue: Tissue
    unassigned: float
    covered: float
    volume_ml: float


@checked_arguments
def tissue_from_maps(voxel: Any, gm: Any, wm: Any, csf: Any = None) -> TissueShares:
    """Return the volume fractions of a spectroscopy voxel from tissue maps.

    Parameters
    ----------
    voxel : path, image or array, shape (4, 4)
        As `voxel_affine` takes it.
    gm, wm, csf : path or NIfTI image
        Probability or volume-fraction maps (0 to 1) of FSL, SPM, ANTs or FreeSurfer in the scanner coordinates of the
        voxel, on any grid. Without `csf` the rest of the voxel is CSF.

    Returns
    -------
    TissueShares
        `.tissue` goes to `quantify(fit, water=..., tissue=...)`.

    Raises
    ------
    InputError
        If a map is not a map of fractions, sums exceed one by more than 5 %, less than 98 % of the voxel is inside the
        image, or most of it belongs to no tissue.
    """
    _check_unlike(gm, wm, csf)
    means = {}
    mask: VoxelMask | None = None
    for name, source in (("gm", gm), ("wm", wm), ("csf", csf)):
        if source is None:
            continue
        loaded = load_nifti(source) if isinstance(source, str | Path) else source
        where = str(source) if isinstance(source, str | Path) else f"the {name} map"
        if mask is None or not _same_grid(mask, loaded):
            mask = voxel_mask(voxel, loaded)
            _check_covered(mask, where)
        means[name] = _mean_share(loaded, mask, where)
    assert mask is not None
    total = sum(means.values())
    if total > 1.05:
        msg = f"the maps sum to {total:.3g} inside the voxel ({means}); they must not exceed 1. Are they probabilities?"
        raise InputError(msg)
    if csf is None:
        means["csf"], total = max(0.0, 1.0 - total), 1.0
    if total < 0.5:
        msg = f"the maps give {100 * (1 - total):.0f} % of the voxel to no tissue; is the image in the voxel's coordinates?"
        raise InputError(msg)
    tissue = Tissue(**{name: value / total for name, value in means.items()})
    return TissueShares(tissue, max(0.0, 1.0 - total), mask.covered, mask.volume_ml)


def _check_unlike(*maps: Any) -> None:
    """Refuse one file for two tissues."""
    files = [Path(one).resolve() for one in maps if isinstance(one, str | Path)]
    for file in files:
        if files.count(file) > 1:
            msg = f"{file}: given as the map of two tissues. Give each tissue its own."
            raise InputError(msg)


def _same_grid(mask: VoxelMask, image: Any) -> bool:
    return mask.fractions.shape == tuple(image.shape[:3]) and np.allclose(
        mask.affine, image.affine, atol=_SAME_PLACE_MM
    )


def _check_covered(mask: VoxelMask, where: str) -> None:
    if mask.covered < _COVERED:
        msg = f"{where}: only {100 * mask.covered:.1f} % of the spectroscopy voxel lies inside the image; give a larger one"
        raise InputError(msg)


def _mean_share(image: Any, mask: VoxelMask, where: str) -> float:
    """Return the mean of a map over the spectroscopy voxel, weighted by partial volume."""
    try:
        values = np.asarray(image.dataobj, dtype=float)
    except (OSError, EOFError, ValueError) as error:
        msg = f"{where}: the map cannot be read ({error}); the file is truncated or damaged, copy it again"
        raise FileFormatError(msg) from error
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    if values.shape != mask.fractions.shape:
        msg = f"{where}: the map has shape {values.shape}; a map of one tissue has 3 dimensions"
        raise InputError(msg)
    inside = mask.fractions > 0
    chosen, weights = values[inside], mask.fractions[inside]
    low, high = float(chosen.min()), float(chosen.max())
    if not (math.isfinite(low) and math.isfinite(high)) or low < -1e-3 or high > 1.0 + 1e-3:
        msg = (
            f"{where}: values inside the voxel run from {low:g} to {high:g}; a tissue map holds fractions from 0 to 1. "
            "Divide by 100 or 255, or compare labels with their number, first."
        )
        raise InputError(msg)
    return float(np.average(chosen, weights=weights))


@checked_arguments
def label_map(labels: Any, chosen: ArrayLike) -> Any:
    """Return the map (1 inside, 0 outside) of chosen labels of a segmentation, such as FreeSurfer's aseg.

    Parameters
    ----------
    labels : path or NIfTI image
        Whole numbers.
    chosen : array_like of int
        Labels that make up the tissue.
    """
    import nibabel

    image = load_nifti(labels) if isinstance(labels, str | Path) else labels
    inside = np.isin(np.asarray(image.dataobj), np.asarray(chosen))
    return nibabel.Nifti1Image(inside.astype(np.uint8), image.affine)
