"""Outcome on a noisy marker whose slope differs by arm: the likelihood of outcome and marker, many cohorts at once.

W = X + U with U ~ N(0, s^2) known, X = a'Z + V with V ~ N(0, tau^2), outcome on g'Z + (b + d t) X. Given W and Z the linear
predictor is normal, with mean u = g'Z + B (a'Z + rho e) and variance v = B^2 tau^2 (1 - rho), where B = b + d t,
rho = tau^2 / (tau^2 + s^2) and e = W - a'Z: a continuous outcome is N(u, v + sigma^2), a yes-or-no one logistic averaged
over it.
"""

from dataclasses import dataclass

import numpy as np

from neurochem.response.measurement_error.logistic_normal import LogProbability, log_probability
from neurochem.response.measurement_error.newton import ENOUGH, STEPS, IntArray, Place, climb
from neurochem.response.measurement_error.profile import largest_drop, limits_of_many
from neurochem.units import BoolArray, FloatArray

SLOPE, INTERACTION = 0, 1
_LOG_TAU, _LOG_SIGMA = 2, 3
# Slopes beyond this many SD per SD (log-odds per SD) say that the data hold no limit.
_FAR, _FAR_ODDS = 100.0, 30.0
# Left to gain where a value is held: the end of an interval is then right to 1e-7 of its width.
_ENOUGH_HELD, _STEPS_HELD = 1e-8, 60
# Degrees of freedom that a marker of noise alone costs.
_PER_NOISE = 2.0
# A residual spreads by this share of the outcome at least, so that a perfect line keeps a likelihood that ends.
_LEAST = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class ArmCohorts:
    """Rows of B cohorts of n people in standard units.

    Attributes
    ----------
    outcome, marker, variance : array, shape (B, n)
        Outcome (0 and 1 where `binary`), marker and the variance of the marker's error.
    arm : array, shape (B, n)
        Code of the arm that multiplies the interaction: -1/2 and +1/2 make the slope the mean of both arms'.
    terms : array, shape (B, n, k)
        Intercept, arm and covariates.
    binary : bool
        Whether the outcome is yes or no.
    """

    outcome: FloatArray
    marker: FloatArray
    variance: FloatArray
    arm: FloatArray
    terms: FloatArray
    binary: bool = False

    @property
    def people(self) -> FloatArray:
        """Number of people in each cohort, shape (B,)."""
        return np.full(len(self.outcome), float(self.outcome.shape[1]))

    @property
    def dof(self) -> FloatArray:
        """Degrees of freedom of the F reference, shape (B,): people less every coefficient less twice the share of noise.

        The share is the mean error variance over the variance of the marker given the terms, at most 1. Without error the
        reference is exact as it stands; with it the spread of the true marker is estimated too, and the test of no
        interaction among 24 people would reject in 6.5 % at a reliability of 0.6 and 7.3 % at 0.5. The factor of two was
        chosen by simulation.
        """
        people, columns = self.terms.shape[1:]
        basis = np.linalg.qr(self.terms)[0]
        rest = self.marker - np.einsum("bnk,bmk,bm->bn", basis, basis, self.marker, optimize=True)
        spread = np.sum(rest**2, axis=1) / (people - columns)
        share = np.minimum(self.variance.mean(axis=1) / np.maximum(spread, 1e-300), 1.0)
        return np.maximum(people - columns - 2.0 - _PER_NOISE * share, 1.0)

    @property
    def far(self) -> float:
        """Size of a slope that is as good as endless."""
        return _FAR_ODDS if self.binary else _FAR

    @property
    def head(self) -> int:
        """Number of parameters before the coefficients of marker (a) and outcome (g) on the terms."""
        return 3 if self.binary else 4

    @property
    def arm_difference(self) -> int:
        """Place of the coefficient of the arm in the outcome model; the intercept stands before it."""
        return self.head + self.terms.shape[2] + 1

    def chosen(self, rows: BoolArray | FloatArray | IntArray) -> "ArmCohorts":
        """Return some of the cohorts."""
        outcome, marker, variance = self.outcome[rows], self.marker[rows], self.variance[rows]
        return ArmCohorts(outcome, marker, variance, self.arm[rows], self.terms[rows], self.binary)

    def evaluate(self, values: FloatArray) -> Place:
        """Return likelihood and derivatives at slope, interaction, log tau, (log sigma,) a and g, shape (B, k)."""
        local = _local(self, values)
        height, pull, hessian = _of_outcome(self, local)
        of_marker, gradient, bend = _of_marker(self, local)
        return Place(values, height + of_marker, pull + gradient, -(hessian + bend))


