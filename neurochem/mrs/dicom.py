"""Spectroscopy in DICOM files through the functions of spec2nii, with what these overlook."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurochem.errors import FileFormatError
from neurochem.mrs.converted import Converted, count_transients

# Where the numbers of Siemens' own storage and of the standard one are.
_OWN_DATA, _STANDARD_DATA = (0x7FE1, 0x1010), (0x5600, 0x0020)
_BYTES_A_POINT = 8
_UNDEFINED_LENGTH = 0xFFFFFFFF
_KNOWN = (
    ".nii, .nii.gz, .raw, .h2o, .sdat, .spar, .data, .list, .dat, .7, .rda, .mrui, .txt of jMRUI, DICOM (.dcm, .ima), folders "
    "of Bruker and Varian"
)


def dicom(paths: Sequence[Path], part: str | None) -> Converted:
    """Siemens, Philips or UIH DICOM, one file or all files of one series."""
    scans = [_header(path) for path in paths]
    maker = str(scans[0].Manufacturer).casefold()
    transients = len(paths) > 1
    averages = None
    if "siemens" in maker:
        from spec2nii.Siemens.dicomfunctions import multi_file_dicom

        found = [_siemens_fields(scan) for scan in scans]
        for path, scan, fields in zip(paths, scans, found, strict=True):
            _complete(path, scan, fields)
        averages = found[0].get("NumberOfAverages")
    elif "uih" in maker or "united imaging" in maker:
        from spec2nii.uih import multi_file_dicom
    elif "philips" in maker:
        from spec2nii.Philips.philips_dcm import multi_file_dicom

        # spec2nii names no dimension where one file holds several frames
        transients = transients or int(scans[0].get("NumberOfFrames") or 1) > 1
    else:
        msg = f"{paths[0]}: DICOM of manufacturer '{maker}'; allowed are Siemens, Philips and UIH. Convert it with spec2nii."
        raise FileFormatError(msg)
    images, names = multi_file_dicom(list(paths), None, "DIM_DYN" if transients else None, False)
    if len(paths) == 1:
        for image in images:
            count_transients(image, averages, "averages of the DICOM file")
    return images, names


def _header(path: Path) -> Any:
    """Return the content of a file; readers of DICOM let a last element that is cut off pass."""
    import pydicom

    try:
        scan = pydicom.dcmread(path)
        _ = scan.Manufacturer
    except (pydicom.errors.InvalidDicomError, AttributeError) as error:
        msg = (
            f"{path}: not a format of MR spectroscopy that is known here; allowed: {_KNOWN}. Convert it with spec2nii."
        )
        raise FileFormatError(msg) from error
    last = scan.get_item(max(scan.keys()))
    stated = getattr(last, "length", _UNDEFINED_LENGTH)
    if stated != _UNDEFINED_LENGTH and last is not None and len(last.value or b"") < stated:
        msg = f"{path}: its last element has {len(last.value or b'')} bytes of {stated}; the file is truncated. Copy it again."
        raise FileFormatError(msg)
    return scan


def _siemens_fields(scan: Any) -> dict[str, float]:
    """Return the sizes and averages that a Siemens file states, from its private header or the standard one."""
    from nibabel.nicom.csareader import get_csa_header

    names = ("Rows", "Columns", "NumberOfFrames", "DataPointColumns", "NumberOfAverages")
    private = get_csa_header(scan)
    if private is not None:
        items = {name: private["tags"].get(name, {}).get("items") or [None] for name in names}
        return {name: float(values[0]) for name, values in items.items() if values[0] is not None}
    fields = {name: scan.get(name) for name in names[:4]}
    shared = scan.get("SharedFunctionalGroupsSequence")
    averages = shared[0].get("MRAveragesSequence") if shared else None
    if averages:
        fields["NumberOfAverages"] = averages[0].get("NumberOfAverages")
    return {name: float(value) for name, value in fields.items() if value is not None}


def _complete(path: Path, scan: Any, fields: dict[str, float]) -> None:
    """Refuse a file with fewer points than it states."""
    place = _OWN_DATA if _OWN_DATA in scan else _STANDARD_DATA
    if place not in scan:
        msg = f"{path}: a Siemens DICOM file without spectroscopy data. Give a file of an MRS scan."
        raise FileFormatError(msg)
    sizes = [fields.get(name) for name in ("DataPointColumns", "Rows", "Columns", "NumberOfFrames")]
    if any(size is None for size in sizes):
        return
    expected = _BYTES_A_POINT * math.prod(int(size or 0) for size in sizes)
    # DICOM elements have even lengths
    if len(scan[place].value) < expected:
        msg = (
            f"{path}: {len(scan[place].value)} bytes of data, but its header states {expected}; the file is damaged. "
            "Copy it again."
        )
        raise FileFormatError(msg)
