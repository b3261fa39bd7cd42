"""Study tables as text with the place of every row, so that a problem can name its line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neurochem.naming import MISSING
from neurochem.response.problems import Problem
from neurochem.units import FloatArray

FILE, LINE = "_file", "_line"
_MAY_BE_EMPTY = ("unit", "qc_reason")  # a ratio has no unit, a good scan no reason
# Cells that mean "missing": BIDS knows one of them, the others are read with a warning.
_LOOSE_MISSING = ("", "na", "nan", "null", "n.a.", "<na>", "#n/a", "-", ".")


def read_table(path: Path, name: str, required: Sequence[str], problems: list[Problem]) -> pd.DataFrame:
    """Read a TSV file as text.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        How messages call it.
    required : sequence of str
        Columns that must be there.
    problems : list of Problem
        Receives what is wrong; a missing file, column or cell does not stop the reading here.

    Returns
    -------
    DataFrame
        Text as it stands in the file (missing values as None), with the columns `_file` and `_line`.
    """
    header, rows = _parsed(path, name, required, problems)
    frame = pd.DataFrame(rows, columns=[*header, FILE, LINE], dtype=object)
    return _with_columns(mark_missing(frame, problems), required)


def read_tables(
    files: Sequence[tuple[Path, str, Mapping[str, str]]], required: Sequence[str], problems: list[Problem]
) -> pd.DataFrame:
    """Read many small TSV files of one kind, one below the other; parameters and form as for `read_table`.

    Parameters
    ----------
    files : sequence of (path, name, cells)
        The files, how messages call each, and cells that every row of it gets (whose file it is).
    required, problems
        As for `read_table`.
    """
    records: list[dict[str, Any]] = []
    for path, name, cells in files:
        header, rows = _parsed(path, name, required, problems)
        records += [{**dict(zip([*header, FILE, LINE], row, strict=True)), **cells} for row in rows]
    return _with_columns(mark_missing(_text_or_none(pd.DataFrame(records, dtype=object)), problems), required)


def join_tables(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables one below the other; a column that one of them lacks is missing there."""
    return _text_or_none(pd.concat(parts, ignore_index=True))


