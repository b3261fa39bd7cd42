"""A linear mixed model with one random intercept a person, by restricted maximum likelihood."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from neurochem.units import FloatArray

# Ratios of the two variances that are searched; beyond them one of the two is as good as zero.
_LOWEST, _HIGHEST = 1e-8, 1e8


@dataclass(frozen=True, slots=True, eq=False)
class RandomIntercept:
    """Fit of y = X b + u_person + e.

    Attributes
    ----------
    coefficients, stderr : array, shape (p,)
        Fixed effects and their standard errors.
    residual_variance, person_variance : float
        Variance of e (within a person) and of u (between people).
    """

    coefficients: FloatArray
    stderr: FloatArray
    residual_variance: float
    person_variance: float

    @property
    def ratio(self) -> float:
        """Variance between people over that within."""
        return self.person_variance / self.residual_variance

    def intercepts(self, residual: FloatArray, people: np.ndarray) -> FloatArray:
        """Return the predicted u of each row from y - X b of that person's rows, shrunken by how few they are."""
        names, codes = np.unique(people, return_inverse=True)
        count = np.bincount(codes, minlength=names.size)
        total = np.bincount(codes, weights=residual, minlength=names.size)
        predicted: FloatArray = (self.ratio * total / (1.0 + count * self.ratio))[codes]
        return predicted


def fit_random_intercept(y: FloatArray, design: FloatArray, people: np.ndarray) -> RandomIntercept:
    """Fit a random intercept by restricted maximum likelihood.

    Parameters
    ----------
    y : array, shape (n,)
        Values.
    design : array, shape (n, p)
        Fixed effects, of full rank, n > p.
    people : array, shape (n,)
        Who each row belongs to; some must have several rows.

    Returns
    -------
    RandomIntercept
        `person_variance` is zero where people differ no more than their rows.

    Notes
    -----
    With r = var(u) / var(e) the inverse of a person's covariance is I - r / (1 + n r) 11', so that each step costs one
    pass over the rows. The root of the derivative of the restricted likelihood in log r is found by bisection.
    """
    codes = np.unique(people, return_inverse=True)[1]
    parts = _Parts(y, design, codes, np.bincount(codes).astype(float))
    ratio = 0.0
    if parts.slope(_LOWEST) < 0.0:
        steep = _HIGHEST if parts.slope(_HIGHEST) < 0.0 else 0.0
        ends = (math.log(_LOWEST), math.log(_HIGHEST))
        ratio = steep or math.exp(optimize.brentq(lambda r: parts.slope(math.exp(r)), *ends, xtol=1e-13, rtol=1e-14))
    inverse, found, residual = parts.solve(ratio)
    variance = float(residual @ parts.whiten(residual, ratio)) / (y.size - design.shape[1])
    return RandomIntercept(found, np.sqrt(variance * np.diag(inverse)), variance, ratio * variance)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    y: FloatArray
    design: FloatArray
    codes: np.ndarray
    count: FloatArray

    def sums(self, columns: FloatArray) -> FloatArray:
        """Return the sum over the rows of each person."""
        total = np.zeros((self.count.size, *columns.shape[1:]))
        np.add.at(total, self.codes, columns)
        return total

    def whiten(self, columns: FloatArray, ratio: float) -> FloatArray:
        """Return V^-1 times the columns, V in units of the residual variance."""
        factor = ratio / (1.0 + self.count * ratio)
        total = self.sums(columns)
        taken: FloatArray = columns - (factor.reshape(-1, *[1] * (columns.ndim - 1)) * total)[self.codes]
        return taken

    def solve(self, ratio: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        white = self.whiten(self.design, ratio)
        inverse: FloatArray = np.asarray(np.linalg.inv(self.design.T @ white), dtype=np.float64)
        found: FloatArray = inverse @ (white.T @ self.y)
        return inverse, found, self.y - self.design @ found

    def slope(self, ratio: float) -> float:
        """Return the derivative of -2 log restricted likelihood in r, up to a positive factor."""
        inverse, _, residual = self.solve(ratio)
        white = self.whiten(residual, ratio)
        sums = self.sums(self.whiten(self.design, ratio))
        trace = float((self.count / (1.0 + self.count * ratio)).sum() - np.trace(inverse @ (sums.T @ sums)))
        pull = float((self.sums(white) ** 2).sum())
        return trace - (self.y.size - self.design.shape[1]) * pull / float(residual @ white)
