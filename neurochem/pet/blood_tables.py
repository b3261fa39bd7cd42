"""Blood recordings in BIDS: autosampler and manual samples with their sidecars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, InputError, MissingFileError, UnitError
from neurochem.naming import BLOOD_SUFFIX, parse_bids_name, sidecar_path
from neurochem.pet.blood_samples import BloodSamples, BloodSeries
from neurochem.pet.decay import decay_constant_per_min
from neurochem.pet.sidecar import seconds_field
from neurochem.pet.tables import numbers, read_table
from neurochem.reading import read_json_object
from neurochem.units import FloatArray, seconds_to_minutes, to_kbq_per_ml, to_seconds

if TYPE_CHECKING:
    import pandas as pd

# Column of each quantity, and the flag of the sidecar that says whether it was measured.
_COLUMNS = {
    "whole_blood": ("whole_blood_radioactivity", "WholeBloodAvail"),
    "plasma": ("plasma_radioactivity", "PlasmaAvail"),
    "parent_fraction": ("metabolite_parent_fraction", "MetaboliteAvail"),
}
_FLAGS = ("PlasmaAvail", "MetaboliteAvail", "WholeBloodAvail", "DispersionCorrected")
# Noise may carry a measured fraction this far outside 0 to 1.
_NOISE = 0.1


@dataclass(frozen=True, slots=True)
class _Clock:
    """When injection was, and to when activity is decay corrected, in seconds from TimeZero."""

    injection_s: float
    reference_s: float
    isotope: str | None
    corrected: bool

    def factor(self, time_s: FloatArray, where: str) -> FloatArray:
        """Return what makes activity decay corrected to injection, at seconds after injection."""
        late = self.reference_s - self.injection_s
        if self.corrected and abs(late) < 1e-9:
            return np.ones(time_s.shape)
        if self.isotope is None:
            msg = f"{where}: activity must be corrected for decay, but no isotope is known; give isotope='C11' (or F18, O15)"
            raise InputError(msg)
        rate = decay_constant_per_min(self.isotope)
        return np.exp(rate * (np.full(time_s.shape, late / 60.0) if self.corrected else seconds_to_minutes(time_s)))


@checked_arguments
def read_blood(
    path: str | Path | Iterable[str | Path],
    *,
    injection_start_s: float | None = None,
    isotope: str | None = None,
    decay_corrected: bool = True,
    assume: Mapping[str, Any] | None = None,
) -> BloodSamples:
    """Read the blood recordings of one scan.

    Parameters
    ----------
    path : path, or several
        A `*_recording-<label>_blood.tsv`, several of them, or the folder of one scan, whose recordings are all read.
    injection_start_s : float, optional
        Injection in seconds from TimeZero. By default `InjectionStart` of the `_pet.json` in the same folder, else 0.
        Sample times become seconds after injection; samples before it are left out.
    isotope : str, optional
        By default `TracerRadionuclide` of the `_pet.json`.
    decay_corrected : bool
        Whether activity is decay corrected, to `ImageDecayCorrectionTime` of the `_pet.json` (else to injection), as the
        image. False corrects it here.
    assume : mapping, optional
        Fields that the sidecar lacks, for example {"DispersionCorrected": False}; also "Units" of every activity column.

    Returns
    -------
    BloodSamples
        Whole blood, plasma and parent fraction, each from all recordings that hold it, with the recording as source.

    Raises
    ------
    MissingFileError, FileFormatError, UnitError, InputError
        Each names file, column or field, row, value and remedy.
    """
    files = _recordings(path)
    clock, notes = _clock(files[0], injection_start_s, isotope, corrected=decay_corrected)
    found: dict[str, list[tuple[FloatArray, FloatArray, str]]] = {key: [] for key in _COLUMNS}
    for file in files:
        _read_recording(file, clock, dict(assume or {}), found, notes)
    where = str(files[0]) if len(files) == 1 else str(files[0].parent)
    series = {key: _joined(parts, key, where) for key, parts in found.items() if parts}
    return BloodSamples(**series, isotope=clock.isotope, notes=tuple(notes), where=where)


def _recordings(path: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the files to read."""
    given = [Path(path)] if isinstance(path, str | Path) else [Path(item) for item in path]
    if len(given) == 1 and given[0].is_dir():
        folder = given[0]
        given = sorted(folder.glob(f"*_{BLOOD_SUFFIX}.tsv"))
        if not given:
            msg = f"{folder}: no *_recording-<label>_{BLOOD_SUFFIX}.tsv in this folder; give the folder or the files of one scan"
            raise MissingFileError(msg)
        _one_scan(given, folder)
    if not given:
        msg = "no blood recording was given; give a file, several files, or the folder of one scan"
        raise InputError(msg)
    for file in given:
        if file.name.endswith("_inputfunction.tsv"):
            msg = f"{file}: an input function, not samples; read it with read_input_function"
            raise FileFormatError(msg)
    return given


