"""The fit: exact on exact data, honest on noisy data, calm on hopeless data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError, UnknownNameError
from neurochem.mrs.baseline import spline
from neurochem.mrs.lineshape import gauss_fwhm, gauss_variance, voigt_fwhm
from neurochem.mrs.model import LinearCombination
from neurochem.results import FitResult
from tests.mrs.conftest import DWELL_S, LARMOR_MHZ, POINTS, TRUTH

TOTALS = {"tNAA": 11.5, "tCr": 8.0, "tCho": 1.5, "Glx": 12.0}


@pytest.mark.parametrize(
    "shape",
    [
        {"lorentz_hz": 5.0},
        {"gauss_hz": 5.0},
        {"gauss_hz": 9.0, "phase_deg": 20.0},
        {"lorentz_hz": 9.0, "phase_deg": 179.0, "shift_hz": -25.0},
        {"lorentz_hz": 3.0, "gauss_hz": 4.0, "phase_deg": 60.0, "shift_hz": 7.0, "broad_gauss_hz": 4.0},
        {"lorentz_hz": 2.0, "gauss_hz": 2.0, "phase_deg": -120.0, "shift_hz": 24.0},
    ],
)
def test_truth_is_recovered_exactly_without_noise(basis, shape):
    fit = mrs.fit(mrs.simulate(basis, TRUTH, **shape), basis)
    assert fit.success
    # the model is exact; what is left is the pull of the priors on delay and broad width, over a noise that is nearly zero
    for name, value in (TRUTH | TOTALS).items():
        assert_allclose(fit[name].value, value, rtol=1e-6)
    for name in ("lorentz_hz", "gauss_hz", "shift_hz", "broad_gauss_hz"):
        assert_allclose(fit.diagnostics[name], shape.get(name, 0.0), atol=1e-4)  # Gauss: root of a variance near 0
    assert_allclose(fit.diagnostics["phase_deg"], shape.get("phase_deg", 0.0), atol=1e-6)


def test_first_order_phase_is_recovered_against_its_prior(basis, rng):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=4, delay_s=3e-5, noise_sd=0.05, rng=rng)
    fit = mrs.fit(data, basis)
    # the prior of 2e-5 s is weak against this signal; the standard deviation of the estimate is near 5e-7 s
    assert_allclose(fit.diagnostics["delay_s"], 3e-5, atol=3e-6)


def test_a_broad_baseline_is_told_from_the_metabolites(basis, rng):
    time_s = np.arange(POINTS) * DWELL_S
    hump = 60.0 * np.exp(2j * np.pi * 2.2 * LARMOR_MHZ * time_s - (250.0 * time_s) ** 2)
    data = mrs.simulate(basis, TRUTH, lorentz_hz=3, gauss_hz=3, baseline=hump, noise_sd=0.05, rng=rng)
    fit = mrs.fit(data, basis)
    # the hump has twelve times the area of a proton of NAA; without a baseline NAA is off by more than 10 %
    for name in ("NAA", "tCr", "tCho", "Ins", "Glu"):
        assert_allclose(fit[name].value, (TRUTH | TOTALS)[name], rtol=0.03)


def residual_water(size):
    time_s = np.arange(POINTS) * DWELL_S
    slow = np.exp(1j + 2j * np.pi * 1.5 * time_s - 12.0 * time_s - (20.0 * time_s) ** 2)
    fast = 0.5 * np.exp(2j - 2j * np.pi * 3.0 * time_s - 30.0 * time_s)
    return size * (slow + fast)


@pytest.mark.parametrize("phase_deg", [0.0, 100.0])
def test_residual_water_twenty_times_naa_biases_nothing(basis, rng, phase_deg):
    pulls = []
    for _ in range(8):
        clean = mrs.simulate(
            basis, TRUTH, lorentz_hz=3, gauss_hz=3, phase_deg=phase_deg, shift_hz=3, noise_sd=0.6, rng=rng
        )
        fit = mrs.fit(clean.with_fid(clean.fid + residual_water(600.0)), basis)
        assert abs(fit.diagnostics["shift_hz"] - 3.0) < 0.1
        pulls.append([(fit[name].value - value) / fit[name].stderr for name, value in (TRUTH | TOTALS).items()])
    # the mean of eight pulls has a standard error of 0.35
    assert np.all(np.abs(np.mean(pulls, axis=0)) < 1.4)
    assert np.sqrt(np.mean(np.square(pulls))) < 1.3


def test_coefficients_refer_to_the_basis_as_supplied(basis):
    doubled = mrs.Basis(
        basis.names, 2.0 * basis.fids, dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03,
        macromolecules=basis.macromolecules,
    )  # fmt: skip
    fit = mrs.fit(mrs.simulate(basis, TRUTH, lorentz_hz=4), doubled)
    assert_allclose(fit["NAA"].value, 5.0, rtol=1e-8)


@settings(max_examples=5, deadline=None)
@given(st.floats(1e-6, 1e6))
def test_scaling_the_data_scales_amplitudes_and_errors(basis, factor):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=3, gauss_hz=3, noise_sd=0.5, rng=np.random.default_rng(5))
    one, two = mrs.fit(data, basis), mrs.fit(data.with_fid(factor * data.fid), basis)
    for name in ("NAA", "Glu", "tCho"):
        assert_allclose(
            two[name].value, factor * one[name].value, rtol=1e-6
        )  # the searches stop within 1e-8 of a minimum
        assert_allclose(two[name].stderr, factor * one[name].stderr, rtol=1e-5)


def test_the_fit_does_not_change_its_input_and_repeats_itself(basis, rng):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=4, noise_sd=0.5, rng=rng)
    before = data.fid.copy()
    one, two = mrs.fit(data, basis), mrs.fit(data, basis)
    assert_allclose(data.fid, before, rtol=0, atol=0)
    assert one.to_dict() == two.to_dict()


def test_totals_carry_the_correlation_of_their_parts(basis, rng):
    fit = mrs.fit(mrs.simulate(basis, TRUTH, lorentz_hz=4, noise_sd=0.5, rng=rng), basis)
    # GPC and PCh are nearly the same spectrum: their sum is known far better than either
    assert fit["tCho"].stderr < 0.5 * fit["GPC"].stderr
    index = [fit.covariance_names.index(name) for name in ("GPC", "PCh")]
    assert_allclose(fit["tCho"].stderr ** 2, fit.covariance[np.ix_(index, index)].sum(), rtol=1e-12)
    assert fit["tCho"].stderr_kind == "crlb"


def test_a_misfit_enlarges_the_error_by_its_own_size(basis, rng):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=4, noise_sd=0.05, rng=rng)
    right = mrs.fit(data, basis)
    without = mrs.fit(data, basis.select([name for name in basis.names if name != "Ins"]))
    assert without.diagnostics["fqn"] > 4
    assert "structured_residual" in {flag.name for flag in without.flags}
    assert without["NAA"].stderr > 1.5 * right["NAA"].stderr
    assert abs(right.diagnostics["fqn"] - 1.0) < 0.2  # relative standard deviation of the noise variance is 6 %


@pytest.mark.parametrize("kind", ["zeros", "nan", "inf"])
def test_hopeless_spectra_fail_with_a_flag_and_no_exception(basis, kind):
    fid = mrs.simulate(basis, TRUTH, lorentz_hz=4).fid.copy()
    fid = fid * 0.0 if kind == "zeros" else np.where(np.arange(POINTS) == 7, {"nan": np.nan, "inf": np.inf}[kind], fid)
    fit = mrs.fit(mrs.Spectrum(fid, dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ), basis)
    assert not fit.success
    assert fit.failed
    assert np.isnan(fit["NAA"].value)
    assert np.isnan(fit["Glx"].value)
    assert [flag.severity for flag in fit.flags] == ["failure"]
    assert "FAILED" in fit.summary()
    assert fit.plot() is not None


def test_broad_lines_and_wrong_references_are_flagged(basis, rng):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=12, shift_hz=26, noise_sd=0.1, rng=rng)
    fit = mrs.fit(data, basis)
    assert {"broad_lines", "far_shift"} <= {flag.name for flag in fit.flags}
    # tails of NAA's own multiplets lift the foot of its singlet
    assert_allclose(fit.diagnostics["fwhm_hz"], voigt_fwhm(np.pi * 12, gauss_variance(0.5)), rtol=0.05)


def test_an_absent_metabolite_is_at_its_bound_with_a_finite_error(basis, rng):
    absent = TRUTH | {"Lac": 0.0}
    fits = [mrs.fit(mrs.simulate(basis, absent, lorentz_hz=4, noise_sd=0.5, rng=rng), basis) for _ in range(4)]
    at_zero = [fit for fit in fits if fit["Lac"].at_bound]
    assert at_zero
    assert all(np.isfinite(fit["Lac"].stderr) and fit["Lac"].stderr > 0 for fit in at_zero)
    assert all("at_bound" in {flag.name for flag in fit.flags if flag.parameter == "Lac"} for fit in at_zero)


def test_macromolecules_are_added_at_short_echo_time_only(basis, rng):
    metabolites = basis.select([name for name in basis.names if name not in basis.macromolecules])
    data = mrs.simulate(basis, TRUTH, lorentz_hz=4, noise_sd=0.2, rng=rng)
    added = mrs.fit(data, metabolites)
    assert "MM09" in added
    assert_allclose(added["MM09"].value, 5.0, rtol=0.05)  # softly tied to neighbours that differ from it by 20 to 40 %
    assert "MM09" not in mrs.fit(data, metabolites, macromolecules=None)
    late = data.with_fid(data.fid, echo_time_s=0.144)
    assert "MM09" not in mrs.fit(late, metabolites, allow_mismatch=True)


def test_a_result_survives_its_file(tmp_path, basis, rng):
    fit = mrs.fit(mrs.simulate(basis, TRUTH, lorentz_hz=4, noise_sd=0.5, rng=rng), basis)
    back = FitResult.load(fit.save(tmp_path / "fit.json"))
    assert back.to_dict() == fit.to_dict()


def test_curves_sum_to_the_fit_on_a_descending_axis(basis, rng):
    fit = mrs.fit(mrs.simulate(basis, TRUTH, lorentz_hz=4, phase_deg=50, shift_hz=9, noise_sd=0.2, rng=rng), basis)
    assert fit.axis.descending
    assert np.all(np.diff(fit.axis.values) < 0)
    assert_allclose(sum(fit.components.values()), fit.fitted, rtol=0, atol=1e-9 * np.abs(fit.fitted).max())
    naa = fit.components["NAA"].real
    assert abs(fit.axis.values[np.argmax(naa)] - 2.008) < 0.008  # one point of the grid


@pytest.mark.parametrize("broad", [True, False])
def test_derivatives_agree_with_differences(basis, broad):
    names = basis.names if broad else [name for name in basis.names if name not in basis.macromolecules]
    part = basis.select(names)
    window = np.arange(100, 400)
    frequency = np.fft.fftfreq(POINTS, DWELL_S)[window]
    model = LinearCombination(part.fids, part.broad, part.time_s, window, frequency)
    theta = np.array([0.4, 2e-5, 3.0, 9.0, 40.0, 1.0, 30.0])[: model.size]
    amplitudes = np.linspace(0.5, 2.0, len(part))
    exact = model.derivative(theta, amplitudes)
    for index, step in enumerate([1e-5, 1e-9, 1e-5, 1e-4, 1e-3, 1e-5, 1e-3][: model.size]):
        change = np.zeros(model.size)
        change[index] = step
        difference = (model.columns(theta + change) - model.columns(theta - change)) @ amplitudes / (2 * step)
        assert_allclose(exact[:, index], difference, rtol=0, atol=1e-6 * np.abs(difference).max())


@pytest.mark.parametrize("dimension", [0.75, 2.0, 5.0])
def test_the_baseline_has_the_dimension_asked_for(dimension):
    baseline = spline(520, 4.0, dimension)
    assert_allclose(baseline.effective_dimension, 4.0 * dimension, rtol=1e-3)  # what truncation leaves out
    assert_allclose(baseline.columns.T @ baseline.columns, np.eye(baseline.penalty.size), atol=1e-9)


def test_widths_and_their_parameters_are_inverse():
    assert_allclose(gauss_fwhm(gauss_variance(7.0)), 7.0, rtol=1e-14)
    time_s = np.arange(200000) * 1e-5
    real = np.fft.fft(np.exp(-gauss_variance(7.0) * time_s**2), 1 << 21).real
    half = np.argmax(real < 0.5 * real[0]) / ((1 << 21) * 1e-5)
    assert_allclose(2 * half, 7.0, atol=0.1)  # twice the step of the frequency grid


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"ppm": (4.2, 0.2)}, InputError, "give the lower and the upper edge"),
        ({"ppm": (2.0, 2.1)}, InputError, r"holds \d+ points for 22 basis elements; at least 42 are needed"),
        ({"baseline": "splin"}, UnknownNameError, "did you mean 'spline'"),
        ({"baseline_dimension_per_ppm": -1.0}, InputError, "must be positive"),
        ({"baseline_dimension_per_ppm": 30.0}, InputError, "needs more than the"),
        ({"macromolecules": "yes"}, UnknownNameError, "unknown macromolecule set 'yes'"),
        ({"lineshape": "voight"}, UnknownNameError, "did you mean 'voigt'"),
        ({"shifts": "all"}, UnknownNameError, "Available: auto, shared, own"),
        ({"lipids": "yes"}, UnknownNameError, "None adds none"),
        ({"amplitudes": "median"}, UnknownNameError, "Available: mean, mode, free"),
        ({"ratios": "lcm"}, UnknownNameError, "did you mean 'lcmodel'"),
        ({"ratios": [("GABA", 1.0, 0.1)]}, InputError, "ratios is the list .* it takes .*SoftRatio"),
    ],
)
def test_impossible_options_are_refused(basis, options, error, words):
    with pytest.raises(error, match=words):
        mrs.fit(mrs.simulate(basis, TRUTH), basis, **options)


def test_no_baseline_can_be_asked_for(basis):
    fit = mrs.fit(mrs.simulate(basis, TRUTH, lorentz_hz=4), basis, baseline="none")
    assert_allclose(fit["NAA"].value, 10.0, rtol=1e-8)
    assert fit.diagnostics["baseline_dimension"] == 0
