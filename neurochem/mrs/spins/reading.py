"""Spin systems from TOML, ours and the user's."""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, MissingFileError, unknown_name
from neurochem.mrs.spins.molecule import HETERO_SPINS, Group, Hetero, Molecule, Part

_MOLECULE_FIELDS = (
    "full_name", "aliases", "source", "confidence", "note", "parts", "groups", "couplings", "hetero", "room_temperature",
)  # fmt: skip
_PART_FIELDS = ("label", "scale", "groups", "couplings", "hetero")
_GROUP_FIELDS = ("name", "ppm", "protons", "exchangeable")
_HETERO_FIELDS = ("nucleus", "couplings")
_VARIANT_FIELDS = ("source", "shifts", "couplings")
_CONFIDENCE = ("high", "medium", "low", "unchecked")


@checked_arguments
def read_spin_systems(path: str | Path, *, room_temperature: bool = False) -> dict[str, Molecule]:
    """Read spin systems from a TOML file.

    Parameters
    ----------
    path : str or Path
        The file.
    room_temperature : bool
        Apply the `room_temperature` table of each molecule that has one.

    Returns
    -------
    dict of str to Molecule
        By name, in the order of the file.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        If it is not TOML, or a field is missing, unknown or cannot mean anything; the message names file, molecule and
        field.

    Examples
    --------
    A file holds one table a molecule; `parts` may be left out where there is one:

    .. code-block:: toml

        [MyLactate]
        source = "measured in my phantom"
        groups = [{ name = "2-CH", ppm = 4.10 }, { name = "3-CH3", ppm = 1.31, protons = 3 }]
        couplings = [["2-CH", "3-CH3", 6.9]]
    """
    file = Path(path)
    if not file.is_file():
        msg = f"{file}: file of spin systems does not exist. Check the path."
        raise MissingFileError(msg)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"{file}: not UTF-8 text ({error}). Save the file as UTF-8."
        raise FileFormatError(msg) from error
    return parse_spin_systems(text, where=str(file), room_temperature=room_temperature)


def parse_spin_systems(text: str, *, where: str, room_temperature: bool = False) -> dict[str, Molecule]:
    """Return the molecules of a TOML text; `where` names it in messages.  See `read_spin_systems`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{where}: not valid TOML ({error}). Mend that line."
        raise FileFormatError(msg) from error
    return {
        name: _molecule(name, table, f"{where}, molecule {name}", room_temperature) for name, table in tables.items()
    }


def _fail(where: str, field: str, value: object, allowed: str) -> FileFormatError:
    return FileFormatError(f"{where}: {field} is {value!r}; it must be {allowed}. Correct it in the file.")


def _table(value: object, fields: tuple[str, ...], where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _fail(where, "the entry", value, f"a table with {', '.join(fields)}")
    for key in value:
        if key not in fields:
            msg = f"{where}: {unknown_name(key, fields, kind='field')}"
            raise FileFormatError(msg)
    return value


def _number(value: object, where: str, field: str, *, positive: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _fail(where, field, value, "a number")
    if positive and value <= 0:
        raise _fail(where, field, value, "a positive number")
    return float(value)


def _text(value: object, where: str, field: str) -> str:
    if not isinstance(value, str):
        raise _fail(where, field, value, "text in quotes")
    return value


def _list(value: object, where: str, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise _fail(where, field, value, "a list")
    return value


def _molecule(name: str, value: object, where: str, room_temperature: bool) -> Molecule:
    table = _table(value, _MOLECULE_FIELDS, where)
    if "parts" in table and any(key in table for key in ("groups", "couplings", "hetero")):
        raise _fail(where, "parts", "given beside groups, couplings or hetero", "the only place of those fields")
    tables = _list(table["parts"], where, "parts") if "parts" in table else [
        {key: table[key] for key in ("groups", "couplings", "hetero") if key in table}
    ]  # fmt: skip
    variant = _variant(table, where)
    changes = variant if room_temperature else {}
    parts = [_part(entry, f"{where}, part {index + 1}", changes) for index, entry in enumerate(tables)]
    _check_names(parts, variant, where)
    confidence = _text(table.get("confidence", "unchecked"), where, "confidence")
    if confidence not in _CONFIDENCE:
        raise _fail(where, "confidence", confidence, f"one of {', '.join(_CONFIDENCE)}")
    texts = {key: _text(table.get(key, ""), where, key) for key in ("full_name", "source", "note")}
    return Molecule(
        name,
        parts,
        aliases=[_text(alias, where, "aliases") for alias in _list(table.get("aliases", []), where, "aliases")],
        confidence=confidence,
        room_temperature=str(changes.get("source", "")),
        **texts,
    )


def _variant(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the room-temperature changes as source, shifts by group and couplings by pair."""
    if "room_temperature" not in table:
        return {}
    place = f"{where}, room_temperature"
    variant = _table(table["room_temperature"], _VARIANT_FIELDS, place)
    shifts = variant.get("shifts", {})
    if not isinstance(shifts, dict):
        raise _fail(place, "shifts", shifts, "a table of group = ppm")
    return {
        "source": _text(variant.get("source", "given in the file"), place, "source"),
        "shifts": {key: _number(value, place, f"shift of {key}") for key, value in shifts.items()},
        "couplings": {
            frozenset((first, second)): value
            for first, second, value in _pairs(_list(variant.get("couplings", []), place, "couplings"), place)
        },
    }


