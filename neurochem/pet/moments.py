"""The two families of functions that make convolutions with an exponential exact."""

import math
from functools import cache

import numpy as np

from neurochem.units import FloatArray

# Below this the recursion loses digits and the series needs few terms.
_SERIES_BELOW = 2.0
_SERIES_TERMS = 26


@cache
def _series(power: int) -> FloatArray:
    """Return the coefficients of phi_power: (-1)^n power!/(power + n + 1)!."""
    terms = [(-1.0) ** n * math.factorial(power) / math.factorial(power + n + 1) for n in range(_SERIES_TERMS)]
    return np.array(terms)


def power_moments(x: FloatArray, highest: int) -> list[FloatArray]:
    """Return phi_j(x) = int_0^1 u^j exp(-x (1 - u)) du for j = 0 ... highest.

    Parameters
    ----------
    x : array
        Rate times length of a segment, not negative.
    highest : int
        Highest power.

    Returns
    -------
    list of arrays shaped like x
        Relative error near 1e-15 for every x, zero included (phi_j(0) = 1/(j + 1)).

    Notes
    -----
    phi_0 = (1 - exp(-x))/x and phi_j = (1 - j phi_{j-1})/x. The recursion is used upwards for large x; for small x the
    highest moment is summed as a series and the recursion runs downwards, which is stable.
    """
    x = np.asarray(x, dtype=float)
    small = x < _SERIES_BELOW
    moments = [np.empty(x.shape) for _ in range(highest + 1)]
    near, far = x[small], x[~small]
    if near.size:
        total = near[:, None] ** np.arange(_SERIES_TERMS) @ _series(highest)
        moments[highest][small] = total
        for j in range(highest, 0, -1):
            total = (1.0 - near * total) / j
            moments[j - 1][small] = total
    if far.size:
        current = -np.expm1(-far) / far
        moments[0][~small] = current
        for j in range(1, highest + 1):
            current = (1.0 - j * current) / far
            moments[j][~small] = current
    return moments


def exponential_divided_differences(nodes: FloatArray) -> FloatArray:
    """Return the divided differences exp[z_0], exp[z_0, z_1], ..., exp[z_0 ... z_n].

    Parameters
    ----------
    nodes : array, shape (..., n + 1)
        Points, none above zero by much; they may coincide or nearly coincide.

    Returns
    -------
    array, shape (..., n + 1)
        All positive, to a relative error near 1e-14.

    Notes
    -----
    The first row of the exponential of the bidiagonal matrix with the nodes on its diagonal and ones above (Opitz
    1964). Scaling and squaring: every entry is positive, so squaring cannot cancel, however close the nodes. The
    convolution of exponentials with rates r_0 ... r_n over a length h is h^n exp[-r_0 h, ..., -r_n h].
    """
    nodes = np.asarray(nodes, dtype=float)
    size = nodes.shape[-1]
    largest = float(np.max(np.abs(nodes), initial=0.0))
    halvings = max(0, math.ceil(math.log2(largest / 0.5))) if largest > 0.5 else 0
    scaled = np.zeros((*nodes.shape, size))
    index = np.arange(size)
    scaled[..., index, index] = nodes / 2.0**halvings
    scaled[..., index[:-1], index[1:]] = 1.0 / 2.0**halvings
    identity = np.eye(size)
    result = np.broadcast_to(identity, scaled.shape).copy()
    for order in range(18, 0, -1):
        result = identity + scaled @ result / order
    for _ in range(halvings):
        result = result @ result
    return result[..., 0, :]
