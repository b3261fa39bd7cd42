"""Parent fraction and blood-to-plasma ratio: known truth, derivatives, errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.parent_fraction import (
    PARENT_FRACTIONS,
    choose_parent_fraction,
    fit_parent_fraction,
    parent_fraction_weights,
)
from neurochem.pet.plasma_ratio import BLOOD_TO_PLASMA, fit_blood_to_plasma
from neurochem.pet.sample_fit import Samples

TIMES_S = 60.0 * np.array([1, 3, 5, 8, 12, 20, 30, 40, 50, 60, 75, 90.0])
TRUTH = {
    "Hill": [1.0, 0.08, 1.6, np.log10(40.0)],
    "power": [1.0, 0.09, 1.4, 0.7],
    "exponential": [1.0, 0.75, 0.11, 0.006],
    "inverse gamma": [0.96, 0.9, 1.3, 14.0],
    "sigmoid": [3.2, 0.5, 0.1],
}
RATIOS = {"constant": [0.7], "linear": [0.62, 0.002], "exponential": [0.74, 0.6, 0.05]}


def closed_form(name, t):
    """The equations again, written independently of the package."""
    p = TRUTH[name]
    match name:
        case "Hill":
            return p[0] - (p[0] - p[1]) * t ** p[2] / (40.0 + t ** p[2])
        case "power":
            return p[0] / (1 + (p[1] * t) ** p[2]) ** p[3]
        case "exponential":
            return p[1] * np.exp(-p[2] * t) + (p[0] - p[1]) * np.exp(-p[3] * t)
        case "inverse gamma":
            return p[0] * (1 - p[1] * special.gammaincc(p[2], p[3] / t))
        case _:
            return ((1 - t**3 / (t**3 + 10 ** p[0])) ** p[1] + p[2]) / (1 + p[2])


@pytest.mark.parametrize("name", TRUTH)
def test_noise_free_fractions_return_the_truth(name):
    fit = fit_parent_fraction(TIMES_S, closed_form(name, TIMES_S / 60), model=name)
    assert fit.result.success
    assert not fit.result.flags
    assert_allclose([e.value for e in fit.result], TRUTH[name], rtol=1e-6)
    late = np.linspace(0.01, 120, 200)
    assert_allclose(fit.values(late), closed_form(name, late), atol=1e-8)


@pytest.mark.parametrize("name", TRUTH)
def test_derivatives_match_differences(name):
    model, theta = PARENT_FRACTIONS[name], np.array(TRUTH[name])
    times = np.array([0.0, 0.02, 0.5, 2.0, 14.0, 90.0])
    step = 1e-6
    for index in range(theta.size):
        high, low = theta.copy(), theta.copy()
        high[index] += step
        low[index] -= step
        difference = (model.values(high, times) - model.values(low, times)) / (2 * step)
        # central differences with this step err by about 1e-9
        assert_allclose(model.jacobian(theta, times)[:, index], difference, atol=1e-8, rtol=1e-6)


def test_a_fraction_is_that_at_injection_at_time_zero():
    for name, truth in TRUTH.items():
        start = truth[0] if name == "inverse gamma" else 1.0
        assert_allclose(PARENT_FRACTIONS[name].values(np.array(truth), np.zeros(1)), start, rtol=1e-12)


@pytest.mark.parametrize("name", TRUTH)
def test_curves_stay_between_zero_and_one_whatever_the_noise(name):
    rng = np.random.default_rng(3)
    times = np.linspace(0, 200, 300)
    for _ in range(5):
        noisy = np.clip(closed_form(name, TIMES_S / 60) + 0.1 * rng.standard_normal(12), 0, 1)
        curve = fit_parent_fraction(TIMES_S, noisy, model=name).values(times)
        assert curve.min() >= 0
        assert curve.max() <= 1 + 1e-12


def test_pf0_is_fitted_when_asked_for():
    truth = 0.93 - (0.93 - 0.08) * (TIMES_S / 60) ** 1.6 / (40 + (TIMES_S / 60) ** 1.6)
    fit = fit_parent_fraction(TIMES_S, truth, fixed={"pf0": None}).result
    assert_allclose(fit["pf0"].value, 0.93, rtol=1e-6)
    assert not fit["pf0"].fixed
    assert fit_parent_fraction(TIMES_S, truth).result["pf0"].fixed


def test_standard_errors_of_hill_match_their_spread():
    rng = np.random.default_rng(7)
    truth = closed_form("Hill", TIMES_S / 60)
    rows, curves = [], []
    for _ in range(300):
        fit = fit_parent_fraction(TIMES_S, truth + 0.01 * rng.standard_normal(12))
        rows.append([(fit.result[p].value, fit.result[p].stderr) for p in ("a", "b", "c")])
        curves.append((fit.values(25.0), fit.stderr(25.0)))
    values, errors = np.moveaxis(np.array(rows), 2, 0)
    # 300 replicates know an SD to 4 %; 9 degrees of freedom spread single errors but not their mean square
    assert_allclose(np.sqrt((errors**2).mean(axis=0)), values.std(axis=0), rtol=0.12)
    curve, error = np.array(curves).T
    assert_allclose(np.sqrt((error**2).mean()), curve.std(), rtol=0.12)
    assert abs(curve.mean() - closed_form("Hill", 25.0)) < 4 * curve.std() / np.sqrt(300)


def test_draws_spread_like_the_standard_error():
    rng = np.random.default_rng(8)
    fit = fit_parent_fraction(TIMES_S, closed_form("Hill", TIMES_S / 60) + 0.01 * rng.standard_normal(12))
    drawn = np.array([fit.draw(rng).values(25.0) for _ in range(1000)])
    assert_allclose(drawn.std(), float(fit.stderr(25.0)), rtol=0.1)


def test_aicc_finds_the_model_that_made_the_samples():
    rng = np.random.default_rng(9)
    for name in ("Hill", "power", "exponential"):
        samples = Samples(TIMES_S, closed_form(name, TIMES_S / 60) + 1e-4 * rng.standard_normal(12))
        chosen = choose_parent_fraction(samples, models=["Hill", "power", "exponential"])
        assert chosen.result.model == name
        assert set(chosen.result.settings["aicc"]) == {"Hill", "power", "exponential"}
    assert fit_parent_fraction(TIMES_S, closed_form("power", TIMES_S / 60), model="best").result.model == "power"


def test_a_sample_of_no_weight_changes_nothing_and_a_factor_on_weights_neither():
    truth = closed_form("Hill", TIMES_S / 60) + 0.01 * np.sin(np.arange(12))
    keep = np.arange(12) != 4
    weights = parent_fraction_weights(TIMES_S, 100 * np.exp(-TIMES_S / 3000), "C11")
    bad = truth.copy()
    bad[4] = np.nan
    without = fit_parent_fraction(TIMES_S[keep], truth[keep], weights=weights[keep]).result
    given = fit_parent_fraction(TIMES_S, bad, weights=weights * keep * 1e6).result
    for name in ("a", "b", "c"):
        assert_allclose([given[name].value, given[name].stderr], [without[name].value, without[name].stderr], rtol=1e-6)


def test_interpolation_passes_through_samples_from_one_at_injection():
    fit = fit_parent_fraction([600.0, 1200.0, 1200.0], [0.6, 0.5, 0.3], model="interpolation")
    assert_allclose(fit.values([0, 5, 10, 15, 20, 60]), [1, 0.8, 0.6, 0.5, 0.4, 0.4])
    assert np.isnan(fit.stderr([1.0])).all()
    assert fit.result.model == "interpolation"


@pytest.mark.parametrize("name", RATIOS)
def test_ratios_return_the_truth(name):
    truth = BLOOD_TO_PLASMA[name].values(np.array(RATIOS[name]), TIMES_S / 60)
    fit = fit_blood_to_plasma(TIMES_S, truth, model=name)
    assert_allclose([e.value for e in fit.result], RATIOS[name], rtol=1e-7)


def test_the_ratio_of_one_sample_has_no_standard_error():
    fit = fit_blood_to_plasma([60.0], [0.7]).result
    assert fit["r"].value == pytest.approx(0.7)
    assert np.isnan(fit["r"].stderr)


@pytest.mark.parametrize(
    ("times", "values", "keywords", "words"),
    [
        ([60, 120, 180, 240], [0.9, 80.0, 0.5, 0.4], {}, ["sample 2", "120 s", "80", "percent"]),
        ([60, 120], [0.9, 0.8], {}, ["2 samples", "3 parameters", "interpolation"]),
        ([-5, 120, 180], [0.9, 0.8, 0.7], {}, ["sample 1", "-5", "injection"]),
        ([60, 120, 180], [0.9, np.nan, 0.7], {}, ["sample 2", "120 s", "weight 0"]),
        ([60, 120, 180], [0.9, 0.8], {}, ["3 times, 2 values"]),
        ([60, 120, 180], [0.9, 0.8, 0.7], {"weights": [1, -1, 1]}, ["sample 2", "-1", "1/variance"]),
        ([60, 120, 180], [0.9, 0.8, 0.7], {"weights": [0, 0, 0]}, ["every weight"]),
        ([60, 120, 180], [0.9, 0.8, 0.7], {"fixed": {"a": 3.0}}, ["a is fixed at 3", "between 0 and 1"]),
        ([60, 120], [0.9, 0.8], {"model": "best"}, ["2 samples", "interpolation"]),
    ],
)
def test_bad_fractions_are_named(times, values, keywords, words):
    with pytest.raises(InputError) as caught:
        fit_parent_fraction(times, values, where="blood.tsv", **keywords)
    for word in words:
        assert word in str(caught.value)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'Hill'"):
        fit_parent_fraction(TIMES_S, closed_form("Hill", TIMES_S / 60), model="Hil")
    with pytest.raises(UnknownNameError, match="parameter of Hill"):
        fit_parent_fraction(TIMES_S, closed_form("Hill", TIMES_S / 60), fixed={"pf": 1.0})
    with pytest.raises(UnknownNameError, match="did you mean 'constant'"):
        fit_blood_to_plasma(TIMES_S, np.ones(12), model="constnt")
    with pytest.raises(InputError, match=r"sample 1 at 60 s, is -1"):
        fit_blood_to_plasma([60.0, 120.0], [-1.0, 0.5])
    with pytest.raises(InputError, match="sample 2"):
        parent_fraction_weights([0, 60], [1.0, np.nan], "C11")


def test_inputs_are_left_alone():
    times, values = TIMES_S.copy(), closed_form("Hill", TIMES_S / 60)
    before = values.copy()
    fit_parent_fraction(times, values)
    assert_allclose(values, before, rtol=0)
    assert_allclose(times, TIMES_S, rtol=0)
    assert times.flags.writeable
