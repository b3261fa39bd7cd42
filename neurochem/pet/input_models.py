"""Parametric input functions fitted to samples of plasma or whole blood."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, check_same_length, checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.blood import Feng
from neurochem.pet.curves import Curve, ExponentialSum, Term
from neurochem.pet.decay import decay_constant_per_min
from neurochem.pet.input_spline import fit_spline
from neurochem.pet.joined_exponentials import JoinedExponentials
from neurochem.pet.sample_fit import FittedCurve, Parameter, SampleCurve, SampleModel, Samples
from neurochem.pet.samples import checked_variance
from neurochem.registry import Registry
from neurochem.results import FitResult
from neurochem.units import FloatArray, minutes_to_seconds, seconds_to_minutes

# Activity below this share of its peak counts as this share in weights and starts.
_FLOOR = 0.01
_STARTS = 4
_LATEST_MIN = 30.0
_FASTEST = 60.0
_UNLIMITED = np.inf


class InputModel(SampleModel):
    """A parametric input function with a closed form."""

    @abstractmethod
    def curve(self, theta: FloatArray) -> Curve:
        """Return the function as a curve whose convolutions are exact."""


class FengModel(InputModel):
    """C = (A1 tau - A2 - A3) exp(-L1 tau) + A2 exp(-L2 tau) + A3 exp(-L3 tau), tau = t - t0; zero before t0.

    References
    ----------
    Feng D, Huang SC, Wang X (1993), Int J Biomed Comput 32:95-110.
    """

    name = "Feng"
    citation = "Feng et al. 1993, Int J Biomed Comput 32:95-110"
    equation = "C = (A1 tau - A2 - A3) exp(-L1 tau) + A2 exp(-L2 tau) + A3 exp(-L3 tau), tau = t - t0"
    parameters = (
        Parameter("A1", "kBq/mL/min", 0.0, _UNLIMITED), Parameter("A2", "kBq/mL", 0.0, _UNLIMITED),
        Parameter("A3", "kBq/mL", 0.0, _UNLIMITED), Parameter("L1", "1/min", 1e-4, _FASTEST),
        Parameter("L2", "1/min", 0.0, _FASTEST), Parameter("L3", "1/min", 0.0, _FASTEST),
        Parameter("t0", "min", 0.0, _LATEST_MIN),
    )  # fmt: skip

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the input at times in minutes."""
        a1, a2, a3, l1, l2, l3, onset = theta
        tau = time_min - onset
        later = np.where(np.real(tau) > 0, tau, 0.0)
        return (
            (a1 * later - a2 - a3) * np.exp(-l1 * later) + a2 * np.exp(-l2 * later) + a3 * np.exp(-l3 * later)
        )  # zero at onset, and so before it

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return the best of a grid of rates and arrivals, amplitudes solved for."""
        # L1 the fastest, as in the paper: other orders spend the slow terms on the shape of the bolus and lose the tail
        grid = product((2.0, 4.0, 9.0), (0.05, 0.2, 0.8), (0.0, 0.01, 0.03), _arrivals(time_min, values))

        def columns(point: tuple[float, ...]) -> FloatArray:
            l1, l2, l3, onset = point
            tau = np.maximum(time_min - onset, 0.0)
            fast = np.exp(-l1 * tau)
            return np.column_stack([tau * fast, np.exp(-l2 * tau) - fast, np.exp(-l3 * tau) - fast])

        return _best_starts(grid, columns, values)

    def canonical(self, theta: FloatArray) -> FloatArray:
        """Return the same function with L2 above L3."""
        a1, a2, a3, l1, l2, l3, onset = theta
        return theta if l2 >= l3 else np.array([a1, a3, a2, l1, l3, l2, onset])

    def knots_min(self, theta: FloatArray) -> FloatArray:
        """Return the arrival."""
        return theta[-1:]

    def curve(self, theta: FloatArray) -> Feng:
        """Return Feng's input in closed form."""
        a1, a2, a3, l1, l2, l3, onset = map(float, theta)
        return Feng(a1, a2, a3, l1, l2, l3, t0_s=float(minutes_to_seconds(onset)))


