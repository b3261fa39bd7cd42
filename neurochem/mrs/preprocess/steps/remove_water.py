"""Removal of residual water."""

from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.residual_water import RANK, remove_components
from neurochem.mrs.preprocess.state import STEPS, WATER_PPM, Done, State, usable
from neurochem.mrs.spectra import COIL, DYNAMIC, Acquisition

# Residual water is looked for this far (ppm) from where it should be.
_SEARCH_PPM = 0.3
# Lines of NAAG, glutathione and NAA lie below; less than the second distance (ppm) on that side would not be all of water.
_METABOLITES_PPM, _LEAST_PPM = 4.48, 0.06


@STEPS.register(name="remove_water", aliases=("hsvd",), reference="Barkhuijsen 1987, J Magn Reson 73:553 (HSVD)")
def remove_water(state: State, *, reach_ppm: float = 0.16, rank: int = RANK) -> Done:
    """Subtract residual water: damped exponentials about its top.

    Parameters
    ----------
    state : State
        Averaged; several edit conditions are treated one by one.
    reach_ppm : float
        Half of the range (ppm) from which exponentials go, about the tallest point within 0.3 ppm of 4.65 ppm; on the
        side of the metabolites it ends at 4.48 ppm, or 0.06 ppm from the top.  Wider takes
        lines of NAA (4.38 ppm) and glycerophosphocholine (4.3 ppm), or what stands for them, with it.
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
    tops = [_top_hz(row, data.dwell_s, data.larmor_mhz, data.reference_ppm) for row in rows]
    bands = [_band(top, data, reach_ppm) for top in tops]
    found = [
        remove_components(row, data.dwell_s, centre_hz=(low + high) / 2, reach_hz=(high - low) / 2, rank=rank)
        for row, (low, high) in zip(rows, bands, strict=True)
    ]
    cleaned = np.stack([row for row, _ in found]).reshape(data.shape)
    count = sum(number for _, number in found)
    share = float(np.linalg.norm(cleaned) / np.linalg.norm(data.data))
    what = f"removed {count} damped exponentials within {reach_ppm:g} ppm of water; {100 * share:.0f} % of the norm is left"
    shifts = [data.reference_ppm - top / data.larmor_mhz for top in tops]
    effect = {"components": count, "norm_left": share, "water_ppm": shifts}
    return Done(replace(state, data=data.with_data(cleaned, data.dims)), what, effect)


def _band(top_hz: float, data: Acquisition, reach_ppm: float) -> tuple[float, float]:
    """Return the range that goes (Hz): about the top, but short of the metabolites unless water itself is there."""
    reach, edge = reach_ppm * data.larmor_mhz, (data.reference_ppm - _METABOLITES_PPM) * data.larmor_mhz
    return top_hz - reach, max(min(top_hz + reach, edge), top_hz + min(reach, _LEAST_PPM * data.larmor_mhz))


def _top_hz(fid: np.ndarray, dwell_s: float, larmor_mhz: float, reference_ppm: float) -> float:
    """Return the frequency of the tallest point near water."""
    frequency = np.fft.fftfreq(fid.size, dwell_s)
    middle = (reference_ppm - WATER_PPM) * larmor_mhz
    near = np.flatnonzero(np.abs(frequency - middle) <= _SEARCH_PPM * larmor_mhz)
    if not near.size:
        return middle
    return float(frequency[near[np.argmax(np.abs(np.fft.fft(fid))[near])]])
