"""Baselines: what the data hold besides the basis."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import interpolate, linalg, optimize

from neurochem.errors import InputError
from neurochem.registry import Registry
from neurochem.units import FloatArray

COMPONENTS_PER_PPM = 15.0
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


# A baseline is made from the number of points, the span (ppm) and the effective dimension per ppm.
BaselineMaker = Callable[[int, float, float], Baseline]
BASELINES: Registry[BaselineMaker] = Registry("baseline")


@BASELINES.register(name="none", reference="no baseline at all")
def no_baseline(points: int, span_ppm: float, dimension_per_ppm: float) -> Baseline:  # noqa: ARG001 - one signature for all
    """Return a baseline without curves."""
    return Baseline(np.zeros((points, 0)), np.zeros(0))


@BASELINES.register(
    name="spline", aliases=("p-spline",), reference="Eilers and Marx 1996, Stat Sci 11:89; Wilson 2021, MRM 85:13"
)
@lru_cache(maxsize=32)
def spline(points: int, span_ppm: float, dimension_per_ppm: float) -> Baseline:
    """Return a penalised cubic spline of a given effective dimension.

    Parameters
    ----------
    points : int
        Points of the window, equally spaced.
    span_ppm : float
        Width of the window (ppm); 15 splines a ppm.
    dimension_per_ppm : float
        Effective number of parameters per ppm; 2 in all (a straight line) is the least.

    Returns
    -------
    Baseline
        In the basis that diagonalises curve and penalty together (Demmler and Reinsch), which needs only the few
        curves that the penalty leaves alive.

    Notes
    -----
    minimise ||y - B a||^2 + lambda ||D2 a||^2; ED(lambda) = tr[(B'B + lambda D'D)^-1 B'B] = sum 1 / (1 + lambda d_i).
    """
    count = max(int(round(COMPONENTS_PER_PPM * span_ppm)), 1)
    step = 1.0 / count
    knots = np.arange(-3, count + 4) * step
    design = interpolate.BSpline.design_matrix(np.linspace(0.0, 1.0 - 1e-12, points), knots, 3).toarray()
    difference = np.diff(np.eye(design.shape[1]), n=2, axis=0)
    values, vectors = linalg.eigh(difference.T @ difference, design.T @ design)
    values = np.where(np.arange(values.size) < 2, 0.0, np.maximum(values, 0.0))
    target = max(dimension_per_ppm * span_ppm, 2.05)
    if target >= 0.95 * values.size:
        msg = (
            f"baseline dimension {dimension_per_ppm:g} per ppm over {span_ppm:g} ppm needs more than the "
            f"{values.size} splines there are; at most {0.95 * values.size / span_ppm:.3g} per ppm. Give less."
        )
        raise InputError(msg)
    log_lambda = optimize.brentq(lambda log: np.sum(1.0 / (1.0 + np.exp(log) * values)) - target, -40.0, 60.0)
    penalty = np.exp(log_lambda) * values
    alive = 1.0 / (1.0 + penalty) > _NEGLIGIBLE
    columns = np.linalg.qr(design @ vectors[:, alive])[0]
    return Baseline(columns, penalty[alive])
