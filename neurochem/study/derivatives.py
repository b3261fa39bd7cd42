"""Write BIDS derivatives: the description of the dataset, and tables with a sidecar that explains every column."""

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import neurochem
from neurochem.errors import FileFormatError
from neurochem.naming import BIDSIGNORE, MARKER_COLUMNS, MARKERS_FILE, MISSING, sidecar_path, write_text
from neurochem.records import plain
from neurochem.results import FitResult

BIDS_VERSION = "1.10.0"
CONCENTRATIONS_SUFFIX = "conc"
FIT_SUFFIX = "fit"
MARKERS_SUFFIX = "markers"

MARKER_DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "participant_id": {"Description": "Person, as in participants.tsv"},
    "session_id": {"Description": "Session of the scan; n/a in a dataset without sessions"},
    "marker": {"Description": "Name of the estimate, for example BPND or Glx"},
    "region": {"Description": "Region of the label image, or the volume of interest of a spectrum"},
    "value": {"Description": "Estimate in the unit of the column unit; n/a where the fit failed"},
    "se": {"Description": "Absolute standard error, in the same unit; n/a where it is unknown or unbounded"},
    "unit": {"Description": "Unit of value and se; n/a for a ratio"},
    "model": {"Description": "Model that was fitted"},
    "se_source": {
        "Description": "Where the standard error comes from",
        "Levels": {
            "fit": "Propagated from the noise of the data through the fit",
            "crlb": "Cramer-Rao lower bound, nuisance parameters included",
            "bootstrap": "Resampling",
            "profile": "Profile likelihood",
            "mcmc": "Standard deviation of the draws of a Bayesian fit",
            "posterior": "Standard deviation of a posterior distribution",
            "test-retest": "Repeated scans",
            "literature": "Published repeatability",
            "none": "No standard error",
        },
    },
    "qc": {
        "Description": "Whether the value can be used",
        "Levels": {
            "ok": "No flag",
            "flagged": "The value stays; the reason is in qc_reason",
            "failed": "The fit cannot be used; value and se are blank",
            "not_acquired": "The scan was not made",
            "withdrawn": "The person had left the study",
        },
    },
    "qc_reason": {"Description": "Flags in words; n/a where there is none"},
}


