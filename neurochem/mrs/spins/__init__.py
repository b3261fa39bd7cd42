"""Spin systems: what molecules are made of, and their reduction to what is propagated."""

from neurochem.mrs.spins.library import DEFAULT_METABOLITES, find_molecules, spin_systems
from neurochem.mrs.spins.lines import Lines
from neurochem.mrs.spins.molecule import Group, Hetero, Molecule, Part
from neurochem.mrs.spins.reading import read_spin_systems
from neurochem.mrs.spins.reduction import reduced_systems
from neurochem.mrs.spins.system import SpinSystem

__all__ = [
    "DEFAULT_METABOLITES",
    "Group",
    "Hetero",
    "Lines",
    "Molecule",
    "Part",
    "SpinSystem",
    "find_molecules",
    "read_spin_systems",
    "reduced_systems",
    "spin_systems",
]
