import lmfit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import nnls

from neurochem.errors import InputError
from neurochem.solve import (
    delta_method,
    fit_separable,
    information_covariance,
    minimize_least_squares,
    nonnegative_least_squares,
    propagated_covariance,
)
from neurochem.solve.lmfit_bridge import fit_with_lmfit

TIMES = np.linspace(0.1, 10.0, 60)


class TwoExponentials:
    """Amplitudes times exp(-rate t); theta holds the two rates."""

    def columns(self, theta):
        return np.exp(-np.outer(TIMES, theta))

    def derivative(self, theta, amplitudes):
        return -TIMES[:, None] * self.columns(theta) * amplitudes


TRUTH = 3.0 * np.exp(-0.3 * TIMES) + 5.0 * np.exp(-2.0 * TIMES)
BOX = {"starts": [np.array([0.1, 1.0])], "lower": np.zeros(2), "upper": np.full(2, 10.0)}


def rosenbrock(parameters):
    x, y = parameters
    return np.array([10.0 * (y - x**2), 1.0 - x]), lambda: np.array([[-20.0 * x, 10.0], [-1.0, 0.0]])


def test_rosenbrock_is_solved_to_rounding():
    found = minimize_least_squares(rosenbrock, np.array([-1.2, 1.0]), lower=np.full(2, -9.0), upper=np.full(2, 9.0))
    assert found.converged
    # the search ends at relative steps of 1e-11
    assert_allclose(found.parameters, [1.0, 1.0], rtol=1e-10)
    assert not (found.at_lower | found.at_upper).any()


def test_a_bound_in_the_way_is_reported():
    found = minimize_least_squares(
        rosenbrock, np.array([-1.2, 1.0]), lower=np.full(2, -9.0), upper=np.array([0.5, 9.0])
    )
    assert_allclose(found.parameters, [0.5, 0.25], rtol=1e-8)
    assert found.at_upper.tolist() == [True, False]


def test_trial_points_that_are_not_finite_are_rejected():
    def evaluate(p):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.array([np.log(p[0])]), lambda: np.array([[1.0 / p[0]]])

    found = minimize_least_squares(evaluate, np.array([30.0]), lower=np.array([-100.0]), upper=np.array([100.0]))
    assert_allclose(found.parameters, [1.0], rtol=1e-9)


def test_noise_free_separable_problem_is_solved_to_rounding():
    fit = fit_separable(TwoExponentials(), TRUTH + 0.5, nuisance=np.ones((60, 1)), **BOX)
    assert_allclose(fit.theta, [0.3, 2.0], rtol=1e-9)
    assert_allclose(fit.amplitudes, [3.0, 5.0], rtol=1e-9)
    assert_allclose(fit.nuisance, [0.5], rtol=1e-9)
    assert_allclose(fit.fitted, TRUTH + 0.5, rtol=1e-9)
    assert fit.dof == 60 - 5


def test_covariance_equals_that_of_the_full_problem_and_of_repeated_noise():
    rng = np.random.default_rng(1)
    rows, errors = [], []
    for _ in range(400):
        noisy = TRUTH + 0.03 * rng.standard_normal(60)
        fit = fit_separable(TwoExponentials(), noisy, **BOX)
        rows.append([*fit.theta, *fit.amplitudes])
        errors.append(np.sqrt(np.diag(fit.covariance)))
    # 400 replicates know an SD to 3.5 %
    assert_allclose(np.mean(errors, axis=0), np.std(rows, axis=0), rtol=0.12)
    full = np.hstack(
        [
            TwoExponentials().derivative(np.array([0.3, 2.0]), np.array([3.0, 5.0])),
            TwoExponentials().columns(np.array([0.3, 2.0])),
        ]
    )
    exact = fit_separable(TwoExponentials(), TRUTH, variance=0.03**2, **BOX)
    assert_allclose(exact.covariance, 0.03**2 * np.linalg.inv(full.T @ full), rtol=1e-6)


