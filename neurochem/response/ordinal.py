"""Ordered outcome (none, partial response, response, remission): proportional odds."""

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.design_columns import Columns, as_vector, columns_of, log_estimates, uncorrected
from neurochem.response.linear import t_test_p
from neurochem.response.model_data import SLOPE
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

MODEL = "proportional odds"
# Log-odds per SD beyond which the categories are as good as separated.
_SEPARATED = 15.0


@checked_arguments(names=("covariates",))
def regress_ordinal(
    outcome: ArrayLike, marker: ArrayLike, *, covariates: pd.DataFrame | dict[str, ArrayLike] | None = None
) -> FitResult:
    """Regress an ordered outcome on a marker and covariates.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Categories as numbers, ordered: 0 none, 1 partial response, 2 response ...
    marker : array_like, shape (n,)
        Marker values.
    covariates : DataFrame or mapping, optional
        What to adjust for.

    Returns
    -------
    FitResult
        "slope" (log-odds of a higher category per unit of the marker), covariates, "threshold[0|1]" ...,
        "standardised_slope", "odds_ratio" per SD. `diagnostics`: p_value (likelihood ratio), p_wald, log_likelihood,
        parallel_p (Brant's test that slopes are the same at every cut; NaN where a cut separates the classes).

    Raises
    ------
    InputError
        If shapes differ, a value is missing, or there are fewer than three categories.

    Notes
    -----
    logit P(y > j) = slope x marker + g'Z - threshold_j, fitted by statsmodels' OrderedModel.

    References
    ----------
    McCullagh (1980), J R Stat Soc B 42:109. Brant (1990), Biometrics 46:1171.
    """
    values = as_vector(outcome, "outcome")
    levels, codes = np.unique(values, return_inverse=True)
    if levels.size < 3:
        msg = f"outcome has {levels.size} categories; give three or more, or use regress(family='binomial')"
        raise InputError(msg)
    columns = columns_of(marker, covariates, values.size)
    fit = _proportional_odds(codes, columns.matrix)
    reduced = _height_without_marker(codes, columns)
    covariance = np.asarray(fit.cov_params())
    p = len(columns.names)
    errors = np.sqrt(np.maximum(np.diag(covariance)[:p], 0.0))
    estimates = log_estimates(columns, fit.params[:p], errors, "log-odds")
    estimates.update(_thresholds(columns, levels, np.asarray(fit.params), covariance))
    standard = estimates["standardised_slope"]
    low, high = standard.interval(0.95)
    ratio = math.exp(min(standard.value, 700.0))
    estimates["odds_ratio"] = Estimate(
        "odds_ratio", ratio, ratio * standard.stderr, "per SD",
        limits=((0.95, math.exp(min(low, 700.0)), math.exp(min(high, 700.0))),),
    )  # fmt: skip
    drop = max(0.0, 2.0 * (float(fit.llf) - reduced))
    slope = estimates[SLOPE]
    flags = [uncorrected()]
    if abs(standard.value) > _SEPARATED or not bool(fit.mle_retvals["converged"]):
        flags.append(
            Flag("separation", "the marker splits the categories without overlap: the slope is endless", "failure")
        )
    return FitResult(
        model=MODEL, name="ordered outcome on marker", estimates=estimates, flags=tuple(flags),
        success=not any(flag.severity == "failure" for flag in flags), data=values,
        fitted=np.asarray(fit.predict()) @ levels,
        diagnostics={
            "n": float(values.size), "p_value": float(special.chdtrc(1, drop)),
            "p_wald": t_test_p(slope.value, slope.stderr, math.inf), "likelihood_ratio": drop,
            "log_likelihood": float(fit.llf), "parallel_p": _brant(codes, columns),
        },
        settings={"categories": levels.tolist(), "counts": np.bincount(codes).tolist(), "terms": list(columns.names)},
    )  # fmt: skip


def _thresholds(
    columns: Columns, levels: FloatArray, params: FloatArray, covariance: FloatArray
) -> dict[str, Estimate]:
    """Return thresholds on the scale of the columns as given; the model holds the first and the logs of the steps."""
    p = len(columns.names)
    steps = np.exp(params[p + 1 :])
    found = {}
    for j in range(levels.size - 1):
        weight = np.zeros(params.size)
        weight[:p] = columns.means / columns.scale
        weight[p] = 1.0
        weight[p + 1 : p + 1 + j] = steps[:j]
        value = params[p] + steps[:j].sum() + float(params[:p] @ weight[:p])
        name = f"threshold[{levels[j]:g}|{levels[j + 1]:g}]"
        found[name] = Estimate(name, float(value), math.sqrt(max(float(weight @ covariance @ weight), 0.0)), "log-odds")
    return found


def _height_without_marker(codes: NDArray[np.intp], columns: Columns) -> float:
    """Return the log-likelihood of the model without the marker."""
    others = columns.matrix[:, 1:]
    if not others.shape[1]:
        counts = np.bincount(codes)
        return float(np.sum(counts * np.log(counts / counts.sum())))
    return float(_proportional_odds(codes, others).llf)


def _proportional_odds(codes: NDArray[np.intp], matrix: FloatArray) -> Any:
    """Return statsmodels' fit; one that did not end well says so in its record."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    with warnings.catch_warnings():
        # separation is told by the flags of the result
        warnings.simplefilter("ignore")
        return OrderedModel(codes, matrix, distr="logit").fit(method="newton", maxiter=200, disp=0)


def _brant(codes: NDArray[np.intp], columns: Columns) -> float:
    """Return the p value of Brant's test of parallel slopes, all terms together."""
    design = np.column_stack([np.ones(codes.size), columns.matrix])
    cuts = range(int(codes.max()))
    slopes, chances = [], []
    for cut in cuts:
        found = _logit(design, (codes > cut).astype(float))
        if found is None:
            return math.nan
        slopes.append(found)
        chances.append(special.expit(design @ found))
    size, k = design.shape[1], len(slopes)
    covariance = np.zeros((k * size, k * size))
    bread = [np.linalg.inv((design.T * (c * (1.0 - c))) @ design) for c in chances]
    for m in range(k):
        for j in range(m, k):
            # y > j implies y > m, so the covariance of the two indicators is c_j (1 - c_m)
            block = bread[m] @ ((design.T * (chances[j] * (1.0 - chances[m]))) @ design) @ bread[j]
            covariance[m * size : (m + 1) * size, j * size : (j + 1) * size] = block
            covariance[j * size : (j + 1) * size, m * size : (m + 1) * size] = block.T
    contrast = np.zeros(((k - 1) * (size - 1), k * size))
    for m in range(1, k):
        rows = slice((m - 1) * (size - 1), m * (size - 1))
        contrast[rows, 1:size] = np.eye(size - 1)
        contrast[rows, m * size + 1 : (m + 1) * size] = -np.eye(size - 1)
    gap = contrast @ np.concatenate(slopes)
    statistic = float(gap @ np.linalg.solve(contrast @ covariance @ contrast.T, gap))
    return float(special.chdtrc(len(gap), statistic))


def _logit(design: FloatArray, outcome: FloatArray) -> FloatArray | None:
    """Return logistic coefficients, or nothing where the classes separate."""
    found = np.zeros(design.shape[1])
    for _ in range(60):
        chance = special.expit(design @ found)
        information = (design.T * (chance * (1.0 - chance))) @ design
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (outcome - chance))
        found = found + step
        if np.abs(step).max() < 1e-10:
            break
    return found if np.abs(found).max() < _SEPARATED else None