@dataclass(frozen=True, slots=True, eq=False)
class _Local:
    """What both likelihoods are made of, shape (B, n): B, rho, e, tau^2 (1 - rho), E(X | W), tau^2 + s^2, sigma^2 (B, 1)."""

    slope: FloatArray
    share: FloatArray
    off: FloatArray
    left: FloatArray
    expected: FloatArray
    total: FloatArray
    sigma2: FloatArray
    base: FloatArray


def _local(cohorts: ArmCohorts, values: FloatArray) -> _Local:
    head, k = cohorts.head, cohorts.terms.shape[2]
    means = cohorts.terms @ values[:, head:].reshape(-1, 2, k).swapaxes(1, 2)
    centre, base = means[..., 0], means[..., 1]
    tau2 = np.exp(2.0 * np.clip(values[:, _LOG_TAU, None], -40.0, 40.0))
    sigma2 = np.zeros_like(tau2)
    if not cohorts.binary:
        sigma2 = np.exp(2.0 * np.clip(values[:, _LOG_SIGMA, None], -40.0, 40.0))
    total = tau2 + cohorts.variance
    share, off = tau2 / total, cohorts.marker - centre
    slope = values[:, SLOPE, None] + values[:, INTERACTION, None] * cohorts.arm
    return _Local(slope, share, off, share * cohorts.variance, centre + share * off, total, sigma2, base)


def _of_marker(cohorts: ArmCohorts, local: _Local) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log-likelihood of the marker (but for constants), gradient and second derivatives."""
    terms, t, head = cohorts.terms, _LOG_TAU, cohorts.head
    k = terms.shape[2]
    size = head + 2 * k
    a = slice(head, head + k)
    pulled = local.off / local.total
    square = local.off * pulled
    gradient, bend = np.zeros((len(terms), size)), np.zeros((len(terms), size, size))
    gradient[:, t] = np.sum(local.share * (square - 1.0), axis=1)
    gradient[:, a] = _times(terms, pulled)
    bend[:, a, a] = -terms.swapaxes(1, 2) @ (terms / local.total[..., None])
    bend[:, a, t] = bend[:, t, a] = -2.0 * _times(terms, local.share * pulled)
    inner = (1.0 - local.share) * (square - 1.0) - local.share * square
    bend[:, t, t] = 2.0 * np.sum(local.share * inner, axis=1)
    return -0.5 * np.sum(np.log(local.total) + square, axis=1), gradient, bend


def _times(terms: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the sum over people of weight times terms, shape (B, k)."""
    return (weight[:, None, :] @ terms)[:, 0]


def _outcome(cohorts: ArmCohorts, local: _Local) -> LogProbability:
    """Return the log-likelihood of the outcome, and derivatives by mean and variance of the linear predictor."""
    mean, variance = local.base + local.slope * local.expected, local.slope**2 * local.left
    if cohorts.binary:
        return log_probability(cohorts.outcome, mean, variance)
    spread = variance + local.sigma2 + _LEAST
    rest = cohorts.outcome - mean
    square = rest**2 / spread
    return LogProbability(
        value=-0.5 * (np.log(spread) + square), u=rest / spread, v=0.5 * (square - 1.0) / spread, uu=-1.0 / spread,
        uv=-rest / spread**2, vv=(0.5 - square) / spread**2,
    )  # fmt: skip


