"""Compartment models with plasma input."""

import json

import lmfit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.compartments import two_tissue_constants, two_tissue_exponentials
from neurochem.pet.curves import ExponentialSum, Term
from neurochem.pet.model import MODELS
from neurochem.pet.plasma_blood import PlasmaAndBlood
from neurochem.pet.view import FrameView, PointView
from tests.conftest import REFERENCE_CASES
from tests.pet.plasma_truth import BLOOD, FRAMES, fit_means, monte_carlo, sampled_input, scan
from tests.pet.truth import FENG

FILE = REFERENCE_CASES
# model, parameters, and the exponentials of the impulse response worked out by hand
TRUTHS = {
    "1TCM": {"K1": 0.45, "k2": 0.045, "VB": 0.05},
    "2TCM": {"K1": 0.3, "k2": 0.1, "k3": 0.12, "k4": 0.04, "VB": 0.05},
    "2TCMirr": {"K1": 0.1, "k2": 0.13, "k3": 0.06, "VB": 0.03},
}
MODELS_HERE = list(TRUTHS)
DERIVED = {
    "1TCM": {"VT": 10.0},
    "2TCM": {"VT": 12.0, "VND": 3.0, "BPND": 3.0, "VS": 9.0},
    "2TCMirr": {"Ki": 0.1 * 0.06 / 0.19, "VND": 10.0 / 13.0},
}


@pytest.fixture(scope="module")
def cases() -> dict:
    if not FILE.is_file():
        pytest.skip(f"no reference cases at {FILE}")
    record = json.loads(FILE.read_text(encoding="utf-8"))
    return record | {case["id"][:4]: case for case in record["cases"]}


@pytest.fixture(scope="module")
def feng(cases) -> nc.pet.Feng:
    p = cases["input_feng"]["parameters"]
    return nc.pet.Feng(p["A1"], p["A2"], p["A3"], p["L1"], p["L2"], p["L3"], t0_s=60.0 * p["t0"])


@pytest.fixture(scope="module")
def frames(cases) -> nc.pet.Frames:
    return nc.pet.Frames(cases["frames"]["frame_start_s"], cases["frames"]["frame_duration_s"])


def scaled(curve: ExponentialSum, factor: float) -> ExponentialSum:
    return ExponentialSum([Term(factor * t.amplitude, t.rate, t.power) for t in curve.terms], curve.onset)


CASES = [
    ("pk01", "1TCM", {"K1": 0.45, "k2": 0.045}),
    ("pk02", "2TCM", {"K1": 0.3, "k2": 0.1, "k3": 0.12, "k4": 0.04, "VB": 0.05}),
    ("pk03", "2TCMirr", {"K1": 0.1, "k2": 0.13, "k3": 0.06}),
    ("pk07", "2TCM", {"K1": 0.36, "k2": 0.12, "k3": 0.09, "k4": 0.03}),
]


@pytest.mark.parametrize(("case", "model", "parameters"), CASES)
def test_forward_case_and_refit(cases, feng, frames, case, model, parameters):
    blood = scaled(feng, 0.7) if "VB" in parameters else None
    means = np.array(cases[case]["tac_frame_average"])
    made = MODELS[model].predict(parameters, FrameView(frames, feng, blood))
    assert_allclose(made, means, rtol=1e-10)
    middle = MODELS[model].predict(parameters, PointView(frames.mid_min, feng, blood))
    assert_allclose(middle, cases[case]["tac_instantaneous_mid_frame"], rtol=1e-10, atol=1e-12)
    fit = fit_means(model, scan(frames, curve=feng, blood=blood), means)
    assert_allclose([fit[name].value for name in parameters], list(parameters.values()), rtol=1e-9)
    assert fit.flags == ()


