"""Baselines: what the data hold besides the basis."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import interpolate, linalg, optimize

from neurochem.errors import InputError
from neurochem.registry import Registry
from neurochem.solve import nonnegative_least_squares
from neurochem.units import BoolArray, FloatArray

COMPONENTS_PER_PPM = 15.0
# Effective dimensions per ppm among which the criterion chooses; 7 is also ABfit's limit.
DIMENSION_GRID = (0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0)
CRITERION_WEIGHT = 5.0
WATER_TAILS = 3
# Curves that the penalty shrinks below this share add nothing that double precision keeps.
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Columns and penalty of a baseline, for one part (real or imaginary) of the spectrum.

    Attributes
    ----------
    columns : array, shape (n, q)
        Orthonormal curves.
    penalty : array, shape (q,)
        Weight of each squared coefficient, the noise being one; zero for constant and slope.
    """

    columns: FloatArray
    penalty: FloatArray

    @property
    def effective_dimension(self) -> float:
        """Trace of the smoother, sum of 1 / (1 + penalty)."""
        return float(np.sum(1.0 / (1.0 + self.penalty)))

    def stacked(self) -> tuple[FloatArray, FloatArray]:
        """Return columns (2n, 2q) and penalty rows (2q, 2q) for real parts stacked on imaginary parts."""
        points, count = self.columns.shape
        columns = np.zeros((2 * points, 2 * count))
        columns[:points, :count] = columns[points:, count:] = self.columns
        return columns, np.diag(np.sqrt(np.tile(self.penalty, 2)))


# A baseline is made from the number of points, the span (ppm), the effective dimension per ppm, and how far (ppm) the
# foot of residual water lies beyond the first point; None where there is none.
BaselineMaker = Callable[[int, float, float, float | None], Baseline]
BASELINES: Registry[BaselineMaker] = Registry("baseline")


@BASELINES.register(name="none", reference="no baseline at all")
def no_baseline(
    points: int,
    span_ppm: float,
    dimension_per_ppm: float,
    water_ppm: float | None = None,
) -> Baseline:
    """Return a baseline without curves."""
    return Baseline(np.zeros((points, 0)), np.zeros(0))


@lru_cache(maxsize=16)
def _decomposition(points: int, splines: int, water: float | None) -> tuple[FloatArray, FloatArray]:
    """Return orthonormal curves and the roughness of each (Demmler and Reinsch's basis of splines and water tails)."""
    place = np.linspace(0.0, 1.0 - 1e-12, points)
    design = interpolate.BSpline.design_matrix(place, np.arange(-3, splines + 4) / splines, 3).toarray()
    difference = np.diff(np.eye(design.shape[1]), n=2, axis=0)
    roughness = difference.T @ difference
    if water is not None:
        tails = (water / (place[:, None] + water)) ** np.arange(1, WATER_TAILS + 1)
        design = np.hstack([design, tails])
        roughness = np.pad(roughness, (0, WATER_TAILS))
    values, vectors = linalg.eigh(roughness, design.T @ design)
    free = 2 if water is None else 2 + WATER_TAILS
    values = np.where(np.arange(values.size) < free, 0.0, np.maximum(values, 0.0))
    curves = np.linalg.qr(design @ vectors)[0]
    for array in (curves, values):
        array.setflags(write=False)
    return curves, values


