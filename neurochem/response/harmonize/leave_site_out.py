"""Leave one site out: every site in turn is what the model has never seen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurochem.errors import InputError

IntArray = NDArray[np.int64]


class LeaveSiteOut:
    """Splitter for scikit-learn: one fold a site.

    Parameters
    ----------
    people : array_like, shape (n,), optional
        Person of each row; somebody who was seen at two sites is then refused.

    Examples
    --------
    >>> folds = LeaveSiteOut().split(range(4), groups=["A", "A", "B", "B"])
    >>> [(train.tolist(), test.tolist()) for train, test in folds]
    [([2, 3], [0, 1]), ([0, 1], [2, 3])]
    """

    def __init__(self, people: ArrayLike | None = None) -> None:
        self.people = people

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:  # noqa: N803 - scikit-learn's name
        """Return training and test rows, sites in sorted order.

        Parameters
        ----------
        X, y : array_like
            Not looked at.
        groups : array_like, shape (n,)
            Site of each row.

        Raises
        ------
        InputError
            If there are no sites, only one, or a person belongs to two.
        """
        sites = self._sites(groups)
        for name in np.unique(sites):
            yield np.flatnonzero(sites != name), np.flatnonzero(sites == name)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:  # noqa: N803 - scikit-learn's name
        """Return the number of sites."""
        return len(np.unique(self._sites(groups)))

    def _sites(self, groups: ArrayLike | None) -> np.ndarray:
        if groups is None:
            msg = "leave-site-out needs the site of each row; give it as groups="
            raise InputError(msg)
        sites = np.asarray([str(name) for name in np.asarray(groups).ravel()])
        names = sorted(set(sites.tolist()))
        if len(names) < 2:
            msg = f"leave-site-out needs at least two sites; there is {len(names)} ({', '.join(names)})"
            raise InputError(msg)
        if self.people is not None:
            self._refuse_travellers(sites)
        return sites

    def _refuse_travellers(self, sites: np.ndarray) -> None:
        home: dict[str, str] = {}
        for person, site in zip(np.asarray(self.people).ravel().tolist(), sites.tolist(), strict=True):
            if home.setdefault(str(person), site) != site:
                msg = f"leakage: one person in two folds: '{person}' was seen at sites '{home[str(person)]}' and '{site}', so "
                msg += "a left-out site would share a person with training; keep one site a person"
                raise InputError(msg)
