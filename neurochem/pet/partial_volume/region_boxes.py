"""Regions as small boxes of a volume, so that blurring one does not cost a whole volume."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.partial_volume.separable import Box, Separable
from neurochem.pet.region_voxels import RegionVoxels
from neurochem.units import FloatArray

# Shares of one voxel may add up to this much more than one: maps are stored with few digits.
_ABOVE_ONE = 1e-2
# A voxel that belongs to regions at least by half is one of theirs.
_MOSTLY = 0.5


@dataclass(frozen=True, eq=False)
class RegionBoxes:
    """The regions of one volume, disjoint (labels) or sharing voxels (probabilistic maps).

    Attributes
    ----------
    voxels : RegionVoxels
        Voxels and shares of every region.
    shape : tuple of int
        Size of the volume.
    """

    voxels: RegionVoxels
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if self.voxels.weight is None:
            return
        most = float(self._covered.max())
        if most > 1.0 + _ABOVE_ONE:
            place = tuple(int(i) for i in np.unravel_index(int(np.argmax(self._covered)), self.shape))
            msg = (
                f"{self.voxels.where}: shares of regions add up to {most:.4g} at voxel {place}; at most 1 fits in a voxel. "
                "Normalise the maps, or leave overlapping regions out."
            )
            raise InputError(msg)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions."""
        return self.voxels.names

    @property
    def size(self) -> int:
        """Number of voxels of the volume."""
        return int(np.prod(self.shape))

    @cached_property
    def total(self) -> FloatArray:
        """Voxels in each region (sum of shares), shape (n_regions,)."""
        return self.voxels.total

    @cached_property
    def interior(self) -> np.ndarray:
        """Voxels that belong to regions by half or more: indices into the unrolled volume."""
        if self.voxels.weight is None:
            return self.voxels.voxel
        return np.flatnonzero(self._covered >= _MOSTLY)

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """The smallest box around each region."""
        bounds = self.voxels.bounds
        return tuple(self._box_of(self.voxels.voxel[a:b]) for a, b in pairwise(bounds))

    @cached_property
    def box(self) -> Box:
        """The smallest box around all regions."""
        return self._box_of(self.voxels.voxel)

    def reached(self, operator: Separable) -> Box:
        """Return the box of all voxels that receive activity from a region."""
        x, y, z = (
            slice(max(part.start - reach, 0), min(part.stop + reach, length))
            for part, reach, length in zip(self.box, operator.radius, self.shape, strict=True)
        )
        return x, y, z

    def dense(self, region: int) -> FloatArray:
        """Return the shares of one region within its box."""
        part = slice(*self.voxels.bounds[region : region + 2])
        box = self.boxes[region]
        values = np.zeros(box_shape(box))
        values.ravel()[self.index_in(self.voxels.voxel[part], box)] = (
            1.0 if self.voxels.weight is None else self.voxels.weight[part]
        )
        return values

    def paint(self, values: FloatArray, box: Box) -> FloatArray:
        """Return sum_j values_j D_j within a box that holds all regions."""
        painted = self._values(values)
        inside = self.index_in(self.voxels.voxel, box)
        filled = np.bincount(inside, weights=painted, minlength=int(np.prod(box_shape(box))))
        return filled.astype(float, copy=False).reshape(box_shape(box))

    def sums(self, volume: np.ndarray) -> FloatArray:
        """Return sum over voxels of share times value for each region, shape (n_regions,)."""
        return self.voxels.sums(volume.ravel()[self.voxels.voxel])

    def box_sums(self, values: np.ndarray, box: Box) -> FloatArray:
        """Return the same for values that are zero outside a box."""
        if self._labels is not None:
            counted = np.bincount(self._labels[box].ravel(), values.ravel(), minlength=len(self.names) + 1)
            return counted[1:].astype(float)
        result = np.zeros(len(self.names))
        bounds = self.voxels.bounds
        for region, own in enumerate(self.boxes):
            if not all(a.start < b.stop and b.start < a.stop for a, b in zip(own, box, strict=True)):
                continue
            part = slice(bounds[region], bounds[region + 1])
            inside, where = self._inside(self.voxels.voxel[part], box)
            weight = np.ones(1) if self.voxels.weight is None else self.voxels.weight[part][inside]
            result[region] = np.sum(values.ravel()[where] * weight)
        return result

    def outer_sums(self, vectors: tuple[FloatArray, ...]) -> FloatArray:
        """Return the same for the outer product of three vectors, one an axis."""
        x, y, z = np.unravel_index(self.voxels.voxel, self.shape)
        return self.voxels.sums(vectors[0][x] * vectors[1][y] * vectors[2][z])

    def index_in(self, voxel: np.ndarray, box: Box) -> np.ndarray:
        """Return where voxels of the volume lie in an unrolled box that holds them all."""
        corner = np.unravel_index(voxel, self.shape)
        moved = tuple(axis - part.start for axis, part in zip(corner, box, strict=True))
        return np.ravel_multi_index(moved, box_shape(box))

    @cached_property
    def _covered(self) -> FloatArray:
        covered = np.bincount(self.voxels.voxel, weights=self.voxels.weight, minlength=self.size)
        return covered.astype(float, copy=False)

    @cached_property
    def _labels(self) -> np.ndarray | None:
        """A label image of the regions; None where they share voxels."""
        if self.voxels.weight is not None:
            return None
        labels = np.zeros(self.shape, dtype=np.int32)
        labels.ravel()[self.voxels.voxel] = self.voxels.region + 1
        return labels

    def _values(self, values: FloatArray) -> FloatArray:
        painted = np.asarray(values, dtype=float)[self.voxels.region]
        return painted if self.voxels.weight is None else painted * self.voxels.weight

    def _inside(self, voxel: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
        corner = np.unravel_index(voxel, self.shape)
        inside = np.ones(voxel.size, dtype=bool)
        for axis, part in zip(corner, box, strict=True):
            inside &= (axis >= part.start) & (axis < part.stop)
        return inside, self.index_in(voxel[inside], box)

    def _box_of(self, voxel: np.ndarray) -> Box:
        x, y, z = np.unravel_index(voxel, self.shape)
        ends = [slice(int(axis.min()), int(axis.max()) + 1) for axis in (x, y, z)]
        return ends[0], ends[1], ends[2]


def box_shape(box: Box) -> tuple[int, int, int]:
    """Return the size of a box in voxels."""
    x, y, z = (part.stop - part.start for part in box)
    return x, y, z


def placed(values: np.ndarray, inner: Box, outer: Box) -> np.ndarray:
    """Return an outer box of zeros with the values of an inner one in their place."""
    result = np.zeros(box_shape(outer), dtype=values.dtype)
    own = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True))
    result[own] = values
    return result
