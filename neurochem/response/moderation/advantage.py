"""Personalised advantage index: for whom which arm looks better, by models that did not see the person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.response.design_columns import as_vector
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from neurochem.response.cohort import Cohort

_TINY = 1e-9
_LEAST_PER_ARM = 10


@dataclass(frozen=True, slots=True, eq=False)
class Advantage:
    """Who would do better in which arm, and whether following that would have helped.

    Attributes
    ----------
    table : DataFrame
        One row a person: participant_id, arm (0 or 1), outcome, index (predicted outcome in arm 1 less that in arm 0, by
        models that did not see the person), recommended (0 or 1), followed (whether the arm received is that one).
    benefit, low, high : float
        Mean outcome of those who happened to receive the recommended arm, less that of the others, signed so that
        positive is better; 95 % interval of a bootstrap that repeats everything. Outcome units.
    over_best_arm, over_low, over_high : float
        Mean outcome if everyone followed the recommendation, less that if everyone were given the one arm that was better
        on average among the others; signed and with an interval like the benefit. Only this speaks for choosing by person:
        where one arm is better for everyone, the benefit is that arm's, and this is nothing.
    in_sample_benefit : float
        The same by models that saw the person: optimistic, never to be quoted alone.
    randomized : bool
        Whether arms were assigned at random, without which the benefit compares unlike people.
    arms : tuple of str
        Names of arm 0 and 1.
    folds, repeats, bootstraps : int
        How it was done.
    """

    table: pd.DataFrame
    benefit: float
    low: float
    high: float
    over_best_arm: float
    over_low: float
    over_high: float
    in_sample_benefit: float
    randomized: bool
    arms: tuple[str, str]
    folds: int
    repeats: int
    bootstraps: int

    def summary(self) -> str:
        """Return the result in words."""
        followed = int(self.table["followed"].sum())
        verdict = "is better" if self.low > 0.0 else "is worse" if self.high < 0.0 else "is not shown to differ"
        text = (
            f"{followed} of {len(self.table)} people received the arm that models without them recommended. Their outcome "
            f"{verdict}: by {self.benefit:.2f} (95 % interval {self.low:.2f} to {self.high:.2f}; with models that saw "
            f"everyone {self.in_sample_benefit:.2f}, which is optimistic)."
        )
        gain = "gains" if self.over_low > 0.0 else "loses" if self.over_high < 0.0 else "is not shown to gain"
        text += (
            f" Choosing by person {gain} against the arm that is better on average for all: {self.over_best_arm:.2f} "
            f"({self.over_low:.2f} to {self.over_high:.2f}). "
        )
        text += "Only this last number speaks for a choice by person; the first one holds the average difference of the arms."
        if not self.randomized:
            text += " Arms were not assigned at random: the comparison is not one of treatments."
        return text + " This is a study of a rule, not a rule for patients."


@checked_arguments
def personal_advantage(  # noqa: PLR0913 - each keyword is one choice of the analysis
    outcome: ArrayLike,
    arm: ArrayLike,
    features: "pd.DataFrame | ArrayLike",
    *,
    rng: np.random.Generator,
    lower_is_better: bool = True,
    randomized: bool = True,
    folds: int = 5,
    repeats: int = 20,
    bootstraps: int = 500,
    ids: Sequence[str] | None = None,
    arms: tuple[str, str] = ("0", "1"),
) -> Advantage:
    """Return the personalised advantage index with cross-fitting.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Outcome.
    arm : array_like, shape (n,)
        0 or 1; at least ten people in each.
    features : DataFrame or array, shape (n, p)
        What is known before treatment, as measured: numbers, nothing missing.
    rng : Generator
        Folds and bootstrap.
    lower_is_better, randomized : bool
        Direction of the outcome, and how arms were assigned.
    folds, repeats : int
        Each repeat splits people anew, within arms.
    bootstraps : int
        People drawn with replacement; copies of one person share a fold.
    ids, arms : sequence of str
        Names of people and arms.

    Returns
    -------
    Advantage

    Raises
    ------
    LeakageError
        If a feature is the outcome in disguise, or sounds as if measured after treatment began.
    InputError
        If arms are too small, features too many, or something is no number.

    Notes
    -----
    Outcome on features, arm and their products by least squares, features scaled within the training part. Noisy markers
    enter as measured: for a prediction with the same scanner that is right. A benefit needs tens of people in each group
    to be seen at all; many features make the index noise.

    Simulated on noise (1,000 trials of 60, one feature, outcome SD 1): the mean benefit is 0.017 (standard error 0.009)
    and the mean gain over the better arm 0.003 (0.004), by models that saw everyone 0.28; 0.3 % of the trials claim a
    benefit (the bootstrap is cautious) and none a gain. Where one arm is better by 1 for everyone, the benefit is 0.98 and
    is claimed in 69 %, the gain is -0.01 and never claimed: read the gain.

    References
    ----------
    DeRubeis et al (2014), PLoS ONE 9:e83875.
    """
    y = as_vector(outcome, "outcome")
    side = as_vector(arm, "arm", y.size)
    table = _numbers(features, y)
    counts = [int((side == value).sum()) for value in (0.0, 1.0)]
    if min(counts) < max(_LEAST_PER_ARM, folds) or sum(counts) != y.size or not np.isfinite(table).all():
        msg = f"arms hold {counts[0]} and {counts[1]} people of {y.size}; give 0 and 1, at least {_LEAST_PER_ARM} in each, "
        msg += "and features without missing values"
        raise InputError(msg)
    if 2 * table.shape[1] + 2 > y.size // 3:
        msg = f"{table.shape[1]} features for {y.size} people: the index would be noise; choose at most {(y.size // 3 - 2) // 2}"
        raise InputError(msg)
    sign = -1.0 if lower_is_better else 1.0
    once = np.ones((repeats, y.size))
    split = _folds(side, folds, repeats, rng)
    index = _cross_fitted(y, side, table, once, split)
    benefit, over = _gains(y, side, sign * index, sign, once, split)
    draws, again = _draws(side, bootstraps, rng), _folds(side, folds, bootstraps, rng)
    boot = _gains(y, side, sign * _cross_fitted(y, side, table, draws, again), sign, draws, again)
    ends = [[float(value) for value in np.nanpercentile(part, [2.5, 97.5])] for part in boot]
    seen = _predict(y, side, table, np.ones((1, y.size)))
    optimistic = float(_benefit(y, side, sign * seen, sign, np.ones((1, y.size)))[0])
    mean = index.mean(axis=0)
    recommended = (sign * mean > 0.0).astype(int)
    rows = pd.DataFrame(
        {"participant_id": list(ids) if ids is not None else [str(i) for i in range(y.size)], "arm": side.astype(int),
         "outcome": y, "index": mean, "recommended": recommended, "followed": recommended == side.astype(int)}
    )  # fmt: skip
    (low, high), (over_low, over_high) = ends
    return Advantage(
        rows, float(np.mean(benefit)), low, high, float(np.mean(over)), over_low, over_high, optimistic, randomized, arms,
        folds, repeats, bootstraps,
    )  # fmt: skip


@checked_arguments
def advantage_of(  # noqa: PLR0913 - each keyword is one choice of the analysis
    cohort: "Cohort",
    *,
    outcome: str,
    markers: Sequence[str],
    rng: np.random.Generator,
    covariates: Sequence[str] = (),
    endpoint_visit: str | None = None,
    arms: tuple[str, str] | None = None,
    bootstraps: int = 500,
) -> Advantage:
    """Return the personalised advantage index of a cohort: endpoint score on baseline score, markers and covariates.

    Parameters
    ----------
    cohort : Cohort
        The study.
    outcome : str
        Scale.
    markers : sequence of str
        Columns of `cohort.wide()`: "BPND midbrain".
    rng : Generator
        Folds and bootstrap.
    covariates : sequence of str
        Numeric columns of people.
    endpoint_visit, arms, bootstraps
        As for `moderate` and `personal_advantage`.
    """
    from neurochem.errors import unknown_name
    from neurochem.response.moderation.moderate import _two_arms

    chosen = _two_arms(cohort, arms)
    wide = cohort.wide()
    columns = [cohort.scale(outcome).name, *markers, *covariates]
    for name in columns:
        if name not in wide.columns:
            raise unknown_name(name, [str(column) for column in wide.columns], kind="column of the wide table")
    late = cohort.wide(cohort.endpoint(endpoint_visit))[columns[0]]
    rows = wide.loc[(wide["group"] == "patient") & wide["arm"].isin(chosen)].assign(_late=late)
    rows = rows.dropna(subset=[*columns, "_late"])
    return personal_advantage(
        rows["_late"].to_numpy(dtype=float), (rows["arm"] == chosen[1]).to_numpy(dtype=float),
        rows[columns].to_numpy(dtype=float), rng=rng, randomized=cohort.randomized, bootstraps=bootstraps,
        ids=[str(name) for name in rows.index], arms=chosen,
    )  # fmt: skip


def _numbers(features: "pd.DataFrame | ArrayLike", y: FloatArray) -> FloatArray:
    """Return the features as numbers, after the guards against leakage."""
    from neurochem.response.prediction import leakage
    from neurochem.response.prediction.refusal import refuse

    try:
        values = np.asarray(features, dtype=float).reshape(y.size, -1)
    except (TypeError, ValueError):
        msg = f"features cannot be read as numbers for {y.size} people; give a table of numbers, one row a person"
        raise InputError(msg) from None
    names = [f"feature {i}" for i in range(values.shape[1])]
    if isinstance(features, pd.DataFrame):
        names = [str(name) for name in features.columns]
    for name in names:
        if leakage.sounds_later(name):
            text = f"'{name}' sounds as if measured after treatment began. Leave it out; if it was measured before, rename it"
            refuse("a post-baseline variable as a baseline feature", text)
    leakage.refuse_disguised(pd.DataFrame(values, columns=names), y, scale="", allow=None)
    return values


def _folds(side: FloatArray, folds: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return a fold for every person, shape (count, n), even within arms."""
    found = np.empty((count, side.size), dtype=int)
    for value in (0.0, 1.0):
        members = np.flatnonzero(side == value)
        order = np.argsort(rng.random((count, members.size)), axis=1)
        found[:, members] = np.argsort(order, axis=1) % folds
    return found


