"""Referencing of chemical shifts."""

import math
from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.singlet_template import PHASED_BY, match_singlets
from neurochem.mrs.preprocess.state import STEPS, Done, State, times, usable
from neurochem.mrs.spectra import COIL, DYNAMIC


@STEPS.register(
    name="reference_shift",
    aliases=("shift_reference",),
    reference="NAA 2.008, creatine 3.027, choline 3.21 ppm: Govindaraju 2000, NMR Biomed 13:129",
)
def reference_shift(
    state: State,
    *,
    ppm: float | str = "singlets",
    lines: tuple[str, ...] = PHASED_BY,
    max_shift_ppm: float = 0.3,
) -> Done:
    """Move the metabolite data so that their lines stand where they should.

    Parameters
    ----------
    state : State
        Averaged, for the automatic shift.
    ppm : float or "singlets"
        How much to add to every shift; "singlets" finds it from creatine and choline (to about 0.004 ppm), one for all
        edit conditions.
    lines : tuple of str
        Which singlets: of NAA, Cr and Cho.  NAA, beside NAAG and glutamate, pulls the phase by 20 degrees and the shift by
        0.006 ppm; one line alone may be taken for its neighbour.
    max_shift_ppm : float
        Largest shift searched.

    Notes
    -----
    Not referenced to water, whose shift falls by 0.0104 ppm a kelvin.  Where the singlets cannot be found, nothing is done.
    """
    data = state.data
    if isinstance(ppm, str):
        if ppm != "singlets":
            msg = f"ppm is '{ppm}'; give a number, or 'singlets'."
            raise InputError(msg)
        if COIL in data.dims or data.size(DYNAMIC) > 1 or data.nucleus != "1H" or not usable(data):
            return Done(state, "not averaged proton FIDs: not referenced")
        mean = data.data.reshape(-1, data.shape[-1]).mean(axis=0)
        found = match_singlets(mean, data, lines=tuple(lines), max_shift_ppm=max_shift_ppm)
        if not found.found:
            return Done(state, f"the singlets of {', '.join(lines)} do not stand out: not referenced")
        move = -found.shift_ppm
    else:
        move = float(ppm)
    if not math.isfinite(move) or abs(move) > 2.0:
        msg = f"a shift of {move} ppm is none that a reference is off by; give at most 2 ppm."
        raise InputError(msg)
    turned = data.data * np.exp(-2j * np.pi * move * data.larmor_mhz * times(data))
    return Done(
        replace(state, data=data.with_data(turned, data.dims)),
        f"moved every shift by {move:+.4f} ppm",
        {"shift_ppm": move},
    )
