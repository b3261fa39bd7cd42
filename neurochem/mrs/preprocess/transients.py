"""Transients as they are compared: an edit condition at a time, without water, within the part of the FID that has signal."""

from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.state import WATER_PPM, band_hz
from neurochem.mrs.preprocess.water_filter import steady, without_water
from neurochem.mrs.spectra import COIL, DYNAMIC, TIME, Acquisition
from neurochem.units import ComplexArray

# Metabolites have decayed by then at any field; what comes later is noise.
SIGNAL_S = 0.4
# Shifts are found from the first part alone: the reference of 32 transients is noise after that, and holds each in place.
ALIGN_S = 0.2
# Residual water within this distance (ppm) is taken out before transients are compared.
WATER_REACH_PPM = 0.15
# Singlets and multiplets between macromolecules and lipids on one side and water on the other.
ALIGN_PPM = (1.8, 4.2)
# Scalp lipids count where the question is whether something happened.
JUDGE_PPM = (0.5, 4.2)


@dataclass(frozen=True, slots=True)
class Stack:
    """How the FIDs of an acquisition are laid out as stacks of transients."""

    shape: tuple[int, ...]
    axis: int

    def put(self, rows: list[np.ndarray]) -> np.ndarray:
        """Return one array of the acquisition's own layout from one array a stack, (n_transients, ...)."""
        stacked = np.stack(rows)
        outer = self.shape[: self.axis] + self.shape[self.axis + 1 :]
        return np.moveaxis(stacked.reshape(*outer, *stacked.shape[1:]), len(outer), self.axis)


def stacks(data: Acquisition) -> tuple[Stack, list[ComplexArray]]:
    """Return the transients of each edit condition (and of whatever else there is besides), (n_transients, n_points).

    Raises
    ------
    InputError
        If coils are not combined yet.
    """
    if data.size(COIL) > 1:
        msg = (
            f"{data.source or data.name}: {data.size(COIL)} coils are not combined yet; transients of single coils are too "
            "noisy to compare. Put combine_coils before this step."
        )
        raise InputError(msg)
    axis = data.dims.index(DYNAMIC)
    values = np.moveaxis(data.data, axis, -2)
    return Stack(data.shape[:-1], axis), list(values.reshape(-1, *values.shape[-2:]))


def compared(
    fids: ComplexArray, data: Acquisition, *, seconds: float = SIGNAL_S, water_filter: bool = True
) -> ComplexArray:
    """Return FIDs, cut to the time that has signal and without residual water."""
    points = max(min(round(seconds / data.dwell_s), data.size(TIME)), 16)
    part = fids[..., :points]
    centre = (data.reference_ppm - WATER_PPM) * data.larmor_mhz
    if not water_filter or data.nucleus != "1H" or abs(centre) > 0.5 / data.dwell_s:
        return part
    return without_water(part, data.dwell_s, centre_hz=centre, reach_hz=WATER_REACH_PPM * data.larmor_mhz)


def judged_band(data: Acquisition, ppm: tuple[float, float]) -> tuple[float, float]:
    """Return a range of shifts in Hz, the whole band where the nucleus is not the proton."""
    if data.nucleus != "1H":
        half = 0.5 / data.dwell_s
        return -half, half
    return band_hz(data, ppm)


def water_steady(aligned: ComplexArray, data: Acquisition, noise: ComplexArray) -> bool:
    """Say whether aligned FIDs, (n_transients, n_points), differ by no more than noise where residual water is."""
    centre = (data.reference_ppm - WATER_PPM) * data.larmor_mhz
    if data.nucleus != "1H" or abs(centre) > 0.5 / data.dwell_s:
        return False
    reach = WATER_REACH_PPM * data.larmor_mhz
    return steady(aligned, data.dwell_s, centre_hz=centre, reach_hz=reach, noise=noise)
