"""The reductions are exact, and blocks say what dense matrices say."""

import numpy as np
import pytest
from scipy.linalg import expm

from neurochem.errors import InputError
from neurochem.mrs.sequences import (
    RF,
    Delay,
    Filter,
    IdealPulse,
    SlicePulse,
    make_sequence,
    pulse_events,
    simulate_lines_of,
)
from neurochem.mrs.sequences.engine import apply_pulse, evolve, propagate
from neurochem.mrs.spins import Group, Hetero, Lines, Molecule, Part, reduced_systems, spin_systems
from neurochem.mrs.spins.lines import merged_lines

MHZ = 127.731
TIMES = {
    "press": {"echo_time_s": 0.035, "te1_s": 0.011},
    "steam": {"echo_time_s": 0.020, "mixing_time_s": 0.012},
    "mega-press": {"echo_time_s": 0.068},
}


def fids(name, sequence, **how):
    made = make_sequence(sequence, TIMES[sequence])
    systems = reduced_systems(spin_systems()[name], larmor_mhz=MHZ, **how)
    lines = simulate_lines_of(systems, made.events(made.conditions[0]))
    return lines.fid(dwell_s=1 / 2000, points=400), sum(system.dimension for system in systems)


@pytest.mark.parametrize("sequence", TIMES)
@pytest.mark.parametrize("name", ["Lac", "Ala", "EtOH", "Thr", "bHB", "sIns"])
def test_composite_spins_give_the_spectrum_of_single_protons(name, sequence):
    reduced, small = fids(name, sequence)
    full, large = fids(name, sequence, composite=False)
    assert small < large
    # both are exact; what differs is the order of rounding
    assert np.abs(reduced - full).max() < 1e-10 * spin_systems()[name].proton_count


def test_groups_without_coupling_are_propagated_apart():
    assert [system.dimension for system in reduced_systems(spin_systems()["NAA"], larmor_mhz=MHZ)] == [2, 8]
    assert len(reduced_systems(spin_systems()["NAA"], larmor_mhz=MHZ, exchangeable=True)) == 2
    assert reduced_systems(spin_systems()["NAA"], larmor_mhz=MHZ, exchangeable=True)[1].dimension == 16


@pytest.fixture(scope="module")
def gaba():
    return reduced_systems(spin_systems()["GABA"], larmor_mhz=MHZ)[0]


@pytest.fixture
def state(gaba, rng):
    shape = (1, gaba.dimension, gaba.dimension)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def test_blocks_evolve_as_the_dense_exponential(gaba, state):
    unitary = expm(-1j * gaba.hamiltonian * 0.0173)
    orders = range(-6, 7)
    np.testing.assert_allclose(
        evolve(gaba, state, 0.0173, orders)[0], unitary @ state[0] @ unitary.conj().T, atol=1e-10
    )


def test_only_the_orders_asked_for_are_kept(gaba, state):
    whole = evolve(gaba, state, 0.01, range(-6, 7))
    some = evolve(gaba, state, 0.01, [1])
    np.testing.assert_allclose(some, np.where(gaba.space.order == 1, whole, 0.0), atol=1e-12)


@pytest.mark.parametrize("pulse", [IdealPulse(90.0), IdealPulse(37.0), IdealPulse(180.0, ((1.7, 2.1), (2.9, 3.1)))])
def test_small_rotations_act_as_the_large_propagator(gaba, state, pulse):
    unitary = pulse.propagators(gaba, np.zeros(1))[0]
    turn = np.exp(-1j * np.radians(40.0) * gaba.space.total_m)
    unitary = turn[:, None] * unitary * turn.conj()
    np.testing.assert_allclose(
        apply_pulse(gaba, state, RF(pulse, 40.0))[0], unitary @ state[0] @ unitary.conj().T, atol=1e-10
    )


def test_the_dense_path_of_shaped_pulses_acts_as_the_ideal_one(gaba, state):
    class Dense:
        duration_s = 0.0
        propagators = staticmethod(IdealPulse(180.0).propagators)

        def fingerprint(self):
            return "dense"

    for phase in (0.0, 90.0, 213.0):
        np.testing.assert_allclose(
            apply_pulse(gaba, state, RF(Dense(), phase, (0.0, 50.0), 3.0)),
            np.repeat(apply_pulse(gaba, state, RF(IdealPulse(180.0), phase)), 2, axis=0),
            atol=1e-10,
        )


