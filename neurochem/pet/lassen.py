"""The Lassen plot: occupancy and non-displaceable volume from all regions at once."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.straight_line import Line, line_of_least_squares, line_with_errors_in_both
from neurochem.quality import Flag
from neurochem.results import Axis, Estimate, FitResult, ResultSet
from neurochem.solve import delta_method
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Below this many standard errors an occupancy does not fix the x-intercept.
_FEWEST_SE = 3.0
_UNEXPECTED = 0.01
# An occupancy this small is rounding.
_NO_OCCUPANCY = 1e-12


@checked_arguments
def lassen(
    baseline: ResultSet | ArrayLike,
    drug: ResultSet | ArrayLike,
    *,
    baseline_stderr: ArrayLike | None = None,
    drug_stderr: ArrayLike | None = None,
    regions: Sequence[str] | None = None,
    method: str = "york",
    parameter: str = "VT",
) -> FitResult:
    """Return occupancy and non-displaceable volume from a Lassen plot.

    Parameters
    ----------
    baseline, drug : ResultSet, or array_like of shape (n_regions,)
        VT of the same regions in the two scans, in mL/cm3.
    baseline_stderr, drug_stderr : array_like, shape (n_regions,), optional
        Their standard errors; those of the fits where ResultSets are given.
    regions : sequence of str, optional
        Names; of ResultSets, the regions to use.
    method : str
        "york" (both axes have errors) or "ols" (least squares on the plot, as first published).
    parameter : str
        Estimate to take from ResultSets.

    Returns
    -------
    FitResult
        "occupancy" and "VND" (mL/cm3) with their covariance; axis VT at baseline, data the difference.

    Raises
    ------
    InputError
        If shapes do not fit, fewer than three regions remain, or the method is unknown.

    Notes
    -----
    VT(base) - VT(drug) = occupancy (VT(base) - VND). The baseline stands on both axes of that plot, so its noise is
    correlated with itself; the same line is therefore fitted as VT(drug) = (1 - occupancy) VT(base) + occupancy VND,
    whose errors are independent. "york" weights every region by both errors (York 2004); without errors they count as
    equal on both axes (Deming), scaled by the scatter. Given errors are widened by the root of the reduced chi-square
    where that is above one: regions scatter more than their errors say when occupancy or VND differs among them.
    One occupancy and one VND for all regions are assumed, and errors shared by all regions of a scan (blood) are not in
    the standard errors. OLS draws the slope towards the noise of the baseline.

    References
    ----------
    Lassen NA et al (1995), J Cereb Blood Flow Metab 15:152; Cunningham VJ et al (2010), J Cereb Blood Flow Metab 30:46;
    York D et al (2004), Am J Phys 72:367.
    """
    names, base, drugged, s_base, s_drug = _lassen_data(
        baseline, drug, baseline_stderr, drug_stderr, regions, parameter
    )
    if method not in {"york", "ols"}:
        msg = f"method is '{method}'; allowed are 'york' (errors on both axes) and 'ols'"
        raise InputError(msg)
    both = method == "york"
    line = line_with_errors_in_both(base, drugged, s_base, s_drug) if both else line_of_least_squares(base, drugged)
    values, covariance = _occupancy_and_volume(line)
    return _lassen_result(names, (base, drugged, s_base, s_drug), line, (values, covariance), method)


def _occupancy_and_volume(line: Line) -> tuple[FloatArray, FloatArray]:
    """Return occupancy and VND of a line with their covariance; without any occupancy nothing fixes VND."""
    if abs(1.0 - line.slope) < _NO_OCCUPANCY:
        return np.array([1.0 - line.slope, np.nan]), np.array([[line.covariance[1, 1], 0.0], [0.0, np.inf]])
    return delta_method(
        lambda p: np.array([1.0 - p[1], p[0] / (1.0 - p[1])]),
        np.array([line.intercept, line.slope]),
        line.covariance,
    )


def _lassen_data(
    baseline: ResultSet | ArrayLike,
    drug: ResultSet | ArrayLike,
    baseline_stderr: ArrayLike | None,
    drug_stderr: ArrayLike | None,
    regions: Sequence[str] | None,
    parameter: str,
) -> tuple[tuple[str, ...], FloatArray, FloatArray, FloatArray | None, FloatArray | None]:
    """Return names, values and errors of the regions that both scans have."""
    s_base: FloatArray | None = None
    s_drug: FloatArray | None = None
    if isinstance(baseline, ResultSet) and isinstance(drug, ResultSet):
        names, base, drugged, s_base, s_drug = _from_fits(baseline, drug, regions, parameter)
        if not np.isfinite([s_base, s_drug]).all():
            s_base = s_drug = None
    else:
        base, drugged = np.array(baseline, dtype=float), np.array(drug, dtype=float)
        if baseline_stderr is not None or drug_stderr is not None:
            s_base = _errors(baseline_stderr, base.size, "baseline")
            s_drug = _errors(drug_stderr, base.size, "drug")
        names = tuple(regions) if regions is not None else tuple(f"region {i + 1}" for i in range(base.size))
    if base.ndim != 1 or base.shape != drugged.shape or len(names) != base.size or base.size < 3:
        msg = (
            f"a Lassen plot needs VT of the same three or more regions in both scans; got {base.size} at baseline and "
            f"{drugged.size} under drug, {len(names)} names"
        )
        raise InputError(msg)
    finite = np.isfinite(base) & np.isfinite(drugged)
    if not finite.all():
        msg = f"VT of region '{names[int(np.argmin(finite))]}' is not finite; leave that region out"
        raise InputError(msg)
    if not np.ptp(base) > 0:
        msg = f"VT at baseline is {base[0]:g} in every region; a Lassen plot needs regions that differ"
        raise InputError(msg)
    return names, base, drugged, s_base, s_drug


def _from_fits(
    baseline: ResultSet, drug: ResultSet, regions: Sequence[str] | None, parameter: str
) -> tuple[tuple[str, ...], FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return names, values and errors of the regions fitted in both scans."""
    wanted = list(baseline) if regions is None else list(regions)
    names = tuple(name for name in wanted if name in drug and not (baseline[name].failed or drug[name].failed))
    pairs = [(baseline[name][parameter], drug[name][parameter]) for name in names]
    base, drugged, s_base, s_drug = (
        np.array([(a.value, b.value, a.stderr, b.stderr) for a, b in pairs], dtype=float).reshape(-1, 4).T
    )
    return names, base, drugged, s_base, s_drug


