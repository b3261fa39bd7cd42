"""Sequences against an independent propagation: full product space, matrix exponentials, explicit gradients."""

import itertools

import brute_force as brute
import numpy as np
import pytest

from neurochem.mrs.pulses import pulse
from neurochem.mrs.sequences import make_sequence, simulate_lines_of, slice_pulse
from neurochem.mrs.spins import find_molecules, reduced_systems

LARMOR_MHZ = 127.731
TIMES_S = np.arange(48) * 2.3e-3
MOLECULES = {"Lac": brute.LACTATE, "GABA": brute.GABA, "Asp": brute.ASPARTATE}


def dense(name):
    return brute.Molecule(*MOLECULES[name], larmor_mhz=LARMOR_MHZ)


def packaged(name, sequence, condition="", **options):
    """Signal at TIMES_S by the package."""
    made = make_sequence(sequence, options)
    systems = reduced_systems(find_molecules([name])[name], larmor_mhz=LARMOR_MHZ)
    lines = simulate_lines_of(systems, made.events(condition))
    return np.exp(2j * np.pi * np.outer(TIMES_S, lines.frequency_hz)) @ lines.amplitude


def in_field(molecule, shape, offset_hz, carrier_ppm):
    return molecule.shaped(
        shape.amplitude_hz, np.radians(shape.phase_deg), shape.duration_s, offset_hz=offset_hz, carrier_ppm=carrier_ppm
    )


def positions(shape, points, extent):
    """Offsets (Hz) at the middles of equal intervals over so many slice widths."""
    return shape.bandwidth_hz * extent * ((np.arange(points) + 0.5) / points - 0.5)


@pytest.mark.parametrize("name", ["Lac", "Asp"])
@pytest.mark.parametrize("mixing_time_s", [0.010, 0.0327])
def test_steam_equals_an_average_over_gradients(name, mixing_time_s):
    molecule = dense(name)
    expected = molecule.signal(brute.steam(molecule, 0.020, mixing_time_s), TIMES_S)
    found = packaged(name, "steam", echo_time_s=0.020, mixing_time_s=mixing_time_s)
    assert np.abs(found - expected).max() < 1e-8
    assert np.abs(expected).max() > 0.5


@pytest.mark.parametrize("name", ["Lac", "Asp"])
def test_semi_laser_with_ideal_pulses_equals_an_average_over_gradients(name):
    molecule = dense(name)
    echoes = (0.006, 0.005, 0.010, 0.007)
    delays = 0.5 * (np.array([0.0, *echoes]) + np.array([*echoes, 0.0]))
    rho = brute.echoes(molecule, [molecule.rotation(180.0)] * 4, delays)
    found = packaged(name, "semi-laser", echo_time_s=sum(echoes), echo_times_s=echoes)
    assert np.abs(found - molecule.signal(rho, TIMES_S)).max() < 1e-8


def test_semi_laser_with_adiabatic_pulses_in_space_equals_brute_force():
    molecule = dense("Asp")
    passage = pulse("hyperbolic_secant", duration_s=0.0035, bandwidth_hz=6000.0, points=160).scaled(1.2)
    offsets = positions(passage, 3, 1.2)
    turned = [in_field(molecule, passage, offset, 2.5) for offset in offsets]
    echoes = (0.008, 0.008, 0.008, 0.008)
    delays = np.array([4e-3, 8e-3, 8e-3, 8e-3, 4e-3]) - 3.5e-3 * np.array([0.5, 1.0, 1.0, 1.0, 0.5])
    expected = np.zeros(TIMES_S.size, dtype=complex)
    for first, second in itertools.product(turned, turned):
        rho = brute.echoes(molecule, [first, first, second, second], delays)
        expected += (1.2 / 3) ** 2 * molecule.signal(rho, TIMES_S)
    found = packaged(
        "Asp", "semi-laser", echo_time_s=sum(echoes), echo_times_s=echoes, refocusing=passage, points_x=3, points_y=3,
        extent=1.2, slice_ppm=2.5,
    )  # fmt: skip
    # measured 2e-9 for three protons
    assert np.abs(found - expected).max() < 1e-8


@pytest.fixture(scope="module")
def refocusing():
    # few slices, so that the exponentials of the check take seconds
    return pulse("sinc_gaussian", duration_s=0.005, lobes=2, points=40)


