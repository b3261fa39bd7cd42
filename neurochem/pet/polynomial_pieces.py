"""Any smooth function of time as polynomials, so that its convolutions are exact."""

from collections.abc import Callable

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.curves import PiecewisePolynomial
from neurochem.units import FloatArray

_DEGREE = 5
# Lobatto points of the first kind: both ends belong to them, so that neighbouring pieces meet.
_NODES = 0.5 - 0.5 * np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE)
_BETWEEN = 0.5 * (_NODES[1:] + _NODES[:-1])
_FROM_VALUES = np.linalg.inv(np.vander(_NODES, increasing=True))
_CHECK = np.vander(_BETWEEN, _DEGREE + 1, increasing=True) @ _FROM_VALUES
_HALVINGS = 40


def polynomial_pieces(
    function: Callable[[FloatArray], FloatArray], breaks_min: FloatArray, *, tolerance: float = 1e-10
) -> PiecewisePolynomial:
    """Return a function as polynomials of degree five, halved until they follow it.

    Parameters
    ----------
    function : callable
        Maps times in minutes, any shape, to values of the same shape; smooth between the breaks.
    breaks_min : array, shape (n,)
        First and last time, and every kink between them.
    tolerance : float
        Largest error relative to the function itself; a thousandth of it relative to the peak is always allowed.

    Returns
    -------
    PiecewisePolynomial
        Continuous wherever the function is.

    Raises
    ------
    InputError
        If the function is not finite.
    """
    breaks = np.unique(np.asarray(breaks_min, dtype=float))
    begin, length = breaks[:-1], np.diff(breaks)
    done: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    peak = 0.0
    for halving in range(_HALVINGS + 1):
        values = function(begin[:, None] + length[:, None] * _NODES)
        between = function(begin[:, None] + length[:, None] * _BETWEEN)
        if not (np.isfinite(values).all() and np.isfinite(between).all()):
            place = float(begin[~np.isfinite(values).all(axis=1)].min(initial=breaks[-1]))
            msg = f"a curve is not finite near {place * 60:g} s; check its samples and parameters"
            raise InputError(msg)
        peak = max(peak, float(np.max(np.abs(values), initial=0.0)))
        wrong = np.abs(values @ _CHECK.T - between) > tolerance * (np.abs(between) + 1e-3 * peak)
        split = wrong.any(axis=1) & (halving < _HALVINGS)
        done.append((begin[~split], length[~split], values[~split]))
        if not split.any():
            break
        half = 0.5 * length[split]
        begin, length = np.concatenate([begin[split], begin[split] + half]), np.concatenate([half, half])
    start, width, heights = (np.concatenate(parts) for parts in zip(*done, strict=True))
    order = np.argsort(start)
    powers = width[order, None] ** np.arange(_DEGREE + 1)
    return PiecewisePolynomial(np.append(start[order], breaks[-1]), heights[order] @ _FROM_VALUES.T / powers)


def joined(first: PiecewisePolynomial, second: PiecewisePolynomial) -> PiecewisePolynomial:
    """Return one curve that follows `first` to its end and `second` from there."""
    end = first.nodes[-1]
    keep = second.nodes[:-1] >= end * (1 - 1e-12)
    degree = max(first.coefficients.shape[1], second.coefficients.shape[1])
    parts = [
        np.pad(block, ((0, 0), (0, degree - block.shape[1])))
        for block in (first.coefficients, second.coefficients[keep])
    ]
    nodes = np.concatenate([first.nodes, second.nodes[1:][keep]])
    return PiecewisePolynomial(nodes, np.vstack(parts))
