"""Rectangular pulses; short ones approach the ideal pulse."""

import numpy as np

from neurochem.mrs.pulses.registry import SHAPES
from neurochem.mrs.pulses.shapes.sampling import slice_middles
from neurochem.mrs.pulses.waveform import ShapedPulse


@SHAPES.register(name="rectangular", aliases=("hard", "block"), reference="Bloch 1946, Phys Rev 70:460-474")
def rectangular(*, duration_s: float, purpose: str = "excitation", points: int = 1) -> ShapedPulse:
    """Return a pulse of constant amplitude.

    Parameters
    ----------
    duration_s : float
        Duration (s).
    purpose : str
        As for `ShapedPulse`.
    points : int
        Slices; one says all.

    Returns
    -------
    ShapedPulse
        Amplitude 1 Hz.
    """
    count = slice_middles("rectangular", points).size
    return ShapedPulse(
        np.ones(count), np.zeros(count), duration_s=duration_s, purpose=purpose,
        name=f"rectangular {1e3 * duration_s:g} ms",
    )  # fmt: skip
