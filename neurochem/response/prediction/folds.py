"""Random folds of people, stratified by outcome and site, for many label vectors at once."""

import numpy as np
from numpy.typing import NDArray

from neurochem.units import BoolArray

IntArray = NDArray[np.int64]
# Beyond every stratum: those who are not in the training rows are sorted to the end.
_OUTSIDE = 1e9


def fold_ids(
    strata: IntArray,
    people: IntArray,
    count: int,
    rng: np.random.Generator,
    *,
    member: BoolArray | None = None,
) -> IntArray:
    """Return the fold of every row, all rows of a person together.

    Parameters
    ----------
    strata : array of int, shape (B, n)
        Stratum (class of outcome, site) of every row, for B label vectors; a person is in the highest of theirs.
    people : array of int, shape (n,)
        Code of the person of every row, from 0.
    count : int
        Number of folds.
    rng : Generator
        Source of the order within a stratum.
    member : bool array, shape (B, n), optional
        Rows to divide; the others get -1.

    Returns
    -------
    array of int, shape (B, n)
        0 to count - 1. In every stratum, and in all, the numbers of people per fold differ by one at most.
    """
    persons = int(people.max()) + 1
    batch = len(strata)
    key = np.full((batch, persons), -1.0)
    first = persons == people.size
    if first:
        key[:, people] = strata
    else:
        for row in range(people.size):
            key[:, people[row]] = np.maximum(key[:, people[row]], strata[:, row])
    if member is not None:
        inside = np.zeros((batch, persons), dtype=bool)
        if first:
            inside[:, people] = member
        else:
            for row in range(people.size):
                inside[:, people[row]] |= member[:, row]
        key = np.where(inside, key, _OUTSIDE)
    order = np.argsort(key + rng.random((batch, persons)), axis=1)
    ids = np.empty((batch, persons), dtype=np.int64)
    np.put_along_axis(ids, order, np.broadcast_to(np.arange(persons) % count, (batch, persons)), axis=1)
    rows = ids[:, people]
    return rows if member is None else np.where(member, rows, -1)


def systematic_subset(
    strata: IntArray, people: IntArray, size: int, rng: np.random.Generator, member: BoolArray
) -> BoolArray:
    """Return a random subset of `size` members, shape (n,), with the strata in proportion; people stay whole."""
    persons = np.unique(people[member])
    key = np.array([strata[(people == person)].max() for person in persons]) + rng.random(persons.size)
    order = persons[np.argsort(key)]
    place = np.arange(order.size)
    chosen = order[((place + 1) * size) // order.size > (place * size) // order.size]
    subset: BoolArray = np.isin(people, chosen) & member
    return subset
