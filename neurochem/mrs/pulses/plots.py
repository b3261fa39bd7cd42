"""Profiles of pulses on axes."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.figures import BLUE, GREY, ORANGE, VERMILLION, label, new_axes
from neurochem.mrs.pulses.profile import reach_hz

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.mrs.pulses.waveform import ShapedPulse


def plot_pulse(pulse: "ShapedPulse", ax: "Axes | None" = None) -> "Axes":
    """Draw Mz and what the pulse is for against offset, and its amplitude and phase in a strip below.

    Parameters
    ----------
    pulse : ShapedPulse
        What to draw.
    ax : Axes, optional
        Where to draw; a strip below is taken from it.

    Returns
    -------
    Axes
        The upper axes.
    """
    ax = new_axes(7.0, 5.5) if ax is None else ax
    profile = pulse.profile(reach_hz(pulse) * np.linspace(-1.0, 1.0, 801))
    if pulse.purpose == "excitation":
        response, name = np.abs(profile.mxy), "|Mxy|"
    else:
        response, name = profile.refocusing, "refocusing efficiency |b|²"
    ax.plot(profile.offsets_hz, response, color=VERMILLION, label=name)
    ax.plot(profile.offsets_hz, profile.mz, color=BLUE, label="Mz from +1")
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    inside = response >= 0.5 * response.max()
    ax.fill_between(
        profile.offsets_hz, 0, 1, where=inside, transform=ax.get_xaxis_transform(), color=GREY, alpha=0.15, linewidth=0
    )
    ax.set_title(f"{pulse.name}: {pulse.bandwidth_hz:.4g} Hz wide", fontsize=10)
    ax.set_xlabel(label("offset from the carrier", "Hz"))
    ax.set_ylabel("magnetisation (fraction of equilibrium)")
    ax.legend(frameon=False, fontsize=8)
    _waveform(pulse, ax)
    return ax


def _waveform(pulse: "ShapedPulse", ax: "Axes") -> None:
    """Draw amplitude and phase of the slices below the profile."""
    place = ax.get_subplotspec()
    if place is None:
        return
    grid = place.subgridspec(2, 1, height_ratios=[3, 1.2])
    ax.set_subplotspec(grid[0])
    below = ax.figure.add_subplot(grid[1])
    time_ms = 1e3 * pulse.time_s
    below.plot(time_ms, pulse.amplitude_hz, color=VERMILLION, linewidth=1.2)
    below.set_xlabel(label("time", "ms"))
    below.set_ylabel(label("amplitude", "Hz"), color=VERMILLION, fontsize=8)
    if not pulse.constant_phase:
        other = below.twinx()
        other.plot(time_ms, pulse.phase_deg, color=ORANGE, linewidth=1.0)
        other.set_ylabel(label("phase", "°"), color=ORANGE, fontsize=8)
