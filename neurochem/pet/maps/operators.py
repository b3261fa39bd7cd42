"""Analyses whose estimates are fixed linear combinations of the frames."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.pet.maps.estimator import Solution, VoxelEstimator
from neurochem.pet.model import ScanInputs
from neurochem.units import FloatArray


def frame_noise(inputs: ScanInputs) -> FloatArray:
    """Return the relative standard deviation of every frame, zero for frames left out."""
    kept = inputs.kept
    return np.where(kept, 1.0 / np.sqrt(np.where(kept, inputs.weights, 1.0)), 0.0)


class LinearOperator(VoxelEstimator):
    """Estimates E y with the noise level from a residual R y.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    estimates : array, shape (p, n_frames)
        E.
    residual : array, shape (m, n_frames)
        R, rows scaled by the root of their weight.
    noise : array, shape (n_frames,)
        Standard deviation of the frame means up to a factor, whose square is |R y|^2/|R N|^2.
    offset : array, shape (n_frames,), optional
        Taken off the curve before anything else, and the rest divided by `divisor`.
    shift : array, shape (p,), optional
        Added to the estimates.
    settings : mapping
        What was chosen.
    """

    def __init__(  # noqa: PLR0913 - the description of a linear analysis
        self,
        names: tuple[str, ...],
        estimates: FloatArray,
        residual: FloatArray,
        noise: FloatArray,
        *,
        offset: FloatArray | None = None,
        divisor: float = 1.0,
        shift: FloatArray | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.names, self.settings = names, dict(settings or {})
        self._stack = np.ascontiguousarray(np.vstack([estimates, residual]).T)
        self._count = len(names)
        expected = float(np.sum((residual * noise) ** 2))
        self._unit = np.sqrt(np.sum((estimates * noise) ** 2, axis=1))
        self._expected = expected if expected > 0 else np.nan
        self._offset, self._divisor = offset, divisor
        self._shift = np.zeros(len(names)) if shift is None else shift

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Apply the operators."""
        if self._offset is not None:
            block = (block - self._offset) / self._divisor
        parts = block @ self._stack
        left = parts[:, self._count :]
        level = np.sqrt(np.einsum("ij,ij->i", left, left) / self._expected)
        values = {name: parts[:, index] + self._shift[index] for index, name in enumerate(self.names)}
        stderrs = {name: level * self._unit[index] for index, name in enumerate(self.names)}
        return Solution(values, stderrs, np.zeros(level.size, dtype=bool))
