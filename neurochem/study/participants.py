"""The participant level: every scan to its files and page, then the one table of markers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neurochem.errors import ConfigError, InputError, MissingFileError, unknown_name
from neurochem.naming import MARKERS_FILE, sidecar_path
from neurochem.study.bids import LABELS_FILE, Scan, find_scans, find_segmentation
from neurochem.study.config import Config, PetConfig
from neurochem.study.derivatives import dataset_name, merge_markers, write_dataset_files
from neurochem.study.engines import map_jobs
from neurochem.study.index import GROUP_FOLDER, write_index
from neurochem.study.jobs import ScanJob, ScanOutcome, process_scan
from neurochem.study.mrs_config import check_mrs_config
from neurochem.study.mrs_pairs import check_mrs_pairs
from neurochem.study.provenance import command_text, write_provenance
from neurochem.study.scans import write_scans


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended.

    Attributes
    ----------
    outcomes : tuple of ScanOutcome
        One a scan, in order.
    written : tuple of Path
        Files of the whole study, relative to the output folder; those of a scan are in its outcome.
    """

    outcomes: tuple[ScanOutcome, ...]
    written: tuple[Path, ...]

    def state(self, name: str) -> list[ScanOutcome]:
        """Return the scans that are "done", "refused" or a "defect"."""
        return [outcome for outcome in self.outcomes if outcome.state == name]

    def count(self, verdict: str) -> int:
        """Return how many markers are "ok", "flagged" or "failed"."""
        return sum(outcome.counts.get(verdict, 0) for outcome in self.outcomes)


def plan_participants(
    bids_dir: str | Path,
    out_dir: str | Path,
    *,
    config: Config,
    participants: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None,
) -> list[ScanJob]:
    """Return the jobs of a run without doing or writing anything.

    Raises
    ------
    NeurochemError
        If the dataset, the labels or the choices of the configuration cannot be used.
    """
    bids, out = Path(bids_dir), Path(out_dir)
    check_folders(bids, out)
    _check_image_choices(config.pet)
    check_mrs_config(config.mrs)
    scans = find_scans(
        bids, tacs=config.pet.tacs, participants=participants, sessions=sessions, nulled=config.mrs.nulled_entity
    )
    check_mrs_pairs(scans, config.mrs)
    if not scans:
        msg = f"{bids}: no scan (*_pet.nii.gz, *_svs.nii.gz) for the labels chosen; check the folders pet and mrs"
        raise InputError(msg)
    if any(scan.modality == "pet" for scan in scans):
        from neurochem.pet.model import MODELS

        MODELS.entry(config.pet.model)
        _check_regions(bids, config)
    return [ScanJob(scan, bids, out, config) for scan in scans]


def _check_image_choices(settings: PetConfig) -> None:
    """Raise if something is asked of images that are not read, or a correction lacks its resolution."""
    asked = [f"{key} = {value}" for key, value in (("maps", settings.maps), ("pvc", settings.pvc)) if value]
    if settings.tacs and asked:
        msg = f"[pet] {asked[0]} needs images, but [pet] tacs = '{settings.tacs}' takes tables of curves; leave one of them out"
        raise ConfigError(msg)
    if settings.pvc and not settings.pvc_fwhm_mm:
        msg = f"[pet] pvc = '{settings.pvc}' needs pvc_fwhm_mm, the resolution of the images in mm: one width, or three in a list"
        raise ConfigError(msg)
    if settings.maps_smooth_fwhm_mm and settings.pvc in {"rbv", "iy"}:
        msg = f"[pet] maps_smooth_fwhm_mm would undo pvc = '{settings.pvc}' in the maps; leave one of them out"
        raise ConfigError(msg)


def _check_regions(bids_dir: Path, config: Config) -> None:
    """Raise if the configuration names a region that the label table does not have, before 96 scans say so one by one."""
    from neurochem.pet import read_label_names

    table = bids_dir / config.pet.segmentation / LABELS_FILE
    if config.pet.tacs or not table.is_file():
        return
    names = set(read_label_names(table).values())
    for key, wanted in (("reference", [config.pet.reference]), ("regions", list(config.pet.regions))):
        for name in wanted:
            if name not in names and (key == "regions" or _needs_reference(config.pet.model)):
                remedy = f"Correct [pet] {key}, or the label table {table}."
                raise unknown_name(name, sorted(names), kind=f"region in [pet] {key}", remedy=remedy)


