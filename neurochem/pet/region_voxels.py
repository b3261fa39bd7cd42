"""Which voxels make up which region, from labels or from probabilistic maps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.aligned import check_place, read_values
from neurochem.pet.image import DynamicImage
from neurochem.units import BoolArray, FloatArray

NON_FINITE = ("refuse", "leave_out")
# Interpolation in single precision leaves a weight of 1 this far off.
_ROUNDING = 1e-5

# A region that lost more of its voxels than this is another region; chosen here.
LARGEST_LOST = 0.2

IntArray = np.ndarray


@dataclass(frozen=True, eq=False)
class RegionVoxels:
    """Voxels of every region, one region after the other.

    Attributes
    ----------
    names : tuple of str
        Names of the regions.
    voxel : int array, shape (n,)
        Index of each voxel in the volume unrolled in C order, rising within a region.
    region : int array, shape (n,)
        Region of each voxel, never falling.
    weight : array, shape (n,), or None
        Share of each voxel that counts, above 0 and up to 1; None where every voxel counts whole.
    where : str
        Where they came from, for messages.
    """

    names: tuple[str, ...]
    voxel: IntArray
    region: IntArray
    weight: FloatArray | None
    where: str

    @property
    def bounds(self) -> IntArray:
        """Where each region starts in `voxel`, and the end, shape (n_regions + 1,)."""
        return np.searchsorted(self.region, np.arange(len(self.names) + 1))

    @property
    def total(self) -> FloatArray:
        """Sum of the weights, shape (n_regions,); the number of voxels where there are none."""
        return np.bincount(self.region, weights=self.weight, minlength=len(self.names)).astype(float)

    @property
    def effective(self) -> FloatArray:
        """Effective number of voxels (sum w)^2 / sum w^2, shape (n_regions,): the number of voxels where w is 1."""
        if self.weight is None:
            return self.total
        return self.total**2 / np.bincount(self.region, weights=self.weight**2, minlength=len(self.names))

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the weighted sum of values, shape (n,), over each region."""
        weighted = values if self.weight is None else values * self.weight
        return np.bincount(self.region, weights=weighted, minlength=len(self.names)).astype(float)

    def keep(self, chosen: BoolArray) -> "RegionVoxels":
        """Return the regions with only the chosen of their voxels."""
        weight = None if self.weight is None else self.weight[chosen]
        return RegionVoxels(self.names, self.voxel[chosen], self.region[chosen], weight, self.where)


def find_regions(
    image: DynamicImage,
    labels: Any = None,
    names: Mapping[int, str] | Sequence[str] | None = None,
    *,
    maps: Any = None,
    skip_absent: bool = False,
) -> RegionVoxels:
    """Return the voxels of regions; parameters and errors as for `neurochem.pet.extract_tacs`."""
    if (labels is None) == (maps is None):
        msg = "give either labels= (whole numbers) or maps= (weights between 0 and 1), one of the two"
        raise InputError(msg)
    if maps is not None:
        return _mapped(image, maps, names, skip_absent=skip_absent)
    if not isinstance(names, Mapping):
        msg = f"names is a {type(names).__name__}; with labels it maps whole numbers above 0 to names of regions"
        raise InputError(msg)
    return _labelled(image, labels, names, skip_absent=skip_absent)


