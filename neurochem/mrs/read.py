"""One door for every file of a scan."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, MissingFileError
from neurochem.mrs.bids_sidecar import with_sidecar
from neurochem.mrs.lcmodel import read_raw
from neurochem.mrs.nifti import read_nifti_mrs
from neurochem.mrs.spectra import COIL, DYNAMIC, Acquisition
from neurochem.mrs.supplied import quantification_gaps, require_quantifiable, supplied
from neurochem.mrs.vendors import read_vendor, read_vendor_parts

_LCMODEL = (".raw", ".h2o")
_DICOM = (".dcm", ".ima")


@checked_arguments
def read(  # noqa: PLR0913 - keywords of one file
    path: str | Path | Sequence[str | Path],
    *,
    part: str | None = None,
    dwell_s: float | None = None,
    larmor_mhz: float | None = None,
    echo_time_s: float | None = None,
    repetition_time_s: float | None = None,
    nucleus: str | None = None,
    averages: int | None = None,
    scale: float | None = None,
    sidecar: bool = True,
    stack: str = DYNAMIC,
) -> Acquisition:
    """Read the FIDs of one scan.

    Parameters
    ----------
    path : str, Path, or sequence of them
        NIfTI-MRS (`.nii`, `.nii.gz`, with the BIDS sidecar beside it), Philips SDAT/SPAR or data/list (any file of the set),
        Siemens TWIX `.dat`, RDA and DICOM, GE P-file `.7`, UIH and Philips DICOM, Bruker (folder, `fid`, `rawdata.job0`,
        `2dseq`), Varian (folder), jMRUI (`.mrui`, `.txt`), LCModel `.RAW`/`.H2O` (with `dwell_s` and `larmor_mhz`).  A folder
        of DICOM files, or several files, are one scan.
    part : str, optional
        Which data set of a vendor file that holds several, for example the water reference of a P-file ("ref"), "refscan" or
        "noise" of a TWIX file, or the water inside a TWIX file ("image_ref", "rf_off"); `read_parts` returns all.
    dwell_s, larmor_mhz, echo_time_s, repetition_time_s, nucleus : optional
        Supply what the file lacks, or correct what it says: seconds, MHz.
    averages : int, optional
        Transients that each stored FID is the mean of.
    scale : float, optional
        Factor on the data: 1 / averages for files that hold sums, or the ratio of receiver gains.
    sidecar : bool
        Read the JSON file beside a NIfTI-MRS file.
    stack : str
        Dimension along which several files are put together: "DIM_DYN", "DIM_EDIT" or "DIM_COIL".

    Returns
    -------
    Acquisition
        Always, also where the file holds one FID; `preprocess` and `fit` take it.  Coils, averages and edit conditions are
        dimensions of their own.

    Raises
    ------
    MissingFileError
        If the file, or one that belongs to it, does not exist.
    FileFormatError
        If the file is truncated, is not spectroscopy data, lacks a field that is needed, or contradicts its sidecar.
    InputError
        If a value supplied cannot mean anything, or several files do not belong together.

    See Also
    --------
    preprocess : combine coils and averages.
    quantification_gaps : what is missing for concentrations.
    """
    fields: dict[str, Any] = {
        "dwell_s": dwell_s, "larmor_mhz": larmor_mhz, "echo_time_s": echo_time_s, "repetition_time_s": repetition_time_s,
        "nucleus": nucleus,
    }  # fmt: skip
    if isinstance(path, str | Path):
        data = _read_one(_existing(path), part, fields, sidecar)
    else:
        data = _read_several([_existing(file) for file in path], part, fields, sidecar, stack)
    return supplied(data, averages=averages, scale=scale, **fields)


@checked_arguments
def read_parts(path: str | Path) -> dict[str, Acquisition]:
    """Return every data set of a file by its name: metabolites, water references, noise.

    Parameters
    ----------
    path : str or Path
        As for `read`; a file with one data set gives a dictionary of one.
    """
    file = _existing(path)
    if file.name.casefold().endswith((".nii", ".nii.gz", *_LCMODEL)):
        return {file.name.split(".", 1)[0]: read(file)}
    return read_vendor_parts(file)


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if not file.exists():
        msg = f"{file}: no such file; give the file of an MRS scan (NIfTI-MRS, SDAT, TWIX, P-file, RDA or DICOM)."
        raise MissingFileError(msg)
    return file


def _read_one(file: Path, part: str | None, fields: dict[str, Any], sidecar: bool) -> Acquisition:
    name = file.name.casefold()
    if file.is_file() and name.endswith((".nii", ".nii.gz")):
        data = read_nifti_mrs(file)
        return with_sidecar(data, file) if sidecar else data
    if file.is_file() and name.endswith(_LCMODEL):
        if fields["dwell_s"] is None or fields["larmor_mhz"] is None:
            msg = (
                f"{file}: an LCModel file has no dwell time and no frequency; give read(path, dwell_s=..., larmor_mhz=...) or "
                "use neurochem.mrs.read_raw(path, dwell_s=..., larmor_mhz=...)."
            )
            raise InputError(msg)
        return read_raw(file, dwell_s=fields["dwell_s"], larmor_mhz=fields["larmor_mhz"])
    return read_vendor(file, part)


def _read_several(
    files: Sequence[Path], part: str | None, fields: dict[str, Any], sidecar: bool, stack: str
) -> Acquisition:
    """Return several files as one acquisition: a DICOM series by its converter, others stacked."""
    if not files:
        msg = "no file is given; give at least one file of the scan."
        raise InputError(msg)
    if all(file.suffix.casefold() in _DICOM for file in files):
        return read_vendor(files, part)
    return stacked([_read_one(file, part, fields, sidecar) for file in files], stack)


@checked_arguments
def stacked(scans: Sequence[Acquisition], dim: str = DYNAMIC) -> Acquisition:
    """Return scans as one acquisition, put together along a dimension.

    Parameters
    ----------
    scans : sequence of Acquisition
        Of equal sampling; a scan that has the dimension already contributes all of it.
    dim : str
        "DIM_DYN", "DIM_EDIT" or "DIM_COIL" or another tag.

    Raises
    ------
    InputError
        If frequency, dwell time, TE, TR or the other dimensions differ.
    """
    first = scans[0]
    for other in scans[1:]:
        for name in ("dwell_s", "larmor_mhz", "echo_time_s", "repetition_time_s", "nucleus"):
            # the frequency is set anew for every scan, and changes by some Hz
            one, two = getattr(first, name), getattr(other, name)
            same = abs(one / two - 1.0) < 1e-5 if name == "larmor_mhz" else one == two
            if not same:
                msg = f"{other.source}: {name} is {two}, that of {first.source} is {one}; files of one scan agree. Check them."
                raise InputError(msg)
    parts = [_with_dimension(scan, dim) for scan in scans]
    dims = parts[0].dims
    axis = dims.index(dim)
    shapes = {part.shape[:axis] + part.shape[axis + 1 :] for part in parts}
    if len(shapes) != 1 or any(part.dims != dims for part in parts):
        listed = "; ".join(f"{part.name} {part.dims} {part.shape}" for part in parts)
        msg = f"files cannot be put together along {dim}: {listed}. Give files of one scan."
        raise InputError(msg)
    header = {**first.header, "Files": tuple(Path(scan.source).name for scan in scans)}
    return replace(first, data=np.concatenate([part.data for part in parts], axis=axis), dims=dims, header=header)


def _with_dimension(scan: Acquisition, dim: str) -> Acquisition:
    if dim in scan.dims:
        return scan
    # coils first, as everywhere
    place = 1 if COIL in scan.dims and scan.dims[0] == COIL else 0
    dims = (*scan.dims[:place], dim, *scan.dims[place:])
    return scan.with_data(np.expand_dims(scan.data, place), dims)


__all__ = ["quantification_gaps", "read", "read_parts", "read_raw", "require_quantifiable", "stacked", "supplied"]
