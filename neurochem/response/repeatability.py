"""Test-retest measurements: how well a marker repeats, and how far one person's true value moves between days."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.units import FloatArray


@dataclass(frozen=True, slots=True)
class Repeatability:
    """How well a measurement repeats.

    Attributes
    ----------
    people, scans : int
        People, and scans of each.
    ms_between, ms_within : float
        Mean squares of a one-way analysis of variance, squared unit.
    icc11, icc21, icc31 : float
        Intraclass correlations: one-way; two-way, agreement; two-way, consistency.
    icc11_low, icc11_high : float
        Exact 95 % interval of icc11 (normal values).
    sem, cv_percent : float
        Standard error of measurement sqrt(ms_within), and in percent of the mean.
    repeatability : float
        1.96 sqrt(2) sem: the smallest change of one person that noise does not explain.
    absolute_variability_percent : float
        100 |difference| / mean of the pair, averaged over people; NaN unless there are two scans each.
    bias, limits_low, limits_high : float
        Mean of second minus first, and Bland-Altman limits; NaN unless there are two scans each.
    day_sd : float
        SD of the true value between days: sqrt(max(0, ms_within - mean se^2)); NaN without standard errors. Give it as
        `test_retest_sd` to `associate`.
    error_ratio : float
        SD of (w2 - w1) / sqrt(se1^2 + se2^2): 1 when the standard errors tell the whole difference; NaN without them.
    """

    people: int
    scans: int
    ms_between: float
    ms_within: float
    icc11: float
    icc21: float
    icc31: float
    icc11_low: float
    icc11_high: float
    sem: float
    cv_percent: float
    repeatability: float
    absolute_variability_percent: float
    bias: float
    limits_low: float
    limits_high: float
    day_sd: float
    error_ratio: float


@checked_arguments
def repeatability(values: ArrayLike, stderr: ArrayLike | None = None) -> Repeatability:
    """Return how well repeated scans of the same people agree.

    Parameters
    ----------
    values : array_like, shape (n, k)
        k scans of n people, at least two each, nothing missing.
    stderr : array_like, shape (n, k), optional
        Standard errors of the values.

    Returns
    -------
    Repeatability

    Raises
    ------
    InputError
        If there are fewer than three people or two scans, or a value is missing.

    Notes
    -----
    The statistics are those of `neurochem.pet.retest_reliability`, which gives their intervals too; this adds what an
    outcome model needs of them. ICC(1,1) = (MSB - MSW) / (MSB + (k - 1) MSW) with the F interval. A same-day retest is a
    floor: weeks apart more of the person changes. A shift between the scans (`bias`) is not noise: it must be modelled,
    not read as a drug effect.

    References
    ----------
    Shrout, Fleiss (1979), Psychol Bull 86:420. Bland, Altman (1986), Lancet 327:307.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or table.shape[0] < 3 or table.shape[1] < 2 or not np.isfinite(table).all():
        msg = (
            f"values has shape {table.shape}; give finite numbers, one row a person (three or more), one column a scan"
        )
        raise InputError(msg)
    from neurochem.pet.reliability import retest_reliability

    fit = retest_reliability(table)
    number = {name: estimate.value for name, estimate in fit.estimates.items()}
    low, high = fit["ICC11"].interval(0.95)
    day, ratio = _day(table, stderr, fit.diagnostics["ms_within"])
    return Repeatability(
        people=len(table), scans=table.shape[1], ms_between=fit.diagnostics["ms_between"],
        ms_within=fit.diagnostics["ms_within"], icc11=number["ICC11"], icc21=number["ICC21"], icc31=number["ICC31"],
        icc11_low=low, icc11_high=high, sem=number["SEM"], cv_percent=number["wsCV"], repeatability=number["RC"],
        absolute_variability_percent=number.get("AbsVar", math.nan), bias=number.get("bias", math.nan),
        limits_low=number.get("LoA_low", math.nan), limits_high=number.get("LoA_high", math.nan),
        day_sd=day, error_ratio=ratio,
    )  # fmt: skip


def _day(table: FloatArray, stderr: ArrayLike | None, within: float) -> tuple[float, float]:
    if stderr is None:
        return math.nan, math.nan
    errors = np.asarray(stderr, dtype=float)
    if errors.shape != table.shape or not (errors > 0.0).all():
        msg = f"stderr has shape {errors.shape}; give one positive standard error for each of the {table.shape} values"
        raise InputError(msg)
    day = math.sqrt(max(0.0, within - float(np.mean(errors**2))))
    scaled = np.diff(table, axis=1) / np.hypot(errors[:, 1:], errors[:, :-1])
    return day, float(np.sqrt(np.mean(scaled**2)))
