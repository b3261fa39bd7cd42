"""The table of scans: which were quantified, which could not be, and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurochem.naming import MISSING
from neurochem.study.derivatives import read_rows, write_table
from neurochem.study.jobs import ScanOutcome

SCANS_FILE = "scans.tsv"
_COLUMNS: dict[str, dict[str, Any]] = {
    "participant_id": {"Description": "Person, as in participants.tsv"},
    "session_id": {"Description": "Session of the scan; n/a in a dataset without sessions"},
    "scan": {"Description": "Label of the scan"},
    "modality": {"Description": "pet or mrs"},
    "state": {
        "Description": "How the last attempt ended",
        "Levels": {
            "done": "Quantified",
            "refused": "The input cannot be used; nothing was written for it",
            "defect": "An error nobody expected; nothing was written for it",
        },
    },
    "reason": {"Description": "What was wrong; n/a where nothing was"},
}


def write_scans(out_dir: Path, outcomes: Sequence[ScanOutcome], *, bids_dir: Path) -> list[Path]:
    """Write how every scan ended into the table of scans, those of earlier runs kept; return the files.

    Paths in a reason are relative to the dataset, so that results do not tell where it lay.
    """
    rows = {row["scan"]: row for row in read_scans(out_dir)}
    for outcome in outcomes:
        scan = outcome.scan
        rows[scan.label] = {
            "participant_id": scan.participant_id,
            "session_id": scan.session_or_missing,
            "scan": scan.label,
            "modality": scan.modality,
            "state": outcome.state,
            "reason": outcome.message.replace(f"{bids_dir}/", "") or MISSING,
        }
    ordered = [rows[label] for label in sorted(rows)]
    return write_table(out_dir / SCANS_FILE, ordered, descriptions=_COLUMNS)


def read_scans(out_dir: Path) -> list[dict[str, str]]:
    """Return the table of scans, empty where there is none."""
    file = out_dir / SCANS_FILE
    return read_rows(file) if file.is_file() else []