def test_weight_zero_leaves_a_point_out():
    spoiled = TRUTH.copy()
    spoiled[7] = np.nan
    weights = np.ones(60)
    weights[7] = 0.0
    fit = fit_separable(TwoExponentials(), spoiled, weights=weights, **BOX)
    assert_allclose(fit.theta, [0.3, 2.0], rtol=1e-8)


def test_amplitudes_can_be_held_nonnegative_and_say_so():
    data = 3.0 * np.exp(-0.3 * TIMES) - 0.5 * np.exp(-2.0 * TIMES)
    fit = fit_separable(
        TwoExponentials(), data, starts=[np.array([0.3, 2.0])], lower=np.array([0.1, 1.5]), upper=np.array([1.0, 3.0]),
        nonnegative=np.array([True, True]),
    )  # fmt: skip
    assert fit.amplitudes[1] == 0.0
    assert fit.amplitude_at_bound.tolist() == [False, True]
    # an amplitude at zero still has the error of an upper limit
    assert fit.covariance[3, 3] > 0


def test_best_of_several_starts_wins():
    starts = [np.array([9.0, 9.5]), np.array([0.1, 1.0])]
    fit = fit_separable(TwoExponentials(), TRUTH, starts=starts, lower=np.zeros(2), upper=np.full(2, 10.0))
    assert fit.cost < 1e-18


def test_no_start_is_refused_by_name():
    with pytest.raises(InputError, match="starts is empty; give at least one start"):
        fit_separable(TwoExponentials(), TRUTH, starts=[], lower=np.zeros(2), upper=np.full(2, 10.0))


def test_prior_pulls_theta_by_its_own_weight():
    class Line:
        def columns(self, theta):
            return np.ones((4, 1))

        def derivative(self, theta, amplitudes):
            return np.zeros((4, 1))

    fit = fit_separable(
        Line(), np.ones(4), starts=[np.array([3.0])], lower=np.array([-9.0]), upper=np.array([9.0]), variance=1.0,
        prior=(np.array([1.0]), np.array([0.5])),
    )  # fmt: skip
    assert_allclose(fit.theta, [1.0], atol=1e-9)
    assert_allclose(fit.covariance[0, 0], 0.25, rtol=1e-9)


def test_penalty_rows_tie_amplitudes_softly():
    rows = (np.array([[1.0, -1.0]]) * 1e6, np.zeros(1))
    fit = fit_separable(TwoExponentials(), TRUTH, amplitude_penalty=rows, **BOX)
    assert_allclose(fit.amplitudes[0], fit.amplitudes[1], rtol=1e-6)


def test_penalised_nuisance_has_an_effective_dimension():
    basis = np.vander(np.linspace(-1, 1, 60), 8)
    free, stiff = (
        fit_separable(TwoExponentials(), TRUTH, nuisance=basis, nuisance_penalty=weight * np.eye(8), **BOX).nuisance_dof
        for weight in (1e-9, 1e6)
    )
    assert_allclose(free, 8.0, rtol=1e-6)
    assert stiff < 1e-6


