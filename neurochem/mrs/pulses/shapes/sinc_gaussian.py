"""Windowed sinc pulses: slices with straight edges."""

import numpy as np

from neurochem.errors import unknown_name
from neurochem.mrs.pulses.registry import SHAPES
from neurochem.mrs.pulses.shapes.sampling import open_interval, slice_middles
from neurochem.mrs.pulses.waveform import ShapedPulse

_WINDOWS = ("gauss", "hamming", "hann", "none")


@SHAPES.register(
    name="sinc_gaussian",
    aliases=("sinc", "sinc_gauss"),
    reference="Bernstein 2004, Handbook of MRI Pulse Sequences, ch. 2",
)
def sinc_gaussian(
    *,
    duration_s: float,
    purpose: str = "refocusing",
    lobes: int = 3,
    window: str = "gauss",
    truncation: float = 0.01,
    points: int = 256,
) -> ShapedPulse:
    """Return a sinc times a window.

    Parameters
    ----------
    duration_s : float
        Duration (s).
    purpose : str
        As for `ShapedPulse`.
    lobes : int
        Zero crossings on each side of the middle, the end included: 1 is the main lobe alone.  The time-bandwidth
        product is about twice this for a small flip angle.
    window : str
        "gauss" (falls to `truncation` at both ends), "hamming", "hann" or "none".
    truncation : float
        For the Gaussian window, between 0 and 1.
    points : int
        Slices.

    Returns
    -------
    ShapedPulse
        Peak about 1 Hz.
    """
    open_interval("sinc_gaussian", "lobes", lobes, 0.0, 100.0)
    open_interval("sinc_gaussian", "truncation", truncation, 0.0, 1.0)
    place = slice_middles("sinc_gaussian", points)
    if window not in _WINDOWS:
        raise unknown_name(window, _WINDOWS, kind="window of a sinc pulse")
    weights = {
        "gauss": np.exp(np.log(truncation) * place**2),
        "hamming": 0.54 + 0.46 * np.cos(np.pi * place),
        "hann": 0.5 + 0.5 * np.cos(np.pi * place),
        "none": np.ones(points),
    }[window]
    return ShapedPulse(
        np.sinc(lobes * place) * weights, np.zeros(points), duration_s=duration_s, purpose=purpose,
        name=f"sinc ({window}) {1e3 * duration_s:g} ms",
    )  # fmt: skip
