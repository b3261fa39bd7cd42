"""Occupancy of a target by a drug: from the ratio of two scans, and against dose."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.results import Axis, Estimate, FitResult, ResultSet
from neurochem.solve import Minimum, information_covariance, minimize_least_squares
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# EC50 is sought from this share of the lowest dose to this multiple of the highest.
_EC50_REACH = 100.0


@checked_arguments
def ratio_occupancy(
    baseline: Estimate | float,
    drug: Estimate | float,
    *,
    baseline_stderr: float = math.nan,
    drug_stderr: float = math.nan,
    correlation: float = 0.0,
) -> Estimate:
    """Return occupancy from binding at baseline and under drug.

    Parameters
    ----------
    baseline, drug : Estimate or float
        BPND, BPP or BPF, the same measure in both scans.
    baseline_stderr, drug_stderr : float
        Standard errors, where numbers are given.
    correlation : float
        Correlation of the two errors; 0 for separate scans.

    Returns
    -------
    Estimate
        1 - drug/baseline with the delta-method error and, as its 95 % interval, Fieller's, which is unbounded when the
        baseline does not differ from zero. Negative occupancies stay.

    Raises
    ------
    InputError
        If the baseline is zero or not finite.

    Notes
    -----
    Valid where non-displaceable volume and free fraction did not change. Var = (s_d/b)^2 + (d s_b/b^2)^2 - 2 r d s_b s_d/b^3.

    References
    ----------
    Fieller EC (1954), J R Stat Soc B 16:175.

    Examples
    --------
    >>> ratio_occupancy(1.60, 0.36, baseline_stderr=0.08, drug_stderr=0.05)
    occupancy = 0.775 ± 0.033
    """
    b, s_b = _number(baseline, baseline_stderr)
    d, s_d = _number(drug, drug_stderr)
    if not (math.isfinite(b) and math.isfinite(d)) or b == 0:
        msg = f"binding is {b:g} at baseline and {d:g} under drug; occupancy needs finite numbers and a baseline that is not zero"
        raise InputError(msg)
    if not -1.0 <= correlation <= 1.0:
        msg = f"correlation is {correlation}; it must lie between -1 and 1"
        raise InputError(msg)
    shared = correlation * s_b * s_d
    variance = s_d**2 / b**2 + d**2 * s_b**2 / b**4 - 2.0 * d * shared / b**3
    stderr = math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.nan
    limits = ((0.95, *_fieller(b, d, s_b, s_d, shared)),) if math.isfinite(stderr) else ()
    kind = "fit" if math.isfinite(stderr) else "none"
    return Estimate("occupancy", 1.0 - d / b, stderr, "", stderr_kind=kind, limits=limits)


def _number(given: Estimate | float, stderr: float) -> tuple[float, float]:
    return (given.value, given.stderr) if isinstance(given, Estimate) else (float(given), float(stderr))


def _fieller(b: float, d: float, s_b: float, s_d: float, shared: float) -> tuple[float, float]:
    """Return the set of 1 - d/b that the data do not reject at 5 %, (-inf, inf) where it is not an interval."""
    from scipy import special

    z2 = float(special.ndtri(0.975)) ** 2
    a, half, c = b**2 - z2 * s_b**2, b * d - z2 * shared, d**2 - z2 * s_d**2
    root = half**2 - a * c
    if a <= 0 or root < 0:
        return -math.inf, math.inf
    return 1.0 - (half + math.sqrt(root)) / a, 1.0 - (half - math.sqrt(root)) / a


@checked_arguments
def regional_occupancy(baseline: ResultSet, drug: ResultSet, *, parameter: str = "BPND") -> ResultSet:
    """Return the occupancy of every region that two scans share.

    Parameters
    ----------
    baseline, drug : ResultSet
        Fits of the two scans, by the same model.
    parameter : str
        The measure of binding.

    Returns
    -------
    ResultSet
        One fit a region with the estimate "occupancy". A region whose fit failed in either scan is `success=False`; the
        flags of both scans come along.

    Raises
    ------
    InputError
        If the scans share no region.
    """
    shared = [region for region in baseline if region in set(drug)]
    if not shared:
        msg = f"the scans share no region: baseline has {', '.join(baseline)}; drug has {', '.join(drug)}"
        raise InputError(msg)
    results = {}
    for region in shared:
        before, after = baseline[region], drug[region]
        flags = (*before.flagged(parameter), *after.flagged(parameter))
        failed = before.failed or after.failed or before[parameter].value == 0
        estimate = Estimate("occupancy", math.nan) if failed else ratio_occupancy(before[parameter], after[parameter])
        results[region] = FitResult(
            "occupancy", region, {"occupancy": estimate}, success=not failed, flags=flags,
            settings={"parameter": parameter, "baseline_model": before.model, "drug_model": after.model},
        )  # fmt: skip
    return ResultSet(results)


@checked_arguments
def occupancy_curve(
    dose: ArrayLike,
    occupancy: ArrayLike,
    *,
    stderr: ArrayLike | None = None,
    maximum: float | None = None,
    unit: str = "mg",
    dose_name: str = "dose",
) -> FitResult:
    """Fit occupancy = Emax x dose/(EC50 + dose).

    Parameters
    ----------
    dose, occupancy : array_like, shape (n,)
        Dose or plasma concentration (not negative), and occupancy as a fraction.
    stderr : array_like, shape (n,), optional
        Standard errors of the occupancies; they weight the fit, and its scatter still sets the scale.
    maximum : float, optional
        Emax, if it is to be fixed (often 1).
    unit, dose_name : str
        Unit and name of the dose.

    Returns
    -------
    FitResult
        "Emax" and "EC50" (ED50 where a dose is given), errors scaled by the scatter. An EC50 at the edge of its search
        (a hundredth of the lowest to a hundred times the highest dose) is flagged.

    Raises
    ------
    InputError
        If shapes do not fit, a dose is negative, or there are too few points.

    Notes
    -----
    One binding site and equilibrium between plasma and brain; after a single dose, EC50 in plasma need not be that in
    brain. Doses far below EC50 determine Emax/EC50 alone. Points of one person are not independent.
    """
    x, y, weights = _curve_data(dose, occupancy, stderr, 1 if maximum is not None else 2)
    if maximum is not None and not 0 < maximum < np.inf:
        raise argument_error(maximum, "maximum", "a positive number, in the unit of occupancy")
    positive = x[x > 0]
    low, high = float(positive.min()) / _EC50_REACH, float(positive.max()) * _EC50_REACH
    root = np.sqrt(weights)

    def evaluate(p: FloatArray) -> tuple[FloatArray, Callable[[], FloatArray]]:
        top = maximum if maximum is not None else float(p[1])
        half = float(np.exp(p[0]))
        share = x / (half + x)
        slope = -top * share * half / (half + x)
        columns = [slope] if maximum is not None else [slope, share]
        return root * (top * share - y), lambda: root[:, None] * np.column_stack(columns)

    free = np.array([np.inf]) if maximum is None else np.zeros(0)
    # one search from each decade: the logarithm of EC50 keeps it positive
    searches = [
        minimize_least_squares(
            evaluate,
            np.concatenate([[math.log(start)], np.full(free.size, float(np.max(y)))]),
            lower=np.concatenate([[math.log(low)], -free]),
            upper=np.concatenate([[math.log(high)], free]),
        )
        for start in np.geomspace(low * 10.0, high / 10.0, 5)
    ]
    best = min(searches, key=lambda search: search.cost)
    return _curve_result(x, y, weights, best, evaluate(best.parameters), maximum, (unit, dose_name))


def _curve_data(
    dose: ArrayLike, occupancy: ArrayLike, stderr: ArrayLike | None, free: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return dose, occupancy and weights, checked."""
    x, y = np.array(dose, dtype=float), np.array(occupancy, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or not np.isfinite([x, y]).all():
        msg = f"dose has shape {x.shape} and occupancy {y.shape}; give one finite number of each a point"
        raise InputError(msg)
    if (x < 0).any():
        msg = f"dose of point {int(np.argmax(x < 0)) + 1} is {x.min():g}; doses must not be negative"
        raise InputError(msg)
    if np.unique(x[x > 0]).size < free or x.size < free + 1:
        msg = f"{x.size} points at {np.unique(x[x > 0]).size} doses above zero; the curve needs {free + 1} points at {free} doses"
        raise InputError(msg)
    errors = np.ones(x.size) if stderr is None else np.array(stderr, dtype=float)
    if errors.shape != x.shape or not (np.isfinite(errors) & (errors > 0)).all():
        msg = f"stderr must be {x.size} positive numbers, one a point; got shape {errors.shape}"
        raise InputError(msg)
    return x, y, 1.0 / errors**2


def _curve_result(
    x: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    best: Minimum,
    evaluation: tuple[FloatArray, Callable[[], FloatArray]],
    maximum: float | None,
    names: tuple[str, str],
) -> FitResult:
    """Return the curve with errors scaled by its scatter."""
    dof = float(x.size - best.parameters.size)
    held = bool(best.at_lower[0] or best.at_upper[0])
    jacobian = evaluation[1]()
    free = np.ones(best.parameters.size, dtype=bool)
    free[0] = not held
    inner = np.zeros((free.size, free.size))
    if free.any():
        inner[np.ix_(free, free)] = information_covariance(jacobian[:, free], best.cost / dof if dof > 0 else math.nan)
    half = math.exp(best.parameters[0])
    top = maximum if maximum is not None else float(best.parameters[1])
    # EC50 was sought by its logarithm
    scale = np.array([half, 1.0][: free.size])
    covariance = np.zeros((2, 2))
    order = [1, 0] if maximum is None else [1]
    covariance[np.ix_(order, order)] = inner * np.outer(scale, scale)
    errors = np.sqrt(np.diag(covariance))
    message = f"EC50 ended at the edge of its search, {half:.4g} {names[0]}: the doses do not bracket it"
    flags = (Flag("edge", message, "warning", "EC50"),) if held else ()
    if np.isinf(errors[1]):
        flags = (Flag("not_identified", "the occupancies do not determine EC50", "warning", "EC50"),)
    fixed = maximum is not None
    return FitResult(
        model="Emax",
        name="occupancy",
        estimates={
            "Emax": Estimate(
                "Emax",
                top,
                math.nan if fixed else float(errors[0]),
                "",
                "none" if fixed else "fit",
                fixed=fixed,
                dof=dof,
            ),
            "EC50": Estimate("EC50", half, math.nan if held else float(errors[1]), names[0], at_bound=held, dof=dof),
        },
        success=best.converged,
        flags=flags,
        axis=Axis(x, names[1], names[0], "occupancy", ""),
        data=y,
        fitted=top * x / (half + x),
        weights=weights,
        used=np.ones(x.size, dtype=bool),
        covariance=covariance,
        covariance_names=("Emax", "EC50"),
        diagnostics={"rss": best.cost, "dof": dof},
        settings={"equation": "Emax dose / (EC50 + dose)"},
    )


@checked_arguments
def draw_occupancy_curve(fit: FitResult, ax: "Axes | None" = None) -> "Axes":
    """Draw occupancies and the curve fitted to them on a logarithmic dose axis, and return the axes."""
    from neurochem.figures import DATA, FIT, GREY, label, new_axes

    if fit.axis is None or fit.model != "Emax":
        msg = f"this draws fits of occupancy_curve; got {fit.model}"
        raise InputError(msg)
    ax = new_axes() if ax is None else ax
    dose = np.asarray(fit.axis.values)
    top, half = fit["Emax"], fit["EC50"]
    grid = np.geomspace(dose[dose > 0].min() / 3.0, dose.max() * 3.0, 200)
    ax.plot(grid, top.value * grid / (half.value + grid), color=FIT, label="fit")
    ax.plot(dose[dose > 0], fit.data[dose > 0], "o", color=DATA, markersize=4, label="data")
    ax.axvline(half.value, color=GREY, linewidth=0.8, linestyle="--")
    ax.axhline(top.value, color=GREY, linewidth=0.8, linestyle=":")
    ax.set_xscale("log")
    ax.set_xlabel(label(fit.axis.name, fit.axis.unit))
    ax.set_ylabel("occupancy")
    ax.set_title(f"Emax {top.value:.3g}, EC50 {half.value:.3g} {half.unit}", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return ax
