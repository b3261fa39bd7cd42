"""Inversion before any other sequence, for metabolite-nulled spectra."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurochem.errors import InputError
from neurochem.mrs.sequences.base import (
    SEQUENCES,
    PulseSequence,
    check_options,
    check_time,
    make_sequence,
    option_fields,
)
from neurochem.mrs.sequences.events import REFOCUSING, Event, Pulse, Recovery, SlicePulse, pulse_events


@SEQUENCES.register(
    name="inversion-recovery", aliases=("inversion_recovery", "ir", "metabolite-nulled"),
    reference="Behar 1994, Magn Reson Med 32:294-302",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class InversionRecovery(PulseSequence):
    """180 - TI - (180 - TI2) - readout.

    Parameters
    ----------
    inversion_times_s : float or sequence of float
        Delay after each inversion (s): one for single, two for double inversion.
    readout : PulseSequence
        Sequence that reads the magnetisation.  In `simulate_basis` it is a name, "press" by default, and the options of
        that sequence are given beside these.
    inversion : Pulse or SlicePulse
        Ideal by default.

    Notes
    -----
    Coherence order 0 is kept during TI.  Without T1 everything stays inverted; with the T1 of a molecule
    (`simulate_basis(..., t1_s={"NAA": 1.4})`) rho relaxes as F_z + (rho - F_z) exp(-TI/T1), so that an uncoupled or
    ideally inverted molecule is left with 1 - 2 exp(-TI/T1).  Magnetisation is at equilibrium before the first pulse:
    TR is taken to be long.
    """

    inversion_times_s: float | Sequence[float]
    readout: PulseSequence
    inversion: Pulse | SlicePulse = REFOCUSING

    def __post_init__(self) -> None:
        if not self.delays_s:
            msg = "sequence inversion-recovery: inversion_times_s is empty; give one delay (s) or more."
            raise InputError(msg)
        for value in self.delays_s:
            check_time("inversion-recovery", "inversion_times_s", value)

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any]) -> "InversionRecovery":
        """Return the sequence; `readout` may be a name, whose own options then stand beside these."""
        readout = options.get("readout", "press")
        own = {key: value for key, value in options.items() if key in option_fields(cls)}
        rest = {key: value for key, value in options.items() if key not in own}
        if isinstance(readout, PulseSequence):
            check_options(name, cls, options)
        else:
            readout = make_sequence(readout, rest)
        checked = {**own, "readout": readout}
        check_options(name, cls, checked)
        return cls(**checked)

    @property
    def delays_s(self) -> tuple[float, ...]:
        """Delay after each inversion (s)."""
        times = self.inversion_times_s
        return tuple(times) if isinstance(times, Sequence) else (times,)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Those of the readout."""
        return self.readout.conditions

    @property
    def results(self) -> Mapping[str, Mapping[str, float]]:
        """Those of the readout."""
        return self.readout.results

    @property
    def echo(self) -> float | None:
        """Echo time of the readout (s)."""
        return self.readout.echo

    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return inversion, recovery, and the events of the readout."""
        before: list[Event] = []
        for delay in self.delays_s:
            before += [*pulse_events(self.inversion, 0), Recovery(delay)]
        return (*before, *self.readout.events(condition))
