"""Depression scales: range, remission rule, and where each comes from.

The scale is part of the data and is never guessed from a column name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.registry import Registry
from neurochem.units import BoolArray

RESPONSE_REDUCTION_PERCENT = 50.0


@dataclass(frozen=True, slots=True)
class Remission:
    """When a person counts as remitted: a limit on the score, and possibly on the reduction as well.

    Attributes
    ----------
    limit : float
        Limit of the endpoint score, in points.
    inclusive : bool
        Whether a score equal to the limit counts.
    min_reduction_percent : float or None
        Smallest percent reduction that is required too; None when the score alone decides.
    """

    limit: float
    inclusive: bool = True
    min_reduction_percent: float | None = None

    @property
    def text(self) -> str:
        """Return the rule in words."""
        rule = f"score {'<=' if self.inclusive else '<'} {self.limit:g}"
        if self.min_reduction_percent is not None:
            rule += f" and reduction >= {self.min_reduction_percent:g} %"
        return rule

    def met(self, endpoint: ArrayLike, reduction_percent: ArrayLike) -> BoolArray:
        """Say who is remitted.

        Parameters
        ----------
        endpoint, reduction_percent : array_like, shape (n,)
            Endpoint score in points and reduction in percent of baseline (positive = better).

        Returns
        -------
        bool array, shape (n,)
            False where a value is missing.
        """
        score = np.asarray(endpoint, dtype=float)
        low = score <= self.limit if self.inclusive else score < self.limit
        if self.min_reduction_percent is None:
            return low
        # 50 % of an odd baseline is exact in floating point, but 25 % of some sums is not: allow rounding alone.
        return low & (np.asarray(reduction_percent, dtype=float) >= self.min_reduction_percent - 1e-9)


@dataclass(frozen=True, slots=True)
class Scale:
    """A rating scale; a higher score is worse.

    Attributes
    ----------
    name, label : str
        Name of the phenotype file, and the name in print.
    low, high : float
        Range of the total score; a score outside is an error.
    remission : Remission
        Default rule; override it with `dataclasses.replace` and pass the scale to the cohort.
    source : str
        Where range and rule come from.
    checked : bool
        False when range or rule has not been compared with its source: confirm before quoting.
    """

    name: str
    label: str
    low: float
    high: float
    remission: Remission
    source: str
    checked: bool = True

    def in_range(self, score: ArrayLike) -> BoolArray:
        """Say which scores lie within the scale's range, ends included."""
        values = np.asarray(score, dtype=float)
        return (values >= self.low) & (values <= self.high)


SCALES: Registry[Scale] = Registry("scale")


def _add(scale: Scale, *aliases: str) -> None:
    SCALES.add(scale, name=scale.name, aliases=aliases, reference=scale.source)


_UNCHECKED = "customary value, not compared with its source"
_add(
    Scale("hamd17", "HAM-D17", 0, 52, Remission(7), "as used in a trial of CBT and medication, Dunlop 2017"),
    "ham-d17", "hamd-17", "hdrs17", "hdrs-17", "hrsd17",
)  # fmt: skip
_add(Scale("hamd21", "HAM-D21", 0, 64, Remission(7), _UNCHECKED, checked=False), "ham-d21", "hamd-21", "hdrs21")
_add(
    Scale(
        "hamd24", "HAM-D24", 0, 75, Remission(10, inclusive=False, min_reduction_percent=50.0),
        "rule: Miller 2013 Biol Psychiatry 74:760; range: " + _UNCHECKED, checked=False,
    ),
    "ham-d24", "hamd-24", "hdrs24",
)  # fmt: skip
_add(
    Scale("madrs", "MADRS", 0, 60, Remission(10), "range: ten items of 0-6; cut-off: " + _UNCHECKED, checked=False),
)
_add(Scale("qids_sr16", "QIDS-SR16", 0, 27, Remission(5), _UNCHECKED, checked=False), "qids-sr16", "qids_sr", "qids")
_add(Scale("qids_c16", "QIDS-C16", 0, 27, Remission(5), _UNCHECKED, checked=False), "qids-c16", "qids_c")
_add(Scale("ids_c30", "IDS-C30", 0, 84, Remission(11), _UNCHECKED, checked=False), "ids-c30", "ids_c")
_add(
    Scale("ids_sr30", "IDS-SR30", 0, 84, Remission(14), _UNCHECKED + "; 13 is in use too", checked=False),
    "ids-sr30", "ids_sr",
)  # fmt: skip
_add(Scale("bdi2", "BDI-II", 0, 63, Remission(12), _UNCHECKED + "; < 10 is in use too", checked=False), "bdi-ii", "bdi")
_add(Scale("phq9", "PHQ-9", 0, 27, Remission(5, inclusive=False), _UNCHECKED, checked=False), "phq-9")


def find_scale(name: str, overrides: Mapping[str, Scale] | None = None) -> Scale:
    """Return a scale by name; one that the user brings wins over the table.

    Raises
    ------
    UnknownNameError
        If neither knows it; the message lists the scales and the nearest one.
    """
    for key, scale in (overrides or {}).items():
        if key.casefold() == str(name).casefold():
            return scale
    return SCALES[name]
