"""Non-negative least squares of many curves with one dictionary, all at once."""

import numpy as np

from neurochem.units import BoolArray, FloatArray

_MOST_ACTIVE = 12
_ROUNDS = 400
_TOLERANCE = 1e-15


class BlockNonnegative:
    """Lawson and Hanson's active-set method over a block of right sides that share a matrix.

    Parameters
    ----------
    matrix : array, shape (d, m)
        Dictionary; columns that are all zero never enter.
    """

    def __init__(self, matrix: FloatArray) -> None:
        norms = np.linalg.norm(matrix, axis=0)
        self._norms = np.where(norms > 0, norms, 1.0)
        self._matrix = matrix / self._norms
        # a column of zeros after the last stands for an empty place in an active set
        self._rows = np.vstack([self._matrix.T, np.zeros(matrix.shape[0])])
        self._none = matrix.shape[1]

    def solve(self, data: FloatArray) -> tuple[np.ndarray, FloatArray]:
        """Return the active columns and their amplitudes.

        Parameters
        ----------
        data : array, shape (B, d)
            Right sides.

        Returns
        -------
        active : int array, shape (B, 12)
            Columns above zero; m where a place is empty.
        amplitudes : array, shape (B, 12)
            Their amplitudes, zero where empty.
        """
        active = np.full((len(data), _MOST_ACTIVE), self._none)
        amplitudes = np.zeros((len(data), _MOST_ACTIVE))
        limit = _TOLERANCE * np.linalg.norm(data, axis=1)
        rest = np.flatnonzero(limit > 0)
        for _ in range(_ROUNDS):
            if rest.size == 0:
                break
            rest = rest[self._enter(data, active, amplitudes, limit, rest)]
            self._descend(data, active, amplitudes, rest)
        scale = np.append(self._norms, 1.0)[active]
        return active, amplitudes / scale

    def columns(self, active: np.ndarray) -> FloatArray:
        """Return the columns of active sets, zero where a place is empty, shape (B, 12, d)."""
        return np.asarray(self._rows[active] * np.append(self._norms, 1.0)[active][:, :, None])

    def _enter(
        self, data: FloatArray, active: np.ndarray, amplitudes: FloatArray, limit: FloatArray, rest: np.ndarray
    ) -> BoolArray:
        """Let the column of steepest descent into each set; say for which voxels there was one."""
        residual = data[rest] - np.einsum("bk,bkd->bd", amplitudes[rest], self._rows[active[rest]])
        gradient = np.hstack([residual @ self._matrix, np.full((rest.size, 1), -np.inf)])
        np.put_along_axis(gradient, active[rest], -np.inf, axis=1)
        column = gradient.argmax(axis=1)
        place = (active[rest] == self._none).argmax(axis=1)
        room = (active[rest] == self._none).any(axis=1)
        going = room & (np.take_along_axis(gradient, column[:, None], axis=1)[:, 0] > limit[rest])
        active[rest[going], place[going]] = column[going]
        return np.asarray(going)

    def _descend(self, data: FloatArray, active: np.ndarray, amplitudes: FloatArray, rest: np.ndarray) -> None:
        """Move to the least-squares point of each set, dropping columns that reach zero on the way."""
        for _ in range(_MOST_ACTIVE + 1):
            if rest.size == 0:
                return
            sets = active[rest]
            inside = sets != self._none
            trial = self._least_squares(data[rest], sets, inside)
            bad = inside & (trial <= 0)
            done = ~bad.any(axis=1)
            amplitudes[rest[done]] = trial[done]
            rest, trial, bad, sets = rest[~done], trial[~done], bad[~done], sets[~done]
            here = amplitudes[rest]
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(bad, here / (here - trial), np.inf)
            step = np.min(share, axis=1, initial=1.0, keepdims=True)
            moved = here + step * (trial - here)
            dropped = bad & (share <= step)
            active[rest] = np.where(dropped, self._none, sets)
            amplitudes[rest] = np.where(dropped | (active[rest] == self._none), 0.0, moved)

    def _least_squares(self, data: FloatArray, sets: np.ndarray, inside: BoolArray) -> FloatArray:
        """Return the amplitudes of each set, refined once since neighbouring columns are nearly the same."""
        width = max(1, int(np.flatnonzero(inside.any(axis=0))[-1]) + 1)
        columns = self._rows[sets[:, :width]]
        normal = columns @ columns.transpose(0, 2, 1)
        normal += (~inside[:, :width])[:, :, None] * np.eye(width)
        # rounding, not a prior: keeps a set of two equal columns solvable
        normal += 1e-15 * np.eye(width)
        inverse = np.linalg.inv(normal)
        found = np.zeros(columns.shape[:2])
        for _ in range(3):
            residual = data - np.einsum("bk,bkd->bd", found, columns)
            found += np.einsum("bij,bj->bi", inverse, np.einsum("bkd,bd->bk", columns, residual))
        result = np.zeros(sets.shape)
        result[:, :width] = np.where(inside[:, :width], found, 0.0)
        return result
