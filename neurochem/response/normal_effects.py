"""Estimates as draws from one normal distribution with known errors: its mean and its spread by restricted likelihood."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from neurochem.units import FloatArray

_GRID = 100


@dataclass(frozen=True, slots=True, eq=False)
class NormalEffects:
    """True values drawn from one normal distribution, seen with known errors.

    Attributes
    ----------
    estimates : array, shape (k,)
        What was seen.
    values : array, shape (k,)
        Variances of the errors, in their own axes where they are correlated.
    ones, turned : array, shape (k,)
        A column of ones and the estimates in those axes, in which adding tau2 to the covariance costs nothing.
    vectors : array, shape (k, k), optional
        Axes of the errors; None where they are independent.
    """

    estimates: FloatArray
    values: FloatArray
    ones: FloatArray
    turned: FloatArray
    vectors: FloatArray | None = None

    @classmethod
    def independent(cls, estimates: FloatArray, variances: FloatArray) -> "NormalEffects":
        """Return the model of estimates whose errors are independent."""
        return cls(estimates, variances, np.ones(estimates.size), estimates)

    @classmethod
    def correlated(cls, estimates: FloatArray, covariance: FloatArray) -> "NormalEffects":
        """Return the model of estimates whose errors have that covariance, shape (k, k)."""
        values, vectors = np.linalg.eigh(covariance)
        # a correlation matrix from data may miss being positive by rounding, and equal regions make it singular
        values = np.maximum(values, 1e-10 * values.max())
        return cls(estimates, values, vectors.T @ np.ones(estimates.size), vectors.T @ estimates, vectors)

    def inverse(self, tau2: float) -> FloatArray:
        """Return the inverse of the covariance of the estimates for that tau2, shape (k, k)."""
        vectors = np.eye(self.values.size) if self.vectors is None else self.vectors
        return np.asarray((vectors / (self.values + tau2)) @ vectors.T)

    def mean(self, tau2: float) -> tuple[float, float]:
        """Return the weighted mean and its variance for that tau2."""
        weighted = self.ones / (self.values + tau2)
        total = float(weighted @ self.ones)
        return float(weighted @ self.turned) / total, 1.0 / total

    def log_likelihood(self, tau2: float) -> float:
        """Return the restricted log-likelihood, without its constant."""
        centre, variance = self.mean(tau2)
        rest = self.turned - centre * self.ones
        fit = float(np.sum(rest**2 / (self.values + tau2)))
        return -0.5 * (float(np.log(self.values + tau2).sum()) - math.log(variance) + fit)

    def score(self, tau2: float) -> float:
        """Return twice the derivative of the restricted log-likelihood."""
        weight = 1.0 / (self.values + tau2)
        centre, variance = self.mean(tau2)
        pull = weight * (self.turned - centre * self.ones)
        return float(pull @ pull - weight.sum() + variance * np.sum((weight * self.ones) ** 2))

    def restricted_tau2(self) -> float:
        """Return the variance of the true values at which the restricted likelihood is highest.

        The likelihood may have several stationary places: a grid finds the region of the highest.
        """
        far = 10.0 * float(np.var(self.estimates, ddof=1)) + float(self.values.max())
        grid = np.append(0.0, np.geomspace(1e-8, 1.0, _GRID) * far)
        heights = np.array([self.log_likelihood(tau2) for tau2 in grid])
        best = int(np.argmax(heights))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, grid.size - 1)])
        if self.score(low) * self.score(high) > 0.0:
            return float(grid[best])
        root = float(optimize.brentq(self.score, low, high, xtol=1e-14 * far, rtol=1e-13))
        return root if self.log_likelihood(root) >= heights[best] else float(grid[best])
