"""Test-retest statistics: how well a measurement agrees with itself, and how sure that is."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class _Anova:
    """Mean squares of n people measured k times: between people, within, sessions, and the rest."""

    people: int
    sessions: int
    between: float
    within: float
    columns: float
    error: float
    mean: float


@checked_arguments
def retest_reliability(
    first: ArrayLike,
    second: ArrayLike | None = None,
    *,
    name: str = "test-retest",
    unit: str = "",
    level: float = 0.95,
) -> FitResult:
    """Return the test-retest statistics of a measurement.

    Parameters
    ----------
    first : array_like, shape (n,) or (n, k)
        First measurement of n people; or all k measurements as columns, then without `second`.
    second : array_like, shape (n,), optional
        Second measurement of the same people, in the same order.
    name, unit : str
        Region or outcome for the record, and unit of the measurement.
    level : float
        Level of the intervals that are not symmetric.

    Returns
    -------
    FitResult
        ICC11, ICC21, ICC31, SEM, wsCV (%), RC, AbsVar (%), bias (second minus first), LoA_low, LoA_high, with standard
        errors and, in `limits`, intervals. AbsVar, bias and limits of agreement need exactly two measurements.
        Diagnostics hold the mean squares and the spread between people, without which an ICC means little.

    Raises
    ------
    InputError
        If shapes do not fit, fewer than three people are complete, or nothing varies.

    Notes
    -----
    With mean squares between people (BMS), within people (WMS), between sessions (JMS) and of the remainder (EMS), n
    people and k sessions:
    ICC(1,1) = (BMS - WMS)/(BMS + (k-1) WMS), interval from F = BMS/WMS, exact for normal errors;
    ICC(2,1) = (BMS - EMS)/(BMS + (k-1) EMS + k (JMS - EMS)/n), interval by Satterthwaite's degrees of freedom;
    ICC(3,1) = (BMS - EMS)/(BMS + (k-1) EMS), exact interval. SEM = sqrt(WMS), wsCV = SEM/mean, RC = 1.96 sqrt(2) SEM;
    their intervals follow chi-square with n(k-1) degrees of freedom
    (that of wsCV takes the mean as known). AbsVar is the mean of |x1 - x2|/((x1 + x2)/2).
    Limits of agreement are the mean difference +- 1.96 SD, with the errors of Bland and Altman.
    People with a missing value are left out and flagged. A low ICC can mean no more than people who are alike.

    References
    ----------
    Shrout PE, Fleiss JL (1979), Psychol Bull 86:420; McGraw KO, Wong SP (1996), Psychol Methods 1:30; Bland JM,
    Altman DG (1999), Stat Methods Med Res 8:135.

    Examples
    --------
    >>> fit = retest_reliability([1.50, 1.32, 1.71, 1.44], [1.56, 1.30, 1.62, 1.49])
    >>> round(fit["wsCV"].value, 2)
    2.86
    """
    table, flags = _table(first, second, level)
    anova = _anova(table)
    estimates = [*_correlations(anova, level), *_within(anova, unit, level)]
    if table.shape[1] == 2:
        estimates += _pairs(table, unit, level)
    flags += _negative_flags(estimates)
    return FitResult(
        model="test-retest",
        name=name,
        estimates={estimate.name: estimate for estimate in estimates},
        flags=tuple(flags),
        diagnostics={
            "people": float(anova.people),
            "sessions": float(anova.sessions),
            "mean": anova.mean,
            "between_people_sd": float(np.std(table.mean(axis=1), ddof=1)),
            "ms_between": anova.between,
            "ms_within": anova.within,
            "ms_sessions": anova.columns,
            "ms_error": anova.error,
        },
        settings={"level": level, "reference": "Shrout and Fleiss 1979; Bland and Altman 1999"},
    )


@checked_arguments
def draw_agreement(first: ArrayLike, second: ArrayLike, *, unit: str = "", ax: "Axes | None" = None) -> "Axes":
    """Draw the difference of two measurements against their mean, with bias and limits of agreement.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Measurements of the same people, in the same order.
    unit : str
        Unit of the measurement.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Bands show the 95 % intervals of the three lines.
    """
    from neurochem.figures import BLUE, GREY, VERMILLION, label, new_axes

    fit = retest_reliability(first, second, unit=unit)
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    ax = new_axes() if ax is None else ax
    lines = (("bias", BLUE, "bias"), ("LoA_low", VERMILLION, "limits of agreement"), ("LoA_high", VERMILLION, ""))
    for name, colour, text in lines:
        ax.axhspan(*fit[name].interval(), color=colour, alpha=0.12, linewidth=0)
        ax.axhline(fit[name].value, color=colour, linewidth=1.2, label=text or None)
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    ax.plot(0.5 * (a + b), b - a, "o", color="black", markersize=4)
    ax.set_xlabel(label("mean of two measurements", unit))
    ax.set_ylabel(label("second minus first", unit))
    ax.legend(frameon=False, fontsize=8)
    return ax


def _table(first: ArrayLike, second: ArrayLike | None, level: float) -> tuple[FloatArray, list[Flag]]:
    """Return complete rows, with a flag that counts those left out."""
    if not 0.0 < level < 1.0:
        msg = f"level is {level}; it must lie between 0 and 1, for example 0.95"
        raise InputError(msg)
    table = np.array(first, dtype=float)
    if second is not None:
        other = np.array(second, dtype=float)
        if table.ndim != 1 or other.shape != table.shape:
            msg = f"first has shape {table.shape} and second {other.shape}; give the same people, in order, in both"
            raise InputError(msg)
        table = np.column_stack([table, other])
    if table.ndim != 2 or table.shape[1] < 2:
        msg = f"measurements have shape {table.shape}; give two arrays of n people, or one of shape (n, k) with k >= 2"
        raise InputError(msg)
    whole = np.isfinite(table).all(axis=1)
    if np.count_nonzero(whole) < 3:
        msg = f"{np.count_nonzero(whole)} people have every measurement; test-retest statistics need at least 3"
        raise InputError(msg)
    if not np.ptp(table[whole]) > 0:
        msg = "every measurement is the same number; there is no variance to describe. Check the columns"
        raise InputError(msg)
    lost = int(np.count_nonzero(~whole))
    message = f"{lost} of {whole.size} people lack a measurement and were left out"
    return table[whole], [Flag("incomplete", message)] if lost else []


def _anova(table: FloatArray) -> _Anova:
    people, sessions = table.shape
    mean = float(table.mean())
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    between = sessions * float(np.sum((rows - mean) ** 2)) / (people - 1)
    within = float(np.sum((table - rows[:, None]) ** 2)) / (people * (sessions - 1))
    session = people * float(np.sum((columns - mean) ** 2)) / (sessions - 1)
    rest = table - rows[:, None] - columns + mean
    error = float(np.sum(rest**2)) / ((people - 1) * (sessions - 1))
    return _Anova(people, sessions, between, within, session, error, mean)


def _correlations(a: _Anova, level: float) -> list[Estimate]:
    """Return the three intraclass correlations."""
    k, n = a.sessions, a.people
    one = _ratio(a.between - a.within, a.between + (k - 1) * a.within)
    spread = k * (a.columns - a.error) / n
    two = _ratio(a.between - a.error, a.between + (k - 1) * a.error + spread)
    three = _ratio(a.between - a.error, a.between + (k - 1) * a.error)
    return [
        _icc("ICC11", one, a, _exact_limits(a.between, a.within, (n - 1, n * (k - 1)), k, level), level),
        _icc("ICC21", two, a, _agreement_limits(a, two, level), level),
        _icc("ICC31", three, a, _exact_limits(a.between, a.error, (n - 1, (n - 1) * (k - 1)), k, level), level),
    ]


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.nan


def _icc(name: str, value: float, a: _Anova, limits: tuple[float, float], level: float) -> Estimate:
    """Return an intraclass correlation; its standard error is Fisher's for a large sample."""
    k, n = a.sessions, a.people
    stderr = (1.0 - value) * (1.0 + (k - 1) * value) * math.sqrt(2.0 / (k * (k - 1) * (n - 1)))
    return Estimate(name, value, stderr, "", limits=((level, *limits),))


