"""Propagators of a shaped pulse on coupled spins, at many positions at once.

H(t) = A(t) + B with A = 2 pi sum_k (nu_k + offset) I_kz + w1(t) F_phase, for which every spin turns by itself, and the
couplings B = 2 pi sum J_jk I_j . I_k.  Couplings commute with F_x, F_y and F_z: all that does not commute is the
difference of shifts against couplings, a few hundred hertz against ten, however strong the field and far the position.
So the exact rotations of A are interleaved with kicks exp(-i h B) on an equidistant grid:

- what the kicks lack in first order of B is the error of the trapezoidal rule, which by Euler and Maclaurin sits at the
  two ends of the pulse alone; Gregory's end weights remove it (order 8);
- the error of second order in B is h^2/24 [B, [Z, B]] with Z the shifts, an operator that the field cannot change
  either; it is put into the kick (Takahashi and Imada 1984, J Phys Soc Jpn 53:3765).

What is left is of order h^4 B^2; the step keeps every element of the propagators below 1e-8 of the exponentials of the
whole Hamiltonian slice by slice (measured from 3 to 7 T for the couplings of metabolites).
"""

import math
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from scipy.linalg import expm
from scipy.special import bernoulli

from neurochem.mrs.pulses.bloch import after, slice_rotations
from neurochem.mrs.pulses.composite import factors, kron, spin_rotations
from neurochem.mrs.spins.system import SpinSystem
from neurochem.units import ComplexArray, FloatArray

# Between two kicks, largest angle (rad) of any spin, and of coupled spins against each other; end weights need room.
_LARGEST_TURN = 0.3
_LARGEST_DIFFERENCE = 0.06
_END_POINTS = 8
_LEAST_STEPS = 48


# The two refocusing pulses of PRESS, and those of ON and OFF, are often the same: what was computed last is kept as long
# as the spin system lives.
_KEPT = 3
_RECENT: WeakKeyDictionary[SpinSystem, dict[tuple[str, bytes], ComplexArray]] = WeakKeyDictionary()


class Field(NamedTuple):
    """Slices of a waveform: nutation (Hz) and phase (rad), shape (n_slices,), and the duration of one (s)."""

    amplitude_hz: FloatArray
    phase_rad: FloatArray
    slice_s: float


def kept_propagators(system: SpinSystem, field: Field, offsets_hz: FloatArray, content_hash: str) -> ComplexArray:
    """Return `coupled_propagators`, read-only, from the last few of this system where they are among them."""
    recent = _RECENT.setdefault(system, {})
    key = content_hash, offsets_hz.tobytes()
    found = recent.pop(key, None)
    if found is None:
        found = coupled_propagators(system, field, offsets_hz)
        found.setflags(write=False)
        while len(recent) >= _KEPT:
            recent.pop(next(iter(recent)))
    recent[key] = found
    return found


