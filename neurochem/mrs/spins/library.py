"""The spin systems that come with the package, found by name or alias."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.spins.molecule import Molecule
from neurochem.mrs.spins.reading import parse_spin_systems, read_spin_systems

_REMEDY = (
    "Totals such as tCho, tCr, tNAA or Glx are sums: name their members. "
    "Add molecules of your own with systems=... (a TOML file)."
)
# What a short-echo basis of brain holds by default.
DEFAULT_METABOLITES = (
    "Ala", "Asc", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "Gly", "GPC", "GSH", "Ins", "Lac", "NAA", "NAAG", "PCh",
    "PCr", "PE", "sIns", "Tau",
)  # fmt: skip


@lru_cache(maxsize=2)
def _shipped(room_temperature: bool) -> Mapping[str, Molecule]:
    text = resources.files("neurochem.mrs.spins").joinpath("metabolites.toml").read_text(encoding="utf-8")
    return MappingProxyType(
        parse_spin_systems(text, where="metabolites.toml of the package", room_temperature=room_temperature)
    )


@checked_arguments
def spin_systems(*, room_temperature: bool = False) -> Mapping[str, Molecule]:
    """Return the spin systems of the package by name.

    Parameters
    ----------
    room_temperature : bool
        Values for phantoms near 20 C where the table has some (Glu, NAA, Lac, Ins, water): `Molecule.room_temperature`
        then says where they come from, and is empty for molecules whose values are those of 37 C.

    Returns
    -------
    mapping of str to Molecule
        Read-only, in the order of the table.

    Notes
    -----
    Shifts are relative to DSS.  `Molecule.confidence` says how many tables agree on every number; "unchecked" marks
    numbers that were written from memory (DSS chain, TSP, formate).

    Examples
    --------
    >>> from neurochem.mrs.spins import spin_systems
    >>> spin_systems()["NAA"].proton_count
    6.0
    """
    return _shipped(bool(room_temperature))


def find_molecules(
    names: Iterable[str],
    *,
    systems: str | Path | Mapping[str, Molecule] | None = None,
    room_temperature: bool = False,
) -> dict[str, Molecule]:
    """Return the molecules of some names or aliases, found without regard to case.

    Parameters
    ----------
    names : iterable of str
        What is wanted; the keys of the result.
    systems : str, Path or mapping of str to Molecule, optional
        A TOML file or what `read_spin_systems` returned; its molecules come before those of the package.
    room_temperature : bool
        Values for phantoms.

    Returns
    -------
    dict of str to Molecule
        In the order given.

    Raises
    ------
    UnknownNameError
        If a name is unknown.
    InputError
        If two names mean the same molecule.
    """
    if isinstance(systems, str | Path):
        systems = read_spin_systems(systems, room_temperature=room_temperature)
    known = {**_shipped(bool(room_temperature)), **(systems or {})}
    lookup: dict[str, str] = {}
    for table in (_shipped(bool(room_temperature)), systems or {}):
        # a later table's alias never hides another molecule's own name
        lookup |= {alias.casefold(): name for name, molecule in table.items() for alias in molecule.aliases}
    lookup |= {name.casefold(): name for name in known}
    found: dict[str, Molecule] = {}
    taken: dict[str, str] = {}
    for name in names:
        key = lookup.get(str(name).casefold())
        if key is None:
            raise unknown_name(name, known, kind="metabolite", remedy=_REMEDY)
        if key in taken:
            msg = f"metabolites '{taken[key]}' and '{name}' are the same molecule ({key}); name each molecule once."
            raise InputError(msg)
        taken[key] = name
        found[name] = known[key]
    return found
