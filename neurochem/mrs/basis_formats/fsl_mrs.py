"""FSL-MRS: a folder with one JSON file an element."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats.content import BasisContent, parse_json, stated_fields
from neurochem.mrs.basis_formats.registry import FORMATS, BasisFormat
from neurochem.mrs.lcmodel import rounded
from neurochem.naming import write_text

_OWN = "neurochem"


def recognises(path: Path, head: bytes) -> bool:
    """Say whether a folder holds JSON files, or a file is JSON with real parts of a basis."""
    return any(path.glob("*.json")) if path.is_dir() else b'"basis_re"' in head


def read(path: Path) -> BasisContent:
    """Return the elements of a folder, or of one file, in the order stated or that of the file names.

    Notes
    -----
    Fields: basis_re, basis_im, basis_dwell (s), basis_centre (MHz), basis_width (Hz), basis_name.  FSL-MRS works with
    the conjugate of the storage convention and mends a folder that is not (from memory, unchecked); so it is here, by
    the singlets.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found = [_element(file) for file in files]
    if not found:
        msg = f"{path}: no JSON files in the folder; give the folder of an FSL-MRS basis set."
        raise FileFormatError(msg)
    first = found[0]
    for file, other in zip(files, found, strict=True):
        for key in ("basis_dwell", "basis_centre", "points"):
            if not math.isclose(other[key], first[key], rel_tol=1e-9):
                msg = (
                    f"{file}: {key} is {other[key]:g} and {first[key]:g} in {files[0].name}; they must be equal. "
                    "Keep one basis set a folder."
                )
                raise FileFormatError(msg)
    own = {key: value for key, value in first["own"].items() if key not in {"macromolecule", "index"}}
    if all(isinstance(item["own"].get("index"), int) for item in found):
        found.sort(key=lambda item: item["own"]["index"])
    if own:
        own["macromolecules"] = [item["name"] for item in found if item["own"].get("macromolecule")]
    return BasisContent(
        [item["name"] for item in found],
        np.conj(np.array([item["fid"] for item in found])),
        dwell_s=first["basis_dwell"],
        larmor_mhz=first["basis_centre"],
        linewidth_hz=first["width"],
        stated=own,
    )


def _element(file: Path) -> dict[str, Any]:
    """Return the checked fields of one file."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"{file}: not a text file ({error}); give a JSON file of an FSL-MRS basis set."
        raise FileFormatError(msg) from error
    content = parse_json(text, file)
    basis = content.get("basis", content) if isinstance(content, dict) else None
    if not isinstance(basis, dict) or "basis_re" not in basis:
        msg = f"{file}: no field basis.basis_re; give a JSON file of an FSL-MRS basis set, or move this file elsewhere."
        raise FileFormatError(msg)
    parts = [_numbers(basis.get(key), file, key) for key in ("basis_re", "basis_im")]
    if parts[0].shape != parts[1].shape:
        msg = (
            f"{file}: basis_re has {parts[0].size} numbers and basis_im {parts[1].size}; they must be as many. "
            "Copy the file again."
        )
        raise FileFormatError(msg)
    own = content.get(_OWN, {})
    if not isinstance(own, dict):
        msg = f"{file}: field {_OWN} is {own!r}; it must be a table. Correct or remove it."
        raise FileFormatError(msg)
    return {
        "name": str(basis.get("basis_name", file.stem)),
        "fid": parts[0] + 1j * parts[1],
        "points": parts[0].size,
        "basis_dwell": _positive(basis.get("basis_dwell"), file, "basis_dwell", "seconds"),
        "basis_centre": _positive(basis.get("basis_centre"), file, "basis_centre", "MHz"),
        "width": float(basis["basis_width"]) if isinstance(basis.get("basis_width"), int | float) else None,
        "own": own,
    }


def _numbers(value: object, file: Path, key: str) -> np.ndarray:
    try:
        values = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        msg = f"{file}: {key} is not a list of finite numbers; the file may be damaged. Copy it again."
        raise FileFormatError(msg)
    return values


def _positive(value: object, file: Path, key: str, unit: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        msg = f"{file}: {key} is {value!r}; it must be a positive number in {unit}. Correct the file."
        raise FileFormatError(msg)
    return float(value)


def write(basis: Basis, path: Path, step: float) -> Path:
    """Write a folder, conjugated as FSL-MRS works; what its format has no place for stands under "neurochem"."""
    files = {name: re.sub(r"[^\w+.-]", "_", name) + ".json" for name in basis.names}
    if len({file.casefold() for file in files.values()}) < len(files):
        msg = f"{path}: two elements would share a file ({', '.join(files.values())}); rename one of them."
        raise InputError(msg)
    if path.is_dir():
        others = sorted(file.name for file in path.glob("*.json") if file.name not in files.values())
        if others:
            msg = f"{path}: the folder holds other elements ({', '.join(others[:5])}); give an empty or a new folder."
            raise InputError(msg)
    own = stated_fields(basis)
    del own["macromolecules"]
    fids = np.conj(rounded(basis.fids, step) if step else basis.fids)
    for index, (name, fid) in enumerate(zip(basis.names, fids, strict=True)):
        content = {
            "basis": {
                "basis_re": fid.real.tolist(), "basis_im": fid.imag.tolist(), "basis_dwell": basis.dwell_s,
                "basis_centre": basis.larmor_mhz, "basis_width": basis.linewidth_hz or 0.0, "basis_name": name,
            },
            _OWN: own | {"macromolecule": name in basis.macromolecules, "index": index},
        }  # fmt: skip
        write_text(path / files[name], json.dumps(content))
    return path


FORMATS.add(
    BasisFormat(recognises, read, write, ("",), "every bit"),
    name="fsl-mrs",
    aliases=("fsl", "fsl_mrs", "json"),
    reference="FSL-MRS documentation, basis spectra (from memory, unchecked)",
)
