"""Density matrices the slow way: full product space, matrix exponentials, gradients averaged one by one.

Nothing here comes from the package.  Spins are single protons, Hamiltonians dense, pulses a product of
scipy.linalg.expm over slices, and what crushers do is an average over the angles by which they turn the spins.
"""

from functools import reduce

import numpy as np
from scipy.linalg import expm

# Shifts (ppm), one a proton, and couplings (Hz) by pair of protons.
# Lactate: Govindaraju 2000, NMR Biomed 13:129.  GABA: Near 2013, Magn Reson Med 70:1183.
LACTATE = (
    [4.0974, 1.3142, 1.3142, 1.3142],
    {(0, 1): 6.933, (0, 2): 6.933, (0, 3): 6.933},
)
_A, _B, _C, _D, _E, _F = range(6)
GABA = (
    [2.284, 2.284, 1.888, 1.888, 3.013, 3.013],
    {
        (_A, _B): -15.938, (_C, _D): -15.0, (_E, _F): -14.062,
        (_A, _C): 7.678, (_B, _D): 7.678, (_A, _D): 6.98, (_B, _C): 6.98,
        (_C, _E): 8.51, (_D, _F): 8.51, (_C, _F): 6.503, (_D, _E): 6.503,
    },
)  # fmt: skip
# Three strongly coupled protons for what is checked to the last digit; aspartate of Govindaraju 2000.
ASPARTATE = ([3.8914, 2.8011, 2.6533], {(0, 1): 3.647, (0, 2): 9.107, (1, 2): -17.426})
_SIGMA = {"x": np.array([[0, 1], [1, 0]]) / 2, "y": np.array([[0, -1j], [1j, 0]]) / 2, "z": np.diag([0.5, -0.5])}


class Molecule:
    """Protons in a frame that rotates at `reference_ppm`."""

    def __init__(self, ppm, couplings_hz, *, larmor_mhz, reference_ppm=4.65):
        self.count = len(ppm)
        self.size = 2**self.count
        self.larmor_mhz, self.reference_ppm = larmor_mhz, reference_ppm
        single = {
            axis: [
                reduce(np.kron, [matrix if j == k else np.eye(2) for j in range(self.count)]) for k in range(self.count)
            ]
            for axis, matrix in _SIGMA.items()
        }
        self.fx, self.fy, self.fz = (sum(single[axis]) for axis in "xyz")
        self.h0 = 2 * np.pi * sum((p - reference_ppm) * larmor_mhz * single["z"][k] for k, p in enumerate(ppm))
        for (j, k), value in couplings_hz.items():
            self.h0 = self.h0 + 2 * np.pi * value * sum(single[axis][j] @ single[axis][k] for axis in "xyz")
        self.h0 = self.h0.astype(complex)
        self.m = np.diag(self.fz).real
        self.protons = single

    def hertz(self, ppm):
        return (ppm - self.reference_ppm) * self.larmor_mhz

    def rotation(self, flip_deg, phase_deg=0.0, protons=None):
        chosen = range(self.count) if protons is None else protons
        axis = np.radians(phase_deg)
        generator = sum(
            np.cos(axis) * self.protons["x"][k] + np.sin(axis) * self.protons["y"][k] for k in chosen
        ) if len(list(chosen)) else np.zeros((self.size, self.size))  # fmt: skip
        return expm(-1j * np.radians(flip_deg) * generator)

    def shaped(self, amplitude_hz, phase_rad, duration_s, *, offset_hz=0.0, carrier_ppm=None, phase_deg=0.0):
        """Propagator in the common frame of a pulse in a field offset, phase counted at its middle."""
        carrier = 0.0 if carrier_ppm is None else self.hertz(carrier_ppm)
        step = duration_s / len(amplitude_hz)
        unitary = np.eye(self.size, dtype=complex)
        for amplitude, phase in zip(amplitude_hz, phase_rad, strict=True):
            angle = phase + np.radians(phase_deg)
            field = amplitude * (np.cos(angle) * self.fx + np.sin(angle) * self.fy)
            h = self.h0 + 2 * np.pi * ((offset_hz - carrier) * self.fz + field)
            unitary = expm(-1j * h * step) @ unitary
        back = np.diag(np.exp(-1j * np.pi * carrier * duration_s * self.m))
        return back @ unitary @ back

    def delay(self, duration_s):
        return expm(-1j * self.h0 * duration_s)

    def gradient(self, angle):
        return np.exp(-1j * angle * self.m)

    def signal(self, rho, times_s):
        """Tr(rho F+), conjugated so that higher shifts have negative frequency, one unit a proton."""
        energies, vectors = np.linalg.eigh(self.h0)
        inner = vectors.conj().T @ rho @ vectors
        seen = (vectors.conj().T @ (self.fx + 1j * self.fy) @ vectors).T
        phases = np.exp(-1j * np.outer(times_s, energies))
        values = np.einsum("ta,ab,tb->t", phases, inner * seen, phases.conj())
        return values.conj() / 2 ** (self.count - 2)


def between(unitary, rho):
    return unitary @ rho @ unitary.conj().T


def crushed(molecule, unitary, rho, *, after=1):
    """Average over gradients of equal area on both sides of a pulse; `after=-1` turns the second one round.

    Angles 2 pi k / n leave exactly the pairs of coherence orders whose sum (difference) vanishes, as n exceeds all sums.
    """
    count = 2 * molecule.count + 1
    total = np.zeros_like(rho, dtype=complex)
    for number in range(count):
        angle = 2 * np.pi * number / count
        whole = molecule.gradient(after * angle)[:, None] * unitary * molecule.gradient(angle)[None, :]
        total += between(whole, rho)
    return total / count


def spoiled(molecule, rho):
    """Average over one gradient: order zero is left."""
    count = 2 * molecule.count + 1
    angles = [molecule.gradient(2 * np.pi * number / count) for number in range(count)]
    return sum(turn[:, None] * rho * turn.conj()[None, :] for turn in angles) / count


def echoes(molecule, pulses, delays_s, *, edits=()):
    """90 about y, then pulses with crushers between delays; `edits` maps a delay to [(time into it, propagator), ...]."""
    chosen = dict(edits)
    rho = between(molecule.rotation(90.0, 90.0), molecule.fz.astype(complex))
    for number, delay in enumerate(delays_s):
        passed = 0.0
        for time, unitary in chosen.get(number, ()):
            rho = between(molecule.delay(time - passed), rho)
            rho = crushed(molecule, unitary, rho, after=-1)
            passed = time
        rho = between(molecule.delay(delay - passed), rho)
        if number < len(pulses):
            rho = crushed(molecule, pulses[number], rho)
    return rho


def steam(molecule, echo_time_s, mixing_time_s):
    """90y - TE/2 - 90(-y) - TM - 90y - TE/2 with equal gradients in both halves of TE and a spoiler in TM."""
    count = 2 * molecule.count + 1
    half, wait = molecule.delay(echo_time_s / 2), molecule.delay(mixing_time_s)
    ninety, back = molecule.rotation(90.0, 90.0), molecule.rotation(90.0, -90.0)
    total = np.zeros((molecule.size, molecule.size), dtype=complex)
    for number in range(count):
        turn = np.diag(molecule.gradient(2 * np.pi * number / count))
        rho = between(turn @ half @ ninety, molecule.fz.astype(complex))
        rho = spoiled(molecule, between(back, rho))
        rho = spoiled(molecule, between(wait, rho))
        total += between(half @ turn @ ninety, rho)
    return total / count
