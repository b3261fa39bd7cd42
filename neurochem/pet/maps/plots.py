"""Planes and distributions of parametric maps."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from neurochem.errors import InputError
from neurochem.figures import BLUE, GREY, VERMILLION, label, new_axes
from neurochem.pet.aligned import voxel_size_mm
from neurochem.pet.maps.status import VoxelStatus
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.pet.maps.result import ParametricMaps

_FIRST = ("BPND", "VT", "Ki", "KiRef", "SUVR", "DVR")
_PLANES = ("sagittal", "coronal", "axial")
# low and high end of each direction of the head
_ENDS = ("LR", "PA", "IS")


def drawn_name(maps: "ParametricMaps", name: str | None = None) -> str:
    """Return the parameter that is drawn: the one asked for, else the outcome of the model."""
    if name is not None:
        return maps[name].name
    return next((known for known in _FIRST if known in maps.names), maps.names[0])


def _limits(values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Return the colour range of voxels that are ok.

    From zero, or the 2nd percentile if that is negative, to the 99.9th percentile of values above three times their
    error: a small nucleus that binds must not be drawn in the end colour, nor noise set the range.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return 0.0, 1.0
    sure = values[finite & (values > 3.0 * errors)]
    low = min(0.0, float(np.quantile(values[finite], 0.02)))
    high = float(np.quantile(sure, 0.999) if sure.size else np.quantile(values[finite], 0.98))
    return low, high if high > low else low + 1.0


def draw_planes(
    maps: "ParametricMaps",
    name: str | None = None,
    *,
    stderr: bool = False,
    voxel: tuple[int, int, int] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw sagittal, coronal and axial planes with a colour bar, and mark voxels whose search ended at its limit.

    Parameters
    ----------
    maps : ParametricMaps
        What to draw.
    name : str, optional
        Parameter; the outcome of the model by default.
    stderr : bool
        Whether to draw its standard error.
    voxel : (int, int, int), optional
        Where the planes meet; by default the middle of the fitted voxels.
    limits : (float, float), optional
        Colour range; by default zero to the 99.9th percentile of values above three times their error. Values beyond it are
        drawn in the end colour, which the pointed end of the colour bar says; the maps themselves are never clipped.

    Returns
    -------
    Figure
        Each plane with left, back and down at the left and lower side, as the affine has them (the axis nearest to each
        direction), and the letters of the directions; titles give the index along the array's own axis.

    Raises
    ------
    InputError
        If the voxel lies outside the volume.
    """
    known = maps[drawn_name(maps, name)]
    volume = known.stderr if stderr else known.data
    status = np.asarray(maps.status)
    fitted = (status == VoxelStatus.OK) | (status == VoxelStatus.EDGE)
    where = _middle(fitted) if voxel is None else tuple(int(index) for index in voxel)
    if len(where) != 3 or any(not 0 <= index < size for index, size in zip(where, maps.shape, strict=True)):
        msg = f"voxel {voxel} lies outside the volume of {' x '.join(map(str, maps.shape))}; indices count from 0"
        raise InputError(msg)
    ok = status == VoxelStatus.OK
    # errors of errors are not known: they are drawn up to their 98th percentile
    low, high = (
        _limits(volume[ok], np.full_like(volume[ok], np.inf) if stderr else known.stderr[ok])
        if limits is None
        else limits
    )
    figure = Figure(figsize=(10.0, 3.9), layout="constrained")
    axes = figure.subplots(1, 3)
    view = _View(maps.affine)
    picture = None
    for direction, ax in enumerate(axes):
        across, up = (other for other in range(3) if other != direction)
        picture = ax.imshow(
            view.plane(volume, direction, where), origin="lower", cmap="cividis", vmin=low, vmax=high,
            aspect=view.size[up] / view.size[across], interpolation="nearest",
        )  # fmt: skip
        rows, columns = np.nonzero(view.plane(status, direction, where) == VoxelStatus.EDGE)
        ax.plot(columns, rows, ".", color=VERMILLION, markersize=2.5)
        ax.axvline(view.place(across, where, maps.shape), color=GREY, linewidth=0.5)
        ax.axhline(view.place(up, where, maps.shape), color=GREY, linewidth=0.5)
        axis = view.axis[direction]
        ax.set_title(f"{_PLANES[direction]}, {'ijk'[axis]} = {where[axis]}", fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel(" \u2192 ".join(_ENDS[across]), fontsize=8)
        ax.set_ylabel(" \u2192 ".join(_ENDS[up]), fontsize=8)
        ax.set_facecolor("white")
    assert picture is not None
    what = f"standard error of {known.name}" if stderr else known.name
    bar = figure.colorbar(picture, ax=axes, shrink=0.85, extend="both")
    bar.set_label(label(what, known.unit))
    edges = int(np.count_nonzero(status == VoxelStatus.EDGE))
    figure.suptitle(
        f"{maps.model}  {what}" + (f"   (vermillion dots: search at its limit, {edges:,} voxels)" if edges else ""),
        fontsize=10,
    )
    return figure


class _View:
    """Planes of a volume as the head lies, whatever the order and direction of the array's axes.

    Attributes
    ----------
    axis : tuple of int
        Axis of the array nearest to left-right, back-front and down-up.
    size : array, shape (3,)
        Voxel lengths along these, mm.
    """

    def __init__(self, affine: FloatArray) -> None:
        from nibabel.orientations import io_orientation

        orientation = io_orientation(affine)
        self.axis = tuple(int(np.flatnonzero(orientation[:, 0] == direction)[0]) for direction in range(3))
        self._flipped = tuple(bool(orientation[axis, 1] < 0) for axis in self.axis)
        self.size = voxel_size_mm(affine)[list(self.axis)]

    def plane(self, volume: np.ndarray, direction: int, where: tuple[int, ...]) -> np.ndarray:
        """Return the plane across a direction through a voxel, rows upward and columns to the right."""
        axis = self.axis[direction]
        across, up = (other for other in range(3) if other != direction)
        plane = np.take(volume, where[axis], axis=axis)
        if self.axis[across] < self.axis[up]:
            plane = plane.T
        plane = plane[::-1] if self._flipped[up] else plane
        return plane[:, ::-1] if self._flipped[across] else plane

    def place(self, direction: int, where: tuple[int, ...], shape: tuple[int, ...]) -> int:
        """Return where a voxel lies along a direction of the planes."""
        axis = self.axis[direction]
        return shape[axis] - 1 - where[axis] if self._flipped[direction] else where[axis]


def _middle(fitted: np.ndarray) -> tuple[int, ...]:
    """Return the voxel nearest the centre of mass of what was fitted, or of the volume."""
    places = np.argwhere(fitted)
    if places.size == 0:
        return tuple(size // 2 for size in fitted.shape)
    return tuple(int(index) for index in np.round(places.mean(axis=0)))


def draw_histogram(maps: "ParametricMaps", name: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw how many voxels have which value, those at the edge of the search apart.

    Parameters
    ----------
    maps : ParametricMaps
        What to draw.
    name : str, optional
        Parameter; the outcome of the model by default.
    ax : Axes, optional
        Where.

    Returns
    -------
    Axes
        Counts on a logarithmic axis. The range holds 99.8 % of the voxels that are ok; how many lie beyond is written in it.
    """
    known = maps[drawn_name(maps, name)]
    ax = new_axes() if ax is None else ax
    values = maps.volume(known.name)
    status = np.asarray(maps.status)
    fitted = values[(status == VoxelStatus.OK) & np.isfinite(values)]
    edge = values[(status == VoxelStatus.EDGE) & np.isfinite(values)]
    if fitted.size + edge.size == 0:
        ax.set_title(f"{maps.model} {known.name}: no voxel was fitted", fontsize=10)
        return ax
    every = np.concatenate([fitted, edge])
    low, high = np.quantile(fitted if fitted.size else edge, [0.001, 0.999])
    bins = np.linspace(low, high if high > low else low + 1.0, 80).tolist()
    ax.hist(fitted, bins=bins, color=BLUE, label=f"ok ({fitted.size:,} voxels)")
    if edge.size:
        ax.hist(edge, bins=bins, histtype="step", color=VERMILLION, label=f"search at its limit ({edge.size:,})")
    # a small nucleus is a thousandth of the brain: only a logarithm shows both
    ax.set_yscale("log", nonpositive="clip")
    ax.set_ylim(bottom=0.7)
    beyond = int(np.count_nonzero((every < bins[0]) | (every > bins[-1])))
    ax.set_xlabel(label(known.name, known.unit))
    ax.set_ylabel("voxels")
    ax.set_title(
        f"{maps.model}  {known.name}" + (f"   ({beyond:,} voxels beyond the range drawn)" if beyond else ""),
        fontsize=10,
    )
    ax.legend(frameon=False, fontsize=8)
    return ax
