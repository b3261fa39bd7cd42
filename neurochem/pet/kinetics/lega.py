"""Likelihood estimation in graphical analysis."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.moments import power_moments
from neurochem.pet.multilinear import Design
from neurochem.pet.plasma_linear import PlasmaLinearModel
from neurochem.pet.plasma_regression import integral_before
from neurochem.pet.view import PointView
from neurochem.solve import delta_method, minimize_least_squares, propagated_covariance
from neurochem.units import FloatArray

_FIRST_RATE = 0.05


class LEGA(PlasmaLinearModel):
    """Likelihood estimation in graphical analysis (Ogden 2003).

    Logan's line int C_T = VT int C_P + b C_T, taken as true from the start t* of a frame on, is a differential equation
    for C_T. Its solution, with r = -1/b and S the integral of the measured C_T until t*, is
    C_T(t) = r (VT int_0^t* C_P - S) exp(-r (t - t*)) + VT r int_t*^t C_P(u) exp(-r (t - u)) du.
    Its exact frame means are fitted to the measured ones by weighted least squares over VT and r, the maximum of the
    likelihood for independent Gaussian noise of the given weights. Noise is on the left only, so Logan's bias is gone;
    the noise of S is carried into the errors. t* as for Logan, whose line is as wrong before it. r is searched from
    0.06/T (T the scan's length) to 2/min.
    """

    name: ClassVar[str] = "LEGA"
    citation: ClassVar[str] = "Ogden RT (2003), Stat Med 22:3557 (pages unchecked)"
    equation: ClassVar[str] = "frame means of C_T for which int C_T = VT int C_P + b C_T after t*"

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of parent plasma."""
        return Design(inputs.input_integral[:, None], (), response_is_integral=True)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return VT and the intercept from VT and r."""
        return np.array([coefficients[0], -1.0 / coefficients[1]])

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Search VT and r from Logan's estimates."""
        means, flags = self.tissue(target.means, inputs)
        t_star, logan, notes = self._regression(replace(target, means=means), self.design(inputs), inputs)
        used = inputs.kept & (inputs.frames.mid_s >= t_star)
        weights = np.where(used, inputs.weights / np.max(inputs.weights), 0.0)
        row = integral_before(inputs, float(inputs.frames.start_min[used][0]))
        line = _Line(inputs, used, float(row @ means))
        root = np.sqrt(weights)

        def evaluate(theta: FloatArray) -> tuple[FloatArray, Callable[[], FloatArray]]:
            curve, jacobian, _ = line.at(theta)
            return root * (curve - means), lambda: root[:, None] * jacobian

        rates = inputs.washout_grid[0]
        volume, b = logan.coefficients
        first = -1.0 / b if b < 0 else _FIRST_RATE
        lower, upper = np.array([-np.inf, rates[0]]), np.array([np.inf, rates[-1]])
        search = minimize_least_squares(evaluate, np.array([volume, first]), lower=lower, upper=upper)
        curve, jacobian, by_start = line.at(search.parameters)
        free = ~(search.at_lower | search.at_upper)
        # the residual moves with the frame itself and, through S, with every frame before t*
        noise = np.diag(target.noise_sd) - np.outer(by_start, row * target.noise_sd)
        covariance = np.zeros((2, 2))
        covariance[np.ix_(free, free)] = propagated_covariance(jacobian[:, free], weights, means - curve, noise)[0]
        values, covariance = delta_method(lambda p: self.derived(p, inputs), search.parameters, covariance)
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=np.where(used, curve, np.nan),
            used=used,
            dof=float(np.count_nonzero(used) - 2),
            success=search.converged,
            at_bound=frozenset() if free[1] else frozenset({"VT", "intercept"}),
            flags=(*flags, *notes),
            diagnostics={"iterations": float(search.iterations)},
            settings={"t_star_s": t_star},
            data=means,
            weights=weights,
        )


class _Line:
    """The frame means that follow Logan's line from the first frame used on."""

    def __init__(self, inputs: ScanInputs, used: np.ndarray, before: float) -> None:
        self.view, self.before = inputs.view, before
        start = float(inputs.frames.start_min[used][0])
        self.point = PointView(np.array([start]), inputs.curve)
        self.plasma = float(self.point.convolved(0.0)[0][0, 0])
        self.since = np.maximum(inputs.frames.start_min - start, 0.0)
        self.length = inputs.frames.end_min - inputs.frames.start_min

    def at(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return frame means, their derivatives by VT and r, and their derivative by S."""
        volume, rate = theta
        zeroth, first = power_moments(rate * self.length, 1)
        decay = np.exp(-rate * self.since)
        fade = decay * zeroth
        fade_by = -self.since * fade - decay * self.length * (zeroth - first)
        (response,), (slope,) = self.view.convolved(rate)
        (early,), (early_by,) = (part[:, 0] for part in self.point.convolved(rate))
        share = self.plasma * fade + response - early * fade
        share_by = self.plasma * fade_by + slope - early * fade_by - early_by * fade
        curve = rate * (volume * share - self.before * fade)
        by_rate = curve / rate + rate * (volume * share_by - self.before * fade_by)
        return curve, np.column_stack([rate * share, by_rate]), -rate * fade


MODELS.add(LEGA(), name=LEGA.name, reference=LEGA.citation, needs=("blood",))
