"""What values of LCModel's control parameters become."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurochem.errors import InputError
from neurochem.mrs.lcmodel_ratios import DEFAULT_CHRATO, is_simulated, listed_ratios, parse_chrato, with_other_names
from neurochem.mrs.options import FitOptions
from neurochem.mrs.ratios import SoftRatio

# LCModel's least spacing of knots (ppm); up to it the data choose the baseline, as they do there.
DEFAULT_KNOTS_PPM = 0.15
# From this sd (degrees) on a phase is free for all that matters.
FREE_PHASE_DEG = 180.0
_LIPIDS = frozenset({"lip13a", "lip13b", "lip09", "lip20"})
_MACROMOLECULES = frozenset({"mm09", "mm12", "mm14", "mm17", "mm20"})
_SIMULATED = _LIPIDS | _MACROMOLECULES | {"-crch2"}


@dataclass(slots=True)
class Translation:
    """Options, and notes (status, text) on parameters of which there is more to say than the table of parameters does."""

    options: dict[str, Any] = field(default_factory=dict)
    omit: tuple[str, ...] = ()
    table: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    header: dict[str, float] = field(default_factory=dict)
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Given:
    """Values by name and place, checked for their kind when asked for."""

    values: Mapping[str, Mapping[int, Any]]
    label: str

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def refuse(self, name: str, value: Any, wanted: str) -> InputError:
        """Return the error for a value that is not what a parameter takes."""
        return InputError(f"{self.label}: {name.upper()} is {value!r}; it must be {wanted}.")

    def one(self, name: str) -> Any:
        """Return the only value, None where there is none."""
        places = self.values.get(name)
        # a name without a value leaves the default, as in Fortran
        if not places:
            return None
        if set(places) != {1}:
            raise self.refuse(name, tuple(places.values()), "one value")
        return places[1]

    def number(self, name: str, *, positive: bool = False) -> float | None:
        """Return a finite number."""
        value = self.one(name)
        if value is None:
            return None
        numeric = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not numeric or (positive and value <= 0):
            raise self.refuse(name, value, "a positive number" if positive else "a number")
        return float(value)

    def count(self, name: str) -> int | None:
        """Return a number of things."""
        value = self.number(name)
        if value is not None and (value < 0 or value != int(value)):
            raise self.refuse(name, self.one(name), "a whole number, zero or more")
        return None if value is None else int(value)

    def truth(self, name: str) -> bool | None:
        """Return a truth value."""
        value = self.one(name)
        if value is not None and not isinstance(value, bool):
            raise self.refuse(name, value, "T or F")
        return value

    def text(self, name: str) -> str | None:
        """Return a text that is not empty."""
        value = self.one(name)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.refuse(name, value, "a text in quotes")
        return value

    def texts(self, name: str) -> dict[int, str]:
        """Return texts by place."""
        places = dict(self.values.get(name, {}))
        for value in places.values():
            if not isinstance(value, str) or not value:
                raise self.refuse(name, value, "a text in quotes")
        return places

    def counted(self, name: str, counter: str) -> tuple[str, ...]:
        """Return the texts that a counter counts, all where it is missing."""
        places, count = self.texts(name), self.count(counter)
        if count is None:
            return tuple(places[place] for place in sorted(places))
        missing = [place for place in range(1, count + 1) if place not in places]
        if missing:
            what = f"not given, but {counter.upper()} is {count}"
            msg = f"{self.label}: {name.upper()}({missing[0]}) is {what}; give it, or a smaller {counter.upper()}."
            raise InputError(msg)
        return tuple(places[place] for place in range(1, count + 1))


def translate(values: Mapping[str, Mapping[int, Any]], label: str, folder: Path | None) -> Translation:
    """Return what the parameters become.

    Parameters
    ----------
    values : mapping of str to mapping of int to value
        By lower-case name and place.
    label : str
        Where they come from, for messages.
    folder : Path or None
        What names of files are relative to.

    Raises
    ------
    InputError
        If a value is not of the kind that its parameter takes.
    """
    given, done = _Given(values, label), Translation()
    for step in (_window, _baseline, _elements, _ratios, _phase, _table, _header):
        step(given, done)
    for name, key in (("filbas", "basis"), ("filraw", "data"), ("filh2o", "water")):
        file = given.text(name)
        if file is not None:
            done.files[key] = Path(file) if folder is None else folder / file
    return done


def _window(given: _Given, done: Translation) -> None:
    low, high = given.number("ppmend"), given.number("ppmst")
    if low is None and high is None:
        return
    own = FitOptions().ppm
    window = (own[0] if low is None else low, own[1] if high is None else high)
    if not window[0] < window[1]:
        msg = f"{given.label}: PPMEND is {window[0]:g} and PPMST {window[1]:g}; PPMST is the upper edge. Exchange them."
        raise InputError(msg)
    done.options["ppm"] = window
    for name in ("ppmst", "ppmend"):
        done.notes[name] = ("option", f"ppm={window}")


def _baseline(given: _Given, done: Translation) -> None:
    knots, nobase = given.number("dkntmn", positive=True), given.truth("nobase")
    if nobase:
        done.options["baseline"] = "none"
        done.notes["nobase"] = ("option", "baseline='none'")
        done.notes["dkntmn"] = ("same", "there is no baseline (NOBASE)")
    elif nobase is False:
        done.notes["nobase"] = ("same", "a baseline is fitted")
    if knots is None or nobase:
        return
    if knots <= DEFAULT_KNOTS_PPM:
        done.notes["dkntmn"] = ("same", "baseline_dimension_per_ppm=None: the data choose, up to 7 a ppm")
        return
    done.options["baseline_dimension_per_ppm"] = 1.0 / knots
    done.notes["dkntmn"] = (
        "option",
        f"baseline_dimension_per_ppm={1.0 / knots:.4g}: the most flexible baseline there, the effective dimension itself here",
    )


def _elements(given: _Given, done: Translation) -> None:
    """Choose macromolecules and lipids (NSIMUL, CHOMIT), and what is left out of the basis."""
    simulated, omitted = given.count("nsimul"), given.counted("chomit", "nomit")
    if simulated == 0:
        done.options |= {"macromolecules": None, "lipids": None}
        done.notes["nsimul"] = ("option", "macromolecules=None, lipids=None")
    elif simulated is not None:
        done.options["macromolecules"] = "LCModel"
        done.notes["nsimul"] = ("option", "macromolecules='LCModel', the whole set of simulated elements")
    done.omit = omitted
    if not omitted or simulated == 0:
        return
    out = {name.casefold() for name in omitted}
    switched = []
    if out >= _MACROMOLECULES:
        done.options["macromolecules"] = None
        switched.append("macromolecules=None")
    # without a set of macromolecules, lipids are a choice of their own
    whole = done.options.get("macromolecules") == "LCModel"
    if out >= _LIPIDS and not whole:
        done.options["lipids"] = None
        switched.append("lipids=None")
    taken = (_MACROMOLECULES if out >= _MACROMOLECULES else frozenset()) | (
        _LIPIDS if out >= _LIPIDS and not whole else frozenset()
    )
    left = sorted(name for name in omitted if name.casefold() in (out & _SIMULATED) - taken - {"-crch2"})
    text = ", ".join([f"omit={omitted}", *switched])
    if left:
        text += f"; {', '.join(left)}: left out of the basis, but added elements come and go as whole groups"
    done.notes["chomit"] = ("none" if left else "basis", text)


def _ratios(given: _Given, done: Translation) -> None:
    if not {"nratio", "chrato", "nnorat", "norato"} & set(given.values):
        return
    chrato, removed = given.texts("chrato"), given.counted("norato", "nnorat")
    listed = listed_ratios(chrato, given.count("nratio"), removed)
    own = {ratio.name: ratio for ratio in map(parse_chrato, DEFAULT_CHRATO) if is_simulated(ratio.name)}
    bare = done.options.get("macromolecules", "") is None
    kept: list[SoftRatio] = []
    for _, ratio in listed:
        # the set of macromolecules brings its own ratios, on its own scale
        if not is_simulated(ratio.name) or bare or own.get(ratio.name) != ratio:
            kept += with_other_names(ratio)
    done.options["ratios"] = tuple(kept) or None
    if any(is_simulated(ratio.name) for ratio in kept) and not bare:
        done.options["macromolecules"] = "LCModel"
    stated = "; ".join(f"{ratio.name} {ratio.mean:g} +- {ratio.sd:g}" for ratio in kept)
    for name in ("nratio", "chrato"):
        done.notes[name] = ("option", f"ratios: {stated}" if kept else "ratios=None")
    held = [name for name in removed if is_simulated(name) and not bare]
    if held:
        why = f"the ratio of {', '.join(held)} comes with the macromolecules and stays; others are taken out"
        done.notes["norato"] = ("none", why)


def _phase(given: _Given, done: Translation) -> None:
    spread = given.number("sddegz")
    if spread is not None and spread < FREE_PHASE_DEG:
        done.notes["sddegz"] = ("none", "zero-order phase is free and takes no prior; phase the data first")


def _table(given: _Given, done: Translation) -> None:
    reference, totals = given.text("namrel"), given.counted("chcomb", "ncombi")
    if reference is not None:
        done.table["reference"] = reference
    if totals or given.count("ncombi") == 0:
        done.table["totals"] = totals


def _header(given: _Given, done: Translation) -> None:
    scales = {"deltat": ("dwell_s", 1.0), "hzpppm": ("larmor_mhz", 1.0), "echot": ("echo_time_s", 1e-3)}
    for name, (key, scale) in scales.items():
        value = given.number(name, positive=True)
        if value is not None:
            done.header[key] = scale * value
    points = given.count("nunfil")
    if points is not None:
        done.header["points"] = points
