"""Columns of a table as ComBat needs them: features, site, and covariates to preserve; and what may not be among these."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from neurochem.errors import InputError, LeakageError, unknown_name
from neurochem.units import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CovariateCoding:
    """How covariates become numbers, learned from training rows: numbers as they are, text as dummies.

    Attributes
    ----------
    columns : tuple of str
        Covariates in order.
    levels : mapping of str to tuple of str
        Levels of the text columns seen in training, the reference first.
    """

    columns: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]

    @classmethod
    def learn(cls, table: pd.DataFrame, columns: Sequence[str]) -> "CovariateCoding":
        """Return the coding of these columns."""
        levels = {
            name: tuple(sorted(set(table[name].astype(str))))
            for name in columns
            if not pd.api.types.is_numeric_dtype(table[name])
        }
        return cls(tuple(columns), levels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coded columns."""
        parts = ([f"{c}[{x}]" for x in self.levels[c][1:]] if c in self.levels else [c] for c in self.columns)
        return tuple(name for part in parts for name in part)

    def matrix(self, table: pd.DataFrame) -> FloatArray:
        """Return the coded columns, shape (n, k); a level that training did not have is refused."""
        coded: list[FloatArray] = []
        for name in self.columns:
            if name not in self.levels:
                coded.append(table[name].to_numpy(dtype=float))
                continue
            texts = table[name].astype(str)
            for text in texts:
                if text not in self.levels[name]:
                    raise unknown_name(text, self.levels[name], kind=f"level of '{name}' in the training rows")
            coded += [np.asarray(texts == level, dtype=float) for level in self.levels[name][1:]]
        return np.column_stack(coded) if coded else np.zeros((len(table), 0))


def feature_columns(table: pd.DataFrame, features: Sequence[str] | None, others: Sequence[str]) -> tuple[str, ...]:
    """Return the columns to harmonise: those named, or every numeric one that has no other part to play."""
    if features is None:
        numeric = [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]
        chosen = tuple(str(name) for name in numeric if name not in others)
    else:
        chosen = tuple(features)
    for name in (*chosen, *others):
        if name not in table.columns:
            raise unknown_name(name, map(str, table.columns), kind="column of the table")
    if not chosen:
        msg = "there is no feature to harmonise; name columns in features="
        raise InputError(msg)
    return chosen


def require_table(table: object) -> pd.DataFrame:
    """Return the table, or refuse what has no column names."""
    if not isinstance(table, pd.DataFrame):
        msg = f"ComBat takes a DataFrame with the site among its columns, not {type(table).__name__}; "
        msg += "name the columns, for example pd.DataFrame(x, columns=[...]).assign(site=...)"
        raise InputError(msg)
    return table


def refuse_missing(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse missing values, which ComBat would spread over the whole column."""
    for name in columns:
        if table[name].isna().any():
            row = table.index[table[name].isna()][0]
            msg = f"column '{name}' is missing in row {row}; impute it inside the fold before ComBat, or leave the row out"
            raise InputError(msg)


def refuse_outcome_preserved(table: pd.DataFrame, preserve: Sequence[str], outcome: object) -> None:
    """Refuse a preserved covariate that is the outcome: it would write the label into the features.

    Raises
    ------
    LeakageError
        If a covariate has the values of the outcome, or tells them without error.
    """
    if outcome is None:
        return
    y = np.asarray(outcome)
    if y.shape != (len(table),):
        return
    for name in preserve:
        if _same(table[name], y):
            msg = f"leakage: outcome among ComBat's preserved covariates: '{name}' holds the outcome itself, and preserving "
            msg += "it writes the label into every feature. Preserve only what is known of a new patient (age, sex)"
            raise LeakageError(msg)


def _same(column: pd.Series, y: np.ndarray) -> bool:
    if len(set(y.tolist())) == 2:
        pairs = set(zip(column.astype(str), y.tolist(), strict=True))
        few = column.nunique() <= max(2, len(y) // 4)
        return few and len(pairs) == column.nunique() > 1
    if not (pd.api.types.is_numeric_dtype(column) and np.issubdtype(y.dtype, np.number)):
        return False
    values = column.to_numpy(dtype=float)
    if np.ptp(values) == 0 or np.ptp(y) == 0:
        return False
    return bool(abs(np.corrcoef(values, y.astype(float))[0, 1]) > 1.0 - 1e-9)


def refuse_one_class(sites: np.ndarray, outcome: object) -> None:
    """Refuse a site where everybody has the same of two outcomes: there, site and outcome are one variable."""
    y = np.asarray(outcome) if outcome is not None else np.zeros(0)
    if y.shape != sites.shape or len(set(y.tolist())) != 2:
        return
    for name in sorted(set(sites.tolist())):
        classes = set(y[sites == name].tolist())
        if len(classes) == 1:
            msg = f"site '{name}' has one class only (outcome {next(iter(classes))} in all {int((sites == name).sum())} rows): "
            msg += "its site effect cannot be told from the outcome. Leave the site out of harmonisation"
            raise InputError(msg)
