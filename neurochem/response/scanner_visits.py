"""Whether a change over time can be told from a change of scanner."""

import numpy as np
import pandas as pd

from neurochem.units import FloatArray


def visit_is_confounded(table: pd.DataFrame, *, person: str, visit: str, machine: str) -> bool:
    """Say whether the change between some two visits cannot be estimated once people and machines are in the model.

    Parameters
    ----------
    table : DataFrame
        One row a scan; rows with a missing cell are left out.
    person, visit, machine : str
        Columns with the person's id, the visit, and the scanner (or software, or site).

    Notes
    -----
    Visits are confounded when their dummies, given those of people and machines, have less than full rank. People enter
    by centring (Frisch-Waugh), so thousands of them cost nothing.
    """
    known = table.dropna(subset=[person, visit, machine])
    repeated = known.loc[known[person].duplicated(keep=False)]
    if repeated[visit].nunique() < 2 or repeated[machine].nunique() < 2:
        return False
    people = np.unique(repeated[person].astype(str).to_numpy(dtype=str), return_inverse=True)[1]
    machines = _within(people, _dummies(repeated[machine]))
    visits = _within(people, _dummies(repeated[visit]))
    both = np.linalg.matrix_rank(np.column_stack([machines, visits]))
    return bool(both - np.linalg.matrix_rank(machines) < repeated[visit].nunique() - 1)


def _dummies(column: pd.Series) -> FloatArray:
    """Return the dummies of all levels but the first."""
    codes = np.unique(column.astype(str).to_numpy(dtype=str), return_inverse=True)[1]
    return (codes[:, None] == np.arange(1, int(codes.max()) + 1)).astype(float)


def _within(people: np.ndarray, columns: FloatArray) -> FloatArray:
    """Return columns less each person's own mean."""
    counts = np.bincount(people)
    sums = np.column_stack([np.bincount(people, weights=column) for column in columns.T])
    return np.asarray(columns - (sums / counts[:, None])[people])
