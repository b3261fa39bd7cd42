"""Read a cohort: people, visits and scores from the BIDS study, markers from what the run wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from neurochem.errors import MissingFileError
from neurochem.naming import MARKERS_FILE, sidecar_path
from neurochem.response.cohort import Cohort
from neurochem.response.problems import Problem
from neurochem.response.scales import SCALES, Scale
from neurochem.response.tables import FILE, LINE, read_sidecar, read_table
from neurochem.response.validation import MARKER_REQUIRED, PEOPLE_COLUMNS, SCORE_COLUMNS, VISIT_COLUMNS, Tables

_SESSION_KEYS = ["participant_id", "session_id"]


def read_cohort(
    bids_dir: str | Path,
    out_dir: str | Path,
    *,
    scales: Mapping[str, Scale] | None = None,
    models: Mapping[str, str] | None = None,
) -> Cohort:
    """Read the people, visits, scores and markers of a study.

    Parameters
    ----------
    bids_dir : path
        The study: participants.tsv (participant_id, group, arm, site, age, sex ...; levels of categories in its
        JSON sidecar), sessions.tsv and/or sub-*/sub-*_sessions.tsv (session_id, visit, week), phenotype/<scale>.tsv
        (participant_id, session_id, score).
    out_dir : path
        What the run wrote: markers.tsv.
    scales : mapping of str to Scale, optional
        Scales that replace or extend the table, by the name of the phenotype file.
    models : mapping of str to str, optional
        Model to keep for a marker whose scans went through several: {"BPND": "SRTM"}.

    Returns
    -------
    Cohort
        Its `warnings` hold what does not stop the analysis.

    Raises
    ------
    CohortError
        With every problem at once: file, line, column, value, rule and remedy, in `error.problems`.
    MissingFileError
        If one of the folders does not exist.

    Notes
    -----
    The root sessions.tsv is a convenience. Where a person's own file says something too, it must say the same.
    """
    bids, out = Path(bids_dir), Path(out_dir)
    for folder, what in ((bids, "the BIDS study"), (out, "the run's output")):
        if not folder.is_dir():
            msg = f"{folder}: no such folder; give the folder of {what}"
            raise MissingFileError(msg)
    problems: list[Problem] = []
    tables = Tables(
        people=read_table(bids / "participants.tsv", "participants.tsv", PEOPLE_COLUMNS, problems),
        visits=_read_visits(bids, problems),
        scores=_read_scores(bids, scales or {}, problems),
        markers=read_table(out / MARKERS_FILE, MARKERS_FILE, MARKER_REQUIRED, problems),
        scales=scales or {},
        levels=_declared_levels(bids, problems),
        names={"people": "participants.tsv", "visits": "sessions.tsv"},
    )
    return Cohort.from_checked(tables, problems, models=models)


def _declared_levels(bids: Path, problems: list[Problem]) -> dict[str, list[str]]:
    """Return levels from the sidecar of participants.tsv, the one named by "Reference" first."""
    path = sidecar_path(bids / "participants.tsv")
    declared: dict[str, list[str]] = {}
    for column, entry in read_sidecar(path, path.name, problems).items():
        levels = entry.get("Levels") if isinstance(entry, dict) else None
        if not isinstance(levels, dict | list):
            continue
        names = [str(level) for level in levels]
        declared[column] = _reference_first(names, entry, column, path.name, problems)
    return declared


def _reference_first(
    names: list[str], entry: Mapping[str, Any], column: str, file: str, problems: list[Problem]
) -> list[str]:
    reference = entry.get("Reference")
    if reference is None:
        # the customary comparison wins over the order in which the levels happen to be written
        reference = next((name for name in names if name.casefold() in {"placebo", "waitlist", "sham"}), names[0])
    if reference not in names:
        message = f"Reference '{reference}' of column '{column}' is not among its Levels ({', '.join(names)})"
        problems.append(Problem("reference", file, None, column, str(reference), message, "name one of the levels"))
        return names
    return [reference, *(name for name in names if name != reference)]


def _read_visits(bids: Path, problems: list[Problem]) -> pd.DataFrame:
    """Return root and per-subject sessions as one table; a cell that differs between them is a problem."""
    own = [
        _own_sessions(path, f"{path.parent.name}/{path.name}", problems)
        for path in sorted(bids.glob("sub-*/sub-*_sessions.tsv"))
    ]
    root = bids / "sessions.tsv"
    if root.is_file() or not own:
        table = read_table(root, "sessions.tsv", VISIT_COLUMNS, problems)
    else:
        table = pd.DataFrame(columns=[*VISIT_COLUMNS, FILE, LINE], dtype=object)
    for part in own:
        table = _merge_sessions(table, part, problems)
    return table


def _own_sessions(path: Path, name: str, problems: list[Problem]) -> pd.DataFrame:
    table = read_table(path, name, ("session_id",), problems)
    table["participant_id"] = path.parent.name
    return table


def _merge_sessions(root: pd.DataFrame, own: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
    merged = root.copy()
    for column in own.columns.difference(merged.columns):
        merged[column] = pd.Series([None] * len(merged), index=merged.index, dtype=object)
    extra = []
    for _, row in own.iterrows():
        same = merged.index[
            (merged["participant_id"] == row["participant_id"]) & (merged["session_id"] == row["session_id"])
        ]
        if not len(same):
            extra.append({column: row.get(column) for column in merged.columns})
            continue
        for column in own.columns.difference([*_SESSION_KEYS, FILE, LINE]):
            before = merged.loc[same[0], column]
            if row[column] is None:
                continue
            if before is not None and not _same(before, row[column]):
                problems.append(_conflict(row, column, merged.loc[same[0]]))
            merged.loc[same[0], column] = row[column]
    return pd.concat([merged, pd.DataFrame(extra, columns=merged.columns, dtype=object)], ignore_index=True)


def _same(first: Any, second: Any) -> bool:
    try:
        return float(first) == float(second)
    except ValueError:
        return str(first) == str(second)


def _conflict(row: pd.Series, column: str, root: pd.Series) -> Problem:
    message = f"{column} of {row['participant_id']} {row['session_id']} is '{row[column]}', but '{root[column]}' in "
    message += f"{root[FILE]} line {root[LINE]}"
    remedy = "make the two agree, or keep the value in one file only"
    return Problem("sessions_differ", row[FILE], int(row[LINE]), column, str(row[column]), message, remedy)


def _read_scores(bids: Path, scales: Mapping[str, Scale], problems: list[Problem]) -> pd.DataFrame:
    """Return the scores of every scale that is known; other phenotype files are left alone, with a warning."""
    own = {name.casefold() for name in scales}
    parts = []
    for path in sorted((bids / "phenotype").glob("*.tsv")):
        name = f"phenotype/{path.name}"
        if path.stem.casefold() not in own and path.stem not in SCALES:
            message = f"'{path.stem}' is not a known scale, the file is not read"
            remedy = f"known: {', '.join(SCALES.names())}; bring your own with scales="
            problems.append(Problem("unknown_scale", name, None, "", path.stem, message, remedy, "warning"))
            continue
        parts.append(read_table(path, name, SCORE_COLUMNS, problems).assign(scale=path.stem))
    if not parts:
        remedy = f"write phenotype/<scale>.tsv with columns {', '.join(SCORE_COLUMNS)}"
        problems.append(Problem("no_scores", "phenotype", None, "score", "", "no file of a known scale", remedy))
        return pd.DataFrame(columns=[*SCORE_COLUMNS, "scale", FILE, LINE], dtype=object)
    return pd.concat(parts, ignore_index=True)
