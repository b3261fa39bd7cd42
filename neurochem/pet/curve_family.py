"""A one-parameter family of curves, tabulated so that every voxel's best member is found with a few multiplications."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from neurochem.units import BoolArray, FloatArray

# 48 nodes over eight e-folds and polynomials of degree 7 leave an interpolation error of about 1e-13.
_NODES = 48
_DEGREE = 7
_SPAN_TOLERANCE = 1e-14
_ROUNDS, _MORE_ROUNDS = 4, 40
_CLOSE = 1e-11

# Chebyshev points about a node.
_POINTS = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))

# Maps rates (m,) in 1/min to frame means and their derivatives by rate, each of shape (m, n_frames).
Curves = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
# First and second derivative of the objective at places of all voxels, or of some.
Slopes = Callable[[FloatArray, np.ndarray | None], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, eq=False)
class Found:
    """The best member of the family for each of B voxels, rows scaled by the square root of their weight.

    With f the unit vector of the fixed column (of length `fixed_norm`) and q that of what is left of the curve, the
    curve is g f + m q; the derivative of q by the logarithm of the rate has the length nu and is orthogonal to both.

    Attributes
    ----------
    rate : array, shape (B,)
        1/min.
    along_fixed, along_curve : array, shape (B,)
        Components of the data along f and q.
    size, size_slope, shared, shared_slope, turning : array, shape (B,)
        m, m', g, g' and nu, derivatives by log rate.
    rss : array, shape (B,)
        Weighted residual sum of squares, weights scaled to at most one.
    edge : bool array, shape (B,)
        Whether the search ended at a limit.
    """

    rate: FloatArray
    along_fixed: FloatArray
    along_curve: FloatArray
    size: FloatArray
    size_slope: FloatArray
    shared: FloatArray
    shared_slope: FloatArray
    turning: FloatArray
    rss: FloatArray
    edge: BoolArray


class CurveFamily:
    """Curves c(rate) beside an optional fixed column, ready for a search in blocks of voxels.

    The curves span a space of few dimensions to rounding. Data are projected onto it once; the component along the unit
    curve q(rate) is then a polynomial in log rate about each node, whose stationary point a safeguarded Newton search
    finds. Nothing but that component decides: its square is what the curve explains.

    Parameters
    ----------
    curves : callable
        Maps rates (m,) in 1/min to frame means and their derivatives by rate, each of shape (m, n_frames).
    limits : (float, float)
        Slowest and fastest rate.
    weights : array, shape (n_frames,)
        One over variance; zero leaves a frame out.
    fixed : array, shape (n_frames,), optional
        Column with a free amplitude.
    """

    def __init__(
        self,
        curves: Curves,
        limits: tuple[float, float],
        weights: FloatArray,
        fixed: FloatArray | None = None,
    ) -> None:
        self.root = np.sqrt(weights / np.max(weights))
        self.fixed_norm = 0.0 if fixed is None else float(np.linalg.norm(self.root * fixed))
        unit = np.zeros(self.root.size) if fixed is None else self.root * fixed / self.fixed_norm
        self._nodes = np.linspace(np.log(limits[0]), np.log(limits[1]), _NODES)
        self._spacing = float(self._nodes[1] - self._nodes[0])
        logs = (self._nodes[:, None] + self._spacing * _POINTS).ravel()
        value, slope = curves(np.exp(logs))
        value, slope = self.root * value, self.root * slope * np.exp(logs)[:, None]
        shared = value @ unit
        beside = value - shared[:, None] * unit
        size = np.linalg.norm(beside, axis=1)
        direction = beside / size[:, None]
        moved = slope - (slope @ unit)[:, None] * unit
        moved -= np.sum(moved * direction, axis=1)[:, None] * direction
        turning = np.linalg.norm(moved, axis=1) / size
        span = _span(direction)
        self._scalars = tuple(_polynomials(row[:, None])[:, 0] for row in (size, shared, turning))
        self._directions = _polynomials(direction @ span)
        self._at_nodes = np.ascontiguousarray(self._directions[:, :, 0].T)
        self._projection = np.ascontiguousarray(self.root[:, None] * np.column_stack([unit, span]))

    def search(self, block: FloatArray, *, positive: bool = False) -> Found:
        """Return the best member for every row of a block.

        Parameters
        ----------
        block : array, shape (B, n_frames)
            Frame means.
        positive : bool
            Whether only positive amplitudes count.
        """
        parts = block @ self._projection
        scores = parts[:, 1:] @ self._at_nodes
        if not positive:
            np.abs(scores, out=scores)
        node = scores.argmax(axis=1)
        lines = self._lines(parts[:, 1:], node)
        sign = np.ones(node.size) if positive else np.where(lines[0] < 0, -1.0, 1.0)
        lines *= sign
        place, edge = _maximise(node, lambda place, some: _slopes(lines if some is None else lines[:, some], place))
        return self._found(block, parts[:, 0], node, place, sign * _horner(lines, place)[0], edge)

    def search_near(self, block: FloatArray, centre: FloatArray, strength: FloatArray) -> Found:
        """Return for every row the member that explains most after a penalty on the distance of its log rate.

        Parameters
        ----------
        block : array, shape (B, n_frames)
            Frame means.
        centre : array, shape (B,)
            Log rate that is thought likely.
        strength : array, shape (B,)
            Penalty on the squared distance: the variance of unit noise over that of the log rate about the centre.
        """
        parts = block @ self._projection
        scores = parts[:, 1:] @ self._at_nodes
        np.square(scores, out=scores)
        scores -= strength[:, None] * (self._nodes - centre[:, None]) ** 2
        node = scores.argmax(axis=1)
        lines = self._lines(parts[:, 1:], node)
        offset = (self._nodes[node] - centre) / self._spacing
        pull = strength * self._spacing**2

        def slopes(place: FloatArray, some: np.ndarray | None) -> tuple[FloatArray, FloatArray]:
            own, off, force = (lines, offset, pull) if some is None else (lines[:, some], offset[some], pull[some])
            value, _ = _horner(own, place)
            first, second = _slopes(own, place)
            return value * first - force * (place + off), first**2 + value * second - force

        place, edge = _maximise(node, slopes)
        return self._found(block, parts[:, 0], node, place, _horner(lines, place)[0], edge)

    def curve_alone(self, found: Found) -> Found:
        """Return what a family of the same curves without a fixed column found, in the terms of this one.

        The fixed column's amplitude is then zero, while the geometry beside it says how much it could have been.
        """
        logs = np.log(found.rate)
        node = np.clip(np.rint((logs - self._nodes[0]) / self._spacing), 0, _NODES - 1).astype(int)
        place = (logs - self._nodes[node]) / self._spacing
        geometry = self._geometry(node, place)
        amplitude = found.along_curve / found.size
        return Found(
            rate=found.rate,
            along_fixed=amplitude * geometry["shared"],
            along_curve=amplitude * geometry["size"],
            rss=found.rss,
            edge=found.edge,
            **geometry,
        )

    def _found(
        self,
        block: FloatArray,
        fixed: FloatArray,
        node: np.ndarray,
        place: FloatArray,
        along: FloatArray,
        edge: BoolArray,
    ) -> Found:
        """Return what was found with the geometry of the curve there."""
        weighted = block * self.root
        rss = np.einsum("ij,ij->i", weighted, weighted) - fixed**2 - along**2
        return Found(
            rate=np.exp(self._nodes[node] + self._spacing * place),
            along_fixed=fixed,
            along_curve=along,
            rss=np.maximum(rss, 0.0),
            edge=edge,
            **self._geometry(node, place),
        )

    def _geometry(self, node: np.ndarray, place: FloatArray) -> dict[str, FloatArray]:
        """Return sizes and slopes of the curve at places about nodes."""
        (size, size_slope), (shared, shared_slope), (turning, _) = (
            _horner_of(table, node, place) for table in self._scalars
        )
        return {
            "size": size,
            "size_slope": size_slope / self._spacing,
            "shared": shared,
            "shared_slope": shared_slope / self._spacing,
            "turning": turning,
        }

    def _lines(self, parts: FloatArray, node: np.ndarray) -> FloatArray:
        """Return each voxel's component along the unit curve as a polynomial about its node, shape (degree + 1, B)."""
        order = np.argsort(node.astype(np.uint8), kind="stable")
        sorted_parts = parts[order]
        ends = np.cumsum(np.bincount(node, minlength=_NODES))
        lines = np.empty((node.size, _DEGREE + 1))
        start = 0
        for index, end in enumerate(ends):
            if end > start:
                np.matmul(sorted_parts[start:end], self._directions[index], out=lines[start:end])
            start = end
        unsorted = np.empty_like(lines)
        unsorted[order] = lines
        return np.ascontiguousarray(unsorted.T)


