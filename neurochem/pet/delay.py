"""When blood reaches the brain against when it reaches the sampler: shifting an input, and estimating by how much."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.blood import ArterialInput
from neurochem.pet.curves import Curve, ExponentialSum, PiecewisePolynomial, frame_edges
from neurochem.pet.fitted_input import Factor, FittedInput
from neurochem.pet.frames import Frames
from neurochem.pet.joined_exponentials import JoinedExponentials
from neurochem.pet.sample_fit import SampleCurve
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.weights import counting_weights
from neurochem.quality import Flag
from neurochem.results import Axis, Estimate, FitResult
from neurochem.solve import SeparableFit, delta_method, fit_separable
from neurochem.units import FloatArray, minutes_to_seconds, seconds_to_minutes

_EXPONENTIALS = {"1TCM": 1, "2TCM": 2}
_RATES_PER_MIN = (1e-3, 5.0)
_SEARCHES = 4
# A jump cannot be a straight line; this short a rise (s) stands for it.
_JUMP_S = 1e-6


@checked_arguments
def shift_input(blood: Curve, delay_s: float) -> Curve:
    """Return an input that arrives later (or, if negative, earlier), whole blood with it.

    Parameters
    ----------
    blood : ArterialInput, Feng or another ExponentialSum, JoinedExponentials, PiecewisePolynomial
        Input; zero before injection.
    delay_s : float
        Seconds; the new input at t is the old one at t - delay_s, exactly.

    Returns
    -------
    Curve
        Of the same kind (a Feng input becomes an ExponentialSum). What would lie before injection is cut off.

    Raises
    ------
    InputError
        If the delay is not finite, would put a closed-form input before injection, or the curve is of another kind.
    """
    if not np.isfinite(delay_s):
        msg = f"delay is {delay_s} s; give a finite number of seconds"
        raise InputError(msg)
    shift = float(seconds_to_minutes(delay_s))
    if isinstance(blood, FittedInput):
        time, whole = _shifted_samples(blood.time_s, blood.whole_blood, delay_s)
        factors = [Factor(f.name, ShiftedCurve(f.curve, shift, f.curve.result), f.power) for f in blood.factors]
        first = factors[0].curve
        assert isinstance(first, ShiftedCurve)
        # the first factor is the activity: there is none before it arrives
        factors[0] = replace(factors[0], curve=replace(first, zero_before=True))
        return FittedInput(tuple(factors), time, whole, where=blood.where)
    if isinstance(blood, ArterialInput):
        time, plasma = _shifted_samples(blood.time_s, blood.plasma_parent, delay_s)
        _, whole = _shifted_samples(blood.time_s, blood.whole_blood, delay_s)
        assert plasma is not None
        return ArterialInput(time, plasma, whole, where=blood.where)
    if isinstance(blood, ExponentialSum):
        return ExponentialSum(list(blood.terms), blood.onset + shift)
    if isinstance(blood, JoinedExponentials):
        return blood.shifted(shift)
    if isinstance(blood, PiecewisePolynomial):
        return _shifted_polynomial(blood, shift)
    msg = f"a {type(blood).__name__} cannot be shifted; give an ArterialInput, an input in closed form or polynomials"
    raise InputError(msg)


def _shifted_samples(time: FloatArray, values: FloatArray | None, delay: float) -> tuple[FloatArray, FloatArray | None]:
    """Return samples later by a delay, such that straight lines from zero at injection are those shifted."""
    full = time if time[0] == 0 else np.concatenate([[0.0], time])
    column = None if values is None else (values if time[0] == 0 else np.concatenate([[0.0], values]))
    moved = full + delay
    if delay >= 0:
        # nothing before arrival, even where the curve begins with a jump
        lead = [moved[0] - _JUMP_S] if delay > _JUMP_S else []
        return np.concatenate([lead, moved]), None if column is None else np.concatenate([[0.0] * len(lead), column])
    keep = moved > 0
    if np.count_nonzero(keep) < 2:
        msg = f"a delay of {delay:g} s moves the input before injection; it ends at {time[-1]:g} s"
        raise InputError(msg)
    start = None if column is None else np.concatenate([[np.interp(0.0, moved, column)], column[keep]])
    return np.concatenate([[0.0], moved[keep]]), start


def _shifted_polynomial(curve: PiecewisePolynomial, shift: float) -> PiecewisePolynomial:
    nodes = curve.nodes + shift
    if nodes[-1] <= 0:
        msg = f"a delay of {minutes_to_seconds(shift):g} s moves the whole curve before injection"
        raise InputError(msg)
    if nodes[0] >= 0:
        return PiecewisePolynomial(nodes, curve.coefficients)
    # cut at injection: the prepared curve holds the coefficients of the pieces from there on
    inside = np.concatenate([[-shift], curve.nodes[curve.nodes > -shift]])
    piece = np.clip(np.searchsorted(curve.nodes, inside[:-1], side="right") - 1, 0, curve.nodes.size - 2)
    first = np.polynomial.Polynomial(curve.coefficients[piece[0]])
    moved = first(np.polynomial.Polynomial([inside[0] - curve.nodes[piece[0]], 1.0])).coef
    coefficients = curve.coefficients[piece].copy()
    coefficients[0] = 0.0
    coefficients[0, : moved.size] = moved
    return PiecewisePolynomial(inside + shift, coefficients)


@dataclass(frozen=True, eq=False)
class ShiftedCurve(SampleCurve):
    """A curve that comes later by some minutes."""

    curve: SampleCurve
    shift_min: float
    result: FitResult
    zero_before: bool = False

    def _at(self, time_min: ArrayLike) -> FloatArray:
        return np.maximum(np.asarray(time_min, dtype=float) - self.shift_min, 0.0)

    def _from_arrival(self, time_min: ArrayLike, values: FloatArray) -> FloatArray:
        early = np.asarray(time_min, dtype=float) < self.shift_min
        return np.where(early & self.zero_before, 0.0, values)

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at times in minutes after injection."""
        return self._from_arrival(time_min, self.curve.values(self._at(time_min)))

    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return the standard error of the curve."""
        return self._from_arrival(time_min, self.curve.stderr(self._at(time_min)))

    def draw(self, rng: np.random.Generator) -> "ShiftedCurve":
        """Return the curve with parameters drawn from their normal distribution."""
        return replace(self, curve=self.curve.draw(rng))

    @property
    def knots_min(self) -> FloatArray:
        """Times at which the curve has a kink, its arrival among them."""
        knots = np.concatenate([[0.0], self.curve.knots_min]) + self.shift_min
        return knots[knots >= 0]


@checked_arguments
def estimate_delay(
    tacs: TimeActivityCurves,
    blood: ArterialInput,
    *,
    region: str | None = None,
    model: str = "1TCM",
    until_s: float = 600.0,
    limits_s: tuple[float, float] = (-60.0, 60.0),
    weights: ArrayLike | None = None,
) -> FitResult:
    """Estimate the delay of tissue against the blood samples, jointly with K1, washout and VB.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves of the scan.
    blood : ArterialInput
        Input as sampled; with whole blood VB is fitted, without it VB is zero and the delay less certain.
    region : str, optional
        Region to fit; by default the mean of all regions, weighted by voxels where they are known.
    model : str
        "1TCM", or "2TCM" where one tissue does not follow the first minutes.
    until_s : float
        Frames that end by then are used: the first 10 minutes, in which the arrival shows.
    limits_s : (float, float)
        Smallest and largest delay; negative where the sampler sees blood later than the brain.
    weights : array_like, shape (n_frames,), optional
        One over variance up to a factor; by default from counts.

    Returns
    -------
    FitResult
        `delay` (s), K1, VB and, for 1TCM, k2, with errors. Then `shift_input(blood, fit["delay"].value)`.

    Raises
    ------
    InputError, UnknownNameError
        If model or region is unknown, or there are too few frames.

    Notes
    -----
    C_T(t) = (1 - VB) K1 exp(-k2 t) (x) C_P(t - delay) + VB C_B(t - delay). Frame means of a shifted input are those of the
    input over shifted frames, so nothing is interpolated and the derivative by the delay is exact. The standard error is
    first order: above about 2 s it is too small (2.0 s reported for an actual 2.9 s in a simulation with 10 s frames).

    References
    ----------
    Meyer E (1989), J Nucl Med 30:1069-1078 (unchecked).
    """
    if model not in _EXPONENTIALS:
        raise unknown_name(model, _EXPONENTIALS, kind="model for the delay")
    means, name = _whole(tacs, region)
    frames = tacs.frames
    early = frames.measured & (frames.end_s <= until_s * (1 + 1e-9))
    count = _EXPONENTIALS[model]
    size = 2 * count + 1 + (blood.whole_blood is not None)
    if np.count_nonzero(early) <= size:
        msg = (
            f"{np.count_nonzero(early)} frames end by {until_s:g} s but {model} with a delay has {size} parameters; "
            "raise until_s, or give shorter frames"
        )
        raise InputError(msg)
    given = counting_weights(frames, means, tacs.isotope) if weights is None else np.asarray(weights, dtype=float)
    if given.shape != means.shape or not (np.isfinite(given) & (given >= 0)).all():
        msg = f"{given.size} weights for {means.size} frames; give one (1/variance, finite, not negative) a frame"
        raise InputError(msg)
    kept = frames.select(early)
    shifted = _Shifted(kept, blood, count, longest_min=float(kept.end_min[-1]) - min(0.0, limits_s[0]) / 60.0)
    low, high = (float(seconds_to_minutes(limit)) for limit in limits_s)
    starts = _starts(low, high, count)
    root = np.sqrt(given[early])
    costs = [_cost(root[:, None] * shifted.columns(start), root * means[early]) for start in starts]
    chosen = [starts[i] for i in np.argsort(costs, kind="stable")[:_SEARCHES]]
    fit = fit_separable(
        shifted, means[early], starts=chosen, weights=given[early], nonnegative=np.ones(size - 1 - count, dtype=bool),
        lower=np.array([low] + [_RATES_PER_MIN[0]] * count), upper=np.array([high] + [_RATES_PER_MIN[1]] * count),
    )  # fmt: skip
    return _delay_result(
        fit, tacs, (means, given, early), name=name, model=model, vascular=blood.whole_blood is not None
    )


def _cost(columns: FloatArray, target: FloatArray) -> float:
    return float(np.sum((columns @ np.linalg.lstsq(columns, target, rcond=None)[0] - target) ** 2))


def _starts(low: float, high: float, count: int) -> list[FloatArray]:
    rates = [[0.05], [0.5]] if count == 1 else [[0.02, 0.2], [0.05, 1.0]]
    # frames of ten seconds make narrow valleys: look every five seconds, search from the lowest
    delays = np.linspace(low, high, max(3, int(np.ceil((high - low) * 12.0)) + 1))
    return [np.array([delay, *rate]) for delay in delays for rate in rates]


def _whole(tacs: TimeActivityCurves, region: str | None) -> tuple[FloatArray, str]:
    if region is not None:
        return tacs[region], region
    weight = np.ones(len(tacs.regions)) if tacs.voxels is None else tacs.voxels
    return tacs.activity @ (weight / np.sum(weight)), "mean of all regions"


class _Shifted:
    """Frame means of delayed tissue and blood, with exact derivatives: a separable model."""

    def __init__(self, frames: Frames, blood: ArterialInput, count: int, *, longest_min: float) -> None:
        self.frames, self.count = frames, count
        until_s = float(minutes_to_seconds(longest_min))
        self.parent, self.blood = blood.parent(until_s), blood.blood(until_s)

    def _edges(self, delay: float) -> tuple[FloatArray, np.ndarray, np.ndarray]:
        return frame_edges(np.maximum(self.frames.start_min - delay, 0.0), np.maximum(self.frames.end_min - delay, 0.0))

    def columns(self, theta: FloatArray) -> FloatArray:
        """Return frame means of the input convolved with each exponential, then of whole blood."""
        edges, first, last = self._edges(theta[0])
        integral = self._integrals(edges, theta[1:])[0]
        return (integral[:, last] - integral[:, first]).T / self.frames.duration_min[:, None]

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        """Return the derivative of the summed curve by delay and rates."""
        edges, first, last = self._edges(theta[0])
        _, value, by_rate = self._integrals(edges, theta[1:])
        length = self.frames.duration_min[:, None]
        # the mean over shifted frames moves by what leaves and enters at the edges
        by_delay = -((value[:, last] - value[:, first]).T / length) @ amplitudes
        slopes = (by_rate[:, last] - by_rate[:, first]).T / length * amplitudes[: self.count]
        return np.column_stack([by_delay, slopes])

    def _integrals(self, edges: FloatArray, rates: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return integrals to each edge, values there, and derivatives of the integrals by rate."""
        tissue = self.parent.prepare(edges).response(rates)
        zero = np.zeros((self.count, 1))
        integral = np.hstack([zero, np.cumsum(tissue.integrals, axis=1)])
        by_rate = np.hstack([zero, np.cumsum(tissue.integrals_by_rate, axis=1)])
        value = tissue.at_edges
        if self.blood is not None:
            whole = self.blood.prepare(edges).response(0.0).at_edges
            integral, value = np.vstack([integral, whole]), np.vstack([value, self.blood.values(edges)[None]])
        return integral, value, by_rate


