"""The markers of a screen, their people and their covariates, from a cohort or from arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, is_numeric_array
from neurochem.errors import InputError
from neurochem.response.analysis_table import AnalysisTable, Question, analysis_table
from neurochem.response.cohort import Cohort
from neurochem.response.covariates import encode_covariates
from neurochem.response.screening.permutation import TestGroup
from neurochem.units import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One marker of the family with its complete rows.

    Attributes
    ----------
    name, marker, region, unit : str
        What it is.
    rows : array of int
        Its people, as positions in the family's outcome.
    measured, stderr : array, shape (n,)
        Marker and its standard errors (NaN where unknown).
    covariates : array, shape (n, k)
        Columns to adjust for.
    """

    name: str
    marker: str
    region: str
    unit: str
    rows: np.ndarray
    measured: FloatArray
    stderr: FloatArray
    covariates: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Everything that a screen tests.

    Attributes
    ----------
    outcome : array, shape (n,)
        One value a person.
    blocks : tuple of str or None
        Exchangeability block of each person.
    candidates : tuple of Candidate
        The markers.
    label, unit : str
        The outcome as one reads it.
    settings : mapping
        For the record.
    """

    outcome: FloatArray
    blocks: tuple[str, ...] | None
    candidates: tuple[Candidate, ...]
    label: str
    unit: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def groups(self) -> list[TestGroup]:
        """Return the markers by the people and covariates that they share."""
        shared: dict[tuple[bytes, bytes], list[int]] = {}
        for index, item in enumerate(self.candidates):
            shared.setdefault((item.rows.tobytes(), item.covariates.tobytes()), []).append(index)
        return [
            TestGroup(
                rows=self.candidates[members[0]].rows,
                markers=np.column_stack([self.candidates[index].measured for index in members]),
                covariates=self.candidates[members[0]].covariates,
                columns=np.array(members),
            )
            for members in shared.values()
        ]


def family_of_arrays(
    markers: pd.DataFrame | ArrayLike,
    outcome: ArrayLike,
    *,
    covariates: pd.DataFrame | None,
    blocks: Sequence[object] | None,
    stderr: pd.DataFrame | ArrayLike | None,
) -> Family:
    """Return the family of a table of markers, one column each; a person without a marker leaves that marker's test only.

    Raises
    ------
    InputError
        If lengths differ, or an outcome, covariate or block is missing.
    """
    table = _as_frame(markers)
    if not is_numeric_array(outcome):
        raise argument_error(outcome, "outcome", "one number a person")
    y = np.asarray(outcome, dtype=float).ravel()
    sizes = {"outcome": y.size, "covariates": len(table) if covariates is None else len(covariates)}
    sizes["blocks"] = len(table) if blocks is None else len(blocks)
    for name, size in sizes.items():
        if size != len(table):
            msg = f"{name} has {size} rows, but markers has {len(table)}; give one row per person in each"
            raise InputError(msg)
    if not np.isfinite(y).all():
        msg = (
            f"outcome[{int(np.flatnonzero(~np.isfinite(y))[0])}] is missing; leave out people without an outcome first"
        )
        raise InputError(msg)
    if y.size and np.ptp(y) == 0.0:
        msg = f"outcome is {y[0]:g} in all {y.size} people: there is nothing to relate"
        raise InputError(msg)
    adjust = pd.DataFrame(index=range(len(table))) if covariates is None else covariates.reset_index(drop=True)
    for name in adjust.columns:
        if adjust[name].isna().any():
            row = int(np.flatnonzero(adjust[name].isna())[0])
            msg = f"covariate '{name}' is missing in row {row}; leave out people with a missing value first"
            raise InputError(msg)
    noise = np.full(table.shape, np.nan) if stderr is None else np.asarray(stderr, dtype=float)
    if noise.shape != table.shape or (noise < 0.0).any():
        msg = f"stderr has shape {noise.shape}, its smallest is {np.nanmin(noise, initial=np.inf):g}; give one standard error "
        msg += f"of zero or more for every value of markers, shape {table.shape}, NaN where it is not known"
        raise InputError(msg)
    candidates = []
    for index, name in enumerate(table.columns):
        values = table[name].to_numpy(dtype=float)
        rows = np.flatnonzero(np.isfinite(values))
        matrix = encode_covariates(adjust.iloc[rows], {}).matrix
        candidates.append(
            Candidate(
                str(name), str(name), "", "", rows, values[rows], noise[rows, index], np.ascontiguousarray(matrix)
            )
        )
    names = None if blocks is None else tuple(str(name) for name in blocks)
    settings = {"covariates": list(map(str, adjust.columns)), "source": "arrays"}
    return Family(y, names, tuple(candidates), "outcome", "", settings)


def _as_frame(markers: pd.DataFrame | ArrayLike) -> pd.DataFrame:
    if isinstance(markers, pd.DataFrame):
        table = markers.reset_index(drop=True)
        words = [str(name) for name in table.columns if not is_numeric_array(table[name])]
        if words:
            msg = f"marker '{words[0]}' holds other things than numbers; give columns of numbers, NaN where one is missing"
            raise InputError(msg)
    elif not is_numeric_array(markers):
        raise argument_error(markers, "markers", "numbers, one row a person and one column a marker")
    else:
        matrix = np.asarray(markers, dtype=float)
        if matrix.ndim != 2:
            msg = f"markers has shape {matrix.shape}; give one row a person and one column a marker"
            raise InputError(msg)
        table = pd.DataFrame(matrix, columns=[f"marker{i + 1}" for i in range(matrix.shape[1])])
    if not len(table.columns):
        msg = "markers has no columns; give at least one marker"
        raise InputError(msg)
    if not np.isfinite(table.to_numpy(dtype=float)).any():
        msg = "markers has no value in any row; there is nothing to test"
        raise InputError(msg)
    return table


def family_of_cohort(
    cohort: Cohort,
    outcome: str,
    *,
    markers: Sequence[str] | None,
    blocks: str | None,
    question: Mapping[str, Any],
) -> Family:
    """Return the family of a cohort: every marker, region and model by default, each with its own complete rows.

    Raises
    ------
    UnknownNameError, InputError
        As for `associate`; also if the block is unknown for somebody.
    """
    tables: dict[str, tuple[AnalysisTable, dict[str, Any]]] = {}
    for member in _members(cohort, markers):
        found = analysis_table(cohort, Question(outcome=outcome, **member, **question))
        tables[_name(found, tables)] = found, member
    if not tables:
        msg = "the cohort has no marker to screen; name at least one in markers="
        raise InputError(msg)
    people = sorted({str(name) for table, _ in tables.values() for name in table.rows["participant_id"]})
    place = {name: index for index, name in enumerate(people)}
    y = np.full(len(people), np.nan)
    candidates = []
    for name, (table, member) in tables.items():
        rows = table.rows
        index = np.array([place[str(person)] for person in rows["participant_id"]], dtype=np.int64)
        y[index] = rows["outcome"].to_numpy(dtype=float)
        matrix = encode_covariates(rows[list(table.terms)], cohort.levels).matrix
        measured, noise = (rows[key].to_numpy(dtype=float) for key in ("marker", "marker_se"))
        key = (name, member["marker"], member["region"], table.unit)
        candidates.append(Candidate(*key, index, measured, noise, np.ascontiguousarray(matrix)))
    first, _ = next(iter(tables.values()))
    kind = str(question.get("outcome_type", "change"))
    settings = {
        "outcome": outcome, "outcome_type": kind, "at": question.get("at", "baseline"), "source": "cohort",
        "adjusted_for": list(first.terms), "endpoint_visit": first.endpoint_visit, "blocks": blocks,
        "data_flow": {name: dict(table.flow) for name, (table, _) in tables.items()},
    }  # fmt: skip
    label = f"{first.scale.label} {kind.replace('_', ' ')} at {first.endpoint_visit}"
    unit = "%" if kind.startswith("percent") else "" if kind in {"response", "remission"} else "points"
    return Family(y, _blocks(cohort, blocks, people), tuple(candidates), label, unit, settings)


def _members(cohort: Cohort, markers: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return marker, region and model of everything that was fitted, or of the markers that are named."""
    if isinstance(markers, str):
        msg = f"markers is the text '{markers}'; give a list of names, for example ['{markers}']"
        raise InputError(msg)
    table = cohort.markers
    fitted = table.loc[table["value"].notna(), ["marker", "region", "model"]].drop_duplicates()
    members = [
        {"marker": str(marker), "region": str(region), "model": str(model) if isinstance(model, str) else None}
        for marker, region, model in fitted.itertuples(index=False)
    ]
    if markers is None:
        return members
    for name in markers:
        cohort.marker_rows(name, next((str(m["region"]) for m in members if m["marker"] == name), None))
    return [member for member in members if member["marker"] in markers]


def _name(table: AnalysisTable, taken: Mapping[str, object]) -> str:
    """Return the marker's label, with its model where another has the same."""
    return f"{table.label} {table.model}" if table.label in taken else table.label


def _blocks(cohort: Cohort, column: str | None, people: Sequence[str]) -> tuple[str, ...] | None:
    if column is None:
        return None
    table = cohort.people.set_index("participant_id")
    if column not in table.columns:
        msg = f"blocks is '{column}', which is no column of people; the columns are {', '.join(table.columns)}"
        raise InputError(msg)
    cells = table[column].reindex(list(people))
    if cells.isna().any():
        msg = f"{column} is missing for {cells.index[cells.isna()][0]}; everybody needs an exchangeability block"
        raise InputError(msg)
    return tuple(str(cell) for cell in cells)
