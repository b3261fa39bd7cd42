"""Rotations of composite spins, and of products of spins, from those of a spin 1/2."""

from functools import lru_cache

import numpy as np

from neurochem.units import ComplexArray, FloatArray

# Spins are taken together until their product space has this many states.
_LARGEST_FACTOR = 16


@lru_cache(maxsize=32)
def _stretched(doubled: int) -> FloatArray:
    """Return the isometry from spin K to (spin K - 1/2) x (spin 1/2), K = doubled / 2, shape (2 doubled, doubled + 1).

    Clebsch-Gordan coefficients of the stretched state: sqrt((K + m) / 2K) and sqrt((K - m) / 2K).
    """
    matrix = np.zeros((2 * doubled, doubled + 1))
    for column in range(doubled + 1):
        lowered = column / doubled
        if column < doubled:
            matrix[2 * column, column] = np.sqrt(1.0 - lowered)
        if column > 0:
            matrix[2 * (column - 1) + 1, column] = np.sqrt(lowered)
    return matrix


def spin_rotations(spin: float, a: ComplexArray, b: ComplexArray) -> ComplexArray:
    """Return the matrices of a spin K for rotations given by Cayley-Klein parameters.

    Parameters
    ----------
    spin : float
        Quantum number K.
    a, b : complex array, shape (n,)
        Parameters of U = [[a, -b*], [b, a*]].

    Returns
    -------
    complex array, shape (n, 2 K + 1, 2 K + 1)
        In the basis of m descending.
    """
    half = np.empty((a.size, 2, 2), dtype=complex)
    half[:, 0, 0], half[:, 0, 1], half[:, 1, 0], half[:, 1, 1] = a, -b.conj(), b, a.conj()
    matrices = half
    for doubled in range(2, round(2 * spin) + 1):
        step = _stretched(doubled)
        matrices = step.T @ kron(matrices, half) @ step
    return matrices


def kron(first: ComplexArray, second: ComplexArray) -> ComplexArray:
    """Return the Kronecker product of each pair of matrices, shape (n, p q, p q) from (n, p, p) and (n, q, q)."""
    count, rows, other = len(first), first.shape[1], second.shape[1]
    return (first[:, :, None, :, None] * second[:, None, :, None, :]).reshape(count, rows * other, rows * other)


def factors(spins: tuple[float, ...]) -> list[tuple[int, ...]]:
    """Return neighbouring spins in groups whose product spaces are small: each group is turned by one matrix."""
    groups: list[tuple[int, ...]] = []
    states = 1
    for index, spin in enumerate(spins):
        size = round(2 * spin) + 1
        if groups and states * size <= _LARGEST_FACTOR:
            groups[-1] += (index,)
            states *= size
        else:
            groups.append((index,))
            states = size
    return groups
