"""Stimulated echo."""

from dataclasses import dataclass

from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, check_time
from neurochem.mrs.sequences.events import EXCITATION, Delay, Event, Pulse, SlicePulse, pulse_events


@SEQUENCES.register(name="steam", reference="Frahm 1987, J Magn Reson 72:502-508")
@dataclass(frozen=True, kw_only=True)
class Steam(PulseSequence):
    """90 - TE/2 - 90 - TM - 90 - TE/2 - acquire.

    Parameters
    ----------
    echo_time_s, mixing_time_s : float
        TE and TM (s).
    pulse_1, pulse_2, pulse_3 : Pulse or SlicePulse
        The three 90 degree pulses, ideal by default.

    Notes
    -----
    Coherence orders +1, 0, -1.  Order 0 holds populations and zero-quantum coherence between coupled spins, which no
    crusher removes; it evolves during TM with the difference of shifts, so that strongly coupled lines depend on TM.
    Half of the signal of a spin echo is left and is not scaled up.  The pulses turn about y, -y and y, which makes a
    singlet upright.
    """

    echo_time_s: float
    mixing_time_s: float
    pulse_1: Pulse | SlicePulse = EXCITATION
    pulse_2: Pulse | SlicePulse = EXCITATION
    pulse_3: Pulse | SlicePulse = EXCITATION

    def __post_init__(self) -> None:
        check_time("steam", "echo_time_s", self.echo_time_s)
        check_time("steam", "mixing_time_s", self.mixing_time_s)

    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return the events of the stimulated echo."""
        half = Delay(0.5 * self.echo_time_s)
        return (
            *pulse_events(self.pulse_1, 1, phase_deg=90.0), half,
            *pulse_events(self.pulse_2, 0, phase_deg=-90.0), Delay(self.mixing_time_s),
            *pulse_events(self.pulse_3, -1, phase_deg=90.0), half,
        )  # fmt: skip
