"""Hyperbolic secant: the adiabatic full passage, whose profile does not depend on B1 above a threshold."""

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.pulses.registry import SHAPES
from neurochem.mrs.pulses.shapes.sampling import open_interval, slice_middles
from neurochem.mrs.pulses.waveform import ShapedPulse


@SHAPES.register(
    name="hyperbolic_secant", aliases=("hs", "hs1", "sech", "afp"), reference="Silver 1985, Phys Rev A 31:2753-2755"
)
def hyperbolic_secant(
    *,
    duration_s: float,
    purpose: str = "inversion",
    bandwidth_hz: float | None = None,
    mu: float | None = None,
    truncation: float = 0.01,
    points: int = 512,
) -> ShapedPulse:
    """Return sech(beta t) with the phase mu ln(sech(beta t)).

    Parameters
    ----------
    duration_s : float
        Duration T (s).
    purpose : str
        As for `ShapedPulse`.
    bandwidth_hz : float, optional
        Width of the frequency sweep, mu beta / pi (Hz); 4000 where `mu` is not given either.
    mu : float, optional
        Sweep over amplitude width; follows from `bandwidth_hz` where that is given, and gives it otherwise.
    truncation : float
        Amplitude at both ends over that in the middle: sech(beta T / 2).
    points : int
        Slices.

    Returns
    -------
    ShapedPulse
        Peak 1 Hz; `pulse` calibrates it to the threshold of inversion, about mu beta / 2 pi on resonance.

    Raises
    ------
    InputError
        If an option is out of range, or both `bandwidth_hz` and `mu` are given and disagree.
    """
    open_interval("hyperbolic_secant", "truncation", truncation, 0.0, 1.0)
    place = slice_middles("hyperbolic_secant", points)
    end = np.arccosh(1.0 / truncation)
    beta = 2.0 * end / duration_s
    if mu is None:
        mu = np.pi * (4000.0 if bandwidth_hz is None else bandwidth_hz) / beta
    elif bandwidth_hz is not None:
        expected = mu * beta / np.pi
        open_interval("hyperbolic_secant", "bandwidth_hz", bandwidth_hz, 0.999 * expected, 1.001 * expected)
    open_interval("hyperbolic_secant", "mu", mu, 0.0, 1000.0)
    turns = mu * beta / np.pi * duration_s / points
    if turns > 0.5:
        msg = (
            f"hyperbolic_secant: a sweep of {mu * beta / np.pi:.4g} Hz turns the phase {turns:.2g} times in each of {points} "
            "slices; it may be half a turn. Give more points, or a narrower band."
        )
        raise InputError(msg)
    amplitude = 1.0 / np.cosh(end * place)
    return ShapedPulse(
        amplitude, np.degrees(mu * np.log(amplitude)), duration_s=duration_s, purpose=purpose,
        name=f"hyperbolic secant {1e3 * duration_s:g} ms",
    )  # fmt: skip