def test_operators_obey_the_algebra_of_angular_momentum():
    for system in reduced_systems(spin_systems()["EtOH"], larmor_mhz=MHZ):
        x, y, z = system.f_x, system.f_y, system.f_z
        np.testing.assert_allclose(x @ y - y @ x, 1j * z, atol=1e-12)
        np.testing.assert_allclose(y @ z - z @ y, 1j * x, atol=1e-12)
        np.testing.assert_allclose(system.hamiltonian @ z, z @ system.hamiltonian, atol=1e-9)


def test_hetero_couplings_split_lines_and_are_refocused_by_a_proton_echo():
    part = Part("", [Group("x", 3.9)], np.zeros((1, 1)), hetero=[Hetero("31P", (7.0,)), Hetero("14N", (2.0,))])
    systems = reduced_systems(Molecule("own", [part]), larmor_mhz=MHZ)
    echo = (RF(IdealPulse(90.0), 90.0), Filter(1), Delay(0.07), RF(IdealPulse(180.0)), Filter(-1), Delay(0.07))
    lines = simulate_lines_of(systems, echo)
    # a doublet of triplets of equal lines, all in phase at the top of the echo
    centre = (4.65 - 3.9) * MHZ
    np.testing.assert_allclose(lines.frequency_hz - centre, [-5.5, -3.5, -1.5, 1.5, 3.5, 5.5], atol=1e-10)
    np.testing.assert_allclose(lines.amplitude, np.full(6, 1 / 6), atol=1e-12)


def test_equal_lines_are_merged_and_the_rest_is_bounded(rng):
    frequency = np.repeat(rng.uniform(-500, 500, 200), 3)
    amplitude = rng.standard_normal(600) * 10.0 ** rng.uniform(-14, 0, 600)
    kept, values = merged_lines(frequency, amplitude.astype(complex))
    assert kept.size <= 200
    before = Lines(frequency, amplitude, larmor_mhz=MHZ).fid(dwell_s=1e-3, points=100)
    after = Lines(kept, values, larmor_mhz=MHZ).fid(dwell_s=1e-3, points=100)
    assert np.abs(before - after).max() < 2e-10 * np.abs(amplitude).sum()


@pytest.mark.parametrize("points", [1, 2, 7, 64, 1000])
def test_the_factored_exponentials_give_the_sum_of_lines(points, rng):
    frequency, amplitude = rng.uniform(-900, 900, 5), rng.standard_normal(5) + 1j * rng.standard_normal(5)
    time = np.arange(points) / 2000
    expected = np.exp(2j * np.pi * np.outer(time, frequency)) @ amplitude * np.exp(-np.pi * 3.0 * time)
    fid = Lines(frequency, amplitude, larmor_mhz=MHZ).fid(dwell_s=1 / 2000, points=points, linewidth_hz=3.0)
    np.testing.assert_allclose(fid, expected, atol=1e-11)


def test_positions_are_averaged_with_their_weights():
    system = reduced_systems(spin_systems()["Cr"], larmor_mhz=MHZ)[0]
    events = pulse_events(SlicePulse(IdealPulse(90.0), (0.0, 10.0), (0.25, 0.5)), -1, phase_deg=90.0)
    # an ideal pulse acts alike everywhere, so that the weights alone count
    rho = propagate(system, events)
    expected = 0.75 * propagate(system, (RF(IdealPulse(90.0), 90.0), Filter(-1)))
    np.testing.assert_allclose(rho, expected, atol=1e-14)


def test_a_system_that_no_memory_holds_is_refused():
    groups = [Group(f"{index}", 1.0 + 0.1 * index) for index in range(12)]
    chain = np.diag(np.full(11, 7.0), 1)
    with pytest.raises(InputError, match=r"molecule chain.*4096 states"):
        reduced_systems(Molecule("chain", [Part("", groups, chain + chain.T)]), larmor_mhz=MHZ)
