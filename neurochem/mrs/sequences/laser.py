"""Localisation by pairs of adiabatic refocusing pulses: LASER and semi-LASER."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurochem.errors import InputError
from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, check_time
from neurochem.mrs.sequences.echoes import echo_train, spaced
from neurochem.mrs.sequences.events import EXCITATION, REFOCUSING, Event, Pulse, SlicePulse


def echo_times(owner: str, echo_time_s: float, given: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """Return the echo times of consecutive refocusing pulses: those given, or equal shares of TE.

    Raises
    ------
    InputError
        If there are not `count` of them or they do not add up to TE.
    """
    if given is None:
        return (echo_time_s / count,) * count
    times = tuple(check_time(owner, "echo_times_s", value) for value in given)
    if len(times) != count or abs(sum(times) - echo_time_s) > 1e-9:
        msg = (
            f"sequence {owner}: echo_times_s is {times}, which adds up to {sum(times):g} s; it must be {count} times "
            f"that add up to echo_time_s, {echo_time_s:g} s. Leave it out for equal ones."
        )
        raise InputError(msg)
    return times


@SEQUENCES.register(name="laser", reference="Garwood and DelaBarre 2001, J Magn Reson 153:155-177")
@dataclass(frozen=True, kw_only=True)
class Laser(PulseSequence):
    """90 and three pairs of adiabatic full passages.

    Parameters
    ----------
    echo_time_s : float
        TE (s).
    echo_times_s : sequence of six floats, optional
        Echo time of each refocusing pulse (s), which add up to TE; equal by default.
    excitation, refocusing_1, refocusing_2, refocusing_3 : Pulse or SlicePulse
        Excitation and the pulse of each pair, ideal by default.

    Notes
    -----
    Delays are t1/2, (t1 + t2)/2, ..., t6/2.  Short spacing holds back J evolution between strongly coupled spins.
    """

    echo_time_s: float
    echo_times_s: Sequence[float] | None = None
    excitation: Pulse | SlicePulse = EXCITATION
    refocusing_1: Pulse | SlicePulse = REFOCUSING
    refocusing_2: Pulse | SlicePulse = REFOCUSING
    refocusing_3: Pulse | SlicePulse = REFOCUSING

    def __post_init__(self) -> None:
        check_time("laser", "echo_time_s", self.echo_time_s)
        echo_times("laser", self.echo_time_s, self.echo_times_s, 6)

    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return the events of the six echoes."""
        times = echo_times("laser", self.echo_time_s, self.echo_times_s, 6)
        one, two, three = self.refocusing_1, self.refocusing_2, self.refocusing_3
        return echo_train(self.excitation, (one, one, two, two, three, three), spaced(times), paired=True)


@SEQUENCES.register(
    name="semi-laser", aliases=("semi_laser", "semilaser", "slaser", "s-laser"),
    reference="Scheenen 2008, Magn Reson Med 59:1-6; Oz and Tkac 2011, Magn Reson Med 65:901-910",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class SemiLaser(PulseSequence):
    """Slice-selective 90 and two pairs of adiabatic full passages.

    Parameters
    ----------
    echo_time_s : float
        TE (s).
    echo_times_s : sequence of four floats, optional
        Echo time of each refocusing pulse (s), which add up to TE; equal by default.  Give those of your scanner: the
        versions in use differ, and coupled lines with them.
    excitation, refocusing_1, refocusing_2 : Pulse or SlicePulse
        Excitation and the pulse of each pair, ideal by default.
    """

    echo_time_s: float
    echo_times_s: Sequence[float] | None = None
    excitation: Pulse | SlicePulse = EXCITATION
    refocusing_1: Pulse | SlicePulse = REFOCUSING
    refocusing_2: Pulse | SlicePulse = REFOCUSING

    def __post_init__(self) -> None:
        check_time("semi-laser", "echo_time_s", self.echo_time_s)
        echo_times("semi-laser", self.echo_time_s, self.echo_times_s, 4)

    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return the events of the four echoes."""
        times = echo_times("semi-laser", self.echo_time_s, self.echo_times_s, 4)
        pulses = (self.refocusing_1, self.refocusing_1, self.refocusing_2, self.refocusing_2)
        return echo_train(self.excitation, pulses, spaced(times), paired=True)
