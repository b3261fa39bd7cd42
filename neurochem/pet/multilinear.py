"""Models that are linear in their coefficients: one regression on curves and their integrals."""

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import KineticModel, Outcome, ScanInputs, Target
from neurochem.quality import Flag
from neurochem.results import Axis
from neurochem.solve import delta_method, information_covariance, scaled_covariance
from neurochem.units import BoolArray, FloatArray

# Largest relative residual that the automatic start of the linear part allows; a common default, unchecked.
T_STAR_RESIDUAL = 0.10
_FEWEST_POINTS = 5
# When the later half of the points says something else: beyond twice its own error and 3 %; chosen here.
_CURVED_STDERRS, _CURVED_SHARE = 2.0, 0.03


@dataclass(frozen=True, eq=False)
class Design:
    """A regression B y = F a + b R y on the frame means y of the target.

    Attributes
    ----------
    fixed : array, shape (n, f)
        Columns F that do not depend on the target.
    reference : tuple of (array, shape (n, n)), length f, or empty
        What maps the reference's frame means to each of those columns; empty for plasma input, taken as exact.
    response_is_integral : bool
        Whether B is the integral operator (graphical forms) or the identity; R is the other of the two.
    """

    fixed: FloatArray
    reference: tuple[FloatArray, ...]
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
    every frame of target and reference through the integrals to the coefficients; the residual covariance of the regression,
    which takes its rows to be independent, would be too small by half.
    """

    options: ClassVar[tuple[str, ...]] = ("t_star_s",)
    graphical: ClassVar[bool] = False
    linear_from_start: ClassVar[bool] = True
    # share of the scan after which the line is taken to be straight where no t* is given; None: by the residual rule
    default_start: ClassVar[float | None] = None

    @abstractmethod
    def design(self, inputs: ScanInputs) -> Design:
        """Return the columns of the regression."""

    @abstractmethod
    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return the reported parameters from the coefficients; complex input must pass through."""

    def tissue(self, means: FloatArray, inputs: ScanInputs) -> tuple[FloatArray, tuple[Flag, ...]]:
        """Return the frame means to analyse; plasma models take vascular activity off here."""
        return means, ()

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression over the frames from t* on."""
        means, flags = self.tissue(target.means, inputs)
        tissue = replace(target, means=means)
        design = self.design(inputs)
        t_star, regression, notes = self._regression(tissue, design, inputs)
        values, covariance = delta_method(
            lambda coefficients: self.derived(coefficients, inputs), regression.coefficients, regression.covariance
        )
        shown = _graph(means, design, regression, inputs) if self.graphical else (None, None, regression.predicted)
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=shown[2],
            used=regression.used,
            dof=regression.dof,
            flags=(*flags, *notes),
            settings={"t_star_s": t_star},
            diagnostics={
                "t_star_s": t_star,
                "largest_relative_residual": regression.largest_relative_residual(),
            },
            axis=shown[0],
            data=shown[1] if self.graphical else means,
            weights=np.where(regression.used, regression.weights, 0.0),
        )

    def _regression(
        self, target: Target, design: Design, inputs: ScanInputs
    ) -> tuple[float, Regression, tuple[Flag, ...]]:
        """Solve from the t* that is given, or the earliest that is linear."""
        frames, kept = inputs.frames, inputs.kept
        count = design.fixed.shape[1] + 1
        given = inputs.options.get("t_star_s")
        if given is not None or self.linear_from_start:
            t_star = 0.0 if given is None else float(given)
            return t_star, self._solve(target, design, inputs, kept & (frames.mid_s >= t_star)), ()
        if self.default_start is not None:
            t_star = self.default_start * float(frames.end_s[-1])
            regression = self._solve(target, design, inputs, kept & (frames.mid_s >= t_star))
            late = self._solve(target, design, inputs, _later_half(regression.used))
            return t_star, regression, (*_default_flag(t_star), *self._curvature(regression, late, inputs))
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

    def _curvature(self, whole: Regression, late: Regression, inputs: ScanInputs) -> tuple[Flag, ...]:
        """Return a flag if the later half of the points gives another answer than all of them."""
        name = self.reported[0]
        values, errors = [], []
        for regression in (whole, late):
            value, covariance = delta_method(
                lambda coefficients: self.derived(coefficients, inputs), regression.coefficients, regression.covariance
            )
            values.append(float(value[0]))
            errors.append(math.sqrt(max(float(covariance[0, 0]), 0.0)))
        shift = values[1] - values[0]
        if not abs(shift) > max(_CURVED_STDERRS * errors[1], _CURVED_SHARE * abs(values[0])):
            return ()
        message = f"{name} from the later half of the points is {values[1]:.4g}, from all of them {values[0]:.4g}"
        return (Flag("curved", f"{message}: not yet linear; give a later t_star_s", "warning", name),)

    def _solve(self, target: Target, design: Design, inputs: ScanInputs, used: BoolArray) -> Regression:
        count = design.fixed.shape[1] + 1
        means = target.means
        usable = used & (means != 0) if self.graphical else used
        if np.count_nonzero(usable) <= count:
            msg = (
                f"{self.name} has {count} coefficients but only {np.count_nonzero(usable)} usable frames from t* on; "
                "give an earlier t_star_s"
            )
            raise InputError(msg)
        integral, identity = inputs.target_integral, np.eye(means.size)
        operators = (integral, identity) if design.response_is_integral else (identity, integral)
        response, regressor = (operator @ means for operator in operators)
        columns = np.column_stack([design.fixed, regressor])
        weights = self._regression_weights(means, inputs)
        shared = target.reference_sd
        return _solve_regression(
            columns,
            response,
            operators,
            np.where(usable, weights, 0.0),
            target_noise=target.noise_sd,
            reference_noise=() if shared is None else tuple(operator * shared for operator in design.reference),
        )

    def _regression_weights(self, target: FloatArray, inputs: ScanInputs) -> FloatArray:
        """Return weights of the rows: those given, or ordinary least squares on the graph where none were."""
        if self.graphical and inputs.weighting.startswith("counting"):
            # the published graphical method is unweighted in y/C against x/C
            return 1.0 / np.where(target == 0, 1.0, target) ** 2
        return inputs.weights


def _later_half(used: BoolArray) -> BoolArray:
    """Return the later half of the points used, at least four."""
    points = np.flatnonzero(used)
    half = np.zeros_like(used)
    half[points[-max(4, points.size // 2) :]] = True
    return half


def _default_flag(t_star: float) -> tuple[Flag, ...]:
    message = f"no t_star_s was given; points from {t_star:g} s on were used (two fifths of the scan)"
    return (Flag("t_star_default", message, "info"),)


def _solve_regression(
    columns: FloatArray,
    response: FloatArray,
    operators: tuple[FloatArray, FloatArray],
    weights: FloatArray,
    *,
    target_noise: FloatArray,
    reference_noise: tuple[FloatArray, ...],
) -> Regression:
    """Solve a weighted regression and propagate the noise of every frame of target and reference.

    With e = B y - A t, the derivative of the normal equations A'W e = 0 gives
    dt = (A'WA)^-1 [A'W de + sum over columns u_j e'W dA_j], where y and the reference move e and the columns.
    """
    used = weights > 0
    root = np.sqrt(weights)
    norms = np.sqrt(np.sum((root[:, None] * columns) ** 2, axis=0))
    norms[norms == 0] = 1.0
    scaled = root[:, None] * columns / norms
    coefficients = np.linalg.lstsq(scaled, root * response, rcond=1e-11)[0] / norms
    inverse = information_covariance(root[:, None] * columns)
    lost = np.isinf(np.diag(inverse))
    residual = np.where(used, response - columns @ coefficients, 0.0)
    # each noise source moves the response and the columns; a column that it does not touch stays None
    target_sources = (operators[0] * target_noise, [*([None] * (columns.shape[1] - 1)), operators[1] * target_noise])
    sources = [target_sources]
    if reference_noise:
        sources.append((np.zeros_like(operators[0]), [*reference_noise, None]))
    moved_estimates, moved_residuals = [], []
    for moved_response, moved_columns in sources:
        direct = moved_response.copy()
        for coefficient, moved in zip(coefficients, moved_columns, strict=True):
            if moved is not None:
                direct -= coefficient * moved
        right = (columns * weights[:, None]).T @ direct
        for index, moved in enumerate(moved_columns):
            if moved is not None:
                right[index] += (weights * residual) @ moved
        moved_estimates.append(np.where(np.isinf(inverse), 0.0, inverse) @ right)
        moved_residuals.append(direct - columns @ moved_estimates[-1])
    covariance, _ = scaled_covariance(
        np.hstack(moved_estimates), np.hstack(moved_residuals), weights, residual, lost=lost
    )
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
