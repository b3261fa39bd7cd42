"""The linear form of release models: one regression for each time course of a grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np

from neurochem.pet.model import ScanInputs, Target
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.release_courses import ReleaseCourse
from neurochem.solve import information_covariance, scaled_covariance
from neurochem.units import FloatArray


class ReleaseOperators:
    """Maps from frame means of a target to frame means of the integral of C_T h, exact for the rebuilt curve.

    Parameters
    ----------
    inputs : ScanInputs
        Frames, and those that carry weight.
    """

    def __init__(self, inputs: ScanInputs) -> None:
        self._kept = np.flatnonzero(inputs.kept)
        self._size = len(inputs.frames)
        frames = inputs.frames.select(inputs.kept)
        spline = FrameSpline(frames, start_is_zero=inputs.start_is_zero)
        self._nodes, self._pieces = spline.nodes, spline.coefficients
        self._interval = np.searchsorted(spline.nodes, frames.start_min)

    def kept(self, course: ReleaseCourse) -> FloatArray:
        """Return the matrix between the frames that carry weight.

        Notes
        -----
        On each piece C_T is a polynomial in t - a; its integrals with h are sums of local moments, which follow from the
        moments about the start of the release by the binomial theorem.
        """
        nodes = self._nodes
        moments = np.diff(course.moments(nodes, 3), axis=1)
        before = course.start - nodes[:-1]
        # (s - a)^j = sum over k of binomial(j, k) (s - start)^k (start - a)^(j-k)
        local = np.stack([sum(comb(j, k) * moments[k] * before ** (j - k) for k in range(j + 1)) for j in range(4)])
        width = np.diff(nodes)
        whole = np.einsum("jp,pjn->pn", local[:3], self._pieces)
        inside = np.einsum("jp,pjn->pn", width * local[:3] - local[1:], self._pieces)
        earlier = np.cumsum(whole, axis=0) - whole
        return np.asarray((earlier + inside / width[:, None])[self._interval])

    def full(self, course: ReleaseCourse) -> FloatArray:
        """Return the matrix between all frames, zero where a frame carries no weight."""
        operator = np.zeros((self._size, self._size))
        operator[np.ix_(self._kept, self._kept)] = self.kept(course)
        return operator


class ReleaseScan:
    """What the regressions of one scan share: rows scaled by the square root of the weights, frames of weight only."""

    def __init__(self, inputs: ScanInputs) -> None:
        kept = inputs.kept
        self.inputs, self.kept = inputs, kept
        self.operators = ReleaseOperators(inputs)
        self.root = np.sqrt(inputs.weights[kept] / np.max(inputs.weights))
        self.target_integral = inputs.target_integral[np.ix_(kept, kept)]
        self.reference = np.column_stack([inputs.view.input, inputs.input_integral])[kept]

    @cached_property
    def reference_integral(self) -> FloatArray:
        """Matrix from frame means of the reference to those of its integral."""
        return self.inputs.reference_integral[np.ix_(self.kept, self.kept)]


def explained(
    scan: ReleaseScan, release: FloatArray, means: FloatArray, columns: Sequence[FloatArray], *, signed: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the weighted residual of the model without release, and what each time course takes off it.

    Parameters
    ----------
    scan : ReleaseScan
        The scan.
    release : array, shape (m, n, n)
        Operators of m time courses.
    means : array, shape (b, n)
        Targets of b data sets.
    columns : sequence of arrays, shape (b, n)
        Regressors without release.
    signed : bool
        Whether gamma may not be negative.

    Returns
    -------
    rss : array, shape (b,)
    gain : array, shape (m, b)
    """
    root = scan.root
    basis = np.linalg.qr(root[:, None] * np.stack(columns, axis=2))[0]
    across = basis.transpose(0, 2, 1)
    data = root * means
    residual = data - (basis @ (across @ data[:, :, None]))[:, :, 0]
    count, size, _ = release.shape
    # one large product: courses and frames in rows, data sets in columns
    curves = (release.reshape(count * size, size) @ means.T).reshape(count, size, -1) * root[:, None]
    slope = np.einsum("mnb,bn->mb", curves, residual)
    shadow = np.einsum("bpn,mnb->mbp", across, curves, optimize=True)
    total = np.sum(curves**2, axis=1)
    left = total - np.sum(shadow**2, axis=2)
    useful = left > np.maximum(1e-12 * total, np.finfo(float).tiny)
    # the equation has - gamma int C_T h, so that a release is a negative coefficient
    useful &= (slope < 0) if signed else True
    gain = np.where(useful, slope**2 / np.where(useful, left, 1.0), 0.0)
    return np.sum(residual**2, axis=1), gain


