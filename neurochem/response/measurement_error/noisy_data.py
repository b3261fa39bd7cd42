"""From the rows of a regression to the standardised arrays that the structural likelihoods take, and back."""

from dataclasses import dataclass, replace

import numpy as np

from neurochem.quality import Flag
from neurochem.response.model_data import SLOPE, ModelData
from neurochem.units import FloatArray

# Error variance that everything has at least, in squared SD of its column: keeps a perfect value from a zero variance.
_LEAST = 1e-10
# An infinite standard error is taken as this many SD of the marker: the value then says nothing.
_MOST = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One regression with noisy markers, standardised; the marker asked about stands last among the markers.

    Attributes
    ----------
    data : ModelData
        The rows.
    outcome : array, shape (n,)
        Outcome as given.
    markers : array, shape (n, q)
        Noisy columns less their regression on the error-free terms, divided by `scale`.
    noise : array, shape (n, q, q)
        Covariance of their errors, in the same units.
    scale : array, shape (q,)
        SD of each noisy column given the terms.
    shift : array, shape (p, q)
        Coefficients of the noisy columns on the error-free terms as given.
    terms : array, shape (n, p)
        Orthonormal error-free columns times sqrt(n); `turn` brings their coefficients back to the columns as given.
    turn : array, shape (p, p)
        Coefficients on the columns as given = turn @ coefficients on `terms`.
    noisy, plain : tuple of int
        Where the noisy markers and the error-free terms stand among `data.names`.
    """

    data: ModelData
    outcome: FloatArray
    markers: FloatArray
    noise: FloatArray
    scale: FloatArray
    shift: FloatArray
    terms: FloatArray
    turn: FloatArray
    noisy: tuple[int, ...]
    plain: tuple[int, ...]

    @property
    def people(self) -> int:
        """Number of people."""
        return len(self.outcome)

    @property
    def dof(self) -> int:
        """People less every coefficient."""
        return self.people - len(self.noisy) - len(self.plain)


def problem(data: ModelData) -> Problem:
    """Return the standardised problem of complete rows whose errors are known."""
    noisy = (*(index + 2 for index in data.error_covariates), 0)
    plain = tuple(index for index in range(1, len(data.names)) if index not in noisy)
    design = data.design
    basis, triangle = np.linalg.qr(design[:, plain])
    people = len(design)
    columns = design[:, noisy]
    shift = np.asarray(np.linalg.lstsq(design[:, plain], columns, rcond=None)[0], dtype=float)
    residual = columns - basis @ (basis.T @ columns)
    scale = np.asarray(np.sqrt(np.mean(residual**2, axis=0)), dtype=float)
    order = (*range(1, len(noisy)), 0)
    noise = data.noise[:, order][:, :, order] / np.outer(scale, scale)
    turn = np.asarray(np.linalg.inv(triangle) * np.sqrt(people), dtype=float)
    turned = np.asarray(basis * np.sqrt(people), dtype=float)
    return Problem(
        data, data.outcome, residual / scale, noise + _LEAST * np.eye(len(noisy)), scale, shift,
        turned, turn, noisy, plain,
    )  # fmt: skip


def known_errors(data: ModelData) -> tuple[ModelData, tuple[Flag, ...]]:
    """Return the rows with every error known, and a flag where some had to be assumed.

    A marker value without a standard error takes the root mean square of the others; an infinite one says nothing.
    """
    noise = data.noise.copy()
    if np.isnan(data.stderr).all():
        noise[:, 0, :] = noise[:, :, 0] = 0.0
    spread = np.concatenate([[np.var(data.marker)], np.var(data.covariates.matrix[:, data.error_covariates], axis=0)])
    size = _MOST**2 * np.sqrt(np.outer(spread, spread))
    missing = np.isnan(noise).any(axis=(1, 2))
    noise = np.clip(noise, -size, size)
    if missing.any():
        noise[missing] = noise[~missing].mean(axis=0)
    filled = replace(
        data, stderr=np.sqrt(noise[:, 0, 0]), error_covariance=None if data.error_covariance is None else noise
    )
    if not missing.any():
        return filled, ()
    message = f"the standard error of {int(missing.sum())} of {missing.size} values is not known: "
    message += "the mean variance of the others was taken"
    return filled, (Flag("stderr_assumed", message, parameter=SLOPE),)


def any_error_known(data: ModelData) -> bool:
    """Say whether at least one value has a known standard error above zero."""
    noise = np.einsum("nii->ni", data.noise)
    return bool((np.isfinite(noise) & (noise > 0.0)).any())
