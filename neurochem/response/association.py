"""How a marker at baseline, or its change under treatment, goes with the treatment's outcome."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from neurochem.arguments import checked_arguments
from neurochem.errors import LeakageError, unknown_name
from neurochem.quality import Flag
from neurochem.response.analysis_table import (
    FLAGGED_SCAN,
    AnalysisTable,
    Question,
    analysis_table,
    record_of,
)
from neurochem.response.cohort import Cohort
from neurochem.response.covariates import encode_covariates
from neurochem.response.linear import t_test_p
from neurochem.response.model_data import Labels, ModelData
from neurochem.response.outcomes import OUTCOME_TYPES
from neurochem.response.regression import Inference, fit_model, with_test_retest
from neurochem.response.validation import BASELINE
from neurochem.results import FitResult


@checked_arguments
def associate(  # noqa: PLR0913 - each keyword is one choice of the analysis and belongs in its record
    cohort: Cohort,
    *,
    outcome: str,
    marker: str,
    region: str | None = None,
    model: str | None = None,
    at: str = "baseline",
    outcome_type: str = "change",
    covariates: Sequence[str] = (),
    error: str = "ml",
    robust: str = "HC3",
    test_retest_sd: float = 0.0,
    flagged: str = "keep",
    clusters: str | None = None,
    penalty: str = "auto",
    baseline_visit: str = BASELINE,
    endpoint_visit: str | None = None,
    marker_visit: str | None = None,
    adjust_severity: bool = True,
    adjust_arm: bool = True,
) -> FitResult:
    """Regress the outcome of treatment on a marker.

    Parameters
    ----------
    cohort : Cohort
        The study.
    outcome : str
        Scale: "madrs", "hamd17" ...
    marker : str
        Marker: "BPND", "Glx" ...
    region, model : str, optional
        May be left out where the cohort has one only.
    at : str
        "baseline": y ~ M0 + y0 + arm + Z. "change": y ~ dM + y0 + M0 + arm + Z with dM = M1 - M0.
    outcome_type : str
        "change" (endpoint minus baseline, negative = better), "endpoint", "percent_change" (negative = better),
        "percent_reduction" (positive = better), "response" (reduction of at least 50 %), "remission" (the scale's rule).
    covariates : sequence of str
        More columns of people, or of the baseline session, to adjust for.
    error : str
        How the scans' standard errors enter: "ml" (maximum likelihood), "reml", "rc", "simex", or "none", which leaves
        the slope attenuated. As for `regress`; where no scan has a standard error it is "none". With at="change" the
        errors of both scans enter, the baseline's in the change and in the baseline value alike.
    robust : str
        "HC3", "classical" or "cluster" standard errors of least squares.
    test_retest_sd : float
        SD of one person's true value from day to day, in the marker's unit; added in quadrature to every scan's error.
    flagged : str
        "keep" or "drop" the scans that quality control flagged; a flag says how many there are.
    clusters : str, optional
        Column of people whose levels share what the model leaves out (site, family), for robust="cluster".
    penalty : str
        Yes-or-no outcomes without error correction: "auto" (Firth's where events are few or classes separate),
        "firth" or "none".
    baseline_visit, endpoint_visit : str
        Visits of the two scores; the endpoint may be left out where there is one later visit only.
    marker_visit : str, optional
        Visit of the second scan when at="change"; the endpoint by default.
    adjust_severity, adjust_arm : bool
        Whether the baseline score, and the arm where there is more than one, are adjusted for.

    Returns
    -------
    FitResult
        Model "structural", "OLS", "logistic" ... `fit["slope"]` is the marker's; its p is `diagnostics["p_value"]`. Further
        estimates: intercept, every covariate ("arm[ssri]" against `settings["reference_levels"]`),
        standardised_slope, partial_r or odds_ratio. `settings` holds who was dropped and why, and every row with the
        marker's standard error. `success` is False, with a flag, where there are too few rows; a slope that the data do
        not identify has an infinite interval and a flag.

    Raises
    ------
    UnknownNameError, InputError
        If a name is not in the cohort, or a choice is needed and not made.
    LeakageError
        If a covariate is the outcome under another name.

    Notes
    -----
    With the baseline score among the covariates, "change" and "endpoint" give the same slope and error of every term
    but the baseline score, whose coefficient differs by exactly one. Percent change divides by an error-prone baseline
    and is offered as a secondary outcome; response and remission throw information away (about a third at a median cut).

    The slope is an association. Noise of the scans shrinks the uncorrected one (`diagnostics["naive_slope"]`) by about
    `diagnostics["reliability"]`.
    """
    question = Question(
        outcome=outcome, marker=marker, region=region, model=model, at=at, outcome_type=outcome_type,
        covariates=covariates if isinstance(covariates, str) else tuple(covariates),  # type: ignore[arg-type] # refused
        baseline_visit=baseline_visit, endpoint_visit=endpoint_visit, marker_visit=marker_visit,
        adjust_severity=adjust_severity, adjust_arm=adjust_arm, flagged=flagged,
    )  # fmt: skip
    binary = OUTCOME_TYPES[question.outcome_type].binary
    inference = Inference("binomial" if binary else "gaussian", error, robust, penalty)
    return answer(cohort, question, inference, test_retest_sd=test_retest_sd, clusters=clusters)


def answer(
    cohort: Cohort,
    question: Question,
    inference: Inference,
    *,
    test_retest_sd: float = 0.0,
    clusters: str | None = None,
) -> FitResult:
    """Return the fit of one question; what `associate` does after its keywords are put together."""
    return answer_table(
        cohort, analysis_table(cohort, question), question, inference, test_retest_sd=test_retest_sd, clusters=clusters
    )


def answer_table(
    cohort: Cohort,
    table: AnalysisTable,
    question: Question,
    inference: Inference,
    *,
    test_retest_sd: float = 0.0,
    clusters: str | None = None,
) -> FitResult:
    """Return the fit of one question to complete rows."""
    rows = table.rows
    late = _after_baseline(cohort, table, question)
    covariates = encode_covariates(rows[list(table.terms)], cohort.levels)
    data = ModelData(
        outcome=rows["outcome"].to_numpy(dtype=float),
        marker=rows["marker"].to_numpy(dtype=float),
        stderr=rows["marker_se"].to_numpy(dtype=float),
        covariates=covariates,
        ids=tuple(rows["participant_id"]),
        error_covariates=tuple(i for i, name in enumerate(covariates.names) if name == "baseline_marker"),
        clusters=_clusters(cohort, rows["participant_id"], clusters),
    )
    data = with_scan_errors(data, rows, question.at, test_retest_sd)
    settings = record_of(question, table)
    settings["reference_levels"] = dict(covariates.references)
    settings["terms"] = list(covariates.names)
    settings["test_retest_sd"] = test_retest_sd
    fit = fit_model(data, _labels(question, table), inference, settings)
    return replace(fit, flags=(*fit.flags, *late, *_flagged_scans(table, question), *_left_out(covariates.left_out)))


def _after_baseline(cohort: Cohort, table: AnalysisTable, question: Question) -> tuple[Flag, ...]:
    """Refuse a covariate that is the outcome under another name, and warn of those named after a later visit.

    Raises
    ------
    LeakageError
        If a covariate equals the outcome or the endpoint score in everyone.
    """
    later = [name for name in dict.fromkeys(cohort.visits["visit"]) if name != question.baseline_visit]
    flags = []
    for name in question.covariates:
        cells = table.rows[name]
        for other in ("outcome", "endpoint_score"):
            if len(cells) > 2 and pd.api.types.is_numeric_dtype(cells) and (cells == table.rows[other]).all():
                msg = f"leakage: covariate '{name}' is the {other.replace('_', ' ')} itself; leave it out"
                raise LeakageError(msg)
        visit = next((visit for visit in later if visit.casefold() in name.casefold()), "")
        if visit:
            message = f"covariate '{name}' is named after {visit}: what was measured after treatment began may be part of its "
            message += "effect, and adjusting for it takes that away"
            flags.append(Flag("post_baseline_covariate", message))
    return tuple(flags)


def with_scan_errors(data: ModelData, rows: pd.DataFrame, at: str, test_retest_sd: float) -> ModelData:
    """Return the rows with the errors of the scans: for a change those of both, shared with the baseline value.

    Notes
    -----
    For d = w1 - w0 beside w0: var(d) = s0^2 + s1^2, var(w0) = s0^2, cov(d, w0) = -s0^2, where s^2 is a scan's squared
    standard error plus the day-to-day variance.
    """
    if at == "baseline":
        return with_test_retest(data, test_retest_sd)
    if not data.error_covariates:
        return with_test_retest(data, math.sqrt(2.0) * test_retest_sd)
    first = rows["baseline_marker_se"].to_numpy(dtype=float) ** 2 + test_retest_sd**2
    both = data.stderr**2 + 2.0 * test_retest_sd**2
    noise = np.empty((data.outcome.size, 2, 2))
    noise[:, 0, 0], noise[:, 1, 1] = both, first
    noise[:, 0, 1] = noise[:, 1, 0] = -first
    return replace(data, stderr=np.sqrt(both), error_covariance=noise)


def _clusters(cohort: Cohort, people: pd.Series, column: str | None) -> tuple[str, ...]:
    if column is None:
        return ()
    table = cohort.people.set_index("participant_id")
    if column not in table.columns:
        raise unknown_name(column, [str(name) for name in table.columns], kind="column of people")
    return tuple(str(name) for name in table[column].reindex(people))


def _flagged_scans(table: AnalysisTable, question: Question) -> tuple[Flag, ...]:
    """Return how many values come from scans that quality control flagged, and what was done with them."""
    kept = table.flow["flagged_scans_used"]
    if question.flagged == "drop":
        gone = sum(reason == FLAGGED_SCAN for _, reason in table.dropped)
        message = f"{gone} patients with a scan that quality control flagged were dropped"
        return (Flag("flagged_scans_dropped", message, "info"),) if gone else ()
    message = f"{kept} of {table.flow['used']} values come from scans that quality control flagged; they were kept"
    return (Flag("flagged_scans_kept", message, "info"),) if kept else ()


def _labels(question: Question, table: AnalysisTable) -> Labels:
    kind = OUTCOME_TYPES[question.outcome_type]
    words = {"change": "change", "endpoint": f"at {table.endpoint_visit}"}.get(kind.name, kind.name.replace("_", " "))
    outcome = f"{table.scale.label} {words}"
    change = "change of " if question.at == "change" else ""
    return Labels(
        name=f"{outcome} on {table.label} ({question.at})", outcome=outcome, outcome_unit=kind.unit,
        marker=f"{change}{table.label}" if change else table.label, marker_unit=table.unit,
        short=question.marker,
    )  # fmt: skip


def _left_out(names: Sequence[str]) -> tuple[Flag, ...]:
    return tuple(
        Flag("constant_covariate", f"everyone has the same {name}: it is left out of the model", "info")
        for name in names
    )


@checked_arguments
def analysis_rows(fit: FitResult) -> pd.DataFrame:
    """Return the rows that a fit used: participant_id, outcome, marker, marker_se and the covariates.

    Works for a fit that was saved and loaded too.
    """
    record: dict[str, Any] = dict(fit.settings.get("rows", {}))
    matrix = record.pop("covariates", [])
    table = pd.DataFrame({"participant_id": record.get("participant_id", [])})
    for name in ("outcome", "marker", "marker_se"):
        table[name] = [float(value) for value in record.get(name, [])]
    for index, name in enumerate(fit.settings.get("terms", [])):
        table[name] = [float(row[index]) for row in matrix]
    return table


@checked_arguments
def coefficient_table(fit: FitResult) -> pd.DataFrame:
    """Return one row a coefficient: term, estimate, stderr, unit, t, p, low95, high95.

    p is that of t (or z) for covariates, with the small-sample factor of a likelihood; for the slope it is that of the
    fit, `diagnostics["p_value"]`.
    """
    rows = []
    factor = fit.diagnostics.get("stderr_factor", 1.0)
    for name in fit.covariance_names or tuple(fit.estimates):
        estimate = fit[name]
        low, high = estimate.interval(0.95)
        p = (
            fit.diagnostics["p_value"]
            if name == "slope"
            else t_test_p(estimate.value, factor * estimate.stderr, estimate.dof)
        )
        ratio = estimate.value / estimate.stderr if estimate.stderr else float("nan")
        rows.append(
            {"term": name, "estimate": estimate.value, "stderr": estimate.stderr, "unit": estimate.unit, "t": ratio,
             "p": p, "low95": low, "high95": high}
        )  # fmt: skip
    return pd.DataFrame(rows)
