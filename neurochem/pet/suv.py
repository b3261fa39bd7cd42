"""Standardised uptake: activity over injected dose and body weight, or over a reference region."""

from pathlib import Path
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, InputError, UnitError
from neurochem.naming import sidecar_path
from neurochem.pet.aligned import read_mask
from neurochem.pet.image import DynamicImage
from neurochem.pet.region_voxels import lost_note
from neurochem.pet.sidecar import read_sidecar
from neurochem.pet.static import StaticImage, time_average
from neurochem.units import to_mbq

# Outside these a number is in another unit: no person weighs less than 1 kg or more than 400, and doses run from about
# 10 MBq (long-lived isotopes) to 2000 MBq (oxygen-15 water in older scanners).
DOSE_MBQ = (1.0, 5000.0)
WEIGHT_KG = (1.0, 400.0)


def read_dose_mbq(sidecar: dict[str, Any], where: str) -> float:
    """Return the injected dose in MBq from the fields InjectedRadioactivity and InjectedRadioactivityUnits of a sidecar.

    Raises
    ------
    FileFormatError, UnitError
        If a field is missing or is no number, or the unit is unknown.
    """
    value, unit = sidecar.get("InjectedRadioactivity"), sidecar.get("InjectedRadioactivityUnits")
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        msg = f"{where}: field 'InjectedRadioactivity' is {value!r}; it must be a number. Repair it or give injected_dose_mbq."
        raise FileFormatError(msg)
    if unit is None:
        msg = f"{where}: field 'InjectedRadioactivityUnits' is missing; state the unit, for example \"MBq\""
        raise FileFormatError(msg)
    return float(to_mbq(value, str(unit), where=f"{where}, field 'InjectedRadioactivityUnits'"))


@checked_arguments
def suv(
    image: DynamicImage | StaticImage,
    injected_dose_mbq: float | None = None,
    body_weight_kg: float | None = None,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
) -> StaticImage:
    """Return standardised uptake values.

    Parameters
    ----------
    image : DynamicImage or StaticImage
        Activity in kBq/mL, decay corrected to injection; of a dynamic image the mean over the window.
    injected_dose_mbq : float, optional
        Injected dose in MBq at the time of injection; from the sidecar of the image by default.
    body_weight_kg : float
        Body weight in kg. It is in no PET sidecar: take it from participants.tsv or sessions.tsv.
    start_s, end_s : float, optional
        Window in seconds after injection, for a dynamic image: see `time_average`.

    Returns
    -------
    StaticImage
        In g/mL; 1 is what an even spread of the dose over a body of 1 g/mL would give.

    Raises
    ------
    InputError, UnitError, MissingFileError, FileFormatError
        If dose or weight are missing or can only be in another unit (allowed are 1 to 5000 MBq and 1 to 400 kg, the ranges
        for people), or the image is not in kBq/mL.

    Notes
    -----
    SUV = C / (dose / weight) with C and dose referred to the same time, here injection. For a bolus with infusion the dose
    is all that was injected, and the value then has no simple meaning before the infusion ends.
    """
    static = _static(image, start_s, end_s)
    if static.unit != "kBq/mL":
        msg = f"the image ({static.description}) is in '{static.unit}'; uptake is computed from kBq/mL"
        raise UnitError(msg)
    dose, source = (
        _dose_of(static.where) if injected_dose_mbq is None else (float(injected_dose_mbq), "injected_dose_mbq")
    )
    if body_weight_kg is None:
        msg = (
            "body_weight_kg is not given; a PET sidecar does not hold it, take it from participants.tsv or sessions.tsv"
        )
        raise InputError(msg)
    _check_range(dose, DOSE_MBQ, "MBq", source)
    weight = float(body_weight_kg)
    _check_range(weight, WEIGHT_KG, "kg", "body_weight_kg")
    # kBq/mL over MBq/kg is g/mL: both thousands cancel
    values = static.data * (weight / dose)
    facts = {
        **static.facts,
        "InjectedRadioactivity": dose, "InjectedRadioactivityUnits": "MBq", "BodyWeight": weight, "BodyWeightUnits": "kg",
    }  # fmt: skip
    description = f"Standardised uptake value, dose {dose:g} MBq, body weight {weight:g} kg. {static.description}"
    return StaticImage(values, static.affine, "g/mL", description, facts, static.where)


@checked_arguments
def suvr(
    image: DynamicImage | StaticImage,
    reference_mask: Any,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
) -> StaticImage:
    """Return the ratio of uptake to that of a reference region.

    Parameters
    ----------
    image : DynamicImage or StaticImage
        Activity or standardised uptake; of a dynamic image the mean over the window.
    reference_mask : path, image or array, shape (x, y, z)
        Reference region: one value inside, zero outside, on the voxels of the image.
    start_s, end_s : float, optional
        Window in seconds after injection, for a dynamic image: see `time_average`.

    Returns
    -------
    StaticImage
        A ratio. SUVR - 1 is BPND only at true equilibrium.

    Raises
    ------
    InputError
        If the mask lies elsewhere or is empty, more than a fifth of its voxels are not finite (fewer are left out, and the
        description says how many), or the mean of the reference is not a positive number.
    """
    static = _static(image, start_s, end_s)
    inside = read_mask(reference_mask, static, kind="reference mask")
    values = static.data[inside]
    finite = np.isfinite(values)
    lost = int(np.count_nonzero(~finite))
    note = f"{lost_note('reference', lost, values.size, static.where)}. " if lost else ""
    values = values[finite]
    reference = float(values.mean())
    if reference <= 0:
        msg = (
            f"{_place(static)}the mean of the reference is {reference:g} {static.unit}; it must be positive. "
            "Check the mask and the window."
        )
        raise InputError(msg)
    unit = static.unit or "ratio"
    facts = {**static.facts, "ReferenceMean": reference, "ReferenceUnits": unit, "ReferenceVoxels": values.size}
    facts |= {"ReferenceVoxelsLeftOut": lost} if lost else {}
    average = f"{reference:.6g} {unit} in {values.size} voxels"
    description = f"Uptake over that of the reference ({average}). {note}{static.description}"
    return StaticImage(static.data / reference, static.affine, "", description, facts, static.where)


def _static(image: DynamicImage | StaticImage, start_s: float | None, end_s: float | None) -> StaticImage:
    if isinstance(image, StaticImage):
        if start_s is not None or end_s is not None:
            msg = "a window is given for an image that is averaged already; leave start_s and end_s out"
            raise InputError(msg)
        return image
    if start_s is None:
        msg = "start_s is not given; state the window to average, in seconds after injection"
        raise InputError(msg)
    return time_average(image, start_s, end_s)


def _dose_of(where: str) -> tuple[float, str]:
    """Return dose and source from the sidecar of the image's file."""
    if not where:
        msg = "injected_dose_mbq is not given, and the image comes from no file whose sidecar states it; give the dose in MBq"
        raise InputError(msg)
    path = sidecar_path(Path(where))
    return read_dose_mbq(read_sidecar(path), str(path)), f"{path}, field 'InjectedRadioactivity'"


def _check_range(value: float, allowed: tuple[float, float], unit: str, where: str) -> None:
    low, high = allowed
    if not low <= value <= high:
        msg = f"{where}: {value:g} {unit}; allowed are {low:g} to {high:g} {unit}. Check the unit."
        raise InputError(msg)


def _place(image: StaticImage) -> str:
    return f"{image.where}: " if image.where else ""
