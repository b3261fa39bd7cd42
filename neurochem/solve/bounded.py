"""Levenberg-Marquardt least squares inside a box."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurochem.units import BoolArray, FloatArray

# An evaluation gives the residual, and the Jacobian only when it is asked for: a rejected step never pays for it.
Evaluation = tuple[FloatArray, Callable[[], FloatArray]]


# A promised fall of the cost below its own rounding cannot be seen; the step left is some 1e-7 of a standard error.
_LEAST_GAIN = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where a bounded least-squares search ended.

    Attributes
    ----------
    parameters : array, shape (p,)
        Parameters at the minimum.
    cost : float
        Sum of squared residuals there.
    converged : bool
        Whether the step or the projected gradient fell below its tolerance.
    iterations, evaluations : int
        Work done.
    at_lower, at_upper : bool array, shape (p,)
        Parameters held at a bound by a gradient that points outward.
    """

    parameters: FloatArray
    cost: float
    converged: bool
    iterations: int
    evaluations: int
    at_lower: BoolArray
    at_upper: BoolArray


def minimize_least_squares(  # noqa: PLR0913 - one keyword for each rule of stopping
    evaluate: Callable[[FloatArray], Evaluation],
    start: FloatArray,
    *,
    lower: FloatArray,
    upper: FloatArray,
    step_tolerance: float = 1e-11,
    gradient_tolerance: float = 1e-13,
    gain_tolerance: float = 0.0,
    max_iterations: int = 200,
) -> Minimum:
    """Minimise the sum of squared residuals with every parameter inside its bounds.

    Parameters
    ----------
    evaluate : callable
        `evaluate(parameters)` returns `(residual, jacobian)`, residual of shape (n,) and `jacobian()` of shape (n, p),
        the derivative of the residual.
    start, lower, upper : array, shape (p,)
        Start and bounds; the start is moved inside them. Bounds may be infinite.
    step_tolerance : float
        Relative size of a step at which the search has converged.
    gradient_tolerance : float
        Cosine between the residual and every free column of the Jacobian at which the search has converged.
    gain_tolerance : float
        Promised fall of the cost at which the search has converged; where residuals are over their standard deviation, a
        fall of d moves no parameter by more than sqrt(d) standard errors.
    max_iterations : int
        Limit on the number of Jacobians.

    Returns
    -------
    Minimum
        The best point found, converged or not; non-finite trial points are rejected, never returned.

    Notes
    -----
    Damping follows Nielsen's rule on columns scaled to unit length; parameters at a bound whose gradient points outward
    leave the step (gradient projection), and a step that crosses a bound is cut back to it coordinate by coordinate.
    A local method: the caller gives a start in the right valley, or several.

    References
    ----------
    More JJ (1978), The Levenberg-Marquardt algorithm: implementation and theory; Nielsen HB (1999), IMM-REP-1999-05.
    """
    state = _State(evaluate, np.clip(np.asarray(start, dtype=float), lower, upper), lower, upper, gain_tolerance)
    iterations, converged = 0, False
    while iterations < max_iterations and not converged:
        iterations += 1
        converged = not state.improve(step_tolerance, gradient_tolerance)
    held = _held(state.parameters, state.jacobian().T @ state.residual, lower, upper)
    return Minimum(
        parameters=state.parameters,
        cost=state.cost,
        converged=converged,
        iterations=iterations,
        evaluations=state.evaluations,
        at_lower=held & (state.parameters <= lower),
        at_upper=held & (state.parameters >= upper),
    )


class _State:
    """The best point so far, with the damping that fits it."""

    def __init__(
        self,
        evaluate: Callable[[FloatArray], Evaluation],
        parameters: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        least_gain: float,
    ) -> None:
        self.least_gain = least_gain
        self.evaluate, self.lower, self.upper = evaluate, lower, upper
        self.parameters = parameters
        self.residual, self.jacobian = evaluate(parameters)
        self.cost = float(self.residual @ self.residual)
        self.damping, self.growth, self.evaluations = 1e-3, 2.0, 1

    def improve(self, step_tolerance: float, gradient_tolerance: float) -> bool:
        """Take one accepted step; return False where there is none to take."""
        matrix = self.jacobian()
        gradient = matrix.T @ self.residual
        free = ~_held(self.parameters, gradient, self.lower, self.upper)
        scale = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
        scale[scale == 0.0] = 1.0
        slope = np.max(np.abs(gradient[free]) / scale[free], initial=0.0)
        if slope <= gradient_tolerance * np.sqrt(self.cost):
            return False
        while self.damping < 1e16:
            step = _damped_step(matrix, self.residual, scale, free, self.damping)
            trial = np.clip(self.parameters + step, self.lower, self.upper)
            moved, cut = trial - self.parameters, bool((trial != self.parameters + step).any())
            if (np.abs(moved) <= step_tolerance * (np.abs(self.parameters) + step_tolerance)).all():
                return False
            predicted = -float(moved @ (2.0 * gradient + matrix.T @ (matrix @ moved)))
            # a step cut at a bound promises nothing by this formula
            if not cut and predicted <= max(_LEAST_GAIN * self.cost, self.least_gain):
                return False
            if self._accept(moved, predicted):
                return True
        # a step so damped that it no longer moves is as far as double precision goes
        return False

    def _accept(self, moved: FloatArray, predicted: float) -> bool:
        """Go there if the cost falls; adapt the damping either way."""
        trial = self.parameters + moved
        residual, jacobian = self.evaluate(trial)
        self.evaluations += 1
        cost = float(residual @ residual)
        if not (np.isfinite(cost) and cost < self.cost):
            self.damping, self.growth = self.damping * self.growth, self.growth * 2.0
            return False
        ratio = (self.cost - cost) / predicted if predicted > 0 else 0.5
        self.damping = max(self.damping * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3), 1e-14)
        self.parameters, self.residual, self.jacobian, self.cost = trial, residual, jacobian, cost
        self.growth = 2.0
        return True


def _held(parameters: FloatArray, gradient: FloatArray, lower: FloatArray, upper: FloatArray) -> BoolArray:
    """Return which parameters sit at a bound that the gradient pushes them against."""
    return ((parameters <= lower) & (gradient >= 0)) | ((parameters >= upper) & (gradient <= 0))


def _damped_step(
    matrix: FloatArray, residual: FloatArray, scale: FloatArray, free: BoolArray, damping: float
) -> FloatArray:
    """Return the Levenberg-Marquardt step of the free parameters, zero for the others."""
    step = np.zeros(matrix.shape[1])
    if np.count_nonzero(free) == 1:
        index = int(np.argmax(free))
        step[index] = -float(matrix[:, index] @ residual) / (scale[index] ** 2 * (1.0 + damping))
        return step
    scaled = matrix[:, free] / scale[free]
    # stacked rows keep the conditioning of the Jacobian; normal equations would square it
    rows = np.vstack([scaled, np.sqrt(damping) * np.eye(scaled.shape[1])])
    target = np.concatenate([-residual, np.zeros(scaled.shape[1])])
    step[free] = np.linalg.lstsq(rows, target, rcond=None)[0] / scale[free]
    return step
