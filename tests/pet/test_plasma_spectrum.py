"""Spectra of exponentials with plasma input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError
from neurochem.pet.lasso import lasso_path
from neurochem.pet.model import MODELS
from neurochem.pet.plasma_spectrum import dictionary
from tests.pet.plasma_truth import FRAMES, fit_means, monte_carlo, sampled_input, scan
from tests.pet.truth import FENG, curves, reference_curve

SPECTRA = ["SA", "DEPICT"]
TWO = {"K1": 0.3, "k2": 0.1, "k3": 0.12, "k4": 0.04, "VB": 0.05}


def relative(truth: np.ndarray) -> np.ndarray:
    return 1.0 / np.maximum(truth, 1e-3 * truth.max()) ** 2


@pytest.mark.parametrize("model", SPECTRA)
def test_spectrum_of_two_tissues_has_two_exponentials(model):
    truth = MODELS["2TCM"].predict(TWO, scan().view)
    fit = fit_means(model, scan(weights=relative(truth)), truth)
    # rates between two of the grid
    assert_allclose(fit["VT"].value, 12.0, rtol=1e-3)
    assert_allclose([fit["K1"].value, fit["VB"].value], [0.3, 0.05], rtol=1e-3)
    assert fit.diagnostics["exponentials"] == 2
    assert fit["Ki"].fixed
    assert fit["Ki"].value == 0.0
    assert fit.flags == ()


@pytest.mark.parametrize("model", SPECTRA)
def test_spectrum_finds_trapping_where_it_may(model):
    truth = MODELS["2TCMirr"].predict({"K1": 0.1, "k2": 0.13, "k3": 0.06, "VB": 0.05}, scan().view)
    weights = relative(truth)
    fit = fit_means(model, scan(weights=weights, trapping=True), truth)
    assert_allclose(fit["Ki"].value, 0.006 / 0.19, rtol=1e-3)
    assert "trapping" in [flag.name for flag in fit.flags]
    without = fit_means(model, scan(weights=weights), truth)
    assert without["VT"].at_bound


@pytest.mark.parametrize("model", SPECTRA)
def test_sampled_input_and_fixed_blood(model):
    blood = sampled_input()
    made = nc.pet.simulate(model, FRAMES, {"K1": 0.3, "VT": 6.0, "VB": 0.05}, blood=blood)
    tacs = nc.pet.TimeActivityCurves(FRAMES, made, regions=["a"])
    weights = relative(made)
    for options in ({}, {"VB": 0.05}):
        fit = nc.pet.fit(tacs, model, blood=blood, weights=weights, **options)["a"]
        assert_allclose([fit["VT"].value, fit["K1"].value], [6.0, 0.3], rtol=1e-3)


def test_spectrum_is_least_squares_with_amplitudes_that_are_not_negative():
    inputs = scan()
    truth = MODELS["2TCM"].predict(TWO, inputs.view)
    noisy = truth * (1 + 0.03 * np.random.default_rng(2).standard_normal(truth.size))
    spectral, two = (fit_means(model, inputs, noisy).diagnostics["rss"] for model in ("SA", "2TCM"))
    # two exponentials between grid points gain less than the grid's resolution
    assert spectral < two * (1 + 1e-3)


@pytest.mark.parametrize("nonnegative", [True, False])
def test_every_knot_of_the_path_is_optimal(nonnegative):
    inputs = scan()
    curves = dictionary(inputs)[1][::4]
    matrix = (curves / np.linalg.norm(curves, axis=1)[:, None]).T
    random = np.random.default_rng(3)
    target = matrix[:, [8, 17]] @ [30.0, 60.0] + random.standard_normal(matrix.shape[0])
    path = lasso_path(matrix, target, nonnegative=nonnegative)
    assert path.penalties.size > 3
    assert (np.diff(path.penalties) < 0).all()
    for penalty, solution in zip(path.penalties, path.amplitudes, strict=True):
        gradient = matrix.T @ (target - matrix @ solution)
        active = solution != 0
        # Karush-Kuhn-Tucker: the active ones at the penalty, no other above it
        tolerance = 1e-8 * path.penalties[0]
        assert_allclose(gradient[active], penalty * np.sign(solution[active]), atol=tolerance)
        assert np.max(gradient if nonnegative else np.abs(gradient)) <= penalty + tolerance
        if nonnegative:
            assert (solution >= 0).all()
    assert 0 < path.best < path.penalties.size


def test_path_of_orthogonal_columns_is_soft_thresholding():
    target = np.array([5.0, -3.0, 1.0, 0.0])
    path = lasso_path(np.eye(4), target, nonnegative=False)
    assert_allclose(path.penalties[:3], [5.0, 3.0, 1.0])
    for penalty, solution in zip(path.penalties, path.amplitudes, strict=True):
        assert_allclose(solution, np.sign(target) * np.maximum(np.abs(target) - penalty, 0.0), atol=1e-12)


def test_dictionary_is_made_once_a_scan():
    inputs = scan()
    assert dictionary(inputs)[1] is dictionary(inputs)[1]


@pytest.mark.parametrize("model", SPECTRA)
def test_slowest_rate_can_be_set(model):
    truth = MODELS["1TCM"].predict({"K1": 0.3, "k2": 0.05, "VB": 0.05}, scan().view)
    inputs = scan(weights=relative(truth), slowest_per_min=0.02)
    assert dictionary(inputs)[0][0] == 0.02
    assert_allclose(fit_means(model, inputs, truth)["VT"].value, 6.0, rtol=1e-3)
    with pytest.raises(InputError, match="slowest_per_min is 7"):
        fit_means(model, scan(slowest_per_min=7.0), truth)


@pytest.mark.parametrize("model", SPECTRA)
def test_no_uptake_fails_without_an_exception(model):
    fit = fit_means(model, scan(), -np.ones(len(FRAMES)))
    assert not fit.success
    assert "K1 is zero" in fit.flags[0].message


@pytest.mark.parametrize("bpnd", [0.3, 1.0, 3.0])
def test_reference_form_finds_binding(bpnd):
    reference = reference_curve()
    means = reference.frame_means(FRAMES.start_min, FRAMES.end_min)
    made = nc.pet.simulate("DEPICTRef", FRAMES, {"R1": 1.2, "k2": 0.12, "BPND": bpnd}, reference=reference)
    for source in (reference, "reference"):
        fit = nc.pet.fit(curves(FRAMES, made, means), "DEPICTRef", reference=source)["target"]
        # rates between two of the grid, and what the penalty shrinks
        assert_allclose(fit["BPND"].value, bpnd, rtol=3e-3)
        assert_allclose(fit["R1"].value, 1.2, rtol=1e-3)
        assert fit["DVR"].value == 1.0 + fit["BPND"].value


def test_reference_form_needs_no_compartments():
    reference = FENG.convolved(0.3, 0.1)
    means = reference.frame_means(FRAMES.start_min, FRAMES.end_min)
    slow = MODELS["2TCM"].predict({"K1": 0.36, "k2": 0.12, "k3": 0.09, "k4": 0.03}, scan(blood=None).view)
    tacs = curves(FRAMES, slow, means)
    depict, simplified = (nc.pet.fit(tacs, model, reference="reference")["target"] for model in ("DEPICTRef", "SRTM"))
    # the two-tissue target that misleads SRTM
    assert abs(depict["BPND"].value - 3.0) < 0.02
    assert abs(simplified["BPND"].value - 3.0) > 0.3


@pytest.mark.slow
def test_monte_carlo_of_the_reference_form():
    reference = reference_curve()
    means = reference.frame_means(FRAMES.start_min, FRAMES.end_min)
    made = nc.pet.simulate("SRTM", FRAMES, {"R1": 1.2, "k2": 0.12, "BPND": 1.0}, reference=reference)
    random, found, inside = np.random.default_rng(8), [], []
    for _ in range(200):
        noisy = [curve * (1 + 0.02 * random.standard_normal(curve.size)) for curve in (made, means)]
        fit = nc.pet.fit(curves(FRAMES, *noisy), "DEPICTRef", reference="reference", weights=relative(means))["target"]
        low, high = fit["BPND"].interval()
        found.append(fit["BPND"].value)
        inside.append(low <= 1.0 <= high)
    assert abs(np.median(found) - 1.0) < 0.02
    # 200 scans know coverage to 1.5 %; the tails make it generous
    assert 0.91 < np.mean(inside) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("model", SPECTRA)
def test_monte_carlo_of_one_tissue(model):
    truth = MODELS["1TCM"].predict({"K1": 0.3, "k2": 0.05, "VB": 0.05}, scan().view)
    inputs = scan(weights=relative(truth))
    values, _, intervals = monte_carlo(model, inputs, truth, 0.03 * truth, "VT", count=500, seed=11)
    assert abs(np.median(values) / 6.0 - 1) < 0.02
    # a long upper tail: the SD says little, and the error of the tail is as large as the tail
    assert np.quantile(values, 0.16) > 0.98 * 6.0
    assert 0.93 < np.mean((intervals[:, 0] <= 6.0) & (intervals[:, 1] >= 6.0)) < 0.99
