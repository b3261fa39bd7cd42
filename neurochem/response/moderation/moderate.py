"""Whether the difference between two arms depends on a marker: prescriptive and prognostic parts kept apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.response.analysis_table import Question, analysis_table, record_of
from neurochem.response.cohort import Cohort
from neurochem.response.covariates import Covariates, encode_covariates
from neurochem.response.design_columns import as_vector
from neurochem.response.linear import t_test_p
from neurochem.response.moderation.arm_slopes import ArmRows, best, covariance, interval, p_of
from neurochem.response.moderation.johnson_neyman import johnson_neyman
from neurochem.response.outcomes import OUTCOME_TYPES
from neurochem.response.reliability import conditional_reliability
from neurochem.results import Axis, Estimate, FitResult
from neurochem.units import FloatArray

ERRORS = ("ml", "none")
ROBUST = ("HC3", "classical")
FEW = 60


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of a moderation: arm is 0 or 1, the marker as measured."""

    outcome: FloatArray
    marker: FloatArray
    stderr: FloatArray
    arm: FloatArray
    covariates: Covariates
    arms: tuple[str, str]
    outcome_unit: str
    marker_unit: str
    name: str
    labels: tuple[str, str]


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
        As for `associate`. The marker is that of the baseline. Response and remission are analysed as differences of
        risk, the scale on which treatments are chosen.
    arms : (reference, other), optional
        Two arms; needed where there are more than two. The reference of the study's levels comes first by default.
    error : str
        "ml": maximum likelihood with each scan's error; "none": the interaction is attenuated by the reliability.
    robust : str
        Standard errors of least squares: "HC3" or "classical".

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
    the F reference of `regress`.
    """
    _check_choices(error, robust)
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
    data = _Rows(
        outcome=rows["outcome"].to_numpy(dtype=float), marker=rows["marker"].to_numpy(dtype=float),
        stderr=np.hypot(rows["marker_se"].to_numpy(dtype=float), test_retest_sd),
        arm=np.asarray(rows["arm"] == chosen[1], dtype=float), covariates=encode_covariates(rows[terms], cohort.levels),
        arms=chosen, outcome_unit=kind.unit, marker_unit=table.unit or marker,
        name=f"{table.scale.label} {kind.name.replace('_', ' ')}: {table.label} by arm",
        labels=(f"{table.scale.label} {kind.name.replace('_', ' ')}", table.label),
    )  # fmt: skip
    settings = {
        **record_of(question, table), "arms": list(chosen), "randomized": cohort.randomized,
        "scale_of_interaction": "risk difference" if kind.binary else "points", "test_retest_sd": test_retest_sd,
        "participants": list(rows["participant_id"]),
    }  # fmt: skip
    return _fit(data, error, robust, settings)


def moderation(
    outcome: ArrayLike,
    marker: ArrayLike,
    arm: ArrayLike,
    *,
    stderr: ArrayLike | None = None,
    covariates: Mapping[str, ArrayLike] | None = None,
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
    error, robust : str
        As for `moderate`.
    """
    import pandas as pd

    _check_choices(error, robust)
    y = as_vector(outcome, "outcome")
    group = as_vector(arm, "arm", y.size)
    if not np.isin(group, (0.0, 1.0)).all():
        msg = f"arm holds {sorted(set(group))[:5]}; give 0 for the reference and 1 for the other arm"
        raise InputError(msg)
    table = pd.DataFrame(dict(covariates or {}), index=range(y.size))
    noise = np.full(y.size, np.nan) if stderr is None else np.asarray(stderr, dtype=float)
    data = _Rows(
        y, as_vector(marker, "marker", y.size), noise, group, encode_covariates(table, {}), ("0", "1"), "", "marker",
        "outcome: marker by arm", ("outcome", "marker"),
    )  # fmt: skip
    return _fit(data, error, robust, {"arms": ["0", "1"], "randomized": None})