def test_sampled_input_with_delay(cases, frames):
    case = cases["pk08"]
    table = case["blood_table"]
    time = np.append(0.0, np.array(table["time_min"]) + case["params"]["delay_min"])
    plasma, blood = (
        nc.pet.PiecewisePolynomial.linear(time, np.append(0.0, table[name]))
        for name in ("parent_plasma", "whole_blood")
    )
    parameters = {"K1": 0.12, "k2": 0.07, "k3": 0.05, "k4": 0.02, "VB": 0.04}
    means = np.array(case["tac_frame_average"])
    assert_allclose(MODELS["2TCM"].predict(parameters, FrameView(frames, plasma, blood)), means, rtol=1e-12)
    fit = fit_means("2TCM", scan(frames, curve=plasma, blood=blood), means)
    assert_allclose(fit["VT"].value, 6.0, rtol=1e-10)
    assert_allclose([fit[name].value for name in parameters], list(parameters.values()), rtol=1e-9)


@pytest.mark.parametrize("model", MODELS_HERE)
def test_exact_input_gives_exact_parameters(model):
    inputs = scan()
    truth = MODELS[model].predict(TRUTHS[model], inputs.view)
    fit = fit_means(model, inputs, truth)
    expected = TRUTHS[model] | DERIVED[model]
    assert set(fit.estimates) == set(expected)
    assert_allclose([fit[name].value for name in expected], list(expected.values()), rtol=1e-9)
    assert fit.success
    fixed = fit_means(model, scan(VB=TRUTHS[model]["VB"]), truth)
    assert_allclose([fixed[name].value for name in expected], list(expected.values()), rtol=1e-9)
    assert fixed["VB"].fixed
    assert np.isnan(fixed["VB"].stderr)
    assert_allclose(fixed.fitted, truth, rtol=1e-10)


@pytest.mark.parametrize("model", MODELS_HERE)
def test_sampled_input_gives_parameters_within_the_error_of_its_samples(model):
    truth = MODELS[model].predict(TRUTHS[model], scan().view)
    tacs = nc.pet.TimeActivityCurves(FRAMES, truth, regions=["target"], isotope="C11")
    fit = nc.pet.fit(tacs, model, blood=sampled_input())["target"]
    expected = TRUTHS[model] | DERIVED[model]
    for name, value in expected.items():
        # straight lines between samples 1 s apart miss the top of the bolus by 0.05 %
        sharp = name in {"VT", "Ki"} or (model == "1TCM" and name != "VB")
        tolerance = 2e-3 if sharp else 1e-2
        assert abs(fit[name].value / value - 1) < tolerance, name


def test_simulate_goes_round():
    blood = sampled_input()
    made = nc.pet.simulate("2TCM", FRAMES, TRUTHS["2TCM"], blood=blood)
    fit = nc.pet.fit(nc.pet.TimeActivityCurves(FRAMES, made, regions=["a"]), "2tcm", blood=blood)["a"]
    assert_allclose(fit["k3"].value, 0.12, rtol=1e-8)
    other = nc.pet.simulate("2TCM", FRAMES, {"K1": 0.3, "VND": 3.0, "BPND": 3.0, "k4": 0.04, "VB": 0.05}, blood=blood)
    assert_allclose(other, made, rtol=1e-12)


def test_impulse_response_solves_the_differential_equations():
    constants = np.array([0.3, 0.1, 0.12, 0.04])
    k1, k2, k3, k4 = constants
    system = np.array([[-(k2 + k3), k4], [k3, -k4]])
    rates, vectors = np.linalg.eig(system)
    weights = vectors.sum(axis=0) * np.linalg.solve(vectors, [k1, 0.0])
    order = np.argsort(-rates)
    amplitudes, found = two_tissue_exponentials(*constants)
    assert_allclose(found, -rates[order], rtol=1e-13)
    assert_allclose(amplitudes, weights[order], rtol=1e-12)


