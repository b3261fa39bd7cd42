"""One spectrum: data, water reference, basis and tissue to concentrations."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurochem import mrs
from neurochem.errors import ConfigError, FileFormatError, InputError, MissingFileError
from neurochem.qc import judge
from neurochem.results import FitResult
from neurochem.study.bids import find_water
from neurochem.study.config import CONFIG_FILE
from neurochem.study.derivatives import CONCENTRATIONS_SUFFIX, read_rows
from neurochem.study.jobs import Quantified, ScanJob, Table, marker_row, without_machine_paths

VOXEL = "voxel"
_FRACTIONS = ("gm", "wm", "csf")
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


def quantify_mrs(job: ScanJob) -> Quantified:
    """Return concentrations of one spectrum.

    Raises
    ------
    NeurochemError
        If the input cannot mean anything; a fit that goes badly is a flag instead.
    """
    settings = job.config.mrs
    if not settings.basis:
        msg = (
            f"{job.bids_dir / CONFIG_FILE}: [mrs] key 'basis' is missing, but {job.scan.path.name} is to be fitted; "
            'name the basis set relative to the dataset, for example basis = "code/basis.BASIS"'
        )
        raise ConfigError(msg)
    tissue = _tissue(job)
    water_file = find_water(job.bids_dir, job.scan)
    basis = read_basis_once(job.bids_dir / settings.basis)
    water = mrs.read(water_file)
    clean = mrs.preprocess(mrs.read(job.scan.path), water=water)
    fitted = mrs.fit(clean.spectrum, basis, ppm=settings.ppm, name=job.scan.label)
    fit = mrs.quantify(
        fitted,
        water=clean.water or water,
        tissue=tissue,
        relaxation=settings.relaxation or "default",
        water_scale=settings.water_scale,
    )
    fit = without_machine_paths(fit, job.bids_dir)
    region = dict(job.scan.entities).get("voi", VOXEL)
    names = settings.metabolites or tuple(fit.estimates)
    markers = [marker_row(job, fit, name, region) for name in names]
    facts = _facts(fit, tissue)
    return Quantified(
        results=fit,
        markers=markers,
        tables=[_concentrations(job, fit, settings.basis)],
        facts=facts,
        settings={
            "markers": list(names),
            "water reference": water_file.name,
            "preprocessing": "; ".join(f"{step.name}: {step.what}" for step in clean.steps),
        },
    )


@functools.lru_cache(maxsize=4)
def read_basis_once(path: Path) -> mrs.Basis:
    """Return a basis set, read once a process."""
    return mrs.read_basis(path)


def _tissue(job: ScanJob) -> mrs.Tissue:
    """Return the tissue fractions of the scan's voxel.

    Raises
    ------
    MissingFileError, FileFormatError, InputError
        If the table, one of its columns, or the row of the scan is missing, or a fraction is not a number.
    """
    file = job.bids_dir / job.config.mrs.tissue
    if not file.is_file():
        msg = f"{file}: no such file; [mrs] tissue names a table with participant_id, session_id, gm, wm, csf"
        raise MissingFileError(msg)
    rows = read_rows(file)
    missing = [name for name in ("participant_id", *_FRACTIONS) if rows and name not in rows[0]]
    if missing:
        msg = f"{file}: column '{missing[0]}' is missing; the table needs participant_id, session_id, gm, wm, csf"
        raise FileFormatError(msg)
    own = [row for row in rows if _belongs(row, job)]
    if len(own) != 1:
        found = "no row" if not own else f"{len(own)} rows"
        msg = f"{file}: {found} for {job.scan.participant_id} {job.scan.session_or_missing}; give one row a spectrum"
        raise InputError(msg)
    try:
        return mrs.Tissue(**{name: float(own[0][name]) for name in _FRACTIONS})
    except ValueError as error:
        msg = f"{file}: {job.scan.participant_id} {job.scan.session_or_missing}: {error}"
        raise InputError(msg) from error


def _belongs(row: Mapping[str, str], job: ScanJob) -> bool:
    voi = dict(job.scan.entities).get("voi", VOXEL)
    return (
        row["participant_id"] == job.scan.participant_id
        and row.get("session_id", job.scan.session_or_missing) == job.scan.session_or_missing
        and row.get("voi", voi) == voi
    )


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


def _facts(fit: FitResult, tissue: mrs.Tissue) -> dict[str, str]:
    facts = {"model": f"{fit.model} (linear combination of basis spectra)"}
    for name, text, unit in (("snr", "SNR", ""), ("fwhm_hz", "line width", " Hz"), ("fqn", "residual over noise", "")):
        if name in fit.diagnostics:
            facts[text] = f"{fit.diagnostics[name]:.3g}{unit}"
    facts["voxel"] = f"grey {tissue.gm:.2f}, white {tissue.wm:.2f}, fluid {tissue.csf:.2f}"
    return facts
