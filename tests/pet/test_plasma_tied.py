"""Two tissue compartments with a known, a shared, or a leaking part."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.compartments import Blood
from neurochem.pet.model import MODELS
from neurochem.pet.plasma_tied import TiedProblem
from tests.pet.plasma_truth import FRAMES, SHARED, fit_means, sampled_input, scan, shared_scan, target

HIGH = {"K1": 0.35, "k2": 0.35 / 3, "k3": 0.12, "k4": 0.04, "VB": 0.05}


def test_tied_recovers_exactly_and_vnd_is_not_an_estimate():
    truth = MODELS["2TCM"].predict(HIGH, scan().view)
    for inputs in (scan(VND=3.0), scan(VND=3.0, VB=0.05)):
        fit = fit_means("2TCMtied", inputs, truth)
        assert_allclose([fit[name].value for name in HIGH], list(HIGH.values()), rtol=1e-7)
        assert_allclose([fit["VT"].value, fit["BPND"].value, fit["VS"].value], [12.0, 3.0, 9.0], rtol=1e-7)
        assert fit["VND"].fixed
        assert_allclose(fit.fitted, truth, rtol=1e-8)


def test_derivatives_of_the_tied_curve_are_right():
    inputs = scan()
    region = target(inputs, MODELS["2TCM"].predict(HIGH, inputs.view))
    problem = TiedProblem(region, inputs, Blood.of(region, inputs, "2TCMtied"))
    point = np.array([0.1, 0.08, 0.03, 0.06, 2.5])
    _, jacobian = problem.curve(point[:4], point[4])
    for index in range(5):
        step = np.zeros(5)
        step[index] = 1e-5 * point[index]
        up, down = (problem.curve((point + sign * step)[:4], (point + sign * step)[4])[0] for sign in (1, -1))
        # differences of curves of 40 kBq/mL lose digits to rounding
        assert_allclose(jacobian[:, index], (up - down) / (2 * step[index]), rtol=1e-6, atol=1e-6)


def test_tied_to_a_region_free_of_target():
    blood = sampled_input()
    free = nc.pet.simulate("1TCM", FRAMES, {"K1": 0.3, "k2": 0.1, "VB": 0.04}, blood=blood)
    bound = nc.pet.simulate("2TCM", FRAMES, HIGH, blood=blood)
    random = np.random.default_rng(1)
    curves = np.column_stack([free, bound])
    tacs = nc.pet.TimeActivityCurves(
        FRAMES, curves * (1 + 0.005 * random.standard_normal(curves.shape)), regions=["cerebellum", "thalamus"]
    )
    fits = nc.pet.fit(tacs, "2TCMtied", blood=blood, VND_region="cerebellum")
    untied = nc.pet.fit(tacs, "2TCM", blood=blood)
    fit = fits["thalamus"]
    assert_allclose(fit["VND"].value, untied["cerebellum"]["VT"].value, rtol=1e-12)
    assert_allclose(fit["VND"].stderr, untied["cerebellum"]["VT"].stderr, rtol=1e-12)
    assert abs(fit["BPND"].value - 3.0) < 4 * fit["BPND"].stderr
    # the tie is worth something
    assert fit["BPND"].stderr < untied["thalamus"]["BPND"].stderr
    # VT hardly depends on where VND is put
    assert abs(fit["VT"].value / untied["thalamus"]["VT"].value - 1) < 0.02


def test_sime_finds_the_volume_that_all_regions_share():
    fits = nc.pet.fit(shared_scan(), "SIME", blood=sampled_input())
    for name, truth in SHARED.items():
        assert_allclose(fits[name]["VND"].value, 3.0, rtol=1e-5)
        assert_allclose([fits[name][key].value for key in truth], list(truth.values()), rtol=1e-4)


def test_sime_ends_where_the_derivative_is_zero():
    tacs, blood = shared_scan(0.02, seed=4), sampled_input()
    best = nc.pet.fit(tacs, "SIME", blood=blood)
    vnd = best["low"]["VND"].value

    def total(volume: float) -> float:
        return sum(fit.diagnostics["rss"] for fit in nc.pet.fit(tacs, "2TCMtied", blood=blood, VND=volume).values())

    assert "not_identified" not in [flag.name for flag in best["low"].flags]
    assert total(vnd) < min(total(vnd * 0.99), total(vnd * 1.01))
    assert abs(vnd - 3.0) < 4 * best["low"]["VND"].stderr


def test_sime_says_when_nothing_determines_vnd():
    blood = sampled_input()
    # one compartment everywhere: every VND up to the smallest VT fits worse than VND = VT
    truth = np.column_stack(
        [nc.pet.simulate("1TCM", FRAMES, {"K1": k1, "k2": 0.1, "VB": 0.03}, blood=blood) for k1 in (0.1, 0.2, 0.3)]
    )
    tacs = nc.pet.TimeActivityCurves(FRAMES, truth, regions=["a", "b", "c"])
    fit = nc.pet.fit(tacs, "SIME", blood=blood)["a"]
    assert ("not_identified", "VND") in [(flag.name, flag.parameter) for flag in fit.flags]
    assert fit["VND"].fixed


def test_trapping_recovers_exactly():
    parameters = HIGH | {"Kb": 0.2}
    inputs = scan()
    truth = MODELS["2TCM1k"].predict(parameters, inputs.view)
    fit = fit_means("2TCM1k", inputs, truth)
    assert_allclose([fit[name].value for name in parameters], list(parameters.values()), rtol=1e-7)
    assert_allclose(fit["VT"].value, 12.0, rtol=1e-7)
    fixed = fit_means("2TCM1k", scan(VB=0.05), truth)
    assert_allclose(fixed["Kb"].value, 0.2, rtol=1e-7)
    # tracer in the vessel wall that the model does not know of looks like slow binding
    assert fit_means("2TCM", inputs, truth)["VT"].value > 12.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t, b: nc.pet.fit(t, "2TCMtied", blood=b), InputError, "2TCMtied needs VND"),
        (lambda t, b: nc.pet.fit(t, "2TCMtied", blood=b, VND=-1.0), InputError, "takes a positive volume in mL"),
        (lambda t, b: nc.pet.fit(t, "2TCMtied", blood=b, VND=1.0, VND_region="low"), InputError, "give one of them"),
        (lambda t, b: nc.pet.fit(t, "2TCMtied", blood=b, VND_region="lo"), UnknownNameError, "did you mean 'low'"),
        (lambda t, b: nc.pet.fit(t, "SIME", blood=b, regions=["low", "high"]), InputError, "at least 3 regions"),
        (lambda t, b: nc.pet.fit(t, "2TCM1k", blood=b, VB=0.0), InputError, "needs blood volume"),
    ],
)
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call(shared_scan(), sampled_input())


@pytest.mark.slow
def test_monte_carlo_of_sime():
    blood = sampled_input()
    weights = 1.0 / np.mean(shared_scan().activity, axis=1) ** 2
    estimates = [
        nc.pet.fit(shared_scan(0.02, seed=seed), "SIME", blood=blood, weights=weights)["high"] for seed in range(150)
    ]
    sound = [fit for fit in estimates if not fit["VND"].fixed]
    assert len(sound) > 140
    values = np.array([fit["VND"].value for fit in sound])
    errors = np.array([fit["VND"].stderr for fit in sound])
    # 150 scans know the SD to 6 %; the noise of a region is only proportional to the weights' on average
    assert abs(np.mean(values) - 3.0) < 4 * np.std(values) / np.sqrt(len(sound)) + 0.03
    assert 0.8 < np.median(errors) / np.std(values) < 1.2
