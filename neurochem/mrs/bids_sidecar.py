"""Sidecars of BIDS `mrs/` files: what they add to the NIfTI-MRS header, and where they contradict it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError
from neurochem.mrs.spectra import Acquisition
from neurochem.reading import inherited_fields, read_json_object

# Field of the sidecar and of the acquisition, and how far the two may differ.
_TIMES = {"EchoTime": "echo_time_s", "RepetitionTime": "repetition_time_s"}
_AGREE = 0.01
_KNOWN_ONLY_THERE = ("SpectrometerFrequency", "ResonantNucleus", "SpectralWidth", "dim_5", "dim_6", "dim_7")


def sidecar_of(path: Path) -> Path:
    """Return where the sidecar of a NIfTI file would be."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def with_sidecar(data: Acquisition, path: Path) -> Acquisition:
    """Return the acquisition with what its sidecar adds; as it is where there is none.

    Parameters
    ----------
    data : Acquisition
        From the NIfTI-MRS file.
    path : Path
        That file; `x_svs.json` beside `x_svs.nii.gz` is read, and what it inherits from sidecars higher up in its dataset.

    Raises
    ------
    FileFormatError
        If the sidecar is no JSON object, a time in it is not in seconds, or it contradicts the header of the file.

    Notes
    -----
    The header of the NIfTI-MRS file holds what is needed to read it; a sidecar adds times and descriptions.  Where both
    state a time, frequency or width they must agree within 1 %: one of them would give wrong concentrations in silence.
    """
    file = sidecar_of(path)
    content = inherited_fields(path) | (read_json_object(file) if file.is_file() else {})
    if not content:
        return data
    stated = {
        "SpectrometerFrequency": data.larmor_mhz, "SpectralWidth": 1.0 / data.dwell_s, "EchoTime": data.echo_time_s,
        "RepetitionTime": data.repetition_time_s,
    }  # fmt: skip
    for key, value in stated.items():
        if key in content and value is not None:
            _check_agreement(file, key, _number(file, key, content[key]), value)
    added = {
        field: _seconds(file, key, content[key])
        for key, field in _TIMES.items()
        if key in content and getattr(data, field) is None
    }
    extra = {key: value for key, value in content.items() if key not in data.header and key not in _KNOWN_ONLY_THERE}
    header = {**data.header, **extra, "Sidecar": file.name}
    return replace(data, header=header, **added)  # type: ignore[arg-type] # times by the name of their field


def _number(file: Path, key: str, value: Any) -> float:
    try:
        return float(np.atleast_1d(value)[0])
    except (TypeError, ValueError, IndexError) as error:
        msg = f"{file}: {key} is {value!r}; a number is needed. Correct the sidecar."
        raise FileFormatError(msg) from error


def _seconds(file: Path, key: str, value: Any) -> float:
    number = _number(file, key, value)
    limit = 5.0 if key == "EchoTime" else 100.0
    if not 0 < number <= limit:
        msg = f"{file}: {key} is {number:g}; it must be seconds, above 0 and at most {limit:g}. Correct the sidecar."
        raise FileFormatError(msg)
    return number


def _check_agreement(file: Path, key: str, here: float, there: float) -> None:
    if abs(here - there) > _AGREE * abs(there):
        msg = (
            f"{file}: {key} is {here:g}, but the header of the NIfTI-MRS file says {there:g}; they must agree. "
            "Correct the wrong one, or read without the sidecar (sidecar=False)."
        )
        raise FileFormatError(msg)
