"""One Hahn echo."""

from dataclasses import dataclass

from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, check_time
from neurochem.mrs.sequences.echoes import echo_train, spaced
from neurochem.mrs.sequences.events import EXCITATION, REFOCUSING, Event, Pulse, SlicePulse


@SEQUENCES.register(name="spin-echo", aliases=("spin_echo", "spinecho", "se"), reference="Hahn 1950, Phys Rev 80:580")
@dataclass(frozen=True, kw_only=True)
class SpinEcho(PulseSequence):
    """90 - TE/2 - 180 - TE/2 - acquire.

    Parameters
    ----------
    echo_time_s : float
        TE (s).
    excitation, refocusing : Pulse or SlicePulse
        Ideal by default.
    """

    echo_time_s: float
    excitation: Pulse | SlicePulse = EXCITATION
    refocusing: Pulse | SlicePulse = REFOCUSING

    def __post_init__(self) -> None:
        check_time("spin-echo", "echo_time_s", self.echo_time_s)

    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return the events of the echo."""
        return echo_train(self.excitation, (self.refocusing,), spaced((self.echo_time_s,)))
