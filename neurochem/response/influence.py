"""Which person moves a slope: leverage, Cook's distance and dfbeta, by leaving each person out."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.model_data import SLOPE, ModelData
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A person whose leaving moves the slope by more than one of its standard errors is named.
NOTABLE_DFBETAS = 1.0


def leverage(design: FloatArray) -> FloatArray:
    """Return the diagonal of the hat matrix, shape (n,)."""
    basis = np.linalg.qr(design / np.linalg.norm(design, axis=0))[0]
    return np.einsum("ij,ij->i", basis, basis)


def influence_record(
    data: ModelData, whole: FloatArray, without: FloatArray, slope: Estimate, covariance: FloatArray
) -> tuple[dict[str, Any], dict[str, float], tuple[Flag, ...]]:
    """Return leverage, Cook's distance and dfbeta of every person, the largest of each, and a note on the largest.

    Parameters
    ----------
    data : ModelData
        The rows, in the order of the fit.
    whole : array, shape (k,)
        Coefficients of the whole sample.
    without : array, shape (n, k)
        Coefficients with each person left out; NaN where they cannot be found.
    slope : Estimate
        The slope of the whole sample.
    covariance : array, shape (k, k)
        Covariance of the coefficients that Cook's distance is measured in.

    Returns
    -------
    dict, dict, tuple of Flag
        Lists "leverage", "cook", "dfbeta" (slope of the whole sample less that without the person, in the slope's
        unit) and "dfbetas" (over the slope's standard error); "max_leverage", "max_cook", "max_dfbetas"; the note.
    """
    hat = leverage(data.design)
    change = whole - without
    known = np.isfinite(change).all(axis=1)
    cook = np.full(hat.shape, np.nan)
    if known.any() and np.isfinite(covariance).all():
        inverse = np.linalg.pinv(covariance, hermitian=True)
        cook[known] = np.einsum("ij,jk,ik->i", change[known], inverse, change[known]) / change.shape[1]
    moved = np.where(known, change[:, 0], np.nan)
    size = moved / slope.stderr if 0.0 < slope.stderr < np.inf else np.full(hat.shape, np.nan)
    lists = {"leverage": hat, "cook": cook, "dfbeta": moved, "dfbetas": size}
    largest = {
        "max_leverage": float(hat.max()), "max_cook": _largest(cook), "max_dfbetas": _largest(np.abs(size)),
    }  # fmt: skip
    return {name: values.tolist() for name, values in lists.items()}, largest, _note(data, size)


def _largest(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else np.nan


def _note(data: ModelData, size: FloatArray) -> tuple[Flag, ...]:
    notable = np.flatnonzero(np.abs(np.nan_to_num(size)) > NOTABLE_DFBETAS)
    if not notable.size:
        return ()
    who = ", ".join(data.ids[index] for index in notable[:5])
    message = (
        f"without {who} the slope moves by more than its standard error ({float(np.nanmax(np.abs(size))):.1f} times)"
    )
    return (Flag("influential_person", message, "info", SLOPE),)


@checked_arguments
def influence(fit: FitResult) -> pd.DataFrame:
    """Return how much each person moves the slope.

    Parameters
    ----------
    fit : FitResult
        A result of `associate` or `regress`.

    Returns
    -------
    DataFrame
        participant_id, marker, outcome, leverage (diagonal of the hat matrix), cook (Cook's distance: how far all
        coefficients move), dfbeta (slope of everyone less slope without the person, in the slope's unit), dfbetas
        (in standard errors); the largest |dfbeta| first.

    Raises
    ------
    InputError
        If the fit holds no influence: it failed, or its slope is not identified.
    """
    record = fit.settings.get("influence")
    if not record:
        msg = f"{fit.name} holds no influence of single people: it failed, or its model gives none; use regress or associate"
        raise InputError(msg)
    rows = fit.settings["rows"]
    table = pd.DataFrame(
        {"participant_id": rows["participant_id"], "marker": rows["marker"], "outcome": rows["outcome"]}
    )
    for name in ("leverage", "cook", "dfbeta", "dfbetas"):
        table[name] = [float(value) for value in record[name]]
    order = table["dfbeta"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def plot_influence(fit: FitResult, ax: "Axes | None" = None) -> "Axes":
    """Draw leverage against how much the slope moves without each person; circles grow with Cook's distance.

    Parameters
    ----------
    fit : FitResult
        A result of `associate` or `regress`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        One circle a person; the people who move the slope most are named.
    """
    from neurochem.figures import BLUE, GREY, VERMILLION, new_axes

    table = influence(fit)
    ax = new_axes(6.5, 4.6) if ax is None else ax
    size = np.abs(table["dfbetas"].to_numpy())
    area = 20.0 + 900.0 * np.clip(table["cook"].fillna(0.0), 0.0, 1.0)
    shade = np.where(size > NOTABLE_DFBETAS, VERMILLION, BLUE)
    ax.scatter(table["leverage"], table["dfbetas"], s=area, c=shade, alpha=0.6, linewidths=0)
    for level in (-NOTABLE_DFBETAS, 0.0, NOTABLE_DFBETAS):
        ax.axhline(level, color=GREY, linewidth=0.8, linestyle="-" if level == 0.0 else "--", zorder=0)
    mean = len(fit.covariance_names) / len(table)
    ax.axvline(2.0 * mean, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    # above or below its circle, away from the middle line, so that names of neighbours stay apart
    places, moves = table["leverage"].to_numpy(), table["dfbetas"].to_numpy()
    for index, name in enumerate(table["participant_id"].head(4)):
        place, offset = (places[index], moves[index]), 9 if moves[index] >= 0 else -15
        ax.annotate(str(name), place, xytext=(0, offset), textcoords="offset points", fontsize=8, ha="center")
    reach = max(1.25, 1.25 * float(np.nanmax(size)))
    ax.set_ylim(-reach, reach)
    ax.set_xlabel("leverage (dashed: twice its mean)")
    ax.set_ylabel("slope of everyone less slope without\nthe person, in standard errors")
    ax.set_title("\n".join(textwrap.wrap(f"{fit.name}: who moves the slope (area: Cook's distance)", 78)), fontsize=10)
    return ax
