"""Delay and dispersion: exact shifts, the delay estimated, the tube undone."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.blood_samples import BloodSamples, BloodSeries
from neurochem.pet.delay import estimate_delay, shift_input
from neurochem.pet.dispersion import correct_dispersion, correct_series, disperse
from neurochem.pet.input_models import INPUT_MODELS, fit_input
from neurochem.pet.polynomial_pieces import polynomial_pieces
from neurochem.pet.tables import read_arterial_input, read_tacs
from tests.conftest import REFERENCE_CASES
from tests.pet.truth import FENG, framing

FRAMES = framing((12, 10), (6, 30), (5, 60), (5, 300))
MINUTES = np.linspace(0, 30, 601)


def sampled(first: float = 0.0) -> nc.pet.ArterialInput:
    time = np.concatenate([np.arange(first, 301, 5.0), [360, 480, 600, 900, 1200, 1800, 2400]])
    feng = nc.pet.Feng(851.1225, 21.8798, 20.8113, 4.133859, 0.1191, 0.01043, t0_s=25.0)
    plasma = feng.values(time / 60)
    return nc.pet.ArterialInput(time, plasma, 0.65 * plasma)


def fraction_input() -> nc.pet.ArterialInput:
    base = sampled()
    blood = BloodSamples(
        plasma=BloodSeries(base.time_s, base.plasma_parent), whole_blood=BloodSeries(base.time_s, base.whole_blood),
        parent_fraction=BloodSeries([60, 300, 900, 1800], [0.98, 0.85, 0.5, 0.3]),
    )  # fmt: skip
    return blood.input("Hill")


def kinds():
    triexp = INPUT_MODELS["triexp"].curve(np.array([60.0, 25.0, 12.0, 3.1, 0.25, 0.012, 0.41, 0.37]))
    base = sampled()
    return {
        "samples": base, "fitted": fraction_input(), "late samples": sampled(10.0),
        "Feng": nc.pet.Feng(800, 20, 20, 4, 0.1, 0.01, 40),
        "tri-exponential": triexp, "polynomials": nc.pet.PiecewisePolynomial.linear(base.time_s / 60, base.plasma_parent),
    }  # fmt: skip


@pytest.mark.parametrize("name", kinds())
@pytest.mark.parametrize("delay", [0.0, 7.3, -6.1])
def test_a_shifted_input_is_the_old_one_earlier_or_later(name, delay):
    curve = kinds()[name]
    moved = shift_input(curve, delay)
    before = MINUTES - delay / 60
    expected = np.where(before >= 0, curve.values(np.maximum(before, 0)), 0.0)
    assert_allclose(moved.values(MINUTES), expected, rtol=1e-8, atol=1e-8)
    if name in {"samples", "fitted", "late samples"}:
        blood = np.where(before >= 0, curve.blood(2400.0).values(np.maximum(before, 0)), 0.0)
        assert_allclose(moved.blood(1800.0).values(MINUTES), blood, rtol=1e-8, atol=1e-8)
    # what was there before a cut at injection is lost, so compare integrals only where nothing was
    area = moved.convolved_values(0.2, [20.0])
    assert_allclose(area, curve.convolved_values(0.2, [20.0 - delay / 60]), rtol=1e-7)


def test_a_fitted_input_keeps_its_error_when_shifted():
    rng = np.random.default_rng(2)
    base = sampled()
    noisy = [0.97, 0.86, 0.49, 0.33, 0.2]
    made = BloodSamples(
        plasma=BloodSeries(base.time_s, base.plasma_parent),
        parent_fraction=BloodSeries([60, 300, 900, 1800, 2400], noisy),
    ).input("Hill")
    moved = shift_input(made, 6.0)
    assert_allclose(moved.stderr(MINUTES[50:]), made.stderr(MINUTES[50:] - 0.1), rtol=1e-9)
    assert np.isfinite(moved.draw(rng).values(MINUTES)).all()


def tissue(blood, delay, model="MA1", parameters=None):
    given = parameters or {"K1": 0.12, "VT": 4.0, "VB": 0.05}
    curve = nc.pet.simulate(model, FRAMES, given, blood=shift_input(blood, delay))
    return nc.pet.TimeActivityCurves(FRAMES, curve, regions=["brain"], isotope="C11")


@pytest.mark.parametrize("delay", [-12.0, 0.0, 4.2, 17.0])
@pytest.mark.parametrize("source", [sampled, fraction_input])
def test_noise_free_delay_is_found(delay, source):
    blood = source()
    fit = estimate_delay(tissue(blood, delay), blood)
    assert fit.success
    assert_allclose(fit["delay"].value, delay, atol=1e-5)
    assert_allclose([fit["K1"].value, fit["k2"].value, fit["VB"].value], [0.12, 0.03, 0.05], rtol=1e-5)
    assert fit["delay"].unit == "s"


def test_the_delay_of_a_mean_of_regions_weighs_voxels():
    blood = sampled()
    one, two = tissue(blood, 5.0), tissue(blood, 5.0, parameters={"K1": 0.2, "VT": 9.0, "VB": 0.03})
    both = nc.pet.TimeActivityCurves(
        FRAMES, np.column_stack([one.activity, two.activity]), regions=["a", "b"], voxels=[900, 100], isotope="C11"
    )
    fit = estimate_delay(both, blood)
    assert_allclose(fit.data, 0.9 * one["brain"] + 0.1 * two["brain"], rtol=1e-12)
    assert abs(fit["delay"].value - 5.0) < 0.2
    assert_allclose(estimate_delay(both, blood, region="b")["K1"].value, 0.2, rtol=1e-5)


def test_standard_error_of_the_delay_matches_its_spread():
    blood = sampled()
    exact = tissue(blood, 4.2)
    sd = 0.001 * exact["brain"].max() / np.sqrt(FRAMES.duration_min)
    rng = np.random.default_rng(6)
    rows = []
    for _ in range(60):
        noisy = nc.pet.TimeActivityCurves(
            FRAMES, exact["brain"] + sd * rng.standard_normal(len(FRAMES)), regions=["brain"], isotope="C11"
        )
        fit = estimate_delay(noisy, blood, weights=1 / sd**2, limits_s=(-10, 20))
        rows.append((fit["delay"].value, fit["delay"].stderr))
    values, errors = np.array(rows).T
    # 60 replicates know an SD to 9 %
    assert_allclose(np.sqrt(np.mean(errors**2)), values.std(), rtol=0.25)
    assert abs(values.mean() - 4.2) < 4 * values.std() / np.sqrt(60)


def test_without_whole_blood_the_delay_says_so():
    blood = nc.pet.ArterialInput(sampled().time_s, sampled().plasma_parent)
    fit = estimate_delay(tissue(blood, 3.0, parameters={"K1": 0.1, "VT": 3.0}), blood)
    assert_allclose(fit["delay"].value, 3.0, atol=1e-5)
    assert fit["VB"].fixed
    assert [flag.name for flag in fit.flags] == ["no_whole_blood"]


def test_the_delay_of_pk08():
    file = REFERENCE_CASES
    if not file.is_file():
        pytest.skip(f"no reference cases at {file}")
    record = json.loads(file.read_text(encoding="utf-8"))
    case = next(item for item in record["cases"] if item["id"].startswith("pk08"))
    table = {name: np.array(column) for name, column in case["blood_table"].items()}
    blood = nc.pet.ArterialInput(60 * table["time_min"], table["parent_plasma"], table["whole_blood"])
    frames = nc.pet.Frames(record["frames"]["frame_start_s"], record["frames"]["frame_duration_s"])
    p = case["params"]
    # the forward curve with the delay, to the tolerance the case states
    rates = {name: p[name] for name in ("K1", "k2", "k3", "k4")}
    made = nc.pet.simulate("2TCM", frames, {**rates, "VB": p["vB"]}, blood=shift_input(blood, 60 * p["delay_min"]))
    assert_allclose(made, case["tac_frame_average"], rtol=case["expected"]["forward_rel_tol"], atol=1e-10)
    tacs = nc.pet.TimeActivityCurves(frames, case["tac_frame_average"], regions=["target"], isotope="C11")
    fit = estimate_delay(tacs, blood, model="2TCM", until_s=900)
    assert_allclose(fit["delay"].value, 60 * p["delay_min"], atol=1e-4)
    assert_allclose([fit["K1"].value, fit["VB"].value], [p["K1"], p["vB"]], rtol=1e-4)
    # one tissue cannot follow two, yet the arrival is right to a quarter of a second
    assert_allclose(estimate_delay(tacs, blood)["delay"].value, 60 * p["delay_min"], atol=0.25)


def test_real_scans_have_a_delay_of_seconds(real_data):
    folder = real_data / "pet" / "pbr28"
    for scan in ("cgyu_1", "cgyu_2", "flfp_1", "jdcs_1"):
        file = folder / f"pbr28_{scan}_procblood.tsv"
        if not file.is_file():
            pytest.skip(f"no {file}")
        blood = read_arterial_input(file, time="Time", plasma_parent="Cpl_metabcorr", whole_blood="Cbl_dispcorr",
                                    time_unit="s", activity_unit="kBq/mL")  # fmt: skip
        tacs = read_tacs(folder / f"pbr28_{scan}_tacs.tsv", start="StartTime", duration="Duration", regions=["WB"],
                         time_unit="s", activity_unit="kBq/mL", isotope="C11")  # fmt: skip
        fit = estimate_delay(tacs, blood)
        assert fit.success
        # blood reaches the brain within seconds of the sampler; the four give 2 to 16 s
        assert 0 < fit["delay"].value < 20
        assert 0 < fit["delay"].stderr < 2
        assert 0.01 < fit["VB"].value < 0.12


def test_bad_delays_are_named():
    blood = sampled()
    tacs = tissue(blood, 0.0)
    with pytest.raises(UnknownNameError, match="did you mean '1TCM'"):
        estimate_delay(tacs, blood, model="1TC")
    with pytest.raises(UnknownNameError, match="region"):
        estimate_delay(tacs, blood, region="bran")
    with pytest.raises(InputError, match="raise until_s"):
        estimate_delay(tacs, blood, until_s=30)
    with pytest.raises(InputError, match="3 weights for 28 frames"):
        estimate_delay(tacs, blood, weights=[1, 2, 3])
    with pytest.raises(InputError, match="finite number of seconds"):
        shift_input(blood, np.nan)
    with pytest.raises(InputError, match="before injection"):
        shift_input(blood, -3000.0)
    with pytest.raises(InputError, match="before injection"):
        shift_input(FENG, -10.0)
    narrow = estimate_delay(tissue(blood, 10.0), blood, limits_s=(-5, 5))
    assert narrow["delay"].at_bound
    assert "edge" in [flag.name for flag in narrow.flags]


@pytest.mark.parametrize("tau", [3.0, 12.0])
@pytest.mark.parametrize("name", ["Feng", "tri-exponential", "polynomials"])
def test_dispersion_and_its_correction_are_inverse(name, tau):
    curve = kinds()[name]
    measured = disperse(curve, tau)
    back = correct_dispersion(measured, tau)
    # polynomials follow the dispersed curve to 1e-10, their slopes to fewer digits
    assert_allclose(
        back.values(MINUTES), curve.values(MINUTES), rtol=1e-6, atol=1e-5 if name == "polynomials" else 1e-9
    )
    # the area stays, the peak falls and comes later
    area = [c.convolved_values(0.0, [30.0])[0] for c in (curve, measured)]
    lost = tau / 60 * measured.values(30.0)
    assert_allclose(area[1] + lost, area[0], rtol=1e-8)
    assert measured.values(MINUTES).max() < curve.values(MINUTES).max()
    assert np.argmax(measured.values(MINUTES)) >= np.argmax(curve.values(MINUTES))


def test_dispersed_samples_come_back_through_a_spline():
    def smooth(t):
        return 20 * t**2 * np.exp(-t / 1.5) + 3 * (1 - np.exp(-t))

    true = polynomial_pieces(smooth, np.array([0.0, 12.0]))
    time = np.arange(0, 601, 5.0)
    measured = disperse(true, 9.0).values(time / 60)
    rng = np.random.default_rng(1)
    series = BloodSeries(time, measured + 0.02 * rng.standard_normal(time.size), name="whole blood")
    back = correct_series(series, 9.0)
    uncorrected = np.abs(measured - smooth(time / 60)).max()
    assert np.abs(back.values - smooth(time / 60)).max() < 0.1 * uncorrected
    assert back.sources == series.sources


def test_bad_dispersion_is_named():
    with pytest.raises(InputError, match="must be positive"):
        disperse(FENG, 0.0)
    with pytest.raises(InputError, match="kink at"):
        correct_dispersion(kinds()["polynomials"], 5.0)
    with pytest.raises(InputError, match="smooth"):
        correct_dispersion(sampled(), 5.0)
    with pytest.raises(InputError, match="until_s"):
        disperse(sampled(), 5.0)
    assert disperse(sampled(), 5.0, until_s=1200).values(10.0) > 0
    spline = fit_input(sampled().time_s, sampled().plasma_parent, model="spline").curve
    assert np.isfinite(correct_dispersion(spline, 5.0).values(MINUTES)).all()
