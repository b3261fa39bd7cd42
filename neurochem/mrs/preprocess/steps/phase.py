"""Phasing."""

import math
from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.singlet_template import PHASED_BY, match_singlets
from neurochem.mrs.preprocess.state import STEPS, Done, State, usable
from neurochem.mrs.spectra import COIL, DYNAMIC, Acquisition


@STEPS.register(name="phase", reference="correlation with the singlets of NAA, creatine and choline")
def phase(
    state: State, *, degrees: float | str = "singlets", delay_s: float = 0.0, lines: tuple[str, ...] = PHASED_BY
) -> Done:  # fmt: skip
    """Phase the metabolite data.

    Parameters
    ----------
    state : State
        Averaged, for the automatic phase.
    degrees : float or "singlets"
        Zero-order phase that is taken out; "singlets" finds it (to about 6 degrees at short TE), one for all edit
        conditions.
    delay_s : float
        Delay (s) that is taken out: the spectrum is multiplied by exp(2 pi i f delay), the inverse of that of `simulate`.
    lines : tuple of str
        Which singlets: of NAA, Cr and Cho.  NAA, beside NAAG and glutamate, pulls the phase by 20 degrees and the shift by
        0.006 ppm; one line alone may be taken for its neighbour.

    Notes
    -----
    The water reference is not touched: its amplitude is a magnitude.  Where the singlets cannot be found nothing is done.
    """
    data = state.data
    if not math.isfinite(delay_s) or abs(delay_s) > 0.01:
        msg = f"delay_s is {delay_s}; a late start of the FID is below 0.01 s. Give seconds."
        raise InputError(msg)
    if isinstance(degrees, str):
        if degrees != "singlets":
            msg = f"degrees is '{degrees}'; give a number, or 'singlets'."
            raise InputError(msg)
        data = _without_delay(data, delay_s)
        if COIL in data.dims or data.size(DYNAMIC) > 1 or data.nucleus != "1H" or not usable(data):
            return Done(state, "not averaged proton FIDs: not phased")
        mean = data.data.reshape(-1, data.shape[-1]).mean(axis=0)
        found = match_singlets(mean, data, lines=tuple(lines), max_shift_ppm=0.15)
        if not found.found:
            return Done(state, f"the singlets of {', '.join(lines)} do not stand out: not phased")
        angle = math.degrees(found.phase_rad)
    else:
        angle, data = float(degrees), _without_delay(data, delay_s)
    turned = data.with_data(data.data * np.exp(-1j * math.radians(angle)), data.dims)
    what = f"took out a phase of {angle:.1f} degrees" + (f" and a delay of {1e3 * delay_s:g} ms" if delay_s else "")
    return Done(replace(state, data=turned), what, {"phase_deg": angle, "delay_s": delay_s})


def _without_delay(data: Acquisition, delay_s: float) -> Acquisition:
    if not delay_s:
        return data
    points = data.shape[-1]
    # zero filled, so that the start does not come round as the end
    frequency = np.fft.fftfreq(2 * points, data.dwell_s)
    spectrum = np.fft.fft(data.data, 2 * points, axis=-1) * np.exp(2j * np.pi * frequency * delay_s)
    return data.with_data(np.fft.ifft(spectrum, axis=-1)[..., :points], data.dims)
