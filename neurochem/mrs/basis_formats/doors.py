"""One door to read a basis set of any format, one to write it."""

from collections.abc import Sequence
from pathlib import Path

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, InputError, MissingFileError
from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats.content import settled
from neurochem.mrs.basis_formats.registry import FORMATS, BasisFormat
from neurochem.registry import Entry

_HEAD_BYTES = 65536


@checked_arguments
def read_basis(
    path: str | Path,
    *,
    macromolecules: Sequence[str] | None = None,
    reference_ppm: float | None = None,
    fmt: str | None = None,
) -> Basis:
    """Read a basis set: LCModel `.BASIS`, FSL-MRS JSON folder, jMRUI text or NIfTI-MRS.

    Parameters
    ----------
    path : str or Path
        A file, or a folder of JSON or jMRUI text files with one element each.
    macromolecules : sequence of str, optional
        Elements that are broad; by default what the file states, else those whose names begin with MM, Mac or Lip.
    reference_ppm : float, optional
        Chemical shift at zero frequency.  By default what the file states, else 4.65 corrected by what the singlets
        say (NAA 2.008, Cr 3.027, PCr 3.029, PCh 3.208, GPC 3.212, sIns 3.340 ppm): some tools centre a basis on 4.68.
    fmt : str, optional
        "lcmodel", "fsl-mrs", "jmrui" or "nifti-mrs"; by default the content decides, then the extension.

    Returns
    -------
    Basis
        FIDs in the storage convention.  `proton_amplitude` is stated in files of this package and measured on the
        singlets in others, so that concentrations come out right whatever scale a file has.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file does not exist, is of none of these formats, or is damaged.
    UnknownNameError
        If `fmt` is unknown.

    Notes
    -----
    The sign convention is found from the singlets too: a file in which NAA lies at 7.3 ppm is conjugated.  A singlet of
    n protons is fitted with a line on a straight baseline within 0.1 ppm; its amplitude at time zero over n is the
    signal of one proton *in this file*, losses of the simulated pulses included, as in LCModel's own normalisation by
    a singlet.  The fit does not see a halved first point: it is a constant in frequency, which the baseline takes up.
    FIDs of a `.BASIS` file are numpy's inverse FFT of the blocks, times TRAMP / (VOLUME CONC).
    """
    file = Path(path)
    entry = _recognised(file) if fmt is None else FORMATS.entry(fmt)
    content = entry.item.read(file)
    try:
        return settled(content, file, macromolecules=macromolecules, reference_ppm=reference_ppm)
    except FileFormatError:
        raise
    except InputError as error:
        said = str(error)
        msg = said if said.startswith(str(file)) else f"{file}: {said}"
        raise FileFormatError(msg) from error


@checked_arguments
def write_basis(basis: Basis, path: str | Path, *, fmt: str | None = None, step: float = 0.0) -> Path:
    """Write a basis set.

    Parameters
    ----------
    basis : Basis
        What to write.
    path : str or Path
        The file, or the folder for FSL-MRS.
    fmt : str, optional
        "lcmodel" (.BASIS; brought to a reference of 4.65 ppm, 16 digits of the largest frequency, the names alone say
        which elements are broad), "fsl-mrs" (folder of JSON, every bit), "jmrui" (.txt, every bit) or "nifti-mrs"
        (.nii, .nii.gz, every bit); by default the ending of the name decides, and a name without one is a folder.
    step : float
        Round the numbers to multiples of this, so that the last bits of a processor's exponentials do not show; 0
        keeps every digit.

    Returns
    -------
    Path
        What was written; `read_basis` reads it back.

    Raises
    ------
    InputError
        If the ending belongs to no format, or an FSL-MRS folder already holds other elements.
    UnknownNameError
        If `fmt` is unknown.
    """
    file = Path(path)
    entry = _by_suffix(file) if fmt is None else FORMATS.entry(fmt)
    if entry is None:
        endings = ", ".join(suffix for known in FORMATS for suffix in known.item.suffixes if suffix)
        msg = (
            f"{file}: the ending of the name tells no basis format; use {endings} or no ending (FSL-MRS folder), "
            f"or give fmt, one of {', '.join(FORMATS.names())}."
        )
        raise InputError(msg)
    return entry.item.write(basis, file, step)


def _by_suffix(file: Path) -> Entry[BasisFormat] | None:
    name = file.name.casefold()
    for entry in FORMATS:
        if any(suffix and name.endswith(suffix) for suffix in entry.item.suffixes):
            return entry
    plain = [entry for entry in FORMATS if "" in entry.item.suffixes]
    return plain[0] if plain and (not file.suffix or file.is_dir()) else None


def _recognised(file: Path) -> Entry[BasisFormat]:
    if not file.exists():
        msg = f"{file}: no such file; give a basis set (LCModel, FSL-MRS, jMRUI or NIfTI-MRS)."
        raise MissingFileError(msg)
    head = b""
    if file.is_file():
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    for entry in FORMATS:
        if entry.item.recognises(file, head):
            return entry
    named = None if file.is_dir() else _by_suffix(file)
    if named is None:
        what = "the folder holds no JSON and no jMRUI text files" if file.is_dir() else "its content tells no format"
        msg = f"{file}: not a known basis set: {what}. Give one of {', '.join(FORMATS.names())}, or name it by fmt."
        raise FileFormatError(msg)
    return named
