"""Time to response: Kaplan-Meier curve and Cox regression."""

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.response.cohort import Cohort
from neurochem.response.design_columns import as_vector, columns_of, log_estimates, uncorrected
from neurochem.response.linear import t_test_p
from neurochem.response.model_data import SLOPE
from neurochem.response.outcomes import is_response
from neurochem.response.validation import BASELINE
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

MODEL = "Cox"
TIES = ("efron", "breslow")
FEW_EVENTS = 10
_ENDLESS = 15.0


@checked_arguments(names=("covariates",))
def regress_survival(
    time: ArrayLike,
    event: ArrayLike,
    marker: ArrayLike,
    *,
    covariates: pd.DataFrame | dict[str, ArrayLike] | None = None,
    ties: str = "efron",
) -> FitResult:
    """Regress the hazard of an event on a marker and covariates.

    Parameters
    ----------
    time : array_like, shape (n,)
        Week of the event, or last week seen; above zero.
    event : array_like, shape (n,)
        1 where the event (response) happened, 0 where the person was seen no further.
    marker : array_like, shape (n,)
        Marker values.
    covariates : DataFrame or mapping, optional
        What to adjust for.
    ties : str
        "efron" or "breslow".

    Returns
    -------
    FitResult
        "slope" (log hazard ratio per unit of the marker), covariates, "standardised_slope", "hazard_ratio" per SD.
        p_value is the likelihood ratio's.

    Raises
    ------
    InputError
        If shapes differ, a time is not above zero, event holds other numbers than 0 and 1, or nothing happened.

    Notes
    -----
    Cox's partial likelihood by statsmodels' PHReg. Scores known at few visits only have many ties: Efron's form is
    close, a discrete-time logistic model exact.

    References
    ----------
    Cox (1972), J R Stat Soc B 34:187. Efron (1977), J Am Stat Assoc 72:557.
    """
    if ties not in TIES:
        raise unknown_name(ties, TIES, kind="ties")
    weeks = as_vector(time, "time")
    happened = as_vector(event, "event", weeks.size)
    if not np.isin(happened, (0.0, 1.0)).all() or not happened.any() or (weeks <= 0.0).any():
        msg = "event must hold 0 and 1 with at least one 1, and time must be above zero; check both columns"
        raise InputError(msg)
    columns = columns_of(marker, covariates, weeks.size)
    fit, ended = _cox(weeks, happened, columns.matrix, ties)
    errors = np.asarray(fit.bse)
    estimates = log_estimates(columns, np.asarray(fit.params), errors, "log-hazard")
    standard, slope = estimates["standardised_slope"], estimates[SLOPE]
    low, high = standard.interval(0.95)
    ratio = math.exp(min(standard.value, 700.0))
    estimates["hazard_ratio"] = Estimate(
        "hazard_ratio", ratio, ratio * standard.stderr, "per SD",
        limits=((0.95, math.exp(min(low, 700.0)), math.exp(min(high, 700.0))),),
    )  # fmt: skip
    without = _null_height(weeks, happened, columns.matrix[:, 1:], ties)
    drop = max(0.0, 2.0 * (float(fit.llf) - without))
    events = int(happened.sum())
    endless = abs(standard.value) >= _ENDLESS or not ended
    return FitResult(
        model=MODEL, name="time to event on marker", estimates=estimates, success=not endless,
        flags=(uncorrected(), *_notes(events, endless=endless)), data=weeks,
        diagnostics={
            "n": float(weeks.size), "events": float(events), "p_value": float(special.chdtrc(1, drop)),
            "p_wald": t_test_p(slope.value, slope.stderr, math.inf), "likelihood_ratio": drop,
            "log_likelihood": float(fit.llf),
        },
        settings={"ties": ties, "terms": list(columns.names), "event": happened.tolist()},
    )  # fmt: skip


def _cox(weeks: FloatArray, happened: FloatArray, matrix: FloatArray, ties: str) -> tuple[Any, bool]:
    """Return statsmodels' fit and whether its search ended well, which it tells by a warning only."""
    from statsmodels.duration.hazard_regression import PHReg

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit = PHReg(weeks, matrix, status=happened, ties=ties).fit(disp=0)
    return fit, not told


