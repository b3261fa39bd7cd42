"""Truncation, zero filling and apodisation. None belongs before a fit; all are recorded."""

import math
from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.state import STEPS, Done, State, times
from neurochem.mrs.spectra import TIME, Acquisition
from neurochem.units import FloatArray


@STEPS.register(name="truncate", reference="leaves the first points of the FID")
def truncate(state: State, *, points: int | None = None, seconds: float | None = None) -> Done:
    """Cut the end of both scans off.

    Parameters
    ----------
    state : State
        Any.
    points, seconds : int, float, optional
        How much to keep: give one of them.
    """
    if (points is None) == (seconds is None):
        msg = "truncate needs either points or seconds, how much of the FID to keep. Give one of them."
        raise InputError(msg)
    wanted = points if points is not None else round(float(seconds or 0.0) / state.data.dwell_s)
    before = state.data.size(TIME)
    if wanted < 16:
        msg = f"truncate to {wanted} points; at least 16 are needed. Give more points or seconds."
        raise InputError(msg)
    if wanted >= before:
        return Done(state, f"the FID has {before} points: nothing to cut off")
    done = state.both(lambda scan: scan.with_data(scan.data[..., :wanted], scan.dims))
    noise = None if state.noise is None else state.noise.shaped(state.noise.envelope[:wanted])
    return Done(replace(done, noise=noise), f"kept {wanted} of {before} points", {"points": wanted})


@STEPS.register(name="zero_fill", aliases=("zero_filling",), reference="interpolates the spectrum; adds no information")
def zero_fill(state: State, *, factor: float = 2.0, points: int | None = None) -> Done:
    """Lengthen both scans with zeros.

    Parameters
    ----------
    state : State
        Any.
    factor : float
        New length over old length, at least 1.
    points : int, optional
        New length instead; a scan that is longer already stays as it is.
    """
    before = state.data.size(TIME)
    wanted = points if points is not None else math.ceil(factor * before)
    if wanted < before:
        msg = f"zero_fill to {wanted} points, but the FID has {before}. Use truncate to shorten it."
        raise InputError(msg)

    def filled(scan: Acquisition) -> Acquisition:
        more = max(wanted - scan.size(TIME), 0)
        return scan.with_data(np.pad(scan.data, [(0, 0)] * (scan.data.ndim - 1) + [(0, more)]), scan.dims)

    noise = None if state.noise is None else state.noise.shaped(np.pad(state.noise.envelope, (0, wanted - before)))
    what = (
        f"filled {before} points with zeros to {wanted}; neighbouring points of the spectrum are no longer independent"
    )
    return Done(replace(state.both(filled), noise=noise), what, {"points": wanted})


@STEPS.register(
    name="apodise", aliases=("apodize", "line_broadening"), reference="exp(-pi L t - (pi G t)^2 / (4 ln 2))"
)
def apodise(state: State, *, lorentz_hz: float = 0.0, gauss_hz: float = 0.0) -> Done:
    """Multiply both scans by a decaying filter.

    Parameters
    ----------
    state : State
        Any.
    lorentz_hz, gauss_hz : float
        Full widths at half maximum that are added (Hz).
    """
    if min(lorentz_hz, gauss_hz) < 0 or not max(lorentz_hz, gauss_hz) > 0:
        msg = f"lorentz_hz is {lorentz_hz} and gauss_hz is {gauss_hz}; give a positive width for one of them, in Hz."
        raise InputError(msg)

    def window(time_s: FloatArray) -> FloatArray:
        return np.exp(-np.pi * lorentz_hz * time_s - (np.pi * gauss_hz * time_s) ** 2 / (4.0 * math.log(2.0)))

    done = state.both(lambda scan: scan.with_data(scan.data * window(times(scan)), scan.dims))
    noise = None if state.noise is None else state.noise.shaped(state.noise.envelope * window(times(state.data)))
    what = f"apodised by {lorentz_hz:g} Hz (Lorentz) and {gauss_hz:g} Hz (Gauss); areas at time zero are unchanged"
    return Done(replace(done, noise=noise), what, {"lorentz_hz": lorentz_hz, "gauss_hz": gauss_hz})
