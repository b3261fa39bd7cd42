"""jMRUI text: signals of one file, or of a folder with one file an element."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, NeurochemWarning
from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats.content import BasisContent, parse_json, stated_fields
from neurochem.mrs.basis_formats.registry import FORMATS, BasisFormat
from neurochem.mrs.lcmodel import rounded
from neurochem.naming import write_text
from neurochem.units import ComplexArray

_TITLE = "jMRUI Data Textfile"
_FIELD = re.compile(r"^(\w+):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_SIGNAL = re.compile(r"^Signal (?:number: )?(\d+) out of (\d+) in file[^\n]*$", re.MULTILINE)
# TypeOfNucleus; the numbering that spec2nii reads.
_NUCLEI = {1: "1H", 2: "31P", 3: "13C", 4: "19F", 5: "23Na"}
_MHZ_PER_T = {"1H": 42.577, "31P": 17.235, "13C": 10.708, "19F": 40.08, "23Na": 11.262}


def recognises(path: Path, head: bytes) -> bool:
    """Say whether a text names jMRUI at its start, or a folder holds such texts."""
    if path.is_dir():
        return any(_titled(file) for file in sorted(path.glob("*.txt")))
    return b"jmrui" in head[:200].lower()


def _titled(file: Path) -> bool:
    with file.open("rb") as stream:
        return b"jmrui" in stream.read(200).lower()


def read(path: Path) -> BasisContent:
    """Return the signals of a file, or of all files of a folder.

    Notes
    -----
    SamplingInterval is in ms, TransmitterFrequency in Hz, and the sign is the conjugate of the storage convention, as
    spec2nii reads it.
    """
    files = [file for file in sorted(path.glob("*.txt")) if _titled(file)] if path.is_dir() else [path]
    contents = [_read_file(file) for file in files]
    first = contents[0]
    for file, other in zip(files, contents, strict=True):
        if (other.dwell_s, other.larmor_mhz, other.fids.shape[1]) != (
            first.dwell_s,
            first.larmor_mhz,
            first.fids.shape[1],
        ):
            msg = (
                f"{file}: points, SamplingInterval or TransmitterFrequency differ from {files[0].name}; they must be "
                "equal. Keep one basis set a folder."
            )
            raise FileFormatError(msg)
    return BasisContent(
        [name for content in contents for name in content.names],
        np.vstack([content.fids for content in contents]),
        dwell_s=first.dwell_s,
        larmor_mhz=first.larmor_mhz,
        nucleus=first.nucleus,
        stated=first.stated if len(files) == 1 else {},
    )


def _read_file(file: Path) -> BasisContent:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"{file}: not a text file ({error}); a binary .mrui cannot be read: save it from jMRUI as text."
        raise FileFormatError(msg) from error
    signals = list(_SIGNAL.finditer(text))
    if not signals:
        msg = f"{file}: no line 'Signal 1 out of 1 in file'; give a jMRUI text file that holds the signals in time."
        raise FileFormatError(msg)
    header = dict(_FIELD.findall(text[: signals[0].start()]))
    points = int(_number(header, "PointsInDataset", file))
    count = int(_number(header, "DatasetsInFile", file, default=float(signals[0][2])))
    if len(signals) != count:
        msg = f"{file}: holds {len(signals)} signals, DatasetsInFile says {count}; the file may be truncated. Copy it again."
        raise FileFormatError(msg)
    for key in ("BeginTime", "ZeroOrderPhase"):
        if _number(header, key, file, default=0.0) != 0.0:
            message = f"{file}: {key} is not zero; it is not applied, check the phases of the basis on a plot"
            warnings.warn(message, NeurochemWarning, stacklevel=2)
    ends = [*(signal.start() for signal in signals[1:]), len(text)]
    bodies = [text[signal.end() : end] for signal, end in zip(signals, ends, strict=True)]
    frequency = _number(header, "TransmitterFrequency", file)
    return BasisContent(
        _names(header, count, file),
        np.conj(np.array([_signal(body, points, file, index + 1) for index, body in enumerate(bodies)])),
        dwell_s=_number(header, "SamplingInterval", file) / 1e3,
        # some tools write MHz
        larmor_mhz=frequency / 1e6 if frequency > 1e5 else frequency,
        nucleus=_NUCLEI.get(int(_number(header, "TypeOfNucleus", file, default=0.0)), "1H"),
        stated=_stated(header.get("AdditionalInfo", ""), file),
    )


def _number(header: dict[str, str], key: str, file: Path, *, default: float | None = None) -> float:
    text = header.get(key, "")
    try:
        return float(text)
    except ValueError as error:
        if default is not None:
            return default
        msg = f"{file}: field {key} is {text or 'missing'!r}; a number is needed. Correct the file."
        raise FileFormatError(msg) from error


def _names(header: dict[str, str], count: int, file: Path) -> list[str]:
    """Return the signal names without the ending of the files that they came from."""
    names = [name.strip() for name in header.get("SignalNames", "").split(";") if name.strip()]
    names = [re.sub(r"\.(txt|mrui)$", "", name, flags=re.IGNORECASE) for name in names]
    if not names and count == 1:
        return [file.stem]
    if len(names) != count:
        msg = f"{file}: SignalNames has {len(names)} names for {count} signals; one each is needed. Correct the file."
        raise FileFormatError(msg)
    return names


def _signal(body: str, points: int, file: Path, number: int) -> ComplexArray:
    """Return the first two columns; the others are the FFT of the same signal."""
    try:
        rows = [[float(word) for word in line.split()[:2]] for line in body.splitlines() if line.strip()]
        values = np.array(rows, dtype=float)
    except ValueError as error:
        msg = f"{file}: signal {number} holds what is no number ({error}); the file may be damaged. Copy it again."
        raise FileFormatError(msg) from error
    if values.shape != (points, 2):
        msg = f"{file}: signal {number} has {len(rows)} points, {points} needed; the file may be truncated. Copy it again."
        raise FileFormatError(msg)
    return values[:, 0] + 1j * values[:, 1]


def _stated(text: str, file: Path) -> dict[str, Any]:
    if not text.startswith("neurochem "):
        return {}
    content = parse_json(text.removeprefix("neurochem "), file, "AdditionalInfo")
    if not isinstance(content, dict):
        msg = f"{file}: AdditionalInfo is {text!r}; after 'neurochem' a table is needed. Correct or remove it."
        raise FileFormatError(msg)
    return content


def write(basis: Basis, path: Path, step: float) -> Path:
    """Write all elements into one file; what the format has no place for stands in AdditionalInfo."""
    fids = np.conj(rounded(basis.fids, step) if step else basis.fids)
    nucleus = next((number for number, name in _NUCLEI.items() if name == basis.nucleus), 0)
    field_t = basis.larmor_mhz / _MHZ_PER_T.get(basis.nucleus, 42.577)
    lines = [
        _TITLE, "", f"Filename: {path.name}", "", f"PointsInDataset: {basis.points}", f"DatasetsInFile: {len(basis)}",
        f"SamplingInterval: {1e3 * basis.dwell_s!r}", "ZeroOrderPhase: 0E0", "BeginTime: 0E0",
        f"TransmitterFrequency: {1e6 * basis.larmor_mhz!r}", f"MagneticField: {field_t:.6g}",
        f"TypeOfNucleus: {nucleus}", "NameOfPatient: ", "DateOfExperiment: ", "Spectrometer: ",
        f"AdditionalInfo: neurochem {json.dumps(stated_fields(basis))}", f"SignalNames: {';'.join(basis.names)}",
        "", "", "Signal and FFT", "sig(real)\tsig(imag)\tfft(real)\tfft(imag)",
    ]  # fmt: skip
    for index, fid in enumerate(fids):
        lines.append(f"Signal {index + 1} out of {len(basis)} in file")
        pairs = zip(fid.tolist(), np.fft.fft(fid).tolist(), strict=True)
        lines += [f"{a.real!r}\t{a.imag!r}\t{b.real:.8E}\t{b.imag:.8E}" for a, b in pairs]
        lines.append("")
    return write_text(path, "\n".join(lines) + "\n")


FORMATS.add(
    BasisFormat(recognises, read, write, (".txt", ".mrui"), "every bit of the FIDs; dwell time and frequency to 1e-15"),
    name="jmrui",
    aliases=("mrui", "jmrui-text"),
    reference="jMRUI text files as spec2nii reads them",
)