@given(k1=st.floats(0.01, 1.0), k2=st.floats(0.01, 1.0), k3=st.floats(1e-3, 1.0), k4=st.floats(1e-3, 0.5))
@settings(max_examples=60, deadline=None)
def test_rate_constants_and_exponentials_are_inverse(k1, k2, k3, k4):
    amplitudes, rates = two_tissue_exponentials(k1, k2, k3, k4)
    assert_allclose(sum(amplitudes), k1, rtol=1e-12)
    assert_allclose(amplitudes[0] / rates[0] + amplitudes[1] / rates[1], k1 / k2 * (1 + k3 / k4), rtol=1e-9)
    # k3 far below k2 - k4 leaves an amplitude of small relative precision
    assert_allclose(two_tissue_constants(*amplitudes, *rates), [k1, k2, k3, k4], rtol=1e-6)


def test_degenerate_impulse_response_is_one_exponential():
    amplitudes, rates = two_tissue_exponentials(0.3, 0.1, 0.0, 0.1)
    assert amplitudes == (0.3, 0.0)
    assert_allclose(rates, (0.1, 0.1))
    inputs = scan(blood=None)
    one = MODELS["1TCM"].predict({"K1": 0.3, "k2": 0.1}, inputs.view)
    assert_allclose(MODELS["2TCM"].predict({"K1": 0.3, "k2": 0.1, "k3": 0, "k4": 0.1}, inputs.view), one, rtol=1e-13)


def test_two_tissues_on_one_tissue_data_keep_vt_and_say_what_is_unknown():
    inputs = scan(blood=None)
    one = MODELS["1TCM"].predict({"K1": 0.3, "k2": 0.05}, inputs.view)
    noisy = one * (1 + 0.01 * np.random.default_rng(5).standard_normal(one.size))
    fit = fit_means("2TCM", inputs, noisy)
    assert abs(fit["VT"].value - 6.0) < 4 * fit["VT"].stderr + 0.05
    told = {flag.parameter for flag in fit.flags if flag.name in {"not_identified", "edge", "high_relative_stderr"}}
    assert told & {"k3", "k4", "BPND"}


def test_irreversible_tissue_drives_the_slow_rate_of_2tcm_to_its_edge():
    inputs = scan()
    truth = MODELS["2TCMirr"].predict(TRUTHS["2TCMirr"], inputs.view)
    fit = fit_means("2TCM", inputs, truth)
    assert fit["VT"].at_bound
    assert "edge" in [flag.name for flag in fit.flags]
    # a slowest rate of 0.06/T is not zero, and the others make up for it
    assert_allclose(fit["K1"].value, 0.1, rtol=3e-2)


def test_no_uptake_fails_without_an_exception():
    inputs = scan()
    fit = fit_means("2TCM", inputs, 0.05 * inputs.view.blood - 0.01)
    assert not fit.success
    assert "K1 is zero" in fit.flags[0].message


def test_blood_volume_that_would_be_negative_is_zero_and_flagged():
    inputs = scan()
    truth = MODELS["1TCM"].predict(TRUTHS["1TCM"] | {"VB": 0.0}, inputs.view)
    fit = fit_means("1TCM", inputs, truth - 0.01 * inputs.view.blood)
    assert fit["VB"].value == 0.0
    assert ("edge", "VB") in [(flag.name, flag.parameter) for flag in fit.flags]


@pytest.mark.parametrize("model", MODELS_HERE)
def test_the_search_finds_the_lowest_valley(model):
    inputs = scan()
    truth = MODELS[model].predict(TRUTHS[model], inputs.view)
    random = np.random.default_rng(11)
    curves = inputs.washout_grid[1]
    for _ in range(8):
        noisy = truth + 0.05 * truth * random.standard_normal(truth.size)
        found = fit_means(model, inputs, noisy).diagnostics["rss"]
        # non-negative least squares over a whole grid of rates bounds what two can reach; no pair of the grid is better
        constant = [inputs.view.blood] + ([inputs.input_integral] if model == "2TCMirr" else [])
        count = 2 if model == "2TCM" else 1
        best = min(
            np.sum((np.column_stack([*columns, *constant]) @ solution - noisy) ** 2)
            for columns in ([curves[[i, j]] for i in range(64) for j in range(i)] if count == 2 else curves[:, None])
            if (solution := np.linalg.lstsq(np.column_stack([*columns, *constant]), noisy, rcond=None)[0]).min() >= 0
        )
        assert found <= best * (1 + 1e-12)


