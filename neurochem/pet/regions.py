"""Regional curves from a label image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, InputError
from neurochem.pet.image import DynamicImage, load_nifti
from neurochem.pet.tables import numbers, read_table
from neurochem.pet.tacs import TimeActivityCurves


def read_label_names(path: str | Path) -> dict[int, str]:
    """Read the names of labels from a BIDS `dseg.tsv` with columns `index` and `name`."""
    table = read_table(path)
    index = numbers(table, "index", str(path))
    if "name" not in table.columns:
        msg = f"{path}: column 'name' is missing; a label table has the columns index and name"
        raise FileFormatError(msg)
    if not (np.isfinite(index) & (index == np.round(index))).all():
        msg = f"{path}: column 'index' must hold whole numbers, one a label"
        raise FileFormatError(msg)
    repeated = sorted({int(number) for number in index if np.count_nonzero(index == number) > 1})
    if repeated:
        msg = f"{path}: index {repeated[0]} stands {np.count_nonzero(index == repeated[0])} times; give each label one row"
        raise FileFormatError(msg)
    missing = np.flatnonzero(table["name"].isna().to_numpy() | (table["name"].astype(str).str.strip() == "").to_numpy())
    if missing.size:
        msg = f"{path}: index {int(index[missing[0]])} has no name; name every label or leave its row out"
        raise FileFormatError(msg)
    return {int(number): str(name) for number, name in zip(index, table["name"], strict=True)}


def _label_array(labels: Any) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Return label values, affine if known, and the file's name."""
    if isinstance(labels, str | Path):
        image = load_nifti(labels)
        try:
            return np.asarray(image.dataobj), image.affine, str(labels)
        except (OSError, EOFError, ValueError) as error:
            msg = f"{labels}: labels cannot be read ({error}); the file is truncated or damaged, copy it again"
            raise FileFormatError(msg) from error
    if hasattr(labels, "dataobj"):
        return np.asarray(labels.dataobj), labels.affine, "label image"
    return np.asarray(labels), None, "label array"


def extract_tacs(
    image: DynamicImage, labels: Any, names: Mapping[int, str], *, skip_absent: bool = False
) -> TimeActivityCurves:
    """Return the mean curve of every labelled region.

    Parameters
    ----------
    image : DynamicImage
        Dynamic image.
    labels : path, image or array, shape (x, y, z)
        Whole numbers; zero is background. It must lie on the voxels of the PET image: nothing is resampled.
    names : mapping of int to str
        Name of each label to extract; labels not named here are left out.
    skip_absent : bool
        Whether to leave out names without a voxel, as a table of all labels of an atlas has them, instead of refusing.

    Returns
    -------
    TimeActivityCurves
        Frame means in kBq/mL. Every voxel counts, negative ones too.

    Raises
    ------
    InputError
        If shapes or affines differ, a named label has no voxel, or a region holds values that are not finite.
    """
    values, affine, where = _label_array(labels)
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    if values.shape != image.shape:
        msg = f"{where}: labels have shape {values.shape}, the PET image {image.shape}; resample the labels to the PET voxels"
        raise InputError(msg)
    if affine is not None and not np.allclose(affine, image.affine, atol=1e-3):
        msg = f"{where}: the affine differs from that of {image.where or 'the PET image'}; resample the labels to the PET voxels"
        raise InputError(msg)
    wanted = np.array(sorted(number for number in names if number != 0), dtype=float)
    if skip_absent:
        wanted = wanted[np.isin(wanted, values)]
    if wanted.size == 0:
        msg = f"{where}: no label to extract; names maps whole numbers above 0 to names of regions"
        raise InputError(msg)
    index = np.searchsorted(wanted, values)
    index[(index == wanted.size)] = 0
    member = wanted[index] == values
    flat = np.where(member, index, wanted.size).ravel()
    counts = np.bincount(flat, minlength=wanted.size + 1)[:-1]
    if (counts == 0).any():
        label = int(wanted[np.flatnonzero(counts == 0)[0]])
        msg = f"{where}: no voxel has label {label} ('{names[label]}'); check the label table or leave the region out"
        raise InputError(msg)
    activity = np.empty((len(image.frames), wanted.size))
    for frame in range(len(image.frames)):
        sums = np.bincount(flat, weights=image.frame(frame).ravel(), minlength=wanted.size + 1)[:-1]
        activity[frame] = sums / counts
    regions = [names[int(number)] for number in wanted]
    return TimeActivityCurves(
        image.frames,
        activity,
        regions=regions,
        isotope=image.isotope,
        voxels=counts,
        where=image.where or where,
    )