def two_dimensional(molecule, offsets, turned, weight, delays, edits=()):
    """Signal of every pair of positions, propagated each by itself, shape (n_x, n_y, n_times)."""
    out = np.empty((len(offsets), len(offsets), TIMES_S.size), dtype=complex)
    for x, y in itertools.product(range(len(offsets)), repeat=2):
        rho = brute.echoes(molecule, [turned[x], turned[y]], delays, edits=edits)
        out[x, y] = molecule.signal(rho, TIMES_S)
    return weight**2 * out


@pytest.mark.parametrize(("name", "points"), [("Lac", 9), ("GABA", 4)])
def test_press_by_projection_equals_two_dimensional_brute_force(name, points, refocusing):
    molecule = dense(name)
    offsets = positions(refocusing, points, 2.2)
    turned = [in_field(molecule, refocusing, offset, 2.7) for offset in offsets]
    delays = np.array([0.018, 0.036, 0.018]) * 2 - 5e-3 * np.array([0.5, 1.0, 0.5])
    expected = two_dimensional(molecule, offsets, turned, 2.2 / points, delays)
    found = packaged(
        name, "press", echo_time_s=0.144, refocusing=refocusing, points_x=points, points_y=points, extent=2.2,
        slice_ppm=2.7,
    )  # fmt: skip
    assert np.abs(found - expected.sum(axis=(0, 1))).max() < 1e-6
    if name == "Lac":
        # four compartments: the methyl group is inverted where both pulses turn its partner, upright where one does not
        methyl = np.mean(expected * np.exp(2j * np.pi * molecule.hertz(1.3142) * TIMES_S), axis=-1).real
        middle = points // 2
        assert methyl[middle, middle] < 0
        assert methyl[middle].max() > 0.2 * abs(methyl[middle, middle])


@pytest.mark.parametrize(("name", "points"), [("Lac", 3), ("GABA", 2)])
@pytest.mark.parametrize("condition", ["on", "off"])
def test_mega_press_with_shaped_pulses_equals_two_dimensional_brute_force(name, points, condition, refocusing):
    molecule = dense(name)
    editing = pulse("gaussian", duration_s=0.014, points=40)
    on_ppm = {"Lac": 4.1, "GABA": 1.9}[name]
    offsets = positions(refocusing, points, 2.2)
    turned = [in_field(molecule, refocusing, offset, 3.0) for offset in offsets]
    edit = in_field(molecule, editing, 0.0, on_ppm if condition == "on" else 7.5)
    # 90 at 0, 180 at 7 and 41, editing at 24 and 58 ms, echo at 68 ms
    delays = 1e-3 * np.array([7 - 2.5, 34 - 5 - 14, 27 - 2.5 - 14])
    edits = {1: [(1e-3 * (17 - 2.5 - 7), edit)], 2: [(1e-3 * (17 - 2.5 - 7), edit)]}.items()
    expected = two_dimensional(molecule, offsets, turned, 2.2 / points, delays, edits).sum(axis=(0, 1))
    found = packaged(
        name, "mega-press", condition, echo_time_s=0.068, te1_s=0.014, edit_times_s=(0.024, 0.058), edit_pulse=editing,
        edit_on_ppm=on_ppm, refocusing=refocusing, points_x=points, points_y=points, extent=2.2,
    )  # fmt: skip
    assert np.abs(found - expected).max() < 1e-6
    assert np.abs(expected).max() > 0.3


def test_slice_pulses_leave_an_ideal_slice_its_volume():
    hard = slice_pulse(pulse("sinc_gaussian", duration_s=0.005), points=61, extent=2.0)
    assert sum(hard.weights) == pytest.approx(2.0, abs=1e-12)
    assert max(hard.offsets_hz) == pytest.approx(-min(hard.offsets_hz), abs=1e-9)


def test_pulse_off_its_carrier_equals_a_turning_field():
    molecule = dense("Asp")
    shape = pulse("gaussian", duration_s=0.006, points=12)
    found = in_field(molecule, shape, 0.0, 2.1)
    # the same pulse in the common frame, where its phase turns; the error of the middle of each step falls with its square
    finer = 400
    step = shape.slice_s / finer
    carrier = molecule.hertz(2.1)
    unitary = np.eye(molecule.size, dtype=complex)
    for number, amplitude in enumerate(np.repeat(shape.amplitude_hz, finer)):
        angle = 2 * np.pi * carrier * ((number + 0.5) * step - 0.5 * shape.duration_s)
        field = amplitude * (np.cos(angle) * molecule.fx + np.sin(angle) * molecule.fy)
        h = molecule.h0 + 2 * np.pi * field
        unitary = brute.expm(-1j * step * h) @ unitary
    assert np.abs(found - unitary).max() < 2e-5
