"""Linear and graphical models with plasma input."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.kinetics.lega import _Line
from neurochem.pet.model import MODELS
from neurochem.pet.plasma_regression import double_integral_operator, integral_before
from tests.pet.plasma_truth import FRAMES, fit_means, monte_carlo, sampled_input, scan
from tests.pet.test_plasma_models import FILE, TRUTHS
from tests.pet.truth import FENG, FRAMINGS

TWO = {"K1": 0.3, "k2": 0.1, "k3": 0.12, "k4": 0.04}
KEPT = {"K1": 0.1, "k2": 0.13, "k3": 0.06}


@pytest.mark.parametrize("framing_name", FRAMINGS)
def test_double_integral_is_that_of_the_curve(framing_name):
    frames = FRAMINGS[framing_name]
    inputs = scan(frames, blood=None)
    curve = FENG.convolved(0.3, 0.05)
    means = curve.frame_means(frames.start_min, frames.end_min)
    # int (t - u) C(u) du is minus the derivative by rate of the convolution with exp(-rate t)
    exact = -scan(frames, curve=curve, blood=None).view.convolved(0.0)[1][0]
    # early on the rebuilt curve errs most, where the bolus arrives inside a frame
    late = frames.mid_min > 3.0
    assert_allclose((double_integral_operator(inputs) @ means)[late], exact[late], rtol=1e-4)
    rebuilt = nc.pet.FrameSpline(frames).curve(means)
    own = -scan(frames, curve=rebuilt, blood=None).view.convolved(0.0)[1][0]
    assert_allclose(double_integral_operator(inputs) @ means, own, rtol=1e-11)
    assert_allclose(integral_before(inputs, frames.start_min[9]) @ means, (means * frames.duration_min)[:9].sum())


def test_ma2_recovers_two_tissues():
    inputs = scan(blood=None)
    fit = fit_means("MA2", inputs, MODELS["MA2"].predict(TWO, inputs.view))
    # the target's integrals are rebuilt from its frame means
    assert_allclose(fit["VT"].value, 12.0, rtol=2e-4)
    assert_allclose(fit["K1"].value, 0.3, rtol=2e-3)
    assert_allclose([fit["VND"].value, fit["BPND"].value], [3.0, 3.0], rtol=1e-2)
    assert_allclose(fit["VS"].value, fit["VT"].value - fit["VND"].value, rtol=1e-12)
    assert_allclose(fit["BPND"].value, fit["VS"].value / fit["VND"].value, rtol=1e-12)


def test_ma2_takes_off_blood():
    blood = sampled_input()
    made = nc.pet.simulate("MA2", FRAMES, TWO | {"VB": 0.05}, blood=blood)
    tacs = nc.pet.TimeActivityCurves(FRAMES, made, regions=["a"])
    assert_allclose(nc.pet.fit(tacs, "MA2", blood=blood, VB=0.05)["a"]["VT"].value, 12.0, rtol=5e-4)


def test_patlak_is_exact_on_its_own_curve():
    inputs = scan()
    fit = fit_means("Patlak", inputs, MODELS["Patlak"].predict({"Ki": 0.03, "V0": 0.4}, inputs.view))
    assert_allclose([fit["Ki"].value, fit["V0"].value], [0.03, 0.4], rtol=1e-10)
    assert_allclose(fit.data[fit.used], fit.fitted[fit.used], rtol=1e-9)


def test_patlak_slope_tends_to_ki():
    inputs = scan(blood=None)
    truth = MODELS["2TCMirr"].predict(KEPT, inputs.view)
    deviations = [
        fit_means("Patlak", scan(blood=None, t_star_s=60.0 * start), truth)["Ki"].value / (0.1 * 0.06 / 0.19) - 1
        for start in (10, 30, 50)
    ]
    assert abs(deviations[2]) < abs(deviations[1]) < abs(deviations[0]) < 0.02


@pytest.mark.parametrize("start", [10, 30, 50])
def test_patlak_case(start):
    if not FILE.is_file():
        pytest.skip(f"no reference cases at {FILE}")
    record = json.loads(FILE.read_text(encoding="utf-8"))
    case = next(case for case in record["cases"] if case["id"].startswith("pk03"))
    p = record["input_feng"]["parameters"]
    feng = nc.pet.Feng(p["A1"], p["A2"], p["A3"], p["L1"], p["L2"], p["L3"], t0_s=60.0 * p["t0"])
    frames = nc.pet.Frames(record["frames"]["frame_start_s"], record["frames"]["frame_duration_s"])
    tacs = nc.pet.TimeActivityCurves(frames, case["tac_frame_average"], regions=["a"], isotope="C11")
    fit = nc.pet.fit(tacs, "Patlak", blood=feng, t_star_s=60.0 * start)["a"]
    expected = case["expected"]["patlak"][f"tstar_{start}"]
    # the case takes values at mid-frame; means of ten-minute frames differ from them by a few 1e-4
    assert_allclose(fit["Ki"].value, expected["slope_exact_continuous"], rtol=1e-3)
    assert_allclose(fit["V0"].value, expected["intercept_exact_continuous"], rtol=1e-2)


@pytest.mark.parametrize("t_star_s", [None, 0.0, 600.0, 2400.0])
def test_lega_is_exact_for_one_tissue(t_star_s):
    options = {} if t_star_s is None else {"t_star_s": t_star_s}
    inputs = scan(blood=None, **options)
    fit = fit_means("LEGA", inputs, MODELS["LEGA"].predict({"K1": 0.3, "k2": 0.05}, inputs.view))
    # S is a sum of frame means and therefore exact
    assert_allclose([fit["VT"].value, fit["intercept"].value], [6.0, -20.0], rtol=1e-8)


def test_derivatives_of_lega_are_right():
    inputs = scan(blood=None)
    line = _Line(inputs, inputs.frames.mid_min > 10, 100.0)
    _, jacobian, by_start = line.at(np.array([5.0, 0.04]))
    up, down = (line.at(np.array([5.0, 0.04 * (1 + sign * 1e-5)]))[0] for sign in (1, -1))
    late = inputs.frames.mid_min > 10
    assert_allclose(jacobian[late, 1], ((up - down) / 0.8e-6)[late], rtol=1e-6, atol=1e-5)
    up, down = (line.at(np.array([5.0 + sign * 1e-3, 0.04]))[0] for sign in (1, -1))
    assert_allclose(jacobian[late, 0], ((up - down) / 2e-3)[late], rtol=1e-8)
    other = _Line(inputs, late, 101.0).at(np.array([5.0, 0.04]))[0] - line.at(np.array([5.0, 0.04]))[0]
    assert_allclose(by_start, other, rtol=1e-8, atol=1e-12)


def test_all_slopes_of_two_tissues_lie_below_vt_and_agree():
    inputs = scan(blood=None, t_star_s=2400.0)
    truth = MODELS["2TCM"].predict(TWO, inputs.view)
    values = [fit_means(model, inputs, truth)["VT"].value for model in ("Logan", "MA1", "MLLogan", "LEGA")]
    # the same line, fitted to noise-free data with other weights
    assert_allclose(values, np.mean(values), rtol=0.01)
    assert all(11.0 < value < 12.0 for value in values)


@pytest.mark.parametrize("model", ["MA2", "Patlak", "1TCM", "2TCM", "2TCMirr", "LEGA", "MLLogan"])
def test_rescaled_activity_changes_no_parameter(model):
    truth = nc.pet.simulate("2TCM", FRAMES, TRUTHS["2TCM"], blood=sampled_input())
    noisy = truth * (1 + 0.01 * np.random.default_rng(3).standard_normal(truth.size))
    source = sampled_input()
    found = []
    for factor in (1.0, 37.0, 1e-3):
        blood = nc.pet.ArterialInput(source.time_s, source.plasma_parent * factor, source.whole_blood * factor)
        tacs = nc.pet.TimeActivityCurves(FRAMES, noisy * factor, regions=["a"], isotope="C11")
        fit = nc.pet.fit(tacs, model, blood=blood)["a"]
        found.append([fit["Ki" if "Ki" in fit.estimates else "VT"].value, fit.diagnostics["relative_residual"]])
    # searches end where steps fall below 1e-11
    assert_allclose(found[1:], [found[0]] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MODELS["Patlak"].predict({"V0": 1.0}, scan().view), "Patlak needs Ki"),
        (lambda: MODELS["Patlak"].predict({"K1": 1.0}, scan().view), "unknown parameter of Patlak 'K1'"),
        (lambda: fit_means("Patlak", scan(t_star_s=5300.0), np.ones(len(FRAMES))), "usable frames from t"),
        (lambda: fit_means("MA2", scan(VB=0.05, blood=None), np.ones(len(FRAMES))), "needs whole blood"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        call()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "made_by", "parameters", "name", "true", "bias"),
    [
        ("LEGA", "1TCM", {"K1": 0.3, "k2": 0.05}, "VT", 6.0, 0.005),
        ("MLLogan", "1TCM", {"K1": 0.3, "k2": 0.05}, "VT", 6.0, 0.02),
        ("Patlak", "Patlak", {"Ki": 0.03, "V0": 0.4}, "Ki", 0.03, 0.002),
    ],
)
def test_monte_carlo(model, made_by, parameters, name, true, bias):
    inputs = scan(blood=None)
    truth = MODELS[made_by].predict(parameters, inputs.view)
    noise = 0.03 * truth
    weights = np.where(noise > 0, 1.0 / np.maximum(noise, 1e-9) ** 2, 0.0)
    inputs = scan(blood=None, weights=weights, t_star_s=1200.0)
    values, errors, intervals = monte_carlo(model, inputs, truth, noise, name, count=1000, seed=7)
    assert abs(values.mean() / true - 1) < bias
    assert 0.9 < np.sqrt(np.mean(errors**2)) / values.std(ddof=1) < 1.1
    assert 0.93 < np.mean((intervals[:, 0] <= true) & (true <= intervals[:, 1])) < 0.97
