"""The Voigt line: damping in time, width in frequency.

A line decays as exp(-gamma t - variance t^2), gamma in 1/s and variance in 1/s^2; the Gaussian part is parametrised by
its square, whose derivative does not vanish at zero.
"""

import math

from neurochem.units import FloatArray

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
