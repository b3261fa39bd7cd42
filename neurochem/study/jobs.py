"""One scan from input to its files, as a job that any process can do on its own."""

import os
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochem import qc
from neurochem.errors import NeurochemError
from neurochem.naming import bids_name, write_text
from neurochem.results import FitResult, ResultSet
from neurochem.study.bids import Scan
from neurochem.study.config import Config
from neurochem.study.derivatives import (
    FIT_SUFFIX,
    MARKERS_SUFFIX,
    all_or_none,
    write_fits,
    write_markers,
    write_table,
)

if TYPE_CHECKING:
    from neurochem.pet import ParametricMaps


@dataclass(frozen=True, slots=True)
class ScanJob:
    """What one worker needs: the scan, where to read and write, and how to quantify."""

    scan: Scan
    bids_dir: Path
    out_dir: Path
    config: Config

    @property
    def page(self) -> Path:
        """Return the page of the scan, relative to the output folder."""
        return self.scan.folder / f"{self.scan.name}.html"

    def file_name(self, suffix: str, extension: str, **entities: str) -> str:
        """Return the name of a result file of this scan."""
        return bids_name({**dict(self.scan.entities), **entities}, suffix, extension)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that belongs to a scan's results: file name, rows, and what its columns mean."""

    file_name: str
    rows: list[dict[str, Any]]
    descriptions: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Quantified:
    """What a scan gave, before anything is written.

    Attributes
    ----------
    results : FitResult or ResultSet
        The fits that the page shows.
    markers : list of dict
        Rows of the markers table.
    tables : list of Table
        Tables to write beside them.
    facts, settings : mapping
        What the page says first, and the choices made.
    entities : mapping
        Entities of the file that holds the fits, for example the model.
    maps : ParametricMaps or None
        Maps to write beside them.
    map_entities : mapping
        Entities of their files beside the scan's.
    sections : tuple of qc.Section
        Pictures that the page shows after the fits.
    texts : mapping of str to str
        Further files by name, such as the record of the steps.
    """

    results: FitResult | ResultSet
    markers: list[dict[str, Any]]
    tables: list[Table]
    facts: Mapping[str, str]
    settings: Mapping[str, Any]
    entities: Mapping[str, str] = field(default_factory=dict)
    maps: "ParametricMaps | None" = None
    map_entities: Mapping[str, str] = field(default_factory=dict)
    sections: tuple[qc.Section, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """How a job ended.

    Attributes
    ----------
    scan : Scan
        The scan.
    state : str
        "done", "refused" (impossible input) or "defect" (an error nobody expected).
    message : str
        One line on what was wrong.
    details : str
        Traceback of a defect.
    notes : tuple of str
        Warnings given while the scan was worked on.
    counts : mapping
        Number of markers that are ok, flagged and failed.
    written : tuple of Path
        Files, relative to the output folder.
    """

    scan: Scan
    state: str
    message: str = ""
    details: str = ""
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    written: tuple[Path, ...] = ()


def process_scan(job: ScanJob) -> ScanOutcome:
    """Read, fit and write one scan; whatever goes wrong is in the outcome, so that a batch goes on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            quantified = _quantify(job)
            written = write_scan(job, quantified)
        except (NeurochemError, OSError) as error:
            return ScanOutcome(job.scan, "refused", message=one_line(error) + _earlier_results(job))
        except Exception as error:  # noqa: BLE001, RUF100 - one scan's defect must not lose the night's batch; it is reported
            message = f"{type(error).__name__}: {one_line(error)}"
            return ScanOutcome(job.scan, "defect", message=message, details=traceback.format_exc())
    states = [row["qc"] for row in quantified.markers]
    counts = {state: states.count(state) for state in ("ok", "flagged", "failed")}
    notes = tuple(dict.fromkeys(one_line(w.message) for w in caught if issubclass(w.category, UserWarning)))
    return ScanOutcome(job.scan, "done", notes=notes, counts=counts, written=tuple(written))


def _earlier_results(job: ScanJob) -> str:
    return " (results of an earlier run were left as they are)" if (job.out_dir / job.page).exists() else ""


def one_line(error: object) -> str:
    """Return a message without line breaks."""
    return " ".join(str(error).split())


def _quantify(job: ScanJob) -> Quantified:
    if job.scan.modality == "pet":
        from neurochem.study.pet_scan import quantify_pet

        return quantify_pet(job)
    from neurochem.study.mrs_scan import quantify_mrs

    return quantify_mrs(job)


def write_scan(job: ScanJob, quantified: Quantified) -> list[Path]:
    """Write all files of a scan, or none: they are made in a folder of their own and then moved.

    Returns
    -------
    list of Path
        The files, relative to the output folder.
    """
    with all_or_none(job.out_dir / job.scan.folder, root=job.out_dir) as folder:
        _write_files(job, quantified, folder)
        made = sorted(file.name for file in folder.iterdir())
    return [job.scan.folder / name for name in made]


def _write_files(job: ScanJob, quantified: Quantified, folder: Path) -> None:
    for table in quantified.tables:
        write_table(folder / table.file_name, table.rows, descriptions=table.descriptions, facts=table.facts)
    for name, text in quantified.texts.items():
        write_text(folder / name, text)
    results = quantified.results
    fits = [results] if isinstance(results, FitResult) else list(results.values())
    write_fits(folder / job.file_name(FIT_SUFFIX, ".json", **quantified.entities), fits)
    write_markers(folder / job.file_name(MARKERS_SUFFIX, ".tsv"), quantified.markers)
    if quantified.maps is not None:
        prefix = job.file_name("x", "", **quantified.map_entities).removesuffix("_x")
        # DVR is BPND + 1 with the same error: a study need not hold it twice
        names = tuple(name for name in quantified.maps.names if name != "DVR" or "BPND" not in quantified.maps.names)
        quantified.maps.save(folder, prefix, names=names)
    home = "/".join([".."] * len(job.scan.folder.parts) + ["index.html"])
    page = qc.scan_page(
        results,
        title=job.scan.label,
        home=home,
        facts=quantified.facts,
        settings=quantified.settings,
        sections=quantified.sections,
    )
    write_text(folder / job.page.name, page)


def marker_row(job: ScanJob, fit: FitResult, parameter: str, region: str) -> dict[str, Any]:
    """Return one row of the markers table: value and error where they can be used, and the verdict."""
    estimate = fit[parameter]
    verdict = qc.judge(fit, parameter)
    usable = verdict.state != "failed"
    known = usable and 0 < estimate.stderr < float("inf")
    kind = "fit" if estimate.stderr_kind == "profile" else estimate.stderr_kind
    return {
        "participant_id": job.scan.participant_id,
        "session_id": job.scan.session_or_missing,
        "marker": estimate.name,
        "region": region,
        "value": float(estimate.value) if usable else None,
        "se": float(estimate.stderr) if known else None,
        "unit": estimate.unit,
        "model": fit.model,
        "se_source": kind if known else "none",
        "qc": verdict.state,
        "qc_reason": verdict.reason,
    }


def without_machine_paths(fit: FitResult, bids_dir: Path) -> FitResult:
    """Return the fit with paths of its settings relative to the dataset, so that results do not depend on the machine."""
    return replace(fit, settings=relative_settings(fit.settings, bids_dir))


def relative_settings(settings: Mapping[str, Any], bids_dir: Path) -> dict[str, Any]:
    """Return settings with paths relative to the dataset."""
    root = str(bids_dir) + os.sep
    return {key: value.removeprefix(root) if isinstance(value, str) else value for key, value in settings.items()}
