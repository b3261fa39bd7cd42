"""Interval of a product of two paths, each with its own confidence distribution."""

import math

import numpy as np
from scipy import special

from neurochem.response.measurement_error.profile import LEVELS
from neurochem.results import Estimate
from neurochem.units import FloatArray

# Places at which each path's distribution is taken; twice as many move an end by 1e-3 of the interval's width.
_PLACES = 600


def product_interval(first: Estimate, second: Estimate, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the product of two estimates whose errors are independent.

    Parameters
    ----------
    first, second : Estimate
        With degrees of freedom; where an estimate holds intervals of 90, 95 and 99 % (those of a profile likelihood, which
        are not symmetric), its distribution runs through their ends, else it is Student's t.
    level : float
        Level.

    Returns
    -------
    (float, float)
        Quantiles of the product; infinite where a path has no limit and the other does not hold it at zero.

    References
    ----------
    MacKinnon, Lockwood, Williams (2004), Multivariate Behav Res 39:99 (distribution of the product).
    """
    chance = (np.arange(_PLACES) + 0.5) / _PLACES
    products = np.sort(np.multiply.outer(quantiles(first, chance), quantiles(second, chance)).ravel())
    tail = 0.5 * (1.0 - level)
    low, high = (products[round(share * (products.size - 1))] for share in (tail, 1.0 - tail))
    return float(low), float(high)


def quantiles(estimate: Estimate, chance: FloatArray) -> FloatArray:
    """Return quantiles of an estimate's confidence distribution.

    Parameters
    ----------
    estimate : Estimate
        As for `product_interval`.
    chance : array
        Between 0 and 1.
    """
    score = special.ndtri(chance) if math.isinf(estimate.dof) else special.stdtrit(estimate.dof, chance)
    if not all(any(math.isclose(level, kept[0]) for kept in estimate.limits) for level in LEVELS):
        return estimate.value + estimate.stderr * score
    ends = [estimate.interval(level) for level in LEVELS]
    tails = np.array([0.5 * (1.0 - level) for level in LEVELS])
    known = special.ndtri(tails) if math.isinf(estimate.dof) else special.stdtrit(estimate.dof, tails)
    places = np.concatenate([known[::-1], [0.0], -known])
    values = np.array([*(low for low, _ in ends[::-1]), estimate.value, *(high for _, high in ends)])
    return _through(score, places, values)


def _through(score: FloatArray, places: FloatArray, values: FloatArray) -> FloatArray:
    """Return the line through finite places, straight on beyond them; endless from the first place that is."""
    finite = np.isfinite(values)
    x, y = places[finite], values[finite]
    found = np.interp(score, x, y)
    below, above = score < x[0], score > x[-1]
    found[below] = y[0] + (score[below] - x[0]) * (y[1] - y[0]) / (x[1] - x[0]) if finite[0] else -np.inf
    found[above] = y[-1] + (score[above] - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2]) if finite[-1] else np.inf
    return found
