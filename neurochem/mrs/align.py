"""The coarse start of a fit: shift, phase and width from the strongest singlets."""

from dataclasses import dataclass

import numpy as np

from neurochem.mrs.lineshape import gauss_variance, lorentz_gamma
from neurochem.units import ComplexArray, FloatArray

# What the singlets weigh in vivo, roughly; only the start depends on it.
_WEIGHTS = {
    "NAA": 10.0,
    "Cr": 4.0,
    "PCr": 4.0,
    "GPC": 1.0,
    "PCh": 0.6,
    "tNAA": 11.0,
    "tCr": 8.0,
    "tCho": 1.8,
    "Ins": 4.0,
}
_WIDTHS_HZ = (2.0, 4.0, 7.0, 12.0)
# A smooth rise over the first milliseconds leaves out what is broad, and keeps the foot of residual water narrow.
_RISE_S = 0.024


@dataclass(frozen=True, slots=True)
class CoarseStart:
    """Where to start: shift (Hz), phase (radian), width (Hz, of the lines' own broadening)."""

    shift_hz: float
    phase: float
    width_hz: float


def coarse_start(
    fid: ComplexArray,
    elements: ComplexArray,
    names: tuple[str, ...],
    time_s: FloatArray,
    *,
    reach_hz: float,
    band_hz: tuple[float, float],
) -> CoarseStart:
    """Return the shift, phase and width at which the sum of the basis looks most like the data.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        Data.
    elements, names : complex array, shape (n_elements, n_points); tuple of str
        Basis with the sampling of the data, macromolecules left out.
    time_s : array, shape (n_points,)
        Times (s).
    reach_hz : float
        Largest shift looked for.
    band_hz : tuple of float
        Lowest and highest frequency of the data that is looked at, so that water is not.

    Returns
    -------
    CoarseStart
        The largest normalised cross-correlation over shifts (a grid of a quarter point) and four widths; its angle is
        the phase.

    Notes
    -----
    Correlation of spectra over shift is the FFT of conj(template) x data in time.  The normalised score does not ask
    for the phase, so that a spectrum that is upside down aligns as well.
    """
    weights = np.array([_WEIGHTS.get(name, 0.0) for name in names])
    template = (weights if weights.any() else np.ones(len(names))) @ elements
    rise = np.sin(0.5 * np.pi * np.minimum(time_s / _RISE_S, 1.0)) ** 2
    seen = np.fft.fftfreq(fid.size, time_s[1] - time_s[0])
    spectrum = np.fft.fft(fid * rise)
    data = np.fft.ifft(np.where((seen >= band_hz[0]) & (seen <= band_hz[1]), spectrum, 0.0))
    points = 4 * fid.size
    frequency = np.fft.fftfreq(points, time_s[1] - time_s[0])
    inside = np.flatnonzero(np.abs(frequency) <= reach_hz)
    best = (-1.0, 0.0, 0.0, _WIDTHS_HZ[1])
    for width in _WIDTHS_HZ:
        shape = template * np.exp(-0.5 * lorentz_gamma(width) * time_s - 0.5 * gauss_variance(width) * time_s**2) * rise
        norm = np.linalg.norm(shape)
        if norm == 0.0:
            continue
        correlation = np.fft.fft(np.conj(shape) * data, points)[inside] / norm
        peak = int(np.argmax(np.abs(correlation)))
        score = float(np.abs(correlation[peak]))
        if score > best[0]:
            best = (score, float(frequency[inside[peak]]), float(np.angle(correlation[peak])), width)
    return CoarseStart(shift_hz=best[1], phase=best[2], width_hz=best[3])
