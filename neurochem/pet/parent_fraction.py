"""How much of the plasma activity is still parent tracer: models by name, fitted to the metabolite samples."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import check_same_length, checked_arguments
from neurochem.errors import InputError
from neurochem.pet.decay import decay_constant_per_min
from neurochem.pet.sample_fit import (
    FittedCurve,
    Parameter,
    SampleCurve,
    SampleModel,
    Samples,
    best_by_aicc,
)
from neurochem.pet.sample_lines import Interpolation
from neurochem.registry import Registry
from neurochem.units import FloatArray, seconds_to_minutes

PARENT_FRACTIONS: Registry[SampleModel] = Registry("parent fraction model")

# Times below this (60 microseconds) count as injection, so that powers of time stay finite.
_SOONEST_MIN = 1e-6
# Counting noise may carry a measured fraction this far outside 0 to 1; cutting it off would bias the fit.
_NOISE = 0.1
_LN10 = float(np.log(10.0))
# Beyond this argument the inverse gamma distribution function is zero to double precision.
_FAR = 600.0


def _log_time(time_min: FloatArray) -> tuple[FloatArray, np.ndarray]:
    later = time_min > _SOONEST_MIN
    return np.log(np.where(later, time_min, 1.0)), later


def _half_time(time_min: FloatArray, values: FloatArray) -> float:
    """Return roughly when half of the fall is done."""
    middle = 0.5 * (1.0 + float(values[np.argmax(time_min)]))
    below = time_min[(values <= middle) & (time_min > 0)]
    return float(np.min(below)) if below.size else float(max(np.max(time_min), 1.0))


def _last(time_min: FloatArray, values: FloatArray) -> float:
    return float(np.clip(values[np.argmax(time_min)], 0.01, 0.95))


_PF0 = Parameter("pf0", "", 0.0, 1.0)


class Hill(SampleModel):
    """pf = pf0 - (pf0 - a) t^b/(10^c + t^b), t in minutes after injection.

    Starts at pf0 (1 unless fitted) and levels off at a, half-way at t = 10^(c/b) min.

    References
    ----------
    Gunn RN, Sargent PA, Bench CJ et al. (1998), NeuroImage 8:426-440.
    """

    name = "Hill"
    citation = "Gunn et al. 1998, NeuroImage 8:426-440"
    equation = "pf = pf0 - (pf0 - a) t^b/(10^c + t^b)"
    parameters = (_PF0, Parameter("a", "", 0.0, 1.0), Parameter("b", "", 0.1, 15.0), Parameter("c", "", -10.0, 25.0))
    given = {"pf0": 1.0}  # noqa: RUF012 - declared as ClassVar in the base

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the fraction at times in minutes."""
        start, level, power, shape = theta
        log_time, later = _log_time(time_min)
        share = np.where(later, 1.0 / (1.0 + np.exp(shape * _LN10 - power * log_time)), 0.0)
        return start - (start - level) * share

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return three steepnesses around the half time."""
        half, last = _half_time(time_min, values), _last(time_min, values)
        return [np.array([1.0, 0.8 * last, b, b * np.log10(half)]) for b in (1.0, 2.0, 4.0)]


class Power(SampleModel):
    """pf = pf0/(1 + (a t)^b)^c, t in minutes; falls to zero.

    References
    ----------
    Watabe H, Channing MA, Der MG et al. (2000), J Cereb Blood Flow Metab 20:899-909.
    """

    name = "power"
    citation = "Watabe et al. 2000, J Cereb Blood Flow Metab 20:899-909"
    equation = "pf = pf0/(1 + (a t)^b)^c"
    parameters = (
        _PF0, Parameter("a", "1/min", 1e-5, 100.0), Parameter("b", "", 0.1, 20.0), Parameter("c", "", 1e-3, 100.0),
    )  # fmt: skip
    given = {"pf0": 1.0}  # noqa: RUF012 - declared as ClassVar in the base

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the fraction at times in minutes."""
        start, rate, power, order = theta
        log_time, later = _log_time(time_min)
        grown = np.where(later, np.exp(power * (np.log(rate) + log_time)), 0.0)
        return start * np.exp(-order * np.log(1.0 + grown))

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return several shapes that pass through the half time."""
        half = _half_time(time_min, values)
        return [
            np.array([1.0, (2.0 ** (1.0 / c) - 1.0) ** (1.0 / b) / half, b, c])
            for b in (1.0, 2.0, 4.0)
            for c in (0.3, 1.0)
        ]


class ExponentialPair(SampleModel):
    """pf = a exp(-b t) + (pf0 - a) exp(-c t), t in minutes; b is the faster rate.

    Notes
    -----
    a lies between 0 and 1, and so does the curve whenever a <= pf0; a > pf0 lets it rise first.
    """

    name = "exponential"
    citation = "sum of two exponentials"
    equation = "pf = a exp(-b t) + (pf0 - a) exp(-c t)"
    parameters = (
        _PF0, Parameter("a", "", 0.0, 1.0), Parameter("b", "1/min", 0.0, 20.0), Parameter("c", "1/min", 0.0, 20.0),
    )  # fmt: skip
    given = {"pf0": 1.0}  # noqa: RUF012 - declared as ClassVar in the base

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the fraction at times in minutes."""
        start, share, fast, slow = theta
        return share * np.exp(-fast * time_min) + (start - share) * np.exp(-slow * time_min)

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return fast and slow pairs around the half time."""
        half, last = _half_time(time_min, values), _last(time_min, values)
        return [
            np.array([1.0, 1.0 - last, np.log(2.0) / half, 0.1 * np.log(2.0) / half]),
            np.array([1.0, 0.5, 2.0 / half, 0.3 / half]),
        ]

    def canonical(self, theta: FloatArray) -> FloatArray:
        """Return the pair with the faster rate first."""
        start, share, fast, slow = theta
        if fast >= slow or share > start:
            return theta
        return np.array([start, start - share, slow, fast])


class InverseGamma(SampleModel):
    """pf = a [1 - b F(t; c, d)], F the distribution function of the inverse gamma with shape c and rate d.

    F(t) = Q(c, d/t), the regularised upper incomplete gamma function: 0 at injection, 1 at late times.
    """

    name = "inverse gamma"
    citation = "inverse gamma distribution function"
    equation = "pf = a [1 - b F(t; shape c, rate d)]"
    parameters = (
        Parameter("a", "", 0.0, 1.0), Parameter("b", "", 0.0, 1.0), Parameter("c", "", 0.01, 50.0),
        Parameter("d", "min", 1e-3, 1e4),
    )  # fmt: skip

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the fraction at times in minutes."""
        level, depth, shape, rate = theta
        return level * (1.0 - depth * _inverse_gamma(float(shape), float(rate), time_min))

    def jacobian(self, theta: FloatArray, time_min: FloatArray) -> FloatArray:
        """Return the analytic derivative, shape (n, 4)."""
        level, depth, shape, rate = theta
        share = _inverse_gamma(shape, rate, time_min)
        by_shape, by_rate = _inverse_gamma_slopes(shape, rate, time_min)
        return np.column_stack(
            [1.0 - depth * share, -level * share, -level * depth * by_shape, -level * depth * by_rate]
        )

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return three shapes whose median is the half time."""
        half, last = _half_time(time_min, values), _last(time_min, values)
        top = float(np.clip(np.max(values), 0.05, 0.99))
        return [
            np.array([top, 1.0 - 0.8 * last, c, half * float(special.gammainccinv(c, 0.5))]) for c in (0.5, 1.0, 3.0)
        ]


def _inverse_gamma(shape: float, rate: float, time_min: FloatArray) -> FloatArray:
    later = time_min > _SOONEST_MIN
    return np.where(later, special.gammaincc(shape, rate / np.where(later, time_min, 1.0)), 0.0)


def _inverse_gamma_slopes(shape: float, rate: float, time_min: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of the distribution function by shape and rate.

    With x = d/t: dQ/dd = -x^(c-1) exp(-x)/(Gamma(c) t), and P = 1 - Q = sum over n of x^(c+n) exp(-x)/Gamma(c+n+1),
    whose terms are positive, so that dP/dc = sum of term x (ln x - psi(c+n+1)) is sure to absolute precision.
    """
    later = time_min > max(_SOONEST_MIN, rate / _FAR)
    time = np.where(later, time_min, rate)
    x = rate / time
    log_x = np.log(x)
    by_rate = -np.exp((shape - 1.0) * log_x - x - special.gammaln(shape)) / time
    order = shape + np.arange(int(np.max(x) + 12.0 * np.sqrt(np.max(x) + shape) + 60.0))
    term = np.exp(order * log_x[:, None] - x[:, None] - special.gammaln(order + 1.0))
    by_shape = -np.sum(term * (log_x[:, None] - special.digamma(order + 1.0)), axis=1)
    return np.where(later, by_shape, 0.0), np.where(later, by_rate, 0.0)


