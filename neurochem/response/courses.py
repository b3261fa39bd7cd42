"""The course of one person's scores: slope, category of outcome, remission that lasts, markers that really changed."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.response.change import change, reliable_change, values_at
from neurochem.response.cohort import Cohort
from neurochem.response.outcomes import is_remission, is_response, percent_reduction
from neurochem.response.scales import Scale
from neurochem.response.validation import BASELINE

CATEGORIES = ("non-response", "partial response", "response", "remission")
PARTIAL_REDUCTION_PERCENT = 25.0


@checked_arguments
def outcome_categories(baseline: ArrayLike, endpoint: ArrayLike, scale: Scale) -> list[str]:
    """Return each person's outcome as one of four ordered categories, "" where it is not known.

    Parameters
    ----------
    baseline, endpoint : array_like, shape (n,)
        Scores in points.
    scale : Scale
        Gives the remission rule.

    Returns
    -------
    list of str
        "remission" by the scale's rule; else "response" (reduction of at least 50 %), "partial response" (25 to less
        than 50 %), "non-response" (less than 25 %; many papers say so of everything below 50 %).
    """
    first, last = np.broadcast_arrays(np.asarray(baseline, dtype=float), np.asarray(endpoint, dtype=float))
    reduction = percent_reduction(first, last)
    # as scores, not as percent, for a quarter of a score is exact in binary
    partial = last <= first * (1.0 - PARTIAL_REDUCTION_PERCENT / 100.0)
    level = np.where(partial, 1, 0)
    level = np.where(is_response(first, last), 2, level)
    level = np.where(is_remission(first, last, scale), 3, level)
    return [CATEGORIES[k] if known else "" for k, known in zip(level, np.isfinite(reduction), strict=True)]


@checked_arguments
def sustained_remission(cohort: Cohort, outcome: str, *, from_week: float, until_week: float) -> pd.DataFrame:
    """Say who is remitted at every visit of a window.

    Parameters
    ----------
    cohort : Cohort
        The study.
    outcome : str
        Scale.
    from_week, until_week : float
        Window, ends included.

    Returns
    -------
    DataFrame
        participant_id, visits (rated in the window), sustained (1, 0, or NaN for patients without a rating there or
        without what the rule needs).

    Raises
    ------
    InputError
        If nobody was rated in the window.
    """
    rows = _course(cohort, outcome)
    inside = rows.loc[rows["week"].between(from_week, until_week)]
    if inside.empty:
        msg = f"nobody has a score of {outcome} from week {from_week:g} to {until_week:g}; widen the window"
        raise InputError(msg)
    scale = cohort.scale(outcome)
    found = []
    for person in dict.fromkeys(rows["participant_id"]):
        own = inside.loc[inside["participant_id"] == person]
        met = is_remission(own["baseline"], own["score"], scale)
        needs = scale.remission.min_reduction_percent is not None and own["baseline"].isna().any()
        known = len(own) > 0 and not needs
        found.append({"participant_id": person, "visits": len(own), "sustained": float(met.all()) if known else np.nan})
    return pd.DataFrame(found)


@checked_arguments
def score_slopes(cohort: Cohort, outcome: str) -> pd.DataFrame:
    """Return the straight line through each patient's scores over weeks.

    Returns
    -------
    DataFrame
        participant_id, visits, slope (points per week, negative = better), stderr (NaN for two visits), intercept
        (points at week 0). Patients with one visit are left out.

    Notes
    -----
    Least squares, one person at a time: for display and for a marker's plot. Slopes of few visits differ in certainty;
    for inference fit all patients together with `regress_trajectory`.
    """
    found: list[dict[str, Any]] = []
    for person, own in _course(cohort, outcome).groupby("participant_id", sort=False):
        weeks, scores = own["week"].to_numpy(dtype=float), own["score"].to_numpy(dtype=float)
        if np.unique(weeks).size < 2:
            continue
        spread = weeks - weeks.mean()
        slope = float(spread @ scores / (spread @ spread))
        residual = scores - scores.mean() - slope * spread
        dof = weeks.size - 2
        error = float(np.sqrt(residual @ residual / dof / (spread @ spread))) if dof else np.nan
        start = float(scores.mean() - slope * weeks.mean())
        found.append(
            {"participant_id": person, "visits": weeks.size, "slope": slope, "stderr": error, "intercept": start}
        )
    return pd.DataFrame(found, columns=["participant_id", "visits", "slope", "stderr", "intercept"])


def _course(cohort: Cohort, outcome: str) -> pd.DataFrame:
    """Return the scores of patients in the order of weeks, each beside the person's baseline score."""
    scale = cohort.scale(outcome)
    people = cohort.people
    patients = set(people.loc[people["group"] == "patient", "participant_id"])
    scores = cohort.scores.dropna(subset=["score"])
    scores = scores.loc[(scores["scale"] == scale.name) & scores["participant_id"].isin(patients)]
    first = scores.loc[scores["visit"] == BASELINE].set_index("participant_id")["score"]
    scores = scores.assign(baseline=scores["participant_id"].map(first).astype(float))
    return scores.sort_values(["participant_id", "week"], kind="stable")


@checked_arguments
def changed_markers(
    cohort: Cohort,
    marker: str,
    region: str | None = None,
    model: str | None = None,
    *,
    visit: str | None = None,
    test_retest_sd: float = 0.0,
) -> pd.DataFrame:
    """Say whose marker changed by more than the noise of the scans.

    Parameters
    ----------
    cohort : Cohort
        The study.
    marker, region, model : str
        As for `associate`.
    visit : str, optional
        Second visit; the endpoint by default.
    test_retest_sd : float
        SD of one person's true value between days, in the marker's unit; `repeatability(...).day_sd`.

    Returns
    -------
    DataFrame
        participant_id, first, second, change, se (of the change, day-to-day variance included), index (change / se),
        verdict: "rise", "fall", "within noise" or "unknown".
    """
    rows = cohort.marker_rows(marker, region, model)
    last = cohort.endpoint(visit)
    first, second = values_at(rows, BASELINE), values_at(rows, last)
    both = pd.DataFrame({"first": first["value"], "second": second["value"], "se0": first["se"], "se1": second["se"]})
    both = both.dropna(subset=["first", "second"])
    difference, se = change(both["first"], both["second"], both["se0"], both["se1"])
    index = reliable_change(both["first"], both["second"], both["se0"], both["se1"], test_retest_sd=test_retest_sd)
    verdict = np.where(np.isnan(index), "unknown", "within noise")
    verdict = np.where(index > 1.96, "rise", np.where(index < -1.96, "fall", verdict))
    return pd.DataFrame(
        {"participant_id": both.index, "first": both["first"].to_numpy(), "second": both["second"].to_numpy(),
         "change": difference, "se": np.hypot(se, np.sqrt(2.0) * test_retest_sd), "index": index, "verdict": verdict}
    )  # fmt: skip
