"""Likelihood of a normal outcome and noisy markers whose errors are known, for many cohorts at once.

W = X + U with U ~ N(0, S) known, X | Z ~ N(A'Z, T), y = g'Z + beta'X + e with e ~ N(0, sigma^2). Hence (W, y) | Z is
normal with covariance Omega + S, Omega = [[T, T beta], [beta'T, beta'T beta + sigma^2]] = CC' with C lower triangular.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from neurochem.units import BoolArray, FloatArray

_STEPS = 200
# The search ends where less of the log-likelihood than this is left to gain; a fall by the second is rounding.
_ENOUGH, _LEVEL = 1e-11, 1e-9
_FIRST_DAMPING, _MOST_DAMPING = 1e-3, 1e12
# Step of numerical derivatives in standardised units: their error is near 1e-10.
_NUDGE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Cohorts:
    """Rows of B cohorts of n people with q noisy markers and p error-free terms.

    Attributes
    ----------
    joint : array, shape (B, n, q + 1)
        Noisy markers, the one asked about last among them, then the outcome.
    noise : array, shape (B, n, q + 1, q + 1)
        Known covariance of the errors, in the squared units of `joint`.
    terms : array, shape (B, n, p)
        Error-free columns, the intercept among them.
    present : array, shape (B, n)
        1 where a person takes part, 0 where not.
    """

    joint: FloatArray
    noise: FloatArray
    terms: FloatArray
    present: FloatArray

    @property
    def people(self) -> FloatArray:
        """Number of people in each cohort, shape (B,)."""
        return self.present.sum(axis=1)

    @property
    def dof(self) -> FloatArray:
        """Degrees of freedom of the outcome's residual: people less every coefficient, shape (B,)."""
        return self.people - self.terms.shape[2] - self.joint.shape[2] + 1

    def chosen(self, rows: BoolArray | FloatArray) -> "Cohorts":
        """Return some of the cohorts."""
        return Cohorts(self.joint[rows], self.noise[rows], self.terms[rows], self.present[rows])


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Likelihood and its derivatives at one C for each cohort.

    Attributes
    ----------
    factor : array, shape (B, m, m)
        C, with m = q + 1.
    height : array, shape (B,)
        Log-likelihood, maximised over the means (restricted: integrated over them).
    pull : array, shape (B, m, m)
        Twice its derivative with respect to Omega.
    curve : array, shape (B, m * m, m * m)
        Minus the second derivative with respect to Omega (restricted: but for a term of relative size p / n).
    means : array, shape (B, m, p)
        Coefficients of the means on the terms.
    means_information : array, shape (B, m * p, m * p)
        Their information, the covariance being known.
    """

    factor: FloatArray
    height: FloatArray
    pull: FloatArray
    curve: FloatArray
    means: FloatArray
    means_information: FloatArray

    def merged(self, other: "State", rows: BoolArray) -> "State":
        """Return the state with some cohorts taken from another one."""
        parts = {}
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            parts[name] = np.where(rows.reshape(-1, *[1] * (mine.ndim - 1)), theirs, mine)
        return State(**parts)

    def chosen(self, rows: BoolArray | FloatArray) -> "State":
        """Return some of the cohorts."""
        return State(**{name: getattr(self, name)[rows] for name in self.__slots__})


def inverses(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return inverses and log-determinants of positive definite matrices, shape (..., m, m)."""
    if matrices.shape[-1] != 2:
        return np.asarray(np.linalg.inv(matrices), dtype=float), np.asarray(np.linalg.slogdet(matrices)[1], dtype=float)
    a, b, c = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]
    determinant = a * c - b * b
    inverse = np.empty_like(matrices)
    inverse[..., 0, 0], inverse[..., 1, 1] = c / determinant, a / determinant
    inverse[..., 0, 1] = inverse[..., 1, 0] = -b / determinant
    return inverse, np.log(determinant)


def evaluate(cohorts: Cohorts, factor: FloatArray, *, restricted: bool = False) -> State:
    """Return likelihood, derivatives and means at C for every cohort; `restricted` is REML."""
    joint, terms, present = cohorts.joint, cohorts.terms, cohorts.present
    count, _, size = joint.shape
    columns = terms.shape[2]
    omega = factor @ factor.swapaxes(1, 2)
    inverse, log_determinant = inverses(omega[:, None] + cohorts.noise)
    inverse = inverse * present[:, :, None, None]
    blocks = np.empty((count, size, columns, size, columns))
    turned = terms.swapaxes(1, 2)
    for i in range(size):
        for j in range(i + 1):
            block = turned @ (inverse[:, :, i, j, None] * terms)
            blocks[:, i, :, j, :] = blocks[:, j, :, i, :] = block
    information = blocks.reshape(count, size * columns, size * columns)
    right = (turned @ np.einsum("bnij,bnj->bni", inverse, joint)).swapaxes(1, 2).reshape(count, -1, 1)
    means = np.linalg.solve(information, right).reshape(count, size, columns)
    residual = joint - terms @ means.swapaxes(1, 2)
    pulled = np.einsum("bnij,bnj->bni", inverse, residual)
    height = -0.5 * (np.sum(present * log_determinant, axis=1) + np.sum(residual * pulled, axis=(1, 2)))
    height -= 0.5 * size * cohorts.people * math.log(2.0 * math.pi)
    outer = pulled[..., :, None] * pulled[..., None, :]
    if restricted:
        height -= 0.5 * np.linalg.slogdet(information)[1]
        outer += _spread_of_means(terms, inverse, information)
    pull = np.sum(outer - inverse, axis=1)
    curve = _curvature(inverse, outer)
    curve -= _lost_to_means(terms, inverse, pulled, information)
    return State(factor, height, pull, curve, means, information)


