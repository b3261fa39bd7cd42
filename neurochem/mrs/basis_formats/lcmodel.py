"""LCModel `.BASIS`: one text file, spectra in frequency."""

from pathlib import Path

import numpy as np

from neurochem.mrs.basis import Basis
from neurochem.mrs.basis_formats.content import BasisContent
from neurochem.mrs.basis_formats.registry import FORMATS, BasisFormat
from neurochem.mrs.lcmodel import basis_text, parse_basis, rounded
from neurochem.naming import write_text

# How the scale is stated in IDBASI, which LCModel prints and does not read.
_STATED = "neurochem proton_amplitude "


def recognises(path: Path, head: bytes) -> bool:
    """Say whether the text begins with LCModel's namelists."""
    return b"$BASIS1" in head or b"$SEQPAR" in head


def read(path: Path) -> BasisContent:
    """Return the elements of a file."""
    content = parse_basis(path)
    amplitude = _stated_amplitude(content.label)
    return BasisContent(
        content.names,
        content.fids,
        dwell_s=content.dwell_s,
        larmor_mhz=content.larmor_mhz,
        echo_time_s=content.echo_time_s,
        linewidth_hz=content.linewidth_hz,
        sequence=content.sequence,
        stated={} if amplitude is None else {"proton_amplitude": amplitude},
    )


def _stated_amplitude(label: str) -> float | None:
    """Return the scale that `write` put into IDBASI; None in a file of another tool."""
    if not label.startswith(_STATED):
        return None
    try:
        return float(label.removeprefix(_STATED))
    except ValueError:
        return None


def write(basis: Basis, path: Path, step: float) -> Path:
    """Write a file, brought to a reference of 4.65 ppm, which is LCModel's."""
    fids = basis.fids * np.exp(2j * np.pi * (4.65 - basis.reference_ppm) * basis.larmor_mhz * basis.time_s)
    width = "0." if basis.linewidth_hz is None else repr(basis.linewidth_hz / basis.larmor_mhz)
    top = {
        "FWHMBA": width, "HZPPPM": repr(basis.larmor_mhz), "ECHOT": f"{1e3 * (basis.echo_time_s or 0.0):.10g}",
        "SEQ": basis.sequence, "IDBASI": f"{_STATED}{basis.proton_amplitude!r}", "BADELT": repr(basis.dwell_s),
    }  # fmt: skip
    spectra = np.fft.fft(fids, axis=1)
    return write_text(path, basis_text(tuple(basis.names), rounded(spectra, step) if step else spectra, top=top))


FORMATS.add(
    BasisFormat(
        recognises, read, write, (".basis",), "16 digits of the largest frequency; broad elements only by their names"
    ),
    name="lcmodel",
    aliases=(".basis", "basis"),
    reference="LCModel manual (Provencher), section on .BASIS files",
)
