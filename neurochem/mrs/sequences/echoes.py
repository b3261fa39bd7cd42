"""Trains of refocusing pulses: PRESS, LASER and semi-LASER differ in their number and times alone."""

from collections.abc import Sequence
from itertools import pairwise

from neurochem.mrs.sequences.events import Delay, Event, Pulse, SlicePulse, pulse_events


def spaced(echo_times_s: Sequence[float]) -> tuple[float, ...]:
    """Return the delays of consecutive echoes: t1/2, (t1 + t2)/2, ..., tn/2.

    Examples
    --------
    >>> spaced((0.014, 0.054))
    (0.007, 0.034, 0.027)
    """
    padded = (0.0, *echo_times_s, 0.0)
    return tuple(0.5 * (before + after) for before, after in pairwise(padded))


def echo_train(
    excitation: Pulse | SlicePulse,
    refocusing: Sequence[Pulse | SlicePulse],
    delays_s: Sequence[float],
    *,
    paired: bool = False,
) -> tuple[Event, ...]:
    """Return excitation about y, then each refocusing pulse about x between its delays.

    Parameters
    ----------
    excitation : Pulse or SlicePulse
        The first pulse.
    refocusing : sequence of Pulse or SlicePulse
        The refocusing pulses.
    delays_s : sequence of float, one more than refocusing pulses
        Times between the centres of consecutive pulses and to the acquisition (s).
    paired : bool
        Pulses 1 and 2, 3 and 4, ... share a slice axis: positions are averaged after the second of each pair.

    Notes
    -----
    The coherence order changes sign at each refocusing pulse and is -1 when observed: +1, -1 for a spin echo and
    -1, +1, -1 for PRESS.  Crushers that dephase fully leave just that.
    """
    order = -1 if len(refocusing) % 2 == 0 else 1
    events: list[Event] = list(pulse_events(excitation, order, phase_deg=90.0))
    for number, (pulse, delay) in enumerate(zip(refocusing, delays_s[:-1], strict=True)):
        order = -order
        events += [Delay(delay), *pulse_events(pulse, order, average=not paired or number % 2 == 1)]
    return (*events, Delay(delays_s[-1]))
