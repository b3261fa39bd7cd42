"""Everything that a study's page says of outcome, put together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurochem.response.cohort import Cohort
from neurochem.response.describe import describe
from neurochem.response.family import adjust_p_values
from neurochem.response.moderation.moderate import moderate
from neurochem.response.moderation.words import describe_moderation
from neurochem.response.prediction.result import PredictionResult
from neurochem.response.report.brief import Brief, brief
from neurochem.response.report.checklist import checklist_rows
from neurochem.response.report.figures import ReportFigure, report_figures
from neurochem.response.report.findings import finding_rows, flow_rows
from neurochem.response.report.limits import limit_sentences
from neurochem.response.report.methods import methods_paragraphs
from neurochem.response.report.prediction import PredictionPart, prediction_part
from neurochem.results import FitResult, ResultSet


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeReport:
    """What the page says.

    Attributes
    ----------
    brief : Brief
        The answers in short.
    findings : list of dict
        One row an association in plain words: question, found, size, certainty, noise.
    flow : list of (str, int)
        People, those left out with the reason, those analysed (of the first model).
    associations, moderations : ResultSet
        The fits; moderations is empty where there are not two arms.
    sentences, moderation_sentences : tuple of str
        They in words.
    methods, limits : list of str
        What was done, and what may not be concluded.
    checklist : list of dict
        Items of the reporting checklist.
    figures : list of ReportFigure
        With their data.
    prediction : PredictionPart or None
        A prediction model, where one was asked for.
    """

    brief: Brief
    findings: list[dict[str, str]]
    flow: list[tuple[str, int]]
    associations: ResultSet
    moderations: ResultSet
    sentences: tuple[str, ...]
    moderation_sentences: tuple[str, ...]
    methods: list[str]
    limits: list[str]
    checklist: list[dict[str, str]]
    figures: list[ReportFigure]
    prediction: PredictionPart | None = None


def outcome_report(
    cohort: Cohort,
    fits: Mapping[str, FitResult],
    *,
    arms: tuple[str, str] | None = None,
    prediction: PredictionResult | None = None,
) -> OutcomeReport:
    """Return the report of a family of associations, with the moderation of its baseline markers.

    Parameters
    ----------
    cohort : Cohort
        The study.
    fits : ResultSet
        What `associate_all` returned.
    arms : (reference, other), optional
        The two arms that markers may tell apart; needed where the study has more than two.
    prediction : PredictionResult, optional
        What `predict` returned, to be shown as well.

    Returns
    -------
    OutcomeReport
        Its moderations are a family of their own, adjusted for its size.
    """
    between = _moderations(cohort, fits, arms)
    part = None if prediction is None else prediction_part(prediction)
    methods = methods_paragraphs(cohort, fits, between)
    if part is not None:
        methods.insert(len(methods) - 1, part.methods)
    limits = limit_sentences(cohort, fits, between)
    short = brief(cohort, fits, between)
    return OutcomeReport(
        brief=short if part is None else replace(short, found=(*short.found, part.found)),
        findings=finding_rows(fits),
        flow=flow_rows(next(iter(fits.values()))) if fits else [],
        associations=ResultSet(dict(fits)),
        moderations=between,
        sentences=tuple(describe(fit) for fit in fits.values()),
        moderation_sentences=tuple(describe_moderation(fit) for fit in between.values()),
        methods=methods,
        limits=limits,
        checklist=checklist_rows(
            cohort, fits, methods=" ".join(methods), limits=" ".join(limits), prediction=part.answers if part else None
        ),
        figures=report_figures(cohort, fits, between),
        prediction=part,
    )


def _moderations(cohort: Cohort, fits: Mapping[str, FitResult], arms: tuple[str, str] | None) -> ResultSet:
    """Return the moderation of every baseline marker of the family, p adjusted among them."""
    if arms is None and len(cohort.levels.get("arm", ())) != 2:
        return ResultSet({})
    found: dict[str, FitResult] = {}
    for name, fit in fits.items():
        settings = fit.settings
        if settings.get("at") != "baseline" or fit.failed:
            continue
        adjusted = [term for term in settings["adjusted_for"] if term not in {"baseline_score", "arm"}]
        found[name.removesuffix(" (baseline)")] = moderate(
            cohort, outcome=settings["outcome"], marker=settings["marker"], region=settings["region"],
            model=settings["marker_model"], outcome_type=settings["outcome_type"], covariates=adjusted,
            test_retest_sd=float(settings.get("test_retest_sd") or 0.0), flagged=settings["flagged"],
            endpoint_visit=settings["endpoint_visit"], arms=arms,
            error="none" if settings.get("error_asked_for") == "none" else "ml",
        )  # fmt: skip
    p = [fit.diagnostics["p_value"] for fit in found.values()]
    holm = adjust_p_values(p, "holm")
    size = int(np.isfinite(p).sum())
    return ResultSet(
        {
            name: replace(
                fit,
                diagnostics={**fit.diagnostics, "p_holm": float(holm[i])},
                settings={**fit.settings, "family": {"size": size, "members": list(found)}},
            )
            for i, (name, fit) in enumerate(found.items())
        }
    )