def _null_height(weeks: FloatArray, happened: FloatArray, others: FloatArray, ties: str) -> float:
    from statsmodels.duration.hazard_regression import PHReg

    if others.shape[1]:
        return float(_cox(weeks, happened, others, ties)[0].llf)
    # without terms every person at risk has the same hazard: any column at coefficient zero
    model = PHReg(weeks, np.arange(weeks.size, dtype=float)[:, None], status=happened, ties=ties)
    return float(model.loglike(np.zeros(1)))


def _notes(events: int, *, endless: bool) -> tuple[Flag, ...]:
    if endless:
        return (
            Flag(
                "monotone_likelihood", "the order of events follows the marker exactly: the slope is endless", "failure"
            ),
        )
    if events >= FEW_EVENTS:
        return ()
    return (Flag("few_events", f"only {events} events: the hazard ratio is biased away from one"),)


@checked_arguments
def kaplan_meier(time: ArrayLike, event: ArrayLike) -> pd.DataFrame:
    """Return the Kaplan-Meier estimate of the share without the event.

    Parameters
    ----------
    time, event : array_like, shape (n,)
        As for `regress_survival`.

    Returns
    -------
    DataFrame
        One row a time of an event: time, survival, stderr (Greenwood), at_risk, events.

    Raises
    ------
    InputError
        If shapes differ, a time is negative, or event holds other numbers than 0 and 1.

    Examples
    --------
    >>> kaplan_meier([2, 3, 3, 4], [1, 1, 0, 1])["survival"].round(4).tolist()
    [0.75, 0.5, 0.0]
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    weeks = as_vector(time, "time")
    happened = as_vector(event, "event", weeks.size)
    if not (np.isin(happened, (0.0, 1.0)).all() and (weeks >= 0.0).all() and weeks.size):
        msg = "event must hold 0 and 1, and time zero or more, for at least one person; check both columns"
        raise InputError(msg)
    found = SurvfuncRight(weeks, happened)
    return pd.DataFrame(
        {
            "time": found.surv_times, "survival": found.surv_prob, "stderr": found.surv_prob_se,
            "at_risk": found.n_risk, "events": found.n_events,
        }
    )  # fmt: skip


@checked_arguments
def time_to_response(
    cohort: Cohort, outcome: str, *, confirmed: bool = False, baseline_visit: str = BASELINE
) -> pd.DataFrame:
    """Return the week of each patient's first response (at least half of the score gone), or the last week seen.

    Parameters
    ----------
    cohort : Cohort
        The study.
    outcome : str
        Scale.
    confirmed : bool
        Whether the response must hold at the next visit with a score too; one at the last visit then does not count.
    baseline_visit : str
        Visit that reductions are taken from.

    Returns
    -------
    DataFrame
        participant_id, time (week), event (1 response, 0 not seen by that week). Patients without a baseline score or
        any later one are left out.
    """
    scale = cohort.scale(outcome)
    people = cohort.people
    patients = set(people.loc[people["group"] == "patient", "participant_id"])
    scores = cohort.scores.dropna(subset=["score"])
    scores = scores.loc[(scores["scale"] == scale.name) & scores["participant_id"].isin(patients)]
    rows = []
    for person, part in scores.sort_values("week", kind="stable").groupby("participant_id"):
        first = part.loc[part["visit"] == baseline_visit, "score"]
        later = part.loc[part["week"] > 0.0]
        if first.empty or later.empty:
            continue
        weeks = later["week"].to_numpy(dtype=float)
        base = np.full(weeks.size, float(first.iloc[0]))
        responded = np.asarray(is_response(base, later["score"].to_numpy(dtype=float)), dtype=bool)
        if confirmed:
            responded = responded & np.append(responded[1:], False)
        when = np.flatnonzero(responded)
        week = weeks[when[0]] if when.size else weeks[-1]
        rows.append({"participant_id": person, "time": float(week), "event": int(when.size > 0)})
    return pd.DataFrame(rows, columns=["participant_id", "time", "event"])
