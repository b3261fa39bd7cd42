"""One PET scan: image and labels, or a table of curves, to binding estimates."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurochem import pet
from neurochem.errors import InputError, MissingFileError
from neurochem.naming import KINETIC_PARAMETERS_SUFFIX, MODEL_ENTITY
from neurochem.results import FitResult, ResultSet
from neurochem.study.bids import Scan, find_blood
from neurochem.study.config import PetConfig
from neurochem.study.jobs import Quantified, ScanJob, Table, marker_row, without_machine_paths
from neurochem.study.pet_curves import (
    ScanCurves,
    correction_entities,
    correction_flags,
    correction_settings,
    read_curves,
)

if TYPE_CHECKING:
    from pathlib import Path

PARAMETER_MEANINGS = {
    "BPND": "Binding potential relative to nondisplaceable uptake",
    "VT": "Total volume of distribution",
    "DVR": "Distribution volume ratio, 1 + BPND",
    "R1": "Delivery relative to the reference region, K1/K1'",
    "K1": "Rate of delivery from plasma to tissue",
    "k2": "Rate of washout from tissue",
    "k2a": "Apparent rate of washout, k2/(1 + BPND)",
    "k2prime": "Rate of washout from the reference region",
    "VB": "Blood volume fraction",
    "intercept": "Intercept of the graphical analysis",
}


def quantify_pet(job: ScanJob) -> Quantified:
    """Return regional estimates of one PET scan, and its maps where they are asked for.

    Raises
    ------
    NeurochemError
        If the input cannot mean anything; a fit that goes badly is a flag instead.
    """
    settings = job.config.pet
    curves = read_curves(job)
    kinetic = _model_record(settings.model)
    blood = _blood(job) if kinetic["inputs"] == "plasma" else None
    options = {
        key: getattr(settings, key) for key in ("k2prime", "t_star_s", "VB") if getattr(settings, key) is not None
    }
    reference = settings.reference if kinetic["inputs"] == "reference" else None
    chosen = list(settings.regions) or None
    fitted = pet.fit(curves.tacs, kinetic["name"], reference=reference, blood=blood, regions=chosen, **options)
    results = ResultSet({name: _noted(job, fit, curves, reference) for name, fit in fitted.items()})
    if not results:
        msg = f"{curves.tacs.where or job.scan.path}: no region is left to fit beside the reference '{settings.reference}'"
        raise InputError(msg)
    parameters = marker_parameters(settings, next(iter(results.values())))
    entities = {**correction_entities(curves.correction), MODEL_ENTITY: kinetic["name"]}
    quantified = Quantified(
        results=results,
        markers=[_marker_row(job, fit, name, region) for region, fit in results.items() for name in parameters],
        tables=[*curves.tables, _kinetic_table(job, results, reference, curves.source, entities)],
        facts={**_tracer(job.scan), **_facts(kinetic, curves, reference)},
        settings={"markers": list(parameters), "segmentation": curves.source, **options},
        entities=entities,
    )
    if not settings.maps:
        return quantified
    from neurochem.study.pet_maps import make_maps, map_entities, map_section

    maps = make_maps(job, curves, kinetic["name"], reference=reference, blood=blood, options=options)
    sections = () if maps is None else (map_section(maps),)
    return replace(quantified, maps=maps, map_entities=map_entities(curves), sections=sections)


def _noted(job: ScanJob, fit: FitResult, curves: ScanCurves, reference: str | None) -> FitResult:
    """Return a fit with what the correction of its curve adds: method and resolution, and flags of region and reference."""
    correction = curves.correction
    if correction is not None:
        flags = correction_flags(correction, {fit.name, reference or fit.name})
        settings = {**fit.settings, **correction_settings(correction)}
        fit = replace(fit, flags=(*fit.flags, *flags), settings=settings)
    return without_machine_paths(fit, job.bids_dir)


def _marker_row(job: ScanJob, fit: FitResult, parameter: str, region: str) -> dict[str, Any]:
    """Return a row of the markers table; its model names the correction, since values before and after do not mix."""
    row = marker_row(job, fit, parameter, region)
    return {**row, "model": f"{row['model']} pvc-{fit.settings['pvc']}"} if "pvc" in fit.settings else row


def _model_record(name: str) -> dict[str, Any]:
    from neurochem.pet.fitting import models
    from neurochem.pet.model import MODELS

    known = MODELS.entry(name).name
    return next(record for record in models() if record["name"] == known)


def marker_parameters(settings: PetConfig, fit: FitResult) -> tuple[str, ...]:
    """Return the estimates that become markers: those asked for, else BPND, else VT, else the first.

    Raises
    ------
    UnknownNameError
        If the model has no estimate of a name asked for.
    """
    if settings.parameters:
        return tuple(fit[name].name for name in settings.parameters)
    main = [name for name in ("BPND", "VT") if name in fit]
    return (main[0] if main else next(iter(fit)).name,)


def _blood(job: ScanJob) -> pet.ArterialInput:
    files = find_blood(job.scan)
    if not files:
        msg = (
            f"{job.scan.path}: no blood table (*_blood.tsv) in {job.scan.path.parent}, but {job.config.pet.model} needs "
            "arterial plasma; add it, or choose a reference-tissue model in [pet] model"
        )
        raise MissingFileError(msg)
    header = _header(files[0])
    if len(files) == 1 and "plasma_parent" in header:
        _check_injection(job.scan)
        return pet.read_arterial_input(files[0], whole_blood="whole_blood" if "whole_blood" in header else None)
    samples = pet.read_blood(files)
    return samples.input(job.config.pet.parent_fraction, ratio=job.config.pet.plasma_ratio or None)


def _header(file: "Path") -> list[str]:
    with file.open(encoding="utf-8") as lines:
        return lines.readline().rstrip("\r\n").split("\t")


def _check_injection(scan: Scan) -> None:
    """Blood times count from TimeZero and frames from injection: without a shift they are one only if both are zero."""
    from neurochem.naming import sidecar_path
    from neurochem.pet.sidecar import read_sidecar

    injection = (
        read_sidecar(sidecar_path(scan.path)).get("InjectionStart", 0) if sidecar_path(scan.path).is_file() else 0
    )
    if injection:
        msg = (
            f"{sidecar_path(scan.path)}: InjectionStart is {injection} s; blood times are relative to TimeZero, so they "
            "must be given with InjectionStart 0. Set TimeZero to the injection in both files."
        )
        raise InputError(msg)


def _kinetic_table(
    job: ScanJob, results: ResultSet, reference: str | None, segmentation: str, entities: Mapping[str, str]
) -> Table:
    units = {estimate.name: estimate.unit for fit in results.values() for estimate in fit}
    descriptions: dict[str, Mapping[str, Any]] = {"name": {"Description": "Region"}}
    for name, unit in units.items():
        meaning = PARAMETER_MEANINGS.get(name, name)
        shown = {"Units": unit} if unit else {}
        descriptions[name] = {"Description": meaning, **shown}
        descriptions[f"{name}_se"] = {"Description": f"Absolute standard error of {name}", **shown}
    descriptions["success"] = {"Description": "Whether the fit can be used"}
    descriptions["flags"] = {"Description": "What a reader must know, in words"}
    model = next(iter(results.values())).model
    facts: dict[str, Any] = {"ModelName": model, "Segmentation": segmentation}
    if reference is not None:
        facts["ReferenceRegion"] = reference
    first = next(iter(results.values())).settings
    facts["Settings"] = {k: v for k, v in first.items() if all(f.settings.get(k) == v for f in results.values())}
    rows = [_kinetic_row(fit) for fit in results.values()]
    return Table(job.file_name(KINETIC_PARAMETERS_SUFFIX, ".tsv", **entities), rows, descriptions, facts)


def _kinetic_row(fit: FitResult) -> dict[str, Any]:
    row: dict[str, Any] = {"name": fit.name, "success": not fit.failed}
    for estimate in fit:
        row[estimate.name] = float(estimate.value)
        row[f"{estimate.name}_se"] = float(estimate.stderr)
    row["flags"] = "; ".join(flag.message for flag in fit.flags if flag.severity != "info")
    return row


def _tracer(scan: Scan) -> dict[str, str]:
    """Return the tracer that the scan's sidecar names, if it does."""
    from neurochem.naming import sidecar_path
    from neurochem.pet.sidecar import read_sidecar

    file = sidecar_path(scan.path)
    name = str(read_sidecar(file).get("TracerName", "") if file.is_file() else "").strip()
    return {"tracer": name} if name and name != "n/a" else {}


def _facts(kinetic: Mapping[str, Any], curves: ScanCurves, reference: str | None) -> dict[str, str]:
    tacs, correction = curves.tacs, curves.correction
    facts = {"model": f"{kinetic['name']} ({kinetic['reference']})"}
    facts["input"] = f"reference region {reference}" if reference else "arterial plasma"
    if correction is not None:
        widths = " x ".join(f"{width:g}" for width in correction.fwhm_mm)
        facts["partial volume"] = f"corrected by {correction.method}, FWHM {widths} mm ({correction.reference})"
    facts["isotope"] = tacs.isotope or "not stated"
    facts["frames"] = f"{len(tacs.frames)}, {tacs.frames.start_s[0] / 60:.1f} to {tacs.frames.end_s[-1] / 60:.1f} min"
    return facts
