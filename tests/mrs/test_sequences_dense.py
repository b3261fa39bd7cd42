"""Every sequence against a propagation that shares nothing with the package but the numbers of the molecule.

Single protons in the full product space, matrix exponentials, and coherence orders picked by Fourier analysis of what a
rotation about z does to the density matrix.
"""

from functools import reduce

import numpy as np
import pytest
from scipy.linalg import expm

from neurochem.mrs.simulate_basis import simulate_basis

MHZ, DWELL_S, POINTS = 127.731, 1 / 2500, 160
SIGMA = {"x": np.array([[0, 1], [1, 0]]) / 2, "y": np.array([[0, -1j], [1j, 0]]) / 2, "z": np.diag([0.5, -0.5])}
# shifts (ppm) and couplings (Hz): a first-order system, one strongly coupled at 3 T, and two made up
MOLECULES = {
    "Lac": ([4.0974, 1.3142, 1.3142, 1.3142], {(0, 1): 6.933, (0, 2): 6.933, (0, 3): 6.933}),
    "Asp": ([3.8914, 2.8011, 2.6533], {(0, 1): 3.647, (0, 2): 9.107, (1, 2): -17.426}),
    "AB": ([3.10, 3.02], {(0, 1): 12.0}),
    "AA'X": ([3.0, 3.0, 1.9], {(0, 1): -14.0, (0, 2): 8.5, (1, 2): 6.5}),
    # 31P with spin 1/2 and 14N with spin 1, which no pulse touches
    "ABPN": ([3.10, 3.02], {(0, 1): 12.0}, [((0.5, -0.5), (7.0, 1.5)), ((1.0, 0.0, -1.0), (0.0, 2.5))]),
}
OWN = """
[AB]
groups = [{ name = "a", ppm = 3.10 }, { name = "b", ppm = 3.02 }]
couplings = [["a", "b", 12.0]]

["AA'X"]
groups = [{ name = "a", ppm = 3.0 }, { name = "a'", ppm = 3.0 }, { name = "x", ppm = 1.9 }]
couplings = [["a", "a'", -14.0], ["a", "x", 8.5], ["a'", "x", 6.5]]

[ABPN]
groups = [{ name = "a", ppm = 3.10 }, { name = "b", ppm = 3.02 }]
couplings = [["a", "b", 12.0]]
hetero = [{ nucleus = "31P", couplings = { a = 7.0, b = 1.5 } }, { nucleus = "14N", couplings = { b = 2.5 } }]
"""


class Dense:
    """A density matrix that is propagated step by step."""

    def __init__(self, ppm, couplings, hetero=()):
        count = len(ppm)
        self.ppm, self.count = ppm, count
        sizes = [2] * count + [len(states) for states, _ in hetero]
        self.others = int(np.prod(sizes[count:]))

        def at(place, matrix):
            return reduce(np.kron, [matrix if j == place else np.eye(size) for j, size in enumerate(sizes)])

        self.i = {axis: [at(k, m) for k in range(count)] for axis, m in SIGMA.items()}
        self.f = {axis: sum(members) for axis, members in self.i.items()}
        self.h = 2 * np.pi * sum((shift - 4.65) * MHZ * self.i["z"][k] for k, shift in enumerate(ppm))
        for (j, k), coupling in couplings.items():
            self.h = self.h + 2 * np.pi * coupling * sum(self.i[axis][j] @ self.i[axis][k] for axis in "xyz")
        for place, (states, values) in enumerate(hetero, start=count):
            for k, coupling in enumerate(values):
                self.h = self.h + 2 * np.pi * coupling * self.i["z"][k] @ at(place, np.diag(states))
        self.rho = self.f["z"].astype(complex)

    def turn(self, degrees, axis, band=(-9, 99)):
        inside = [k for k, shift in enumerate(self.ppm) if band[0] <= shift <= band[1]]
        total = sum((self.i[axis][k] for k in inside), np.zeros_like(self.h))
        return self._by(expm(-1j * np.radians(degrees) * total))

    def wait(self, seconds):
        return self._by(expm(-1j * seconds * self.h))

    def pick(self, order):
        # rho(phi) = sum_p rho_p exp(-i p phi) under a rotation about z; angles enough for every order
        count = 4 * self.count + 1
        picked = np.zeros_like(self.rho)
        for number in range(count):
            phi = 2 * np.pi * number / count
            rotation = expm(-1j * phi * self.f["z"])
            picked += np.exp(1j * order * phi) * (rotation @ self.rho @ rotation.conj().T) / count
        self.rho = picked
        return self

    def fid(self):
        step = expm(-1j * DWELL_S * self.h)
        plus, out = self.f["x"] + 1j * self.f["y"], []
        for _ in range(POINTS):
            out.append(np.trace(self.rho @ plus))
            self._by(step)
        return np.conj(out) / 2 ** (self.count - 2) / self.others

    def _by(self, unitary):
        self.rho = unitary @ self.rho @ unitary.conj().T
        return self

    def echo_train(self, delays, edits=()):
        order = (-1) ** len(delays)
        self.turn(90, "y").pick(order)
        for number, delay in enumerate(delays):
            passed = 0.0
            for place, time, band in edits:
                if place == number:
                    self.wait(time - passed).turn(180, "x", band).pick(order)
                    passed = time
            self.wait(delay - passed)
            if number < len(delays) - 1:
                order = -order
                self.turn(180, "x").pick(order)
        return self


def press(spins):
    return spins.echo_train([0.006, 0.0175, 0.0115])


def spin_echo(spins):
    return spins.echo_train([0.02, 0.02])


def steam(spins):
    spins.turn(90, "y").pick(1).wait(0.01).turn(-90, "y").pick(0).wait(0.0137)
    return spins.turn(90, "y").pick(-1).wait(0.01)


def semi_laser(spins):
    return spins.echo_train([0.003, 0.0055, 0.0075, 0.0095, 0.0045])


def laser(spins):
    return spins.echo_train([0.003, *[0.006] * 5, 0.003])


def mega(band):
    # te1 12 ms, editing pulses 18 and 52 ms after excitation: refocusing at 6 and 40 ms, echo at 68 ms
    return lambda spins: spins.echo_train([0.006, 0.034, 0.028], [(1, 0.012, band), (2, 0.012, band)])


CASES = {
    "press": (press, {"echo_time_s": 0.035, "te1_s": 0.012}, None),
    "spin-echo": (spin_echo, {"echo_time_s": 0.04}, None),
    "steam": (steam, {"echo_time_s": 0.02, "mixing_time_s": 0.0137}, None),
    "semi-laser": (semi_laser, {"echo_time_s": 0.03, "echo_times_s": (0.006, 0.005, 0.010, 0.009)}, None),
    "laser": (laser, {"echo_time_s": 0.036}, None),
    "mega-press": (mega((1.7, 2.1)), {"echo_time_s": 0.068, "te1_s": 0.012}, "on"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("molecule", MOLECULES)
def test_a_sequence_equals_dense_propagation(tmp_path, case, molecule):
    dense, options, condition = CASES[case]
    own = tmp_path / "own.toml"
    own.write_text(OWN)
    basis = simulate_basis(
        case,
        larmor_mhz=MHZ,
        dwell_s=DWELL_S,
        points=POINTS,
        metabolites=[molecule],
        systems=own,
        cache=False,
        **options,
    )
    basis = basis if condition is None else basis[condition]
    expected = dense(Dense(*MOLECULES[molecule])).fid()
    # four hundred points of rounding in the dense path
    assert np.abs(basis[molecule] - expected).max() < 1e-8
