"""The basis that a spectrum is fitted with: read, joined by measured macromolecules, or simulated from the scan's header."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.mrs.edited.basis_files import read_edited_basis
from neurochem.mrs.edited.conditions import TARGET_PPM
from neurochem.study.mrs_config import EditedConfig

# What a difference edited for GABA or glutathione shows, and the singlets of its sum.
EDITED_MOLECULES = (
    "GABA", "Glu", "Gln", "GSH", "NAA", "NAAG", "Asp", "Cr", "PCr", "GPC", "PCh", "Ins", "sIns", "Tau", "Lac",
)  # fmt: skip
_NEAR_PPM = 0.2
# Of the simulated MEGA sequences.
_DEFAULT_OFF_PPM = 7.5
# Length of editing pulses (s) where neither header nor configuration states it: an ideal band would leave glutamine unedited.
_USUAL_PULSE_S = {"mega-press": 0.014, "mega-slaser": 0.014, "hermes": 0.020}


@functools.lru_cache(maxsize=4)
def read_basis_once(path: Path) -> mrs.Basis:
    """Return a basis set, read once a process."""
    return mrs.read_basis(path)


@functools.lru_cache(maxsize=2)
def read_edited_basis_once(path: Path) -> "mrs.EditedBasis | mrs.Basis":
    """Return the basis set of an edited scan, read once a process."""
    return read_edited_basis(path)


@functools.lru_cache(maxsize=4)
def measured_once(path: Path) -> mrs.MeasuredMacromolecules:
    """Return the macromolecules of a metabolite-nulled scan, measured once a process: one scan may serve a whole study."""
    return mrs.measured_macromolecules(mrs.preprocess(mrs.read(path)).spectrum)


def with_measured(basis: mrs.Basis, nulled: mrs.MeasuredMacromolecules) -> mrs.Basis:
    """Return the basis with the macromolecules of a nulled scan in place of its own."""
    kept = basis.drop(*basis.macromolecules) if basis.macromolecules else basis
    return kept.with_elements(nulled.basis)


def simulated_basis(data: mrs.Acquisition, settings: EditedConfig, *, conditions: int) -> mrs.EditedBasis:
    """Return the basis of an edited scan, simulated at its echo time and sampling.

    Parameters
    ----------
    data : Acquisition
        The scan: TE, frequency, dwell time, and what its header says of the editing pulses.
    settings : EditedConfig
        What it does not say; a value given here wins over the header.
    conditions : int
        Number of edit conditions, 2 or 4.

    Returns
    -------
    EditedBasis
        The lines are kept on disk by `simulate_basis`, so that the scans of a study share one simulation.

    Raises
    ------
    InputError
        If the echo time is unknown, or the number of conditions is not that of the sequence.
    """
    where = data.source or data.name
    if data.echo_time_s is None:
        msg = (
            f"{where}: the echo time is not in the header, and the basis is simulated at it. Give it, or a basis file."
        )
        raise InputError(msg)
    sequence, timing = scheme(data, settings, conditions=conditions)
    made = mrs.simulate_basis(
        sequence, echo_time_s=data.echo_time_s, larmor_mhz=data.larmor_mhz, dwell_s=data.dwell_s,
        points=data.shape[-1], reference_ppm=data.reference_ppm, progress=False,
        metabolites=list(settings.simulated or EDITED_MOLECULES), **timing,
    )  # fmt: skip
    if not isinstance(made, mrs.EditedBasis):
        msg = f"{where}: sequence '{sequence}' is not an edited one; give mega-press, mega-slaser or hermes."
        raise InputError(msg)
    return made


def scheme(data: mrs.Acquisition, settings: EditedConfig, *, conditions: int) -> tuple[str, dict[str, Any]]:
    """Return the sequence, and its times and pulses, that settings and header say; arguments as for `simulated_basis`."""
    sequence = settings.sequence or _sequence_of(data, conditions)
    expected = 4 if sequence == "hermes" else 2
    if conditions != expected:
        msg = (
            f"{data.source or data.name}: {conditions} edit conditions, but sequence '{sequence}' has {expected}; "
            "correct [mrs.edited] sequence (--sequence), or leave it out."
        )
        raise InputError(msg)
    timing: dict[str, Any] = {}
    if settings.te1_s is not None and sequence != "mega-slaser":
        timing["te1_s"] = settings.te1_s
    offsets, duration = edit_pulses(data.header, settings.target)
    duration = settings.edit_pulse_s if settings.edit_pulse_s is not None else duration
    one = mrs.pulse("gaussian", duration_s=_USUAL_PULSE_S.get(sequence, 0.014) if duration is None else duration)
    if sequence == "hermes":
        apart = abs(TARGET_PPM["GSH"] - TARGET_PPM["GABA"]) * data.larmor_mhz
        return sequence, timing | {"editing": one, "editing_both": mrs.dual_band(one, apart)}
    centres = {"edit_on_ppm": settings.edit_on_ppm, "edit_off_ppm": settings.edit_off_ppm}
    found = {"edit_on_ppm": TARGET_PPM[settings.target]} | offsets
    timing |= found | {key: value for key, value in centres.items() if value is not None}
    return sequence, timing | {"editing": one}


def _sequence_of(data: mrs.Acquisition, conditions: int) -> str:
    if conditions == 4:
        return "hermes"
    named = " ".join(str(data.header.get(key, "")) for key in ("SequenceName", "PulseSequenceType", "ProtocolName"))
    return "mega-slaser" if "laser" in named.casefold() else "mega-press"


def edit_pulses(header: Mapping[str, Any], target: str) -> tuple[dict[str, float], float | None]:
    """Return the centres of ON and OFF (ppm) and the duration (s) of editing pulses that a NIfTI-MRS header states.

    Parameters
    ----------
    header : mapping
        With EditPulse, one entry a condition: {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.014}, ...}.
    target : str
        What ON edits.

    Returns
    -------
    centres : dict
        "edit_on_ppm" and "edit_off_ppm", those that are stated; nothing where not exactly one condition is near the target.
    duration : float or None
        Of the pulse of ON, or of any.
    """
    entries = header.get("EditPulse")
    if not isinstance(entries, Mapping):
        return {}, None
    found: dict[str, float] = {}
    durations: list[float] = []
    for entry in entries.values():
        if not isinstance(entry, Mapping):
            continue
        offset, duration = _number(entry.get("PulseOffset")), _number(entry.get("PulseDuration"))
        durations += [duration] if duration else []
        if offset is not None:
            on = abs(offset - TARGET_PPM[target]) <= _NEAR_PPM
            found.setdefault("edit_on_ppm" if on else "edit_off_ppm", offset)
    return (found if "edit_on_ppm" in found else {}), (durations[0] if durations else None)


def _number(value: Any) -> float | None:
    """Return a single number of a header; None for several, or none."""
    value = value.get("Value") if isinstance(value, Mapping) else value
    if isinstance(value, list | tuple):
        value = value[0] if len(value) == 1 else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def simulation_text(data: mrs.Acquisition, settings: EditedConfig, *, conditions: int) -> str:
    """Return what a simulated basis was made with, in words; arguments as for `simulated_basis`."""
    sequence, timing = scheme(data, settings, conditions=conditions)
    words = [f"{sequence}, TE {1e3 * (data.echo_time_s or 0.0):g} ms"]
    if "te1_s" in timing:
        words.append(f"TE1 {1e3 * timing['te1_s']:g} ms")
    if "edit_on_ppm" in timing:
        off = timing.get("edit_off_ppm", _DEFAULT_OFF_PPM)
        words.append(f"editing at {timing['edit_on_ppm']:g} and {off:g} ppm")
    stated = settings.edit_pulse_s is not None or edit_pulses(data.header, settings.target)[1] is not None
    assumed = "" if stated else " (assumed: neither header nor configuration says it)"
    words.append(f"Gaussian editing pulses of {1e3 * timing['editing'].duration_s:g} ms{assumed}")
    return f"simulated: {', '.join(words)}"
