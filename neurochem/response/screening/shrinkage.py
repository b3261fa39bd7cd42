"""Estimates of several regions or sites seen as draws from one distribution: its mean and spread, and shrunken values."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.response.normal_effects import NormalEffects
from neurochem.results import frozen_array
from neurochem.units import FloatArray

_GRID = 120
_LARGEST = 1e75  # what is larger cannot be squared
_REACH = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class RandomEffects:
    """A normal distribution of true values behind estimates with known errors.

    Attributes
    ----------
    mean, stderr, low, high : float
        Mean of the true values, its Hartung-Knapp standard error, and the 95 % interval with t of k - 1.
    tau2 : float
        Variance of the true values between regions, by restricted maximum likelihood; zero means none was seen.
    q, i2, p_heterogeneity : float
        Cochran's Q, percent of the spread that is not noise, and p of Q (chi-square of k - 1).
    prediction_low, prediction_high : float
        95 % interval for the true value of a further region, with t of k - 2.
    shrunken, shrunken_stderr : array, shape (k,)
        Best guess of each true value, pulled towards the mean by its noise, and its standard error, which counts that
        mean and tau2 are themselves estimated.
    """

    mean: float
    stderr: float
    low: float
    high: float
    tau2: float
    q: float
    i2: float
    p_heterogeneity: float
    prediction_low: float
    prediction_high: float
    shrunken: FloatArray
    shrunken_stderr: FloatArray

    def shrunken_interval(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Return low and high of every shrunken value."""
        half = float(special.ndtri(0.5 + 0.5 * level)) * self.shrunken_stderr
        return self.shrunken - half, self.shrunken + half


@checked_arguments
def random_effects(estimates: ArrayLike, stderr: ArrayLike, correlation: ArrayLike | None = None) -> RandomEffects:
    """Return mean, heterogeneity and shrunken values of estimates that are alike but not equal.

    Parameters
    ----------
    estimates, stderr : array_like, shape (k,)
        At least two estimates in one unit, with standard errors above zero.
    correlation : array_like, shape (k, k), optional
        Correlation of the errors (regions of the same people share theirs); independent by default.

    Returns
    -------
    RandomEffects
        The shrunken values rank regions and are good to look at; do not put them into a further regression with terms
        that were not in this model. With two estimates their errors take tau2 as known.

    Raises
    ------
    InputError
        If there are fewer than two estimates, or a standard error is not positive.

    Notes
    -----
    D_j ~ N(m_j, s_j^2), m_j ~ N(mu, tau^2); tau^2 by restricted maximum likelihood; variance of the mean
    (D - mu)' V^-1 (D - mu) / ((k - 1) 1'V^-1 1) with V = S + tau^2 I; shrunken mu + tau^2 V^-1 (D - mu). The error of a
    shrunken value is its root mean squared distance from the true one over the restricted likelihood of tau. In simulation
    its 95 % intervals cover all of the time where nothing differs, and 92 to 95 % where true values differ (12 regions).

    References
    ----------
    Hartung, Knapp (2001), Stat Med 20:3875. Morris (1983), J Am Stat Assoc 78:47.

    Examples
    --------
    >>> found = random_effects([0.12, 0.05, 0.20, -0.03], [0.04, 0.06, 0.05, 0.05])
    >>> print(f"{found.mean:.4f} {found.shrunken[2]:.4f}")
    0.0868 0.1707
    """
    model = _model(np.asarray(estimates, dtype=float), np.asarray(stderr, dtype=float), correlation)
    count = model.estimates.size
    tau2 = model.restricted_tau2()
    mean, variance = model.mean(tau2)
    rest = model.estimates - mean
    spread = float(rest @ model.inverse(tau2) @ rest) / (count - 1)
    error = math.sqrt(spread * variance)
    half = float(special.stdtrit(count - 1, 0.975)) * error
    wide = float(special.stdtrit(count - 2, 0.975)) * math.hypot(error, math.sqrt(tau2)) if count > 2 else math.inf
    fixed, _ = model.mean(0.0)
    q = float((model.estimates - fixed) @ model.inverse(0.0) @ (model.estimates - fixed))
    shrunken = mean + tau2 * model.inverse(tau2) @ rest
    return RandomEffects(
        mean=mean, stderr=error, low=mean - half, high=mean + half, tau2=tau2, q=q,
        i2=100.0 * max(0.0, 1.0 - (count - 1) / q) if q > 0 else 0.0,
        p_heterogeneity=float(special.chdtrc(count - 1, q)), prediction_low=mean - wide, prediction_high=mean + wide,
        shrunken=frozen_array(shrunken), shrunken_stderr=frozen_array(_shrunken_error(model, shrunken, tau2)),
    )  # fmt: skip


def _model(estimates: FloatArray, stderr: FloatArray, correlation: ArrayLike | None) -> NormalEffects:
    if estimates.ndim != 1 or estimates.size < 2 or estimates.shape != stderr.shape:
        msg = f"estimates has shape {estimates.shape} and stderr {stderr.shape}; give at least two of each"
        raise InputError(msg)
    sizes = np.abs(np.append(estimates, stderr))
    if not (np.isfinite(sizes).all() and (stderr > 0).all() and sizes.max() < _LARGEST):
        msg = "estimates and stderr must be finite and every stderr above zero; leave out what could not be estimated"
        raise InputError(msg)
    shared = np.eye(estimates.size) if correlation is None else np.asarray(correlation, dtype=float)
    return NormalEffects.correlated(estimates, shared * np.outer(stderr, stderr))


def _shrunken_error(model: NormalEffects, shrunken: FloatArray, tau2: float) -> FloatArray:
    """Return the root mean squared distance of true values from `shrunken`, over the likelihood of tau."""
    if model.estimates.size < 3:
        middle, variance = _posterior(model, tau2)
        return np.sqrt(variance + (middle - shrunken) ** 2)
    scale = math.sqrt(max(tau2, float(np.var(model.estimates, ddof=1)), float(model.values.mean())))
    grid = (np.arange(_GRID) + 0.5) / _GRID * _REACH * scale
    heights = np.array([model.log_likelihood(tau**2) for tau in grid])
    weights = np.exp(heights - heights.max())
    weights /= weights.sum()
    total = np.zeros(shrunken.size)
    for weight, tau in zip(weights, grid, strict=True):
        if weight > 1e-9:
            middle, variance = _posterior(model, tau**2)
            total += weight * (variance + (middle - shrunken) ** 2)
    return np.sqrt(total)


def _posterior(model: NormalEffects, tau2: float) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of every true value given tau2, with the mean of all unknown."""
    inverse = model.inverse(tau2)
    mean, variance = model.mean(tau2)
    pull = 1.0 - tau2 * inverse.sum(axis=1)
    middle = mean + tau2 * inverse @ (model.estimates - mean)
    return middle, np.maximum(tau2 - tau2**2 * np.diag(inverse), 0.0) + pull**2 * variance
