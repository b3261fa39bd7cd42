"""One door for vendor files: which converter, which of the data sets that it gives, and errors that name the file."""

import contextlib
import io
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.converted import Convert
from neurochem.mrs.converters import BY_NAME, CONVERTERS, bruker, files_of, varian
from neurochem.mrs.dicom import dicom
from neurochem.mrs.nifti import from_nifti_mrs
from neurochem.mrs.siemens import twix
from neurochem.mrs.spectra import Acquisition

# A difference comes after the edit conditions that it was made of.
# "quant" and "ecc" are the water scans of GE semi-LASER, "_off" those of CMRR semi-LASER (suppression or gradients off).
_REFERENCE_WORDS = (
    "ref", "h2o", "water", "noise", "noi", "std_1", "unsup", "diff", "quant", "ecc", "rf_off", "ovs_off", "rfoff", "empty_data",
)  # fmt: skip
# A longer time than any in use, for what can only be milliseconds.
_LONGEST_S = {"EchoTime": 5.0, "RepetitionTime": 100.0, "InversionTime": 20.0}


def read_vendor(path: Path | Sequence[Path], part: str | None = None) -> Acquisition:
    """Read a vendor file.

    Parameters
    ----------
    path : Path or sequence of Path
        SDAT or SPAR, `.data` or `.list`, `.dat` (TWIX), `.7` (GE P-file), `.rda`, `.mrui`, `.txt` of jMRUI, DICOM (`.dcm`,
        `.ima`, none) or several DICOM files of one series, a Bruker file or folder, a Varian folder.
    part : str, optional
        Which data set, where the file holds several (metabolites and reference); by default the first that is not a
        reference.  Their names are in `header["parts"]`.

    Returns
    -------
    Acquisition
        The data set.

    Raises
    ------
    FileFormatError
        If the converter cannot read the file, naming what it said.
    """
    _, convert, _ = _format(path)
    # the other kinds of readout of a TWIX file are not converted before they are asked for
    asked = "image" if part is None and convert is twix else part
    parts = read_vendor_parts(path, asked)
    names = list(parts)
    first = Path(path if isinstance(path, str | Path) else next(iter(path)))
    return parts[names[_choose(first, names, part)]]


def read_vendor_parts(path: Path | Sequence[Path], part: str | None = None) -> dict[str, Acquisition]:
    """Return every data set of a vendor file by its name; parameters and errors as for `read_vendor`."""
    kind, convert, files = _format(path)
    # of TWIX and Bruker files one part is converted at a time
    asked = part if convert in {twix, bruker} else None
    images, names = _converted(kind, convert, files, asked)
    if not images:
        msg = f"{files[0]}: holds no spectroscopy data that can be read, or ends early. Give a complete file of an MRS scan."
        raise FileFormatError(msg)
    found: dict[str, Acquisition] = {}
    for index, (image, name) in enumerate(zip(images, names, strict=True)):
        label = name if name not in found else f"{name} {index + 1}"
        found[label] = from_nifti_mrs(_in_seconds(image), files[0])
    labels = tuple(found)
    return {name: replace(item, header={**item.header, "parts": labels}) for name, item in found.items()}


def _in_seconds(image: Any) -> Any:
    """Return the image with times in seconds: spec2nii copies some of Philips and Siemens in milliseconds."""
    for key, longest in _LONGEST_S.items():
        if key in image.hdr_ext:
            value = float(np.atleast_1d(image.hdr_ext[key])[0])
            if value > longest:
                image.add_hdr_field(key, value / 1e3)
    return image


def _format(path: Path | Sequence[Path]) -> tuple[str, Convert, tuple[Path, ...]]:
    """Return the name of the format, its converter and the files."""
    if not isinstance(path, str | Path):
        files = tuple(Path(file) for file in path)
        return "DICOM", dicom, files
    file = Path(path)
    if file.is_dir():
        return files_of(file)
    if file.name == "fid" and (file.parent / "procpar").is_file():
        return "Varian", varian, (file,)
    kind, convert = BY_NAME.get(file.name, CONVERTERS.get(file.suffix.casefold(), ("DICOM", dicom)))
    if file.suffix.casefold() == ".txt" and "jmrui" not in _beginning(file):
        kind, convert = "DICOM", dicom
    return kind, convert, (file,)


def _beginning(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(400).decode("latin-1").casefold()


def _converted(kind: str, convert: Convert, files: tuple[Path, ...], part: str | None) -> tuple[list[Any], list[str]]:
    # converters print; a library is quiet
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            images, names = convert(files, part)
        except InputError:
            raise
        except Exception as error:
            # each converter raises what it likes for a damaged file; the user needs the file's name and a remedy
            said = " ".join(str(error).split())
            msg = (
                f"{files[0]}: spec2nii cannot read it as {kind} ({type(error).__name__}: {said}). "
                "Check that the file is complete and is spectroscopy data."
            )
            # converters leave files open; letting go of their frames here closes them in silence
            traceback.clear_frames(error.__traceback__)
            raise FileFormatError(msg) from error
    return list(images), [str(name) for name in names]


def _choose(path: Path, names: list[str], part: str | None) -> int:
    """Return the place of the part asked for, else of the first that is no reference."""
    if part is not None:
        exact = [place for place, name in enumerate(names) if part.casefold() == name.casefold()]
        matches = exact or [place for place, name in enumerate(names) if part.casefold() in name.casefold()]
        if not matches:
            msg = f"{path}: no part '{part}'; it holds {', '.join(names)}. Give one of these."
            raise InputError(msg)
        return matches[0]
    stem = path.stem.casefold()
    extras = [name.casefold().replace(stem, "") for name in names]
    main = [place for place, extra in enumerate(extras) if not any(word in extra for word in _REFERENCE_WORDS)]
    return main[0] if main else 0
