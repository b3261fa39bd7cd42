"""Regression of an outcome on one marker with covariates: arrays in, a FitResult with the marker's "slope" out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.errors import InputError, unknown_name
from neurochem.response.covariates import encode_covariates
from neurochem.response.linear import fit_linear
from neurochem.response.logistic import fit_logistic
from neurochem.response.model_data import Labels, ModelData
from neurochem.results import FitResult

FAMILIES = ("gaussian", "binomial")
ROBUST = ("HC3", "classical")
# Models of the marker's measurement error that exist.
ERROR_MODELS = ("none",)
CovariateInput = pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike | None


@dataclass(frozen=True, slots=True)
class Inference:
    """How slopes and their errors are found; checked once."""

    family: str = "gaussian"
    error: str = "none"
    robust: str = "HC3"

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise unknown_name(self.family, FAMILIES, kind="family")
        if self.robust not in ROBUST:
            raise unknown_name(self.robust, ROBUST, kind="robust standard error")
        if self.error not in ERROR_MODELS:
            msg = (
                f"error is '{self.error}'; available: {', '.join(ERROR_MODELS)} (the marker's standard errors are kept "
            )
            msg += "with the result, but do not correct the slope). Set error='none'"
            raise InputError(msg)


def regress(
    outcome: ArrayLike,
    marker: ArrayLike,
    *,
    stderr: ArrayLike | None = None,
    covariates: CovariateInput = None,
    family: str = "gaussian",
    error: str = "none",
    robust: str = "HC3",
) -> FitResult:
    """Regress an outcome on a marker and covariates.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Numbers; 0 and 1 for the binomial family.
    marker : array_like, shape (n,)
        Marker values, nothing missing.
    stderr : array_like, shape (n,), optional
        Standard error of each marker value, in its unit; NaN where unknown. It gives the reliability.
    covariates : DataFrame, mapping or array of shape (n, k), optional
        What to adjust for; columns of text become dummies against their first level. The intercept is added.
    family : str
        "gaussian" (least squares) or "binomial" (logistic).
    error : str
        Model of the marker's measurement error; "none" leaves the slope attenuated.
    robust : str
        "HC3" (standard errors that allow unequal variance) or "classical"; gaussian only.

    Returns
    -------
    FitResult
        "slope" (outcome per unit of the marker), "intercept", each covariate, "standardised_slope"; "partial_r" for the
        gaussian and "odds_ratio" for the binomial family. Where the data cannot identify them: `success` False, NaN
        and a flag. `diagnostics` holds p_value, n, dof, reliability and more.

    Raises
    ------
    InputError
        If shapes differ, a value is missing or a standard error is negative.
    UnknownNameError
        If family or robust is not known.

    Notes
    -----
    HC3: Var(b) = (X'X)^-1 [sum x_i x_i' e_i^2 / (1 - h_i)^2] (X'X)^-1, with t of n - p degrees of freedom, p counting
    every coefficient. The partial correlation is t / sqrt(t^2 + n - p) of the classical t.

    References
    ----------
    MacKinnon, White (1985), J Econometrics 29:305 (HC3).

    Examples
    --------
    >>> fit = regress([16, 16, 13, 20, 9, 13], [1.40, 1.50, 1.43, 1.23, 1.51, 1.51])
    >>> print(f"{fit['slope'].value:.3f}, n = {fit.diagnostics['n']:.0f}")
    -27.304, n = 6
    """
    inference = Inference(family, error, robust)
    y, x = _vector(outcome, "outcome"), _vector(marker, "marker")
    noise = np.full(x.shape, np.nan) if stderr is None else np.asarray(stderr, dtype=float)
    table = _covariate_table(covariates, x.size)
    for name, size in (("marker", x.size), ("stderr", noise.size), ("covariates", len(table))):
        if size != y.size:
            msg = f"{name} has {size} rows, but outcome has {y.size}; give one row per person in each"
            raise InputError(msg)
    if (noise < 0).any():
        index = int(np.flatnonzero(noise < 0)[0])
        msg = f"stderr[{index}] is {noise[index]:g}; a standard error is not negative, write NaN if it is unknown"
        raise InputError(msg)
    data = ModelData(y, x, noise, encode_covariates(table, {}), tuple(str(i) for i in range(y.size)))
    labels = Labels("outcome on marker", "outcome", "", "marker", "")
    return fit_model(data, labels, inference)


def fit_model(
    data: ModelData, labels: Labels, inference: Inference, settings: Mapping[str, Any] | None = None
) -> FitResult:
    """Fit complete rows; `associate` and `regress` both end here.

    Raises
    ------
    InputError
        If a binomial outcome holds other numbers than 0 and 1.
    """
    record = {"error": inference.error, **(settings or {})}
    if inference.family == "gaussian":
        return fit_linear(data, labels, robust=inference.robust, settings=record)
    if not np.isin(data.outcome, (0.0, 1.0)).all():
        odd = next(value for value in data.outcome if value not in {0.0, 1.0})
        msg = f"outcome holds {odd:g}; the binomial family takes 0 and 1 (use family='gaussian' for scores)"
        raise InputError(msg)
    return fit_logistic(data, labels, settings=record)


def _vector(values: ArrayLike, name: str) -> np.ndarray:
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1:
        msg = f"{name} has shape {vector.shape}; give one number per person, shape (n,)"
        raise InputError(msg)
    if not np.isfinite(vector).all():
        index = int(np.flatnonzero(~np.isfinite(vector))[0])
        msg = f"{name}[{index}] is {vector[index]:g}; leave out people with a missing value first"
        raise InputError(msg)
    return vector


def _covariate_table(covariates: CovariateInput, size: int) -> pd.DataFrame:
    if covariates is None:
        return pd.DataFrame(index=range(size))
    if isinstance(covariates, pd.DataFrame):
        table = covariates.reset_index(drop=True)
    elif isinstance(covariates, Mapping):
        table = pd.DataFrame({str(name): np.asarray(column) for name, column in covariates.items()})
    else:
        matrix = np.asarray(covariates, dtype=float)
        matrix = matrix[:, None] if matrix.ndim == 1 else matrix
        table = pd.DataFrame(matrix, columns=[f"covariate{i + 1}" for i in range(matrix.shape[1])])
    for name in table.columns:
        if table[name].isna().any():
            index = int(np.flatnonzero(table[name].isna())[0])
            msg = f"covariate '{name}' is missing in row {index}; leave out people with a missing value first"
            raise InputError(msg)
    return table
