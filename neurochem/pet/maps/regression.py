"""Linear regressions whose response and one regressor are linear in the voxel's own curve."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.maps.estimator import Solution, VoxelEstimator
from neurochem.pet.model import ScanInputs
from neurochem.pet.multilinear import Design, MultilinearModel
from neurochem.solve import information_covariance
from neurochem.units import BoolArray, FloatArray

# Maps coefficients (p, B) to the reported parameters (q, B) and their derivatives (q, p, B).
Derived = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def prepared_design(inputs: ScanInputs, kinetic: MultilinearModel) -> tuple[Design, FloatArray, FloatArray]:
    """Return the design and the operators of response and regressor, as the regional fit has them."""
    design = kinetic.design(inputs)
    integral, identity = inputs.target_integral, np.eye(len(inputs.frames))
    response, regressor = (integral, identity) if design.response_is_integral else (identity, integral)
    return design, response, regressor


def frames_from(inputs: ScanInputs, count: int, model: str) -> BoolArray:
    """Return the frames from t* on that carry weight, enough of them for `count` coefficients."""
    t_star = float(inputs.options.get("t_star_s") or 0.0)
    used = inputs.kept & (inputs.frames.mid_s >= t_star)
    if np.count_nonzero(used) <= count:
        msg = (
            f"{model} has {count} coefficients but only {np.count_nonzero(used)} usable frames from t* on; "
            "give an earlier t_star_s"
        )
        raise InputError(msg)
    return np.asarray(used)


class VoxelRegression(VoxelEstimator):
    """B y = F a + b R y with the same weights in every voxel, and errors by propagation of the frame noise.

    With the columns F projected out of the weighted operators, u = M_u y and v = M_v y, the coefficient of the
    target's own regressor is the ratio b = u'v/v'v of two quadratic forms of y. Its derivative by the noise of every
    frame is [(Q1 + Q1') y - 2 b Q2 y]/v'v; the regional fit's propagation, whose residual also moves the regressor, is
    the same thing written differently. All forms come from one product of the block with a stack of n x n matrices.

    Parameters
    ----------
    inputs : ScanInputs
        What all voxels share.
    kinetic : MultilinearModel
        Gives the design.
    names : tuple of str
        Reported parameters.
    derived : callable
        Parameters and derivatives from the coefficients.
    """

    def __init__(self, inputs: ScanInputs, kinetic: MultilinearModel, names: tuple[str, ...], derived: Derived) -> None:
        design, response, regressor = prepared_design(inputs, kinetic)
        count = design.fixed.shape[1] + 1
        used = frames_from(inputs, count, kinetic.name)
        self.names, self.derived = names, derived
        self._tissue = lambda block: kinetic.tissue(block, inputs)[0]
        self.settings: Mapping[str, Any] = {"t_star_s": float(inputs.options.get("t_star_s") or 0.0)}
        weights = np.where(used, inputs.weights / np.max(inputs.weights), 0.0)
        root = np.sqrt(weights)[used]
        noise = np.where(inputs.kept, 1.0 / np.sqrt(np.where(inputs.kept, inputs.weights, 1.0)), 0.0)
        left, right = root[:, None] * response[used], root[:, None] * regressor[used]
        fixed = root[:, None] * design.fixed[used]
        if np.isinf(np.diag(information_covariance(fixed))).any():
            msg = f"{kinetic.name}: the reference's columns are proportional over the frames from t* on; give another t_star_s"
            raise InputError(msg)
        self._solve_fixed = np.linalg.pinv(fixed)
        beside = np.eye(root.size) - fixed @ self._solve_fixed
        self._left, self._right = beside @ left, beside @ right
        self._dof = root.size - count
        # the forms R'M R, B'M R, R'M B and B'M B of a curve, M the projector beside F, side by side for one product
        forms = (self._right.T @ right, self._left.T @ right, self._right.T @ left, self._left.T @ left)
        self._stack = np.ascontiguousarray(np.hstack([form.T for form in forms]))
        self._fixed_left, self._fixed_right = self._solve_fixed @ left, self._solve_fixed @ right
        self._noise = noise
        self._rows = np.vstack([self._fixed_left, self._fixed_right]) * noise
        self._gram = self._rows @ self._rows.T
        scaled_left, scaled_right = self._left * noise, self._right * noise
        self._trace = (
            float(np.sum(scaled_left**2)), float(np.sum(scaled_left * scaled_right)), float(np.sum(scaled_right**2))
        )  # fmt: skip

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Solve every voxel's regression and propagate its noise."""
        block, n = self._tissue(block), self._noise.size
        products = block @ self._stack
        rr, lr, rl, ll = (products[:, i * n : (i + 1) * n] for i in range(4))
        vv = np.einsum("ij,ij->i", block, rr)
        uv = np.einsum("ij,ij->i", block, lr)
        uu = np.einsum("ij,ij->i", block, ll)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = uv / vv
            rss = np.maximum(uu - slope * uv, 0.0)
            # v'(B - b R) and how the residual moves the regressor, both per unit of each frame
            direct = lr - slope[:, None] * rr
            moved = direct + rl
            moved -= slope[:, None] * rr
            moved *= self._noise
            moved /= vv[:, None]
            direct *= self._noise
            trace = self._trace[0] - 2.0 * slope * self._trace[1] + slope**2 * self._trace[2]
            trace += vv * np.einsum("ij,ij->i", moved, moved) - 2.0 * np.einsum("ij,ij->i", direct, moved)
            scale = np.sqrt(rss / trace) if self._dof > 0 else np.full(slope.shape, np.nan)
            return self._reported(block, slope, moved, scale)

    def _reported(self, block: FloatArray, slope: FloatArray, moved: FloatArray, scale: FloatArray) -> Solution:
        """Return parameters with errors from the derivatives of all coefficients by the noise of every frame.

        The derivative of a parameter is a combination of `moved` (that of b) and of the constant rows F+ B N and F+ R N,
        so that its square needs their products only.
        """
        regressor = (block @ self._fixed_right.T).T
        others = (block @ self._fixed_left.T).T - slope * regressor
        values, gradient = self.derived(np.vstack([others, slope]))
        square = np.einsum("ij,ij->i", moved, moved)
        shared = (moved @ self._rows.T).T
        stderrs = {}
        for index, name in enumerate(self.names):
            by = gradient[index]
            along = by[-1] - np.sum(by[:-1] * regressor, axis=0)
            parts = np.vstack([by[:-1], -slope * by[:-1]])
            total = along**2 * square + 2.0 * along * np.sum(parts * shared, axis=0)
            total += np.sum(parts * (self._gram @ parts), axis=0)
            stderrs[name] = scale * np.sqrt(np.maximum(total, 0.0))
        kept = dict(zip(self.names, values, strict=True))
        return Solution(kept, stderrs, np.zeros(slope.size, dtype=bool))
