"""Basis sets by simulation of the density matrix."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.basis import Basis
from neurochem.mrs.sequences import make_sequence, simulate_lines_of
from neurochem.mrs.spins import DEFAULT_METABOLITES, Lines, Molecule, find_molecules, reduced_systems


def simulate_lines(
    sequence: str, *, larmor_mhz: float, metabolites: Sequence[str] = DEFAULT_METABOLITES,
    systems: str | Path | Mapping[str, Molecule] | None = None, room_temperature: bool = False, **timing: Any,
) -> dict[str, Lines]:  # fmt: skip
    """Return lines."""
    made = make_sequence(sequence, timing)
    molecules = find_molecules(metabolites, systems=systems, room_temperature=room_temperature)
    return {
        name: simulate_lines_of(reduced_systems(molecule, larmor_mhz=larmor_mhz), made.events(made.conditions[0]))
        for name, molecule in molecules.items()
    }


def simulate_basis(  # noqa: PLR0913 - keywords of one simulation
    sequence: str, *, larmor_mhz: float, dwell_s: float, points: int, linewidth_hz: float = 0.0, reference_ppm: float = 4.65,
    metabolites: Sequence[str] = DEFAULT_METABOLITES, nucleus: str = "1H", **options: Any,
) -> Basis:  # fmt: skip
    """Return a basis."""
    if nucleus != "1H":
        msg = f"nucleus is {nucleus}; only 1H can be simulated"
        raise InputError(msg)
    lines = simulate_lines(sequence, larmor_mhz=larmor_mhz, metabolites=metabolites, **options)
    fids = [
        one.rereferenced(reference_ppm).fid(dwell_s=dwell_s, points=points, linewidth_hz=linewidth_hz)
        for one in lines.values()
    ]
    return Basis(
        tuple(lines), np.array(fids), dwell_s=dwell_s, larmor_mhz=larmor_mhz,
        echo_time_s=options.get("echo_time_s") or None, sequence=sequence, reference_ppm=reference_ppm,
    )  # fmt: skip
