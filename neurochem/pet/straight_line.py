"""A straight line through points, with errors on one axis or on both."""

import math
from dataclasses import dataclass

import numpy as np

from neurochem.units import FloatArray

_ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class Line:
    """y = intercept + slope x.

    Attributes
    ----------
    intercept, slope : float
        The line.
    covariance : array, shape (2, 2)
        Of intercept and slope, in that order.
    dof : float
        Degrees of freedom of the covariance; infinite where errors were given and the points agree with them.
    reduced_chisq : float
        Weighted squares of the distances over n - 2: without errors, the variance of a point on either axis.
    p_value : float
        Chance of a larger scatter if the given errors are right; NaN without errors.
    weights : array, shape (n,)
        One over the variance of y - slope x.
    """

    intercept: float
    slope: float
    covariance: FloatArray
    dof: float
    reduced_chisq: float
    p_value: float
    weights: FloatArray


def line_of_least_squares(x: FloatArray, y: FloatArray) -> Line:
    """Return the ordinary least-squares line, all error in y and its size from the residual."""
    design = np.column_stack([np.ones(x.size), x - x.mean()])
    middle, slope = np.linalg.lstsq(design, y, rcond=None)[0]
    dof = x.size - 2
    variance = float(np.sum((y - design @ [middle, slope]) ** 2)) / dof
    spread = float(np.sum((x - x.mean()) ** 2))
    covariance = _covariance(1.0 / x.size, 1.0 / spread, float(x.mean())) * variance
    return Line(middle - slope * x.mean(), float(slope), covariance, float(dof), variance, math.nan, np.ones(x.size))


def line_with_errors_in_both(x: FloatArray, y: FloatArray, sd_x: FloatArray | None, sd_y: FloatArray | None) -> Line:
    """Return the line of highest likelihood when both coordinates have independent normal errors.

    Parameters
    ----------
    x, y : array, shape (n,)
        Points.
    sd_x, sd_y : array, shape (n,), or None
        Standard deviations, positive. None for both: equal on both axes and for all points (orthogonal regression), their
        size from the scatter.

    Returns
    -------
    Line
        Given errors are widened by the root of the reduced chi-square where that exceeds one, never narrowed.

    Notes
    -----
    York's unified equations: with W = 1/(sd_y^2 + b^2 sd_x^2), U = x - mean_W(x), V = y - mean_W(y) and
    beta = W (U sd_y^2 + b V sd_x^2), b = sum(W beta V)/sum(W beta U) until it stays; errors from the adjusted points.

    References
    ----------
    York D, Evensen NM, Lopez Martinez M, De Basabe Delgado J (2004), Am J Phys 72:367.
    """
    from scipy import stats

    known = sd_x is not None and sd_y is not None
    var_x = sd_x**2 if sd_x is not None and known else np.ones(x.size)
    var_y = sd_y**2 if sd_y is not None and known else np.ones(x.size)
    slope = float(np.polyfit(x, y, 1)[0])
    for _ in range(_ITERATIONS):
        before = slope
        weights, beta, mean_x, mean_y = _york(x, y, var_x, var_y, slope)
        slope = float(np.sum(weights * beta * (y - mean_y)) / np.sum(weights * beta * (x - mean_x)))
        if abs(slope - before) <= 1e-14 * max(1.0, abs(slope)):
            break
    weights, beta, mean_x, mean_y = _york(x, y, var_x, var_y, slope)
    adjusted = mean_x + beta
    centre = float(np.sum(weights * adjusted) / np.sum(weights))
    dof = float(x.size - 2)
    chisq = float(np.sum(weights * (y - mean_y - slope * (x - mean_x)) ** 2))
    reduced = chisq / dof
    spread = float(np.sum(weights * (adjusted - centre) ** 2))
    covariance = _covariance(1.0 / float(np.sum(weights)), 1.0 / spread, centre)
    scale = max(1.0, reduced) if known else reduced
    return Line(
        intercept=mean_y - slope * mean_x,
        slope=slope,
        covariance=covariance * scale,
        dof=math.inf if known and reduced <= 1.0 else dof,
        reduced_chisq=reduced,
        p_value=float(stats.chi2.sf(chisq, dof)) if known else math.nan,
        weights=weights,
    )


def _york(
    x: FloatArray, y: FloatArray, var_x: FloatArray, var_y: FloatArray, slope: float
) -> tuple[FloatArray, FloatArray, float, float]:
    """Return weights, the shift of each point along x to the line, and the weighted means."""
    weights = 1.0 / (var_y + slope**2 * var_x)
    mean_x = float(np.sum(weights * x) / np.sum(weights))
    mean_y = float(np.sum(weights * y) / np.sum(weights))
    beta = weights * ((x - mean_x) * var_y + slope * (y - mean_y) * var_x)
    return weights, beta, mean_x, mean_y


def _covariance(middle: float, slope: float, centre: float) -> FloatArray:
    """Return the covariance of (intercept, slope) from the variances at the centre of the points."""
    return np.array([[middle + centre**2 * slope, -centre * slope], [-centre * slope, slope]])
