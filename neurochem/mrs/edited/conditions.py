"""Which of the FIDs of an edited scan is which: by its header, else by what it looks like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.spectra import DYNAMIC, EDIT, TIME, Acquisition, Spectrum

# Where editing pulses act, and how far from there a header may place them (ppm).
TARGET_PPM = {"GABA": 1.9, "GSH": 4.56}
_OFFSET_TOLERANCE_PPM = 0.2
MEGA = ("on", "off")
HERMES = ("a", "b", "c", "d")
STEPS = (*MEGA, *HERMES)
# Whether the steps of HERMES edit GABA and GSH, as in neurochem.mrs.sequences.hermes.
_HERMES_STEPS = {(True, True): "a", (True, False): "b", (False, True): "c", (False, False): "d"}
# NAA's methyl line, and water: what an editing pulse for GABA, or for GSH, saturates.
_SUPPRESSED_PPM = {"GABA": (1.90, 2.12), "GSH": (4.55, 4.85)}
# By this factor the line must differ before the content says which condition is which.
CLEAR_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Order:
    """The names of sub-spectra and where they come from.

    Attributes
    ----------
    names : tuple of str
        Name of each sub-spectrum in the order of the data: "on", "off", or HERMES' "a", "b", "c", "d".
    found_by : str
        "header", "content" or "given".
    inverted : bool
        Whether the content contradicted the header clearly; the content was followed then.
    note : str
        One sentence for the record.
    """

    names: tuple[str, ...]
    found_by: str
    inverted: bool
    note: str


def sub_spectra(data: Acquisition) -> list[Spectrum]:
    """Return the FIDs along DIM_EDIT, each as a spectrum.

    Raises
    ------
    InputError
        If there is no such dimension, or coils or averages are still there.
    """
    where = data.source or data.name
    sizes = {dim: data.size(dim) for dim in data.dims if dim not in {EDIT, TIME}}
    left = [f"{dim} {size}" for dim, size in sizes.items() if size > 1]
    if data.size(EDIT) < 2:
        msg = (
            f"{where}: dimensions {data.dims} hold no edit conditions ({EDIT}). Where ON and OFF alternate among the "
            "transients, use neurochem.mrs.split_edits first; else give fit_edited(on, off)."
        )
        raise InputError(msg)
    if left:
        msg = f"{where}: {', '.join(left)} besides {EDIT}; combine coils and averages first (neurochem.mrs.preprocess)."
        raise InputError(msg)
    values = np.moveaxis(data.data, data.dims.index(EDIT), 0).reshape(data.size(EDIT), -1)
    return [
        data.with_data(fid, (TIME,), name=f"{data.name} edit {index + 1}").spectrum()
        for index, fid in enumerate(values)
    ]


@checked_arguments
def split_edits(data: Acquisition, *, conditions: int = 2, order: str = "interleaved") -> Acquisition:
    """Return an acquisition whose transients are sorted into edit conditions.

    Parameters
    ----------
    data : Acquisition
        With ON and OFF among the transients (DIM_DYN), as some scanners write them.
    conditions : int
        2 for MEGA, 4 for HERMES.
    order : str
        "interleaved" (ON, OFF, ON, OFF, ...) or "blocked" (all of one, then all of the other).

    Returns
    -------
    Acquisition
        With DIM_EDIT before DIM_DYN.

    Raises
    ------
    InputError
        If the transients are no multiple of the conditions.
    """
    if order not in {"interleaved", "blocked"}:
        raise unknown_name(order, ("interleaved", "blocked"), kind="order of edits")
    count = data.size(DYNAMIC)
    if data.size(EDIT) > 1 or conditions < 2 or count < conditions or count % conditions:
        msg = (
            f"{data.source or data.name}: {count} transients ({DYNAMIC}) and {data.size(EDIT)} edit conditions cannot be "
            f"split into {conditions}; transients must be a multiple of it. Give conditions=2 or 4, or drop the last ones."
        )
        raise InputError(msg)
    values, dims = data.data, data.dims
    if EDIT in dims:
        values, dims = values.squeeze(dims.index(EDIT)), tuple(dim for dim in dims if dim != EDIT)
    axis = dims.index(DYNAMIC)
    shape = (count // conditions, conditions) if order == "interleaved" else (conditions, count // conditions)
    values = values.reshape(*values.shape[:axis], *shape, *values.shape[axis + 1 :])
    if order == "interleaved":
        values = np.swapaxes(values, axis, axis + 1)
    return data.with_data(values, (*dims[:axis], EDIT, *dims[axis:]))


def find_order(
    spectra: Sequence[Spectrum], header: Mapping[str, Any], *, target: str = "GABA", given: Sequence[str] | None = None
) -> Order:
    """Return which sub-spectrum is which.

    Parameters
    ----------
    spectra : sequence of Spectrum
        Two (MEGA) or four (HERMES).
    header : mapping
        NIfTI-MRS fields: EditCondition in the header of the dimension DIM_EDIT, and EditPulse with PulseOffset.
    target : str
        What a scan of two conditions edits: "GABA" (NAA's methyl line is suppressed in ON) or "GSH" (water is).
    given : sequence of str, optional
        The names, where the user knows them.

    Raises
    ------
    InputError
        If neither header nor content tell, or there are neither two nor four sub-spectra.
    """
    if target not in TARGET_PPM:
        raise unknown_name(target, TARGET_PPM, kind="edited molecule")
    names = MEGA if len(spectra) == 2 else HERMES
    if len(spectra) not in {2, 4}:
        msg = f"{len(spectra)} edit conditions; MEGA has 2 and HERMES has 4. Select those that belong together."
        raise InputError(msg)
    if given is not None:
        chosen = tuple(str(name).casefold() for name in given)
        if sorted(chosen) != sorted(names):
            msg = f"order is {tuple(given)}; name each sub-spectrum once, of {', '.join(names)}."
            raise InputError(msg)
        return Order(chosen, "given", False, f"order {', '.join(chosen)} as given")
    by_content = _by_content(spectra, target)
    by_header = _by_header(header, len(spectra), target)
    if by_header is None and by_content is None:
        msg = (
            f"{spectra[0].source or spectra[0].name}: neither the header (EditCondition, EditPulse) nor the content tells the "
            f"edit conditions apart; no line differs by a factor of {CLEAR_FACTOR}. Give order=({', '.join(map(repr, names))})."
        )
        raise InputError(msg)
    if by_header is None or (by_content is not None and by_content != by_header):
        order = tuple(by_content or ())
        if by_header is None:
            return Order(order, "content", False, f"order {', '.join(order)} from what editing suppresses")
        note = f"header says {', '.join(by_header)}, but suppression shows {', '.join(order)}: edit order inverted"
        return Order(order, "content", True, note)
    return Order(by_header, "header", False, f"order {', '.join(by_header)} from the header")


def _by_header(header: Mapping[str, Any], count: int, target: str) -> tuple[str, ...] | None:
    labels = _labels(header)
    if labels is None or len(labels) != count:
        return None
    offsets = [_offsets(header.get("EditPulse"), label) for label in labels]
    known = all(item is not None for item in offsets)
    if count == 2:
        on = [_near(item or (), target) for item in offsets] if known else [False, False]
        if sum(on) != 1:
            on = [_says_on(label) for label in labels]
        return None if sum(on) != 1 else tuple("on" if state else "off" for state in on)
    if not known:
        return None
    steps = [_HERMES_STEPS[_near(item or (), "GABA"), _near(item or (), "GSH")] for item in offsets]
    return tuple(steps) if len(set(steps)) == count else None


def _labels(header: Mapping[str, Any]) -> list[str] | None:
    """Return EditCondition of the dimension DIM_EDIT, or of the whole header."""
    own = next((header.get(f"dim_{index}_header") for index in (5, 6, 7) if header.get(f"dim_{index}") == EDIT), None)
    if own is None and isinstance(header.get("dimensions"), Mapping):
        own = header["dimensions"].get(EDIT)
    found = (own or {}).get("EditCondition", header.get("EditCondition"))
    if isinstance(found, Mapping):
        found = found.get("Value")
    return [str(item) for item in found] if isinstance(found, list | tuple) else None


def _offsets(pulses: Any, label: str) -> tuple[float, ...] | None:
    """Return where the editing pulses of a condition are (ppm); None where the header does not say."""
    entry = pulses.get(label) if isinstance(pulses, Mapping) else None
    value = entry.get("PulseOffset") if isinstance(entry, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("Value")
    return None if value is None else tuple(float(item) for item in np.atleast_1d(value))


def _near(offsets: Sequence[float], target: str) -> bool:
    return any(abs(offset - TARGET_PPM[target]) <= _OFFSET_TOLERANCE_PPM for offset in offsets)


def _says_on(label: str) -> bool:
    words = label.casefold().replace("-", "_").replace(" ", "_").split("_")
    return "on" in words or "editon" in words


def suppressed_height(spectrum: Spectrum, target: str) -> float:
    """Return the height (magnitude) of the line that editing of a molecule saturates, above what surrounds it."""
    low, high = _SUPPRESSED_PPM[target]
    size, ppm = np.abs(spectrum.spectrum), spectrum.ppm
    inside = (ppm >= low) & (ppm <= high)
    around = (ppm >= low - 0.3) & (ppm <= high + 0.3)
    if not inside.any():
        return 0.0
    return float(np.max(size[inside]) - np.median(size[around]))


def _by_content(spectra: Sequence[Spectrum], target: str) -> tuple[str, ...] | None:
    """Return the names by what is suppressed; None where the heights do not fall into two clear groups."""
    if len(spectra) == 2:
        on = _suppressed([suppressed_height(item, target) for item in spectra])
        return None if on is None else tuple("on" if state else "off" for state in on)
    states = [_suppressed([suppressed_height(item, name) for item in spectra]) for name in TARGET_PPM]
    if states[0] is None or states[1] is None:
        return None
    steps = tuple(_HERMES_STEPS[gaba, gsh] for gaba, gsh in zip(*states, strict=True))
    return steps if len(set(steps)) == len(spectra) else None


def _suppressed(heights: Sequence[float]) -> list[bool] | None:
    """Return which half of the heights is the low one; None unless its highest is clearly below the rest."""
    ranked = sorted(heights)
    below, above = ranked[len(ranked) // 2 - 1], ranked[len(ranked) // 2]
    if not (np.isfinite(ranked).all() and above > CLEAR_FACTOR * max(below, 0.0) and above > 0):
        return None
    return [height <= below for height in heights]
