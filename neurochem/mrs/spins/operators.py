"""Product space of a few spins: quantum numbers, blocks of one total m, and ladder operators.

States are the products |m_1 m_2 ...> with m descending for each spin and the last spin running fastest, the order of
numpy.kron.  Everything here depends on the spin quantum numbers alone, so a space is made once and kept.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neurochem.units import ComplexArray, FloatArray

IndexArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ProductSpace:
    """Product space of spins with the given quantum numbers.

    Parameters
    ----------
    spins : tuple of float
        Quantum numbers: 0.5 for a proton, 1.5 for a methyl group in its quartet.
    """

    spins: tuple[float, ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of states of each spin, 2 K + 1."""
        return tuple(round(2 * spin) + 1 for spin in self.spins)

    @cached_property
    def dimension(self) -> int:
        """Number of states."""
        return int(np.prod(self.shape, dtype=int))

    @cached_property
    def m(self) -> FloatArray:
        """Magnetic quantum number of each spin in each state, shape (n_spins, dimension)."""
        places = np.indices(self.shape).reshape(len(self.shape), -1)
        return np.array(self.spins)[:, None] - places

    @cached_property
    def total_m(self) -> FloatArray:
        """Eigenvalue of F_z of each state, shape (dimension,)."""
        return self.m.sum(axis=0)

    @cached_property
    def blocks(self) -> tuple[IndexArray, ...]:
        """Indices of the states of each total m, from the highest m to the lowest in steps of one."""
        order = np.argsort(-self.total_m, kind="stable")
        edges = np.flatnonzero(np.diff(self.total_m[order])) + 1
        return tuple(order[start:stop] for start, stop in pairwise([0, *edges, self.dimension]))

    @cached_property
    def order(self) -> IndexArray:
        """Coherence order m_a - m_b of each element of a density matrix, shape (dimension, dimension)."""
        return np.rint(self.total_m[:, None] - self.total_m[None, :]).astype(np.intp)

    def raised(self, spin: int) -> tuple[IndexArray, FloatArray]:
        """Return where I_+ of one spin takes each state and the matrix element, zero for the highest m."""
        quantum, m = self.spins[spin], self.m[spin]
        stride = int(np.prod(self.shape[spin + 1 :], dtype=int))
        element = np.sqrt(np.maximum(quantum * (quantum + 1) - m * (m + 1), 0.0))
        target = np.arange(self.dimension) - stride
        return np.where(element > 0, target, 0), element

    @cached_property
    def raising(self) -> FloatArray:
        """F_+ = F_x + i F_y, shape (dimension, dimension)."""
        matrix = np.zeros((self.dimension, self.dimension))
        states = np.arange(self.dimension)
        for spin in range(len(self.spins)):
            target, element = self.raised(spin)
            allowed = element > 0
            matrix[target[allowed], states[allowed]] += element[allowed]
        return matrix

    def flip_flop(self, first: int, second: int) -> tuple[IndexArray, IndexArray, FloatArray]:
        """Return rows, columns and elements of I_j+ I_k-; its transpose is I_j- I_k+."""
        up, up_element = self.raised(first)
        down_from, down_element = self.raised(second)
        # I_k- is the transpose of I_k+: state `down_from[s]` is lowered to `s`
        states = np.arange(self.dimension)
        possible = down_element > 0
        source, lowered = down_from[possible], states[possible]
        allowed = up_element[lowered] > 0
        element = down_element[possible][allowed] * up_element[lowered][allowed]
        return up[lowered][allowed], source[allowed], element


@lru_cache(maxsize=256)
def product_space(spins: tuple[float, ...]) -> ProductSpace:
    """Return the space of these spins, made once."""
    return ProductSpace(spins)


@lru_cache(maxsize=512)
def spin_rotation(spin: float, flip_rad: float, phase_rad: float) -> ComplexArray:
    """Return exp(-i flip (I_x cos phase + I_y sin phase)) of one spin, shape (2 K + 1, 2 K + 1)."""
    space = product_space((spin,))
    i_x = 0.5 * (space.raising + space.raising.T)
    energies, vectors = np.linalg.eigh(i_x)
    about_x = (vectors * np.exp(-1j * flip_rad * energies)) @ vectors.T
    turn = np.exp(-1j * phase_rad * space.total_m)
    rotation = turn[:, None] * about_x * turn.conj()[None, :]
    rotation.setflags(write=False)
    return rotation
