"""Planes and distributions of parametric maps."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from neurochem.errors import InputError
from neurochem.figures import BLUE, GREY, label, new_axes
from neurochem.pet.aligned import voxel_size_mm
from neurochem.pet.maps.status import VoxelStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.pet.maps.result import ParametricMaps

_FIRST = ("BPND", "VT", "Ki", "KiRef", "SUVR", "DVR")
_PLANES = ("sagittal", "coronal", "axial")


def drawn_name(maps: "ParametricMaps", name: str | None = None) -> str:
    """Return the parameter that is drawn: the one asked for, else the outcome of the model."""
    if name is not None:
        return maps[name].name
    return next((known for known in _FIRST if known in maps.names), maps.names[0])


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Return the colour range: zero (or the 2nd percentile, if that is negative) to the 98th percentile of fitted voxels."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.quantile(finite, [0.02, 0.98])
    low = min(0.0, float(low))
    return low, float(high) if high > low else low + 1.0


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
        Colour range; by default zero to the 98th percentile. Values beyond it are drawn in the end colour, which the
        pointed end of the colour bar says; the maps themselves are never clipped.

    Returns
    -------
    Figure
        Axes are those of the array; first axis left to right.

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
    low, high = _limits(volume[status == VoxelStatus.OK]) if limits is None else limits
    size = voxel_size_mm(maps.affine)
    figure = Figure(figsize=(10.0, 3.9), layout="constrained")
    axes = figure.subplots(1, 3)
    picture = None
    for axis, ax in enumerate(axes):
        plane = np.take(volume, where[axis], axis=axis).T
        across, up = (other for other in range(3) if other != axis)
        picture = ax.imshow(
            np.where(np.isfinite(plane), plane, np.nan), origin="lower", cmap="cividis", vmin=low, vmax=high,
            aspect=size[up] / size[across], interpolation="nearest",
        )  # fmt: skip
        at_edge = np.take(status, where[axis], axis=axis).T == VoxelStatus.EDGE
        rows, columns = np.nonzero(at_edge)
        ax.plot(columns, rows, ".", color="#D55E00", markersize=1.5)
        ax.axvline(where[across], color=GREY, linewidth=0.5)
        ax.axhline(where[up], color=GREY, linewidth=0.5)
        ax.set_title(f"{_PLANES[axis]}, {'ijk'[axis]} = {where[axis]}", fontsize=9)
        ax.set_xlabel(f"{'ijk'[across]} (voxel)", fontsize=8)
        ax.set_ylabel(f"{'ijk'[up]} (voxel)", fontsize=8)
        ax.tick_params(labelsize=7)
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
        The range holds 99 % of the fitted voxels; how many lie beyond is written in it.
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
    low, high = np.quantile(every, [0.005, 0.995])
    bins = np.linspace(low, high if high > low else low + 1.0, 80).tolist()
    ax.hist(fitted, bins=bins, color=BLUE, label=f"ok ({fitted.size:,} voxels)")
    if edge.size:
        ax.hist(edge, bins=bins, color="#D55E00", alpha=0.8, label=f"search at its limit ({edge.size:,})")
    beyond = int(np.count_nonzero((every < bins[0]) | (every > bins[-1])))
    ax.set_xlabel(label(known.name, known.unit))
    ax.set_ylabel("voxels")
    ax.set_title(
        f"{maps.model}  {known.name}" + (f"   ({beyond:,} voxels beyond the range drawn)" if beyond else ""),
        fontsize=10,
    )
    ax.legend(frameon=False, fontsize=8)
    return ax
