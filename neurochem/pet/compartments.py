"""What compartment models with plasma input share: impulse responses, blood volume, and the fit by variable projection.

A linear compartment model is a sum of exponentials. The rates of the exponentials are searched; their amplitudes, the
trapped share and the blood volume are linear and solved for inside the search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import Outcome, ScanInputs, Target
from neurochem.pet.view import FrameView, View
from neurochem.quality import Flag
from neurochem.solve import SeparableFit, delta_method, fit_separable, propagated_covariance
from neurochem.units import BoolArray, FloatArray

# A rate constant with a larger relative standard error is flagged; a common choice.
LARGEST_RELATIVE_STDERR = 0.5
_TRIAL_STEPS = 4
_MOST_STEPS = 300


def two_tissue_exponentials(k1: Any, k2: Any, k3: Any, k4: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return amplitudes (phi1, phi2) and rates (alpha1, alpha2) of the two-tissue impulse response.

    Parameters
    ----------
    k1, k2, k3, k4 : float or complex
        Rate constants; K1 in mL/cm3/min, the others in 1/min and not negative. Complex input passes through.

    Returns
    -------
    amplitudes, rates : pairs
        h(t) = phi1 exp(-alpha1 t) + phi2 exp(-alpha2 t), alpha1 <= alpha2.

    Notes
    -----
    With s = k2 + k3 + k4: alpha2 = (s + sqrt(s^2 - 4 k2 k4))/2, alpha1 = k2 k4/alpha2, phi1 = K1 (k3 + k4 -
    alpha1)/(alpha2 - alpha1), phi2 = K1 - phi1. The root is of (k2 - k4)^2 + 2 k3 (k2 + k4) + k3^2, which has no
    cancellation; it is zero only for k3 = 0 and k2 = k4, where the response is K1 exp(-k2 t).
    """
    gap = np.sqrt((k2 - k4) ** 2 + 2.0 * k3 * (k2 + k4) + k3**2)
    fast = (k2 + k3 + k4 + gap) / 2.0
    slow = k2 * k4 / fast if fast != 0 else fast
    share = (k3 + k4 - slow) / gap if gap != 0 else 1.0
    return (k1 * share, k1 * (1.0 - share)), (slow, fast)


def two_tissue_constants(phi1: Any, phi2: Any, alpha1: Any, alpha2: Any) -> tuple[Any, Any, Any, Any]:
    """Return K1, k2, k3, k4 from amplitudes and rates; not negative where those are not."""
    k1 = phi1 + phi2
    k2 = (phi1 * alpha1 + phi2 * alpha2) / k1
    k4 = alpha1 * alpha2 / k2
    # (alpha2 - k2)(k2 - alpha1)/k2, written without differences of nearly equal numbers
    k3 = phi1 * phi2 * (alpha2 - alpha1) ** 2 / (k1**2 * k2)
    return k1, k2, k3, k4


def with_blood(tissue: FloatArray, fraction: float, view: View, model: str) -> FloatArray:
    """Return (1 - VB) tissue + VB whole blood.

    Raises
    ------
    InputError
        If VB is not zero and there is no whole blood.
    """
    if fraction == 0.0:
        return tissue
    if view.blood is None:
        raise InputError(_no_blood(model, fraction))
    return (1.0 - fraction) * tissue + fraction * view.blood


def _no_blood(model: str, fraction: float) -> str:
    return f"{model} with VB = {fraction:g} needs whole blood; give ArterialInput(..., whole_blood=...)"


def given_blood_fraction(inputs: ScanInputs, model: str) -> float | None:
    """Return the blood volume that is not fitted: the option VB, or 0 where there is no whole blood; else None.

    Raises
    ------
    InputError
        If VB is not a fraction, or is not zero and there is no whole blood.
    """
    given = inputs.options.get("VB")
    if given is None:
        return 0.0 if inputs.view.blood is None else None
    fraction = float(given)
    if not 0.0 <= fraction < 1.0:
        msg = f"VB is {fraction:g}; a blood volume fraction lies between 0 and 1, for example 0.05"
        raise InputError(msg)
    if fraction > 0.0 and inputs.view.blood is None:
        raise InputError(_no_blood(model, fraction))
    return fraction


