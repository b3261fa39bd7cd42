"""Moments of a normal distribution of which some components cannot be negative."""

import math

import numpy as np
from scipy import special

from neurochem.units import BoolArray, FloatArray

_SWEEPS = 50
_TOLERANCE = 1e-6
# Below this many standard deviations a component does not feel its limit (a share of 1e-9 is cut off).
_FAR = 6.0
_CANCELS = 20.0


def truncated_normal_moments(
    mean: FloatArray, covariance: FloatArray, nonnegative: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of a normal distribution cut off where a component would be negative.

    Parameters
    ----------
    mean : array, shape (n,)
        Centre of the uncut distribution; may lie outside what is left of it.
    covariance : array, shape (n, n)
        Its covariance, positive definite and finite.
    nonnegative : bool array, shape (n,)
        Components that cannot be negative.

    Returns
    -------
    mean : array, shape (n,)
        Positive where `nonnegative`.
    covariance : array, shape (n, n)
        Covariance of what is left.

    Notes
    -----
    Expectation propagation: every limit is replaced by the normal factor that gives its component, all others taken
    into account, the mean and variance of a cut normal; factors are renewed until they agree.  Exact for one limit and
    for independent components; for correlated ones the error is below a hundredth of a standard deviation in most cases.

    References
    ----------
    Minka TP (2001), UAI 17:362; Cunningham JP, Hennig P, Lacoste-Julien S (2011), arXiv:1111.6832.
    """
    centre, spread = np.array(mean, dtype=float), np.array(covariance, dtype=float)
    sd = np.sqrt(np.diag(spread))
    # a component far from its limit may come near it once the others have been cut
    limited = np.flatnonzero(nonnegative & (centre < 3.0 * _FAR * sd))
    precision, shift = np.zeros(centre.size), np.zeros(centre.size)
    for _ in range(_SWEEPS):
        change = 0.0
        for index in limited:
            change = max(change, _renew(int(index), centre, spread, precision, shift))
        if change < _TOLERANCE:
            break
    return centre, spread


def _renew(index: int, centre: FloatArray, spread: FloatArray, precision: FloatArray, shift: FloatArray) -> float:
    """Renew the factor of one limit in place; return by how many standard deviations the mean moved."""
    variance = float(spread[index, index])
    alone = 1.0 / variance - precision[index]
    if not alone > 0.0:
        return 0.0
    width = math.sqrt(1.0 / alone)
    start = (centre[index] / variance - shift[index]) / alone
    score = start / width
    if score > _FAR and precision[index] == 0.0:
        return 0.0
    hazard = math.sqrt(2.0 / math.pi) / float(special.erfcx(-score / math.sqrt(2.0)))
    cut_mean = start + width * hazard
    # far outside the difference cancels; its asymptotic series does not
    share = (
        1.0 - hazard * (hazard + score) if score > -_CANCELS else (1.0 - 6.0 / score**2 + 50.0 / score**4) / score**2
    )
    cut_variance = width**2 * share
    new_precision = max(1.0 / cut_variance - alone, 0.0)
    new_shift = cut_mean / cut_variance - start * alone
    more, push = new_precision - precision[index], new_shift - shift[index]
    column = spread[:, index].copy()
    step = (push - more * centre[index]) / (1.0 + more * variance)
    centre += step * column
    spread -= (more / (1.0 + more * variance)) * np.outer(column, column)
    precision[index], shift[index] = new_precision, new_shift
    return abs(step) * math.sqrt(variance)
