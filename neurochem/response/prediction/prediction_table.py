"""The rows of a prediction: outcome, predictors known in time, people and sites, from a cohort or from a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.errors import InputError, LeakageError, unknown_name
from neurochem.response.change import values_at
from neurochem.response.cohort import Cohort
from neurochem.response.outcomes import outcome_type, outcome_values
from neurochem.response.prediction import leakage
from neurochem.response.prediction.people_ids import refuse_repeated_rows, refuse_session_ids
from neurochem.response.prediction.processed import refuse_processed
from neurochem.response.scales import Scale
from neurochem.response.validation import BASELINE, marker_label
from neurochem.units import FloatArray

AT = " @ "
_USUAL = ("baseline_score", "age", "sex")


@dataclass(frozen=True, slots=True, eq=False)
class PredictionTable:
    """Everything that a prediction model may know, and what it is judged by.

    Attributes
    ----------
    frame : DataFrame, shape (n, p)
        Predictors as numbers, text as dummies, missing as NaN.
    outcome : array, shape (n,)
        0 and 1, or numbers.
    people : array of str, shape (n,)
        Person of each row.
    sites : array of str or None
        Site of each row.
    baseline : tuple of str
        Columns of severity, age and sex, for the model that any other must beat.
    levels : mapping of str to tuple of str
        Levels of the text columns, the reference first.
    scale, label, unit : str
        Scale of the outcome, its definition as one reads it, and its unit.
    record : mapping
        Counts and choices, for the report.
    """

    frame: pd.DataFrame
    outcome: FloatArray
    people: np.ndarray
    sites: np.ndarray | None
    baseline: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    scale: str
    label: str
    unit: str
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def binary(self) -> bool:
        """Whether the outcome is yes or no."""
        return set(np.unique(self.outcome).tolist()) <= {0.0, 1.0}


def encode_predictors(
    table: pd.DataFrame, levels: Mapping[str, Sequence[str]]
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Return predictors as numbers and the levels of the text columns; a missing text is missing in all its dummies."""
    columns: dict[str, FloatArray] = {}
    known: dict[str, tuple[str, ...]] = {}
    for name in map(str, table.columns):
        cells = table[name]
        if pd.api.types.is_numeric_dtype(cells) and name not in levels:
            columns[name] = cells.to_numpy(dtype=float)
            continue
        texts = cells.astype(object).where(cells.notna(), None)
        found = sorted({str(text) for text in texts if text is not None})
        known[name] = tuple(levels.get(name, found))
        for text in found:
            if text not in known[name]:
                raise unknown_name(text, known[name], kind=f"level of '{name}'")
        for level in known[name][1:]:
            columns[f"{name}[{level}]"] = np.array([np.nan if t is None else float(str(t) == level) for t in texts])
    return pd.DataFrame(columns, index=range(len(table))), known


def table_of_arrays(
    predictors: pd.DataFrame,
    outcome: ArrayLike,
    *,
    people: ArrayLike | None,
    sites: ArrayLike | None,
    weeks: Mapping[str, float],
    landmark_week: float | None,
    allow: Mapping[str, str],
) -> PredictionTable:
    """Return the rows of a table, after the guards.

    Raises
    ------
    LeakageError
        By the guards of `leakage`.
    InputError
        If lengths differ or an outcome is missing.
    """
    if not isinstance(predictors, pd.DataFrame):
        msg = "predictors must be a DataFrame with a name for every column; the guards against leakage read the names"
        raise InputError(msg)
    y = _outcome_numbers(outcome)
    raw = predictors.copy()
    twice = raw.columns[raw.columns.duplicated()]
    if len(twice):
        msg = f"predictor '{twice[0]}' stands in two columns; give every column a name of its own"
        raise InputError(msg)
    if not len(raw):
        msg = "predictors has no rows; give one row per scan"
        raise InputError(msg)
    if people is None and "participant_id" in raw.columns:
        people = raw.pop("participant_id").to_numpy()
    grouped = people is not None
    names = np.array([str(name) for name in np.asarray(people)]) if grouped else np.arange(len(raw)).astype(str)
    where = None if sites is None else np.array([str(name) for name in np.asarray(sites)])
    for kind, size in (
        ("outcome", y.size),
        ("people", names.size),
        ("sites", len(raw) if where is None else where.size),
    ):
        if size != len(raw):
            msg = f"{kind} has {size} rows, but predictors has {len(raw)}; give one row per scan in each"
            raise InputError(msg)
    if not np.isfinite(y).all():
        msg = (
            f"outcome[{int(np.flatnonzero(~np.isfinite(y))[0])}] is missing; leave out people without an outcome first"
        )
        raise InputError(msg)
    refuse_session_ids(names.tolist())
    refuse_processed(raw, where)
    leakage.refuse_later(map(str, raw.columns), weeks, landmark_week, allow)
    raw.attrs = {}
    frame, levels = encode_predictors(raw.reset_index(drop=True), {})
    table = PredictionTable(
        frame=frame, outcome=y, people=names, sites=where, baseline=_baseline_columns(frame), levels=levels, scale="",
        label="outcome", unit="", record={"source": "table", "rows": len(frame), "people": len(set(names.tolist()))},
    )  # fmt: skip
    return checked(table, allow)


