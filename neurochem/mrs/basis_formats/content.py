"""What a file says, before its sign convention, reference and scale are settled."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import FileFormatError
from neurochem.mrs.basis import Basis
from neurochem.mrs.singlets import reference_offset_ppm, singlet_amplitude
from neurochem.units import ComplexArray

# Names that begin like this are broad, where a file does not say which elements are.
_BROAD = ("mm", "lip", "mac", "m0.", "m1.", "m2.", "m3.")


@dataclass(frozen=True, slots=True, eq=False)
class BasisContent:
    """Elements as a file holds them, in the storage convention if the file keeps the rules of its format.

    Attributes
    ----------
    names : sequence of str
        One a FID.
    fids : complex array, shape (n_elements, n_points)
        FIDs.
    dwell_s, larmor_mhz : float
        Sampling (s) and frequency (MHz).
    echo_time_s, linewidth_hz : float or None
        TE (s), and the width given to every line (Hz).
    sequence, nucleus : str
        Name of the sequence, observed nucleus.
    stated : mapping
        What this package wrote beside the format's own fields: `stated_fields`; empty for files of other tools.
    """

    names: Sequence[str]
    fids: ComplexArray
    _: KW_ONLY
    dwell_s: float
    larmor_mhz: float
    echo_time_s: float | None = None
    linewidth_hz: float | None = None
    sequence: str = ""
    nucleus: str = "1H"
    stated: Mapping[str, Any] = field(default_factory=dict)


def stated_fields(basis: Basis) -> dict[str, Any]:
    """Return the fields of a basis that foreign formats have no place for."""
    return {
        "proton_amplitude": basis.proton_amplitude,
        "reference_ppm": basis.reference_ppm,
        "echo_time_s": basis.echo_time_s,
        "linewidth_hz": basis.linewidth_hz,
        "sequence": basis.sequence,
        "nucleus": basis.nucleus,
        "macromolecules": list(basis.macromolecules),
    }


def settled(
    content: BasisContent,
    file: Path,
    *,
    macromolecules: Sequence[str] | None = None,
    reference_ppm: float | None = None,
) -> Basis:
    """Return the basis that a file means.

    Parameters
    ----------
    content : BasisContent
        What the file holds.
    file : Path
        Where it came from.
    macromolecules, reference_ppm
        As for `read_basis`: they win over what the file says.

    Notes
    -----
    The sign is turned where the singlets say so.  Then reference and scale are what the file states, else what the
    singlets say, else 4.65 ppm and 1.
    """
    stated = _checked(content.stated, content.names, file)
    fids, offset = _upright(content)
    centre = reference_ppm if reference_ppm is not None else stated.get("reference_ppm")
    if centre is None:
        # less than a tenth of the usual line width is not another reference
        centre = 4.65 + (round(offset, 2) if abs(offset) > 0.006 else 0.0)
    amplitude = stated.get("proton_amplitude")
    if amplitude is None:
        amplitude = singlet_amplitude(content.names, fids, content.dwell_s, content.larmor_mhz, centre)
    broad = macromolecules if macromolecules is not None else stated.get("macromolecules")
    if broad is None:
        broad = [name for name in content.names if name.casefold().startswith(_BROAD)]
    return Basis(
        content.names,
        fids,
        dwell_s=content.dwell_s,
        larmor_mhz=content.larmor_mhz,
        echo_time_s=stated.get("echo_time_s", content.echo_time_s),
        sequence=stated.get("sequence", content.sequence),
        macromolecules=broad,
        reference_ppm=centre,
        proton_amplitude=amplitude if amplitude is not None else 1.0,
        linewidth_hz=stated.get("linewidth_hz", content.linewidth_hz),
        nucleus=stated.get("nucleus", content.nucleus),
        source=str(file),
    )


def _upright(content: BasisContent) -> tuple[ComplexArray, float]:
    """Return the FIDs with the singlets on the right side of the reference, and how far they are from 4.65 ppm."""
    upright, flipped = (
        reference_offset_ppm(content.names, candidate, content.dwell_s, content.larmor_mhz)
        for candidate in (content.fids, np.conj(content.fids))
    )
    if upright is None and flipped is not None:
        return np.conj(content.fids), flipped
    return content.fids, 0.0 if upright is None else upright


def _checked(stated: Mapping[str, Any], names: Sequence[str], file: Path) -> dict[str, Any]:
    """Return the stated fields, refusing values that this package never writes."""
    numbers = {"proton_amplitude": True, "reference_ppm": True, "echo_time_s": False, "linewidth_hz": False}
    for key, required in numbers.items():
        value = stated.get(key)
        wrong = not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value)
        if key in stated and wrong and (required or value is not None):
            raise _refused(file, key, value, "a number")
    for key in ("sequence", "nucleus"):
        if not isinstance(stated.get(key, ""), str):
            raise _refused(file, key, stated[key], "text")
    broad = stated.get("macromolecules", [])
    if not isinstance(broad, list) or any(name not in names for name in broad):
        raise _refused(file, "macromolecules", broad, "a list of names of elements")
    return {key: stated[key] for key in (*numbers, "sequence", "nucleus", "macromolecules") if key in stated}


def _refused(file: Path, key: str, value: object, allowed: str) -> FileFormatError:
    return FileFormatError(f"{file}: field {key} of neurochem is {value!r}; it must be {allowed}. Correct the file.")


def parse_json(text: str, file: Path, where: str = "") -> Any:
    """Return what a JSON text holds.

    Raises
    ------
    FileFormatError
        If it is damaged.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        place = f" in {where}" if where else ""
        msg = f"{file}: damaged JSON{place} ({error}); the file may be truncated. Copy it again."
        raise FileFormatError(msg) from error
