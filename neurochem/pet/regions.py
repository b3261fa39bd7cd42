"""Regional curves from label images and probabilistic maps."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError
from neurochem.pet.image import DynamicImage
from neurochem.pet.region_voxels import RegionVoxels, find_regions, region_values, usable_voxels
from neurochem.pet.tables import numbers, read_table
from neurochem.pet.tacs import TimeActivityCurves


@checked_arguments
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


@checked_arguments
def extract_tacs(
    image: DynamicImage,
    labels: Any = None,
    names: Mapping[int, str] | Sequence[str] | None = None,
    *,
    maps: Any = None,
    skip_absent: bool = False,
    non_finite: str = "refuse",
) -> TimeActivityCurves:
    """Return the mean curve of every region, from a label image or from probabilistic maps.

    Parameters
    ----------
    image : DynamicImage
        Dynamic image.
    labels : path, image or array, shape (x, y, z)
        Whole numbers; zero is background. It must lie on the voxels of the PET image: nothing is resampled.
    names : mapping of int to str, or sequence of str
        With labels, the name of each label to extract; labels not named here are left out. With a stack of maps, one
        name a map.
    maps : mapping of str to (path, image or array of shape (x, y, z)), or path, image or array, shape (x, y, z, n_regions)
        Instead of labels: how much of each voxel belongs to each region, between 0 and 1. Regions may overlap.
    skip_absent : bool
        Whether to leave out names without a voxel, as a table of all labels of an atlas has them, instead of refusing.
    non_finite : {"refuse", "leave_out"}
        What to do with voxels of a region that are NaN or infinite in a frame: an error, or leave them out of every frame,
        so that a curve is of the same voxels throughout. Outside the regions they never matter.

    Returns
    -------
    TimeActivityCurves
        Frame means in kBq/mL; with maps sum(w C) / sum(w). Every voxel counts, negative ones too. `voxels` is the number
        of voxels; with maps the effective number (sum w)^2 / sum(w^2), by which white noise is averaged down.

    Raises
    ------
    InputError
        If shapes or affines differ, a region has no voxel, a weight lies outside 0 to 1, or a region holds values that
        are not finite.

    See Also
    --------
    extract_statistics : median, standard deviation and counts beside the mean.
    """
    regions = find_regions(image, labels, names, maps=maps, skip_absent=skip_absent)
    regions = usable_voxels(image, regions, non_finite)
    return mean_curves(image, regions)


def mean_curves(image: DynamicImage, regions: RegionVoxels, frames: Iterable[int] | None = None) -> TimeActivityCurves:
    """Return the mean curve of regions whose voxels are known, over some frames (zero in the others) or all.

    Raises
    ------
    InputError
        If a value is not finite.
    """
    activity = np.zeros((len(image.frames), len(regions.names)))
    for frame in range(len(image.frames)) if frames is None else frames:
        activity[frame] = regions.sums(region_values(image, regions, frame)) / regions.total
    return TimeActivityCurves(
        image.frames,
        activity,
        regions=regions.names,
        isotope=image.isotope,
        voxels=regions.effective,
        where=image.where or regions.where,
    )
