"""Figures of basis sets."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurochem.errors import InputError
from neurochem.figures import BLUE, DATA, GREEN, GREY, PURPLE, VERMILLION, new_axes
from neurochem.mrs.spectra import frequency_axis, to_ppm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.mrs.basis import Basis
    from neurochem.mrs.nulled import MeasuredMacromolecules

# Rows an element takes: its own height and a gap.
_ROW = 1.25
# Enough points that a narrow line is drawn round.
_ZERO_FILL = 4


def plot_basis(
    basis: "Basis", ax: "Axes | None" = None, *, ppm: tuple[float, float] = (0.2, 4.2), linewidth_hz: float = 2.0
) -> "Axes":
    """Draw the real spectrum of every element on a line of its own, names at the right.

    Parameters
    ----------
    basis : Basis
        What to draw.
    ax : Axes, optional
        Where to draw.
    ppm : tuple of float
        Range of chemical shifts (ppm), drawn from high to low.
    linewidth_hz : float
        Lorentzian width (Hz) by which metabolites are broadened for the figure, so that FIDs that do not decay do not
        ring; macromolecules are drawn as they are.

    Returns
    -------
    Axes
        Every element fills its row; the factor behind its name says by how much it is enlarged over the tallest.

    Raises
    ------
    InputError
        If the range holds no point of the spectra.
    """
    points = _ZERO_FILL * basis.points
    axis = to_ppm(frequency_axis(points, basis.dwell_s), basis.larmor_mhz, basis.reference_ppm)
    inside = (axis >= min(ppm)) & (axis <= max(ppm))
    if np.count_nonzero(inside) < 2:
        msg = f"ppm is {tuple(ppm)}; the basis covers {axis.min():.3g} to {axis.max():.3g} ppm. Give a range inside it."
        raise InputError(msg)
    decay = np.exp(-np.pi * max(linewidth_hz, 0.0) * basis.time_s)
    fids = np.where(basis.broad[:, None], basis.fids, basis.fids * decay)
    curves = np.fft.fftshift(np.fft.fft(fids, points, axis=1), axes=1).real[:, inside]
    ax = new_axes(8.0, max(0.36 * len(basis) + 1.2, 3.0)) if ax is None else ax
    heights = np.abs(curves).max(axis=1)
    tallest = max(float(heights.max()), 1e-300)
    for row, (name, curve, height) in enumerate(zip(basis.names, curves, heights, strict=True)):
        level = -_ROW * row
        colour = VERMILLION if name in basis.macromolecules else DATA
        ax.axhline(level, color=GREY, linewidth=0.4)
        ax.plot(axis[inside], level + curve / max(height, 1e-12 * tallest), color=colour, linewidth=0.7)
        factor = tallest / max(height, 1e-12 * tallest)
        ax.annotate(
            f"{name}  x {factor:.3g}", (1.01, level), xycoords=("axes fraction", "data"), fontsize=8, color=colour,
            va="bottom", annotation_clip=False,
        )  # fmt: skip
    ax.set_xlim(max(ppm), min(ppm))
    ax.set_ylim(-_ROW * (len(basis) - 1) - 0.6, 1.2)
    ax.set_yticks([])
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u., each to its own height)")
    echo = "" if basis.echo_time_s is None else f", TE {1e3 * basis.echo_time_s:g} ms"
    ax.set_title(f"{basis.sequence or 'basis'}{echo}, {basis.larmor_mhz:.6g} MHz", fontsize=10)
    return ax


def plot_measured_macromolecules(found: "MeasuredMacromolecules", ax: "Axes | None" = None) -> "Axes":
    """Draw a metabolite-nulled spectrum before and after: data with fit, what is left out, and the element.

    Parameters
    ----------
    found : MeasuredMacromolecules
        From `neurochem.mrs.measured_macromolecules`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Real parts, one below the other, on one scale.
    """
    ax = new_axes(8.0, 7.0) if ax is None else ax
    height = float(np.ptp(found.data.real)) or 1.0
    rows = (
        ("residual", found.data - found.fitted, BLUE, 0.95),
        ("data", found.data, DATA, 0.0),
        ("fit", found.fitted, VERMILLION, 0.0),
        ("baseline, left out", found.baseline, GREEN, 0.0),
        ("residual metabolites, left out", found.metabolites, PURPLE, -0.45),
        ("element", found.macromolecules, DATA, -1.2),
    )
    for label, curve, colour, level in rows:
        ax.plot(found.ppm, curve.real + level * height, color=colour, linewidth=0.8)
        place = (1.01, float(curve.real[-1]) + level * height)
        shift = {"fit": 10, "baseline, left out": -10}.get(label, 0)
        ax.annotate(
            label, place, xycoords=("axes fraction", "data"), xytext=(0, shift), textcoords="offset points",
            fontsize=8, color=colour, va="center", annotation_clip=False,
        )  # fmt: skip
    ax.set_xlim(float(found.ppm.max()), float(found.ppm.min()))
    ax.set_yticks([])
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u.)")
    ax.set_title(
        f"{Path(found.basis.source).name}: residual {found.residual_over_noise:.2f} times the noise", fontsize=9
    )
    return ax
