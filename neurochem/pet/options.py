"""What the options of models may be, checked once before any region is fitted."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochem.arguments import argument_error, is_number, is_numeric_array
from neurochem.errors import unknown_name
from neurochem.pet.model import KineticModel


@dataclass(frozen=True, slots=True)
class OptionKind:
    """What one option takes: a test of the value, and the words of the message."""

    fits: Callable[[Any], bool]
    words: str


def _finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def _positive(value: Any) -> bool:
    return _finite(value) and value > 0


def _several(value: Any) -> bool:
    """Say whether a value is one positive number or a flat list of them."""
    if not is_numeric_array(value):
        return False
    numbers = np.asarray(value, dtype=float)
    return numbers.ndim <= 1 and numbers.size > 0 and bool((np.isfinite(numbers) & (numbers > 0)).all())


_TIME = OptionKind(_finite, "a time in seconds after injection, for example 1800")
# how large a fraction may be is said by the model, which knows whether there is whole blood
_FRACTION = OptionKind(_finite, "a blood volume fraction from 0 to below 1, for example 0.05")
_RATE = OptionKind(_positive, "a positive rate in 1/min, for example 0.06")
_SEVERAL = OptionKind(_several, "a positive number or several")

OPTIONS: dict[str, OptionKind] = {
    "k2prime": _RATE,
    "k2prime_stderr": OptionKind(
        lambda value: _finite(value) and value >= 0, "a standard error in 1/min, finite and not negative"
    ),
    "slowest_per_min": OptionKind(_finite, "a rate in 1/min, for example 0.01"),
    **dict.fromkeys(("t_star_s", "t1_s", "t2_s", "T_s", "release_start_s", "release_end_s"), _TIME),
    **dict.fromkeys(("VB", "VBref"), _FRACTION),
    "VND": OptionKind(_positive, "a positive volume in mL/cm3"),
    "VND_region": OptionKind(lambda value: isinstance(value, str), "the name of a region that is fitted"),
    "trapping": OptionKind(lambda value: isinstance(value, bool | np.bool_), "True or False"),
    "alpha": _SEVERAL,
    "tau": _SEVERAL,
}


def check_options(kinetic: KineticModel, options: Mapping[str, Any]) -> None:
    """Raise unless the model knows every option and each has a value of its kind; None stands for the default.

    Raises
    ------
    UnknownNameError
        If the model has no such option.
    InputError
        If a value is of another kind; how large it may be is the model's matter.
    """
    for name, value in options.items():
        if name not in kinetic.options:
            remedy = f"{kinetic.name} has no such choice."
            raise unknown_name(name, kinetic.options, kind=f"option of {kinetic.name}", remedy=remedy)
        kind = OPTIONS.get(name)
        if value is not None and kind is not None and not kind.fits(value):
            raise argument_error(value, name, kind.words)
