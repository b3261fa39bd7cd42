"""Figures of a prediction. Every function draws into `ax`, or into a new figure, and returns the axes."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.errors import InputError
from neurochem.figures import BLACK, BLUE, GREEN, GREY, VERMILLION, label, new_axes
from neurochem.response.prediction.result import PredictionResult, pooled_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_calibration(result: PredictionResult, ax: "Axes | None" = None) -> "Axes":
    """Draw observed against predicted outcome for people left out: points, smooth curve with band, and the ideal line."""
    ax = new_axes(6.0, 5.2) if ax is None else ax
    people, curve = result.out_of_sample, result.calibration_curve
    x = people["predicted"].to_numpy()
    low, high = (0.0, 1.0) if result.binary else (float(x.min()), float(x.max()))
    ax.plot([low, high], [low, high], ":", color=GREY, linewidth=1.2, label="perfect calibration")
    if len(curve):
        grid = curve["predicted"].to_numpy()
        ax.fill_between(grid, curve["low95"], curve["high95"], color=BLUE, alpha=0.16, linewidth=0, label="95 % band")
        ax.plot(grid, curve["observed"], color=BLUE, linewidth=1.8, label="smooth curve")
    if result.binary:
        for value, base, sign, words in ((1.0, 1.03, "|", "with the outcome"), (0.0, -0.03, "|", "without")):
            chosen = x[people["outcome"].to_numpy() == value]
            shade = VERMILLION if value else BLACK
            ax.plot(chosen, np.full(chosen.size, base), sign, color=shade, markersize=7, alpha=0.6, label=words)
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(-0.08, 1.08)
        ax.set_xlabel("predicted risk, people left out (0 to 1)")
        ax.set_ylabel("observed share with the outcome (0 to 1)")
    else:
        ax.plot(x, people["outcome"], "o", color=BLACK, markersize=3.5, alpha=0.6, label="people left out")
        ax.set_xlabel(label("predicted outcome, people left out", result.unit))
        ax.set_ylabel(label("observed outcome", result.unit))
    name = "AUC" if result.binary else "R2"
    ax.set_title(
        f"{name} {result[name]:.2f}, calibration slope {result['calibration slope']:.2f}", fontsize=10, loc="left"
    )
    return _finish(ax)


def plot_decision(result: PredictionResult, ax: "Axes | None" = None) -> "Axes":
    """Draw the decision curve: net benefit of acting on the predicted risk, on everybody, and on nobody."""
    if result.decision.empty:
        msg = "a decision curve needs a yes-or-no outcome; use plot('calibration')"
        raise InputError(msg)
    ax = new_axes(6.4, 4.6) if ax is None else ax
    curve = result.decision
    for name, shade, words in (
        ("act_on_all", GREY, "act on everybody"), ("act_on_none", BLACK, "act on nobody"),
        ("model", VERMILLION, "act on the model"),
    ):  # fmt: skip
        ax.plot(curve["threshold"], curve[name], color=shade, linewidth=1.8 if name == "model" else 1.2, label=words)
    top = float(max(curve["model"].max(), curve["act_on_all"].max()))
    ax.set_ylim(-0.35 * top - 0.02, 1.15 * top + 0.02)
    ax.set_xlabel("risk from which on one would act (0 to 1)")
    ax.set_ylabel("net benefit (true positives per person)")
    ax.set_title("out-of-sample risks, mean of the repeats; acting means what the study says", fontsize=9, loc="left")
    return _finish(ax)


def plot_learning(result: PredictionResult, ax: "Axes | None" = None) -> "Axes":
    """Draw performance in people left out against the number of people in training."""
    if result.learning.empty:
        msg = "there is no learning curve: it was not asked for, or there are too few people for smaller training sets"
        raise InputError(msg)
    ax = new_axes(6.4, 4.6) if ax is None else ax
    curve, name = result.learning, "AUC" if result.binary else "R2"
    ax.fill_between(
        curve["people"], curve["low"], curve["high"], color=BLUE, alpha=0.16, linewidth=0, label="95 % of the repeats"
    )
    ax.plot(curve["people"], curve["value"], "o-", color=BLUE, linewidth=1.6, label="mean")
    if curve["fitted"].notna().all():
        ax.plot(curve["people"], curve["fitted"], "--", color=VERMILLION, linewidth=1.2, label="a + b n^-c")
    ax.axhline(0.5 if result.binary else 0.0, color=GREY, linestyle=":", linewidth=1.0, label="no information")
    ax.set_xlabel("people in training (number)")
    ax.set_ylabel(f"{name}, people left out (no unit)")
    return _finish(ax)


def plot_permutation(result: PredictionResult, ax: "Axes | None" = None) -> "Axes":
    """Draw the performance for shuffled labels, and that for the true ones."""
    if result.permutation is None:
        msg = "no labels were shuffled; ask for permutations=1000"
        raise InputError(msg)
    ax = new_axes(6.4, 4.2) if ax is None else ax
    test, name = result.permutation, "AUC" if result.binary else "R2"
    ax.hist(test.null, bins=30, color=GREY, alpha=0.7, label=f"{test.null.size} shuffles of the labels")
    ax.axvline(test.observed, color=VERMILLION, linewidth=1.8, label=f"true labels, p = {test.p:.3g}")
    ax.set_xlabel(f"{name}, people left out, one repeat (no unit)")
    ax.set_ylabel("shuffles (number)")
    return _finish(ax)


def plot_sites(result: PredictionResult, ax: "Axes | None" = None) -> "Axes":
    """Draw the performance at every site that the model had not seen."""
    if result.sites.empty:
        msg = "no site was left out: that needs three sites or more"
        raise InputError(msg)
    table = result.sites.iloc[::-1]
    ax = new_axes(6.8, 1.6 + 0.45 * len(table)) if ax is None else ax
    rows, name = np.arange(len(table)), "AUC" if result.binary else "MAE"
    if {"AUC_low95", "AUC_high95"} <= set(table.columns):
        ax.hlines(rows, table["AUC_low95"], table["AUC_high95"], color=BLUE, linewidth=1.6)
    ax.plot(table[name], rows, "o", color=BLUE, markersize=6, label="site left out")
    if result.pooled is not None:
        ends = np.array([result.pooled.mean, result.pooled.low, result.pooled.high])
        middle, low, high = 1.0 / (1.0 + np.exp(-ends)) if result.binary else ends
        ax.axvspan(low, high, color=GREEN, alpha=0.12, linewidth=0)
        ax.axvline(middle, color=GREEN, linewidth=1.2, label="mean over sites, 95 %")
    if result.binary:
        ax.axvline(0.5, color=GREY, linestyle=":", linewidth=1.0)
        ax.set_xlim(0.0, 1.0)
    ax.set_yticks(rows, [f"{site}  n = {n}" for site, n in zip(table["site"], table["n"], strict=True)])
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlabel(
        "AUC at the site left out, 95 % interval (no unit)"
        if result.binary
        else label("MAE at the site left out", result.unit)
    )
    if result.pooled is not None:
        ax.set_title(pooled_text(result.pooled, binary=result.binary), fontsize=9, loc="left")
    return _finish(ax)


def _finish(ax: "Axes") -> "Axes":
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="best")
    return ax
