"""Time courses of transmitter release: how washout rises above its baseline, and their exact moments."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import checked_fields
from neurochem.errors import InputError
from neurochem.units import FloatArray

# Panels shrink towards the onset by this factor, this often: h starts there like a power of time.
_SHRINK, _SHRINKS = 0.25, 22
_STEPS = 24


class ReleaseCourse(ABC):
    """A dimensionless time course h(t), zero before its start and at most 1. Times are minutes after injection."""

    start: float

    @abstractmethod
    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return h at some times."""

    @abstractmethod
    def moments(self, time_min: ArrayLike, highest: int) -> FloatArray:
        """Return the integrals of (s - start)^k h(s) from the start to each time, k = 0 ... highest in rows."""

    @abstractmethod
    def breaks(self) -> FloatArray:
        """Return times between which h is smooth enough for one quadrature panel."""

    def integral(self, time_min: ArrayLike) -> FloatArray:
        """Return the integral of h from its start to each time, in minutes."""
        return np.asarray(self.moments(time_min, 0)[0])


@checked_fields
@dataclass(frozen=True, slots=True)
class GammaRelease(ReleaseCourse):
    """Gamma-variate response that starts at tD and is 1 at its peak tP.

    h = x^alpha exp(alpha (1 - x)) with x = (t - tD)/(tP - tD) for t > tD. Its moments are incomplete gamma functions:
    int_tD^t (s - tD)^k h ds = w^(k+1) e^a a^-(a+k+1) Gamma(a+k+1) P(a+k+1, a (t - tD)/w), w = tP - tD, a = alpha.

    Parameters
    ----------
    start, peak : float
        tD and tP in minutes, tP after tD.
    alpha : float
        Sharpness, above 0; small values decay slowly.

    Raises
    ------
    InputError
        If tP is not after tD, or alpha is not above 0.

    References
    ----------
    Normandin MD, Schiffer WK, Morris ED (2012), NeuroImage 59:2689-2699.
    """

    start: float
    peak: float
    alpha: float

    def __post_init__(self) -> None:
        """Check the order of times and the sharpness."""
        if not (np.isfinite([self.start, self.peak, self.alpha]).all() and self.peak > self.start and self.alpha > 0):
            msg = (
                f"tD = {self.start:g} min, tP = {self.peak:g} min, alpha = {self.alpha:g}; the release must peak after it "
                "starts (tP > tD) and alpha must be above 0"
            )
            raise InputError(msg)

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return h at some times."""
        x = np.maximum((np.asarray(time_min, dtype=float) - self.start) / (self.peak - self.start), 0.0)
        return np.asarray(x**self.alpha * np.exp(self.alpha * (1.0 - x)))

    def moments(self, time_min: ArrayLike, highest: int) -> FloatArray:
        """Return the integrals of (s - tD)^k h(s) from tD to each time."""
        width, a = self.peak - self.start, self.alpha
        x = np.maximum(np.asarray(time_min, dtype=float) - self.start, 0.0) / width
        order = a + 1.0 + np.arange(highest + 1.0).reshape(-1, *([1] * x.ndim))
        whole = np.exp(a - order * np.log(a) + special.gammaln(order)) * width ** (order - a)
        return np.asarray(whole * special.gammainc(order, a * x))

    def breaks(self) -> FloatArray:
        """Return times graded towards tD, then half the time scale apart."""
        width = self.peak - self.start
        graded = _SHRINK ** np.arange(_SHRINKS, -1, -1.0) / 2.0
        later = np.arange(1, _STEPS + 1) / 2.0
        scale = width * np.array([1.0, max(1.0, 1.0 / self.alpha), 1.0 / max(1.0, self.alpha)])
        return np.unique(self.start + np.outer(scale, np.concatenate([[0.0], graded, later])))


@checked_fields
@dataclass(frozen=True, slots=True)
class ExponentialRelease(ReleaseCourse):
    """Release that is 1 at T and fades: h = exp(-tau (t - T)) for t >= T.

    Parameters
    ----------
    start : float
        T in minutes.
    rate : float
        tau in 1/min, above 0; as tau goes to 0 the course becomes a step.

    Raises
    ------
    InputError
        If tau is not above 0.

    References
    ----------
    Alpert NM et al (2003), NeuroImage 19:1049-1060.
    """

    start: float
    rate: float

    def __post_init__(self) -> None:
        """Check the rate."""
        if not (np.isfinite([self.start, self.rate]).all() and self.rate > 0):
            msg = (
                f"T = {self.start:g} min, tau = {self.rate:g} 1/min; tau must be above 0 (ESRTM takes a lasting change)"
            )
            raise InputError(msg)

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return h at some times."""
        after = np.asarray(time_min, dtype=float) - self.start
        return np.where(after >= 0, np.exp(-self.rate * np.maximum(after, 0.0)), 0.0)

    def moments(self, time_min: ArrayLike, highest: int) -> FloatArray:
        """Return the integrals of (s - T)^k h(s) from T to each time."""
        after = np.maximum(np.asarray(time_min, dtype=float) - self.start, 0.0)
        order = 1.0 + np.arange(highest + 1.0).reshape(-1, *([1] * after.ndim))
        return np.asarray(special.gamma(order) * special.gammainc(order, self.rate * after) / self.rate**order)

    def breaks(self) -> FloatArray:
        """Return T and times half the time scale apart."""
        return np.asarray(self.start + np.arange(2 * _STEPS + 1) / (2.0 * self.rate))


@checked_fields
@dataclass(frozen=True, slots=True)
class StepRelease(ReleaseCourse):
    """A lasting change from T on: h = 1 for t >= T (T in minutes)."""

    start: float

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return h at some times."""
        return np.where(np.asarray(time_min, dtype=float) >= self.start, 1.0, 0.0)

    def moments(self, time_min: ArrayLike, highest: int) -> FloatArray:
        """Return the integrals of (s - T)^k from T to each time."""
        after = np.maximum(np.asarray(time_min, dtype=float) - self.start, 0.0)
        order = 1.0 + np.arange(highest + 1.0).reshape(-1, *([1] * after.ndim))
        return np.asarray(after**order / order)

    def breaks(self) -> FloatArray:
        """Return T."""
        return np.array([self.start])