def _labelled(image: DynamicImage, labels: Any, names: Mapping[int, str], *, skip_absent: bool) -> RegionVoxels:
    values, affine, where = read_values(labels, "label")
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    check_place(values.shape, affine, image, where=where, kind="label", image_where=image.where)
    values = values.ravel()
    _check_whole(values, where)
    wanted = np.array(sorted(number for number in names if number != 0), dtype=float)
    if skip_absent:
        wanted = wanted[np.isin(wanted, values)]
    if wanted.size == 0:
        msg = f"{where}: no label to extract; names maps whole numbers above 0 to names of regions"
        raise InputError(msg)
    index = np.searchsorted(wanted, values)
    index[index == wanted.size] = 0
    voxel = np.flatnonzero(wanted[index] == values)
    counts = np.bincount(index[voxel], minlength=wanted.size)
    if (counts == 0).any():
        label = int(wanted[np.flatnonzero(counts == 0)[0]])
        msg = f"{where}: no voxel has label {label} ('{names[label]}'); check the label table or leave the region out"
        raise InputError(msg)
    # a stable sort keeps voxels of a region in their order, so that sums round as they would over the whole volume
    order = np.argsort(index[voxel], kind="stable")
    regions = tuple(str(names[int(number)]) for number in wanted)
    return RegionVoxels(regions, voxel[order], np.repeat(np.arange(wanted.size), counts), None, where)


def _check_whole(values: np.ndarray, where: str) -> None:
    """Raise unless labels are whole numbers; one that is not finite labels nothing."""
    if values.dtype.kind != "f":
        return
    odd = np.flatnonzero(np.isfinite(values) & (values != np.round(values)))
    if odd.size:
        msg = (
            f"{where}: labels hold {values[odd[0]]:g}, and {odd.size} voxels are no whole numbers; a label is one. Resample "
            "labels to the nearest neighbour, or give shares of regions as maps="
        )
        raise InputError(msg)


def _mapped(image: DynamicImage, maps: Any, names: Any, *, skip_absent: bool) -> RegionVoxels:
    regions: list[str] = []
    voxels: list[IntArray] = []
    weights: list[FloatArray] = []
    where = "maps"
    for name, values, affine, place in _each_map(maps, names):
        check_place(values.shape, affine, image, where=place, kind="map", image_where=image.where)
        flat = _checked_weights(values, name, place).ravel()
        voxel = np.flatnonzero(flat > 0)
        where = place
        if voxel.size == 0 and skip_absent:
            continue
        if voxel.size == 0:
            msg = f"{place}: map '{name}' is zero everywhere; check the map or leave the region out"
            raise InputError(msg)
        regions.append(name)
        voxels.append(voxel)
        # a weight a rounding above 1 is 1
        weights.append(np.minimum(flat[voxel].astype(float), 1.0))
    if not regions:
        msg = f"{where}: no map to extract; give at least one map that is not zero everywhere"
        raise InputError(msg)
    region = np.repeat(np.arange(len(regions)), [voxel.size for voxel in voxels])
    return RegionVoxels(tuple(regions), np.concatenate(voxels), region, np.concatenate(weights), where)


def _each_map(maps: Any, names: Any) -> Iterator[tuple[str, np.ndarray, FloatArray | None, str]]:
    """Yield (name, values, affine, where) of every map, read one at a time from a mapping."""
    if isinstance(maps, Mapping):
        if names is not None:
            msg = "names is given beside a mapping of maps, which names them already; leave names out"
            raise InputError(msg)
        for name, source in maps.items():
            values, affine, where = read_values(source, "map")
            values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
            yield str(name), values, affine, where
        return
    values, affine, where = read_values(maps, "map")
    stack = values[..., None] if values.ndim == 3 else values
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, Sequence) or stack.ndim != 4 or len(listed) != stack.shape[3]:
        given = "no names" if names is None else f"names {names!r}"
        msg = f"{where}: maps have shape {values.shape} with {given}; a stack (x, y, z, n_regions) needs one name a map"
        raise InputError(msg)
    for index, name in enumerate(listed):
        yield str(name), stack[..., index], affine, where


def _checked_weights(values: np.ndarray, name: str, where: str) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        msg = f"{where}: map '{name}' holds weights that are not finite; set them to 0 where the region is not"
        raise InputError(msg)
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        remedy = (
            "Divide percent by 100." if low >= 0 and high > 2 else "Resample maps linearly, so that none overshoots."
        )
        msg = f"{where}: weights of map '{name}' run from {low:g} to {high:g}; a weight lies between 0 and 1. {remedy}"
        raise InputError(msg)
    return values


