"""Sums of exponentials with different onsets, still in closed form."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.curves import Curve, ExponentialSum, Prepared, _PreparedExponentials
from neurochem.units import FloatArray


class JoinedExponentials(Curve):
    """The sum of several `ExponentialSum`, each with its own onset.

    Parameters
    ----------
    parts : sequence of ExponentialSum
        At least one.
    """

    @checked_arguments
    def __init__(self, parts: Sequence[ExponentialSum]) -> None:
        self.parts = tuple(parts)
        if not self.parts:
            msg = "no parts were given; a sum of exponentials needs at least one"
            raise InputError(msg)

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at some times."""
        return np.asarray(sum(part.values(time_min) for part in self.parts), dtype=float)

    def prepare(self, edges_min: FloatArray) -> Prepared:
        """Return the curve cut at edges and at every onset."""
        edges = np.asarray(edges_min, dtype=float)
        onsets = [part.onset for part in self.parts if edges[0] < part.onset < edges[-1]]
        return _PreparedSum(edges, np.union1d(edges, onsets), self.parts)

    def shifted(self, shift_min: float) -> "JoinedExponentials":
        """Return the curve later by some minutes."""
        return JoinedExponentials([ExponentialSum(list(part.terms), part.onset + shift_min) for part in self.parts])


class _PreparedSum(Prepared):
    def __init__(self, edges: FloatArray, cuts: FloatArray, parts: Sequence[ExponentialSum]) -> None:
        super().__init__(edges, cuts)
        self.prepared = [_PreparedExponentials(edges, cuts, part) for part in parts]

    def pieces(self, rates: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        found = [part.pieces(rates) for part in self.prepared]
        end, inside, end_by, inside_by = (np.sum(group, axis=0) for group in zip(*found, strict=True))
        return end, inside, end_by, inside_by
