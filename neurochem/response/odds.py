"""Coefficients of a yes-or-no outcome: log-odds as fitted, per SD of the marker, and as an odds ratio."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurochem.response.model_data import SLOPE, Labels, ModelData, unit_of_term
from neurochem.results import Estimate
from neurochem.units import FloatArray

# e to a higher power is more than a number can hold.
_LARGEST_POWER = 700.0


def log_odds_estimates(
    data: ModelData,
    labels: Labels,
    values: FloatArray,
    covariance: FloatArray,
    limits: Sequence[tuple[float, float, float]],
    *,
    kind: str = "fit",
) -> dict[str, Estimate]:
    """Return every coefficient, the slope per SD of the marker, and the odds ratio per SD.

    Parameters
    ----------
    data : ModelData
        The rows that were fitted.
    labels : Labels
        Names and units.
    values : array, shape (p,)
        Coefficients in the order of `data.names`, log-odds per unit.
    covariance : array, shape (p, p)
        Their covariance.
    limits : sequence of (level, low, high)
        Intervals of the slope, which need not be symmetric.
    kind : str
        Kind of the slope's error: "fit" or "profile".

    Returns
    -------
    dict of str to Estimate
        The odds ratio is per SD: per whole unit of a binding potential it leaves the range of numbers. Its standard error
        is the delta method's; its interval is that of the slope.
    """
    errors = np.sqrt(np.diag(covariance))
    log_odds = replace(labels, outcome_unit="log-odds")
    found = {
        name: Estimate(name, float(values[i]), float(errors[i]), unit_of_term(log_odds, data, i))
        for i, name in enumerate(data.names)
    }
    slope = replace(found[SLOPE], limits=tuple(limits), stderr_kind=kind)
    spread = float(np.std(data.marker, ddof=1))
    found[SLOPE] = slope
    found["standardised_slope"] = replace(
        slope, name="standardised_slope", value=slope.value * spread, stderr=slope.stderr * spread,
        unit="log-odds per SD", limits=tuple((level, low * spread, high * spread) for level, low, high in limits),
    )  # fmt: skip
    found["odds_ratio"] = odds_ratio(found["standardised_slope"])
    return found


def odds_ratio(slope: Estimate) -> Estimate:
    """Return the odds ratio of a slope in log-odds per SD, with the slope's own intervals."""
    ratio = _exp(slope.value)
    limits = slope.limits or ((0.95, *slope.interval(0.95)),)
    return Estimate(
        "odds_ratio", ratio, ratio * slope.stderr, "per SD", stderr_kind=slope.stderr_kind, dof=slope.dof,
        limits=tuple((level, _exp(low), _exp(high)) for level, low, high in limits),
    )  # fmt: skip


def _exp(value: float) -> float:
    return math.exp(value) if not value > _LARGEST_POWER else math.inf
