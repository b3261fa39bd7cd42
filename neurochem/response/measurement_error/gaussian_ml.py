"""Maximum likelihood of a continuous outcome on markers whose errors are known."""

import numpy as np
from numpy.typing import NDArray

from neurochem.response.measurement_error.noisy_data import Problem
from neurochem.response.measurement_error.structural import (
    FREE,
    Cohorts,
    Constraint,
    State,
    covariance_of,
    maximise,
    repeated,
    start,
)
from neurochem.units import BoolArray, FloatArray

IntArray = NDArray[np.intp]
# A marker whose true values spread by less than this share of its spread has none that the data can see.
_NO_SPREAD = 1e-5


def best(cohorts: Cohorts, *, constraint: Constraint = FREE, restricted: bool = False) -> State:
    """Return the highest maximum found from two starts, one from moments and one in which most of the spread is noise."""
    first, second = _starts(cohorts)
    found = maximise(cohorts, first, constraint=constraint, restricted=restricted)
    other = maximise(cohorts, second, constraint=constraint, restricted=restricted)
    return found.merged(other, other.height > found.height)


def _starts(cohorts: Cohorts) -> tuple[FloatArray, FloatArray]:
    first = start(cohorts)
    second = first.copy()
    second[:, :, :-1] *= 0.3
    return first, second


def slope_of(state: State) -> FloatArray:
    """Return the slope of the last marker, in standardised units; NaN where its true values do not spread."""
    spread = state.factor[:, -2, -2]
    known = np.abs(spread) > _NO_SPREAD
    return np.where(known, state.factor[:, -1, -2] / np.where(known, spread, 1.0), np.nan)


def profile_drop(cohorts: Cohorts, slope: FloatArray, state: State, *, restricted: bool = False) -> FloatArray:
    """Return twice the fall of the log-likelihood from its maximum to where the slope is held, shape (B,).

    Parameters
    ----------
    cohorts : Cohorts
        B cohorts, standardised.
    slope : array, shape (B,)
        Slope of the last marker, in the units of the cohorts.
    state : State
        The maximum of each cohort.
    restricted : bool
        Whether it is the restricted likelihood's.
    """
    held = Constraint(slope=np.asarray(slope, dtype=float))
    height = best(cohorts, constraint=held, restricted=restricted).height
    near = maximise(cohorts, state.factor, constraint=held, restricted=restricted).height
    return 2.0 * np.maximum(state.height - np.maximum(height, near), 0.0)


class GaussianLikelihood:
    """The structural normal model of one regression at its maximum.

    Parameters
    ----------
    problem : Problem
        Standardised rows.
    restricted : bool
        Restricted likelihood (REML) instead of the full one: nearly unbiased in small samples.
    """

    def __init__(self, problem: Problem, *, restricted: bool) -> None:
        self.problem, self.restricted = problem, restricted
        outcome = problem.outcome
        self._straight = problem.terms.T @ outcome / problem.people
        residual = outcome - problem.terms @ self._straight
        self._size = float(np.sqrt(np.mean(residual**2)))
        joint = np.column_stack([problem.markers, residual / self._size])
        noise = np.zeros((problem.people, joint.shape[1], joint.shape[1]))
        noise[:, :-1, :-1] = problem.noise
        noise[:, -1, -1] = 1e-10  # a perfect line keeps a likelihood that ends
        self._cohort = Cohorts(joint[None], noise[None], problem.terms[None], np.ones((1, problem.people)))
        self._state = best(self._cohort, restricted=restricted)
        self.peak = float(self._state.height[0])
        self._unit = self._size / problem.scale[-1]
        self.slope = float(slope_of(self._state)[0]) * self._unit

    @property
    def far_slope(self) -> float:
        """Slope as good as endless."""
        return 1e6 * self._unit

    @property
    def effective_people(self) -> int:
        """Number that the fall of the likelihood is divided by in the F statistic."""
        return self.problem.people - (len(self.problem.plain) if self.restricted else 0)

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood in the units of the data (restricted: up to a constant)."""
        scales = np.append(self.problem.scale, self._size)
        return self.peak - self.problem.people * float(np.log(scales).sum())

    @property
    def open_heights(self) -> tuple[float, float]:
        """Log-likelihood that an endless slope of either sign tends to: that of a marker whose true values do not spread."""
        height = float(self._held(1, Constraint(no_spread=True))[0])
        return height, height

    def heights(self, slopes: FloatArray) -> FloatArray:
        """Return the profile log-likelihood at slopes in the units of the data, shape (k,)."""
        return self._held(len(slopes), Constraint(slope=np.asarray(slopes) / self._unit))

    def _held(self, count: int, constraint: Constraint) -> FloatArray:
        starts = np.concatenate([self._state.factor, *_starts(self._cohort)])
        tried = constraint if constraint.slope is None else Constraint(slope=np.tile(constraint.slope, len(starts)))
        many = repeated(self._cohort, count * len(starts))
        found = maximise(many, np.repeat(starts, count, axis=0), constraint=tried, restricted=self.restricted)
        return found.height.reshape(len(starts), count).max(axis=0)

    def coefficients(self) -> tuple[FloatArray, FloatArray]:
        """Return slope, intercept and covariates in the order of the design, and their covariance.

        The covariance is the inverse of the observed information.
        """
        values = self._readable(self._state.means, self._state.factor)[0]
        return values, covariance_of(self._cohort, self._state, self._readable, restricted=self.restricted)

    def _readable(self, means: FloatArray, factor: FloatArray) -> FloatArray:
        """Return coefficients in the order of the design from means (B, m, p) and C (1 or B, m, m)."""
        problem = self.problem
        triangle = factor[:, :-1, :-1].swapaxes(1, 2)
        tiny = 1e-12 * np.eye(triangle.shape[1])
        beta = np.linalg.solve(triangle + tiny, factor[:, -1, :-1, None])[..., 0]
        slopes = np.broadcast_to(beta * self._size / problem.scale, (len(means), len(problem.noisy)))
        centres = (means[:, :-1] * problem.scale[:, None]) @ problem.turn.T + problem.shift.T
        reduced = (means[:, -1] * self._size + self._straight) @ problem.turn.T
        found = np.empty((len(means), len(problem.noisy) + len(problem.plain)))
        found[:, problem.noisy] = slopes
        found[:, problem.plain] = reduced - np.einsum("bqp,bq->bp", centres, slopes)
        return found

    def extras(self) -> dict[str, float]:
        """Return SD of the true marker given the terms, residual SD, and partial correlation of true marker and outcome."""
        factor = self._state.factor[0]
        covariance = factor @ factor.T
        size = float(np.hypot(factor[-1, -2], factor[-1, -1]))
        return {
            "tau": float(np.sqrt(covariance[-2, -2])) * float(self.problem.scale[-1]),
            "sigma": abs(float(factor[-1, -1])) * self._size,
            "partial_r": float(factor[-1, -2] * np.sign(factor[-2, -2])) / size if size else np.nan,
        }

    def without_each(self, people: IntArray) -> tuple[FloatArray, BoolArray]:
        """Return the coefficients without each of these people, shape (m, k), and which of these fits have a slope."""
        count = len(people)
        many = repeated(self._cohort, count)
        left = Cohorts(many.joint, many.noise, many.terms, _all_but(people, self.problem.people))
        state = maximise(left, np.repeat(self._state.factor, count, axis=0), restricted=self.restricted)
        return self._readable(state.means, state.factor), np.isfinite(slope_of(state))


def _all_but(people: IntArray, count: int) -> FloatArray:
    present = np.ones((len(people), count))
    present[np.arange(len(people)), people] = 0.0
    return present
