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
        self._used = np.flatnonzero(used)
        self._column = design.fixed[used, 0]
        self._noise = np.where(inputs.kept, 1.0 / np.sqrt(np.where(inputs.kept, inputs.weights, 1.0)), 0.0)
        self._integral = np.ascontiguousarray(response[used].T)
        moved = response[used] * self._noise
        self._moved = moved
        own = self._noise[used]
        # |B_i N|^2, 2 B_ii N_i^2 and N_i^2 of each row, for the trace of the noise that reaches the residual
        self._squares = np.column_stack(
            [np.sum(moved**2, axis=1), moved[np.arange(own.size), self._used] * own, own**2]
        )

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Solve every voxel's line and propagate its noise."""
        block = self._tissue(block)
        tissue = block[:, self._used]
        with np.errstate(divide="ignore", invalid="ignore"):
            usable = tissue != 0
            inverse = np.where(usable, 1.0 / tissue, 0.0)
            count = usable.sum(axis=1)
            x = self._column * inverse
            y = (block @ self._integral) * inverse
            mean_x, mean_y = x.sum(axis=1) / count, y.sum(axis=1) / count
            beside = np.where(usable, x - mean_x[:, None], 0.0)
            spread = np.einsum("ij,ij->i", beside, beside)
            slope = np.einsum("ij,ij->i", beside, y) / spread
            intercept = mean_y - slope * mean_x
            residual = np.where(usable, y - slope[:, None] * x - intercept[:, None], 0.0)
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

        In the centred frame the slope is sum(beside y)/Sxx and the mean of the line sum(y)/n, whose moves by the noise
        are (beside/C)'(B - b)N/Sxx and (1/C)'(B - b)N/n; the residual moves the regressor of the intercept on top.
        """
        count, mean_x, spread = sums
        along = beside * inverse
        direct = [self._direct(along, intercept), self._direct(inverse, intercept)]
        # sum over the points of e/C^2 dC, which belongs to the normal equation of the intercept
        feedback = np.zeros_like(direct[0])
        feedback[:, self._used] = residual * inverse * self._noise[self._used]
        middle = (direct[1] + feedback) / count[:, None]
        turn = (direct[0] - mean_x[:, None] * feedback) / spread[:, None]
        slope_square = np.einsum("ij,ij->i", turn, turn)
        middle_square = np.einsum("ij,ij->i", middle, middle)
        cross = np.einsum("ij,ij->i", turn, middle)
        squares = (inverse**2) @ self._squares
        trace = squares[:, 0] - 2.0 * intercept * squares[:, 1] + intercept**2 * squares[:, 2]
        trace += spread * slope_square + count * middle_square
        trace -= 2.0 * np.einsum("ij,ij->i", direct[0], turn) + 2.0 * np.einsum("ij,ij->i", direct[1], middle)
        scale = np.sqrt(np.einsum("ij,ij->i", residual, residual) / np.where(count > 2, trace, np.nan))
        variance = middle_square - 2.0 * mean_x * cross + mean_x**2 * slope_square
        return (slope_square, variance, cross - mean_x * slope_square), scale

    def _direct(self, rows: FloatArray, intercept: FloatArray) -> FloatArray:
        """Return rows' (B - b) N for each voxel, shape (B, n_frames)."""
        moved = rows @ self._moved
        moved[:, self._used] -= intercept[:, None] * rows * self._noise[self._used]
        return np.asarray(moved)


def _length(
    by_slope: FloatArray, by_intercept: FloatArray, parts: tuple[FloatArray, FloatArray, FloatArray]
) -> FloatArray:
    """Return the root of the variance of a combination of slope and intercept."""
    slope, intercept, cross = parts
    return np.sqrt(by_slope**2 * slope + by_intercept**2 * intercept + 2.0 * by_slope * by_intercept * cross)
