"""File names, column names and the safe writing of files.

The draft names of BIDS PET derivatives (BEP023, not merged) live here and nowhere else.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from neurochem.errors import InputError

# Columns of the one long table that leads from scans to outcome.
MARKER_COLUMNS = (
    "participant_id", "session_id", "marker", "region", "value", "se", "unit", "model", "se_source", "qc", "qc_reason",
)  # fmt: skip
MARKERS_FILE = "markers.tsv"
QC_VALUES = ("ok", "flagged", "failed", "not_acquired", "withdrawn")
MISSING = "n/a"

# Draft BEP023 suffixes and entities: a change of the draft changes these lines alone.
TACS_SUFFIX = "tacs"
KINETIC_PARAMETERS_SUFFIX = "kinpar"
PARAMETRIC_MAP_SUFFIX = "mimap"
BLOOD_SUFFIX = "blood"
MODEL_ENTITY = "model"
PARTIAL_VOLUME_ENTITY = "pvc"
# What the BIDS validator does not know yet, in the form of .bidsignore.
BIDSIGNORE = (
    "*_kinpar.*",
    "*_tacs.*",
    "*_mimap.*",
    "*_fit.json",
    "*_conc.*",
    "*_steps.json",
    "*_mrsinmrs.md",
    "*_markers.tsv",
    "markers.*",
    "scans.*",
    "*.html",
    "group/",
)

# Suffixes of raw MRS files (BIDS 1.10 and later).
MRS_SUFFIXES = ("svs", "mrsi", "unloc")
MRS_REFERENCE_SUFFIX = "mrsref"


def bids_name(entities: Mapping[str, str], suffix: str, extension: str) -> str:
    """Return a BIDS file name, entities in the order given.

    Examples
    --------
    >>> bids_name({"sub": "01", "ses": "baseline", "model": "SRTM"}, "kinpar", ".tsv")
    'sub-01_ses-baseline_model-SRTM_kinpar.tsv'
    """
    return "_".join([*(f"{key}-{value}" for key, value in entities.items() if value), suffix]) + extension


def parse_bids_name(name: str) -> tuple[dict[str, str], str, str]:
    """Return (entities, suffix, extension) of a BIDS file name.

    Examples
    --------
    >>> parse_bids_name("sub-01_ses-week8_trc-DASB_pet.nii.gz")
    ({'sub': '01', 'ses': 'week8', 'trc': 'DASB'}, 'pet', '.nii.gz')
    """
    stem, dot, extension = name.partition(".")
    parts = stem.split("_")
    entities = dict(part.split("-", 1) for part in parts[:-1] if "-" in part)
    return entities, parts[-1], dot + extension


def sidecar_path(path: str | Path) -> Path:
    """Return the JSON sidecar that belongs to a data file."""
    file = Path(path)
    if not file.name:
        msg = f"'{path}' names no file; give the name of a data file"
        raise InputError(msg)
    return file.with_name(file.name.split(".", 1)[0] + ".json")


def write_via(path: str | Path, write: Callable[[Path], Any]) -> Path:
    """Let `write` make a temporary file in the same folder, then rename it to `path`.

    A reader never sees half a file, and an error leaves nothing behind.
    """
    file = Path(path)
    if not file.name or file.is_dir():
        msg = f"'{path}' is a folder, not a file; give the name of the file to write"
        raise InputError(msg)
    file.parent.mkdir(parents=True, exist_ok=True)
    # the whole extension is kept, since writers choose the format by it
    suffix = "".join(Path(file.name).suffixes) or ".tmp"
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=suffix, dir=file.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return file


def write_text(path: str | Path, text: str) -> Path:
    """Write text through a temporary file and return the path."""
    return write_via(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
