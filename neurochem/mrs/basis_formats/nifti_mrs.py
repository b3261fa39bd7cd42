"""NIfTI-MRS: elements along a tagged dimension, their names in the header of that dimension."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats.content import BasisContent, parse_json, stated_fields
from neurochem.mrs.basis_formats.registry import FORMATS, BasisFormat
from neurochem.mrs.lcmodel import rounded
from neurochem.mrs.nifti import read_nifti_mrs
from neurochem.mrs.spectra import TIME, Acquisition
from neurochem.naming import write_via

_TAG, _NAMES, _OWN = "DIM_USER_0", "BasisElements", "NeurochemBasis"


def recognises(path: Path, head: bytes) -> bool:
    """Say whether the first bytes are those of NIfTI, plain or compressed."""
    plain = head[4:7] == b"n+2" or head[344:347] == b"n+1"
    return plain or (head[:2] == b"\x1f\x8b" and path.name.casefold().endswith(".nii.gz"))


def read(path: Path) -> BasisContent:
    """Return the elements of a file whose header names them."""
    data = read_nifti_mrs(path)
    names = _names(data, path)
    others = [dim for dim in data.dims if dim != TIME]
    if len(others) > 1 or data.data.size // data.shape[-1] != len(names):
        sizes = ", ".join(f"{dim} {size}" for dim, size in zip(data.dims, data.shape, strict=True))
        msg = f"{path}: {len(names)} names of elements for dimensions {sizes}; one FID a name is needed. Correct the header."
        raise FileFormatError(msg)
    own = data.header.get(_OWN)
    text = own.get("Value") if isinstance(own, dict) else None
    stated = parse_json(text, path, _OWN) if isinstance(text, str) else {}
    return BasisContent(
        names,
        data.data.reshape(len(names), -1),
        dwell_s=data.dwell_s,
        larmor_mhz=data.larmor_mhz,
        echo_time_s=data.echo_time_s,
        nucleus=data.nucleus,
        sequence=str(data.header.get("SequenceName", "")),
        stated=stated if isinstance(stated, dict) else {},
    )


def _names(data: Acquisition, path: Path) -> list[str]:
    for number in (5, 6, 7):
        header = data.header.get(f"dim_{number}_header") or {}
        for key, value in header.items():
            if key == _NAMES or str(data.header.get(f"dim_{number}", "")).startswith("DIM_USER"):
                listed = value.get("Value") if isinstance(value, dict) else value
                if isinstance(listed, list) and all(isinstance(name, str) for name in listed):
                    return listed
    msg = (
        f"{path}: the header names no elements (dim_5_header, {_NAMES}); give a basis set, or read a scan with "
        "neurochem.mrs.read."
    )
    raise FileFormatError(msg)


def write(basis: Basis, path: Path, step: float) -> Path:
    """Write complex128 with the elements along DIM_USER_0; equal bases give equal bytes."""
    if not path.name.casefold().endswith((".nii", ".nii.gz")):
        msg = f"{path}: NIfTI-MRS file names end in .nii or .nii.gz. Change the name."
        raise InputError(msg)
    content = _bytes(basis, rounded(basis.fids, step) if step else np.asarray(basis.fids))
    if path.name.casefold().endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)
    return write_via(path, lambda temporary: temporary.write_bytes(content))


def _bytes(basis: Basis, fids: np.ndarray) -> Any:
    import json

    from nifti_mrs.create_nmrs import gen_nifti_mrs_hdr_ext
    from nifti_mrs.hdr_ext import Hdr_Ext

    extension = Hdr_Ext(basis.larmor_mhz, basis.nucleus, dimensions=5)
    named = {_NAMES: {"Value": list(basis.names), "Description": "Name of each element of the basis set"}}
    extension.set_dim_info(0, _TAG, info="elements of a basis set", hdr=named)
    if basis.echo_time_s is not None:
        extension.set_standard_def("EchoTime", basis.echo_time_s)
    if basis.sequence:
        extension.set_standard_def("SequenceName", basis.sequence)
    extension.set_user_def(
        _OWN, json.dumps(stated_fields(basis)), "Scale, reference and broad elements of the basis set"
    )
    values = np.ascontiguousarray(fids.T).reshape(1, 1, 1, basis.points, len(basis))
    return gen_nifti_mrs_hdr_ext(values, basis.dwell_s, extension, no_conj=True).image.nibImage.to_bytes()


FORMATS.add(
    BasisFormat(recognises, read, write, (".nii", ".nii.gz"), "every bit"),
    name="nifti-mrs",
    aliases=("nifti", "nii"),
    reference="Clarke 2022, Magn Reson Med 88:2358 (NIfTI-MRS); names in dim_5_header are this package's choice",
)
