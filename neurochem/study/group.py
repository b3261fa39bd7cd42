"""The group level: markers and outcome to a table, a forest plot, text, and the study page."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem import qc, response
from neurochem.errors import InputError, LeakageError, MissingFileError
from neurochem.figures import save_figure
from neurochem.naming import MARKERS_FILE, write_text
from neurochem.response.report import OutcomeReport, ReportFigure, headline, outcome_report
from neurochem.response.report.brief import name_tracers
from neurochem.response.report.findings import MEANINGS
from neurochem.results import FitResult, ResultSet
from neurochem.study.bids import check_dataset
from neurochem.study.config import Config, ResponseConfig
from neurochem.study.derivatives import (
    dataset_name,
    merge_markers,
    read_rows,
    write_dataset_files,
    write_fits,
    write_table,
)
from neurochem.study.index import GROUP_FOLDER, tracer_names, write_index
from neurochem.study.participants import check_folders
from neurochem.study.provenance import command_text, write_provenance

if TYPE_CHECKING:
    import pandas as pd

CARD_FILE = "prediction_card.json"
# One start for the folds and shuffles of every study: same input, same bytes out.
PREDICTION_SEED = 1
_COLUMNS: dict[str, dict[str, Any]] = {
    "name": {"Description": "Marker, region and time of the association"},
    "outcome": {"Description": "Scale of the outcome"},
    "outcome_type": {"Description": "How the outcome was formed from the scores"},
    "marker": {"Description": "Marker"},
    "region": {"Description": "Region of the marker"},
    "model": {"Description": "Model the marker came from"},
    "at": {"Description": "baseline, or the marker's change between the visits"},
    "n": {"Description": "People in the model"},
    "slope": {"Description": "Outcome a unit of the marker, adjusted for the covariates"},
    "stderr": {"Description": "Standard error of the slope"},
    "unit": {"Description": "Unit of the slope and its error"},
    "low95": {"Description": "Lower end of the 95 % interval of the slope"},
    "high95": {"Description": "Upper end of the 95 % interval of the slope"},
    "p": {"Description": "Two-sided p of the slope"},
    "p_holm": {"Description": "p adjusted for the family of tests by Holm's method"},
    "p_bh": {"Description": "p adjusted for the family of tests by Benjamini and Hochberg's method"},
    "success": {"Description": "Whether the model can be used"},
    "flags": {"Description": "Names of the warnings"},
}

_MODERATION_COLUMNS: dict[str, dict[str, Any]] = {
    "name": {"Description": "Marker and region at baseline"},
    "reference": {"Description": "Arm that the other is compared with"},
    "other": {"Description": "The other arm"},
    "randomized": {"Description": "Whether every patient's arm was assigned at random"},
    "n": {"Description": "People in the model"},
    "interaction": {"Description": "Change of the arm difference a unit of the marker"},
    "stderr": {"Description": "Standard error of the interaction"},
    "unit": {"Description": "Unit of interaction and slope"},
    "low95": {"Description": "Lower end of the 95 % interval of the interaction"},
    "high95": {"Description": "Upper end of the 95 % interval of the interaction"},
    "p": {"Description": "Two-sided p of the interaction"},
    "p_holm": {"Description": "p adjusted for the number of interactions by Holm's method"},
    "prognostic_slope": {"Description": "Mean of both arms' slopes"},
    "prognostic_stderr": {"Description": "Its standard error"},
    "p_prognostic": {"Description": "Two-sided p of the mean slope"},
    "success": {"Description": "Whether the model can be used"},
    "flags": {"Description": "Names of the warnings"},
}
_CHECKLIST_COLUMNS: dict[str, dict[str, Any]] = {
    "item": {"Description": "Number of the item, after TRIPOD+AI"},
    "part": {"Description": "Part of the paper"},
    "topic": {"Description": "What to report"},
    "answer": {"Description": "What is known here"},
    "state": {"Description": "filled, authors (to be filled in) or not applicable"},
    "source": {"Description": "Whether number and topic were checked against the statement"},
}


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What the group level found and wrote.

    Attributes
    ----------
    results : ResultSet
        One association a marker and time.
    sentences : tuple of str
        The associations in words.
    warnings : tuple of str
        What a reader of the cohort must know.
    written : tuple of Path
        Files, relative to the output folder.
    moderations : ResultSet
        Arm by marker for each baseline marker; empty where there are not two arms.
    """

    results: ResultSet
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    written: tuple[Path, ...]
    moderations: ResultSet = field(default_factory=lambda: ResultSet({}))


