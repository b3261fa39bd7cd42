"""Likelihood of a yes-or-no outcome and noisy markers whose errors are known, for many cohorts at once.

W = X + U with U ~ N(0, S) known, X | Z ~ N(A'Z, T), logit P(y = 1) = g'Z + beta'X. Given W and Z the log-odds is normal,
with mean u = g'Z + beta'W - beta'SKe and variance v = beta'S beta - beta'SKS beta, where K = (T + S)^-1 and e = W - A'Z;
the probability is its average (`logistic_normal`).
"""

import math
from dataclasses import dataclass

import numpy as np

from neurochem.response.measurement_error.logistic_normal import LogProbability, log_probability
from neurochem.response.measurement_error.newton import IntArray, Place, climb
from neurochem.response.measurement_error.structural import inverses
from neurochem.units import BoolArray, FloatArray

# Left to gain where the slope is held: the end of an interval is then right to 1e-8 of its width.
_ENOUGH_HELD, _STEPS_HELD = 1e-9, 80


@dataclass(frozen=True, slots=True, eq=False)
class BinaryCohorts:
    """Rows of B cohorts of n people with q noisy markers, the one asked about last, and p error-free terms.

    Attributes
    ----------
    outcome, present : array, shape (B, n)
        0 or 1; 1 where a person takes part.
    markers : array, shape (B, n, q)
        Noisy values.
    noise : array, shape (B, n, q, q)
        Covariance of their errors, positive definite.
    terms : array, shape (B, n, p)
        Error-free columns, the intercept among them.
    """

    outcome: FloatArray
    markers: FloatArray
    noise: FloatArray
    terms: FloatArray
    present: FloatArray

    def chosen(self, rows: BoolArray | FloatArray | IntArray) -> "BinaryCohorts":
        """Return some of the cohorts."""
        return BinaryCohorts(*(getattr(self, name)[rows] for name in self.__slots__))

    def evaluate(self, values: FloatArray) -> Place:
        """Return likelihood and derivatives for every cohort."""
        return evaluate(self, values)

    @property
    def people(self) -> FloatArray:
        """Number of people in each cohort, shape (B,)."""
        return self.present.sum(axis=1)

    @property
    def layout(self) -> "Layout":
        """Where each kind of parameter stands."""
        return Layout(self.terms.shape[2], self.markers.shape[2])


