"""A fitted spectrum: data, fit, residual, and every component below on the same shift axis."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from neurochem.figures import BASELINE, DATA, FIT, GREY, PALETTE, RESIDUAL, YELLOW, label
from neurochem.results import FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _FIT_HEIGHT, _COMPONENT_HEIGHT = 11.0, 4.2, 0.26
BASELINE_NAME = "baseline"
# yellow does not show as a thin line on white
_COLOURS = [shade for shade in PALETTE if shade != YELLOW]


def spectrum_sheet(fit: FitResult) -> Figure:
    """Draw one spectral fit.

    Parameters
    ----------
    fit : FitResult
        A fit with an axis of chemical shifts; its components are the metabolites and the baseline.

    Returns
    -------
    Figure
        Fit with residual above, one row a component below.
    """
    components = {name: np.real(curve) for name, curve in fit.components.items() if name != BASELINE_NAME}
    lower_height = 0.8 + _COMPONENT_HEIGHT * max(1, len(components))
    height = _FIT_HEIGHT + lower_height
    figure = Figure(figsize=(_WIDTH, height))
    grid = figure.add_gridspec(
        3, 1, height_ratios=(0.8 * _FIT_HEIGHT, 0.2 * _FIT_HEIGHT, lower_height), left=0.09, right=0.985,
        top=1 - 0.25 / height, bottom=0.5 / height, hspace=0.06,
    )  # fmt: skip
    upper = figure.add_subplot(grid[0])
    middle = figure.add_subplot(grid[1], sharex=upper)
    lower = figure.add_subplot(grid[2], sharex=upper)
    if fit.axis is None or not fit.data.size:
        upper.set_title("no spectrum to draw")
        return figure
    x = np.asarray(fit.axis.values)
    _draw_fit(upper, middle, x, fit)
    _draw_components(lower, x, components)
    upper.set_ylabel(label(fit.axis.data_name or "signal", fit.axis.data_unit), fontsize=9)
    lower.set_xlabel(label(fit.axis.name, fit.axis.unit), fontsize=9)
    # shifts are drawn from high to low, as every spectroscopist reads them
    upper.set_xlim(float(x.max()), float(x.min()))
    for axes in (upper, middle, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, labelbottom=axes is lower)
    return figure


def _draw_fit(upper: "Axes", middle: "Axes", x: np.ndarray, fit: FitResult) -> None:
    upper.plot(x, fit.data.real, color=DATA, linewidth=0.8, label="data")
    upper.plot(x, fit.fitted.real, color=FIT, linewidth=1.2, label="fit")
    if BASELINE_NAME in fit.components:
        upper.plot(x, fit.components[BASELINE_NAME].real, color=BASELINE, linewidth=1.1, label="baseline")
    upper.legend(frameon=False, fontsize=9, loc="upper left")
    middle.axhline(0.0, color=GREY, linewidth=0.7)
    middle.plot(x, fit.residual.real, color=RESIDUAL, linewidth=0.7)
    middle.set_ylabel("residual", fontsize=9)
    middle.locator_params(axis="y", nbins=3)


def _draw_components(axes: "Axes", x: np.ndarray, components: dict[str, np.ndarray]) -> None:
    """Draw each component on its own row; all rows share one scale, so that heights can be compared."""
    largest = max((float(np.ptp(curve)) for curve in components.values()), default=0.0)
    scale = 3.0 / largest if largest > 0 else 1.0
    names = list(components)
    for row, name in enumerate(names):
        offset = len(names) - 1 - row
        axes.axhline(offset, color=GREY, linewidth=0.3)
        axes.plot(x, offset + scale * components[name], color=_COLOURS[row % len(_COLOURS)], linewidth=0.9)
    axes.set_yticks(range(len(names)), names[::-1], fontsize=8)
    axes.set_ylim(-0.9, len(names) + 2.0)
    axes.set_ylabel("components, one scale", fontsize=9)
