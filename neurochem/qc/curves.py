"""Fit and residual of every region on one sheet."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from neurochem.figures import BASELINE, DATA, FIT, GREY, RESIDUAL, UNUSED, label
from neurochem.results import FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Panel height and rows of the figure in inches; a sheet of many regions uses narrower panels.
_WIDTH, _PANEL_HEIGHT, _MARGIN_TOP, _MARGIN_BOTTOM = 11.0, 2.75, 0.45, 0.55
_MANY = 12


def curve_sheet(fits: Sequence[FitResult]) -> Figure:
    """Draw one panel a fit: data, model, components on the same axis, and the residual below.

    Parameters
    ----------
    fits : sequence of FitResult
        Fits with an axis; those without are left out.

    Returns
    -------
    Figure
        Belongs to no global state.
    """
    drawn = [fit for fit in fits if fit.axis is not None and fit.data.size]
    columns = 6 if len(drawn) > 2 * _MANY else 4 if len(drawn) > _MANY else min(3, max(1, len(drawn)))
    rows = max(1, math.ceil(len(drawn) / columns))
    panel = _PANEL_HEIGHT if columns <= 4 else 0.7 * _PANEL_HEIGHT
    height = rows * panel + _MARGIN_TOP + _MARGIN_BOTTOM
    figure = Figure(figsize=(_WIDTH, height))
    grid = figure.add_gridspec(
        rows, columns, left=0.06, right=0.99, wspace=0.22, hspace=0.38,
        top=1 - (_MARGIN_TOP + 0.25) / height, bottom=_MARGIN_BOTTOM / height,
    )  # fmt: skip
    for index, fit in enumerate(drawn):
        cell = grid[index // columns, index % columns].subgridspec(2, 1, height_ratios=(3, 1), hspace=0.08)
        upper = figure.add_subplot(cell[0])
        lower = figure.add_subplot(cell[1], sharex=upper)
        _draw_panel(upper, lower, fit)
        lower.tick_params(labelbottom=index + columns >= len(drawn))
        if index + columns >= len(drawn) and fit.axis is not None:
            lower.set_xlabel(label(fit.axis.name, fit.axis.unit), fontsize=8)
    _label_sheet(figure, drawn)
    return figure


def _draw_panel(upper: "Axes", lower: "Axes", fit: FitResult) -> None:
    x = np.asarray(fit.axis.values if fit.axis is not None else np.arange(fit.data.size))
    used = fit.used if fit.used.size else np.ones(x.size, dtype=bool)
    for curve in (curve for curve in fit.components.values() if curve.shape == x.shape):
        upper.plot(x, curve, "--", color=BASELINE, linewidth=0.9)
    upper.plot(x[used], fit.data[used], "o", color=DATA, markersize=2.6)
    upper.plot(x[~used], fit.data[~used], "o", color=UNUSED, markersize=2.6, markerfacecolor="none")
    upper.plot(x, fit.fitted, "-", color=FIT, linewidth=1.3)
    lower.axhline(0.0, color=GREY, linewidth=0.7)
    lower.plot(x[used], fit.residual[used], "o-", color=RESIDUAL, markersize=1.8, linewidth=0.6)
    state = "  FAILED" if fit.failed else "  flagged" if fit.flagged() else ""
    upper.set_title(f"{fit.name}{state}", fontsize=9, loc="left", y=1.03, fontweight="bold" if state else "normal")
    upper.tick_params(labelbottom=False, labelsize=7)
    lower.tick_params(labelsize=7)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.locator_params(axis="y", nbins=4 if axes is upper else 3)


def _label_sheet(figure: Figure, fits: Sequence[FitResult]) -> None:
    if not fits:
        figure.text(0.5, 0.5, "no curve to draw", ha="center")
        return
    from matplotlib.lines import Line2D

    names = sorted({name for fit in fits for name, curve in fit.components.items() if curve.shape == fit.data.shape})
    handles = [
        Line2D([], [], color=DATA, marker="o", markersize=4, linestyle="none", label="data"),
        Line2D([], [], color=FIT, label=f"{fits[0].model} fit"),
        *([Line2D([], [], color=BASELINE, linestyle="--", label=", ".join(names))] if names else []),
        Line2D([], [], color=RESIDUAL, marker="o", markersize=3, label="residual (lower panels)"),
    ]
    if any(fit.used.size and not fit.used.all() for fit in fits):
        handles.append(
            Line2D([], [], color=UNUSED, marker="o", markerfacecolor="none", linestyle="none", label="not used")
        )
    figure.legend(handles=handles, loc="upper left", ncols=len(handles), frameon=False, fontsize=9, borderaxespad=0.2)
    axis = fits[0].axis
    if axis is not None:
        figure.supylabel(label(axis.data_name, axis.data_unit), fontsize=9, x=0.008)
