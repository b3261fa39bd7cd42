"""One door for every file of a scan."""

from pathlib import Path

from neurochem.errors import InputError, MissingFileError
from neurochem.mrs.lcmodel import read_raw
from neurochem.mrs.nifti import read_nifti_mrs
from neurochem.mrs.spectra import Acquisition
from neurochem.mrs.vendors import read_vendor


def read(path: str | Path, *, part: str | None = None) -> Acquisition:
    """Read the FIDs of one scan.

    Parameters
    ----------
    path : str or Path
        NIfTI-MRS (`.nii`, `.nii.gz`), Philips SDAT/SPAR (either file of the pair), Siemens TWIX `.dat`, RDA and DICOM,
        GE P-file `.7`, UIH and Philips DICOM.  An LCModel `.RAW` has no header: use `read_raw`.
    part : str, optional
        Which data set of a vendor file that holds several, for example the water reference of a P-file.

    Returns
    -------
    Acquisition
        Always, also where the file holds one FID; `preprocess` and `fit` take it.

    Raises
    ------
    MissingFileError
        If the file, or the SPAR of an SDAT, does not exist.
    FileFormatError
        If the file is truncated, is not spectroscopy data, or lacks a field that is needed.

    See Also
    --------
    preprocess : combine coils and averages.
    """
    file = Path(path)
    if not file.is_file():
        msg = f"{file}: no such file; give the file of an MRS scan (NIfTI-MRS, SDAT, TWIX, P-file, RDA or DICOM)."
        raise MissingFileError(msg)
    name = file.name.casefold()
    if name.endswith((".nii", ".nii.gz")):
        return read_nifti_mrs(file)
    if name.endswith((".raw", ".h2o")):
        msg = (
            f"{file}: an LCModel file has no dwell time and no frequency; "
            "use neurochem.mrs.read_raw(path, dwell_s=..., larmor_mhz=...)."
        )
        raise InputError(msg)
    return read_vendor(file, part)


__all__ = ["read", "read_raw"]
