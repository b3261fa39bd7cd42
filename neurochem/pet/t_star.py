"""Where the linear part of a graph begins: a scan over t*, a rule, and the plot to judge it by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.fitting import fit
from neurochem.pet.model import MODELS, PARAMETER_UNITS
from neurochem.pet.multilinear import T_STAR_RESIDUAL
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FEWEST_POINTS = 5


@dataclass(frozen=True, eq=False)
class TStarScan:
    """Estimates of every region for every start of the linear part.

    Attributes
    ----------
    model, parameter, unit : str
        What was fitted, and the estimate that was kept.
    regions : tuple of str
        Regions.
    t_star_s : array, shape (n_starts,)
        Starts in seconds: frames whose middle is not earlier were used.
    points : int array, shape (n_starts,)
        Frames used from each start on, in the first region.
    value, stderr : array, shape (n_regions, n_starts)
        Estimate and standard error; NaN where a fit failed.
    largest_residual : array, shape (n_regions, n_starts)
        Largest residual of a point relative to its value.
    """

    model: str
    parameter: str
    unit: str
    regions: tuple[str, ...]
    t_star_s: FloatArray
    points: np.ndarray
    value: FloatArray
    stderr: FloatArray
    largest_residual: FloatArray

    def earliest_s(self, *, limit: float = T_STAR_RESIDUAL) -> float:
        """Return the earliest start at which no region has a residual above `limit`, in seconds; NaN where there is none.

        Every region must keep the limit: one of low binding reaches equilibrium at another time than one of high.
        """
        good = np.flatnonzero((self.largest_residual <= limit).all(axis=0))
        return float(self.t_star_s[good[0]]) if good.size else float("nan")

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table, one row a region and start."""
        import pandas as pd

        rows = [
            {
                "region": region, "model": self.model, "parameter": self.parameter, "t_star_s": self.t_star_s[j],
                "points": int(self.points[j]), "value": self.value[i, j], "stderr": self.stderr[i, j],
                "unit": self.unit, "largest_relative_residual": self.largest_residual[i, j],
            }
            for i, region in enumerate(self.regions)
            for j in range(self.t_star_s.size)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def plot(self, ax: "Axes | None" = None, *, limit: float = T_STAR_RESIDUAL) -> "Axes":
        """Draw estimate and largest residual against t*; see `draw_t_star`."""
        return draw_t_star(self, ax, limit=limit)


@checked_arguments
def scan_t_star(
    tacs: TimeActivityCurves,
    model: str,
    *,
    parameter: str | None = None,
    starts_s: ArrayLike | None = None,
    **keywords: Any,
) -> TStarScan:
    """Fit a model from every possible start of its linear part.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves.
    model : str
        A model with a t*: Logan, LoganRef, MA1, MRTM1 and so on.
    parameter : str, optional
        Estimate to keep; by default BPND, VT or Ki, the first that the model reports.
    starts_s : array_like, optional
        Starts in seconds; by default the middle of every frame that leaves five or more.
    **keywords
        As for `fit`: reference, blood, weights, exclude, regions, k2prime.

    Returns
    -------
    TStarScan
        A plateau of the estimate with small residuals is where t* belongs; an estimate that keeps drifting has none.

    Raises
    ------
    UnknownNameError
        If the model has no t*, or does not report the parameter.
    InputError
        If no start leaves enough frames, or an input is missing.

    Notes
    -----
    A two-tissue region approaches its line slowly: small residuals do not prove the slope right, so look at the drift.
    """
    kinetic = MODELS[model]
    if "t_star_s" not in kinetic.options:
        known = [entry.name for entry in MODELS if "t_star_s" in entry.item.options]
        raise unknown_name(model, known, kind="model with a t*")
    reported = kinetic.reported
    wanted = parameter or next((name for name in ("BPND", "VT", "Ki", "KiRef") if name in reported), reported[0])
    if wanted not in reported:
        raise unknown_name(wanted, reported, kind=f"estimate of {kinetic.name}")
    middle = tacs.frames.mid_s[tacs.frames.measured]
    starts = middle[: middle.size - _FEWEST_POINTS + 1] if starts_s is None else np.unique(np.asarray(starts_s, float))
    if starts.size == 0:
        msg = f"no start leaves {_FEWEST_POINTS} of {middle.size} frames; a scan of t* needs a longer series"
        raise InputError(msg)
    fits = [fit(tacs, model, t_star_s=float(start), **keywords) for start in starts]
    regions = tuple(fits[0])

    def collect(value: Any) -> FloatArray:
        return np.array([[value(results[region]) for results in fits] for region in regions], dtype=float)

    return TStarScan(
        model=kinetic.name,
        parameter=wanted,
        unit=PARAMETER_UNITS.get(wanted, ""),
        regions=regions,
        t_star_s=starts,
        points=np.array([np.count_nonzero(results[regions[0]].used) for results in fits]),
        value=collect(lambda result: result[wanted].value),
        stderr=collect(lambda result: result[wanted].stderr),
        largest_residual=collect(lambda result: result.diagnostics.get("largest_relative_residual", np.nan)),
    )


@checked_arguments
def draw_t_star(scan: TStarScan, ax: "Axes | None" = None, *, limit: float = T_STAR_RESIDUAL) -> "Axes":
    """Draw estimates against t*, and below the largest residual with its limit.

    Parameters
    ----------
    scan : TStarScan
        Result of `scan_t_star`.
    ax : Axes, optional
        Where to draw; a quarter of its place is given to the residuals.
    limit : float
        Limit of the residual; the earliest start that keeps it is marked.

    Returns
    -------
    Axes
        The upper axes.
    """
    from matplotlib.ticker import NullFormatter

    from neurochem.figures import BLACK, GREY, axes_below, colour, label, new_axes

    ax = new_axes() if ax is None else ax
    below = axes_below(ax)
    minutes = scan.t_star_s / 60.0
    for index, region in enumerate(scan.regions):
        style: dict[str, Any] = {"color": colour(index), "markersize": 3.5, "linewidth": 1.0}
        ax.errorbar(
            minutes, scan.value[index], yerr=scan.stderr[index], fmt="o-", elinewidth=0.7, label=region, **style
        )
        below.plot(minutes, 100.0 * scan.largest_residual[index], "o-", **style)
    below.axhline(100.0 * limit, color=GREY, linewidth=0.8, linestyle="--")
    earliest = scan.earliest_s(limit=limit) / 60.0
    if np.isfinite(earliest):
        for each in (ax, below):
            each.axvline(earliest, color=BLACK, linewidth=0.8, linestyle=":")
    ax.set_title(f"{scan.model}: t* " + (f"{earliest:.3g} min" if np.isfinite(earliest) else "not found"), fontsize=10)
    ax.set_ylabel(label(scan.parameter, scan.unit))
    ax.tick_params(labelbottom=False)
    # the first starts can be off by orders of magnitude and would flatten the plateau
    _limit_to_plateau(ax, scan)
    below.set_yscale("log")
    # less than a decade would otherwise be labelled at every step
    below.yaxis.set_minor_formatter(NullFormatter())
    below.set_xlabel(label("t*", "min after injection"))
    below.set_ylabel("largest\nresidual (%)", fontsize=8)
    ax.legend(frameon=False, fontsize=8)
    return ax


def _limit_to_plateau(ax: "Axes", scan: TStarScan) -> None:
    """Set the limits of the estimate by the later half of the starts."""
    late = scan.value[:, scan.t_star_s.size // 3 :]
    error = np.nan_to_num(scan.stderr[:, scan.t_star_s.size // 3 :], nan=0.0, posinf=0.0)
    if np.isfinite(late).any():
        low, high = np.nanmin(late - error), np.nanmax(late + error)
        margin = 0.15 * (high - low) if high > low else 0.1 * max(abs(high), 1.0)
        ax.set_ylim(low - margin, high + margin)