@dataclass(frozen=True, eq=False)
class ReleaseRegression:
    """Coefficients of C_R, int C_R, int C_T and int C_T h, with their covariance given the time course."""

    coefficients: FloatArray
    covariance: FloatArray
    fitted: FloatArray
    rss: float
    scale: float


def solve_release(
    scan: ReleaseScan, target: Target, course: ReleaseCourse | None, *, signed: bool = True
) -> ReleaseRegression:
    """Solve the regression for one time course; without one, or where gamma would be negative, gamma is 0.

    Parameters
    ----------
    scan : ReleaseScan
        The scan.
    target : Target
        Frame means and noise of target and reference.
    course : ReleaseCourse or None
        h.
    signed : bool
        Whether gamma may not be negative.

    Notes
    -----
    Standard errors propagate the noise of every frame of target and reference through the integrals, as in
    `MultilinearModel`; they take the time course as known.
    """
    kept = scan.kept
    means = target.means[kept]
    operators = [scan.target_integral, *([] if course is None else [scan.operators.kept(course)])]
    columns = np.column_stack([scan.reference, *(operator @ means for operator in operators)])
    coefficients = _weighted(columns, means, scan.root)
    if course is not None and signed and coefficients[3] > 0:
        return solve_release(scan, target, None)
    residual = means - columns @ coefficients
    covariance, scale = _propagated(scan, target, columns, coefficients, residual, operators)
    fitted = np.array(target.means)
    fitted[kept] = columns @ coefficients
    whole, spread = np.zeros(4), np.zeros((4, 4))
    size = coefficients.size
    whole[:size], spread[:size, :size] = coefficients, covariance
    return ReleaseRegression(whole, spread, fitted, float(np.sum((scan.root * residual) ** 2)), scale)


def profile_residual(scan: ReleaseScan, means: FloatArray, course: ReleaseCourse, *, signed: bool) -> FloatArray:
    """Return the weighted residual of the best regression for a time course, gamma 0 where it would be negative."""
    columns = np.column_stack([scan.reference, scan.target_integral @ means, scan.operators.kept(course) @ means])
    coefficients = _weighted(columns, means, scan.root)
    if signed and coefficients[3] > 0:
        coefficients = np.append(_weighted(columns[:, :3], means, scan.root), 0.0)
    return np.asarray(scan.root * (means - columns @ coefficients))


def _weighted(columns: FloatArray, means: FloatArray, root: FloatArray) -> FloatArray:
    scaled = root[:, None] * columns
    norms = np.sqrt(np.sum(scaled**2, axis=0))
    norms[norms == 0] = 1.0
    return np.asarray(np.linalg.lstsq(scaled / norms, root * means, rcond=1e-12)[0] / norms)


def _propagated(
    scan: ReleaseScan,
    target: Target,
    columns: FloatArray,
    coefficients: FloatArray,
    residual: FloatArray,
    operators: list[FloatArray],
) -> tuple[FloatArray, float]:
    """Return covariance and noise scale by the derivative of the normal equations A'W (y - A x) = 0."""
    weights, kept = scan.root**2, scan.kept
    inverse = information_covariance(scan.root[:, None] * columns)
    lost = np.isinf(np.diag(inverse))
    clean = np.where(np.isinf(inverse), 0.0, inverse)
    noise = target.noise_sd[kept]
    sources = [(np.diag(noise), [None, None, *(operator * noise for operator in operators)])]
    if target.reference_sd is not None:
        shared = target.reference_sd[kept]
        moved = [np.diag(shared), scan.reference_integral * shared, *([None] * len(operators))]
        sources.append((np.zeros((noise.size, noise.size)), moved))
    estimates, residuals = [], []
    for response, changes in sources:
        direct = response - sum(
            c * change for c, change in zip(coefficients, changes, strict=True) if change is not None
        )
        right = (columns * weights[:, None]).T @ direct
        for index, change in enumerate(changes):
            if change is not None:
                right[index] += (weights * residual) @ change
        estimates.append(clean @ right)
        residuals.append(direct - columns @ estimates[-1])
    return scaled_covariance(np.hstack(estimates), np.hstack(residuals), weights, residual, lost=lost)
