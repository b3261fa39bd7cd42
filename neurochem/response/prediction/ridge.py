"""Ridge-penalised logistic and linear regressions, thousands in one batch."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from neurochem.units import BoolArray, FloatArray

_STEPS = 100
# A step that moves no logit by more than 1.5 never overshoots: the third derivative is at most the second.
_LONGEST = 1.5
# Newton's error after a step is about its square: 1e-5 leaves 1e-10 in the logit.
_SETTLED = 1e-5
_FLOOR = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Standardiser:
    """Mean imputation and scaling learned from weighted training rows, for a batch of training sets.

    Attributes
    ----------
    fill, scale : array, shape (B, p)
        Mean and SD (divided by the weight) of each predictor in each training set, in the units of `values`.
    values : array, shape (n, p)
        Predictors, zero where missing.
    missing : bool array, shape (n, p)
        Which cells are missing.
    """

    fill: FloatArray
    scale: FloatArray
    values: FloatArray
    missing: BoolArray

    @classmethod
    def learn(cls, values: FloatArray, missing: BoolArray, weights: FloatArray) -> "Standardiser":
        """Return the means and SDs of every training set; weights have shape (B, n)."""
        known = weights @ (~missing).astype(float)
        total = weights.sum(axis=1, keepdims=True)
        fill = weights @ values / np.maximum(known, _FLOOR)
        square = weights @ values**2 - fill**2 * known
        variance = np.maximum(square, 0.0) / total
        # a constant predictor keeps its unit, and the penalty its slope at zero
        return cls(fill, np.where(variance > _FLOOR, np.sqrt(variance), 1.0), values, missing)

    def design(self, rows: slice) -> FloatArray:
        """Return intercept and filled predictors: (n, q) shared by all sets, or (B, n, q) where cells are missing."""
        n = len(self.values)
        if not self.missing.any():
            return np.column_stack([np.ones(n), self.values])
        filled = self.values + self.missing * self.fill[rows][:, None, :]
        return np.concatenate([np.ones((*filled.shape[:2], 1)), filled], axis=2)


def apply_model(design: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Return the linear predictors, shape (B, n)."""
    if design.ndim == 2:
        return coefficients @ design.T
    return np.matmul(design, coefficients[:, :, None])[:, :, 0]


def _gradient(design: FloatArray, rest: FloatArray) -> FloatArray:
    return rest @ design if design.ndim == 2 else np.matmul(rest[:, None, :], design)[:, 0]


class _Curvature:
    """Weighted cross products X' diag(v) X for a batch of weights."""

    def __init__(self, design: FloatArray) -> None:
        self.size = design.shape[-1]
        self.upper = np.triu_indices(self.size)
        if design.ndim == 2:
            self.products = design[:, self.upper[0]] * design[:, self.upper[1]]

    def __call__(self, weights: FloatArray, part: FloatArray) -> FloatArray:
        """Return the products for the sets whose columns are `part`, shape (B, q, q)."""
        if part.ndim == 3:
            return np.matmul((part * weights[:, :, None]).swapaxes(1, 2), part)
        packed = weights @ self.products
        full = np.empty((len(weights), self.size, self.size))
        full[:, self.upper[0], self.upper[1]] = packed
        full[:, self.upper[1], self.upper[0]] = packed
        return full


def fit_ridge(
    design: FloatArray,
    outcome: FloatArray,
    weights: FloatArray,
    penalty: FloatArray,
    *,
    binary: bool,
    start: FloatArray | None = None,
) -> FloatArray:
    """Return the coefficients of a batch of ridge regressions.

    Parameters
    ----------
    design : array, shape (n, q) or (B, n, q)
        Columns, the intercept first.
    outcome : array, shape (B, n)
        0 and 1 for the logistic, numbers for the linear model.
    weights : array, shape (B, n)
        Weight of each row, zero to leave it out.
    penalty : array, shape (B, q)
        P of the objective -log-likelihood (or half the sum of squares) + 0.5 sum P b^2; zero for the intercept.
    binary : bool
        Logistic or linear.
    start : array, shape (B, q), optional
        Where the search starts.

    Returns
    -------
    array, shape (B, q)
        Coefficients; the logistic ones settle to better than 1e-9 in the logit.

    Notes
    -----
    Newton's steps for all sets together, each shortened so that no logit moves by more than 1.5; sets that have settled
    leave the batch.
    """
    curvature = _Curvature(design)
    diagonal = np.arange(design.shape[-1])
    if not binary:
        full = curvature(weights, design)
        full[:, diagonal, diagonal] += penalty + _FLOOR
        return np.asarray(np.linalg.solve(full, _gradient(design, weights * outcome)[:, :, None])[:, :, 0])
    found = np.zeros((len(outcome), design.shape[-1])) if start is None else start.copy()
    active = np.arange(len(outcome))
    part, w, y, strength = design, weights, outcome, penalty
    eta = apply_model(design, found)
    for _ in range(_STEPS):
        p = special.expit(eta)
        gradient = _gradient(part, w * (y - p)) - strength * found[active]
        full = curvature(w * p * (1.0 - p), part)
        full[:, diagonal, diagonal] += strength + _FLOOR
        step = np.asarray(np.linalg.solve(full, gradient[:, :, None])[:, :, 0], dtype=np.float64)
        move = apply_model(part, step)
        # rows outside the training set do not count: their logits may go anywhere
        length = np.abs(move * (w > 0)).max(axis=1)
        share = np.minimum(1.0, _LONGEST / np.maximum(length, _FLOOR))[:, None]
        found[active] += share * step
        going = length > _SETTLED
        if not going.any():
            break
        eta += share * move
        if not going.all():
            active, eta, w, y, strength = active[going], eta[going], w[going], y[going], strength[going]
            part = part if part.ndim == 2 else part[going]
    return found
