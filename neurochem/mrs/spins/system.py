"""One spin system ready for propagation: Hamiltonian, operators and its eigenstates in blocks of one total m."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurochem.mrs.spins.operators import ProductSpace, product_space
from neurochem.units import ComplexArray, FloatArray


@dataclass(frozen=True, eq=False)
class SpinSystem:
    """Coupled spins in the rotating frame, after the reduction of equivalent protons.

    This is what a pulse sees: `propagators(system, offsets_hz)` of a pulse returns matrices in this product basis.

    Parameters
    ----------
    spins : tuple of float
        Quantum number of each (composite) spin.
    ppm : array, shape (n_spins,)
        Chemical shifts, for band-selective ideal pulses.
    offsets_hz : array, shape (n_spins,)
        Frequencies nu_k in the frame that rotates at `reference_ppm`; couplings to 31P and 14N in one state of those
        nuclei are included, so that they differ from (ppm - reference_ppm) x larmor_mhz.
    couplings_hz : array, shape (n_spins, n_spins)
        Symmetric, zero diagonal.
    weight : float
        Tr(rho F_+) times this is the part of the molecule's signal, one unit a proton.
    larmor_mhz, reference_ppm : float
        Frequency (MHz) and the shift at which the frame rotates.

    Notes
    -----
    H0 = sum 2 pi nu_k I_kz + sum_{j<k} 2 pi J_jk I_j . I_k in rad/s, real symmetric in the product basis and
    block-diagonal in the total m.
    """

    spins: tuple[float, ...]
    ppm: FloatArray
    offsets_hz: FloatArray
    couplings_hz: FloatArray
    weight: float
    larmor_mhz: float
    reference_ppm: float

    @property
    def space(self) -> ProductSpace:
        """The product space of the spins."""
        return product_space(self.spins)

    @property
    def dimension(self) -> int:
        """Number of states D."""
        return self.space.dimension

    @property
    def f_z(self) -> FloatArray:
        """F_z, shape (D, D), real diagonal."""
        return np.diag(self.space.total_m)

    @property
    def f_x(self) -> FloatArray:
        """F_x, shape (D, D), real symmetric."""
        return 0.5 * (self.space.raising + self.space.raising.T)

    @property
    def f_y(self) -> ComplexArray:
        """F_y, shape (D, D), imaginary antisymmetric."""
        matrix: ComplexArray = -0.5j * (self.space.raising - self.space.raising.T).astype(complex)
        return matrix

    @cached_property
    def hamiltonian(self) -> FloatArray:
        """H0 in rad/s, shape (D, D)."""
        space, count = self.space, len(self.spins)
        energy = self.offsets_hz @ space.m
        matrix = np.zeros((space.dimension, space.dimension))
        for first in range(count):
            for second in range(first + 1, count):
                coupling = self.couplings_hz[first, second]
                if coupling:
                    energy = energy + coupling * space.m[first] * space.m[second]
                    rows, columns, element = space.flip_flop(first, second)
                    matrix[rows, columns] += 0.5 * coupling * element
                    matrix[columns, rows] += 0.5 * coupling * element
        matrix[np.diag_indices(space.dimension)] += energy
        return 2.0 * np.pi * matrix

    @cached_property
    def eigen(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """Energies (rad/s) and eigenvectors of H0 in each block of `space.blocks`."""
        return tuple(_eigen(self.hamiltonian[np.ix_(block, block)]) for block in self.space.blocks)


def _eigen(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    energies, vectors = np.linalg.eigh(matrix)
    return energies, vectors
