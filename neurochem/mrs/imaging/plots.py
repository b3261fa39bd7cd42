"""A slice of a metabolite map with its error and status."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from neurochem.errors import InputError
from neurochem.figures import BLUE, GREY, ORANGE, SKY, VERMILLION, label
from neurochem.mrs.imaging.maps import SpectrumStatus

if TYPE_CHECKING:
    from neurochem.mrs.imaging.maps import MetaboliteMaps


def draw_map(maps: "MetaboliteMaps", name: str, slice_index: int | None = None) -> Figure:
    """Draw value, standard error and status of one slice.

    Parameters
    ----------
    maps : MetaboliteMaps
        Grid with at least two axes.
    name : str
        Element or total.
    slice_index : int, optional
        Index along the third axis; the middle by default. Further axes are drawn at their first entry.

    Raises
    ------
    InputError
        If there are fewer than two axes, or the slice does not exist.
    """
    known = maps[name]
    if len(maps.shape) < 2:
        msg = f"the grid has {len(maps.shape)} axes; a map needs two. Use to_frame() to look at a series."
        raise InputError(msg)
    depth = maps.shape[2] if len(maps.shape) > 2 else 1
    chosen = depth // 2 if slice_index is None else int(slice_index)
    if not 0 <= chosen < depth:
        msg = f"slice {slice_index} does not exist; there are {depth}, counted from 0"
        raise InputError(msg)
    place: Any = (slice(None), slice(None), chosen, *([0] * (len(maps.shape) - 3)))[: len(maps.shape)]
    figure = Figure(figsize=(11.0, 3.8), layout="constrained")
    axes = figure.subplots(1, 3)
    for ax, values, title in ((axes[0], known.data, name), (axes[1], known.stderr, f"standard error of {name}")):
        plane = values[place].T
        finite = plane[np.isfinite(plane)]
        high = float(np.quantile(finite, 0.98)) if finite.size else 1.0
        picture = ax.imshow(plane, origin="lower", cmap="cividis", vmin=0.0, vmax=high or 1.0)
        figure.colorbar(picture, ax=ax, shrink=0.85, extend="max").set_label(label(title, known.unit))
        ax.set_title(title, fontsize=10)
    colours = ListedColormap([BLUE, ORANGE, SKY, VERMILLION, GREY])
    picture = axes[2].imshow(known.status[place].T, origin="lower", cmap=colours, norm=BoundaryNorm(range(6), 5))
    bar = figure.colorbar(picture, ax=axes[2], shrink=0.85, ticks=[code + 0.5 for code in SpectrumStatus])
    bar.ax.set_yticklabels([code.name.casefold().replace("_", " ") for code in SpectrumStatus])
    axes[2].set_title("status", fontsize=10)
    for ax in axes:
        ax.set_xlabel(f"{maps.dims[0]} (voxel)")
        ax.set_ylabel(f"{maps.dims[1]} (voxel)")
    return figure
