"""What is known of each tracer, and the analysis that follows from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.decay import isotope_name
from neurochem.pet.model import MODELS
from neurochem.pet.tracer_table import Tracer, known_tracers, plain_name, search_key, tracers_by_key
from neurochem.quality import Flag

_LABEL = re.compile(r"^\s*\[?\s*(11-?c|c-?11|18-?f|f-?18)\s*\]?[\s_-]*", re.IGNORECASE)
_SIDES = frozenset({"left", "right", "lh", "rh", "l", "r"})


@dataclass(frozen=True, eq=False)
class Choice:
    """An analysis for one tracer and one scan.

    Attributes
    ----------
    tracer : Tracer
        The tracer.
    model : str
        Name of the model.
    reference : str or None
        Reference region ("reference" for a curve that was given); None for a model with blood.
    options : mapping
        Options of `fit`: k2prime (1/min), t_star_s (s).
    notes : tuple of str
        What was chosen and why, one sentence each.
    caveats : tuple of Flag
        Flags that every region must carry.
    regional : mapping of str to tuple of Flag
        Further flags by region.
    """

    tracer: Tracer
    model: str
    reference: str | None
    options: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    caveats: tuple[Flag, ...] = ()
    regional: Mapping[str, tuple[Flag, ...]] = field(default_factory=dict)

    def flags(self, region: str) -> tuple[Flag, ...]:
        """Return every flag that the fit of a region must carry."""
        return (*self.caveats, *self.regional.get(region, ()))


@checked_arguments
def tracer(name: str) -> Tracer:
    """Return what is known of a tracer.

    Parameters
    ----------
    name : str
        Name or alias, with or without its label, in any case: "DASB", "[11C]DASB", "11C-dasb".

    Raises
    ------
    UnknownNameError
        If the tracer is not in the table.
    InputError
        If the name carries another label than the tracer's.

    Examples
    --------
    >>> tracer("[11C]dasb").target
    'SERT'
    """
    table = tracers_by_key()
    label = _LABEL.match(str(name))
    bare = str(name)[label.end() :] if label else str(name)
    found = table.get(search_key(bare))
    if found is None:
        remedy = "Give model= and reference= yourself for a tracer that is not listed."
        raise unknown_name(bare, [item.name for item in known_tracers()], kind="tracer", remedy=remedy)
    if label and isotope_name(label.group(1)) != found.isotope:
        msg = (
            f"tracer '{name}' is labelled {isotope_name(label.group(1))}, but {found.name} in the table is {found.isotope}; "
            "check TracerName and TracerRadionuclide, or give the name alone"
        )
        raise InputError(msg)
    return found


def tracers() -> list[dict[str, Any]]:
    """Return one record a tracer, in the order of the table."""
    return [
        {
            "name": item.name, "isotope": item.isotope, "target": item.target, "system": item.system,
            "reference": item.reference, "models": (*item.models_reference, *item.models_blood),
            "scan_min": item.scan_min, "k2prime": item.k2prime, "t_star_min": item.t_star_min,
            "caveats": tuple(caveat.text for caveat in item.caveats), "source": item.source, "checked": item.checked,
        }
        for item in known_tracers()
    ]  # fmt: skip


@checked_arguments
def choose(
    tracer_or_name: Tracer | str,
    regions: Sequence[str],
    has_blood: bool,
    *,
    model: str | None = None,
    reference: object = None,
    scan_min: float | None = None,
    isotope: str | None = None,
) -> Choice:
    """Choose model, reference region and options for a tracer from what a scan offers.

    Parameters
    ----------
    tracer_or_name : Tracer or str
        The tracer.
    regions : sequence of str
        Names of the regions that have curves.
    has_blood : bool
        Whether there is an arterial input.
    model, reference : str, optional
        Taken as given; only the rest is chosen. A reference that is not a name (frame values, a curve) counts as there.
    scan_min : float, optional
        End of the scan in minutes; a scan shorter than usual is flagged.
    isotope : str, optional
        Isotope of the scan, checked against the tracer's.

    Returns
    -------
    Choice
        With a note for every choice, and flags that the fits must carry.

    Raises
    ------
    InputError
        If neither a reference region nor blood allows a recommended model, or isotope and tracer disagree.
    UnknownNameError
        If a given model or reference is not known.

    Notes
    -----
    Of the recommended models the first is taken that is installed and whose needs are met; one that needs more than a
    k2' (the window of an equilibrium) is chosen only with `model=`. A k2' is the middle of the published range, which is
    flagged: one that is 20 % wrong moves a BPND of 2 by about 0.1. The published start of the linear part goes to models
    that have one.
    """
    item = tracer(tracer_or_name) if isinstance(tracer_or_name, str) else tracer_or_name
    _check_isotope(item, isotope)
    region, notes = _reference(item, regions, reference)
    name, reason = _model(item, region, has_blood, model)
    kinetic = MODELS[name]
    notes = (reason, *(notes if kinetic.inputs == "reference" else ()))
    if kinetic.inputs == "reference" and region is None:
        msg = (
            f"{name} needs a reference region, for {item.name} {item.reference}; none of {', '.join(regions)} is one. "
            "Give reference=."
        )
        raise InputError(msg)
    region = region if kinetic.inputs == "reference" else None
    options, more, flags = _options(item, name)
    flags = (*flags, *_length_flag(item, scan_min))
    shared = tuple(Flag("tracer", c.text, c.severity) for c in item.caveats if not c.regional)
    regional = {
        target: tuple(
            Flag("tracer_region", f"{target}: {caveat.text}", caveat.severity)
            for caveat in item.caveats
            if caveat.regional and caveat.concerns(target)
        )
        for target in regions
        if target != region
    }
    return Choice(item, name, region, options, (*notes, *more), (*flags, *shared), regional)


def _check_isotope(item: Tracer, isotope: str | None) -> None:
    if isotope is not None and isotope_name(isotope) != item.isotope:
        msg = (
            f"the scan's isotope is {isotope_name(isotope)}, but {item.name} carries {item.isotope}; "
            "check TracerName and TracerRadionuclide in the sidecar"
        )
        raise InputError(msg)


def _reference(item: Tracer, regions: Sequence[str], given: object) -> tuple[str | None, tuple[str, ...]]:
    """Return the reference region, the given one or the best that a name allows."""
    if given is not None and not isinstance(given, str):
        return "reference", ("reference curve as given",)
    if given is not None:
        if given not in regions:
            raise unknown_name(given, regions, kind="region")
        return given, (f"reference '{given}' as given",)
    for rank, pattern in enumerate(item.reference_regions):
        found = [name for name in regions if _matches(pattern, name)]
        whole = [name for name in found if not _SIDES & set(re.split(r"[^a-z]+", name.casefold()))]
        if len(whole) > 1 or (found and not whole):
            msg = (
                f"several regions could be the reference of {item.name} ({item.reference}): {', '.join(found)}. "
                "Give reference=, or average them into one region first."
            )
            raise InputError(msg)
        if whole:
            second = (
                "" if rank == 0 else f"; the first choice for {item.name}, {item.reference}, is not among the names"
            )
            return whole[0], (f"reference '{whole[0]}' ({item.reference}){second}",)
    return None, ()


def _model(item: Tracer, region: str | None, has_blood: bool, given: str | None) -> tuple[str, str]:
    """Return the model and why."""
    if given is not None:
        return MODELS.entry(given).name, f"model {MODELS.entry(given).name} as given"
    lists = {"reference": item.models_reference if region is not None else (), "blood": item.models_blood * has_blood}
    other = "blood" if item.prefer == "reference" else "reference"
    for kind in (item.prefer, other):
        for name in lists[kind]:
            if _possible(item, name):
                best = (
                    "" if kind == item.prefer else f"; {item.prefer} input is preferred for {item.name} but not there"
                )
                return MODELS.entry(name).name, f"model {MODELS.entry(name).name}, recommended for {item.name}{best}"
    msg = (
        f"no recommended model of {item.name} is possible with {f'reference {region}' if region else 'no reference region'} "
        f"and {'an' if has_blood else 'no'} arterial input. Reference region: {item.reference}. With blood: "
        f"{', '.join(item.models_blood) or 'none'}; with a reference: {', '.join(item.models_reference) or 'none'}. "
        "Give reference=, blood= or model=."
    )
    raise InputError(msg)


def _possible(item: Tracer, model: str) -> bool:
    """Say whether a model is installed and needs nothing that only the user can give."""
    if model not in MODELS:
        return False
    given = {"reference", "blood"} | ({"k2prime"} if item.k2prime is not None else set())
    return set(MODELS.entry(model).needs) <= given


def _options(item: Tracer, model: str) -> tuple[dict[str, float], tuple[str, ...], tuple[Flag, ...]]:
    """Return published k2' and t* where the model wants them, with notes and flags."""
    kinetic = MODELS[model]
    options: dict[str, float] = {}
    notes: list[str] = []
    flags: list[Flag] = []
    if "k2prime" in MODELS.entry(model).needs and item.k2prime is not None:
        low, high = item.k2prime
        options["k2prime"] = 0.5 * (low + high)
        message = f"k2' {options['k2prime']:g} 1/min is a published value ({item.k2prime_source}), not this scan's"
        notes.append(message)
        flags.append(Flag("population_k2prime", message, "warning"))
    if (
        item.t_star_min is not None
        and "t_star_s" in kinetic.options
        and not getattr(kinetic, "linear_from_start", True)
    ):
        options["t_star_s"] = 60.0 * item.t_star_min
        notes.append(f"t* {item.t_star_min:g} min ({item.t_star_source}); look at a scan of t* too")
    return options, tuple(notes), tuple(flags)


def _length_flag(item: Tracer, scan_min: float | None) -> tuple[Flag, ...]:
    if scan_min is None or scan_min >= item.scan_min[0] - 0.5:
        return ()
    message = (
        f"the scan ends at {scan_min:g} min; {item.name} is usually scanned for {item.scan_min[0]:g} min or longer"
    )
    return (Flag("short_scan", message, "warning"),)


def _matches(pattern: str, name: str) -> bool:
    """Say whether a name holds every wanted part and none of the unwanted."""
    text = plain_name(name)
    wanted, *unwanted = pattern.split(" -")
    return all(part in text for part in wanted.split("+")) and not any(part in text for part in unwanted)
