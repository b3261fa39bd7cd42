"""The shape that the unsuppressed water line has on top of its Voigt part: field and eddy currents of the same voxel."""

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.resample import resample
from neurochem.mrs.spectra import Spectrum
from neurochem.mrs.water import water_amplitude
from neurochem.units import ComplexArray, FloatArray

# Water is followed until it has fallen to this share; what the line does later is held.
_LEAST_SHARE = 0.03
_SKIP_S = 0.002


def reference_line(water: Spectrum, dwell_s: float, points: int) -> ComplexArray:
    """Return what water's FID is on top of a Voigt decay with a phase and a shift; one at time zero.

    Parameters
    ----------
    water : Spectrum
        Unsuppressed scan of the same voxel, not corrected for eddy currents if the metabolites are not.
    dwell_s, points : float, int
        Sampling of the metabolites (s).

    Returns
    -------
    complex array, shape (points,)
        d(t) = s(t) / (A exp(i phase + 2 pi i shift t - gamma t - variance t^2)), the Voigt part fitted to the logarithm
        with weights |s|^2; held where water has fallen below 3 % of its start.

    Raises
    ------
    InputError
        If there is no water signal, or it ends within a few points.
    """
    water_amplitude(water)
    fid = resample(water.fid[None], water.dwell_s, new_dwell_s=dwell_s, points=points)[0]
    time_s: FloatArray = np.arange(points, dtype=float) * dwell_s
    size = np.abs(fid).astype(float)
    first = min(int(np.ceil(_SKIP_S / dwell_s)), points // 8)
    below = np.flatnonzero(size[first:] < _LEAST_SHARE * size[first])
    last = first + int(below[0]) if below.size else points
    if last < first + 16:
        msg = f"{water.source or water.name}: water has decayed after {last - first} points; its line cannot be read from it"
        raise InputError(msg)
    part, weight = slice(first, last), size[first:last]
    size_left = _without(np.log(size[part]), weight, time_s[part], 2)
    turn_left = _without(np.unwrap(np.angle(fid[part])), weight, time_s[part], 1)
    return np.asarray(np.exp(_held(size_left, first, points) + 1j * _held(turn_left, first, points)), dtype=complex)


def _without(values: FloatArray, weight: FloatArray, time_s: FloatArray, degree: int) -> FloatArray:
    """Return values without their weighted polynomial of time."""
    columns = np.vander(time_s / time_s[-1], degree + 1)
    fitted = columns @ np.linalg.lstsq(weight[:, None] * columns, weight * values, rcond=None)[0]
    return np.asarray(values - fitted)


def _held(values: FloatArray, first: int, points: int) -> FloatArray:
    """Return values at all points, held at the end and at the start, and zero at time zero."""
    full = np.concatenate([np.full(first, values[0]), values, np.full(points - first - values.size, values[-1])])
    return full - values[0]
