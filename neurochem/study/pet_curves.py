"""The curves of one PET scan: read from a table, or taken from image and labels, corrected for partial volume if asked."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurochem import pet
from neurochem.errors import NeurochemWarning
from neurochem.naming import PARTIAL_VOLUME_ENTITY, TACS_SUFFIX
from neurochem.pet.region_voxels import find_regions, without_lost_voxels
from neurochem.pet.regions import mean_curves
from neurochem.pet.tables import voxel_count
from neurochem.quality import Flag
from neurochem.study.bids import find_segmentation
from neurochem.study.jobs import ScanJob, Table


@dataclass(frozen=True, slots=True)
class ScanCurves:
    """The curves of a scan and where they come from.

    Attributes
    ----------
    tacs : TimeActivityCurves
        Curves to fit.
    tables : list of Table
        The table that keeps them, where they were made here.
    source : str
        Folder of the segmentation or of the tables, relative to the dataset.
    image : DynamicImage or None
        The image that they were taken from, as it was read.
    correction : PartialVolumeResult or None
        How they were corrected.
    """

    tacs: pet.TimeActivityCurves
    tables: list[Table]
    source: str
    image: pet.DynamicImage | None = None
    correction: pet.PartialVolumeResult | None = None


def read_curves(job: ScanJob) -> ScanCurves:
    """Return the curves of a scan.

    Raises
    ------
    NeurochemError
        If image, labels or table cannot be used.
    """
    settings, isotope = job.config.pet, job.config.pet.isotope or None
    if settings.tacs:
        return ScanCurves(pet.read_tacs(job.scan.path, isotope=isotope), [], settings.tacs)
    labels, names = find_segmentation(job.bids_dir, job.scan, settings.segmentation)
    image = pet.read_image(job.scan.path, isotope=isotope)
    known = pet.read_label_names(names)
    wanted = {settings.reference, *settings.regions} if settings.regions else set(known.values())
    if not settings.pvc:
        chosen = {index: name for index, name in known.items() if name in wanted}
        tacs = _mean_curves(image, labels, chosen)
        return ScanCurves(tacs, [_table(job, tacs)], settings.segmentation, image)
    # every labelled region takes part in the correction, since each spills into its neighbours
    correction = pet.partial_volume_correct(
        image, labels, names=known, fwhm_mm=settings.pvc_fwhm_mm, method=settings.pvc, skip_absent=True
    )
    tacs = _selected(correction.tacs, [name for name in correction.regions if name in wanted])
    return ScanCurves(tacs, [_table(job, tacs, correction)], settings.segmentation, image, correction)


def _mean_curves(image: pet.DynamicImage, labels: Any, names: Mapping[int, str]) -> pet.TimeActivityCurves:
    """Return the curves of regions without the few voxels that are not finite, which a warning counts."""
    regions, notes = without_lost_voxels(image, find_regions(image, labels, names, skip_absent=True))
    for note in notes:
        warnings.warn(f"{image.where}: {note}", NeurochemWarning, stacklevel=2)
    return mean_curves(image, regions)


def _selected(tacs: pet.TimeActivityCurves, names: Sequence[str]) -> pet.TimeActivityCurves:
    columns = [tacs.regions.index(name) for name in names]
    counts = None if tacs.voxels is None else tacs.voxels[columns]
    return pet.TimeActivityCurves(
        tacs.frames, tacs.activity[:, columns], regions=names, isotope=tacs.isotope, voxels=counts, where=tacs.where
    )


def correction_record(correction: pet.PartialVolumeResult) -> dict[str, Any]:
    """Return what a sidecar says of a partial-volume correction, the covariance of regional means with it.

    Notes
    -----
    The covariance of the means in frame i is NoiseVariance[i] times UnitCovariance; frames are independent.
    """
    chosen = {key: value for key, value in correction.settings.items() if key not in {"image", "fwhm_mm"}}
    covariance = {"NoiseVariance": correction.noise_variance, "UnitCovariance": correction.unit_covariance}
    return {
        "Method": correction.method,
        "Reference": correction.reference,
        "FWHM": list(correction.fwhm_mm),
        "FWHMUnits": "mm",
        "Settings": chosen,
        "Regions": list(correction.regions),
        "ConditionNumber": correction.condition_number,
        "TransferMatrix": correction.transfer_matrix,
        # some methods give none
        **(covariance if np.isfinite(correction.stderr).all() else {}),
        "Flags": [flag.message for flag in correction.flags],
    }


def curve_columns(
    tacs: pet.TimeActivityCurves, correction: pet.PartialVolumeResult | None = None
) -> dict[str, dict[str, Any]]:
    """Return what the columns of a table of curves mean: units, voxels, and standard errors where curves were corrected."""
    time = {"Description": "Time after injection", "Units": "s"}
    corrected = f", corrected for partial volume ({correction.method})" if correction else ""
    columns: dict[str, dict[str, Any]] = {"frame_start": time, "frame_end": time}
    for index, region in enumerate(tacs.regions):
        entry: dict[str, Any] = {
            "Description": f"Mean activity, decay corrected to injection{corrected}",
            "Units": "kBq/mL",
        }
        if tacs.voxels is not None:
            entry["Voxels"] = voxel_count(tacs.voxels[index])
        errors = None if correction is None else correction.stderr[:, correction.regions.index(region)]
        if errors is not None and np.isfinite(errors).all():
            entry["StandardError"] = errors
        columns[region] = entry
    return columns


def curve_facts(tacs: pet.TimeActivityCurves, correction: pet.PartialVolumeResult | None = None) -> dict[str, Any]:
    """Return what the sidecar of a table of curves says of all its columns."""
    facts: dict[str, Any] = {"ImageDecayCorrected": True}
    if tacs.isotope is not None:
        facts["TracerRadionuclide"] = tacs.isotope
    if correction is not None:
        facts["PartialVolumeCorrection"] = correction_record(correction)
    return facts


def curve_rows(tacs: pet.TimeActivityCurves) -> list[dict[str, Any]]:
    """Return a table of curves row by row."""
    return [{str(key): value for key, value in row.items()} for row in tacs.to_frame().to_dict("records")]


def _table(job: ScanJob, tacs: pet.TimeActivityCurves, correction: pet.PartialVolumeResult | None = None) -> Table:
    source = job.config.pet.segmentation
    label = "".join(c for c in source.rstrip("/").rsplit("/", 1)[-1] if c.isalnum())
    facts = {"Segmentation": source, **curve_facts(tacs, correction)}
    name = job.file_name(TACS_SUFFIX, ".tsv", **correction_entities(correction), desc=label)
    return Table(name, curve_rows(tacs), curve_columns(tacs, correction), facts)


def correction_entities(correction: pet.PartialVolumeResult | None) -> dict[str, str]:
    """Return the entity that names the method in a file name."""
    return {} if correction is None else {PARTIAL_VOLUME_ENTITY: correction.method}


def uncorrected(correction: pet.PartialVolumeResult, region: str) -> pet.TimeActivityCurves:
    """Return the curve of a region as the image shows it."""
    column = correction.regions.index(region)
    tacs = correction.tacs
    counts = None if tacs.voxels is None else np.asarray(tacs.voxels)[[column]]
    return pet.TimeActivityCurves(
        tacs.frames, correction.observed[:, [column]], regions=[region], isotope=tacs.isotope, voxels=counts,
        where=tacs.where,
    )  # fmt: skip


def correction_flags(correction: pet.PartialVolumeResult, regions: Collection[str]) -> tuple[Flag, ...]:
    """Return what a fit of corrected curves must say: flags of the whole correction and of the regions that it uses."""
    found = [
        replace(flag, parameter="")
        for flag in correction.flags
        # the means of rbv are those of the transfer matrix: ratios of voxels do not touch them
        if (not flag.parameter or flag.parameter in regions)
        and (flag.name, correction.method) != ("ratio_undefined", "rbv")
    ]
    message = (
        "regions share noise after the correction for partial volume, which standard errors of the fit do not hold"
    )
    return (*found, Flag("shared_noise", message, "info"))


def correction_settings(correction: pet.PartialVolumeResult | None) -> Mapping[str, Any]:
    """Return what the fits' settings say of the correction."""
    if correction is None:
        return {}
    return {"pvc": correction.method, "pvc_fwhm_mm": list(correction.fwhm_mm), "pvc_reference": correction.reference}
