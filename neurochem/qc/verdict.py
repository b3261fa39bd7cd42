"""One judgement of an estimate for the page and for the markers table: ok, flagged or failed, and why."""

import math
from dataclasses import dataclass

from neurochem.results import FitResult


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a value can be used.

    Attributes
    ----------
    state : str
        "ok", "flagged" (the value stays) or "failed" (it is blanked).
    reason : str
        The flags in words; empty when there are none.
    """

    state: str
    reason: str = ""


def judge(fit: FitResult, parameter: str) -> Verdict:
    """Return the verdict on one estimate of a fit.

    Parameters
    ----------
    fit : FitResult
        Any fit.
    parameter : str
        Name of one of its estimates.

    Returns
    -------
    Verdict
        "failed" when the fit failed or the value is not finite, "flagged" when a warning concerns the estimate or the
        whole fit, or when its standard error is unknown or unbounded.
    """
    estimate = fit[parameter]
    reasons = [flag.message for flag in fit.flagged(estimate.name)]
    if fit.failed or not math.isfinite(estimate.value):
        failures = [flag.message for flag in fit.flags if flag.severity == "failure"]
        return Verdict("failed", "; ".join(failures or reasons) or "the fit gave no finite value")
    if math.isinf(estimate.stderr):
        reasons.append(f"{estimate.name} has no bounded standard error: the data cannot tell its value")
    elif math.isnan(estimate.stderr) and not estimate.fixed:
        reasons.append(f"{estimate.name} has no standard error")
    if estimate.at_bound and not reasons:
        reasons.append(f"{estimate.name} ended at the edge of its search")
    return Verdict("flagged", "; ".join(dict.fromkeys(reasons))) if reasons else Verdict("ok")


def judge_fit(fit: FitResult) -> str:
    """Return the state of a whole fit, from all flags whatever estimate they concern."""
    if fit.failed:
        return "failed"
    return "flagged" if any(flag.severity != "info" for flag in fit.flags) else "ok"
