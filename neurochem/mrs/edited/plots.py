"""Figures of edited spectra and of fits of differences."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.figures import BASELINE, DATA, FIT, GREY, RESIDUAL, colour, new_axes
from neurochem.mrs.edited.conditions import STEPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.mrs.edited.combine import EditedSpectra
    from neurochem.results import FitResult

_PPM = (0.5, 4.3)


def plot_edited(edited: "EditedSpectra", ax: "Axes | None" = None) -> "Axes":
    """Draw the sub-spectra and, below them, the differences, real parts phased by creatine and choline.

    Parameters
    ----------
    edited : EditedSpectra
        From `edited_spectra`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        The axes; differences are drawn three times as high.
    """
    from neurochem.mrs.edited.singlet_reference import fit_singlets

    ax = new_axes(8.0, 6.0) if ax is None else ax
    reference = fit_singlets(edited.unedited)
    steps = [name for name in edited if name in STEPS]
    results = [name for name in edited if name.startswith("difference")]
    level, height = 0.0, 0.0
    for index, name in enumerate([*steps, *results]):
        spectrum = edited[name]
        shifts = spectrum.ppm - (-reference.shift_hz / spectrum.larmor_mhz)
        inside = (shifts >= _PPM[0]) & (shifts <= _PPM[1])
        real = (spectrum.spectrum[inside] * np.exp(-1j * np.radians(reference.phase_deg))).real
        factor = 3.0 if name in results else 1.0
        height = height or float(np.max(real))
        ax.axhline(level, color=GREY, linewidth=0.5)
        label = f"{name} (x 3)" if name in results else name
        ax.plot(
            shifts[inside],
            np.clip(factor * real, -0.7 * height, None) + level,
            color=colour(index),
            lw=0.8,
            label=label,
        )
        level -= (0.5 if name in steps[:-1] else 0.9) * height
    ax.set_xlim(_PPM[1], _PPM[0])
    ax.set_yticks([])
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u.)")
    ax.set_title(f"{edited.scale} difference, {edited.order.note}", fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return ax


def plot_edited_fit(fit: "FitResult", ax: "Axes | None" = None) -> "Axes":
    """Draw a fitted difference: data, fit, baseline, GABA+ and Glx on the baseline, and the residual above.

    Parameters
    ----------
    fit : FitResult
        From `fit_edited`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        The axes; the vertical scale is that of the signal between 2.8 and 4.1 ppm, so that NAA is cut off.
    """
    ax = new_axes(8.0, 5.0) if ax is None else ax
    if fit.axis is None:
        ax.set_title(f"{fit.name}: {'; '.join(flag.message for flag in fit.flags) or 'no curve to draw'}", fontsize=10)
        return ax
    ppm = np.asarray(fit.axis.values)
    near = (ppm >= 2.8) & (ppm <= 4.1)
    top, bottom = float(np.max(fit.data.real[near])), float(np.min(fit.data.real[near]))
    room = (top - bottom) or 1.0
    ax.plot(ppm, fit.data.real, color=DATA, linewidth=0.8, label="data")
    ax.plot(ppm, fit.fitted.real, color=FIT, linewidth=1.3, label="fit")
    baseline = fit.components["baseline"].real
    ax.plot(ppm, baseline, color=BASELINE, linewidth=1.0, label="baseline")
    for index, name in enumerate(_drawn(fit)):
        curve = fit.components[name].real
        ax.plot(ppm, baseline + curve, "--", color=colour(index + 3), linewidth=1.0, label=name)
    level = top + 0.25 * room
    ax.axhline(level, color=GREY, linewidth=0.5)
    ax.plot(ppm, np.where(near, fit.residual.real, np.nan) + level, color=RESIDUAL, linewidth=0.7, label="residual")
    if not fit.used.all():
        left = ppm[~fit.used]
        ax.axvspan(float(left.min()), float(left.max()), color=GREY, alpha=0.2, linewidth=0, label="left out")
    ax.set_ylim(bottom - 0.25 * room, top + 0.5 * room)
    ax.set_xlim(min(float(ppm.max()), 4.3), max(float(ppm.min()), 2.0))
    ax.set_yticks([])
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u.)")
    ax.set_title(_title(fit), fontsize=9)
    ax.legend(frameon=False, fontsize=8, ncols=2)
    return ax


def _drawn(fit: "FitResult") -> list[str]:
    names = [
        name for name in ("GABA+", "GABA", "MM3co", "MM09+MM3co", "Glx", "Glu", "Gln", "GSH") if name in fit.components
    ]
    return [name for name in names if np.abs(fit.components[name]).max() > 0]


def _title(fit: "FitResult") -> str:
    values = [fit[name] for name in ("GABA+", "GABA", "GSH", "Glx") if name in fit]
    listed = ", ".join(f"{item.name} {item.value:.3g} ± {item.stderr:.2g} {item.unit}".rstrip() for item in values)
    return f"{fit.model}  {fit.name}: {listed}"
