"""MEGA editing: two selective pulses in PRESS or semi-LASER, ON at the edited spins and OFF elsewhere."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neurochem.errors import InputError
from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, check_time
from neurochem.mrs.sequences.editing import (
    DIFFERENCES,
    clear_edit_times,
    default_edit_times,
    difference_factor,
    edit_pulse,
    on_off_results,
    with_editing,
)
from neurochem.mrs.sequences.events import EXCITATION, REFOCUSING, Event, Pulse, SlicePulse
from neurochem.mrs.sequences.laser import SemiLaser, echo_times
from neurochem.mrs.sequences.press import Press

# Of TE: echo times of the four pulses of semi-LASER, with 0.16 of TE on each side of each editing pulse at least.
_SHARES = (0.10, 0.06, 0.74, 0.10)


@dataclass(frozen=True, kw_only=True)
class Mega(PulseSequence):
    """Editing by two selective pulses: what MEGA-PRESS and MEGA-sLASER share.

    Parameters
    ----------
    echo_time_s : float
        TE (s).
    edit_on_ppm : float
        Centre of the editing pulses when ON; 1.9 edits GABA at 3.01 ppm.
    edit_off_ppm : float or None
        Centre when OFF: 7.5 by default, 1.5 for suppression of macromolecules (TE 80 ms); None for no pulse.
    edit_width_ppm : float
        Full width of the ideal inversion band; without effect where `editing` is given.
    editing : Pulse, optional
        A shaped editing pulse instead of the ideal one; its carrier is set to the centres.
    edit_times_s : two floats, optional
        Centres of the editing pulses after excitation (s), TE/2 apart for full refocusing of J.
    difference : "half" or "full"
        Whether the difference is (ON - OFF)/2, whose edited GABA is 0.5 per proton (Gannet, FSL-MRS), or ON - OFF, and
        the sum likewise.  Make a fit's basis as the data were subtracted.

    Notes
    -----
    Results: "on", "off", "difference", "sum".
    """

    echo_time_s: float
    edit_on_ppm: float = 1.9
    edit_off_ppm: float | None = 7.5
    edit_width_ppm: float = 0.4
    editing: Pulse | None = None
    edit_times_s: Sequence[float] | None = None
    difference: str = "half"
    excitation: Pulse | SlicePulse = EXCITATION
    refocusing_1: Pulse | SlicePulse = REFOCUSING
    refocusing_2: Pulse | SlicePulse = REFOCUSING

    @property
    def conditions(self) -> tuple[str, ...]:
        """ON and OFF."""
        return ("on", "off")

    @property
    def results(self) -> Mapping[str, Mapping[str, float]]:
        """Weights of ON and OFF in each result."""
        return on_off_results(DIFFERENCES[self.difference])

    @property
    @abstractmethod
    def _edit_times(self) -> Sequence[float]:
        """Centres of the editing pulses (s)."""

    def _checked(self, owner: str) -> None:
        """Refuse times and a kind of difference that cannot be."""
        check_time(owner, "echo_time_s", self.echo_time_s)
        difference_factor(owner, self.difference)
        for condition in self.conditions:
            self.events(condition)

    @abstractmethod
    def _localisation(self) -> tuple[Event, ...]:
        """Return the events without editing."""

    def events(self, condition: str = "on") -> tuple[Event, ...]:
        """Return the events of ON or OFF."""
        centre = self.edit_on_ppm if condition == "on" else self.edit_off_ppm
        pulse = edit_pulse("mega", self.editing, () if centre is None else (centre,), self.edit_width_ppm)
        return with_editing("mega", self._localisation(), pulse, self._edit_times)


@SEQUENCES.register(
    name="mega-press", aliases=("mega_press", "megapress", "mega"),
    reference="Mescher 1998, NMR Biomed 11:266-272; Mullins 2014, NeuroImage 86:43-52",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class MegaPress(Mega):
    """90 - te1/2 - 180 - a - edit - b - 180 - c - edit - d, with a + b = TE/2 = b + c and c + d = te2/2.

    Parameters
    ----------
    te1_s : float
        First echo time (s), te2 = TE - te1; vendors differ in it.
    **others
        Those of `Mega`; by default the first editing pulse is te1 after the first refocusing pulse (a = c = te1).

    Notes
    -----
    Editing pulses TE/2 apart leave one choice, a = c, which changes the edited GABA by about 1 % through strong coupling.
    Pulses symmetric about the second refocusing pulse, b = c = TE/4, are `edit_times_s=(te1/2 + TE/4, te1/2 + 3 TE/4)`.
    """

    te1_s: float = 0.014

    def __post_init__(self) -> None:
        check_time("mega-press", "te1_s", self.te1_s, most_s=self.echo_time_s)
        self._checked("mega-press")

    @property
    def _edit_times(self) -> Sequence[float]:
        if self.edit_times_s is not None:
            return self.edit_times_s
        return default_edit_times(self.echo_time_s, self.te1_s)

    def _localisation(self) -> tuple[Event, ...]:
        return Press(
            echo_time_s=self.echo_time_s, te1_s=self.te1_s, excitation=self.excitation,
            refocusing_1=self.refocusing_1, refocusing_2=self.refocusing_2,
        ).events()  # fmt: skip


@SEQUENCES.register(
    name="mega-slaser", aliases=("mega_slaser", "megaslaser", "mega-semi-laser"),
    reference="Andreychenko 2012, Magn Reson Med 68:1018-1025 (unchecked)",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class MegaSemiLaser(Mega):
    """Semi-LASER with an editing pulse on each side of its third refocusing pulse.

    Parameters
    ----------
    echo_times_s : sequence of four floats, optional
        Echo time of each refocusing pulse (s), which add up to TE; by default 0.10, 0.06, 0.74 and 0.10 of TE.
    **others
        Those of `Mega`; by default the editing pulses lie as far from other pulses as they can, TE/2 apart and with an odd
        number of refocusing pulses between them: at 0.29 and 0.79 of TE for the default echo times.

    Raises
    ------
    InputError
        If `editing` is shaped and no such times exist, as for equal echo times: two refocusing pulses lie between any two
        editing pulses TE/2 apart, and what these turn creatine by adds up (`clear_edit_times`).  Given times are taken.

    Notes
    -----
    The default times are a choice that leaves room for editing pulses, not those of a vendor: give your scanner's.
    Refocusing pulses are centred at 0.05, 0.13, 0.53 and 0.95 of TE, so that 0.16 of TE, 9.6 ms at 60 ms and 12.8 ms at
    80 ms, must hold half an editing and half a refocusing pulse: 16 ms and 3.2 ms at 60 ms, 16 ms and 5.4 ms at 68 ms.
    """

    echo_times_s: Sequence[float] | None = None

    def __post_init__(self) -> None:
        self._checked("mega-slaser")

    @property
    def _train_s(self) -> Sequence[float]:
        if self.echo_times_s is not None:
            return echo_times("mega-slaser", self.echo_time_s, self.echo_times_s, 4)
        return [share * self.echo_time_s for share in _SHARES]

    @property
    def _edit_times(self) -> Sequence[float]:
        if self.edit_times_s is not None:
            return self.edit_times_s
        odd, widest = clear_edit_times(self._train_s)
        if odd is None and self.editing is not None:
            listed = ", ".join(f"{1e3 * time:g}" for time in self._train_s)
            msg = (
                f"sequence mega-slaser: with echo_times_s of {listed} ms an even number of refocusing pulses lies between any "
                "two editing pulses TE/2 apart, which leaves creatine in the difference. Give edit_times_s=(first, second) "
                "of your scanner to simulate that, or other echo_times_s."
            )
            raise InputError(msg)
        return widest if odd is None else odd

    def _localisation(self) -> tuple[Event, ...]:
        return SemiLaser(
            echo_time_s=self.echo_time_s, echo_times_s=self._train_s,
            excitation=self.excitation, refocusing_1=self.refocusing_1, refocusing_2=self.refocusing_2,
        ).events()  # fmt: skip