@BASELINES.register(
    name="spline", aliases=("p-spline",), reference="Eilers and Marx 1996, Stat Sci 11:89; Wilson 2021, MRM 85:13"
)
@lru_cache(maxsize=128)
def spline(points: int, span_ppm: float, dimension_per_ppm: float, water_ppm: float | None = None) -> Baseline:
    """Return a penalised cubic spline of a given effective dimension.

    Parameters
    ----------
    points : int
        Points of the window, equally spaced.
    span_ppm : float
        Width of the window (ppm); 15 splines a ppm.
    dimension_per_ppm : float
        Effective number of parameters per ppm; 2 in all (a straight line) is the least.
    water_ppm : float, optional
        How far beyond the first point residual water lies (ppm): its tail is added, unpenalised, on top of the dimension.

    Returns
    -------
    Baseline
        In the basis that diagonalises curve and penalty together, which needs only the few curves that the penalty
        leaves alive.

    Raises
    ------
    InputError
        If there are fewer splines than the dimension asked for.

    Notes
    -----
    minimise ||y - B a||^2 + lambda ||D2 a||^2; ED(lambda) = tr[(B'B + lambda D'D)^-1 B'B] = sum 1 / (1 + lambda d_i).
    Far from its centre a line of any shape is a series in 1 / (f - f_water), the derivatives of its FID at time zero;
    three terms leave less than a ten-thousandth for a water line of 10 Hz that is 57 Hz away.
    """
    water = None if water_ppm is None else round(water_ppm / span_ppm, 3)
    curves, roughness = _decomposition(points, max(round(COMPONENTS_PER_PPM * span_ppm), 1), water)
    extra = 0 if water is None else WATER_TAILS
    target = max(dimension_per_ppm * span_ppm, 2.05) + extra
    if not target < 0.95 * roughness.size:
        msg = (
            f"baseline dimension {dimension_per_ppm:g} per ppm over {span_ppm:g} ppm needs more than the "
            f"{roughness.size} splines there are; at most {0.95 * roughness.size / span_ppm:.3g} per ppm. Give less."
        )
        raise InputError(msg)
    log_lambda = optimize.brentq(lambda log: np.sum(1.0 / (1.0 + np.exp(log) * roughness)) - target, -60.0, 60.0)
    penalty = np.exp(log_lambda) * roughness
    alive = 1.0 / (1.0 + penalty) > _NEGLIGIBLE
    return Baseline(curves[:, alive], penalty[alive])


def choose_dimension(
    data: FloatArray,
    columns: FloatArray,
    rows: tuple[FloatArray, FloatArray] | None,
    make: Callable[[float], Baseline],
    *,
    grid: tuple[float, ...] = DIMENSION_GRID,
) -> float:
    """Return the effective dimension per ppm that the data ask for.

    Parameters
    ----------
    data : array, shape (2n,)
        Real parts on imaginary parts, over noise.
    columns : array, shape (2n, m)
        Elements with the lineshape found so far, likewise.
    rows : (array of shape (r, m), array of shape (r,)) or None
        Penalty on the amplitudes.
    make : callable
        Maps a dimension per ppm to a baseline.
    grid : tuple of float
        Dimensions tried.

    Returns
    -------
    float
        Where ln(RSS) + 2 m ED / N is least, m = 5: a baseline parameter must earn more than Akaike's criterion asks,
        because a flexible baseline costs precision.

    References
    ----------
    Wilson M (2021), Magn Reson Med 85:13 (modified criterion, m = 5).
    """
    scores, above_zero = [], np.ones(columns.shape[1], dtype=bool)
    for dimension in grid:
        score, above_zero = _score(data, columns, rows, make(dimension), above_zero)
        scores.append(score)
    return grid[int(np.argmin(scores))]


def _score(
    data: FloatArray,
    columns: FloatArray,
    rows: tuple[FloatArray, FloatArray] | None,
    baseline: Baseline,
    above_zero: BoolArray,
) -> tuple[float, BoolArray]:
    """Return the criterion of one baseline and which amplitudes are above zero, guessed from the baseline before.

    Amplitudes are solved for with the baseline eliminated in closed form.
    """
    half, size = data.size // 2, columns.shape[1]
    shrink = 1.0 / (1.0 + baseline.penalty)
    gram, slope = columns.T @ columns, columns.T @ data
    parts = [(columns[:half], data[:half]), (columns[half:], data[half:])]
    seen = [(baseline.columns.T @ block, baseline.columns.T @ part) for block, part in parts]
    for block, part in seen:
        gram = gram - block.T @ (shrink[:, None] * block)
        slope = slope - block.T @ (shrink * part)
    if rows is not None:
        gram, slope = gram + rows[0].T @ rows[0], slope + rows[0].T @ rows[1]
    scale = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    factor = np.linalg.cholesky(gram / np.outer(scale, scale) + 1e-10 * np.eye(size))
    target = linalg.solve_triangular(factor, slope / scale, lower=True)
    limited = np.ones(size, dtype=bool)
    amplitudes, above_zero = nonnegative_least_squares(factor.T, target, limited, passive=above_zero)
    amplitudes = amplitudes / scale
    left = data - columns @ amplitudes
    squares = float(left @ left)
    for block, part in seen:
        # curves are orthonormal: what the baseline takes up is a sum over its coefficients
        coefficient = part - block @ amplitudes
        squares -= float(np.sum(shrink * (2.0 - shrink) * coefficient**2))
    floor = 1e-24 * float(data @ data)
    price = 2.0 * CRITERION_WEIGHT * 2.0 * baseline.effective_dimension / data.size
    return float(np.log(max(squares, floor))) + price, above_zero
