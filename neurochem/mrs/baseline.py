"""Baselines: what the data hold besides the basis."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import interpolate, linalg, optimize

from neurochem.errors import InputError
from neurochem.registry import Registry
from neurochem.solve.normal_equations import nonnegative_normal_equations
from neurochem.units import BoolArray, ComplexArray, FloatArray

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


@BASELINES.register(name="polynomial", aliases=("poly",), reference="Legendre polynomials, as FSL-MRS fits them")
@lru_cache(maxsize=128)
def polynomial(points: int, span_ppm: float, dimension_per_ppm: float, water_ppm: float | None = None) -> Baseline:
    """Return polynomials without penalty, as many as the dimension says; two at least.

    Parameters
    ----------
    points, span_ppm, dimension_per_ppm, water_ppm
        As for `spline`; tails of water are added in the same way.
    """
    count = max(round(dimension_per_ppm * span_ppm), 2)
    design = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, points), count - 1)
    if water_ppm is not None:
        place, water = np.linspace(0.0, 1.0, points), water_ppm / span_ppm
        # tails come first, so that a smaller baseline is the beginning of a larger one
        tails = (water / (place[:, None] + water)) ** np.arange(1, WATER_TAILS + 1)
        design = np.hstack([design[:, :2], tails, design[:, 2:]])
    return Baseline(np.linalg.qr(design)[0], np.zeros(design.shape[1]))


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
    # tails of water far away are nearly splines themselves: a ridge below rounding keeps the factor positive
    gram = design.T @ design
    gram[np.diag_indices_from(gram)] *= 1.0 + 1e-12
    values, vectors = linalg.eigh(roughness, gram)
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
    data: ComplexArray,
    curves: ComplexArray,
    rows: tuple[FloatArray, FloatArray] | None,
    make: Callable[[float], Baseline],
    *,
    nonnegative: BoolArray,
    grid: tuple[float, ...] = DIMENSION_GRID,
) -> tuple[float, float]:
    """Return the effective dimension per ppm that the data ask for, and its criterion.

    Parameters
    ----------
    data : complex array, shape (n,)
        Spectrum over the noise.
    curves : complex array, shape (n, m)
        Elements with the lineshape found so far, likewise.
    rows : (array of shape (r, m), array of shape (r,)) or None
        Penalty on the amplitudes.
    make : callable
        Maps a dimension per ppm to a baseline.
    nonnegative : bool array, shape (m,)
        Amplitudes that cannot be negative.
    grid : tuple of float
        Dimensions tried.

    Returns
    -------
    dimension_per_ppm, score : float
        Where N ln(RSS) + 2 m ED is least, m = 5: a baseline parameter must earn more than Akaike's criterion asks,
        because a flexible baseline costs precision.

    References
    ----------
    Wilson M (2021), Magn Reson Med 85:13 (modified criterion, m = 5).
    """
    flexible = make(grid[-1]).columns
    size = curves.shape[1]
    everything = np.column_stack([curves, data])
    parts = np.concatenate([everything.real, everything.imag], axis=1)
    seen = flexible.T @ parts
    # products of elements and data, their last row and column those with the data
    whole = parts[:, : size + 1].T @ parts[:, : size + 1] + parts[:, size + 1 :].T @ parts[:, size + 1 :]
    extra = np.zeros((size, size)) if rows is None else rows[0].T @ rows[0]
    pull = np.zeros(size) if rows is None else rows[0].T @ rows[1]
    # a residual of a thousandth of the noise is rounding, or data without noise
    floor = 1e-3 * 2.0 * data.size
    above_zero: BoolArray | None = None
    scores = []
    for dimension in grid:
        baseline = make(dimension)
        count = baseline.penalty.size
        shrink = 1.0 / (1.0 + baseline.penalty)
        real, imaginary = seen[:count, : size + 1], seen[:count, size + 1 :]

        def taken(weight: FloatArray, real: FloatArray = real, imaginary: FloatArray = imaginary) -> FloatArray:
            return np.asarray(real.T @ (weight[:, None] * real) + imaginary.T @ (weight[:, None] * imaginary))

        inner = whole - taken(shrink)
        amplitudes, above_zero = nonnegative_normal_equations(
            inner[:size, :size] + extra, inner[:size, size] + pull, nonnegative, passive=above_zero
        )
        left = np.append(-amplitudes, 1.0)
        # curves are orthonormal: what the baseline takes up is a sum over its coefficients
        squares = float(left @ (whole - taken(shrink * (2.0 - shrink))) @ left)
        price = 2.0 * CRITERION_WEIGHT * 2.0 * baseline.effective_dimension
        scores.append(2.0 * data.size * float(np.log(max(squares, 0.0) + floor)) + price)
    best = int(np.argmin(scores))
    return grid[best], float(scores[best])
