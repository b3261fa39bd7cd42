"""Rubin's rules: one answer from the fits of several completed data sets, with the degrees of freedom of small studies."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.design_columns import as_vector
from neurochem.response.linear import t_test_p
from neurochem.response.model_data import SLOPE
from neurochem.response.odds import odds_ratio
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

MODEL = "Rubin's rules"
_STANDARDISED = "standardised_slope"
_OPEN = "unidentified_slope"
# Parts of a record that belong to one completed data set.
_OF_ONE_FIT = ("rows", "influence", "calibrated_marker", "simex_slopes", "covariate_means")


@dataclass(frozen=True, slots=True)
class _Pooled:
    """One quantity over m imputations, in the names of Rubin."""

    mean: float
    within: float
    between: float
    imputations: int
    complete_dof: float

    @property
    def extra(self) -> float:
        """Variance that is there because values are missing, (1 + 1/m) B."""
        return (1.0 + 1.0 / self.imputations) * self.between

    @property
    def total(self) -> float:
        return self.within + self.extra

    @property
    def increase(self) -> float:
        """Return r, the relative increase in variance."""
        return self.extra / self.within if self.within > 0.0 else math.inf

    @property
    def share(self) -> float:
        """Return lambda, the share of the variance that is due to missing values."""
        return self.extra / self.total if self.total > 0.0 else 0.0

    @property
    def large_dof(self) -> float:
        """Return Rubin's degrees of freedom, as if the complete data were endless."""
        return (self.imputations - 1) / self.share**2 if self.share > 0.0 else math.inf

    @property
    def dof(self) -> float:
        """Return Barnard and Rubin's degrees of freedom, never more than those of the complete data."""
        if math.isinf(self.complete_dof):
            return self.large_dof
        nc = self.complete_dof
        observed = (nc + 1.0) / (nc + 3.0) * nc * (1.0 - self.share)
        # (a b) / (a + b), in a form that an endless a does not spoil
        return observed / (1.0 + observed / self.large_dof)

    def estimate(self, name: str, unit: str) -> Estimate:
        return Estimate(name, self.mean, math.sqrt(self.total), unit, dof=self.dof)

    def numbers(self) -> dict[str, float]:
        return {
            "within_variance": self.within, "between_variance": self.between, "total_variance": self.total,
            "relative_increase": self.increase, "share_from_missing": self.share, "dof_large_sample": self.large_dof,
            "dof": self.dof, "imputations": float(self.imputations),
            "monte_carlo_error": math.sqrt(self.between / self.imputations),
            "p_value": t_test_p(self.mean, math.sqrt(self.total), self.dof),
        }  # fmt: skip


@checked_arguments
def pool_estimates(
    values: ArrayLike, stderr: ArrayLike, *, dof: float = math.inf, name: str = "pooled", unit: str = ""
) -> FitResult:
    """Pool one quantity over completed data sets by Rubin's rules.

    Parameters
    ----------
    values, stderr : array_like, shape (m,)
        The estimate from each of m >= 2 completed data sets and its standard error, in one unit.
    dof : float
        Degrees of freedom that the estimate would have had with nothing missing (n - p of a regression); infinite for
        a large sample.
    name, unit : str
        Name and unit of the quantity.

    Returns
    -------
    FitResult
        One estimate, with t of Barnard and Rubin's degrees of freedom. `diagnostics`: within_variance (U),
        between_variance (B), total_variance (T), relative_increase (r), share_from_missing (lambda), dof,
        dof_large_sample (Rubin's), p_value, and monte_carlo_error sqrt(B / m): how much the estimate would move with
        other random numbers. More imputations make that small; they add no information.

    Raises
    ------
    InputError
        If there are fewer than two estimates, a value is missing, or a standard error or dof is not above zero.

    Notes
    -----
    T = U + (1 + 1/m) B; r = (1 + 1/m) B / U; lambda = (1 + 1/m) B / T; nu = (m - 1)(1 + 1/r)^2;
    nu_obs = (d + 1) / (d + 3) d (1 - lambda) for complete-data degrees of freedom d; dof = nu nu_obs / (nu + nu_obs).
    Right for estimates that are about normal: pool log odds ratios, not odds ratios.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys. Barnard, Rubin (1999), Biometrika 86:948.

    Examples
    --------
    >>> fit = pool_estimates([-6.1, -5.4, -6.8, -5.9, -6.3], [2.0, 2.1, 1.97, 2.05, 2.02], dof=20)
    >>> print(f"{fit['pooled'].value:.2f} +- {fit['pooled'].stderr:.3f}, dof {fit.diagnostics['dof']:.1f}")
    -6.10 +- 2.105, dof 16.6
    """
    found = as_vector(values, "values")
    errors = as_vector(stderr, "stderr", found.size)
    if found.size < 2 or (errors <= 0.0).any() or not dof > 0.0:
        msg = f"there are {found.size} values, the smallest stderr is {errors.min(initial=np.inf):g} and dof {dof:g}; "
        msg += "give at least two values, each stderr and dof above zero"
        raise InputError(msg)
    pooled = _pooled(found, errors**2, dof)
    return FitResult(
        model=MODEL, name=name, estimates={name: pooled.estimate(name, unit)}, diagnostics=pooled.numbers(),
        settings={"values": found.tolist(), "stderr": errors.tolist(), "complete_dof": dof},
    )  # fmt: skip


