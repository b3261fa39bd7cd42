"""Where the error of a concentration comes from, and how much an assumption matters."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.mrs.outcome import TOTALS
from neurochem.mrs.quantify import Timing, water_factor
from neurochem.mrs.relaxation import Times, relaxation_set, relaxation_sets
from neurochem.mrs.tissue import Tissue
from neurochem.results import FitResult

if TYPE_CHECKING:
    import pandas as pd

COMPARTMENTS = ("gm", "wm", "csf")


@checked_arguments
def uncertainty(  # noqa: PLR0913 - one keyword an assumption
    conc: FitResult,
    *,
    gm: float = 0.05,
    csf: float = 0.02,
    water_t1: float = 0.10,
    water_t2: float = 0.10,
    metabolite_t1: float = 0.10,
    metabolite_t2: float = 0.10,
    sets: bool = True,
) -> "pd.DataFrame":
    """Return the standard error of each concentration by source, and its change with each assumption.

    Parameters
    ----------
    conc : FitResult
        From `quantify`.
    gm, csf : float
        Change of the volume fraction: grey matter at the cost of white, CSF at the cost of both in proportion.
    water_t1, water_t2, metabolite_t1, metabolite_t2 : float
        Relative change of relaxation times: 0.10 is + 10 %; water's, one compartment at a time.
    sets : bool
        Also every other named set of relaxation times at this field in the place of the one used; not for phantoms.

    Returns
    -------
    DataFrame
        Tidy, one row a concentration and source: name, unit, value, source, kind, change, effect (in the unit) and percent.
        Kind "standard error": sources "fit", "water amplitude" and "total", whose squares add up.  Kind "sensitivity": what
        the stated change does to the value, sign kept; such changes are not part of any standard error.

    Raises
    ------
    InputError
        If the concentrations are not from `quantify`, or a changed fraction cannot be.

    Notes
    -----
    Sensitivities are recomputed in full, not linearised.
    """
    record = conc.settings.get("quantification")
    if not isinstance(record, Mapping) or "factors" not in record:
        msg = "the result was not made by neurochem.mrs.quantify; give its concentrations."
        raise InputError(msg)
    rows = _errors(conc, float(record["water_amplitude_stderr"]) / float(record["water_amplitude"]))
    state = _State(conc, record)
    if record["tissue"] is not None and record["unit"] != "i.u.":
        rows += state.changed("gm", f"{gm:+g}", tissue=_moved(state.tissue, gm=gm))
        rows += state.changed("csf", f"{csf:+g}", tissue=_moved(state.tissue, csf=csf))
    if record["unit"] != "i.u.":
        for name in state.water:
            for which, share in (("t1", water_t1), ("t2", water_t2)):
                water = {**state.water, name: _longer(state.water[name], which, share)}
                rows += state.changed(f"water_{which}_{name}", f"{100 * share:+g} %", water=water)
    for which, share in (("t1", metabolite_t1), ("t2", metabolite_t2)):
        times = {name: _longer(item, which, share) for name, item in state.metabolites.items()}
        rows += state.changed(f"metabolite_{which}", f"{100 * share:+g} %", metabolites=times)
    if sets and set(state.water) == set(COMPARTMENTS):
        rows += _other_sets(state, conc, record)
    return _frame(conc, rows)


def _errors(conc: FitResult, relative: float) -> list[tuple[str, str, str, str, float]]:
    rows = []
    for name, estimate in conc.estimates.items():
        if not math.isfinite(estimate.stderr):
            continue
        water = abs(estimate.value) * relative
        parts = {"fit": math.sqrt(max(estimate.stderr**2 - water**2, 0.0)), "water amplitude": water}
        rows += [
            (name, source, "standard error", "", size) for source, size in {**parts, "total": estimate.stderr}.items()
        ]
    return rows


class _State:
    """What concentrations were computed with, and what they would be with something else."""

    def __init__(self, conc: FitResult, record: Mapping[str, Any]) -> None:
        self.conc, self.unit = conc, str(record["unit"])
        self.tissue = Tissue(**record["tissue"]) if record["tissue"] is not None else None
        self.water = {name: Times(*pair) for name, pair in record["water_t1_t2_s"].items()}
        self.metabolites = {name: Times(*pair) for name, pair in record["metabolite_t1_t2_s"].items()}
        self.timing = Timing(record["repetition_time_s"], record["echo_time_s"])
        self.water_timing = Timing(record["water_repetition_time_s"], record["water_echo_time_s"])
        self.left = {name: float(value) for name, value in record["metabolite_signal_fraction"].items()}

    def changed(
        self, source: str, change: str, *, tissue: Tissue | None = None, water: Mapping[str, Times] | None = None,
        metabolites: Mapping[str, Times] | None = None,
    ) -> list[tuple[str, str, str, str, float]]:  # fmt: skip
        """Return by how much each concentration moves."""
        old = water_factor(self.tissue, self.water, self.water_timing, self.unit)
        new = water_factor(tissue or self.tissue, water or self.water, self.water_timing, self.unit)
        ratio = {}
        for name, left in self.left.items():
            times = (metabolites or {}).get(name)
            # macromolecules are scaled without relaxation, whatever it is
            own = left == 1.0 or times is None
            ratio[name] = new / old * (1.0 if own or times is None else left / self.timing.signal(times))
        return [
            (name, source, "sensitivity", change, value)
            for name, value in ((name, self._moved(name, ratio)) for name in self.conc.estimates)
            if value is not None
        ]

    def _moved(self, name: str, ratio: Mapping[str, float]) -> float | None:
        parts = (name,) if name in ratio else TOTALS.get(name, ())
        if not parts or not set(parts) <= set(ratio):
            return None
        return float(sum(self.conc[part].value * (ratio[part] - 1.0) for part in parts))


def _moved(tissue: Tissue | None, *, gm: float = 0.0, csf: float = 0.0) -> Tissue:
    assert tissue is not None
    inside = tissue.gm + tissue.wm
    fractions = {
        "gm": tissue.gm + gm - csf * tissue.gm / inside, "wm": tissue.wm - gm - csf * tissue.wm / inside,
        "csf": tissue.csf + csf,
    }  # fmt: skip
    if max(abs(gm), abs(csf)) > 1.0:
        msg = f"a change of {gm or csf:g} of a volume fraction; fractions lie between 0 and 1, for example 0.05."
        raise InputError(msg)
    if min(fractions.values()) < 0.0 and gm and tissue.gm - gm >= 0.0:
        # where there is no white matter left to give, the change goes the other way round
        return _moved(tissue, gm=-gm)
    return Tissue(**{name: min(max(value, 0.0), 1.0) for name, value in fractions.items()})


def _longer(times: Times, which: str, share: float) -> Times:
    return replace(times, **{f"{which}_s": getattr(times, f"{which}_s") * (1.0 + share)})


def _other_sets(state: _State, conc: FitResult, record: Mapping[str, Any]) -> list[tuple[str, str, str, str, float]]:
    rows = []
    larmor, used = float(conc.settings["larmor_mhz"]), str(record["relaxation"])
    for name in relaxation_sets():
        try:
            other = relaxation_set(name, larmor)
        except InputError:
            continue
        if other.name != used:
            times = {key: other.metabolite(key) for key in state.metabolites}
            rows += state.changed("relaxation set", other.name, water=other.water, metabolites=times)
    return rows


def _frame(conc: FitResult, rows: list[tuple[str, str, str, str, float]]) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["name", "source", "kind", "change", "effect"])
    values = np.array([conc[name].value for name in frame["name"]], dtype=float)
    frame.insert(1, "unit", [conc[name].unit for name in frame["name"]])
    frame.insert(2, "value", values)
    frame["percent"] = 100.0 * frame["effect"] / np.where(values == 0.0, np.nan, np.abs(values))
    return frame
