"""Separable least squares: linear amplitudes are solved for inside the search over the non-linear parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from neurochem.errors import InputError
from neurochem.solve.bounded import minimize_least_squares
from neurochem.solve.covariance import information_covariance
from neurochem.solve.nonnegative import nonnegative_least_squares
from neurochem.units import BoolArray, FloatArray


class SeparableModel(Protocol):
    """What a model gives the solver. Complex data are passed as real parts stacked on imaginary parts."""

    def columns(self, theta: FloatArray) -> FloatArray:
        """Return the curves, shape (n, m), whose weighted sum is the data."""

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        """Return d(columns @ amplitudes)/d theta, shape (n, p): one column a parameter, not one a curve."""


@dataclass(frozen=True, slots=True, eq=False)
class SeparableFit:
    """A separable fit.

    Attributes
    ----------
    theta, amplitudes, nuisance : array, shapes (p,), (m,), (q,)
        Non-linear parameters, amplitudes of the columns, amplitudes of the constant nuisance columns.
    fitted : array, shape (n,)
        Model with nuisance, in the unit of the data.
    cost : float
        Weighted residual sum of squares, penalties included.
    data_cost : float
        The same without penalties.
    variance : float
        Variance of unit weight that scales the covariance.
    dof : float
        Points of non-zero weight minus the effective number of parameters.
    nuisance_dof : float
        Effective dimension of the penalised nuisance columns.
    covariance : array, shape (p + m, p + m)
        Of theta, then amplitudes, with the nuisance taken into account. Parameters at a bound count as fixed in theta;
        amplitudes at zero do not, so that their error is an upper limit's and not zero.
    theta_at_bound, amplitude_at_bound : bool array
        What ended at a bound.
    converged : bool
        Whether the search ended by its own rule.
    iterations : int
        Jacobians used by the best start.
    """

    theta: FloatArray
    amplitudes: FloatArray
    nuisance: FloatArray
    fitted: FloatArray
    cost: float
    data_cost: float
    variance: float
    dof: float
    nuisance_dof: float
    covariance: FloatArray
    theta_at_bound: BoolArray
    amplitude_at_bound: BoolArray
    converged: bool
    iterations: int


@dataclass(slots=True, eq=False)
class _Problem:
    """Data and penalties, weighted and with the nuisance columns projected away."""

    model: SeparableModel
    root_weight: FloatArray
    target: FloatArray
    amplitude_rows: FloatArray
    nuisance: FloatArray
    nonnegative: BoolArray
    prior_mean: FloatArray
    prior_sd: FloatArray
    projector: FloatArray = field(init=False)
    projected: FloatArray = field(init=False)
    passive: BoolArray | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.projector = _orthonormal(self.nuisance) if self.nuisance.shape[1] else self.nuisance
        self.projected = self.without_nuisance(self.target)

    def without_nuisance(self, rows: FloatArray) -> FloatArray:
        """Return what the nuisance columns cannot explain."""
        return rows - self.projector @ (self.projector.T @ rows) if self.projector.shape[1] else rows

    def augmented(self, curves: FloatArray, tail: FloatArray | None = None) -> FloatArray:
        """Return weighted curves with penalty rows below, zeros unless given."""
        rows = np.zeros((self.target.size, curves.shape[1]))
        rows[: self.root_weight.size] = self.root_weight[:, None] * curves
        if tail is not None:
            rows[self.root_weight.size : self.root_weight.size + tail.shape[0]] = tail
        return rows

    def solve(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return amplitudes, residual, and an orthonormal basis of the passive columns."""
        columns = self.without_nuisance(self.augmented(self.model.columns(theta), self.amplitude_rows))
        orthonormal = _orthonormal(columns)
        triangle = orthonormal.T @ columns
        reduced = orthonormal.T @ self.projected
        if self.nonnegative.any():
            amplitudes, inside = nonnegative_least_squares(triangle, reduced, self.nonnegative, passive=self.passive)
            self.passive = inside
            if not inside.all():
                orthonormal = _orthonormal(columns[:, inside])
        else:
            amplitudes = np.asarray(np.linalg.lstsq(triangle, reduced, rcond=None)[0], dtype=np.float64)
        return amplitudes, columns @ amplitudes - self.projected, orthonormal

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, Callable[[], FloatArray]]:
        """Return the residual with prior rows, and Kaufman's Jacobian on request."""
        amplitudes, residual, orthonormal = self.solve(theta)
        informed = np.isfinite(self.prior_sd)
        prior = (theta[informed] - self.prior_mean[informed]) / self.prior_sd[informed]

        def jacobian() -> FloatArray:
            change = self.without_nuisance(self.augmented(self.model.derivative(theta, amplitudes)))
            change = change - orthonormal @ (orthonormal.T @ change)
            return np.vstack([change, np.diag(1.0 / self.prior_sd)[informed]])

        return np.concatenate([residual, prior]), jacobian


