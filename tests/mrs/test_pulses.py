"""Waveforms: what they do to single spins, and their propagators on coupled ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.linalg import expm

from neurochem.errors import InputError, UnknownNameError
from neurochem.mrs.pulses import ShapedPulse, dual_band, pulse, pulse_shapes
from neurochem.mrs.spins import find_molecules, reduced_systems


def by_exponentials(system, shape, offset_hz):
    """Propagator of every slice as the exponential of the whole Hamiltonian."""
    unitary = np.eye(system.dimension, dtype=complex)
    for amplitude, phase in zip(shape.amplitude_hz, shape.phase_rad, strict=True):
        field = amplitude * (np.cos(phase) * system.f_x + np.sin(phase) * system.f_y)
        h = system.hamiltonian + 2 * np.pi * (offset_hz * system.f_z + field)
        unitary = expm(-1j * shape.slice_s * h) @ unitary
    return unitary


def largest_system(name, larmor_mhz=127.731):
    return max(reduced_systems(find_molecules([name])[name], larmor_mhz=larmor_mhz), key=lambda s: s.dimension)


PULSES = {
    "gaussian": pulse("gaussian", duration_s=0.014, points=100),
    "sinc": pulse("sinc_gaussian", duration_s=0.005, points=90),
    "odd": pulse("sinc_gaussian", duration_s=0.004, flip_deg=90.0, points=75),
    "secant": pulse("hyperbolic_secant", duration_s=0.004, bandwidth_hz=4000.0, points=128),
    "turned": pulse("gaussian", duration_s=0.006, points=60).with_phase(37.0),
    "lopsided": ShapedPulse(np.linspace(0.0, 700.0, 40), np.zeros(40), duration_s=0.004),
    "hard": pulse("rectangular", duration_s=0.001, flip_deg=90.0),
}


@pytest.mark.parametrize("kind", PULSES)
@pytest.mark.parametrize(("name", "larmor_mhz"), [("Lac", 127.731), ("Asp", 127.731), ("Lac", 297.2), ("Tau", 297.2)])
def test_propagators_equal_exponentials_of_every_slice(kind, name, larmor_mhz):
    system = largest_system(name, larmor_mhz)
    offsets = np.array([0.0, 420.0, -1900.0])
    found = PULSES[kind].propagators(system, offsets)
    for matrix, offset in zip(found, offsets, strict=True):
        # what the splitting promises; measured at most 6e-10
        assert np.abs(matrix - by_exponentials(system, PULSES[kind], offset)).max() < 1e-8


def test_propagators_of_six_spins_equal_exponentials():
    system, shape = largest_system("GABA"), pulse("sinc_gaussian", duration_s=0.005, points=24)
    found = shape.propagators(system, np.array([-650.0]))[0]
    assert np.abs(found - by_exponentials(system, shape, -650.0)).max() < 1e-8
    assert_allclose(found.conj().T @ found, np.eye(64), atol=1e-12)


def test_propagators_are_kept_and_cannot_be_changed():
    system, shape = largest_system("Asp"), PULSES["odd"]
    first = shape.propagators(system, np.array([10.0]))
    assert shape.propagators(system, np.array([10.0])) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0, 0] = 0.0


@pytest.mark.parametrize("shape", ["gaussian", "sinc_gaussian", "rectangular"])
@given(flip_deg=st.floats(5.0, 180.0))
@settings(max_examples=15, deadline=None)
def test_area_gives_the_flip_angle_on_resonance(shape, flip_deg):
    made = pulse(shape, duration_s=0.003, flip_deg=flip_deg)
    assert made.flip_deg == pytest.approx(flip_deg, abs=1e-9)
    assert made.profile([0.0]).mz[0] == pytest.approx(np.cos(np.radians(flip_deg)), abs=1e-12)


def test_every_shape_of_the_registry_refocuses_on_resonance():
    for shape in pulse_shapes():
        made = pulse(shape, duration_s=0.004)
        assert made.profile([0.0]).refocusing[0] > 0.999
        assert made.bandwidth_hz == pytest.approx(made.inversion_fwhm_hz)


def test_gaussian_of_14_ms_inverts_110_hz():
    # one percent truncation; reference width 110 Hz, given without decimals
    assert pulse("gaussian", duration_s=0.014).inversion_fwhm_hz == pytest.approx(110.0, abs=1.0)


def test_rectangular_profile_is_that_of_the_closed_form():
    made, offsets = pulse("rectangular", duration_s=0.001, flip_deg=70.0, points=7), np.linspace(-3000.0, 3000.0, 31)
    nutation = 70.0 / 360.0 / 0.001
    effective = np.hypot(nutation, offsets)
    expected = 1.0 - 2.0 * (nutation / effective * np.sin(np.pi * effective * 0.001)) ** 2
    assert_allclose(made.profile(offsets).mz, expected, atol=1e-12)


def test_width_of_a_pulse_goes_with_one_over_its_duration():
    widths = [pulse("sinc_gaussian", duration_s=duration).bandwidth_hz for duration in (0.002, 0.004)]
    assert widths[0] / widths[1] == pytest.approx(2.0, rel=1e-6)


def test_adiabatic_passage_inverts_its_sweep_whatever_the_field():
    made = pulse("hyperbolic_secant", duration_s=0.005, bandwidth_hz=5000.0)
    assert made.profile([0.0]).mz[0] == pytest.approx(-0.999, abs=1e-6)
    # Silver 1985: full width at half inversion is mu beta / pi
    assert made.scaled(1.3).inversion_fwhm_hz == pytest.approx(5000.0, rel=0.02)
    for scale in (1.1, 1.5, 2.0):
        assert made.profile(np.linspace(-1800.0, 1800.0, 19), b1_scale=scale).mz.max() < -0.97


def test_hyperbolic_secant_takes_mu_or_bandwidth():
    by_width = pulse("hs", duration_s=0.005, bandwidth_hz=4000.0)
    mu = 4000.0 * np.pi * 0.005 / (2.0 * np.arccosh(100.0))

    assert_allclose(pulse("hs", duration_s=0.005, mu=mu).amplitude_hz, by_width.amplitude_hz, rtol=1e-9)
    with pytest.raises(InputError, match="bandwidth_hz"):
        pulse("hs", duration_s=0.005, mu=3.0, bandwidth_hz=4000.0)


def test_dual_band_inverts_both_centres_and_spares_the_middle():
    distance = (4.56 - 1.9) * 127.73
    both = dual_band(pulse("gaussian", duration_s=0.020), distance)
    mz = both.profile(distance * np.array([-0.5, 0.0, 0.5])).mz
    assert_allclose(mz, [-1.0, 1.0, -1.0], atol=1e-4)
    assert both.symmetric
    # the default profile and the plot show both bands
    assert both.profile().offsets_hz.max() > 0.5 * distance + both.bandwidth_hz
    with pytest.raises(InputError, match="overlap"):
        dual_band(pulse("gaussian", duration_s=0.020), 40.0)


def test_hash_tells_content_and_not_name():
    first, again = pulse("gaussian", duration_s=0.014), pulse("gaussian", duration_s=0.014)
    assert first.content_hash == again.content_hash
    assert (
        ShapedPulse(first.amplitude_hz, first.phase_deg, duration_s=0.014, name="x").content_hash == first.content_hash
    )
    for other in (first.scaled(1.0 + 1e-12), first.with_phase(1e-9), pulse("gaussian", duration_s=0.0140001)):
        assert other.content_hash != first.content_hash


def test_pulses_cannot_be_changed_and_do_not_change_their_input():
    values = np.ones(8)
    made = ShapedPulse(values, np.zeros(8), duration_s=0.001)
    values[0] = 7.0
    assert made.amplitude_hz[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        made.amplitude_hz[0] = 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pulse("gaussian", duration_s=14.0), r"duration_s is 14.*seconds"),
        (lambda: pulse("gaussian", duration_s=0.014, truncation=2.0), "truncation is 2"),
        (lambda: pulse("gaussian", duration_s=0.014, points=0), "points is 0"),
        (lambda: pulse("gaussian", duration_s=0.014, flip_deg=-3.0), "flip_deg is -3"),
        (lambda: ShapedPulse(np.ones(4), np.ones(3), duration_s=0.01), "one number of each"),
        (lambda: ShapedPulse(np.array([np.nan]), np.ones(1), duration_s=0.01), "not finite"),
        (lambda: pulse("hs", duration_s=0.001, bandwidth_hz=280000.0), "Give more points"),
        (lambda: pulse("hs", duration_s=2e-5), "no amplitude up to 20000 Hz"),
    ],
)
def test_impossible_pulses_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_unknown_shapes_and_windows_list_what_there_is():
    with pytest.raises(UnknownNameError, match="gaussian"):
        pulse("gausian", duration_s=0.01)
    with pytest.raises(UnknownNameError, match="hamming"):
        pulse("sinc", duration_s=0.01, window="haming")


@pytest.mark.parametrize("shape", ["gaussian", "hyperbolic_secant"])
def test_plot_has_units_and_the_waveform(shape):
    ax = pulse(shape, duration_s=0.01).plot()
    ax.figure.canvas.draw()
    labels = [axes.get_xlabel() for axes in ax.figure.axes]
    assert "offset from the carrier (Hz)" in labels
    assert "time (ms)" in labels
