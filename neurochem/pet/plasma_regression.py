"""Regression of a tissue curve on several integrals of itself."""

import numpy as np

from neurochem.pet.model import ScanInputs
from neurochem.pet.multilinear import Regression
from neurochem.pet.reconstruct import FrameSpline
from neurochem.solve import information_covariance, scaled_covariance
from neurochem.units import FloatArray


def double_integral_operator(inputs: ScanInputs) -> FloatArray:
    """Return the matrix from frame means of a target to frame means of its integral's integral.

    Parameters
    ----------
    inputs : ScanInputs
        Frames left out are bridged.

    Returns
    -------
    array, shape (n_frames, n_frames)
        Exact for the rebuilt curve: with I and J the first and second integral at the start of a piece of length w, the
        mean of the second integral over it is J + I w/2 + sum over powers of c_j w^(j+2)/((j+1)(j+2)(j+3)).
    """
    frames = inputs.frames.select(inputs.kept)
    spline = FrameSpline(frames, start_is_zero=inputs.start_is_zero)
    width = np.diff(spline.nodes)[:, None]
    power = np.arange(spline.coefficients.shape[1])

    def summed(divisor: np.ndarray, extra: int) -> FloatArray:
        terms = spline.coefficients * (width ** (power + extra) / divisor)[:, :, None]
        return np.asarray(terms.sum(axis=1))

    once = np.cumsum(summed(power + 1, 1), axis=0)
    before = np.vstack([np.zeros((1, once.shape[1])), once[:-1]])
    twice = np.cumsum(summed((power + 1) * (power + 2), 2) + before * width, axis=0)
    twice_before = np.vstack([np.zeros((1, once.shape[1])), twice[:-1]])
    means = twice_before + before * width / 2.0 + summed((power + 1) * (power + 2) * (power + 3), 2)
    # each frame is one piece between nodes
    first = np.searchsorted(spline.nodes, frames.start_min)
    operator = np.zeros((len(inputs.frames),) * 2)
    operator[np.ix_(inputs.kept, inputs.kept)] = means[first]
    return operator


def integral_before(inputs: ScanInputs, time_min: float) -> FloatArray:
    """Return the row that maps frame means of a target to its integral from injection to the start of a frame."""
    spline = FrameSpline(inputs.frames.select(inputs.kept), start_is_zero=inputs.start_is_zero)
    width = np.diff(spline.nodes)[:, None]
    power = np.arange(spline.coefficients.shape[1])
    pieces = (spline.coefficients * (width ** (power + 1) / (power + 1))[:, :, None]).sum(axis=1)
    row = np.zeros(len(inputs.frames))
    row[inputs.kept] = pieces[spline.nodes[1:] <= time_min + 1e-9].sum(axis=0)
    return row


def regress_on_itself(
    means: FloatArray, fixed: FloatArray, operators: tuple[FloatArray, ...], weights: FloatArray, noise_sd: FloatArray
) -> Regression:
    """Solve y = F a + sum over j of b_j R_j y and propagate the noise of every frame.

    Parameters
    ----------
    means, weights, noise_sd : array, shape (n_frames,)
        Frame means y, weights of the rows (zero leaves one out), noise of the frame means up to a factor.
    fixed : array, shape (n_frames, f)
        Columns F that do not depend on y.
    operators : tuple of arrays, shape (n_frames, n_frames)
        The R_j.

    Returns
    -------
    Regression
        Coefficients a, then b. With e = y - A t, the derivative of A'W e = 0 gives dt = (A'WA)^-1 [A'W (I - sum b_j R_j)
        + sum of u_j e'W R_j] dy.
    """
    columns = np.column_stack([fixed, *(operator @ means for operator in operators)])
    root = np.sqrt(weights)
    norms = np.sqrt(np.sum((root[:, None] * columns) ** 2, axis=0))
    norms[norms == 0] = 1.0
    coefficients = np.linalg.lstsq(root[:, None] * columns / norms, root * means, rcond=1e-13)[0] / norms
    inverse = information_covariance(root[:, None] * columns)
    lost = np.isinf(np.diag(inverse))
    residual = np.where(weights > 0, means - columns @ coefficients, 0.0)
    own = coefficients[fixed.shape[1] :]
    direct = np.diag(noise_sd) - sum(b * operator * noise_sd for b, operator in zip(own, operators, strict=True))
    right = (columns * weights[:, None]).T @ direct
    for index, operator in enumerate(operators, start=fixed.shape[1]):
        right[index] += (weights * residual) @ (operator * noise_sd)
    moved = np.where(np.isinf(inverse), 0.0, inverse) @ right
    covariance, _ = scaled_covariance(moved, direct - columns @ moved, weights, residual, lost=lost)
    return Regression(coefficients, covariance, means, columns, weights > 0, weights)
