"""Whether the difference between two arms depends on a marker: prescriptive and prognostic parts kept apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.response.analysis_table import Question, analysis_table, record_of
from neurochem.response.cohort import Cohort
from neurochem.response.covariates import encode_covariates
from neurochem.response.design_columns import as_vector
from neurochem.response.moderation.arm_fit import ArmData, ArmFit, least_squares, likelihood
from neurochem.response.moderation.johnson_neyman import johnson_neyman
from neurochem.response.outcomes import OUTCOME_TYPES
from neurochem.response.reliability import conditional_reliability
from neurochem.results import Axis, Estimate, FitResult

ERRORS = ("ml", "none")
ROBUST = ("HC3", "classical")
SCALES = ("difference", "log-odds")
FAMILIES = ("gaussian", "binomial")
FEW = 60


@checked_arguments
def moderate(  # noqa: PLR0913 - each keyword is one choice of the analysis and belongs in its record
    cohort: Cohort,
    *,
    outcome: str,
    marker: str,
    region: str | None = None,
    model: str | None = None,
    arms: tuple[str, str] | None = None,
    outcome_type: str = "change",
    covariates: Sequence[str] = (),
    error: str = "ml",
    robust: str = "HC3",
    scale: str = "difference",
    test_retest_sd: float = 0.0,
    flagged: str = "keep",
    endpoint_visit: str | None = None,
) -> FitResult:
    """Test whether the difference between two arms depends on a marker measured before treatment.

    Parameters
    ----------
    cohort : Cohort
        The study; a study of one arm is refused.
    outcome, marker, region, model, outcome_type, covariates, test_retest_sd, flagged, endpoint_visit
        As for `associate`. The marker is that of the baseline.
    arms : (reference, other), optional
        Two arms; needed where there are more than two. The reference of the study's levels comes first by default.
    error : str
        "ml": maximum likelihood with each scan's error; "none": the interaction is attenuated by the reliability.
    robust : str
        Standard errors of least squares: "HC3" or "classical".
    scale : str
        Of a yes-or-no outcome: "difference" of risks, the scale on which treatments are chosen, or "log-odds", the model
        in which chances stay between 0 and 1. An interaction on one scale may be none on the other.

    Returns
    -------
    FitResult
        "interaction" (prescriptive: by how much the arm difference changes per unit of the marker), "prognostic_slope"
        (average of both arms' slopes), "slope[<arm>]" of each arm, "arm_difference" at the mean marker, "crossover"
        (marker value where the arms are equal; no interval). `diagnostics`: p_value of the interaction, p_prognostic,
        n, n_per_arm, reliability, naive_interaction and naive_p. `settings`: randomized, johnson_neyman and rows.

    Raises
    ------
    InputError
        If there are not two arms with patients in both.

    Notes
    -----
    y = g'Z + (b + d t) X + e with t = -1/2 and +1/2, W = X + U, X = a'Z + V; Z holds the arm and the baseline score.
    An arm in which the marker is "significant" beside one in which it is not shows nothing: only d does. An interaction
    as large as a main effect needs about four times as many people. Likelihood intervals are those of the profile with
    the F reference of `regress`, its degrees of freedom less twice the share of the marker's variance that is noise.

    Simulated trials of reliability 0.6: 95 % intervals of the interaction hold the truth in 94 to 96 % at 24 to 100
    people, a test of none rejects in 6.0 % at 24, 5.5 % at 30, 5.6 % at 40 and 4.4 % at 100 (without correction the
    interval holds a true interaction in 93 % at 24, 89 % at 40 and 71 % at 100, since it shrinks to 0.6). The residual has
    one variance: an SD half as large again in the larger arm gave 5.9 % at 40; error="none" with HC3 errors 4.0 %. On the
    log-odds scale it takes about 200 people: 6.0 % there, 6.1 % at 100 and 6.6 % at 40, where half of the intervals are
    open; the difference of risks keeps 4.4 % at 40. All cells: the page "Response: coverage" of the documentation.
    """
    _check_choices(error, robust, scale)
    question = Question(
        outcome=outcome, marker=marker, region=region, model=model, outcome_type=outcome_type,
        covariates=tuple(name for name in covariates if name != "arm"), endpoint_visit=endpoint_visit, flagged=flagged,
        adjust_arm=True,
    )  # fmt: skip
    chosen = _two_arms(cohort, arms)
    table = analysis_table(cohort, question)
    rows = table.rows.loc[table.rows["arm"].isin(chosen)] if "arm" in table.rows.columns else table.rows.iloc[:0]
    terms = [name for name in table.terms if name != "arm"]
    kind = OUTCOME_TYPES[outcome_type]
    odds = kind.binary and scale == "log-odds"
    data = ArmData(
        outcome=rows["outcome"].to_numpy(dtype=float), marker=rows["marker"].to_numpy(dtype=float),
        stderr=np.hypot(rows["marker_se"].to_numpy(dtype=float), test_retest_sd),
        arm=np.asarray(rows["arm"] == chosen[1], dtype=float), covariates=encode_covariates(rows[terms], cohort.levels),
        arms=chosen, outcome_unit="log-odds" if odds else kind.unit, marker_unit=table.unit or marker,
        name=f"{table.scale.label} {kind.name.replace('_', ' ')}: {table.label} by arm",
        labels=(f"{table.scale.label} {kind.name.replace('_', ' ')}", table.label),
        family="binomial" if odds else "gaussian",
    )  # fmt: skip
    settings = {
        **record_of(question, table), "arms": list(chosen), "randomized": cohort.randomized,
        "scale_of_interaction": _scale_words(odds=odds, binary=kind.binary), "test_retest_sd": test_retest_sd,
        "participants": list(rows["participant_id"]),
    }  # fmt: skip
    return _fit(data, error, robust, settings)


def _scale_words(*, odds: bool, binary: bool) -> str:
    return "log-odds" if odds else "risk difference" if binary else "points"


@checked_arguments(names=("covariates",))
def moderation(  # noqa: PLR0913 - each keyword is one choice of the analysis
    outcome: ArrayLike,
    marker: ArrayLike,
    arm: ArrayLike,
    *,
    stderr: ArrayLike | None = None,
    covariates: Mapping[str, ArrayLike] | None = None,
    family: str = "gaussian",
    error: str = "ml",
    robust: str = "HC3",
) -> FitResult:
    """Return the moderation of arrays; see `moderate`.

    Parameters
    ----------
    outcome, marker : array_like, shape (n,)
        Outcome, and marker before treatment.
    arm : array_like, shape (n,)
        0 (reference) or 1.
    stderr : array_like, shape (n,), optional
        Standard errors of the marker.
    covariates : mapping, optional
        What to adjust for.
    family : str
        "gaussian" (scores; 0 and 1 as a difference of risks) or "binomial" (0 and 1 on the log-odds scale).
    error, robust : str
        As for `moderate`.
    """
    import pandas as pd

    _check_choices(error, robust)
    if family not in FAMILIES:
        raise unknown_name(family, FAMILIES, kind="family")
    y = as_vector(outcome, "outcome")
    group = as_vector(arm, "arm", y.size)
    if not np.isin(group, (0.0, 1.0)).all():
        msg = f"arm holds {sorted(set(group))[:5]}; give 0 for the reference and 1 for the other arm"
        raise InputError(msg)
    if family == "binomial" and not np.isin(y, (0.0, 1.0)).all():
        msg = "outcome holds other numbers than 0 and 1; use family='gaussian' for scores"
        raise InputError(msg)
    table = pd.DataFrame(dict(covariates or {}), index=range(y.size))
    noise = np.full(y.size, np.nan) if stderr is None else np.asarray(stderr, dtype=float)
    unit = "log-odds" if family == "binomial" else ""
    data = ArmData(
        y, as_vector(marker, "marker", y.size), noise, group, encode_covariates(table, {}), ("0", "1"), unit, "marker",
        "outcome: marker by arm", ("outcome", "marker"), family,
    )  # fmt: skip
    return _fit(data, error, robust, {"arms": ["0", "1"], "randomized": None})


def _check_choices(error: str, robust: str, scale: str = "difference") -> None:
    choices = ((error, ERRORS, "error"), (robust, ROBUST, "robust standard error"), (scale, SCALES, "scale"))
    for value, known, kind in choices:
        if value not in known:
            raise unknown_name(value, known, kind=kind)


def _two_arms(cohort: Cohort, arms: tuple[str, str] | None) -> tuple[str, str]:
    known = cohort.levels.get("arm", ())
    if arms is not None:
        for name in arms:
            if name not in known:
                raise unknown_name(name, known, kind="arm")
        if len(arms) == 2 and arms[0] != arms[1]:
            return arms[0], arms[1]
        msg = f"arms are {', '.join(arms)}; name two different ones, the reference first, of {', '.join(known)}"
        raise InputError(msg)
    if len(known) != 2:
        msg = f"the study has {len(known)} arm(s) ({', '.join(known) or 'none'}); moderation compares two: "
        msg += "choose arms=('reference', 'other')" if len(known) > 2 else "with one arm only `associate` has a meaning"
        raise InputError(msg)
    return known[0], known[1]


def _fit(data: ArmData, error: str, robust: str, settings: Mapping[str, Any]) -> FitResult:
    counts = [int((data.arm == side).sum()) for side in (0.0, 1.0)]
    flag = _why_not(data, counts)
    if flag is not None:
        return _failed(data, flag, settings)
    binary, centre = data.family == "binomial", data.centre
    known = np.isfinite(data.stderr) & (data.stderr > 0.0)
    use = error if known.any() else "none"
    naive = likelihood(data, corrected=False) if binary else least_squares(data, robust)
    found = likelihood(data) if use == "ml" else naive
    reliability = conditional_reliability(data.marker, data.stderr, data.terms[:, 1:], weighted=True)
    flags = [*found.flags, *_notes(data, counts, reliability.value, use, error)]
    region = johnson_neyman(
        found.coefficients[2],
        found.coefficients[1],
        found.covariance[np.ix_([2, 1], [2, 1])],
        dof=found.dof,
        centre=centre,
    )
    record = {
        **settings, "error": use, "error_asked_for": error, "centre": centre, "inference": found.kind,
        "johnson_neyman": {"a": region.a, "b": region.b, "c": region.c, "low": region.low, "high": region.high,
                           "kind": region.kind, "text": region.text},
        "rows": {"outcome": data.outcome.tolist(), "marker": data.marker.tolist(), "marker_se": data.stderr.tolist(),
                 "arm": data.arm.tolist()},
        "terms": list(data.covariates.names),
    }  # fmt: skip
    events = [float(data.outcome[data.arm == side].sum()) for side in (0.0, 1.0)]
    diagnostics = {
        "n": float(data.outcome.size), "n_reference": float(counts[0]), "n_other": float(counts[1]), "dof": found.dof,
        "p_value": found.p[1], "p_prognostic": found.p[0], "reliability": reliability.value,
        "reliability_low": reliability.low, "reliability_high": reliability.high,
        **({"events_reference": events[0], "events_other": events[1]} if binary else {}),
        "naive_interaction": naive.coefficients[1], "naive_p": naive.p[1],
    }  # fmt: skip
    return FitResult(
        model="moderation", name=data.name, estimates=_estimates(data, found, centre), flags=tuple(flags),
        axis=Axis(data.marker, data.labels[1], str(settings.get("marker_unit", "")), data.labels[0], data.outcome_unit),
        data=data.outcome, fitted=found.fitted, diagnostics=diagnostics, settings=record,
    )  # fmt: skip


def _why_not(data: ArmData, counts: Sequence[int]) -> Flag | None:
    """Return why there can be no fit, if so."""
    terms = data.terms
    if min(counts) < 4 or data.outcome.size <= terms.shape[1] + 3 or np.ptp(data.marker) == 0.0:
        message = (
            f"{counts[0]} and {counts[1]} complete rows in the arms for {terms.shape[1] + 2} coefficients: too few"
        )
        return Flag("too_few_rows", message, "failure")
    if np.linalg.matrix_rank(np.column_stack([terms, data.marker])) <= terms.shape[1]:
        return Flag("collinear", "some terms can be computed from the others: leave one of them out", "failure")
    if np.ptp(data.outcome) == 0.0:
        return Flag("constant_outcome", f"the outcome is {data.outcome[0]:g} in everyone", "failure")
    return None


def _estimates(data: ArmData, found: ArmFit, centre: float) -> dict[str, Estimate]:
    per = f"{data.outcome_unit} per {data.marker_unit}".strip()
    weights = {
        "interaction": ([0, 1, 0], per, "interaction"), "prognostic_slope": ([1, 0, 0], per, "prognostic_slope"),
        f"slope[{data.arms[0]}]": ([1, -0.5, 0], per, "reference"), f"slope[{data.arms[1]}]": ([1, 0.5, 0], per, "other"),
        "arm_difference": ([0, 0, 1], data.outcome_unit, "arm_difference"),
    }  # fmt: skip
    estimates = {}
    for name, (weight, unit, end) in weights.items():
        w = np.array(weight, dtype=float)
        finite = np.isfinite(found.covariance).all()
        error = math.sqrt(float(w @ found.covariance[:3, :3] @ w)) if finite else float(found.covariance[0, 0])
        limits = ((0.95, *found.limits[end]),) if end in found.limits else ()
        estimates[name] = Estimate(
            name, float(w @ found.coefficients[:3]), error, unit, stderr_kind="profile" if limits else "fit",
            dof=found.dof, limits=limits,
        )  # fmt: skip
    crossing = centre - found.coefficients[2] / found.coefficients[1] if found.coefficients[1] else math.nan
    estimates["crossover"] = Estimate("crossover", float(crossing), math.nan, data.marker_unit, stderr_kind="none")
    return estimates


def _notes(data: ArmData, counts: Sequence[int], reliability: float, error: str, asked: str) -> list[Flag]:
    notes = []
    if asked != "none" and np.isnan(data.stderr).all():
        message = (
            f"error is '{asked}', but no standard error of the marker is known: the interaction is not corrected, and "
        )
        message += "noise of the scans would shrink it"
        notes.append(Flag("nothing_corrected", message, "info", "interaction"))
    if sum(counts) < FEW:
        message = (
            f"{sum(counts)} patients: an interaction of this study's main effects would need several times as many; "
        )
        message += "read it as exploratory"
        notes.append(Flag("few_for_interaction", message, "warning", "interaction"))
    if error == "none" and math.isfinite(reliability) and reliability < 0.95:
        message = f"the interaction is not corrected: noise shrinks it to about {100 * reliability:.0f} % of its size"
        notes.append(Flag("attenuated_interaction", message, "info", "interaction"))
    gap = _gap(data)
    if abs(gap) > 0.5:
        message = f"the arms differ by {gap:.2f} SD in the marker at baseline"
        notes.append(Flag("arms_differ_at_baseline", message, "warning"))
    return notes


def _gap(data: ArmData) -> float:
    one, none = data.marker[data.arm == 1.0], data.marker[data.arm == 0.0]
    pooled = math.sqrt(0.5 * (float(one.var(ddof=1)) + float(none.var(ddof=1))))
    return float(one.mean() - none.mean()) / pooled if pooled else 0.0


def _failed(data: ArmData, flag: Flag, settings: Mapping[str, Any]) -> FitResult:
    empty = ArmFit(
        np.full(4, np.nan), np.full((4, 4), np.nan), (math.nan, math.nan), {}, math.nan, "none", data.outcome
    )
    estimates = {
        name: replace(estimate, stderr=math.nan) for name, estimate in _estimates(data, empty, math.nan).items()
    }
    return FitResult(
        model="moderation", name=data.name, estimates=estimates, flags=(flag,), success=False,
        diagnostics={"n": float(data.outcome.size), "p_value": math.nan, "p_prognostic": math.nan},
        settings=dict(settings),
    )  # fmt: skip