class Sigmoid(SampleModel):
    """pf = ([1 - t^3/(t^3 + 10^a)]^b + c)/(1 + c), t in minutes; starts at 1.

    Notes
    -----
    The form and its source were not checked against the paper.

    References
    ----------
    Guo Q, Colasanti A, Owen DR et al. (2013), J Nucl Med 54:1915-1923 (unchecked).
    """

    name = "sigmoid"
    citation = "Guo et al. 2013, J Nucl Med 54:1915-1923 (form unchecked)"
    equation = "pf = ([1 - t^3/(t^3 + 10^a)]^b + c)/(1 + c)"
    parameters = (Parameter("a", "", -10.0, 20.0), Parameter("b", "", 1e-3, 50.0), Parameter("c", "", 0.0, 50.0))

    def values(self, theta: np.ndarray, time_min: FloatArray) -> np.ndarray:
        """Return the fraction at times in minutes."""
        place, power, level = theta
        log_time, later = _log_time(time_min)
        # 1 - t^3/(t^3 + 10^a) = 1/(1 + t^3/10^a)
        grown = np.where(later, np.exp(3.0 * log_time - place * _LN10), 0.0)
        return (np.exp(-power * np.log(1.0 + grown)) + level) / (1.0 + level)

    def starts(self, time_min: FloatArray, values: FloatArray) -> list[FloatArray]:
        """Return three steepnesses around the half time."""
        half, last = _half_time(time_min, values), _last(time_min, values)
        found = []
        for b in (0.2, 0.6, 1.5):
            place = 3.0 * np.log10(half) - np.log10(2.0 ** (1.0 / b) - 1.0)
            found.append(np.array([place, b, 0.8 * last / (1.0 - 0.8 * last)]))
        return found


