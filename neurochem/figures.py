"""Palette and axes helpers that every plot shares. Nothing here calls `show` or changes a global style."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from neurochem.naming import write_via

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.results import FitResult

# Okabe and Ito's palette: told apart with every common colour vision.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE, GREY = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999",
)  # fmt: skip
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
DATA, FIT, RESIDUAL, BASELINE, UNUSED = BLACK, VERMILLION, BLUE, GREEN, GREY


def new_axes(width: float = 7.0, height: float = 4.5) -> "Axes":
    """Return the axes of a new figure that no global state holds on to."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def colour(index: int) -> str:
    """Return the colour of the n-th thing drawn."""
    return PALETTE[index % len(PALETTE)]


def label(name: str, unit: str) -> str:
    """Return an axis label with its unit in brackets."""
    return f"{name} ({unit})" if unit else name


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 110) -> Path:
    """Write a figure through a temporary file; the same figure gives the same bytes."""
    suffix = Path(path).suffix.lstrip(".")
    metadata = {"Software": None} if suffix == "png" else {"Date": None} if suffix in {"svg", "pdf"} else None
    return write_via(path, lambda temporary: figure.savefig(temporary, dpi=dpi, metadata=metadata))


def draw_fit(result: "FitResult", ax: "Axes | None" = None) -> "Axes":
    """Draw data, fit and, below on its own axes, the residual.

    Parameters
    ----------
    result : FitResult
        A fit with an axis.
    ax : Axes, optional
        Where to draw; a quarter of its place is given to the residual.

    Returns
    -------
    Axes
        The upper axes.
    """
    ax = new_axes() if ax is None else ax
    if result.axis is None:
        ax.set_title(f"{result.model} {result.name}: no curve to draw")
        return ax
    below = axes_below(ax)
    x = np.asarray(result.axis.values)
    used = result.used if result.used.size else np.ones(x.size, dtype=bool)
    if result.axis.descending:
        _draw_spectrum(ax, below, x, result)
    else:
        _draw_curve(ax, below, x, used, result)
    ax.set_ylabel(label(result.axis.data_name, result.axis.data_unit))
    ax.tick_params(labelbottom=False)
    below.axhline(0.0, color=GREY, linewidth=0.8)
    below.set_xlabel(label(result.axis.name, result.axis.unit))
    below.set_ylabel(label("residual", result.axis.data_unit).replace(" ", "\n", 1), fontsize=8)
    ax.set_title(f"{result.model}  {result.name}" + ("" if result.success else "  (failed)"), fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    if result.axis.descending:
        ax.set_xlim(float(x.max()), float(x.min()))
    return ax


def axes_below(ax: "Axes") -> "Axes":
    """Return axes for the residual in the lower quarter of the place of `ax`."""
    place = ax.get_subplotspec()
    if place is None:
        return ax.inset_axes((0.0, -0.36, 1.0, 0.32), sharex=ax)
    grid = place.subgridspec(2, 1, height_ratios=[3, 1], hspace=0.04)
    ax.set_subplotspec(grid[0])
    return ax.figure.add_subplot(grid[1], sharex=ax)


def _draw_curve(ax: "Axes", below: "Axes", x: np.ndarray, used: np.ndarray, result: "FitResult") -> None:
    """Draw points and a line, points that the fit left out in grey."""
    ax.plot(x[used], result.data[used], "o", color=DATA, markersize=3.5, label="data")
    if not used.all():
        ax.plot(
            x[~used], result.data[~used], "o", color=UNUSED, markersize=3.5, markerfacecolor="none", label="not used"
        )
    ax.plot(x, result.fitted, "-", color=FIT, linewidth=1.4, label="fit")
    for index, (name, curve) in enumerate(result.components.items()):
        if curve.shape == x.shape:
            ax.plot(x, curve.real, "--", color=PALETTE[(index + 2) % len(PALETTE)], linewidth=1.0, label=name)
    below.plot(x[used], result.residual[used], "o-", color=RESIDUAL, markersize=2.5, linewidth=0.7)


def _draw_spectrum(ax: "Axes", below: "Axes", x: np.ndarray, result: "FitResult") -> None:
    """Draw the real parts as lines, with the baseline if there is one."""
    ax.plot(x, result.data.real, color=DATA, linewidth=0.7, label="data")
    ax.plot(x, result.fitted.real, color=FIT, linewidth=1.1, label="fit")
    if "baseline" in result.components:
        ax.plot(x, result.components["baseline"].real, color=BASELINE, linewidth=1.0, label="baseline")
    below.plot(x, result.residual.real, color=RESIDUAL, linewidth=0.6)