def _draws(side: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Return how often each person is drawn, shape (count, n), arms kept at their size."""
    weights = np.zeros((count, side.size))
    for value in (0.0, 1.0):
        members = np.flatnonzero(side == value)
        weights[:, members] = rng.multinomial(members.size, np.full(members.size, 1.0 / members.size), size=count)
    return weights


def _cross_fitted(
    y: FloatArray, side: FloatArray, features: FloatArray, weights: FloatArray, folds: np.ndarray
) -> FloatArray:
    """Return the index of everyone by models of the other folds, shape (count, n)."""
    index = np.empty(weights.shape)
    for fold in range(int(folds.max()) + 1):
        left_out = folds == fold
        found = _predict(y, side, features, np.where(left_out, 0.0, weights))
        index[left_out] = found[left_out]
    return index


def _predict(y: FloatArray, side: FloatArray, features: FloatArray, weights: FloatArray) -> FloatArray:
    """Return predicted outcome in arm 1 less arm 0 for everyone, by weighted least squares; shape (count, n)."""
    total = weights.sum(axis=1, keepdims=True)
    mean = weights @ features / total
    spread = np.sqrt(np.maximum(weights @ features**2 / total - mean**2, _TINY))
    scaled = (features[None] - mean[:, None]) / spread[:, None]
    t = np.broadcast_to((side - 0.5)[None, :, None], (*weights.shape, 1))
    design = np.concatenate([np.ones_like(t), t, scaled, scaled * t], axis=2)
    weighted = design * weights[..., None]
    normal = weighted.swapaxes(1, 2) @ design
    normal += _TINY * total[..., None] * np.eye(design.shape[2])
    values = np.linalg.solve(normal, weighted.swapaxes(1, 2) @ np.broadcast_to(y, weights.shape)[..., None])
    k = features.shape[1]
    return values[:, 1] + (scaled @ values[:, 2 + k :])[..., 0]


def _benefit(y: FloatArray, side: FloatArray, better: FloatArray, sign: float, weights: FloatArray) -> FloatArray:
    """Return mean outcome of those in the recommended arm less the others', positive is better; shape (count,)."""
    followed = (better > 0.0) == (side == 1.0)
    return sign * (_mean(y, np.where(followed, weights, 0.0)) - _mean(y, np.where(followed, 0.0, weights)))


def _gains(
    y: FloatArray, side: FloatArray, better: FloatArray, sign: float, weights: FloatArray, folds: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Return the benefit, and what following gains over the arm that is better on average; shape (count,) each."""
    arm_one = np.empty(weights.shape, dtype=bool)
    for fold in range(int(folds.max()) + 1):
        left_out = folds == fold
        means = [_mean(y, np.where(left_out | (side != value), 0.0, weights)) for value in (0.0, 1.0)]
        arm_one = np.where(left_out, (sign * (means[1] - means[0]) > 0.0)[:, None], arm_one)
    # everyone weighs as many as share his arm, so that the arms' sizes do not decide
    share = (weights @ side / weights.sum(axis=1))[:, None]
    even = weights / np.where(side == 1.0, share, 1.0 - share)
    values = [_mean(y, np.where(arm == (side == 1.0), even, 0.0)) for arm in (better > 0.0, arm_one)]
    return _benefit(y, side, better, sign, weights), sign * (values[0] - values[1])


def _mean(y: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of every row of weights, NaN where there are none."""
    total = weights.sum(axis=1)
    return np.divide(weights @ y, total, out=np.full(total.size, np.nan), where=total > 0.0)
