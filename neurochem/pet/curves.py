"""Continuous curves whose convolution with an exponential, and its frame means, are exact.

A curve is zero before its first moment. Times are minutes after injection.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import comb, factorial
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.pet.moments import exponential_divided_differences, power_moments
from neurochem.units import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A curve convolved with exp(-rate t), for each of several rates.

    Attributes
    ----------
    at_edges : array, shape (n_rates, n_edges)
        Value at each edge; the first is zero.
    integrals : array, shape (n_rates, n_edges - 1)
        Integral between consecutive edges.
    at_edges_by_rate, integrals_by_rate : arrays
        Their derivatives with respect to the rate.
    """

    at_edges: FloatArray
    integrals: FloatArray
    at_edges_by_rate: FloatArray
    integrals_by_rate: FloatArray


class Prepared(ABC):
    """A curve cut at the edges of frames, ready to be convolved with many rates.

    Subclasses give what each piece contributes at its own end (and inside); joining the pieces is common: each
    contribution decays to the edges that follow.
    """

    def __init__(self, edges: FloatArray, cuts: FloatArray) -> None:
        self.edges = edges
        self.cuts = cuts
        self.lengths = np.diff(cuts)
        # each piece lies in one interval between edges
        self.owner = np.searchsorted(edges, cuts[:-1], side="right") - 1
        self.first = np.searchsorted(self.owner, np.arange(edges.size - 1))
        self.rest = edges[self.owner + 1] - cuts[1:]

    @abstractmethod
    def pieces(self, rates: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return value at the end of each piece, integral within it, and both derivatives, shape (n_rates, n_pieces)."""

    def response(self, rates: ArrayLike) -> Response:
        """Return the convolution with exp(-rate t) for each rate (1/min, not negative)."""
        rate = np.atleast_1d(np.asarray(rates, dtype=float))[:, None]
        end, inside, end_by, inside_by = self.pieces(rate)
        # carry every piece to the end of its interval
        if self.rest.any():
            fade = np.exp(-rate * self.rest)
            spread, slope = _spread(rate, self.rest)
            inside_by = inside_by + end_by * spread + end * slope
            inside = inside + end * spread
            end_by = (end_by - self.rest * end) * fade
            end = end * fade
        carried, carried_by, within, within_by = (
            np.add.reduceat(part, self.first, axis=1) for part in (end, end_by, inside, inside_by)
        )
        # and from there to every later edge
        lag = self.edges[None, 1:] - self.edges[1:, None]
        reach = np.where(lag >= 0, np.exp(-rate[:, :, None] * np.maximum(lag, 0.0)), 0.0)
        value, value_by, older = (
            np.matmul(part[:, None, :], weight)[:, 0]
            for part, weight in ((carried, reach), (carried_by, reach), (carried, reach * lag))
        )
        value_by = value_by - older
        zero = np.zeros((rate.shape[0], 1))
        at_edges, at_edges_by = np.hstack([zero, value]), np.hstack([zero, value_by])
        spread, slope = _spread(rate, np.diff(self.edges))
        return Response(
            at_edges,
            within + at_edges[:, :-1] * spread,
            at_edges_by,
            within_by + at_edges_by[:, :-1] * spread + at_edges[:, :-1] * slope,
        )


def _spread(rate: FloatArray, length: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the integral of exp(-rate t) over a length and its derivative with respect to the rate."""
    zeroth, first = power_moments(rate * length, 1)
    return length * zeroth, -(length**2) * (zeroth - first)


class Curve(ABC):
    """A function of time in minutes that is zero before injection."""

    made_by: ClassVar[str] = "for example an ArterialInput or Feng"

    @abstractmethod
    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at some times."""

    @abstractmethod
    def prepare(self, edges_min: FloatArray) -> Prepared:
        """Return the curve cut at ascending edges, the first of which is zero."""

    def frame_means(self, start_min: ArrayLike, end_min: ArrayLike) -> FloatArray:
        """Return the exact mean over each frame; the value itself where a frame has no length."""
        start, end = np.asarray(start_min, dtype=float), np.asarray(end_min, dtype=float)
        edges, first, last = frame_edges(start, end)
        cumulative = self.prepare(edges).response(0.0).at_edges[0]
        length = np.where(end > start, end - start, 1.0)
        return np.where(end > start, (cumulative[last] - cumulative[first]) / length, self.values(start))

    def convolved_values(self, rate: float, time_min: ArrayLike) -> FloatArray:
        """Return the convolution with exp(-rate t) at some times."""
        times = np.atleast_1d(np.asarray(time_min, dtype=float))
        edges = np.unique(np.concatenate([[0.0], times]))
        return self.prepare(edges).response(rate).at_edges[0][np.searchsorted(edges, times)]


def frame_edges(start_min: FloatArray, end_min: FloatArray) -> tuple[FloatArray, np.ndarray, np.ndarray]:
    """Return all edges of frames from zero on, and the index of each frame's start and end among them."""
    edges = np.unique(np.concatenate([[0.0], start_min, end_min]))
    return edges, np.searchsorted(edges, start_min), np.searchsorted(edges, end_min)


class PiecewisePolynomial(Curve):
    """Polynomials joined at nodes.

    Parameters
    ----------
    nodes_min : array, shape (n + 1,)
        Ascending nodes.
    coefficients : array, shape (n, degree + 1)
        Coefficient of each power of (t - start of piece), lowest first.
    """

    @checked_arguments
    def __init__(self, nodes_min: FloatArray, coefficients: FloatArray) -> None:
        self.nodes = np.asarray(nodes_min, dtype=float)
        self.coefficients = np.asarray(coefficients, dtype=float)

    @classmethod
    def linear(cls, time_min: FloatArray, values: FloatArray) -> "PiecewisePolynomial":
        """Return straight lines through samples."""
        slopes = np.diff(values) / np.diff(time_min)
        return cls(time_min, np.column_stack([values[:-1], slopes]))

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at some times, zero before the first node; after the last node the input does not reach."""
        times = np.asarray(time_min, dtype=float)
        self._check_reach(float(np.max(times, initial=0.0)))
        piece = np.clip(np.searchsorted(self.nodes, times, side="right") - 1, 0, self.nodes.size - 2)
        offset = times - self.nodes[piece]
        total = np.zeros(times.shape)
        for power in range(self.coefficients.shape[1] - 1, -1, -1):
            total = total * offset + self.coefficients[piece, power]
        return np.where(times < self.nodes[0], 0.0, total)

    def _check_reach(self, latest: float) -> None:
        if latest > self.nodes[-1] * (1 + 1e-9) + 1e-9:
            msg = (
                f"the curve ends at {self.nodes[-1] * 60:.1f} s but is needed until {latest * 60:.1f} s; "
                "give samples until the end of the last frame, or leave later frames out"
            )
            raise InputError(msg)

    def prepare(self, edges_min: FloatArray) -> Prepared:
        """Return the curve cut at nodes and edges."""
        self._check_reach(float(edges_min[-1]))
        cuts = np.union1d(edges_min, self.nodes[(self.nodes > edges_min[0]) & (self.nodes < edges_min[-1])])
        piece = np.clip(np.searchsorted(self.nodes, cuts[:-1], side="right") - 1, 0, self.nodes.size - 2)
        offset = cuts[:-1] - self.nodes[piece]
        before = cuts[:-1] < self.nodes[0]
        degree = self.coefficients.shape[1] - 1
        shifted = np.zeros((cuts.size - 1, degree + 1))
        for power in range(degree + 1):
            for higher in range(power, degree + 1):
                shifted[:, power] += comb(higher, power) * self.coefficients[piece, higher] * offset ** (higher - power)
        shifted[before] = 0.0
        return _PreparedPolynomial(np.asarray(edges_min, dtype=float), cuts, shifted)


class _PreparedPolynomial(Prepared):
    def __init__(self, edges: FloatArray, cuts: FloatArray, coefficients: FloatArray) -> None:
        super().__init__(edges, cuts)
        powers = np.arange(coefficients.shape[1])
        self.scaled = coefficients * self.lengths[:, None] ** (powers + 1)

    def pieces(self, rates: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        # a piece u^j gives h phi_j at its end and h^2 phi_{j+1}/(j+1) inside; d phi_j/dx = -(phi_j - phi_{j+1})
        count = self.scaled.shape[1]
        length = self.lengths
        phi = power_moments(rates * length, count + 1)
        end = sum(self.scaled[:, j] * phi[j] for j in range(count))
        end_by = -length * sum(self.scaled[:, j] * (phi[j] - phi[j + 1]) for j in range(count))
        inside = length * sum(self.scaled[:, j] * phi[j + 1] / (j + 1) for j in range(count))
        inside_by = -(length**2) * sum(self.scaled[:, j] * (phi[j + 1] - phi[j + 2]) / (j + 1) for j in range(count))
        return np.asarray(end), np.asarray(inside), np.asarray(end_by), np.asarray(inside_by)


@checked_fields
@dataclass(frozen=True, slots=True)
class Term:
    """One term: amplitude x tau^power x exp(-rate tau), tau the time since onset in minutes."""

    amplitude: float
    rate: float
    power: int = 0


class ExponentialSum(Curve):
    """A sum of exponentials times powers of time, from an onset on.

    Parameters
    ----------
    terms : sequence of Term
        Amplitudes in kBq/mL per min^power, rates in 1/min.
    onset_min : float
        Time at which the curve starts; not negative.
    """

    @checked_arguments
    def __init__(self, terms: list[Term], onset_min: float = 0.0) -> None:
        if onset_min < 0:
            msg = f"onset is {onset_min} min; it must not lie before injection"
            raise InputError(msg)
        self.terms = tuple(terms)
        self.onset = float(onset_min)

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return the curve at some times."""
        tau = np.asarray(time_min, dtype=float) - self.onset
        later = np.maximum(tau, 0.0)
        total = sum(term.amplitude * later**term.power * np.exp(-term.rate * later) for term in self.terms)
        return np.where(tau > 0, total, 0.0)

    def prepare(self, edges_min: FloatArray) -> Prepared:
        """Return the curve cut at edges and onset."""
        inside = (self.onset > edges_min[0]) and (self.onset < edges_min[-1])
        cuts = np.union1d(edges_min, [self.onset]) if inside else np.asarray(edges_min, dtype=float)
        return _PreparedExponentials(np.asarray(edges_min, dtype=float), cuts, self)

    def convolved(self, scale: float, rate: float) -> "ExponentialSum":
        """Return scale x exp(-rate t) convolved with this curve, again as a sum of exponentials.

        Partial fractions; a rate that equals one of the terms raises its power. Rates that differ from a term's by
        less than 1e-4 of it lose digits and are refused.
        """
        terms: list[Term] = []
        for term in self.terms:
            gap = rate - term.rate
            if gap == 0.0:
                terms.append(Term(scale * term.amplitude / (term.power + 1), rate, term.power + 1))
                continue
            if abs(gap) < 1e-4 * max(abs(rate), abs(term.rate)):
                msg = f"rate {rate} /min is too close to the term's {term.rate} /min; make them equal or further apart"
                raise InputError(msg)
            # int_0^tau s^p e^{-Ls} e^{-r(tau-s)} ds, integrated by parts p times
            for power in range(term.power + 1):
                sign = (-1.0) ** (term.power - power)
                weight = sign * factorial(term.power) / factorial(power) / gap ** (term.power - power + 1)
                terms.append(Term(scale * term.amplitude * weight, term.rate, power))
            last = -((-1.0) ** term.power) * factorial(term.power) / gap ** (term.power + 1)
            terms.append(Term(scale * term.amplitude * last, rate))
        return ExponentialSum(terms, self.onset)


class _PreparedExponentials(Prepared):
    def __init__(self, edges: FloatArray, cuts: FloatArray, curve: ExponentialSum) -> None:
        super().__init__(edges, cuts)
        begin = cuts[:-1] - curve.onset
        alive = begin >= -1e-12
        begin = np.maximum(begin, 0.0)
        # (a + s)^p exp(-L(a + s)) = exp(-La) sum over q of binomial(p, q) a^(p-q) s^q exp(-Ls)
        self.parts: dict[tuple[float, int], FloatArray] = {}
        for term in curve.terms:
            base = np.where(alive, term.amplitude * np.exp(-term.rate * begin), 0.0)
            for power in range(term.power + 1):
                part = base * comb(term.power, power) * begin ** (term.power - power)
                key = (term.rate, power)
                self.parts[key] = self.parts.get(key, 0.0) + part

    def pieces(self, rates: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        length = np.broadcast_to(self.lengths, (rates.shape[0], self.lengths.size))
        zero, decay = np.zeros(length.shape), -rates * length
        end, inside, end_by, inside_by = (np.zeros(length.shape) for _ in range(4))
        for (rate, power), amplitude in self.parts.items():
            own = [-rate * length] * (power + 1)
            first = exponential_divided_differences(np.stack([*own, decay, zero, decay], axis=-1))
            second = exponential_divided_differences(np.stack([*own, decay, decay], axis=-1))
            scale = amplitude * factorial(power) * length ** (power + 1)
            end += scale * first[..., power + 1]
            inside += scale * length * first[..., power + 2]
            end_by -= scale * length * second[..., power + 2]
            inside_by -= scale * length**2 * first[..., power + 3]
        return end, inside, end_by, inside_by
