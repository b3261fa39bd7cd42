"""What a BIDS PET sidecar says of time, decay and units, read whole and put right once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, FrameTimingError, InputError, MissingFileError, UnitError
from neurochem.pet.decay import decay_constant_per_min, frame_decay_factor, isotope_name
from neurochem.pet.frames import Frames
from neurochem.reading import inherited_fields, read_json_object
from neurochem.units import BoolArray, FloatArray, activity_factor, seconds_to_minutes


@dataclass(frozen=True, eq=False)
class ScanTiming:
    """Frames after injection, and what makes stored values kBq/mL decay corrected to injection.

    Attributes
    ----------
    frames : Frames
        Frames that end after injection.
    kept : bool array, shape (n_stored_frames,)
        Which stored frames those are.
    scale : array, shape (n_frames,)
        Multiply the stored mean of each kept frame by this.
    isotope : str or None
        Isotope, if the sidecar names it.
    notes : tuple of str
        What was corrected.
    """

    frames: Frames
    kept: BoolArray
    scale: FloatArray
    isotope: str | None
    notes: tuple[str, ...]


def read_sidecar(path: Path) -> dict[str, Any]:
    """Read a JSON sidecar with what it inherits in its dataset; a missing or broken one is an error that names it."""
    inherited = inherited_fields(path)
    if not path.is_file() and not inherited:
        msg = (
            f"{path}: no such sidecar; a PET image needs a JSON file beside it with FrameTimesStart, FrameDuration, Units "
            "and ImageDecayCorrected. Add it (a BIDS converter writes it), or name another with sidecar (--sidecar)."
        )
        raise MissingFileError(msg)
    return {**inherited, **(read_json_object(path) if path.is_file() else {})}


def scan_timing(
    sidecar: Mapping[str, Any], *, where: str, isotope: str | None = None, activity_unit: str | None = None
) -> ScanTiming:
    """Return frames and scale factors from a BIDS PET sidecar.

    Parameters
    ----------
    sidecar : mapping
        Contents of the JSON file. `FrameTimesStart` and `FrameDuration` (s) and `Units` are required. `InjectionStart`
        (s relative to TimeZero, default 0) moves frame times to injection. `ImageDecayCorrected` (default true) and
        `ImageDecayCorrectionTime` (s relative to TimeZero) say what must still be corrected.
    where : str
        Path of the sidecar, for messages.
    isotope : str, optional
        Used where `TracerRadionuclide` is missing.
    activity_unit : str, optional
        Used where `Units` is missing.

    Returns
    -------
    ScanTiming
        Frames that end before injection are dropped; one that spans injection starts there, its mean scaled up, since
        nothing was there before.

    Raises
    ------
    FileFormatError, FrameTimingError, InputError
        Each names file, field, value and remedy.
    """
    start, duration = (_series(sidecar, field, where) for field in ("FrameTimesStart", "FrameDuration"))
    if start.size != duration.size:
        msg = (
            f"{where}: FrameTimesStart has {start.size} values and FrameDuration {duration.size}; give one each a frame"
        )
        raise FrameTimingError(msg)
    negative = np.flatnonzero(duration < 0)
    if negative.size:
        i = negative[0]
        msg = f"{where}: FrameDuration of frame {i + 1} is {duration[i]:g} s; it must not be negative. Repair the sidecar."
        raise FrameTimingError(msg)
    injection = seconds_field(sidecar, "InjectionStart", 0.0, where)
    named = sidecar.get("TracerRadionuclide") or isotope
    known = isotope_name(str(named)) if named else None
    start = start - injection
    end = start + duration
    kept = end > 0 if (start < 0).any() else np.ones(start.size, dtype=bool)
    clipped = np.maximum(start, 0.0)
    length = np.where(end > clipped, end - clipped, 0.0)
    scale, notes = _decay_scale(sidecar, start, duration, injection, known, where)
    spanning = kept & (start < 0)
    if spanning.any():
        scale = scale * np.where(spanning, duration / np.where(length > 0, length, 1.0), 1.0)
        notes.append("the frame that spans injection was taken to start at injection")
    if not kept.all():
        notes.append(f"{np.count_nonzero(~kept)} frames before injection were left out")
    scale = scale * _unit_factor(sidecar, activity_unit, where)
    return ScanTiming(Frames(clipped[kept], length[kept], where=where), kept, scale[kept], known, tuple(notes))


def _unit_factor(sidecar: Mapping[str, Any], given: str | None, where: str) -> float:
    """Return how many kBq/mL one stored unit is, by the sidecar or, where that is silent, by what was given."""
    stated = sidecar.get("Units")
    if stated is None and given is None:
        msg = (
            f"{where}: field 'Units' is missing; state the unit of the image there, for example \"Bq/mL\", or give it as "
            "activity_unit (--activity-unit)"
        )
        raise FileFormatError(msg)
    known = None if stated is None else activity_factor(str(stated), where=f"{where}, field 'Units'")
    own = None if given is None else activity_factor(given, where="activity_unit")
    if known is not None and own is not None and known != own:
        msg = f"activity_unit is '{given}', but {where} states Units '{stated}'; leave activity_unit out or repair the sidecar"
        raise UnitError(msg)
    factor = known if known is not None else own
    assert factor is not None
    return factor


def _series(sidecar: Mapping[str, Any], field: str, where: str) -> FloatArray:
    if sidecar.get(field) is None:
        msg = f"{where}: field '{field}' is missing; give a list of seconds, one a frame"
        raise FileFormatError(msg)
    try:
        values = np.atleast_1d(np.array(sidecar[field], dtype=float))
    except (TypeError, ValueError) as error:
        msg = f"{where}: field '{field}' is {sidecar[field]!r}; it must be a list of seconds, one a frame"
        raise FileFormatError(msg) from error
    if values.ndim != 1 or not np.isfinite(values).all():
        msg = f"{where}: field '{field}' must be a flat list of finite numbers of seconds, one a frame"
        raise FrameTimingError(msg)
    return values


def seconds_field(record: Mapping[str, Any], field: str, default: float, where: str) -> float:
    """Return a number of seconds from TimeZero that a sidecar states, or the default where it is silent."""
    value = record.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        msg = f"{where}: field '{field}' is {value!r}; it must be a number of seconds from TimeZero"
        raise FileFormatError(msg)
    return float(value)


def _decay_scale(
    sidecar: Mapping[str, Any],
    start: FloatArray,
    duration: FloatArray,
    injection: float,
    isotope: str | None,
    where: str,
) -> tuple[FloatArray, list[str]]:
    """Return the factors that make values decay corrected to injection."""
    notes = [] if "ImageDecayCorrected" in sidecar else ["ImageDecayCorrected is missing and was taken as true"]
    corrected = sidecar.get("ImageDecayCorrected", True)
    if not isinstance(corrected, bool):
        msg = f"{where}: field 'ImageDecayCorrected' is {corrected!r}; it must be true or false"
        raise FileFormatError(msg)
    reference = seconds_field(sidecar, "ImageDecayCorrectionTime", injection, where) - injection
    if corrected and abs(reference) < 1e-9:
        return np.ones(start.size), notes
    if isotope is None:
        msg = (
            f"{where}: field 'TracerRadionuclide' is missing, but the image must be corrected for decay; name the isotope, "
            'for example "C11"'
        )
        raise InputError(msg)
    if corrected:
        factor = np.exp(decay_constant_per_min(isotope) * float(seconds_to_minutes(reference)))
        return np.full(start.size, factor), [*notes, f"decay reference moved by {reference:g} s to injection"]
    factors = frame_decay_factor(seconds_to_minutes(start), seconds_to_minutes(duration), isotope)
    return factors, [f"decay correction applied frame by frame ({isotope})"]
