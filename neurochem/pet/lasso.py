"""The path of least-squares solutions with a penalty on the sum of absolute amplitudes."""

from dataclasses import dataclass

import numpy as np

from neurochem.units import FloatArray

# Below this share of the first penalty, neighbouring exponentials can no longer be told apart in double precision.
_SMALLEST_PENALTY = 1e-6
_MOST_STEPS = 400
# Plain cross-validation keeps terms that fit noise; a term counted 1.4 times is the usual cure (Kim and Gu 2004, unchecked).
_TERM_COUNTS = 1.4


@dataclass(frozen=True, eq=False)
class LassoPath:
    """Solutions at the penalties where the set of active amplitudes changes.

    Attributes
    ----------
    penalties : array, shape (k,)
        Descending.
    amplitudes : array, shape (k, m)
        Solutions.
    scores : array, shape (k,)
        Generalised cross-validation, (RSS/n)/(1 - 1.4 active/n)^2.
    """

    penalties: FloatArray
    amplitudes: FloatArray
    scores: FloatArray

    @property
    def best(self) -> int:
        """Index of the lowest score."""
        return int(np.argmin(self.scores))


def lasso_path(matrix: FloatArray, target: FloatArray, *, nonnegative: bool) -> LassoPath:
    """Follow the minimum of ||matrix x - target||^2/2 + mu sum |x| from the largest useful mu towards zero.

    Parameters
    ----------
    matrix : array, shape (n, m)
        Columns of unit length.
    target : array, shape (n,)
        What they should sum to.
    nonnegative : bool
        Whether amplitudes may not be negative.

    Returns
    -------
    LassoPath
        Exact at every knot: between knots the solution is a straight line in mu (least angle regression with drops).

    References
    ----------
    Efron B, Hastie T, Johnstone I, Tibshirani R (2004), Ann Stat 32:407-499.
    """
    count = matrix.shape[1]
    solution = np.zeros(count)
    correlation = matrix.T @ target
    size = correlation if nonnegative else np.abs(correlation)
    penalty = largest = float(np.max(size, initial=0.0))
    knots = [(penalty, solution.copy())]
    active: list[int] = [int(np.argmax(size))] if largest > 0 else []
    dropped = -1
    for _ in range(_MOST_STEPS):
        if not active or penalty <= _SMALLEST_PENALTY * largest:
            break
        correlation = matrix.T @ (target - matrix @ solution)
        move = _direction(matrix[:, active], np.sign(correlation[active]))
        change = matrix.T @ (matrix[:, active] @ move)
        step, joins = _next_join(correlation, change, penalty, [*active, dropped], nonnegative=nonnegative)
        step, leaves = _next_leave(solution[active], move, min(step, penalty), joins=joins if step < penalty else -1)
        if leaves < 0 and (step >= penalty or len(active) >= min(matrix.shape) - 1):
            joins = -1
        solution[active] += step * move
        penalty -= step
        dropped = -1
        if leaves >= 0:
            dropped = active.pop(leaves)
            solution[dropped] = 0.0
        knots.append((penalty, solution.copy()))
        if leaves < 0:
            if joins < 0:
                break
            active.append(joins)
    return _scored(matrix, target, knots)


def _direction(columns: FloatArray, signs: FloatArray) -> FloatArray:
    """Return (X'X)^-1 s through the orthogonal factor, which keeps neighbouring exponentials apart."""
    triangle = np.linalg.qr(columns)[1]
    return np.asarray(np.linalg.lstsq(triangle, np.linalg.lstsq(triangle.T, signs, rcond=None)[0], rcond=None)[0])


def _next_join(
    correlation: FloatArray, change: FloatArray, penalty: float, barred: list[int], *, nonnegative: bool
) -> tuple[float, int]:
    """Return how far until another column is as correlated with the residual as the active ones, and which."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = [(penalty - correlation) / (1.0 - change)]
        if not nonnegative:
            steps.append((penalty + correlation) / (1.0 + change))
    best, which = np.inf, -1
    for step in steps:
        usable = np.where(np.isfinite(step) & (step > 1e-14 * penalty), step, np.inf)
        usable[[index for index in barred if index >= 0]] = np.inf
        index = int(np.argmin(usable))
        if usable[index] < best:
            best, which = float(usable[index]), index
    return best, which


def _next_leave(values: FloatArray, move: FloatArray, step: float, *, joins: int) -> tuple[float, int]:
    """Return the step cut to where an active amplitude reaches zero, and its place; the step and -1 if none does."""
    with np.errstate(divide="ignore", invalid="ignore"):
        until = np.where(values * move < 0, -values / move, np.inf)
    place = int(np.argmin(until))
    return (float(until[place]), place) if until[place] < step else (step, -1)


def _scored(matrix: FloatArray, target: FloatArray, knots: list[tuple[float, FloatArray]]) -> LassoPath:
    amplitudes = np.array([solution for _, solution in knots])
    points = target.size
    residuals = np.sum((target - amplitudes @ matrix.T) ** 2, axis=1) / points
    terms = _TERM_COUNTS * np.count_nonzero(amplitudes, axis=1) / points
    scores = np.where(terms < 1, residuals / np.maximum(1.0 - terms, 1e-12) ** 2, np.inf)
    return LassoPath(np.array([penalty for penalty, _ in knots]), amplitudes, scores)
