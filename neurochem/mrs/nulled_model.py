"""Gaussian lines and Lorentzian singlets of free place and width, with one phase, for the separable solver."""

from dataclasses import dataclass

import numpy as np

from neurochem.units import ComplexArray, FloatArray

PHASE, DELAY, SHIFT, GAMMA = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class NulledLines:
    """Lines of a metabolite-nulled spectrum in a window of the FFT grid.

    Parameters are phase (rad), delay (s), common shift (Hz), damping of the singlets (1/s), then the shift (Hz) and the
    variance (1/s^2) of each Gaussian.

    Attributes
    ----------
    time_s : array, shape (n_points,)
        Times (s).
    window : int array, shape (n,)
        Indices of the fitted points in the unshifted FFT.
    frequency_hz : array, shape (n,)
        Their frequencies.
    places_hz, singlets_hz : array, shapes (n_lines,), (n_singlets,)
        Where the Gaussians start from, and where the singlets lie.
    """

    time_s: FloatArray
    window: np.ndarray
    frequency_hz: FloatArray
    places_hz: FloatArray
    singlets_hz: FloatArray

    def phase_factor(self, theta: FloatArray) -> ComplexArray:
        """Return the phase at the fitted points."""
        return np.exp(1j * (theta[PHASE] - 2.0 * np.pi * self.frequency_hz * theta[DELAY]))

    def _fids(self, theta: FloatArray) -> ComplexArray:
        """Return the lines in time, Gaussians first, shape (n_lines + n_singlets, n_points)."""
        count, time_s = self.places_hz.size, self.time_s
        places = self.places_hz + theta[SHIFT] + theta[4 : 4 + count]
        broad = np.exp(2j * np.pi * np.outer(places, time_s) - np.outer(theta[4 + count :], time_s**2))
        narrow = np.exp(2j * np.pi * np.outer(self.singlets_hz + theta[SHIFT], time_s) - theta[GAMMA] * time_s)
        return np.vstack([broad, narrow])

    def _spectra(self, fids: ComplexArray, theta: FloatArray) -> ComplexArray:
        return (np.fft.fft(fids, axis=1)[:, self.window] * self.phase_factor(theta)).T

    def curves(self, theta: FloatArray) -> ComplexArray:
        """Return the complex columns, shape (n, n_lines + n_singlets)."""
        return self._spectra(self._fids(theta), theta)

    def columns(self, theta: FloatArray) -> FloatArray:
        """Return the columns for the solver, shape (2n, n_lines + n_singlets)."""
        curves = self.curves(theta)
        return np.concatenate([curves.real, curves.imag])

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        """Return d(columns @ amplitudes)/d theta, shape (2n, 4 + 2 n_lines)."""
        count, time_s = self.places_hz.size, self.time_s
        fids = amplitudes[:, None] * self._fids(theta)
        moved = 2j * np.pi * time_s * fids
        rows = [fids.sum(axis=0), moved.sum(axis=0), -time_s * fids[count:].sum(axis=0)]
        spectra = self._spectra(np.vstack([rows, moved[:count], -(time_s**2) * fids[:count]]), theta)
        total = spectra[:, 0]
        out = np.column_stack([1j * total, -2j * np.pi * self.frequency_hz * total, spectra[:, 1:]])
        return np.concatenate([out.real, out.imag])
