"""Covariance from the Jacobian at the optimum, and through derived quantities."""

import math
from collections.abc import Callable

import numpy as np

from neurochem.units import BoolArray, FloatArray


def information_covariance(jacobian: FloatArray, variance: float = 1.0) -> FloatArray:
    """Return the covariance of parameters: variance x (J'J)^-1, rows of J scaled by the square root of their weight.

    Parameters
    ----------
    jacobian : array, shape (n, p)
        Weighted derivative of the model, penalty rows included.
    variance : float
        Variance of unit weight.

    Returns
    -------
    array, shape (p, p)
        A parameter that the data do not determine (alone or in a combination) has an infinite variance and covariance
        zero with the others, whose own errors stay finite where they can.

    Notes
    -----
    Columns are scaled to unit length and decomposed by singular values; directions with a relative singular value
    below 1e-10 are undetermined.
    """
    size = jacobian.shape[1]
    covariance = np.zeros((size, size))
    norms = np.sqrt(np.einsum("ij,ij->j", jacobian, jacobian))
    known = norms > 1e-14 * np.max(norms, initial=0.0)
    if known.any():
        _, values, right = np.linalg.svd(jacobian[:, known] / norms[known], full_matrices=False)
        sound = values > 1e-10 * values[0]
        block = (right[sound].T / values[sound] ** 2) @ right[sound]
        covariance[np.ix_(known, known)] = variance * block / np.outer(norms[known], norms[known])
        lost = np.flatnonzero(known)[np.abs(right[~sound]).max(axis=0, initial=0.0) > 1e-6]
        covariance[lost, :] = covariance[:, lost] = 0.0
        covariance[lost, lost] = np.inf
    unknown = np.flatnonzero(~known)
    covariance[unknown, unknown] = np.inf
    return covariance


def propagated_covariance(
    jacobian: FloatArray, weights: FloatArray, residual: FloatArray, noise: FloatArray
) -> tuple[FloatArray, float]:
    """Return the covariance of a weighted least-squares estimate whose noise is not that of its weights.

    Parameters
    ----------
    jacobian : array, shape (n, p)
        Derivative of the model.
    weights, residual : array, shape (n,)
        Weights of the fit and its residual; points of zero weight are left out.
    noise : array, shape (n, k)
        A square root N of the covariance of the data, N N', up to a factor.

    Returns
    -------
    covariance : array, shape (p, p)
        s^2 P N N' P' with P = (J'WJ)^-1 J'W; undetermined parameters have an infinite variance.
    scale : float
        s^2, estimated without bias as r'Wr / tr(W (I - JP) N N' (I - JP)').
    """
    root = np.sqrt(weights)
    inverse = information_covariance(root[:, None] * jacobian)
    lost = np.isinf(np.diag(inverse))
    gain = np.where(np.isinf(inverse), 0.0, inverse) @ (jacobian * weights[:, None]).T
    return scaled_covariance(gain @ noise, noise - jacobian @ (gain @ noise), weights, residual, lost=lost)


def scaled_covariance(
    estimates: FloatArray, remaining: FloatArray, weights: FloatArray, residual: FloatArray, *, lost: BoolArray
) -> tuple[FloatArray, float]:
    """Return covariance and scale from how unit noise moves estimates and residual.

    Parameters
    ----------
    estimates, remaining : array, shapes (p, k) and (n, k)
        Change of the estimates and of the residual by each of k independent noise sources.
    weights, residual : array, shape (n,)
        Weights and residual of the fit.
    lost : bool array, shape (p,)
        Parameters that the data do not determine.
    """
    expected = float(np.sum(weights[:, None] * remaining**2))
    scale = float(weights @ residual**2) / expected if expected > 0 else math.nan
    covariance = scale * estimates @ estimates.T
    covariance[lost, :] = covariance[:, lost] = 0.0
    covariance[lost, lost] = np.inf
    return covariance, scale


def delta_method(
    function: Callable[[np.ndarray], np.ndarray], parameters: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return values and covariance of quantities derived from parameters.

    Parameters
    ----------
    function : callable
        Maps parameters (p,) to derived quantities (q,); must accept complex input and be analytic (no abs, no max).
    parameters, covariance : array, shapes (p,) and (p, p)
        Point and covariance; infinite variances mark parameters that are not determined.

    Returns
    -------
    values : array, shape (q,)
    covariance : array, shape (q, q)
        First order, G C G'. A quantity that depends on an undetermined parameter has an infinite variance; one whose
        derivative with respect to it is zero does not.

    Notes
    -----
    The gradient is by complex step, exact to rounding: f'(x) = Im f(x + ih)/h.
    """
    values = np.asarray(function(np.asarray(parameters, dtype=complex))).real.astype(float)
    gradient = np.empty((values.size, len(parameters)))
    for index in range(len(parameters)):
        shifted = np.asarray(parameters, dtype=complex)
        shifted[index] += 1e-40j
        gradient[:, index] = np.asarray(function(shifted)).imag / 1e-40
    lost = np.isinf(np.diag(covariance))
    finite = np.where(np.isinf(covariance), 0.0, covariance)
    derived = gradient @ finite @ gradient.T
    scale = np.abs(gradient).max(axis=1, initial=0.0)
    unknown = (np.abs(gradient[:, lost]) > 1e-12 * scale[:, None]).any(axis=1)
    derived[unknown, :] = derived[:, unknown] = 0.0
    derived[unknown, unknown] = np.inf
    return values, derived
