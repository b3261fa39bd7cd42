"""Raw acquisitions with known truth: every part of preprocessing alone, then all of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.mrs.preprocess.pipeline import line_height
from neurochem.mrs.simulate_raw import RawDisturbances, simulate_raw

CONTENT = {
    "NAA": 12,
    "NAAG": 1.5,
    "Cr": 5,
    "PCr": 4,
    "GPC": 1.8,
    "Ins": 7,
    "Glu": 10,
    "Gln": 3,
    "GABA": 1.5,
    "Tau": 1.3,
}
NAA_PPM = (1.9, 2.1)
SAMPLING = {"larmor_mhz": 127.73, "dwell_s": 4e-4, "points": 2048, "metabolites": list(CONTENT)}
QUIET = RawDisturbances(
    drift_hz=0, drift_deg=0, jitter_hz=0, jitter_deg=0, jumps=0, corrupted=0, eddy_deg=0, residual_water=0
)


def of(basis):
    content = {name: value for name, value in CONTENT.items() if name in basis.names}
    return mrs.simulate(basis, content, lorentz_hz=4, gauss_hz=4, repetition_time_s=2.0)


@pytest.fixture(scope="module")
def press():
    return of(mrs.simulate_basis("press", echo_time_s=0.03, te1_s=0.015, **SAMPLING))


@pytest.fixture(scope="module")
def mega():
    basis = mrs.simulate_basis("mega-press", echo_time_s=0.068, **SAMPLING)
    return of(basis["on"]), of(basis["off"])


def errors(step, truth, edit=0):
    """Return what is left of shift (Hz) and phase (degree) of the good transients, all together free."""
    good = ~truth.corrupted[edit]
    shift = np.asarray(step.effect["shift_hz"])[edit] - truth.frequency_hz[edit]
    turn = np.exp(1j * np.radians(np.asarray(step.effect["phase_deg"])[edit] - truth.phase_deg[edit]))[good]
    phase = np.degrees(np.angle(turn / np.mean(turn)))
    return np.std(shift[good]), np.sqrt(np.mean(phase**2))


def test_the_simulated_noise_is_the_noise_asked_for(press, rng):
    raw = simulate_raw(press, rng=rng, coils=8, transients=32, snr=10.0, disturbances=QUIET)
    truth = raw.truth
    inverse = np.linalg.inv(truth.noise_covariance)
    best = 1 / np.sqrt(np.real(truth.sensitivities.conj() @ inverse @ truth.sensitivities))
    assert_allclose(best, truth.noise_sd, rtol=1e-12)
    height = np.abs(press.spectrum[(press.ppm > NAA_PPM[0]) & (press.ppm < NAA_PPM[1])]).max()
    assert_allclose(height / (truth.noise_sd * np.sqrt(press.points)), 10.0, rtol=1e-12)
    noise = raw.data.data - truth.sensitivities[:, None, None] * press.fid
    flat = noise.reshape(8, -1)
    # 65536 samples: a covariance to 0.4 %, four of them
    assert_allclose(
        flat @ flat.conj().T / flat.shape[1], 2 * truth.noise_covariance,
        rtol=0, atol=0.016 * 2 * np.abs(truth.noise_covariance).max(),
    )  # fmt: skip


def test_equal_seeds_give_equal_scans_and_nonsense_is_refused(press):
    one, two = (simulate_raw(press, rng=np.random.default_rng(5), coils=2, transients=4) for _ in range(2))
    assert_allclose(one.data.data, two.data.data, rtol=0, atol=0)
    with pytest.raises(InputError, match="coils is 0"):
        simulate_raw(press, rng=np.random.default_rng(0), coils=0)
    with pytest.raises(InputError, match="snr is -1"):
        simulate_raw(press, rng=np.random.default_rng(0), snr=-1)


@pytest.mark.parametrize("transients", [32, 160])
@pytest.mark.parametrize("step", ["spectral_registration", "align", "rats"])
def test_drift_is_recovered_beside_residual_water(press, step, transients):
    wrong = RawDisturbances(corrupted=0)
    raw = simulate_raw(press, rng=np.random.default_rng(3), coils=1, transients=transients, snr=10, disturbances=wrong)
    clean = mrs.preprocess(raw.data, steps=["combine_coils", step])
    shift, phase = errors(clean.steps[1], raw.truth)
    assert shift < 0.2
    assert phase < 2.0


@pytest.mark.parametrize("step", ["spectral_registration", "align", "rats"])
def test_drift_is_recovered_without_any_water(press, step):
    wrong = RawDisturbances(corrupted=0, residual_water=0)
    raw = simulate_raw(press, rng=np.random.default_rng(4), coils=1, transients=160, snr=10, disturbances=wrong)
    shift, phase = errors(mrs.preprocess(raw.data, steps=["combine_coils", step]).steps[1], raw.truth)
    # the bound of Cramer and Rao is 0.15 Hz and 1.4 degrees
    assert shift < 0.2
    assert phase < 2.0


def test_rats_takes_only_as_much_baseline_as_the_transients_need(press, rng):
    wrong = RawDisturbances(corrupted=0, residual_water=0)
    raw = simulate_raw(press, rng=rng, coils=1, transients=64, snr=10, disturbances=wrong)
    size = 180 * rng.standard_normal((1, 64, 1)) * np.exp(2j * np.pi * rng.uniform(size=(1, 64, 1)))
    broad = size * np.exp((2j * np.pi * 200 - 400) * press.time_s)
    moving = raw.data.with_data(raw.data.data + broad, raw.data.dims)
    steady, free = (mrs.preprocess(data, steps=["combine_coils", "rats"]).steps[1] for data in (raw.data, moving))
    assert steady.effect["baseline_degree"] == [-1]
    assert free.effect["baseline_degree"] == [2]
    without = mrs.preprocess(moving, steps=["combine_coils", ("rats", {"baseline_degree": -1})]).steps[1]
    assert errors(free, raw.truth)[1] < 0.5 * errors(without, raw.truth)[1]
    with pytest.raises(InputError, match="give 'auto', or a degree"):
        mrs.preprocess(moving, steps=["combine_coils", ("rats", {"baseline_degree": "best"})])


def test_water_that_comes_and_goes_does_not_lead_the_robust_alignment_astray(press, rng):
    wrong = RawDisturbances(corrupted=0, residual_water=0)
    raw = simulate_raw(press, rng=rng, coils=1, transients=64, disturbances=wrong)
    size = 60 * np.abs(raw.truth.spectra[0].fid[0]) / sum(CONTENT.values())
    wild = size * rng.standard_normal((1, 64, 1)) * np.exp(2j * np.pi * rng.uniform(size=(1, 64, 1)))
    line = np.exp(2j * np.pi * rng.uniform(-6, 6, (1, 64, 1)) * press.time_s - 20 * press.time_s)
    data = raw.data.with_data(raw.data.data + wild * line, raw.data.dims)
    robust = errors(mrs.preprocess(data, steps=["combine_coils", "align"]).steps[1], raw.truth)
    plain = errors(mrs.preprocess(data, steps=["combine_coils", "spectral_registration"]).steps[1], raw.truth)
    assert robust[0] < 0.25
    assert robust[1] < 2.5
    assert plain[0] > 4 * robust[0]


def test_corrupted_transients_are_found(press):
    found = np.zeros(4, dtype=int)
    for seed, transients in enumerate((32, 64, 160, 320)):
        raw = simulate_raw(press, rng=np.random.default_rng(seed), coils=1, transients=transients)
        clean = mrs.preprocess(raw.data, steps=["combine_coils", "align", "reject_outliers"])
        bad = raw.truth.corrupted[0]
        rejected = np.zeros(transients, dtype=bool)
        rejected[clean.steps[-1].effect["rejected"][0]] = True
        found += (bad & rejected).sum(), bad.sum(), (~bad & ~rejected).sum(), (~bad).sum()
    assert found[0] >= 0.9 * found[1]
    assert found[2] >= 0.95 * found[3]


def test_good_transients_stay(press):
    raw = simulate_raw(press, rng=np.random.default_rng(1), coils=1, transients=160, disturbances=QUIET)
    clean = mrs.preprocess(raw.data, steps=["combine_coils", "reject_outliers"])
    assert clean.steps[1].effect["share"] < 0.03
    silent = mrs.preprocess(
        raw.data.with_data(np.repeat(press.fid[None, :], 16, axis=0), ("DIM_DYN", "time")), steps=["reject_outliers"]
    )
    assert silent.steps[0].effect["share"] == 0


@pytest.mark.parametrize("method", ["wsvd", "reference"])
@pytest.mark.parametrize("coils", [8, 32])
def test_coils_reach_the_noise_of_the_best_combination(press, rng, coils, method):
    raw = simulate_raw(press, rng=rng, coils=coils, transients=32, disturbances=QUIET)
    steps = [("combine_coils", {"method": method}), "average"]
    clean = mrs.preprocess(raw.data, water=raw.water, steps=steps)
    # 32 transients of 409 late points: the noise is known to 0.6 %
    assert_allclose(clean.noise.sd, raw.truth.averaged_noise_sd(), rtol=0.03)
    assert_allclose(line_height(clean.spectrum, NAA_PPM), line_height(press, NAA_PPM), rtol=0.05)
    assert clean.steps[0].effect["quality"] > 0.99


def test_knowing_how_noise_correlates_helps(press, rng):
    wrong = RawDisturbances(**{name: getattr(QUIET, name) for name in QUIET.__slots__} | {"noise_correlation": 0.7})
    raw = simulate_raw(press, rng=rng, coils=8, transients=32, disturbances=wrong)
    sd = [
        mrs.preprocess(raw.data, water=raw.water, steps=[("combine_coils", {"noise": noise}), "average"]).noise.sd
        for noise in ("covariance", "variance", "none")
    ]
    assert sd[0] < 0.9 * sd[1]
    assert_allclose(sd[0], raw.truth.averaged_noise_sd(), rtol=0.03)


def test_eddy_currents_are_removed_from_noisy_data(press):
    wrong = RawDisturbances(**{name: getattr(QUIET, name) for name in QUIET.__slots__} | {"eddy_deg": 90.0})
    raw = simulate_raw(press, rng=np.random.default_rng(2), coils=8, transients=64, disturbances=wrong)
    kept = mrs.preprocess(raw.data, water=raw.water, steps=["combine_coils", "average"]).spectrum
    clean = mrs.preprocess(raw.data, water=raw.water, steps=["combine_coils", "average", "eddy_currents"])
    early = press.time_s < 0.25
    removed = np.angle(kept.fid / clean.spectrum.fid)[early]
    left = np.degrees(np.angle(np.exp(1j * (removed - raw.truth.eddy_phase[early]))))
    assert np.degrees(raw.truth.eddy_phase[early]).max() > 45
    assert np.sqrt(np.mean((left - left.mean()) ** 2)) < 1.0
    assert np.abs(left).max() < 6.0
    # noise of late water must not be written into the data: they keep their noise
    assert_allclose(np.std(clean.spectrum.fid[-400:]), np.std(kept.fid[-400:]), rtol=0.02)


@pytest.mark.parametrize(("coils", "transients"), [(8, 32), (16, 160)])
def test_the_whole_way_reaches_the_signal_to_noise_of_theory(press, coils, transients):
    raw = simulate_raw(press, rng=np.random.default_rng(transients), coils=coils, transients=transients)
    clean = mrs.preprocess(raw.data, water=raw.water, steps=[*mrs_default(), "remove_water"])
    theory = line_height(press, NAA_PPM) / (raw.truth.averaged_noise_sd() * np.sqrt(press.points))
    assert_allclose(clean.snr(NAA_PPM), theory, rtol=0.05)
    assert_allclose(clean.noise.sd, raw.truth.averaged_noise_sd(), rtol=0.03)
    # metabolites and water keep one scale: the water of the simulation is 5000 times NAA's line
    assert_allclose(np.abs(clean.water.fid[5]) / np.abs(raw.water.data.mean(axis=1)[:, 5]).max(), 1.0, rtol=0.02)


def mrs_default():
    from neurochem.mrs.preprocess import DEFAULT_STEPS

    return DEFAULT_STEPS


def test_edit_conditions_keep_their_dimension_and_are_aligned_to_each_other(mega):
    wrong = RawDisturbances(edit_shift_hz=3.0, edit_phase_deg=12.0, residual_water=0, eddy_deg=0)
    raw = simulate_raw(mega, rng=np.random.default_rng(0), coils=4, transients=96, snr=20, disturbances=wrong)
    clean = mrs.preprocess(raw.data, water=raw.water)
    assert clean.data.dims == ("DIM_EDIT", "time")
    assert clean.edit_conditions == ("ON", "OFF")
    assert [spectrum.name for spectrum in clean.edits] == ["raw ON", "raw OFF"]
    ppm, difference = mega[0].ppm, clean.edits[0].spectrum - clean.edits[1].spectrum
    choline = (ppm > 3.15) & (ppm < 3.28)
    left = np.abs(difference - (mega[0].spectrum - mega[1].spectrum))[choline].max()
    noise = clean.noise.spectrum_sd * np.sqrt(2)
    # 13 complex points: the largest of them lies below four standard deviations of a real part
    assert left < 4.5 * noise


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_misaligned_edit_conditions_are_put_right(mega, seed):
    rng = np.random.default_rng(seed)
    sd = 2e-3 * np.abs(mega[1].fid[0])
    fids = np.stack(
        [spectrum.fid + sd * (rng.standard_normal(2048) + 1j * rng.standard_normal(2048)) for spectrum in mega]
    )
    fids[0] *= np.exp(2j * np.pi * 3.0 * mega[0].time_s + 1j * np.radians(12.0))
    data = mrs.Acquisition(fids, dims=("DIM_EDIT", "time"), dwell_s=4e-4, larmor_mhz=127.73)
    step = mrs.preprocess(data, steps=["align_edits"]).steps[0]
    assert_allclose(step.effect["shift_hz"], [3.0, 0.0], rtol=0, atol=0.15)
    assert_allclose(step.effect["phase_deg"], [12.0, 0.0], rtol=0, atol=1.0)


def test_edit_conditions_in_the_wrong_order_are_exchanged(mega):
    raw = simulate_raw(mega, rng=np.random.default_rng(0), coils=2, transients=16)
    flipped = raw.data.with_data(raw.data.data[:, :, ::-1], raw.data.dims, header={})
    steps = ["combine_coils", "align", "average", "edit_order"]
    clean = mrs.preprocess(flipped, steps=steps)
    assert clean.steps[-1].effect["exchanged"]
    assert clean.edit_conditions == ("ON", "OFF")
    right = mrs.preprocess(raw.data, steps=steps)
    assert not right.steps[-1].effect["exchanged"]
    # sums in another order
    assert_allclose(clean.data.data, right.data.data, rtol=1e-9, atol=1e-9)


def test_a_conjugated_scan_is_put_right_and_a_right_one_is_left(press):
    raw = simulate_raw(press, rng=np.random.default_rng(1), coils=4, transients=32)
    mirrored = [scan.with_data(np.conj(scan.data), scan.dims) for scan in (raw.data, raw.water)]
    wrong, right = mrs.preprocess(mirrored[0], water=mirrored[1]), mrs.preprocess(raw.data, water=raw.water)
    assert "conjugated both" in wrong.steps[0].what
    assert "where they should" in right.steps[0].what
    assert_allclose(wrong.spectrum.fid, right.spectrum.fid, rtol=0, atol=0)
