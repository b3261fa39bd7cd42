"""Rows of one marker out of the table of all, and the table with one row a person."""

import pandas as pd

from neurochem.errors import InputError, unknown_name
from neurochem.response.validation import marker_label


def rows_of_marker(markers: pd.DataFrame, marker: str, region: str | None, model: str | None) -> pd.DataFrame:
    """Return the rows of one marker, region and model; a choice may be left out where there is only one.

    Raises
    ------
    UnknownNameError
        If there is no such marker, region or model.
    InputError
        If there are several and none was chosen.
    """
    rows = _choose(markers, "marker", marker, "marker")
    rows = _choose(rows, "region", region, f"region of {marker}")
    label = marker_label(marker, str(rows["region"].iloc[0]))
    # a scan that was never fitted has no model of its own
    unfitted = rows["model"].isna() & rows["value"].isna()
    fitted = rows.loc[~unfitted] if not unfitted.all() else rows
    chosen = _choose(fitted, "model", model, f"model of {label}")
    return rows.loc[rows.index.isin(chosen.index) | unfitted].copy()


def one_row_a_person(people: pd.DataFrame, scores: pd.DataFrame, markers: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return properties of people, their scores and their markers of one visit, indexed by participant_id.

    Parameters
    ----------
    people, scores, markers : DataFrame
        Typed tables, scores and markers of one visit.
    column : str
        What of a marker to show: "value" or "se".
    """
    everyone = people.set_index("participant_id")
    parts = {scale: rows.set_index("participant_id")["score"] for scale, rows in scores.groupby("scale", sort=False)}
    for (marker, region), some in markers.groupby(["marker", "region"], sort=False):
        models = some["model"].dropna().unique()
        for model in models if len(models) else [None]:
            one = some if model is None else some.loc[some["model"] == model]
            name = marker_label(str(marker), str(region)) + (f" {model}" if len(models) > 1 else "")
            parts[name] = one.set_index("participant_id")[column]
    return everyone.join(pd.DataFrame(parts, index=everyone.index, dtype=float))


def _choose(rows: pd.DataFrame, column: str, name: str | None, kind: str) -> pd.DataFrame:
    known = list(dict.fromkeys(rows[column]))
    if name is None:
        if len(known) == 1:
            return rows
        msg = f"{column} is not given and there are {len(known)} ({', '.join(map(str, known))}); choose the {kind}"
        raise InputError(msg)
    if name not in known:
        raise unknown_name(name, [str(item) for item in known], kind=kind)
    return rows.loc[rows[column] == name]
