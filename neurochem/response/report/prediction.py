"""A prediction model on the page: how it did in people whom it had not seen, and what that does not show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from neurochem.response.prediction.card import NOT_FOR_CARE
from neurochem.response.prediction.result import PLOTS, WITHIN_SITES, PredictionResult
from neurochem.response.report.figures import ReportFigure
from neurochem.response.report.findings import CLEAR, LEVEL, NOT_SHOWN, SUGGESTIVE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CAPTIONS = {
    "calibration": "Predicted against observed, in people left out. Below the dotted line the model says too much.",
    "decision": "Net benefit of acting on the model, on everybody and on nobody. A model below the other two lines harms.",
    "learning": "Performance in people left out against the number of people in training. A rising curve asks for more people.",
    "permutation": "The same procedure with shuffled outcomes. A true value inside the heap shows no prediction.",
    "sites": "Each site judged by a model that was made at the others.",
}


@dataclass(frozen=True, slots=True)
class PredictionPart:
    """What the page says of a prediction model.

    Attributes
    ----------
    found : tuple of (str, str)
        A word for the certainty, and the answer in one line.
    lines : tuple of str
        What was found, one paragraph each.
    tables : tuple of (str, DataFrame)
        Title and numbers.
    limits : tuple of str
        What may not be concluded.
    methods : str
        What was done.
    answers : mapping of str to str
        Items of the reporting checklist that a model fills, by number.
    figures : tuple of ReportFigure
        With their data.
    """

    found: tuple[str, str]
    lines: tuple[str, ...]
    tables: tuple[tuple[str, pd.DataFrame], ...]
    limits: tuple[str, ...]
    methods: str
    answers: Mapping[str, str]
    figures: tuple[ReportFigure, ...]


def prediction_part(result: PredictionResult) -> PredictionPart:
    """Return what the page says of a prediction model.

    Parameters
    ----------
    result : PredictionResult
        What `predict` returned.
    """
    main = _main(result)
    limits = tuple(f"{text[0].upper()}{text[1:]}." for text in result.not_concluded())
    return PredictionPart(
        found=_found(result, main), lines=tuple(_lines(result, main)), tables=tuple(_tables(result)), limits=limits,
        methods=_methods(result), answers=_answers(result, main, limits), figures=tuple(_figures(result)),
    )  # fmt: skip


def _main(result: PredictionResult) -> str:
    row = result.measures.iloc[0]
    return f"{row['measure']} {row['value']:.2f} (95 % interval {row['low95']:.2f} to {row['high95']:.2f})"


def _found(result: PredictionResult, main: str) -> tuple[str, str]:
    row, nothing = result.measures.iloc[0], 0.5 if result.binary else 0.0
    p = math.nan if result.permutation is None else result.permutation.p
    better = row["low95"] > nothing and not p > LEVEL
    enough = result.people >= result.sample_size.needed
    tested = "" if math.isnan(p) else f", p = {p:.2g} against shuffled outcomes"
    text = f"prediction of {result.outcome.partition(' (')[0]} in people left out: {main}{tested}"
    if better and not enough:
        # few patients never show more than a hint: the number of the next study is usually smaller
        return SUGGESTIVE, f"{text}; {result.people} patients where {result.sample_size.needed} are needed: exploratory"
    return (CLEAR if better else NOT_SHOWN), text


def _lines(result: PredictionResult, main: str) -> list[str]:
    s = result.settings
    many = f"{result.people} patients" + (f", {result.events} with the outcome" if result.binary else "")
    nothing = (
        "0.5 is no better than a coin, 1 is perfect" if result.binary else "0 is no better than the mean, 1 is perfect"
    )
    lines = [
        f"Outcome: {result.outcome}. {many}. In people whom the model had not seen: {main}; {nothing}.",
        f"Candidate predictors: {', '.join(map(str, s.get('predictor_columns', ())))}.",
        f"Sample size (Riley): {result.sample_size.sentence(result.people)}.",
    ]
    if result.permutation is not None:
        test, size = result.permutation, result.permutation.null.size
        reached = round(test.p * (1 + size)) - 1
        lines.append(
            f"With shuffled outcomes the same procedure gives {np.mean(test.null):.2f} on average; {reached} of {size} shuffles "
            f"reached the {test.observed:.2f} of the true outcomes or more: p = ({reached} + 1) / "
            f"({size} + 1) = {test.p:.3g}."
        )
    if result.binary and s.get("several_sites"):
        lines.append(WITHIN_SITES)
    told = [flag for flag in result.flags if flag.name != "below_riley"]
    return [*lines, *(f"{flag.message[0].upper()}{flag.message[1:]}." for flag in told), NOT_FOR_CARE]


def _tables(result: PredictionResult) -> list[tuple[str, pd.DataFrame]]:
    found = [
        ("In people left out", result.measures), ("Against simpler models, in the same people", result.comparison),
        ("Added to severity, age and sex, or to no information where that does better", result.increment),
        ("Each site left out", result.sites),
        ("By sex and age, in people left out", result.subgroups),
        ("In the people who made the model (flattering; no prediction)", result.optimism),
    ]  # fmt: skip
    if result.card is not None:
        found.append(
            ("The whole model, fitted to everybody: log-odds or outcome a unit of each", result.card.equation())
        )
    return [(title, table) for title, table in found if len(table)]


def _methods(result: PredictionResult) -> str:
    s = result.settings
    kind = "logistic" if result.binary else "linear"
    model = (
        f"a ridge-penalised {kind} model" if s.get("model") == "ridge" else f"a pipeline of the user ({s.get('model')})"
    )
    text = (
        f"Prediction: {model} with {len(s.get('predictor_columns', ()))} candidate predictors; missing predictors filled by "
        f"training means; penalty chosen in {s.get('inner_folds')} inner folds; judged in {s.get('outer_folds')} outer folds of "
        f"people, stratified by outcome and site, {s.get('repeats')} repeats; intervals by the corrected resampled t of Nadeau "
        "and Bengio"
    )
    if s.get("harmonise", "none") != "none":
        text += f"; {s['harmonise']} harmonisation learned in the training rows of each fold"
    if result.permutation is not None:
        text += f"; {result.permutation.null.size} shuffles of the outcome within sites, p = (b + 1)/(m + 1)"
    if len(result.optimism):
        text += f"; {int(result.optimism['samples'].iloc[0])} bootstrap samples for the optimism"
    return text + ("; each site left out in turn." if len(result.sites) else ".")


def _answers(result: PredictionResult, main: str, limits: tuple[str, ...]) -> dict[str, str]:
    size = result.sample_size.sentence(result.people)
    answers = {
        "4": "association of markers with outcome, and the making and internal validation of a prediction model",
        "10": f"Riley's criteria: {size}",
        "13": "nothing was done about unequal classes: folds are stratified, risks are not rebalanced",
        "14": "performance by sex and age is given; nothing was done beyond it",
        "15": "a risk between 0 and 1; no threshold is proposed" if result.binary else f"a number ({result.unit})",
        "16": "the same people by resampling; no external data",
        "21": f"{result.people} people"
        + (f", {result.events} with the outcome" if result.binary else "")
        + " in the model",
        "23": f"{main}; with calibration, by site and group, in the tables of Prediction",
        "24": "the model was not updated",
        "26": " ".join(limits),
    }
    if result.card is not None:
        answers["22"] = "the equation is in the tables of Prediction"
    return answers


def _figures(result: PredictionResult) -> list[ReportFigure]:
    data = {
        "calibration": _calibration_data(result), "decision": result.decision, "learning": result.learning,
        "permutation": _permutation_data(result), "sites": result.sites,
    }  # fmt: skip
    figures = []
    for kind in PLOTS:
        if data[kind].empty:
            continue
        figure: Figure = result.plot(kind).get_figure()  # type: ignore[assignment] # the axes are in a figure of their own
        alt = f"{kind[0].upper()}{kind[1:]} plot of the prediction of {result.outcome}."
        figures.append(ReportFigure(f"prediction_{kind}", figure, _CAPTIONS[kind], alt, data[kind]))
    return figures


def _calibration_data(result: PredictionResult) -> pd.DataFrame:
    people = result.out_of_sample.assign(drawn="person")
    curve = result.calibration_curve.assign(drawn="smooth curve")
    return pd.concat([part for part in (people, curve) if len(part)], ignore_index=True)


def _permutation_data(result: PredictionResult) -> pd.DataFrame:
    if result.permutation is None:
        return pd.DataFrame()
    test = result.permutation
    labels = ["true", *["shuffled"] * test.null.size]
    return pd.DataFrame({"outcomes": labels, result.measures["measure"].iloc[0]: [test.observed, *test.null.tolist()]})
