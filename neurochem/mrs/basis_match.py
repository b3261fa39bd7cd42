"""Whether a basis belongs to a spectrum, or to another basis."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.mrs.spectra import Spectrum
from neurochem.units import ComplexArray

if TYPE_CHECKING:
    from neurochem.mrs.basis import Basis

# How far a basis may be from the data before a fit would be wrong in silence.
FIELD_TOLERANCE = 0.015
ECHO_TIME_TOLERANCE_S = 0.0021


def mismatches(basis: "Basis", spectrum: Spectrum, *, allow_mismatch: bool = False) -> tuple[str, ...]:
    """Return why a basis does not fit a spectrum, one sentence a reason.

    Parameters
    ----------
    basis : Basis
        What would be fitted with.
    spectrum : Spectrum
        What would be fitted.
    allow_mismatch : bool
        Let another echo time pass.

    Notes
    -----
    The nucleus must be the same, the field within 1.5 %, the echo time (where both are known) within 2 ms, and the FIDs
    must last as long as the spectrum or have decayed.
    """
    where = f"basis {basis.source or '(in memory)'}, spectrum {spectrum.source or spectrum.name}"
    reasons = physical_mismatches(basis, spectrum, where, allow_echo_time=allow_mismatch)
    duration = basis.points * basis.dwell_s
    if duration < 0.999 * spectrum.points * spectrum.dwell_s and undecayed(basis.fids, basis.dwell_s):
        reasons += (
            f"{where}: the basis lasts {duration:g} s, the spectrum {spectrum.points * spectrum.dwell_s:g} s, and "
            "the basis has not decayed at its end. Give a longer basis, or a spectrum of fewer points.",
        )
    return reasons


def physical_mismatches(
    basis: "Basis", other: "Basis | Spectrum", where: str, *, allow_echo_time: bool
) -> tuple[str, ...]:
    """Return in what nucleus, field and echo time of two things differ, one sentence each."""
    kind = "spectrum" if isinstance(other, Spectrum) else "basis"
    reasons = []
    if basis.nucleus != other.nucleus:
        reasons.append(
            f"{where}: nucleus is {basis.nucleus} and {other.nucleus}; they must be equal. "
            f"Give a basis of {other.nucleus}."
        )
    if abs(basis.larmor_mhz / other.larmor_mhz - 1.0) > FIELD_TOLERANCE:
        reasons.append(
            f"{where}: larmor_mhz is {basis.larmor_mhz:.6g} and {other.larmor_mhz:.6g} MHz; they may differ by "
            f"{100 * FIELD_TOLERANCE:g} %. Give a basis simulated at the field strength of the {kind}."
        )
    mine, theirs = basis.echo_time_s, other.echo_time_s
    if not allow_echo_time and mine is not None and theirs is not None and abs(mine - theirs) > ECHO_TIME_TOLERANCE_S:
        reasons.append(
            f"{where}: echo_time_s is {mine:g} and {theirs:g} s; they may differ by 0.002 s, since coupled "
            "lines change shape with the echo time. Give a basis of that echo time, or allow_mismatch=True."
        )
    return tuple(reasons)


def undecayed(fids: ComplexArray, dwell_s: float) -> bool:
    """Say whether FIDs end too early to be continued by zeros."""
    points = fids.shape[1]
    size = np.abs(fids)
    tail = size[:, -max(points // 20, 1) :].max(axis=1)
    # in vivo lines of 3 Hz and more have lost 99 % by half a second, whatever the basis does after it
    return bool((tail > 0.01 * size.max(axis=1)).any()) and points * dwell_s < 0.4