class ExponentialColumns:
    """The input convolved with exp(-rate t) for each rate, then columns that do not change; the last rates are kept."""

    def __init__(self, view: FrameView, constant: FloatArray) -> None:
        self.view, self.constant = view, constant
        self.rates: FloatArray = np.full(1, np.nan)
        self.convolved = self.slopes = np.zeros((0, 0))

    def at(self, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the convolutions and their derivatives by rate, shape (n_rates, n_frames)."""
        if not np.array_equal(rates, self.rates):
            self.convolved, self.slopes = self.view.convolved(rates)
            self.rates = rates.copy()
        return self.convolved, self.slopes

    def columns(self, theta: FloatArray) -> FloatArray:
        """Return the curves, shape (n_frames, n_rates + n_constant)."""
        return np.column_stack([self.at(theta)[0].T, self.constant])

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        """Return the derivative of the summed curve by each rate."""
        return self.at(theta)[1].T * amplitudes[: theta.size]


@dataclass(frozen=True, eq=False)
class ExponentialFit:
    """A sum of exponentials fitted to one region.

    Attributes
    ----------
    point : array
        Rates in ascending order, the amplitudes of their curves, the amplitudes of the constant columns.
    covariance : array
        Of the point, by propagation of the noise of every frame.
    rate_at_bound, amplitude_at_bound : bool array
        What ended at a bound, in the order of the point.
    separable : SeparableFit
        The search.
    """

    point: FloatArray
    covariance: FloatArray
    rate_at_bound: BoolArray
    amplitude_at_bound: BoolArray
    separable: SeparableFit


def fit_exponentials(
    means: FloatArray, target: Target, inputs: ScanInputs, *, count: int, constant: FloatArray
) -> ExponentialFit:
    """Fit a non-negative sum of exponential responses and constant columns.

    Parameters
    ----------
    means : array, shape (n_frames,)
        Frame means, after what is known has been taken off.
    target, inputs
        Noise of the region, and what regions share.
    count : int
        Number of exponentials, 1 or 2.
    constant : array, shape (n_frames, c)
        Columns without a rate: whole blood, the integral of the input.

    Notes
    -----
    Rates are searched between 0.06/T (T the scan's length) and 2/min from the best points of a grid of all pairs.
    """
    weights = inputs.weights / np.max(inputs.weights)
    rates, curves = inputs.washout_grid
    columns = ExponentialColumns(inputs.view, constant)

    def search(start: FloatArray, iterations: int) -> SeparableFit:
        return fit_separable(
            columns,
            means,
            starts=[start],
            lower=np.full(count, rates[0]),
            upper=np.full(count, rates[-1]),
            weights=weights,
            nonnegative=np.ones(count + constant.shape[1], dtype=bool),
            max_iterations=iterations,
        )

    starts = _starts(means, weights, rates, curves, constant, count)
    if len(starts) > 1:
        # a few steps tell the valleys apart; only the best is searched to the end
        starts = [min((search(start, _TRIAL_STEPS) for start in starts), key=lambda trial: trial.cost).theta]
    fit = search(starts[0], _MOST_STEPS)
    order = np.argsort(fit.theta)
    every = np.concatenate([order, count + order, np.arange(2 * count, 2 * count + constant.shape[1])])
    free = np.concatenate([~fit.theta_at_bound, np.ones(count + constant.shape[1], dtype=bool)])
    jacobian = np.column_stack([columns.derivative(fit.theta, fit.amplitudes), columns.columns(fit.theta)])
    block, _ = propagated_covariance(jacobian[:, free], weights, means - fit.fitted, np.diag(target.noise_sd))
    covariance = np.zeros((free.size, free.size))
    covariance[np.ix_(free, free)] = block
    return ExponentialFit(
        point=np.concatenate([fit.theta, fit.amplitudes])[every],
        covariance=covariance[np.ix_(every, every)],
        rate_at_bound=fit.theta_at_bound[order],
        amplitude_at_bound=fit.amplitude_at_bound[every[count:] - count],
        separable=fit,
    )


def _starts(
    means: FloatArray, weights: FloatArray, rates: FloatArray, curves: FloatArray, constant: FloatArray, count: int
) -> list[FloatArray]:
    """Return the best rates of a grid, with the constant columns free and without them."""
    root = np.sqrt(weights)
    basis, data = root * curves, root * means
    known = np.linalg.qr(root[:, None] * constant)[0]
    chosen: list[tuple[int, ...]] = []
    for projector, most in ((known, 2), (known[:, :0], 1)):
        left = basis - (basis @ projector) @ projector.T
        rest = data - projector @ (projector.T @ data)
        explained = _explained_by_one(left, rest) if count == 1 else _explained_by_two(left, rest)
        chosen += [index for index in _peaks(explained, most) if index not in chosen]
    return [rates[list(index)] for index in chosen]


def _explained_by_one(basis: FloatArray, data: FloatArray) -> FloatArray:
    """Return how much of the data each curve explains with an amplitude that is not negative."""
    norms = np.maximum(np.sum(basis**2, axis=1), np.finfo(float).tiny)
    return np.asarray(np.maximum(basis @ data, 0.0) ** 2 / norms)


def _explained_by_two(basis: FloatArray, data: FloatArray) -> FloatArray:
    """Return the same for each pair of curves, shape (n, n), symmetric."""
    single = _explained_by_one(basis, data)
    gram, right = basis @ basis.T, basis @ data
    size = np.diag(gram)
    determinant = size[:, None] * size[None, :] - gram**2
    sound = determinant > 1e-10 * size[:, None] * size[None, :]
    safe = np.where(sound, determinant, 1.0)
    first = (size[None, :] * right[:, None] - gram * right[None, :]) / safe
    both = first * right[:, None] + first.T * right[None, :]
    inside = sound & (first >= 0) & (first.T >= 0)
    return np.where(inside, both, np.maximum(single[:, None], single[None, :]))


def _peaks(explained: FloatArray, most: int) -> list[tuple[int, ...]]:
    """Return the indices of the highest local maxima of a grid, each unordered pair once."""
    padded = np.pad(explained, 1, constant_values=-np.inf)
    peak = np.ones(explained.shape, dtype=bool)
    for axis in range(explained.ndim):
        for step in (-1, 1):
            neighbour = np.roll(padded, step, axis)[(slice(1, -1),) * explained.ndim]
            peak &= explained >= neighbour
    if explained.ndim == 2:
        peak &= np.tri(explained.shape[0], k=-1, dtype=bool).T
        if not peak.any():
            return [(0, explained.shape[0] // 2)]
    found = np.argwhere(peak)
    values = explained[tuple(found.T)]
    return [tuple(int(i) for i in found[index]) for index in np.argsort(values)[::-1][:most]]


@dataclass(frozen=True, eq=False)
class Blood:
    """How whole blood enters a fit: the columns to add, the means without what is known, and VB if it is known."""

    fraction: float | None
    means: FloatArray
    column: FloatArray

    @classmethod
    def of(cls, target: Target, inputs: ScanInputs, model: str) -> "Blood":
        """Return the treatment that the options and the input call for."""
        fraction, blood = given_blood_fraction(inputs, model), inputs.view.blood
        nothing = np.zeros((target.means.size, 0))
        if fraction is None:
            assert blood is not None
            return cls(None, target.means, blood[:, None])
        if fraction == 0.0 or blood is None:
            return cls(0.0, target.means, nothing)
        return cls(fraction, target.means - fraction * blood, nothing)

    @property
    def fixed(self) -> frozenset[str]:
        """VB, if it is not fitted."""
        return frozenset() if self.fraction is None else frozenset({"VB"})

    def added(self, inputs: ScanInputs) -> FloatArray:
        """Return what was taken off the means."""
        return np.zeros(self.means.size) if not self.fraction else self.fraction * np.asarray(inputs.view.blood)


def exponential_outcome(
    fit: ExponentialFit,
    target: Target,
    inputs: ScanInputs,
    blood: Blood,
    *,
    names: tuple[str, ...],
    reported: Callable[[np.ndarray], np.ndarray],
    at_bound: frozenset[str],
) -> Outcome:
    """Return the outcome of a fit of exponentials, with the errors of what is reported by the delta method."""
    if not fit.point[fit.rate_at_bound.size :][: fit.rate_at_bound.size].any():
        msg = "no tracer enters the tissue (K1 is zero)"
        raise np.linalg.LinAlgError(msg)
    values, covariance = delta_method(reported, fit.point, fit.covariance)
    separable = fit.separable
    rates = inputs.washout_grid[0]
    return Outcome(
        names=names,
        values=values,
        covariance=covariance,
        fitted=separable.fitted + blood.added(inputs),
        used=inputs.kept,
        dof=separable.dof,
        success=separable.converged,
        at_bound=at_bound,
        fixed=blood.fixed,
        flags=imprecise(names, values, covariance, blood.fixed),
        diagnostics={"iterations": float(separable.iterations)},
        settings={"rate_bounds_per_min": [float(rates[0]), float(rates[-1])]},
    )


def imprecise(
    names: Sequence[str], values: FloatArray, covariance: FloatArray, fixed: frozenset[str]
) -> tuple[Flag, ...]:
    """Return a note for every estimate whose standard error exceeds half its value."""
    errors = np.sqrt(np.diag(covariance))
    return tuple(
        Flag(
            "high_relative_stderr",
            f"the standard error of {name} is {100 * error / abs(value):.0f} % of its value",
            "info",
            name,
        )
        for name, value, error in zip(names, values, errors, strict=True)
        if name not in fixed and np.isfinite(error) and value != 0 and error > LARGEST_RELATIVE_STDERR * abs(value)
    )
