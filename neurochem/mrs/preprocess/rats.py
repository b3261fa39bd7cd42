"""Shift and phase in the frequency domain over a limited range, with a baseline (RATS)."""

import numpy as np

from neurochem.errors import InputError
from neurochem.units import ComplexArray, FloatArray

# Shifts between two candidates (Hz): the parabola through three of them is good to a hundredth of a Hz.
_STEP_HZ = 0.25
_PADDED = 2


def register_rats(
    fids: ComplexArray,
    reference: ComplexArray,
    *,
    dwell_s: float,
    band_hz: tuple[float, float],
    max_shift_hz: float,
    degree: int = 2,
) -> tuple[FloatArray, FloatArray]:
    """Return the shift and the phase of each FID against a reference by variable projection.

    Parameters
    ----------
    fids : complex array, shape (n_transients, n_points)
        Transients.
    reference : complex array, shape (n_points,)
        What they should look like.
    dwell_s : float
        Sampling (s).
    band_hz : tuple of float
        Range of frequencies that is compared (Hz).
    max_shift_hz : float
        Largest shift that is searched (Hz).
    degree : int
        Of the polynomial (complex coefficients) that takes up differences of the baseline.

    Returns
    -------
    shift_hz, phase_rad : array, shape (n_transients,)
        min over f, a, b of |S - a R(f) - B b|^2 within the band, R(f) the shifted reference, B the polynomials; the phase
        is that of the complex amplitude a.

    Raises
    ------
    InputError
        If the band holds fewer points than the baseline needs.

    Notes
    -----
    For given f amplitude and baseline are linear: with P the projection off the polynomials, the best f has the largest
    |<P R(f), P S>|^2 / |P R(f)|^2.  All candidates of a grid of 0.25 Hz are tried, then a parabola is laid through the
    best three.

    References
    ----------
    Wilson M (2019), Magn Reson Med 81:2878.
    """
    points = fids.shape[-1]
    padded = _PADDED * points
    frequency = np.fft.fftfreq(padded, dwell_s)
    inside = np.flatnonzero((frequency >= min(band_hz)) & (frequency <= max(band_hz)))
    if inside.size < 4 * (degree + 1):
        msg = f"{inside.size} points between {min(band_hz):g} and {max(band_hz):g} Hz; widen the range, or give a longer FID."
        raise InputError(msg)
    inside = inside[np.argsort(frequency[inside])]
    candidates = np.arange(-np.ceil(max_shift_hz / _STEP_HZ), np.ceil(max_shift_hz / _STEP_HZ) + 1) * _STEP_HZ
    time_s = np.arange(points) * dwell_s
    shifted = np.fft.fft(reference * np.exp(2j * np.pi * candidates[:, None] * time_s), padded, axis=-1)[:, inside]
    baseline = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, inside.size), degree + 1))[0]
    shifted = shifted - (shifted @ baseline) @ baseline.T
    shifted /= np.maximum(np.linalg.norm(shifted, axis=-1, keepdims=True), np.finfo(float).tiny)
    spectra = np.fft.fft(fids, padded, axis=-1)[:, inside]
    amplitudes = spectra @ shifted.conj().T
    return _tops(amplitudes, candidates)


def _tops(amplitudes: ComplexArray, candidates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the place of the largest magnitude, between the candidates, and the phase there."""
    size = np.abs(amplitudes) ** 2
    rows = np.arange(size.shape[0])
    best = np.clip(np.argmax(size, axis=-1), 1, candidates.size - 2)
    left, middle, right = (size[rows, best + offset] for offset in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = np.where(bend < 0.0, 0.5 * (left - right) / bend, 0.0)
    offset = np.clip(offset, -1.0, 1.0)
    near = np.where(offset >= 0.0, best + 1, best - 1)
    share = np.abs(offset)
    value = (1.0 - share) * amplitudes[rows, best] + share * amplitudes[rows, near]
    return candidates[best] + offset * _STEP_HZ, np.angle(value)