class TriExponential(InputModel):
    """A straight rise from t0 to the peak at t0 + rise, then A1 exp(-L1 u) + A2 exp(-L2 u) + A3 exp(-L3 u), u from the peak.

    The peak is A1 + A2 + A3, so that the curve is continuous; L1 >= L2 >= L3.
    """

    name = "tri-exponential"
    citation = "linear rise and three exponentials"
    equation = "C = (A1 + A2 + A3)(t - t0)/rise up to t0 + rise, then the sum of Ai exp(-Li (t - t0 - rise))"
    parameters = (
        Parameter("A1", "kBq/mL", 0.0, _UNLIMITED), Parameter("A2", "kBq/mL", 0.0, _UNLIMITED),
        Parameter("A3", "kBq/mL", 0.0, _UNLIMITED), Parameter("L1", "1/min", 0.0, _FASTEST),
        Parameter("L2", "1/min", 0.0, _FASTEST), Parameter("L3", "1/min", 0.0, _FASTEST),
        Parameter("t0", "min", 0.0, _LATEST_MIN), Parameter("rise", "min", 1e-3, _LATEST_MIN),
    )  # fmt: skip

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the input at times in minutes."""
        amplitudes, rates, (onset, rise) = theta[:3], theta[3:6], theta[6:]
        height = np.sum(amplitudes)
        since = time_min - onset - rise
        falling = np.where(np.real(since) > 0, since, 0.0)
        after = sum(a * np.exp(-rate * falling) for a, rate in zip(amplitudes, rates, strict=True))
        rising = np.where(np.real(time_min - onset) > 0, height * (time_min - onset) / rise, 0.0)
        return np.where(np.real(since) > 0, after, rising)

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return the best of a grid of rates and times, amplitudes solved for."""
        top = int(np.argmax(values))
        near = np.unique(time_min[[max(top - 1, 0), top, min(top + 1, time_min.size - 1)]])
        peaks = np.unique(np.concatenate([near, 0.5 * (near[1:] + near[:-1])]))
        times = [(t0, peak - t0) for t0 in _arrivals(time_min, values) for peak in peaks if peak - t0 > 1e-3]
        grid = ((*rates, *when) for rates, when in product(product((2.0, 8.0), (0.1, 0.5), (0.0, 0.02)), times))

        def columns(point: tuple[float, ...]) -> FloatArray:
            l1, l2, l3, onset, rise = point
            since = time_min - onset - rise
            rising = np.clip((time_min - onset) / rise, 0.0, 1.0)
            return np.column_stack(
                [np.where(since > 0, np.exp(-rate * np.maximum(since, 0.0)), rising) for rate in (l1, l2, l3)]
            )

        return _best_starts(grid, columns, values)

    def canonical(self, theta: FloatArray) -> FloatArray:
        """Return the same function with the fastest exponential first."""
        order = np.argsort(-theta[3:6], kind="stable")
        return np.concatenate([theta[:3][order], theta[3:6][order], theta[6:]])

    def knots_min(self, theta: FloatArray) -> FloatArray:
        """Return arrival and peak."""
        return np.array([theta[6], theta[6] + theta[7]])

    def curve(self, theta: FloatArray) -> JoinedExponentials:
        """Return the input in closed form: a ramp that ends where the exponentials begin."""
        height, onset, rise = float(np.sum(theta[:3])), float(theta[6]), float(theta[7])
        ramp = ExponentialSum([Term(height / rise, 0.0, 1)], onset)
        falling = [Term(float(a), float(rate)) for a, rate in zip(theta[:3], theta[3:6], strict=True)]
        end = ExponentialSum([Term(-height / rise, 0.0, 1), Term(-height, 0.0), *falling], onset + rise)
        return JoinedExponentials([ramp, end])


def _arrivals(time_min: FloatArray, values: FloatArray) -> list[float]:
    """Return candidates for the arrival: around where samples first exceed a tenth of the peak."""
    order = np.argsort(time_min)
    time, value = time_min[order], values[order]
    top = int(np.argmax(value))
    first = int(np.argmax(value[: top + 1] > 0.1 * value[top]))
    before = time[max(first - 1, 0)] if first else 0.0
    earlier = time[max(first - 2, 0)] if first > 1 else 0.0
    return sorted({0.0, float(earlier), float(before), float(0.5 * (before + time[first]))})


def _best_starts(
    grid: Iterable[tuple[float, ...]], columns: Callable[[tuple[float, ...]], FloatArray], values: FloatArray
) -> list[FloatArray]:
    """Return the grid points of least relative residual, with their amplitudes before them."""
    scale = 1.0 / (np.abs(values) + _FLOOR * np.max(np.abs(values)))
    found = []
    for point in grid:
        table = columns(point) * scale[:, None]
        amplitudes = np.maximum(np.linalg.lstsq(table, values * scale, rcond=None)[0], 0.0)
        cost = float(np.sum((table @ amplitudes - values * scale) ** 2))
        found.append((cost, np.concatenate([amplitudes, point])))
    found.sort(key=lambda item: item[0])
    # the arrival makes kinks in the cost, the rates make valleys: start from the best few, and from the best of other rates
    ranked = [start for _, start in found]
    rest = {tuple(start[3:6]): start for start in reversed(ranked[_STARTS:])}
    tried = {tuple(start[3:6]) for start in ranked[:_STARTS]}
    others = [
        start for start in ranked[_STARTS:] if rest[tuple(start[3:6])] is start and tuple(start[3:6]) not in tried
    ]
    return [*ranked[:_STARTS], *others[:_STARTS]]


