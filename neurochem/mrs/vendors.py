"""Vendor formats, through the functions of spec2nii (not its command line)."""

import contextlib
import io
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurochem.errors import FileFormatError, InputError, MissingFileError
from neurochem.mrs.nifti import from_nifti_mrs
from neurochem.mrs.spectra import Acquisition

# What a converter gives: NIfTI-MRS objects, and one name for each.
Converted = tuple[Sequence[Any], Sequence[str]]
_REFERENCE_WORDS = ("ref", "h2o", "water", "noise")


def read_vendor(path: Path, part: str | None = None) -> Acquisition:
    """Read a vendor file by its extension.

    Parameters
    ----------
    path : Path
        SDAT or SPAR, `.dat` (TWIX), `.7` (GE P-file), `.rda`, DICOM (`.dcm`, `.ima`, none).
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
    convert = _CONVERTERS.get(path.suffix.casefold(), _dicom)
    # converters print; a library is quiet
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            images, names = convert(path)
        except InputError:
            raise
        except Exception as error:
            # each converter raises what it likes for a damaged file; the user needs the file's name and a remedy
            said = " ".join(str(error).split())
            msg = (
                f"{path}: spec2nii cannot read it as {_KINDS.get(path.suffix.casefold(), 'DICOM')} "
                f"({type(error).__name__}: {said}). Check that the file is complete and is spectroscopy data."
            )
            # converters leave files open; letting go of their frames here closes them in silence
            traceback.clear_frames(error.__traceback__)
            raise FileFormatError(msg) from error
    return _choose(path, list(images), list(names), part)


def _choose(path: Path, images: list[Any], names: list[str], part: str | None) -> Acquisition:
    if not images:
        msg = f"{path}: holds no spectroscopy data. Give a file of an MRS scan."
        raise FileFormatError(msg)
    index = 0
    if part is not None:
        matches = [place for place, name in enumerate(names) if part.casefold() in name.casefold()]
        if not matches:
            msg = f"{path}: no part '{part}'; it holds {', '.join(names)}. Give one of these."
            raise InputError(msg)
        index = matches[0]
    elif len(images) > 1:
        stem = path.stem.casefold()
        extras = [name.casefold().replace(stem, "") for name in names]
        main = [place for place, extra in enumerate(extras) if not any(word in extra for word in _REFERENCE_WORDS)]
        index = main[0] if main else 0
    acquisition = from_nifti_mrs(images[index], path)
    header = {**acquisition.header, "parts": tuple(names)}
    return acquisition.with_data(acquisition.data, acquisition.dims, header=header)


def _sdat(path: Path) -> Converted:
    from spec2nii.Philips.philips import read_sdat_spar_pair, read_spar

    data, spar = (_partner(path, suffix) for suffix in (".sdat", ".spar"))
    parameters = read_spar(spar)
    missing = [key for key in ("samples", "rows", "synthesizer_frequency", "sample_frequency") if key not in parameters]
    if missing:
        msg = f"{spar}: field '{missing[0]}' is missing; give the SPAR file that the scanner wrote with {data.name}."
        raise FileFormatError(msg)
    expected, found = 8 * int(parameters["samples"]) * int(parameters["rows"]), data.stat().st_size
    if expected != found:
        msg = (
            f"{data}: {found} bytes, but samples {parameters['samples']} x rows {parameters['rows']} in {spar.name} need "
            f"{expected}; the file is truncated or belongs to another SPAR. Copy the pair again."
        )
        raise FileFormatError(msg)
    return read_sdat_spar_pair(data, spar, tags=[None, None, None])


def _partner(path: Path, suffix: str) -> Path:
    """Return the file of a SDAT/SPAR pair with that suffix, in whichever case it is written."""
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    msg = (
        f"{path.with_suffix(suffix)}: no such file; a Philips SDAT file is read with the SPAR file of the same name "
        f"beside it. Copy it to {path.parent}."
    )
    raise MissingFileError(msg)


def _twix(path: Path) -> Converted:
    from mapvbvd import mapVBVD  # type: ignore[import-untyped] # ships no types
    from spec2nii.Siemens.twixfunctions import process_twix

    twix = mapVBVD(path, quiet=True)
    # a multi-raid file starts with adjustment scans; the measurement is last
    twix = twix[-1] if isinstance(twix, list) else twix
    overrides = {"dims": (None, None, None), "tags": (None, None, None)}
    return process_twix(twix, None, path.name, "image", overrides, quiet=True, verbose=False)


def _pfile(path: Path) -> Converted:
    from spec2nii.GE.ge_pfile import read_pfile

    return read_pfile(path, None)


def _rda(path: Path) -> Converted:
    from spec2nii.Siemens.rda import convert_rda

    return convert_rda(path, None, False)


def _dicom(path: Path) -> Converted:
    import pydicom

    try:
        maker = str(pydicom.dcmread(path, stop_before_pixels=True).Manufacturer).casefold()
    except (pydicom.errors.InvalidDicomError, AttributeError) as error:
        known = ", ".join([".nii", ".nii.gz", ".raw", ".h2o", *sorted(_CONVERTERS), "DICOM"])
        msg = f"{path}: not a format of MR spectroscopy that is known here; allowed: {known}. Convert it with spec2nii."
        raise FileFormatError(msg) from error
    if "siemens" in maker:
        from spec2nii.Siemens.dicomfunctions import multi_file_dicom
    elif "uih" in maker or "united imaging" in maker:
        from spec2nii.uih import multi_file_dicom
    elif "philips" in maker:
        from spec2nii.Philips.philips_dcm import multi_file_dicom
    else:
        msg = (
            f"{path}: DICOM of manufacturer '{maker}'; allowed are Siemens, Philips and UIH. Convert it with spec2nii."
        )
        raise FileFormatError(msg)
    return multi_file_dicom([path], None, None, False)


_CONVERTERS: dict[str, Callable[[Path], Converted]] = {
    ".sdat": _sdat, ".spar": _sdat, ".dat": _twix, ".7": _pfile, ".rda": _rda, ".dcm": _dicom, ".ima": _dicom,
}  # fmt: skip
_KINDS = {
    ".sdat": "Philips SDAT/SPAR", ".spar": "Philips SDAT/SPAR", ".dat": "Siemens TWIX", ".7": "GE P-file",
    ".rda": "Siemens RDA", ".dcm": "DICOM", ".ima": "Siemens DICOM",
}  # fmt: skip