def _curvature(inverse: FloatArray, outer: FloatArray) -> FloatArray:
    """Return minus the second derivative with respect to Omega, the means held, shape (B, m * m, m * m)."""
    count, _, size, _ = inverse.shape
    left = (outer - 0.5 * inverse).reshape(count, -1, size**2)
    sums = left.swapaxes(1, 2) @ inverse.reshape(count, -1, size**2)
    turned = sums.reshape(count, size, size, size, size).transpose(0, 2, 3, 1, 4)
    return turned.reshape(count, size**2, size**2)


def _lost_to_means(terms: FloatArray, inverse: FloatArray, pulled: FloatArray, information: FloatArray) -> FloatArray:
    """Return what following the means takes from the curvature, shape (B, m * m, m * m)."""
    count, people, size, _ = inverse.shape
    products = (inverse[..., None] * pulled[:, :, None, None, :]).reshape(count, people, size**3)
    sums = (terms.swapaxes(1, 2) @ products).reshape(count, -1, size, size**2)
    cross = sums.swapaxes(1, 2).reshape(count, -1, size**2)
    return cross.swapaxes(1, 2) @ np.linalg.solve(information, cross)


def _spread_of_means(terms: FloatArray, inverse: FloatArray, information: FloatArray) -> FloatArray:
    """Return V^-1 Var(fitted mean) V^-1 of every person, which integrating over the means adds."""
    count, _, size, _ = inverse.shape
    columns = terms.shape[2]
    covariance = np.linalg.inv(information).reshape(count, size, columns, size, columns)
    spread = np.einsum("bnk,bikjl,bnl->bnij", terms, covariance, terms, optimize=True)
    return inverse @ spread @ inverse


@dataclass(frozen=True, slots=True, eq=False)
class Constraint:
    """What is held fixed: nothing, the slope of the last marker, or the last marker without spread of its own.

    Attributes
    ----------
    slope : array, shape (B,), or None
        Value that the slope is held at.
    no_spread : bool
        Whether the last marker's true values are held to what the others explain: the slope is then not identified.
    """

    slope: FloatArray | None = None
    no_spread: bool = False

    def apply(self, factor: FloatArray) -> FloatArray:
        """Return C with the constraint put in."""
        changed = factor.copy()
        if self.no_spread:
            changed[:, -2:, -2] = 0.0
        elif self.slope is not None:
            changed[:, -1, -2] = self.slope * changed[:, -2, -2]
        return changed

    def directions(self, factor: FloatArray) -> FloatArray:
        """Return dC for every free entry, shape (B, k, m, m)."""
        count, size, _ = factor.shape
        held = {(size - 2, size - 2), (size - 1, size - 2)} if self.no_spread else set()
        if self.slope is not None:
            held = {(size - 1, size - 2)}
        free = [(i, j) for i in range(size) for j in range(i + 1) if (i, j) not in held]
        steps = np.zeros((count, len(free), size, size))
        for index, (i, j) in enumerate(free):
            steps[:, index, i, j] = 1.0
            if self.slope is not None and (i, j) == (size - 2, size - 2):
                steps[:, index, size - 1, size - 2] = self.slope
        return steps

    def chosen(self, rows: BoolArray) -> "Constraint":
        """Return the constraint of some of the cohorts."""
        return self if self.slope is None else replace(self, slope=self.slope[rows])


FREE = Constraint()


def start(cohorts: Cohorts) -> FloatArray:
    """Return C from moments: residual covariance less the mean error covariance, made positive definite."""
    weight = cohorts.present[:, :, None]
    terms = cohorts.terms * weight
    fitted = terms @ np.linalg.solve(terms.swapaxes(1, 2) @ terms, terms.swapaxes(1, 2) @ cohorts.joint)
    residual = (cohorts.joint - fitted) * weight
    people = cohorts.people[:, None, None]
    total = residual.swapaxes(1, 2) @ residual / people
    noise = np.sum(cohorts.noise * weight[..., None], axis=1) / people
    scale = np.sqrt(np.einsum("bii->bi", total))
    size = scale[:, :, None] * scale[:, None, :]
    values, vectors = np.linalg.eigh((total - noise) / size)
    # a tenth of the variance at least, so that the search starts inside
    repaired = (vectors * np.maximum(values, 0.1)[:, None, :]) @ vectors.swapaxes(1, 2)
    return np.linalg.cholesky(repaired * size)


