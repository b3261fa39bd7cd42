"""Figures of partial-volume corrections."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.figures import DATA, FIT, label, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.pet.partial_volume.result import PartialVolumeResult


def draw_means(result: "PartialVolumeResult", ax: "Axes | None" = None) -> "Axes":
    """Draw regional means before and after correction, averaged over frames by duration.

    Parameters
    ----------
    result : PartialVolumeResult
        What to draw.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        One place a region; bars are one standard error.
    """
    ax = new_axes(max(5.0, 0.55 * len(result.regions) + 2.0), 4.0) if ax is None else ax
    weight = np.ones(len(result.means)) if result.frames is None else result.frames.duration_s
    weight = weight / weight.sum()
    place = np.arange(len(result.regions))
    error = np.sqrt(weight**2 @ result.stderr**2)
    ax.plot(place - 0.1, weight @ result.observed, "o", color=DATA, markersize=4, label="observed")
    ax.errorbar(
        place + 0.1, weight @ result.means, np.where(np.isfinite(error), error, 0.0), fmt="o", color=FIT, markersize=4,
        capsize=2, label=f"{result.method}, ± 1 SE" if np.isfinite(error).all() else result.method,
    )  # fmt: skip
    ax.set_xticks(place, result.regions, rotation=40, ha="right", fontsize=8)
    ax.set_ylabel(label("regional mean", "kBq/mL" if result.frames is not None else "unit of the image"))
    fwhm = " x ".join(f"{width:g}" for width in result.fwhm_mm)
    ax.set_title(f"Partial-volume correction, FWHM {fwhm} mm", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return ax
