"""From one wide table to long ones, by an explicit mapping of its columns and never by guessing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from neurochem.errors import InputError, unknown_name
from neurochem.response.validation import SCORE_COLUMNS, VISIT_COLUMNS


@dataclass(frozen=True, slots=True)
class MarkerColumn:
    """Which columns of a wide table hold one marker at one visit.

    Attributes
    ----------
    marker, visit, column : str
        Name of the marker, visit, and the column with its values.
    se : str or None
        Column with the standard errors, in the unit of the values.
    unit, region, model, se_source : str
        What the columns cannot say themselves.
    missing : str
        Why an empty cell is empty: "not_acquired", "failed" or "withdrawn".
    """

    marker: str
    visit: str
    column: str
    se: str | None = None
    unit: str = ""
    region: str = "voxel"
    model: str | None = None
    se_source: str | None = None
    missing: str = "not_acquired"


def long_tables(
    frame: pd.DataFrame,
    participant: str,
    *,
    visits: Mapping[str, float],
    scores: Mapping[str, Mapping[str, str]],
    markers: Sequence[MarkerColumn],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables of people, visits, scores and markers of a wide table; parameters as for `Cohort`.

    Raises
    ------
    UnknownNameError
        If a column is not in the frame, or a visit has no week.
    InputError
        If no marker is named.
    """
    used = [participant, *(column for by_visit in scores.values() for column in by_visit.values())]
    used += [name for item in markers for name in (item.column, item.se) if name is not None]
    for column in used:
        if column not in frame.columns:
            raise unknown_name(column, [str(name) for name in frame.columns], kind="column of the frame")
    named = [*(visit for by_visit in scores.values() for visit in by_visit), *(item.visit for item in markers)]
    for visit in named:
        if visit not in visits:
            raise unknown_name(visit, visits, kind="visit", remedy="Give its week in visits.")
    people = frame.drop(columns=list(dict.fromkeys(used[1:]))).rename(columns={participant: "participant_id"})
    return (
        people,
        _long_visits(frame, participant, visits),
        _long_scores(frame, participant, scores),
        _long_markers(frame, participant, markers),
    )


def _long_visits(frame: pd.DataFrame, participant: str, visits: Mapping[str, float]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"participant_id": frame[participant], "session_id": f"ses-{visit}", "visit": visit, "week": week})
        for visit, week in visits.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*VISIT_COLUMNS])


def _long_scores(frame: pd.DataFrame, participant: str, scores: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"participant_id": frame[participant], "session_id": f"ses-{visit}", "scale": scale, "score": frame[column]}
        )
        for scale, by_visit in scores.items()
        for visit, column in by_visit.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*SCORE_COLUMNS, "scale"])


def _long_markers(frame: pd.DataFrame, participant: str, markers: Sequence[MarkerColumn]) -> pd.DataFrame:
    if not markers:
        msg = "markers is empty; name at least one marker column"
        raise InputError(msg)
    parts = []
    for item in markers:
        missing = frame[item.column].isna()
        part = {
            "participant_id": frame[participant], "session_id": f"ses-{item.visit}", "marker": item.marker,
            "region": item.region, "value": frame[item.column],
            "se": frame[item.se].where(~missing) if item.se else None, "unit": item.unit, "model": item.model,
            "se_source": item.se_source, "qc": missing.map({True: item.missing, False: "ok"}),
        }  # fmt: skip
        parts.append(pd.DataFrame(part).astype(object))
    return pd.concat(parts, ignore_index=True)
