"""From columns of a table to columns of a design matrix: numbers as they are, categories as dummies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from neurochem.units import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Covariates:
    """Columns to adjust for, without the intercept.

    Attributes
    ----------
    matrix : array, shape (n, k)
        One column a term.
    names : tuple of str
        Terms: "age", "arm[ssri]".
    categorical : tuple of bool
        Whether a term is the dummy of a level.
    references : mapping of str to str
        The level that the dummies of each category are compared with.
    left_out : tuple of str
        Columns with one value only among the rows used, which say nothing.
    """

    matrix: FloatArray
    names: tuple[str, ...]
    categorical: tuple[bool, ...]
    references: Mapping[str, str]
    left_out: tuple[str, ...]


def encode_covariates(table: pd.DataFrame, levels: Mapping[str, Sequence[str]]) -> Covariates:
    """Return the design columns of complete rows.

    Parameters
    ----------
    table : DataFrame
        One row a person, one column a covariate, nothing missing.
    levels : mapping of str to sequence of str
        Levels of categorical columns, reference first; other columns of text take their levels in sorted order.

    Returns
    -------
    Covariates
        A category of m levels becomes m - 1 columns of zeros and ones. The reference is the first declared level that
        somebody has.
    """
    columns: list[FloatArray] = []
    names: list[str] = []
    categorical: list[bool] = []
    references: dict[str, str] = {}
    left_out: list[str] = []
    for name in table.columns:
        cells = table[name]
        if cells.nunique() < 2:
            left_out.append(str(name))
            continue
        if name in levels or not pd.api.types.is_numeric_dtype(cells):
            texts = cells.astype(str)
            known = [level for level in levels.get(name, sorted(set(texts))) if (texts == level).any()]
            references[str(name)] = known[0]
            names += [f"{name}[{level}]" for level in known[1:]]
            columns += [np.asarray(texts == level, dtype=float) for level in known[1:]]
            categorical += [True] * (len(known) - 1)
        else:
            names.append(str(name))
            columns.append(cells.to_numpy(dtype=float))
            categorical.append(False)
    matrix = np.column_stack(columns) if columns else np.zeros((len(table), 0))
    return Covariates(matrix, tuple(names), tuple(categorical), references, tuple(left_out))
