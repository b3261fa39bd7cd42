"""Maps of the configured model beside the regional results of one PET scan."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from neurochem import pet, qc
from neurochem.errors import InputError, NeurochemWarning
from neurochem.study.config import Config
from neurochem.study.jobs import ScanJob, one_line, relative_settings
from neurochem.study.pet_curves import ScanCurves, correction_entities, uncorrected

_MAKES_IMAGES = ("rbv", "iy")


def thread_count(config: Config) -> int:
    """Return how many threads make the maps of one scan: those asked for, else all cores where one scan runs at a time."""
    if config.pet.threads is not None:
        return config.pet.threads
    if config.run.workers > 1 or config.run.engine == "dask":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_maps(
    job: ScanJob,
    curves: ScanCurves,
    model: str,
    *,
    reference: str | None,
    blood: Any = None,
    options: Mapping[str, Any],
) -> pet.ParametricMaps | None:
    """Return maps of a scan, or None with a warning where the image cannot give them.

    Regional results do not hang on the maps: what stands in their way (too few voxels that bind, say) is told, and the
    scan goes on.
    """
    settings = job.config.pet
    assert curves.image is not None
    image, curve = curves.image, None
    if curves.correction is not None and curves.correction.method in _MAKES_IMAGES:
        image = curves.correction.dynamic_image
    if reference is not None:
        curve = _reference_curve(curves, reference, corrected=image is not curves.image)
    width = settings.maps_smooth_fwhm_mm
    try:
        maps = pet.fit_image(
            image,
            model,
            reference=curve,
            blood=blood,
            smooth_fwhm_mm=None if not width else width[0] if len(width) == 1 else width,
            threads=thread_count(job.config),
            **options,
        )
    except InputError as error:
        warnings.warn(f"no maps of {model}: {one_line(error)}", NeurochemWarning, stacklevel=2)
        return None
    flags = maps.flags
    if curves.correction is not None and image is not curves.image:
        flags = (*flags, *(flag for flag in curves.correction.flags if not flag.parameter))
    return replace(maps, settings=relative_settings(maps.settings, job.bids_dir), flags=flags)


def _reference_curve(curves: ScanCurves, region: str, *, corrected: bool) -> pet.TimeActivityCurves:
    """Return the reference as the image of the maps shows it: corrected where, and only where, that image is."""
    if curves.correction is not None and not corrected:
        return uncorrected(curves.correction, region)
    tacs = curves.tacs
    counts = None if tacs.voxels is None else tacs.voxels[[tacs.regions.index(region)]]
    return pet.TimeActivityCurves(
        tacs.frames, tacs[region], regions=[region], isotope=tacs.isotope, voxels=counts, where=tacs.where
    )


def map_entities(curves: ScanCurves) -> dict[str, str]:
    """Return the entity of the correction, where maps are of a corrected image."""
    correction = curves.correction
    return correction_entities(correction) if correction is not None and correction.method in _MAKES_IMAGES else {}


def map_section(maps: pet.ParametricMaps) -> qc.Section:
    """Return the part of the page that shows the maps: planes, and how the values spread."""
    planes = maps.plot()
    histogram = maps.histogram().figure
    assert isinstance(histogram, Figure)
    histogram.set_size_inches(7.0, 3.4)
    first, *spreads = maps.summary().splitlines()
    sizes = " x ".join(map(str, maps.shape))
    pictures = [
        (planes, f"Sagittal, coronal and axial plane of the {maps.model} map, {sizes} voxels, with a colour bar."),
        (
            histogram,
            f"How many voxels have which value in the {maps.model} map; those at the edge of the search apart.",
        ),
    ]
    return qc.Section("Parametric maps", [first, *(line.strip() for line in spreads)], pictures)
