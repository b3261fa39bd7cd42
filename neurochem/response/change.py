"""A marker at baseline, its change under treatment, and the errors of both."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.units import FloatArray


def change(
    first: ArrayLike, second: ArrayLike, first_se: ArrayLike, second_se: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the change of a marker and its standard error.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Values of the first and second scan, in the marker's unit.
    first_se, second_se : array_like, shape (n,)
        Their standard errors.

    Returns
    -------
    change, se : array, shape (n,)
        second - first, and sqrt(se0^2 + se1^2).

    Notes
    -----
    The errors of the two scans are taken as independent. The change shares its error with the baseline value:
    cov(w0, w1 - w0) contains -se0^2, so change must not be correlated with its own baseline as it stands.
    """
    difference = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    return difference, np.hypot(np.asarray(first_se, dtype=float), np.asarray(second_se, dtype=float))


def percent_change(
    first: ArrayLike, second: ArrayLike, first_se: ArrayLike, second_se: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the percent change of a marker and its standard error; parameters as for `change`.

    Returns
    -------
    change, se : array, shape (n,)
        100 (w1 - w0) / w0 and 100 sqrt((se1 / w0)^2 + (w1 se0 / w0^2)^2), the delta method for a ratio of independent
        values. NaN where the first value is zero. Too small when se0 is not small beside w0.

    Examples
    --------
    An occupancy is minus the relative change of the binding potential:

    >>> value, se = percent_change(1.60, 0.36, 0.08, 0.05)
    >>> print(f"{-value / 100:.4f} {se / 100:.6f}")
    0.7750 0.033213
    """
    w0, w1 = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    base = np.where(w0 == 0.0, np.nan, w0)
    se = 100.0 * np.hypot(np.asarray(second_se, dtype=float) / base, w1 * np.asarray(first_se, dtype=float) / base**2)
    return 100.0 * (w1 - w0) / base, se


def reliable_change(first: ArrayLike, second: ArrayLike, first_se: ArrayLike, second_se: ArrayLike) -> FloatArray:
    """Return change over its standard error, shape (n,); beyond +-1.96 one person's change exceeds the scans' noise.

    A fit's standard error leaves out what differs between two days, so the limit is passed too easily when only fit
    errors are given. Parameters as for `change`.
    """
    difference, se = change(first, second, first_se, second_se)
    return difference / se


def values_at(rows: pd.DataFrame, visit: str) -> pd.DataFrame:
    """Return value, se and state of one marker at one visit, indexed by participant.

    Parameters
    ----------
    rows : DataFrame
        Rows of a cohort's markers that belong to one marker, region and model.
    visit : str
        Name of the visit.

    Returns
    -------
    DataFrame
        Columns value, se, se_source, qc; values of unusable scans are NaN.
    """
    chosen = rows.loc[rows["visit"] == visit]
    return chosen.set_index("participant_id")[["value", "se", "se_source", "qc"]]


def why_missing(visit: str, qc: object) -> str:
    """Return in words why a marker has no value at a visit."""
    words = {"failed": "failed", "not_acquired": "not acquired", "withdrawn": "withdrawn"}
    return f"marker {words.get(str(qc), 'not acquired')} at {visit}"
