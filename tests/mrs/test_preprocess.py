"""Coils, averages, eddy currents, residual water."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError, UnknownNameError
from tests.mrs.conftest import DWELL_S, LARMOR_MHZ, POINTS, TISSUE, TRUTH

TIME = np.arange(POINTS) * DWELL_S
HEADER = {"dwell_s": DWELL_S, "larmor_mhz": LARMOR_MHZ, "echo_time_s": 0.03, "repetition_time_s": 2.0}


@pytest.fixture(scope="module")
def scans(basis):
    data = mrs.simulate(basis, TRUTH, lorentz_hz=3, gauss_hz=3, tissue=TISSUE, repetition_time_s=2.0)
    water = mrs.simulate_water(
        tissue=TISSUE, dwell_s=DWELL_S, points=POINTS, larmor_mhz=LARMOR_MHZ, echo_time_s=0.03, repetition_time_s=2.0
    )
    return data, water


def test_one_fid_passes_and_every_step_is_recorded(scans):
    clean = mrs.preprocess(*scans[:1], water=scans[1])
    order = ["conjugate", "combine_coils", "align", "reject_outliers", "average", "cut_to_echo", "eddy_currents"]
    order += ["align_edits"]
    assert [step.name for step in clean.steps] == order
    assert all(step.what for step in clean.steps)
    assert clean.spectrum.echo_time_s == 0.03
    assert clean.plot() is not None


def test_water_and_metabolites_keep_one_scale_through_coils_and_averages(scans, rng):
    data, water = scans
    gains = rng.uniform(0.2, 2.0, 8) * np.exp(2j * np.pi * rng.uniform(size=8))
    sd = rng.uniform(0.5, 2.0, 8)

    def measured(fid, transients):
        noise = rng.standard_normal((8, transients, POINTS)) + 1j * rng.standard_normal((8, transients, POINTS))
        signal = gains[:, None, None] * fid + 0.02 * sd[:, None, None] * noise
        return mrs.Acquisition(signal, dims=("DIM_COIL", "DIM_DYN", "time"), **HEADER)

    clean = mrs.preprocess(measured(data.fid, 32), water=measured(water.fid, 2), steps=["combine_coils", "average"])
    ratio = clean.spectrum.fid[:20] / clean.water.fid[:20]
    # noise of one combined point over its signal is below 1e-3
    assert_allclose(ratio, data.fid[:20] / water.fid[:20], rtol=5e-3)


def test_combination_reaches_the_noise_of_the_matched_filter(rng):
    gains, sd = np.array([2.0, 1.0, 0.5, 0.1]) * np.exp([0.3j, 2j, -1j, 0]), np.array([1.0, 0.5, 2.0, 3.0])
    signal = 1000.0 * np.exp(-20 * TIME)
    noise = sd[:, None] * (rng.standard_normal((4, POINTS)) + 1j * rng.standard_normal((4, POINTS)))
    data = mrs.Acquisition(gains[:, None] * signal + noise, dims=("DIM_COIL", "time"), **HEADER)
    combined = mrs.preprocess(data, steps=["combine_coils"]).spectrum.fid
    tail = combined[-800:]
    got = np.abs(combined[:10]).mean() / np.sqrt(np.mean(np.abs(tail) ** 2) / 2)
    best = np.abs(signal[:10]).mean() * np.sqrt(np.sum(np.abs(gains) ** 2 / sd**2))
    assert_allclose(got, best, rtol=0.07)  # the noise itself is known to 2.5 %, its covariance to 5 %


def test_eddy_currents_that_both_scans_share_are_removed(scans, basis):
    data, water = scans
    turn = np.exp(1j * (0.8 + 6.0 * np.exp(-TIME / 0.03) + 2 * np.pi * 5.0 * TIME))
    clean = mrs.preprocess(
        data.with_fid(data.fid * turn), water=water.with_fid(water.fid * turn), steps=["eddy_currents"]
    )
    # the water of the simulation has phase zero, so exactly the distortion is measured while water stands out
    assert_allclose(clean.spectrum.fid[:400], data.fid[:400], rtol=0, atol=1e-9 * np.abs(data.fid).max())
    conc = mrs.quantify(mrs.fit(clean.spectrum, basis), water=clean.water, tissue=TISSUE)
    assert_allclose(conc["NAA"].value, 10.0, rtol=1e-3)  # the late phase is a line, the eddy current is not quite


def test_noise_of_late_water_is_not_written_into_the_data(scans, rng):
    data, water = scans
    noise = 50.0 * (rng.standard_normal(POINTS) + 1j * rng.standard_normal(POINTS))
    step = mrs.preprocess(data, water=water.with_fid(water.fid + noise), steps=["eddy_currents"])
    turned = np.angle(step.spectrum.fid / data.fid)
    assert np.std(np.diff(np.unwrap(turned[-500:]))) < 1e-9
    assert "extrapolated" in step.steps[0].what


def test_residual_water_goes_and_metabolites_stay(scans, basis):
    data, water = scans
    residual = 0.01 * water.fid * np.exp(2j * np.pi * (3.0 * TIME)) * np.exp(1j)
    clean = mrs.preprocess(data.with_fid(data.fid + residual), steps=["remove_water"])
    near = np.abs(clean.spectrum.ppm - 4.65) < 0.1
    before = np.abs(np.fft.fftshift(np.fft.fft(residual)))[near].max()
    left = np.abs(clean.spectrum.spectrum - data.spectrum)[near].max()
    assert left < 0.1 * before
    fit = mrs.fit(clean.spectrum, basis)
    plain = mrs.fit(data, basis)
    for name in ("NAA", "tCr", "Ins", "Glu"):
        assert_allclose(fit[name].value, plain[name].value, rtol=0.01)


def test_default_steps_leave_an_averaged_spectrum_without_water_as_it_is(scans):
    clean = mrs.preprocess(scans[0])
    assert_allclose(clean.spectrum.fid, scans[0].fid, rtol=0, atol=0)


def test_impossible_requests_are_refused(scans, rng):
    with pytest.raises(UnknownNameError, match="did you mean 'average'"):
        mrs.preprocess(scans[0], steps=["avrage"])
    coils = mrs.Acquisition(rng.standard_normal((4, 512)), dims=("DIM_COIL", "time"), **HEADER)
    three = mrs.Acquisition(rng.standard_normal((3, 512)), dims=("DIM_COIL", "time"), **HEADER)
    with pytest.raises(InputError, match="3 coils in the water reference, 4 in the metabolite data"):
        mrs.preprocess(coils, water=three)
    edited = mrs.Acquisition(rng.standard_normal((2, 512)), dims=("DIM_EDIT", "time"), **HEADER)
    with pytest.raises(InputError, match="2 edit conditions, so there is no one spectrum; use `edits`"):
        _ = mrs.preprocess(edited, steps=[]).spectrum
    with pytest.raises(UnknownNameError, match="option of step 'apodise' 'lorenz_hz'; did you mean 'lorentz_hz'"):
        mrs.preprocess(scans[0], steps=[("apodise", {"lorenz_hz": 2.0})])
    with pytest.raises(InputError, match="no water reference was given"):
        mrs.preprocess(scans[0]).water_amplitude()
    with pytest.raises(InputError, match=r"dims .* do not describe data"):
        mrs.Acquisition(rng.standard_normal((2, 512)), dims=("time",), **HEADER)