def _outcome_numbers(outcome: ArrayLike) -> FloatArray:
    """Return the outcome as numbers, or say how to code it."""
    try:
        y = np.asarray(outcome, dtype=float)
    except (TypeError, ValueError):
        msg = "outcome holds text; give numbers, or 0 and 1 for a yes-or-no outcome"
        raise InputError(msg) from None
    known = np.unique(y[np.isfinite(y)])
    if known.size == 2 and not np.array_equal(known, (0.0, 1.0)):
        msg = f"outcome holds {known[0]:g} and {known[1]:g} only; code a yes-or-no outcome as 0 and 1"
        raise InputError(msg)
    return y


def checked(table: PredictionTable, allow: Mapping[str, str]) -> PredictionTable:
    """Return the table, after the checks that hold for every source."""
    for name in table.frame.columns:
        if np.isinf(table.frame[name].to_numpy(dtype=float)).any():
            msg = f"predictor '{name}' holds an infinite value; give the number, or NaN where it is missing"
            raise InputError(msg)
        if table.frame[name].isna().all():
            msg = f"predictor '{name}' is missing for everybody; leave it out"
            raise InputError(msg)
    if table.frame.shape[1] == 0:
        msg = "there are no predictors; name at least one"
        raise InputError(msg)
    if len(set(table.outcome.tolist())) < 2:
        msg = f"the outcome is {table.outcome[0]:g} in all {table.outcome.size} rows; there is nothing to predict"
        raise InputError(msg)
    refuse_repeated_rows(table.frame, table.people)
    leakage.refuse_disguised(table.frame, table.outcome, scale=table.scale, allow=allow)
    leakage.refuse_telling_sites(table.sites, table.outcome)
    return table


def _baseline_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    usual = (*_USUAL, "y0", "severity")
    return tuple(str(name) for name in frame.columns if str(name).split("[")[0].lower() in usual)


@dataclass(frozen=True, slots=True)
class CohortQuestion:
    """What is to be predicted from a cohort, and when."""

    outcome: str
    predictors: tuple[str, ...] | None
    outcome_type: str
    endpoint_visit: str | None
    landmark: str | None
    site: str


def table_of_cohort(cohort: Cohort, question: CohortQuestion, allow: Mapping[str, str]) -> PredictionTable:
    """Return the patients of a cohort with a known outcome, after the guards.

    Predictors are named as one reads them: "BPND midbrain" (baseline), "BPND midbrain @ week2", "madrs @ week2",
    "baseline_score", or a column of people. By default all markers at baseline with severity, age and sex where known.

    Raises
    ------
    LeakageError
        If a predictor is later than baseline or the landmark, or is the outcome.
    UnknownNameError, InputError
        If a name is not in the cohort.
    """
    rows = rows_of_cohort(cohort, question, allow)
    people, scale, kind = cohort.people.set_index("participant_id"), rows.scale, outcome_type(question.outcome_type)
    levels = {name: cohort.levels[name] for name in rows.raw.columns if name in cohort.levels}
    frame, coded = encode_predictors(rows.raw.reset_index(drop=True), levels)
    sites = people.loc[rows.raw.index, question.site] if question.site in people.columns else None
    unknown = 0 if sites is None else int(sites.isna().sum())
    where = None if sites is None or unknown else sites.astype(str).to_numpy(dtype=str)
    table = PredictionTable(
        frame=frame, outcome=rows.outcome, people=rows.raw.index.to_numpy(dtype=str), sites=where,
        baseline=_baseline_columns(frame), levels=coded, scale=scale.name,
        label=f"{scale.label} {kind.name.replace('_', ' ')} at {rows.endpoint} ({kind.meaning})", unit=kind.unit,
        record={"source": "cohort", "outcome": scale.name, "outcome_type": kind.name, "endpoint_visit": rows.endpoint,
                "landmark": question.landmark, "predictors": list(map(str, rows.raw.columns)), "data_flow": rows.flow,
                "sites_unknown": unknown},
    )  # fmt: skip
    return checked(table, allow)


@dataclass(frozen=True, slots=True, eq=False)
class CohortRows:
    """Patients with a known outcome and their predictors as they stand in the tables, not yet coded."""

    raw: pd.DataFrame
    outcome: FloatArray
    scale: Scale
    endpoint: str
    flow: dict[str, int]


