"""The linear-combination model that the separable solver fits."""

from dataclasses import dataclass, replace

import numpy as np

from neurochem.mrs.lineshape import decay_exponent
from neurochem.units import ComplexArray, FloatArray

PARAMETERS = ("phase", "delay", "shift", "gamma", "variance", "broad_shift", "broad_variance")
PHASE, DELAY, SHIFT, GAMMA, VARIANCE, BROAD_SHIFT, BROAD_VARIANCE = range(7)


def stacked(values: ComplexArray) -> FloatArray:
    """Return real parts on top of imaginary parts."""
    return np.concatenate([values.real, values.imag], axis=0)


def unstacked(values: FloatArray) -> ComplexArray:
    """Return the complex values that `stacked` took apart."""
    half = values.shape[0] // 2
    return values[:half] + 1j * values[half:]


@dataclass(slots=True, eq=False)
class LinearCombination:
    """Basis spectra with shared phase, shift and Voigt width, in a window of the FFT grid.

    Attributes
    ----------
    fids : complex array, shape (n_elements, n_points)
        Elements with the sampling of the data.
    broad : bool array, shape (n_elements,)
        Macromolecules, with a further shift and a Gaussian width of their own instead of the shared width.
    time_s : array, shape (n_points,)
        Times (s).
    window : int array, shape (n,)
        Indices of the fitted points in the unshifted FFT.
    frequency_hz : array, shape (n,)
        Their frequencies.
    scale : float
        Factor on every column, one over the noise.

    Notes
    -----
    Y(f) = exp(i phase - 2 pi i f delay) FFT[ sum_m c_m b_m(t) exp(2 pi i e_m t - gamma_m t - variance_m t^2) ], with
    e = shift, gamma and variance shared for metabolites, and e = shift + broad_shift, gamma = 0 and broad_variance for
    macromolecules.  A derivative needs one FFT of the summed FID, whatever the number of elements.
    """

    fids: ComplexArray
    broad: np.ndarray
    time_s: FloatArray
    window: np.ndarray
    frequency_hz: FloatArray
    scale: float = 1.0

    @property
    def size(self) -> int:
        """Number of parameters: the last two only where something is broad."""
        return 7 if self.broad.any() else 5

    def scaled(self, factor: float) -> "LinearCombination":
        """Return the model with every column multiplied by a factor."""
        return replace(self, scale=self.scale * factor)

    def lines(self, theta: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """Return what metabolites and macromolecules are multiplied by in time."""
        turn = 2j * np.pi * theta[SHIFT] * self.time_s
        narrow = np.exp(turn + decay_exponent(theta[GAMMA], theta[VARIANCE], self.time_s))
        if self.size == 5:
            return narrow, narrow
        turn = turn + 2j * np.pi * theta[BROAD_SHIFT] * self.time_s
        return narrow, np.exp(turn + decay_exponent(0.0, theta[BROAD_VARIANCE], self.time_s))

    def phase_factor(self, theta: FloatArray) -> ComplexArray:
        """Return the phase at the fitted points."""
        return np.exp(1j * (theta[PHASE] - 2.0 * np.pi * self.frequency_hz * theta[DELAY]))

    def curves(self, theta: FloatArray) -> ComplexArray:
        """Return the complex columns, shape (n, n_elements)."""
        narrow, wide = self.lines(theta)
        shaped = self.fids * np.where(self.broad[:, None], wide, narrow)
        spectra = np.fft.fft(shaped, axis=1)[:, self.window]
        return (self.scale * self.phase_factor(theta)[:, None]) * spectra.T

    def columns(self, theta: FloatArray) -> FloatArray:
        """Return the columns for the solver, shape (2n, n_elements)."""
        return stacked(self.curves(theta))

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        """Return d(columns @ amplitudes)/d theta, shape (2n, size)."""
        narrow, wide = self.lines(theta)
        time_s = self.time_s
        sharp = (amplitudes * ~self.broad) @ self.fids * narrow
        rows = [sharp, time_s * sharp, time_s**2 * sharp]
        if self.size == 7:
            blunt = (amplitudes * self.broad) @ self.fids * wide
            rows += [blunt, time_s * blunt, time_s**2 * blunt]
        spectra = np.fft.fft(np.array(rows), axis=1)[:, self.window] * (self.scale * self.phase_factor(theta))
        total, moved = spectra[0], spectra[1]
        if self.size == 7:
            total, moved = total + spectra[3], moved + spectra[4]
        out = [1j * total, -2j * np.pi * self.frequency_hz * total, 2j * np.pi * moved, -spectra[1], -spectra[2]]
        if self.size == 7:
            out += [2j * np.pi * spectra[4], -spectra[5]]
        return stacked(np.array(out).T)
