"""A list of worked examples with printed values, and what it means to agree with one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

# Beyond the rounding of the print, relative: closed forms (rounding of sums alone) and what a search finds.
EXACT, SEARCHED = 1e-9, 1e-4


@dataclass(frozen=True)
class Example:
    """One quantity: its worked example, name, values as printed, and the call that gives them."""

    number: str
    quantity: str
    printed: str
    value: Callable[[], object]
    within: float = EXACT

    def check(self) -> None:
        """Raise AssertionError where a value is further off than half its last digit plus `within` of itself."""
        printed = self.printed.split()
        found = np.atleast_1d(np.asarray(self.value(), dtype=float)).ravel()
        assert found.size == len(printed)
        for text, value in zip(printed, found, strict=True):
            _, _, decimals = text.partition(".")
            half = 0.5 * 10.0 ** -len(decimals) if decimals else 0.0
            assert abs(value - float(text)) <= half + self.within * abs(float(text)), f"{value} is not {text}"


@dataclass(frozen=True)
class Examples:
    """Collects examples; `cases` and `names` go into a parametrised test."""

    cases: list[Example] = field(default_factory=list)

    def add(self, number: str, quantity: str, printed: str, value: Callable[[], object], within: float = EXACT) -> None:
        self.cases.append(Example(number, quantity, printed, value, within))

    @property
    def names(self) -> list[str]:
        return [f"{case.number} {case.quantity}" for case in self.cases]


def pair(fit, *names):
    """Return value and standard error of each named estimate."""
    return [number for name in names for number in (fit[name].value, fit[name].stderr)]
