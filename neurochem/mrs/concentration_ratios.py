"""Ratios to creatine, or to anything else that was fitted, with the correlation of both errors."""

import math
from collections.abc import Sequence

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import unknown_name
from neurochem.mrs.outcome import TOTALS
from neurochem.quality import Flag
from neurochem.results import Estimate, FitResult
from neurochem.solve import delta_method
from neurochem.units import FloatArray

# Below so many standard errors a divisor is not told from zero, and a ratio has no expectation to speak of.
_LEAST_DIVISOR = 3.0
_NORMAL_95 = 1.959963984540054


@checked_arguments
def concentration_ratios(fit: FitResult, reference: str = "tCr", names: Sequence[str] | None = None) -> FitResult:
    """Return the ratios of estimates to a reference.

    Parameters
    ----------
    fit : FitResult
        From `fit` or `fit_edited`: ratios of signal a proton, not corrected for relaxation.  From `quantify`: ratios of
        concentrations, each corrected with its own T1 and T2; the error of the water amplitude cancels.
    reference : str
        Divisor: an element, or a total whose parts were fitted, such as "tCr".
    names : sequence of str, optional
        Numerators; by default every other estimate whose error is known.

    Returns
    -------
    FitResult
        Model "ratio"; estimates "GABA+/tCr" and so on, without unit, standard errors by the delta method through the covariance
        of the fit, and Fieller's 95 % interval, which is infinite where the divisor is not told from zero.

    Raises
    ------
    UnknownNameError
        If a name is neither a fitted element nor a total of such.

    Notes
    -----
    var(x/y) = [var x - 2 r cov(x, y) + r^2 var y] / y^2 with r = x/y.  Taking the errors as independent is wrong for lines
    that overlap, and for everything that the water amplitude scales alike.  Creatine is not constant: it changes with
    age, disease and tissue.

    References
    ----------
    Fieller EC (1954), J R Stat Soc B 16:175.
    """
    known = [name for name in fit.estimates if _weights(fit, name) is not None]
    if reference not in known:
        raise unknown_name(reference, known, kind="reference of a ratio")
    chosen = [name for name in known if name != reference] if names is None else list(names)
    for name in chosen:
        if name not in known:
            raise unknown_name(name, known, kind="numerator of a ratio")
    rows = [_row(fit, name) for name in [*chosen, reference]]
    weights = np.array(rows)
    means = np.array([fit[name].value for name in [*chosen, reference]])
    covariance = weights @ fit.covariance @ weights.T
    settings = {**fit.settings, "ratio_to": reference}
    keys = [f"{name}/{reference}" for name in chosen]
    sound = fit.success and math.isfinite(float(means[-1])) and means[-1] != 0.0
    if not sound:
        reason = Flag("no_reference", f"{reference} was not fitted: there is nothing to divide by", "failure")
        empty = {key: Estimate(key, math.nan, math.nan, stderr_kind="crlb") for key in keys}
        return FitResult("ratio", fit.name, empty, success=False, flags=(*fit.flags, reason), settings=settings)
    values, spread = delta_method(lambda x: x[:-1] / x[-1], means, covariance)
    estimates = {
        key: Estimate(
            key, float(value), math.sqrt(max(variance, 0.0)), stderr_kind=fit[name].stderr_kind, at_bound=fit[name].at_bound,
            limits=(_fieller(means[[i, -1]], covariance[np.ix_([i, -1], [i, -1])]),),
        )
        for i, (key, name, value, variance) in enumerate(zip(keys, chosen, values, np.diag(spread), strict=True))
    }  # fmt: skip
    return FitResult(
        "ratio", fit.name, estimates, flags=(*fit.flags, *_flags(reference, means, covariance)), covariance=spread,
        covariance_names=tuple(keys), settings=settings,
    )  # fmt: skip


def _weights(fit: FitResult, name: str) -> dict[str, float] | None:
    """Return an estimate as a sum of terms with a covariance; None where it is none."""
    if name in fit.covariance_names:
        return {name: 1.0}
    parts = TOTALS.get(name, ())
    return dict.fromkeys(parts, 1.0) if parts and set(parts) <= set(fit.covariance_names) else None


def _row(fit: FitResult, name: str) -> list[float]:
    weights = _weights(fit, name) or {}
    return [weights.get(key, 0.0) for key in fit.covariance_names]


def _fieller(means: FloatArray, covariance: FloatArray) -> tuple[float, float, float]:
    """Return (level, low, high) of x/y: the values r for which x - r y is within 1.96 standard errors of zero."""
    x, y = means
    z2 = _NORMAL_95**2
    square = y**2 - z2 * covariance[1, 1]
    middle = x * y - z2 * covariance[0, 1]
    free = x**2 - z2 * covariance[0, 0]
    inside = middle**2 - square * free
    if square <= 0.0 or inside < 0.0:
        return 0.95, -math.inf, math.inf
    half = math.sqrt(inside)
    return 0.95, float((middle - half) / square), float((middle + half) / square)


def _flags(reference: str, means: FloatArray, covariance: FloatArray) -> list[Flag]:
    error = math.sqrt(covariance[-1, -1])
    if abs(means[-1]) >= _LEAST_DIVISOR * error:
        return []
    message = f"{reference} is {means[-1]:.3g} +- {error:.2g}: a ratio to it is not determined"
    return [Flag("uncertain_reference", message)]
