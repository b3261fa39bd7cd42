"""Maximum likelihood of a yes-or-no outcome on markers whose errors are known."""

import numpy as np

from neurochem.response.measurement_error.binary_structural import BinaryCohorts, maximise, start
from neurochem.response.measurement_error.newton import IntArray, Place
from neurochem.response.measurement_error.noisy_data import Problem
from neurochem.units import BoolArray, FloatArray

# Log-odds per SD of the marker beyond which a slope is as good as endless.
_ENDLESS = 200.0
# Above this number of people one of them moves the maximum so little that one step finds it (within 0.03 standard errors
# in nine simulated cohorts of 150 and 300), unless that step is larger than the second, in standard errors of the slope.
_MOST_REFITTED, _MOST_MOVED = 150, 0.5


def best(cohorts: BinaryCohorts, *, slope: FloatArray | None = None) -> Place:
    """Return the highest maximum found from two starts, one from moments and one in which most of the spread is noise."""
    found, other = (maximise(cohorts, values, slope=slope) for values in _starts(cohorts))
    return found.merged(other, other.height > found.height)


def _starts(cohorts: BinaryCohorts) -> tuple[FloatArray, FloatArray]:
    first = start(cohorts)
    second = first.copy()
    second[:, cohorts.layout.slope + 1 :] *= 0.4
    return first, second


def profile_drop(cohorts: BinaryCohorts, slope: FloatArray, state: Place) -> FloatArray:
    """Return twice the fall of the log-likelihood from its maximum to where the slope is held, shape (B,)."""
    held = np.asarray(slope, dtype=float)
    height = np.maximum(best(cohorts, slope=held).height, maximise(cohorts, state.values, slope=held).height)
    return 2.0 * np.maximum(state.height - height, 0.0)


class BinaryLikelihood:
    """The structural logistic model of one regression at its maximum.

    Parameters
    ----------
    problem : Problem
        Standardised rows; outcome 0 or 1.
    """

    restricted = False

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        present = np.ones((1, problem.people))
        self._cohort = BinaryCohorts(
            problem.outcome[None], problem.markers[None], problem.noise[None], problem.terms[None], present
        )
        self._state = best(self._cohort)
        self.peak = float(self._state.height[0])
        standard = float(self._state.values[0, self._cohort.layout.slope])
        self.slope = standard / problem.scale[-1] if abs(standard) < _ENDLESS else np.nan

    @property
    def far_slope(self) -> float:
        """Slope as good as endless, on the side where the likelihood is highest."""
        low, high = self.open_heights
        return (1.0 if high >= low else -1.0) * _ENDLESS / float(self.problem.scale[-1])

    @property
    def effective_people(self) -> int:
        """Number that the fall of the likelihood is divided by in the F statistic."""
        return self.problem.people

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of outcome and markers in the units of the data."""
        return self.peak - self.problem.people * float(np.log(self.problem.scale).sum())

    @property
    def open_heights(self) -> tuple[float, float]:
        """Log-likelihood that an endless slope of either sign tends to: steep, or of a marker without true spread."""
        low, high = self.heights(np.array([-1.0, 1.0]) * _ENDLESS / self.problem.scale[-1])
        return float(low), float(high)

    def heights(self, slopes: FloatArray) -> FloatArray:
        """Return the profile log-likelihood at slopes in log-odds per unit of the marker, shape (k,)."""
        held = np.clip(np.asarray(slopes) * self.problem.scale[-1], -_ENDLESS, _ENDLESS)
        starts = np.concatenate([self._state.values, *_starts(self._cohort)])
        many = _repeated(self._cohort, len(held) * len(starts))
        found = maximise(many, np.repeat(starts, len(held), axis=0), slope=np.tile(held, len(starts)))
        return found.height.reshape(len(starts), -1).max(axis=0)

    def coefficients(self) -> tuple[FloatArray, FloatArray]:
        """Return slope, intercept and covariates in the order of the design, and their covariance."""
        covariance = self._state.covariance[0]
        found = self._readable(self._state.values)[0]
        steps = np.eye(self._state.values.shape[1])
        # linear but for the products of shift and slope, which are linear too: unit steps give the derivative
        slopes = self._readable(self._state.values + steps) - found
        return found, slopes.T @ covariance @ slopes

    def _readable(self, values: FloatArray) -> FloatArray:
        problem = self.problem
        g, _, beta, _ = self._cohort.layout.parts(values)
        found = np.empty((len(values), len(problem.noisy) + len(problem.plain)))
        found[:, problem.noisy] = beta / problem.scale
        found[:, problem.plain] = g @ problem.turn.T - found[:, problem.noisy] @ problem.shift.T
        return found

    def extras(self) -> dict[str, float]:
        """Return SD of the true marker given the terms."""
        factor = self._cohort.layout.parts(self._state.values)[3][0]
        return {"tau": float(np.sqrt((factor @ factor.T)[-1, -1])) * float(self.problem.scale[-1])}

    def without_each(self, people: IntArray) -> tuple[FloatArray, BoolArray]:
        """Return the coefficients without each of these people, shape (m, k), and which of these fits have a slope.

        Each is a new search. Above 150 people in all it is one Newton step from the maximum of everyone, and a new search
        only where that moves the slope by half of its standard error or more.
        """
        if self.problem.people <= _MOST_REFITTED:
            return self._refitted(people)
        which = self._cohort.layout.slope
        values = self._one_step(people)
        moved = np.abs(values[:, which] - self._state.values[0, which])
        far = ~(moved < _MOST_MOVED * np.sqrt(self._state.covariance[0, which, which]))
        found, known = self._readable(values), np.abs(values[:, which]) < _ENDLESS
        if far.any():
            found[far], known[far] = self._refitted(people[far])
        return found, known

    def _refitted(self, people: IntArray) -> tuple[FloatArray, BoolArray]:
        """Return coefficients without each person by a search of its own."""
        count = len(people)
        many = _repeated(self._cohort, count)
        left = BinaryCohorts(many.outcome, many.markers, many.noise, many.terms, _all_but(people, self.problem.people))
        state = maximise(left, np.repeat(self._state.values, count, axis=0))
        return self._readable(state.values), np.abs(state.values[:, self._cohort.layout.slope]) < _ENDLESS

    def _one_step(self, people: IntArray) -> FloatArray:
        """Return the parameters without each person, (H - H_i)^-1 s_i away from those of everyone.

        s_i is the person's own score and H_i minus its derivative; H is the sum over everyone.
        """
        alone = BinaryCohorts(
            *(np.swapaxes(getattr(self._cohort, name), 0, 1)[people] for name in BinaryCohorts.__slots__)
        )
        place = alone.evaluate(np.repeat(self._state.values, len(people), axis=0))
        # the pseudo-inverse: a parameter that the data do not determine stays where it is
        inverse = np.linalg.pinv(self._state.bend - place.bend, hermitian=True)
        return self._state.values - np.einsum("bij,bj->bi", inverse, place.pull)


def _repeated(cohort: BinaryCohorts, count: int) -> BinaryCohorts:
    return BinaryCohorts(*(np.repeat(getattr(cohort, name), count, axis=0) for name in BinaryCohorts.__slots__))


def _all_but(people: IntArray, count: int) -> FloatArray:
    present = np.ones((len(people), count))
    present[np.arange(len(people)), people] = 0.0
    return present
