"""Models that are linear in their coefficients: one regression on curves and their integrals."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import KineticModel, Outcome, ScanInputs
from neurochem.quality import Flag
from neurochem.results import Axis
from neurochem.solve import delta_method, information_covariance
from neurochem.units import BoolArray, FloatArray

# Largest relative residual that the automatic start of the linear part allows; a common default, unchecked.
T_STAR_RESIDUAL = 0.10
_FEWEST_POINTS = 5


@dataclass(frozen=True, eq=False)
class Design:
    """A regression B y = F a + b R y on the frame means y of the target.

    Attributes
    ----------
    fixed : array, shape (n, f)
        Columns F that do not depend on the target.
    response_is_integral : bool
        Whether B is the integral operator (graphical forms) or the identity; R is the other of the two.
    """

    fixed: FloatArray
    response_is_integral: bool


@dataclass(frozen=True, eq=False)
class Regression:
    """The solution, with the covariance of the coefficients by propagation of frame noise."""

    coefficients: FloatArray
    covariance: FloatArray
    response: FloatArray
    columns: FloatArray
    used: BoolArray
    weights: FloatArray

    @property
    def predicted(self) -> FloatArray:
        """The regression line at every frame."""
        return self.columns @ self.coefficients

    @property
    def dof(self) -> float:
        """Return points used minus coefficients."""
        return float(np.count_nonzero(self.used) - self.coefficients.size)

    def largest_relative_residual(self) -> float:
        """Return the largest residual relative to the response, where that is above 1 % of its largest value."""
        points = self.used & (np.abs(self.response) > 0.01 * np.max(np.abs(self.response)))
        residual = (self.response - self.predicted)[points]
        return float(np.max(np.abs(residual / self.response[points]), initial=0.0))


class MultilinearModel(KineticModel):
    """Base of MRTM1, MRTM2, Logan, its reference form, and MA1.

    Both sides are frame means: the mean over a frame of the integral from injection, exact for the rebuilt curve, so
    the regression holds for frame means as it does for instantaneous values. Standard errors propagate the noise of
    every frame of the target through the integrals to the coefficients; the residual covariance of the regression,
    which takes its rows to be independent, would be too small by half.
    """

    options: ClassVar[tuple[str, ...]] = ("t_star_s",)
    graphical: ClassVar[bool] = False
    linear_from_start: ClassVar[bool] = True

    @abstractmethod
    def design(self, inputs: ScanInputs) -> Design:
        """Return the columns of the regression."""

    @abstractmethod
    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return the reported parameters from the coefficients; complex input must pass through."""

    def tissue(self, means: FloatArray, inputs: ScanInputs) -> tuple[FloatArray, tuple[Flag, ...]]:
        """Return the frame means to analyse; plasma models take vascular activity off here."""
        return means, ()

    def estimate(self, means: FloatArray, inputs: ScanInputs) -> Outcome:
        """Solve the regression over the frames from t* on."""
        target, flags = self.tissue(means, inputs)
        design = self.design(inputs)
        t_star, regression, notes = self._regression(target, design, inputs)
        values, covariance = delta_method(
            lambda coefficients: self.derived(coefficients, inputs), regression.coefficients, regression.covariance
        )
        shown = _graph(target, design, regression, inputs) if self.graphical else (None, None, regression.predicted)
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=shown[2],
            used=regression.used,
            dof=regression.dof,
            flags=(*flags, *notes),
            settings={"t_star_s": t_star},
            diagnostics={"largest_relative_residual": regression.largest_relative_residual()},
            axis=shown[0],
            data=shown[1] if self.graphical else (target if flags else None),
            weights=np.where(regression.used, regression.weights, 0.0),
        )

    def _regression(
        self, target: FloatArray, design: Design, inputs: ScanInputs
    ) -> tuple[float, Regression, tuple[Flag, ...]]:
        """Solve from the t* that is given, or the earliest that is linear."""
        frames, kept = inputs.frames, inputs.kept
        count = design.fixed.shape[1] + 1
        given = inputs.options.get("t_star_s")
        if given is not None or self.linear_from_start:
            t_star = 0.0 if given is None else float(given)
            return t_star, self._solve(target, design, inputs, kept & (frames.mid_s >= t_star)), ()
        # before the input has peaked the activity is small and rises: such points rule the graph and are never linear
        peak = int(np.argmax(np.where(kept, inputs.view.input, -np.inf)))
        later = np.flatnonzero(kept & (np.arange(kept.size) >= peak))
        candidates = later[: max(1, later.size - max(_FEWEST_POINTS, count + 2) + 1)]
        for first in candidates:
            t_star = float(frames.start_s[first])
            regression = self._solve(target, design, inputs, kept & (frames.mid_s >= t_star))
            if regression.largest_relative_residual() <= T_STAR_RESIDUAL:
                return t_star, regression, ()
        message = f"no start leaves every relative residual below {100 * T_STAR_RESIDUAL:.0f} %; the latest was taken"
        return t_star, regression, (Flag("t_star_not_found", message),)

    def _solve(self, target: FloatArray, design: Design, inputs: ScanInputs, used: BoolArray) -> Regression:
        count = design.fixed.shape[1] + 1
        usable = used & (target != 0) if self.graphical else used
        if np.count_nonzero(usable) <= count:
            msg = (
                f"{self.name} has {count} coefficients but only {np.count_nonzero(usable)} usable frames from t* on; "
                "give an earlier t_star_s"
            )
            raise InputError(msg)
        integral, identity = inputs.target_integral, np.eye(target.size)
        operators = (integral, identity) if design.response_is_integral else (identity, integral)
        response, regressor = (operator @ target for operator in operators)
        columns = np.column_stack([design.fixed, regressor])
        weights = self._regression_weights(target, inputs)
        return _solve_regression(columns, response, operators, np.where(usable, weights, 0.0), inputs.weights)

    def _regression_weights(self, target: FloatArray, inputs: ScanInputs) -> FloatArray:
        """Return weights of the rows: those given, or ordinary least squares on the graph where none were."""
        if self.graphical and inputs.weighting.startswith("counting"):
            # the published graphical method is unweighted in y/C against x/C
            return 1.0 / np.where(target == 0, 1.0, target) ** 2
        return inputs.weights


