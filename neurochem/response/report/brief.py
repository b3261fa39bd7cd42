"""The first screen of the page: who was studied, what was found, how sure it is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neurochem.response.cohort import Cohort
from neurochem.response.model_data import is_binary
from neurochem.response.report.findings import (
    CLEAR,
    MEANINGS,
    NOT_SHOWN,
    SUGGESTIVE,
    UNKNOWN,
    certainty,
    finding_rows,
    per_sd,
)
from neurochem.results import FitResult

# Normal quantiles of a two-sided 5 % test and of 80 % power.
_QUANTILES = 1.959964 + 0.841621
_MOST_CLEAR = 3
GLOSSARY = {
    "BPND": "binding potential (PET): rises with the number of free receptors or transporters that the tracer can bind",
    "BPP": "binding potential against plasma (PET): rises with the number of free receptors or transporters",
    "VT": "volume of distribution (PET): all tracer in tissue over that in plasma, bound and free",
    "R1": "tracer delivery relative to the reference region (PET): goes with blood flow",
    "Glu": "glutamate (MR spectroscopy)",
    "Gln": "glutamine (MR spectroscopy)",
    "Glx": "glutamate and glutamine together (MR spectroscopy)",
    "GABA": "gamma-aminobutyric acid, the main inhibitory transmitter (MR spectroscopy)",
    "tNAA": "N-acetylaspartate and its glutamate compound, a sign of intact neurons (MR spectroscopy)",
    "tCr": "creatine and phosphocreatine (MR spectroscopy)",
    "tCho": "choline compounds (MR spectroscopy)",
    "Ins": "myo-inositol (MR spectroscopy)",
}


@dataclass(frozen=True, slots=True)
class Brief:
    """The answers in short.

    Attributes
    ----------
    study : str
        Who was studied, and the outcome.
    found : tuple of (str, str)
        A word for the certainty, and what it is about.
    sure : tuple of str
        What the certainty rests on.
    reading : str
        How to read the sizes.
    glossary : tuple of (str, str)
        Markers, and what they are.
    """

    study: str = ""
    found: tuple[tuple[str, str], ...] = ()
    sure: tuple[str, ...] = ()
    reading: str = ""
    glossary: tuple[tuple[str, str], ...] = ()


def brief(cohort: Cohort, fits: Mapping[str, FitResult], moderations: Mapping[str, FitResult] | None = None) -> Brief:
    """Return the answers in short, empty without a fit.

    Parameters
    ----------
    cohort : Cohort
        The study.
    fits, moderations : mapping of str to FitResult
        What `associate_all` and `moderate` returned.
    """
    if not fits:
        return Brief()
    first = next(iter(fits.values()))
    between = dict(moderations or {})
    markers = dict.fromkeys(str(fit.settings.get("marker", "")) for fit in fits.values())
    return Brief(
        study=study_sentence(cohort, first),
        found=(*_associations(fits), *_moderation(between)),
        sure=tuple(_sure(fits, between)),
        reading=_reading(first),
        glossary=tuple((name, GLOSSARY[name]) for name in markers if name in GLOSSARY),
    )


def name_tracers(short: Brief, tracers: Sequence[str]) -> Brief:
    """Return the answers with the tracers of the study named at the PET markers, which mean nothing without one."""
    if not tracers:
        return short
    named = f"(PET with {' and '.join(tracers)})"
    return replace(short, glossary=tuple((name, text.replace("(PET)", named)) for name, text in short.glossary))


def study_sentence(cohort: Cohort, fit: FitResult) -> str:
    """Return who was studied and what the outcome was, in one sentence."""
    people = cohort.people
    patients = people.loc[people["group"] == "patient"]
    text = f"{len(patients)} patients"
    arms = cohort.levels.get("arm", ())
    if len(arms) > 1:
        counts = patients["arm"].value_counts()
        text += f" ({', '.join(f'{arm} {counts.get(arm, 0)}' for arm in arms)}; "
        text += "assigned at random)" if cohort.randomized else "not assigned at random, or not stated)"
    settings = fit.settings
    label = settings.get("outcome_label", "outcome")
    kind = str(settings.get("outcome_type", "")).replace("_", " ")
    return (
        f"{text}. Outcome: {label} {kind}, {settings.get('baseline_visit', 'baseline')} to "
        f"{settings.get('endpoint_visit', 'endpoint')}."
    )


def _associations(fits: Mapping[str, FitResult]) -> list[tuple[str, str]]:
    rows = finding_rows(fits)
    by_word = {word: [row for row in rows if row["certainty"] == word] for word in MEANINGS}
    lines = [(CLEAR, _clear_words(row, fits[row["question"]])) for row in by_word[CLEAR][:_MOST_CLEAR]]
    if len(by_word[CLEAR]) > _MOST_CLEAR:
        lines.append((CLEAR, f"and {_names(by_word[CLEAR][_MOST_CLEAR:])}"))
    if not by_word[CLEAR]:
        lines.append((NOT_SHOWN, "no marker is clearly associated with the outcome"))
    for word, rest in (
        (SUGGESTIVE, "may well be chance"), (NOT_SHOWN, "no association shown, none excluded"), (UNKNOWN, "no answer"),
    ):  # fmt: skip
        if by_word[word]:
            named = _directions(by_word[word]) if word == SUGGESTIVE else _names(by_word[word])
            lines.append((word, f"{named}: {rest}"))
    return lines


def _clear_words(row: Mapping[str, str], fit: FitResult) -> str:
    """Return a clear finding with its size, the direction in words instead of a sign."""
    if is_binary(fit):
        return f"{row['question']}: {row['found']}, {row['size']}"
    value, low, high = per_sd(fit)
    near, far = sorted((abs(low), abs(high)))
    unit = str(fit["slope"].unit).split(" per ", maxsplit=1)[0]
    return (
        f"{row['question']}: {row['found']}: {fit.settings.get('outcome_label', 'score')} {abs(value):.1f} {unit} "
        f"{'lower' if value < 0 else 'higher'} per SD of the marker "
        f"(95 % interval {near:.1f} to {far:.1f})"
    )


def _names(rows: Sequence[Mapping[str, str]]) -> str:
    names = [row["question"] for row in rows]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _directions(rows: Sequence[Mapping[str, str]]) -> str:
    """Return names with the direction in which each was found, those of one direction together."""
    ways = dict.fromkeys(row["found"] for row in rows[:6])
    parts = [f"{', '.join(row['question'] for row in rows[:6] if row['found'] == way)} ({way})" for way in ways]
    return "; ".join(parts) + (f" and {len(rows) - 6} more" if len(rows) > 6 else "")


def _moderation(moderations: Mapping[str, FitResult]) -> list[tuple[str, str]]:
    """Return one line on whether a marker tells for whom which arm is better."""
    usable = {name: fit for name, fit in moderations.items() if not fit.failed}
    if not usable:
        return []
    reference, other = next(iter(usable.values())).settings["arms"]
    what = f"which patients do better with {other} than with {reference}"
    for word in (CLEAR, SUGGESTIVE):
        found = [name for name, fit in usable.items() if certainty(fit, "interaction") == word]
        if found:
            doubt = "" if word == CLEAR else ": may well be chance"
            return [(word, f"{', '.join(found)} may tell {what}{doubt}")]
    count = "the marker" if len(usable) == 1 else f"any of {len(usable)} markers"
    return [(NOT_SHOWN, f"that {count} tells {what}")]


def _sure(fits: Mapping[str, FitResult], moderations: Mapping[str, FitResult]) -> list[str]:
    people = max(int(fit.diagnostics.get("n", 0)) for fit in fits.values())
    used = {certainty(fit) for fit in fits.values()}
    tests = f"{len(fits)} associations" if len(fits) > 1 else "one association"
    if moderations:
        tests += f" and {len(moderations)} comparison{'s' if len(moderations) > 1 else ''} of arms"
    lines = [
        f"{tests} were tested in {people} patients." if len(fits) + len(moderations) > 1 else f"{tests} was tested."
    ]
    lines[0] = lines[0][0].upper() + lines[0][1:]
    lines += [f"{word[0].upper()}{word[1:]}: {MEANINGS[word]}." for word in (CLEAR, SUGGESTIVE) if word in used]
    smallest = _smallest_correlation(people, max(len(fit.settings.get("adjusted_for", ())) for fit in fits.values()))
    if smallest < 1.0:
        lines.append(
            f"A study of this size finds, four times in five, associations of r = {smallest:.2f} and larger; smaller ones "
            "mostly stay unseen."
        )
    noise = [1.0 - fit.diagnostics["reliability"] for fit in fits.values()
             if math.isfinite(fit.diagnostics.get("reliability", math.nan))]  # fmt: skip
    if noise:
        corrected = all(fit.settings.get("error", "none") != "none" for fit in fits.values())
        lines.append(
            f"Noise of the scans is {100 * min(noise):.0f} to {100 * max(noise):.0f} % of the spread of the markers; sizes and "
            f"intervals are {'corrected for it' if corrected else 'not corrected for it'}."
        )
    return lines


def _smallest_correlation(people: int, adjusted: int) -> float:
    """Return the partial correlation that a 5 % test finds with 80 % power, by Fisher's z."""
    free = people - 3 - adjusted
    return math.tanh(_QUANTILES / math.sqrt(free)) if free > 0 else 1.0


def _reading(fit: FitResult) -> str:
    label = fit.settings.get("outcome_label", "score")
    kind = str(fit.settings.get("outcome_type", "change"))
    per = "Per SD: between a patient in the middle and one whose value is higher than that of 84 in 100 patients."
    if is_binary(fit):
        return f"An odds ratio above 1: with a higher value (or a larger rise) more patients reach {kind}. {per}"
    if kind == "percent_reduction":
        return f"Plus: with a higher value (or a larger rise) the {label} score falls more, which is better. {per}"
    return f"Minus: with a higher value (or a larger rise) the {label} score ends lower, which is better. {per}"
