"""What a screen of many markers found: one table, the distribution of the largest statistic, and what it does not show."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.records import plain
from neurochem.response.screening.shrinkage import RandomEffects
from neurochem.results import frozen_array
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOTS = ("volcano", "forest")
_CRITERIA = ("p_max", "p_permutation", "p_bh", "p_by", "p_holm")


class SelectedMarkers(tuple[str, ...]):
    """Names of markers that were chosen by how they go with the outcome; `predict` refuses to start from them."""

    source: str

    def __new__(cls, names: Iterable[str], source: str) -> "SelectedMarkers":
        """Return the names with what chose them."""
        self = super().__new__(cls, tuple(names))
        self.source = source
        return self

    def __getnewargs__(self) -> tuple[tuple[str, ...], str]:
        """Return what makes the same object again."""
        return tuple(self), self.source


@dataclass(frozen=True, slots=True, eq=False)
class ScreenResult:
    """A family of markers, each tested against one outcome.

    Attributes
    ----------
    outcome : str
        Outcome as one reads it.
    table : DataFrame
        One row a marker; `to_frame` hands out a copy and describes the columns.
    largest : array, shape (P,)
        Largest |t| of the family in each shuffle.
    shrinkage : RandomEffects or None
        Distribution of the standardised slopes; None with fewer than two usable markers.
    flags : tuple of Flag
        What a reader must know.
    settings : mapping
        Every choice, for the record.
    """

    outcome: str
    table: pd.DataFrame = field(repr=False)
    largest: FloatArray = field(repr=False)
    shrinkage: RandomEffects | None = None
    flags: tuple[Flag, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", self.table.copy())
        object.__setattr__(self, "largest", frozen_array(self.largest))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a marker.

        Returns
        -------
        DataFrame
            name, n, slope and stderr (unit), t, dof, p (of t), p_permutation (this marker alone), p_max (family-wise, from
            the largest |t|), p_holm, p_bh and p_by (of p_permutation), standardised and std_stderr (SD of the outcome per
            SD of the marker), std_low95, std_high95, shrunken, shrunken_stderr, shrunken_low95, shrunken_high95,
            reliability, and whether the marker could be tested.
        """
        return self.table.copy()

    def selected(self, by: str = "p_max", level: float = 0.05) -> SelectedMarkers:
        """Return the names of the markers with a p of at most `level`.

        They were chosen by their relation to the outcome in these people, so a model of them, tested in the same
        people, would look better than it is; `predict` therefore refuses them.
        """
        if by not in _CRITERIA:
            raise unknown_name(by, _CRITERIA, kind="p value")
        names = self.table.loc[self.table[by] <= level, "name"]
        return SelectedMarkers(names, f"screen of {len(self.table)} markers by {by} <= {level:g}")

    def threshold(self, level: float = 0.05) -> float:
        """Return the |t| beyond which a marker has a family-wise p of at most `level`."""
        if not 0.0 < level < 1.0:
            msg = f"level is {level}; it must lie between 0 and 1, for example 0.05"
            raise InputError(msg)
        return float(np.quantile(self.largest, 1.0 - level, method="higher"))

    def summary(self) -> str:
        """Return what was found and what was not, in words and numbers."""
        table, size = self.table.loc[self.table["testable"]], int(self.table["testable"].sum())
        count = self.settings.get("permutations", self.largest.size)
        kind = "all orders" if self.settings.get("exhaustive") else "shuffles"
        lines = [f"{size} markers tested against {self.outcome}; {count} {kind} (Freedman-Lane)"]
        found = table.loc[table["p_max"] <= 0.05].sort_values("p_max")
        rate = int((table["p_bh"] <= 0.05).sum())
        if len(found):
            lines.append(f"associated with the family-wise error held at 5 %: {len(found)}")
            lines += [_line(row) for _, row in found.iterrows()]
        else:
            lines.append("no marker is associated when the number of tests is allowed for (family-wise 5 %)")
        lines.append(f"with a false discovery rate of 5 % (Benjamini-Hochberg): {rate}")
        if self.shrinkage is not None:
            s = self.shrinkage
            lines.append(
                f"over markers: mean {s.mean:.3f} [{s.low:.3f}, {s.high:.3f}] SD per SD, spread of true values "
                f"{np.sqrt(s.tau2):.3f}, I2 {s.i2:.0f} %, heterogeneity p {s.p_heterogeneity:.3g}"
            )
        lines += [f"{flag.severity}: {flag.message}" for flag in self.flags]
        lines.append(
            "This shows association in these people, not prediction: the same people chose the markers. A marker that is not "
            "listed was not shown to be unrelated. Slopes are not corrected for noise of the scans; use associate for that."
        )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values that JSON holds, the table as lists by column, for a report."""
        record = {
            "outcome": self.outcome, "table": self.table.to_dict("list"), "largest": self.largest,
            "shrinkage": None if self.shrinkage is None else asdict(self.shrinkage),
            "flags": [asdict(flag) for flag in self.flags], "settings": dict(self.settings),
        }  # fmt: skip
        return dict(plain(record))

    def plot(self, kind: str = "volcano", ax: "Axes | None" = None) -> "Axes":
        """Draw the "volcano" or the "forest" and return the axes."""
        from neurochem.response.screening import plots

        if kind not in PLOTS:
            raise unknown_name(kind, PLOTS, kind="plot")
        return plots.plot_volcano(self, ax) if kind == "volcano" else plots.plot_shrinkage(self, ax)


def _line(row: pd.Series) -> str:
    return (
        f"  {row['name']}: {row['slope']:.3g} ({row['stderr']:.2g}) {row['unit']}, n = {row['n']}, "
        f"{row['standardised']:.2f} SD per SD, shrunken {row['shrunken']:.2f}, family-wise p {row['p_max']:.2g}"
    )