def maximise(cohorts: Cohorts, factor: FloatArray, *, constraint: Constraint = FREE, restricted: bool = False) -> State:
    """Climb to the maximum of the likelihood from C, each cohort on its own, by damped scoring."""
    state = evaluate(cohorts, constraint.apply(factor), restricted=restricted)
    count = len(factor)
    damping = np.full(count, _FIRST_DAMPING)
    open_ = np.ones(count, dtype=bool)
    for _ in range(_STEPS):
        index = np.flatnonzero(open_)
        if not index.size:
            break
        part, now, held = cohorts.chosen(open_), state.chosen(open_), constraint.chosen(open_)
        step, gain = _step(now, held, part.people, damping[open_])
        done = gain < _ENOUGH
        trial = evaluate(part, held.apply(now.factor + step), restricted=restricted)
        # the last step is too short to be judged by the likelihood, and takes the error from 1e-6 to rounding
        better = (trial.height > now.height) | (done & (trial.height > now.height - _LEVEL))
        merged = now.merged(trial, better)
        for name in State.__slots__:
            getattr(state, name)[index] = getattr(merged, name)
        damping[index] = np.where(better, 0.2 * damping[index], 5.0 * damping[index])
        open_[index[done | (damping[index] > _MOST_DAMPING)]] = False
    return state


def gradient(state: State, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return gradient, shape (B, k), and minus the second derivatives, shape (B, k, k), along directions of C."""
    count, number, size, _ = directions.shape
    turned = directions @ state.factor[:, None].swapaxes(2, 3)
    changes = (turned + turned.swapaxes(2, 3)).reshape(count, number, size**2)
    slope = 0.5 * np.einsum("bki,bi->bk", changes, state.pull.reshape(count, -1))
    moved = (state.pull[:, None] @ directions).reshape(count, number, -1)
    bent = moved @ directions.reshape(count, number, -1).swapaxes(1, 2)
    return slope, changes @ state.curve @ changes.swapaxes(1, 2) - bent


def _step(state: State, held: Constraint, people: FloatArray, damping: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the next step of C and what is left to gain."""
    directions = held.directions(state.factor)
    slope, bend = gradient(state, directions)
    values, vectors = np.linalg.eigh(bend)
    # up along every axis: where the likelihood bends upwards its curvature is taken by size
    steepness = np.abs(values) + 1e-6 * people[:, None]
    along = np.einsum("bkj,bk->bj", vectors, slope)
    gain = np.sum(along**2 / steepness, axis=1)
    move = np.einsum("bkj,bj->bk", vectors, along / (steepness + (damping * people)[:, None]))
    return np.einsum("bk,bkij->bij", move, directions), gain


def covariance_of(
    cohort: Cohorts,
    state: State,
    readable: Callable[[FloatArray, FloatArray], FloatArray],
    *,
    restricted: bool = False,
) -> FloatArray:
    """Return the covariance of quantities that depend on the means and on C, from the observed information.

    Parameters
    ----------
    cohort : Cohorts
        One cohort.
    state : State
        Its maximum.
    readable : callable
        Quantities, shape (B, r), of means (B, m, p) and C (B or 1, m, m).
    restricted : bool
        Whether it is the restricted likelihood's maximum.
    """
    means, factor = state.means[0], state.factor[0]
    directions = FREE.directions(state.factor)[0]
    half = len(directions)
    moved = np.concatenate([factor + _NUDGE * directions, factor - _NUDGE * directions])
    around = evaluate(repeated(cohort, len(moved)), moved, restricted=restricted)
    slopes = gradient(around, FREE.directions(moved))[0]
    bend = -(slopes[:half] - slopes[half:]) / (2.0 * _NUDGE)
    values, vectors = np.linalg.eigh(0.5 * (bend + bend.T))
    spread = (vectors / np.maximum(values, 1e-12)) @ vectors.T
    # the means follow the covariance, and carry its uncertainty with them
    ends = readable(around.means, moved)
    by_factor = (ends[:half] - ends[half:]) / (2.0 * _NUDGE)
    steps = _NUDGE * np.eye(means.size).reshape(means.size, *means.shape)
    by_means = (readable(means + steps, factor[None]) - readable(means - steps, factor[None])) / (2.0 * _NUDGE)
    return by_factor.T @ spread @ by_factor + by_means.T @ np.linalg.inv(state.means_information[0]) @ by_means


def repeated(cohort: Cohorts, count: int) -> Cohorts:
    """Return one cohort `count` times."""
    return Cohorts(*(np.repeat(getattr(cohort, name), count, axis=0) for name in Cohorts.__slots__))
