"""The figures of the page, each with the numbers it was drawn from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from neurochem.response.association import analysis_rows
from neurochem.response.baseline_change import plot_regression_to_mean
from neurochem.response.cohort import Cohort
from neurochem.response.family import family_frame
from neurochem.response.report.findings import CLEAR, SUGGESTIVE, certainty
from neurochem.response.validation import BASELINE
from neurochem.results import FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_SCATTERS = 4


@dataclass(frozen=True, slots=True, eq=False)
class ReportFigure:
    """A figure, what to say of it, and its data.

    Attributes
    ----------
    name : str
        Stem of its files.
    figure : Figure
        As drawn.
    caption, alt : str
        What it shows, for those who see it and those who do not.
    data : DataFrame
        What was drawn.
    """

    name: str
    figure: "Figure"
    caption: str
    alt: str
    data: pd.DataFrame


def report_figures(
    cohort: Cohort, fits: Mapping[str, FitResult], moderations: Mapping[str, FitResult] | None = None
) -> list[ReportFigure]:
    """Return the figures of a report: forest, the leading associations, moderation, regression to the mean."""
    usable = {name: fit for name, fit in fits.items() if not fit.failed}
    if not usable:
        return []
    figures = [_forest(fits)]
    ranked = sorted(usable.items(), key=lambda item: item[1].diagnostics["p_value"])
    leading = [pair for pair in ranked if certainty(pair[1]) in {CLEAR, SUGGESTIVE}] or ranked[:1]
    figures += [_scatter(name, fit) for name, fit in leading[:_MOST_SCATTERS]]
    between = {name: fit for name, fit in (moderations or {}).items() if not fit.failed}
    if between:
        name, fit = min(between.items(), key=lambda item: item[1].diagnostics["p_value"])
        figures.append(_moderation(name, fit))
    course = _course(cohort, next(iter(usable.values())))
    return [*figures, *([course] if course else [])]


def _forest(fits: Mapping[str, FitResult]) -> ReportFigure:
    from matplotlib.figure import Figure

    from neurochem.response.plots import plot_forest

    figure = Figure(figsize=(10.5, 1.3 + 0.42 * len(fits)), layout="constrained")
    plot_forest(fits, figure.add_subplot())
    caption = (
        "Every association of the family, per SD of the marker as in the table above. Left of the line: a higher marker "
        "goes with a lower value of the outcome."
    )
    alt = f"Forest plot, one row a marker with slope and 95 % interval: {', '.join(fits)}."
    return ReportFigure("forest", figure, caption, alt, family_frame(fits))


def _scatter(name: str, fit: FitResult) -> ReportFigure:
    from neurochem.response.plots import plot_association

    ax = plot_association(fit)
    caption = (
        f"{name}: each dot is a patient, with the scan's standard error; the outcome is adjusted for the covariates."
    )
    n = int(fit.diagnostics["n"])
    alt = f"Outcome against {name} in {n} patients with fitted line and 95 % band."
    figure = ax.get_figure()
    return ReportFigure(f"association_{_stem(name)}", figure, caption, alt, analysis_rows(fit))  # type: ignore[arg-type] # its own


def _stem(name: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in name).strip("-").replace("--", "-").lower()


def plot_moderation(fit: FitResult, ax: "Axes | None" = None) -> "Axes":
    """Draw outcome against marker with a line for each arm.

    Parameters
    ----------
    fit : FitResult
        A result of `moderate` that did not fail.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        People by arm as measured (not adjusted), with the scans' standard errors, and the line of each arm through the
        mean of the people in it, with its slope.
    """
    from neurochem.figures import BLUE, GREY, VERMILLION, label, new_axes

    ax = new_axes(6.5, 4.8) if ax is None else ax
    rows = fit.settings["rows"]
    marker, outcome, arm, error = (
        np.array([float(v) for v in rows[key]]) for key in ("marker", "outcome", "arm", "marker_se")
    )
    for side, (name, shade, sign) in enumerate(zip(fit.settings["arms"], (BLUE, VERMILLION), ("o", "s"), strict=True)):
        mine = arm == side
        bars = np.where(np.isfinite(error[mine]), error[mine], 0.0)
        ax.errorbar(
            marker[mine], outcome[mine], xerr=bars, fmt=sign, color=shade, ecolor=GREY, elinewidth=0.7, markersize=4
        )
        slope = fit[f"slope[{name}]"].value
        ends = np.array([marker.min(), marker.max()])
        line = outcome[mine].mean() + slope * (ends - marker[mine].mean())
        ax.plot(ends, line, color=shade, linewidth=1.8, label=f"{name}, slope {slope:.3g}")
    if fit.axis is not None:
        ax.set_xlabel(label(f"{fit.axis.name} before treatment", fit.axis.unit))
        ax.set_ylabel(label(fit.axis.data_name, fit.axis.data_unit))
    p = fit.diagnostics["p_value"]
    words = "p unknown" if math.isnan(p) else f"p = {p:.2g}"
    ax.set_title(f"Difference of the two slopes: {words}", fontsize=10, loc="left")
    ax.legend(frameon=False, fontsize=8)
    return ax


def _moderation(name: str, fit: FitResult) -> ReportFigure:
    ax = plot_moderation(fit)
    rows = fit.settings["rows"]
    data = pd.DataFrame({"participant_id": fit.settings.get("participants", range(len(rows["arm"]))), **rows})
    caption = (
        f"{name}: the arms apart. Only a difference between the two slopes says that the marker matters for the choice."
    )
    alt = f"Outcome against {name} with a line for each of the arms {' and '.join(fit.settings['arms'])}."
    figure = ax.get_figure()
    return ReportFigure(f"moderation_{_stem(name)}", figure, caption, alt, data)  # type: ignore[arg-type] # its own figure


def _course(cohort: Cohort, fit: FitResult) -> ReportFigure | None:
    """Return change of the scale against its baseline, in which regression to the mean can be seen."""
    scale = str(fit.settings.get("outcome", ""))
    scores = cohort.scores
    people = cohort.people
    patients = set(people.loc[people["group"] == "patient", "participant_id"])
    mine = scores.loc[(scores["scale"] == scale) & scores["participant_id"].isin(patients)]
    end = str(fit.settings.get("endpoint_visit", ""))
    table = mine.pivot_table(index="participant_id", columns="visit", values="score")
    if not {BASELINE, end} <= set(table.columns):
        return None
    table = table[[BASELINE, end]].dropna()
    if len(table) < 4 or table[BASELINE].nunique() < 2 or table[end].nunique() < 2:
        return None
    label = str(fit.settings.get("outcome_label", scale))
    ax = plot_regression_to_mean(table[BASELINE], table[end], name=label, unit="points")
    ax.set_title(f"{label}: change against its baseline", fontsize=10, loc="left")
    caption = (
        f"{label} from {BASELINE} to {end}. A falling line is expected even if nothing happened: a high first rating is partly "
        "chance. Change must not be correlated with its own baseline to say who profits."
    )
    alt = f"Change of {label} against its baseline in {len(table)} patients, with the fitted line."
    data = table.reset_index().rename(columns={BASELINE: "baseline_score", end: "endpoint_score"})
    return ReportFigure("regression-to-mean", ax.get_figure(), caption, alt, data)  # type: ignore[arg-type] # its own figure
