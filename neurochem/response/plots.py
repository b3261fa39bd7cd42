"""Figures of associations. Every function draws into `ax`, or into a new figure, and returns the axes."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from neurochem.errors import InputError
from neurochem.figures import BLACK, BLUE, GREY, VERMILLION, label, new_axes
from neurochem.response.family import family_frame
from neurochem.response.model_data import is_binary
from neurochem.response.sizes import per_sd
from neurochem.results import FitResult
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# The same time point has the same colour and sign in every figure.
_STYLE = {"baseline": (BLUE, "o"), "change": (VERMILLION, "s"), "": (BLACK, "o")}


def plot_forest(results: Mapping[str, FitResult], ax: "Axes | None" = None) -> "Axes":
    """Draw the slope of every association per SD of its marker, with the 95 % interval.

    Parameters
    ----------
    results : ResultSet
        What `associate_all` returned.
    ax : Axes, optional
        Where to draw; it should be about 9 by 1 + 0.4 x rows inches, for the numbers stand beside it.

    Returns
    -------
    Axes
        One row an association, in points of the outcome (or log-odds) per SD of the marker; the same numbers, p and
        adjusted p are written at the right.

    Raises
    ------
    InputError
        If there is nothing to draw, or continuous and yes-or-no outcomes are mixed, whose slopes share no axis.
    """
    kinds = {is_binary(fit) for fit in results.values()}
    if len(kinds) != 1:
        models = sorted({fit.model for fit in results.values()})
        msg = f"results hold {', '.join(models) or 'nothing'}; give associations of one kind of outcome"
        raise InputError(msg)
    table = family_frame(results)
    table[["size", "size_low", "size_high"]] = [per_sd(fit) for fit in results.values()]
    ax = new_axes(10.5, 1.3 + 0.42 * len(table)) if ax is None else ax
    rows = np.arange(len(table))[::-1]
    ax.axvline(0.0, color=GREY, linewidth=0.9, zorder=0)
    for at, (shade, sign) in _STYLE.items():
        part = ((table["at"] == at) & table["success"]).to_numpy()
        if part.any():
            _draw_intervals(ax, table.loc[part], rows[part], shade, sign)
    for row, (_, line) in zip(rows, table.iterrows(), strict=True):
        text = _row_text(line) if line["success"] else f"cannot be estimated ({line['flags']})"
        ax.annotate(text, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    ax.set_yticks(rows, [f"{name}  n = {n}" for name, n in zip(table["name"], table["n"], strict=True)], fontsize=9)
    ax.set_ylim(-0.6, len(table) - 0.4)
    _label_forest(ax, results, binary=kinds.pop())
    return ax


def _draw_intervals(ax: "Axes", part: "pd.DataFrame", rows: FloatArray, shade: str, sign: str) -> None:
    centre, low, high = (part[name].to_numpy() for name in ("size", "size_low", "size_high"))
    # an endless interval is drawn as an arrow as long as the widest finite one
    reach = 1.3 * float(np.nanmax(np.abs(np.where(np.isfinite([low, high]), [low, high], np.nan)), initial=1.0))
    ax.hlines(rows, np.maximum(low, -reach), np.minimum(high, reach), color=shade, linewidth=1.8)
    for ends, tip in ((low, "<"), (high, ">")):
        endless = np.isinf(ends)
        ax.plot(np.sign(ends[endless]) * reach, rows[endless], tip, color=shade, markersize=6)
    ax.plot(centre, rows, sign, color=shade, markersize=6, label=str(part["at"].iloc[0]) or None)


def _row_text(line: "pd.Series") -> str:
    text = f"{line['size']:.2g} [{line['size_low']:.2g}, {line['size_high']:.2g}], p {_p(line['p'])}"
    return f"{text}, Holm {_p(line['p_holm'])}" if line["family_size"] > 1 else text


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"


def _label_forest(ax: "Axes", results: Mapping[str, FitResult], *, binary: bool) -> None:
    settings = next(iter(results.values())).settings
    outcome = f"{settings.get('outcome_label', 'outcome')} {str(settings.get('outcome_type', '')).replace('_', ' ')}"
    if binary:
        ax.set_xlabel("log-odds per SD of the marker, 95 % interval")
    else:
        unit = str(next((fit["slope"].unit for fit in results.values() if "slope" in fit), "")).split(
            " per ", maxsplit=1
        )[0]
        ax.set_xlabel(f"{unit or 'outcome'} per SD of the marker, 95 % interval")
    meaning = settings.get("remission_rule", settings.get("outcome_definition", ""))
    ax.set_title(f"{outcome.strip()}: {meaning}" if meaning else outcome, fontsize=10, loc="left")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8, loc="best")


def plot_association(fit: FitResult, ax: "Axes | None" = None) -> "Axes":
    """Draw outcome against marker, every scan with its own standard error.

    Parameters
    ----------
    fit : FitResult
        A result of `associate` or `regress`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Continuous outcome: partial residuals (the outcome shifted to the mean of the covariates), the line and its
        pointwise 95 % band. Yes-or-no outcome: people at 0 and 1, the fitted probability at the mean of the covariates
        and its band. Horizontal bars are one standard error of the marker.

    Raises
    ------
    InputError
        If the fit was pooled over imputations, which have no one set of points; draw one of them, or `plot_forest`.
    """
    if not fit.failed and fit.axis is None:
        msg = f"{fit.name} ({fit.model}) holds no people to draw; draw a fit of associate, or plot_forest of several"
        raise InputError(msg)
    ax = new_axes(6.5, 4.8) if ax is None else ax
    ax.set_title(fit.name, fontsize=10)
    if fit.axis is not None:
        ax.set_xlabel(label(fit.axis.name, fit.axis.unit))
        ax.set_ylabel(label(fit.axis.data_name, fit.axis.data_unit))
    if fit.failed or fit.axis is None:
        reason = "; ".join(flag.message for flag in fit.flags if flag.severity == "failure")
        words = "\n".join(["cannot be estimated:", *textwrap.wrap(reason, 60)])
        ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes, fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
        return ax
    marker = np.asarray(fit.axis.values)
    noise = np.array([float(value) for value in fit.settings["rows"]["marker_se"]])
    bars = np.where(np.isfinite(noise), noise, 0.0)
    ax.errorbar(
        marker, _height(fit), xerr=bars, fmt="o", color=BLACK, ecolor=GREY, elinewidth=0.9, markersize=4,
        label="patients, ± 1 standard error of the scan",
    )  # fmt: skip
    grid = np.linspace(float((marker - bars).min()), float((marker + bars).max()), 200)
    centre, low, high = _line(fit, grid)
    ax.fill_between(grid, low, high, color=VERMILLION, alpha=0.18, linewidth=0, label="95 % band")
    ax.plot(grid, centre, color=VERMILLION, linewidth=1.8, label=_slope_text(fit))
    if is_binary(fit):
        # room above the people at 1, where no point can be
        ax.set_ylim(-0.12, 1.42)
        ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.legend(frameon=False, fontsize=8, loc="upper left" if is_binary(fit) else "best")
    return ax


def _height(fit: FitResult) -> FloatArray:
    """Return where people are drawn: at their outcome, those at 0 and 1 a little apart so that none hides another."""
    if not is_binary(fit):
        return np.asarray(fit.data)
    steps = 0.018 * (np.arange(fit.data.size) % 5)
    return np.where(fit.data > 0.5, 1.0 + steps, -steps)


def _line(fit: FitResult, grid: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the fitted line over the marker at the mean of the covariates, with its pointwise band."""
    means = np.array([float(value) for value in fit.settings["covariate_means"]])
    points = np.column_stack([grid, np.ones(grid.size), np.tile(means, (grid.size, 1))])
    values = points @ np.array([fit[name].value for name in fit.covariance_names])
    # an unidentified slope has an endless covariance and no band
    covariance = np.where(np.isfinite(fit.covariance), fit.covariance, np.nan)
    spread = np.sqrt(np.einsum("ij,jk,ik->i", points, covariance, points))
    half = _quantile(fit["intercept"].dof) * fit.diagnostics.get("stderr_factor", 1.0) * spread
    lines = (values, values - half, values + half)
    if is_binary(fit):
        from scipy.special import expit

        return expit(lines[0]), expit(lines[1]), expit(lines[2])
    return lines


def _quantile(dof: float) -> float:
    from scipy import special

    return float(special.ndtri(0.975) if np.isinf(dof) else special.stdtrit(dof, 0.975))


def _slope_text(fit: FitResult) -> str:
    slope = fit["slope"]
    low, high = slope.interval(0.95)
    if np.isnan(slope.value):
        return "the data do not identify the slope"
    return f"slope {slope.value:.3g} [{low:.3g}, {high:.3g}] {slope.unit}, p {_p(fit.diagnostics['p_value'])}"