def run_group(bids_dir: str | Path, out_dir: str | Path, *, config: Config) -> GroupReport:
    """Relate the markers of a study to outcome.

    Parameters
    ----------
    bids_dir, out_dir : path
        Root of the dataset, and the folder that the participant level wrote.
    config : Config
        From `read_config`; its table [response] says what is related to what.

    Returns
    -------
    GroupReport
        Associations, in words too, and the files written.

    Raises
    ------
    MissingFileError
        If the participant level has not been run.
    CohortError
        If a table of the study breaks a rule; every problem is in the message.
    """
    bids, out = Path(bids_dir), Path(out_dir)
    check_dataset(bids)
    check_folders(bids, out)
    if not (out / MARKERS_FILE).is_file():
        msg = f"{out / MARKERS_FILE}: no such file; run the participant level first: neurochem run BIDS_DIR OUT_DIR participant"
        raise MissingFileError(msg)
    # adds scans that other machines quantified meanwhile; rows that are there stay, edits of qc included
    merge_markers(out)
    cohort = response.read_cohort(bids, out)
    results = associate_family(cohort, config.response)
    notes = tuple(str(problem) for problem in cohort.warnings)
    predicted, refused = _predict(cohort, config.response)
    notes = (*notes, *refused)
    arms = config.response.arms
    found = outcome_report(cohort, results, arms=(arms[0], arms[1]) if arms else None, prediction=predicted)
    found = replace(found, brief=name_tracers(found.brief, tracer_names(bids)))
    written = _write(bids, out, config, found, notes)
    if predicted is not None and predicted.card is not None:
        written.append(predicted.card.save(out / GROUP_FOLDER / CARD_FILE))
    return GroupReport(
        results, found.sentences, notes, tuple(path.relative_to(out) for path in written), found.moderations
    )


def associate_family(cohort: response.Cohort, settings: ResponseConfig) -> ResultSet:
    """Return every association that the configuration asks for; all markers of the cohort when it names none."""
    chosen = [{"marker": m.marker, **({"region": m.region} if m.region else {})} for m in settings.markers]
    return response.associate_all(
        cohort,
        outcome=settings.outcome,
        markers=chosen or None,
        at=settings.at,
        outcome_type=settings.outcome_type,
        covariates=settings.covariates,
        baseline_visit=settings.baseline_visit,
        endpoint_visit=settings.endpoint_visit,
        error=settings.error,
        test_retest_sd=settings.test_retest_sd,
    )


def _predict(
    cohort: response.Cohort, settings: ResponseConfig
) -> tuple["response.PredictionResult | None", tuple[str, ...]]:
    """Return the prediction model that the configuration asks for, or a note on why there is none."""
    if not settings.predict:
        return None, ()
    try:
        found = response.predict(
            cohort, settings.outcome, predictors=settings.predictors or None, rng=np.random.default_rng(PREDICTION_SEED),
            outcome_type=settings.predict, endpoint_visit=settings.endpoint_visit,
        )  # fmt: skip
    except LeakageError:
        raise
    except InputError as error:
        # a cohort too small for folds still has its associations
        return None, (f"No prediction model was made: {error}",)
    return found, ()


def _write(bids: Path, out: Path, config: Config, report: OutcomeReport, notes: tuple[str, ...]) -> list[Path]:
    """Write tables, fits, text, figures with their data, and the study page; return their paths."""
    folder = out / GROUP_FOLDER
    results = report.associations
    written = write_dataset_files(out, source_name=dataset_name(bids))
    facts = {"Configuration": config.record()["response"]}
    rows = _records(response.family_frame(results))
    written += write_table(folder / "association.tsv", rows, descriptions=_COLUMNS, facts=facts)
    written.append(write_fits(folder / "association_fit.json", list(results.values())))
    written.append(write_text(folder / "association.txt", _text(report, notes)))
    if report.moderations:
        rows = [_moderation_row(name, fit) for name, fit in report.moderations.items()]
        written += write_table(folder / "moderation.tsv", rows, descriptions=_MODERATION_COLUMNS, facts=facts)
        written.append(write_fits(folder / "moderation_fit.json", list(report.moderations.values())))
    if report.checklist:
        written += write_table(folder / "checklist.tsv", report.checklist, descriptions=_CHECKLIST_COLUMNS)
    for item in _all_figures(report):
        written += _write_figure(folder, item)
    for title, frame in report.prediction.tables if report.prediction else ():
        described = {str(name): {"Description": f"{name}: {title}"} for name in frame.columns}
        name = f"prediction_{'-'.join(title.split(',')[0].split(' (')[0].lower().split())}.tsv"
        written += write_table(folder / name, _records(frame), descriptions=described, facts=facts)
    written.append(write_provenance(out, level="group", command=command_text("group"), config=config.record()))
    markers = read_rows(out / MARKERS_FILE)
    written.append(write_index(out, markers, title=dataset_name(bids), notes=notes, findings=_findings(report)))
    return written


