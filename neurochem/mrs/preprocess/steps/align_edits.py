"""Alignment of edit conditions to each other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurochem.mrs.preprocess.registration import band_limited, register
from neurochem.mrs.preprocess.state import STEPS, Done, State, band_hz, times, usable
from neurochem.mrs.preprocess.transients import compared
from neurochem.mrs.spectra import COIL, DYNAMIC, EDIT, Acquisition
from neurochem.units import ComplexArray, FloatArray

# Choline and creatine, which an edit pulse at 1.9, 1.5 or 7.5 ppm leaves as they are.  GABA beneath creatine pulls by
# 0.04 Hz and 0.1 degree; choline alone is as good in the mean and twice as noisy.
EDIT_ALIGN_PPM = ((2.9, 3.35),)
_TAPER_PPM = 0.05
_PASSES = 2


@STEPS.register(
    name="align_edits", aliases=("align_subspectra",), reference="Near 2015; Edden 2014, J Magn Reson Imaging 40:1445"
)
def align_edits(
    state: State, *, ppm: Sequence[tuple[float, float]] = EDIT_ALIGN_PPM, max_shift_hz: float = 10.0
) -> Done:
    """Align the edit conditions by lines that editing leaves alone, so that these cancel in the difference.

    Parameters
    ----------
    state : State
        Averaged, with several edit conditions.
    ppm : sequence of tuple of float
        Ranges of shifts that must be equal in all conditions.
    max_shift_hz : float
        Largest shift searched (Hz).

    Notes
    -----
    Every condition is registered to the last one (OFF), in two passes.
    """
    data = state.data
    if data.size(EDIT) == 1:
        return Done(state, "one edit condition: nothing to align")
    if COIL in data.dims or data.size(DYNAMIC) > 1 or not usable(data):
        return Done(state, "not averaged FIDs: edit conditions not aligned")
    axis = data.dims.index(EDIT)
    rows = np.moveaxis(data.data, axis, 0)
    mean = rows.reshape(rows.shape[0], -1, rows.shape[-1]).mean(axis=1)
    angle, shift = _angles(mean, data, ppm, max_shift_hz)
    turn = np.exp(-1j * angle).reshape(rows.shape[0], *(1,) * (rows.ndim - 2), rows.shape[-1])
    aligned = data.with_data(np.moveaxis(rows * turn, 0, axis), data.dims)
    degrees = np.degrees(angle[:, 0])
    what = (
        f"aligned {rows.shape[0]} edit conditions to the last: up to {np.abs(shift).max():.2f} Hz, "
        f"{np.abs(degrees).max():.1f} degrees"
    )
    effect = {"shift_hz": shift.tolist(), "phase_deg": degrees.tolist()}
    return Done(replace(state, data=aligned), what, effect)


def _angles(
    fids: ComplexArray, data: Acquisition, ppm: Sequence[tuple[float, float]], max_shift_hz: float
) -> tuple[FloatArray, FloatArray]:
    """Return the angle (radian) of every condition and point against the last condition, and the shifts (Hz)."""
    taper = _TAPER_PPM * data.larmor_mhz
    bands = [band_hz(data, part) for part in ppm]
    time_s = times(data)
    angle, shift = np.zeros(fids.shape), np.zeros(fids.shape[0])
    for _ in range(_PASSES):
        part = compared(fids * np.exp(-1j * angle), data)
        # both sides within the bands: what editing changes must not pull
        limited = np.sum([band_limited(part, data.dwell_s, band, taper) for band in bands], axis=0)
        more, phase = register(limited, limited[-1], dwell_s=data.dwell_s, max_shift_hz=max_shift_hz)
        shift = shift + more
        angle = angle + 2.0 * np.pi * more[:, None] * time_s + phase[:, None]
    return angle, shift
