"""Clinical outcomes from a baseline and an endpoint score.

Signs: a *reduction* is positive when the person got better; a *change* is endpoint minus baseline, negative when better.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import check_same_length, checked_arguments
from neurochem.errors import unknown_name
from neurochem.response.scales import RESPONSE_REDUCTION_PERCENT, Scale
from neurochem.units import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class OutcomeType:
    """One way to turn two scores into an outcome.

    Attributes
    ----------
    name, unit, meaning : str
        Name, unit ("points", "%", or "" for yes and no) and definition with its sign.
    binary, lower_is_better : bool
        Whether it is yes or no, and which direction is good.
    note : str
        What a reader of the result should know of this choice.
    """

    name: str
    unit: str
    meaning: str
    binary: bool
    lower_is_better: bool
    note: str = ""


_PERCENT_NOTE = "percent change divides by an error-prone baseline and couples outcome and baseline; prefer change"
OUTCOME_TYPES = {
    item.name: item
    for item in (
        OutcomeType("change", "points", "endpoint minus baseline score, negative = better", False, True),
        OutcomeType("endpoint", "points", "endpoint score", False, True),
        OutcomeType(
            "percent_change", "%", "100 (endpoint - baseline) / baseline, negative = better", False, True, _PERCENT_NOTE
        ),
        OutcomeType(
            "percent_reduction", "%", "100 (baseline - endpoint) / baseline, positive = better", False, False,
            _PERCENT_NOTE,
        ),
        OutcomeType("response", "", "percent reduction of at least 50", True, False),
        OutcomeType("remission", "", "remission by the rule of the scale", True, False),
    )
}  # fmt: skip


def outcome_type(name: str) -> OutcomeType:
    """Return the outcome type of that name, or raise UnknownNameError with the nearest one."""
    if name not in OUTCOME_TYPES:
        raise unknown_name(name, OUTCOME_TYPES, kind="outcome_type")
    return OUTCOME_TYPES[name]


def _paired(baseline: ArrayLike, endpoint: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, last = np.asarray(baseline, dtype=float), np.asarray(endpoint, dtype=float)
    check_same_length("outcome", baseline=first, endpoint=last)
    return first, last


@checked_arguments
def score_change(baseline: ArrayLike, endpoint: ArrayLike) -> FloatArray:
    """Return endpoint minus baseline, in points; negative is better. Shapes broadcast, missing stays NaN."""
    first, last = _paired(baseline, endpoint)
    return np.asarray(last - first)


@checked_arguments
def percent_reduction(baseline: ArrayLike, endpoint: ArrayLike) -> FloatArray:
    """Return 100 (y0 - y1) / y0, positive is better.

    Parameters
    ----------
    baseline, endpoint : array_like, shape (n,)
        Scores in points.

    Returns
    -------
    array, shape (n,)
        Percent; NaN where a score is missing or the baseline is not above zero, where it has no meaning.
    """
    first, last = np.broadcast_arrays(*_paired(baseline, endpoint))
    reduction = np.full(first.shape, np.nan)
    known = first > 0
    reduction[known] = 100.0 * (first[known] - last[known]) / first[known]
    return reduction


@checked_arguments
def is_response(baseline: ArrayLike, endpoint: ArrayLike) -> BoolArray:
    """Say who responded: a reduction of at least 50 %, exactly half included; False where undefined."""
    # half of a score is exact in binary, so the inclusive limit needs no tolerance when compared as scores
    first, last = _paired(baseline, endpoint)
    return (first > 0) & (last <= first * (1.0 - RESPONSE_REDUCTION_PERCENT / 100.0))


@checked_arguments
def is_remission(baseline: ArrayLike, endpoint: ArrayLike, scale: Scale) -> BoolArray:
    """Say who is remitted by the rule of the scale; False where undefined."""
    return scale.remission.met(endpoint, percent_reduction(baseline, endpoint))


@checked_arguments
def outcome_values(kind: str, baseline: ArrayLike, endpoint: ArrayLike, scale: Scale) -> FloatArray:
    """Return the outcome of every person as numbers.

    Parameters
    ----------
    kind : str
        A name of `OUTCOME_TYPES`.
    baseline, endpoint : array_like, shape (n,)
        Scores in points; NaN where missing.
    scale : Scale
        Gives the remission rule.

    Returns
    -------
    array, shape (n,)
        Points, percent, or 0 and 1; NaN where a score that the outcome needs is missing or the outcome is undefined.

    Raises
    ------
    UnknownNameError
        If the kind of outcome is not known.
    """
    outcome_type(kind)
    first, last = np.broadcast_arrays(*_paired(baseline, endpoint))
    values = {
        "change": lambda: score_change(first, last),
        "endpoint": last.copy,
        "percent_change": lambda: -percent_reduction(first, last),
        "percent_reduction": lambda: percent_reduction(first, last),
        "response": lambda: is_response(first, last).astype(float),
        "remission": lambda: is_remission(first, last, scale).astype(float),
    }[kind]()
    needs_reduction = kind == "response" or (kind == "remission" and scale.remission.min_reduction_percent is not None)
    undefined = np.isnan(last) | (needs_reduction & ~(first > 0))
    return np.where(undefined, np.nan, values)
