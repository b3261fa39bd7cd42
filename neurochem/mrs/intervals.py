"""Intervals that need no symmetry: profile likelihood and parametric bootstrap of amplitudes; correlations of a fit."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize, special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.basis import Basis
from neurochem.mrs.fit import hopeless, matched
from neurochem.mrs.options import FitOptions
from neurochem.mrs.outcome import TOTALS, Outcome, fitted_result
from neurochem.mrs.problem import Problem
from neurochem.mrs.search import Found, search
from neurochem.mrs.setup import Setup, prepare
from neurochem.mrs.spectra import Acquisition, Spectrum
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_FEWEST_REPLICATES = 50
# How tightly an amplitude is held while the rest is fitted (standard errors), and how far its profile is followed.
_HOLD, _FARTHEST = 0.01, 40.0


@checked_arguments
def correlation(fit: FitResult) -> "pd.DataFrame":
    """Return the correlation matrix of the amplitudes of a fit.

    Parameters
    ----------
    fit : FitResult
        What `neurochem.mrs.fit` returned.

    Returns
    -------
    pandas.DataFrame
        Names on both axes; NaN for an amplitude that the data do not determine.
    """
    import pandas as pd

    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.diag(fit.covariance))
        matrix = fit.covariance / np.outer(spread, spread)
    return pd.DataFrame(matrix, index=list(fit.covariance_names), columns=list(fit.covariance_names))


def optimum(
    spectrum: Spectrum | Acquisition, basis: Basis, options: FitOptions, *, allow_mismatch: bool = False
) -> tuple[Setup, Found]:
    """Return the setup of a fit and its optimum.

    Raises
    ------
    InputError
        If there is nothing to fit.
    """
    data, elements = matched(spectrum, basis, options, allow_mismatch=allow_mismatch)
    reason = hopeless(data)
    if reason:
        msg = f"{data.source or data.name}: {reason[1]}; there is no fit whose interval could be asked for"
        raise InputError(msg)
    setup = prepare(data, basis, elements, options)
    return setup, search(setup, options)


@checked_arguments
def profile_interval(
    spectrum: Spectrum | Acquisition,
    basis: Basis,
    name: str,
    *,
    level: float = 0.95,
    allow_mismatch: bool = False,
    **keywords: Any,
) -> Estimate:
    """Return an amplitude or total with its profile-likelihood interval.

    Parameters
    ----------
    spectrum, basis : Spectrum or Acquisition, Basis
        As for `fit`.
    name : str
        An element, or tNAA, tCr, tCho, Glx.
    level : float
        Level of the interval.
    allow_mismatch, **keywords
        Options of `fit`.

    Returns
    -------
    Estimate
        That of `fit`, of the kind "profile", with the interval in `limits`; its lower end is 0 where the data do not
        exclude that.

    Raises
    ------
    UnknownNameError, InputError
        If there is no such amplitude, or the level is not between 0 and 1.

    Notes
    -----
    The amplitude (or sum) is held, everything else fitted again: the interval holds what raises cost / misfit by no more
    than the quantile of chi square with one degree of freedom.  Elements and baseline are those that the fit chose.
    """
    if not 0.0 < level < 1.0:
        msg = f"level is {level}; it must lie between 0 and 1, for example 0.95"
        raise InputError(msg)
    options = FitOptions(**keywords)
    _, found = optimum(spectrum, basis, options, allow_mismatch=allow_mismatch)
    estimate = fitted_result("profile", Outcome(found), {}, options.amplitudes)[name]
    profile = _Profile(found, _weights(found.setup.names, estimate.name))
    threshold = float(special.ndtri(0.5 + 0.5 * level)) ** 2
    ends = (profile.end(-1.0, threshold), profile.end(1.0, threshold))
    return replace(estimate, stderr_kind="profile", limits=((level, *ends),))


def _weights(names: tuple[str, ...], name: str) -> FloatArray:
    parts = TOTALS.get(name, (name,)) if name not in names else (name,)
    if not set(parts) <= set(names):
        raise unknown_name(name, [*names, *TOTALS], kind="amplitude")
    return np.array([1.0 if element in parts else 0.0 for element in names])


class _Profile:
    """The cost with one weighted sum of amplitudes held."""

    def __init__(self, found: Found, weights: FloatArray) -> None:
        self.found, self.weights = found, weights
        solved, size = found.solved, found.solved.theta.size
        self.centre = float(weights @ solved.mode)
        self.spread = math.sqrt(float(weights @ solved.covariance[size:, size:] @ weights))
        self.heat = max(1.0, solved.misfit)
        # the optimum, held where it is: rounding and unfinished steps are the same on both sides
        self.least = self.cost(self.centre)

    def cost(self, value: float) -> float:
        problem = self.found.problem
        hold = 1.0 / (_HOLD * self.spread)
        rows, goal = problem.rows if problem.rows is not None else (np.zeros((0, self.weights.size)), np.zeros(0))
        held = (np.vstack([rows, hold * self.weights]), np.append(goal, hold * value))
        other = Problem(
            problem.model, problem.data, problem.baseline, held, problem.mean, problem.sd, problem.nonnegative
        )
        edges = self.found.limits
        return other.search([self.found.solved.theta], edges.lower, edges.upper, 50).cost

    def end(self, side: float, threshold: float) -> float:
        def excess(distance: float) -> float:
            return (self.cost(self.centre + side * distance) - self.least) / self.heat - threshold

        near, far = 0.0, 2.0 * self.spread
        room = self.centre if side < 0 else math.inf
        while far < min(room, _FARTHEST * self.spread) and excess(far) < 0.0:
            near, far = far, 1.6 * far
        if far >= room:
            far = room
            if excess(far) <= 0.0:
                return 0.0
        elif far >= _FARTHEST * self.spread:
            return side * math.inf
        return self.centre + side * float(optimize.brentq(excess, near, far, xtol=1e-2 * self.spread))


@checked_arguments
def bootstrap(
    spectrum: Spectrum | Acquisition,
    basis: Basis,
    *,
    rng: np.random.Generator,
    replicates: int = 200,
    level: float = 0.95,
    allow_mismatch: bool = False,
    **keywords: Any,
) -> FitResult:
    """Return a fit whose errors are those of fits of simulated spectra.

    Parameters
    ----------
    spectrum, basis : Spectrum or Acquisition, Basis
        As for `fit`.
    rng : numpy.random.Generator
        Source of the noise.
    replicates : int
        Simulated spectra, 50 or more; 200 give a standard error within 5 %, an interval needs 500.
    level : float
        Level of the intervals, by percentiles.
    allow_mismatch, **keywords
        Options of `fit`.

    Returns
    -------
    FitResult
        Values of `fit`; errors, covariance and limits of the replicates, of the kind "bootstrap".

    Raises
    ------
    InputError
        If there are too few replicates, or nothing to fit.

    Notes
    -----
    Spectra are simulated from the fitted curve, baseline included, with white noise as large as the residual; each is
    fitted from the start, choice of baseline, lipids and line included.

    References
    ----------
    Efron B, Tibshirani RJ (1993), An Introduction to the Bootstrap, chapters 6 and 13.
    """
    if replicates < _FEWEST_REPLICATES:
        msg = f"replicates is {replicates}; a standard error needs {_FEWEST_REPLICATES} or more"
        raise InputError(msg)
    options = FitOptions(**keywords)
    setup, found = optimum(spectrum, basis, options, allow_mismatch=allow_mismatch)
    fit = fitted_result(setup.spectrum.name, Outcome(found), {"replicates": replicates}, options.amplitudes)
    if not fit.success:
        return fit
    solved, names = found.solved, list(fit.estimates)
    clean = found.problem.model.summed(solved.theta, solved.mode) + found.baseline.columns @ solved.nuisance
    noise = math.sqrt(max(1.0, solved.misfit))
    values = np.full((replicates, len(names)), np.nan)
    for row in values:
        drawn = noise * (rng.standard_normal(clean.size) + 1j * rng.standard_normal(clean.size))
        again = search(replace(setup, data=found.unit * (clean + drawn)), options)
        result = fitted_result("replicate", Outcome(again), {}, options.amplitudes)
        row[:] = [result[name].value if name in result else 0.0 for name in names]
    tail = 0.5 * (1.0 - level)
    low, high = np.nanquantile(values, [tail, 1.0 - tail], axis=0)
    spread = np.nanstd(values, axis=0, ddof=1)
    estimates = {
        name: replace(
            fit[name],
            stderr=float(spread[k]),
            stderr_kind="bootstrap",
            limits=((level, float(low[k]), float(high[k])),),
        )
        for k, name in enumerate(names)
    }
    kept = [names.index(name) for name in fit.covariance_names]
    record = {field: getattr(fit, field) for field in FitResult.__slots__}
    return FitResult(**{**record, "estimates": estimates, "covariance": np.cov(values[:, kept], rowvar=False)})
