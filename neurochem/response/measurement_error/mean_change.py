"""Mean of a marker, or of its change, over people whose values have errors of different size."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.response.design_columns import as_vector
from neurochem.response.normal_effects import NormalEffects
from neurochem.results import Estimate, FitResult


@checked_arguments
def mean_with_errors(values: ArrayLike, stderr: ArrayLike, *, unit: str = "") -> FitResult:
    """Return the mean over people by a random-effects model.

    Parameters
    ----------
    values, stderr : array_like, shape (n,)
        Value (or change) of each person and its standard error, in one unit.
    unit : str
        Unit of both.

    Returns
    -------
    FitResult
        "mean" (Hartung-Knapp standard error and interval, t of n - 1), "tau2" (variance between people, REML),
        "fixed_mean" (as if people did not differ: over-confident whenever they do). `fitted` holds the shrunken values
        of the people, for display and ranking only: they must not enter a second regression. `diagnostics`: Q, I2 (%),
        stderr_mean (without Hartung-Knapp), tau2_moments and mean_moments (DerSimonian-Laird).

    Raises
    ------
    InputError
        If there are fewer than three people or a standard error is not above zero.

    Notes
    -----
    D_i ~ N(m_i, s_i^2), m_i ~ N(mu, tau^2); weights 1 / (tau^2 + s_i^2).

    References
    ----------
    Hartung, Knapp (2001), Stat Med 20:3875. DerSimonian, Laird (1986), Control Clin Trials 7:177.
    """
    found = as_vector(values, "values")
    errors = as_vector(stderr, "stderr", found.size)
    if found.size < 3 or (errors <= 0.0).any():
        msg = f"there are {found.size} people and the smallest stderr is {errors.min():g}; give at least three, each above zero"
        raise InputError(msg)
    variance = errors**2
    fixed = 1.0 / variance
    centre = float(fixed @ found / fixed.sum())
    q = float(fixed @ (found - centre) ** 2)
    moments = max(0.0, (q - found.size + 1) / float(fixed.sum() - (fixed @ fixed) / fixed.sum()))
    tau2 = NormalEffects.independent(found, variance).restricted_tau2()
    weight = 1.0 / (tau2 + variance)
    mean = float(weight @ found / weight.sum())
    plain = 1.0 / math.sqrt(float(weight.sum()))
    adjusted = math.sqrt(float(weight @ (found - mean) ** 2) / ((found.size - 1) * float(weight.sum())))
    by_moments = 1.0 / (moments + variance)
    share = tau2 / (tau2 + variance)
    return FitResult(
        model="random effects", name="mean over people",
        estimates={
            "mean": Estimate("mean", mean, adjusted, unit, dof=found.size - 1),
            "tau2": Estimate("tau2", tau2, math.nan, f"{unit}^2" if unit else "", at_bound=tau2 == 0.0),
            "fixed_mean": Estimate("fixed_mean", centre, 1.0 / math.sqrt(float(fixed.sum())), unit),
        },
        data=found, fitted=mean + share * (found - mean), weights=weight, used=np.ones(found.size, dtype=bool),
        diagnostics={
            "n": float(found.size), "Q": q, "I2": 100.0 * max(0.0, (q - found.size + 1) / q) if q else 0.0,
            "stderr_mean": plain, "tau2_moments": moments,
            "mean_moments": float(by_moments @ found / by_moments.sum()),
            "stderr_moments": 1.0 / math.sqrt(float(by_moments.sum())),
            "p_value": float(2.0 * special.stdtr(found.size - 1, -abs(mean / adjusted))) if adjusted else math.nan,
        },
    )  # fmt: skip
