"""Regression of an outcome on one marker with covariates: arrays in, a FitResult with the marker's "slope" out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.response.covariates import encode_covariates
from neurochem.response.design_columns import as_vector
from neurochem.response.firth import fit_firth
from neurochem.response.linear import fit_linear
from neurochem.response.logistic import fit_logistic
from neurochem.response.measurement_error.noisy_data import any_error_known
from neurochem.response.measurement_error.regression_calibration import fit_calibrated
from neurochem.response.measurement_error.simex import fit_simex
from neurochem.response.measurement_error.structural_fit import fit_structural
from neurochem.response.model_data import SLOPE, Labels, ModelData
from neurochem.results import FitResult
from neurochem.units import FloatArray

FAMILIES = ("gaussian", "binomial")
ROBUST = ("HC3", "classical", "cluster")
# Models of the marker's measurement error: maximum likelihood, restricted likelihood, regression calibration, simulation
# extrapolation, and none, which leaves the slope attenuated.
ERROR_MODELS = ("ml", "reml", "rc", "simex", "none")
PENALTIES = ("none", "firth", "auto")
_LARGEST = 1e75
CovariateInput = pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike | None


@dataclass(frozen=True, slots=True)
class Inference:
    """How slopes and their errors are found; checked once."""

    family: str = "gaussian"
    error: str = "ml"
    robust: str = "HC3"
    penalty: str = "none"

    def __post_init__(self) -> None:
        for value, known, kind in (
            (self.family, FAMILIES, "family"), (self.robust, ROBUST, "robust standard error"),
            (self.error, ERROR_MODELS, "error"), (self.penalty, PENALTIES, "penalty"),
        ):  # fmt: skip
            if value not in known:
                raise unknown_name(value, known, kind=kind)
        if self.error == "reml" and self.family == "binomial":
            msg = "error is 'reml' with the binomial family, which has no restricted likelihood; use error='ml'"
            raise InputError(msg)


@checked_arguments(names=("clusters", "covariates"))
def regress(  # noqa: PLR0913 - each keyword is one choice of the analysis and belongs in its record
    outcome: ArrayLike,
    marker: ArrayLike,
    *,
    stderr: ArrayLike | None = None,
    covariates: CovariateInput = None,
    family: str = "gaussian",
    error: str = "ml",
    robust: str = "HC3",
    test_retest_sd: float = 0.0,
    covariate_stderr: Mapping[str, ArrayLike] | None = None,
    error_covariance: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    penalty: str = "none",
) -> FitResult:
    """Regress an outcome on a marker and covariates, each scan's own error carried into the slope.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Numbers; 0 and 1 for the binomial family.
    marker : array_like, shape (n,)
        Marker values, nothing missing.
    stderr : array_like, shape (n,), optional
        Standard error of each marker value, in its unit; NaN where unknown (the others' mean variance is then taken).
        Without it nothing can be corrected: the regression is the ordinary one, and the note "nothing_corrected" says so.
    covariates : DataFrame, mapping or array of shape (n, k), optional
        What to adjust for; columns of text become dummies against their first level. The intercept is added.
    family : str
        "gaussian" (linear) or "binomial" (logistic).
    error : str
        "ml": maximum likelihood of outcome and marker together. "reml": restricted likelihood, less biased in small
        samples (gaussian). "rc": regression calibration. "simex": simulation extrapolation, quadratic, for comparison.
        "none": the slope stays attenuated.
    robust : str
        Standard errors of least squares (also of the second stage of "rc"): "HC3" allows unequal variance, "classical",
        or "cluster". The likelihoods have their own.
    test_retest_sd : float
        SD of one person's true value from day to day, in the marker's unit; its square is added to every stderr^2.
    covariate_stderr : mapping of str to array_like, optional
        Standard errors of covariates that are noisy too: another marker, an error-prone confounder.
    error_covariance : array_like, shape (n, 1 + e, 1 + e), optional
        Covariance of the errors of the marker and of the covariates in `covariate_stderr`, in that order, where they
        are shared (two regions of one scan); it replaces the standard errors.
    clusters : array_like, shape (n,), optional
        Cluster of each person, for robust="cluster".
    penalty : str
        Logistic regression without correction: "none", "firth", or "auto" (Firth's where events are few or separate).

    Returns
    -------
    FitResult
        "slope" (outcome per unit of the true marker), "intercept", each covariate, "standardised_slope"; "partial_r" for
        the gaussian and "odds_ratio" for the binomial family. A slope that the data cannot identify has an infinite
        interval and the flag "unidentified_slope"; what cannot be fitted at all has `success` False, NaN and a flag.
        `diagnostics` holds p_value, n, dof, reliability, the naive slope and more; `influence(fit)` who moves the slope.

    Raises
    ------
    InputError
        If shapes differ, a value is missing or a standard error is negative.
    UnknownNameError
        If family, error, robust or penalty is not known.

    Notes
    -----
    Likelihood: W = X + U, U ~ N(0, s_i^2); X | Z ~ N(a'Z, tau^2); outcome on X and Z. The interval is that of the profile
    likelihood with a fall of n log(1 + F / dof), F the quantile of F(1, dof), dof = n - p: exact without error, and
    simulated to cover 93 to 97 % with it (plain chi-square covers 91 % in 24 people). Change as
    marker, simulated: 93.8 to 95.5 % at 24 to 300 people, type-I 4.9 to 6.0 %. Logistic: 93.5 to 95.1 % at 24 to 100, and
    the estimate is too large, by 30 % in 24 people and by 8 % from about 20 people in the smaller class on.
    HC3: Var(b) = (X'X)^-1 [sum x_i x_i' e_i^2 / (1 - h_i)^2] (X'X)^-1, with t of n - p degrees of freedom, p counting
    every coefficient. The partial correlation is t / sqrt(t^2 + n - p) of the classical t.
    Correction removes bias and widens the interval; it creates no power. It is right for classical errors only: independent
    of the true value, the outcome and each other person's.

    References
    ----------
    Carroll, Ruppert, Stefanski, Crainiceanu (2006), Measurement Error in Nonlinear Models, chapter 8. MacKinnon, White
    (1985), J Econometrics 29:305 (HC3).

    Examples
    --------
    >>> fit = regress([16, 16, 13, 20, 9, 13], [1.40, 1.50, 1.43, 1.23, 1.51, 1.51])
    >>> print(f"{fit['slope'].value:.3f}, n = {fit.diagnostics['n']:.0f}")
    -27.304, n = 6
    """
    inference = Inference(family, error, robust, penalty)
    y, x = as_vector(outcome, "outcome"), as_vector(marker, "marker")
    noise = np.full(x.shape, np.nan) if stderr is None else np.asarray(stderr, dtype=float)
    table = _covariate_table(covariates, x.size)
    groups = _cluster_names(clusters)
    sizes = [("marker", x.size), ("stderr", noise.size), ("covariates", len(table))]
    for name, size in [*sizes, *([("clusters", len(groups))] if groups else [])]:
        if size != y.size:
            msg = f"{name} has {size} rows, but outcome has {y.size}; give one row per person in each"
            raise InputError(msg)
    check_stderr(noise, "stderr")
    names = tuple(str(i) for i in range(y.size))
    data = ModelData(y, x, noise, encode_covariates(table, {}), names, clusters=groups)
    data = with_noisy_covariates(data, covariate_stderr or {}, error_covariance)
    data = with_test_retest(data, test_retest_sd)
    labels = Labels("outcome on marker", "outcome", "", "marker", "")
    return fit_model(data, labels, inference, {"test_retest_sd": test_retest_sd} if test_retest_sd else None)


def fit_model(
    data: ModelData, labels: Labels, inference: Inference, settings: Mapping[str, Any] | None = None
) -> FitResult:
    """Fit complete rows; `associate` and `regress` both end here.

    Raises
    ------
    InputError
        If a binomial outcome holds other numbers than 0 and 1, or cluster errors are asked for without clusters.
    """
    if inference.robust == "cluster" and len(set(data.clusters)) < 2:
        msg = f"robust is 'cluster' and there are {len(set(data.clusters))} clusters; give at least two with clusters="
        raise InputError(msg)
    error = inference.error if any_error_known(data) else "none"
    if inference.error != "none" and np.isinf(data.stderr).any() and not np.isfinite(data.stderr).any():
        msg = (
            "every standard error that is known is infinite: no scan says anything of its marker; give finite ones, or "
        )
        msg += "error='none' for a slope that is not corrected"
        raise InputError(msg)
    record = {
        "error": error,
        "error_asked_for": inference.error,
        "outcome_family": inference.family,
        **(settings or {}),
    }
    if inference.family == "binomial" and not np.isin(data.outcome, (0.0, 1.0)).all():
        odd = next(value for value in data.outcome if value not in {0.0, 1.0})
        msg = f"outcome holds {odd:g}; the binomial family takes 0 and 1 (use family='gaussian' for scores)"
        raise InputError(msg)
    return _with_note(_fitted(data, labels, inference, error, record), data, inference)


def _fitted(data: ModelData, labels: Labels, inference: Inference, error: str, record: Mapping[str, Any]) -> FitResult:
    """Return the fit of one model of the error, of rows that were checked."""
    if error == "rc":
        return fit_calibrated(data, labels, family=inference.family, robust=inference.robust, settings=record)
    if error == "simex":
        return fit_simex(data, labels, family=inference.family, settings=record)
    naive = _uncorrected(data, labels, inference, record)
    if error == "none":
        return naive
    return fit_structural(data, labels, naive, restricted=error == "reml", settings=record)


def _with_note(fit: FitResult, data: ModelData, inference: Inference) -> FitResult:
    """Return the fit with a note where a correction was asked for and no standard error of the marker is known."""
    if inference.error == "none" or fit.failed or not np.isnan(data.stderr).all():
        return fit
    message = (
        f"error is '{inference.error}', but no standard error of the marker is known: its slope is not corrected, and "
    )
    message += "noise of the scans would shrink it; give stderr or test_retest_sd"
    return replace(fit, flags=(*fit.flags, Flag("nothing_corrected", message, "info", SLOPE)))


def _uncorrected(data: ModelData, labels: Labels, inference: Inference, record: Mapping[str, Any]) -> FitResult:
    if inference.family == "gaussian":
        return fit_linear(data, labels, robust=inference.robust, settings=record)
    if inference.penalty == "firth":
        return fit_firth(data, labels, settings=record)
    fit = fit_logistic(data, labels, settings=record)
    weak = {flag.name for flag in fit.flags} & {"few_events", "near_separation", "separation"}
    return fit_firth(data, labels, settings=record) if weak and inference.penalty == "auto" else fit


def _cluster_names(clusters: ArrayLike | None) -> tuple[str, ...]:
    names = () if clusters is None else tuple(np.asarray(clusters).ravel())
    for index, name in enumerate(names):
        if pd.isna(name):
            msg = f"clusters[{index}] is missing; people without a cluster cannot share one, leave them out or name theirs"
            raise InputError(msg)
    return tuple(str(name) for name in names)


def check_stderr(values: FloatArray, name: str) -> None:
    """Refuse a standard error that is negative, or finite and too large to be squared."""
    if (np.isfinite(values) & (values > _LARGEST)).any():
        index = int(np.flatnonzero(np.isfinite(values) & (values > _LARGEST))[0])
        msg = (
            f"{name}[{index}] is {values[index]:g}; write inf for a scan that says nothing, NaN if its error is unknown"
        )
        raise InputError(msg)
    if (values < 0).any():
        index = int(np.flatnonzero(values < 0)[0])
        msg = f"{name}[{index}] is {values[index]:g}; a standard error is not negative, write NaN if it is unknown"
        raise InputError(msg)


def with_noisy_covariates(
    data: ModelData, stderr: Mapping[str, ArrayLike], error_covariance: ArrayLike | None
) -> ModelData:
    """Return the rows with the errors of noisy covariates, independent ones unless their covariance is given.

    Raises
    ------
    UnknownNameError
        If a name is not a numeric covariate of the model.
    InputError
        If a shape does not fit, or a covariance matrix is none.
    """
    for name in stderr:
        if name not in data.covariates.names:
            raise unknown_name(name, data.covariates.names, kind="covariate with a standard error")
    columns = tuple(data.covariates.names.index(name) for name in stderr)
    size, people = 1 + len(columns), data.outcome.size
    if error_covariance is not None:
        noise = np.asarray(error_covariance, dtype=float)
        if noise.shape != (people, size, size):
            msg = f"error_covariance has shape {noise.shape}; give {(people, size, size)}: the marker first, then {list(stderr)}"
            raise InputError(msg)
        least = np.linalg.eigvalsh(np.nan_to_num(noise)).min(axis=1)
        if (least < -1e-9 * np.abs(np.nan_to_num(noise)).max()).any() or not np.allclose(
            noise, noise.swapaxes(1, 2), equal_nan=True
        ):
            msg = f"error_covariance[{int(np.argmin(least))}] is not a covariance matrix: it must be symmetric with no "
            msg += "negative eigenvalue"
            raise InputError(msg)
        return replace(data, stderr=np.sqrt(noise[:, 0, 0]), error_covariates=columns, error_covariance=noise)
    if not columns:
        return data
    noise = np.zeros((people, size, size))
    noise[:, 0, 0] = np.nan_to_num(data.stderr**2) if np.isnan(data.stderr).all() else data.stderr**2
    for index, (name, values) in enumerate(stderr.items()):
        errors = _error_of_each(values, name, people)
        check_stderr(errors, f"covariate_stderr['{name}']")
        noise[:, index + 1, index + 1] = errors**2
    return replace(data, error_covariates=columns, error_covariance=noise)


def _error_of_each(values: ArrayLike, name: str, people: int) -> FloatArray:
    """Return the standard errors of a noisy covariate, one a person; one number is that of everybody."""
    errors = np.asarray(values, dtype=float)
    if errors.ndim > 1 or (errors.ndim == 1 and errors.size != people):
        msg = f"covariate_stderr['{name}'] has shape {errors.shape}; give {people} standard errors, or one for all"
        raise InputError(msg)
    if not np.isfinite(errors).any():
        msg = f"covariate_stderr['{name}'] has no finite standard error; leave it out to take the covariate as exact"
        raise InputError(msg)
    return np.broadcast_to(errors, (people,))


def with_test_retest(data: ModelData, sd: float) -> ModelData:
    """Return the rows with the marker's day-to-day variance added to its error.

    Raises
    ------
    InputError
        If the SD is negative or not a number.
    """
    if not sd >= 0.0:
        msg = f"test_retest_sd is {sd}; it is the SD of one person's true value between days, zero or more"
        raise InputError(msg)
    if sd == 0.0:
        return data
    noise = data.noise.copy()
    noise[:, 0, 0] = np.nan_to_num(noise[:, 0, 0]) + sd**2 if np.isnan(data.stderr).all() else noise[:, 0, 0] + sd**2
    covariance = None if data.error_covariance is None else noise
    return replace(data, stderr=np.sqrt(noise[:, 0, 0]), error_covariance=covariance)


def _covariate_table(covariates: CovariateInput, size: int) -> pd.DataFrame:
    if covariates is None:
        return pd.DataFrame(index=range(size))
    if isinstance(covariates, pd.DataFrame):
        table = covariates.reset_index(drop=True)
    elif isinstance(covariates, Mapping):
        columns = {str(name): np.asarray(column) for name, column in covariates.items()}
        for name, column in columns.items():
            if column.shape != (size,):
                msg = f"covariate '{name}' has shape {column.shape}; give one value a person, {size} of them"
                raise InputError(msg)
        table = pd.DataFrame(columns, index=range(size))
    else:
        matrix = np.asarray(covariates, dtype=float)
        matrix = matrix[:, None] if matrix.ndim == 1 else matrix
        table = pd.DataFrame(matrix, columns=[f"covariate{i + 1}" for i in range(matrix.shape[1])])
    for name in table.columns:
        if table[name].isna().any():
            index = int(np.flatnonzero(table[name].isna())[0])
            msg = f"covariate '{name}' is missing in row {index}; leave out people with a missing value first"
            raise InputError(msg)
        if pd.api.types.is_numeric_dtype(table[name]):
            as_vector(table[name].to_numpy(dtype=float), f"covariate '{name}'")
    return table
