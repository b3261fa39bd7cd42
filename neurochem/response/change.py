"""A marker at baseline, its change under treatment, and the errors of both."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import check_same_length, checked_arguments
from neurochem.errors import InputError
from neurochem.units import FloatArray


@checked_arguments
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
    w0, w1, s0, s1 = _aligned(first, second, first_se, second_se)
    return w1 - w0, np.hypot(s0, s1)


@checked_arguments
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
    w0, w1, s0, s1 = _aligned(first, second, first_se, second_se)
    base = np.where(w0 == 0.0, np.nan, w0)
    se = 100.0 * np.hypot(s1 / base, w1 * s0 / base**2)
    return 100.0 * (w1 - w0) / base, se


@checked_arguments
def reliable_change(
    first: ArrayLike, second: ArrayLike, first_se: ArrayLike, second_se: ArrayLike, *, test_retest_sd: float = 0.0
) -> FloatArray:
    """Return change over its standard error, shape (n,); beyond +-1.96 one person's change exceeds the scans' noise.

    Parameters
    ----------
    first, second, first_se, second_se : array_like, shape (n,)
        As for `change`.
    test_retest_sd : float
        SD of one person's true value between days, in the unit of the values; it enters both scans:
        (w1 - w0) / sqrt(se0^2 + se1^2 + 2 sd^2). Without it the limit is passed too easily, for a fit's standard error
        leaves out what differs between two days.
    """
    if not test_retest_sd >= 0.0:
        msg = (
            f"test_retest_sd is {test_retest_sd:g}; it is the SD of one person's true value between days, zero or more"
        )
        raise InputError(msg)
    difference, se = change(first, second, first_se, second_se)
    return difference / np.hypot(se, np.sqrt(2.0) * test_retest_sd)


@checked_arguments
def reliable_change_index(first: ArrayLike, second: ArrayLike, *, baseline_sd: float, reliability: float) -> FloatArray:
    """Return Jacobson and Truax' index of change, shape (n,), from the reliability of a scale.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Scores before and after.
    baseline_sd, reliability : float
        SD of the scores at baseline, and their reliability, below 1.

    Returns
    -------
    array, shape (n,)
        (x1 - x0) / (SD sqrt(2) sqrt(1 - r)); beyond +-1.96 the change is reliable.

    References
    ----------
    Jacobson, Truax (1991), J Consult Clin Psychol 59:12.

    Examples
    --------
    >>> print(f"{float(reliable_change_index(24, 14, baseline_sd=4.0, reliability=0.85)):.6f}")
    -4.564355
    """
    if not (baseline_sd > 0.0 and 0.0 <= reliability < 1.0):
        msg = f"baseline_sd is {baseline_sd:g} and reliability {reliability:g}; give an SD above 0 and 0 <= r < 1"
        raise InputError(msg)
    w0, w1 = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    check_same_length("reliable change index", first=w0, second=w1)
    return (w1 - w0) / (baseline_sd * np.sqrt(2.0 * (1.0 - reliability)))


def _aligned(first: ArrayLike, second: ArrayLike, first_se: ArrayLike, second_se: ArrayLike) -> tuple[FloatArray, ...]:
    """Return two scans and their errors as arrays that belong together."""
    names = ("first", "second", "first_se", "second_se")
    arrays = [np.asarray(values, dtype=float) for values in (first, second, first_se, second_se)]
    check_same_length("change of a marker", **dict(zip(names, arrays, strict=True)))
    for name, errors in zip(names[2:], arrays[2:], strict=True):
        if (errors < 0.0).any():
            msg = f"{name} holds {np.nanmin(errors):g}; a standard error is not negative, write NaN if it is unknown"
            raise InputError(msg)
    for name, values in zip(names[:2], arrays[:2], strict=True):
        if np.isinf(values).any():
            msg = f"{name} holds an infinite value; write NaN where a scan has none"
            raise InputError(msg)
    return tuple(arrays)


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
