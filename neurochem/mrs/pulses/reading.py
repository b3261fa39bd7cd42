"""Waveforms from files: Siemens .pta, Bruker shapes and plain text."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, InputError, MissingFileError
from neurochem.mrs.pulses.calibration import calibrated
from neurochem.mrs.pulses.waveform import ShapedPulse

_FORMATS = (
    "Siemens .pta (header lines such as 'PULSENAME: x', then amplitude and phase in rad), a Bruker shape (JCAMP-DX with "
    "##XYPOINTS= (XY..XY), amplitude in percent and phase in degrees), or two columns of text"
)


@dataclass(frozen=True, slots=True)
class _Waveform:
    """Columns of a file: amplitude in any unit, phase in degrees."""

    amplitude: list[float]
    phase_deg: list[float]


@checked_arguments
def read_pulse(
    path: str | Path,
    *,
    duration_s: float,
    flip_deg: float = 180.0,
    purpose: str | None = None,
    phase_unit: str = "deg",
) -> ShapedPulse:
    """Read the waveform of a pulse.

    Parameters
    ----------
    path : str or Path
        Siemens .pta, Bruker shape, or text with the columns amplitude and phase (phase may be left out); the content
        says which it is.  Lines of text that begin with # are comments.
    duration_s : float
        Duration (s), which none of the formats states.
    flip_deg : float
        Flip angle to which the waveform is calibrated, as in `pulse`.
    purpose : str, optional
        "excitation", "refocusing" or "inversion"; by default excitation up to 90 degrees and refocusing above.
    phase_unit : "deg" or "rad"
        Unit of the phases of plain text; the other formats state theirs.

    Returns
    -------
    ShapedPulse
        Slices of equal length, one a line of the file.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileFormatError
        If a line is damaged; the message names file, line and what is allowed.
    InputError
        If the waveform cannot be calibrated.

    Notes
    -----
    Phases turn the axis of the pulse from x towards y, the sense in which spins of positive offset (higher shift) turn
    here.  Scanners differ in that sign: a frequency-modulated pulse with an asymmetric profile may come out as its mirror
    image about the carrier; `profile` shows which.
    """
    file = Path(path)
    if not file.is_file():
        msg = f"{file}: no such file. Give the path of a waveform: {_FORMATS}."
        raise MissingFileError(msg)
    if phase_unit not in {"deg", "rad"}:
        msg = f"phase_unit is {phase_unit!r}; it must be 'deg' or 'rad'."
        raise InputError(msg)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        msg = f"{file}: it is not text (byte {error.start}); allowed is {_FORMATS}. Export the waveform as text."
        raise FileFormatError(msg) from error
    form, read = _reader(lines)
    content = read(file, lines) if form != "text" else _text(file, lines, phase_unit)
    if not any(content.amplitude):
        msg = f"{file}: it holds {len(content.amplitude)} slices, all of amplitude zero; allowed is {_FORMATS}. Check the file."
        raise FileFormatError(msg)
    raw = ShapedPulse(
        np.array(content.amplitude), np.array(content.phase_deg), duration_s=duration_s,
        purpose=("excitation" if flip_deg <= 90.0 else "refocusing") if purpose is None else purpose, name=file.name,
    )  # fmt: skip
    return calibrated(raw, flip_deg)


def _reader(lines: list[str]) -> tuple[str, Callable[[Path, list[str]], _Waveform]]:
    """Return the format that the first lines show."""
    head = [line.strip() for line in lines[:40]]
    if any(line.startswith("##") for line in head):
        return "bruker", _bruker
    if any(line.upper().startswith(("PULSENAME:", "REFGRAD:", "AMPINT:")) for line in head):
        return "pta", _siemens
    return "text", _text


def _siemens(file: Path, lines: list[str]) -> _Waveform:
    """Return amplitude and phase of `amplitude phase ; (index)` lines after the header."""
    rows: list[tuple[float, float]] = []
    for number, line in enumerate(lines, start=1):
        text = line.partition(";")[0].strip()
        if not text or (":" in text and not rows):
            continue
        values = _numbers(file, number, text, (2,), "amplitude and phase in rad before a semicolon")
        rows.append((values[0], math.degrees(values[1])))
    return _columns(file, rows)


def _bruker(file: Path, lines: list[str]) -> _Waveform:
    """Return amplitude and phase of the ##XYPOINTS= table; ##NPOINTS= must agree."""
    rows: list[tuple[float, float]] = []
    stated: tuple[int, str] | None = None
    inside = False
    for number, line in enumerate(lines, start=1):
        text = line.partition("$$")[0].strip()
        if text.startswith("##"):
            key, _, value = text[2:].partition("=")
            inside = key.strip().upper() == "XYPOINTS"
            if key.strip().upper() == "NPOINTS":
                stated = number, value.strip()
        elif inside and text:
            values = _numbers(file, number, text.replace(",", " "), (2,), "amplitude in percent, phase in degrees")
            rows.append((values[0], values[1]))
    if stated is not None and stated[1] != str(len(rows)):
        msg = (
            f"{file}, line {stated[0]}: NPOINTS is {stated[1]}, but the table ##XYPOINTS= holds {len(rows)} lines; "
            "both must agree. The file may be cut: copy it again."
        )
        raise FileFormatError(msg)
    return _columns(file, rows)


def _text(file: Path, lines: list[str], phase_unit: str = "deg") -> _Waveform:
    """Return amplitude and phase of one or two columns."""
    rows: list[tuple[float, float]] = []
    width = None
    for number, text in _content(lines):
        allowed = (1, 2) if width is None else (width,)
        values = _numbers(file, number, text.replace(",", " "), allowed, f"amplitude and phase ({phase_unit})")
        width = len(values)
        phase = values[1] if width == 2 else 0.0
        rows.append((values[0], phase if phase_unit == "deg" else math.degrees(phase)))
    return _columns(file, rows)


def _content(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if text:
            yield number, text


def _numbers(file: Path, number: int, text: str, allowed: tuple[int, ...], meaning: str) -> list[float]:
    """Return the numbers of a line, or say what the line should hold."""
    counts = " or ".join(str(count) for count in allowed)
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) not in allowed or not all(math.isfinite(value) for value in values):
        msg = (
            f"{file}, line {number}: '{text[:60]}' was found where {counts} finite number(s) are allowed ({meaning}). "
            f"Correct the line; known formats are {_FORMATS}."
        )
        raise FileFormatError(msg)
    return values


def _columns(file: Path, rows: list[tuple[float, float]]) -> _Waveform:
    if not rows:
        msg = f"{file}: no line of the waveform was found; allowed is {_FORMATS}. Check the file."
        raise FileFormatError(msg)
    return _Waveform([row[0] for row in rows], [row[1] for row in rows])
