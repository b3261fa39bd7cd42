"""External validation: a frozen model judged in patients that it has never seen."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.cohort import Cohort
from neurochem.response.prediction.card import ModelCard, refuse_known_rows
from neurochem.response.prediction.metrics import brier, calibration, discrimination, explained, net_benefit
from neurochem.response.prediction.performance import COLUMNS
from neurochem.response.prediction.prediction_table import CohortQuestion, rows_of_cohort
from neurochem.units import FloatArray

_FEW_EVENTS = 100


@dataclass(frozen=True, slots=True, eq=False)
class ExternalValidation:
    """How a model card did in new patients.

    Attributes
    ----------
    outcome : str
        What was predicted.
    n, events : int
        Patients, and those with the outcome (0 for a continuous one).
    measures : DataFrame
        measure, value, low95, high95, interval.
    recalibrated : DataFrame
        The model as it is, with a new intercept, and with new intercept and slope: Brier score (or MAE) and the numbers
        that were refitted. Both refits saw these patients and are not validated by them.
    decision_curve : DataFrame
        Net benefit; empty for a continuous outcome.
    predicted, observed : array, shape (n,)
        Predictions and outcomes.
    flags : tuple of Flag
        What a reader must know.
    """

    outcome: str
    n: int
    events: int
    measures: pd.DataFrame = field(repr=False)
    recalibrated: pd.DataFrame = field(repr=False)
    decision_curve: pd.DataFrame = field(repr=False)
    predicted: FloatArray = field(repr=False)
    observed: FloatArray = field(repr=False)
    flags: tuple[Flag, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the measures, one row each."""
        return self.measures.copy()

    def summary(self) -> str:
        """Return the validation in words and numbers."""
        lines = [f"External validation of the prediction of {self.outcome} in {self.n} new patients"]
        lines += [_line(row) for _, row in self.measures.iterrows()]
        lines.append("Recalibrated in these patients (not validated by them):")
        lines += [
            f"  {row['model']}: {row['score']} {row['value']:.3f} (intercept {row['intercept']:.3f}, slope {row['slope']:.3f})"
            for _, row in self.recalibrated.iterrows()
        ]
        lines += [f"{flag.severity}: {flag.message}" for flag in self.flags]
        lines.append("May not be concluded: that the model works in other clinics, or that acting on it helps anybody.")
        return "\n".join(lines)


def _line(row: pd.Series) -> str:
    known = math.isfinite(row["low95"])
    return f"  {row['measure']} {row['value']:.3f}" + (f" [{row['low95']:.3f}, {row['high95']:.3f}]" if known else "")


def validate_external(card: ModelCard, table: pd.DataFrame, outcome: ArrayLike) -> ExternalValidation:
    """Judge a frozen model in new patients; nothing of it is chosen or fitted again.

    Parameters
    ----------
    card : ModelCard
        The model, as saved.
    table : DataFrame
        One row a new patient with the columns of the card; missing cells get the card's value.
    outcome : array_like, shape (n,)
        What happened: 0 and 1, or numbers.

    Returns
    -------
    ExternalValidation

    Raises
    ------
    InputError
        If the rows trained the model, lengths differ, or the outcome is not of the model's kind.
    UnknownNameError
        If a predictor is not in the table.
    """
    try:
        y = np.asarray(outcome, dtype=float)
    except (TypeError, ValueError):
        msg = "outcome holds text; give numbers, or 0 and 1 for a yes-or-no outcome"
        raise InputError(msg) from None
    if y.shape != (len(table),) or not np.isfinite(y).all():
        msg = f"outcome has shape {y.shape} for {len(table)} patients; give one known outcome each"
        raise InputError(msg)
    if card.binary and (not np.isin(y, (0.0, 1.0)).all() or len(set(y.tolist())) < 2):
        msg = "outcome must hold 0 and 1, both at least once, as the model predicts a risk"
        raise InputError(msg)
    refuse_known_rows(card, card.design(table))
    linear, predicted = card.linear(table), card.predict(table)
    rows, again = _binary(y, linear) if card.binary else _continuous(y, linear, card)
    cuts = np.round(np.arange(0.05, 0.96, 0.05), 2)
    return ExternalValidation(
        outcome=card.outcome, n=y.size, events=int(y.sum()) if card.binary else 0,
        measures=pd.DataFrame(rows, columns=list(COLUMNS)), recalibrated=pd.DataFrame(again),
        decision_curve=net_benefit(y, predicted, cuts) if card.binary else pd.DataFrame(),
        predicted=predicted, observed=y, flags=_flags(card, table, y),
    )  # fmt: skip


