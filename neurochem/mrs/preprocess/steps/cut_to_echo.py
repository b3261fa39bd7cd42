"""Cutting of the points that were acquired before the top of the echo."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.echo_delay import EchoDelay, echo_delay
from neurochem.mrs.preprocess.singlet_template import singlet_amplitude
from neurochem.mrs.preprocess.state import STEPS, Done, State, usable
from neurochem.mrs.spectra import COIL, DYNAMIC, TIME, Acquisition

# What a reader found in the header, one number or several where sequences keep it in unlike places.
BEFORE_ECHO = "PointsBeforeEcho"
# A delay is measured to about the first (s).  Shorter ones than the second are left to the fit, which finds them itself.
_MEASURED_S, _TOLD_S = 4e-4, 6e-4
_COHERENT = 0.97


@STEPS.register(
    name="cut_to_echo", aliases=("left_shift", "leftshift"),
    reference="the FID of an echo begins at its top; header of Siemens raw data as FID-A reads it",
)  # fmt: skip
def cut_to_echo(state: State, *, points: int | str = "header") -> Done:
    """Cut the points before the top of the echo off both scans.

    Parameters
    ----------
    state : State
        Averaged, for the automatic number.
    points : int or "header"
        How many; "header" takes the number that the file states (Siemens raw data) where the phases of NAA, creatine and
        choline agree with it.

    Notes
    -----
    Left in, two points of 0.33 ms cost 7 % of NAA at 3 T, four a third of it: a phase that grows with frequency, which the
    fit takes up to about 0.4 ms only.  Phases that grow without a number in the header are told in the record (CHECK), not
    corrected.
    """
    if not isinstance(points, str):
        return _cut(state, _checked(points, state.data), "as asked for", {})
    if points != "header":
        msg = f"points is '{points}'; give a number of points, or 'header'."
        raise InputError(msg)
    stated = _stated(state.data)
    delay = _measured(state)
    if delay is None:
        what = f"the header names {_some(stated)} points before the echo, which nothing confirms: " if stated else ""
        return Done(state, what + "no singlets to tell the top of the echo by: nothing cut", {"stated": stated})
    dwell_s = state.data.dwell_s
    effect: dict[str, Any] = {"stated": stated, "measured_s": delay.seconds, "coherence": delay.coherence}
    off = {count: abs(delay.seconds - count * dwell_s) for count in (0, *stated)}
    best = min(off, key=lambda count: off[count])
    sure = delay.coherence >= _COHERENT
    if best * dwell_s >= _MEASURED_S and sure and off[best] <= _MEASURED_S:
        return _cut(state, best, "as the header says and phases confirm", effect)
    measured = (
        f"phases of NAA, creatine and choline: top of the echo {1e3 * delay.seconds:.2f} ms after the first point"
    )
    if sure and delay.seconds > _TOLD_S:
        remedy = (
            f"where the sequence samples before its echo, give points (about {round(delay.seconds / dwell_s)}); "
            "a metabolite-nulled scan may look so without being late"
        )
        return Done(state, f"CHECK: {measured}, and no number in the header agrees: nothing cut; {remedy}", effect)
    said = f"; the {_some(stated)} points that the header names are not confirmed" if stated else ""
    return Done(state, f"{measured}{said}: nothing cut", effect)


def _measured(state: State) -> EchoDelay | None:
    data = state.data
    if data.nucleus != "1H" or COIL in data.dims or data.size(DYNAMIC) > 1 or not usable(data):
        return None
    rows = data.data.reshape(-1, data.shape[-1])
    # of edit conditions the one with NAA
    naa = [abs(singlet_amplitude(row, data, "NAA", 0.0)) for row in rows]
    return echo_delay(rows[int(np.argmax(naa))], data)


def _stated(data: Acquisition) -> list[int]:
    """Return the numbers that the header offers."""
    value = data.header.get(BEFORE_ECHO, ())
    value = value.get("Value", ()) if isinstance(value, Mapping) else value
    values = value if isinstance(value, list | tuple) else [value]
    return [int(one) for one in values if 0 < int(one) < data.size(TIME) // 4]


def _some(counts: list[int]) -> str:
    return " or ".join(str(count) for count in counts)


def _checked(points: int, data: Acquisition) -> int:
    if not 0 <= points < data.size(TIME) // 2:
        msg = f"points is {points}; give 0 to {data.size(TIME) // 2 - 1}, less than half of the FID."
        raise InputError(msg)
    return points


def _cut(state: State, points: int, why: str, effect: dict[str, Any]) -> Done:
    seconds = points * state.data.dwell_s

    def later(scan: Acquisition) -> Acquisition:
        header = {key: value for key, value in scan.header.items() if key != BEFORE_ECHO}
        return scan.with_data(scan.data[..., round(seconds / scan.dwell_s) :], scan.dims, header=header)

    noise = None if state.noise is None else state.noise.shaped(np.asarray(state.noise.envelope)[points:])
    what = f"cut {points} points ({1e3 * seconds:.2f} ms) before the top of the echo, {why}"
    return Done(replace(state.both(later), noise=noise), what, {"points": points, **effect})