def _exact_limits(
    upper: float, lower: float, dof: tuple[float, float], sessions: int, level: float
) -> tuple[float, float]:
    """Return limits of (F - 1)/(F + k - 1) from the F distribution of the ratio of two mean squares."""
    from scipy import stats

    if lower <= 0:
        return 1.0, 1.0
    tail = 0.5 * (1.0 - level)
    ratio = upper / lower
    low = ratio / float(stats.f.isf(tail, *dof))
    high = ratio * float(stats.f.isf(tail, *dof[::-1]))
    return (low - 1.0) / (low + sessions - 1.0), (high - 1.0) / (high + sessions - 1.0)


def _agreement_limits(a: _Anova, value: float, level: float) -> tuple[float, float]:
    """Return limits of ICC(2,1) with Satterthwaite's degrees of freedom (McGraw and Wong 1996)."""
    from scipy import stats

    n, k = a.people, a.sessions
    if not (a.error > 0 and value < 1.0):
        return value, value
    first = k * value / (n * (1.0 - value))
    second = 1.0 + k * value * (n - 1) / (n * (1.0 - value))
    weighted = first * a.columns + second * a.error
    spread = (first * a.columns) ** 2 / (k - 1) + (second * a.error) ** 2 / ((n - 1) * (k - 1))
    dof = weighted**2 / spread
    tail = 0.5 * (1.0 - level)
    below, above = float(stats.f.isf(tail, n - 1, dof)), float(stats.f.isf(tail, dof, n - 1))
    rest = k * a.columns + (k * n - k - n) * a.error
    low = n * (a.between - below * a.error) / (below * rest + n * a.between)
    high = n * (above * a.between - a.error) / (rest + n * above * a.between)
    return low, high


