"""Association with missing scans, scores and covariates imputed several times, and the answers pooled."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.response.analysis_table import (
    AnalysisTable,
    Question,
    baseline_column,
    candidate_rows,
    with_rows,
)
from neurochem.response.association import answer_table
from neurochem.response.cohort import Cohort
from neurochem.response.imputation import impute
from neurochem.response.outcomes import OUTCOME_TYPES, outcome_values
from neurochem.response.pooling import pool_imputations
from neurochem.response.regression import Inference
from neurochem.results import FitResult

_QUESTION = tuple(item.name for item in fields(Question))
_INFERENCE = {"error": "ml", "robust": "HC3", "penalty": "auto"}
_FIT = {"test_retest_sd": 0.0, "clusters": None}
_FEWEST = 20
_SCORES = ("baseline_score", "endpoint_score")


@dataclass(frozen=True, slots=True, eq=False)
class _Gaps:
    """What is imputed: the table of the imputation model and the patients' rows beside it."""

    model: pd.DataFrame
    rows: pd.DataFrame
    dropped: tuple[tuple[str, str], ...]
    percent_incomplete: float


@checked_arguments
def associate_imputed(  # noqa: PLR0913 - each keyword is one choice of the imputation and belongs in its record
    cohort: Cohort,
    *,
    outcome: str,
    marker: str,
    rng: np.random.Generator,
    imputations: int | None = None,
    auxiliary: Sequence[str] = (),
    other_visits: bool = True,
    cycles: int = 10,
    **choices: Any,
) -> FitResult:
    """Regress the outcome of treatment on a marker with missing values imputed instead of patients dropped.

    Parameters
    ----------
    cohort, outcome, marker
        As for `associate`.
    rng : Generator
        Source of random numbers.
    imputations : int, optional
        Completed data sets; by default 20, or the percentage of patients with something missing where that is more.
    auxiliary : sequence of str
        Columns of people, or of the baseline session, that tell why values are missing or what they were, and are not
        in the model itself.
    other_visits : bool
        Whether scores of the visits between baseline and endpoint help to impute the endpoint.
    cycles : int
        Rounds of the chain of regressions, as for `impute`.
    **choices
        Every other keyword of `associate`: region, at, outcome_type, covariates, error, endpoint_visit ...

    Returns
    -------
    FitResult
        As `pool_imputations` returns it. `settings["imputation"]` counts what was imputed, and why scans were missing.

    Raises
    ------
    UnknownNameError, InputError
        As for `associate` and `impute`.

    Notes
    -----
    Right where values are missing at random given baseline and endpoint score, visits between, arm, covariates and the
    marker. The outcome is in the imputation model, as it must be for an association (and must never be for prediction).
    Change, percent change and response are computed from imputed scores; for those divided by the baseline the scores are
    kept within the scale. An imputed marker stands for a scan of average standard error, so the correction for noise goes
    on as with real scans. Controls never enter, nor patients with neither a later score nor a scan.

    Examples
    --------
    >>> from neurochem.response import simulate_cohort
    >>> study = simulate_cohort(rng=np.random.default_rng(1)).cohort
    >>> fit = associate_imputed(
    ...     study, outcome="hamd17", marker="Glx", endpoint_visit="week8", error="none", rng=np.random.default_rng(2)
    ... )
    >>> int(fit.diagnostics["n"]), int(fit.diagnostics["imputations"])
    (119, 22)
    """
    question, inference, fit_choices = _chosen(outcome, marker, choices)
    everyone = candidate_rows(cohort, question)
    gaps = _gaps(cohort, everyone, question, auxiliary, other_visits=other_visits)
    count = max(_FEWEST, math.ceil(gaps.percent_incomplete)) if imputations is None else imputations
    if count < 2:
        msg = f"imputations is {imputations}; the error of an imputation is seen from two or more, 20 is customary"
        raise InputError(msg)
    copies = impute(gaps.model, imputations=count, rng=rng, levels=_levels(cohort, gaps.model), cycles=cycles)
    tables = [with_rows(everyone, _completed(gaps, copy, everyone, question), gaps.dropped) for copy in copies]
    fits = [answer_table(cohort, table, question, inference, **fit_choices) for table in tables]
    if len({fit.model for fit in fits}) > 1 and inference.penalty == "auto":
        # events are few in some copies only: one model for all, the one that bears it
        firth = replace(inference, penalty="firth")
        fits = [answer_table(cohort, table, question, firth, **fit_choices) for table in tables]
    return _recorded(pool_imputations(fits), gaps, count, cycles)


def _chosen(outcome: str, marker: str, choices: Mapping[str, Any]) -> tuple[Question, Inference, dict[str, Any]]:
    """Return question, inference and the rest, each keyword where it belongs."""
    known = [*(name for name in _QUESTION if name not in {"outcome", "marker"}), *_INFERENCE, *_FIT]
    for name in choices:
        if name not in known:
            raise unknown_name(name, known, kind="keyword of associate")
    parts = {name: value for name, value in choices.items() if name in _QUESTION}
    if not isinstance(parts.get("covariates", ()), str):
        parts["covariates"] = tuple(parts.get("covariates", ()))
    question = Question(outcome=outcome, marker=marker, **parts)
    binary = OUTCOME_TYPES[question.outcome_type].binary
    inference = Inference("binomial" if binary else "gaussian", **{k: choices.get(k, v) for k, v in _INFERENCE.items()})
    return question, inference, {name: choices.get(name, default) for name, default in _FIT.items()}