def _check_choices(error: str, robust: str) -> None:
    for value, known, kind in ((error, ERRORS, "error"), (robust, ROBUST, "robust standard error")):
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
    if arms is not None or len(known) != 2:
        msg = f"the study has {len(known)} arm(s) ({', '.join(known) or 'none'}); moderation compares two: "
        msg += "choose arms=('reference', 'other')" if len(known) > 2 else "with one arm only `associate` has a meaning"
        raise InputError(msg)
    return known[0], known[1]


def _fit(data: _Rows, error: str, robust: str, settings: Mapping[str, Any]) -> FitResult:
    counts = [int((data.arm == side).sum()) for side in (0.0, 1.0)]
    terms = _terms(data)
    if min(counts) < 4 or data.outcome.size <= terms.shape[1] + 3 or np.ptp(data.marker) == 0.0:
        message = (
            f"{counts[0]} and {counts[1]} complete rows in the arms for {terms.shape[1] + 2} coefficients: too few"
        )
        return _failed(data, Flag("too_few_rows", message, "failure"), settings)
    centre = float(data.marker.mean())
    naive = _least_squares(data, terms, centre, robust)
    known = np.isfinite(data.stderr)
    use = error if known.any() else "none"
    reliability = conditional_reliability(data.marker, data.stderr, terms[:, 1:])
    found = _likelihood(data, terms, centre, naive) if use == "ml" else naive
    flags = [*found.flags, *_notes(data, counts, reliability.value, use)]
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
    diagnostics = {
        "n": float(data.outcome.size), "n_reference": float(counts[0]), "n_other": float(counts[1]), "dof": found.dof,
        "p_value": found.p[1], "p_prognostic": found.p[0], "reliability": reliability.value,
        "reliability_low": reliability.low, "reliability_high": reliability.high,
        "naive_interaction": naive.coefficients[1], "naive_p": naive.p[1],
    }  # fmt: skip
    return FitResult(
        model="moderation", name=data.name, estimates=_estimates(data, found, centre), flags=tuple(flags),
        axis=Axis(data.marker, data.labels[1], str(settings.get("marker_unit", "")), data.labels[0], data.outcome_unit),
        data=data.outcome, fitted=found.fitted, diagnostics=diagnostics, settings=record,
    )  # fmt: skip


