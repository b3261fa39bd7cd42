"""Read a cohort: people, visits and scores from the BIDS study, markers from what the run wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from neurochem.arguments import checked_arguments
from neurochem.errors import MissingFileError
from neurochem.naming import MARKERS_FILE, sidecar_path
from neurochem.response.cohort import Cohort
from neurochem.response.problems import Problem, listed
from neurochem.response.scales import SCALES, Scale
from neurochem.response.tables import FILE, LINE, join_tables, read_sidecar, read_table, read_tables
from neurochem.response.validation import (
    BASELINE,
    COVARIATE_COLUMNS,
    MARKER_REQUIRED,
    PEOPLE_COLUMNS,
    SCORE_COLUMNS,
    TREATMENT_COLUMNS,
    VISIT_COLUMNS,
    Tables,
)

_SESSION_KEYS = ["participant_id", "session_id"]


@checked_arguments
def read_cohort(
    bids_dir: str | Path,
    out_dir: str | Path,
    *,
    scales: Mapping[str, Scale] | None = None,
    models: Mapping[str, str] | None = None,
    travellers: bool = False,
    largest_gap: float = 14.0,
) -> Cohort:
    """Read the people, visits, scores, treatment and markers of a study.

    Parameters
    ----------
    bids_dir : path
        The study: participants.tsv (participant_id, group, arm, site, age, sex ...; levels of categories in its
        JSON sidecar), sessions.tsv and/or sub-*/sub-*_sessions.tsv (session_id, visit, week), phenotype/<scale>.tsv
        (participant_id, session_id, score, and acq_time if known). Optional: treatment.tsv (participant_id, arm, drug,
        dose, unit, start_week, stop_week); covariates/*.tsv with markers of other modalities (participant_id, marker,
        region, value, modality, and where known session_id, se, unit; without session_id they belong to the baseline);
        sub-*/ses-*/*_scans.tsv for the time of each scan.
    out_dir : path
        What the run wrote: markers.tsv.
    scales : mapping of str to Scale, optional
        Scales that replace or extend the table, by the name of the phenotype file.
    models : mapping of str to str, optional
        Model to keep for a marker whose scans went through several: {"BPND": "SRTM"}.
    travellers : bool
        Whether one person may be at several sites; also declared by "Travellers": true of column site in
        participants.json.
    largest_gap : float
        Days that may lie between the baseline scan and the baseline rating without a warning.

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
    visits = _read_visits(bids, problems)
    markers = read_table(out / MARKERS_FILE, MARKERS_FILE, MARKER_REQUIRED, problems)
    tables = Tables(
        people=read_table(bids / "participants.tsv", "participants.tsv", PEOPLE_COLUMNS, problems),
        visits=visits,
        scores=_read_scores(bids, scales or {}, problems),
        markers=_with_covariates(bids, markers, visits, problems),
        scales=scales or {},
        levels=_declared_levels(bids, problems),
        names={"people": "participants.tsv", "visits": "sessions.tsv"},
        treatment=_read_treatment(bids, problems),
        scans=_read_scan_times(bids, problems),
        travellers=travellers or _declares_travellers(bids),
        largest_gap=largest_gap,
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
        (path, f"{path.parent.name}/{path.name}", {"participant_id": path.parent.name})
        for path in sorted(bids.glob("sub-*/sub-*_sessions.tsv"))
    ]
    root = bids / "sessions.tsv"
    if root.is_file() or not own:
        table = read_table(root, "sessions.tsv", VISIT_COLUMNS, problems)
    else:
        table = pd.DataFrame(columns=[*VISIT_COLUMNS, FILE, LINE], dtype=object)
    return _merge_sessions(table, read_tables(own, ("session_id",), problems), problems) if own else table


def _merge_sessions(root: pd.DataFrame, own: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
    """Return the root table with what people's own files add to it, or say otherwise."""
    columns = [*root.columns, *own.columns.difference(root.columns)]
    rows = [{name: row.get(name) for name in columns} for row in root.to_dict("records")]
    first: dict[tuple[Any, Any], dict[str, Any]] = {}
    for row in rows:
        first.setdefault((row["participant_id"], row["session_id"]), row)
    told = own.columns.difference([*_SESSION_KEYS, FILE, LINE])
    for index, row in enumerate(own.to_dict("records")):
        known = first.get((row["participant_id"], row["session_id"]))
        if known is None:
            rows.append({name: row.get(name) for name in columns})
            continue
        for column in told:
            if row[column] is None:
                continue
            if known[column] is not None and not _same(known[column], row[column]):
                problems.append(_conflict(own.iloc[index], column, known))
            known[column] = row[column]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _same(first: Any, second: Any) -> bool:
    try:
        return float(first) == float(second)
    except ValueError:
        return str(first) == str(second)


def _conflict(row: pd.Series, column: str, root: Mapping[str, Any]) -> Problem:
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
        there = listed(path.name for path in sorted((bids / "phenotype").glob("*.tsv")))
        message = "no file of a known scale"
        message += f" (there: {there}; known: {', '.join(SCALES.names())})" if there else ""
        problems.append(Problem("no_scores", "phenotype", None, "score", "", message, remedy))
        return pd.DataFrame(columns=[*SCORE_COLUMNS, "scale", FILE, LINE], dtype=object)
    return pd.concat(parts, ignore_index=True)


def _declares_travellers(bids: Path) -> bool:
    entry = read_sidecar(sidecar_path(bids / "participants.tsv"), "participants.json", []).get("site")
    return isinstance(entry, dict) and entry.get("Travellers") is True


def _read_treatment(bids: Path, problems: list[Problem]) -> pd.DataFrame | None:
    path = bids / "treatment.tsv"
    if not path.is_file():
        return None
    table = read_table(path, "treatment.tsv", ("participant_id", "start_week"), problems)
    for column in TREATMENT_COLUMNS:
        if column not in table.columns:
            table[column] = pd.Series([None] * len(table), index=table.index, dtype=object)
    return table


def _read_scan_times(bids: Path, problems: list[Problem]) -> pd.DataFrame | None:
    """Return when the scans of each session were made, from the scans files of BIDS."""
    files = [
        (path, path.relative_to(bids).as_posix(),
         {"participant_id": path.parents[1].name, "session_id": path.parent.name})
        for path in sorted(bids.glob("sub-*/ses-*/*_scans.tsv"))
    ]  # fmt: skip
    return read_tables(files, ("filename",), problems) if files else None


def _with_covariates(bids: Path, markers: pd.DataFrame, visits: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
    """Return the markers followed by those of other modalities, which need no session and no error."""
    parts = [markers]
    baseline = visits.loc[visits["visit"] == BASELINE].drop_duplicates("participant_id")
    sessions = baseline.set_index("participant_id")["session_id"].to_dict()
    for path in sorted((bids / "covariates").glob("*.tsv")):
        table = read_table(path, f"covariates/{path.name}", COVARIATE_COLUMNS, problems)
        for column in ("session_id", "se", "unit", "se_source"):
            if column not in table.columns:
                table[column] = pd.Series([None] * len(table), index=table.index, dtype=object)
        table["session_id"] = [
            sessions.get(person) if session is None else session
            for person, session in zip(table["participant_id"], table["session_id"], strict=True)
        ]
        # genotype and the like are known without error, and a volume whose error nobody stated is used as it is
        table["se_source"] = [
            "none" if source is None and se in {None, "0", "0.0"} else source
            for source, se in zip(table["se_source"], table["se"], strict=True)
        ]
        parts.append(table)
    return join_tables(parts) if len(parts) > 1 else markers