PARENT_FRACTIONS.add(Hill(), name="Hill", reference=Hill.citation)
PARENT_FRACTIONS.add(Power(), name="power", reference=Power.citation)
PARENT_FRACTIONS.add(
    ExponentialPair(), name="exponential", aliases=("exponential pair", "biexponential"),
    reference=ExponentialPair.citation,
)  # fmt: skip
PARENT_FRACTIONS.add(InverseGamma(), name="inverse gamma", aliases=("invgamma",), reference=InverseGamma.citation)
PARENT_FRACTIONS.add(Sigmoid(), name="sigmoid", reference=Sigmoid.citation)
PARENT_FRACTIONS.add(Interpolation(at_zero=1.0), name="interpolation", aliases=("linear", "interp"))


@checked_arguments
def fit_parent_fraction(
    time_s: ArrayLike,
    fraction: ArrayLike,
    *,
    model: str = "Hill",
    weights: ArrayLike | None = None,
    fixed: Mapping[str, float | None] | None = None,
    variance: float | None = None,
    where: str = "",
) -> SampleCurve:
    """Fit the parent fraction.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        Seconds after injection.
    fraction : array_like, shape (n,)
        Unchanged tracer over total plasma activity, 0 to 1; noise may carry a sample 0.1 outside, where it is used as it is.
    model : str
        "Hill", "power", "exponential", "inverse gamma", "sigmoid", "interpolation", or "best": that of lowest AICc.
    weights : array_like, shape (n,), optional
        One over variance, up to a factor (see `parent_fraction_weights`); equal by default, zero leaves a sample out.
    fixed : mapping, optional
        Parameters held at a value; `{"pf0": None}` fits the value at injection, which otherwise is 1.
    variance : float, optional
        Variance of unit weight, if known.
    where : str
        File, for messages.

    Returns
    -------
    SampleCurve
        `values(time_min)`, `stderr(time_min)`, `draw(rng)` and the FitResult as `result`.

    Raises
    ------
    InputError, UnknownNameError
        If a fraction lies outside 0 to 1 (percent, for example), or there are too few samples.
    """
    samples = Samples(time_s, fraction, weights=weights, name="parent fraction", where=where)
    samples.check(
        np.abs(samples.values - 0.5) <= 0.5 + _NOISE,
        "it must lie between 0 and 1. Divide percent by 100, and give a wrong sample the weight 0.",
    )
    if model == "best":
        return choose_parent_fraction(samples, fixed=fixed, variance=variance)
    return PARENT_FRACTIONS[model].fit(samples, fixed=fixed, variance=variance)


