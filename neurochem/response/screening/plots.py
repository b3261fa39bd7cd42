"""Figures of a screen: the volcano, and the forest with shrunken values."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.errors import InputError
from neurochem.figures import BLACK, BLUE, GREY, VERMILLION, new_axes
from neurochem.response.screening.screen_result import ScreenResult
from neurochem.units import BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 8


def plot_volcano(result: ScreenResult, ax: "Axes | None" = None) -> "Axes":
    """Draw how sure against how large: -log10 of the permutation p over the standardised slope.

    Parameters
    ----------
    result : ScreenResult
        What `screen` returned.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Filled: family-wise p at most 0.05; ringed: false discovery rate (Benjamini-Hochberg) at most 0.05; grey: neither.
        The lowest p that the number of shuffles allows is a dotted line.
    """
    ax = new_axes(7.0, 5.2) if ax is None else ax
    table = result.to_frame()
    table = table.loc[table["testable"]]
    if table.empty:
        msg = "no marker could be tested, so there is nothing to draw"
        raise InputError(msg)
    x, height = table["standardised"].to_numpy(), -np.log10(table["p_permutation"].to_numpy())
    strong, found = (table["p_max"] <= 0.05).to_numpy(), (table["p_bh"] <= 0.05).to_numpy()
    for chosen, face, edge, words in (
        (~found & ~strong, GREY, GREY, "not shown"),
        (found & ~strong, "none", BLUE, "false discovery rate 5 %"),
        (strong, VERMILLION, VERMILLION, "family-wise error 5 % (largest |t|)"),
    ):
        if chosen.any():
            ax.scatter(x[chosen], height[chosen], s=34, facecolors=face, edgecolors=edge, label=words, zorder=3)
    floor = -np.log10(1.0 / (result.largest.size + 1))
    ax.axhline(floor, color=GREY, linestyle=":", linewidth=0.9)
    ax.annotate("lowest p of these shuffles", (0.99, floor), xycoords=("axes fraction", "data"), va="bottom", ha="right",
                fontsize=7.5, color=GREY)  # fmt: skip
    ax.axvline(0.0, color=GREY, linewidth=0.8, zorder=0)
    _name_points(ax, table["name"].tolist(), x, height, found | strong)
    reach = 1.6 * float(np.abs(x).max())
    ax.set_xlim(-reach, reach)
    ax.set_ylim(0.0, 1.14 * max(floor, float(height.max())))
    ax.set_xlabel("standardised slope (SD of the outcome per SD of the marker)")
    ax.set_ylabel("-log10 of the permutation p (no unit)")
    ax.set_title(f"{len(table)} markers and {result.outcome}", fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, -0.26), ncols=3)
    return ax


def _name_points(ax: "Axes", names: list[str], x: FloatArray, height: FloatArray, found: BoolArray) -> None:
    """Write the names of the surest markers, one line each; a name that would hide another is left out."""
    written: list[tuple[float, int]] = []
    for index in np.argsort(-height)[:_NAMED]:
        side = 1 if x[index] >= 0 else -1
        hidden = any(side == other and abs(height[index] - level) < 0.04 * height.max() for level, other in written)
        if hidden or not (found[index] or height[index] > -np.log10(0.05)):
            continue
        written.append((float(height[index]), side))
        ax.annotate(
            names[index], (x[index], height[index]), xytext=(6 * side, 0), va="center", fontsize=8,
            ha="left" if side > 0 else "right", textcoords="offset points",
        )  # fmt: skip


def plot_shrinkage(result: ScreenResult, ax: "Axes | None" = None) -> "Axes":
    """Draw every standardised slope as estimated and as shrunken towards the mean of all, with 95 % intervals.

    Parameters
    ----------
    result : ScreenResult
        What `screen` returned, with at least two usable markers.
    ax : Axes, optional
        Where to draw; it should be about 9 by 1.6 + 0.34 x markers inches, for the numbers stand beside it.

    Returns
    -------
    Axes
        The band is the mean of all markers and its 95 % interval.

    Raises
    ------
    InputError
        If there were too few markers to shrink.
    """
    if result.shrinkage is None:
        msg = "fewer than two markers could be tested, so there is no distribution to shrink to; use plot('volcano')"
        raise InputError(msg)
    table = result.to_frame()
    table = table.loc[table["testable"]].sort_values("shrunken", kind="stable")
    ax = new_axes(9.5, 1.6 + 0.34 * len(table)) if ax is None else ax
    rows = np.arange(len(table), dtype=float)
    ax.axvspan(result.shrinkage.low, result.shrinkage.high, color=BLUE, alpha=0.10, linewidth=0)
    ax.axvline(result.shrinkage.mean, color=BLUE, linewidth=0.9, alpha=0.6)
    ax.axvline(0.0, color=GREY, linewidth=0.9, zorder=0)
    for shift, shade, sign, centre, low, high, words in (
        (0.14, BLACK, "o", "standardised", "std_low95", "std_high95", "as estimated"),
        (-0.14, VERMILLION, "D", "shrunken", "shrunken_low95", "shrunken_high95", "shrunken"),
    ):
        ax.hlines(rows + shift, table[low], table[high], color=shade, linewidth=1.5)
        ax.plot(table[centre], rows + shift, sign, color=shade, markersize=4.5, label=words)
    for row, (_, line) in zip(rows, table.iterrows(), strict=True):
        text = f"{line['shrunken']:.2f} [{line['shrunken_low95']:.2f}, {line['shrunken_high95']:.2f}], family-wise p "
        text += "< 0.001" if line["p_max"] < 0.001 else f"{line['p_max']:.3f}"
        ax.annotate(text, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    ax.set_yticks(rows, [f"{name}  n = {n}" for name, n in zip(table["name"], table["n"], strict=True)], fontsize=9)
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.set_xlabel("SD of the outcome per SD of the marker, 95 % interval; band: mean of all markers")
    spread = np.sqrt(result.shrinkage.tau2)
    ax.set_title(
        f"{result.outcome}: spread of true slopes {spread:.2f}, I2 {result.shrinkage.i2:.0f} %", fontsize=10, loc="left"
    )
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(frameon=False, fontsize=8, loc="best")
    return ax
