"""Cut normal distributions against exact moments and against random draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import optimize, stats

from neurochem.solve.normal_equations import nonnegative_normal_equations, solve_positive
from neurochem.solve.truncated import truncated_normal_moments


@settings(max_examples=60, deadline=None)
@given(st.floats(-25.0, 12.0), st.floats(0.01, 100.0))
def test_one_limit_is_exact(score, width):
    mean, covariance = truncated_normal_moments(np.array([score * width]), np.array([[width**2]]), np.array([True]))
    exact = stats.truncnorm(-score, np.inf, loc=score * width, scale=width)
    assert_allclose(mean[0], exact.mean(), rtol=1e-6)
    # the variance is a difference that cancels more and more until its series takes over
    assert_allclose(covariance[0, 0], exact.var(), rtol=1e-4 if score < -4 else 1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_correlated_limits_agree_with_draws(seed):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(4, 5))
    covariance, centre = factor @ factor.T / 4, rng.normal(0.5, 1.0, 4)
    limited = np.array([True, True, True, False])
    drawn = rng.multivariate_normal(centre, covariance, size=400_000)
    drawn = drawn[(drawn[:, limited] >= 0).all(axis=1)]
    mean, spread = truncated_normal_moments(centre, covariance, limited)
    sd = drawn.std(axis=0)
    # expectation propagation is an approximation: within 3 % of a standard deviation here, draws within 1 %
    assert np.all(np.abs(mean - drawn.mean(axis=0)) < 0.04 * sd)
    assert_allclose(np.sqrt(np.diag(spread)), sd, rtol=0.04)
    assert np.all(mean[limited] > 0)


def test_far_from_every_limit_nothing_changes():
    centre, covariance = np.array([10.0, 20.0]), np.array([[1.0, 0.5], [0.5, 2.0]])
    mean, spread = truncated_normal_moments(centre, covariance, np.array([True, True]))
    assert_allclose(mean, centre, rtol=1e-12)
    assert_allclose(spread, covariance, rtol=1e-12)


def test_a_free_component_follows_the_cut_one():
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    mean, spread = truncated_normal_moments(np.array([-1.0, 0.0]), covariance, np.array([True, False]))
    shift = mean[0] + 1.0
    assert_allclose(mean[1], 0.8 * shift, rtol=1e-9)
    assert spread[1, 1] < 1.0


@pytest.mark.parametrize("seed", range(8))
def test_normal_equations_give_the_nonnegative_least_squares(seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(60, 12)), rng.normal(size=60)
    matrix[:, 3] = matrix[:, 2] + 1e-3 * rng.normal(size=60)
    expected = optimize.nnls(matrix, target)[0]
    found, passive = nonnegative_normal_equations(matrix.T @ matrix, matrix.T @ target, np.ones(12, dtype=bool))
    # squaring a condition of 1e3 leaves nine digits
    assert_allclose(found, expected, atol=1e-8)
    assert np.array_equal(passive, expected > 0)
    again, _ = nonnegative_normal_equations(
        matrix.T @ matrix, matrix.T @ target, np.ones(12, dtype=bool), passive=rng.random(12) > 0.5
    )
    assert_allclose(again, expected, atol=1e-8)


def test_free_amplitudes_may_be_negative():
    rng = np.random.default_rng(3)
    matrix, target = rng.normal(size=(30, 4)), rng.normal(size=30)
    found, _ = nonnegative_normal_equations(matrix.T @ matrix, matrix.T @ target, np.zeros(4, dtype=bool))
    assert_allclose(found, np.linalg.lstsq(matrix, target, rcond=None)[0], rtol=1e-9)


def test_a_singular_system_gets_the_solution_of_least_norm():
    gram = np.array([[1.0, 1.0], [1.0, 1.0]])
    assert_allclose(solve_positive(gram, np.array([2.0, 2.0])), [1.0, 1.0], rtol=1e-9)
