"""What may not be concluded from an outcome analysis."""

import math
from collections.abc import Mapping

from neurochem.response.cohort import Cohort
from neurochem.results import FitResult

_SMALL = 60
_LOW_RELIABILITY = 0.6


def limit_sentences(
    cohort: Cohort, fits: Mapping[str, FitResult], moderations: Mapping[str, FitResult] | None = None
) -> list[str]:
    """Return what the reader must not take from these results, the most general first."""
    if not fits:
        return []
    limits = [
        "That a marker predicts how one patient will do: these associations were not tested in people whom the models had not "
        "seen, and they choose no treatment for anyone.",
        "That a marker causes the outcome: nobody's marker was assigned at random.",
        "That nothing is there where nothing is shown: read what the interval leaves open.",
    ]
    times = {str(fit.settings.get("at")) for fit in fits.values()}
    if "change" in times:
        limits.append(
            "That a marker's change brought the improvement: both were measured at the end, and "
            "regression to the mean, time and improvement itself move markers too."
        )
    limits += _of_arms(cohort, moderations or {})
    people = max((int(fit.diagnostics.get("n", 0)) for fit in fits.values()), default=0)
    if people < _SMALL:
        limits.append(
            f"That effects are as large as found: with {people} patients what passes p < 0.05 is on average larger than the "
            "truth. A finding needs another study before it is believed."
        )
    weak = [
        name for name, fit in fits.items()
        if fit.diagnostics.get("reliability", math.nan) < _LOW_RELIABILITY and not fit.failed
    ]  # fmt: skip
    if weak:
        limits.append(
            f"Much about {', '.join(weak[:6])}{' and others' if len(weak) > 6 else ''}: less than 60 % of the spread is true "
            "differences between people, the rest is noise of the scans."
        )
    if any(fit.settings.get("se_sources", {}).get("crlb") for fit in fits.values()):
        limits.append(
            "That spectra are as precise as stated: their errors are lower bounds, and true ones are larger; corrected "
            "slopes of metabolites are then still too small."
        )
    return limits


def _of_arms(cohort: Cohort, moderations: Mapping[str, FitResult]) -> list[str]:
    arms = cohort.levels.get("arm", ())
    if len(arms) < 2:
        return ["That a marker decides between treatments, or that a treatment worked: there is one arm only."]
    found = []
    if not cohort.randomized:
        found.append(
            "That a difference between arms is an effect of treatment: arms were not assigned at random, or it is not stated."
        )
    if moderations:
        found.append(
            "That a marker chooses between the arms because its slope is clear in one of them alone: only the difference of the "
            "slopes tells, and it needs about four times as many patients."
        )
    return found
