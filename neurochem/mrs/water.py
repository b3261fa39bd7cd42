"""The amplitude of unsuppressed water at the top of the echo."""

import math
from dataclasses import dataclass, replace

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.mrs.lineshape import voigt_fwhm
from neurochem.mrs.spectra import Spectrum
from neurochem.units import FloatArray

# Digital filters and receivers distort the first points; metabolites are fitted in frequency, where that is a constant.
SKIP_S = 0.002
_LEVELS = (0.5, 0.3)


@checked_fields
@dataclass(frozen=True, slots=True)
class WaterAmplitude:
    """Water signal at time zero.

    Attributes
    ----------
    value, stderr : float
        Magnitude and its standard error, unit of the data.
    fwhm_hz : float
        Width of the line at half maximum (Hz).
    points : int
        Points used.
    """

    value: float
    stderr: float
    fwhm_hz: float
    points: int

    def scaled(self, factor: float) -> "WaterAmplitude":
        """Return the amplitude on another scale."""
        return replace(self, value=self.value * factor, stderr=self.stderr * factor)


# Unsuppressed water is some thousand times a metabolite; below this its own tail would still be far smaller.
LEAST_WATER_RATIO = 5.0
WATER_PPM, WATER_WINDOW_PPM = 4.65, 0.5


@checked_arguments
def water_amplitude(water: Spectrum) -> WaterAmplitude:
    """Return the amplitude of a water reference, extrapolated to time zero.

    Parameters
    ----------
    water : Spectrum
        The unsuppressed scan, eddy-current corrected or not: only the magnitude is used.

    Returns
    -------
    WaterAmplitude
        Value and standard error. The error combines the scatter about the curve with the change of the value when the
        curve is fitted to half of its fall instead of 70 %: real water is not one Voigt line.

    Raises
    ------
    InputError
        If there is no water signal that stands out of the noise.

    Notes
    -----
    ln |s(t)| = ln A - gamma t - variance t^2, weighted by the square of the curve, from 2 ms on to where the signal has
    fallen to 30 %; exact for a Voigt line, and the same definition of amplitude as that of the basis: the value at time
    zero of a decay whose shape is one there.
    """
    size = np.abs(water.fid)
    where = water.source or water.name
    if not np.isfinite(size).all() or not size.any():
        msg = f"{where}: the water reference is empty or holds NaN. Give the unsuppressed scan."
        raise InputError(msg)
    first = max(2, math.ceil(SKIP_S / water.dwell_s))
    tail = size[-max(size.size // 10, 8) :]
    noise = float(np.sqrt(np.mean(tail**2) / 2.0))
    top = float(np.max(size[first : first + 8]))
    if top < 20.0 * noise:
        msg = (
            f"{where}: the water signal ({top:.3g}) is less than 20 times the noise ({noise:.3g}); "
            "give the unsuppressed scan, not the water-suppressed one."
        )
        raise InputError(msg)
    _check_is_water(water, where)
    fits = [_extrapolate(size, water.time_s, first, level * top) for level in _LEVELS]
    value, scatter, coefficients, count = fits[-1]
    spread = abs(fits[0][0] - value)
    return WaterAmplitude(value, math.hypot(scatter, spread), _width(coefficients), count)


def _check_is_water(water: Spectrum, where: str) -> None:
    """Raise unless the tallest line lies at water: a suppressed scan in the place of the reference scales by a metabolite."""
    ppm, height = water.ppm, np.abs(water.spectrum)
    near = np.abs(ppm - WATER_PPM) <= WATER_WINDOW_PPM
    elsewhere = (ppm > 0.2) & (ppm < 4.1)
    if not near.any() or not elsewhere.any():
        return
    inside, outside = float(np.max(height[near])), float(np.max(height[elsewhere]))
    if inside < LEAST_WATER_RATIO * outside:
        msg = (
            f"{where}: the tallest line near {WATER_PPM} ppm is {inside / outside:.2g} times the tallest of the metabolites, "
            f"water is above {LEAST_WATER_RATIO:g} times; give the unsuppressed scan, not the water-suppressed one"
        )
        raise InputError(msg)


def _extrapolate(
    size: FloatArray, time_s: FloatArray, first: int, floor: float
) -> tuple[float, float, FloatArray, int]:
    """Return amplitude, its standard error, (gamma, variance) and the number of points."""
    below = np.flatnonzero(size[first:] < floor)
    last = max(first + (int(below[0]) if below.size else size.size - first), first + 12)
    part, times = size[first:last], time_s[first:last]
    columns = np.column_stack([np.ones_like(times), -times, -(times**2)])
    # the error of a logarithm is the relative error of the signal; weights of the noisy signal itself would favour points
    # that noise has raised, those of a first curve do not
    weight = part
    for _ in range(2):
        rows, target = columns * weight[:, None], np.log(part) * weight
        scale = np.linalg.norm(rows, axis=0)
        solution = np.linalg.lstsq(rows / scale, target, rcond=None)[0] / scale
        weight = np.exp(columns @ solution)
    left = target - rows @ solution
    covariance = np.linalg.inv((rows / scale).T @ (rows / scale)) * float(left @ left) / max(part.size - 3, 1)
    amplitude = float(np.exp(solution[0]))
    return amplitude, amplitude * math.sqrt(covariance[0, 0]) / scale[0], solution[1:], part.size


def _width(coefficients: FloatArray) -> float:
    return voigt_fwhm(max(float(coefficients[0]), 0.0), max(float(coefficients[1]), 0.0))
