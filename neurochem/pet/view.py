"""How a model sees its input: as frame means, or as values at points in time."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from neurochem.errors import InputError
from neurochem.pet.curves import Curve, frame_edges
from neurochem.pet.frames import Frames
from neurochem.units import FloatArray


class View(Protocol):
    """An input curve, and what models need of it, at n frames or times.

    Attributes
    ----------
    input : array, shape (n,)
        The reference curve or parent plasma.
    blood : array, shape (n,), or None
        Whole blood.
    """

    input: FloatArray
    blood: FloatArray | None

    def convolved(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the input convolved with exp(-rate t) and its derivative by rate, shape (n_rates, n)."""


class FrameView:
    """Exact means over frames; at a frame of zero length, the value."""

    def __init__(self, frames: Frames, curve: Curve, blood: Curve | None = None) -> None:
        start, end = frames.start_min, frames.end_min
        edges, self._first, self._last = frame_edges(start, end)
        self._prepared = curve.prepare(edges)
        self._length = end - start
        self._point = self._length <= 0
        self._make_vessels = None if blood is None else lambda: FrameView(frames, blood)
        self._vessels: FrameView | None = None
        self.input = curve.frame_means(start, end)
        self.blood = None if blood is None else blood.frame_means(start, end)

    def convolved(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the means of the convolution with exp(-rate t), and their derivatives by rate (1/min)."""
        response = self._prepared.response(rates)
        # each frame is one interval between consecutive edges; one without length takes the value at its edge
        interval = np.minimum(self._first, response.integrals.shape[1] - 1)
        length = np.where(self._point, 1.0, self._length)
        value = np.where(self._point, response.at_edges[:, self._first], response.integrals[:, interval] / length)
        slope = response.integrals_by_rate[:, interval] / length
        return value, np.where(self._point, response.at_edges_by_rate[:, self._first], slope)

    def blood_convolved(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return whole blood convolved with exp(-rate t) and its derivative by rate; only where there is blood."""
        if self._make_vessels is None:
            msg = "this model needs whole blood; give blood=ArterialInput(..., whole_blood=...) or a continuous curve"
            raise InputError(msg)
        # few models convolve whole blood, so that it is prepared when one asks
        self._vessels = self._vessels or self._make_vessels()
        return self._vessels.convolved(rates)


class PointView:
    """Values at points in time."""

    def __init__(self, time_min: FloatArray, curve: Curve, blood: Curve | None = None) -> None:
        self._edges = np.unique(np.concatenate([[0.0], time_min]))
        self._index = np.searchsorted(self._edges, time_min)
        self._prepared = curve.prepare(self._edges) if self._edges.size > 1 else None
        self._make_vessels = None if blood is None else lambda: PointView(time_min, blood)
        self._vessels: PointView | None = None
        self.input = curve.values(time_min)
        self.blood = None if blood is None else blood.values(time_min)

    def convolved(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the convolution with exp(-rate t) and its derivative by rate at the times."""
        if self._prepared is None:
            zero = np.zeros((np.atleast_1d(rates).size, self._index.size))
            return zero, zero
        response = self._prepared.response(rates)
        return response.at_edges[:, self._index], response.at_edges_by_rate[:, self._index]

    def blood_convolved(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return whole blood convolved with exp(-rate t) and its derivative by rate; only where there is blood."""
        if self._make_vessels is None:
            msg = "this model needs whole blood; give blood=ArterialInput(..., whole_blood=...) or a continuous curve"
            raise InputError(msg)
        # few models convolve whole blood, so that it is prepared when one asks
        self._vessels = self._vessels or self._make_vessels()
        return self._vessels.convolved(rates)