def _pairs(entries: list[Any], where: str) -> list[tuple[str, str, float]]:
    pairs = []
    for entry in entries:
        if not (isinstance(entry, list) and len(entry) == 3):
            raise _fail(where, "an entry of couplings", entry, 'three values such as ["2-CH", "3-CH3", 6.9]')
        first, second = (_text(entry[i], where, "group of a coupling") for i in (0, 1))
        if first == second:
            raise _fail(where, "an entry of couplings", entry, "between two different groups")
        pairs.append((first, second, _number(entry[2], where, f"coupling of {first} and {second}")))
    return pairs


def _part(value: object, where: str, variant: Mapping[str, Any]) -> Part:
    table = _table(value, _PART_FIELDS, where)
    entries = _list(table.get("groups", []), where, "groups")
    if not entries:
        raise _fail(where, "groups", entries, "at least one group with name and ppm")
    groups = [_group(entry, where, variant.get("shifts", {})) for entry in entries]
    names = [group.name for group in groups]
    matrix = np.zeros((len(groups), len(groups)))
    for first, second, given in _pairs(_list(table.get("couplings", []), where, "couplings"), where):
        row, column = (_index(name, names, where) for name in (first, second))
        if matrix[row, column]:
            raise _fail(where, f"coupling of {first} and {second}", given, "given once")
        coupling = variant.get("couplings", {}).get(frozenset((first, second)), given)
        matrix[row, column] = matrix[column, row] = coupling
    hetero = [_hetero(entry, names, where) for entry in _list(table.get("hetero", []), where, "hetero")]
    scale = _number(table.get("scale", 1.0), where, "scale", positive=True)
    return Part(_text(table.get("label", ""), where, "label"), groups, matrix, scale, hetero)


def _index(name: str, names: list[str], where: str) -> int:
    if name not in names:
        msg = f"{where}: {unknown_name(name, names, kind='group of protons')}"
        raise FileFormatError(msg)
    return names.index(name)


def _group(value: object, where: str, shifts: Mapping[str, float]) -> Group:
    table = _table(value, _GROUP_FIELDS, where)
    for field in ("name", "ppm"):
        if field not in table:
            raise _fail(where, field, "missing", "given for each group")
    name = _text(table["name"], where, "name")
    place = f"{where}, group {name}"
    ppm = _number(table["ppm"], place, "ppm")
    if not -5.0 <= ppm <= 20.0:
        raise _fail(place, "ppm", ppm, "between -5 and 20 ppm (a chemical shift, not a frequency)")
    protons = table.get("protons", 1)
    if isinstance(protons, bool) or not isinstance(protons, int) or not 1 <= protons <= 18:
        raise _fail(place, "protons", protons, "a whole number from 1 to 18")
    exchangeable = table.get("exchangeable", False)
    if not isinstance(exchangeable, bool):
        raise _fail(place, "exchangeable", exchangeable, "true or false")
    return Group(name, shifts.get(name, ppm), protons, exchangeable)


def _hetero(value: object, names: list[str], where: str) -> Hetero:
    table = _table(value, _HETERO_FIELDS, f"{where}, hetero")
    nucleus = table.get("nucleus", "missing")
    if nucleus not in HETERO_SPINS:
        raise _fail(where, "nucleus of hetero", nucleus, f"one of {', '.join(HETERO_SPINS)}")
    couplings = table.get("couplings", {})
    if not isinstance(couplings, dict) or not couplings:
        raise _fail(where, "couplings of hetero", couplings, "a table of group = Hz")
    values = [0.0] * len(names)
    for name, coupling in couplings.items():
        values[_index(name, names, where)] = _number(coupling, where, f"{nucleus} coupling of {name}")
    return Hetero(nucleus, tuple(values))


def _check_names(parts: list[Part], variant: Mapping[str, Any], where: str) -> None:
    """Refuse names that occur twice and changes at room temperature of what is not there."""
    names = [group.name for part in parts for group in part.groups]
    for name in names:
        if names.count(name) > 1:
            raise _fail(where, "name of a group", name, "distinct within the molecule")
    changed = [*variant.get("shifts", {}), *(name for pair in variant.get("couplings", {}) for name in sorted(pair))]
    for name in changed:
        _index(name, names, f"{where}, room_temperature")
