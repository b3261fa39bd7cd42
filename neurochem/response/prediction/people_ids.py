"""Guards on who is who: one person under two names would sit in training and in test."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from neurochem.response.prediction.refusal import refuse
from neurochem.units import FloatArray

_LEAK = "one person in two folds"
_SESSION = re.compile(r"_(?:ses|run|visit)-?\w+$")
# "-T1", "_scan2", "_v2": an occasion, where nearly every id comes back with another number
_OCCASION = re.compile(r"[-_. ](?:t|tp|v|scan|time|timepoint|wk|week|day|pre|post)[-_]?\d{0,2}$", re.IGNORECASE)
_MOST_OCCASIONS = 12
# Rows that agree to this part of an SD in every column are one scan under two names.
_NEAR, _EXACT = 1e-3, 1e-9
# Pairs that agree by chance; above it equal rows are no evidence.
_BY_CHANCE = 1e-3
# Columns with fewer values than this say little about who somebody is.
_CONTINUOUS = 10


def refuse_session_ids(people: Sequence[str]) -> None:
    """Refuse ids of sessions in the place of ids of people, and two spellings of one id.

    Raises
    ------
    LeakageError
        With the id.
    """
    names = sorted(set(people))
    bases = {_SESSION.sub("", name) for name in names}
    if len(bases) < len(names):
        _refuse_sessions(next(name for name in names if _SESSION.search(name)))
    spelled: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"(?<!\d)0+(?=\d)", "", name.strip().casefold())
        if spelled.setdefault(plain, name) != name:
            text = (
                f"ids '{spelled[plain]}' and '{name}' differ in spelling only. Give every row of a person the same id"
            )
            refuse(_LEAK, text)
    counts = Counter(_OCCASION.sub("", name) for name in names)
    if len(counts) >= 5 and 1.5 * len(counts) <= len(names) and max(counts.values()) <= _MOST_OCCASIONS:
        _refuse_sessions(next(name for name in names if counts[_OCCASION.sub("", name)] > 1))


def _refuse_sessions(name: str) -> None:
    text = f"ids such as '{name}' name sessions, so that scans of one person would be taken for people. Give the "
    refuse(_LEAK, text + "participant's id of every row as people=")


def refuse_repeated_rows(table: pd.DataFrame, people: np.ndarray) -> None:
    """Refuse rows of predictors that agree under different ids: the same person twice.

    Rows are compared over the columns with ten values or more, in units of SD; they are refused when as many agreeing
    pairs are not to be expected by chance at the columns' resolution.

    Raises
    ------
    LeakageError
        With the two ids.
    """
    names = [name for name in table.columns if table[name].nunique() >= _CONTINUOUS]
    values = table[names].to_numpy(dtype=float)
    if values.shape[1] < 2:
        return
    full = np.isfinite(values).sum(axis=1) >= 2
    spread = np.nanstd(values, axis=0)
    # a hole agrees with a hole only
    standard = np.where(np.isnan(values), 1e6, (values - np.nanmean(values, axis=0)) / spread)[full]
    rows = np.flatnonzero(full)
    for reach in (_NEAR, _EXACT):
        if _pairs_by_chance(values[full], standard, spread, reach) > _BY_CHANCE:
            continue
        for first, second in _agreeing(standard, reach):
            one, other = rows[first], rows[second]
            if people[one] != people[other]:
                text = (
                    f"rows {one} and {other} (ids '{people[one]}' and '{people[other]}') have the same values in every "
                )
                refuse(_LEAK, text + "continuous predictor. Give both the same id in people=, or drop the copies")


def _agreeing(standard: FloatArray, reach: float) -> list[tuple[int, int]]:
    from scipy.spatial import cKDTree

    pairs = cKDTree(standard).query_pairs(reach, p=np.inf)
    return sorted((int(first), int(second)) for first, second in pairs)


def _pairs_by_chance(values: FloatArray, standard: FloatArray, spread: FloatArray, reach: float) -> float:
    """Return how many pairs agree by chance, were the columns normal with the correlation that they have."""
    steps = np.array([_step(column[np.isfinite(column)]) for column in values.T]) / spread
    # P(|x - y| < h / 2) of two normal values, h the width of a step in units of their SD
    share = float(np.sum(np.log(np.minimum(1.0, np.maximum(steps, 2.0 * reach) / (2.0 * np.sqrt(np.pi))))))
    known = np.where(np.isnan(values), 0.0, standard)
    # a little of the identity keeps the determinant finite where columns outnumber rows
    correlation = 0.99 * (known.T @ known) / len(known) + 0.01 * np.eye(known.shape[1])
    share -= 0.5 * float(np.linalg.slogdet(correlation)[1])
    return 0.5 * len(values) * (len(values) - 1) * float(np.exp(min(share, 0.0)))


def _step(values: FloatArray) -> float:
    """Return the smallest gap between different values: the resolution that the column is written with."""
    gaps = np.diff(np.unique(values))
    return float(gaps.min()) if gaps.size else 0.0
