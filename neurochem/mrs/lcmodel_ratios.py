"""LCModel's soft constraints on ratios (CHRATO) as `SoftRatio`."""

import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from neurochem.errors import InputError
from neurochem.mrs.ratios import BIG3, SoftRatio

# LCModel's own, in the order in which CHRATO counts them (order and number from memory, unchecked).
DEFAULT_CHRATO = (
    "Lip09/Lip13* = .267 +- .1", "Lip20/Lip13* = .15 +- .07", "MM20/MM09 = 1.5 +- .375", "MM12/MM09 = .3 +- .1",
    "MM14/MM09 = .75 +- .45", "MM17/MM09 = .375 +- .3", "-CrCH2/totCr = .1 +- .25", "Asp/Big3 = .05 +- .05",
    "GABA/Big3 = .03 +- .03", "Glc/Big3 = .03 +- .03", "Scyllo/Big3 = .01 +- .01", "Tau/Big3 = .05 +- .05",
)  # fmt: skip
_SUMS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "big3": BIG3,
    "totnaa": {"NAA": 1.0, "NAAG": 1.0, "tNAA": 1.0},
    "totcr": {"Cr": 1.0, "PCr": 1.0, "tCr": 1.0},
    "totcho": {"GPC": 1.0, "PCh": 1.0, "Cho": 1.0, "tCho": 1.0},
    "lip13*": {"Lip13a": 1.0, "Lip13b": 1.0},
})  # fmt: skip
# What LCModel calls Scyllo has two more names in basis sets.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({"scyllo": ("Scyllo", "sIns", "sI")})
_SIMULATED = re.compile(r"(mm\d|lip\d|-crch2)", re.IGNORECASE)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[ed][-+]?\d+)?"
_CHRATO = re.compile(
    rf"\s*(?P<top>[^/\s]+)\s*/\s*(?P<bottom>[^=]+?)\s*=\s*(?P<mean>{_NUMBER})\s*\+-\s*(?P<sd>{_NUMBER})\s*(?P<rest>.*)",
    re.IGNORECASE,
)
_TERM = re.compile(r"(?:(?P<weight>\d+\.?\d*|\.\d+)\s*\*\s*)?(?P<name>-?[A-Za-z][\w-]*\*?)")


def is_simulated(name: str) -> bool:
    """Say whether LCModel makes an element by itself: macromolecules, lipids and -CrCH2, by their names."""
    return _SIMULATED.match(name) is not None


def parse_chrato(text: str) -> SoftRatio:
    """Return the soft ratio that one CHRATO string states.

    Parameters
    ----------
    text : str
        "NAME/REFERENCE = mean +- sd".  The reference is an element, Big3, totNAA, totCr, totCho, Lip13*, or a sum such as
        "Gln+GSH" or "NAA+3*GPC", in brackets or not.

    Raises
    ------
    InputError
        If the string cannot be read, has an sd that is not positive, or a "+WT=" clause, which has no counterpart.

    Examples
    --------
    >>> parse_chrato("GABA/totCr = .2 +- .1").mean
    0.2
    """
    found = _CHRATO.fullmatch(text)
    if found is None or found["rest"].strip():
        why = "weights after the sd (+WT=) have no counterpart" if found else "it does not read so"
        msg = f"CHRATO is {text!r}: {why}; write 'NAME/REFERENCE = mean +- sd', for example 'GABA/Big3 = .03 +- .03'."
        raise InputError(msg)
    mean, sd = (float(re.sub("d", "e", found[key], flags=re.IGNORECASE)) for key in ("mean", "sd"))
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0.0):
        msg = f"CHRATO is {text!r}: the sd is {sd:g}; it must be positive. A fixed ratio is an sd of a hundredth of the mean."
        raise InputError(msg)
    return SoftRatio(found["top"], mean, sd, MappingProxyType(_references(found["bottom"], text)))


def _references(bottom: str, text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in bottom.strip().removeprefix("(").removesuffix(")").split("+"):
        term = _TERM.fullmatch(part.strip())
        if term is None:
            msg = f"CHRATO is {text!r}: cannot read {part.strip()!r}; the reference is a sum of elements, such as NAA+3*GPC."
            raise InputError(msg)
        weight, name = float(term["weight"] or 1.0), term["name"]
        if name.endswith("*") and name.casefold() not in _SUMS:
            msg = (
                f"CHRATO is {text!r}: {name} stands for several elements; only Lip13* is known. Name each, joined by +."
            )
            raise InputError(msg)
        for key, share in _SUMS.get(name.casefold(), {name: 1.0}).items():
            weights[key] = weights.get(key, 0.0) + weight * share
    return weights


def listed_ratios(
    chrato: Mapping[int, str], nratio: int | None, norato: Sequence[str]
) -> tuple[tuple[str, SoftRatio], ...]:
    """Return the constraints in force, each with its string.

    Parameters
    ----------
    chrato : mapping of int to str
        Strings by place, from 1; they replace LCModel's own at that place or follow them.
    nratio : int or None
        How many count; by default LCModel's twelve, or up to the last place given.
    norato : sequence of str
        Elements whose constraint is taken out again.

    Raises
    ------
    InputError
        If a place is counted that holds no string, or a string cannot be read.
    """
    own = dict(enumerate(DEFAULT_CHRATO, start=1))
    slots = own | dict(chrato)
    count = max(len(own), *chrato, 0) if nratio is None else nratio
    if count < 0:
        msg = f"NRATIO is {count}; it must be zero or positive. Give 0 for no soft ratio."
        raise InputError(msg)
    missing = [place for place in range(1, count + 1) if place not in slots]
    if missing:
        msg = f"NRATIO is {count}, but CHRATO({missing[0]}) is not given; give it, or a smaller NRATIO."
        raise InputError(msg)
    out = {name.casefold() for name in norato}
    parsed = [(slots[place], parse_chrato(slots[place])) for place in range(1, count + 1)]
    return tuple((text, ratio) for text, ratio in parsed if ratio.name.casefold() not in out)


def with_other_names(ratio: SoftRatio) -> tuple[SoftRatio, ...]:
    """Return the ratio for each name that basis sets give its element; a ratio of an absent element does nothing."""
    names = _OTHER_NAMES.get(ratio.name.casefold(), (ratio.name,))
    return tuple(SoftRatio(name, ratio.mean, ratio.sd, ratio.references) for name in names)
