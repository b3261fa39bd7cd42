"""One row a patient: outcome, marker, its error and covariates, with the reason for everyone who drops out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from neurochem.errors import InputError, unknown_name
from neurochem.response.change import change, values_at, why_missing
from neurochem.response.cohort import Cohort
from neurochem.response.harmonize.confounding import refuse_scanner_visit_confounding
from neurochem.response.outcomes import OUTCOME_TYPES, outcome_type, outcome_values
from neurochem.response.scales import Scale
from neurochem.response.validation import BASELINE, marker_label

AT = ("baseline", "change")
FLAGGED_CHOICES = ("keep", "drop")
FLAGGED_SCAN = "scan flagged by quality control"
# Columns of the analysis that hold the outcome or what comes after it.
_NOT_COVARIATES = frozenset(
    {
        "outcome",
        "endpoint_score",
        "marker",
        "marker_se",
        "baseline_marker_se",
        "second_marker",
        "second_marker_se",
        "flagged",
        "se_source",
        "no_marker",
    }
)
_MACHINE = ("scanner", "software")
_SESSION_COLUMNS = ("participant_id", "session_id", "visit", "week")


@dataclass(frozen=True, slots=True)
class Question:
    """One association, every choice in it; the keywords are those of `associate`."""

    outcome: str
    marker: str
    region: str | None = None
    model: str | None = None
    at: str = "baseline"
    outcome_type: str = "change"
    covariates: tuple[str, ...] = ()
    baseline_visit: str = BASELINE
    endpoint_visit: str | None = None
    marker_visit: str | None = None
    adjust_severity: bool = True
    adjust_arm: bool = True
    flagged: str = "keep"

    def __post_init__(self) -> None:
        if self.at not in AT:
            raise unknown_name(self.at, AT, kind="at")
        if self.flagged not in FLAGGED_CHOICES:
            raise unknown_name(self.flagged, FLAGGED_CHOICES, kind="choice for flagged scans")
        if isinstance(self.covariates, str):
            msg = f"covariates is the text '{self.covariates}'; give a list of names, for example ['age', 'sex']"
            raise InputError(msg)
        outcome_type(self.outcome_type)
        for name in self.covariates:
            if name in _NOT_COVARIATES:
                msg = f"covariate '{name}' is the name of the outcome or the marker itself; "
                msg += "adjust for what was known before treatment, and rename the column if it is something else"
                raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisTable:
    """The rows of one association and how they came about.

    Attributes
    ----------
    rows : DataFrame
        Complete rows: participant_id, outcome, marker, marker_se; covariates under their names.
    terms : tuple of str
        Columns of `rows` to adjust for, in order.
    scale : Scale
        Scale of the outcome.
    label, unit : str
        Marker and region as one reads them, and the marker's unit.
    model : str or None
        Model that made the marker.
    endpoint_visit, marker_visit : str
        Visits as resolved.
    dropped : tuple of (participant, reason)
        Patients without a complete row.
    flow : mapping of str to int
        Counts: patients, controls left out, dropped, used, flagged scans among those used.
    se_sources : mapping of str to int
        Where the standard errors of the rows used come from.
    """

    rows: pd.DataFrame
    terms: tuple[str, ...]
    scale: Scale
    label: str
    unit: str
    model: str | None
    endpoint_visit: str
    marker_visit: str
    dropped: tuple[tuple[str, str], ...]
    flow: Mapping[str, int]
    se_sources: Mapping[str, int]


def analysis_table(cohort: Cohort, question: Question) -> AnalysisTable:
    """Collect the rows of one association.

    Controls never enter. A patient without a score, a usable scan or a covariate is dropped, with the first reason.

    Raises
    ------
    UnknownNameError
        If a scale, marker, region, model, visit or covariate is not in the cohort.
    InputError
        If several regions, models or endpoint visits are there and none was chosen.
    """
    everyone = candidate_rows(cohort, question)
    needed = ["outcome", "marker", *everyone.terms]
    endpoint = everyone.endpoint_visit
    reasons = {person: _reason(row, needed, question, endpoint) for person, row in everyone.rows.iterrows()}
    used = everyone.rows.loc[[person for person, reason in reasons.items() if not reason]]
    dropped = tuple((str(person), reason) for person, reason in reasons.items() if reason)
    return with_rows(everyone, used, dropped)


def candidate_rows(cohort: Cohort, question: Question) -> AnalysisTable:
    """Return every patient's row, indexed by participant, with whatever is missing left missing; nobody is dropped yet."""
    scale = cohort.scale(question.outcome)
    endpoint, marker_visit = _visits(cohort, question)
    marker_rows = cohort.marker_rows(question.marker, question.region, question.model)
    if question.at == "change":
        _refuse_confounded_scanner(cohort, marker_rows, question, marker_visit)
    people = cohort.people
    patients = people.loc[people["group"] == "patient"].set_index("participant_id")
    table = _scores(cohort, patients, scale, question, endpoint)
    table = table.join(_marker(marker_rows, patients, question, marker_visit))
    terms = _terms(cohort, patients, question)
    for name in terms:
        if name not in table.columns:
            table[name] = baseline_column(cohort, patients, name, question.baseline_visit)
    return AnalysisTable(
        rows=table, terms=terms, scale=scale, dropped=(),
        label=marker_label(question.marker, str(marker_rows["region"].iloc[0])),
        unit=str(next((unit for unit in marker_rows["unit"] if unit), "")),
        model=marker_rows["model"].iloc[0], endpoint_visit=endpoint, marker_visit=marker_visit,
        flow={"patients": len(patients), "controls_left_out": int((people["group"] == "control").sum())},
        se_sources={},
    )  # fmt: skip


