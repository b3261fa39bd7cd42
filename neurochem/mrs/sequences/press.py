"""Point-resolved spectroscopy."""

from dataclasses import dataclass

from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, check_time
from neurochem.mrs.sequences.echoes import echo_train, spaced
from neurochem.mrs.sequences.events import EXCITATION, REFOCUSING, Event, Pulse, SlicePulse


@SEQUENCES.register(name="press", reference="Bottomley 1987, Ann N Y Acad Sci 508:333-348")
@dataclass(frozen=True, kw_only=True)
class Press(PulseSequence):
    """90 - TE1/2 - 180 - (TE1 + TE2)/2 - 180 - TE2/2 - acquire.

    Parameters
    ----------
    echo_time_s : float
        TE = TE1 + TE2 (s).
    te1_s : float, optional
        First echo time (s); half of TE by default.
    excitation, refocusing_1, refocusing_2 : Pulse or SlicePulse
        Ideal by default; a `SlicePulse` is simulated over its positions.
    """

    echo_time_s: float
    te1_s: float | None = None
    excitation: Pulse | SlicePulse = EXCITATION
    refocusing_1: Pulse | SlicePulse = REFOCUSING
    refocusing_2: Pulse | SlicePulse = REFOCUSING

    def __post_init__(self) -> None:
        echo = check_time("press", "echo_time_s", self.echo_time_s)
        if self.te1_s is not None:
            check_time("press", "te1_s", self.te1_s, most_s=echo)

    @property
    def echo_times_s(self) -> tuple[float, float]:
        """TE1 and TE2 (s)."""
        first = 0.5 * self.echo_time_s if self.te1_s is None else self.te1_s
        return first, self.echo_time_s - first

    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return the events of the two echoes."""
        return echo_train(self.excitation, (self.refocusing_1, self.refocusing_2), spaced(self.echo_times_s))
