"""What every sequence shares, and the registry in which each is one file and one registration."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from neurochem.errors import InputError, unknown_name
from neurochem.mrs.sequences.events import Event, event_text
from neurochem.mrs.sequences.projection import with_slices
from neurochem.registry import Registry

LONGEST_S = 10.0


class PulseSequence(ABC):
    """A sequence: times and pulses in, events out.

    A new one is a frozen dataclass of keyword fields in a file of this folder, registered by
    `@SEQUENCES.register(name=...)`.  Times end in `_s`; pulse fields take a `Pulse` (ideal or shaped) or a `SlicePulse`.
    """

    @property
    def conditions(self) -> tuple[str, ...]:
        """The acquisitions that make one measurement: ("on", "off") for edited sequences, ("",) otherwise."""
        return ("",)

    @property
    def results(self) -> Mapping[str, Mapping[str, float]]:
        """What is made of the conditions: for each result the weight of each condition in it."""
        return MappingProxyType({name: {name: 1.0} for name in self.conditions})

    @property
    def echo(self) -> float | None:
        """Echo time (s) that a basis states; None without one."""
        return getattr(self, "echo_time_s", None) or None

    @abstractmethod
    def events(self, condition: str = "") -> tuple[Event, ...]:
        """Return the events from equilibrium to the start of acquisition."""

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any]) -> "PulseSequence":
        """Return the sequence of some options; `make_sequence` calls this with its registered name."""
        check_options(name, cls, options)
        return cls(**options)

    def fingerprint(self) -> str:
        """Return text of all events of all conditions: two sequences of one text give one spectrum."""
        lines = []
        for condition in self.conditions:
            lines += [f"condition {condition}", *(event_text(event) for event in self.events(condition))]
        return "\n".join(lines)


SEQUENCES: Registry[type[PulseSequence]] = Registry("sequence", "neurochem.mrs.sequences")


def make_sequence(name: str, options: Mapping[str, Any]) -> PulseSequence:
    """Return the sequence of that name with its times and pulses.

    Raises
    ------
    UnknownNameError
        If no sequence has that name, or it does not take an option.
    InputError
        If a time is missing or cannot mean anything.
    """
    entry = SEQUENCES.entry(name)
    own = with_slices(entry.name, option_fields(entry.item), options)
    return entry.item.from_options(entry.name, own)


def option_fields(sequence: type[PulseSequence]) -> dict[str, bool]:
    """Return the options of a sequence and whether each must be given."""
    fields = dataclasses.fields(sequence)  # type: ignore[arg-type] # registered classes are dataclasses
    return {field.name: field.default is dataclasses.MISSING for field in fields}


def check_options(name: str, sequence: type[PulseSequence], options: Mapping[str, Any]) -> None:
    """Refuse options that the sequence does not take, and the lack of one that it needs."""
    fields = option_fields(sequence)
    for key in options:
        if key not in fields:
            raise unknown_name(key, fields, kind=f"option of the sequence {name}")
    for key, needed in fields.items():
        if needed and key not in options:
            msg = f"sequence {name}: {key} is missing; it takes {', '.join(fields)}. Give {key}=..."
            raise InputError(msg)


def check_time(owner: str, name: str, value: float, *, least_s: float = 0.0, most_s: float = LONGEST_S) -> float:
    """Return a time in seconds, or refuse one that cannot mean anything.

    Raises
    ------
    InputError
        Naming sequence, field, value and limits.
    """
    if not (isinstance(value, int | float) and math.isfinite(value) and least_s <= value <= most_s):
        msg = (
            f"sequence {owner}: {name} is {value!r}; it must lie between {least_s:g} and {most_s:g} s. "
            "Give seconds, not milliseconds."
        )
        raise InputError(msg)
    return float(value)
