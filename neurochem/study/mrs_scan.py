"""One spectrum of a dataset: data, water reference, basis and tissue to concentrations."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurochem import mrs, qc
from neurochem.errors import ConfigError, InputError, MissingFileError
from neurochem.mrs.edited.basis_files import edited_basis_files
from neurochem.qc import judge
from neurochem.reading import load_nifti
from neurochem.results import FitResult
from neurochem.study.bids import declares_edits, find_nulled, find_water
from neurochem.study.config import CONFIG_FILE
from neurochem.study.derivatives import CONCENTRATIONS_SUFFIX
from neurochem.study.jobs import Quantified, ScanJob, Table, marker_row, without_machine_paths
from neurochem.study.mrs_analysis import Analysis, Choices, analyse
from neurochem.study.mrs_edits import is_edited
from neurochem.study.mrs_page import page_sections, scan_facts, tissue_words, voxel_section
from neurochem.study.mrs_record import record_text, step_records
from neurochem.study.mrs_tissue import VOXEL, VoxelTissue, find_t1w, scan_tissue, tissue_inputs

STEPS_SUFFIX = "steps"
REPORT_SUFFIX = "mrsinmrs"
_COLUMNS: dict[str, dict[str, Any]] = {
    "metabolite": {"Description": "Metabolite, or a total of several"},
    "value": {"Description": "Concentration"},
    "se": {"Description": "Absolute standard error (Cramer-Rao bound, water amplitude included)"},
    "unit": {"Description": "Unit of value and se"},
    "ci_low": {"Description": "Lower end of the 95 % interval"},
    "ci_high": {"Description": "Upper end of the 95 % interval"},
    "qc": {"Description": "ok, flagged or failed"},
    "qc_reason": {"Description": "Flags in words"},
}


def mrs_inputs(job: ScanJob) -> list[Path]:
    """Return the files that a scan needs, whether they are there or not.

    Raises
    ------
    MissingFileError, InputError
        If water, tissue or the nulled scan cannot be found at all.
    """
    settings = job.config.mrs
    # where the header is silent, content says later whether the scan is edited
    edited = declares_edits(job.scan.path) or not settings.basis
    nulled = None if edited else _nulled_file(job)
    own = settings.edited.basis if edited else settings.basis
    path = job.bids_dir / own
    bases = () if not own else edited_basis_files(path) if edited else (path,)
    water = find_water(job.bids_dir, job.scan)
    tissue = tissue_inputs(job.bids_dir, job.scan, settings)
    return [job.scan.path, water, *bases, *([nulled] if nulled else []), *tissue]


def quantify_mrs(job: ScanJob) -> Quantified:
    """Return concentrations of one spectrum.

    Raises
    ------
    NeurochemError
        If the input cannot mean anything; a fit that goes badly is a flag instead.
    """
    data = mrs.read(job.scan.path)
    choices = _choices(job)
    edited = is_edited(data, choices.edited.split)
    if not edited and choices.basis is None:
        raise ConfigError(choices.basis_missing)
    tissue = scan_tissue(job.bids_dir, job.scan, job.config.mrs, data)
    water_file = find_water(job.bids_dir, job.scan)
    # a scan nulled without editing does not show the macromolecules of a difference
    nulled = None if edited else _nulled_file(job)
    done = analyse(data, water=mrs.read(water_file), choices=replace(choices, nulled=nulled), name=job.scan.label)
    done = replace(done, fit=_concentrated(job, done, tissue), basis=done.basis.removeprefix(f"{job.bids_dir}{os.sep}"))
    report = done.report(page=job.page.name)
    region = dict(job.scan.entities).get("voi", VOXEL)
    names = _marker_names(job, done)
    voxel = _voxel(job, data, tissue)
    return Quantified(
        results=done.fit,
        markers=[marker_row(job, done.fit, name, region) for name in names],
        tables=[_concentrations(job, done.fit, done.basis)],
        facts=scan_facts(done, tissue),
        settings={
            "markers": list(names),
            "water reference": water_file.name,
            **({"nulled scan": nulled.name} if nulled else {}),
            "basis set": done.basis,
        },
        sections=page_sections(done, voxel=[voxel], report=report),
        texts={
            job.file_name(STEPS_SUFFIX, ".json"): record_text(step_records(done, tissue=tissue)),
            job.file_name(REPORT_SUFFIX, ".md"): report.to_markdown(),
        },
    )


def _choices(job: ScanJob) -> Choices:
    settings = job.config.mrs
    missing = (
        f"{job.bids_dir / CONFIG_FILE}: [mrs] key 'basis' is missing, but {job.scan.path.name} is to be fitted; "
        'name the basis set relative to the dataset, for example basis = "code/basis.BASIS"'
    )
    edited = settings.edited
    return Choices(
        job.bids_dir / settings.basis if settings.basis else None, missing, edited,
        edited_basis=job.bids_dir / edited.basis if edited.basis else None, ppm=settings.ppm,
    )  # fmt: skip


def _nulled_file(job: ScanJob) -> Path | None:
    """Return the metabolite-nulled scan of a spectrum, or None where none is asked for."""
    settings = job.config.mrs
    if not settings.nulled:
        return None
    entity = settings.nulled_entity
    if entity is not None:
        return find_nulled(job.scan, entity)
    file = job.bids_dir / settings.nulled
    if not file.is_file():
        msg = (
            f"{file}: no such file; [mrs] nulled names a metabolite-nulled scan relative to the dataset, or the BIDS entity "
            'that marks one in each session, for example nulled = "acq-nulled"'
        )
        raise MissingFileError(msg)
    return file


def _concentrated(job: ScanJob, done: Analysis, tissue: VoxelTissue) -> FitResult:
    settings = job.config.mrs
    water = done.clean.water
    assert water is not None
    fit = mrs.quantify(
        done.fit, water=water, tissue=tissue.tissue, relaxation=settings.relaxation or "default",
        water_scale=settings.water_scale,
    )  # fmt: skip
    return without_machine_paths(fit, job.bids_dir)


def _marker_names(job: ScanJob, done: Analysis) -> tuple[str, ...]:
    """Return the names of the estimates that become markers."""
    settings = job.config.mrs
    edited = done.edited is not None
    wanted = settings.edited.metabolites if edited else settings.metabolites
    return wanted or tuple(done.fit.estimates)


def _voxel(job: ScanJob, data: mrs.Acquisition, tissue: VoxelTissue) -> qc.Section:
    """Return what the page says of the voxel, with its place where there is a T1w image; a picture that cannot be is words."""
    lines = [tissue_words(tissue)]
    settings = job.config.mrs
    if not settings.anatomical:
        return qc.Section("Voxel", lines)
    folders = [job.bids_dir, *(job.bids_dir / name for name in settings.tissue_maps)]
    t1w = find_t1w(folders, job.scan)
    if t1w is None:
        where = f"of {' '.join(filter(None, (job.scan.participant_id, job.scan.session_id)))}"
        return qc.Section("Voxel", [*lines, f"Not drawn: there is no T1w image {where} (anat/*_T1w.nii.gz)."])
    name = str(t1w.relative_to(job.bids_dir)) if t1w.is_relative_to(job.bids_dir) else t1w.name
    if job.scan.session_id and f"ses-{dict(job.scan.entities)['ses']}" not in t1w.parts:
        lines.append(f"{name} is not of this session: the outline is right only where both were brought together.")
    try:
        image = load_nifti(t1w)
        return voxel_section(mrs.voxel_mask(data, image), image, lines=lines, name=name)
    except InputError as error:
        return qc.Section("Voxel", [*lines, f"Not drawn on {name}: {str(error).replace(f'{job.bids_dir}/', '')}"])


def _concentrations(job: ScanJob, fit: FitResult, basis: str) -> Table:
    rows = []
    for estimate in fit:
        verdict = judge(fit, estimate.name)
        low, high = estimate.interval(0.95)
        rows.append(
            {
                "metabolite": estimate.name, "value": float(estimate.value), "se": float(estimate.stderr),
                "unit": estimate.unit, "ci_low": low, "ci_high": high, "qc": verdict.state,
                "qc_reason": verdict.reason,
            }
        )  # fmt: skip
    facts = {"ModelName": fit.model, "Basis": basis, "Settings": dict(fit.settings)}
    return Table(job.file_name(CONCENTRATIONS_SUFFIX, ".tsv"), rows, _COLUMNS, facts)
