"""Where a profile likelihood has fallen by so much that a slope is excluded, with an F reference for few people."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from neurochem.units import FloatArray

IntArray = NDArray[np.intp]
LEVELS = (0.90, 0.95, 0.99)
# Beyond this many standard errors a search for the end of an interval gives up: the interval is open.
_REACH = 2.0**16
_ROUNDS = 80
_CLOSE = 1e-7


def f_statistic(drop: FloatArray, people: FloatArray, dof: FloatArray) -> FloatArray:
    """Return the F statistic that belongs to a fall of twice the log-likelihood.

    Parameters
    ----------
    drop : array
        Twice the difference of the log-likelihoods, not negative.
    people : array
        Number of people (restricted likelihood: less the number of error-free terms).
    dof : array
        People less every coefficient.

    Returns
    -------
    array
        dof (exp(drop / people) - 1), to be compared with F(1, dof). Without measurement error it is the square of
        Student's t exactly; with error the reference is an approximation that simulation supports (chi-square rejects
        a true slope in 9 % instead of 5 % of cohorts of 24).
    """
    return dof * np.expm1(drop / people)


def tail(drop: FloatArray, people: FloatArray, dof: FloatArray) -> FloatArray:
    """Return the p value of a fall of twice the log-likelihood."""
    return special.fdtrc(1.0, dof, np.maximum(f_statistic(np.maximum(drop, 0.0), people, dof), 0.0))


def largest_drop(level: float, people: float, dof: float) -> float:
    """Return how far twice the log-likelihood may fall within an interval of that level."""
    return people * math.log1p(float(special.fdtri(1.0, dof, level)) / dof)


def limits(
    heights: Callable[[FloatArray], FloatArray],
    *,
    peak: float,
    centre: float,
    step: float,
    drops: FloatArray,
    open_heights: tuple[float, float],
) -> FloatArray:
    """Return the ends of the intervals around the estimate.

    Parameters
    ----------
    heights : callable
        Profile log-likelihood at an array of slopes.
    peak, centre : float
        Log-likelihood at its maximum, and the slope there.
    step : float
        About one standard error.
    drops : array, shape (k,)
        Fall of twice the log-likelihood at each end.
    open_heights : (float, float)
        Log-likelihood that slopes of minus and plus infinity tend to: an end that it allows is not searched for.

    Returns
    -------
    array, shape (k, 2)
        Lower and upper ends; infinite where the likelihood never falls so far.
    """
    count = len(drops)
    return limits_of_many(
        lambda slopes, _: heights(slopes), peak=np.full(count, peak), centre=np.full(count, centre),
        step=np.full(count, step), drops=drops, open_heights=np.tile(open_heights, (count, 1)),
    )  # fmt: skip


def limits_of_many(
    heights: Callable[[FloatArray, IntArray], FloatArray],
    *,
    peak: FloatArray,
    centre: FloatArray,
    step: FloatArray,
    drops: FloatArray,
    open_heights: FloatArray,
) -> FloatArray:
    """Return the ends of the intervals around several estimates, searched for together.

    Parameters
    ----------
    heights : callable
        Profile log-likelihood at values (m,) of the estimates whose indices (m,) come with them.
    peak, centre, step, drops : array, shape (k,)
        As for `limits`, one an estimate.
    open_heights : array, shape (k, 2)
        Log-likelihood that minus and plus infinity tend to.

    Returns
    -------
    array, shape (k, 2)
        Lower and upper ends; infinite where the likelihood never falls so far.
    """
    target = np.repeat(np.sqrt(drops), 2)
    side = np.tile([-1.0, 1.0], len(drops))
    middle, pace, top = np.repeat(centre, 2), np.repeat(step, 2), np.repeat(peak, 2)

    def excess(slopes: FloatArray, chosen: IntArray) -> FloatArray:
        fall = 2.0 * (top[chosen] - heights(slopes, chosen // 2))
        return np.sqrt(np.maximum(fall, 0.0)) - target[chosen]

    inner, outer = middle.copy(), middle + side * pace * target
    low, high = -target, np.full(side.shape, np.nan)
    waiting = np.flatnonzero(2.0 * (top - open_heights.ravel()) > target**2)
    while waiting.size:
        found = excess(outer[waiting], waiting)
        high[waiting] = found
        short = found < 0.0
        inner[waiting[short]], low[waiting[short]] = outer[waiting[short]], found[short]
        waiting = waiting[short]
        outer[waiting] = middle[waiting] + 2.0 * (outer[waiting] - middle[waiting])
        waiting = waiting[np.abs(outer[waiting] - middle[waiting]) < _REACH * pace[waiting]]
    ends = _roots(excess, (inner, low), (outer, high), pace)
    ends[~(high >= 0.0)] = side[~(high >= 0.0)] * np.inf
    return ends.reshape(-1, 2)


def _roots(
    excess: Callable[[FloatArray, IntArray], FloatArray],
    inner: tuple[FloatArray, FloatArray],
    outer: tuple[FloatArray, FloatArray],
    step: FloatArray,
) -> FloatArray:
    """Return the zero between each inner and outer place by regula falsi, a stale end lowered (Anderson and Bjorck)."""
    ends = np.stack([np.stack(inner), np.stack(outer)])  # (end, place or value, target)
    root = outer[0].copy()
    last = np.full(root.shape, -1)
    waiting = np.flatnonzero(outer[1] >= 0.0)
    for _ in range(_ROUNDS):
        if not waiting.size:
            break
        i = waiting
        (a, at_a), (b, at_b) = ends[0][:, i], ends[1][:, i]
        rise = at_b - at_a
        root[i] = np.where(rise > 0.0, b - at_b * (b - a) / np.where(rise > 0.0, rise, 1.0), b)
        found = excess(root[i], i)
        new = (found >= 0.0).astype(int)  # the end that the new place replaces
        replaced = ends[new, 1, i]
        ratio = 1.0 - found / np.where(replaced == 0.0, 1.0, replaced)
        lower = np.where(last[i] == new, np.where(ratio > 0.0, ratio, 0.5), 1.0)
        ends[1 - new, 1, i] *= lower
        ends[new, 0, i], ends[new, 1, i] = root[i], found
        last[i] = new
        waiting = i[(np.abs(found) > _CLOSE) & (np.abs(ends[1, 0, i] - ends[0, 0, i]) > _CLOSE * step[i])]
    return root