def _text_or_none(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(object).where(table.notna(), None)


def _parsed(
    path: Path, name: str, required: Sequence[str], problems: list[Problem]
) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows of a file, each row with its file and line."""
    lines = _read_lines(path, name, problems)
    header = lines[0].split("\t") if lines else []
    _check_header(header, name, required, problems)
    rows: list[list[Any]] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != len(header):
            problems.append(
                Problem(
                    "ragged_row", name, number, "", "", f"{len(cells)} cells, but the header has {len(header)} columns",
                    "separate columns by one tab and write n/a for a missing value",
                )
            )  # fmt: skip
            continue
        rows.append([*cells, name, number])
    return header, rows


def _read_lines(path: Path, name: str, problems: list[Problem]) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        remedy = f"make the file {path}"
        problems.append(Problem("missing_file", name, None, "", "", f"no such file: {path}", remedy))
        return []
    except UnicodeDecodeError:
        problems.append(Problem("encoding", name, None, "", "", "not UTF-8 text", "save the table as UTF-8 TSV"))
        return []
    lines = text.splitlines()
    if not lines:
        problems.append(Problem("empty_file", name, None, "", "", "the file is empty", "write a header line"))
    return lines


def _check_header(header: list[str], name: str, required: Sequence[str], problems: list[Problem]) -> None:
    if not header:
        return
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        message = f"column '{repeated[0]}' is there {header.count(repeated[0])} times"
        problems.append(Problem("repeated_column", name, 1, repeated[0], "", message, "keep one of them"))
    missing = [column for column in required if column not in header]
    if missing:
        found = _separator_hint(header) or ", ".join(header) + _case_hint(missing[0], header)
        message = f"column '{missing[0]}' is missing (required: {', '.join(required)}; found: {found})"
        remedy = "add the column, separated by tabs"
        problems.append(Problem("missing_column", name, 1, missing[0], "", message, remedy))


def _separator_hint(header: Sequence[str]) -> str:
    """Say what one column alone may be: a table whose columns are separated by something else."""
    mark = next((mark for mark in (";", ",") if len(header) == 1 and mark in header[0]), "")
    names = {";": "semicolons", ",": "commas"}
    return f"one column ({names[mark]} instead of tabs?)" if mark else ""


def _case_hint(name: str, header: Sequence[str]) -> str:
    """Say which column differs from the missing one by case or blanks alone."""
    near = next((column for column in header if column.strip().casefold() == name), "")
    return f" (rename '{near}')" if near else ""


def as_table(frame: pd.DataFrame, name: str, required: Sequence[str], problems: list[Problem]) -> pd.DataFrame:
    """Return a frame that a script made in the form that `read_table` gives; the frame itself is left alone."""
    header = [str(column) for column in frame.columns]
    _check_header(header, name, required, problems)
    texts = {column: _texts(frame.iloc[:, i]) for i, column in enumerate(header)}
    table = pd.DataFrame(texts, dtype=object, columns=list(dict.fromkeys(header)))
    table[FILE], table[LINE] = name, np.arange(1, len(frame) + 1)
    return _with_columns(mark_missing(table, problems), required)


def _texts(cells: pd.Series) -> list[str]:
    gone = cells.isna().to_numpy(dtype=bool)
    if cells.dtype.kind == "f":
        return [MISSING if out else repr(cell) for out, cell in zip(gone, cells.tolist(), strict=True)]
    return [MISSING if out else _text(cell) for out, cell in zip(gone, cells, strict=True)]


def _text(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)


def mark_missing(frame: pd.DataFrame, problems: list[Problem]) -> pd.DataFrame:
    """Return the table with None for missing cells; other spellings than n/a are taken, with a warning."""
    marked = frame.copy()
    for column in marked.columns.difference([FILE, LINE]):
        # few cells are different from each other: the spellings are looked at once each
        spellings = {cell: cell.strip().casefold() for cell in set(marked[column]) if isinstance(cell, str)}
        folded = marked[column].map(spellings)
        loose = folded.isin(_LOOSE_MISSING)
        if loose.any() and column not in _MAY_BE_EMPTY:
            first = frame.loc[loose].iloc[0]
            message = f"{int(loose.sum())} cell(s) of column '{column}' are '{first[column]}', read as missing"
            problems.append(
                Problem(
                    "missing_spelling", first[FILE], int(first[LINE]), column, str(first[column]), message,
                    "write n/a for a missing value", "warning",
                )
            )  # fmt: skip
        gone = loose | folded.isin([MISSING])
        marked[column] = pd.Series([None if out else cell for out, cell in zip(gone, frame[column], strict=True)],
                                   index=frame.index, dtype=object)  # fmt: skip
    return marked


def _with_columns(frame: pd.DataFrame, required: Sequence[str]) -> pd.DataFrame:
    """Return the table with every required column there, so that later rules need not ask."""
    frame = frame.loc[:, ~frame.columns.duplicated()]
    for column in required:
        if column not in frame.columns:
            frame[column] = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    return frame


def numbers(table: pd.DataFrame, column: str, problems: list[Problem]) -> FloatArray:
    """Return a column as numbers, shape (n,), NaN where missing; a cell that is no number is a problem."""
    values = np.full(len(table), np.nan)
    for index, cell in enumerate(table[column]):
        if cell is None:
            continue
        try:
            # float() would take 1_0 for ten
            values[index] = float(str(cell).replace("_", "x"))
        except ValueError:
            row = table.iloc[index]
            problems.append(
                Problem(
                    "not_a_number", row[FILE], int(row[LINE]), column, str(cell), f"{column} '{cell}' is not a number",
                    "write a number with a decimal point, or n/a",
                )
            )  # fmt: skip
    return values


def is_numeric(cells: pd.Series) -> bool:
    """Say whether every cell that is there is a number."""
    known = [cell for cell in cells if cell is not None]
    try:
        [float(cell) for cell in known]
    except ValueError:
        return False
    return bool(known)


def read_sidecar(path: Path, name: str, problems: list[Problem]) -> Mapping[str, Any]:
    """Return the JSON sidecar of a table, empty when there is none."""
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        problems.append(Problem("bad_json", name, None, "", "", f"not valid JSON ({error})", "mend the sidecar"))
        return {}
    return record if isinstance(record, dict) else {}


def grouped(table: pd.DataFrame, keys: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Iterate over the groups of equal keys in the order of their first row; a missing key is None."""
    for key, rows in table.groupby(list(keys), sort=False, dropna=False):
        parts = key if isinstance(key, tuple) else (key,)
        yield tuple(None if part is None or part != part else part for part in parts), rows  # noqa: PLR0124 - NaN alone


def strip_places(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without the columns that say where each row came from."""
    return table.drop(columns=[FILE, LINE]).reset_index(drop=True)