def with_rows(everyone: AnalysisTable, used: pd.DataFrame, dropped: tuple[tuple[str, str], ...]) -> AnalysisTable:
    """Return the table with the rows that enter the model, and the counts of them."""
    flow = {
        **everyone.flow, "dropped": len(dropped), "used": len(used),
        "flagged_scans_used": int(used["flagged"].sum()) if len(used) else 0,
    }  # fmt: skip
    sources = {str(key): int(n) for key, n in used["se_source"].value_counts().sort_index().items()}
    return replace(everyone, rows=used.reset_index(), dropped=dropped, flow=flow, se_sources=sources)


def _visits(cohort: Cohort, question: Question) -> tuple[str, str]:
    """Return the endpoint and the visit of the second scan, both known and neither the baseline."""
    endpoint = cohort.endpoint(question.endpoint_visit)
    baseline = cohort.endpoint(question.baseline_visit)
    marker_visit = cohort.endpoint(question.marker_visit) if question.marker_visit else endpoint
    for name, visit in (("endpoint_visit", endpoint), ("marker_visit", marker_visit)):
        if visit == baseline:
            msg = f"{name} and baseline_visit are both '{visit}'; name a later visit"
            raise InputError(msg)
    return endpoint, marker_visit


def _refuse_confounded_scanner(cohort: Cohort, rows: pd.DataFrame, question: Question, visit: str) -> None:
    """Refuse a change when everybody changed scanner or software between the visits: the two cannot be told apart."""
    keys = ["participant_id", "session_id"]
    visits = cohort.visits
    extra = [column for column in _MACHINE if column in visits.columns and column not in rows.columns]
    known = rows.dropna(subset="value").merge(visits[[*keys, *extra]], on=keys, how="left")
    known = known.loc[known["visit"].isin([question.baseline_visit, visit])]
    for column in (name for name in _MACHINE if name in known.columns):
        try:
            refuse_scanner_visit_confounding(known, person="participant_id", visit="visit", scanner=column)
        except InputError as error:
            msg = f"{error}; or ask with at='baseline'"
            raise InputError(msg) from None


def _scores(cohort: Cohort, patients: pd.DataFrame, scale: Scale, question: Question, endpoint: str) -> pd.DataFrame:
    scores = cohort.scores
    scores = scores.loc[scores["scale"] == scale.name]
    at = {visit: rows.set_index("participant_id")["score"] for visit, rows in scores.groupby("visit")}
    nobody = pd.Series(dtype=float)
    first = at.get(question.baseline_visit, nobody).reindex(patients.index).astype(float)
    last = at.get(endpoint, nobody).reindex(patients.index).astype(float)
    outcome = outcome_values(question.outcome_type, first.to_numpy(), last.to_numpy(), scale)
    return pd.DataFrame({"outcome": outcome, "baseline_score": first, "endpoint_score": last}, index=patients.index)


