"""A moderation in sentences: "effect" only where arms were assigned at random."""

import math

from neurochem.arguments import checked_arguments
from neurochem.results import Estimate, FitResult


@checked_arguments
def describe_moderation(fit: FitResult) -> str:
    """Return what a fit of `moderate` says, what is prescriptive and what prognostic, and what may not be concluded.

    Parameters
    ----------
    fit : FitResult
        A result of `moderate` or `moderation`.

    Returns
    -------
    str
        Sentences. The word "effect" appears for a randomised comparison alone.
    """
    people = f"{fit.diagnostics['n']:.0f} patients"
    if fit.failed:
        reasons = "; ".join(flag.message for flag in fit.flags if flag.severity == "failure")
        return f"Whether the arms differ by the marker cannot be estimated in {people}: {reasons}."
    reference, other = fit.settings["arms"]
    thing = "effect of" if fit.settings.get("randomized") else "difference between"
    pair = f"{other} against {reference}" if fit.settings.get("randomized") else f"{other} and {reference}"
    marker = fit.settings.get("marker_label", "the marker")
    parts = [
        f"In {people} ({fit.diagnostics['n_reference']:.0f} {reference}, {fit.diagnostics['n_other']:.0f} {other}) "
        + _sentence(fit, f"the {thing} {pair}", str(marker)),
        _simple(fit, reference, other),
        _prognostic(fit, str(marker)),
        f"By Johnson and Neyman, {fit.settings['johnson_neyman']['text']}.",
    ]
    if not fit.settings.get("randomized"):
        parts.append(
            "The arms were not assigned at random in everyone, or the study does not say so: people in the arms may differ in "
            "other ways, and nothing here shows what a treatment does."
        )
    parts += [f"{flag.message[:1].upper()}{flag.message[1:]}." for flag in fit.flags]
    parts.append("It says nothing of how well the marker would choose a treatment for one person.")
    return " ".join(parts)


def _sentence(fit: FitResult, thing: str, marker: str) -> str:
    found = fit["interaction"]
    low, high = found.interval()
    shown = low > 0.0 or high < 0.0
    start = f"{thing} depends on {marker} before treatment" if shown else (
        f"it is not shown that {thing} depends on {marker} before treatment")  # fmt: skip
    scale = str(fit.settings.get("scale_of_interaction", "points"))
    on = f" on the scale of {scale}" if scale in {"log-odds", "risk difference"} else ""
    text = f"{start}: it changes by {_numbers(found)}, {_p(fit.diagnostics['p_value'])}{on} (the prescriptive part)."
    return text if shown else f"{text} That does not show that it does not: the interval says how large it may be."


def _simple(fit: FitResult, reference: str, other: str) -> str:
    slopes = [f"{fit[f'slope[{arm}]'].value:.3g} in {arm}" for arm in (reference, other)]
    return (
        f"The slope is {slopes[0]} and {slopes[1]}; a slope clear in one arm and not in the other would show nothing."
    )


def _prognostic(fit: FitResult, marker: str) -> str:
    found = fit["prognostic_slope"]
    low, high = found.interval()
    verb = "goes" if low > 0.0 or high < 0.0 else "is not shown to go"
    p = _p(fit.diagnostics["p_prognostic"])
    text = f"Over both arms {marker} {verb} with the outcome (the prognostic part: mean prognostic slope {_numbers(found)}, {p})"
    low, high = fit["interaction"].interval()
    if low > 0.0 or high < 0.0:
        return f"{text}; as the slopes differ, this mean describes neither arm."
    return f"{text}; a marker that goes with outcome alike in both arms does not choose between them."


def _numbers(found: Estimate) -> str:
    low, high = found.interval()
    return f"{found.value:.3g} {found.unit} (95 % interval {low:.3g} to {high:.3g})".replace("  ", " ")


def _p(value: float) -> str:
    if math.isnan(value):
        return "p unknown"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"
