"""One door for vendor files: which converter, which of the data sets that it gives, and errors that name the file."""

import contextlib
import io
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.converters import BY_NAME, CONVERTERS, Convert, bruker, dicom, files_of, twix, varian
from neurochem.mrs.nifti import from_nifti_mrs
from neurochem.mrs.spectra import Acquisition

# A difference comes after the edit conditions that it was made of.
_REFERENCE_WORDS = ("ref", "h2o", "water", "noise", "noi", "std_1", "unsup", "diff")
_LONGEST_INVERSION_S = 20.0


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
    parts = read_vendor_parts(path, part)
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
        msg = f"{files[0]}: holds no spectroscopy data. Give a file of an MRS scan."
        raise FileFormatError(msg)
    found: dict[str, Acquisition] = {}
    for index, (image, name) in enumerate(zip(images, names, strict=True)):
        label = name if name not in found else f"{name} {index + 1}"
        found[label] = from_nifti_mrs(image, files[0])
    labels = tuple(found)
    return {name: replace(item, header={**_in_seconds(item.header), "parts": labels}) for name, item in found.items()}


def _in_seconds(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header with an inversion time in seconds: spec2nii copies that of Philips and Siemens in milliseconds."""
    inversion = header.get("InversionTime")
    if isinstance(inversion, int | float) and inversion > _LONGEST_INVERSION_S:
        return {**header, "InversionTime": inversion / 1e3}
    return dict(header)


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
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
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
        matches = [place for place, name in enumerate(names) if part.casefold() in name.casefold()]
        if not matches:
            msg = f"{path}: no part '{part}'; it holds {', '.join(names)}. Give one of these."
            raise InputError(msg)
        return matches[0]
    stem = path.stem.casefold()
    extras = [name.casefold().replace(stem, "") for name in names]
    main = [place for place, extra in enumerate(extras) if not any(word in extra for word in _REFERENCE_WORDS)]
    return main[0] if main else 0
