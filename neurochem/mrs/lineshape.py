"""The Voigt line: damping in time, width in frequency.

A line decays as exp(-gamma t - variance t^2), gamma in 1/s and variance in 1/s^2; the Gaussian part is parametrised by
its square, whose derivative does not vanish at zero.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neurochem.units import ComplexArray, FloatArray

# Time constants (s) of the phases of a free line, and the standard deviations (radian) of their prior.
# Faster ones are told from a delay and a baseline by nothing.
PHASE_TAU_S = (0.02, 0.06, 0.18)
PHASE_SD = (0.2, 0.5, 1.0)
# Offsets (Hz) at which a further copy of a line is tried.
TRIAL_OFFSETS_HZ = (-10.0, -7.0, -5.2, -3.8, -2.6, -1.8, 1.8, 2.6, 3.8, 5.2, 7.0, 10.0)
# How many copies there can be.
MOST_COPIES = 3
# Standard deviations of the priors of a copy's share and offset, and the farthest that it may be.
SHARE_SD, OFFSET_SD_HZ, FARTHEST_HZ = 0.3, 6.0, 15.0
_START = 0.1, 3.0
# Where copies cancel each other there is no signal left whose derivative could matter.
_CANCELLED = 1e-9
_GAUSS = 2.0 * math.sqrt(math.log(2.0)) / math.pi


def lorentz_fwhm(gamma: float) -> float:
    """Return the full width at half maximum (Hz) of exp(-gamma t): gamma / pi."""
    return gamma / math.pi


def gauss_fwhm(variance: float) -> float:
    """Return the full width at half maximum (Hz) of exp(-variance t^2): 2 sqrt(ln 2 variance) / pi."""
    return _GAUSS * math.sqrt(max(variance, 0.0))


def lorentz_gamma(fwhm_hz: float) -> float:
    """Return gamma (1/s) of a Lorentzian of that width."""
    return math.pi * fwhm_hz


def gauss_variance(fwhm_hz: float) -> float:
    """Return the coefficient of t^2 (1/s^2) of a Gaussian of that width."""
    return (fwhm_hz / _GAUSS) ** 2


def voigt_fwhm(gamma: float, variance: float) -> float:
    """Return the width (Hz) of a Voigt line, within 0.02 %.

    References
    ----------
    Olivero JJ, Longbothum RL (1977), J Quant Spectrosc Radiat Transfer 17:233.
    """
    lorentz, gauss = lorentz_fwhm(gamma), gauss_fwhm(variance)
    return 0.5346 * lorentz + math.sqrt(0.2166 * lorentz**2 + gauss**2)


def decay_exponent(gamma: float, variance: float, time_s: FloatArray) -> FloatArray:
    """Return -gamma t - variance t^2, whose exponential is the line in time."""
    return -(gamma + variance * time_s) * time_s


@dataclass(frozen=True, slots=True, eq=False)
class Distortion:
    """A free line that multiplies the Voigt line in time; one at time zero, so that areas stay what they are.

    Attributes
    ----------
    phases : array, shape (n_phases, n_points)
        Smooth curves of time (s), zero at its start, whose sum is a phase of the FID (radian).
    phase_sd : array, shape (n_phases,)
        Standard deviations of their normal prior about zero.
    copies : int
        Copies that the line has besides itself.
    time_s : array, shape (n_points,)
        Times (s).

    Notes
    -----
    d(t) = exp(i sum_j p_j phase_j(t)) (1 + sum_k w_k (exp(2 pi i offset_k t) - 1)): a non-negative convolution kernel of
    unit area (a field that is not uniform), times a phase (a field that is not constant in time).  Parameters are the
    p_j, then share w_k and offset_k (Hz) of each copy.  Offsets are free: on a fixed comb a copy between two teeth
    takes both and is wider than it should be, the Lorentzian width makes up for it, and with its tails goes area.
    """

    phases: FloatArray
    phase_sd: FloatArray
    copies: int
    time_s: FloatArray

    @property
    def size(self) -> int:
        """Number of parameters, phases first."""
        return self.phase_sd.size + 2 * self.copies

    @property
    def sd(self) -> FloatArray:
        """Standard deviations of the priors."""
        return np.concatenate([self.phase_sd, np.tile([SHARE_SD, OFFSET_SD_HZ], self.copies)])

    @property
    def lower(self) -> FloatArray:
        """Lower bounds."""
        return np.concatenate([np.full(self.phase_sd.size, -np.inf), np.tile([0.0, -FARTHEST_HZ], self.copies)])

    @property
    def upper(self) -> FloatArray:
        """Upper bounds."""
        return np.concatenate([np.full(self.phase_sd.size, np.inf), np.tile([1.0, FARTHEST_HZ], self.copies)])

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        phases = [f"line_phase{index + 1}" for index in range(self.phase_sd.size)]
        copies = [f"line_{what}{index + 1}" for index in range(self.copies) for what in ("share", "offset")]
        return (*phases, *copies)

    @property
    def start(self) -> FloatArray:
        """Where a search may start: no phase, small copies on either side in turn."""
        share, offset = _START
        sides = [[share, offset * (-1.0) ** index] for index in range(self.copies)]
        return np.concatenate([np.zeros(self.phase_sd.size), *sides])

    def kernel(self, parameters: FloatArray) -> ComplexArray:
        """Return the line in time without its phase, nowhere zero so that it can be divided by."""
        copies = parameters[self.phase_sd.size :]
        if not copies.size:
            return np.ones(1, dtype=complex)
        kernel = 1.0 + copies[::2] @ waves(copies[1::2], self.time_s)
        return np.where(np.abs(kernel) < _CANCELLED, _CANCELLED, kernel)

    def factor(self, parameters: FloatArray) -> ComplexArray:
        """Return the line in time, shape (n_points,)."""
        count, kernel = self.phase_sd.size, self.kernel(parameters)
        return np.exp(1j * (parameters[:count] @ self.phases)) * kernel if count else kernel

    def slopes(self, parameters: FloatArray) -> ComplexArray:
        """Return the derivatives of the line over the line, shape (size, n_points)."""
        copies, turn = parameters[self.phase_sd.size :], np.asarray(1j * self.phases, dtype=complex)
        if not copies.size:
            return turn
        apart = waves(copies[1::2], self.time_s)
        pairs = np.empty((copies.size, apart.shape[1]), dtype=complex)
        pairs[::2], pairs[1::2] = apart, copies[::2, None] * (2j * np.pi * self.time_s) * (apart + 1.0)
        return np.vstack([turn, pairs / self.kernel(parameters)])


def waves(offsets_hz: FloatArray, time_s: FloatArray) -> ComplexArray:
    """Return exp(2 pi i offset t) - 1 of each offset, shape (n_offsets, n_points)."""
    return np.asarray(np.exp(2j * np.pi * offsets_hz[:, None] * time_s) - 1.0, dtype=complex)


@lru_cache(maxsize=32)
def distortion(points: int, dwell_s: float, *, phase: bool, copies: int) -> Distortion:
    """Return a free line for FIDs of these points.

    Parameters
    ----------
    points, dwell_s : int, float
        Number of points and time between them (s).
    phase : bool
        With a phase: curves 1 - exp(-t / tau), tau of 20, 60 and 180 ms, as eddy currents make them.
    copies : int
        Copies of the line.
    """
    time_s = np.asarray(np.arange(points) * dwell_s, dtype=np.float64)
    curves = 1.0 - np.exp(-time_s / np.array(PHASE_TAU_S)[:, None])
    for array in (curves, time_s):
        array.setflags(write=False)
    return Distortion(
        curves if phase else np.zeros((0, points)),
        np.array(PHASE_SD if phase else (), dtype=np.float64),
        copies,
        time_s,
    )