class CurveTable:
    """Curves themselves, and their derivative by rate, at any rates of many voxels.

    Parameters
    ----------
    curves : callable
        As for `CurveFamily`.
    limits : (float, float)
        Slowest and fastest rate.
    root : array, shape (n_frames,)
        Square root of the weights.
    beside : array, shape (n_frames, c)
        Weighted columns that the span must hold too.

    Attributes
    ----------
    span : array, shape (n_frames, d)
        Orthonormal basis of what the weighted curves and columns span.
    """

    def __init__(self, curves: Curves, limits: tuple[float, float], root: FloatArray, beside: FloatArray) -> None:
        self._nodes = np.linspace(np.log(limits[0]), np.log(limits[1]), _NODES)
        self._spacing = float(self._nodes[1] - self._nodes[0])
        logs = (self._nodes[:, None] + self._spacing * _POINTS).ravel()
        value = root * curves(np.exp(logs))[0]
        size = np.linalg.norm(value, axis=1, keepdims=True)
        widths = np.linalg.norm(beside, axis=0)
        self.span = _span(np.vstack([value / size, (beside / np.where(widths > 0, widths, 1.0)).T]))
        self._table = _polynomials(value @ self.span)

    def at(self, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return curves and slopes in the coordinates of the span, shape (*rates.shape, d)."""
        logs = np.log(rates)
        node = np.clip(np.round((logs - self._nodes[0]) / self._spacing).astype(int), 0, _NODES - 1)
        place = ((logs - self._nodes[node]) / self._spacing)[..., None]
        value, slope = _horner(np.moveaxis(self._table[node], -1, 0), place)
        return value, slope / self._spacing / rates[..., None]


def _polynomials(rows: FloatArray) -> FloatArray:
    """Return coefficients in t = (log rate - node)/spacing, shape (n_nodes, n_columns, degree + 1)."""
    values = rows.reshape(_NODES, _POINTS.size, -1)
    fitted = np.linalg.solve(chebyshev.chebvander(_POINTS, _DEGREE), values)
    change = np.array([np.pad(chebyshev.cheb2poly(row), (0, _DEGREE))[: _DEGREE + 1] for row in np.eye(_DEGREE + 1)])
    return np.ascontiguousarray(np.einsum("gkc,kp->gcp", fitted, change))


def _span(rows: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the space that the rows span, shape (n, d)."""
    _, values, right = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(right[values > _SPAN_TOLERANCE * values[0]].T)


def _horner(lines: FloatArray, place: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return value and slope of polynomials, coefficients along the first axis."""
    value, slope = lines[-1].copy(), np.zeros_like(lines[-1])
    for row in lines[-2::-1]:
        slope *= place
        slope += value
        value *= place
        value += row
    return value, slope


def _slopes(lines: FloatArray, place: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return first and second derivative of polynomials."""
    first, second = _DEGREE * lines[-1], np.zeros_like(place)
    for power in range(_DEGREE - 1, 0, -1):
        second *= place
        second += first
        first *= place
        first += power * lines[power]
    return first, second


def _horner_of(table: FloatArray, node: np.ndarray, place: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return value and slope of each voxel's own polynomial from a table of shape (n_nodes, degree + 1)."""
    return _horner(np.take(table.T, node, axis=1), place)


def _maximise(node: np.ndarray, slopes: Slopes) -> tuple[FloatArray, BoolArray]:
    """Return where each objective is largest near its node, and whether that is a limit of the search."""
    low = np.where(node == 0, 0.0, -1.0)
    high = np.where(node == _NODES - 1, 0.0, 1.0)
    place = np.zeros(node.size)
    for _ in range(_ROUNDS):
        step = _newton(*slopes(place, None), place, low, high)
    rest = np.flatnonzero(np.abs(step) > _CLOSE)
    for _ in range(_MORE_ROUNDS):
        if rest.size == 0:
            break
        here, below, above = place[rest], low[rest], high[rest]
        step = _newton(*slopes(here, rest), here, below, above)
        place[rest], low[rest], high[rest] = here, below, above
        rest = rest[np.abs(step) > _CLOSE]
    edge = ((node == 0) | (node == _NODES - 1)) & (place == 0.0)
    return place, edge


def _newton(first: FloatArray, second: FloatArray, place: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Move `place` one safeguarded Newton step towards the maximum, in place; return the step."""
    rising = first > 0
    np.copyto(low, place, where=rising)
    np.copyto(high, place, where=~rising)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        target = place - first / second
    # where the objective is not concave, or Newton leaves the bracket, halve the bracket
    unsafe = ~((second < 0) & (target >= low) & (target <= high))
    np.copyto(target, 0.5 * (low + high), where=unsafe)
    step = target - place
    place[:] = target
    return step
