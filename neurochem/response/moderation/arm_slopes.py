"""Outcome on a noisy marker whose slope differs by arm: the likelihood of outcome and marker together."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from neurochem.response.measurement_error.profile import largest_drop, tail
from neurochem.units import FloatArray

# Smallest SD of the true marker that is tried, as a share of its measured SD: below it is none.
_NO_SPREAD = 1e-3
# Slopes beyond this many units of SD per SD say that the data hold no limit.
_FAR = 1e3
_SEARCH = 60


@dataclass(frozen=True, slots=True, eq=False)
class ArmRows:
    """Rows in standard units.

    Attributes
    ----------
    outcome, marker, variance : array, shape (n,)
        Outcome, marker and the variance of the marker's error; both residuals have SD near one.
    arm : array, shape (n,)
        -1/2 and +1/2.
    terms : array, shape (n, k)
        Intercept, arm and covariates.
    """

    outcome: FloatArray
    marker: FloatArray
    variance: FloatArray
    arm: FloatArray
    terms: FloatArray

    @property
    def dof(self) -> float:
        """People less every coefficient of the outcome model."""
        return float(self.outcome.size - self.terms.shape[1] - 2)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The maximum: slopes (mean, difference), log SD of true marker and residual, twice the log-likelihood, and the rest.

    `theta` holds slope, interaction, log tau, log sigma, then the marker's coefficients and the outcome's.
    """

    theta: FloatArray
    height: float


def _parts(rows: ArmRows, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return each person's slope, reliability, variance of the marker, and of the outcome given the marker."""
    with np.errstate(over="ignore"):
        tau2, sigma2 = np.exp(2.0 * theta[2]), np.exp(2.0 * theta[3])
    slope = theta[0] + theta[1] * rows.arm
    total = tau2 + rows.variance
    share = tau2 / total
    return slope, share, total, sigma2 + slope**2 * tau2 * (1.0 - share)


def _means(rows: ArmRows, theta: FloatArray) -> tuple[FloatArray, float]:
    """Return the coefficients that are linear given the others, and twice the log-likelihood there.

    W = Z a + noise, and y - B rho W = Z g + B (1 - rho) Z a + noise are independent: weighted least squares.
    """
    slope, share, total, left = _parts(rows, theta)
    k = rows.terms.shape[1]
    design = np.zeros((2 * rows.outcome.size, 2 * k))
    n = rows.outcome.size
    design[:n, :k] = rows.terms
    design[n:, :k] = (slope * (1.0 - share))[:, None] * rows.terms
    design[n:, k:] = rows.terms
    target = np.concatenate([rows.marker, rows.outcome - slope * share * rows.marker])
    variance = np.concatenate([total, left])
    scaled = design / variance[:, None]
    found = np.linalg.solve(design.T @ scaled, scaled.T @ target)
    residual = target - design @ found
    return found, -float(np.sum(np.log(variance)) + np.sum(residual**2 / variance))


def _gradient(rows: ArmRows, theta: FloatArray, linear: FloatArray) -> FloatArray:
    """Return the slope of the height; the linear coefficients are at their best, so that they do not enter."""
    slope, share, total, left = _parts(rows, theta)
    tau2, sigma2 = math.exp(2.0 * theta[2]), math.exp(2.0 * theta[3])
    k = rows.terms.shape[1]
    centre = rows.terms @ linear[:k]
    first = rows.marker - centre
    expected = centre + share * first
    second = rows.outcome - rows.terms @ linear[k:] - slope * expected
    excess = 1.0 - second**2 / left
    by_slope = -2.0 * (slope * tau2 * (1.0 - share) * excess - second * expected) / left
    by_tau2 = -(1.0 - first**2 / total) / total - slope**2 * (1.0 - share) ** 2 * excess / left
    by_tau2 += 2.0 * second * slope * first * (1.0 - share) / (total * left)
    return np.array(
        [by_slope.sum(), by_slope @ rows.arm, 2.0 * tau2 * by_tau2.sum(), -2.0 * sigma2 * float(np.sum(excess / left))]
    )


def _maximise(rows: ArmRows, start: FloatArray, held: dict[int, float]) -> tuple[FloatArray, float]:
    free = [index for index in range(4) if index not in held]
    theta = start.copy()
    for index, value in held.items():
        theta[index] = value

    def cost(part: FloatArray) -> tuple[float, FloatArray]:
        theta[free] = part
        linear, height = _means(rows, theta)
        return -height, -_gradient(rows, theta, linear)[free]

    low = {2: math.log(_NO_SPREAD), 3: math.log(_NO_SPREAD)}
    bounds = [(low.get(index, -np.inf), 3.0 if index in low else np.inf) for index in free]
    inside = np.array([max(theta[i], low.get(i, -np.inf)) for i in free])
    best = optimize.minimize(
        cost, inside, method="L-BFGS-B", jac=True, bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500}
    )
    theta[free] = best.x
    return theta.copy(), -float(best.fun)


