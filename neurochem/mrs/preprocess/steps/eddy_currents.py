"""Correction of eddy currents with the phase of the water reference."""

from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.eddy import eddy_phase
from neurochem.mrs.preprocess.state import STEPS, Done, State, Trace, times, usable
from neurochem.mrs.spectra import TIME

# Water is seen for 100 ms and more; what sinks into noise before this is no water reference.
_LEAST_S = 0.02


@STEPS.register(
    name="eddy_currents", aliases=("ecc", "klose"), reference="Klose 1990, Magn Reson Med 14:26", needs=("water",)
)
def eddy_currents(state: State, *, least_snr: float = 3.0) -> Done:
    """Subtract the phase of the water reference from both scans.

    Parameters
    ----------
    state : State
        Averaged, with a water reference.
    least_snr : float
        The phase is measured while water is that many times its noise, and a straight line after that.

    Notes
    -----
    Sets the phase of both scans to zero and puts water at the reference shift.  A reference of another length or dwell time
    is brought to the points of the data, its phase interpolated and, past its end, extrapolated.
    """
    data, water = state.data, state.water
    if water is None:
        return Done(state, "no water reference: eddy currents not corrected")
    if water.data.ndim != 1:
        sizes = ", ".join(f"{dim} {size}" for dim, size in zip(water.dims, water.shape, strict=True))
        return Done(state, f"the water reference is not one FID ({sizes}): eddy currents not corrected")
    if not usable(water):
        return Done(state, "the water reference is empty or holds NaN: eddy currents not corrected")
    if not least_snr > 0:
        msg = f"least_snr is {least_snr}; it must be positive."
        raise InputError(msg)
    phase, last = eddy_phase(water.data, least_snr=least_snr)
    if last < water.size(TIME) and last * water.dwell_s < _LEAST_S:
        what = f"the water reference sinks into its noise after {1e3 * last * water.dwell_s:.0f} ms: eddy currents not corrected"
        return Done(state, what)
    here = _phase_at(times(data), times(water), phase)
    turned = replace(
        state,
        data=data.with_data(data.data * np.exp(-1j * here), data.dims),
        water=water.with_data(water.data * np.exp(-1j * phase), water.dims),
    )
    until = last * water.dwell_s
    what = f"subtracted the phase of the water reference, measured to {1e3 * until:.0f} ms"
    if last < water.size(TIME):
        what += " and extrapolated after that"
    effect = {"measured_to_s": until, "phase_at_start_deg": float(np.degrees(phase[0]))}
    shown = times(water) <= min(1.5 * until, 0.4)
    trace = Trace(
        np.degrees(phase[shown]),
        "phase of water",
        "degree",
        along="time",
        along_unit="s",
        x=times(water)[shown],
        limit=None,
    )
    return Done(turned, what, effect, (trace,))


def _phase_at(wanted: np.ndarray, known: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Return the phase at other times; past the end its last slope goes on."""
    if wanted.size == known.size and np.allclose(wanted, known, rtol=1e-6, atol=0.0):
        return phase
    late = max(known.size // 8, 8)
    slope, offset = np.polyfit(known[-late:], phase[-late:], 1)
    return np.where(wanted <= known[-1], np.interp(wanted, known, phase), slope * wanted + offset)
