"""Static images: one volume with its unit, and the average of a dynamic image over a window of time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.naming import sidecar_path, write_text, write_via
from neurochem.pet.image import DynamicImage
from neurochem.records import plain
from neurochem.results import frozen_array
from neurochem.units import FloatArray

# Clock times are rounded: a window may lack this share of its length before the lack counts.
_COVERED = 0.99


@checked_fields
@dataclass(frozen=True, eq=False)
class StaticImage:
    """A 3-D image of one quantity.

    Parameters
    ----------
    data : array_like, shape (x, y, z)
        Values in `unit`; kept as a read-only copy.
    affine : array_like, shape (4, 4)
        Voxel indices to millimetres.
    unit : str
        Unit: "kBq/mL", "g/mL", or "" for a ratio.
    description : str
        What it is, in one sentence.
    facts : mapping
        What determined it (window, dose, ...), written to the sidecar.
    where : str
        File it came from, for messages.

    Raises
    ------
    InputError
        If data are not a volume, or the affine is not 4 x 4.
    """

    data: FloatArray
    affine: FloatArray
    unit: str
    description: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def __post_init__(self) -> None:
        values, affine = np.asarray(self.data, dtype=float), np.asarray(self.affine, dtype=float)
        if values.ndim != 3 or affine.shape != (4, 4):
            place = f"{self.where}: " if self.where else ""
            msg = f"{place}data have shape {values.shape} and the affine {affine.shape}; give (x, y, z) and (4, 4)"
            raise InputError(msg)
        object.__setattr__(self, "data", frozen_array(values))
        object.__setattr__(self, "affine", frozen_array(affine))
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Rebuild from the fields, since a read-only view of a mapping cannot be pickled."""
        return StaticImage, (self.data, self.affine, self.unit, self.description, dict(self.facts), self.where)

    def __repr__(self) -> str:
        """Return size and description on one line."""
        size = " x ".join(str(length) for length in self.shape)
        return f"<StaticImage {size} voxels: {self.description}>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the volume in voxels."""
        x, y, z = self.data.shape
        return x, y, z

    def save(self, path: str | Path) -> Path:
        """Write a single-precision NIfTI image with its JSON sidecar, each to a temporary name first; return the path.

        Raises
        ------
        InputError
            If the name does not end in .nii or .nii.gz.
        """
        import nibabel

        file = Path(path)
        if not file.name.endswith((".nii", ".nii.gz")):
            msg = f"{file}: a NIfTI image is named .nii or .nii.gz; give such a name"
            raise InputError(msg)
        image = nibabel.Nifti1Image(self.data.astype(np.float32), self.affine)
        image.header.set_xyzt_units("mm")
        record = {"Description": self.description, "Units": self.unit or "ratio", **plain(dict(self.facts))}
        write_text(sidecar_path(file), json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        return write_via(file, lambda temporary: nibabel.save(image, temporary))


@checked_arguments
def time_average(
    image: DynamicImage, start_s: float, end_s: float | None = None, *, allow_gaps: bool = False
) -> StaticImage:
    """Return the mean activity between two times.

    Parameters
    ----------
    image : DynamicImage
        Dynamic image.
    start_s, end_s : float
        Window in seconds after injection; the end of the last frame by default.
    allow_gaps : bool
        Whether to average over what was measured when frames cover less than 99 % of the window, instead of refusing.

    Returns
    -------
    StaticImage
        In kBq/mL, decay corrected to injection; voxels that are not finite in a frame of the window stay so. `facts`
        states window, frames, the seconds covered, and which frames count in part.

    Raises
    ------
    InputError
        If the window is no window, holds no frame, or is not covered.

    Notes
    -----
    sum(d_i C_i) / sum(d_i) with d_i the part of frame i inside the window. A frame cut by an edge of the window counts with
    the mean of the whole frame for the part inside: exact where activity is constant over that frame, and never wrong by
    more than the change within it. Choose edges at frame edges where this matters.
    """
    frames = image.frames
    end_s = float(frames.end_s[-1]) if end_s is None else float(end_s)
    place = f"{image.where}: " if image.where else ""
    if not (np.isfinite(start_s) and np.isfinite(end_s) and end_s > start_s):
        msg = f"{place}window {start_s:g} to {end_s:g} s; give a start and a later end in seconds after injection"
        raise InputError(msg)
    inside = np.minimum(frames.end_s, end_s) - np.maximum(frames.start_s, start_s)
    inside = np.maximum(inside, 0.0)
    covered = float(inside.sum())
    if covered == 0 or (covered < _COVERED * (end_s - start_s) and not allow_gaps):
        remedy = "or accept it with allow_gaps=True" if covered else "times are seconds after injection"
        msg = (
            f"{place}frames cover {covered:g} s of the window {start_s:g} to {end_s:g} s; the scan runs from "
            f"{frames.start_s[0]:g} to {frames.end_s[-1]:g} s. Choose a window inside it, {remedy}."
        )
        raise InputError(msg)
    total = np.zeros(image.shape)
    # infinities of opposite sign make NaN, which stands for them in the image
    with np.errstate(invalid="ignore"):
        for index in np.flatnonzero(inside).tolist():
            total += image.frame(index) * (inside[index] / covered)
    cut = np.flatnonzero((inside > 0) & (inside < frames.duration_s))
    facts = _window_facts(image, inside, (float(start_s), end_s), cut)
    partly = f", frames {', '.join(str(i + 1) for i in cut)} in part" if cut.size else ""
    used = np.flatnonzero(inside)
    description = (
        f"Mean activity from {start_s:g} to {end_s:g} s after injection, decay corrected to injection "
        f"(frames {used[0] + 1} to {used[-1] + 1}{partly}; {covered:g} s measured)"
    )
    return StaticImage(total, image.affine, "kBq/mL", description, facts, image.where)


def _window_facts(
    image: DynamicImage, inside: FloatArray, window: tuple[float, float], cut: np.ndarray
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "TimeWindow": list(window),
        "TimeWindowUnits": "s",
        "MeasuredSeconds": float(inside.sum()),
        "Frames": [int(i) + 1 for i in np.flatnonzero(inside)],
        "FramesInPart": [int(i) + 1 for i in cut],
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 0,
    }
    if image.isotope is not None:
        facts["TracerRadionuclide"] = image.isotope
    if image.notes:
        facts["Notes"] = list(image.notes)
    if image.where:
        facts["Sources"] = [Path(image.where).name]
    return facts