def _of_outcome(cohorts: ArmCohorts, local: _Local) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log-likelihood of the outcome, gradient and second derivatives, by the chain rule through mean and variance."""
    seen = _outcome(cohorts, local)
    share, slope, side, head, t = local.share, local.slope, cohorts.arm, cohorts.head, _LOG_TAU
    k = cohorts.terms.shape[2]
    rate = 2.0 * share * (1.0 - share)  # of the reliability, by log tau
    left1 = 2.0 * local.left * (1.0 - share)
    u, v = (np.zeros((*share.shape, head + 2 * k)) for _ in range(2))
    u[..., SLOPE], u[..., INTERACTION], u[..., t] = local.expected, side * local.expected, slope * rate * local.off
    u[..., head : head + k], u[..., head + k :] = (slope * (1.0 - share))[..., None] * cohorts.terms, cohorts.terms
    v[..., SLOPE], v[..., t] = 2.0 * slope * local.left, slope**2 * left1
    v[..., INTERACTION] = side * v[..., SLOPE]
    if not cohorts.binary:
        v[..., _LOG_SIGMA] = 2.0 * local.sigma2
    gradient = _times(u, seen.u) + _times(v, seen.v)
    by_u = seen.uu[..., None] * u + seen.uv[..., None] * v
    by_v = seen.uv[..., None] * u + seen.vv[..., None] * v
    bend = u.swapaxes(1, 2) @ by_u + v.swapaxes(1, 2) @ by_v
    bend += _second(cohorts, local, seen, (rate, left1))
    return seen.value.sum(axis=1), gradient, bend


def _second(
    cohorts: ArmCohorts, local: _Local, seen: LogProbability, rates: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return what the second derivatives of mean and variance of the linear predictor add."""
    (rate, left1), (share, slope, side) = rates, (local.share, local.slope, cohorts.arm)
    head, t, k = cohorts.head, _LOG_TAU, cohorts.terms.shape[2]
    found = np.zeros((len(share), head + 2 * k, head + 2 * k))
    with_tau = seen.u * rate * local.off + 2.0 * seen.v * slope * left1
    twice = 2.0 * seen.v * local.left
    a = slice(head, head + k)
    for index, weight in ((SLOPE, 1.0), (INTERACTION, side)):
        found[:, index, t] = found[:, t, index] = np.sum(weight * with_tau, axis=1)
        found[:, index, index] = np.sum(weight**2 * twice, axis=1)
        found[:, index, a] = found[:, a, index] = _times(cohorts.terms, weight * seen.u * (1.0 - share))
    found[:, SLOPE, INTERACTION] = found[:, INTERACTION, SLOPE] = np.sum(twice * side, axis=1)
    found[:, t, a] = found[:, a, t] = -_times(cohorts.terms, seen.u * slope * rate)
    bent = 2.0 * (1.0 - 2.0 * share) * (seen.u * slope * rate * local.off + seen.v * slope**2 * left1)
    found[:, t, t] = np.sum(bent, axis=1)
    if not cohorts.binary:
        found[:, _LOG_SIGMA, _LOG_SIGMA] = np.sum(4.0 * local.sigma2 * seen.v, axis=1)
    return found


def _starts(cohorts: ArmCohorts) -> list[FloatArray]:
    """Return three starts: naive slopes blown up by the reliability, with little spread, and no slopes."""
    terms, turned = cohorts.terms, cohorts.terms.swapaxes(1, 2)
    small = 1e-9 * terms.shape[1]
    normal = turned @ terms + small * np.eye(terms.shape[2])
    outcome = 4.0 * cohorts.outcome - 2.0 if cohorts.binary else cohorts.outcome
    straight = np.linalg.solve(normal, turned @ np.stack([cohorts.marker, outcome], axis=2))
    rest = cohorts.marker - (terms @ straight[..., :1])[..., 0]
    spread = np.sum(rest**2, axis=1) / max(1, terms.shape[1] - terms.shape[2])
    x = np.stack([rest, rest * cohorts.arm], axis=2)
    off = outcome - (terms @ straight[..., 1:])[..., 0]
    naive = np.linalg.solve(x.swapaxes(1, 2) @ x + small * np.eye(2), (x.swapaxes(1, 2) @ off[..., None]))[..., 0]
    shares = np.maximum(0.15, 1.0 - cohorts.variance.mean(axis=1) / spread)
    found = []
    for share, factor in ((shares, 1.0), (np.full_like(shares, 0.3), 1.0), (shares, 0.0)):
        slopes = factor * naive / share[:, None]
        spreads = [0.5 * np.log(share * spread)] + ([] if cohorts.binary else [np.full_like(share, np.log(0.8))])
        g = straight[..., 1] - slopes[:, :1] * straight[..., 0]
        found.append(np.concatenate([slopes, np.stack(spreads, axis=1), straight[..., 0], g], axis=1))
    return found


