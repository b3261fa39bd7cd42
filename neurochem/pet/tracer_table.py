"""The table of tracers: what is known of each, read once from the package's own file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurochem.pet.tracers import Choice


@dataclass(frozen=True, slots=True)
class Caveat:
    """A sentence that a reader of the result needs.

    Attributes
    ----------
    text : str
        The sentence.
    severity : str
        "info" or "warning".
    inside, outside : tuple of str
        Parts of region names: the caveat concerns regions that hold one of `inside`, or none of `outside`; the whole
        scan where both are empty.
    """

    text: str
    severity: str
    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    @property
    def regional(self) -> bool:
        """Whether it concerns some regions only."""
        return bool(self.inside or self.outside)

    def concerns(self, region: str) -> bool:
        """Say whether it concerns a region of this name."""
        name = plain_name(region)
        if self.inside:
            return any(part in name for part in self.inside)
        return not any(part in name for part in self.outside)


@dataclass(frozen=True, slots=True)
class Tracer:
    """One tracer.

    Attributes
    ----------
    name, isotope : str
        Name without the label, and "C11" or "F18".
    aliases : tuple of str
        Other spellings.
    target, system : str
        What it binds to, and the system that belongs to.
    reference : str
        Reference region in words.
    reference_regions : tuple of str
        How to find it, best first: parts a name must hold joined by "+", parts it must not hold after "-".
    models_reference, models_blood : tuple of str
        Recommended models, best first.
    prefer : str
        "reference" or "blood": which of them when both are possible.
    scan_min : (float, float)
        Usual length of the scan in minutes.
    k2prime : (float, float) or None
        Published k2' in 1/min, low and high.
    t_star_min : float or None
        Usual start of the linear part, in minutes.
    k2prime_source, t_star_source, source, checked : str
        Where numbers come from, and what of it was read in the source rather than from memory.
    caveats : tuple of Caveat
        What a reader of the result must know.
    """

    name: str
    isotope: str
    aliases: tuple[str, ...]
    target: str
    system: str
    reference: str
    reference_regions: tuple[str, ...]
    models_reference: tuple[str, ...]
    models_blood: tuple[str, ...]
    prefer: str
    scan_min: tuple[float, float]
    k2prime: tuple[float, float] | None
    k2prime_source: str
    t_star_min: float | None
    t_star_source: str
    caveats: tuple[Caveat, ...]
    source: str
    checked: str

    def __repr__(self) -> str:
        """Return label, target and reference region on one line."""
        return f"<Tracer [{self.isotope[1:]}{self.isotope[0]}]{self.name}: {self.target}, reference {self.reference}>"

    def defaults(self, region_names: Sequence[str], *, has_blood: bool = False) -> "Choice":
        """Return the analysis that these regions allow; see `choose`."""
        from neurochem.pet.tracers import choose

        return choose(self, region_names, has_blood)


def plain_name(name: str) -> str:
    """Return the name of a region as names are compared."""
    return name.casefold().replace("gray", "grey")


def search_key(name: str) -> str:
    """Return the name of a tracer as names are compared: letters and digits alone."""
    return re.sub(r"[^a-z0-9]+", "", name.casefold())


@lru_cache(maxsize=1)
def tracers_by_key() -> dict[str, Tracer]:
    """Return every tracer under each of its names."""
    return {search_key(name): item for item in known_tracers() for name in (item.name, *item.aliases)}


@lru_cache(maxsize=1)
def known_tracers() -> tuple[Tracer, ...]:
    """Return the tracers in the order of the table."""
    text = resources.files("neurochem.pet").joinpath("tracers.tsv").read_text(encoding="utf-8")
    head, *rows = (line.split("\t") for line in text.splitlines())
    return tuple(_tracer(dict(zip(head, row, strict=True))) for row in rows)


def _tracer(row: Mapping[str, str]) -> Tracer:
    low = row["k2prime_low"]
    start = row["t_star_min"]
    return Tracer(
        name=row["name"],
        isotope=row["isotope"],
        aliases=_items(row["aliases"]),
        target=row["target"],
        system=row["system"],
        reference=row["reference"],
        reference_regions=_items(row["reference_regions"]),
        models_reference=_items(row["models_reference"]),
        models_blood=_items(row["models_blood"]),
        prefer=row["prefer"],
        scan_min=(float(row["scan_low_min"]), float(row["scan_high_min"])),
        k2prime=(float(low), float(row["k2prime_high"])) if low else None,
        k2prime_source=row["k2prime_source"],
        t_star_min=float(start) if start else None,
        t_star_source=row["t_star_source"],
        caveats=tuple(_caveat(text) for text in row["caveats"].split(" | ")),
        source=row["source"],
        checked=row["checked"],
    )


def _items(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(";") if part)


def _caveat(text: str) -> Caveat:
    """Return a caveat from "scope: sentence"; the scope is *, !, "in a,b" or "outside a,b"."""
    scope, _, sentence = text.partition(": ")
    kind, _, names = scope.partition(" ")
    parts = tuple(names.split(",")) if names else ()
    return Caveat(
        text=sentence,
        severity="info" if scope == "*" else "warning",
        inside=parts if kind == "in" else (),
        outside=parts if kind == "outside" else (),
    )
