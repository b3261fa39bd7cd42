"""A reporting checklist after TRIPOD+AI, filled with what the analysis knows; the rest is left for the authors.

Numbers and topics are from memory of the 2024 statement (27 items) and in our own words, unchecked: compare them with the
statement before a submission.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import neurochem
from neurochem.response.cohort import Cohort
from neurochem.results import FitResult

AUTHORS = "to be filled in by the authors"
UNCHECKED = "number and topic from memory, not checked against the statement"
NO_MODEL = "not applicable: no prediction model was made"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: number, part of the paper, what to report."""

    number: str
    part: str
    topic: str


CHECKLIST = tuple(
    Item(number, part, topic)
    for number, part, topic in (
        ("1", "title", "say what kind of study it is, in whom, of what outcome"),
        ("2", "abstract", "structured summary"),
        ("3", "introduction", "background, purpose, and known differences between groups of people"),
        ("4", "introduction", "aims: making a model, testing one, or both"),
        ("5", "methods", "where the data come from, and when"),
        ("6", "methods", "who was eligible, where, and treatments received"),
        ("7", "methods", "how data were prepared and checked"),
        ("8", "methods", "outcome: definition, time, who rated it and whether blind"),
        ("9", "methods", "predictors: definition, time, how and how precisely measured"),
        ("10", "methods", "sample size and how it was decided"),
        ("11", "methods", "missing data and what was done with them"),
        ("12", "methods", "analysis: models, how chosen, how judged, handling of sites"),
        ("13", "methods", "unequal classes, if something was done about them"),
        ("14", "methods", "fairness between groups of people"),
        ("15", "methods", "what the model returns, and thresholds"),
        ("16", "methods", "differences between development and evaluation"),
        ("17", "methods", "ethical approval and consent"),
        ("18", "open science", "funding, interests, protocol, registration, data, code"),
        ("19", "public", "involvement of patients and public"),
        ("20", "results", "flow of people, and who they were"),
        ("21", "results", "numbers of people and events in each analysis"),
        ("22", "results", "the full model, so that others can use it"),
        ("23", "results", "performance with intervals, also by site and group"),
        ("24", "results", "updating of the model"),
        ("25", "discussion", "interpretation"),
        ("26", "discussion", "limits"),
        ("27", "discussion", "use: input needed, who may use it, next steps"),
    )
)


def checklist_rows(
    cohort: Cohort,
    fits: Mapping[str, FitResult],
    *,
    methods: str,
    limits: str,
    prediction: Mapping[str, str] | None = None,
) -> list[dict[str, str]]:
    """Return the checklist: number, part, topic, answer, and whether it was filled here.

    Parameters
    ----------
    cohort : Cohort
        The study.
    fits : mapping of str to FitResult
        Associations.
    methods, limits : str
        What the report says of both.
    prediction : mapping of str to str, optional
        Answers of a prediction model, by item number; the limits are added to those of the associations.

    Returns
    -------
    list of dict
    """
    answers = _answers(cohort, fits, methods, limits)
    for number, text in (prediction or {}).items():
        answers[number] = f"{answers[number]} {text}" if number == "26" and number in answers else text
    rows = []
    for item in CHECKLIST:
        answer = answers.get(item.number, AUTHORS)
        state = "authors" if answer == AUTHORS else "not applicable" if answer == NO_MODEL else "filled"
        rows.append(
            {"item": item.number, "part": item.part, "topic": item.topic, "answer": answer, "state": state,
             "source": UNCHECKED}
        )  # fmt: skip
    return rows


def _answers(cohort: Cohort, fits: Mapping[str, FitResult], methods: str, limits: str) -> dict[str, str]:
    first = next(iter(fits.values()), None)
    if first is None:
        return {}
    settings = first.settings
    used = [int(fit.diagnostics.get("n", 0)) for fit in fits.values()]
    people = cohort.people
    patients = people.loc[people["group"] == "patient"]
    missing = [
        str(problem)
        for problem in cohort.warnings
        if problem.rule in {"score_missing", "many_missing", "missing_covariate"}
    ]
    described = f"{len(patients)} patients"
    for column in ("age", "sex"):
        if column in patients.columns:
            cells = patients[column].dropna()
            described += (
                f"; age {cells.mean():.1f} (SD {cells.std():.1f})" if column == "age"
                else "; sex " + ", ".join(f"{k} {n}" for k, n in cells.value_counts().sort_index().items())
            )  # fmt: skip
    return {
        "4": "association of markers with outcome; no model that predicts for a person was made or tested",
        "7": f"all tables were checked by the rules of neurochem {neurochem.__version__}: {len(cohort.warnings)} notes, "
             "listed above",
        "8": f"{settings.get('outcome_label')}: {settings.get('outcome_definition')}; {settings.get('baseline_visit')} to "
             f"{settings.get('endpoint_visit')}. Who rated, and whether blind: {AUTHORS}",
        "9": f"{len(fits)} marker values with each scan's standard error (see Markers); the quality rules of the software do not "
             f"know the outcome. Decisions by hand, and whether blind: {AUTHORS}",
        "10": f"{AUTHORS}; `neurochem response plan` says how many patients a question needs",
        "11": "complete rows of each model; " + (" | ".join(missing) if missing else "no note on missing data"),
        "12": methods,
        "13": NO_MODEL, "14": NO_MODEL, "15": NO_MODEL, "16": NO_MODEL,
        "18": f"code: neurochem {neurochem.__version__}, settings beside the tables; the rest {AUTHORS}",
        "20": described,
        "21": f"{min(used)} to {max(used)} patients in each model" if used else "no model",
        "22": NO_MODEL, "23": NO_MODEL, "24": NO_MODEL, "26": limits,
        "27": "for research alone; not for decisions on patients",
    }  # fmt: skip
