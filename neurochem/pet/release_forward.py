"""The reference-tissue equation with a washout that changes in time, integrated to full precision."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.release_courses import ReleaseCourse
from neurochem.pet.view import FrameView, PointView, View
from neurochem.units import FloatArray

_POINTS = 12
# Largest product of a panel's length and the fastest rate in it, and the longest panel in minutes.
_LARGEST_STEP, _LONGEST_MIN = 2.0, 1.0
# No washout is as fast (1/min); beyond it the number of panels would only grow.
_FASTEST_PER_MIN = 1e3


@cache
def _rule() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights on [0, 1], and the matrix of integrals from 0 to each node."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    basis = np.polynomial.legendre.legvander(nodes, _POINTS)
    degree = np.arange(_POINTS)
    # int_-1^x P_k = (P_{k+1} - P_{k-1})/(2k + 1), and P_{-1} stands for -1
    lower = np.column_stack([-np.ones(_POINTS), basis[:, : _POINTS - 1]])
    integrals = (basis[:, 1:] - lower) / (2 * degree + 1)
    projection = ((2 * degree + 1) / 2)[:, None] * basis[:, :_POINTS].T * weights
    return (nodes + 1) / 2, weights / 2, integrals @ projection / 2


def released_tissue(view: View, course: ReleaseCourse, r1: float, k2: float, k2a: float, gamma: float) -> FloatArray:
    """Return C_T of dC_T/dt = R1 dC_R/dt + k2 C_R - [k2a + gamma h(t)] C_T, C_T(0) = 0.

    Parameters
    ----------
    view : View
        The reference curve, as frame means or values.
    course : ReleaseCourse
        h.
    r1, k2, k2a, gamma : float
        R1, and rates in 1/min.

    Returns
    -------
    array, shape (n,)
        Frame means or values as the view says, to about 1e-12 of the largest.

    Notes
    -----
    C_T = R1 C_R + u with du/dt = (k2 - R1 g) C_R - g u, g = k2a + gamma h. With G the integral of g, exact by incomplete
    gamma functions, u(t) = int exp(G(s) - G(t)) (k2 - R1 g(s)) C_R(s) ds. The integral is taken by twelve-point
    Gauss-Legendre panels between all nodes of C_R, edges of frames and breaks of h, graded towards the start of the
    release; a panel is short against every rate in it. There is no grid on which a curve is sampled and joined.
    """
    if not isinstance(view, FrameView | PointView):
        msg = f"a release model makes frame means or values at times; got a {type(view).__name__}"
        raise InputError(msg)
    edges = view._prepared.edges if view._prepared is not None else np.zeros(1)
    if edges.size < 2:
        return np.zeros(view.input.shape)
    cuts, reference, fastest = _reference(view)
    rate = max(fastest, k2a, k2a + gamma)
    if not rate <= _FASTEST_PER_MIN:
        msg = f"a rate of {rate:g} 1/min is beyond {_FASTEST_PER_MIN:g}; rates are in 1/min, is one of them in another unit?"
        raise InputError(msg)
    at_edges, integrals = _integrate(edges, _panels(edges, cuts, course, rate), reference, course, (r1, k2, k2a, gamma))
    if isinstance(view, PointView):
        return np.asarray(r1 * view.input + at_edges[view._index])
    interval = np.minimum(view._first, integrals.size - 1)
    means = integrals[interval] / np.where(view._point, 1.0, view._length)
    return np.asarray(r1 * view.input + np.where(view._point, at_edges[view._first], means))


def _panels(edges: FloatArray, cuts: FloatArray, course: ReleaseCourse, rate: float) -> FloatArray:
    """Return the ends of panels from the first to the last edge."""
    longest = min(_LONGEST_MIN, _LARGEST_STEP / max(rate, _LARGEST_STEP / _LONGEST_MIN))
    uniform = np.arange(edges[0], edges[-1], longest)
    breaks = course.breaks()
    inside = breaks[(breaks > edges[0]) & (breaks < edges[-1])]
    return np.unique(np.concatenate([edges, cuts, uniform, inside]))


def _integrate(
    edges: FloatArray,
    ends: FloatArray,
    reference: Callable[[FloatArray], FloatArray],
    course: ReleaseCourse,
    parameters: tuple[float, float, float, float],
) -> tuple[FloatArray, FloatArray]:
    """Return u at the edges and its integral between consecutive edges."""
    r1, k2, k2a, gamma = parameters
    nodes, weights, matrix = _rule()
    length = np.diff(ends)
    times = ends[:-1, None] + length[:, None] * nodes
    total = k2a * ends + gamma * course.integral(ends)
    grown = k2a * times + gamma * course.integral(times) - total[:-1, None]
    source = (k2 - r1 * (k2a + gamma * course.values(times))) * reference(times) * np.exp(grown)
    inner = np.exp(-grown) * length[:, None] * (source @ matrix.T)
    fade = np.exp(-np.diff(total))
    gain = fade * length * (source @ weights)
    value = np.zeros(ends.size)
    for index in range(length.size):
        value[index + 1] = fade[index] * value[index] + gain[index]
    part = length * ((np.exp(-grown) * value[:-1, None] + inner) @ weights)
    return value[np.searchsorted(ends, edges)], np.add.reduceat(part, np.searchsorted(ends, edges[:-1]))


def _reference(view: FrameView | PointView) -> tuple[FloatArray, Callable[[FloatArray], FloatArray], float]:
    """Return where the pieces of the reference join, its values within them, and its fastest rate."""
    prepared = view._prepared
    assert prepared is not None

    def values(times: FloatArray) -> FloatArray:
        return _piece_values(prepared, times)

    return _all_cuts(prepared), values, _fastest(prepared)


def _summands(prepared: Any) -> tuple[Any, ...]:
    """Return the curves of which a prepared curve is the sum; one for all but joined exponentials."""
    return tuple(getattr(prepared, "prepared", (prepared,)))


def _all_cuts(prepared: Any) -> FloatArray:
    return np.unique(np.concatenate([part.cuts for part in _summands(prepared)]))


def _fastest(prepared: Any) -> float:
    rates = [rate for part in _summands(prepared) if hasattr(part, "parts") for rate, _ in part.parts]
    return max(rates, default=0.0)


def _piece_values(prepared: Any, times: FloatArray) -> FloatArray:
    """Return the curve at times, from the pieces it was cut into."""
    total = np.zeros(times.shape)
    for part in _summands(prepared):
        piece = np.clip(np.searchsorted(part.cuts, times, side="right") - 1, 0, part.lengths.size - 1)
        offset = times - part.cuts[piece]
        if hasattr(part, "scaled"):
            relative = offset / part.lengths[piece]
            for power in range(part.scaled.shape[1]):
                total += part.scaled[piece, power] / part.lengths[piece] * relative**power
        else:
            for (rate, power), amplitude in part.parts.items():
                total += amplitude[piece] * offset**power * np.exp(-rate * offset)
    return total
