"""Siemens raw data (TWIX) and RDA files through the functions of spec2nii, with what these overlook."""

import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.converted import Converted, count_transients

# Of the person, sex 3 is "other".
_ANONYMISED = {
    "PatientSex": 3.0, "PatientBirthDay": "", "tPatientName": "", "PatientPosition": "", "tPatientPosition": "",
    "flUsedPatientWeight": "",
}  # fmt: skip
_SITE = ("Manufacturer", "ManufacturersModelName", "DeviceSerialNumber", "InstitutionName", "InstitutionAddress")


def twix(paths: Sequence[Path], part: str | None) -> Converted:
    """Siemens TWIX: the kinds of its readouts ("image", "refscan", "noise", ...), and what spec2nii splits off from one.

    `part` names a kind, or a data set of the images ("image_ref"); without one every kind is converted.
    """
    from mapvbvd import mapVBVD  # type: ignore[import-untyped] # ships no types
    from spec2nii.Siemens.twixfunctions import process_twix

    path = paths[0]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = mapVBVD(path, quiet=True)
    _complete(path, [str(item.message) for item in said])
    # a multi-raid file starts with adjustment scans; the measurement is last
    found = found[-1] if isinstance(found, list) else found
    kinds = list(found.MDH_flags())
    if not kinds:
        msg = f"{path}: a TWIX file without readouts; the measurement was not saved. Export it again."
        raise FileFormatError(msg)
    wanted = kinds if part is None else [part if part in kinds or "image" not in kinds else "image"]
    if not set(wanted) <= set(kinds):
        msg = f"{path}: no part '{part}'; it holds {', '.join(kinds)}. Give one of these as part=..."
        raise InputError(msg)
    _fill(found.hdr)
    images, names = [], []
    for kind in wanted:
        overrides = {"dims": (None, None, None), "tags": (None, None, None)}
        made, labels = process_twix(found, "", f"{kind}.dat", kind, overrides, quiet=True, verbose=False)
        before = _before_echo(found[kind])
        images += [_before_echo_noted(_echo_times_added(image, found.hdr), before) for image in made]
        names += labels
    if part is not None and not any(part.casefold() in name.casefold() for name in names):
        msg = f"{path}: no part '{part}'; it holds {', '.join(dict.fromkeys([*names, *kinds]))}. Give one of these as part=..."
        raise InputError(msg)
    return images, names


def _complete(path: Path, said: Sequence[str]) -> None:
    """Refuse a file that ends early: what is left would be short of transients, or filled up with zeros, in silence."""
    stopped = [text for text in said if "read error" in text or "Read only" in text or "Empty buffer" in text]
    if stopped:
        msg = (
            f"{path}: the TWIX file ends before its measurement does ({' '.join(stopped[0].split())}). "
            "Copy it from the scanner again; a scan that was stopped early has to be exported as DICOM."
        )
        raise FileFormatError(msg)


def _fill(header: Any) -> None:
    """Fill in what spec2nii must have and an anonymised file lacks; an echo time of 0 is one that is not known."""
    for key, value in _ANONYMISED.items():
        header["Meas"].setdefault(key, value)
    for key in _SITE:
        header["Dicom"].setdefault(key, "")
    header["Phoenix"].setdefault(("alTE", "0"), 0.0)


def _echo_times_added(image: Any, header: Any) -> Any:
    """Return the image with the echo time of a semi-LASER scan: the sum of its parts, of which spec2nii takes the first."""
    name = str(header["Meas"].get("tSequenceFileName", "")).casefold()
    parts: list[float] = []
    while ("alTE", str(len(parts))) in header["Phoenix"]:
        parts.append(float(header["Phoenix"][("alTE", str(len(parts)))]))
    if "slaser" in name and len(parts) > 1 and parts[0] > 0.0:
        image.add_hdr_field("EchoTime", 1e-6 * sum(parts))
    return image


def _before_echo(readouts: Any) -> list[int]:
    """Return the numbers that may be that of the points before the echo: each sequence keeps it in a place of its own.

    Product sequences: first free parameter; work in progress: cut-off; CMRR: fifth parameter of the reconstruction (as the
    reader of FID-A has it).  Whether one is right is for the data to say.
    """
    places = ((readouts.freeParam, 0), (readouts.cutOff, 0), (readouts.iceParam, 4))
    found: list[int] = []
    for values, column in places:
        table = np.atleast_2d(np.asarray(values, dtype=float))
        same = set(table[:, column].tolist()) if column < table.shape[1] else set()
        found += [int(value) for value in same if len(same) == 1 and value > 0 and int(value) not in found]
    return found


def _before_echo_noted(image: Any, counts: list[int]) -> Any:
    if counts:
        image.add_hdr_field(
            "PointsBeforeEcho", counts, doc="points before the top of the echo: candidates of the header"
        )
    return image


def rda(paths: Sequence[Path], part: str | None) -> Converted:
    """Siemens RDA."""
    from spec2nii.Siemens.rda import convert_rda

    path = paths[0]
    # parameters end where the numbers begin, and are plain text
    head, _, numbers = path.read_bytes().partition(b">>> End of header <<<")
    known = dict(re.findall(r"^([^:\r\n]+): ?([^\r\n]*)", head.decode("latin-1"), flags=re.MULTILINE))
    wanted = [known.get(key) for key in ("VectorSize", "CSIMatrixSize[0]", "CSIMatrixSize[1]", "CSIMatrixSize[2]")]
    if None not in wanted:
        # two double precision numbers a point, after the end of a line
        expected, found = 16 * math.prod(int(str(value)) for value in wanted), len(numbers) - len(b"\r\n")
        if expected != found:
            msg = (
                f"{path}: {found} bytes of data, but VectorSize and CSIMatrixSize need {expected}; the file is truncated. "
                "Copy it again."
            )
            raise FileFormatError(msg)
    images, names = convert_rda(path, None, False)
    for image in images:
        count_transients(image, known.get("NumberOfAverages"), "NumberOfAverages of the RDA file")
    return images, names
