"""What the data say about parameters and amplitudes at the optimum: errors, and means where a limit is near."""

from dataclasses import dataclass

import numpy as np

from neurochem.mrs.problem import Problem
from neurochem.solve import Minimum, information_covariance
from neurochem.solve.truncated import truncated_normal_moments
from neurochem.units import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """An optimum with its errors, in units of the noise that the problem was scaled by.

    Attributes
    ----------
    theta : array, shape (p,)
        Parameters.
    mode : array, shape (m,)
        Amplitudes at the optimum; those held at zero are exactly zero.
    amplitudes, amplitude_covariance : array, shapes (m,) and (m, m)
        Mean and covariance given the data and that no amplitude is negative (`truncated_normal_moments`).
    free : array, shape (m,)
        Amplitudes without that limit, from one step of Gauss and Newton at the optimum.
    nuisance : complex array, shape (q,)
        Coefficients of the baseline at the mode.
    covariance : array, shape (p + m, p + m)
        Of theta, then amplitudes, without limits; the baseline and the priors are taken into account.
    data_cost, dof, nuisance_dof : float
        Residual sum of squares without penalties, its degrees of freedom, effective dimension of the baseline.
    theta_at_bound, amplitude_at_bound : bool array
        What ended at a bound.
    converged, iterations : bool, int
        How the search ended.
    jacobian, residual : array, shapes (k, p + m) and (k,)
        Derivative of model minus data to theta and amplitudes, and model minus data; penalty and prior rows below.
    """

    theta: FloatArray
    mode: FloatArray
    amplitudes: FloatArray
    amplitude_covariance: FloatArray
    free: FloatArray
    nuisance: np.ndarray
    covariance: FloatArray
    data_cost: float
    dof: float
    nuisance_dof: float
    theta_at_bound: BoolArray
    amplitude_at_bound: BoolArray
    converged: bool
    iterations: int
    jacobian: FloatArray
    residual: FloatArray

    @property
    def misfit(self) -> float:
        """Variance of the residual in units of the noise's."""
        return self.data_cost / self.dof if self.dof > 0 else np.nan


def conclude(problem: Problem, found: Minimum) -> Solved:
    """Return the optimum with everything that the linearised problem says about it."""
    theta, held = found.parameters, found.at_lower | found.at_upper
    shaped = problem.model.at(theta)
    curves = shaped.curves()
    columns = problem.whitened(curves)
    mode, residual, _ = problem.solve(columns)
    inside = problem.passive if problem.passive is not None else np.ones(mode.size, dtype=bool)
    shrink = 1.0 / (1.0 + problem.baseline.penalty)
    left = problem.data - curves @ mode
    nuisance = shrink * (problem.baseline.columns.T @ left)
    left = left - problem.baseline.columns @ nuisance
    data_cost = float(np.sum(left.real**2 + left.imag**2))
    dimension = 2.0 * problem.baseline.effective_dimension
    dof = 2.0 * left.size - np.count_nonzero(~held) - np.count_nonzero(inside) - dimension
    matrix, rest = _rows(problem, theta, shaped.slopes(mode), columns, residual)
    keep = np.concatenate([~held, np.ones(mode.size, dtype=bool)])
    # amplitudes may have any unit: columns of unit length keep the covariance's idea of a lost parameter
    part = matrix[:, keep]
    norms = np.sqrt(np.einsum("ij,ij->j", part, part))
    norms[norms == 0.0] = 1.0
    triangle: FloatArray = np.asarray(np.linalg.qr(part / norms, mode="r"))
    covariance = np.zeros((keep.size, keep.size))
    covariance[np.ix_(keep, keep)] = information_covariance(triangle) / np.outer(norms, norms)
    finite = np.where(np.isfinite(covariance), covariance, 0.0)
    free = mode - (finite @ (matrix.T @ rest))[theta.size :]
    return Solved(
        theta, mode, mode, np.zeros((mode.size, mode.size)), free, nuisance, covariance, data_cost, float(dof), dimension,
        held, ~inside, found.converged, found.iterations, matrix, rest,
    )  # fmt: skip


def limited(solved: Solved, covariance: FloatArray, nonnegative: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of the amplitudes, given that some cannot be negative.

    Parameters
    ----------
    solved : Solved
        Optimum.
    covariance : array, shape (m, m)
        Of the amplitudes without limits.
    nonnegative : bool array, shape (m,)
        Which cannot be negative.
    """
    known = np.isfinite(np.diag(covariance))
    mean, spread = solved.mode.copy(), covariance.copy()
    part = np.ix_(known, known)
    mean[known], spread[part] = truncated_normal_moments(solved.free[known], covariance[part], nonnegative[known])
    return mean, spread


def _rows(
    problem: Problem, theta: FloatArray, slopes: np.ndarray, columns: FloatArray, residual: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the Jacobian of everything, and the residual, penalty and prior rows below."""
    count, size = theta.size, columns.shape[1]
    informed = np.isfinite(problem.sd)
    prior = np.hstack([np.diag(1.0 / problem.sd)[informed], np.zeros((np.count_nonzero(informed), size))])
    blocks = [np.hstack([problem.whitened(slopes), columns])]
    if problem.rows is not None:
        blocks.append(np.hstack([np.zeros((problem.rows[0].shape[0], count)), problem.rows[0]]))
    pull = (theta - problem.mean)[informed] / problem.sd[informed]
    return np.vstack([*blocks, prior]), np.concatenate([residual, pull])


def linearised(problem: Problem, solved: Solved) -> tuple[FloatArray, FloatArray]:
    """Return the Jacobian of what is free at the optimum, and data minus model."""
    keep = np.concatenate([~solved.theta_at_bound, ~solved.amplitude_at_bound])
    return solved.jacobian[:, keep], -solved.residual
