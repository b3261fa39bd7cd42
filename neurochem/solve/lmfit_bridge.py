"""A bridge for parameters that a user makes with lmfit: bounds, fixed values and ties."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.units import FloatArray


class LmfitRecord:
    """Lmfit's own result with the minimiser that made it, for confidence intervals and contours.

    Every attribute of `lmfit.minimizer.MinimizerResult` is found here too. The minimiser is not kept through pickling.
    """

    def __init__(self, result: Any, minimizer: lmfit.Minimizer | None) -> None:
        self.result = result
        self.minimizer = minimizer

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of lmfit's result."""
        if name in {"result", "minimizer"}:
            raise AttributeError(name)
        return getattr(self.result, name)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Keep the result alone: a minimiser holds functions that cannot travel."""
        return LmfitRecord, (self.result, None)

    def conf_interval(self, **choices: Any) -> Any:
        """Return `lmfit.conf_interval` of this fit: profile intervals of each varied parameter."""
        return lmfit.conf_interval(self._kept(), self.result, **choices)

    def conf_interval2d(self, first: str, second: str, **choices: Any) -> Any:
        """Return `lmfit.conf_interval2d` of this fit: the grid of a contour plot of two parameters."""
        return lmfit.conf_interval2d(self._kept(), self.result, first, second, **choices)

    def _kept(self) -> lmfit.Minimizer:
        if self.minimizer is None:
            msg = "the minimiser was not kept when this fit was stored or sent; fit again for intervals and contours"
            raise InputError(msg)
        return self.minimizer


@dataclass(frozen=True, slots=True, eq=False)
class BridgeFit:
    """A fit through lmfit.

    Attributes
    ----------
    values : dict of str to float
        Every parameter of the model, fitted, fixed or tied.
    covariance : array, shape (k, k)
        Covariance of all parameters in `names`; zero rows for fixed ones, propagated for tied ones.
    names : tuple of str
        Order of the covariance.
    fixed, at_bound : frozenset of str
        Parameters that did not vary, and those that ended at a bound.
    success : bool
        lmfit's verdict.
    result : LmfitRecord
        lmfit's own result, with confidence intervals and contours.
    """

    values: dict[str, float]
    covariance: FloatArray
    names: tuple[str, ...]
    fixed: frozenset[str]
    at_bound: frozenset[str]
    success: bool
    result: Any


def fit_with_lmfit(
    predict: Callable[[Mapping[str, float]], FloatArray],
    data: FloatArray,
    weights: FloatArray,
    parameters: lmfit.Parameters,
    *,
    required: Sequence[str],
) -> BridgeFit:
    """Fit a model by the parameters that a user made.

    Parameters
    ----------
    predict : callable
        Maps parameter values by name to the model at the data points.
    data, weights : array, shape (n,)
        Data and one over variance, up to a factor that is estimated.
    parameters : lmfit.Parameters
        Start values, bounds, `vary` and `expr`; left unchanged.
    required : sequence of str
        Names the model needs; others may be there as helpers of expressions.

    Returns
    -------
    BridgeFit
        Values and covariance; scaled by the residual, as elsewhere.

    Raises
    ------
    UnknownNameError
        If a required name is missing.
    InputError
        If nothing varies.
    """
    for name in required:
        if name not in parameters:
            remedy = f"The model needs {', '.join(required)}."
            raise unknown_name(name, parameters, kind="lmfit parameter", remedy=remedy)
    if not any(parameters[name].vary for name in parameters):
        msg = "no lmfit parameter varies; leave at least one with vary=True"
        raise InputError(msg)
    root = np.sqrt(weights)
    minimizer = lmfit.Minimizer(
        lambda current: root * (predict(current.valuesdict()) - data), parameters.copy(), scale_covar=True
    )
    result = minimizer.minimize(method="least_squares", ftol=1e-14, xtol=1e-14, gtol=1e-14)
    fitted = result.params
    names = tuple(fitted)
    gradient = _tied_gradient(fitted, tuple(result.var_names), names)
    inner = getattr(result, "covar", None)
    inner = np.full((gradient.shape[1],) * 2, np.nan) if inner is None else np.asarray(inner)
    return BridgeFit(
        values={name: float(fitted[name].value) for name in names},
        covariance=gradient @ inner @ gradient.T,
        names=names,
        fixed=frozenset(name for name in names if not fitted[name].vary and not fitted[name].expr),
        at_bound=frozenset(name for name in names if fitted[name].vary and _at_bound(fitted[name])),
        success=bool(result.success),
        result=LmfitRecord(result, minimizer),
    )


def _at_bound(parameter: Any) -> bool:
    span = max(abs(parameter.value), 1.0)
    return any(
        math.isfinite(bound) and abs(parameter.value - bound) < 1e-8 * span for bound in (parameter.min, parameter.max)
    )


def _tied_gradient(parameters: lmfit.Parameters, varied: tuple[str, ...], names: tuple[str, ...]) -> FloatArray:
    """Return d(parameter)/d(varied parameter), by central differences through the expressions."""
    gradient = np.zeros((len(names), len(varied)))
    for column, name in enumerate(varied):
        step = 1e-6 * max(abs(parameters[name].value), 1e-6)
        shifted = []
        for sign in (1.0, -1.0):
            moved = parameters.copy()
            moved[name].set(value=parameters[name].value + sign * step, min=-np.inf, max=np.inf)
            moved.update_constraints()
            shifted.append(np.array([float(moved[key].value) for key in names]))
        gradient[:, column] = (shifted[0] - shifted[1]) / (2.0 * step)
    return gradient
