"""Gaussian pulses: for editing, where a narrow band without side lobes is wanted."""

import numpy as np

from neurochem.mrs.pulses.registry import SHAPES
from neurochem.mrs.pulses.shapes.sampling import open_interval, slice_middles
from neurochem.mrs.pulses.waveform import ShapedPulse


@SHAPES.register(name="gaussian", aliases=("gauss",), reference="Bauer 1984, J Magn Reson 58:442-457")
def gaussian(
    *, duration_s: float, purpose: str = "inversion", truncation: float = 0.01, points: int = 256
) -> ShapedPulse:
    """Return a Gaussian, cut where it has fallen to `truncation` of its maximum.

    Parameters
    ----------
    duration_s : float
        Duration (s).
    purpose : str
        As for `ShapedPulse`.
    truncation : float
        Amplitude at both ends over that in the middle, between 0 and 1: 0.01 is the usual 1 %.
    points : int
        Slices.

    Returns
    -------
    ShapedPulse
        exp(ln(truncation) u^2) with u from -1 to 1, peak 1 Hz.
    """
    open_interval("gaussian", "truncation", truncation, 0.0, 1.0)
    place = slice_middles("gaussian", points)
    return ShapedPulse(
        np.exp(np.log(truncation) * place**2), np.zeros(points), duration_s=duration_s, purpose=purpose,
        name=f"gaussian {1e3 * duration_s:g} ms",
    )  # fmt: skip