def _pooled(values: FloatArray, variances: FloatArray, dof: float) -> _Pooled:
    return _Pooled(float(values.mean()), float(variances.mean()), float(values.var(ddof=1)), values.size, dof)


@checked_arguments
def pool_imputations(fits: Sequence[FitResult]) -> FitResult:
    """Pool the fits of one model to several completed data sets.

    Parameters
    ----------
    fits : sequence of FitResult
        At least two results of `associate` or `regress`, one a completed data set, all of the same model and terms.

    Returns
    -------
    FitResult
        "slope", "intercept", every covariate and "standardised_slope" (and "odds_ratio" per SD for a yes-or-no outcome),
        each with t of Barnard and Rubin's degrees of freedom. `diagnostics` are those of `pool_estimates` for the slope;
        `settings["pooled"]` holds share_from_missing and dof of every term. Where a fit failed or its slope is not
        identified, so is the pooled one, with a flag: leaving those data sets out would flatter the answer.

    Raises
    ------
    InputError
        If there are fewer than two fits, or they are not of one model and the same terms.

    Notes
    -----
    U is the square of each fit's standard error (with the small-sample factor of a likelihood), so the pooled interval is
    symmetric even where the fits' own profile intervals were not. Values must have been imputed with the outcome in the
    imputation model, or slopes shrink; never do so for prediction.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys. Barnard, Rubin (1999), Biometrika 86:948.
    """
    first = _same_model(fits)
    flags = _flags(fits)
    settings = {
        **{key: value for key, value in first.settings.items() if key not in _OF_ONE_FIT},
        "pooled_model": first.model,
        "inference": f"Rubin's rules over {len(fits)} imputations, Barnard-Rubin degrees of freedom",
    }
    n = min(fit.diagnostics["n"] for fit in fits)
    failed = sum(fit.failed for fit in fits)
    if failed:
        message = f"the model could not be fitted to {failed} of {len(fits)} completed data sets"
        empty = {name: replace(first[name], value=math.nan, stderr=math.nan, limits=()) for name in first.estimates}
        return FitResult(
            model=MODEL, name=first.name, estimates=empty, success=False, settings=settings,
            flags=(*flags, Flag("imputation_failed", message, "failure")),
            diagnostics={"n": n, "p_value": math.nan, "imputations": float(len(fits))},
        )  # fmt: skip
    known = _identified(fits)
    names = [name for name in (*first.covariance_names, _STANDARDISED) if name in first]
    pooled = {name: _pooled_term(fits, name, known=known) for name in names}
    estimates = {name: item.estimate(name, first[name].unit) for name, item in pooled.items()}
    if "odds_ratio" in first:
        estimates["odds_ratio"] = odds_ratio(estimates[_STANDARDISED])
    if not known:
        message = "the slope is not identified in every completed data set: its interval is infinite"
        flags = (*(flag for flag in flags if flag.name != _OPEN), Flag(_OPEN, message, "warning", SLOPE))
    settings["pooled"] = {name: {"dof": item.dof, "share_from_missing": item.share} for name, item in pooled.items()}
    return FitResult(
        model=MODEL, name=first.name, estimates=estimates, flags=flags, settings=settings,
        covariance=_covariance(fits, known=known), covariance_names=first.covariance_names,
        diagnostics={**_averages(fits), **_uncorrected(fits), **pooled[SLOPE].numbers(), "n": n},
    )  # fmt: skip