def coupled_propagators(system: SpinSystem, field: Field, offsets_hz: FloatArray) -> ComplexArray:
    """Return the propagators of a waveform, shape (n_offsets, D, D).

    Parameters
    ----------
    system : SpinSystem
        Coupled spins.
    field : Field
        Waveform.
    offsets_hz : array, shape (n_offsets,)
        Frequencies added to every spin while the pulse is on.

    Notes
    -----
    A waveform of constant phase that is its own mirror image has a symmetric propagator, U = V^T V with V that of its
    first half: half the work.
    """
    frequencies = np.add.outer(np.asarray(offsets_hz, dtype=float), system.offsets_hz)
    if not system.couplings_hz.any():
        return _turned(system, _rotations_over(field, frequencies))
    constant = bool(np.all(field.phase_rad == field.phase_rad[0]))
    axis = float(field.phase_rad[0]) if constant else 0.0
    straight = Field(field.amplitude_hz, field.phase_rad - axis, field.slice_s)
    fine = _refined(straight, frequencies, _largest_difference_hz(system))
    count = fine.amplitude_hz.size
    mirrored = constant and count % 2 == 0 and np.array_equal(field.amplitude_hz, field.amplitude_hz[::-1])
    kicks = _Kicks(system, fine.slice_s, count)
    if mirrored:
        half = _propagated(system, fine, frequencies, kicks, count // 2)
        unitary = half.swapaxes(-1, -2) @ half
    else:
        unitary = _propagated(system, fine, frequencies, kicks, count)
    turn = np.exp(-1j * axis * system.space.total_m)
    return turn[:, None] * unitary * turn.conj()


def _rotations_over(field: Field, frequencies_hz: FloatArray) -> tuple[ComplexArray, ComplexArray]:
    """Return (a, b) of the whole waveform for each spin at each position."""
    total = np.ones(frequencies_hz.shape, dtype=complex), np.zeros(frequencies_hz.shape, dtype=complex)
    for amplitude, phase in zip(field.amplitude_hz, field.phase_rad, strict=True):
        total = after(slice_rotations(amplitude, phase, frequencies_hz, field.slice_s), total)
    return total


def _largest_difference_hz(system: SpinSystem) -> float:
    """Return the largest difference of frequency (Hz) between two spins that are coupled."""
    differences = np.abs(np.subtract.outer(system.offsets_hz, system.offsets_hz))
    return float(differences[system.couplings_hz != 0.0].max(initial=0.0))


def _refined(field: Field, frequencies_hz: FloatArray, difference_hz: float) -> Field:
    """Return the same waveform in slices short enough for one kick each, an even number of them."""
    fastest = math.hypot(float(np.abs(field.amplitude_hz).max()), float(np.abs(frequencies_hz).max()))
    rate = 2.0 * np.pi * max(fastest / _LARGEST_TURN, difference_hz / _LARGEST_DIFFERENCE)
    parts = max(math.ceil(rate * field.slice_s), math.ceil(_LEAST_STEPS / field.amplitude_hz.size), 1)
    parts += (parts * field.amplitude_hz.size) % 2
    return Field(np.repeat(field.amplitude_hz, parts), np.repeat(field.phase_rad, parts), field.slice_s / parts)


def _propagated(
    system: SpinSystem, field: Field, frequencies_hz: FloatArray, kicks: "_Kicks", steps: int
) -> ComplexArray:
    """Return the propagator of the first `steps` steps; the kick in the middle of the pulse is halved if it ends there."""
    count, dimension = len(frequencies_hz), system.dimension
    unitary = np.broadcast_to(np.eye(dimension, dtype=complex), (count, dimension, dimension)).copy()
    unitary = kicks.applied(0, unitary)
    for step in range(steps):
        turn = slice_rotations(field.amplitude_hz[step], field.phase_rad[step], frequencies_hz, field.slice_s)
        unitary = _turned(system, turn, unitary)
        unitary = kicks.applied(step + 1, unitary, halved=step + 1 == steps < kicks.steps)
    return unitary


def _turned(
    system: SpinSystem, turn: tuple[ComplexArray, ComplexArray], unitary: ComplexArray | None = None
) -> ComplexArray:
    """Return the product of single-spin rotations at each position, times `unitary` where given."""
    a, b = turn
    dimension, behind = system.dimension, system.dimension
    matrices = []
    for group in factors(system.spins):
        matrix = np.ones((len(a), 1, 1), dtype=complex)
        for spin in group:
            matrix = kron(matrix, spin_rotations(system.spins[spin], a[:, spin], b[:, spin]))
        matrices.append(matrix)
    if unitary is None:
        product = matrices[0]
        for matrix in matrices[1:]:
            product = kron(product, matrix)
        return product
    for matrix in matrices:
        size = matrix.shape[1]
        behind //= size
        rows = unitary.reshape(len(a), -1, size, behind * dimension)
        unitary = np.matmul(matrix[:, None], rows)
    return unitary.reshape(len(a), dimension, dimension)


class _Kicks:
    """Exponentials of the couplings for every weight of the grid, in blocks of one total m."""

    def __init__(self, system: SpinSystem, step_s: float, steps: int) -> None:
        self.steps = steps
        self._step_s = step_s
        self._blocks = system.space.blocks
        shifts = np.zeros((system.dimension, system.dimension))
        shifts[np.diag_indices(system.dimension)] = 2.0 * np.pi * (system.offsets_hz @ system.space.m)
        couplings = system.hamiltonian - shifts
        inner = shifts @ couplings - couplings @ shifts
        correction = couplings @ inner - inner @ couplings
        self._couplings = [couplings[np.ix_(block, block)] for block in self._blocks]
        self._corrections = [correction[np.ix_(block, block)] for block in self._blocks]
        self._made: dict[tuple[float, float], list[ComplexArray]] = {}
        self._weights = _grid_weights(steps)
        self._second = self._weights / 24.0
        self._second[[0, -1]] += _end_moment()

    def applied(self, place: int, unitary: ComplexArray, *, halved: bool = False) -> ComplexArray:
        """Return the kick at a point of the grid times the unitary matrices (which are overwritten)."""
        share = 0.5 if halved else 1.0
        matrices = self._of(share * float(self._weights[place]), share * float(self._second[place]))
        for block, matrix in zip(self._blocks, matrices, strict=True):
            # a state alone in its block gets a phase
            unitary[:, block] = matrix * unitary[:, block] if block.size == 1 else matrix @ unitary[:, block]
        return unitary

    def _of(self, first: float, second: float) -> list[ComplexArray]:
        if (first, second) not in self._made:
            step = self._step_s
            self._made[first, second] = [
                np.asarray(expm(-1j * (first * step * coupling - second * step**3 * correction)))
                for coupling, correction in zip(self._couplings, self._corrections, strict=True)
            ]
        return self._made[first, second]


def _grid_weights(steps: int) -> FloatArray:
    """Return Gregory's weights of the points 0 ... steps, in units of the step."""
    weights = np.ones(steps + 1)
    ends = _end_corrections(_END_POINTS)
    weights[: ends.size] += ends
    weights[-ends.size :] += ends[::-1]
    return weights


@lru_cache(maxsize=1)
def _end_moment() -> float:
    """Return what each end adds to the error of second order, in units of step^3 [B, [Z, B]].

    For B(t) = B0 + t B1 the exponent of the exact propagator holds -T^3 / 12 [B0, B1], that of the kicks the sum below;
    what they differ by is 1/24 for every step and this for each end.
    """
    steps = 4 * _END_POINTS
    weights = _grid_weights(steps)
    places = np.arange(steps + 1.0)
    distance = np.tril(places[:, None] - places[None, :])
    total = 0.5 * float(weights @ distance @ weights) - steps**3 / 12.0
    return -0.5 * (total + steps / 24.0)


@lru_cache(maxsize=4)
def _end_corrections(count: int) -> FloatArray:
    """Return what is added to unit weights at one end so that polynomials up to degree count - 1 are integrated.

    The sum of j^k over all j from 0 on, regularised, is zeta(-k) = -B_(k+1) / (k + 1), and 1/2 for k = 0 (j = 0
    counted); the corrections c_j have to cancel it.
    """
    numbers = bernoulli(count)
    wanted = np.array([-0.5] + [numbers[power + 1] / (power + 1) for power in range(1, count)])
    powers = np.vander(np.arange(count, dtype=float), count, increasing=True).T
    return np.linalg.solve(powers, wanted)
