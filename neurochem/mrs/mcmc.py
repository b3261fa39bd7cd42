"""The posterior of a fit by Markov chain Monte Carlo (emcee): slow, and free of the approximations of the error bars."""

import importlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import ConfigError, InputError
from neurochem.mrs.basis import Basis
from neurochem.mrs.intervals import optimum
from neurochem.mrs.options import FitOptions
from neurochem.mrs.outcome import TOTALS, Outcome, fitted_result
from neurochem.mrs.search import Found
from neurochem.mrs.spectra import Acquisition, Spectrum
from neurochem.results import FitResult
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from types import ModuleType

_FEWEST_STEPS = 100
# Walkers start within this many standard errors of the optimum.
_SPREAD = 0.5


@checked_arguments
def sample(
    spectrum: Spectrum | Acquisition,
    basis: Basis,
    *,
    rng: np.random.Generator,
    steps: int = 3000,
    level: float = 0.95,
    allow_mismatch: bool = False,
    **keywords: Any,
) -> FitResult:
    """Return a fit whose values, errors and intervals are those of draws from its posterior.

    Parameters
    ----------
    spectrum, basis : Spectrum or Acquisition, Basis
        As for `fit`.
    rng : numpy.random.Generator
        Source of the draws.
    steps : int
        Steps of each walker, 100 or more; the first third is left out.  3000 take about a minute.
    level : float
        Level of the intervals, by percentiles.
    allow_mismatch, **keywords
        Options of `fit`.

    Returns
    -------
    FitResult
        Elements and totals of the kind "mcmc", bounds of widths and amplitudes taken into account; diagnostics gain
        `acceptance` and `autocorrelation_steps`, of which a chain should hold fifty.

    Raises
    ------
    ConfigError
        If emcee is not installed (`pip install neurochem[mcmc]`).
    InputError
        If there are too few steps, or nothing to fit.

    Notes
    -----
    Model, baseline smoothness and soft ratios are those that `fit` chose; the baseline is integrated out.  The prior is flat
    for amplitudes that are not negative, normal for parameters as in the fit; a misfit counts as noise.

    References
    ----------
    Foreman-Mackey D, Hogg DW, Lang D, Goodman J (2013), PASP 125:306.
    """
    emcee = _emcee()
    if steps < _FEWEST_STEPS:
        msg = f"steps is {steps}; walkers need {_FEWEST_STEPS} or more to leave their start"
        raise InputError(msg)
    options = FitOptions(**keywords)
    setup, found = optimum(spectrum, basis, options, allow_mismatch=allow_mismatch)
    fit = fitted_result(setup.spectrum.name, Outcome(found), {"steps": steps}, options.amplitudes)
    if not fit.success:
        return fit
    posterior = _Posterior(found)
    walkers = 2 * posterior.free.sum() + 2
    sampler = emcee.EnsembleSampler(
        int(walkers), int(posterior.free.sum()), posterior.log_density,
        moves=[(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)],
    )  # fmt: skip
    # emcee draws from a legacy generator of its own
    sampler._random = np.random.RandomState(int(rng.integers(2**32)))
    sampler.run_mcmc(posterior.starts(rng, int(walkers)), steps)
    draws = sampler.get_chain(discard=steps // 3, flat=True)
    diagnostics = {
        "acceptance": float(np.mean(sampler.acceptance_fraction)),
        "autocorrelation_steps": float(np.max(sampler.get_autocorr_time(discard=steps // 3, quiet=True, tol=0))),
    }
    return _summarised(fit, posterior.amplitudes(draws), level, diagnostics)


def _emcee() -> "ModuleType":
    try:
        return importlib.import_module("emcee")
    except ImportError as error:
        msg = "mrs.sample needs emcee, which is not installed; run: pip install 'neurochem[mcmc]'"
        raise ConfigError(msg) from error


class _Posterior:
    """Logarithm of the posterior over parameters that are not held at a bound, and amplitudes, in standard errors."""

    def __init__(self, found: Found) -> None:
        solved, problem = found.solved, found.problem
        self.found, self.problem, self.count = found, problem, solved.theta.size
        spread = np.sqrt(np.diag(solved.covariance))
        self.free = np.concatenate([~solved.theta_at_bound, np.ones(solved.mode.size, dtype=bool)]) & np.isfinite(
            spread
        )
        self.centre = np.concatenate([solved.theta, solved.mode])
        self.scale = np.where(self.free, spread, 1.0)
        self.heat = max(1.0, solved.misfit)
        self.informed = np.isfinite(problem.sd)

    def log_density(self, position: FloatArray) -> float:
        """Return the logarithm of the density at a position in standard errors from the optimum."""
        values = self.centre.copy()
        values[self.free] += self.scale[self.free] * position
        theta, amplitudes = values[: self.count], values[self.count :]
        edges = self.found.limits
        if (amplitudes < 0).any() or (theta < edges.lower).any() or (theta > edges.upper).any():
            return -math.inf
        problem = self.problem
        left = problem.whitened(problem.model.summed(theta, amplitudes)[:, None])[:, 0] - problem.target
        cost = float(left @ left)
        if problem.rows is not None:
            gap = problem.rows[0] @ amplitudes - problem.rows[1]
            cost += float(gap @ gap)
        pull = (theta - problem.mean)[self.informed] / problem.sd[self.informed]
        return -0.5 * (cost / self.heat + float(pull @ pull))

    def starts(self, rng: np.random.Generator, walkers: int) -> FloatArray:
        """Return positions near the optimum with a finite density."""
        base = np.zeros(int(self.free.sum()))
        positions: list[FloatArray] = []
        while len(positions) < walkers:
            position = base + _SPREAD * rng.standard_normal(base.size)
            values = self.centre[self.free] + self.scale[self.free] * position
            # an amplitude at zero, or a width near it, starts on the side that exists
            low = np.concatenate([self.found.limits.lower, np.zeros(self.centre.size - self.count)])[self.free]
            values = np.where(values < low, 2.0 * low - values, values)
            position = (values - self.centre[self.free]) / self.scale[self.free]
            if math.isfinite(self.log_density(position)):
                positions.append(position)
        return np.array(positions)

    def amplitudes(self, draws: FloatArray) -> FloatArray:
        """Return the amplitudes of draws, shape (n_draws, n_elements)."""
        values = np.tile(self.centre, (len(draws), 1))
        values[:, self.free] += self.scale[self.free] * draws
        return values[:, self.count :]


def _summarised(fit: FitResult, amplitudes: FloatArray, level: float, diagnostics: dict[str, float]) -> FitResult:
    names, estimates = list(fit.covariance_names), dict(fit.estimates)
    tail = 0.5 * (1.0 - level)
    for name in estimates:
        parts = TOTALS[name] if name in TOTALS and name not in names else (name,)
        values = amplitudes[:, [names.index(part) for part in parts]].sum(axis=1)
        low, high = np.quantile(values, [tail, 1.0 - tail])
        estimates[name] = replace(
            estimates[name], value=float(values.mean()), stderr=float(values.std(ddof=1)), stderr_kind="mcmc",
            limits=((level, float(low), float(high)),),
        )  # fmt: skip
    record = {field: getattr(fit, field) for field in FitResult.__slots__}
    record |= {"estimates": estimates, "covariance": np.cov(amplitudes, rowvar=False)}
    return FitResult(**record | {"diagnostics": dict(fit.diagnostics) | diagnostics})
