"""Shift and phase in the frequency domain over a limited range, with a baseline (RATS)."""

from dataclasses import dataclass

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
        Of the polynomial (complex coefficients) that takes up differences of the baseline; -1 for none.

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
    grid = _Grid.of(fids, reference, dwell_s, band_hz, max_shift_hz, degree)
    return _tops(grid.amplitudes(degree)[0], grid.candidates)


def least_degree(
    fids: ComplexArray,
    reference: ComplexArray,
    *,
    dwell_s: float,
    band_hz: tuple[float, float],
    max_shift_hz: float,
    most: int = 2,
) -> int:
    """Return the degree of baseline that transients need, -1 for none.

    Parameters
    ----------
    fids, reference, dwell_s, band_hz, max_shift_hz
        As for `register_rats`.
    most : int
        Largest degree.

    Notes
    -----
    Mallows' Cp: the least of RSS_d / sigma^2 + 2 p_d over d, with RSS_d the median over transients of what a fit of degree
    d leaves (so that a few spoiled ones do not decide), p_d = 2 (d + 1) and sigma^2 that of the largest degree.
    """
    grid = _Grid.of(fids, reference, dwell_s, band_hz, max_shift_hz, most)
    left = []
    for degree in range(-1, most + 1):
        amplitudes, energy = grid.amplitudes(degree)
        left.append(float(np.median(energy - np.max(np.abs(amplitudes) ** 2, axis=-1))))
    # as many real numbers as padded complex points; a shift and a complex amplitude are fitted besides
    free = max(grid.spectra.shape[-1] - 2 * (most + 1) - 3, 1)
    variance = max(left[-1] / free, np.finfo(float).tiny)
    return int(np.argmin([rest / variance + 4.0 * (step + 1) for step, rest in enumerate(left, start=-1)])) - 1


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Spectra of transients, and of the reference at every candidate shift, within the band."""

    spectra: ComplexArray
    shifted: ComplexArray
    candidates: FloatArray

    @classmethod
    def of(
        cls, fids: ComplexArray, reference: ComplexArray, dwell_s: float, band_hz: tuple[float, float],
        max_shift_hz: float, degree: int,
    ) -> "_Grid":  # fmt: skip
        points = fids.shape[-1]
        padded = _PADDED * points
        frequency = np.fft.fftfreq(padded, dwell_s)
        inside = np.flatnonzero((frequency >= min(band_hz)) & (frequency <= max(band_hz)))
        if inside.size < 4 * (degree + 1):
            msg = f"{inside.size} points between {min(band_hz):g} and {max(band_hz):g} Hz; widen the range, or give a longer FID."
            raise InputError(msg)
        inside = inside[np.argsort(frequency[inside])]
        candidates = np.arange(-np.ceil(max_shift_hz / _STEP_HZ), np.ceil(max_shift_hz / _STEP_HZ) + 1) * _STEP_HZ
        turns = np.exp(2j * np.pi * candidates[:, None] * (np.arange(points) * dwell_s))
        shifted = np.fft.fft(reference * turns, padded, axis=-1)[:, inside]
        return cls(np.fft.fft(fids, padded, axis=-1)[:, inside], shifted, candidates)

    def amplitudes(self, degree: int) -> tuple[ComplexArray, FloatArray]:
        """Return <P R(f) / |P R(f)|, P S> of each transient and candidate, and |P S|^2."""
        baseline = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, self.spectra.shape[-1]), degree + 1))[0]
        shifted, spectra = (rows - (rows @ baseline) @ baseline.T for rows in (self.shifted, self.spectra))
        shifted = shifted / np.maximum(np.linalg.norm(shifted, axis=-1, keepdims=True), np.finfo(float).tiny)
        return spectra @ shifted.conj().T, np.sum(np.abs(spectra) ** 2, axis=-1)


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
