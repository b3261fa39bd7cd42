"""The chosen voxels of a dynamic image, a slab of planes at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from tqdm import tqdm

from neurochem.errors import FileFormatError, InputError
from neurochem.pet.image import DynamicImage
from neurochem.solve.threads import one_library_thread
from neurochem.units import BoolArray, FloatArray

# One slab in double precision takes about this much memory; one is held a thread.
_SLAB_BYTES = 8_000_000
BLOCK = 4096


@dataclass(frozen=True)
class Slab:
    """Planes `first` to `last` along the slowest axis, whose chosen voxels begin at `start` among all chosen."""

    first: int
    last: int
    start: int
    count: int


class VoxelBlocks:
    """Chosen voxels in the order of the file, x fastest (or z fastest for an array in C order).

    Parameters
    ----------
    image : DynamicImage
        In memory or in a file; no more than a slab a thread is held beside it.
    chosen : bool array, shape (x, y, z)
        Voxels to visit.
    threads : int
        Slabs worked on at once; libraries underneath are held to one thread each.
    """

    def __init__(self, image: DynamicImage, chosen: BoolArray, threads: int = 1) -> None:
        data = image.data
        self.image, self.chosen, self.threads = image, chosen, threads
        self.order: Literal["C", "F"] = "C" if isinstance(data, np.ndarray) and data.flags.c_contiguous else "F"
        self.axis = 0 if self.order == "C" else 2
        depth = image.shape[self.axis]
        plane = int(np.prod(image.shape)) // max(depth, 1) * data.shape[3] * 8
        step = max(1, _SLAB_BYTES // max(plane, 1))
        counts = np.count_nonzero(chosen, axis=tuple({0, 1, 2} - {self.axis}))
        self.slabs: list[Slab] = []
        start = 0
        for first in range(0, depth, step):
            last = min(first + step, depth)
            count = int(counts[first:last].sum())
            if count:
                self.slabs.append(Slab(first, last, start, count))
            start += count
        self.count = start

    def _rows(self, slab: Slab) -> np.ndarray:
        """Return the stored values of the chosen voxels of a slab, shape (count, n_stored_frames)."""
        place = (
            (slice(slab.first, slab.last),)
            if self.axis == 0
            else (slice(None), slice(None), slice(slab.first, slab.last))
        )
        try:
            values = np.asarray(self.image.data[place])
        except InputError:
            raise
        except (OSError, EOFError, ValueError) as error:
            planes = f"planes {slab.first + 1} to {slab.last}"
            # nibabel's messages run over several lines
            reason = " ".join(str(error).split())
            msg = f"{self.image.where}: {planes} cannot be read ({reason}); the file is truncated or damaged, copy it again"
            raise FileFormatError(msg) from error
        rows = values.reshape((-1, values.shape[3]), order=self.order)
        inside = self.chosen[place].ravel(order=self.order)
        return rows if inside.all() else rows[inside]

    def blocks(self, slab: Slab) -> Iterator[tuple[int, FloatArray]]:
        """Yield the place of the first voxel of a block among all chosen, and its frame means in double precision."""
        rows = self._rows(slab)
        kept, scale = self.image.kept, self.image.scale
        for first in range(0, slab.count, BLOCK):
            part = rows[first : first + BLOCK]
            part = part if kept.all() else part[:, kept]
            block = np.array(part, dtype=float, order="C")
            if (scale != 1.0).any():
                block *= scale
            yield slab.start + first, block

    def visit(self, work: Callable[[int, FloatArray], None], title: str) -> None:
        """Call `work(place, block)` for every block, slabs in parallel as far as threads were asked for."""

        def one(slab: Slab) -> None:
            for place, block in self.blocks(slab):
                work(place, block)

        # None lets tqdm look whether there is a terminal
        bar = tqdm(total=self.count, desc=title, unit="voxel", unit_scale=True, disable=None, leave=False, delay=1.0)
        with one_library_thread(), bar:
            if self.threads == 1:
                for slab in self.slabs:
                    one(slab)
                    bar.update(slab.count)
                return
            with ThreadPoolExecutor(self.threads) as pool:
                for slab, _ in zip(self.slabs, pool.map(one, self.slabs), strict=True):
                    bar.update(slab.count)

    def volume(self, values: np.ndarray, empty: float) -> np.ndarray:
        """Return chosen voxels put back in their volume, `empty` elsewhere."""
        return put_back(values, self.chosen, self.order, empty)


def put_back(values: np.ndarray, chosen: BoolArray, order: str, empty: float) -> np.ndarray:
    """Return values of chosen voxels, listed in `order`, as a volume."""
    # a transposed view lists voxels with x fastest
    places = chosen if order == "C" else chosen.T
    volume = np.full(places.shape, empty, dtype=values.dtype)
    volume[places] = values
    return volume if order == "C" else volume.T


def taken_out(volume: np.ndarray, chosen: BoolArray, order: str) -> np.ndarray:
    """Return the chosen voxels of a volume, listed in `order`."""
    return volume[chosen] if order == "C" else volume.T[chosen.T]


def checked_threads(threads: int) -> int:
    """Return the number of threads, a whole number from 1."""
    if not isinstance(threads, int | np.integer) or isinstance(threads, bool) or threads < 1:
        msg = f"threads is {threads!r}; give a whole number from 1"
        raise InputError(msg)
    return int(threads)
