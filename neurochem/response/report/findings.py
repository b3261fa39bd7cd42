"""Each association in a row that a clinician can read: what was found, how large, how sure."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from neurochem.response.model_data import is_binary
from neurochem.response.sizes import per_sd
from neurochem.results import Estimate, FitResult

LEVEL = 0.05
# A difference of this many points on a depression scale is what guidelines have called clinically relevant.
RELEVANT_POINTS = 3.0
# Beyond this the interval holds more than any treatment does: nothing was learned.
_UNINFORMATIVE_POINTS = 10.0
_LARGEST_LOG_ODDS = math.log(100.0)
CLEAR, SUGGESTIVE, NOT_SHOWN, UNKNOWN = "clear", "suggestive", "not shown", "cannot be estimated"
MEANINGS = {
    CLEAR: "p below 0.05 even when all tests are counted (Holm)",
    SUGGESTIVE: "p below 0.05 by itself, but not when all tests are counted; may well be chance",
    NOT_SHOWN: "neither an association nor its absence is shown",
    UNKNOWN: "the data do not allow an estimate",
}


def certainty(fit: FitResult, estimate: str = "slope") -> str:
    """Return how sure a finding is, as one of four words; see `MEANINGS`."""
    low, high = fit[estimate].interval() if not fit.failed else (math.nan, math.nan)
    if fit.failed or math.isnan(fit[estimate].value) or not (math.isfinite(low) and math.isfinite(high)):
        return UNKNOWN
    p = fit.diagnostics["p_value"]
    adjusted = fit.diagnostics.get("p_holm", p)
    return CLEAR if adjusted < LEVEL else SUGGESTIVE if p < LEVEL else NOT_SHOWN


def finding_rows(fits: Mapping[str, FitResult]) -> list[dict[str, str]]:
    """Return one row an association, in plain words.

    Parameters
    ----------
    fits : ResultSet
        What `associate_all` returned.

    Returns
    -------
    list of dict
        question, found, size, certainty, noise; the clearest first.
    """
    order = list(MEANINGS)
    ranked = sorted(fits.items(), key=lambda item: (order.index(certainty(item[1])), _p(item[1])))
    return [_row(name, fit) for name, fit in ranked]


def headline(fits: Mapping[str, FitResult]) -> str:
    """Return one sentence on how many questions were asked and how many have an answer; empty without any."""
    if not fits:
        return ""
    counts = Counter(certainty(fit) for fit in fits.values())
    people = max(int(fit.diagnostics.get("n", 0)) for fit in fits.values())
    answers = ", ".join(f"{counts[word]} {word}" for word in MEANINGS if counts[word])
    asked = "One question was" if len(fits) == 1 else f"{len(fits)} questions were"
    return f"{asked} asked of {people} patients: {answers}. These are associations in groups, not predictions for a person."


def _p(fit: FitResult) -> float:
    p = fit.diagnostics.get("p_value", math.nan)
    return 2.0 if math.isnan(p) else p


def _row(name: str, fit: FitResult) -> dict[str, str]:
    sure = certainty(fit)
    value, low, high = per_sd(fit)
    unit = str(fit[_main(fit)].unit).split(" per ", maxsplit=1)[0]
    if sure == UNKNOWN:
        found = "no answer: the scans' noise could explain the spread of the marker" if not fit.failed else "no answer"
        size = "\u2013"
    else:
        found = _direction(fit, value) if sure in {CLEAR, SUGGESTIVE} else _cannot_exclude(fit, low, high, unit)
        size = _size(fit, value, low, high, unit)
    return {"question": name, "found": found, "size": size, "certainty": sure, "noise": _noise(fit)}


def _size(fit: FitResult, value: float, low: float, high: float, unit: str) -> str:
    if is_binary(fit):
        return f"odds ratio {_odds(value)} per SD ({_odds(low)} to {_odds(high)})"
    return f"{_signed(value)} {unit} per SD ({_signed(low)} to {_signed(high)})".replace("  ", " ")


def _odds(value: float) -> str:
    """Return an odds ratio; beyond 100 either way only that it is beyond."""
    if abs(value) > _LARGEST_LOG_ODDS:
        return "over 100" if value > 0 else "under 0.01"
    return f"{math.exp(value):.2g}"


def _main(fit: FitResult) -> str:
    return "slope" if "slope" in fit else next(iter(fit.estimates))


def _direction(fit: FitResult, value: float) -> str:
    more = "a larger rise goes" if fit.settings.get("at") == "change" else "higher values go"
    if is_binary(fit):
        return f"{more} with {'more' if value > 0 else 'less'} {fit.settings.get('outcome_type', 'response')}"
    better = (value < 0.0) == (fit.settings.get("outcome_type") != "percent_reduction")
    return f"{more} with a {'better' if better else 'worse'} outcome"


def _cannot_exclude(fit: FitResult, low: float, high: float, unit: str) -> str:
    far = max(abs(low), abs(high))
    if is_binary(fit):
        return f"no association shown; an odds ratio of {_odds(far)} per SD is not ruled out"
    if far < RELEVANT_POINTS and unit == "points":
        return f"no association shown; one of more than {far:.1f} points per SD is unlikely"
    if far > _UNINFORMATIVE_POINTS and unit == "points":
        return "no association shown, and none ruled out: the data say too little"
    return f"no association shown; one as large as {far:.1f} {unit} per SD is not ruled out"


def _signed(value: float) -> str:
    text = f"{value:+.2g}" if abs(value) < 0.05 else f"{value:+.1f}"
    return text.replace("-", "\u2212")


def _noise(fit: FitResult) -> str:
    share = fit.diagnostics.get("reliability", math.nan)
    if math.isnan(share):
        return "error of the scans unknown"
    corrected = fit.settings.get("error", "none") != "none"
    return f"{100 * (1 - share):.0f} % of the spread is noise; {'corrected' if corrected else 'not corrected'}"


def flow_rows(fit: FitResult) -> list[tuple[str, int]]:
    """Return who there was, who was left out and why, and who was analysed, in order."""
    flow: Mapping[str, int] = fit.settings.get("data_flow", {})
    dropped: Sequence[Mapping[str, Any]] = fit.settings.get("dropped", ())
    reasons = Counter(str(item["reason"]) for item in dropped)
    return [
        ("patients in the study", int(flow.get("patients", fit.diagnostics.get("n", 0)))),
        *((f"left out: {reason}", count) for reason, count in reasons.most_common()),
        ("analysed", int(flow.get("used", fit.diagnostics.get("n", 0)))),
    ]


def interval_words(found: Estimate) -> str:
    """Return value and 95 % interval with unit."""
    low, high = found.interval()
    return f"{found.value:.3g} {found.unit} (95 % interval {low:.3g} to {high:.3g})".replace("  ", " ")