def choose_parent_fraction(
    samples: Samples,
    *,
    models: Sequence[str] | None = None,
    fixed: Mapping[str, float | None] | None = None,
    variance: float | None = None,
) -> SampleCurve:
    """Return the parent fraction model of lowest AICc; its settings list the AICc of all.

    Parameters
    ----------
    samples : Samples
        Parent fractions.
    models : sequence of str, optional
        Names to compare; by default every model with parameters that the samples can determine.
    fixed, variance
        As for `fit_parent_fraction`; a fixed parameter goes to the models that have it.
    """
    wanted = [e.name for e in PARENT_FRACTIONS if e.item.parameters] if models is None else list(models)
    tried = [PARENT_FRACTIONS[name] for name in wanted]
    count = np.unique(samples.time_s[samples.used]).size
    able = [item for item in tried if models is not None or len(item.parameters) - len(item.given) < count - 1]
    if not able:
        place = f"{samples.where}: " if samples.where else ""
        msg = f"{place}{count} samples of parent fraction are too few for any model; use model='interpolation'"
        raise InputError(msg)
    curves = []
    for item in able:
        own = {p.name for p in item.parameters}
        shared = {name: value for name, value in (fixed or {}).items() if name in own}
        curves.append(item.fit(samples, fixed=shared, variance=variance))
    best = best_by_aicc(curves)
    listed = {curve.result.model: curve.result.diagnostics.get("aicc") for curve in curves}
    result = replace(best.result, settings={**best.result.settings, "aicc": listed})
    return replace(best, result=result) if isinstance(best, FittedCurve) else best


@checked_arguments
def parent_fraction_weights(time_s: ArrayLike, plasma: ArrayLike, isotope: str) -> FloatArray:
    """Return weights of parent fractions from counting statistics: plasma x exp(-lambda t), the largest set to 1.

    Parameters
    ----------
    time_s, plasma : array_like, shape (n,)
        Sample times, and decay-corrected total plasma activity there.
    isotope : str
        "C11", "F18" or "O15".

    Returns
    -------
    array, shape (n,)
        Proportional to the counts in a sample of fixed volume counted for a fixed time at its own time: the variance of a
        fraction is pf (1 - pf)/counts, whose first factor is left out so that noise does not feed back into weights.
    """
    time, activity = np.asarray(time_s, dtype=float), np.asarray(plasma, dtype=float)
    check_same_length("parent_fraction_weights", time_s=time, plasma=activity)
    counts = activity * np.exp(-decay_constant_per_min(isotope) * seconds_to_minutes(time))
    bad = np.flatnonzero(~(np.isfinite(counts) & (counts >= 0)))
    if bad.size or not (counts > 0).any():
        row = int(bad[0]) if bad.size else 0
        msg = (
            f"plasma activity, sample {row + 1}, is {np.ravel(plasma)[row]}; weights need finite activity, not negative"
        )
        raise InputError(msg)
    return counts / np.max(counts)
