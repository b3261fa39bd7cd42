"""J-difference editing: selective pulses put into an echo train, and what differences are made of the acquisitions."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from neurochem.errors import InputError, unknown_name
from neurochem.mrs.sequences.events import RF, Delay, Event, Filter, IdealPulse, Pulse

# How a difference is scaled: efficiency 0.5 belongs to the half difference (Gannet, FSL-MRS), 1.0 to the full one.
DIFFERENCES = MappingProxyType({"half": 0.5, "full": 1.0})


def difference_factor(owner: str, difference: str) -> float:
    """Return 0.5 for "half", (mean ON - mean OFF)/2, and 1 for "full".

    Raises
    ------
    UnknownNameError
        If it is neither.
    """
    if difference not in DIFFERENCES:
        raise unknown_name(difference, DIFFERENCES, kind=f"difference of the sequence {owner}")
    return DIFFERENCES[difference]


def edit_pulse(owner: str, pulse: Pulse | None, centres_ppm: Sequence[float], width_ppm: float) -> RF | None:
    """Return the editing pulse of one acquisition; None where nothing is edited.

    Parameters
    ----------
    owner : str
        Sequence, for messages.
    pulse : Pulse or None
        A shaped pulse, whose carrier is put at the mean of the centres; None for an ideal inversion of the spins whose
        shifts lie within half a width of a centre.
    centres_ppm : sequence of float
        One for a usual pulse, two for one with two bands.
    width_ppm : float
        Full width of each ideal band (ppm).
    """
    if not centres_ppm:
        return None
    for name, value in [*(("edit offset", centre) for centre in centres_ppm), ("edit_width_ppm", width_ppm)]:
        if not math.isfinite(value) or (name == "edit_width_ppm" and value <= 0):
            msg = f"sequence {owner}: {name} is {value}; it must be a finite shift in ppm, and a width positive."
            raise InputError(msg)
    if pulse is not None:
        return RF(pulse, carrier_ppm=sum(centres_ppm) / len(centres_ppm))
    bands = tuple((centre - 0.5 * width_ppm, centre + 0.5 * width_ppm) for centre in centres_ppm)
    return RF(IdealPulse(180.0, bands))


def default_edit_times(echo_time_s: float, te1_s: float) -> tuple[float, float]:
    """Return the centres of the editing pulses in PRESS (s): te1 after the first refocusing pulse, and TE/2 later."""
    return 1.5 * te1_s, 1.5 * te1_s + 0.5 * echo_time_s


def clear_edit_times(echo_times_s: Sequence[float]) -> tuple[tuple[float, float] | None, tuple[float, float]]:
    """Return the centres of editing pulses TE/2 apart that lie farthest from all other pulses (s).

    Parameters
    ----------
    echo_times_s : sequence of float
        Echo time of each refocusing pulse (s), which add up to TE.

    Returns
    -------
    odd : two floats, or None
        With an odd number of refocusing pulses between them; None where no times have that.
    widest : two floats
        With any number.

    Notes
    -----
    An editing pulse turns spins far from its centre by a small angle about z (Bloch-Siegert).  A coherence gathers it with
    the sign of its order, which each refocusing pulse turns round, so that the angles of two equal editing pulses cancel
    if an odd number of refocusing pulses lies between them, and add up if an even one does: then creatine is left in the
    difference.  A coupling to spins that only the editing pulses invert evolves for TE - 2 (second - first), nothing for
    TE/2 between them, wherever refocusing pulses are.

    Examples
    --------
    >>> clear_edit_times((0.014, 0.054))
    ((0.0205, 0.0545), (0.0205, 0.0545))
    """
    half = 0.5 * sum(echo_times_s)
    centres = [sum(echo_times_s[:index]) + 0.5 * time for index, time in enumerate(echo_times_s)]
    # the first editing pulse may be in one of these without itself or the second meeting another pulse
    edges = sorted(
        {0.0, half, *(time for time in centres if time < half), *(time - half for time in centres if time > half)}
    )
    found: dict[bool, tuple[float, float]] = {}
    for start, stop in sorted(pairwise(edges), key=lambda gap: gap[0] - gap[1]):
        first = round(0.5 * (start + stop), 9)
        between = sum(first < time < first + half for time in centres)
        found.setdefault(between % 2 == 1, (first, round(first + half, 9)))
    return found.get(True), next(iter(found.values()))


def with_editing(owner: str, events: Sequence[Event], pulse: RF | None, times_s: Sequence[float]) -> tuple[Event, ...]:
    """Return the events with an editing pulse at some times after excitation, each followed by its crusher.

    The coherence order stays what it was: a spin that is both observed and inverted loses its signal, as NAA does.

    Raises
    ------
    InputError
        If a time falls on or outside the refocusing pulses' delays.
    """
    edits = sorted(times_s)
    if pulse is None:
        return tuple(events)
    out: list[Event] = []
    elapsed, order, done = 0.0, 0, 0
    for event in events:
        if isinstance(event, Filter):
            order = event.order
        if not isinstance(event, Delay):
            out.append(event)
            continue
        end = elapsed + event.duration_s
        inside = [time for time in edits if elapsed < time < end]
        for start, stop in pairwise([elapsed, *inside]):
            out += [Delay(stop - start), pulse, Filter(order)]
        out.append(Delay(end - max([elapsed, *inside])))
        elapsed, done = end, done + len(inside)
    if done != len(edits):
        listed = ", ".join(f"{1e3 * time:g}" for time in edits)
        msg = (
            f"sequence {owner}: editing pulses at {listed} ms after excitation; each must lie between other pulses and "
            f"before the echo at {1e3 * elapsed:g} ms. Give a shorter te1_s, or edit_times_s=(first, second)."
        )
        raise InputError(msg)
    return tuple(out)


def on_off_results(factor: float) -> Mapping[str, Mapping[str, float]]:
    """Return "on", "off", "difference" and "sum" as weights of ON and OFF, factor 0.5 or 1."""
    return MappingProxyType({
        "on": {"on": 1.0},
        "off": {"off": 1.0},
        "difference": {"on": factor, "off": -factor},
        "sum": {"on": factor, "off": factor},
    })  # fmt: skip
