"""Tables of curves and of blood: BIDS-style TSV with a JSON sidecar, or any table through an explicit mapping."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, InputError, MissingFileError, UnitError, unknown_name
from neurochem.naming import sidecar_path, write_text
from neurochem.pet.blood import ArterialInput
from neurochem.pet.decay import frame_decay_factor
from neurochem.pet.frames import Frames
from neurochem.pet.sidecar import seconds_field
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.reading import read_json_object
from neurochem.units import FloatArray, to_kbq_per_ml, to_seconds

if TYPE_CHECKING:
    import pandas as pd

_TIME_COLUMNS = {"frame_start", "frame_end", "frame_duration"}
# Names that are never a region, without underscores and plural.
_NO_REGION = frozenset(
    [
        *("time", "midtime", "weight", "start", "starttime", "end", "endtime"),
        *("duration", "dur", "framedur", "frame", "framemid", "mid"),
    ]
)


def read_table(path: str | Path) -> "pd.DataFrame":
    """Read a tab- or comma-separated table with a header line.

    Raises
    ------
    MissingFileError, FileFormatError
        If there is no such file, or it is not a table.
    """
    import pandas as pd

    file = Path(path)
    if not file.is_file():
        msg = f"{file}: no such file; give the path of a table"
        raise MissingFileError(msg)
    separator = "," if file.suffix.casefold() == ".csv" else "\t"
    try:
        return pd.read_csv(file, sep=separator, na_values=["n/a"], skipinitialspace=True)
    except (ValueError, UnicodeDecodeError) as error:
        msg = f"{file}: not a table with a header line ({error}); give a tab-separated .tsv or a .csv file"
        raise FileFormatError(msg) from error


def numbers(table: "pd.DataFrame", column: str, where: str) -> FloatArray:
    """Return one column as numbers; NaN stays NaN, text is an error that names row and column."""
    if column not in table.columns:
        raise unknown_name(column, [str(name) for name in table.columns], kind=f"column of {where}")
    try:
        return table[column].to_numpy(dtype=float)
    except (ValueError, TypeError) as error:
        row = next(i for i, value in enumerate(table[column]) if not _is_number(value))
        msg = f"{where}: column '{column}', row {row + 1} is '{table[column].iloc[row]}'; it must be a number"
        raise FileFormatError(msg) from error


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True


def _read_sidecar(path: Path) -> dict[str, Any]:
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return {}
    return read_json_object(sidecar)


def _column_unit(sidecar: Mapping[str, Any], column: str) -> str | None:
    entry = sidecar.get(column)
    return entry.get("Units") if isinstance(entry, dict) else None


@checked_arguments
def read_tacs(  # noqa: PLR0913 - the description of a table, all by keyword
    path: str | Path,
    *,
    start: str = "frame_start",
    end: str | None = None,
    duration: str | None = None,
    regions: Sequence[str] | None = None,
    weights: str | None = None,
    time_unit: str | None = None,
    activity_unit: str | None = None,
    isotope: str | None = None,
) -> TimeActivityCurves:
    """Read curves of regions from a table.

    Parameters
    ----------
    path : path
        A .tsv (tabs) or .csv file with a header. A JSON sidecar of the same name may give units and isotope.
    start, end, duration : str
        Columns of frame start and of either end or duration. By default the BIDS-style `frame_start` and `frame_end`.
    regions : sequence of str, optional
        Columns to read as regions; by default all that are not times or weights.
    weights : str, optional
        Column of weights (1/variance) that came with the data.
    time_unit, activity_unit : str, optional
        Units of the table, for example "s" or "min" and "kBq/mL". The sidecar's units are used where these are not
        given; a table that is not BIDS-style must have them stated, they are never guessed.
    isotope : str, optional
        Isotope, where the sidecar does not say.

    Returns
    -------
    TimeActivityCurves
        In seconds and kBq/mL.

    Raises
    ------
    MissingFileError, FileFormatError, UnitError, UnknownNameError, FrameTimingError, InputError
        Each names file, column and remedy.
    """
    file = Path(path)
    table, sidecar = read_table(file), _read_sidecar(Path(path))
    end = "frame_end" if end is None and duration is None else end
    time_columns = {start, *(name for name in (end, duration) if name is not None)}
    unit = time_unit or _column_unit(sidecar, start) or ("s" if start == "frame_start" else None)
    if unit is None:
        msg = f"{file}: the unit of column '{start}' is not stated; give time_unit='s' or time_unit='min'"
        raise UnitError(msg)
    begin = to_seconds(numbers(table, start, str(file)), unit, where=f"{file}, column '{start}'")
    if duration is not None:
        length = to_seconds(numbers(table, duration, str(file)), unit, where=f"{file}, column '{duration}'")
    else:
        length = to_seconds(numbers(table, str(end), str(file)), unit, where=str(file)) - begin
    injection = seconds_field(sidecar, "InjectionStart", 0.0, str(sidecar_path(file)))
    frames = Frames(begin - injection, length, where=str(file))
    skipped = time_columns | ({weights} if weights else set())
    if isinstance(regions, str):
        regions = [regions]
    names = _region_columns(table, skipped, str(file)) if regions is None else list(regions)
    if not names:
        msg = f"{file}: no column is a region; name at least one (regions=[...]), beside those of times and weights"
        raise InputError(msg)
    activity = np.column_stack([_activity(table, name, activity_unit, sidecar, file) for name in names])
    activity = activity * _decay_correction(sidecar, frames, isotope, file)[:, None]
    return TimeActivityCurves(
        frames,
        activity,
        regions=names,
        isotope=isotope or sidecar.get("TracerRadionuclide"),
        weights=sidecar.get("FrameWeights") if weights is None else numbers(table, weights, str(file)),
        voxels=_voxels(sidecar, names),
        where=str(file),
    )


def _decay_correction(sidecar: Mapping[str, Any], frames: Frames, isotope: str | None, file: Path) -> FloatArray:
    """Return the factors that correct curves for decay, ones unless the sidecar says that they are not corrected."""
    if sidecar.get("ImageDecayCorrected", True) is not False:
        return np.ones(len(frames))
    known = isotope or sidecar.get("TracerRadionuclide")
    if known is None:
        msg = f"{sidecar_path(file)}: curves are not decay corrected and no isotope is named; give isotope='C11' or correct them"
        raise InputError(msg)
    return frame_decay_factor(frames.start_min, frames.duration_min, known)


def _region_columns(table: "pd.DataFrame", skipped: set[str], where: str) -> list[str]:
    """Return the columns that are left as regions; one whose name says that it is none must be mapped or left out."""
    names = [str(name) for name in table.columns if name not in skipped | _TIME_COLUMNS]
    for name in names:
        if name.casefold().replace("_", "").rstrip("s") in _NO_REGION:
            msg = (
                f"{where}: column '{name}' would be read as a region; name the columns that are regions (regions=[...]), or "
                "map it (start=, end=, duration=, weights=)"
            )
            raise InputError(msg)
    return names


def _voxels(sidecar: Mapping[str, Any], names: Sequence[str]) -> list[float] | None:
    """Return the voxel count of each region if the sidecar gives all of them."""
    counts = [entry.get("Voxels") if isinstance(entry := sidecar.get(name), dict) else None for name in names]
    return [float(count) for count in counts if count is not None] if None not in counts else None


def _activity(table: "pd.DataFrame", name: str, unit: str | None, sidecar: Mapping[str, Any], file: Path) -> FloatArray:
    stated = unit or _column_unit(sidecar, name) or sidecar.get("Units")
    if stated is None:
        msg = (
            f"{file}: the unit of column '{name}' is not stated; give activity_unit='kBq/mL' (or Bq/mL, nCi/mL), or a JSON "
            f'sidecar {sidecar_path(file).name} with "Units"'
        )
        raise UnitError(msg)
    return to_kbq_per_ml(numbers(table, name, str(file)), stated, where=f"{file}, column '{name}'")


def voxel_count(count: float) -> int | float:
    """Return a number of voxels as a sidecar writes it: whole where it is, the effective number of weighted voxels in full."""
    return int(count) if float(count).is_integer() else float(count)


@checked_arguments
def write_tacs(tacs: TimeActivityCurves, path: str | Path) -> Path:
    """Write curves as a TSV (frame_start, frame_end in s, one column a region) with its JSON sidecar; return the path."""
    file = Path(path)
    text = tacs.to_frame().to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    time = {"Description": "Time after injection", "Units": "s"}
    sidecar: dict[str, Any] = {"frame_start": time, "frame_end": time, "ImageDecayCorrected": True}
    if tacs.isotope is not None:
        sidecar["TracerRadionuclide"] = tacs.isotope
    if tacs.weights is not None:
        sidecar["FrameWeights"] = tacs.weights.tolist()
    for index, region in enumerate(tacs.regions):
        entry: dict[str, Any] = {"Description": "Mean activity, decay corrected to injection", "Units": "kBq/mL"}
        if tacs.voxels is not None:
            entry["Voxels"] = voxel_count(tacs.voxels[index])
        sidecar[region] = entry
    write_text(sidecar_path(file), json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n")
    return write_text(file, text)


@checked_arguments
def read_arterial_input(
    path: str | Path,
    *,
    time: str = "time",
    plasma_parent: str = "plasma_parent",
    whole_blood: str | None = None,
    parent_fraction: str | None = None,
    time_unit: str | None = None,
    activity_unit: str | None = None,
) -> ArterialInput:
    """Read a metabolite-corrected arterial input from a table.

    Parameters
    ----------
    path : path
        A .tsv or .csv file with a header, and perhaps a JSON sidecar with "Units" a column.
    time, plasma_parent, whole_blood : str
        Columns. With `parent_fraction`, `plasma_parent` names total plasma and is multiplied by that fraction.
    parent_fraction : str, optional
        Column of the parent fraction (0 to 1).
    time_unit, activity_unit : str, optional
        Units, where the sidecar does not state them. Never guessed.

    Returns
    -------
    ArterialInput
        Piecewise linear, in seconds and kBq/mL.
    """
    file = Path(path)
    table, sidecar = read_table(file), _read_sidecar(Path(path))
    unit = time_unit or _column_unit(sidecar, time)
    if unit is None:
        msg = f"{file}: the unit of column '{time}' is not stated; give time_unit='s' or time_unit='min'"
        raise UnitError(msg)
    seconds = to_seconds(numbers(table, time, str(file)), unit, where=f"{file}, column '{time}'")
    plasma = _activity(table, plasma_parent, activity_unit, sidecar, file)
    if parent_fraction is not None:
        fraction = numbers(table, parent_fraction, str(file))
        outside = np.flatnonzero(~((fraction >= 0) & (fraction <= 1)))
        if outside.size:
            row = outside[0]
            msg = (
                f"{file}: column '{parent_fraction}', row {row + 1} is {fraction[row]}; a fraction lies between 0 and 1"
            )
            raise InputError(msg)
        plasma = plasma * fraction
    blood = None if whole_blood is None else _activity(table, whole_blood, activity_unit, sidecar, file)
    return ArterialInput(seconds, plasma, whole_blood=blood, where=str(file))
