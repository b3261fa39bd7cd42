"""Multiple imputation by chained equations: several completed copies of a table, each as likely as the others."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import special

from neurochem.arguments import argument_error, checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.units import FloatArray

# A slope of this many log-odds per SD is the prior's SD: weak, and enough to keep separated classes finite.
_PRIOR_SD = 2.5
_RIDGE = 1e-8
_NEWTON_STEPS = 50
_LARGEST = 1e75  # what is larger cannot be squared


@checked_arguments
def impute(
    table: pd.DataFrame,
    *,
    imputations: int = 20,
    rng: np.random.Generator,
    levels: Mapping[str, Sequence[str]] | None = None,
    cycles: int = 10,
) -> list[pd.DataFrame]:
    """Return completed copies of a table, its missing values drawn from what the other columns say of them.

    Parameters
    ----------
    table : DataFrame, shape (n, k)
        One row a person; missing values are NaN or None. It must hold the outcome and everything that the later model
        holds, and may hold more (scores of other visits) that tells why values are missing.
    imputations : int
        Number of copies; customarily at least the percentage of people with something missing, and 20 or more.
    rng : Generator
        Source of random numbers.
    levels : mapping of str to sequence of str, optional
        Levels of columns that are categories; columns of text, and numbers that are 0 and 1 only, are taken so anyway.
    cycles : int
        Rounds of the chain before a copy is kept.

    Returns
    -------
    list of DataFrame
        Known values are as they were. Fit each with `regress` and pool with `pool_imputations`.

    Raises
    ------
    InputError
        If a column has no known value, or fewer than the others need to predict it.

    Notes
    -----
    Right when values are missing at random given the columns of the table; no method can check that. Numbers: normal
    linear regression on all other columns, with coefficients and residual variance drawn from their posterior.
    Categories: multinomial logistic regression with a normal prior of SD 2.5 per SD of a column, coefficients drawn from
    the normal approximation at its mode. A product or a square that the model will hold must be a column by itself.

    References
    ----------
    van Buuren, Groothuis-Oudshoorn (2011), J Stat Softw 45(3). White, Royston, Wood (2011), Stat Med 30:377.

    Examples
    --------
    >>> table = pd.DataFrame({"y": [16.0, 16, 13, 20, 9, 13, 9, 15], "x": [1.4, 1.5, None, 1.2, 1.5, 1.5, 1.3, 1.6]})
    >>> copies = impute(table, imputations=3, rng=np.random.default_rng(1))
    >>> [copy["x"].isna().sum().item() for copy in copies]
    [0, 0, 0]
    """
    if imputations < 1 or cycles < 1:
        msg = f"imputations is {imputations} and cycles {cycles}; both must be at least 1"
        raise InputError(msg)
    for name in levels or {}:
        if name not in table.columns:
            raise unknown_name(name, map(str, table.columns), kind="column with levels")
    columns = {str(name): _Column(str(name), table[name], (levels or {}).get(str(name))) for name in table.columns}
    gaps = sorted((c for c in columns.values() if c.missing.any()), key=lambda c: int(c.missing.sum()))
    for column in gaps:
        _check(column, columns)
    copies = []
    for _ in range(imputations):
        cells = {name: column.filled_at_random(rng) for name, column in columns.items()}
        for _ in range(cycles if len(gaps) > 1 else 1):
            for column in gaps:
                others = [columns[name].design(cells[name]) for name in columns if name != column.name]
                cells[column.name] = column.draw(_standardised(others, len(table)), rng)
        copies.append(pd.DataFrame({name: columns[name].cells(cells[name]) for name in columns}, index=table.index))
    return copies


class _Column:
    """One column: its values as numbers (codes of levels for a category) and which are missing."""

    def __init__(self, name: str, cells: pd.Series, levels: Sequence[str] | None) -> None:
        self.name = name
        self.missing = cells.isna().to_numpy(dtype=bool)
        known = cells.loc[~self.missing]
        _check_cells(name, known)
        numeric = pd.api.types.is_numeric_dtype(cells) or bool(len(known) and known.map(_is_number).all())
        binary = numeric and set(known.astype(float)) <= {0.0, 1.0}
        self.levels: list[object] | None = None
        if levels is not None or not numeric or binary:
            present = set(known)
            order = [level for level in levels or sorted(present, key=str) if level in present]
            self.levels = [*order, *sorted(present - set(order), key=str)]
        self.values = np.full(len(cells), np.nan)
        codes = known.map(self.levels.index) if self.levels is not None else known
        self.values[~self.missing] = codes.to_numpy(dtype=float)

    @property
    def width(self) -> int:
        """Columns that it takes in a design."""
        return 1 if self.levels is None else max(len(self.levels) - 1, 0)

    def filled_at_random(self, rng: np.random.Generator) -> FloatArray:
        """Return the values with the gaps drawn from the known ones, as the chain begins."""
        filled = self.values.copy()
        filled[self.missing] = rng.choice(self.values[~self.missing], int(self.missing.sum()))
        return filled

    def design(self, values: FloatArray) -> FloatArray:
        """Return the columns of a design: the number itself, or dummies against the first level."""
        if self.levels is None:
            return values[:, None]
        return (values[:, None] == np.arange(1, len(self.levels))).astype(float)

    def draw(self, design: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the values with the gaps drawn anew from the regression on the design."""
        known, gap = design[~self.missing], design[self.missing]
        filled = self.values.copy()
        if self.levels is None:
            filled[self.missing] = _draw_numbers(known, self.values[~self.missing], gap, rng)
        elif len(self.levels) > 1:
            codes = self.values[~self.missing].astype(int)
            filled[self.missing] = _draw_levels(known, codes, len(self.levels), gap, rng)
        else:
            filled[self.missing] = 0.0
        return filled

    def cells(self, values: FloatArray) -> FloatArray | list[object]:
        """Return numbers, or the levels that codes stand for."""
        return values if self.levels is None else [self.levels[int(code)] for code in values]