def _errors(given: ArrayLike | None, size: int, scan: str) -> FloatArray:
    errors = np.array(np.nan if given is None else given, dtype=float)
    if errors.shape != (size,) or not (np.isfinite(errors) & (errors > 0)).all():
        msg = f"{scan}_stderr must be {size} positive numbers, one a region; give errors of both scans or of neither"
        raise InputError(msg)
    return errors


def _lassen_result(
    names: tuple[str, ...],
    data: tuple[FloatArray, FloatArray, FloatArray | None, FloatArray | None],
    line: Line,
    found: tuple[FloatArray, FloatArray],
    method: str,
) -> FitResult:
    base, drugged, s_base, s_drug = data
    (occupancy, vnd), covariance = found
    errors = np.sqrt(np.diag(covariance))
    flags = []
    if not abs(occupancy) > _FEWEST_SE * errors[0]:
        message = f"occupancy is {occupancy:.3f} ± {errors[0]:.3f}: too near zero to fix VND, the x-intercept"
        flags.append(Flag("vnd_not_determined", message, "warning", "VND"))
    if not math.isnan(line.p_value) and line.p_value < _UNEXPECTED:
        message = f"regions scatter about the line more than their errors say (chi-square p {line.p_value:.2g})"
        flags.append(Flag("excess_scatter", f"{message}: occupancy or VND may differ between regions"))
    if vnd > np.min(base):
        lowest = names[int(np.argmin(base))]
        flags.append(Flag("vnd_above_vt", f"VND {vnd:.3g} is above VT of {lowest}, {base.min():.3g}", "warning", "VND"))
    given = {} if s_base is None or s_drug is None else {"baseline_stderr": s_base, "drug_stderr": s_drug}
    return FitResult(
        model="Lassen",
        name="all regions",
        estimates={
            "occupancy": Estimate("occupancy", float(occupancy), float(errors[0]), "", dof=line.dof),
            "VND": Estimate("VND", float(vnd), float(errors[1]), "mL/cm3", dof=line.dof),
        },
        flags=tuple(flags),
        axis=Axis(base, "VT at baseline", "mL/cm3", "VT at baseline - VT under drug", "mL/cm3"),
        data=base - drugged,
        fitted=occupancy * (base - vnd),
        weights=line.weights,
        used=np.ones(base.size, dtype=bool),
        covariance=covariance,
        covariance_names=("occupancy", "VND"),
        diagnostics={"reduced_chisq": line.reduced_chisq, "regions": float(base.size)},
        settings={
            "method": method,
            "regions": list(names),
            "reference": "Lassen NA et al (1995), J Cereb Blood Flow Metab 15:152",
            **{key: value.tolist() for key, value in given.items()},
        },
    )


@checked_arguments
def draw_lassen(fit: FitResult, ax: "Axes | None" = None) -> "Axes":
    """Draw a Lassen plot: regions with their errors, the line, and where it meets the axis.

    Parameters
    ----------
    fit : FitResult
        Result of `lassen`.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The slope is the occupancy, the x-intercept VND.
    """
    from neurochem.figures import DATA, FIT, GREY, label, new_axes

    if fit.axis is None or fit.model != "Lassen":
        msg = f"this draws results of lassen; got {fit.model}"
        raise InputError(msg)
    ax = new_axes() if ax is None else ax
    x, settings = np.asarray(fit.axis.values), fit.settings
    s_x = np.asarray(settings.get("baseline_stderr", np.zeros(x.size)))
    s_y = np.hypot(s_x, np.asarray(settings.get("drug_stderr", np.zeros(x.size))))
    ax.errorbar(x, fit.data, xerr=s_x, yerr=s_y, fmt="o", color=DATA, markersize=4, elinewidth=0.8)
    occupancy, vnd = fit["occupancy"], fit["VND"]
    ends = np.array([np.fmin(vnd.value, x.min()), x.max()])
    ax.plot(ends, occupancy.value * (ends - vnd.value), color=FIT)
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    if math.isfinite(vnd.stderr):
        ax.errorbar([vnd.value], [0.0], xerr=[vnd.stderr], fmt="|", color=FIT, capsize=3)
    for name, a, b in zip(settings["regions"], x, fit.data, strict=True):
        ax.annotate(name, (a, b), xytext=(4, -8), textcoords="offset points", fontsize=7)
    ax.set_xlabel(label(fit.axis.name, fit.axis.unit))
    ax.set_ylabel(label(fit.axis.data_name, fit.axis.data_unit))
    ax.set_title(
        f"occupancy {occupancy.value:.3f} ± {occupancy.stderr:.3f}, VND {vnd.value:.3g} ± {vnd.stderr:.2g} mL/cm3",
        fontsize=10,
    )
    return ax
