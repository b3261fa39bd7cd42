"""A function of time with a few parameters, fitted to samples of blood."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from neurochem.errors import InputError, unknown_name
from neurochem.pet.samples import Samples, checked_variance, sample_axis
from neurochem.quality import Flag
from neurochem.results import Estimate, FitResult, frozen_array
from neurochem.solve import Minimum, information_covariance, minimize_least_squares
from neurochem.units import BoolArray, FloatArray

# Scalar or array: models must accept complex parameters, so that derivatives come from a complex step.
_STEP = 1e-40


@dataclass(frozen=True, slots=True)
class Parameter:
    """Name, unit and bounds of one parameter."""

    name: str
    unit: str
    lower: float
    upper: float


class SampleCurve(ABC):
    """A curve through samples, known at every time.

    Attributes
    ----------
    result : FitResult
        Estimates, covariance, data and fit; without estimates for an interpolation.
    """

    result: FitResult

    @abstractmethod
    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at times in minutes after injection."""

    @abstractmethod
    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return the standard error of the curve from its fitted parameters; NaN where it was not fitted."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> "SampleCurve":
        """Return the curve with parameters drawn from their normal distribution; itself if none were fitted."""

    @property
    def knots_min(self) -> FloatArray:
        """Times at which the curve has a kink."""
        return np.zeros(0)


@dataclass(frozen=True, eq=False)
class FittedCurve(SampleCurve):
    """A model with fitted parameters.

    Attributes
    ----------
    model : SampleModel
        The function.
    theta : array, shape (p,)
        Its parameters, in the model's order.
    covariance : array, shape (p, p)
        Their covariance: zero for fixed ones and those at a bound, infinite for those the samples do not determine.
    result : FitResult
        The same with names, data and flags.
    """

    model: "SampleModel"
    theta: FloatArray
    covariance: FloatArray
    result: FitResult

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at times in minutes after injection."""
        return self.model.values(self.theta, np.asarray(time_min, dtype=float))

    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return the standard error of the curve, from the covariance of its parameters."""
        times = np.atleast_1d(np.asarray(time_min, dtype=float))
        slope = self.model.jacobian(self.theta, times)
        lost = np.isinf(np.diag(self.covariance))
        finite = np.where(np.isinf(self.covariance), 0.0, self.covariance)
        variance = np.einsum("ij,jk,ik->i", slope, finite, slope)
        unknown = (np.abs(slope[:, lost]) > 1e-12).any(axis=1)
        return np.where(unknown, np.inf, np.sqrt(np.maximum(variance, 0.0))).reshape(np.shape(time_min))

    def draw(self, rng: np.random.Generator) -> "FittedCurve":
        """Return the curve with parameters drawn from their normal distribution, kept inside their bounds.

        Raises
        ------
        InputError
            If the samples do not determine a parameter.
        """
        if not np.isfinite(self.covariance).all():
            msg = (
                f"{self.result.name}: the samples do not determine every parameter of {self.model.name}, so none can be drawn. "
                "Fit a model with fewer parameters, or fix one."
            )
            raise InputError(msg)
        values, vectors = np.linalg.eigh(self.covariance)
        step = vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(self.theta.size))
        lower, upper = self.model.bounds()
        return FittedCurve(self.model, np.clip(self.theta + step, lower, upper), self.covariance, self.result)

    @property
    def knots_min(self) -> FloatArray:
        """Times at which the curve has a kink."""
        return self.model.knots_min(self.theta)