@contextlib.contextmanager
def all_or_none(target: Path, *, root: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder whose files are moved to `target` at the end; after an error nothing is there.

    Parameters
    ----------
    target : Path
        Folder of the files; made if it is not there.
    root : Path, optional
        Folder above it, on the same disk, that holds the files while they are made; `target` itself by default.
    """
    base = target if root is None else root
    # a folder that other workers share is not theirs to remove
    made_here = root is None and not base.exists()
    base.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".part-", dir=base) as name:
            yield Path(name)
            target.mkdir(parents=True, exist_ok=True)
            for file in sorted(Path(name).iterdir()):
                os.replace(file, target / file.name)  # noqa: PTH105 - within one file system, so each move is atomic
    except BaseException:
        if made_here:
            # only a folder that is empty can be removed this way
            with contextlib.suppress(OSError):
                base.rmdir()
        raise


def cell(value: Any) -> str:
    """Return one value as a table writes it.

    Floats keep every digit (`repr`), missing and non-finite values are `n/a`, truth values are `true` and `false`,
    and white space that would break the table becomes a blank.

    Examples
    --------
    >>> cell(0.1), cell(float("nan")), cell(""), cell(True)
    ('0.1', 'n/a', 'n/a', 'true')
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else MISSING
    return " ".join(str(value).split()) or MISSING


def table_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a tab-separated table; a column that a row lacks is `n/a`."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(cell(row.get(column)) for column in columns) for row in rows]
    return "\n".join(lines) + "\n"


def write_table(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    descriptions: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write a table and the JSON sidecar that describes its columns.

    Parameters
    ----------
    path : Path
        The `.tsv` file.
    rows : sequence of mapping
        One mapping a row.
    descriptions : mapping of str to mapping
        Column name to its `Description`, `Units` and `Levels`, in the order of the columns.
    facts : mapping, optional
        Settings of the whole table, written before the columns.

    Returns
    -------
    list of Path
        The table and its sidecar.
    """
    sidecar = {**plain(dict(facts or {})), **plain(dict(descriptions))}
    table = write_text(path, table_text(list(descriptions), rows))
    return [table, write_json(sidecar_path(path), sidecar)]


def write_json(path: Path, record: Any) -> Path:
    """Write a record as indented JSON and return the path."""
    return write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def write_dataset_files(out_dir: Path, *, source_name: str = "") -> list[Path]:
    """Write `dataset_description.json` and `.bidsignore`, and return their paths.

    Parameters
    ----------
    out_dir : Path
        Root of the derivative.
    source_name : str, optional
        Name of the raw dataset, as its own description gives it.
    """
    name = f"neurochem: {source_name}" if source_name else "neurochem"
    description = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {
                "Name": "neurochem",
                "Version": neurochem.__version__,
                "Description": "Neurochemical PET and MRS quantification",
            }
        ],
    }
    ignored = "\n".join([*BIDSIGNORE, "provenance.json"]) + "\n"
    return [
        write_json(out_dir / "dataset_description.json", description),
        write_text(out_dir / ".bidsignore", ignored),
    ]


def dataset_name(bids_dir: Path) -> str:
    """Return the name that the raw dataset gives itself, or nothing."""
    file = bids_dir / "dataset_description.json"
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(record.get("Name", "")) if isinstance(record, dict) else ""


def write_markers(path: Path, rows: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write rows of the markers table, without a sidecar for one scan and with one for the whole study."""
    if path.name == MARKERS_FILE:
        return write_table(path, rows, descriptions=MARKER_DESCRIPTIONS)
    return [write_text(path, table_text(MARKER_COLUMNS, rows))]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table that `table_text` wrote, every cell as text.

    Raises
    ------
    FileFormatError
        If a line has more or fewer cells than the header.
    """
    head, *lines = path.read_text(encoding="utf-8-sig").splitlines()
    columns = head.split("\t")
    rows = []
    for number, line in enumerate(lines, start=2):
        cells = line.split("\t")
        if len(cells) != len(columns):
            msg = f"{path} line {number}: {len(cells)} cells for {len(columns)} columns; separate cells by single tabs"
            raise FileFormatError(msg)
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows


def marker_key(row: Mapping[str, str]) -> tuple[str, ...]:
    """Return what names one estimate: person, session, marker, region and model."""
    return tuple(row[column] for column in ("participant_id", "session_id", "marker", "region", "model"))


def merge_markers(out_dir: Path, *, fresh: Iterable[tuple[str, str]] = ()) -> tuple[list[dict[str, str]], list[Path]]:
    """Put the markers of every scan into the one long table of the study.

    A row that is there stays as it stands, with what a reader has written into `qc` and `qc_reason`; rows of the
    visits just quantified are replaced, and rows of scans that other machines quantified are added.

    Parameters
    ----------
    out_dir : Path
        Root of the derivative.
    fresh : iterable of (participant_id, session_id)
        Visits just quantified.

    Returns
    -------
    rows : list of dict
        What `markers.tsv` holds, sorted.
    paths : list of Path
        The table and its sidecar.
    """
    files = sorted(out_dir.glob(f"sub-*/**/*_{MARKERS_SUFFIX}.tsv"))
    made = [row for file in files for row in read_rows(file)]
    replaced = set(fresh)
    kept: dict[tuple[str, ...], dict[str, str]] = {}
    table = out_dir / MARKERS_FILE
    for row in read_rows(table) if table.is_file() else []:
        if (row["participant_id"], row["session_id"]) not in replaced:
            # a key that stands twice is the cohort's to refuse, not this table's to mend
            key = marker_key(row) if marker_key(row) not in kept else (*marker_key(row), str(len(kept)))
            kept[key] = row
    rows = [*kept.values(), *(row for row in made if marker_key(row) not in kept)]
    rows.sort(key=lambda row: tuple(row[column] for column in MARKER_COLUMNS[:4]))
    return rows, write_markers(out_dir / MARKERS_FILE, rows)


def write_fits(path: Path, fits: Sequence[FitResult]) -> Path:
    """Write every fit of a scan as one JSON list, one line a fit, which `read_fits` reads."""
    lines = [json.dumps(fit.to_dict(), ensure_ascii=False, separators=(",", ":")) for fit in fits]
    return write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")


def read_fits(path: Path) -> list[FitResult]:
    """Return the fits that `write_fits` wrote."""
    return [FitResult.from_dict(record) for record in json.loads(path.read_text(encoding="utf-8"))]
