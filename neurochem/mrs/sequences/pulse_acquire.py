"""Excitation and nothing else."""

from dataclasses import dataclass

from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence
from neurochem.mrs.sequences.events import EXCITATION, Event, Pulse, SlicePulse, pulse_events


@SEQUENCES.register(name="pulse-acquire", aliases=("pulse_acquire", "pulseacquire", "fid"), reference="90 - acquire")
@dataclass(frozen=True, kw_only=True)
class PulseAcquire(PulseSequence):
    """90 - acquire.

    Parameters
    ----------
    excitation : Pulse or SlicePulse
        About y.
    """

    excitation: Pulse | SlicePulse = EXCITATION

    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return the one pulse."""
        return pulse_events(self.excitation, -1, phase_deg=90.0)