def rows_of_cohort(cohort: Cohort, question: CohortQuestion, allow: Mapping[str, str]) -> CohortRows:
    """Return the patients of a cohort who can be used, after the guards on names and dates; errors as `table_of_cohort`."""
    scale, kind = cohort.scale(question.outcome), outcome_type(question.outcome_type)
    endpoint = cohort.endpoint(question.endpoint_visit)
    weeks = cohort.visits.groupby("visit")["week"].max().to_dict()
    if question.landmark is not None and question.landmark not in weeks:
        raise unknown_name(question.landmark, map(str, weeks), kind="landmark visit")
    if question.landmark is not None and weeks[question.landmark] >= weeks[endpoint]:
        msg = f"landmark '{question.landmark}' (week {weeks[question.landmark]:g}) is not before the outcome at '{endpoint}' "
        msg += f"(week {weeks[endpoint]:g}); choose an earlier landmark or a later endpoint"
        raise InputError(msg)
    people = cohort.people
    patients = people.loc[people["group"] == "patient"].set_index("participant_id")
    names = question.predictors or _default_predictors(cohort, patients)
    limit = None if question.landmark is None else float(weeks[question.landmark])
    columns = {name: _predictor(cohort, patients, name, scale.name, endpoint) for name in names}
    dated = {name: float(weeks[name.split(AT)[1]]) for name in names if AT in name}
    leakage.refuse_later(names, dated, limit, allow)
    scores = [_score(cohort, patients, scale.name, visit) for visit in (BASELINE, endpoint)]
    y = outcome_values(kind.name, scores[0].to_numpy(), scores[1].to_numpy(), scale)
    keep, flow = _at_risk(cohort, patients, question, y, scale)
    return CohortRows(pd.DataFrame(columns, index=patients.index).loc[keep], y[keep], scale, endpoint, flow)


def _default_predictors(cohort: Cohort, patients: pd.DataFrame) -> tuple[str, ...]:
    usual = [name for name in ("age", "sex") if name in patients.columns]
    return ("baseline_score", *usual, *_markers(cohort))


def _markers(cohort: Cohort) -> dict[str, tuple[str, str]]:
    pairs = cohort.markers.loc[lambda t: t["value"].notna(), ["marker", "region"]].drop_duplicates()
    return {marker_label(str(m), str(r)): (str(m), str(r)) for m, r in pairs.itertuples(index=False)}


def _score(cohort: Cohort, patients: pd.DataFrame, scale: str, visit: str) -> pd.Series:
    rows = cohort.scores
    rows = rows.loc[(rows["scale"] == scale) & (rows["visit"] == visit)]
    return rows.set_index("participant_id")["score"].reindex(patients.index).astype(float)


def _predictor(cohort: Cohort, patients: pd.DataFrame, name: str, scale: str, endpoint: str) -> pd.Series:
    """Return one predictor of every patient."""
    what, _, visit = name.partition(AT)
    visit = cohort.endpoint(visit) if visit else BASELINE
    markers, scales = _markers(cohort), list(dict.fromkeys(cohort.scores["scale"]))
    if what in {"baseline_score", *scales}:
        chosen = scale if what == "baseline_score" else what
        if visit == endpoint:
            kind = "the outcome itself" if chosen == scale else "another scale at the endpoint"
            msg = f"leakage: the outcome in disguise: '{name}' is {kind}. Predict from what is known at baseline"
            raise LeakageError(msg)
        return _score(cohort, patients, chosen, visit)
    if what in markers:
        marker, region = markers[what]
        return values_at(cohort.marker_rows(marker, region), visit)["value"].reindex(patients.index).astype(float)
    if what not in patients.columns or what == "group":
        offered = [
            "baseline_score",
            *markers,
            *(c for c in patients.columns if c != "group"),
            *(f"{s}{AT}visit" for s in scales),
        ]
        raise unknown_name(what, offered, kind="predictor")
    return patients[what]


def _at_risk(
    cohort: Cohort, patients: pd.DataFrame, question: CohortQuestion, y: FloatArray, scale: Any
) -> tuple[np.ndarray, dict[str, int]]:
    """Return who is used, and why the others are not: no outcome, not seen at the landmark, outcome reached before it."""
    keep = np.isfinite(y)
    flow = {"patients": len(patients), "without_outcome": int((~keep).sum())}
    if question.landmark is not None:
        first = _score(cohort, patients, scale.name, BASELINE).to_numpy()
        then = _score(cohort, patients, scale.name, question.landmark).to_numpy()
        seen = np.isfinite(then)
        reached = np.zeros(len(patients), dtype=bool)
        if outcome_type(question.outcome_type).binary:
            reached = outcome_values(question.outcome_type, first, then, scale) == 1.0
        flow["not_seen_at_landmark"] = int((keep & ~seen).sum())
        flow["outcome_before_landmark"] = int((keep & seen & reached).sum())
        keep &= seen & ~reached
    flow["used"] = int(keep.sum())
    return keep, flow
