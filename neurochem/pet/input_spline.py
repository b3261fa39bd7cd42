"""A smoothing spline through blood samples, with the error of a linear smoother."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline, PPoly

from neurochem.errors import InputError
from neurochem.pet.curves import PiecewisePolynomial
from neurochem.pet.sample_fit import SampleCurve, Samples, sample_axis
from neurochem.results import FitResult, frozen_array
from neurochem.units import FloatArray

_DEGREE = 3
_FEWEST = 5
# log10 of the penalties tried, relative to the weighted basis.
_PENALTIES = np.arange(-8.0, 6.01, 0.25)
# Each effective parameter counts this often, against the undersmoothing of plain cross-validation (Kim and Gu 2004).
_INFLATION = 1.4
# The score is 0/0 where the curve passes through every sample: so much of the samples must remain.
_LEAST_ROOM = 0.02


@dataclass(frozen=True, eq=False)
class SplineFit(SampleCurve):
    """A penalised spline.

    Attributes
    ----------
    knots, coefficients, covariance : arrays
        B-spline knots in minutes, coefficients in kBq/mL and their covariance (the noise of the samples through the
        smoother; the bias that smoothing brings is not in it).
    curve : PiecewisePolynomial
        The same as polynomials.
    result : FitResult
        Without estimates; diagnostics hold penalty and effective degrees of freedom.
    """

    knots: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    curve: PiecewisePolynomial
    result: FitResult

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at times in minutes, zero before its first knot; beyond the last sample is an error."""
        return self.curve.values(time_min)

    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return the standard error of the curve."""
        times = np.clip(np.atleast_1d(np.asarray(time_min, dtype=float)), self.knots[0], self.knots[-1])
        rows = _basis(self.knots, times)
        return np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, self.covariance, rows), 0.0)).reshape(
            np.shape(time_min)
        )

    def draw(self, rng: np.random.Generator) -> "SplineFit":
        """Return the curve with coefficients drawn from their normal distribution."""
        values, vectors = np.linalg.eigh(self.covariance)
        step = vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(values.size))
        drawn = self.coefficients + step
        return SplineFit(self.knots, drawn, self.covariance, _polynomials(self.knots, drawn), self.result)

    @property
    def knots_min(self) -> FloatArray:
        """Knots, between which the curve is one cubic."""
        return np.unique(self.knots)


def fit_spline(samples: Samples, *, variance: float | None = None) -> SplineFit:
    """Fit a penalised cubic spline with a knot at every sample time.

    Parameters
    ----------
    samples : Samples
        Activity; at least five distinct times.
    variance : float, optional
        Variance of unit weight, if known.

    Returns
    -------
    SplineFit
        From the first sample (or injection, where it is zero) to the last.

    Raises
    ------
    InputError
        If there are too few samples.

    Notes
    -----
    The bends of the control polygon are penalised, each on the scale of its own neighbours: where sampling is dense the
    curve may turn fast, where it is sparse it is smooth, and a straight line costs nothing. The penalty minimises generalised
    cross-validation. A first sample after injection is preceded by zero at injection, as for any arterial input.

    References
    ----------
    Eilers PHC, Marx BD (1996), Stat Sci 11:89-121; Craven P, Wahba G (1979), Numer Math 31:377-403; Kim YJ, Gu C
    (2004), J R Stat Soc B 66:337-356.
    """
    used = samples.used
    time, value, weight = samples.time_min[used], samples.values[used], samples.weights[used]
    places = np.unique(time)
    if places.size < _FEWEST:
        place = f"{samples.where}: " if samples.where else ""
        msg = f"{place}{places.size} distinct sample times; a spline needs {_FEWEST}. Use straight lines or a parametric input."
        raise InputError(msg)
    anchored = bool(places[0] > 0)
    inner = np.concatenate([[0.0], places]) if anchored else places
    knots = np.concatenate([[inner[0]] * _DEGREE, inner, [inner[-1]] * _DEGREE])
    rows = _basis(knots, time)
    penalty = _bends(knots)
    if anchored:
        # the first coefficient is the value at injection
        rows, penalty = rows[:, 1:], penalty[:, 1:]
    smoother = _Smoother(rows, value, weight, penalty)
    best = min(_PENALTIES, key=smoother.score)
    return _spline(samples, knots, smoother, 10.0 ** float(best), variance=variance, anchored=anchored)


@dataclass(frozen=True, eq=False)
class _Smoother:
    """A penalised linear fit, whose penalty is still to be chosen."""

    rows: FloatArray
    value: FloatArray
    weight: FloatArray
    penalty: FloatArray

    def gain(self, strength: float) -> FloatArray:
        """Return the matrix from samples to coefficients."""
        normal = self.rows.T @ (self.weight[:, None] * self.rows)
        smooth = self.penalty.T @ self.penalty * (np.trace(normal) / normal.shape[0]) * strength
        return np.linalg.solve(normal + smooth, self.rows.T * self.weight)

    def score(self, exponent: float) -> float:
        """Return the generalised cross-validation of log10 of a penalty."""
        hat = self.rows @ self.gain(10.0**exponent)
        room = self.value.size - _INFLATION * float(np.trace(hat))
        if room < _LEAST_ROOM * self.value.size:
            return math.inf
        residual = self.value - hat @ self.value
        return self.value.size * float(self.weight @ residual**2) / room**2


def _spline(
    samples: Samples, knots: FloatArray, smoother: _Smoother, strength: float, *, variance: float | None, anchored: bool
) -> SplineFit:
    """Return the spline at the chosen penalty with the covariance of its coefficients."""
    gain = smoother.gain(strength)
    hat = smoother.rows @ gain
    residual = smoother.value - hat @ smoother.value
    rss = float(smoother.weight @ residual**2)
    freedom = float(np.trace(hat))
    # tr((I - H)'(I - H)) makes the residual variance unbiased for a linear smoother
    room = smoother.value.size - 2.0 * freedom + float(np.sum(hat * hat))
    scale = (rss / room if room > 1e-9 else math.nan) if variance is None else variance
    covariance = scale * (gain / smoother.weight) @ gain.T
    coefficients = gain @ smoother.value
    if anchored:
        coefficients = np.concatenate([[0.0], coefficients])
        covariance = np.pad(covariance, ((1, 0), (1, 0)))
    curve = _polynomials(knots, coefficients)
    result = FitResult(
        model="spline", name=samples.name, estimates={}, axis=sample_axis(samples), data=samples.values,
        fitted=curve.values(np.clip(samples.time_min, knots[0], knots[-1])), weights=samples.weights, used=samples.used,
        covariance=covariance, covariance_names=tuple(f"b{i}" for i in range(coefficients.size)),
        diagnostics={"rss": rss, "effective_parameters": freedom, "dof": room, "penalty": strength},
        settings={"reference": "Eilers and Marx 1996, Stat Sci 11:89-121", "where": samples.where},
    )  # fmt: skip
    return SplineFit(knots, frozen_array(coefficients), frozen_array(covariance), curve, result)


def _bends(knots: FloatArray) -> FloatArray:
    """Return second divided differences of coefficients times the square of the local spacing."""
    places = np.mean([knots[i : knots.size - _DEGREE - 1 + i] for i in range(1, _DEGREE + 1)], axis=0)
    before, after = np.diff(places)[:-1], np.diff(places)[1:]
    local = 2.0 * before * after / (before + after)
    rows = np.zeros((before.size, places.size))
    index = np.arange(before.size)
    rows[index, index], rows[index, index + 2] = local / before, local / after
    rows[index, index + 1] = -local / before - local / after
    return rows


def _basis(knots: FloatArray, time_min: FloatArray) -> FloatArray:
    return BSpline.design_matrix(time_min, knots, _DEGREE).toarray()


def _polynomials(knots: FloatArray, coefficients: FloatArray) -> PiecewisePolynomial:
    pieces = PPoly.from_spline(BSpline(knots, coefficients, _DEGREE))
    inside = np.diff(pieces.x) > 0
    nodes = np.append(pieces.x[:-1][inside], pieces.x[-1])
    return PiecewisePolynomial(nodes, pieces.c[::-1].T[inside])