class SampleModel(ABC):
    """A function of time with named parameters.

    Attributes
    ----------
    name, citation, equation : str
        Label, source, and the equation in one line.
    parameters : tuple of Parameter
        Names, units and bounds.
    given : mapping of str to float
        Parameters that are not fitted unless asked for, and their values.
    """

    name: ClassVar[str]
    citation: ClassVar[str]
    equation: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]
    given: ClassVar[Mapping[str, float]] = {}

    @abstractmethod
    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the function at times in minutes; theta may be complex."""

    @abstractmethod
    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return points from which to search, shape (p,) each."""

    def jacobian(self, theta: FloatArray, time_min: FloatArray) -> FloatArray:
        """Return the derivative of the function by its parameters, shape (n, p), by complex step."""
        columns = []
        for index in range(theta.size):
            shifted = theta.astype(complex)
            shifted[index] += 1j * _STEP
            columns.append(np.imag(self.values(shifted, time_min)) / _STEP)
        return np.column_stack(columns) if columns else np.zeros((time_min.size, 0))

    def canonical(self, theta: FloatArray) -> FloatArray:
        """Return the same function with interchangeable terms in order."""
        return theta

    def knots_min(self, theta: FloatArray) -> FloatArray:
        """Return times at which the function has a kink."""
        del theta
        return np.zeros(0)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper bounds."""
        return np.array([p.lower for p in self.parameters]), np.array([p.upper for p in self.parameters])

    def fit(
        self,
        samples: Samples,
        *,
        fixed: Mapping[str, float | None] | None = None,
        variance: float | None = None,
    ) -> SampleCurve:
        """Fit samples by weighted least squares inside the bounds.

        Parameters
        ----------
        samples : Samples
            Times, values and weights.
        fixed : mapping of str to float or None, optional
            Parameters held at a value; None fits one that is otherwise given.
        variance : float, optional
            Variance of unit weight, if known (1 when weights are one over variance); by default it is estimated from
            the residual.

        Returns
        -------
        FittedCurve
            Best of several searches; a search that did not converge is flagged, never hidden.

        Raises
        ------
        UnknownNameError, InputError
            If a name is unknown, a value is out of bounds, or there are fewer samples than parameters.
        """
        checked_variance(variance)
        problem = _Problem(self, samples, held_parameters(self, fixed))
        best = problem.search()
        theta = problem.full(best.parameters)
        # terms may change places only where none of them was held
        if problem.held.keys() <= self.given.keys():
            theta = self.canonical(theta)
        return _finish(problem, best, theta, variance)


def held_parameters(model: SampleModel, fixed: Mapping[str, float | None] | None) -> dict[str, float]:
    """Return the parameters that are not fitted, with their values; unknown names and values out of bounds are errors."""
    names = [p.name for p in model.parameters]
    held: dict[str, float | None] = dict(model.given)
    for name, value in (fixed or {}).items():
        if name not in names:
            raise unknown_name(name, names, kind=f"parameter of {model.name}")
        bounds = model.parameters[names.index(name)]
        if value is not None and not bounds.lower <= value <= bounds.upper:
            msg = (
                f"{model.name}: {name} is fixed at {value:g}; it must lie between {bounds.lower:g} and {bounds.upper:g}"
            )
            raise InputError(msg)
        held[name] = value
    return {name: value for name, value in held.items() if value is not None}


@dataclass(eq=False)
class _Problem:
    """A model, its samples, and which parameters vary."""

    model: SampleModel
    samples: Samples
    held: Mapping[str, float]
    free: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        self.free = np.array([p.name not in self.held for p in self.model.parameters], dtype=bool)
        used = self.samples.used
        self.time, self.target = self.samples.time_min[used], self.samples.values[used]
        self.root = np.sqrt(self.samples.weights[used])
        count = int(np.count_nonzero(self.free))
        if np.unique(self.time).size < count:
            place = f"{self.samples.where}: " if self.samples.where else ""
            msg = (
                f"{place}{np.unique(self.time).size} samples of {self.samples.name} cannot determine the {count} parameters of "
                f"{self.model.name}; give more samples, fix parameters, or use 'interpolation'"
            )
            raise InputError(msg)

    def full(self, free: FloatArray) -> FloatArray:
        """Return all parameters from those that vary."""
        theta = np.array([self.held.get(p.name, 0.0) for p in self.model.parameters], dtype=float)
        theta[self.free] = free
        return theta

    def evaluate(self, free: FloatArray) -> "tuple[FloatArray, _Jacobian]":
        """Return the weighted residual, and its derivative on request."""
        theta = self.full(free)
        residual = self.root * (self.model.values(theta, self.time) - self.target)
        return residual, _Jacobian(self, theta)

    def search(self) -> Minimum:
        """Return the best of the searches from all starts."""
        lower, upper = (bound[self.free] for bound in self.model.bounds())
        found = [
            minimize_least_squares(self.evaluate, start[self.free], lower=lower, upper=upper, max_iterations=400)
            for start in self.model.starts(self.time, self.target)
        ]
        return min(found, key=lambda minimum: minimum.cost)


@dataclass(frozen=True, slots=True, eq=False)
class _Jacobian:
    problem: _Problem
    theta: FloatArray

    def __call__(self) -> FloatArray:
        slope = self.problem.model.jacobian(self.theta, self.problem.time)[:, self.problem.free]
        return self.problem.root[:, None] * slope


def _finish(problem: _Problem, best: Minimum, theta: FloatArray, variance: float | None) -> FittedCurve:
    """Work out the covariance at the minimum, and the result."""
    model, samples = problem.model, problem.samples
    lower, upper = model.bounds()
    at_bound = problem.free & ((theta <= lower) | (theta >= upper))
    varies = problem.free & ~at_bound
    count = int(np.count_nonzero(varies))
    dof = float(problem.time.size - count)
    scale = (best.cost / dof if dof > 0 else math.nan) if variance is None else variance
    covariance = np.zeros((theta.size, theta.size))
    slope = problem.root[:, None] * model.jacobian(theta, problem.time)
    if count:
        covariance[np.ix_(varies, varies)] = information_covariance(slope[:, varies], scale)
    flags = (
        [] if best.converged else [Flag("not_converged", f"the search for {model.name} did not converge", "warning")]
    )
    estimates = {}
    for index, parameter in enumerate(model.parameters):
        spread, fixed = covariance[index, index], not problem.free[index]
        stderr = math.sqrt(spread) if varies[index] and spread >= 0 else math.nan
        estimates[parameter.name] = Estimate(
            parameter.name, float(theta[index]), stderr, parameter.unit, "none" if fixed else "fit",
            fixed=fixed, at_bound=bool(at_bound[index]), dof=dof if variance is None else math.inf,
        )  # fmt: skip
        if at_bound[index]:
            text = f"{parameter.name} of {model.name} ended at the edge of its search, {theta[index]:.4g}"
            flags.append(Flag("edge", text, "warning", parameter.name))
        elif np.isinf(spread):
            flags.append(
                Flag("not_identified", f"the samples do not determine {parameter.name}", "warning", parameter.name)
            )
    result = FitResult(
        model=model.name, name=samples.name, estimates=estimates, flags=tuple(flags), axis=sample_axis(samples),
        data=samples.values, fitted=model.values(theta, samples.time_min), weights=samples.weights, used=samples.used,
        covariance=covariance, covariance_names=tuple(p.name for p in model.parameters),
        diagnostics={"rss": best.cost, "dof": dof, "aicc": aicc(best.cost, problem.time.size, int(problem.free.sum()))},
        settings={"equation": model.equation, "reference": model.citation, "fixed": dict(problem.held), "where": samples.where},
    )  # fmt: skip
    return FittedCurve(model, frozen_array(theta), frozen_array(covariance), result)


def aicc(rss: float, count: int, parameters: int) -> float:
    """Return Akaike's criterion corrected for small samples, with the variance counted as a parameter.

    n ln(RSS/n) + 2 k + 2 k (k + 1)/(n - k - 1), k = parameters + 1; infinite where n leaves no room.

    References
    ----------
    Hurvich CM, Tsai CL (1989), Biometrika 76:297-307.
    """
    k = parameters + 1
    if count - k - 1 <= 0:
        return math.inf
    return count * math.log(max(rss, 1e-300) / count) + 2.0 * k + 2.0 * k * (k + 1) / (count - k - 1)


def best_by_aicc(curves: Sequence[SampleCurve]) -> SampleCurve:
    """Return the fitted curve of lowest AICc; one that could not be judged never wins over one that could."""
    return min(curves, key=lambda curve: curve.result.diagnostics.get("aicc", math.inf))
