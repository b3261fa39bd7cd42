"""Broad signals of macromolecules at short echo time, for a basis that has none.

A metabolite-nulled spectrum measured at 3 T (Birch 2017) in seven groups of Gaussian lines, each group free in height
but softly tied to the one at 0.9 ppm by the measured ratio of areas.
"""

from dataclasses import dataclass

import numpy as np

from neurochem.mrs.basis import Basis
from neurochem.mrs.lineshape import gauss_variance
from neurochem.mrs.spectra import Spectrum, to_hz
from neurochem.units import ComplexArray, FloatArray

REFERENCE = "Birch 2017, Magn Reson Med 77:34-43 (Gaussian lines at 3 T, relative areas)"
ANCHOR = "MM09"
# Echo times (s) beyond which macromolecules have decayed (T2 of some 20 to 40 ms; from memory, unchecked).
LONGEST_ECHO_TIME_S = 0.080
# Relative standard deviation of the soft ratios: LCModel's for its own set lie between 0.25 and 0.8 (its source).
RATIO_SD = 0.4

# name: lines of (ppm, width in Hz at 127.7 MHz, relative area)
_GROUPS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "MM09": ((0.90, 21.20, 0.72),),
    "MM12": ((1.21, 19.16, 0.28),),
    "MM14": ((1.38, 15.90, 0.38),),
    "MM17": ((1.63, 7.50, 0.05),),
    "MM20": ((2.01, 29.03, 0.45), (2.09, 20.53, 0.36), (2.25, 17.89, 0.36), (2.61, 5.30, 0.04)),
    "MM30": ((2.96, 14.02, 0.20), (3.11, 17.89, 0.11)),
    "MM38": ((3.67, 33.52, 0.64), (3.80, 11.85, 0.07), (3.96, 37.48, 1.00)),
}
_PROTONS_OF_ANCHOR = 3.0


@dataclass(frozen=True, slots=True)
class RatioPrior:
    """A soft ratio: amplitude of `name` over amplitude of `reference` is mean +- sd."""

    name: str
    reference: str
    mean: float
    sd: float


def macromolecule_fids(
    time_s: FloatArray, larmor_mhz: float, reference_ppm: float, proton_amplitude: float = 1.0
) -> tuple[tuple[str, ...], ComplexArray]:
    """Return names and FIDs of the groups, the one at 0.9 ppm starting at three protons.

    Parameters
    ----------
    time_s : array, shape (n_points,)
        Times (s).
    larmor_mhz, reference_ppm : float
        Frequency (MHz) and shift at zero frequency; widths are kept in ppm.
    proton_amplitude : float
        Signal of one proton, as in `Basis`.

    Returns
    -------
    names : tuple of str
    fids : complex array, shape (7, n_points)
    """
    unit = proton_amplitude * _PROTONS_OF_ANCHOR / _GROUPS[ANCHOR][0][2]
    fids = []
    for lines in _GROUPS.values():
        fid = np.zeros(time_s.size, dtype=complex)
        for ppm, width_hz, area in lines:
            frequency = float(to_hz(np.array(ppm), larmor_mhz, reference_ppm))
            variance = gauss_variance(width_hz * larmor_mhz / 127.7)
            fid += unit * area * np.exp(2j * np.pi * frequency * time_s - variance * time_s**2)
        fids.append(fid)
    return tuple(_GROUPS), np.array(fids)


def ratio_priors() -> tuple[RatioPrior, ...]:
    """Return the soft ratios of the default set: areas are in the FIDs, so every mean is 1."""
    return tuple(RatioPrior(name, ANCHOR, 1.0, RATIO_SD) for name in _GROUPS if name != ANCHOR)


def wanted(basis: Basis, spectrum: Spectrum) -> bool:
    """Say whether the default macromolecules belong into a fit.

    They do where the basis has no broad element, the nucleus is 1H and the echo time is known and at most 80 ms.
    """
    if basis.macromolecules or spectrum.nucleus != "1H":
        return False
    return spectrum.echo_time_s is not None and spectrum.echo_time_s <= LONGEST_ECHO_TIME_S
