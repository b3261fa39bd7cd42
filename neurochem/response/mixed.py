"""Trajectory of a score over visits: linear mixed model with random intercept and slope."""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.response.design_columns import Columns, as_vector, columns_of, uncorrected
from neurochem.response.linear import t_test_p
from neurochem.response.model_data import SLOPE
from neurochem.results import Estimate, FitResult
from neurochem.units import FloatArray

MODEL = "mixed"
RANDOM = ("slope", "intercept")


_FEWEST_PEOPLE = 3


@checked_arguments(names=("covariates", "person"))
def regress_trajectory(
    outcome: ArrayLike,
    time: ArrayLike,
    person: ArrayLike,
    *,
    marker: ArrayLike | None = None,
    covariates: pd.DataFrame | dict[str, ArrayLike] | None = None,
    random: str = "slope",
) -> FitResult:
    """Regress scores over visits on time, and the rate of change on a marker.

    Parameters
    ----------
    outcome, time : array_like, shape (n,)
        Score of each visit, and its week.
    person : array_like, shape (n,)
        Who was rated.
    marker : array_like, shape (n,), optional
        The person's baseline marker, repeated over visits. "slope" is then marker x time: points per week per unit of
        the marker; "marker" its relation to the level at week 0.
    covariates : DataFrame or mapping, optional
        What to adjust the level for.
    random : str
        "slope": every person has an own level and rate; "intercept": an own level only.

    Returns
    -------
    FitResult
        "slope" (without marker that of time itself), "intercept", "time", "marker", covariates; "residual_variance",
        "intercept_variance", "slope_variance", "intercept_slope_covariance". p_value is that of "slope" with t of
        people less coefficients degrees of freedom (random slopes) or rows less people less one (random intercept).

    Raises
    ------
    InputError
        If shapes differ, a value is missing, or nobody was seen more often than the model needs.

    Notes
    -----
    y_ij = (b0 + u_i) + (b1 + v_i) t_j + b2 M_i + b3 M_i t_j + g'Z + e_ij, REML by statsmodels' MixedLM. Valid where
    scores are missing at random given those seen. The degrees of freedom are exact on a balanced grid.

    References
    ----------
    Laird, Ware (1982), Biometrics 38:963.
    """
    if random not in RANDOM:
        raise unknown_name(random, RANDOM, kind="random part")
    scores = as_vector(outcome, "outcome")
    weeks = as_vector(time, "time", scores.size)
    codes, _ = pd.factorize(np.asarray(person))
    if codes.size != scores.size or np.bincount(codes).max() < (3 if random == "slope" else 2):
        msg = f"person has {codes.size} rows for {scores.size} scores, or nobody was seen often enough; give one person a row "
        msg += "and at least three visits for random='slope', two for 'intercept'"
        raise InputError(msg)
    columns = columns_of(marker, covariates, scores.size)
    if np.unique(codes).size < _FEWEST_PEOPLE:
        msg = f"{np.unique(codes).size} people with {scores.size} scores do not carry a model of differences between people; "
        msg += f"at least {_FEWEST_PEOPLE} are needed"
        raise InputError(msg)
    names, design = _design(weeks, columns)
    return _result(names, _reml(scores, design, weeks, codes, random), columns, random)


def _design(weeks: FloatArray, columns: Columns) -> tuple[list[str], FloatArray]:
    """Return names and columns of the fixed part, in the units given."""
    given = columns.matrix * columns.scale + columns.means
    marked = bool(columns.names) and columns.names[0] == SLOPE
    if not marked:
        return [SLOPE, "intercept", *columns.names], np.column_stack([weeks, np.ones(weeks.size), given])
    marker, others = given[:, 0], given[:, 1:]
    design = np.column_stack([marker * weeks, np.ones(weeks.size), weeks, marker, others])
    return [SLOPE, "intercept", "time", "marker", *columns.names[1:]], design


def _reml(scores: FloatArray, design: FloatArray, weeks: FloatArray, codes: NDArray[np.int64], random: str) -> Any:
    """Return statsmodels' fit."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    random_part = np.column_stack([np.ones(weeks.size), weeks]) if random == "slope" else None
    model = MixedLM(scores, design, groups=codes, exog_re=random_part)
    with warnings.catch_warnings():
        # a variance at zero and a restart are told by the flags of the result
        warnings.simplefilter("ignore")
        try:
            return model.fit(reml=True, method=["bfgs", "lbfgs", "powell"], gtol=1e-8)
        except (ValueError, np.linalg.LinAlgError) as error:
            msg = (
                f"{len(set(codes.tolist()))} people with {scores.size} scores do not carry this model ({error}); take "
            )
            msg += "random='intercept', leave out terms that can be computed from others, or add people"
            raise InputError(msg) from error


def _result(names: list[str], fit: Any, columns: Columns, random: str) -> FitResult:
    people, rows = len(fit.model.group_labels), fit.model.endog.size
    marked = "marker" in names
    dof = float(max(people - 1 - marked if random == "slope" else rows - people - 1 - marked, 1))
    count = len(names)
    values, covariance = np.asarray(fit.fe_params), np.asarray(fit.cov_params())[:count, :count]
    errors = np.sqrt(np.diag(covariance))
    # terms of the person, level and covariates, are judged against people
    level_dof = float(max(people - count + 1 + marked, 1))
    estimates = {
        name: Estimate(name, float(values[i]), float(errors[i]), _unit(name, marked=marked), dof=level_dof)
        for i, name in enumerate(names)
    }
    estimates[SLOPE] = slope = replace(estimates[SLOPE], dof=dof)
    parts = _variances(fit, random)
    estimates.update({name: Estimate(name, value, math.nan, "points^2") for name, value in parts.items()})
    return FitResult(
        model=MODEL, name="score over visits", estimates=estimates, flags=_notes(fit, parts, marked=marked),
        data=np.asarray(fit.model.endog), fitted=np.asarray(fit.fittedvalues), covariance=covariance,
        covariance_names=tuple(names),
        diagnostics={
            "n": float(people), "rows": float(rows), "dof": dof,
            "p_value": t_test_p(slope.value, slope.stderr, dof), "log_likelihood": float(fit.llf),
        },
        settings={"random": random, "terms": list(columns.names)},
    )  # fmt: skip


def _variances(fit: Any, random: str) -> dict[str, float]:
    spread = np.asarray(fit.cov_re)
    parts = {"residual_variance": float(fit.scale), "intercept_variance": float(spread[0, 0])}
    if random == "slope":
        parts |= {"slope_variance": float(spread[1, 1]), "intercept_slope_covariance": float(spread[0, 1])}
    return parts


def _notes(fit: Any, parts: dict[str, float], *, marked: bool) -> tuple[Flag, ...]:
    flags = [uncorrected()] if marked else []
    if not fit.converged:
        flags.append(Flag("not_converged", "the search of the variances did not end well; try random='intercept'"))
    least = 1e-6 * parts["residual_variance"]
    if min(parts["intercept_variance"], parts.get("slope_variance", math.inf)) < least:
        message = "a variance between people is zero: they do not differ in it beyond noise"
        flags.append(Flag("variance_at_zero", message, "info"))
    return tuple(flags)


def _unit(name: str, *, marked: bool) -> str:
    if name == SLOPE:
        return "points per week per marker" if marked else "points per week"
    return {"intercept": "points", "time": "points per week", "marker": "points per marker"}.get(
        name, f"points per {name}"
    )