def test_lmfit_reaches_the_same_minimum():
    blood = sampled_input()
    truth = nc.pet.simulate("2TCM", FRAMES, TRUTHS["2TCM"], blood=blood)
    noisy = truth * (1 + 0.005 * np.random.default_rng(2).standard_normal(truth.size))
    tacs = nc.pet.TimeActivityCurves(FRAMES, noisy, regions=["a"])
    weights = np.ones(len(FRAMES))
    parameters = lmfit.create_params(
        **{name: {"value": value * 1.2, "min": 0} for name, value in TRUTHS["2TCM"].items()}
    )
    through, own = (
        nc.pet.fit(tacs, "2TCM", blood=blood, weights=weights, parameters=choice)["a"] for choice in (parameters, None)
    )
    # lmfit's Jacobian is by differences
    assert_allclose([through[n].value for n in own.estimates], [own[n].value for n in own.estimates], rtol=1e-4)
    assert_allclose(through["VT"].stderr, own["VT"].stderr, rtol=0.05)


def test_closed_form_whole_blood_is_a_curve():
    pair = PlasmaAndBlood(FENG, BLOOD)
    time = np.array([0.0, 0.5, 3.0, 60.0])
    assert_allclose(pair.values(time), FENG.values(time))
    assert pair.parent(60.0) is FENG
    assert pair.blood(60.0) is BLOOD
    assert_allclose(pair.frame_means([0.0, 1.0], [1.0, 5.0]), FENG.frame_means([0.0, 1.0], [1.0, 5.0]), rtol=1e-14)
    with pytest.raises(InputError, match=r"whole_blood is the list .* it takes a Curve"):
        PlasmaAndBlood(FENG, [1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: MODELS["2TCM"].predict({"K1": 0.1, "k2": 0.1, "k3": 0.1}, v), "2TCM needs k4"),
        (lambda v: MODELS["2TCM"].predict({"K1": 0.1, "k3": 0.1, "k4": 0.1}, v), "2TCM needs k2 or VND"),
        (lambda v: MODELS["2TCM"].predict({"K1": -0.1, "k2": 0.1, "k3": 0.1, "k4": 0.1}, v), "must not be negative"),
        (lambda v: MODELS["2TCM"].predict({"K1": 0.1, "k2": 1, "k3": 1, "k4": 1, "VB": 0.1}, v), "needs whole blood"),
        (
            lambda v: MODELS["2TCMirr"].predict({"K1": 0.1, "k2": 0.1, "k3": 0.1, "k4": 0.1}, v),
            "unknown parameter of 2TCMirr 'k4'",
        ),
        (lambda v: fit_means("1TCM", scan(blood=None, VB=0.05), np.ones(len(FRAMES))), "needs whole blood"),
        (lambda v: fit_means("1TCM", scan(VB=5), np.ones(len(FRAMES))), "between 0 and 1"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        call(FrameView(FRAMES, FENG))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["1TCM", "2TCM"])
def test_monte_carlo_of_vt(model):
    inputs = scan()
    truth = MODELS[model].predict(TRUTHS[model], inputs.view)
    noise = 0.03 * truth
    weights = 1.0 / noise**2
    values, errors, intervals = monte_carlo(model, scan(weights=weights), truth, noise, "VT", count=1000, seed=20260101)
    true = DERIVED[model]["VT"]
    # 1000 scans: the mean is known to SD/sqrt(1000), the SD to 2.2 %, coverage to 0.7 %
    assert abs(values.mean() / true - 1) < 0.01
    assert 0.9 < np.sqrt(np.mean(errors**2)) / values.std(ddof=1) < 1.1
    assert 0.93 < np.mean((intervals[:, 0] <= true) & (true <= intervals[:, 1])) < 0.97
