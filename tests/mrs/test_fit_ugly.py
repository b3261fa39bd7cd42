"""Input that no fit can be made of: a failed result with a flag, or one clear error, never a crash and never a number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import BasisMismatchError, InputError
from tests.mrs.conftest import DWELL_S, LARMOR_MHZ, POINTS, TRUTH

TIME_S = np.arange(POINTS) * DWELL_S


def broad(ppm, width_hz):
    return np.exp(2j * np.pi * (4.65 - ppm) * LARMOR_MHZ * TIME_S - (1.887 * width_hz * TIME_S) ** 2)


def spectrum(fid, **changes):
    return mrs.Spectrum(fid, **({"dwell_s": DWELL_S, "larmor_mhz": LARMOR_MHZ, "echo_time_s": 0.030} | changes))


@pytest.fixture
def noise(rng):
    return 0.6 * (rng.standard_normal(POINTS) + 1j * rng.standard_normal(POINTS))


@pytest.fixture
def good(basis, rng):
    return mrs.simulate(basis, TRUTH, lorentz_hz=4, noise_sd=0.6, rng=rng).fid


@pytest.mark.parametrize(
    "kind",
    ["noise", "water", "water, conjugated", "lipids", "conjugated", "far off", "spike"],
)
def test_spectra_without_metabolites_fail_with_a_flag(basis, kind, noise, good):
    fids = {
        "noise": noise,
        "water": 2000.0 * np.exp(-20 * TIME_S) + noise,
        "water, conjugated": 2000.0 * np.exp(-(20 + 30j) * TIME_S) + noise,
        "lipids": 60 * broad(1.3, 15) + 60 * broad(0.9, 17) + noise,
        "conjugated": np.conj(good),
        "far off": good * np.exp(2j * np.pi * 0.65 * LARMOR_MHZ * TIME_S),
        "spike": np.eye(1, POINTS)[0] + 0j,
    }
    fit = mrs.fit(spectrum(fids[kind]), basis)
    assert not fit.success
    assert fit.failed
    assert [flag.name for flag in fit.flags] == ["misfit" if kind == "far off" else "no_metabolites"]
    assert "Look at" in fit.flags[0].message
    assert all(np.isnan(estimate.value) for estimate in fit)
    assert "snr" in fit.settings["diagnostics"]
    assert mrs.correlation(fit).isna().all(axis=None)


def test_a_spectrum_that_is_upside_down_is_turned(basis, good):
    one, two = mrs.fit(spectrum(good), basis), mrs.fit(spectrum(-good), basis)
    assert two.success
    assert "upside_down" in {flag.name for flag in two.flags}
    assert_allclose(
        two["tNAA"].value, one["tNAA"].value, rtol=1e-3
    )  # both searches stop within a hundredth of an error


def test_zero_filling_changes_nothing(basis, good):
    one, two = mrs.fit(spectrum(good), basis), mrs.fit(spectrum(np.pad(good, (0, 3 * POINTS))), basis)
    assert one.to_frame().drop(columns="name").equals(two.to_frame().drop(columns="name"))


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_units_of_any_size_have_errors_in_proportion(basis, good, factor):
    one, two = mrs.fit(spectrum(good), basis), mrs.fit(spectrum(factor * good), basis)
    assert_allclose(two["Glx"].stderr, factor * one["Glx"].stderr, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda fid: spectrum(fid[:1]), InputError, "at least 16 points"),
        (lambda fid: spectrum(fid[:100]), InputError, "Widen ppm or give a longer FID"),
        (lambda fid: spectrum(fid, nucleus="31P"), BasisMismatchError, "nucleus is 1H and 31P"),
        (lambda fid: spectrum(fid, larmor_mhz=297.2), BasisMismatchError, "field strength of the spectrum"),
    ],
)
def test_input_that_cannot_mean_anything_is_refused(basis, good, change, error, words):
    with pytest.raises(error, match=words):
        mrs.fit(change(good), basis)


def test_a_basis_that_ends_before_it_has_decayed_is_refused(basis, good):
    short = mrs.Basis(
        basis.names, basis.fids[:, :300], dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=0.030,
        macromolecules=basis.macromolecules,
    )  # fmt: skip
    with pytest.raises(BasisMismatchError, match="has not decayed at its end"):
        mrs.fit(spectrum(good), short)


def test_results_degrade_smoothly_with_noise(basis):
    rng = np.random.default_rng(3)
    unit = rng.standard_normal(POINTS) + 1j * rng.standard_normal(POINTS)
    clean = mrs.simulate(basis, TRUTH, lorentz_hz=4).fid
    pulls, before = [], 0.0
    for size in (0.3, 0.6, 1.2, 2.4, 4.8):
        fit = mrs.fit(spectrum(clean + size * unit), basis)
        assert fit.success
        assert fit["Glx"].stderr > before
        before = fit["Glx"].stderr
        pulls.append((fit["Glx"].value - 12.0) / fit["Glx"].stderr)
    assert np.all(np.abs(pulls) < 3.5)
