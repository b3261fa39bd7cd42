"""Shift and phase of a spectrum against the singlets that every brain spectrum has."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.registration import band_limited, register
from neurochem.mrs.preprocess.state import band_hz
from neurochem.mrs.preprocess.transients import compared
from neurochem.mrs.spectra import Acquisition
from neurochem.units import ComplexArray

# Shift (ppm) and height relative to NAA of singlets between 1.9 and 3.4 ppm (Govindaraju 2000, NMR Biomed 13:129).
SINGLETS: Mapping[str, tuple[float, float]] = {"NAA": (2.008, 1.0), "Cr": (3.027, 0.8), "Cho": (3.21, 0.6)}
_WIDTH_HZ = 7.0
_RANGE_PPM = (1.85, 3.4)
_TAPER_PPM = 0.05


@dataclass(frozen=True, slots=True)
class SingletMatch:
    """Where the singlets of a spectrum are.

    Attributes
    ----------
    shift_ppm : float
        Their shift above where they should be.
    phase_rad : float
        Their common phase.
    agreement : float
        Correlation with the template, 0 to 1; below 0.3 there is nothing to rely on.
    """

    shift_ppm: float
    phase_rad: float
    agreement: float


LEAST_AGREEMENT = 0.3


def match_singlets(
    fid: ComplexArray, data: Acquisition, *, lines: tuple[str, ...], max_shift_ppm: float
) -> SingletMatch:
    """Return shift and phase of the singlets of a FID.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        One averaged FID.
    data : Acquisition
        What it belongs to.
    lines : tuple of str
        Of `SINGLETS`.
    max_shift_ppm : float
        Largest shift searched.

    Raises
    ------
    InputError
        If a line is unknown or not in the band.
    """
    for name in lines:
        if name not in SINGLETS:
            msg = f"line '{name}' is not known; allowed: {', '.join(SINGLETS)}."
            raise InputError(msg)
    part = compared(fid[None, :], data)
    band = band_hz(data, _RANGE_PPM)
    part = band_limited(part, data.dwell_s, band, _TAPER_PPM * data.larmor_mhz)
    time_s = np.arange(part.shape[-1]) * data.dwell_s
    template = sum(
        height * np.exp(2j * np.pi * (data.reference_ppm - ppm) * data.larmor_mhz * time_s - np.pi * _WIDTH_HZ * time_s)
        for ppm, height in (SINGLETS[name] for name in lines)
    )
    shift, phase = register(
        part, np.asarray(template), dwell_s=data.dwell_s, max_shift_hz=max_shift_ppm * data.larmor_mhz
    )
    moved = np.asarray(template) * np.exp(2j * np.pi * shift[0] * time_s)
    size = float(np.linalg.norm(moved) * np.linalg.norm(part[0]))
    agreement = abs(np.vdot(moved, part[0])) / size if size > 0 else 0.0
    return SingletMatch(-float(shift[0]) / data.larmor_mhz, float(phase[0]), float(agreement))
