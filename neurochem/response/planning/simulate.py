"""A cohort whose truth is known: trial, markers of several modalities with their errors, sites, drop-out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.response.cohort import Cohort
from neurochem.response.planning.assumptions import MARKERS, MarkerAssumption, TrialAssumption
from neurochem.units import FloatArray

ARMS = ("placebo", "ssri")
SITES = ("A", "B", "C")
SCALE_NAME = "hamd17"
_NULL_COUNT = 10
_NULL_CORRELATION = 0.5
_HIGHEST = 52.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedCohort:
    """A cohort and what is true of it.

    Attributes
    ----------
    cohort : Cohort
        What an investigator would see.
    truth : DataFrame
        One row a planted relation: marker, region, at ("baseline" or "change"), question ("prognostic", "moderator",
        "mediator"), value, unit (points per SD of the true marker at week 8, or points).
    true_markers : DataFrame
        participant_id, marker, region, baseline, week8: true values without site effect and noise.
    """

    cohort: Cohort
    truth: pd.DataFrame
    true_markers: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """Who there is: arm is 0 or 1, patients come first and controls last."""

    ids: tuple[str, ...]
    patients: int
    arm: FloatArray
    site: np.ndarray
    age: np.ndarray
    sex: np.ndarray
    randomized: bool


@checked_arguments
def simulate_cohort(  # noqa: PLR0913 - each keyword is one assumption of the study
    rng: np.random.Generator,
    *,
    patients: int = 120,
    controls: int = 0,
    markers: Sequence[MarkerAssumption] | None = None,
    trial: TrialAssumption | None = None,
    null: bool = False,
    null_markers: int = _NULL_COUNT,
    sites: int = 3,
) -> SimulatedCohort:
    """Return a randomised two-arm trial with imaging before and at its end.

    Parameters
    ----------
    rng : Generator
        Source of everything that is random.
    patients, controls : int
        People; half of the patients are in each arm, controls are scanned once.
    markers : sequence of MarkerAssumption, optional
        What is measured and what it does; by default those of `MARKERS`.
    trial : TrialAssumption, optional
        The trial.
    null : bool
        Whether every marker is unrelated to outcome (the arm still differs).
    null_markers : int
        Further markers without relation, correlated 0.5 with one of the others, of reliability 0.3 to 0.9.
    sites : int
        1 to 26; sites shift and stretch the markers and differ in outcome.

    Returns
    -------
    SimulatedCohort

    Notes
    -----
    Score at week w: baseline - (w / last)(fall of the arm and site - markers' points) + person's slope + rating error, in
    whole points. Standard errors: variance mean x Gamma(2, 0.5), not below a tenth of the mean, known exactly. Effects are
    as small as replicated studies found them; most published effects are larger.
    """
    if patients < 8 or not 1 <= sites <= 26 or controls < 0 or null_markers < 0:
        msg = f"patients is {patients}, controls {controls}, sites {sites}; give at least 8 patients and 1 to 26 sites"
        raise InputError(msg)
    plan = trial or TrialAssumption()
    assumed = [*(markers if markers is not None else [MARKERS[name] for name in MARKERS.names()])]
    people = _people(rng, patients, controls, sites)
    standard = rng.standard_normal((len(assumed), patients + controls))
    assumed, standard = _with_null_markers(rng, assumed, standard, null_markers)
    truth = {item.name: _true_values(rng, item, z, people) for item, z in zip(assumed, standard, strict=True)}
    points = _points(assumed, standard, truth, people, plan, null=null)
    visits, scores, seen = _trial_rows(rng, people, points, plan)
    cohort = Cohort.from_tables(
        _people_table(people), visits=visits, scores=scores,
        markers=_marker_rows(rng, assumed, truth, people, plan, seen), levels={"arm": ARMS},
    )  # fmt: skip
    return SimulatedCohort(cohort, _truth_table(assumed, plan, null=null), _true_table(assumed, truth, people))


def _people(rng: np.random.Generator, patients: int, controls: int, sites: int) -> _People:
    total = patients + controls
    arm = np.full(total, np.nan)
    arm[:patients] = rng.permutation(np.arange(patients) % 2)
    width = len(str(total))
    return _People(
        ids=tuple(f"sub-{i + 1:0{width}d}" for i in range(total)), patients=patients, arm=arm,
        site=rng.permutation(np.arange(total) % sites), randomized=True,
        age=np.clip(np.round(rng.normal(37.0, 13.0, total)), 18, 65).astype(int),
        sex=np.where(rng.random(total) < 0.645, "F", "M"),
    )  # fmt: skip


def _with_null_markers(
    rng: np.random.Generator, assumed: list[MarkerAssumption], standard: FloatArray, count: int
) -> tuple[list[MarkerAssumption], FloatArray]:
    extra, rows = [], []
    for index in range(count):
        reliability = 0.3 + 0.6 * index / max(1, count - 1)
        stderr = math.sqrt(1.0 / reliability - 1.0)
        extra.append(
            MarkerAssumption(f"null{index + 1}", "cortex", "z", "fmri", 0.0, 1.0, stderr, source="no relation")
        )
        fresh = rng.standard_normal(standard.shape[1])
        kin = standard[index % len(standard)] if len(standard) else fresh
        rows.append(_NULL_CORRELATION * kin + math.sqrt(1.0 - _NULL_CORRELATION**2) * fresh)
    return [*assumed, *extra], np.vstack([standard, *rows]) if rows else standard


def _true_values(rng: np.random.Generator, item: MarkerAssumption, z: FloatArray, people: _People) -> FloatArray:
    """Return true values before and at the end, shape (2, n)."""
    first = item.mean + item.sd * z
    first[people.patients :] -= item.control_shift * item.sd
    drug = np.nan_to_num(people.arm)
    moved = item.drug_change * drug + item.change_sd * item.sd * rng.standard_normal(z.size)
    second = first + moved
    if item.occupancy[0]:
        held = np.clip(rng.normal(*item.occupancy, z.size), 0.0, 0.98)
        second = np.where(drug == 1.0, first * (1.0 - held), second)
    return np.vstack([first, second])


def _mediated(item: MarkerAssumption, plan: TrialAssumption) -> float:
    """Return points per unit of true change, so that the mean change carries its share of the drug's difference."""
    if not item.mediates or not item.drug_change:
        return 0.0
    return item.mediates * (plan.placebo_fall - plan.drug_fall) / item.drug_change


def _points(
    assumed: Sequence[MarkerAssumption], standard: FloatArray, truth: Mapping[str, FloatArray], people: _People,
    plan: TrialAssumption, *, null: bool,
) -> FloatArray:  # fmt: skip
    """Return each patient's change at the last week that arm, site and markers explain."""
    n, drug = people.patients, people.arm[: people.patients]
    shift = (people.site[:n] / max(1, people.site.max()) - 0.5) * plan.site_response
    # what runs through a marker is not added twice
    direct = (plan.placebo_fall - plan.drug_fall) * (1.0 if null else 1.0 - sum(item.mediates for item in assumed))
    change = -plan.placebo_fall + direct * drug - shift
    if null:
        return change
    for item, z in zip(assumed, standard, strict=True):
        change += (item.prognostic + item.moderator * drug) * z[:n]
        change += _mediated(item, plan) * (truth[item.name][1, :n] - truth[item.name][0, :n])
    return change


def _trial_rows(
    rng: np.random.Generator, people: _People, points: FloatArray, plan: TrialAssumption
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return visits, scores, and who was still there at the last week."""
    n, last = people.patients, float(plan.weeks[-1])
    severity = _above(rng, plan, n)
    slope = plan.slope_sd * rng.standard_normal(n)
    there = np.ones(n, dtype=bool)
    leaving = 1.0 - (1.0 - plan.dropout) ** (1.0 / len(plan.weeks))
    visits: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    current = severity.copy()
    for week in (0, *plan.weeks):
        if week:
            current = severity + points * week / last + slope * week + plan.visit_sd * rng.standard_normal(n)
            # the next visit is missed more often by those who are worse now
            rank = np.argsort(np.argsort(current)) / max(1, n - 1)
            there &= rng.random(n) >= leaving * (0.5 + rank)
        name = "baseline" if week == 0 else f"week{week}"
        ids = people.ids[:n] if week else people.ids
        visits += [{"participant_id": i, "session_id": f"ses-{name}", "visit": name, "week": week} for i in ids]
        whole = np.clip(np.round(current), 0.0, _HIGHEST)
        scores += [
            {"participant_id": i, "session_id": f"ses-{name}", "scale": SCALE_NAME, "score": float(s) if ok else np.nan}
            for i, s, ok in zip(people.ids[:n], whole, there, strict=True)
        ]
    return pd.DataFrame(visits), pd.DataFrame(scores), there


def _above(rng: np.random.Generator, plan: TrialAssumption, count: int) -> FloatArray:
    """Return baseline scores of those who were let in."""
    from scipy import special

    low = float(special.ndtr((plan.floor - plan.baseline_mean) / plan.baseline_sd))
    return np.round(plan.baseline_mean + plan.baseline_sd * special.ndtri(low + (1.0 - low) * rng.random(count)))


def _marker_rows(
    rng: np.random.Generator, assumed: Sequence[MarkerAssumption], truth: Mapping[str, FloatArray], people: _People,
    plan: TrialAssumption, there: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    rows: list[dict[str, Any]] = []
    site_count = int(people.site.max()) + 1
    for item in assumed:
        shift = plan.site_shift * item.sd * rng.uniform(-1.0, 1.0, site_count) * (site_count > 1)
        factor = np.exp(math.log(plan.site_scale) * rng.uniform(-1.0, 1.0, site_count) * (site_count > 1))
        for time, visit in enumerate(("baseline", f"week{plan.weeks[-1]}")):
            size = len(people.ids) if time == 0 else people.patients
            at = people.site[:size]
            error = np.sqrt(item.stderr**2 * np.maximum(rng.gamma(2.0, 0.5, size), 0.1)) * factor[at]
            true = item.mean + shift[at] + factor[at] * (truth[item.name][time, :size] - item.mean)
            value = true + error * rng.standard_normal(size)
            failed = rng.random(size) < plan.failed
            gone = np.zeros(size, dtype=bool) if time == 0 else ~there
            state = np.where(gone, "withdrawn", np.where(failed, "failed", "ok"))
            rows += [
                {"participant_id": i, "session_id": f"ses-{visit}", "marker": item.name, "region": item.region,
                 "value": v if s == "ok" else np.nan, "se": e if s == "ok" else np.nan, "unit": item.unit,
                 "se_source": "fit", "qc": s}
                for i, v, e, s in zip(people.ids[:size], value, error, state, strict=True)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def _people_table(people: _People) -> pd.DataFrame:
    n = people.patients
    arms = [ARMS[int(a)] if np.isfinite(a) else None for a in people.arm]
    letters = [chr(ord("A") + int(s)) for s in people.site]
    return pd.DataFrame(
        {"participant_id": people.ids, "group": ["patient"] * n + ["control"] * (len(people.ids) - n), "arm": arms,
         "site": letters, "age": people.age, "sex": people.sex, "randomized": ["true"] * n + [None] * (len(people.ids) - n)}
    )  # fmt: skip


def _truth_table(assumed: Sequence[MarkerAssumption], plan: TrialAssumption, *, null: bool) -> pd.DataFrame:
    rows = []
    for item in assumed:
        planted = (
            ("baseline", "prognostic", item.prognostic, "points per SD"),
            ("baseline", "moderator", item.moderator, "points per SD"),
            ("change", "mediator", _mediated(item, plan), f"points per {item.unit or item.name}"),
        )
        rows += [
            {"marker": item.name, "region": item.region, "at": at, "question": question,
             "value": 0.0 if null else value, "unit": unit}
            for at, question, value, unit in planted
        ]  # fmt: skip
    return pd.DataFrame(rows)


def _true_table(assumed: Sequence[MarkerAssumption], truth: Mapping[str, FloatArray], people: _People) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"participant_id": people.ids, "marker": item.name, "region": item.region,
                      "baseline": truth[item.name][0],
                      "week8": np.where(np.arange(len(people.ids)) < people.patients, truth[item.name][1], np.nan)})
        for item in assumed
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)