def _one_scan(files: list[Path], folder: Path) -> None:
    scans = {
        tuple(sorted((k, v) for k, v in parse_bids_name(file.name)[0].items() if k != "recording")) for file in files
    }
    if len(scans) > 1:
        listed = ", ".join(file.name for file in files)
        msg = f"{folder}: recordings of {len(scans)} scans ({listed}); give the files of one scan"
        raise InputError(msg)


def _clock(file: Path, injection_s: float | None, isotope: str | None, *, corrected: bool) -> tuple[_Clock, list[str]]:
    """Return when injection was, from the image's sidecar where it is not given."""
    record, source = _image_sidecar(file)
    injection = injection_s if injection_s is not None else seconds_field(record, "InjectionStart", 0.0, source)
    reference = seconds_field(record, "ImageDecayCorrectionTime", injection, source)
    notes = []
    if injection:
        notes.append(f"times moved by {-injection:g} s, from TimeZero to injection")
    if not corrected:
        notes.append("activity corrected for decay to injection")
    elif abs(reference - injection) > 1e-9:
        notes.append(f"decay reference moved by {injection - reference:g} s to injection")
    return _Clock(injection, reference, isotope or record.get("TracerRadionuclide"), corrected), notes


def _image_sidecar(file: Path) -> tuple[dict[str, Any], str]:
    """Return the image's sidecar in the same folder: the one that shares the most entities, if it contradicts none."""
    own = parse_bids_name(file.name)[0]
    best: tuple[int, Path] | None = None
    for candidate in sorted(file.parent.glob("*_pet.json")):
        entities = parse_bids_name(candidate.name)[0]
        if any(own.get(key, value) != value for key, value in entities.items()):
            continue
        if best is None or len(entities) > best[0]:
            best = (len(entities), candidate)
    return ({}, "") if best is None else (read_json_object(best[1]), str(best[1]))


def _flags(file: Path, sidecar: Mapping[str, Any]) -> dict[str, bool]:
    flags = {}
    for name in _FLAGS:
        value = sidecar.get(name)
        if not isinstance(value, bool):
            state = "missing" if value is None else repr(value)
            msg = (
                f"{sidecar_path(file)}: field '{name}' is {state}; it must be true or false, so that blood is not taken for what "
                f"it is not. Add it, or give assume={{'{name}': ...}}"
            )
            raise FileFormatError(msg)
        flags[name] = value
    return flags