@dataclass(frozen=True, slots=True)
class Layout:
    """Order of the parameters: g, A (a column a marker), beta, the lower triangle of the Cholesky factor of T."""

    columns: int
    markers: int

    @property
    def slope(self) -> int:
        """Index of the slope asked about."""
        return self.columns * (1 + self.markers) + self.markers - 1

    @property
    def triangle(self) -> list[tuple[int, int]]:
        """Entries of the Cholesky factor of T in order."""
        return [(i, j) for i in range(self.markers) for j in range(i + 1)]

    def parts(self, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return g (B, p), A (B, q, p), beta (B, q) and the Cholesky factor of T (B, q, q)."""
        p, q = self.columns, self.markers
        factor = np.zeros((len(values), q, q))
        first = p * (1 + q) + q
        for k, (i, j) in enumerate(self.triangle):
            factor[:, i, j] = values[:, first + k]
        return values[:, :p], values[:, p : p * (1 + q)].reshape(-1, q, p), values[:, p * (1 + q) : first], factor


def evaluate(cohorts: BinaryCohorts, values: FloatArray) -> Place:
    """Return likelihood and derivatives for every cohort."""
    layout, terms, present = cohorts.layout, cohorts.terms, cohorts.present
    count, (p, q) = len(values), (layout.columns, layout.markers)
    height, pull, bend = _people(cohorts, values)
    pull, bend = pull * present[..., None], bend * present[..., None, None]
    turned = terms.swapaxes(1, 2)
    linear, size = 1 + q, values.shape[1]
    gradient, hessian = np.empty((count, size)), np.empty((count, size, size))
    gradient[:, : p * linear] = (turned @ pull[..., :linear]).swapaxes(1, 2).reshape(count, -1)
    gradient[:, p * linear :] = pull[..., linear:].sum(axis=1)
    for i in range(linear):
        rows = slice(i * p, (i + 1) * p)
        for j in range(linear):
            hessian[:, rows, j * p : (j + 1) * p] = turned @ (bend[..., i, j, None] * terms)
        hessian[:, rows, p * linear :] = turned @ bend[..., i, linear:]
        hessian[:, p * linear :, rows] = hessian[:, rows, p * linear :].swapaxes(1, 2)
    hessian[:, p * linear :, p * linear :] = bend[..., linear:, linear:].sum(axis=1)
    return Place(values, np.sum(height * present, axis=1), gradient, -hessian)


@dataclass(frozen=True, slots=True, eq=False)
class _Local:
    """Quantities of one person that all derivatives are made of; shapes (B, n, q) and (B, n, q, q)."""

    error: FloatArray  # W - A'Z
    inverse: FloatArray  # K
    pulled: FloatArray  # K e
    slope: FloatArray  # beta
    moved: FloatArray  # K S beta
    seen: LogProbability
    log_determinant: FloatArray


def _people(cohorts: BinaryCohorts, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log-likelihood of each person, with derivatives along (g'Z, A'Z, beta, factor of T)."""
    layout, noise = cohorts.layout, cohorts.noise
    g, a, beta, factor = layout.parts(values)
    error = cohorts.markers - cohorts.terms @ a.swapaxes(1, 2)
    inverse, log_determinant = inverses((factor @ factor.swapaxes(1, 2))[:, None] + noise)
    pulled = np.einsum("bnij,bnj->bni", inverse, error)
    shared = np.einsum("bnij,bj->bni", noise, beta)
    moved = np.einsum("bnij,bnj->bni", inverse, shared)
    mean = np.einsum("bnk,bk->bn", cohorts.terms, g) + np.einsum("bni,bi->bn", cohorts.markers, beta)
    mean = mean - np.sum(shared * pulled, axis=2)
    variance = np.maximum(np.einsum("bni,bi->bn", shared, beta) - np.sum(shared * moved, axis=2), 0.0)
    seen = log_probability(cohorts.outcome, mean, variance)
    local = _Local(error, inverse, pulled, beta, moved, seen, log_determinant)
    height = seen.value - 0.5 * (log_determinant + np.sum(error * pulled, axis=2))
    height -= 0.5 * layout.markers * math.log(2.0 * math.pi)
    pull, bend = _derivatives(cohorts, local, factor)
    return height, pull, bend


def _derivatives(cohorts: BinaryCohorts, local: _Local, factor: FloatArray) -> tuple[FloatArray, FloatArray]:
    layout, noise, seen = cohorts.layout, cohorts.noise, local.seen
    q, entries = layout.markers, layout.triangle
    steps, changes = _directions(factor, entries)
    k, h, b = local.inverse, local.pulled, local.moved
    size = 1 + 2 * q + len(entries)
    centre, slope, spread = slice(1, 1 + q), slice(1 + q, 1 + 2 * q), slice(1 + 2 * q, size)
    # D h, D b and K D h, K D b for every direction D of T, shape (B, n, k, q)
    dh = np.einsum("bkij,bnj->bnki", changes, h)
    db = np.einsum("bkij,bnj->bnki", changes, b)
    kdh, kdb = dh @ k, db @ k
    u, v = np.zeros((*h.shape[:2], size)), np.zeros((*h.shape[:2], size))
    u[..., 0], u[..., centre] = 1.0, b
    u[..., slope] = cohorts.markers - np.einsum("bnij,bnj->bni", noise, h)
    v[..., slope] = 2.0 * np.einsum("bnij,bnj->bni", noise, local.slope[:, None] - b)
    u[..., spread] = np.einsum("bnki,bni->bnk", dh, b)
    v[..., spread] = np.einsum("bnki,bni->bnk", db, b)
    pull = seen.u[..., None] * u + seen.v[..., None] * v
    cross = seen.uv[..., None, None] * (u[..., :, None] * v[..., None, :])
    bend = seen.uu[..., None, None] * (u[..., :, None] * u[..., None, :]) + cross + cross.swapaxes(-1, -2)
    bend += seen.vv[..., None, None] * (v[..., :, None] * v[..., None, :])
    by_u, by_v = seen.u[..., None, None], seen.v[..., None, None]
    half = np.zeros_like(bend)
    half[..., slope, centre] = by_u * (noise @ k)
    half[..., slope, spread] = ((by_u * kdh + 2.0 * by_v * kdb) @ noise).swapaxes(-1, -2)
    half[..., centre, spread] = -(by_u * kdb + kdh).swapaxes(-1, -2)
    bend += half + half.swapaxes(-1, -2)
    bend[..., slope, slope] += 2.0 * by_v * (noise - noise @ k @ noise)
    bend[..., centre, centre] -= k
    mixed = db @ kdh.swapaxes(-1, -2)
    bend[..., spread, spread] -= by_u * (mixed + mixed.swapaxes(-1, -2)) + 2.0 * by_v * (db @ kdb.swapaxes(-1, -2))
    kd = k[:, :, None] @ changes[:, None]
    flat = kd.reshape(*kd.shape[:3], -1)
    turned = kd.swapaxes(-1, -2).reshape(*kd.shape[:3], -1)
    bend[..., spread, spread] += 0.5 * flat @ turned.swapaxes(-1, -2) - dh @ kdh.swapaxes(-1, -2)
    pull[..., centre] += h
    outer = h[..., :, None] * h[..., None, :]
    pull[..., spread] += 0.5 * np.einsum("bkij,bnij->bnk", changes, outer - k)
    # the factor enters T twice, which bends T along its directions
    bh = b[..., :, None] * h[..., None, :]
    curved = by_u * 0.5 * (bh + bh.swapaxes(-1, -2)) + by_v * (b[..., :, None] * b[..., None, :]) + 0.5 * (outer - k)
    bend[..., spread, spread] += 2.0 * np.einsum("bkia,bnij,blja->bnkl", steps, curved, steps, optimize=True)
    return pull, bend


def _directions(factor: FloatArray, entries: list[tuple[int, int]]) -> tuple[FloatArray, FloatArray]:
    """Return the directions of the factor and what they change in T, both shape (B, k, q, q)."""
    count, size, _ = factor.shape
    steps = np.zeros((count, len(entries), size, size))
    for index, (i, j) in enumerate(entries):
        steps[:, index, i, j] = 1.0
    changes = steps @ factor[:, None].swapaxes(2, 3)
    return steps, changes + changes.swapaxes(2, 3)


def start(cohorts: BinaryCohorts) -> FloatArray:
    """Return parameters from the mean of the outcome, least squares of the markers, and moments; no slope."""
    weight = cohorts.present[:, :, None]
    terms = cohorts.terms * weight
    turned = terms.swapaxes(1, 2)
    targets = np.concatenate([(4.0 * cohorts.outcome - 2.0)[..., None], cohorts.markers], axis=2)
    found = np.linalg.solve(turned @ terms, turned @ targets)
    residual = (cohorts.markers - cohorts.terms @ found[..., 1:]) * weight
    people = cohorts.people[:, None, None]
    total = residual.swapaxes(1, 2) @ residual / people
    noise = np.sum(cohorts.noise * weight[..., None], axis=1) / people
    scale = np.sqrt(np.einsum("bii->bi", total))
    size = scale[:, :, None] * scale[:, None, :]
    values, vectors = np.linalg.eigh((total - noise) / size)
    spread = (vectors * np.maximum(values, 0.1)[:, None, :]) @ vectors.swapaxes(1, 2) * size
    factor = np.linalg.cholesky(spread)
    triangle = np.stack([factor[:, i, j] for i, j in cohorts.layout.triangle], axis=1)
    straight = found.swapaxes(1, 2).reshape(len(found), -1)
    return np.concatenate([straight, np.zeros((len(found), cohorts.layout.markers)), triangle], axis=1)


def maximise(cohorts: BinaryCohorts, values: FloatArray, *, slope: FloatArray | None = None) -> Place:
    """Climb to the maximum of the likelihood, the slope held where it is given, by damped Newton steps."""
    which = cohorts.layout.slope
    if slope is None:
        return climb(cohorts, values, steep=(which,))
    values = values.copy()
    values[:, which] = slope
    return climb(cohorts, values, held=np.full(len(values), which), enough=_ENOUGH_HELD, steps=_STEPS_HELD)