def _within(a: _Anova, unit: str, level: float) -> list[Estimate]:
    """Return SEM, within-subject CV and repeatability coefficient, with chi-square limits."""
    from scipy import stats

    dof = a.people * (a.sessions - 1)
    sem = math.sqrt(a.within)
    tail = 0.5 * (1.0 - level)
    low = math.sqrt(dof / float(stats.chi2.isf(tail, dof)))
    high = math.sqrt(dof / float(stats.chi2.ppf(tail, dof)))
    # SD of a variance on f degrees of freedom is variance x sqrt(2/f); a root halves the relative error
    relative = 1.0 / math.sqrt(2.0 * dof)
    agreement = _normal(0.95) * math.sqrt(2.0)
    percent = 100.0 / a.mean if a.mean != 0 else math.nan
    mean_error = math.sqrt(a.between / (a.people * a.sessions)) / abs(a.mean) if a.mean != 0 else math.nan

    def scaled(name: str, factor: float, extra: float, of: str) -> Estimate:
        value = abs(factor) * sem
        limits = ((level, low * value, high * value),)
        return Estimate(name, value, value * math.hypot(relative, extra), of, limits=limits)

    return [
        scaled("SEM", 1.0, 0.0, unit),
        scaled("wsCV", percent, mean_error, "%"),
        scaled("RC", agreement, 0.0, unit),
    ]


def _pairs(table: FloatArray, unit: str, level: float) -> list[Estimate]:
    """Return absolute variability, mean bias and limits of agreement of two measurements."""
    first, second = table.T
    people = first.size
    difference = second - first
    variability = 100.0 * np.abs(difference) / np.abs(0.5 * (first + second))
    spread = float(np.std(difference, ddof=1))
    bias = float(difference.mean())
    bias_error = spread / math.sqrt(people)
    z = _normal(0.95)
    # Bland and Altman 1999: var(mean) + z^2 var(SD)
    limit_error = spread * math.sqrt(1.0 / people + z**2 / (2.0 * (people - 1)))
    dof = float(people - 1)
    return [
        Estimate(
            "AbsVar", float(variability.mean()), float(np.std(variability, ddof=1)) / math.sqrt(people), "%", dof=dof
        ),
        Estimate("bias", bias, bias_error, unit, dof=dof),
        Estimate("LoA_low", bias - z * spread, limit_error, unit, dof=dof),
        Estimate("LoA_high", bias + z * spread, limit_error, unit, dof=dof),
    ]


def _normal(level: float) -> float:
    from scipy import special

    return float(special.ndtri(0.5 + 0.5 * level))


def _negative_flags(estimates: list[Estimate]) -> list[Flag]:
    """Say that an ICC below zero is an estimate of no spread between people."""
    message = "{} is {:.3f}, below zero: people differ no more than repeated measurements do; it was not set to zero"
    return [
        Flag("negative_icc", message.format(e.name, e.value), "warning", e.name)
        for e in estimates
        if e.name.startswith("ICC") and e.value < 0
    ]
