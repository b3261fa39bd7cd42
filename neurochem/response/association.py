"""How a marker at baseline, or its change under treatment, goes with the treatment's outcome."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from neurochem.quality import Flag
from neurochem.response.analysis_table import AnalysisTable, Question, analysis_table, record_of
from neurochem.response.cohort import Cohort
from neurochem.response.covariates import encode_covariates
from neurochem.response.model_data import Labels, ModelData
from neurochem.response.outcomes import OUTCOME_TYPES
from neurochem.response.regression import Inference, fit_model
from neurochem.response.validation import BASELINE
from neurochem.results import FitResult


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
    error: str = "none",
    robust: str = "HC3",
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
        Model of the marker's measurement error; "none" leaves the slope attenuated.
    robust : str
        "HC3" or "classical" standard errors of the continuous outcomes.
    baseline_visit, endpoint_visit : str
        Visits of the two scores; the endpoint may be left out where there is one later visit only.
    marker_visit : str, optional
        Visit of the second scan when at="change"; the endpoint by default.
    adjust_severity, adjust_arm : bool
        Whether the baseline score, and the arm where there is more than one, are adjusted for.

    Returns
    -------
    FitResult
        Model "OLS" or "logistic". `fit["slope"]` is the marker's; its p is `diagnostics["p_value"]`. Further
        estimates: intercept, every covariate ("arm[ssri]" against `settings["reference_levels"]`),
        standardised_slope, partial_r or odds_ratio. `settings` holds who was dropped and why, and every row with the
        marker's standard error. `success` is False, with a flag, where there are too few rows, or classes separate.

    Raises
    ------
    UnknownNameError, InputError
        If a name is not in the cohort, or a choice is needed and not made.

    Notes
    -----
    With the baseline score among the covariates, "change" and "endpoint" give the same slope and error of every term
    but the baseline score, whose coefficient differs by exactly one. Percent change divides by an error-prone baseline
    and is offered as a secondary outcome; response and remission throw information away (about a third at a median cut).

    The slope is an association. Noise of the scans shrinks it by about `diagnostics["reliability"]`.
    """
    question = Question(
        outcome=outcome, marker=marker, region=region, model=model, at=at, outcome_type=outcome_type,
        covariates=covariates if isinstance(covariates, str) else tuple(covariates),  # type: ignore[arg-type] # refused
        baseline_visit=baseline_visit, endpoint_visit=endpoint_visit, marker_visit=marker_visit,
        adjust_severity=adjust_severity, adjust_arm=adjust_arm,
    )  # fmt: skip
    binary = OUTCOME_TYPES[question.outcome_type].binary
    inference = Inference("binomial" if binary else "gaussian", error, robust)
    return answer(cohort, question, inference)


def answer(cohort: Cohort, question: Question, inference: Inference) -> FitResult:
    """Return the fit of one question; what `associate` does after its keywords are put together."""
    table = analysis_table(cohort, question)
    rows = table.rows
    covariates = encode_covariates(rows[list(table.terms)], cohort.levels)
    data = ModelData(
        outcome=rows["outcome"].to_numpy(dtype=float),
        marker=rows["marker"].to_numpy(dtype=float),
        stderr=rows["marker_se"].to_numpy(dtype=float),
        covariates=covariates,
        ids=tuple(rows["participant_id"]),
        error_covariates=tuple(i for i, name in enumerate(covariates.names) if name == "baseline_marker"),
    )
    settings = record_of(question, table)
    settings["reference_levels"] = dict(covariates.references)
    settings["terms"] = list(covariates.names)
    fit = fit_model(data, _labels(question, table), inference, settings)
    return replace(fit, flags=(*fit.flags, *_left_out(covariates.left_out)))


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


def coefficient_table(fit: FitResult) -> pd.DataFrame:
    """Return one row a coefficient: term, estimate, stderr, unit, t, p, low95, high95.

    p is that of t (or z) for covariates; for the slope of a logistic model it is the likelihood ratio's.
    """
    from neurochem.response.linear import t_test_p

    rows = []
    for name in fit.covariance_names or tuple(fit.estimates):
        estimate = fit[name]
        low, high = estimate.interval(0.95)
        p = fit.diagnostics["p_value"] if name == "slope" else t_test_p(estimate.value, estimate.stderr, estimate.dof)
        ratio = estimate.value / estimate.stderr if estimate.stderr else float("nan")
        rows.append(
            {"term": name, "estimate": estimate.value, "stderr": estimate.stderr, "unit": estimate.unit, "t": ratio,
             "p": p, "low95": low, "high95": high}
        )  # fmt: skip
    return pd.DataFrame(rows)
