"""Removal of residual water."""

from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.residual_water import RANK, remove_components
from neurochem.mrs.preprocess.state import STEPS, WATER_PPM, Done, State, usable
from neurochem.mrs.spectra import COIL, DYNAMIC

# Residual water is looked for this far (ppm) from where it should be.
_SEARCH_PPM = 0.3


@STEPS.register(name="remove_water", aliases=("hsvd",), reference="Barkhuijsen 1987, J Magn Reson 73:553 (HSVD)")
def remove_water(state: State, *, reach_ppm: float = 0.2, rank: int = RANK) -> Done:
    """Subtract residual water: damped exponentials about its top.

    Parameters
    ----------
    state : State
        Averaged; several edit conditions are treated one by one.
    reach_ppm : float
        Half of the range (ppm) from which exponentials go, about the tallest point within 0.3 ppm of 4.65 ppm.  Wider takes
        the lines of NAA at 4.38 ppm and of glycerophosphocholine at 4.3 ppm with it.
    rank : int
        Exponentials in the decomposition.

    Notes
    -----
    A Lorentzian water of a hundred times NAA changes metabolites of 0.5 to 4.2 ppm by 0.2 % (norm of the difference).
    Water that is far from Lorentzian leaves a smooth tail of 1 to 2 %, which the baseline of a fit takes up; correct eddy
    currents first.  Not among the default steps: the fit models the tail of water itself.
    """
    data = state.data
    if data.nucleus != "1H" or not usable(data) or COIL in data.dims or data.size(DYNAMIC) > 1:
        return Done(state, "not averaged proton FIDs: residual water not removed")
    if not 0 < reach_ppm <= 0.45:
        msg = f"reach_ppm is {reach_ppm}; it must be above 0 and at most 0.45, where metabolites begin."
        raise InputError(msg)
    rows = data.data.reshape(-1, data.shape[-1])
    centres = [_top_hz(row, data.dwell_s, data.larmor_mhz, data.reference_ppm) for row in rows]
    found = [
        remove_components(row, data.dwell_s, centre_hz=centre, reach_hz=reach_ppm * data.larmor_mhz, rank=rank)
        for row, centre in zip(rows, centres, strict=True)
    ]
    cleaned = np.stack([row for row, _ in found]).reshape(data.shape)
    count = sum(number for _, number in found)
    share = float(np.linalg.norm(cleaned) / np.linalg.norm(data.data))
    what = f"removed {count} damped exponentials within {reach_ppm:g} ppm of water; {100 * share:.0f} % of the norm is left"
    shifts = [data.reference_ppm - centre / data.larmor_mhz for centre in centres]
    effect = {"components": count, "norm_left": share, "water_ppm": shifts}
    return Done(replace(state, data=data.with_data(cleaned, data.dims)), what, effect)


def _top_hz(fid: np.ndarray, dwell_s: float, larmor_mhz: float, reference_ppm: float) -> float:
    """Return the frequency of the tallest point near water."""
    frequency = np.fft.fftfreq(fid.size, dwell_s)
    middle = (reference_ppm - WATER_PPM) * larmor_mhz
    near = np.flatnonzero(np.abs(frequency - middle) <= _SEARCH_PPM * larmor_mhz)
    if not near.size:
        return middle
    return float(frequency[near[np.argmax(np.abs(np.fft.fft(fid))[near])]])
