"""From checked text tables to the typed tables of a cohort."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from neurochem.errors import CohortError, unknown_name
from neurochem.naming import MARKER_COLUMNS
from neurochem.response.marker_rules import validate_markers
from neurochem.response.problems import Problem, cohort_error, errors_of
from neurochem.response.study_rules import validate_study
from neurochem.response.tables import is_numeric, numbers, strip_places
from neurochem.response.validation import CATEGORICAL, TREATMENT_COLUMNS, WITH_VALUE, Tables, validate

# Which level the others are compared with, when the sidecar does not say.
_REFERENCES = ("placebo", "waitlist", "sham", "control", "none")


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """Typed tables and what was noticed on the way."""

    people: pd.DataFrame
    visits: pd.DataFrame
    scores: pd.DataFrame
    markers: pd.DataFrame
    treatment: pd.DataFrame
    levels: dict[str, tuple[str, ...]]
    warnings: tuple[Problem, ...]


def assemble(
    tables: Tables,
    problems: list[Problem],
    *,
    models: Mapping[str, str] | None = None,
) -> Assembled:
    """Check the tables and return them typed.

    Parameters
    ----------
    tables : Tables
        Text tables with places.
    problems : list of Problem
        What reading has found already.
    models : mapping of str to str, optional
        Model to keep for a marker; rows of other models are left out.

    Raises
    ------
    CohortError
        With every problem, if any is an error.
    """
    _parse(tables, problems)
    _choose_models(tables, models or {})
    problems.extend(validate(tables))
    problems.extend(validate_markers(tables))
    problems.extend(validate_study(tables))
    errors = errors_of(problems)
    if errors:
        raise cohort_error(errors)
    known = _levels(tables.people, tables.levels)
    visits = strip_places(tables.visits).drop(columns=["_bad_week", "_bad_visit"])
    return Assembled(
        people=_typed_people(tables.people, known),
        visits=visits,
        scores=_with_visit(strip_places(tables.scores), visits),
        markers=_typed_markers(tables.markers, visits),
        treatment=_typed_treatment(tables.treatment),
        levels=known,
        warnings=tuple(problems),
    )


def _parse(tables: Tables, problems: list[Problem]) -> None:
    for name in ("visits", "scores", "markers"):
        setattr(tables, name, getattr(tables, name).copy())
    for column in ("model", "se_source", "qc", "qc_reason"):
        if column not in tables.markers.columns:
            tables.markers[column] = pd.Series([None] * len(tables.markers), index=tables.markers.index, dtype=object)
    for table, column in (
        (tables.visits, "week"), (tables.scores, "score"), (tables.markers, "value"), (tables.markers, "se"),
    ):  # fmt: skip
        parsed = numbers(table, column, problems)
        table[f"_bad_{column}"] = table[column].notna() & np.isnan(parsed)
        table[column] = parsed
    tables.scores = tables.scores.drop(columns="_bad_score")
    if tables.treatment is not None:
        given = tables.treatment.copy()
        for column in ("dose", "start_week", "stop_week"):
            given[column] = numbers(given, column, problems)
        tables.treatment = given
    tables.visits["_bad_visit"] = False


def _choose_models(tables: Tables, models: Mapping[str, str]) -> None:
    for marker, model in models.items():
        of_marker = tables.markers["marker"] == marker
        if not of_marker.any():
            raise unknown_name(marker, sorted(set(tables.markers["marker"].dropna())), kind="marker in models")
        known = sorted(set(tables.markers.loc[of_marker, "model"].dropna()))
        if model not in known:
            raise unknown_name(model, known, kind=f"model of {marker}")
        tables.markers = tables.markers.loc[~of_marker | (tables.markers["model"] == model)]


def _typed_treatment(treatment: pd.DataFrame | None) -> pd.DataFrame:
    return pd.DataFrame(columns=[*TREATMENT_COLUMNS]) if treatment is None else strip_places(treatment)


def _levels(people: pd.DataFrame, declared: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the levels of each categorical column that people have, reference first."""
    columns = [column for column in people.columns if column in CATEGORICAL or column in declared]
    found = {}
    for column in columns:
        present = {str(cell) for cell in people[column] if cell is not None}
        order = [str(level) for level in declared.get(column, ()) if str(level) in present]
        found[column] = tuple(order) if order else _customary_order(present)
    return found


def _customary_order(levels: set[str]) -> tuple[str, ...]:
    """Return levels in sorted order, the customary comparison first."""
    folded = {level.casefold() for level in levels}
    first = next((name for name in _REFERENCES if name in folded), "")
    return tuple(sorted(levels, key=lambda level: (level.casefold() != first, level)))


def _typed_people(people: pd.DataFrame, levels: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    typed = strip_places(people)
    if "group" not in typed.columns:
        typed["group"] = "patient"
    for column in typed.columns.difference(["participant_id", *levels]):
        if is_numeric(typed[column]):
            typed[column] = typed[column].map(lambda cell: np.nan if cell is None else float(cell)).astype(float)
        else:
            _refuse_stray_text(typed, column)
    return typed


def _refuse_stray_text(people: pd.DataFrame, column: str) -> None:
    """Raise if most of a column are numbers: a cell such as '89+' would turn a covariate into as many categories."""
    given = [
        (person, cell)
        for person, cell in zip(people["participant_id"], people[column], strict=True)
        if cell is not None
    ]
    texts = [(person, cell) for person, cell in given if not is_numeric(pd.Series([cell]))]
    if given and len(texts) <= len(given) / 2:
        person, cell = texts[0]
        msg = (
            f"participants.tsv: column '{column}' of {person} is '{cell}', but {len(given) - len(texts)} of {len(given)} values "
            "are numbers; write a number or n/a, or declare the column's Levels in participants.json"
        )
        raise CohortError(msg)


def _with_visit(table: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    keys = ["participant_id", "session_id"]
    return table.merge(visits[[*keys, "visit", "week"]], on=keys, how="left", validate="many_to_one")


def _typed_markers(markers: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    typed = strip_places(markers).drop(columns=["_bad_value", "_bad_se"])
    typed["qc"] = [qc if qc is not None else "ok" for qc in typed["qc"]]
    typed.loc[~typed["qc"].isin(WITH_VALUE), ["value", "se"]] = np.nan
    typed["unit"] = [unit if unit is not None else "" for unit in typed["unit"]]
    others = [column for column in typed.columns if column not in MARKER_COLUMNS]
    return _with_visit(typed[[*MARKER_COLUMNS, *others]], visits)
