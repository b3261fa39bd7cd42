"""Least squares in which some amplitudes may not be negative."""

import numpy as np

from neurochem.units import BoolArray, FloatArray


def nonnegative_least_squares(
    matrix: FloatArray, target: FloatArray, nonnegative: BoolArray, *, passive: BoolArray | None = None
) -> tuple[FloatArray, BoolArray]:
    """Minimise ||matrix x - target|| with x >= 0 where `nonnegative` says so.

    Parameters
    ----------
    matrix : array, shape (n, m)
        Columns; a triangular factor will do, and is quicker.
    target : array, shape (n,)
        What they should sum to.
    nonnegative : bool array, shape (m,)
        Amplitudes that may not be negative; the others are free.
    passive : bool array, shape (m,), optional
        A guess of which amplitudes are not at zero, from a problem nearby.

    Returns
    -------
    amplitudes : array, shape (m,)
        The minimum.
    passive : bool array, shape (m,)
        Amplitudes that are free or above zero; the others are exactly zero.

    Notes
    -----
    The active-set method of Lawson and Hanson, with free columns always in the passive set. Its result satisfies the
    Karush-Kuhn-Tucker conditions to rounding.

    References
    ----------
    Lawson CL, Hanson RJ (1974), Solving Least Squares Problems, chapter 23.
    """
    free = ~nonnegative
    solution, inside = _warm_start(matrix, target, nonnegative, passive)
    norms = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
    tolerance = 1e-13 * norms * max(float(np.linalg.norm(target)), np.finfo(float).tiny)
    for _ in range(3 * matrix.shape[1] + 10):
        gradient = matrix.T @ (target - matrix @ solution)
        candidates = ~inside & (gradient > tolerance)
        if not candidates.any():
            break
        inside[int(np.argmax(np.where(candidates, gradient / np.where(norms > 0, norms, 1.0), -np.inf)))] = True
        solution, inside = _descend(matrix, target, solution, inside, free)
    return solution, inside


def _solve(matrix: FloatArray, target: FloatArray, inside: BoolArray) -> FloatArray:
    solution = np.zeros(matrix.shape[1])
    if inside.any():
        solution[inside] = np.linalg.lstsq(matrix[:, inside], target, rcond=None)[0]
    return solution


def _warm_start(
    matrix: FloatArray, target: FloatArray, nonnegative: BoolArray, passive: BoolArray | None
) -> tuple[FloatArray, BoolArray]:
    """Return a feasible point: from the guess, or from all columns, dropping what comes out negative."""
    inside = np.ones(matrix.shape[1], dtype=bool) if passive is None else passive | ~nonnegative
    for _ in range(matrix.shape[1] + 1):
        solution = _solve(matrix, target, inside)
        negative = inside & nonnegative & (solution <= 0)
        if not negative.any():
            break
        inside = inside & ~negative
    return solution, inside


def _descend(
    matrix: FloatArray, target: FloatArray, solution: FloatArray, inside: BoolArray, free: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Move to the least-squares point of the passive set, dropping amplitudes that reach zero on the way."""
    for _ in range(matrix.shape[1] + 1):
        trial = _solve(matrix, target, inside)
        negative = inside & ~free & (trial <= 0)
        if not negative.any():
            return trial, inside
        fraction = solution[negative] / (solution[negative] - trial[negative] + np.finfo(float).tiny)
        solution = solution + float(np.min(fraction)) * (trial - solution)
        dropped = negative & (solution <= 1e-15 * np.max(np.abs(solution), initial=0.0))
        inside = inside & ~(dropped if dropped.any() else negative)
        solution = np.where(inside, solution, 0.0)
    return solution, inside
