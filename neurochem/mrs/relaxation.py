"""Relaxation times, from a table with sources, and the signal that they leave."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

# Field strengths (T) that the table covers, and proton frequencies (MHz) around them.
_PROTON_MHZ_PER_T = 42.577
_FIELD_TOLERANCE = 0.06
# Whose values a set takes over that does not state its own.
_BASE = "default"
_ALIASES = {
    "gaba+": "GABA", "tnaa": "NAA", "tcr": "Cr", "tcho": "GPC", "cho": "GPC", "scyllo": "sIns", "si": "sIns", "mi": "Ins",
    "m-ins": "Ins",
}  # fmt: skip


@checked_fields
@dataclass(frozen=True, slots=True)
class Times:
    """T1 and T2 in seconds, and where they come from."""

    t1_s: float
    t2_s: float
    source: str = "given"
    status: str = ""

    def __post_init__(self) -> None:
        for name, value in (("t1_s", self.t1_s), ("t2_s", self.t2_s)):
            if not (math.isfinite(value) and 0.0 < value <= 20.0):
                msg = f"relaxation time {name} is {value}; it must lie between 0 and 20 s. Give seconds, not milliseconds."
                raise InputError(msg)


@checked_fields
@dataclass(frozen=True, slots=True)
class Relaxation:
    """A set of relaxation times at one field.

    Parameters
    ----------
    name : str
        Name for the record.
    water : mapping of str to Times
        Compartments "gm", "wm" and "csf"; for a phantom the one compartment "water".
    metabolites : mapping of str to Times
        By basis name.
    other : Times
        For metabolites without an entry.
    """

    name: str
    water: Mapping[str, Times]
    metabolites: Mapping[str, Times] = field(default_factory=dict)
    other: Times = field(
        default_factory=lambda: Times(1.29, 0.194, "average of NAA, Cr, Cho used by FSL-MRS", "unchecked")
    )

    def metabolite(self, name: str) -> Times:
        """Return the times of a metabolite, those of `other` where there are none."""
        folded = {key.casefold(): key for key in self.metabolites}
        key = folded.get(_ALIASES.get(name.casefold(), name).casefold())
        return self.metabolites[key] if key is not None else self.other


@checked_arguments
def signal_fraction(
    times: Times, *, repetition_time_s: float, echo_time_s: float, flip_angle_deg: float = 90.0
) -> float:
    """Return how much signal relaxation leaves.

    Parameters
    ----------
    times : Times
        T1 and T2.
    repetition_time_s, echo_time_s : float
        TR and TE (s).
    flip_angle_deg : float
        Excitation angle.

    Returns
    -------
    float
        R = (1 - E1) / (1 - E1 cos a) x exp(-TE/T2), E1 = exp(-TR/T1); (1 - E1) for 90 degrees.
    """
    recovered = math.exp(-repetition_time_s / times.t1_s)
    cosine = math.cos(math.radians(flip_angle_deg)) if flip_angle_deg != 90.0 else 0.0
    return (1.0 - recovered) / (1.0 - recovered * cosine) * math.exp(-echo_time_s / times.t2_s)


@lru_cache(maxsize=1)
def _table() -> tuple[dict[str, str], ...]:
    text = resources.files("neurochem.mrs").joinpath("relaxation.tsv").read_text(encoding="utf-8")
    head, *rows = (line.split("\t") for line in text.splitlines())
    return tuple(dict(zip(head, row, strict=True)) for row in rows)


@checked_arguments
def relaxation_sets() -> tuple[str, ...]:
    """Return the names of the sets in the table."""
    return tuple(dict.fromkeys(row["set"] for row in _table()))


@checked_arguments
def relaxation_table(name: str | None = None) -> "pd.DataFrame":
    """Return the relaxation times with their sources, one row a compound and field.

    Parameters
    ----------
    name : str, optional
        Name of a set; all by default.

    Returns
    -------
    DataFrame
        Columns set, field_t (T), compound, compartment, t1_ms, t2_ms, t1_source, t2_source and status ("unchecked" where
        nobody has held the value against the paper).

    Raises
    ------
    UnknownNameError
        If there is no such set.
    """
    import pandas as pd

    rows = [row for row in _table() if name is None or row["set"].casefold() == str(name).casefold()]
    if not rows:
        raise unknown_name(name, relaxation_sets(), kind="relaxation set")
    frame = pd.DataFrame(rows)
    return frame.astype({"field_t": float, "t1_ms": float, "t2_ms": float})


@checked_arguments
def relaxation_set(name: str, larmor_mhz: float) -> Relaxation:
    """Return a named set at the field of a spectrum.

    Parameters
    ----------
    name : str
        "default" (3 T: water of Wansapura 1999, Lu 2005 and Piechnik 2009, metabolites of Mlynarik 2001 and Wyss 2018, as
        Gannet and Osprey use; 7 T: Rooney 2007, Bartha 2002, Xin 2013, Marjanska 2012), "fsl-mrs" (1.5 and 3 T), "gannet"
        (3 T: what Gannet's source has for GSH, Lac, Glu and Gln, else default) or "stanisz" (3 T: water of Stanisz 2005,
        measured in vitro, else default).  `relaxation_table` lists values and sources.
    larmor_mhz : float
        Proton frequency (MHz).

    Raises
    ------
    UnknownNameError
        If there is no such set.
    InputError
        If the set has no values at this field.

    Notes
    -----
    Values of grey and white matter are averaged for metabolites; the table keeps source and status of each, "unchecked"
    where nobody has held it against the paper.
    """
    field_t = larmor_mhz / _PROTON_MHZ_PER_T
    named = [row for row in _table() if row["set"].casefold() == str(name).casefold()]
    if not named:
        raise unknown_name(name, relaxation_sets(), kind="relaxation set")
    rows = [row for row in named if abs(float(row["field_t"]) / field_t - 1.0) < _FIELD_TOLERANCE]
    if not rows:
        fields = ", ".join(sorted({f"{row['field_t']} T" for row in named}))
        msg = (
            f"relaxation set '{name}' has no values at {field_t:.2f} T (larmor_mhz {larmor_mhz:g}); it covers {fields}. "
            "Give a neurochem.mrs.Relaxation of your own."
        )
        raise InputError(msg)
    known = {row["compound"] for row in rows}
    # a set without values for metabolites in general states only what differs from the default one
    below = (
        []
        if "other" in known
        else [row for row in _table() if row["set"] == _BASE and row["field_t"] == rows[0]["field_t"]]
    )
    together = [*below, *rows]
    water = {row["compartment"]: _times(row) for row in together if row["compound"] == "water"}
    others = {row["compound"]: _times(row) for row in together if row["compound"] != "water"}
    return Relaxation(f"{rows[0]['set']} {rows[0]['field_t']} T", water, others, others.pop("other"))


def _times(row: dict[str, str]) -> Times:
    source = (
        row["t1_source"] if row["t1_source"] == row["t2_source"] else f"T1 {row['t1_source']}; T2 {row['t2_source']}"
    )
    return Times(float(row["t1_ms"]) * 1e-3, float(row["t2_ms"]) * 1e-3, source, row["status"])