def _check_cells(name: str, known: pd.Series) -> None:
    """Refuse what is neither a finite number nor the name of a level."""
    for place, cell in known.items():
        if isinstance(cell, complex | np.complexfloating) or not isinstance(cell, Hashable):
            raise argument_error(cell, f"column '{name}', row {place}", "a number, or the name of a level")
        if _is_number(cell) and not abs(float(cell)) < _LARGEST:  # type: ignore[arg-type] # _is_number says it is one
            msg = f"column '{name}', row {place} is {cell}; write NaN where a value is missing"
            raise InputError(msg)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | np.integer | np.floating)


def _check(column: _Column, columns: Mapping[str, _Column]) -> None:
    known = int((~column.missing).sum())
    if known == 0:
        msg = f"column '{column.name}' has no known value; nothing can be said of the missing ones, leave it out"
        raise InputError(msg)
    terms = 1 + sum(other.width for name, other in columns.items() if name != column.name)
    if column.levels is None and known < terms + 3:
        msg = f"column '{column.name}' has {known} known values, but the other columns are {terms} terms; at least "
        msg += f"{terms + 3} known values are needed: leave out columns that are not in the model"
        raise InputError(msg)


def _standardised(parts: Sequence[FloatArray], size: int) -> FloatArray:
    """Return an intercept and the columns less their mean, over their SD."""
    matrix = np.column_stack([np.ones((size, 0)), *parts])
    spread = matrix.std(axis=0)
    return np.column_stack([np.ones(size), (matrix - matrix.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)])


def _draw_numbers(known: FloatArray, values: FloatArray, gap: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw from the posterior predictive distribution of a normal regression."""
    # a trace of ridge, so that a column which repeats another does no harm
    inverse = np.linalg.inv(known.T @ known + _RIDGE * len(known) * np.eye(known.shape[1]))
    found = inverse @ (known.T @ values)
    residual = values - known @ found
    sigma = np.sqrt(float(residual @ residual) / rng.chisquare(len(known) - known.shape[1]))
    found = found + sigma * np.linalg.cholesky(inverse) @ rng.standard_normal(known.shape[1])
    return np.asarray(gap @ found + sigma * rng.standard_normal(len(gap)))


def _draw_levels(
    known: FloatArray, codes: np.ndarray, count: int, gap: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Draw levels from a multinomial logistic regression whose coefficients are drawn first."""
    width = known.shape[1]
    prior = np.tile(np.append(0.01, np.full(width - 1, 1.0)) / _PRIOR_SD**2, count - 1)
    hit = (codes[:, None] == np.arange(1, count)).astype(float)
    found = np.zeros((count - 1) * width)
    precision = np.eye(found.size)
    for _ in range(_NEWTON_STEPS):
        chance = _chances(known, found.reshape(count - 1, width))[:, 1:]
        pull = ((hit - chance).T @ known).ravel() - prior * found
        curve = np.einsum("ia,ab->iab", chance, np.eye(count - 1)) - chance[:, :, None] * chance[:, None, :]
        blocks = np.einsum("iab,ij,ik->ajbk", curve, known, known).reshape(found.size, found.size)
        precision = blocks + np.diag(prior)
        step = np.linalg.solve(precision, pull)
        # the log-posterior is concave; short steps keep the first ones from overshooting
        found = found + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-8:
            break
    root = np.linalg.cholesky(np.linalg.inv(precision))
    drawn = found + root @ rng.standard_normal(found.size)
    steps = np.cumsum(_chances(gap, drawn.reshape(count - 1, width)), axis=1)
    return np.minimum((rng.random((len(gap), 1)) > steps).sum(axis=1), count - 1).astype(float)


def _chances(design: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Return the probability of each level, the first one the reference, shape (n, levels)."""
    lines = np.column_stack([np.zeros(len(design)), design @ coefficients.T])
    return np.asarray(special.softmax(lines, axis=1))
