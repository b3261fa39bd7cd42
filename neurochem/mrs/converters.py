"""Vendor formats through the functions of spec2nii (not its command line): one converter a format."""

import math
import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from neurochem.errors import FileFormatError, MissingFileError
from neurochem.mrs.converted import Convert, Converted, count_transients
from neurochem.mrs.dicom import dicom
from neurochem.mrs.siemens import rda, twix

_LARGEST_MHZ = 1e5
_DICOM_ENDINGS = {".dcm", ".ima", ".dicom"}


def sdat(paths: Sequence[Path], part: str | None) -> Converted:
    """Philips SDAT and SPAR, rows as transients."""
    from spec2nii.Philips.philips import read_sdat_spar_pair, read_spar

    path = paths[0]
    data, spar = (
        partner(path, suffix, "a Philips SDAT file is read with the SPAR file") for suffix in (".sdat", ".spar")
    )
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
    images, names = read_sdat_spar_pair(data, spar, tags=[None, None, None])
    averages = parameters.get("averages")
    for image in images:
        count = averages * int(parameters["rows"]) if isinstance(averages, int) else None
        count_transients(image, count, "averages x rows of the SPAR")
    return images, names


def data_list(paths: Sequence[Path], part: str | None) -> Converted:
    """Philips .data, .list and .SPAR: single coils and transients."""
    from spec2nii.Philips.philips_data_list import read_data_list_pair

    needed = "Philips raw data are read with the .list and the .SPAR file"
    data, index, spar = (partner(paths[0], suffix, needed) for suffix in (".data", ".list", ".spar"))
    return read_data_list_pair(data, index, spar)


def partner(path: Path, suffix: str, why: str) -> Path:
    """Return the file of the same name with that suffix, in whichever case it is written.

    Raises
    ------
    MissingFileError
        If there is none.
    """
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    msg = f"{path.with_suffix(suffix)}: no such file; {why} of the same name beside it. Copy it to {path.parent}."
    raise MissingFileError(msg)


def pfile(paths: Sequence[Path], part: str | None) -> Converted:
    """GE P-file."""
    from spec2nii.GE.ge_pfile import read_pfile

    return read_pfile(paths[0], None)


def jmrui(paths: Sequence[Path], part: str | None) -> Converted:
    """jMRUI, text or binary; its frames are transients."""
    from spec2nii.jmrui import jmrui_format

    images, names = jmrui_format(Namespace(file=paths[0], affine=None, fileout=None))
    stated = dict(re.findall(r"^(PointsInDataset|DatasetsInFile):\s*(\d+)", _text(paths[0]), flags=re.MULTILINE))
    for image in images:
        points, frames = image.shape[3], math.prod(image.shape[4:])
        if (points, frames) != (int(stated.get("PointsInDataset", points)), int(stated.get("DatasetsInFile", frames))):
            msg = (
                f"{paths[0]}: {points} points in {frames} data sets, but its header states {stated['PointsInDataset']} in "
                f"{stated['DatasetsInFile']}; the file is truncated. Copy it again."
            )
            raise FileFormatError(msg)
        if image.ndim > 4:
            image.set_dim_tag(4, "DIM_DYN")
        # spec2nii takes the Hz of the binary file for MHz
        frequency = float(image.spectrometer_frequency[0])
        if frequency > _LARGEST_MHZ:
            image.hdr_ext.SpectrometerFrequency = [frequency / 1e6]
    return images, names


def _text(path: Path) -> str:
    """Return the header of a jMRUI text file; nothing of a binary one."""
    return path.read_bytes()[:4096].decode("latin-1") if path.suffix.casefold() == ".txt" else ""


def bruker(paths: Sequence[Path], part: str | None) -> Converted:
    """Bruker: the raw `fid` or `rawdata.job0`, else the reconstructed `2dseq`; `part` names one of the three.

    Points before the echo are cut off.  spec2nii calls the voxel's place of raw data mostly untested: look at the overlay.
    """
    from spec2nii.bruker import read_bruker

    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    modes = {"fid": ("FID", "fid"), "rawdata": ("RAWDATA", "rawdata.job0"), "2dseq": ("2DSEQ", "2dseq")}
    if paths[0].is_file():
        wanted = [key for key, (_, name) in modes.items() if paths[0].name.startswith(name)]
    else:
        wanted = [part] if part in modes else [key for key, (_, name) in modes.items() if any(folder.rglob(name))]
    if not wanted:
        msg = f"{folder}: holds no Bruker fid, rawdata.job0 or 2dseq. Give the folder of one scan."
        raise MissingFileError(msg)
    options = {"query": [], "dump_headers": False, "fileout": None, "zeropad": False, "nospectrum": False}
    return read_bruker(Namespace(file=str(paths[0]), mode=modes[wanted[0]][0], **options))


def varian(paths: Sequence[Path], part: str | None) -> Converted:
    """Varian / Agilent `.fid` folder.

    Its echo time is left out: spec2nii takes a pulse width for it, and the unit of `te` differs among sequences.
    """
    from spec2nii.varian import read_procpar
    from spec2nii.varian_importer import read_varian

    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    for name in ("fid", "procpar"):
        if not (folder / name).is_file():
            msg = f"{folder / name}: no such file; a Varian scan is a folder that holds fid and procpar. Copy both."
            raise MissingFileError(msg)
    known = read_procpar(str(folder / "procpar"))
    missing = [key for key in ("sw", "sfrq", "tn", "rcvrs", "arraydim", "tr", "seqfil") if key not in known]
    if missing:
        msg = f"{folder / 'procpar'}: parameter '{missing[0]}' is missing; spec2nii needs it. Copy the folder again."
        raise FileFormatError(msg)
    images, names = read_varian(Namespace(file=str(folder), fileout=None, tag6="DIM_DYN", dump_headers=False))
    for image in images:
        image.remove_hdr_field("EchoTime")
    return images, names


def files_of(folder: Path) -> tuple[str, Convert, tuple[Path, ...]]:
    """Return format, converter and files of a folder: Bruker, Varian, or the DICOM files of one series.

    Raises
    ------
    FileFormatError
        If it holds nothing that is known.
    """
    if (folder / "procpar").is_file():
        return "Varian", varian, (folder,)
    if (folder / "method").is_file() or (folder / "acqp").is_file() or (folder / "visu_pars").is_file():
        return "Bruker", bruker, (folder,)
    found = sorted(file for file in folder.iterdir() if file.suffix.casefold() in _DICOM_ENDINGS)
    if found:
        return "DICOM", dicom, tuple(found)
    msg = (
        f"{folder}: a folder, but not that of a Bruker scan (method), of a Varian scan (procpar) or of DICOM files "
        "(.dcm, .ima). Give a file of the scan."
    )
    raise FileFormatError(msg)


CONVERTERS: dict[str, tuple[str, Convert]] = {
    ".sdat": ("Philips SDAT/SPAR", sdat), ".spar": ("Philips SDAT/SPAR", sdat),
    ".data": ("Philips data/list", data_list), ".list": ("Philips data/list", data_list),
    ".dat": ("Siemens TWIX", twix), ".7": ("GE P-file", pfile), ".rda": ("Siemens RDA", rda),
    ".dcm": ("DICOM", dicom), ".ima": ("Siemens DICOM", dicom), ".mrui": ("jMRUI", jmrui), ".txt": ("jMRUI text", jmrui),
}  # fmt: skip
# Files without an ending of their own.
BY_NAME: dict[str, tuple[str, Convert]] = {
    "fid": ("Bruker", bruker), "rawdata.job0": ("Bruker", bruker), "2dseq": ("Bruker", bruker),
}  # fmt: skip
