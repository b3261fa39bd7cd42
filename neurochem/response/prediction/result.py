"""What a prediction study found, in an object that cannot be changed and does not claim more than it may."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from neurochem.errors import unknown_name
from neurochem.quality import Flag
from neurochem.records import plain
from neurochem.response.prediction.card import NOT_FOR_CARE, ModelCard
from neurochem.response.prediction.resampling import PermutationTest
from neurochem.response.prediction.sample_size import SampleSize
from neurochem.response.screening.shrinkage import RandomEffects

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOTS = ("calibration", "decision", "learning", "permutation", "sites")
WITHIN_SITES = (
    "The AUC compares people of the same site only, since to tell sites apart that differ in response is no prediction."
)
_TABLES = (
    "measures", "comparison", "increment", "sites", "optimism", "learning", "decision", "calibration_curve", "subgroups",
    "out_of_sample",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PredictionResult:
    """A model judged in people that it has not seen.

    Attributes
    ----------
    outcome, unit : str
        What is predicted, and its unit.
    binary : bool
        Whether it is a risk.
    n, people, events : int
        Rows, people, and people with the outcome (0 for a continuous one).
    measures : DataFrame
        Out-of-sample measures: measure, value, low95, high95, interval.
    comparison : DataFrame
        The same main measures for no information, for severity, age and sex, and for the model, in the same folds.
    increment : DataFrame
        What the model adds to severity, age and sex (to no information where that does better); empty where these are not
        known or are all there is.
    sites : DataFrame
        Performance at every site left out; empty below three sites.
    pooled : RandomEffects or None
        Its distribution over sites: of the logit of the AUC, or of the MAE.
    permutation : PermutationTest or None
        Shuffled labels.
    optimism, learning, decision, calibration_curve : DataFrame
        Bootstrap optimism, learning curve, net benefit, and the smooth calibration curve with its band.
    subgroups : DataFrame
        The same predictions judged by sex and age.
    out_of_sample : DataFrame
        participant_id, outcome, and the mean prediction over the repeats, each by models that did not see the person.
    sample_size : SampleSize
        Riley's criteria.
    card : ModelCard or None
        The model fitted to everybody by the inner procedure; None for pipelines of the user.
    flags : tuple of Flag
        What a reader must know.
    settings : mapping
        Every choice, for the record.
    """

    outcome: str
    unit: str
    binary: bool
    n: int
    people: int
    events: int
    measures: pd.DataFrame = field(repr=False)
    comparison: pd.DataFrame = field(repr=False)
    increment: pd.DataFrame = field(repr=False)
    sites: pd.DataFrame = field(repr=False)
    pooled: RandomEffects | None = field(repr=False)
    permutation: PermutationTest | None = field(repr=False)
    optimism: pd.DataFrame = field(repr=False)
    learning: pd.DataFrame = field(repr=False)
    decision: pd.DataFrame = field(repr=False)
    calibration_curve: pd.DataFrame = field(repr=False)
    subgroups: pd.DataFrame = field(repr=False)
    out_of_sample: pd.DataFrame = field(repr=False)
    sample_size: SampleSize
    card: ModelCard | None = field(repr=False)
    flags: tuple[Flag, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _TABLES:
            object.__setattr__(self, name, getattr(self, name).copy())
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __getitem__(self, measure: str) -> float:
        """Return an out-of-sample measure by name: "AUC", "Brier", "R2" ..."""
        found = self.measures.loc[self.measures["measure"] == measure, "value"]
        if found.empty:
            raise unknown_name(measure, self.measures["measure"].tolist(), kind="measure")
        return float(found.iloc[0])

    def to_frame(self) -> pd.DataFrame:
        """Return the out-of-sample measures, one row each."""
        return self.measures.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values that JSON holds, tables as lists by column, for a report."""
        record: dict[str, Any] = {
            name: getattr(self, name) for name in ("outcome", "unit", "binary", "n", "people", "events")
        }
        record |= {name: getattr(self, name).to_dict("list") for name in _TABLES}
        record["sample_size"] = asdict(self.sample_size)
        record["pooled_sites"] = None if self.pooled is None else asdict(self.pooled)
        record["permutation"] = None if self.permutation is None else asdict(self.permutation)
        record["flags"] = [asdict(flag) for flag in self.flags]
        record["not_concluded"] = self.not_concluded()
        record["settings"] = dict(self.settings)
        return dict(plain(record))

    def plot(self, kind: str = "calibration", ax: "Axes | None" = None) -> "Axes":
        """Draw "calibration", "decision", "learning", "permutation" or "sites" and return the axes."""
        from neurochem.response.prediction import plots

        if kind not in PLOTS:
            raise unknown_name(kind, PLOTS, kind="plot")
        axes: Axes = getattr(plots, f"plot_{kind}")(self, ax)
        return axes

    def summary(self) -> str:
        """Return the result in words and numbers, with what may not be concluded.

        The word prediction stands for performance in people left out only.
        """
        return "\n".join([*self._head(), *self._against(), *self._checks(), *self._apparent(), *self._limits()])

    def _head(self) -> list[str]:
        s = self.settings
        who = f"{self.people} people" + (f", {self.events} with the outcome" if self.binary else "")
        folds = f"{s.get('repeats', 1)} x {s.get('outer_folds', 0)} folds of people, "
        folds += f"tuned in {s.get('inner_folds', 0)} inner folds"
        lines = [f"Prediction of {self.outcome}, out of sample: {who}; {folds}"]
        if self.binary and s.get("several_sites"):
            lines.append(WITHIN_SITES)
        return lines + [measure_line(row, self.unit) for _, row in self.measures.iterrows()]

    def _against(self) -> list[str]:
        main = ["AUC", "Brier"] if self.binary else ["R2", "MAE"]
        lines = ["In the same folds:"]
        for _, row in self.comparison.iterrows():
            lines.append(f"  {row['model']}: " + ", ".join(f"{name} {row[name]:.3f}" for name in main))
        for _, row in self.increment.iterrows():
            if row["measure"] in main:
                lines.append(f"  added to {row['against']}: {measure_line(row, '').strip()}")
        if len(self.sites):
            lines.append(f"Each of {len(self.sites)} sites left out in turn:")
            names = ["AUC", "Brier"] if self.binary else ["R2", "MAE"]
            for _, row in self.sites.iterrows():
                lines.append(f"  {row['site']} (n = {row['n']}): " + ", ".join(f"{x} {row[x]:.3f}" for x in names))
            if self.pooled is not None:
                lines.append(f"  over sites: {pooled_text(self.pooled, binary=self.binary)}")
        return lines

    def _checks(self) -> list[str]:
        lines = []
        if self.permutation is not None:
            test, name = self.permutation, "AUC" if self.binary else "R2"
            lines.append(
                f"Shuffled labels ({test.null.size}, one repeat each): {name} {test.observed:.3f} against "
                f"{np.mean(test.null):.3f} on average, p = {test.p:.3g}"
            )
        return [*lines, f"Sample size (Riley): {self.sample_size.sentence(self.people)}"]

    def _apparent(self) -> list[str]:
        if self.optimism.empty:
            return []
        lines = ["Fit in the same people that made the model (flattering; says nothing of new people):"]
        for _, row in self.optimism.iterrows():
            lines.append(
                f"  {row['measure']}: apparent {row['apparent']:.3f}, optimism {row['optimism']:.3f}, "
                f"corrected {row['corrected']:.3f}"
            )
        return lines

    def _limits(self) -> list[str]:
        lines = [f"{flag.severity}: {flag.message}" for flag in self.flags]
        return [*lines, "May not be concluded:", *(f"  - {text}" for text in self.not_concluded()), NOT_FOR_CARE]

    def not_concluded(self) -> tuple[str, ...]:
        """Return what these numbers do not show, one sentence each."""
        texts = []
        main = self.measures.iloc[0]
        nothing = 0.5 if self.binary else 0.0
        unsure = not main["low95"] > nothing or (self.permutation is not None and self.permutation.p > 0.05)
        if unsure:
            texts.append("that the outcome can be told in advance from these variables at all")
        if len(self.increment) and (unsure or not self.increment.iloc[0]["low95"] > 0.0):
            texts.append("that the markers add anything to severity, age and sex")
        elif self.increment.empty:
            texts.append("that the markers add anything to severity, age and sex: that was not compared")
        if self.people < self.sample_size.needed:
            texts.append("that the risks of a single person are right: there are too few patients")
        if self.sites.empty:
            texts.append("that it works at another site: no site was left out")
        elif self.binary and not (self.pooled is not None and self.pooled.low > 0.0):
            # the pooled number is the logit of the AUC
            texts.append("that it works at another site: the sites left out do not show it")
        texts.append("that it works in other patients: that needs an external validation")
        texts.append("that a marker causes the outcome, or that it says which treatment is better for whom")
        return tuple(texts)


def measure_line(row: pd.Series, unit: str) -> str:
    """Return a measure with its interval on one line."""
    known = math.isfinite(row["low95"])
    text = f"  {row['measure']} {row['value']:.3f}" + (f" [{row['low95']:.3f}, {row['high95']:.3f}]" if known else "")
    return f"{text} {unit}".rstrip() if row["measure"] in {"MAE", "RMSE"} else text


def pooled_text(pooled: RandomEffects, *, binary: bool) -> str:
    """Return mean and spread over sites, an AUC back from its logit."""

    def back(value: float) -> float:
        return 1.0 / (1.0 + math.exp(-value)) if binary else value

    name = "AUC" if binary else "MAE"
    spread = f"heterogeneity p {pooled.p_heterogeneity:.2g}, I2 {pooled.i2:.0f} %"
    return f"{name} {back(pooled.mean):.3f} [{back(pooled.low):.3f}, {back(pooled.high):.3f}], {spread}"
