"""Logan's graphs, unweighted as published: the voxel's own curve divides both sides."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.pet.maps.estimator import Solution, VoxelEstimator
from neurochem.pet.maps.regression import Derived, frames_from, prepared_design
from neurochem.pet.model import ScanInputs
from neurochem.pet.multilinear import MultilinearModel
from neurochem.units import FloatArray


class VoxelGraph(VoxelEstimator):
    """int C_T/C_T = slope F/C_T + intercept by ordinary least squares from t* on, in every voxel.

    Points at which the voxel is zero are left out. Errors propagate the noise of every frame, through the integral and
    through the intercept's regressor, with the graph's weights taken as they are; as in the regional fit.
    """

    def __init__(self, inputs: ScanInputs, kinetic: MultilinearModel, names: tuple[str, ...], derived: Derived) -> None:
        design, response, _ = prepared_design(inputs, kinetic)
        used = frames_from(inputs, 2, kinetic.name)
        self.names, self.derived = names, derived
        self._tissue = lambda block: kinetic.tissue(block, inputs)[0]
        self.settings: Mapping[str, Any] = {"t_star_s": float(inputs.options.get("t_star_s") or 0.0)}
        places = np.flatnonzero(used)
        # frames from t* on are mostly a run, which is read without a copy
        run = places.size == places[-1] - places[0] + 1
        self._used: slice | np.ndarray = slice(int(places[0]), int(places[-1]) + 1) if run else places
        self._column = design.fixed[used, 0]
        self._noise = np.where(inputs.kept, 1.0 / np.sqrt(np.where(inputs.kept, inputs.weights, 1.0)), 0.0)
        self._integral = np.ascontiguousarray(response[used].T)
        moved = response[used] * self._noise
        self._moved = moved
        own = self._noise[used]
        # |B_i N|^2, 2 B_ii N_i^2 and N_i^2 of each row, for the trace of the noise that reaches the residual
        self._squares = np.column_stack([np.sum(moved**2, axis=1), moved[np.arange(own.size), places] * own, own**2])

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Solve every voxel's line and propagate its noise."""
        block = self._tissue(block)
        tissue = block[:, self._used]
        empty = tissue == 0
        whole = not empty.any()
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1.0 / tissue
            if not whole:
                inverse[empty] = 0.0
            count = tissue.shape[1] - empty.sum(axis=1)
            beside = self._column * inverse
            residual = block @ self._integral
            residual *= inverse
            mean_x, mean_y = beside.sum(axis=1) / count, residual.sum(axis=1) / count
            beside -= mean_x[:, None]
            if not whole:
                beside[empty] = 0.0
            spread = np.einsum("ij,ij->i", beside, beside)
            slope = np.einsum("ij,ij->i", beside, residual) / spread
            intercept = mean_y - slope * mean_x
            residual -= mean_y[:, None]
            residual -= slope[:, None] * beside
            if not whole:
                residual[empty] = 0.0
            by, scale = self._propagated(inverse, beside, residual, intercept, (count, mean_x, spread))
            values, gradient = self.derived(np.vstack([slope, intercept]))
            stderrs = {
                name: scale * _length(gradient[index][0], gradient[index][1], by)
                for index, name in enumerate(self.names)
            }
        return Solution(dict(zip(self.names, values, strict=True)), stderrs, np.zeros(slope.size, dtype=bool))

    def _propagated(
        self,
        inverse: FloatArray,
        beside: FloatArray,
        residual: FloatArray,
        intercept: FloatArray,
        sums: tuple[FloatArray, FloatArray, FloatArray],
    ) -> tuple[tuple[FloatArray, FloatArray, FloatArray], FloatArray]:
        """Return variances and covariance of slope and intercept for unit noise, and the noise's standard deviation.

        In the centred frame the slope is sum(beside y)/Sxx and the mean of the line sum(y)/n. The noise moves them by
        (s - mean_x f)/Sxx and (m + f)/n a frame, s = (beside/C)'(B - b) N and m = (1/C)'(B - b) N directly, and f = (e/C) N
        because the residual e moves the regressor of the intercept on top. Only products of s, m and f are needed.
        """
        count, mean_x, spread = sums
        by_slope, by_mean = (beside * inverse) @ self._moved, inverse @ self._moved
        noisy = inverse * self._noise[self._used]
        feedback = residual * noisy
        noisy *= intercept[:, None]
        by_mean[:, self._used] -= noisy
        noisy *= beside
        by_slope[:, self._used] -= noisy
        ss, mm, ff = _dot(by_slope, by_slope), _dot(by_mean, by_mean), _dot(feedback, feedback)
        sm, sf, mf = (
            _dot(by_slope, by_mean), _dot(by_slope[:, self._used], feedback), _dot(by_mean[:, self._used], feedback)
        )  # fmt: skip
        slope_square = (ss - 2.0 * mean_x * sf + mean_x**2 * ff) / spread**2
        middle_square = (mm + 2.0 * mf + ff) / count**2
        cross = (sm + sf - mean_x * (mf + ff)) / (spread * count)
        squares = np.square(inverse, out=inverse) @ self._squares
        trace = squares[:, 0] - 2.0 * intercept * squares[:, 1] + intercept**2 * squares[:, 2]
        trace += spread * slope_square + count * middle_square
        trace -= 2.0 * (ss - mean_x * sf) / spread + 2.0 * (mm + mf) / count
        scale = np.sqrt(_dot(residual, residual) / np.where(count > 2, trace, np.nan))
        variance = middle_square - 2.0 * mean_x * cross + mean_x**2 * slope_square
        return (slope_square, variance, cross - mean_x * slope_square), scale


def _dot(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the inner product of each pair of rows."""
    return np.asarray(np.einsum("ij,ij->i", left, right))


def _length(
    by_slope: FloatArray, by_intercept: FloatArray, parts: tuple[FloatArray, FloatArray, FloatArray]
) -> FloatArray:
    """Return the root of the variance of a combination of slope and intercept."""
    slope, intercept, cross = parts
    return np.sqrt(by_slope**2 * slope + by_intercept**2 * intercept + 2.0 * by_slope * by_intercept * cross)
