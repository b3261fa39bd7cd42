"""Climb many likelihoods at once: damped Newton steps, each cohort on its own."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from neurochem.units import BoolArray, FloatArray

IntArray = NDArray[np.intp]
STEPS = 200
# Rounding of a log-likelihood is below the first; the second leaves an estimate 1e-5 of its standard error from the top.
_LEVEL = 1e-9
ENOUGH = 1e-11
_FIRST_DAMPING, _MOST_DAMPING = 1e-3, 1e12
# A slope of this size, per SD of the marker, has no maximum to go to.
STEEPEST = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where each cohort stands.

    Attributes
    ----------
    values : array, shape (B, k)
        Parameters.
    height : array, shape (B,)
        Log-likelihood.
    pull : array, shape (B, k)
        Its gradient.
    bend : array, shape (B, k, k)
        Minus its second derivatives.
    """

    values: FloatArray
    height: FloatArray
    pull: FloatArray
    bend: FloatArray

    def chosen(self, rows: BoolArray | FloatArray | IntArray) -> "Place":
        """Return some of the cohorts."""
        return Place(*(getattr(self, name)[rows] for name in self.__slots__))

    def merged(self, other: "Place", rows: BoolArray) -> "Place":
        """Return the places with some cohorts taken from the other."""
        parts = []
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            parts.append(np.where(rows.reshape(-1, *[1] * (mine.ndim - 1)), theirs, mine))
        return Place(*parts)

    @property
    def covariance(self) -> FloatArray:
        """Inverse of the observed information, shape (B, k, k); where it is flat, large instead of endless."""
        values, vectors = np.linalg.eigh(self.bend)
        return (vectors / np.maximum(values, 1e-12)[:, None, :]) @ vectors.swapaxes(1, 2)


class Likelihoods(Protocol):
    """B cohorts with a likelihood each."""

    @property
    def people(self) -> FloatArray:
        """Number of people in each cohort, shape (B,)."""

    def chosen(self, rows: BoolArray | FloatArray | IntArray) -> Self:
        """Return some of the cohorts."""

    def evaluate(self, values: FloatArray) -> Place:
        """Return likelihood and derivatives at the parameters of every cohort."""


def climb(
    cohorts: Likelihoods,
    values: FloatArray,
    *,
    held: IntArray | None = None,
    steep: tuple[int, ...] = (),
    enough: float = ENOUGH,
    steepest: float = STEEPEST,
    steps: int = STEPS,
) -> Place:
    """Climb to the maximum of each likelihood.

    Parameters
    ----------
    cohorts : Likelihoods
        B cohorts.
    values : array, shape (B, k)
        Where to start.
    held : array of int, shape (B,), optional
        Parameter of each cohort that stays where it starts; -1 for none.
    steep : tuple of int
        Parameters that are slopes: a search in which one of them grows beyond `steepest` ends there.
    enough : float
        The search ends where less of the log-likelihood than this is left to gain.
    steepest : float
        Size of a slope that is as good as endless.
    steps : int
        Most steps.
    """
    held = np.full(len(values), -1) if held is None else held
    place = cohorts.evaluate(values)
    damping = np.full(len(values), _FIRST_DAMPING)
    searching = np.ones(len(values), dtype=bool)
    for _ in range(steps):
        index = np.flatnonzero(searching)
        if not index.size:
            break
        part, now = cohorts.chosen(index), place.chosen(index)
        move, gain = _step(now, part.people, damping[index], held[index])
        done = gain < enough
        for slope in steep:
            done |= np.abs(now.values[:, slope]) > steepest
        trial = part.evaluate(now.values + move)
        # the last step is too short to be judged by the likelihood, and takes the error from 1e-6 to rounding
        better = (trial.height > now.height) | (done & (trial.height > now.height - _LEVEL))
        merged = now.merged(trial, better)
        for name in Place.__slots__:
            getattr(place, name)[index] = getattr(merged, name)
        damping[index] = np.where(better, 0.2 * damping[index], 5.0 * damping[index])
        searching[index[done | (damping[index] > _MOST_DAMPING)]] = False
    return place


def _step(place: Place, people: FloatArray, damping: FloatArray, held: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the next step and what is left to gain."""
    fixed = np.arange(place.values.shape[1]) == held[:, None]
    pull = np.where(fixed, 0.0, place.pull)
    bend = np.where(fixed[:, :, None] | fixed[:, None, :], 0.0, place.bend)
    bend += np.eye(fixed.shape[1]) * fixed[:, None, :]
    values, vectors = np.linalg.eigh(bend)
    # up along every axis: where the likelihood bends upwards its curvature is taken by size
    steepness = np.abs(values) + 1e-8 * people[:, None]
    along = np.einsum("bkj,bk->bj", vectors, pull)
    gain = np.sum(along**2 / steepness, axis=1)
    return np.einsum("bkj,bj->bk", vectors, along / (steepness + (damping * people)[:, None])), gain