def validate_cohort(
    card: ModelCard, cohort: Cohort, *, outcome: str | None = None, endpoint_visit: str | None = None
) -> ExternalValidation:
    """Judge a frozen model in the patients of another study; see `validate_external`.

    Parameters
    ----------
    card : ModelCard
        A model that `predict` made from a cohort: its card says what it predicts, from what, and when.
    cohort : Cohort
        The new study, with the same scale, markers and columns.
    outcome : str, optional
        Scale; that of the card by default.
    endpoint_visit : str, optional
        Visit of the outcome, where the new study names it otherwise.

    Returns
    -------
    ExternalValidation

    Raises
    ------
    InputError, UnknownNameError
        As for `validate_external`; also if the card was made from a table and does not say what it predicts.
    """
    settings = card.settings
    if settings.get("source") != "cohort":
        msg = "this card was made from a table and does not name scale and visits; use validate_external with a table"
        raise InputError(msg)
    question = CohortQuestion(
        outcome or settings["outcome"], tuple(settings["predictors"]), settings["outcome_type"],
        endpoint_visit or settings["endpoint_visit"], settings["landmark"], "",
    )  # fmt: skip
    rows = rows_of_cohort(cohort, question, settings.get("allow", {}))
    return validate_external(card, rows.raw, rows.outcome)


_Row = tuple[str, float, float, float, str]


def _binary(y: FloatArray, linear: FloatArray) -> tuple[list[_Row], list[dict[str, object]]]:
    area, fit, score = discrimination(y, linear), calibration(y, linear), brier(y, special.expit(linear))
    half, level = 1.96 * fit.slope_stderr, 1.96 * fit.in_the_large_stderr
    rows: list[_Row] = [
        ("AUC", area.auc, area.low, area.high, "DeLong, logit"),
        ("calibration slope", fit.slope, fit.slope - half, fit.slope + half, "Wald"),
        ("calibration in the large", fit.in_the_large, fit.in_the_large - level, fit.in_the_large + level, "Wald"),
        ("observed / expected", fit.observed_expected, math.nan, math.nan, ""),
        ("Brier", score[0], math.nan, math.nan, ""),
        ("scaled Brier", score[1], math.nan, math.nan, ""),
    ]
    again = []
    for name, a, b in (
        ("as it is", 0.0, 1.0), ("new intercept", fit.in_the_large, 1.0), ("new intercept and slope", fit.intercept, fit.slope),
    ):  # fmt: skip
        value = brier(y, special.expit(a + b * linear))[0] if math.isfinite(b) else math.nan
        again.append({"model": name, "intercept": a, "slope": b, "score": "Brier", "value": value})
    return rows, again


def _continuous(y: FloatArray, linear: FloatArray, card: ModelCard) -> tuple[list[_Row], list[dict[str, object]]]:
    mean = float(card.training.get("outcome_mean", float("nan")))
    error = y - linear
    spread = float(np.var(linear))
    slope = float(np.mean((linear - linear.mean()) * (y - y.mean()))) / spread if spread > 0 else math.nan
    rows: list[_Row] = [
        ("R2", explained(y, linear, np.full(y.shape, mean)), math.nan, math.nan, ""),
        ("MAE", float(np.abs(error).mean()), math.nan, math.nan, ""),
        ("RMSE", float(np.sqrt(np.mean(error**2))), math.nan, math.nan, ""),
        ("calibration slope", slope, math.nan, math.nan, ""),
        ("mean error", float(error.mean()), *_mean_interval(error), "t"),
    ]
    again = []
    level = float(y.mean() - slope * linear.mean()) if math.isfinite(slope) else math.nan
    for name, a, b in (
        ("as it is", 0.0, 1.0),
        ("new intercept", float(error.mean()), 1.0),
        ("new intercept and slope", level, slope),
    ):
        value = float(np.abs(y - a - b * linear).mean())
        again.append({"model": name, "intercept": a, "slope": b, "score": "MAE", "value": value})
    return rows, again


def _mean_interval(values: FloatArray) -> tuple[float, float]:
    half = float(special.stdtrit(values.size - 1, 0.975) * values.std(ddof=1)) / math.sqrt(values.size)
    return float(values.mean()) - half, float(values.mean()) + half


def _flags(card: ModelCard, table: pd.DataFrame, y: FloatArray) -> tuple[Flag, ...]:
    flags = []
    outside: Mapping[str, int] = {str(k): int(v) for k, v in card.outside(table).items() if v}
    if outside:
        listed = ", ".join(f"{name} in {count}" for name, count in outside.items())
        flags.append(
            Flag("outside_training_range", f"values beyond those of training: {listed} of {len(table)} patients")
        )
    rare = int(min(y.sum(), y.size - y.sum())) if card.binary else _FEW_EVENTS
    if rare < _FEW_EVENTS:
        message = f"{rare} patients in the rarer class: at least {_FEW_EVENTS} are advised for an external validation"
        flags.append(Flag("few_events", message))
    if card.harmonisation:
        message = "the model was trained on harmonised values and is used here on values as they are"
        flags.append(Flag("harmonised_training", message))
    return tuple(flags)