def _needs_reference(model: str) -> bool:
    from neurochem.pet.model import MODELS

    return MODELS[model].inputs == "reference"


def check_folders(bids_dir: Path, out_dir: Path) -> None:
    """Raise unless there is a dataset and the results go to another folder."""
    if bids_dir.resolve() == out_dir.resolve():
        msg = f"{out_dir}: BIDS_DIR and OUT_DIR are the same folder; results must not mix with raw data, name another"
        raise InputError(msg)
    if out_dir.exists() and not out_dir.is_dir():
        msg = f"{out_dir}: OUT_DIR is a file; name a folder"
        raise InputError(msg)


def describe_job(job: ScanJob) -> str:
    """Return what a job would read and write, as text of a few lines.

    Raises
    ------
    InputError
        If a file that the job needs is missing.
    """
    inputs = _inputs(job.scan, job)
    for path in inputs:
        if not path.is_file():
            msg = f"{path}: no such file; {job.scan.label} cannot be quantified without it"
            raise MissingFileError(msg)
    reads = ", ".join(str(path.relative_to(job.bids_dir)) for path in inputs)
    maps = (
        f"\n  maps   {job.config.pet.model} of every voxel"
        if job.scan.modality == "pet" and job.config.pet.maps
        else ""
    )
    return f"{job.scan.label}\n  reads  {reads}\n  writes {job.page.with_suffix('')}*{maps}"


def _inputs(scan: Scan, job: ScanJob) -> list[Path]:
    if scan.modality == "mrs":
        from neurochem.study.mrs_scan import mrs_inputs

        return mrs_inputs(job)
    if job.config.pet.tacs:
        return [scan.path]
    return [scan.path, sidecar_path(scan.path), *find_segmentation(job.bids_dir, scan, job.config.pet.segmentation)]


def run_participants(
    bids_dir: str | Path,
    out_dir: str | Path,
    *,
    config: Config,
    participants: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None,
    workers: int | None = None,
) -> RunReport:
    """Quantify every scan of a dataset and write its derivatives, pages and the table of markers.

    Parameters
    ----------
    bids_dir, out_dir : path
        Root of the dataset, and where the results go.
    config : Config
        From `read_config`.
    participants, sessions : sequence of str, optional
        Labels to keep, with or without `sub-` and `ses-`.
    workers : int, optional
        Number of processes; that of the configuration by default. Results are the same bytes whatever it is.

    Returns
    -------
    RunReport
        Every scan was attempted. One with impossible input is "refused": nothing is written for it, results of an
        earlier run stay as they were, and the others go on.
    """
    run = replace(config.run, workers=workers or config.run.workers)
    # every job knows how many others run beside it
    config = replace(config, run=run)
    jobs = plan_participants(bids_dir, out_dir, config=config, participants=participants, sessions=sessions)
    outcomes = map_jobs(process_scan, jobs, engine=run.engine, workers=run.workers, scheduler=run.scheduler)
    out = Path(out_dir)
    if not any(outcome.state == "done" for outcome in outcomes) and not (out / MARKERS_FILE).is_file():
        return RunReport(tuple(outcomes), ())
    written = write_dataset_files(out, source_name=dataset_name(Path(bids_dir)))
    done = [(o.scan.participant_id, o.scan.session_or_missing) for o in outcomes if o.state == "done"]
    rows, tables = merge_markers(out, fresh=done)
    tables += write_scans(out, outcomes, bids_dir=Path(bids_dir))
    command = command_text("participant", participants=participants, sessions=sessions)
    provenance = write_provenance(out, level="participant", command=command, config=config.record())
    # what the group level found rests on markers that may just have changed
    notes = (f"{GROUP_FOLDER}/ holds findings of an earlier run; run the group level again.",) * (
        out / GROUP_FOLDER
    ).is_dir()
    index = write_index(out, rows, title=dataset_name(Path(bids_dir)), notes=notes)
    return RunReport(tuple(outcomes), tuple(path.relative_to(out) for path in (*written, *tables, provenance, index)))
