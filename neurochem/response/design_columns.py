"""What ordinal, survival and mixed models are given: a marker, covariates, and their columns scaled for the search."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, is_numeric_array
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.covariates import encode_covariates
from neurochem.response.model_data import SLOPE
from neurochem.results import Estimate
from neurochem.units import FloatArray

# Beyond this the squares of numbers, and products of these, are no longer numbers.
_LARGEST = 1e75


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns of a design without intercept, the marker first where there is one.

    Attributes
    ----------
    matrix : array, shape (n, p)
        Columns less their means, divided by their SD.
    names : tuple of str
        "slope" for the marker, then the covariates.
    means, scale : array, shape (p,)
        What was taken off and divided by: coefficients in given units are those of `matrix` over `scale`.
    """

    matrix: FloatArray
    names: tuple[str, ...]
    means: FloatArray
    scale: FloatArray


def columns_of(marker: ArrayLike | None, covariates: pd.DataFrame | dict[str, ArrayLike] | None, size: int) -> Columns:
    """Return the standardised columns of a design.

    Raises
    ------
    InputError
        If a column has another length, a missing value, or one value only.
    """
    parts: list[FloatArray] = []
    names: list[str] = []
    if marker is not None:
        parts.append(np.asarray(marker, dtype=float))
        names.append(SLOPE)
    table = pd.DataFrame(index=range(size)) if covariates is None else pd.DataFrame(covariates).reset_index(drop=True)
    if len(table) != size or any(part.shape != (size,) for part in parts):
        found = [part.size for part in parts] + [len(table)]
        msg = f"marker and covariates have {found} rows, but outcome has {size}; give one row each"
        raise InputError(msg)
    encoded = encode_covariates(table, {})
    matrix = np.column_stack([*parts, encoded.matrix]) if parts else encoded.matrix
    names += encoded.names
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        msg = f"{names[column]}[{row}] is {matrix[row, column]:g}; leave out rows with a missing value first"
        raise InputError(msg)
    _check_size(matrix, "the design")
    means, scale = matrix.mean(axis=0), matrix.std(axis=0)
    if (scale == 0.0).any():
        name = names[int(np.argmin(scale))]
        msg = f"{'the marker' if name == SLOPE else name} is the same in all {size} rows: there is nothing to relate"
        raise InputError(msg)
    return Columns((matrix - means) / scale, tuple(names), means, scale)


def as_vector(values: ArrayLike, name: str, size: int | None = None) -> FloatArray:
    """Return finite numbers of shape (n,).

    Raises
    ------
    InputError
        If a number is missing or too large to be squared, or the length is another.
    """
    if not is_numeric_array(values):
        raise argument_error(values, name, "an array of numbers")
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1 or (size is not None and vector.size != size):
        msg = f"{name} has shape {vector.shape}; give {'one number a row' if size is None else f'{size} numbers'}"
        raise InputError(msg)
    if not np.isfinite(vector).all():
        index = int(np.flatnonzero(~np.isfinite(vector))[0])
        msg = f"{name}[{index}] is {vector[index]:g}; leave out rows with a missing value first"
        raise InputError(msg)
    _check_size(vector, name)
    return vector


def _check_size(vector: FloatArray, name: str) -> None:
    """Refuse numbers whose squares leave the range of floating point; no unit of the field needs them."""
    largest = float(np.abs(vector).max(initial=0.0))
    if largest > _LARGEST or 0.0 < largest < 1.0 / _LARGEST:
        msg = f"{name} holds {largest:g}; it must lie between {1.0 / _LARGEST:g} and {_LARGEST:g}: choose another unit"
        raise InputError(msg)


def log_estimates(columns: Columns, values: FloatArray, errors: FloatArray, unit: str) -> dict[str, Estimate]:
    """Return coefficients in the units of the columns, and the slope per SD of the marker."""
    found = {
        name: Estimate(
            name, float(values[i] / columns.scale[i]), float(errors[i] / columns.scale[i]), f"{unit} per {_of(name)}"
        )
        for i, name in enumerate(columns.names)
    }
    if SLOPE in found:
        spread = columns.scale[0] * np.sqrt(len(columns.matrix) / (len(columns.matrix) - 1.0))
        slope = found[SLOPE]
        found["standardised_slope"] = Estimate(
            "standardised_slope", slope.value * spread, slope.stderr * spread, f"{unit} per SD"
        )
    return found


def _of(name: str) -> str:
    return "marker" if name == SLOPE else name


def uncorrected() -> Flag:
    """Return the note that measurement error of the marker stays in the slope."""
    message = "noise of the scans is not corrected in this model: the slope is attenuated; regress the score for a corrected one"
    return Flag("uncorrected_error", message, "info", SLOPE)
