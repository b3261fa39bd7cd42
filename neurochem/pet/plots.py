"""Plots of tissue curves."""

from typing import TYPE_CHECKING

from neurochem.figures import colour, label, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.pet.tacs import TimeActivityCurves


def draw_tacs(tacs: "TimeActivityCurves", ax: "Axes | None" = None) -> "Axes":
    """Draw every region against mid-frame time and return the axes."""
    ax = new_axes() if ax is None else ax
    for index, region in enumerate(tacs.regions):
        ax.plot(tacs.frames.mid_min, tacs[region], "o-", color=colour(index), markersize=3, linewidth=1, label=region)
    ax.set_xlabel(label("time after injection", "min"))
    ax.set_ylabel(label("activity", "kBq/mL"))
    ax.legend(frameon=False, fontsize=8)
    return ax