def _same_model(fits: Sequence[FitResult]) -> FitResult:
    if len(fits) < 2:
        msg = f"there are {len(fits)} fits; multiple imputation needs at least two, customarily 20 or more"
        raise InputError(msg)
    first = fits[0]
    for index, fit in enumerate(fits):
        same = fit.model == first.model and fit.covariance_names == first.covariance_names
        if SLOPE not in fit or (not same and not (fit.failed or first.failed)):
            msg = f"fits[{index}] is '{fit.model}' with terms {', '.join(fit.covariance_names) or 'unknown'}, but fits[0] is "
            msg += f"'{first.model}' with {', '.join(first.covariance_names)}; pool fits of one model to completed data sets"
            raise InputError(msg)
    return first


def _identified(fits: Sequence[FitResult]) -> bool:
    """Say whether the slope has a closed interval in every completed data set."""
    closed = [math.isfinite(fit[SLOPE].value) and math.isfinite(fit[SLOPE].stderr) for fit in fits]
    return all(closed) and not any(flag.name == _OPEN for fit in fits for flag in fit.flags)


def _pooled_term(fits: Sequence[FitResult], name: str, *, known: bool) -> _Pooled:
    values = np.array([fit[name].value for fit in fits])
    errors = np.array([fit.diagnostics.get("stderr_factor", 1.0) * fit[name].stderr for fit in fits])
    dof = min(fit[name].dof for fit in fits)
    return _pooled(values, errors**2, dof) if known else _Pooled(float(values.mean()), math.inf, 0.0, len(fits), dof)


def _covariance(fits: Sequence[FitResult], *, known: bool) -> FloatArray:
    """Return the total covariance of all terms, within plus (1 + 1/m) between."""
    names = fits[0].covariance_names
    if not known:
        return np.full((len(names), len(names)), np.inf)
    values = np.array([[fit[name].value for name in names] for fit in fits])
    within = np.mean([fit.diagnostics.get("stderr_factor", 1.0) ** 2 * fit.covariance for fit in fits], axis=0)
    return np.asarray(within + (1.0 + 1.0 / len(fits)) * np.atleast_2d(np.cov(values, rowvar=False)))


def _averages(fits: Sequence[FitResult]) -> dict[str, float]:
    """Return what describes the data and not the certainty of an answer, averaged over the completed data sets."""
    kept = ("reliability", "reliability_low95", "reliability_high95", "tau2", "mean_se2", "events")
    known = [name for name in kept if all(name in fit.diagnostics for fit in fits)]
    return {name: float(np.mean([fit.diagnostics[name] for fit in fits])) for name in known}


def _uncorrected(fits: Sequence[FitResult]) -> dict[str, float]:
    """Return the pooled slope without correction for the noise of the scans, where the fits have one."""
    pairs = np.array([[fit.diagnostics.get(f"naive_{what}", math.nan) for what in ("slope", "stderr")] for fit in fits])
    if not np.isfinite(pairs).all():
        return {}
    naive = _pooled(pairs[:, 0], pairs[:, 1] ** 2, min(fit[SLOPE].dof for fit in fits))
    error = math.sqrt(naive.total)
    return {"naive_slope": naive.mean, "naive_stderr": error, "naive_p": t_test_p(naive.mean, error, naive.dof)}


def _flags(fits: Sequence[FitResult]) -> tuple[Flag, ...]:
    """Return each kind of flag once, with the number of completed data sets that raised it."""
    counts = Counter(name for fit in fits for name in {flag.name for flag in fit.flags})
    first: dict[str, Flag] = {}
    for fit in fits:
        for flag in fit.flags:
            first.setdefault(flag.name, flag)
    told = []
    for name, flag in first.items():
        some = "" if counts[name] == len(fits) else f" (in {counts[name]} of {len(fits)} imputations)"
        told.append(replace(flag, message=f"{flag.message}{some}"))
    return tuple(told)
