"""Scans that something is wrong with: said in the record or refused, never averaged in silently."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.mrs.preprocess import STEPS, Done
from neurochem.mrs.simulate_raw import RawDisturbances, simulate_raw
from tests.mrs.test_raw import SAMPLING, of


@pytest.fixture(scope="module")
def raw():
    press = of(mrs.simulate_basis("press", echo_time_s=0.03, te1_s=0.015, **SAMPLING))
    return simulate_raw(
        press, rng=np.random.default_rng(0), coils=4, transients=16, disturbances=RawDisturbances(corrupted=0)
    )


def changed(scan, place, value):
    data = np.array(scan.data)
    data[place] = value
    return scan.with_data(data, scan.dims)


def said(clean, name):
    return next(step.what for step in clean.steps if step.name == name)


def test_a_silent_coil_has_no_weight_whichever_scan_it_is_silent_in(raw):
    coil = np.s_[2]
    expected = mrs.preprocess(changed(raw.data, coil, 0), water=changed(raw.water, coil, 0))
    assert "without silent coils 3" in said(expected, "combine_coils")
    three = mrs.preprocess(
        *(scan.with_data(np.delete(scan.data, 2, axis=0), scan.dims) for scan in (raw.data,)),
        water=raw.water.with_data(np.delete(raw.water.data, 2, axis=0), raw.water.dims),
    )
    assert_allclose(expected.spectrum.fid, three.spectrum.fid, rtol=1e-9, atol=1e-9 * np.abs(three.spectrum.fid).max())
    for data, water in ((changed(raw.data, coil, 0), raw.water), (raw.data, changed(raw.water, coil, 0))):
        clean = mrs.preprocess(data, water=water)
        assert clean.steps[1].effect["silent_coils"] == [3]
        assert_allclose(clean.noise.sd, expected.noise.sd, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_transients_with_samples_that_are_no_numbers_are_left_out_and_named(raw, value):
    clean = mrs.preprocess(changed(raw.data, (1, 3, 100), value), water=changed(raw.water, (0, 0, 5), value))
    assert clean.steps[0].name == "drop_invalid"
    assert clean.steps[0].effect == {"dropped": [3], "dropped_water": [0]}
    assert np.isfinite(clean.spectrum.fid).all()
    kept = mrs.preprocess(
        raw.data.with_data(np.delete(raw.data.data, 3, axis=1), raw.data.dims),
        water=raw.water.with_data(np.delete(raw.water.data, 0, axis=1), raw.water.dims),
    )
    assert_allclose(clean.spectrum.fid, kept.spectrum.fid, rtol=0, atol=0)


def test_a_coil_without_numbers_is_named(raw):
    with pytest.raises(InputError, match="coils 2 hold NaN or infinite samples"):
        mrs.preprocess(changed(raw.data, 1, np.nan), water=raw.water)


def test_zeros_that_fill_the_end_are_no_noise(raw):
    late = np.s_[..., 1200:]
    steps = ["combine_coils", "align", "average"]
    clean = mrs.preprocess(changed(raw.data, late, 0), water=changed(raw.water, late, 0), steps=steps)
    whole = mrs.preprocess(raw.data, water=raw.water, steps=steps)
    # 240 late points of 16 transients know the noise to 1.2 %
    assert_allclose(clean.noise.sd, whole.noise.sd, rtol=0.06)
    assert_allclose(clean.noise.spectrum_sd, clean.noise.sd * np.sqrt(1200), rtol=1e-12)
    one = mrs.preprocess(clean.data, steps=["average"])
    assert_allclose(one.noise.sd, clean.noise.sd, rtol=0.2)


def test_a_water_reference_without_signal_is_not_believed(raw, rng):
    own = mrs.preprocess(raw.data)
    noise = rng.standard_normal(raw.water.shape) + 1j * rng.standard_normal(raw.water.shape)
    for useless in (np.zeros(raw.water.shape), noise):
        clean = mrs.preprocess(raw.data, water=raw.water.with_data(useless, raw.water.dims))
        assert "not one signal" in said(clean, "combine_coils")
        assert "not corrected" in said(clean, "eddy_currents")
        assert_allclose(clean.spectrum.fid, own.spectrum.fid, rtol=0, atol=1e-9 * np.abs(own.spectrum.fid).max())


def test_a_water_reference_of_other_coils_nucleus_or_field_is_refused_or_told(raw):
    with pytest.raises(InputError, match="3 coils in the water reference, 4 in the metabolite data"):
        mrs.preprocess(raw.data, water=raw.water.with_data(raw.water.data[:3], raw.water.dims))
    with pytest.raises(InputError, match="4 coils in the water reference, 1 in the metabolite data"):
        mrs.preprocess(raw.data.with_data(raw.data.data[0], raw.data.dims[1:]), water=raw.water)
    with pytest.raises(InputError, match=r"1H at 300 MHz, the data are 1H at 127\.73 MHz"):
        mrs.preprocess(raw.data, water=raw.water.with_data(raw.water.data, raw.water.dims, larmor_mhz=300.0))
    with pytest.raises(InputError, match="the water reference is 31P"):
        mrs.preprocess(raw.data, water=raw.water.with_data(raw.water.data, raw.water.dims, nucleus="31P"))
    # one of the two conjugated: the coils' phases disagree
    clean = mrs.preprocess(raw.data.with_data(np.conj(raw.data.data), raw.data.dims), water=raw.water)
    assert "CHECK: water reference and data disagree" in said(clean, "combine_coils")


def test_one_average_one_coil_and_no_signal_pass_with_a_record(raw):
    one = mrs.preprocess(raw.data.with_data(raw.data.data[:, :1], raw.data.dims), water=raw.water)
    assert said(one, "align") == "one transient: nothing to align"
    assert said(one, "average") == "averaged 1 transient, 4 transients of the water reference"
    single = mrs.preprocess(raw.data.with_data(raw.data.data[:1], raw.data.dims))
    assert said(single, "combine_coils") == "one coil: nothing to combine"
    assert single.snr() > 10
    empty = mrs.preprocess(raw.data.with_data(np.zeros(raw.data.shape), raw.data.dims))
    assert np.isnan(empty.snr())
    assert "no signal" in said(empty, "align")
    silent = np.repeat(raw.truth.spectra[0].fid[None], 16, axis=0)
    assert mrs.preprocess(raw.data.with_data(silent, ("DIM_DYN", "time"))).snr() > 1e6


def test_alignment_that_failed_is_seen_in_the_share_that_is_rejected(raw):
    jump = np.exp(2j * np.pi * np.where(np.arange(16) > 8, 45.0, 0.0)[:, None] * raw.truth.spectra[0].time_s)
    clean = mrs.preprocess(raw.data.with_data(raw.data.data * jump, raw.data.dims), water=raw.water)
    assert "CHECK: more than" in said(clean, "reject_outliers")


def test_the_list_of_steps_is_the_users(raw):
    def halved(state, *, factor: float = 0.5):
        """Scale both scans."""
        done = state.both(lambda scan: scan.with_data(factor * scan.data, scan.dims))
        return Done(done, f"scaled by {factor:g}", {"factor": factor})

    try:
        STEPS.register(name="halved", reference="a test")(halved)
        steps = ["combine_coils", ("halved", {"factor": 0.25}), "average", "align_edits"]
        clean = mrs.preprocess(raw.data, water=raw.water, steps=steps)
        assert [record["name"] for record in clean.records()] == ["combine_coils", "halved", "average", "align_edits"]
        assert clean.records()[1]["parameters"] == {"factor": 0.25}
        plain = mrs.preprocess(raw.data, water=raw.water, steps=["combine_coils", "average"])
        assert_allclose(clean.spectrum.fid, 0.25 * plain.spectrum.fid, rtol=1e-12)
        assert_allclose(clean.water.fid / clean.spectrum.fid, plain.water.fid / plain.spectrum.fid, rtol=1e-9)
    finally:
        STEPS._entries.pop("halved", None)
        STEPS._lookup.pop("halved", None)


@pytest.mark.parametrize(
    ("step", "options"),
    [
        ("align", {"rounds": 0}),
        ("align", {"seconds": -1.0}),
        ("align", {"ppm": "all"}),
        ("spectral_registration", {"max_shift_hz": 0.0}),
        ("rats", {"baseline_degree": 50}),
        ("remove_water", {"rank": 0}),
        ("remove_water", {"rank": "many"}),
        ("truncate", {"points": 2.5}),
    ],
)
def test_options_that_would_do_nothing_or_cannot_be_are_refused(step, options):
    fids = np.exp(2j * np.pi * 300 * np.arange(512) * 5e-4) * np.ones((4, 1))
    scan = mrs.Acquisition(fids, dims=("DIM_DYN", "time"), dwell_s=5e-4, larmor_mhz=127.7)
    before = ["average"] if step == "remove_water" else []
    with pytest.raises(InputError, match=next(iter(options))):
        mrs.preprocess(scan, steps=[*before, (step, options)])


def test_a_whole_fid_serves_as_the_reference_of_an_alignment():
    time_s = np.arange(2048) * 5e-4
    fids = np.stack([np.exp((2j * np.pi * (300 + shift) - 20) * time_s) for shift in (0.0, 1.5)])
    scan = mrs.Acquisition(fids, dims=("DIM_DYN", "time"), dwell_s=5e-4, larmor_mhz=127.7)
    step = mrs.preprocess(scan, steps=[("spectral_registration", {"reference": fids[0], "rounds": 1})]).steps[0]
    np.testing.assert_allclose(step.effect["shift_hz"], [[0.0, 1.5]], atol=1e-6)


def test_a_scan_is_not_its_own_water_reference():
    scan = mrs.Spectrum(np.exp(-np.arange(512) * 0.01).astype(complex), dwell_s=5e-4, larmor_mhz=127.7)
    with pytest.raises(InputError, match="same samples"):
        mrs.preprocess(scan, water=scan)
