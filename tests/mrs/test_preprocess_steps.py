"""Every registered step alone: record, figure, input left alone; and what the smaller steps do."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.figures import save_figure
from neurochem.mrs.preprocess import STEPS
from neurochem.mrs.preprocess.residual_water import remove_components
from neurochem.mrs.simulate_raw import simulate_raw
from tests.mrs.test_raw import CONTENT, SAMPLING, of

OPTIONS = {"truncate": {"points": 1024}, "apodise": {"lorentz_hz": 2.0}}


@pytest.fixture(scope="module")
def press():
    return of(mrs.simulate_basis("press", echo_time_s=0.03, te1_s=0.015, **SAMPLING))


@pytest.fixture(scope="module")
def raw(press):
    return simulate_raw(press, rng=np.random.default_rng(0), coils=3, transients=12)


def as_acquisition(spectrum):
    return mrs.Acquisition(spectrum.fid, dwell_s=spectrum.dwell_s, larmor_mhz=spectrum.larmor_mhz)


@pytest.mark.parametrize("name", STEPS.names())
def test_every_step_keeps_a_record_draws_itself_and_leaves_its_input_alone(raw, tmp_path, name):
    before = raw.data.data.copy(), raw.water.data.copy()
    first = [] if name in {"combine_coils", "conjugate"} else ["combine_coils"]
    averaged = {"average", "align", "rats", "spectral_registration", "reject_outliers", "conjugate", "combine_coils"}
    first = first if name in averaged else [*first, "average"]
    clean = mrs.preprocess(raw.data, water=raw.water, steps=[*first, (name, OPTIONS.get(name, {}))])
    step = clean.steps[-1]
    assert step.name == name
    assert step.what
    assert step.reference
    record = json.loads(json.dumps(clean.records()[-1]))
    assert record["parameters"].keys() >= OPTIONS.get(name, {}).keys()
    ax = step.plot()
    assert ax.get_xlabel() == "chemical shift (ppm)"
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    step.plot_trace()
    assert save_figure(clean.plot_steps(), tmp_path / "steps.png", dpi=40).stat().st_size > 5000
    assert_allclose(raw.data.data, before[0], rtol=0, atol=0)
    assert_allclose(raw.water.data, before[1], rtol=0, atol=0)
    again = mrs.preprocess(raw.data, water=raw.water, steps=[*first, (name, OPTIONS.get(name, {}))])
    assert_allclose(again.data.data, clean.data.data, rtol=0, atol=0)


def test_noise_is_carried_through_filters(press, rng):
    sd = 3.0
    stack = press.fid + sd * (rng.standard_normal((64, 2048)) + 1j * rng.standard_normal((64, 2048)))
    data = as_acquisition(press).with_data(stack, ("DIM_DYN", "time"))
    clean = mrs.preprocess(
        data,
        steps=["average", ("truncate", {"points": 1500}), ("apodise", {"gauss_hz": 4.0}), ("zero_fill", {"factor": 2})],
    )
    assert clean.spectrum.points == 3000
    assert_allclose(clean.noise.sd, sd / 8, rtol=0.02)
    expected = sd / 8 * np.sqrt(np.sum(clean.noise.envelope**2))
    assert clean.noise.spectrum_sd == pytest.approx(expected, rel=0.02)
    empty = (clean.spectrum.ppm > -3.0) & (clean.spectrum.ppm < -0.5)
    # about 150 independent points of a noise that filling made smooth
    assert_allclose(np.std(clean.spectrum.spectrum[empty].real), clean.noise.spectrum_sd, rtol=0.15)


def test_the_noise_of_one_averaged_fid_comes_from_its_end(press, rng):
    fid = press.fid + 0.5 * (rng.standard_normal(2048) + 1j * rng.standard_normal(2048))
    clean = mrs.preprocess(as_acquisition(press.with_fid(fid)), steps=["average"])
    assert_allclose(clean.noise.sd, 0.5, rtol=0.08)  # 409 complex points know it to 2.5 %
    assert clean.noise.source == "last fifth of the FID"


def test_weights_keep_the_amplitude_and_the_noise_is_that_of_weighted_transients(press, rng):
    sd = np.where(np.arange(64) < 32, 1.0, 6.0)[:, None]
    stack = press.fid + sd * (rng.standard_normal((64, 2048)) + 1j * rng.standard_normal((64, 2048)))
    data = as_acquisition(press).with_data(stack, ("DIM_DYN", "time"))
    steps = [("reject_outliers", {"limit": 1e9}), ("average", {"weighted": True})]
    weighted, plain = (mrs.preprocess(data, steps=[steps[0], last]) for last in (steps[1], "average"))
    assert_allclose(np.abs(weighted.spectrum.fid[:5]), np.abs(press.fid[:5]), rtol=0.01)
    assert weighted.noise.sd < 0.5 * plain.noise.sd
    left = weighted.spectrum.fid - press.fid
    assert_allclose(np.sqrt(np.mean(np.abs(left) ** 2) / 2), 1 / np.sqrt(32), rtol=0.1)


def test_phase_and_shift_are_found_from_singlets(press):
    off = press.fid * np.exp(1j * np.radians(70.0) + 2j * np.pi * 9.0 * press.time_s)
    clean = mrs.preprocess(as_acquisition(press.with_fid(off)), steps=["reference_shift", "phase"])
    assert_allclose(clean.steps[0].effect["shift_ppm"], 9.0 / 127.73, rtol=0, atol=0.005)
    assert_allclose(clean.steps[1].effect["phase_deg"], 70.0, rtol=0, atol=8.0)  # multiplets beneath the singlets pull
    peak = clean.spectrum.ppm[np.argmax(np.abs(clean.spectrum.spectrum))]
    assert_allclose(peak, 2.008, rtol=0, atol=0.008)


def test_a_given_phase_delay_and_shift_are_taken_out_exactly(basis):
    content = {"NAA": 10.0, "Cr": 5.0}
    truth = mrs.simulate(basis, content, lorentz_hz=8.0)
    bent = mrs.simulate(basis, content, lorentz_hz=8.0, phase_deg=40.0, delay_s=2e-4)
    steps = [("phase", {"degrees": 40.0, "delay_s": 2e-4})]
    clean = mrs.preprocess(bent, steps=steps).spectrum
    inside = (truth.ppm > 0.5) & (truth.ppm < 4.2)
    height = np.abs(truth.spectrum).max()
    # a FID that starts at once cannot be moved in time without ringing at its edge
    assert np.abs(clean.spectrum - truth.spectrum)[inside].max() < 0.03 * height
    moved = mrs.preprocess(truth, steps=[("reference_shift", {"ppm": 0.1})]).spectrum
    back = mrs.preprocess(moved, steps=[("reference_shift", {"ppm": -0.1})]).spectrum
    assert_allclose(back.fid, truth.fid, rtol=1e-12, atol=1e-9)
    assert_allclose(moved.ppm[np.argmax(np.abs(moved.spectrum))], 2.108, rtol=0, atol=0.005)


def test_nothing_is_phased_where_there_is_nothing_to_phase(rng):
    noise = rng.standard_normal(1024) + 1j * rng.standard_normal(1024)
    data = mrs.Acquisition(noise, dwell_s=5e-4, larmor_mhz=127.73)
    clean = mrs.preprocess(data, steps=["phase", "reference_shift", "conjugate"])
    assert_allclose(clean.spectrum.fid, noise, rtol=0, atol=0)


@pytest.mark.parametrize("width_hz", [4.0, 8.0])
@pytest.mark.parametrize("shift_hz", [0.0, 6.0])
def test_water_of_a_hundred_times_naa_goes_and_metabolites_change_by_less_than_half_a_percent(
    press, width_hz, shift_hz
):
    amplitude = 100 * 3 * CONTENT["NAA"]
    line = np.exp(0.7j + (2j * np.pi * shift_hz - np.pi * width_hz) * press.time_s)
    clean = mrs.preprocess(press.with_fid(press.fid + amplitude * line), steps=["remove_water"]).spectrum
    inside = (press.ppm > 0.5) & (press.ppm < 4.2)
    change = (clean.spectrum - press.spectrum)[inside]
    assert np.linalg.norm(change) < 0.005 * np.linalg.norm(press.spectrum[inside])
    near = np.abs(press.ppm - 4.65) < 0.1
    assert np.abs(clean.spectrum - press.spectrum)[near].max() < 1e-3 * np.abs(np.fft.fft(amplitude * line)).max()


def test_water_of_several_lines_changes_fitted_metabolites_by_less_than_half_a_percent(press):
    """Three lines of unlike phase, and noise: what a fit with a smooth baseline makes of the change."""
    basis = mrs.simulate_basis("press", echo_time_s=0.03, te1_s=0.015, **SAMPLING)
    inside = (press.ppm > 0.5) & (press.ppm < 4.2)
    elements = np.fft.fftshift(np.fft.fft(basis.fids * np.exp(-np.pi * 6.0 * press.time_s), axis=1), axes=1)[
        :, inside
    ].T
    bend = np.vander(np.linspace(-1, 1, inside.sum()), 7)
    rows = np.block([[elements.real, bend], [elements.imag, 1j * bend]])
    table = np.block([[elements.real, bend, 0 * bend], [elements.imag, 0 * bend, bend]])
    assert rows.shape[0] == table.shape[0]

    def fitted(spectrum):
        values = spectrum.spectrum[inside]
        return np.linalg.lstsq(table, np.concatenate([values.real, values.imag]), rcond=None)[0][: len(CONTENT)]

    changes = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        scan = simulate_raw(press, rng=rng, coils=1, transients=1, snr=200)
        noise = scan.truth.noise_sd * (rng.standard_normal(2048) + 1j * rng.standard_normal(2048))
        dry = press.with_fid(press.fid + noise)
        clean = mrs.preprocess(dry.with_fid(dry.fid + scan.truth.residual_water), steps=["remove_water"]).spectrum
        changes.append(fitted(clean) / fitted(dry) - 1)
    typical = dict(zip(basis.names, np.sqrt(np.mean(np.square(changes), axis=0)), strict=True))
    for name in ("NAA", "GPC", "Ins", "Glu"):
        assert typical[name] < 0.005, (name, typical[name])


def test_components_outside_the_band_are_left(press):
    cleaned, count = remove_components(press.fid, press.dwell_s, centre_hz=-300.0, reach_hz=20.0)
    assert_allclose(cleaned, press.fid, rtol=0, atol=2e-2 * np.abs(press.fid).max())
    assert count <= 2


@pytest.mark.parametrize(
    ("step", "options", "words"),
    [
        ("truncate", {}, "either points or seconds"),
        ("truncate", {"points": 4}, "at least 16"),
        ("zero_fill", {"points": 10}, "Use truncate"),
        ("apodise", {}, "give a positive width"),
        ("phase", {"degrees": "auto"}, "or 'singlets'"),
        ("phase", {"delay_s": 0.5}, "Give seconds"),
        ("reference_shift", {"ppm": 30.0}, "at most 2 ppm"),
        ("remove_water", {"reach_ppm": 2.0}, "at most 0.45"),
        ("conjugate", {"when": "maybe"}, "'mirrored' and 'always'"),
        ("align", {"ppm": (40.0, 41.0)}, "is no range within"),
        ("reject_outliers", {"limit": 0.0}, "a limit above 0"),
        ("eddy_currents", {"least_snr": 0.0}, "must be positive"),
        ("combine_coils", {"method": "sum"}, "'wsvd' and 'reference'"),
    ],
)
def test_options_that_mean_nothing_are_refused(raw, step, options, words):
    first = {"combine_coils": [], "align": ["combine_coils"], "reject_outliers": ["combine_coils"]}
    with pytest.raises(InputError, match=words):
        mrs.preprocess(
            raw.data, water=raw.water, steps=[*first.get(step, ["combine_coils", "average"]), (step, options)]
        )


def test_steps_in_an_impossible_order_say_so(raw):
    with pytest.raises(InputError, match=r"3 coils are not combined yet.*Put combine_coils before"):
        mrs.preprocess(raw.data, steps=["align"])
    with pytest.raises(InputError, match="needs a water reference"):
        mrs.preprocess(raw.data, steps=[("combine_coils", {"method": "reference"})])


def test_a_water_reference_of_another_sampling_still_corrects(press):
    phase = 0.8 * np.exp(-press.time_s / 0.05)
    fine = np.arange(1500) * 5e-4
    water = mrs.Acquisition(1e5 * np.exp(-12 * fine + 0.8j * np.exp(-fine / 0.05)), dwell_s=5e-4, larmor_mhz=127.73)
    clean = mrs.preprocess(press.with_fid(press.fid * np.exp(1j * phase)), water=water, steps=["eddy_currents"])
    # linear interpolation of a phase that bends by 1/0.05 s within 0.5 ms
    assert_allclose(clean.spectrum.fid[:1000], press.fid[:1000], rtol=0, atol=2e-4 * np.abs(press.fid).max())


def test_a_spectrum_filled_with_zeros_is_phased_by_its_own_noise():
    basis = mrs.simulate_basis(
        "press", echo_time_s=0.03, larmor_mhz=127.7, dwell_s=5e-4, points=1024, metabolites=["NAA", "Cr", "GPC"]
    )
    scan = mrs.simulate(basis, {"NAA": 12, "Cr": 8, "GPC": 2}, lorentz_hz=5, phase_deg=40.0)
    found = [
        mrs.preprocess(scan, steps=steps).steps[-1].effect["phase_deg"] for steps in (["phase"], ["zero_fill", "phase"])
    ]
    assert abs(found[0] - 40.0) < 6.0
    # zeros add no information
    assert abs(found[1] - found[0]) < 0.1