def _gaps(
    cohort: Cohort, everyone: AnalysisTable, question: Question, auxiliary: Sequence[str], *, other_visits: bool
) -> _Gaps:
    """Return the table of the imputation model for the patients of whom something is known."""
    if isinstance(auxiliary, str):
        msg = f"auxiliary is the text '{auxiliary}'; give a list of names, for example ['age']"
        raise InputError(msg)
    rows = everyone.rows.copy()
    scans = ["baseline_marker", "second_marker"] if question.at == "change" else ["marker"]
    if question.flagged == "drop":
        rows.loc[rows["flagged"], [*scans, *(f"{name}_se" for name in scans)]] = np.nan
    nothing = rows[["endpoint_score", *scans]].isna().all(axis=1)
    undefined = rows["baseline_score"].le(0.0) & OUTCOME_TYPES[question.outcome_type].unit.startswith("%")
    dropped = tuple((str(person), "neither a score at the endpoint nor a scan") for person in rows.index[nothing])
    dropped += tuple(
        (str(person), "baseline score is not above zero, percent change is undefined")
        for person in rows.index[undefined & ~nothing]
    )
    rows = rows.loc[~(nothing | undefined)]
    terms = [name for name in everyone.terms if name not in {"baseline_score", "baseline_marker"}]
    model = rows[[*_SCORES, *scans, *terms]].copy()
    incomplete = 100.0 * float(model.isna().any(axis=1).mean()) if len(model) else 0.0
    patients = cohort.people.set_index("participant_id").loc[rows.index]
    for name in auxiliary:
        if name not in model.columns:
            model[name] = baseline_column(cohort, patients, name, question.baseline_visit)
    if other_visits:
        model = model.join(_scores_between(cohort, everyone, question))
    # what nobody has, or everybody alike, tells nothing
    telling = [name for name in model.columns if len(set(model[name].dropna())) > 1]
    return _Gaps(model[telling], rows, dropped, incomplete)


def _scores_between(cohort: Cohort, everyone: AnalysisTable, question: Question) -> pd.DataFrame:
    """Return the scores of the visits between baseline and endpoint, one column a visit."""
    scores = cohort.scores
    scores = scores.loc[scores["scale"] == everyone.scale.name]
    start, end = (
        scores.loc[scores["visit"] == visit, "week"].median()
        for visit in (question.baseline_visit, everyone.endpoint_visit)
    )
    within = scores.loc[(scores["week"] > start) & (scores["week"] < end)]
    within = within.loc[~within["visit"].isin([question.baseline_visit, everyone.endpoint_visit])]
    at = {
        f"score at {visit}": some.set_index("participant_id")["score"]
        for visit, some in within.groupby("visit", sort=False)
    }
    return pd.DataFrame(at, index=everyone.rows.index, dtype=float)


def _levels(cohort: Cohort, model: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    return {name: levels for name, levels in cohort.levels.items() if name in model.columns}


def _completed(gaps: _Gaps, copy: pd.DataFrame, everyone: AnalysisTable, question: Question) -> pd.DataFrame:
    """Return the patients' rows with gaps filled, outcome and change computed from what they are made of."""
    rows = gaps.rows.copy()
    for name in rows.columns.intersection(copy.columns):
        rows[name] = copy[name]
    kind = OUTCOME_TYPES[question.outcome_type]
    if kind.binary or kind.unit == "%":
        scale = everyone.scale
        least = max(scale.low, float(gaps.rows["baseline_score"].min()))
        rows["baseline_score"] = rows["baseline_score"].clip(least, scale.high)
        rows["endpoint_score"] = rows["endpoint_score"].clip(scale.low, scale.high)
    rows["outcome"] = outcome_values(kind.name, rows["baseline_score"], rows["endpoint_score"], everyone.scale)
    scans = ["baseline_marker", "second_marker"] if question.at == "change" else ["marker"]
    for name in scans:
        error = rows[f"{name}_se"]
        typical = float(np.sqrt(np.nanmean(error**2))) if error.notna().any() else np.nan
        was_missing = gaps.rows[name].isna()
        rows.loc[was_missing, f"{name}_se"] = typical
        rows.loc[was_missing, "se_source"] = "imputed"
    if question.at == "change":
        rows["marker"] = rows["second_marker"] - rows["baseline_marker"]
        rows["marker_se"] = np.hypot(rows["baseline_marker_se"], rows["second_marker_se"])
    return rows


def _recorded(fit: FitResult, gaps: _Gaps, count: int, cycles: int) -> FitResult:
    """Return the pooled fit with what was imputed in its record and among its flags."""
    missing = {str(name): int(n) for name, n in gaps.model.isna().sum().items() if n}
    reasons = Counter(reason for reason in gaps.rows["no_marker"] if reason)
    record = {
        "imputations": count, "cycles": cycles, "imputed": missing, "scans_missing": dict(reasons),
        "columns": [str(name) for name in gaps.model.columns], "percent_incomplete": gaps.percent_incomplete,
    }  # fmt: skip
    told = ", ".join(f"{name} {n}" for name, n in missing.items()) or "nothing was missing"
    message = (
        f"values imputed {count} times among {len(gaps.rows)} patients: {told}; right only if they are missing at "
    )
    message += "random given the columns of the imputation model"
    flag = Flag("imputed", message, "info")
    return replace(fit, settings={**fit.settings, "imputation": record}, flags=(*fit.flags, flag))
