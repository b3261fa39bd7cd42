"""Non-negative least squares from normal equations: quick, for problems of a few dozen well-scaled columns."""

import numpy as np
from scipy.linalg import lapack

from neurochem.units import BoolArray, FloatArray


def solve_positive(gram: FloatArray, slope: FloatArray) -> FloatArray:
    """Return gram^-1 slope by Cholesky's factor, of least norm where the matrix is not positive definite.

    Parameters
    ----------
    gram : array, shape (m, m)
        Symmetric, not negative definite.
    slope : array, shape (m,) or (m, k)
        Right-hand sides.
    """
    if not gram.size:
        return np.zeros_like(slope)
    _, solution, failed = lapack.dposv(gram, slope)
    if failed:
        solution = np.linalg.lstsq(gram, slope, rcond=1e-12)[0]
    return np.asarray(solution, dtype=np.float64)


def nonnegative_normal_equations(
    gram: FloatArray, slope: FloatArray, nonnegative: BoolArray, *, passive: BoolArray | None = None
) -> tuple[FloatArray, BoolArray]:
    """Minimise x' gram x / 2 - slope' x with x >= 0 where `nonnegative` says so.

    Parameters
    ----------
    gram, slope : array, shapes (m, m) and (m,)
        Normal equations A'A and A'b of a least-squares problem.
    nonnegative : bool array, shape (m,)
        Amplitudes that may not be negative; the others are free.
    passive : bool array, shape (m,), optional
        A guess of which amplitudes are not at zero, from a problem nearby.

    Returns
    -------
    amplitudes : array, shape (m,)
        The minimum, to the precision that squaring the condition of A leaves (refine with the residual where more counts).
    passive : bool array, shape (m,)
        Amplitudes that are free or above zero; the others are exactly zero.

    Notes
    -----
    Lawson and Hanson's active set on columns scaled to unit length.
    """
    norms = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    matrix, target = gram / np.outer(norms, norms), slope / norms
    inside = np.ones(slope.size, dtype=bool) if passive is None else passive | ~nonnegative
    solution = _solve(matrix, target, inside)
    for _ in range(slope.size):
        negative = inside & nonnegative & (solution <= 0)
        if not negative.any():
            break
        inside = inside & ~negative
        solution = _solve(matrix, target, inside)
    tolerance = 1e-11 * float(np.max(np.abs(target), initial=0.0))
    for _ in range(3 * slope.size + 10):
        gradient = np.where(inside, -np.inf, target - matrix @ solution)
        entering = int(np.argmax(gradient))
        if not gradient[entering] > tolerance:
            break
        inside[entering] = True
        solution, inside = _descend(matrix, target, solution, inside, nonnegative)
    return solution / norms, inside


def _solve(matrix: FloatArray, target: FloatArray, inside: BoolArray) -> FloatArray:
    if inside.all():
        return solve_positive(matrix, target)
    solution = np.zeros(target.size)
    solution[inside] = solve_positive(matrix[np.ix_(inside, inside)], target[inside])
    return solution


def _descend(
    matrix: FloatArray, target: FloatArray, solution: FloatArray, inside: BoolArray, nonnegative: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Move to the least-squares point of the passive set, dropping amplitudes that reach zero on the way."""
    for _ in range(target.size + 1):
        trial = _solve(matrix, target, inside)
        negative = inside & nonnegative & (trial <= 0)
        if not negative.any():
            return trial, inside
        fraction = solution[negative] / (solution[negative] - trial[negative] + np.finfo(float).tiny)
        solution = solution + float(np.min(fraction)) * (trial - solution)
        dropped = negative & (solution <= 1e-13 * np.max(np.abs(solution), initial=0.0))
        inside = inside & ~(dropped if dropped.any() else negative)
        solution = np.where(inside, solution, 0.0)
    return solution, inside