def usable_voxels(image: DynamicImage, regions: RegionVoxels, non_finite: str) -> RegionVoxels:
    """Return the regions without voxels that are not finite in some frame, if these are to be left out.

    A voxel leaves all frames, so that a curve is of the same voxels throughout; this reads the image once more.

    Raises
    ------
    UnknownNameError, InputError
        If `non_finite` is neither "refuse" nor "leave_out", or nothing is left of a region.
    """
    if non_finite not in NON_FINITE:
        raise unknown_name(non_finite, NON_FINITE, kind="treatment of values that are not finite")
    if non_finite == "refuse":
        return regions
    finite = _finite(image, regions, range(len(image.frames)))
    left = np.bincount(regions.region[finite], minlength=len(regions.names))
    if (left == 0).any():
        name = regions.names[int(np.flatnonzero(left == 0)[0])]
        msg = (
            f"{image.where or regions.where}: every voxel of region '{name}' is not finite in some frame; "
            "repair the image, or leave the region out"
        )
        raise InputError(msg)
    return regions.keep(finite)


def _finite(image: DynamicImage, regions: RegionVoxels, frames: Iterable[int]) -> BoolArray:
    """Say of every voxel of the regions whether it is finite in all of some frames."""
    finite = np.ones(regions.voxel.size, dtype=bool)
    for frame in frames:
        finite &= np.isfinite(image.frame(frame).ravel()[regions.voxel])
    return finite


def without_lost_voxels(
    image: DynamicImage, regions: RegionVoxels, frames: Iterable[int] | None = None
) -> tuple[RegionVoxels, tuple[str, ...]]:
    """Return regions without voxels that are not finite, and one sentence for each region that lost some.

    Parameters
    ----------
    image : DynamicImage
        Image.
    regions : RegionVoxels
        Regions.
    frames : iterable of int, optional
        Frames that are looked at; all by default.

    Raises
    ------
    InputError
        If a region lost more than a fifth of its voxels: what is left may not stand for it.
    """
    finite = _finite(image, regions, range(len(image.frames)) if frames is None else frames)
    counts, lost = (
        np.bincount(part, minlength=len(regions.names)) for part in (regions.region, regions.region[~finite])
    )
    notes = []
    for name, count, gone in zip(regions.names, counts.tolist(), lost.tolist(), strict=True):
        if gone:
            notes.append(lost_note(name, gone, count, image.where or regions.where))
    return (regions.keep(finite) if notes else regions), tuple(notes)


def lost_note(region: str, lost: int, count: int, where: str) -> str:
    """Return the sentence that says how many voxels a region lost, or raise where it lost too many."""
    text = f"{lost} of {count} voxels of region '{region}' are NaN or infinite"
    if lost > LARGEST_LOST * count:
        place = f"{where}: " if where else ""
        msg = (
            f"{place}{text}; at most {100 * LARGEST_LOST:.0f} % may be left out, or the rest does not stand for the region. "
            "Cut the region to the field of view of the image, or repair the image"
        )
        raise InputError(msg)
    return f"{text} and were left out"


def region_values(image: DynamicImage, regions: RegionVoxels, frame: int) -> FloatArray:
    """Return the activity of the regions' voxels in one frame in kBq/mL, shape (n,); one not finite is an error."""
    values = image.frame(frame).ravel()[regions.voxel]
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        first = bad[0]
        column = regions.region[first]
        count = np.count_nonzero(regions.region[bad] == column)
        place = tuple(int(i) for i in np.unravel_index(regions.voxel[first], image.shape))
        msg = (
            f"{image.where or regions.where}: region '{regions.names[column]}' holds {count} voxels that are not finite in "
            f"frame {frame + 1}, the first {values[first]} at voxel {place}; leave them out with non_finite='leave_out' "
            "(neurochem pet tacs --leave-out-non-finite), or repair the image"
        )
        raise InputError(msg)
    return values
