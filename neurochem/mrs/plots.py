"""Figures of spectra and fits."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.figures import BASELINE, DATA, FIT, GREY, RESIDUAL, UNUSED, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.mrs.preprocess.pipeline import Preprocessed
    from neurochem.results import FitResult

# Curves below this share of the tallest are not drawn: they would be flat lines.
_LEAST_SHARE = 1e-3


def plot_fit(fit: "FitResult", ax: "Axes | None" = None) -> "Axes":
    """Draw a fitted spectrum: residual, data with fit and baseline, and below each element on a line of its own.

    Parameters
    ----------
    fit : FitResult
        From `neurochem.mrs.fit` or `quantify`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        The axes, shifts descending to the right; estimates with unit stand beside the curves.
    """
    ax = new_axes(8.0, 9.0) if ax is None else ax
    if fit.axis is None:
        reason = "; ".join(flag.message for flag in fit.flags) or "no curve to draw"
        ax.set_title(f"{fit.name}: {reason}", fontsize=10)
        return ax
    ppm = np.asarray(fit.axis.values)
    data, fitted = fit.data.real, fit.fitted.real
    height = float(np.ptp(data)) or 1.0
    rise = float(np.max(data)) + 0.08 * height - float(np.min(fit.residual.real))
    ax.plot(ppm, fit.residual.real + rise, color=RESIDUAL, linewidth=0.6, label="residual")
    ax.axhline(rise, color=GREY, linewidth=0.5)
    ax.plot(ppm, data, color=DATA, linewidth=0.7, label="data")
    ax.plot(ppm, fitted, color=FIT, linewidth=1.0, label="fit")
    ax.plot(ppm, fit.components["baseline"].real, color=BASELINE, linewidth=1.0, label="baseline")
    _draw_elements(ax, fit, ppm, height, float(min(np.min(data), np.min(fitted))))
    ax.set_xlim(float(ppm.max()), float(ppm.min()))
    ax.set_yticks([])
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u.)")
    ax.set_title(fit.name + ("" if fit.success else "  (failed)"), fontsize=10)
    ax.legend(frameon=False, fontsize=7, ncols=4, loc="upper right")
    return ax


def _draw_elements(ax: "Axes", fit: "FitResult", ppm: np.ndarray, height: float, bottom: float) -> None:
    """Draw each element below the last, with room for its own height, and its estimate beside it."""
    tallest = max(float(np.abs(fit.components[name].real).max()) for name in fit.covariance_names)
    level = bottom - 0.06 * height
    for name in fit.covariance_names:
        curve = fit.components[name].real
        if float(np.abs(curve).max()) < _LEAST_SHARE * max(tallest, 1e-300):
            continue
        level -= max(float(np.max(curve)), 0.045 * height)
        ax.plot(ppm, curve + level, color=DATA, linewidth=0.6)
        estimate = fit[name]
        unit = f" {estimate.unit}" if estimate.unit else ""
        text = f"{name} {estimate.value:.3g} ± {estimate.stderr:.2g}{unit}"
        ax.annotate(
            text, (1.005, level), xycoords=("axes fraction", "data"), fontsize=6.5, va="bottom", annotation_clip=False
        )
        level += min(float(np.min(curve)), 0.0) - 0.015 * height


def plot_preprocessed(clean: "Preprocessed", ax: "Axes | None" = None) -> "Axes":
    """Draw a spectrum before and after preprocessing, real part from 0 to 5.5 ppm.

    Parameters
    ----------
    clean : Preprocessed
        From `neurochem.mrs.preprocess`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        The axes; the steps taken stand in the title.
    """
    ax = new_axes() if ax is None else ax
    pairs = [(clean.raw, UNUSED, "raw"), (clean.spectrum, DATA, "preprocessed")]
    for spectrum, colour, label in pairs:
        if spectrum is not None:
            inside = (spectrum.ppm >= 0.0) & (spectrum.ppm <= 5.5)
            ax.plot(spectrum.ppm[inside], spectrum.spectrum.real[inside], color=colour, linewidth=0.8, label=label)
    final = clean.spectrum
    window = final.spectrum.real[(final.ppm >= 0.2) & (final.ppm <= 4.2)]
    margin = 0.3 * (float(np.ptp(window)) or 1.0)
    ax.set_ylim(float(window.min()) - margin, float(window.max()) + margin)
    ax.set_xlim(5.5, 0.0)
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u.)")
    ax.set_title(f"{final.name}: {', '.join(step.name for step in clean.steps)}", fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return ax
