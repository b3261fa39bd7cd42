"""How long before or after the top of the echo a FID begins, from the phases of its singlets."""

from dataclasses import dataclass

import numpy as np

from neurochem.mrs.preprocess.singlet_template import PHASED_BY, SINGLETS, match_singlets, singlet_amplitude
from neurochem.mrs.spectra import Acquisition
from neurochem.units import ComplexArray

_SEARCH_S, _STEP_S = (-1e-3, 10e-3), 5e-6
# NAAG and glutamate beside NAA turn its phase by up to 20 degrees.
_SHARE = {"NAA": 0.5, "Cr": 1.0, "Cho": 1.0}


@dataclass(frozen=True, slots=True)
class EchoDelay:
    """Time from the first point to the top of the echo.

    Attributes
    ----------
    seconds : float
        Positive where the FID begins before the echo.
    coherence : float
        How well one delay and one phase explain the phases of all lines, 0 to 1.
    """

    seconds: float
    coherence: float


def echo_delay(fid: ComplexArray, data: Acquisition) -> EchoDelay | None:
    """Return the delay under which the singlets have one phase, or None where they do not stand out.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        One averaged FID.
    data : Acquisition
        What it belongs to.

    Notes
    -----
    A line at frequency f of a FID that begins d before the echo has the phase phi - 2 pi f d.  The estimate is the top of
    |sum w exp(i (phase + 2 pi f d))| over d, 0 to 0.3 ms too long at 3 T because of what lies beneath the singlets.  Water
    is no fourth line: drift and eddy currents turn it against the metabolites by tens of degrees.
    """
    found = match_singlets(fid, data, lines=PHASED_BY, max_shift_ppm=0.15)
    if not found.found:
        return None
    phases = np.angle([singlet_amplitude(fid, data, name, found.shift_ppm) for name in SINGLETS])
    ppm = np.array([line[0] for line in SINGLETS.values()]) + found.shift_ppm
    hertz = (data.reference_ppm - ppm) * data.larmor_mhz
    share = np.array([_SHARE[name] for name in SINGLETS])
    delays = np.arange(*_SEARCH_S, _STEP_S)
    turned = np.exp(1j * (phases + 2.0 * np.pi * hertz * delays[:, None]))
    coherence = np.abs(turned @ share) / share.sum()
    best = int(np.argmax(coherence))
    return EchoDelay(float(delays[best]), float(coherence[best]))