def _records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _write_figure(folder: Path, item: ReportFigure) -> list[Path]:
    """Write a figure and, beside it, the numbers it was drawn from."""
    path = folder / f"association_{item.name}.png" if item.name == "forest" else folder / f"{item.name}.png"
    described = {str(name): {"Description": f"{name} as drawn in {path.name}"} for name in item.data.columns}
    return [
        save_figure(item.figure, path),
        *write_table(path.with_suffix(".tsv"), _records(item.data), descriptions=described),
    ]


def _all_figures(report: OutcomeReport) -> list[ReportFigure]:
    return [*report.figures, *(report.prediction.figures if report.prediction else ())]


def _panel(item: ReportFigure) -> qc.Panel:
    stem = f"association_{item.name}" if item.name == "forest" else item.name
    return qc.Panel(item.figure, item.caption, item.alt, f"{GROUP_FOLDER}/{stem}.tsv")


def _findings(report: OutcomeReport) -> qc.Findings:
    short = report.brief
    return qc.Findings(
        results=report.associations, sentences=report.sentences, headline=headline(report.associations),
        study=short.study, found=short.found, sure=short.sure, reading=short.reading, glossary=short.glossary,
        summary=report.findings, meanings=MEANINGS,
        flow=report.flow, moderations=report.moderations, moderation_sentences=report.moderation_sentences,
        limits=report.limits, methods=report.methods, checklist=report.checklist,
        panels=[_panel(item) for item in report.figures], prediction=_prediction(report),
    )  # fmt: skip


def _prediction(report: OutcomeReport) -> qc.Prediction | None:
    part = report.prediction
    if part is None:
        return None
    tables = [qc.NumberTable(title, list(map(str, frame)), frame.to_numpy().tolist()) for title, frame in part.tables]
    return qc.Prediction(part.lines, part.limits, tables, [_panel(item) for item in part.figures])


def _moderation_row(name: str, fit: FitResult) -> dict[str, Any]:
    """Return one line of moderation.tsv."""
    found, common = fit["interaction"], fit["prognostic_slope"]
    low, high = found.interval()
    return {
        "name": name, "reference": fit.settings["arms"][0], "other": fit.settings["arms"][1],
        "randomized": fit.settings["randomized"], "n": int(fit.diagnostics["n"]), "interaction": found.value,
        "stderr": found.stderr, "unit": found.unit, "low95": low, "high95": high, "p": fit.diagnostics["p_value"],
        "p_holm": fit.diagnostics["p_holm"], "prognostic_slope": common.value, "prognostic_stderr": common.stderr,
        "p_prognostic": fit.diagnostics["p_prognostic"], "success": fit.success,
        "flags": ";".join(flag.name for flag in fit.flags),
    }  # fmt: skip


def _text(report: OutcomeReport, notes: tuple[str, ...]) -> str:
    pairs = [
        *zip(report.associations, report.sentences, strict=True),
        *zip((f"{name} by arm" for name in report.moderations), report.moderation_sentences, strict=True),
    ]
    parts = [f"{name}: {sentence}" for name, sentence in pairs]
    if report.prediction:
        parts += [f"Prediction: {text}" for text in report.prediction.lines]
    parts += [f"Not to be concluded: {text}" for text in report.limits]
    parts += [f"Methods: {text}" for text in report.methods]
    parts += [f"Note on the cohort: {warning}" for warning in notes]
    return "\n\n".join(parts) + "\n"
