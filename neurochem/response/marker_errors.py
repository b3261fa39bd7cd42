"""The error to carry for a marker: from a Cramer-Rao bound, for a ratio, with the days between scans, for repeated scans."""

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import check_same_length, checked_arguments
from neurochem.errors import InputError
from neurochem.units import FloatArray


@checked_arguments
def stderr_from_crlb(value: ArrayLike, crlb_percent: ArrayLike) -> FloatArray:
    """Return the standard error of a concentration from its Cramer-Rao bound in percent.

    Parameters
    ----------
    value : array_like, shape (n,)
        Concentrations.
    crlb_percent : array_like, shape (n,)
        Cramer-Rao bounds as the fitting programs print them, percent of the value.

    Returns
    -------
    array, shape (n,)
        CRLB / 100 x |value|, in the unit of the value. A lower bound: the true error is this or more. Do not drop scans by
        CRLB %, which is high because a concentration is low; keep them, and let this error speak.

    Examples
    --------
    >>> print(f"{float(stderr_from_crlb(1.8, 12.0)):.4f}")
    0.2160
    """
    concentration, percent = np.asarray(value, dtype=float), np.asarray(crlb_percent, dtype=float)
    check_same_length("stderr from CRLB", value=concentration, crlb_percent=percent)
    _check_errors(percent, "crlb_percent")
    return np.asarray(percent / 100.0 * np.abs(concentration))


def _check_errors(values: FloatArray, name: str) -> None:
    """Refuse what no standard error or bound can be: below zero, or the code of a missing value."""
    if (values < 0.0).any():
        msg = f"{name} holds {np.nanmin(values):g}; an error is not negative, write NaN where it is not known"
        raise InputError(msg)


@checked_arguments
def ratio_of_markers(
    first: ArrayLike, second: ArrayLike, first_se: ArrayLike, second_se: ArrayLike, *, correlation: ArrayLike = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Return the ratio of two markers of one scan (GABA/tCr) and its standard error.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Numerator and denominator.
    first_se, second_se : array_like, shape (n,)
        Their standard errors.
    correlation : array_like
        Correlation of the two errors, from the fit's covariance where it is known.

    Returns
    -------
    ratio, se : array, shape (n,)
        a / b, and |a / b| sqrt((se_a / a)^2 + (se_b / b)^2 - 2 rho se_a se_b / (a b)), in a form that a numerator of zero
        does not spoil. NaN where the denominator is zero, or a value or error endless. The delta method: too small when
        se_b is not small beside b.

    Examples
    --------
    >>> ratio, se = ratio_of_markers(1.8, 8.0, 0.216, 0.16)
    >>> print(f"{float(ratio):.3f} {float(se):.6f}")
    0.225 0.027372
    """
    a, b, sa, sb = (np.asarray(item, dtype=float) for item in (first, second, first_se, second_se))
    check_same_length("ratio of markers", first=a, second=b, first_se=sa, second_se=sb)
    for name, errors in (("first_se", sa), ("second_se", sb)):
        _check_errors(errors, name)
    shared = np.asarray(correlation, dtype=float)
    if not (np.abs(np.nan_to_num(shared)) <= 1.0).all():
        msg = f"correlation holds {shared.flat[int(np.argmax(np.abs(shared)))]:g}; it lies between -1 and 1"
        raise InputError(msg)
    a, b, sa, sb = (np.where(np.isinf(item), np.nan, item) for item in (a, b, sa, sb))
    base = np.where(b == 0.0, np.nan, b)
    ratio = a / base
    variance = sa**2 + (ratio * sb) ** 2 - 2.0 * shared * ratio * sa * sb
    return np.asarray(ratio), np.asarray(np.sqrt(np.maximum(variance, 0.0)) / np.abs(base))


@checked_arguments
def scan_stderr(fit_se: ArrayLike, day_sd: float, *, scale: float = 1.0) -> FloatArray:
    """Return the error of one scan with what differs between days: sqrt(k^2 se^2 + sigma_day^2).

    Parameters
    ----------
    fit_se : array_like, shape (n,)
        Standard errors of the fits, which know the noise of one scan only.
    day_sd : float
        SD of one person's true value between days, in the same unit; `repeatability(...).day_sd`.
    scale : float
        k: by how much the fits' errors are too small, `repeatability(...).error_ratio`; 1 unless known.

    Raises
    ------
    InputError
        If day_sd, scale or a standard error is negative.

    Examples
    --------
    >>> print(f"{float(scan_stderr(0.06, 0.05)):.6f}")
    0.078102
    """
    if not (day_sd >= 0.0 and scale >= 0.0):
        msg = f"day_sd is {day_sd:g} and scale {scale:g}; both are zero or more"
        raise InputError(msg)
    errors = np.asarray(fit_se, dtype=float)
    _check_errors(errors, "fit_se")
    return np.asarray(np.hypot(scale * errors, day_sd))


@checked_arguments
def reliability_of_mean(reliability: float, scans: float) -> float:
    """Return the reliability of the mean of several scans, k r / (1 + (k - 1) r) (Spearman, Brown).

    Parameters
    ----------
    reliability : float
        Reliability of one scan, 0 to 1.
    scans : float
        Number of scans averaged.

    Examples
    --------
    >>> round(reliability_of_mean(0.6, 2), 6)
    0.75
    """
    if not (0.0 <= reliability <= 1.0 and scans > 0.0):
        msg = f"reliability is {reliability:g} and scans {scans:g}; give 0 to 1, and a number above zero"
        raise InputError(msg)
    return scans * reliability / (1.0 + (scans - 1.0) * reliability)