@pytest.mark.parametrize(
    ("data", "weights", "message"),
    [
        (np.full(60, np.nan), None, "finite"),
        (TRUTH, -np.ones(60), "not negative"),
        (TRUTH, np.zeros(60), "every weight is zero"),
    ],
)
def test_impossible_data_are_refused(data, weights, message):
    with pytest.raises(InputError, match=message):
        fit_separable(TwoExponentials(), data, weights=weights, **BOX)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_nonnegative_solution_equals_scipy(seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(40, 12)), rng.normal(size=40)
    solution, inside = nonnegative_least_squares(matrix, target, np.ones(12, dtype=bool))
    assert_allclose(solution, nnls(matrix, target)[0], atol=1e-9)
    assert ((solution > 0) == inside).all()
    again, _ = nonnegative_least_squares(matrix, target, np.ones(12, dtype=bool), passive=inside)
    assert_allclose(again, solution, atol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_free_columns_may_be_negative_beside_nonnegative_ones(seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(40, 12)), rng.normal(size=40)
    solution, _ = nonnegative_least_squares(matrix, target, np.arange(12) >= 5)
    free = np.linalg.qr(matrix[:, :5])[0]
    rest = matrix[:, 5:] - free @ (free.T @ matrix[:, 5:])
    assert_allclose(solution[5:], nnls(rest, target - free @ (free.T @ target))[0], atol=1e-8)


def test_undetermined_parameters_have_infinite_variance_and_leave_the_others_alone():
    column = np.linspace(1.0, 2.0, 10)
    jacobian = np.column_stack([column, np.zeros(10), np.ones(10)])
    covariance = information_covariance(jacobian)
    sound = np.linalg.inv(jacobian[:, [0, 2]].T @ jacobian[:, [0, 2]])
    assert np.isinf(covariance[1, 1])
    assert_allclose(covariance[np.ix_([0, 2], [0, 2])], sound, rtol=1e-10)
    twins = information_covariance(np.column_stack([column, column, np.ones(10)]))
    assert np.isinf(np.diag(twins)[:2]).all()
    assert np.isfinite(twins[2, 2])


def test_delta_method_is_exact_for_products_and_passes_infinity_on_only_where_it_matters():
    covariance = np.diag([0.01, 0.04, np.inf])
    values, derived = delta_method(
        lambda p: np.array([p[0] * p[1], p[0] / p[1], p[0] + 0 * p[2], p[2] * p[0]]),
        np.array([2.0, 4.0, 1.0]),
        covariance,
    )
    assert_allclose(values, [8.0, 0.5, 2.0, 2.0])
    assert_allclose(derived[0, 0], 16 * 0.01 + 4 * 0.04)
    assert_allclose(derived[1, 1], 0.01 / 16 + 0.04 * (2.0 / 16.0) ** 2)
    assert np.isfinite(derived[2, 2])
    assert np.isinf(derived[3, 3])


def test_propagated_covariance_is_right_for_noise_that_weights_do_not_know():
    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(30), np.linspace(0, 1, 30)])
    smooth = np.tril(np.ones((30, 30))) / 5.0 + np.eye(30)
    estimates, stated, naive = [], [], []
    for _ in range(800):
        data = design @ [1.0, 2.0] + smooth @ rng.standard_normal(30)
        solution = np.linalg.lstsq(design, data, rcond=None)[0]
        residual = data - design @ solution
        covariance, _ = propagated_covariance(design, np.ones(30), residual, smooth)
        estimates.append(solution)
        stated.append(np.diag(covariance))
        naive.append(residual @ residual / 28 * np.linalg.inv(design.T @ design)[1, 1])
    actual = np.var(estimates, axis=0)
    # 800 replicates know a variance to 5 %
    assert_allclose(np.mean(stated, axis=0), actual, rtol=0.15)
    assert np.mean(naive) < 0.5 * actual[1]


def test_lmfit_bridge_keeps_ties_bounds_and_covariance():
    def predict(values):
        return values["a"] * np.exp(-values["k"] * TIMES)

    rng = np.random.default_rng(3)
    data = 2.0 * np.exp(-0.4 * TIMES) + 0.01 * rng.standard_normal(60)
    parameters = lmfit.Parameters()
    parameters.add("k", value=0.1, min=0.0, max=5.0)
    parameters.add("a", expr="5*k")
    fit = fit_with_lmfit(predict, data, np.ones(60), parameters, required=("a", "k"))
    index = fit.names.index("a"), fit.names.index("k")
    assert_allclose(fit.values["a"], 5 * fit.values["k"], rtol=1e-12)
    assert_allclose(fit.covariance[index[0], index[0]], 25 * fit.covariance[index[1], index[1]], rtol=1e-6)
    parameters["k"].max = 0.3
    bounded = fit_with_lmfit(predict, data, np.ones(60), parameters, required=("a", "k"))
    assert bounded.at_bound == {"k"}
    with pytest.raises(InputError, match="no lmfit parameter varies"):
        fit_with_lmfit(
            predict,
            data,
            np.ones(60),
            lmfit.create_params(a={"value": 1, "vary": False}, k={"value": 1, "vary": False}),
            required=("a",),
        )