def best(cohorts: ArmCohorts, held: IntArray | None = None, at: FloatArray | None = None,
         near: FloatArray | None = None) -> Place:  # fmt: skip
    """Return the highest place found from several starts.

    Parameters
    ----------
    cohorts : ArmCohorts
        B cohorts.
    held, at : array, shape (B,), optional
        A parameter of each cohort that is held, and its value.
    near : array, shape (B, k), optional
        A start to take beside that of moments, in place of the others.
    """
    starts = _starts(cohorts) if near is None else [_starts(cohorts)[0], near]
    rows = np.tile(np.arange(len(cohorts.outcome)), len(starts))
    many, values = cohorts.chosen(rows), np.concatenate(starts)
    if held is not None and at is not None:
        held, at = held[rows], at[rows]
        values = _with_held(many, values, held, at)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        place = climb(
            many,
            values,
            held=held,
            steep=(SLOPE, INTERACTION),
            steepest=3.0 * cohorts.far,
            enough=ENOUGH if held is None else _ENOUGH_HELD,
            steps=STEPS if held is None else _STEPS_HELD,
        )
    highest = np.argmax(np.nan_to_num(place.height.reshape(len(starts), -1), nan=-np.inf), axis=0)
    return place.chosen(highest * len(cohorts.outcome) + np.arange(len(cohorts.outcome)))


def _with_held(cohorts: ArmCohorts, values: FloatArray, held: IntArray, at: FloatArray) -> FloatArray:
    """Return starts with the held value put in; where it is a slope, spread and outcome coefficients follow it."""
    found = values.copy()
    found[np.arange(len(values)), held] = at
    head, terms = cohorts.head, cohorts.terms
    k = terms.shape[2]
    old, new = (each[:, SLOPE, None] + each[:, INTERACTION, None] * cohorts.arm for each in (values, found))
    centre = np.einsum("bnk,bk->bn", terms, values[:, head : head + k])
    turned = terms.swapaxes(1, 2)
    normal = turned @ terms + 1e-9 * k * np.eye(k)
    moved = np.linalg.solve(normal, turned @ ((old - new) * centre)[..., None])[..., 0]
    found[:, head + k :] += np.where((held < _LOG_TAU)[:, None], moved, 0.0)
    steepest = np.log(np.maximum(np.abs(new).max(axis=1), 1e-3))
    least = (1.0 if cohorts.binary else 0.0) - steepest
    found[:, _LOG_TAU] = np.where(held < _LOG_TAU, np.minimum(found[:, _LOG_TAU], least), found[:, _LOG_TAU])
    return found


def profile_drop(cohorts: ArmCohorts, top: Place, index: int, value: FloatArray) -> FloatArray:
    """Return twice the fall of the log-likelihood where a parameter is held, shape (B,)."""
    lower = best(cohorts, np.full(len(value), index), value, near=top.values)
    return 2.0 * np.maximum(top.height - lower.height, 0.0)


def intervals(cohorts: ArmCohorts, top: Place, index: IntArray, *, level: float = 0.95) -> FloatArray:
    """Return the profile-likelihood interval of one parameter of each cohort, shape (B, 2); an open end is infinite.

    Parameters
    ----------
    cohorts : ArmCohorts
        B cohorts, for example one of them coded in several ways.
    top : Place
        Their maxima.
    index : array of int, shape (B,)
        Parameter of each.
    """
    row = np.arange(len(index))
    centre = top.values[row, index]
    error = np.sqrt(np.maximum(top.covariance[row, index, index], 1e-12))

    def heights(values: FloatArray, which: IntArray) -> FloatArray:
        return best(cohorts.chosen(which), index[which], values, near=top.values[which]).height

    far = cohorts.far
    ends = np.full((len(index), 2), -np.inf)
    slopes = np.flatnonzero(index < _LOG_TAU)  # the arms' difference always has an end
    both = np.tile(slopes, 2)
    ends[slopes] = heights(far * np.repeat([-1.0, 1.0], slopes.size), both).reshape(2, -1).T
    people = float(cohorts.outcome.shape[1])
    drops = np.array([largest_drop(level, people, float(dof)) for dof in cohorts.dof])
    found = limits_of_many(
        heights, peak=top.height, centre=centre, step=np.minimum(error, 5.0), drops=drops,
        open_heights=ends,
    )  # fmt: skip
    return np.where((np.abs(found) > far) & (index < _LOG_TAU)[:, None], np.sign(found) * np.inf, found)
