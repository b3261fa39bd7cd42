"""Intervals that need no symmetry: profile likelihood and parametric bootstrap of a kinetic parameter."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.fitting import fit
from neurochem.pet.model import MODELS, KineticModel
from neurochem.pet.multilinear import MultilinearModel
from neurochem.pet.simulate import simulate
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.weights import counting_weights
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import lmfit

# Parameters that cannot be negative, and the lower end of rates in a search.
_POSITIVE = frozenset({"K1", "k2", "k3", "k4", "k2a", "k2prime", "VT", "VND", "Ki", "Kb"})
_SLOWEST = 1e-6
_EXPANSIONS = 10
_PILOTS = 24
_FEWEST_REPLICATES = 100


@checked_arguments
def profile_interval(
    tacs: TimeActivityCurves, model: str, region: str, parameter: str, *, level: float = 0.95, **keywords: Any
) -> Estimate:
    """Return a parameter with its profile-likelihood interval.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves.
    model : str
        A non-linear model: SRTM, FRTM, 1TCM, 2TCM and so on.
    region, parameter : str
        What is wanted; a derived one too (VT, DVR, k2a, VND, Ki), by tying a rate to it.
    level : float
        Level of the interval.
    **keywords
        As for `fit`: reference, blood, weights, exclude and options.

    Returns
    -------
    Estimate
        That of `fit`, with the kind "profile" and the interval in `limits`: infinite where the data do not bound it,
        zero where a quantity that cannot be negative reaches it.

    Raises
    ------
    UnknownNameError, InputError
        If the model is linear, a name is not known, or the fit failed.

    Notes
    -----
    The interval holds the values theta at which, all other parameters fitted anew, RSS(theta) <= RSS_min (1 + F/(n - p))
    with F the quantile of the F distribution on 1 and n - p degrees of freedom. It follows the curvature of the
    likelihood, which the standard error does not, but takes reference and blood as exact and weights as right; where the
    reference is as noisy as the target it is too narrow, and the bootstrap is not.

    References
    ----------
    Bates DM, Watts DG (1988), Nonlinear Regression Analysis and its Applications, chapter 6.
    """
    from scipy import stats

    kinetic = _nonlinear(model)
    best = _fitted(tacs, model, region, parameter, level, keywords)
    dof = best.diagnostics["dof"]
    limit = float(stats.f.ppf(level, 1, dof))
    lowest = best.diagnostics["rss"]
    search = _Profile(tacs, kinetic, best, parameter, dict(keywords))

    def excess(value: float) -> float:
        return (search.rss(value) / lowest - 1.0) * dof - limit

    step = math.sqrt(limit) * best[parameter].stderr
    low, high = (_crossing(excess, best[parameter].value, sign * _first_step(step, best[parameter].value), parameter)
                 for sign in (-1.0, 1.0))  # fmt: skip
    return replace(best[parameter], stderr_kind="profile", limits=((level, low, high),))


def _nonlinear(model: str) -> KineticModel:
    kinetic = MODELS[model]
    if isinstance(kinetic, MultilinearModel) or not hasattr(kinetic, "derived"):
        msg = f"{kinetic.name} is linear: its intervals by standard error need no profile; use bootstrap_interval to check them"
        raise InputError(msg)
    return kinetic


def _fitted(
    tacs: TimeActivityCurves, model: str, region: str, parameter: str, level: float, keywords: Mapping[str, Any]
) -> FitResult:
    """Return the fit of the region, or say why there is none."""
    if not 0.0 < level < 1.0:
        msg = f"level is {level}; it must lie between 0 and 1, for example 0.95"
        raise InputError(msg)
    best = fit(tacs, model, **keywords)[region]
    if parameter not in best:
        raise unknown_name(parameter, best.estimates, kind=f"estimate of {best.model}")
    if best.failed or best[parameter].fixed:
        msg = f"{parameter} of '{region}' {'was given, not fitted' if not best.failed else 'has no fit'}; it has no interval"
        raise InputError(msg)
    return best


def _first_step(step: float, value: float) -> float:
    return step if math.isfinite(step) and step > 0 else 0.2 * max(abs(value), 0.1)


def _crossing(excess: Callable[[float], float], value: float, step: float, parameter: str) -> float:
    """Return where the excess over the limit changes sign on one side of the estimate."""
    from scipy import optimize

    inside, moved = value, value + step
    for _ in range(_EXPANSIONS):
        if parameter in _POSITIVE and moved <= 0:
            moved = 0.5 * inside
        if excess(moved) > 0:
            return float(optimize.brentq(excess, inside, moved, xtol=1e-4 * abs(step), rtol=1e-8))
        inside, moved = moved, moved + 2.0 * (moved - value)
    return 0.0 if parameter in _POSITIVE and step < 0 else math.copysign(math.inf, step)


@dataclass(eq=False)
class _Profile:
    """Fits with one parameter held; each starts where the last one ended."""

    tacs: TimeActivityCurves
    kinetic: KineticModel
    best: FitResult
    parameter: str
    keywords: dict[str, Any]

    def __post_init__(self) -> None:
        self.start = {
            name: self.best[name].value if name in self.best else float(self.keywords[name])
            for name in self.kinetic.parameters
        }

    def rss(self, value: float) -> float:
        """Return the weighted residual sum of squares with the parameter at a value."""
        parameters = self._parameters(value)
        if not any(parameters[name].vary for name in parameters):
            msg = f"{self.kinetic.name} has no other free parameter than {self.parameter}"
            raise InputError(msg)
        result = fit(self.tacs, self.kinetic.name, regions=[self.best.name], parameters=parameters, **self.keywords)[
            self.best.name
        ]
        self.start = {name: result[name].value if name in result else old for name, old in self.start.items()}
        return result.diagnostics["rss"]

    def _parameters(self, value: float) -> "lmfit.Parameters":
        """Return lmfit parameters with the profiled one held, or held through a tie."""
        import lmfit

        parameters = lmfit.Parameters()
        if self.parameter not in self.start:
            parameters.add(self.parameter, value=value, vary=False)
        for name, start in self.start.items():
            fixed = name == self.parameter or name not in self.best or self.best[name].fixed
            low = _SLOWEST if name in _POSITIVE else -math.inf
            parameters.add(
                name,
                value=value if name == self.parameter else max(start, low),
                vary=not fixed,
                min=-math.inf if fixed else low,
            )
        if self.parameter not in self.start:
            dependent, expression = _tie(self.parameter, self.kinetic)
            parameters[dependent].set(min=-math.inf, expr=expression)
        return parameters


def _tie(parameter: str, kinetic: KineticModel) -> tuple[str, str]:
    """Return which base parameter follows a derived one, and how."""
    has = set(kinetic.parameters)
    reversible = {"k3", "k4"} <= has
    ties = {
        "DVR": ("BPND", "DVR - 1") if "BPND" in has else ("k3", "(DVR - 1)*k4"),
        "BPND": ("k3", "BPND*k4"),
        "VT": ("k2", "K1*(1 + k3/k4)/VT") if reversible else ("k2", "K1/VT"),
        "VND": ("k2", "K1/VND"),
        "Ki": ("k3", "Ki*k2/(K1 - Ki)"),
        "k2a": ("k2", "k2a*(1 + BPND)"),
        "k2prime": ("k2", "k2prime*R1"),
    }
    if parameter not in ties or ties[parameter][0] not in has:
        raise unknown_name(parameter, kinetic.parameters, kind=f"parameter of {kinetic.name} with a profile")
    return ties[parameter]


@checked_arguments
def bootstrap_interval(
    tacs: TimeActivityCurves,
    model: str,
    region: str,
    parameter: str,
    *,
    rng: np.random.Generator,
    replicates: int = 500,
    level: float = 0.95,
    **keywords: Any,
) -> Estimate:
    """Return a parameter with its parametric-bootstrap error and interval.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves.
    model : str
        A model whose estimates determine a curve: SRTM, MRTM1, MRTM2, 1TCM, 2TCM and so on.
    region, parameter : str
        What is wanted.
    rng : numpy.random.Generator
        Source of the noise.
    replicates : int
        Simulated scans, 100 or more; 500 give an interval good to about a tenth of a standard error.
    level : float
        Level of the interval.
    **keywords
        As for `fit`: reference, blood, weights, exclude and options.

    Returns
    -------
    Estimate
        Value of the fit, standard deviation and percentiles of the replicates, kind "bootstrap". NaN errors if a fifth of
        the replicates cannot be fitted.

    Raises
    ------
    UnknownNameError, InputError
        If a name is not known, the fit failed, or its estimates do not determine a curve (graphs).

    Notes
    -----
    Scans are simulated from the fitted curve and the reference, both with the noise that the fit assumes (counting noise
    of each region's own activity and voxels, or the given weights), its level set so that simulated residuals are as large
    as the measured one. Misfit therefore counts as noise, and a wrong model is not found out. A k2' that the scan gave
    is held. The interval is by percentiles: it does not remove bias.

    References
    ----------
    Efron B, Tibshirani RJ (1993), An Introduction to the Bootstrap, chapters 6 and 13.
    """
    if replicates < _FEWEST_REPLICATES:
        msg = f"replicates is {replicates}; percentiles need {_FEWEST_REPLICATES} or more"
        raise InputError(msg)
    best = _fitted(tacs, model, region, parameter, level, keywords)
    scan = _Bootstrap(tacs, MODELS[model], best, dict(keywords))
    unit = [scan.fit(rng, scan.guess) for _ in range(_PILOTS)]
    mean = float(np.mean([result.diagnostics["rss"] for result in unit if not result.failed] or [math.nan]))
    level_of_noise = scan.guess * math.sqrt(best.diagnostics["rss"] / mean) if mean > 0 else math.nan
    results = [scan.fit(rng, level_of_noise) for _ in range(replicates)] if math.isfinite(level_of_noise) else []
    values = np.array([result[parameter].value for result in results if not result.failed])
    values = values[np.isfinite(values)]
    if values.size < 0.8 * replicates:
        return replace(best[parameter], stderr=math.nan, stderr_kind="bootstrap", limits=())
    low, high = np.quantile(values, [0.5 - 0.5 * level, 0.5 + 0.5 * level])
    return replace(
        best[parameter],
        stderr=float(np.std(values, ddof=1)),
        stderr_kind="bootstrap",
        limits=((level, float(low), float(high)),),
    )


class _Bootstrap:
    """Simulates scans from a fit and fits them."""

    def __init__(
        self, tacs: TimeActivityCurves, kinetic: KineticModel, best: FitResult, keywords: dict[str, Any]
    ) -> None:
        self.tacs, self.kinetic, self.best, self.keywords = tacs, kinetic, best, keywords
        if "k2prime" in kinetic.options and keywords.get("k2prime") is None and "k2prime" in best:
            self.keywords["k2prime"] = best["k2prime"].value
        reference = keywords.get("reference")
        self.reference = reference if isinstance(reference, str) else None
        self.curve = self._curve()
        self.target_sd = self._noise(best.name, self.curve)
        self.reference_sd = None if self.reference is None else self._noise(self.reference, tacs[self.reference])
        used = best.used
        weights = best.weights[used]
        # residuals hold dof of n parts of the noise; the reference's share is found by the pilots
        expected = float(np.sum(weights * self.target_sd[used] ** 2)) * best.diagnostics["dof"] / np.count_nonzero(used)
        self.guess = math.sqrt(best.diagnostics["rss"] / expected)

    def _curve(self) -> FloatArray:
        """Return the curve of the fitted model."""
        parameters = {}
        for name in self.kinetic.parameters:
            if name in self.best:
                parameters[name] = self.best[name].value
            elif self.keywords.get(name) is not None:
                parameters[name] = float(self.keywords[name])
            else:
                msg = (
                    f"the estimates of {self.kinetic.name} do not determine a curve ({name} is missing), so scans cannot be "
                    "simulated from them; use a model that fits the curve, such as SRTM, MRTM2 or 1TCM"
                )
                raise InputError(msg)
        given = self.keywords.get("reference")
        if self.kinetic.inputs == "plasma":
            return simulate(self.kinetic.name, self.tacs.frames, parameters, blood=self.keywords.get("blood"))
        source: Any = self.tacs.select([given]) if isinstance(given, str) else given
        return simulate(self.kinetic.name, self.tacs.frames, parameters, reference=source)

    def _noise(self, region: str, means: FloatArray) -> FloatArray:
        """Return the standard deviation of the frames of a region up to the factor that all share."""
        tacs, given = self.tacs, self.keywords.get("weights")
        voxels = 1.0 if tacs.voxels is None else float(tacs.voxels[tacs.regions.index(region)])
        if given is None and tacs.weights is None:
            precision = counting_weights(tacs.frames, means, tacs.isotope, relative=False)
        else:
            precision = np.asarray(tacs.weights if given is None else given, dtype=float)
        usable = precision > 0
        return np.where(usable, 1.0 / np.sqrt(np.where(usable, precision, 1.0) * voxels), 0.0)

    def fit(self, rng: np.random.Generator, scale: float) -> FitResult:
        """Return the fit of one simulated scan."""
        activity = np.array(self.tacs.activity)
        column = self.tacs.regions.index(self.best.name)
        activity[:, column] = self.curve + scale * self.target_sd * rng.standard_normal(self.curve.size)
        if self.reference is not None and self.reference_sd is not None:
            noise = scale * self.reference_sd * rng.standard_normal(self.curve.size)
            activity[:, self.tacs.regions.index(self.reference)] += noise
        tacs = TimeActivityCurves(
            self.tacs.frames, activity, regions=self.tacs.regions, isotope=self.tacs.isotope,
            weights=self.tacs.weights, voxels=self.tacs.voxels,
        )  # fmt: skip
        return fit(tacs, self.kinetic.name, regions=[self.best.name], **self.keywords)[self.best.name]
