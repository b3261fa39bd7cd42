"""Shift and phase of a spectrum against the singlets that every brain spectrum has."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.noise import late_points
from neurochem.mrs.preprocess.registration import band_limited, register
from neurochem.mrs.preprocess.state import band_hz
from neurochem.mrs.preprocess.transients import compared
from neurochem.mrs.spectra import Acquisition
from neurochem.units import ComplexArray

# Shift (ppm) and height relative to NAA of singlets between 1.9 and 3.4 ppm (Govindaraju 2000, NMR Biomed 13:129).
SINGLETS: Mapping[str, tuple[float, float]] = {"NAA": (2.008, 1.0), "Cr": (3.027, 0.8), "Cho": (3.21, 0.6)}
# NAA is not among them: NAAG and glutamate beside it pull.
PHASED_BY = ("Cr", "Cho")
_WIDTH_HZ = 7.0
_RANGE_PPM = (1.85, 3.4)
# Once the shift is roughly known: how far a singlet reaches, and how far it may still be off.
_NEAR_PPM, _FINE_PPM = 0.05, 0.05
_TAPER_PPM = 0.03


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
        Correlation with the template, 0 to 1.
    prominence : float
        Signal that looks like the template over the standard deviation of what noise alone would give.
    """

    shift_ppm: float
    phase_rad: float
    agreement: float
    prominence: float

    @property
    def found(self) -> bool:
        """Whether there are singlets to rely on: the best of some hundred shifts of noise reaches 4 and no more."""
        return self.agreement >= _LEAST_AGREEMENT and self.prominence >= _LEAST_PROMINENCE


_LEAST_AGREEMENT, _LEAST_PROMINENCE = 0.3, 8.0


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
    time_s = np.arange(fid.size) * data.dwell_s
    shift, phase, agreement, prominence = 0.0, 0.0, 0.0, 0.0
    late = fid[late_points(fid)]
    sd = float(np.sqrt(np.mean(np.abs(late - late.mean()) ** 2)))
    for bands, reach_ppm in (((_RANGE_PPM,), max_shift_ppm), (tuple(_around(name) for name in lines), _FINE_PPM)):
        part = _limited(compared(fid[None, :] * np.exp(-2j * np.pi * shift * time_s), data), data, bands)
        template = _limited(compared(_template(lines, data, fid.size)[None, :], data)[0], data, bands)
        reach = reach_ppm * data.larmor_mhz
        more, angle = register(part, template, dwell_s=data.dwell_s, max_shift_hz=reach)
        shift, phase = shift + float(more[0]), float(angle[0])
        moved = template * np.exp(2j * np.pi * more[0] * time_s[: template.size])
        size = float(np.linalg.norm(moved) * np.linalg.norm(part[0]))
        overlap = abs(complex(np.vdot(moved, part[0])))
        agreement = overlap / size if size > 0 else 0.0
        noise = float(np.linalg.norm(moved)) * sd
        prominence = overlap / noise if noise > 0.0 else math.inf if overlap > 0.0 else 0.0
    return SingletMatch(-shift / data.larmor_mhz, phase, agreement, prominence)


def singlet_amplitude(fid: ComplexArray, data: Acquisition, name: str, shift_ppm: float) -> complex:
    """Return the complex amplitude of one singlet of a FID, relative to its height in the template.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        One averaged FID.
    data : Acquisition
        What it belongs to.
    name : str
        Of `SINGLETS`.
    shift_ppm : float
        How far the singlets lie above where they should be (`match_singlets`).
    """
    time_s = np.arange(fid.size) * data.dwell_s
    back = np.exp(2j * np.pi * shift_ppm * data.larmor_mhz * time_s)
    bands = (_around(name),)
    part = _limited(compared((fid * back)[None, :], data), data, bands)[0]
    template = _limited(compared(_template((name,), data, fid.size)[None, :], data)[0], data, bands)
    return complex(np.vdot(template, part) / np.vdot(template, template).real)


def _around(name: str) -> tuple[float, float]:
    """Return the surroundings of a singlet, without the multiplets beside it."""
    return SINGLETS[name][0] - _NEAR_PPM, SINGLETS[name][0] + _NEAR_PPM


def _template(lines: tuple[str, ...], data: Acquisition, points: int) -> ComplexArray:
    time_s = np.arange(points) * data.dwell_s
    total = np.zeros(points, dtype=complex)
    for ppm, height in (SINGLETS[name] for name in lines):
        hertz = (data.reference_ppm - ppm) * data.larmor_mhz
        total += height * np.exp((2j * np.pi * hertz - np.pi * _WIDTH_HZ) * time_s)
    return total


def _limited(fid: ComplexArray, data: Acquisition, bands: tuple[tuple[float, float], ...]) -> ComplexArray:
    taper = _TAPER_PPM * data.larmor_mhz
    return np.sum([band_limited(fid, data.dwell_s, band_hz(data, band), taper) for band in bands], axis=0)
