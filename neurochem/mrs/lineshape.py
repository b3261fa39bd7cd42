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
# Copies of a line in its kernel: their distance, how many on each side, and the standard deviation of a copy's share.
KERNEL_STEP_HZ = 1.2
KERNEL_REACH = 8
SHARE_SD = 0.15
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
    offsets_hz : array, shape (n_offsets,)
        Where the line has copies besides the one at zero.
    waves : complex array, shape (n_offsets, n_points)
        exp(2 pi i offset t) - 1 of each.
    share_sd : float
        Standard deviation of the prior of each copy's share, which cannot be negative.

    Notes
    -----
    d(t) = exp(i sum_j p_j phase_j(t)) (1 + sum_k w_k (exp(2 pi i offset_k t) - 1)): a non-negative convolution kernel of
    unit area (a field that is not uniform), times a phase (a field that is not constant in time).
    """

    phases: FloatArray
    phase_sd: FloatArray
    offsets_hz: FloatArray
    waves: ComplexArray
    share_sd: float = SHARE_SD

    @property
    def size(self) -> int:
        """Number of parameters, phases first."""
        return self.phase_sd.size + self.offsets_hz.size

    @property
    def sd(self) -> FloatArray:
        """Standard deviations of the priors."""
        return np.concatenate([self.phase_sd, np.full(self.offsets_hz.size, self.share_sd)])

    @property
    def lower(self) -> FloatArray:
        """Lower bounds."""
        return np.concatenate([np.full(self.phase_sd.size, -np.inf), np.zeros(self.offsets_hz.size)])

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        phases = [f"line_phase{index + 1}" for index in range(self.phase_sd.size)]
        return (*phases, *(f"line_share{offset:+.1f}Hz" for offset in self.offsets_hz))

    def factor(self, parameters: FloatArray) -> ComplexArray:
        """Return the line in time, shape (n_points,)."""
        turn, shares = np.split(parameters, [self.phase_sd.size])
        kernel = 1.0 + shares @ self.waves if shares.size else np.ones(1)
        return np.asarray(np.exp(1j * (turn @ self.phases)) * kernel, dtype=complex)

    def slopes(self, parameters: FloatArray) -> ComplexArray:
        """Return the derivatives of the line over the line, shape (size, n_points)."""
        shares = parameters[self.phase_sd.size :]
        if not shares.size:
            return np.asarray(1j * self.phases, dtype=complex)
        kernel = 1.0 + shares @ self.waves
        # where copies cancel there is no signal left whose derivative could matter
        kernel = np.where(np.abs(kernel) < 1e-9, 1e-9, kernel)
        return np.vstack([1j * self.phases, self.waves / kernel])


@lru_cache(maxsize=8)
def distortion(points: int, dwell_s: float, *, phase: bool, kernel: bool) -> Distortion:
    """Return a free line for FIDs of these points.

    Parameters
    ----------
    points, dwell_s : int, float
        Number of points and time between them (s).
    phase : bool
        With a phase: curves 1 - exp(-t / tau), tau of 20, 60 and 180 ms, as eddy currents make them.
    kernel : bool
        With a kernel: 16 copies of the line, 1.2 Hz apart.
    """
    tau, steps = np.array(PHASE_TAU_S), np.arange(-KERNEL_REACH, KERNEL_REACH + 1)
    time_s = np.arange(points) * dwell_s
    offsets = KERNEL_STEP_HZ * steps[steps != 0] if kernel else np.zeros(0)
    curves = 1.0 - np.exp(-time_s / tau[:, None])
    waves: ComplexArray = np.asarray(np.exp(2j * np.pi * offsets[:, None] * time_s) - 1.0, dtype=complex)
    for array in (curves, offsets, waves):
        array.setflags(write=False)
    return Distortion(
        curves if phase else np.zeros((0, points)), np.array(PHASE_SD) if phase else np.zeros(0), offsets, waves
    )
