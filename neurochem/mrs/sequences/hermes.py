"""Hadamard editing of GABA and glutathione at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from neurochem.errors import InputError
from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, check_time
from neurochem.mrs.sequences.editing import DIFFERENCES, default_edit_times, difference_factor, edit_pulse, with_editing
from neurochem.mrs.sequences.events import EXCITATION, REFOCUSING, Event, Pulse, SlicePulse
from neurochem.mrs.sequences.press import Press

# Whether GABA and glutathione are edited in each step.
_STEPS = MappingProxyType({"a": (True, True), "b": (True, False), "c": (False, True), "d": (False, False)})


@SEQUENCES.register(name="hermes", reference="Chan 2016, Magn Reson Med 76:11-19; Saleh 2016, NeuroImage 134:186-191")
@dataclass(frozen=True, kw_only=True)
class Hermes(PulseSequence):
    """PRESS with two editing pulses in four steps: a edits GABA and GSH, b GABA, c GSH, d neither.

    Parameters
    ----------
    echo_time_s : float
        TE (s), usually 80 ms.
    te1_s : float
        First echo time (s).
    edit_gaba_ppm, edit_gsh_ppm : float
        Centres of the editing bands.
    edit_off_ppm : float or None
        Centre of the editing pulse of step d; None for no pulse.
    edit_width_ppm : float
        Full width of the ideal inversion bands.
    editing : Pulse, optional
        Shaped editing pulse of steps b, c and d; its carrier is set to the centre.
    editing_both : Pulse, optional
        Shaped pulse with two bands for step a, made around a carrier midway between the two centres; needed where
        `editing` is given.
    edit_times_s : two floats, optional
        Centres of the editing pulses (s); as in MEGA-PRESS by default.
    difference : "half" or "full"
        "half": (a + b - c - d)/4 is GABA's, half of mean ON minus mean OFF; "full" is twice that.

    Notes
    -----
    Results: "a", "b", "c", "d", "difference_gaba" = a + b - c - d, "difference_gsh" = a - b + c - d, "sum" of all.
    """

    echo_time_s: float = 0.080
    te1_s: float = 0.014
    edit_gaba_ppm: float = 1.9
    edit_gsh_ppm: float = 4.56
    edit_off_ppm: float | None = 7.5
    edit_width_ppm: float = 0.4
    editing: Pulse | None = None
    editing_both: Pulse | None = None
    edit_times_s: Sequence[float] | None = None
    difference: str = "half"
    excitation: Pulse | SlicePulse = EXCITATION
    refocusing_1: Pulse | SlicePulse = REFOCUSING
    refocusing_2: Pulse | SlicePulse = REFOCUSING

    def __post_init__(self) -> None:
        check_time("hermes", "echo_time_s", self.echo_time_s)
        check_time("hermes", "te1_s", self.te1_s, most_s=self.echo_time_s)
        difference_factor("hermes", self.difference)
        if (self.editing is None) != (self.editing_both is None):
            msg = (
                "sequence hermes: one of editing and editing_both is given; both must be shaped, or both ideal. "
                "Give the pulse with one band and the pulse with two, or neither."
            )
            raise InputError(msg)
        for step in self.conditions:
            self.events(step)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The four steps."""
        return tuple(_STEPS)

    @property
    def results(self) -> Mapping[str, Mapping[str, float]]:
        """Weights of the steps in each result."""
        weight = 0.5 * DIFFERENCES[self.difference]
        signs = {
            "difference_gaba": {step: 1.0 if gaba else -1.0 for step, (gaba, _) in _STEPS.items()},
            "difference_gsh": {step: 1.0 if gsh else -1.0 for step, (_, gsh) in _STEPS.items()},
            "sum": dict.fromkeys(_STEPS, 1.0),
        }
        made = {name: {step: weight * sign for step, sign in entry.items()} for name, entry in signs.items()}
        return MappingProxyType({**{step: {step: 1.0} for step in _STEPS}, **made})

    def events(self, condition: str = "a") -> tuple[Event, ...]:
        """Return the events of one step."""
        gaba, gsh = _STEPS[condition]
        centres = tuple(centre for centre, wanted in ((self.edit_gaba_ppm, gaba), (self.edit_gsh_ppm, gsh)) if wanted)
        if not centres and self.edit_off_ppm is not None:
            centres = (self.edit_off_ppm,)
        shaped = self.editing_both if gaba and gsh else self.editing
        pulse = edit_pulse("hermes", shaped, centres, self.edit_width_ppm)
        press = Press(
            echo_time_s=self.echo_time_s, te1_s=self.te1_s, excitation=self.excitation,
            refocusing_1=self.refocusing_1, refocusing_2=self.refocusing_2,
        )  # fmt: skip
        times = default_edit_times(self.echo_time_s, self.te1_s) if self.edit_times_s is None else self.edit_times_s
        return with_editing("hermes", press.events(), pulse, times)
