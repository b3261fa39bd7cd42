"""What produced a result: versions, configuration and command, without times or places of the machine."""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import neurochem
from neurochem.naming import write_text
from neurochem.records import plain

PROVENANCE_FILE = "provenance.json"
_LIBRARIES = ("numpy", "scipy", "pandas", "nibabel", "nifti-mrs", "spec2nii", "lmfit", "statsmodels", "matplotlib")


def library_versions() -> dict[str, str]:
    """Return the version of Python, of this package and of each library that can change a number."""
    versions = {"neurochem": neurochem.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def command_text(
    level: str, *, participants: Sequence[str] | None = None, sessions: Sequence[str] | None = None
) -> str:
    """Return the command of a run in its general form: what was chosen, not where it lay or on how many cores."""
    words = ["neurochem", "run", "BIDS_DIR", "OUT_DIR", level]
    if participants:
        words += ["--participant-label", *(label.removeprefix("sub-") for label in participants)]
    if sessions:
        words += ["--session-label", *(label.removeprefix("ses-") for label in sessions)]
    return " ".join(words)


def write_provenance(out_dir: Path, *, level: str, command: str, config: Mapping[str, Any]) -> Path:
    """Write versions, command and configuration of one level beside those of the other; return the path.

    The file holds no time, no path of the machine and no number of workers, so that equal runs give equal bytes.
    """
    file = out_dir / PROVENANCE_FILE
    record: dict[str, Any] = {}
    if file.is_file():
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            known = {}
        record = known if isinstance(known, dict) else {}
    record[level] = {"command": command, "versions": library_versions(), "configuration": plain(dict(config))}
    text = json.dumps(dict(sorted(record.items())), indent=2, ensure_ascii=False) + "\n"
    return write_text(file, text)