def _terms(data: _Rows) -> FloatArray:
    return np.column_stack([np.ones(data.outcome.size), data.arm - 0.5, data.covariates.matrix])


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Mean slope, interaction, arm difference at the mean marker, intercept; their covariance, p and intervals."""

    coefficients: FloatArray
    covariance: FloatArray
    p: tuple[float, float]
    limits: tuple[tuple[float, float], ...]
    dof: float
    kind: str
    fitted: FloatArray
    flags: tuple[Flag, ...] = ()


def _least_squares(data: _Rows, terms: FloatArray, centre: float, robust: str) -> _Found:
    marker = data.marker - centre
    side = data.arm - 0.5
    design = np.column_stack([marker, marker * side, side, np.ones(side.size), data.covariates.matrix])
    bread = np.linalg.pinv(design.T @ design)
    values = bread @ design.T @ data.outcome
    residual = data.outcome - design @ values
    dof = float(design.shape[0] - design.shape[1])
    hat = np.einsum("ij,jk,ik->i", design, bread, design)
    if robust == "classical" or (hat > 1.0 - 1e-9).any():
        spread, kind = bread * float(residual @ residual) / dof, "classical"
    else:
        scaled = design * (residual / (1.0 - hat))[:, None]
        spread, kind = bread @ (scaled.T @ scaled) @ bread, "HC3"
    errors = np.sqrt(np.diag(spread))
    p = tuple(t_test_p(float(values[i]), float(errors[i]), dof) for i in range(2))
    return _Found(values, spread, (p[0], p[1]), (), dof, kind, design @ values)


def _likelihood(data: _Rows, terms: FloatArray, centre: float, naive: _Found) -> _Found:
    noise = np.square(data.stderr)
    noise = np.where(np.isfinite(noise), noise, float(np.nanmean(noise)))
    scale_x, scale_y = float(np.std(data.marker)), float(np.std(data.outcome))
    middle = float(data.outcome.mean())
    columns = terms.copy()
    columns[:, 2:] = (columns[:, 2:] - columns[:, 2:].mean(axis=0)) / np.std(columns[:, 2:], axis=0)
    rows = ArmRows(
        (data.outcome - middle) / scale_y, (data.marker - centre) / scale_x, noise / scale_x**2, data.arm - 0.5, columns
    )
    top = best(rows)
    spread = covariance(rows, top)
    k, unit = columns.shape[1], scale_y / scale_x
    order = [0, 1, 4 + k + 1, 4 + k]
    scale = np.array([unit, unit, scale_y, scale_y])
    values = top.theta[order] * scale + np.array([0.0, 0.0, 0.0, middle])
    limits = tuple(tuple(unit * end for end in interval(rows, top, index)) for index in (0, 1))
    kept = spread[np.ix_(order, order)] * np.outer(scale, scale)
    flags: tuple[Flag, ...] = ()
    if any(math.isinf(end) for end in limits[1]):
        message = "the scans' errors could explain the spread of the marker: the interaction has no finite interval"
        flags = (Flag("unidentified_interaction", message, "warning", "interaction"),)
        kept = np.full_like(kept, np.inf)
    slope = values[0] + values[1] * rows.arm
    adjusted = scale_y * (columns[:, 2:] @ top.theta[4 + k + 2 :]) if k > 2 else 0.0
    fitted = values[3] + values[2] * rows.arm + slope * (data.marker - centre) + adjusted
    p = (p_of(rows, top, 0), p_of(rows, top, 1))
    return _Found(values, kept, p, limits, rows.dof, "profile likelihood", fitted, flags)  # type: ignore[arg-type] # pairs


def _estimates(data: _Rows, found: _Found, centre: float) -> dict[str, Estimate]:
    per = f"{data.outcome_unit} per {data.marker_unit}".strip()
    weights = {
        "interaction": ([0, 1, 0], per), "prognostic_slope": ([1, 0, 0], per),
        f"slope[{data.arms[0]}]": ([1, -0.5, 0], per), f"slope[{data.arms[1]}]": ([1, 0.5, 0], per),
        "arm_difference": ([0, 0, 1], data.outcome_unit),
    }  # fmt: skip
    estimates = {}
    for name, (weight, unit) in weights.items():
        w = np.array(weight, dtype=float)
        finite = np.isfinite(found.covariance).all()
        error = math.sqrt(float(w @ found.covariance[:3, :3] @ w)) if finite else float(found.covariance[0, 0])
        limits: tuple[tuple[float, float, float], ...] = ()
        if found.limits and name in {"interaction", "prognostic_slope"}:
            limits = ((0.95, *found.limits[1 if name == "interaction" else 0]),)
        estimates[name] = Estimate(name, float(w @ found.coefficients[:3]), error, unit, dof=found.dof, limits=limits)
    crossing = centre - found.coefficients[2] / found.coefficients[1] if found.coefficients[1] else math.nan
    estimates["crossover"] = Estimate("crossover", float(crossing), math.nan, data.marker_unit, stderr_kind="none")
    return estimates


def _notes(data: _Rows, counts: Sequence[int], reliability: float, error: str) -> list[Flag]:
    notes = []
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


def _gap(data: _Rows) -> float:
    one, none = data.marker[data.arm == 1.0], data.marker[data.arm == 0.0]
    pooled = math.sqrt(0.5 * (float(one.var(ddof=1)) + float(none.var(ddof=1))))
    return float(one.mean() - none.mean()) / pooled if pooled else 0.0


def _failed(data: _Rows, flag: Flag, settings: Mapping[str, Any]) -> FitResult:
    empty = _Found(
        np.full(4, np.nan), np.full((4, 4), np.nan), (math.nan, math.nan), (), math.nan, "none", data.outcome
    )
    estimates = {
        name: replace(estimate, stderr=math.nan) for name, estimate in _estimates(data, empty, math.nan).items()
    }
    return FitResult(
        model="moderation", name=data.name, estimates=estimates, flags=(flag,), success=False,
        diagnostics={"n": float(data.outcome.size), "p_value": math.nan, "p_prognostic": math.nan},
        settings=dict(settings),
    )  # fmt: skip
