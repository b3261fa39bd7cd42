"""PMOD's text files: .tac (curves of regions) and .bld (blood)."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, FrameTimingError, InputError, MissingFileError
from neurochem.naming import write_text
from neurochem.pet.blood_samples import BloodSeries
from neurochem.pet.frames import Frames
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.units import FloatArray, is_unit, to_kbq_per_ml, to_seconds

# "start[seconds]" or "whole-blood[kBq/cc]"
_HEADING = re.compile(r"^(?P<name>.*?)\[(?P<unit>[^\]]*)\]$")
_TIME_UNITS = {"seconds": 1.0, "minutes": 60.0}


@checked_arguments
def read_pmod_tac(path: str | Path, *, isotope: str | None = None) -> TimeActivityCurves:
    """Read a PMOD .tac file.

    Parameters
    ----------
    path : path
        Text with a header line `start[seconds]  end[kBq/cc]  region ...`: the unit of time stands with `start`, that of
        activity with `end`, as PMOD writes it; a unit behind a region's own name wins.
    isotope : str, optional
        The file does not say.

    Returns
    -------
    TimeActivityCurves
        In seconds and kBq/mL.

    Raises
    ------
    MissingFileError, FileFormatError, UnitError, FrameTimingError, InputError
        Each names file, column, row, value and remedy.
    """
    file = Path(path)
    heads, table = _read(file)
    names = [name.casefold() for name, _ in heads[:2]]
    if names != ["start", "end"] or len(heads) < 3:
        msg = f"{file}: the header begins '{' '.join(names)}'; a .tac file begins start[seconds] end[kBq/cc], then regions"
        raise FileFormatError(msg)
    time_unit, shared = heads[0][1], heads[1][1]
    start = to_seconds(table[:, 0], _stated(time_unit, "start", file), where=f"{file}, column 'start'")
    end_unit = shared if shared is not None and is_unit(shared, "time") else time_unit
    end = to_seconds(table[:, 1], _stated(end_unit, "end", file), where=f"{file}, column 'end'")
    columns = []
    for index, (name, unit) in enumerate(heads[2:], start=2):
        own = unit if unit is not None else shared
        columns.append(to_kbq_per_ml(table[:, index], _stated(own, name, file), where=f"{file}, column '{name}'"))
    back = np.flatnonzero(end < start)
    if back.size:
        row = back[0]
        msg = f"{file}: row {row + 1} ends at {end[row]:g} s, before it starts at {start[row]:g} s; correct columns start and end"
        raise FrameTimingError(msg)
    frames = Frames(start, end - start, where=str(file))
    regions = [name for name, _ in heads[2:]]
    return TimeActivityCurves(frames, np.column_stack(columns), regions=regions, isotope=isotope, where=str(file))


@checked_arguments
def write_pmod_tac(tacs: TimeActivityCurves, path: str | Path, *, time_unit: str = "seconds") -> Path:
    """Write curves as a PMOD .tac file in kBq/cc and return the path.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves; names may hold no white space or brackets.
    path : path
        File to write.
    time_unit : str
        "seconds" or "minutes".
    """
    factor = _time_factor(time_unit)
    for region in tacs.regions:
        if re.search(r"[\s\[\]]", region):
            msg = f"{path}: region '{region}' holds white space or brackets, which separate columns in a .tac file; rename it"
            raise InputError(msg)
    rows = np.column_stack([tacs.frames.start_s / factor, tacs.frames.end_s / factor, tacs.activity])
    return _write(path, [f"start[{time_unit}]", "end[kBq/cc]", *tacs.regions], rows)


@checked_arguments
def read_pmod_bld(path: str | Path, *, activity_unit: str | None = None) -> BloodSeries:
    """Read a PMOD .bld file.

    Parameters
    ----------
    path : path
        Text with two columns and a header such as `sample-time[seconds]  whole-blood[kBq/cc]`.
    activity_unit : str, optional
        Unit where the header does not state it; "1/1" for a fraction or ratio.

    Returns
    -------
    BloodSeries
        Seconds, and kBq/mL or a fraction; its name is that of the second column.

    Raises
    ------
    MissingFileError, FileFormatError, UnitError, InputError
        Each names file, column, row, value and remedy.
    """
    file = Path(path)
    heads, table = _read(file)
    if len(heads) != 2:
        msg = f"{file}: {len(heads)} columns; a .bld file has two, sample-time[seconds] and a value. Give one file a curve."
        raise FileFormatError(msg)
    (time_name, time_unit), (name, stated) = heads
    time = to_seconds(table[:, 0], _stated(time_unit, time_name, file), where=f"{file}, column '{time_name}'")
    unit = _stated(stated or activity_unit, name, file)
    values = (
        table[:, 1]
        if unit in {"1/1", "unity", "%"}
        else to_kbq_per_ml(table[:, 1], unit, where=f"{file}, column '{name}'")
    )
    values = values / 100.0 if unit == "%" else values
    return BloodSeries(time, values, ("pmod",) * time.size, name=name, where=str(file))


@checked_arguments
def write_pmod_bld(
    time_s: ArrayLike,
    values: ArrayLike,
    path: str | Path,
    *,
    name: str = "whole-blood",
    time_unit: str = "seconds",
    fraction: bool = False,
) -> Path:
    """Write one blood curve as a PMOD .bld file and return the path.

    Parameters
    ----------
    time_s, values : array_like, shape (n,)
        Seconds after injection, and kBq/mL or (with `fraction`) a fraction.
    path : path
        File to write.
    name : str
        Name of the column, without white space or brackets.
    time_unit : str
        "seconds" or "minutes".
    fraction : bool
        Whether values have no unit.
    """
    factor = _time_factor(time_unit)
    series = BloodSeries(time_s, values, name=name)
    if re.search(r"[\s\[\]]", name):
        msg = f"{path}: name '{name}' holds white space or brackets, which separate columns in a .bld file; rename it"
        raise InputError(msg)
    heads = [f"sample-time[{time_unit}]", f"{name}[{'1/1' if fraction else 'kBq/cc'}]"]
    return _write(path, heads, np.column_stack([series.time_s / factor, series.values]))


def _time_factor(unit: str) -> float:
    if unit not in _TIME_UNITS:
        msg = f"time_unit is '{unit}'; PMOD files are in seconds or minutes"
        raise InputError(msg)
    return _TIME_UNITS[unit]


def _stated(unit: str | None, column: str, file: Path) -> str:
    if unit is None:
        msg = f"{file}: the header states no unit for column '{column}'; write it as {column}[kBq/cc] or [seconds]"
        raise FileFormatError(msg)
    return unit


def _read(file: Path) -> tuple[list[tuple[str, str | None]], FloatArray]:
    """Return (name, unit) of each column, and the numbers."""
    if not file.is_file():
        msg = f"{file}: no such file; give the path of a PMOD .tac or .bld file"
        raise MissingFileError(msg)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{file}: not a text file ({error}); export it from PMOD as text"
        raise FileFormatError(msg) from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) < 2:
        msg = f"{file}: {len(lines)} lines; a header and at least one row are needed"
        raise FileFormatError(msg)
    # tabs separate where there are any: names may then hold blanks
    heads = [cell.strip() for cell in (lines[0].split("\t") if "\t" in lines[0] else lines[0].split())]
    heads = [cell for cell in heads if cell]
    rows = [_row(line, number, heads, file) for number, line in enumerate(lines[1:], start=1)]
    found = [_HEADING.match(cell) for cell in heads]
    named = [
        (match["name"].strip(), match["unit"].strip()) if match else (cell, None)
        for match, cell in zip(found, heads, strict=True)
    ]
    return named, np.array(rows)


def _row(line: str, number: int, heads: list[str], file: Path) -> list[float]:
    cells = line.split()
    if len(cells) != len(heads):
        msg = f"{file}: row {number} has {len(cells)} values for {len(heads)} columns; complete it"
        raise FileFormatError(msg)
    values = []
    for cell, head in zip(cells, heads, strict=True):
        try:
            values.append(float(cell))
        except ValueError as error:
            msg = f"{file}: column '{head}', row {number} is '{cell}'; it must be a number with a decimal point"
            raise FileFormatError(msg) from error
    return values


def _write(path: str | Path, heads: list[str], rows: FloatArray) -> Path:
    lines = ["\t".join(heads), *("\t".join(repr(float(value)) for value in row) for row in rows)]
    return write_text(path, "\n".join(lines) + "\n")