def _read_recording(
    file: Path,
    clock: _Clock,
    assume: dict[str, Any],
    found: dict[str, list[tuple[FloatArray, FloatArray, str]]],
    notes: list[str],
) -> None:
    """Add the samples of one file to those found."""
    table = read_table(file)
    side = sidecar_path(file)
    if not side.is_file() and not assume:
        msg = f"{side}: no such sidecar; a blood table needs one with units and {', '.join(_FLAGS)}, or give assume={{...}}"
        raise MissingFileError(msg)
    sidecar = {**assume, **(read_json_object(side) if side.is_file() else {})}
    flags = _flags(file, sidecar)
    label = parse_bids_name(file.name)[0].get("recording", "unnamed")
    time = _times(table, sidecar, file) - clock.injection_s
    for key, (column, flag) in _COLUMNS.items():
        if flags[flag] != (column in table.columns):
            present = "is there" if column in table.columns else "is missing"
            msg = f"{file}: {flag} is {str(flags[flag]).lower()} but column '{column}' {present}; correct one of them"
            raise FileFormatError(msg)
        if flags[flag]:
            values = numbers(table, column, str(file))
            if key == "parent_fraction":
                _check_fraction(values, column, file)
            else:
                values = to_kbq_per_ml(values, _unit(sidecar, column, file), where=f"{file}, column '{column}'")
                values = values * clock.factor(time, str(file))
            _check_finite(values, column, file)
            keep = np.isfinite(values) & (time >= 0)
            found[key].append((time[keep], values[keep], label))
    early = int(np.count_nonzero(time < 0))
    if early:
        notes.append(f"{file.name}: {early} samples before injection were left out")
    if not flags["DispersionCorrected"]:
        constant = sidecar.get("DispersionConstant")
        known = "its constant is not given" if constant is None else f"its constant is {constant} s"
        notes.append(f"{label}: dispersion was not corrected; {known}")


def _times(table: "pd.DataFrame", sidecar: Mapping[str, Any], file: Path) -> FloatArray:
    entry = sidecar.get("time")
    unit = entry.get("Units", "s") if isinstance(entry, dict) else "s"
    time = to_seconds(numbers(table, "time", str(file)), str(unit), where=f"{file}, column 'time'")
    bad = np.flatnonzero(~np.isfinite(time))
    if bad.size:
        msg = f"{file}: column 'time', row {bad[0] + 1} is missing; give the time of every sample, or remove the row"
        raise FileFormatError(msg)
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        row = back[0] + 1
        msg = f"{file}: column 'time', row {row + 1} is {time[row]:g} s, before row {row} at {time[row - 1]:g} s; sort the rows"
        raise InputError(msg)
    return time


def _unit(sidecar: Mapping[str, Any], column: str, file: Path) -> str:
    entry = sidecar.get(column)
    unit = entry.get("Units") if isinstance(entry, dict) else None
    unit = unit or sidecar.get("Units")
    if unit is None:
        msg = f"{file}: the unit of column '{column}' is not stated; add it to its sidecar, or give assume={{'Units': 'kBq/mL'}}"
        raise UnitError(msg)
    return str(unit)


def _check_fraction(values: FloatArray, column: str, file: Path) -> None:
    outside = np.flatnonzero(np.abs(values - 0.5) > 0.5 + _NOISE)
    if outside.size:
        row = outside[0]
        msg = (
            f"{file}: column '{column}', row {row + 1} is {values[row]:g}; it must lie between 0 and 1 (percent / 100)"
        )
        raise InputError(msg)


def _check_finite(values: FloatArray, column: str, file: Path) -> None:
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        msg = f"{file}: column '{column}', row {infinite[0] + 1} is {values[infinite[0]]}; write n/a where nothing was measured"
        raise InputError(msg)
    if not np.isfinite(values).any():
        msg = f"{file}: column '{column}' holds no value at all; remove it and set its flag to false"
        raise InputError(msg)


def _joined(parts: list[tuple[FloatArray, FloatArray, str]], key: str, where: str) -> BloodSeries:
    time, values = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    if not time.size:
        msg = f"{where}: every sample of {key} lies before injection; check injection_start_s (InjectionStart)"
        raise InputError(msg)
    sources = tuple(label for part in parts for label in [part[2]] * part[0].size)
    return BloodSeries(time, values, sources, name=key, where=where)
