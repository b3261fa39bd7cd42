"""An association in plain sentences, which claim no more than the data show."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from neurochem.arguments import checked_arguments
from neurochem.response.model_data import is_binary
from neurochem.response.outcomes import OUTCOME_TYPES
from neurochem.results import Estimate, FitResult

# From here on noise of the scans shrinks a slope so little that it is not worth a warning.
NOTABLE_RELIABILITY = 0.95
_METHODS = {
    "ml": "maximum likelihood", "reml": "restricted maximum likelihood", "rc": "regression calibration",
    "simex": "simulation extrapolation",
}  # fmt: skip
# Notes without which a reader would misjudge the sample.
_NOTES = ("flagged_scans_kept", "flagged_scans_dropped", "influential_person", "firth", "imputed")


@checked_arguments
def describe(fit: FitResult) -> str:
    """Return what a fit of `associate` or `regress` says, and what it does not.

    Parameters
    ----------
    fit : FitResult
        A result of `associate`, `associate_all` or `regress`.

    Returns
    -------
    str
        Sentences: the association with estimate, 95 % interval, p and n; whether p is adjusted for the number of tests;
        how much the scans' noise shrinks the slope; who was left out; warnings. It says "is associated with" and never
        "predicts" or "effect": a marker is not randomised, and nothing was tested out of sample.
    """
    sentences = [_association(fit)]
    if not fit.failed:
        sentences += [_family(fit), _noise(fit)]
    sentences.append(_left_out(fit.settings))
    sentences += [_sentence(flag.message) for flag in fit.flags if flag.severity == "warning"]
    sentences += [_sentence(flag.message) for flag in fit.flags if flag.name in _NOTES]
    return " ".join(sentence for sentence in sentences if sentence)


def _association(fit: FitResult) -> str:
    marker, outcome = _marker(fit), _outcome(fit)
    people = f"{int(fit.diagnostics['n'])} patients"
    if fit.failed:
        reasons = "; ".join(flag.message for flag in fit.flags if flag.severity == "failure")
        return f"Whether {marker} is associated with {outcome} cannot be estimated: {reasons}."
    slope = fit["slope"]
    low, high = slope.interval(0.95)
    shown = low > 0.0 or high < 0.0
    if shown:
        verb = _direction(fit, slope.value)
        start = f"In {people} a higher {marker} is associated with {verb} {outcome}"
    else:
        start = f"In {people} it is not shown that {marker} is associated with {outcome}"
    return f"{start}: {_numbers(fit, slope, low, high)}{_adjustment(fit.settings)}."


def _direction(fit: FitResult, slope: float) -> str:
    if is_binary(fit):
        return "more frequent" if slope > 0 else "less frequent"
    return "a higher" if slope > 0 else "a lower"


def _numbers(fit: FitResult, slope: Estimate, low: float, high: float) -> str:
    if math.isnan(slope.value):
        p = fit.diagnostics["p_value"]
        return "the data do not identify the slope" + ("" if math.isnan(p) else f" ({_p(p)})")
    unit = f" {slope.unit}" if slope.unit else ""
    text = f"slope {slope.value:.3g}{unit} (95 % interval {low:.3g} to {high:.3g}, {_p(fit.diagnostics['p_value'])})"
    if "odds_ratio" in fit:
        ratio = fit["odds_ratio"]
        below, above = ratio.interval(0.95)
        text += f", odds ratio {ratio.value:.3g} per SD ({below:.3g} to {above:.3g})"
    elif "partial_r" in fit:
        text += f", partial r {fit['partial_r'].value:.2f}"
    return text


def _marker(fit: FitResult) -> str:
    settings = fit.settings
    if "marker_label" not in settings:
        return "value of the marker"
    if settings["at"] == "change":
        first, second = settings["baseline_visit"], settings["marker_visit"]
        return f"change of {settings['marker_label']} from {first} to {second}"
    return f"{settings['marker_label']} at {settings['baseline_visit']}"


def _outcome(fit: FitResult) -> str:
    settings = fit.settings
    if "outcome_label" not in settings:
        return "outcome"
    kind = OUTCOME_TYPES[str(settings["outcome_type"])]
    rule = settings.get("remission_rule", kind.meaning)
    return f"{settings['outcome_label']} {kind.name.replace('_', ' ')} at {settings['endpoint_visit']} ({rule})"


def _adjustment(settings: Mapping[str, Any]) -> str:
    terms = settings.get("adjusted_for") or ()
    if not terms:
        return ""
    names = [str(name).replace("_", " ") for name in terms]
    return f", adjusted for {', '.join(names)}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def _family(fit: FitResult) -> str:
    family = fit.settings.get("family")
    if not family:
        return "This p is not adjusted for the number of tests."
    if family["size"] == 1:
        return "It is the only test of its family, so p needs no adjustment."
    holm, rate = _p(fit.diagnostics["p_holm"]), _p(fit.diagnostics["p_bh"])
    return (
        f"This p is unadjusted; it is one of a family of {family['size']} tests: "
        f"adjusted {holm} (Holm), false discovery rate {rate} (Benjamini-Hochberg)."
    )


def _noise(fit: FitResult) -> str:
    share = fit.diagnostics.get("reliability", math.nan)
    if math.isnan(share):
        return "The standard errors of the scans are not known, so it cannot be said how much their noise shrinks the slope."
    text = f"Reliability of the marker given the other terms is {share:.2f} (tau^2 / (tau^2 + mean s^2))"
    if share >= NOTABLE_RELIABILITY:
        return f"{text}: noise of the scans hardly changes the slope."
    if fit.settings.get("error", "none") != "none":
        return f"{text}{_corrected(fit)}"
    return f"{text}{_uncorrected(fit, share)}"


def _corrected(fit: FitResult) -> str:
    """Return what the correction did; a wider interval is its price, and it makes no finding stronger."""
    how = _METHODS[str(fit.settings["error"])]
    naive = fit.diagnostics.get("naive_slope", math.nan)
    words = f": the slope and its interval are corrected for the noise of the scans by {how}"
    if math.isnan(naive):
        return f"{words}; the correction assumes that the scans' standard errors are right."
    p = f", {_p(fit.diagnostics['naive_p'])}" if "naive_p" in fit.diagnostics else ""
    return f"{words} (without correction {naive:.3g}{p}); the correction assumes that the scans' standard errors are right."


def _uncorrected(fit: FitResult, share: float) -> str:
    if share <= 0.0 and fit.settings.get("at") == "change":
        return (
            ": the change spreads no more than the noise of the scans, so its slope must not be read as that of "
            "a change; it borrows from the level of the marker, which the noisy baseline value does not hold constant."
        )
    if share <= 0.0:
        return ": the spread of the marker is no larger than the noise of the scans, so the slope says nothing."
    if fit.settings.get("at") == "change":
        return (
            f": noise of the scans shrinks the slope towards zero, to about {100 * share:.0f} % of its true size, "
            "and mixes it with that of the baseline value, which shares its error; it is not corrected."
        )
    return (
        f": noise of the scans shrinks the slope to about {100 * share:.0f} % of its true size, "
        "and the interval does not cover that; it is not corrected."
    )


def _left_out(settings: Mapping[str, Any]) -> str:
    flow, dropped = settings.get("data_flow"), settings.get("dropped")
    if not flow or not dropped:
        return ""
    reasons = Counter(str(item["reason"]) for item in dropped)
    listed = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
    verb = "was" if flow["dropped"] == 1 else "were"
    return f"{flow['dropped']} of {flow['patients']} patients {verb} left out ({listed})."


def _sentence(message: str) -> str:
    text = message[:1].upper() + message[1:]
    return text if text.endswith(".") else f"{text}."
