"""Weights for combining receive coils."""

import numpy as np

from neurochem.errors import InputError
from neurochem.units import ComplexArray

# Samples of noise a coil without which its covariance is not worth knowing (FSL-MRS refuses below 10).
_SAMPLES_A_COIL = 10


def coil_weights(signal: ComplexArray, *, noise: ComplexArray) -> ComplexArray:
    """Return the weights that give the best signal-to-noise ratio.

    Parameters
    ----------
    signal : complex array, shape (..., n_coils, n_points)
        A scan with strong signal, the water reference by preference.
    noise : complex array, shape (..., n_coils, n_points)
        The scan whose last fifth holds noise.

    Returns
    -------
    complex array, shape (n_coils,)
        Weights w = Psi^-1 conj(S) / (S' Psi^-1 S), S the coils' complex sensitivities relative to the strongest and Psi
        the noise covariance: unit gain for a signal with those sensitivities, the same for every scan.

    Raises
    ------
    InputError
        If there are too few noise samples for a covariance.

    Notes
    -----
    S is the first left singular vector of the whitened signal (WSVD), which for one voxel is the matched filter.

    References
    ----------
    Rodgers CT, Robson MD (2010), Magn Reson Med 63:881.
    """
    coils = signal.shape[-2]
    tail = np.moveaxis(noise[..., -(noise.shape[-1] // 5) :], -2, 0).reshape(coils, -1)
    tail = tail - tail.mean(axis=1, keepdims=True)
    if tail.shape[1] < _SAMPLES_A_COIL * coils:
        msg = (
            f"{tail.shape[1]} noise samples for {coils} coils; at least {_SAMPLES_A_COIL * coils} are needed. "
            "Give a longer FID."
        )
        raise InputError(msg)
    covariance = tail @ tail.conj().T / tail.shape[1]
    # a scan without noise still combines: by sensitivity alone
    floor = 1e-12 * float(np.mean(np.abs(signal) ** 2)) + np.finfo(float).tiny
    covariance = covariance + floor * np.eye(coils)
    values, vectors = np.linalg.eigh(covariance)
    whiten = (vectors / np.sqrt(values)) @ vectors.conj().T
    flat = np.moveaxis(signal, -2, 0).reshape(coils, -1)
    left = np.linalg.svd((whiten @ flat) @ (whiten @ flat).conj().T)[0][:, 0]
    sensitivity = np.linalg.solve(whiten, left)
    sensitivity = sensitivity / sensitivity[np.argmax(np.abs(sensitivity))]
    inverse = np.linalg.solve(covariance, sensitivity)
    return inverse.conj() / np.real(sensitivity.conj() @ inverse)