def _delay_result(
    fit: SeparableFit,
    tacs: TimeActivityCurves,
    curve: tuple[FloatArray, FloatArray, np.ndarray],
    *,
    name: str,
    model: str,
    vascular: bool,
) -> FitResult:
    """Return delay, K1, VB and washout with their covariance."""
    means, weights, early = curve
    count = _EXPONENTIALS[model]

    def reported(p: np.ndarray) -> np.ndarray:
        fraction = p[2 * count + 1] if vascular else 0.0 * p[0]
        k1 = sum(p[1 + count : 1 + 2 * count]) / (1.0 - fraction)
        return np.array([60.0 * p[0], k1, fraction, *(p[1:2] if count == 1 else [])])

    values, covariance = delta_method(reported, np.concatenate([fit.theta, fit.amplitudes]), fit.covariance)
    units = {"delay": "s", "K1": "mL/cm3/min", "VB": "", **({"k2": "1/min"} if count == 1 else {})}
    spread = np.diag(covariance)
    edges = {"delay": bool(fit.theta_at_bound[0]), "k2": bool(fit.theta_at_bound[1])}
    estimates = {
        key: Estimate(
            key, float(value), float(np.sqrt(variance)) if variance >= 0 else np.nan, unit, "fit", dof=fit.dof,
            at_bound=edges.get(key, False), fixed=key == "VB" and not vascular,
        )
        for (key, unit), value, variance in zip(units.items(), values, spread, strict=True)
    }  # fmt: skip
    flags = [Flag("edge", f"{key} ended at the edge of its search, {estimates[key].value:.4g}", "warning", key)
             for key in estimates if edges.get(key, False)]  # fmt: skip
    if not vascular:
        flags.append(
            Flag("no_whole_blood", "without whole blood VB is zero, which moves the delay", "warning", "delay")
        )
    fitted = np.full(means.shape, np.nan)
    fitted[early] = fit.fitted
    return FitResult(
        model=f"delay {model}", name=name, estimates=estimates, success=fit.converged, flags=tuple(flags),
        axis=Axis(tacs.frames.mid_min, "time after injection", "min", "activity", "kBq/mL"), data=means, fitted=fitted,
        weights=weights, used=early, covariance=covariance, covariance_names=tuple(units),
        diagnostics={"rss": fit.cost, "dof": fit.dof},
        settings={"frames_used": int(early.sum()), "reference": "Meyer 1989, J Nucl Med 30:1069-1078 (unchecked)"},
    )  # fmt: skip