def _solve_regression(
    columns: FloatArray,
    response: FloatArray,
    operators: tuple[FloatArray, FloatArray],
    weights: FloatArray,
    noise_weights: FloatArray,
) -> Regression:
    """Solve a weighted regression and propagate the noise of the target's frames.

    With e = B y - A t, the derivative of the normal equations A'W e = 0 gives
    dt = (A'WA)^-1 [A'W (B - t_R R) + u e'WR] dy, u the unit vector of the target's own column.
    """
    used = weights > 0
    root = np.sqrt(weights)
    norms = np.sqrt(np.sum((root[:, None] * columns) ** 2, axis=0))
    norms[norms == 0] = 1.0
    scaled = root[:, None] * columns / norms
    coefficients = np.linalg.lstsq(scaled, root * response, rcond=1e-11)[0] / norms
    inverse = information_covariance(root[:, None] * columns)
    undetermined = np.isinf(np.diag(inverse))
    plain = np.where(np.isinf(inverse), 0.0, inverse)
    residual = np.where(used, response - columns @ coefficients, 0.0)
    sensitivity = operators[0] - coefficients[-1] * operators[1]
    right = (columns * weights[:, None]).T @ sensitivity
    right[-1] += (weights * residual) @ operators[1]
    propagation = plain @ right
    variance = np.where(noise_weights > 0, 1.0 / np.where(noise_weights > 0, noise_weights, 1.0), 0.0)
    remaining = root[:, None] * (sensitivity - columns @ propagation)
    expected = float(np.sum(remaining**2 * variance))
    scale = float(weights @ residual**2) / expected if expected > 0 else math.nan
    covariance = scale * (propagation * variance) @ propagation.T
    covariance[undetermined, :] = covariance[:, undetermined] = 0.0
    covariance[undetermined, undetermined] = np.inf
    return Regression(coefficients, covariance, response, columns, used, weights)


def _graph(
    target: FloatArray, design: Design, regression: Regression, inputs: ScanInputs
) -> tuple[Axis, FloatArray, FloatArray]:
    """Return the graphical plot: abscissa, ordinate and line, zero where the target is zero."""
    safe = np.where(target == 0, np.inf, target)
    abscissa, ordinate = design.fixed[:, 0] / safe, regression.response / safe
    line = regression.predicted / safe
    unit = "min" if inputs.blood is None and inputs.input_name != "plasma" else "min cm3/mL"
    return (
        Axis(abscissa, "integral of input / activity", unit, "integral of activity / activity", "min"),
        ordinate,
        line,
    )
