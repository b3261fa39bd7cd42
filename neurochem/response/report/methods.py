"""The methods of an outcome analysis, written from what was recorded and not from what was meant."""

from collections.abc import Mapping
from typing import Any

import neurochem
from neurochem.response.cohort import Cohort
from neurochem.response.model_data import is_binary
from neurochem.results import FitResult

_ERRORS = {
    "ml": "the standard error of each scan was carried into the slope by full maximum likelihood of marker and outcome together",
    "reml": "the standard error of each scan was carried into the slope by restricted maximum likelihood",
    "rc": "the slope was corrected for the standard error of each scan by regression calibration",
    "simex": "the slope was corrected for the standard error of each scan by simulation extrapolation",
    "none": "the standard errors of the scans were not carried into the slope",
}
_SOURCES = {
    "fit": "the fit's covariance", "crlb": "Cramér-Rao bounds, which are least values", "bootstrap": "bootstrap",
    "profile": "profile likelihood", "test-retest": "test-retest data", "literature": "literature values",
    "none": "no error stated", "not stated": "source not stated",
}  # fmt: skip


def methods_paragraphs(
    cohort: Cohort, fits: Mapping[str, FitResult], moderations: Mapping[str, FitResult] | None = None
) -> list[str]:
    """Return the methods in paragraphs: people, outcome, models, errors, tests, moderation, software.

    Parameters
    ----------
    cohort : Cohort
        The study.
    fits, moderations : mapping of str to FitResult
        What `associate_all` and `moderate` returned.

    Returns
    -------
    list of str
        Only what these results record; nothing where nothing was fitted.
    """
    if not fits:
        return []
    first = next(iter(fits.values()))
    settings = first.settings
    parts = [
        _people(cohort),
        _outcome(settings),
        _models(fits),
        _errors(fits),
        _tests(fits),
        _moderation(moderations or {}),
        f"Computed with neurochem {neurochem.__version__}.",
    ]
    return [part for part in parts if part]


def _people(cohort: Cohort) -> str:
    people = cohort.people
    patients = people.loc[people["group"] == "patient"]
    arms = cohort.levels.get("arm", ())
    text = f"The study has {len(patients)} patients"
    if len(arms) > 1:
        counts = patients["arm"].value_counts()
        text += f" in {len(arms)} arms ({', '.join(f'{arm} {counts.get(arm, 0)}' for arm in arms)}; "
        text += "assigned at random)" if cohort.randomized else "assignment not at random, or not stated)"
    sites = cohort.levels.get("site", ())
    if sites:
        text += f" at {len(sites)} site{'s' if len(sites) > 1 else ''}"
    controls = int((people["group"] == "control").sum())
    if controls:
        text += f"; {controls} controls did not enter the outcome models"
    return text + "."


def _outcome(settings: Mapping[str, Any]) -> str:
    rule = settings.get("remission_rule", settings.get("outcome_definition", ""))
    kind = str(settings.get("outcome_type", "")).replace("_", " ")
    text = f"The outcome was the {settings.get('outcome_label', 'outcome')} {kind} ({rule}), from "
    text += f"{settings.get('baseline_visit', 'baseline')} to {settings.get('endpoint_visit', 'endpoint')}."
    note = settings.get("outcome_note")
    return f"{text} Note: {note}." if note else text


def _models(fits: Mapping[str, FitResult]) -> str:
    first = next(iter(fits.values()))
    family = "logistic" if is_binary(first) else "linear"
    terms = [str(name).replace("_", " ") for name in first.settings.get("adjusted_for", ())]
    adjusted = f", adjusted for {', '.join(terms)}" if terms else ", without adjustment"
    times = sorted({str(fit.settings.get("at", "baseline")) for fit in fits.values()})
    text = f"Each of {len(fits)} marker values ({' and '.join(times)}) was related to the outcome in a {family} model of its own"
    text += adjusted
    if "change" in times:
        text += "; models of change hold the marker's baseline value too, whose error the change shares"
    text += ". Patients without a score, a usable scan or a covariate were left out of the model concerned"
    return text + "; no value was imputed."


def _errors(fits: Mapping[str, FitResult]) -> str:
    used = sorted({str(fit.settings.get("error", "none")) for fit in fits.values()})
    sources: dict[str, int] = {}
    for fit in fits.values():
        for name, count in fit.settings.get("se_sources", {}).items():
            sources[name] = sources.get(name, 0) + int(count)
    text = "; ".join(_ERRORS[name] for name in used)
    text = f"{text[0].upper()}{text[1:]}."
    if sources and used != ["none"]:
        text += f" Standard errors came from {', '.join(_SOURCES.get(name, name) for name in sources)}"
        days = max(float(fit.settings.get("test_retest_sd") or 0.0) for fit in fits.values())
        text += (
            f", with a test-retest SD of {days:g} added."
            if days
            else "; no variance between days was added, so that noise is rather under- than overstated."
        )
    return text


def _tests(fits: Mapping[str, FitResult]) -> str:
    first = next(iter(fits.values()))
    size = first.settings.get("family", {}).get("size", len(fits))
    kinds = sorted({str(fit.settings.get("inference", "profile likelihood")) for fit in fits.values()})
    text = f"Intervals are at 95 % ({', '.join(kinds)}); tests are two-sided. "
    if size > 1:
        text += (
            f"The family was {size} tests: p was adjusted by Holm's method, and the false discovery rate is given too."
        )
    else:
        text += "One test was done."
    return text


def _moderation(moderations: Mapping[str, FitResult]) -> str:
    fitted = {name: fit for name, fit in moderations.items() if not fit.failed}
    if not fitted:
        return ""
    first = next(iter(fitted.values()))
    reference, other = first.settings["arms"]
    return (
        f"Whether the difference between {other} and {reference} depends on a baseline marker was tested for {len(moderations)} "
        "markers by the interaction of arm (coded -1/2 and +1/2) and marker; these tests are a family of their own."
    )