def _starts(rows: ArmRows) -> list[FloatArray]:
    """Return the naive slopes, blown up by the reliability, and a start with little spread."""
    design = np.column_stack([rows.marker, rows.marker * rows.arm, rows.terms])
    naive = np.linalg.lstsq(design, rows.outcome, rcond=None)[0]
    residual = rows.marker - rows.terms @ np.linalg.lstsq(rows.terms, rows.marker, rcond=None)[0]
    spread = float(residual @ residual) / (rows.marker.size - rows.terms.shape[1])
    shares = (max(0.15, 1.0 - float(rows.variance.mean()) / spread), 0.3)
    return [
        np.array([naive[0] / share, naive[1] / share, 0.5 * math.log(share * spread), math.log(0.8)])
        for share in shares
    ]


def best(rows: ArmRows, held: dict[int, float] | None = None, start: FloatArray | None = None) -> Fitted:
    """Return the highest point, with some of slope (0) and interaction (1) held."""
    starts = _starts(rows) if start is None else [start]
    found = max((_maximise(rows, theta, held or {}) for theta in starts), key=lambda pair: pair[1])
    return Fitted(np.concatenate([found[0], _means(rows, found[0])[0]]), found[1])


def p_of(rows: ArmRows, top: Fitted, index: int, value: float = 0.0) -> float:
    """Return the p of a slope being `value`: likelihood ratio with the F reference of few people."""
    lower = _drop(rows, top, index, value)
    return float(tail(np.array([lower]), np.array([float(rows.outcome.size)]), np.array([rows.dof]))[0])


def _drop(rows: ArmRows, top: Fitted, index: int, value: float) -> float:
    # two starts: where the free fit ended, and afresh, for the ridge bends far from the maximum
    heights = [best(rows, {index: value}, start=top.theta[:4]).height, best(rows, {index: value}).height]
    return max(0.0, top.height - max(heights))


def interval(rows: ArmRows, top: Fitted, index: int, level: float = 0.95) -> tuple[float, float]:
    """Return the profile-likelihood interval of slope (0) or interaction (1); an open end is infinite."""
    limit = largest_drop(level, float(rows.outcome.size), rows.dof)
    centre = float(top.theta[index])
    ends = []
    for side in (-1.0, 1.0):
        step, inner = 0.3 * max(1.0, abs(centre)), centre
        outer = math.inf
        for _ in range(_SEARCH):
            trial = centre + side * step
            if abs(trial) > _FAR:
                break
            if _drop(rows, top, index, trial) > limit:
                outer = trial
                break
            inner, step = trial, 2.5 * step
        if math.isinf(outer):
            ends.append(side * math.inf)
            continue
        ends.append(optimize.brentq(lambda x: _drop(rows, top, index, x) - limit, inner, outer, xtol=1e-5, rtol=1e-7))
    return ends[0], ends[1]


def covariance(rows: ArmRows, top: Fitted) -> FloatArray:
    """Return the covariance of all values from the curvature, with central differences; NaN where it is not positive."""
    values, size = top.theta, top.theta.size
    steps = 1e-4 * np.maximum(1.0, np.abs(values))
    moves = np.diag(steps)
    curvature = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            corners = [
                signs * _height(rows, values + a * moves[i] + b * moves[j])
                for a, b, signs in ((1, 1, 1.0), (1, -1, -1.0), (-1, 1, -1.0), (-1, -1, 1.0))
            ]
            curvature[i, j] = curvature[j, i] = -0.5 * sum(corners) / (4.0 * steps[i] * steps[j])
    try:
        found: FloatArray = np.asarray(np.linalg.inv(curvature), dtype=float)
    except np.linalg.LinAlgError:
        return np.full((size, size), np.nan)
    return found if (np.diag(found) > 0.0).all() else np.full((size, size), np.nan)


def _height(rows: ArmRows, values: FloatArray) -> float:
    """Return twice the log-likelihood at any values."""
    slope, share, total, left = _parts(rows, values[:4])
    k = rows.terms.shape[1]
    centre = rows.terms @ values[4 : 4 + k]
    given = rows.terms @ values[4 + k :] + slope * (centre + share * (rows.marker - centre))
    return -float(
        np.sum(np.log(total) + np.log(left) + (rows.marker - centre) ** 2 / total + (rows.outcome - given) ** 2 / left)
    )
