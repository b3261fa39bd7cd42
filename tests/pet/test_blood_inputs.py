"""Input functions fitted to samples: truth, closed forms, errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.blood_samples import BloodSamples, BloodSeries
from neurochem.pet.input_models import INPUT_MODELS, fit_input, input_weights
from neurochem.pet.parent_fraction import fit_parent_fraction
from neurochem.pet.tables import read_arterial_input
from tests.pet.truth import FRAMINGS

AUTO = np.arange(0, 300, 5.0)
LATE = np.array([360, 480, 600, 900, 1200, 1800, 2400, 3600, 4500, 5400.0])
TIMES_S = np.concatenate([AUTO, LATE])
TRUTH = {
    "Feng": np.array([851.1225, 21.8798, 20.8113, 4.133859, 0.1191, 0.01043, 0.735]),
    "tri-exponential": np.array([60.0, 25.0, 12.0, 3.1, 0.25, 0.012, 0.41, 0.37]),
}


def truth(name, minutes):
    """The equations again, written independently of the package."""
    p, t = TRUTH[name], np.asarray(minutes, dtype=float)
    if name == "Feng":
        tau = np.maximum(t - p[6], 0)
        made = (p[0] * tau - p[1] - p[2]) * np.exp(-p[3] * tau)
        return (made + p[1] * np.exp(-p[4] * tau) + p[2] * np.exp(-p[5] * tau)) * (t > p[6])
    u = t - p[6] - p[7]
    late = sum(a * np.exp(-rate * np.maximum(u, 0)) for a, rate in zip(p[:3], p[3:6], strict=True))
    return np.where(u > 0, late, np.clip((t - p[6]) / p[7], 0, 1) * p[:3].sum())


@pytest.mark.parametrize("name", TRUTH)
def test_noise_free_samples_return_the_truth(name):
    made = fit_input(TIMES_S, truth(name, TIMES_S / 60), model=name)
    # the relative weight of the slowest terms is 1e-3 of the peak, so they keep fewer digits
    assert_allclose([e.value for e in made.result], TRUTH[name], rtol=1e-5)
    minutes = np.linspace(0, 120, 1000)
    assert_allclose(made.curve.values(minutes), truth(name, minutes), rtol=1e-5, atol=1e-6)
    assert_allclose(made.values(minutes), made.curve.values(minutes), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", TRUTH)
def test_derivatives_match_differences(name):
    model, theta = INPUT_MODELS[name], TRUTH[name]
    minutes = np.array([0.0, 0.3, 0.6, 0.77, 0.9, 2.0, 10.0, 80.0])
    for index in range(theta.size):
        step = 1e-6 * max(abs(theta[index]), 1)
        high, low = theta.copy(), theta.copy()
        high[index] += step
        low[index] -= step
        difference = (model.values(high, minutes) - model.values(low, minutes)) / (2 * step)
        assert_allclose(model.jacobian(theta, minutes)[:, index], difference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("rate", [0.0, 0.07, 3.0])
def test_convolution_of_a_fitted_curve_is_that_of_quadrature(name, rate):
    curve = INPUT_MODELS[name].curve(TRUTH[name])
    at = np.array([0.5, 0.9, 5.0, 60.0])
    kinks = [0.41, 0.735, 0.78]
    expected = [
        quad(lambda s, t=t: float(truth(name, s)) * np.exp(-rate * (t - s)), 0, t, points=[k for k in kinks if k < t],
             epsabs=1e-11, epsrel=1e-11, limit=400)[0]
        for t in at
    ]  # fmt: skip
    assert_allclose(curve.convolved_values(rate, at), expected, rtol=1e-9, atol=1e-9)
    frames = FRAMINGS["15 s to 7 min"]
    means = curve.frame_means(frames.start_min, frames.end_min)
    first = quad(lambda s: float(truth(name, s)), frames.start_min[3], frames.end_min[3], points=kinks, epsabs=1e-11)[0]
    assert_allclose(means[3], first / 0.25, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTH)
def test_standard_errors_of_the_curve_match_their_spread(name):
    rng = np.random.default_rng(21)
    exact = truth(name, TIMES_S / 60)
    weights = input_weights(TIMES_S, exact, "C11")
    sd = 0.15 / np.sqrt(weights)
    minutes = np.array([1.5, 3.0, 10.0, 50.0])
    values, errors = [], []
    for _ in range(200):
        made = fit_input(TIMES_S, exact + sd * rng.standard_normal(sd.size), model=name, weights=weights)
        values.append(made.values(minutes))
        errors.append(made.stderr(minutes))
    # 200 replicates know an SD to 5 %
    assert_allclose(np.sqrt(np.mean(np.square(errors), axis=0)), np.std(values, axis=0), rtol=0.15)
    bias = np.mean(values, axis=0) - truth(name, minutes)
    assert (np.abs(bias) < 4 * np.std(values, axis=0) / np.sqrt(200)).all()


def test_spline_follows_smooth_samples_and_says_its_error():
    rng = np.random.default_rng(5)
    minutes = np.linspace(0, 60, 80)

    def smooth(t):
        return 8 * t * np.exp(-t / 6) + 3 * (1 - np.exp(-t / 6))

    values, errors = [], []
    inside = np.array([5.0, 12.0, 30.0])
    for _ in range(200):
        noisy = smooth(minutes) + 0.3 * rng.standard_normal(80)
        made = fit_input(60 * minutes, noisy, model="spline")
        values.append(made.curve.values(inside))
        errors.append(made.stderr(inside))
    spread = np.std(values, axis=0)
    assert (spread < 0.2).all()
    # the penalty is chosen anew in each replicate, which the error leaves out: within a fifth
    assert_allclose(np.sqrt(np.mean(np.square(errors), axis=0)), spread, rtol=0.2)
    assert (np.abs(np.mean(values, axis=0) - smooth(inside)) < 0.1).all()
    assert 4 < made.result.diagnostics["effective_parameters"] < 30
    drawn = np.std([made.draw(rng).values(inside) for _ in range(200)], axis=0)
    assert_allclose(drawn, made.stderr(inside), rtol=0.2)


def test_spline_starts_from_zero_at_injection_and_ends_with_the_samples():
    made = fit_input([10, 20, 30, 40, 50, 60], [1, 2, 3, 4, 5, 6.0], model="spline")
    assert_allclose(
        made.curve.values([0.0, 0.25, 1.0]), [0, 1.5, 6], atol=5e-3
    )  # cross-validation leaves a trace of penalty
    with pytest.raises(InputError, match="ends at 60"):
        made.curve.values([1.1])


def test_a_fitted_plasma_curve_enters_the_input():
    exact = truth("Feng", TIMES_S / 60)
    plasma = fit_input(TIMES_S, exact, model="Feng")
    fraction = BloodSeries([60, 600, 1200, 2400, 3600], [0.99, 0.6, 0.4, 0.2, 0.12])
    blood = BloodSamples(plasma=BloodSeries(TIMES_S, exact), parent_fraction=fraction)
    made = blood.input("Hill", plasma=plasma)
    minutes = np.linspace(0, 90, 300)
    hill = fit_parent_fraction(fraction.time_s, fraction.values)
    assert_allclose(made.values(minutes), plasma.values(minutes) * hill.values(minutes), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scan", ["cgyu_1", "cgyu_2", "flfp_1", "jdcs_1"])
@pytest.mark.parametrize("model", ["Feng", "tri-exponential", "spline"])
def test_real_plasma_is_fitted(real_data, scan, model):
    file = real_data / "pet" / "pbr28" / f"pbr28_{scan}_procblood.tsv"
    if not file.is_file():
        pytest.skip(f"no {file}")
    raw = read_arterial_input(file, time="Time", plasma_parent="Cpl_metabcorr", time_unit="s", activity_unit="kBq/mL")
    weights = input_weights(raw.time_s, raw.plasma_parent)
    made = fit_input(raw.time_s, raw.plasma_parent, model=model, weights=weights, where=str(file))
    assert made.result.success
    edges = np.array([0.0, raw.time_s[-1] / 60])
    area = made.curve.prepare(edges).response(0.0).at_edges[0, -1]
    lines = raw.parent(raw.time_s[-1]).prepare(edges).response(0.0).at_edges[0, -1]
    # one scan's bolus is not Feng's shape (its best fit of 80 random starts is this one); the others keep the area
    assert_allclose(area, lines, rtol=0.2 if model == "Feng" else 0.06)


def test_bad_samples_are_named():
    with pytest.raises(UnknownNameError, match="did you mean 'Feng'"):
        fit_input(TIMES_S, truth("Feng", TIMES_S / 60), model="Fengg")
    with pytest.raises(InputError, match=r"6 samples of activity cannot determine the 7 parameters"):
        fit_input(np.arange(6) * 60, [0, 5, 4, 3, 2, 1.0])
    with pytest.raises(InputError, match="no sample holds activity"):
        fit_input([0, 1, 2], [0, 0, 0.0])
    with pytest.raises(InputError, match="distinct sample times"):
        fit_input([0, 1, 2], [0, 1, 2.0], model="spline")
    with pytest.raises(UnknownNameError, match="parameter of spline"):
        fit_input(TIMES_S, truth("Feng", TIMES_S / 60), model="spline", fixed={"A1": 1.0})
    with pytest.raises(InputError, match="somewhere positive"):
        input_weights([0, 1], [0, 0.0])
    with pytest.raises(InputError, match=r"blood.tsv: activity, sample 2 at 5 s"):
        fit_input([0, 5, 9], [0, np.nan, 1.0], where="blood.tsv")


def test_weights_fall_with_activity_and_decay():
    weights = input_weights([0, 60 * 20.3402], [10.0, 10.0], "C11")
    assert_allclose(weights, [1.0, 0.5])
    assert_allclose(input_weights([0, 60], [100.0, 0.0]), [0.01, 1.0])
