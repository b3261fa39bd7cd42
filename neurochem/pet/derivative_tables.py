"""Tables that other BIDS tools derive: bloodstream's input functions, PETPrep's curves of regions."""

from pathlib import Path

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, InputError, MissingFileError, UnitError, unknown_name
from neurochem.naming import parse_bids_name, sidecar_path
from neurochem.pet.blood import ArterialInput
from neurochem.pet.sidecar import read_sidecar
from neurochem.pet.tables import numbers, read_table, read_tacs
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.units import FloatArray, to_kbq_per_ml, to_seconds

# Names that tools give to tables of regional curves.
_CURVE_SUFFIXES = ("tacs", "timeseries")


@checked_arguments
def read_input_function(path: str | Path, *, activity_unit: str | None = None) -> ArterialInput:
    """Read an input function as bloodstream writes it.

    Parameters
    ----------
    path : path
        `*_inputfunction.tsv` with columns time (s), AIF, and perhaps whole_blood_radioactivity.
    activity_unit : str, optional
        Unit of activity where the sidecar does not state it; never guessed.

    Returns
    -------
    ArterialInput
        Metabolite-corrected plasma (AIF), with whole blood where the table has it; samples before injection left out.

    Raises
    ------
    MissingFileError, FileFormatError, UnitError, UnknownNameError, InputError
        Each names file, column, row and remedy.
    """
    file = Path(path)
    table = read_table(file)
    sidecar = read_sidecar(sidecar_path(file)) if sidecar_path(file).is_file() else {}
    entry = sidecar.get("time")
    stated = entry.get("Units", "s") if isinstance(entry, dict) else "s"
    time = to_seconds(numbers(table, "time", str(file)), str(stated), where=f"{file}, column 'time'")

    def activity(column: str) -> FloatArray:
        described = sidecar.get(column)
        unit = activity_unit or (described.get("Units") if isinstance(described, dict) else None)
        if unit is None:
            msg = f"{file}: the unit of column '{column}' is not stated; give activity_unit='kBq/mL' (or Bq/mL)"
            raise UnitError(msg)
        return to_kbq_per_ml(numbers(table, column, str(file)), str(unit), where=f"{file}, column '{column}'")

    parent = activity("AIF")
    blood = activity("whole_blood_radioactivity") if "whole_blood_radioactivity" in table.columns else None
    keep = ~(time < 0)
    return ArterialInput(time[keep], parent[keep], None if blood is None else blood[keep], where=str(file))


@checked_arguments
def read_derivative_tacs(
    path: str | Path, *, seg: str | None = None, desc: str | None = None, activity_unit: str | None = None
) -> TimeActivityCurves:
    """Read curves of regions as PETPrep and its relatives write them.

    Parameters
    ----------
    path : path
        `*_tacs.tsv` or `*_timeseries.tsv` (columns frame_start, frame_end in seconds, one a region), or the folder that
        holds it.
    seg, desc : str, optional
        Entities that choose one of several tables in a folder.
    activity_unit : str, optional
        Unit where the sidecar does not state it; never guessed.

    Returns
    -------
    TimeActivityCurves
        In seconds and kBq/mL.

    Raises
    ------
    MissingFileError, FileFormatError, UnitError, InputError
        Each names file and remedy; several tables that fit are listed, never chosen between.
    """
    file = Path(path)
    if file.is_dir():
        file = _only_table(file, {"seg": seg, "desc": desc})
    suffix = parse_bids_name(file.name)[1]
    if suffix not in _CURVE_SUFFIXES:
        raise unknown_name(suffix, _CURVE_SUFFIXES, kind=f"suffix of a table of curves ({file})")
    header = [str(name) for name in read_table(file).columns]
    if "frame_end" not in header and "frame_duration" not in header:
        msg = f"{file}: no column 'frame_end' (or 'frame_duration'); a table of confounds? Give the table of regional curves"
        raise FileFormatError(msg)
    duration = "frame_duration" if "frame_end" not in header and "frame_duration" in header else None
    return read_tacs(file, duration=duration, activity_unit=activity_unit)


def _only_table(folder: Path, wanted: dict[str, str | None]) -> Path:
    """Return the one table in a folder that has the entities."""
    names = [file for suffix in _CURVE_SUFFIXES for file in sorted(folder.glob(f"*_{suffix}.tsv"))]
    entities = {key: value for key, value in wanted.items() if value is not None}
    fitting = [f for f in names if all(parse_bids_name(f.name)[0].get(k) == v for k, v in entities.items())]
    if len(fitting) == 1:
        return fitting[0]
    asked = " with " + ", ".join(f"{k}-{v}" for k, v in entities.items()) if entities else ""
    if not fitting:
        msg = f"{folder}: no *_tacs.tsv or *_timeseries.tsv{asked}; there are: {', '.join(f.name for f in names) or 'none'}"
        raise MissingFileError(msg)
    msg = f"{folder}: {len(fitting)} tables of curves{asked} ({', '.join(f.name for f in fitting)}); give seg= or desc="
    raise InputError(msg)
