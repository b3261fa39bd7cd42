"""Figures of edited spectra and of fits of differences."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.figures import BASELINE, DATA, FIT, GREY, ORANGE, PURPLE, RESIDUAL, SKY, YELLOW, colour, new_axes
from neurochem.mrs.edited.conditions import STEPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.mrs.edited.combine import EditedSpectra
    from neurochem.results import FitResult

_PPM = (0.5, 4.3)
# One colour a molecule in every figure; none is that of the data or the fit.
_COLOURS = {
    "GABA+": SKY, "GABA": PURPLE, "MM3co": "#8C6D31", "MM09+MM3co": "#8C6D31", "Glx": ORANGE, "Glu": ORANGE, "Gln": YELLOW,
    "GSH": "#666666",
}  # fmt: skip


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
    """Draw a fitted difference: data, fit, baseline, GABA+ and its neighbours on the baseline, and the residual above.

    Parameters
    ----------
    fit : FitResult
        From `fit_edited`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        The axes; the vertical scale is that of the signal between 2.8 and 4.1 ppm, so that NAA is cut off.  The title states
        estimates, and what Gannet calls fit error and SNR (of GABA+), linewidth and ratio to creatine.
    """
    ax = new_axes(8.0, 5.2) if ax is None else ax
    if fit.axis is None:
        ax.set_title(f"{fit.name}: {'; '.join(flag.message for flag in fit.flags) or 'no curve to draw'}", fontsize=10)
        return ax
    ppm = np.asarray(fit.axis.values)
    near = (ppm >= 2.8) & (ppm <= 4.1)
    data, model = fit.data.real, fit.fitted.real
    top, bottom = float(np.max(data[near])), float(np.min(data[near]))
    room = (top - bottom) or 1.0
    ax.plot(ppm, data, color=DATA, linewidth=0.8, label="data")
    _draw_parts(fit, ppm, ax)
    ax.plot(ppm, model, color=FIT, linewidth=1.3, label="fit")
    rest = np.where(near, (data - model), np.nan)
    level = top + 0.1 * room - float(np.nanmin(rest))
    ax.axhline(level, color=GREY, linewidth=0.5)
    ax.plot(ppm, rest + level, color=RESIDUAL, linewidth=0.7, label="residual")
    if not fit.used.all():
        left = ppm[~fit.used]
        ax.axvspan(float(left.min()), float(left.max()), color=GREY, alpha=0.2, linewidth=0, label="left out")
    ax.set_ylim(bottom - 0.25 * room, level + float(np.nanmax(rest)) + 0.05 * room)
    ax.set_xlim(min(float(ppm.max()), 4.3), max(float(ppm.min()), 2.0))
    ax.set_yticks([])
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u.)")
    ax.set_title("\n".join(filter(None, (_title(fit), _quality(fit)))), fontsize=9)
    ax.legend(frameon=False, fontsize=8, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return ax


def _draw_parts(fit: "FitResult", ppm: np.ndarray, ax: "Axes") -> None:
    """Draw the baseline, what the fit is for as a filled area, and its neighbours."""
    baseline = fit.components["baseline"].real
    ax.plot(ppm, baseline, color=BASELINE, linewidth=1.0, label="baseline")
    names = [name for name in _COLOURS if name in fit.components and np.abs(fit.components[name]).max() > 0]
    target = "GSH" if fit.settings.get("target") == "GSH" else "GABA+"
    # by peaks there is nothing else, by basis Glx is drawn as its parts
    parts = [name for name in names if name != "Glx" or "Glu" not in names]
    for name in parts:
        curve = baseline + fit.components[name].real
        if name == target:
            ax.fill_between(ppm, baseline, curve, color=_COLOURS[name], alpha=0.35, linewidth=0, label=name)
        else:
            ax.plot(ppm, curve, "--", color=_COLOURS[name], linewidth=1.0, label=name)


def _title(fit: "FitResult") -> str:
    values = [fit[name] for name in ("GABA+", "GABA", "GSH", "Glx") if name in fit]
    listed = ", ".join(f"{item.name} {item.value:.3g} ± {item.stderr:.2g} {item.unit}".rstrip() for item in values)
    return f"{fit.model}  {fit.name}: {listed}"


def _quality(fit: "FitResult") -> str:
    """Return the second line of the title: what tells a good fit from a bad one."""
    found, words = fit.diagnostics, []
    if "gaba_fit_error_percent" in found:
        words.append(f"fit error {found['gaba_fit_error_percent']:.1f} %, SNR {found['gaba_snr']:.1f} (GABA+)")
    if np.isfinite(found.get("fwhm_hz", np.nan)):
        words.append(f"linewidth {found['fwhm_hz']:.1f} Hz")
    if "mm_share" in found:
        words.append(f"macromolecules {100.0 * found['mm_share']:.0f} % of GABA+")
    if "GABA+" in fit and "tCr" in fit:
        words.append(
            f"GABA+/tCr {fit['GABA+'].value / fit['tCr'].value:.3f}" if fit["tCr"].value > 0 else "no creatine"
        )
    return ", ".join(words)
