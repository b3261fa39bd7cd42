"""How unlike each transient is to the others, and which are too unlike."""

import numpy as np

from neurochem.units import BoolArray, ComplexArray, FloatArray

# A normal distribution has its median absolute deviation at 1/1.4826 standard deviations.
_MAD_TO_SD = 1.4826
# Logarithms of energies that agree better than this are equal: noise-free data have no outliers.
_LEAST_SPREAD = 1e-6


def unlikeness(
    fids: ComplexArray, references: ComplexArray, *, dwell_s: float, band_hz: tuple[float, float]
) -> FloatArray:
    """Return the energy of what distinguishes each FID from a reference, within a band.

    Parameters
    ----------
    fids : complex array, shape (n_transients, n_points)
        Aligned transients.
    references : complex array, shape (n_points,) or (n_transients, n_points)
        What they should be.
    dwell_s : float
        Sampling (s).
    band_hz : tuple of float
        Range of frequencies that counts (Hz).

    Returns
    -------
    array, shape (n_transients,)
        Sum of |S - R|^2 over the band, square of the unit of the spectra.
    """
    frequency = np.fft.fftfreq(fids.shape[-1], dwell_s)
    inside = (frequency >= min(band_hz)) & (frequency <= max(band_hz))
    left = np.fft.fft(fids - references, axis=-1)[..., inside]
    return np.sum(np.abs(left) ** 2, axis=-1)


def robust_scores(energy: FloatArray) -> FloatArray:
    """Return how many robust standard deviations the logarithm of each energy lies above the median.

    Parameters
    ----------
    energy : array, shape (n_transients,)
        From `unlikeness`.

    Returns
    -------
    array, shape (n_transients,)
        (ln u - median ln u) / (1.4826 median |ln u - median ln u|); noise alone gives nearly a standard normal, because
        the energy of many noise points is nearly normal in its logarithm.
    """
    values = np.log(np.maximum(energy, np.finfo(float).tiny))
    deviation = values - np.median(values)
    return deviation / max(_MAD_TO_SD * float(np.median(np.abs(deviation))), _LEAST_SPREAD)


def similarity_weights(energy: FloatArray, limit: float) -> FloatArray:
    """Return weights that sum to one: the inverse of the energy, nothing above `limit` robust standard deviations."""
    kept: BoolArray = robust_scores(energy) <= limit
    # without noise none differs from the others: their weights are equal, not infinite
    floor = 1e-12 * float(energy.max())
    inverse = kept / np.maximum(energy, floor) if floor > 0 else kept.astype(float)
    return inverse / inverse.sum()
