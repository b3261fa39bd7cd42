"""Permutation tests of many markers at once, with covariates, by Freedman and Lane."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurochem.errors import InputError
from neurochem.solve.threads import one_library_thread
from neurochem.units import FloatArray

IntArray = NDArray[np.int64]
_CHUNK = 2000
# Statistics that are equal in exact arithmetic differ by rounding; both must be counted as "at least as large".
_ROUNDING = 1e-9
_NO_SPREAD = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class TestGroup:
    """Markers that share people and covariates.

    Attributes
    ----------
    rows : array of int, shape (n_g,)
        Which people, as positions in the outcome.
    markers : array, shape (n_g, m_g)
        One column a marker, nothing missing.
    covariates : array, shape (n_g, k)
        What to adjust for, without the intercept, which is added.
    columns : array of int, shape (m_g,)
        Place of each marker in the family.
    """

    __test__ = False  # not a test case, whatever its name suggests

    rows: IntArray
    markers: FloatArray
    covariates: FloatArray
    columns: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Permuted:
    """Statistics of a family of markers and their permutation p values.

    Attributes
    ----------
    slope, stderr, t : array, shape (m,)
        Least-squares slope of the outcome on each marker, its classical standard error and t; NaN where a marker says
        nothing beyond the covariates.
    dof : array, shape (m,)
        Degrees of freedom: people minus coefficients.
    p : array, shape (m,)
        Two-sided permutation p of each marker alone.
    p_max : array, shape (m,)
        Two-sided p against the largest |t| of the family: the family-wise error is controlled.
    largest : array, shape (P,)
        Largest |t| of each permutation.
    correlation : array, shape (m, m)
        Correlation of the t values over the permutations.
    permutations : int
        How many were made.
    exhaustive : bool
        Whether these were all that exist (then p = count / P, the observed order among them).
    """

    slope: FloatArray
    stderr: FloatArray
    t: FloatArray
    dof: FloatArray
    p: FloatArray
    p_max: FloatArray
    largest: FloatArray
    correlation: FloatArray
    permutations: int
    exhaustive: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Projected:
    """One group with the covariates taken out, so that a permutation is one matrix product."""

    group: TestGroup
    residual: FloatArray
    units: FloatArray
    lengths: FloatArray
    basis: FloatArray
    dof: int

    def statistics(self, residuals: FloatArray) -> FloatArray:
        """Return t, shape (P, m_g), of residuals in new orders, shape (P, n_g)."""
        products = residuals @ np.column_stack([self.units, self.basis])
        along, taken = products[:, : self.units.shape[1]], products[:, self.units.shape[1] :]
        total = np.einsum("ij,ij->i", residuals, residuals) - np.einsum("ij,ij->i", taken, taken)
        left = np.maximum(total[:, None] - along**2, np.finfo(float).tiny)
        return along * np.sqrt(self.dof / left)


def freedman_lane(
    outcome: FloatArray,
    groups: Sequence[TestGroup],
    *,
    permutations: int,
    rng: np.random.Generator,
    blocks: Sequence[object] | None = None,
) -> Permuted:
    """Test every marker of a family by permuting the outcome's residuals given the covariates.

    Parameters
    ----------
    outcome : array, shape (n,)
        Outcome of every person who is in any group.
    groups : sequence of TestGroup
        Markers by the people and covariates that they share. One shuffle of people serves all markers, so that the
        correlation between markers stays in the distribution of the largest |t|.
    permutations : int
        How many shuffles; where no more than that exist, each is taken once and the p values are exact.
    rng : Generator
        Source of the shuffles.
    blocks : sequence, shape (n,), optional
        Exchangeability blocks (site): people are shuffled within their block only.

    Returns
    -------
    Permuted
        Shuffled p = (1 + #{|t*| >= |t|}) / (1 + P).

    Raises
    ------
    InputError
        If a group has too few people, or permutations is not positive.

    Notes
    -----
    Residuals of the outcome on the covariates are shuffled, added back, and the full model is refitted; the covariates
    are projected out once, and what is left of a refit is one product. The t is studentised, so that unequal leverage
    does not matter much; the p of a marker whose slope differs between blocks in spread is approximate.

    References
    ----------
    Freedman, Lane (1983), J Bus Econ Stat 1:292. Winkler et al. (2014), NeuroImage 92:381. Westfall, Young (1993),
    Resampling-based Multiple Testing (largest statistic).
    """
    if permutations < 1:
        msg = f"permutations is {permutations}; ask for at least 1, and for 1000 or more in an analysis"
        raise InputError(msg)
    codes = np.zeros(outcome.size, dtype=np.int64)
    if blocks is not None:
        codes = np.unique(np.asarray([str(name) for name in blocks]), return_inverse=True)[1].astype(np.int64)
    parts = [_project(outcome, group) for group in groups]
    size = sum(group.columns.size for group in groups)
    observed, slope, stderr, dof = _observed(parts, size)
    exhaustive = _order_count(codes, permutations) <= permutations
    chunks = _every_order(codes) if exhaustive else _random_orders(outcome.size, permutations, rng)
    with one_library_thread():
        counted = _count(parts, observed, codes, chunks)
    extra = 0 if exhaustive else 1
    total = counted.largest.size
    known = np.isfinite(observed)
    return Permuted(
        slope=slope, stderr=stderr, t=observed, dof=dof, largest=counted.largest,
        p=np.where(known, (counted.alone + extra) / (total + extra), np.nan),
        p_max=np.where(known, (counted.family + extra) / (total + extra), np.nan),
        correlation=counted.correlation, permutations=total, exhaustive=exhaustive,
    )  # fmt: skip


def _project(outcome: FloatArray, group: TestGroup) -> _Projected:
    design = np.column_stack([np.ones(group.rows.size), group.covariates])
    basis, triangle = np.linalg.qr(design)
    scale = np.abs(np.diag(triangle))
    # a column that can be computed from those before it takes no degree of freedom
    basis = basis[:, scale > _NO_SPREAD * scale.max()]
    dof = group.rows.size - basis.shape[1] - 1
    if dof < 1:
        msg = f"{group.rows.size} people for {basis.shape[1] + 1} coefficients: at least {basis.shape[1] + 2} are needed; "
        msg += "leave out covariates"
        raise InputError(msg)
    y = outcome[group.rows]
    rest = group.markers - basis @ (basis.T @ group.markers)
    rest -= basis @ (basis.T @ rest)
    lengths = np.linalg.norm(rest, axis=0)
    lengths = np.where(lengths > _NO_SPREAD * np.linalg.norm(group.markers, axis=0), lengths, np.nan)
    return _Projected(group, y - basis @ (basis.T @ y), rest / lengths, lengths, basis, dof)


def _observed(parts: Sequence[_Projected], size: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return t, slope, its standard error and degrees of freedom in the order of the family."""
    t, slope, stderr, dof = (np.full(size, np.nan) for _ in range(4))
    for part in parts:
        index = part.group.columns
        t[index] = part.statistics(part.residual[None])[0]
        slope[index] = part.units.T @ part.residual / part.lengths
        left = np.maximum(part.residual @ part.residual - (slope[index] * part.lengths) ** 2, 0.0)
        stderr[index] = np.sqrt(left / part.dof) / part.lengths
        dof[index] = part.dof
    return t, slope, stderr, dof


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    alone: FloatArray
    family: FloatArray
    largest: FloatArray
    correlation: FloatArray


def _count(parts: Sequence[_Projected], observed: FloatArray, codes: IntArray, chunks: Iterator[FloatArray]) -> _Counts:
    """Return how often a shuffle is at least as extreme, alone and by the largest of the family."""
    size = observed.size
    known = np.isfinite(observed)
    limit = np.abs(observed) * (1.0 - _ROUNDING)
    alone, family = np.zeros(size), np.zeros(size)
    products, largest = np.zeros((size, size)), []
    for keys in chunks:
        t = np.zeros((len(keys), size))
        for part in parts:
            orders = orders_within(keys[:, part.group.rows], codes[part.group.rows])
            t[:, part.group.columns] = part.statistics(part.residual[orders])
        t[:, ~known] = 0.0
        heights = np.abs(t)
        top = heights.max(axis=1, initial=0.0)
        alone += (heights >= limit).sum(axis=0)
        family += (top[:, None] >= limit).sum(axis=0)
        products += t.T @ t
        largest.append(top)
    scale = np.sqrt(np.diag(products))
    scale = np.where(scale > 0, scale, np.nan)
    return _Counts(alone, family, np.concatenate(largest), products / np.outer(scale, scale))


def orders_within(keys: FloatArray, codes: IntArray) -> IntArray:
    """Return shuffles, shape (P, n), that keep everyone within the block of their code.

    Parameters
    ----------
    keys : array, shape (P, n)
        Numbers in [0, 1); their ranks within a block are the shuffle. A part of the columns gives the shuffle of that
        part of the people, in the same relative order.
    codes : array of int, shape (n,)
        Block of each person.
    """
    if not codes.any():
        return np.argsort(keys, axis=1)
    orders = np.empty(keys.shape, dtype=np.int64)
    orders[:, np.argsort(codes, kind="stable")] = np.argsort(codes + keys, axis=1)
    return orders


def _random_orders(people: int, permutations: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    for start in range(0, permutations, _CHUNK):
        yield rng.random((min(_CHUNK, permutations - start), people))


def _order_count(codes: IntArray, limit: int) -> float:
    """Return how many shuffles exist, or infinity where that is surely beyond the limit."""
    sizes = np.bincount(codes).tolist()
    count = math.inf if max(sizes) > 12 else float(math.prod(map(math.factorial, sizes)))
    return count if count <= limit else math.inf


def _every_order(codes: IntArray) -> Iterator[FloatArray]:
    """Return keys of every shuffle within blocks, the observed order first."""
    blocks = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    pending = []
    for combination in itertools.product(*(itertools.permutations(range(rows.size)) for rows in blocks)):
        keys = np.empty(codes.size)
        for rows, ranks in zip(blocks, combination, strict=True):
            keys[rows] = np.array(ranks) / rows.size
        pending.append(keys)
        if len(pending) == _CHUNK:
            yield np.array(pending)
            pending = []
    if pending:
        yield np.array(pending)
