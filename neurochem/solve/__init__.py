"""Least squares for a few non-linear parameters and many linear amplitudes.

A tissue curve and a spectrum are the same problem: models give columns and derivatives, this room fits them.
"""

from neurochem.solve.bounded import Minimum, minimize_least_squares
from neurochem.solve.covariance import (
    delta_method,
    information_covariance,
    propagated_covariance,
    scaled_covariance,
)
from neurochem.solve.nonnegative import nonnegative_least_squares
from neurochem.solve.separable import SeparableFit, SeparableModel, fit_separable

__all__ = [
    "Minimum",
    "SeparableFit",
    "SeparableModel",
    "delta_method",
    "fit_separable",
    "information_covariance",
    "minimize_least_squares",
    "nonnegative_least_squares",
    "propagated_covariance",
    "scaled_covariance",
]
