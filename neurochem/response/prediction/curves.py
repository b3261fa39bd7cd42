"""The smooth calibration curve."""

import numpy as np
import pandas as pd

from neurochem.units import FloatArray

_POINTS, _SAMPLES, _SHARE = 50, 200, 0.75


def calibration_curve(outcome: FloatArray, predicted: FloatArray, rng: np.random.Generator) -> pd.DataFrame:
    """Return observed against predicted, smoothed by local regression, with a 95 % band by bootstrap of people.

    Parameters
    ----------
    outcome, predicted : array, shape (n,)
        0 and 1 with risks, or numbers.
    rng : Generator
        Source of the bootstrap.

    Returns
    -------
    DataFrame
        predicted, observed, low95, high95; empty where nearly all predictions are equal. The band does not hold the
        uncertainty of the models.
    """
    columns = ["predicted", "observed", "low95", "high95"]
    low, high = np.quantile(predicted, [0.02, 0.98])
    if len(set(predicted.tolist())) < 10 or not high - low > 1e-3 * max(1.0, abs(float(high))):
        return pd.DataFrame(columns=columns)
    grid = np.linspace(low, high, _POINTS)
    samples = []
    for _ in range(_SAMPLES):
        rows = rng.integers(0, outcome.size, outcome.size)
        curve = _smooth(outcome[rows], predicted[rows], grid)
        if np.isfinite(curve).all():
            samples.append(curve)
    band = np.quantile(samples, [0.025, 0.975], axis=0)
    return pd.DataFrame(np.column_stack([grid, _smooth(outcome, predicted, grid), *band]), columns=columns)


def _smooth(outcome: FloatArray, predicted: FloatArray, grid: FloatArray) -> FloatArray:
    """Return a local line with tricube weights over the nearest three quarters of the points."""
    distance = np.abs(predicted[None, :] - grid[:, None])
    reach = np.sort(distance, axis=1)[:, int(_SHARE * predicted.size) - 1]
    weight = np.clip(1.0 - (distance / np.maximum(reach, 1e-12)[:, None]) ** 3, 0.0, None) ** 3 + 1e-9
    total = weight.sum(axis=1)
    mean_x, mean_y = (weight @ predicted) / total, (weight @ outcome) / total
    centred = predicted[None, :] - mean_x[:, None]
    spread = (weight * centred**2).sum(axis=1)
    slope = (weight * centred * outcome).sum(axis=1) / np.maximum(spread, 1e-12)
    return mean_y + slope * (grid - mean_x)