def _marker(rows: pd.DataFrame, patients: pd.DataFrame, question: Question, visit: str) -> pd.DataFrame:
    """Return marker, its error, what it is made of, and why it is missing."""
    first = values_at(rows, question.baseline_visit).reindex(patients.index)
    parts = [(question.baseline_visit, first)]
    if question.at == "baseline":
        value, se = first["value"], first["se"]
    else:
        second = values_at(rows, visit).reindex(patients.index)
        parts.append((visit, second))
        difference, noise = change(first["value"], second["value"], first["se"], second["se"])
        value, se = pd.Series(difference, index=patients.index), pd.Series(noise, index=patients.index)
    table = pd.DataFrame({"marker": value, "marker_se": se}).astype(float)
    if question.at == "change":
        table["baseline_marker"] = first["value"].astype(float)
        table["baseline_marker_se"] = first["se"].astype(float)
        table["second_marker"] = second["value"].astype(float)
        table["second_marker_se"] = second["se"].astype(float)
    table["flagged"] = np.logical_or.reduce([part["qc"].eq("flagged").to_numpy(dtype=bool) for _, part in parts])
    table["se_source"] = first["se_source"].where(first["se_source"].notna(), "not stated")
    table["no_marker"] = [_no_marker(person, parts) for person in patients.index]
    return table


def _no_marker(person: str, parts: Sequence[tuple[str, pd.DataFrame]]) -> str:
    for visit, part in parts:
        if part["value"].isna()[person]:
            return why_missing(visit, part["qc"][person])
    return ""


def _terms(cohort: Cohort, patients: pd.DataFrame, question: Question) -> tuple[str, ...]:
    """Return what the model adjusts for: severity, the marker's own baseline, arm, then the user's list."""
    terms = ["baseline_score"] if question.adjust_severity else []
    if question.at == "change":
        terms.append("baseline_marker")
    arms = cohort.levels.get("arm", ())
    if question.adjust_arm and len(arms) > 1 and len(set(patients["arm"].dropna())) > 1:
        terms.append("arm")
    return tuple(dict.fromkeys([*terms, *question.covariates]))


def baseline_column(cohort: Cohort, patients: pd.DataFrame, name: str, baseline: str) -> pd.Series:
    """Return a column of people, or of the baseline session; later sessions are after treatment and not offered."""
    if name in patients.columns and name != "group":
        return patients[name]
    visits = cohort.visits
    offered = [column for column in visits.columns if column not in _SESSION_COLUMNS]
    if name not in offered:
        known = [column for column in patients.columns if column != "group"] + offered
        raise unknown_name(name, known, kind="covariate")
    column = visits.loc[visits["visit"] == baseline].set_index("participant_id")[name].reindex(patients.index)
    try:
        return column.map(lambda cell: np.nan if pd.isna(cell) else float(cell)).astype(float)
    except ValueError:
        return column


def _reason(row: pd.Series, needed: Sequence[str], question: Question, endpoint: str) -> str:
    """Return why a patient has no complete row, or nothing."""
    severity = "baseline_score" in needed or OUTCOME_TYPES[question.outcome_type].name != "endpoint"
    if severity and pd.isna(row["baseline_score"]):
        return f"{question.outcome} score missing at {question.baseline_visit}"
    if pd.isna(row["endpoint_score"]):
        return f"{question.outcome} score missing at {endpoint}"
    if pd.isna(row["outcome"]):
        return "baseline score is not above zero, percent change is undefined"
    if row["no_marker"]:
        return str(row["no_marker"])
    if row["flagged"] and question.flagged == "drop":
        return FLAGGED_SCAN
    missing = [name for name in needed if pd.isna(row[name])]
    return f"{missing[0]} missing" if missing else ""


def record_of(question: Question, table: AnalysisTable) -> dict[str, Any]:
    """Return every choice and count of an association, for the record of its result."""
    kind = outcome_type(question.outcome_type)
    record: dict[str, Any] = {
        "outcome": table.scale.name, "outcome_label": table.scale.label, "outcome_type": kind.name,
        "outcome_definition": kind.meaning, "outcome_note": kind.note, "marker": question.marker,
        "region": question.region, "marker_label": table.label, "marker_model": table.model, "at": question.at,
        "marker_unit": table.unit, "baseline_visit": question.baseline_visit, "endpoint_visit": table.endpoint_visit,
        "marker_visit": table.marker_visit, "adjusted_for": list(table.terms), "data_flow": dict(table.flow),
        "dropped": [{"participant_id": person, "reason": reason} for person, reason in table.dropped],
        "se_sources": dict(table.se_sources), "flagged": question.flagged,
    }  # fmt: skip
    if kind.name == "remission":
        record["remission_rule"] = table.scale.remission.text
        record["scale_checked"] = table.scale.checked
    if question.at == "change":
        record["baseline_marker_se"] = dict(
            zip(table.rows["participant_id"], table.rows["baseline_marker_se"], strict=True)
        )
    return record
