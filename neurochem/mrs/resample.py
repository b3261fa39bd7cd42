"""Band-limited change of the sampling of a FID."""

import numpy as np

from neurochem.units import ComplexArray, FloatArray

_HALF_WIDTH = 16
_ORDER = 24


def resample(fids: ComplexArray, dwell_s: float, *, new_dwell_s: float, points: int) -> ComplexArray:
    """Return FIDs at other times.

    Parameters
    ----------
    fids : complex array, shape (n, n_points)
        FIDs that start at time zero.
    dwell_s, new_dwell_s : float
        Time between points, old and new (s).
    points : int
        Number of points wanted; zeros follow where the FIDs end.

    Returns
    -------
    complex array, shape (n, points)
        The FIDs at the new times.

    Notes
    -----
    Where the new times are a subset of the old ones the values are copied, which is exact as long as every line lies
    inside the new band.  Otherwise each value is the polynomial through the 32 nearest points (error below 1e-6 for
    lines within half of the band).  A FID has an edge at time zero where no such polynomial exists to the left, so it
    is first continued backwards by linear prediction, which is exact for damped exponentials.  The first point is left
    out of that, because many tools halve it; its ratio to the predicted value is kept.
    """
    ratio = new_dwell_s / dwell_s
    step = round(ratio)
    if step >= 1 and abs(ratio - step) < 1e-6:
        return _padded(fids[:, ::step], points)
    positions = np.arange(points) * ratio
    inside = positions[positions <= fids.shape[1] - 1]
    out = np.zeros((fids.shape[0], points), dtype=complex)
    for row, fid in enumerate(fids):
        extended, factor = _continued(fid)
        out[row, : inside.size] = _local_polynomial(extended, inside + _HALF_WIDTH)
        out[row, 0] *= factor
    return out


def _padded(fids: ComplexArray, points: int) -> ComplexArray:
    out = np.zeros((fids.shape[0], points), dtype=complex)
    count = min(points, fids.shape[1])
    out[:, :count] = fids[:, :count]
    return out


def _continued(fid: ComplexArray) -> tuple[ComplexArray, float]:
    """Return the FID continued to both sides, and the ratio of its first point to the continuation."""
    body = fid[1:]
    if not np.any(body):
        zeros = np.zeros(_HALF_WIDTH, dtype=complex)
        return np.concatenate([zeros, fid, zeros]), 1.0
    early = _backwards(body[:400], _HALF_WIDTH + 1)
    late = _backwards(body[::-1][:400], _HALF_WIDTH)[::-1]
    factor = float(np.real(fid[0] / early[-1])) if abs(early[-1]) > 0 else 1.0
    return np.concatenate([early, body, late]), factor


def _backwards(values: ComplexArray, count: int) -> ComplexArray:
    """Return the `count` points before `values` by linear prediction."""
    order = min(_ORDER, values.size // 3)
    rows = np.lib.stride_tricks.sliding_window_view(values[1:], order)
    coefficients = np.linalg.lstsq(rows, values[: rows.shape[0]], rcond=1e-11)[0]
    known = list(values[:order])
    for _ in range(count):
        known.insert(0, complex(np.dot(coefficients, known[:order])))
    return np.array(known[:count])


def _local_polynomial(values: ComplexArray, positions: FloatArray) -> ComplexArray:
    """Evaluate the polynomial through the 32 points around each position (barycentric form)."""
    width = 2 * _HALF_WIDTH
    start = np.clip(np.floor(positions).astype(int) - _HALF_WIDTH + 1, 0, values.size - width)
    offset = positions - start
    nodes = np.arange(width)
    weights = _binomial_weights(width)
    gap = offset[:, None] - nodes
    exact = np.abs(gap) < 1e-9
    terms = weights / np.where(exact, 1.0, gap)
    # on a node the formula divides zero by zero: the value there is the point itself
    terms = np.where(exact.any(axis=1)[:, None], exact, terms)
    picked = values[start[:, None] + nodes]
    return np.sum(terms * picked, axis=1) / np.sum(terms, axis=1)


def _binomial_weights(width: int) -> FloatArray:
    weights = np.ones(width)
    for index in range(1, width):
        weights[index] = -weights[index - 1] * (width - index) / index
    return weights
