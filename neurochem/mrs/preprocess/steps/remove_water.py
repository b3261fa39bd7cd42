"""Removal of residual water."""

from dataclasses import dataclass, replace

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.mrs.preprocess.residual_water import RANK, remove_components
from neurochem.mrs.preprocess.state import STEPS, WATER_PPM, Done, State, band_hz, usable
from neurochem.mrs.preprocess.water_lines import MOST_LINES, water_lines
from neurochem.mrs.spectra import COIL, DYNAMIC, Acquisition

# Residual water is looked for this far (ppm) from where it should be.
_SEARCH_PPM = 0.3
# Lines of NAAG, glutathione and NAA lie below; less than the second distance (ppm) on that side would not be all of water.
_NEAREST_PPM, _LEAST_PPM = 4.48, 0.06
METABOLITES_PPM = (0.5, 4.2)

METHODS = ("lines", "hsvd")
_EXPONENTIALS = "damped exponentials"


@STEPS.register(
    name="remove_water",
    aliases=("hsvd",),
    reference="Barkhuijsen 1987, J Magn Reson 73:553 (HSVD); lines of Voigt's shape beside its exponentials",
)
def remove_water(state: State, *, reach_ppm: float = 0.16, rank: int = RANK, method: str = "lines") -> Done:
    """Subtract residual water.

    Parameters
    ----------
    state : State
        Averaged; several edit conditions are treated one by one.
    reach_ppm : float
        Half of the range (ppm) that is water, about the tallest point within 0.3 ppm of 4.65 ppm; on the
        side of the metabolites it ends at 4.48 ppm, or 0.06 ppm from the top.  Wider takes
        lines of NAA (4.38 ppm) and glycerophosphocholine (4.3 ppm), or what stands for them, with it.
    rank : int
        Exponentials in the decomposition.
    method : str
        "lines": one to four lines of Voigt's shape beside exponentials for all else, and HSVD where these do not
        describe the water; "hsvd": the exponentials within the range.

    Notes
    -----
    Change of metabolites between 0.5 and 4.2 ppm by the removal of water of 100 times NAA, norm of the difference, at an SNR
    of 100 ("lines", and "hsvd" in brackets): Lorentz 6 to 12 Hz 0.2 to 0.5 % (0.2 to 0.5), Gauss 6 to 10 Hz 0.3 to 0.5 %
    (0.7 to 1.8), Voigt 0.4 to 0.6 % (1.3 to 2.5), lopsided shim 0.5 to 0.9 % (0.5 to 1.0), two or three unlike lines 0.8 to
    1.0 % (1.1), eddy currents of 40 degrees not corrected 2.0 % (1.4 to 2.5): correct them first.  What is left is the smooth
    tail of the first point: amplitudes fitted with a smooth baseline change by less than 0.1 % (GABA: 0.3 %) in all of these.
    Not among the default steps: the fit models the tail of water itself.
    """
    data = state.data
    if data.nucleus != "1H" or not usable(data) or COIL in data.dims or data.size(DYNAMIC) > 1:
        return Done(state, "not averaged proton FIDs: residual water not removed")
    if not 0 < reach_ppm <= 0.45:
        msg = f"reach_ppm is {reach_ppm}; it must be above 0 and at most 0.45, where metabolites begin."
        raise InputError(msg)
    if rank < 1:
        msg = f"rank is {rank}; give the number of exponentials, {RANK} for most spectra."
        raise InputError(msg)
    if method not in METHODS:
        raise unknown_name(method, METHODS, kind="method of remove_water")
    rows = data.data.reshape(-1, data.shape[-1])
    tops = [_top_hz(row, data.dwell_s, data.larmor_mhz, data.reference_ppm) for row in rows]
    found = [
        _removed(row, data, _band(top, data, reach_ppm), rank, method) for row, top in zip(rows, tops, strict=True)
    ]
    cleaned = np.stack([one.fid for one in found]).reshape(data.shape)
    share = float(np.linalg.norm(cleaned) / np.linalg.norm(data.data))
    names = ", ".join(f"{one.count} {one.kind}" for one in found)
    what = f"removed {names} within {reach_ppm:g} ppm of water; {100 * share:.0f} % of the norm is left"
    if not any(one.count for one in found):
        what = f"no water stands out within {reach_ppm:g} ppm: nothing removed"
    if method == "lines" and any(one.kind == _EXPONENTIALS or one.count >= MOST_LINES for one in found):
        what = (
            f"CHECK: {what}; fewer lines do not describe this water, so that its tail beneath the metabolites is uncertain: "
            "correct eddy currents first, or leave the tail to the fit"
        )
    effect = {
        "components": sum(one.count for one in found), "kind": [one.kind for one in found], "norm_left": share,
        "water_ppm": [data.reference_ppm - top / data.larmor_mhz for top in tops],
    }  # fmt: skip
    return Done(replace(state, data=data.with_data(cleaned, data.dims)), what, effect)


@dataclass(frozen=True, slots=True, eq=False)
class _Removed:
    fid: np.ndarray
    count: int
    kind: str


def _removed(fid: np.ndarray, data: Acquisition, band: tuple[float, float], rank: int, method: str) -> _Removed:
    if method == "lines":
        metabolites = band_hz(data, METABOLITES_PPM)
        found = water_lines(fid, data.dwell_s, band_hz=band, metabolites_hz=metabolites, rank=rank)
        if found.good:
            kind = "line" if found.lines == 1 else "lines"
            return _Removed(fid - found.model, found.lines, kind)
    low, high = band
    cleaned, count = remove_components(
        fid, data.dwell_s, centre_hz=(low + high) / 2, reach_hz=(high - low) / 2, rank=rank
    )
    return _Removed(cleaned, count, _EXPONENTIALS)


def _band(top_hz: float, data: Acquisition, reach_ppm: float) -> tuple[float, float]:
    """Return the range that goes (Hz): about the top, but short of the metabolites unless water itself is there."""
    reach, edge = reach_ppm * data.larmor_mhz, (data.reference_ppm - _NEAREST_PPM) * data.larmor_mhz
    return top_hz - reach, max(min(top_hz + reach, edge), top_hz + min(reach, _LEAST_PPM * data.larmor_mhz))


def _top_hz(fid: np.ndarray, dwell_s: float, larmor_mhz: float, reference_ppm: float) -> float:
    """Return the frequency of the tallest point near water."""
    frequency = np.fft.fftfreq(fid.size, dwell_s)
    middle = (reference_ppm - WATER_PPM) * larmor_mhz
    near = np.flatnonzero(np.abs(frequency - middle) <= _SEARCH_PPM * larmor_mhz)
    if not near.size:
        return middle
    return float(frequency[near[np.argmax(np.abs(np.fft.fft(fid))[near])]])
