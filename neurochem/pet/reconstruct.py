"""A continuous curve rebuilt from frame means, so that its own frame means are those given."""

import numpy as np
from scipy.interpolate import CubicSpline

from neurochem.arguments import checked_arguments
from neurochem.pet.curves import PiecewisePolynomial, frame_edges
from neurochem.pet.frames import Frames
from neurochem.pet.moments import power_moments
from neurochem.units import FloatArray


class FrameSpline:
    """The cubic spline of the cumulative integral, as a linear map from frame means to a curve.

    Parameters
    ----------
    frames : Frames
        Frames of the curve; those of zero length carry no information and are skipped.
    start_is_zero : bool
        Whether nothing was there before a late first frame. If not, the missing start is bridged like a gap.

    Notes
    -----
    The cumulative integral is known exactly at the edges of contiguous frames; its cubic spline, with slope zero at
    injection and no knot at the last inner edge, has a derivative that is a continuous piecewise quadratic with
    exactly the given frame means. Over stretches that no frame covers, the missing means are those that make the
    integral of the squared second derivative of the curve least; such a curve is an assumption, and results flag it.

    Attributes
    ----------
    nodes : array, shape (m + 1,)
        Edges in minutes.
    coefficients : array, shape (m, 3, n_frames)
        Maps frame means to the coefficients of each piece.
    bridged : bool
        Whether part of the curve is assumed.
    """

    @checked_arguments
    def __init__(self, frames: Frames, *, start_is_zero: bool = True) -> None:
        self.frames = frames
        measured = frames.measured
        start, end = frames.start_min[measured], frames.end_min[measured]
        self.nodes, first, last = frame_edges(start, end)
        count = self.nodes.size - 1
        covered = np.zeros(count, dtype=bool)
        covered[first] = True
        widths = np.diff(self.nodes)
        # increments of the cumulative integral, one unit vector for each interval
        cumulative = np.vstack([np.zeros(count), np.tril(np.ones((count, count)))]) * np.concatenate([widths])
        pieces = _quadratics(self.nodes, cumulative)
        missing = ~covered
        if start_is_zero and not covered[0]:
            missing[0] = False
        spread = np.zeros((count, len(frames)))
        spread[first, np.flatnonzero(measured)] = 1.0
        self.bridged = bool(missing.any())
        if self.bridged:
            rough = pieces[:, 2, :] * np.sqrt(widths)[:, None]
            spread[missing] = -np.linalg.lstsq(rough[:, missing], rough @ spread, rcond=None)[0]
        self.coefficients = pieces @ spread
        self._index = (first, last, np.flatnonzero(measured))

    def curve(self, means: FloatArray) -> PiecewisePolynomial:
        """Return the curve through one set of frame means, shape (n_frames,)."""
        return PiecewisePolynomial(self.nodes, self.coefficients @ means)

    def integral_operator(self) -> FloatArray:
        """Return the matrix that maps frame means to frame means of the integral from injection.

        Returns
        -------
        array, shape (n_frames, n_frames)
            Row i gives (1/d_i) int over frame i of int_0^t C; rows of frames without length are zero.
        """
        return self.convolution_operator(0.0)

    def convolution_operator(self, rate: float) -> FloatArray:
        """Return the matrix that maps frame means to frame means of the convolution with exp(-rate t).

        Parameters
        ----------
        rate : float
            1/min, not negative.

        Returns
        -------
        array, shape (n_frames, n_frames)
            Rows of frames without length are zero.
        """
        width = np.diff(self.nodes)
        phi = power_moments(rate * width, 3)
        end = np.stack([width ** (j + 1) * phi[j] for j in range(3)], axis=1)
        inside = np.stack([width ** (j + 1) * phi[j + 1] / (j + 1) for j in range(3)], axis=1)
        at_end = np.einsum("ij,ijn->in", end, self.coefficients)
        lag = self.nodes[None, :-1] - self.nodes[1:, None]
        fade = np.where(lag >= -1e-12, np.exp(-rate * np.maximum(lag, 0.0)), 0.0)
        means = np.einsum("ij,ijn->in", inside, self.coefficients) + (fade.T @ at_end) * phi[0][:, None]
        operator = np.zeros((len(self.frames), len(self.frames)))
        first, _, measured = self._index
        operator[measured] = means[first]
        return operator


def _quadratics(nodes: FloatArray, cumulative: FloatArray) -> FloatArray:
    """Return the derivative of the cubic spline through cumulative integrals, shape (m, 3, n)."""
    if nodes.size == 2:
        # a single frame from injection on: a line from zero with that mean
        slope = 2.0 * cumulative[1] / nodes[1] ** 2
        return np.stack([np.zeros_like(slope), slope, np.zeros_like(slope)])[None]
    flat = np.zeros(cumulative.shape[1])
    end = "not-a-knot" if nodes.size > 3 else (2, flat)
    cubic = CubicSpline(nodes, cumulative, axis=0, bc_type=((1, flat), end)).c
    return np.stack([cubic[2], 2.0 * cubic[1], 3.0 * cubic[0]], axis=1)