def _orthonormal(columns: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the columns."""
    return np.asarray(np.linalg.qr(columns)[0], dtype=np.float64)


def fit_separable(  # noqa: PLR0913 - one keyword for each part of the problem
    model: SeparableModel,
    data: FloatArray,
    *,
    starts: Sequence[FloatArray],
    lower: FloatArray,
    upper: FloatArray,
    weights: FloatArray | None = None,
    nonnegative: BoolArray | None = None,
    nuisance: FloatArray | None = None,
    amplitude_penalty: tuple[FloatArray, FloatArray] | None = None,
    nuisance_penalty: FloatArray | None = None,
    prior: tuple[FloatArray, FloatArray] | None = None,
    variance: float | None = None,
    step_tolerance: float = 1e-11,
    max_iterations: int = 200,
) -> SeparableFit:
    """Fit data by columns(theta) @ amplitudes + nuisance @ b, amplitudes solved for inside.

    Parameters
    ----------
    model : SeparableModel
        Columns and derivatives.
    data : array, shape (n,)
        What is fitted; complex data are stacked as real parts, then imaginary parts.
    starts : sequence of arrays, shape (p,)
        One search from each; the lowest cost wins.
    lower, upper : array, shape (p,)
        Bounds of theta.
    weights : array, shape (n,), optional
        One over variance (up to a factor); zero leaves a point out.
    nonnegative : bool array, shape (m,), optional
        Amplitudes that may not be negative.
    nuisance : array, shape (n, q), optional
        Columns that do not depend on theta, for example a spline baseline; eliminated once.
    amplitude_penalty : (array of shape (r, m), array of shape (r,)), optional
        Extra rows P c ~ t, already divided by their standard deviation over the noise.
    nuisance_penalty : array, shape (r, q), optional
        Extra rows P b ~ 0, likewise.
    prior : (mean, standard deviation), arrays of shape (p,), optional
        Soft prior of theta, standard deviation relative to the noise of unit weight; infinite means none.
    variance : float, optional
        Known variance of unit weight; by default it is estimated from the residual.
    step_tolerance : float
        Relative size of a step at which a search has converged.
    max_iterations : int
        Limit of each search.

    Returns
    -------
    SeparableFit
        The best of all starts.

    Raises
    ------
    InputError
        If data or weights are not finite, or all weights are zero.

    Notes
    -----
    Variable projection (Golub and Pereyra 1973) with Kaufman's Jacobian: the gradient is exact and a parameter costs
    one derivative of the summed curve, not one for every column. Columns that are linearly dependent get the solution
    of least norm and infinite variances.

    References
    ----------
    Golub GH, Pereyra V (1973), SIAM J Numer Anal 10:413; Kaufman L (1975), BIT 15:49.
    """
    if len(starts) == 0:
        msg = "starts is empty; give at least one start, an array of shape (p,)."
        raise InputError(msg)
    problem, columns_count = _prepare(
        model, data, starts[0], weights, nonnegative, nuisance, amplitude_penalty, nuisance_penalty, prior
    )
    searches = []
    for start in starts:
        problem.passive = None
        searches.append(
            minimize_least_squares(
                problem.evaluate,
                start,
                lower=lower,
                upper=upper,
                step_tolerance=step_tolerance,
                max_iterations=max_iterations,
            )
        )
    best = min(searches, key=lambda search: search.cost)
    problem.passive = None
    at_bound = best.at_lower | best.at_upper
    amplitudes, _, _ = problem.solve(best.parameters)
    return _finish(
        problem,
        best.parameters,
        amplitudes,
        at_bound=at_bound,
        variance=variance,
        count=columns_count,
        search=(best.converged, best.iterations),
    )


def _prepare(  # noqa: PLR0913, PLR0917 - one argument for each part of the problem
    model: SeparableModel,
    data: FloatArray,
    start: FloatArray,
    weights: FloatArray | None,
    nonnegative: BoolArray | None,
    nuisance: FloatArray | None,
    amplitude_penalty: tuple[FloatArray, FloatArray] | None,
    nuisance_penalty: FloatArray | None,
    prior: tuple[FloatArray, FloatArray] | None,
) -> tuple[_Problem, int]:
    """Stack weighted data over penalty rows."""
    weight = np.ones(data.size) if weights is None else np.asarray(weights, dtype=float)
    if not (np.isfinite(data[weight > 0]).all() and np.isfinite(weight).all() and (weight >= 0).all()):
        msg = "data and weights must be finite and weights not negative; give such points the weight 0"
        raise InputError(msg)
    if not (weight > 0).any():
        msg = "every weight is zero; give at least as many points a weight as the model has parameters"
        raise InputError(msg)
    root = np.sqrt(weight)
    size = model.columns(np.asarray(start, dtype=float)).shape[1]
    rows, goal = amplitude_penalty if amplitude_penalty is not None else (np.zeros((0, size)), np.zeros(0))
    curves = np.zeros((data.size, 0)) if nuisance is None else nuisance
    smooth = np.zeros((0, curves.shape[1])) if nuisance_penalty is None else nuisance_penalty
    stacked = np.vstack([root[:, None] * curves, np.zeros((rows.shape[0], curves.shape[1])), smooth])
    target = np.concatenate([root * np.where(weight > 0, data, 0.0), goal, np.zeros(smooth.shape[0])])
    count = np.asarray(start).size
    mean, sd = prior if prior is not None else (np.zeros(count), np.full(count, np.inf))
    limited = np.zeros(size, dtype=bool) if nonnegative is None else np.asarray(nonnegative, dtype=bool)
    return _Problem(model, root, target, rows, stacked, limited, mean, sd), size


def _finish(
    problem: _Problem,
    theta: FloatArray,
    amplitudes: FloatArray,
    *,
    at_bound: BoolArray,
    variance: float | None,
    count: int,
    search: tuple[bool, int],
) -> SeparableFit:
    """Work out nuisance, residual, effective dimensions and the covariance at the optimum."""
    points = problem.root_weight.size
    columns = problem.model.columns(theta)
    rows = problem.augmented(columns, problem.amplitude_rows)
    nuisance: FloatArray = np.zeros(problem.nuisance.shape[1])
    nuisance_dof = 0.0
    if nuisance.size:
        nuisance[:] = np.linalg.lstsq(problem.nuisance, problem.target - rows @ amplitudes, rcond=None)[0]
        # trace of the data block of the hat matrix: the effective dimension of a penalised spline
        nuisance_dof = float(np.sum(problem.projector[:points] ** 2))
    residual = problem.target - rows @ amplitudes - problem.nuisance @ nuisance
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = problem.nuisance[:points] / problem.root_weight[:, None]
    fitted = columns @ amplitudes + np.where(problem.root_weight > 0, drawn.T, 0.0).T @ nuisance
    data_cost = float(np.sum(residual[:points] ** 2))
    active = problem.nonnegative & (amplitudes <= 0)
    free = np.concatenate([~at_bound, np.ones(count, dtype=bool)])
    used = int(np.count_nonzero(problem.root_weight))
    dof = used - int(np.count_nonzero(~at_bound)) - int(np.count_nonzero(~active)) - nuisance_dof
    if variance is None:
        variance = data_cost / dof if dof > 0 else np.nan
    change = problem.augmented(problem.model.derivative(theta, amplitudes))
    information = problem.without_nuisance(np.hstack([change, rows]))
    known = np.zeros((np.count_nonzero(np.isfinite(problem.prior_sd)), information.shape[1]))
    known[:, : theta.size] = np.diag(1.0 / problem.prior_sd)[np.isfinite(problem.prior_sd)]
    covariance = np.zeros((free.size, free.size))
    covariance[np.ix_(free, free)] = information_covariance(np.vstack([information, known])[:, free], variance)
    return SeparableFit(
        theta=theta,
        amplitudes=amplitudes,
        nuisance=nuisance,
        fitted=fitted,
        cost=float(residual @ residual),
        data_cost=data_cost,
        variance=float(variance),
        dof=float(dof),
        nuisance_dof=nuisance_dof,
        covariance=covariance,
        theta_at_bound=at_bound,
        amplitude_at_bound=active,
        converged=search[0],
        iterations=search[1],
    )