INPUT_MODELS: Registry[InputModel] = Registry("input model")
INPUT_MODELS.add(FengModel(), name="Feng", reference=FengModel.citation)
INPUT_MODELS.add(TriExponential(), name="tri-exponential", aliases=("triexponential", "triexp"))


@dataclass(frozen=True, eq=False)
class InputFit(SampleCurve):
    """An input function fitted to samples.

    Attributes
    ----------
    curve : Curve
        The fitted function, for any model that takes plasma (`fit(..., blood=made.curve)`).
    result : FitResult
        Estimates with errors, data, fit and flags.
    fitted : SampleCurve
        What was fitted; carries the covariance.
    """

    curve: Curve
    fitted: SampleCurve

    @property
    def result(self) -> FitResult:  # type: ignore[override] # read from what was fitted
        """Estimates with errors, data and fit."""
        return self.fitted.result

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the input at times in minutes."""
        return self.fitted.values(time_min)

    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return the standard error of the input at times in minutes."""
        return self.fitted.stderr(time_min)

    def draw(self, rng: np.random.Generator) -> "InputFit":
        """Return the input with parameters drawn from their normal distribution."""
        return _as_input(self.fitted.draw(rng))

    @property
    def knots_min(self) -> FloatArray:
        """Times at which the curve has a kink."""
        return self.fitted.knots_min


def _as_input(fitted: SampleCurve) -> InputFit:
    if isinstance(fitted, FittedCurve) and isinstance(fitted.model, InputModel):
        return InputFit(fitted.model.curve(fitted.theta), fitted)
    curve = getattr(fitted, "curve", None)
    assert isinstance(curve, Curve)
    return InputFit(curve, fitted)


@checked_arguments
def fit_input(
    time_s: ArrayLike,
    activity: ArrayLike,
    *,
    model: str = "Feng",
    weights: ArrayLike | None = None,
    fixed: Mapping[str, float | None] | None = None,
    variance: float | None = None,
    where: str = "",
) -> InputFit:
    """Fit an input function to samples of plasma or whole blood.

    Parameters
    ----------
    time_s, activity : array_like, shape (n,)
        Seconds after injection and kBq/mL, decay corrected to injection.
    model : str
        "Feng", "tri-exponential" or "spline" (penalised cubic spline, its smoothness chosen by cross-validation).
    weights : array_like, optional
        One over variance up to a factor, see `input_weights`; equal by default.
    fixed, variance, where
        As for `fit_parent_fraction`; a spline has nothing to fix.

    Returns
    -------
    InputFit
        With `curve` and `result`.

    Raises
    ------
    InputError, UnknownNameError
        If samples cannot be used or are too few; the message names the sample.
    """
    samples = Samples(time_s, activity, weights=weights, name="activity", unit="kBq/mL", where=where)
    if not (samples.values[samples.used] > 0).any():
        place = f"{where}: " if where else ""
        msg = f"{place}no sample holds activity; check the column and its unit"
        raise InputError(msg)
    if model.casefold() == "spline":
        if fixed:
            raise unknown_name(next(iter(fixed)), (), kind="parameter of spline")
        return _as_input(fit_spline(samples, variance=checked_variance(variance)))
    if model not in INPUT_MODELS:
        raise unknown_name(model, [*INPUT_MODELS.names(), "spline"], kind="input model")
    return _as_input(INPUT_MODELS[model].fit(samples, fixed=fixed, variance=variance))


@checked_arguments
def input_weights(time_s: ArrayLike, activity: ArrayLike, isotope: str | None = None) -> FloatArray:
    """Return weights of blood samples from counting statistics: 1/(activity x exp(lambda t)), the largest set to 1.

    Parameters
    ----------
    time_s, activity : array_like, shape (n,)
        Sample times and decay-corrected activity; activity is floored at 1 % of its peak.
    isotope : str, optional
        None leaves decay out (samples counted at once, or for a time that makes up for decay).

    Returns
    -------
    array, shape (n,)
        For samples of equal volume and counting time, counted when drawn.
    """
    values = np.asarray(activity, dtype=float)
    peak = float(np.max(values, initial=0.0))
    if not peak > 0 or not np.isfinite(values).all():
        msg = "activity must be finite and somewhere positive to give weights; remove samples that are missing"
        raise InputError(msg)
    if np.isinf(np.asarray(time_s, dtype=float)).any():
        raise argument_error(time_s, "time_s", "finite times in seconds")
    check_same_length("input_weights", time_s=np.asarray(time_s, dtype=float), activity=values)
    rate = 0.0 if isotope is None else decay_constant_per_min(isotope)
    variance = np.maximum(values, _FLOOR * peak) * np.exp(rate * seconds_to_minutes(np.asarray(time_s, dtype=float)))
    return np.min(variance) / variance
