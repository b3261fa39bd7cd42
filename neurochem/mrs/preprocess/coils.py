"""Weights for combining receive coils."""

import math
from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.noise import late_points
from neurochem.units import BoolArray, ComplexArray

# Samples of noise a coil without which its covariance is not worth knowing (FSL-MRS refuses below 10).
_SAMPLES_A_COIL = 10
# With n coils and k n samples the covariance costs a share 1/(2 k) of the signal-to-noise ratio; more cost time alone.
_ENOUGH_A_COIL = 400
# Points at the top of the FID that give a coil's sensitivity; the first is left out, receivers distort it.
_TOP = slice(1, 9)
# A coil this much below the others in power is unplugged or was written as zeros.
_SILENT = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class CoilWeights:
    """Weights of coils.

    Attributes
    ----------
    values : complex array, shape (n_coils,)
        Multiply and sum: unit gain for a signal as the strongest coil sees it.
    quality : float
        1 where all that the coils saw is one signal, 0 where it is noise: (S_1 / |S| sqrt(n) - 1) / (sqrt(n) - 1) of the
        singular values S of the whitened signal.
    correlation : float
        Largest correlation of noise between two coils.
    silent : tuple of int
        Coils without signal or without noise, which have no weight.
    """

    values: ComplexArray
    quality: float
    correlation: float
    silent: tuple[int, ...] = ()


def coil_weights(
    signal: ComplexArray, *, noise: ComplexArray, method: str = "wsvd", noise_model: str = "covariance", whole: bool = False
) -> CoilWeights:  # fmt: skip
    """Return the weights that give the best signal-to-noise ratio.

    Parameters
    ----------
    signal : complex array, shape (..., n_coils, n_points)
        A scan with strong signal, the water reference by preference.
    noise : complex array, shape (..., n_coils, n_points)
        The scan whose last fifth holds noise.
    method : str
        "wsvd" or "reference", how sensitivities are found.
    noise_model : str
        "covariance", "variance" or "none".
    whole : bool
        All of `noise` is noise, not only its last fifth.

    Returns
    -------
    CoilWeights
        w = Psi^-1 conj(S) / (S' Psi^-1 S), S the coils' complex sensitivities relative to the strongest and Psi the noise
        covariance; the same for every scan.

    Raises
    ------
    InputError
        If there are too few noise samples for a covariance, the scans hold NaN, or a name is unknown.

    Notes
    -----
    With "wsvd" S is the first left singular vector of the whitened signal, which for one voxel is the matched filter.
    Signal in the noise samples adds a multiple of S S' to Psi, which leaves the weights as they are.

    References
    ----------
    Rodgers CT, Robson MD (2010), Magn Reson Med 63:881.
    """
    alive = _alive(signal, noise, whole)
    if not alive.all():
        signal, noise = signal[..., alive, :], noise[..., alive, :]
    covariance = _covariance(noise, noise_model, whole)
    coils = covariance.shape[0]
    # a scan without noise still combines: by sensitivity alone
    floor = 1e-12 * float(np.mean(np.abs(signal[..., _TOP]) ** 2)) if signal.any() or covariance.any() else 1.0
    covariance = covariance + floor * np.eye(coils)
    values, vectors = np.linalg.eigh(covariance)
    whiten = (vectors / np.sqrt(values)) @ vectors.conj().T
    gram = _gram(signal)
    gram = gram if gram.any() else np.eye(coils, dtype=complex)
    strengths, directions = np.linalg.eigh(whiten @ gram @ whiten.conj().T)
    if method == "wsvd":
        sensitivity = np.linalg.solve(whiten, directions[:, -1])
    elif method == "reference":
        top = np.moveaxis(signal[..., _TOP], -2, 0).reshape(coils, -1)
        sensitivity = top @ top[int(np.argmax(np.linalg.norm(top, axis=1)))].conj()
    else:
        msg = f"method is '{method}'; allowed are 'wsvd' and 'reference'. Choose one."
        raise InputError(msg)
    sensitivity = sensitivity / sensitivity[np.argmax(np.abs(sensitivity))]
    inverse = np.linalg.solve(covariance, sensitivity)
    share = math.sqrt(max(strengths[-1], 0.0) / max(float(np.sum(strengths)), np.finfo(float).tiny))
    quality = (share * math.sqrt(coils) - 1.0) / (math.sqrt(coils) - 1.0) if coils > 1 else 1.0
    scale = np.sqrt(np.real(np.diag(covariance)))
    correlation = np.abs(covariance / np.outer(scale, scale)) - np.eye(coils)
    weights = np.zeros(alive.size, dtype=complex)
    weights[alive] = inverse.conj() / np.real(sensitivity.conj() @ inverse)
    return CoilWeights(weights, quality, float(correlation.max()), tuple(np.flatnonzero(~alive).tolist()))


def agreement(one: ComplexArray, other: ComplexArray) -> float:
    """Return how alike the coils' sensitivities are in two scans, 0 to 1.

    Parameters
    ----------
    one, other : complex array, shape (..., n_coils, n_points)
        Scans with signal.

    Returns
    -------
    float
        |<u, v>| of the first left singular vectors; one for one voxel and one set of coils, about n_coils^-1/2 where the
        phases of the coils have nothing to do with each other.
    """
    first, second = (np.linalg.eigh(_gram(scan))[1][:, -1] for scan in (one, other))
    return float(np.abs(np.vdot(first, second)))


def combined(data: ComplexArray, axis: int, weights: ComplexArray) -> ComplexArray:
    """Return the weighted sum over the axis of coils."""
    if axis == 0:
        return (weights @ data.reshape(weights.size, -1)).reshape(data.shape[1:])
    return np.tensordot(weights, data, axes=(0, axis))


def _alive(signal: ComplexArray, noise: ComplexArray, whole: bool) -> BoolArray:
    """Return the coils that have signal and noise; all of them where none has."""
    heard = np.real(np.diag(_gram(signal)))
    points = slice(None) if whole else late_points(noise)
    tail = _thinned(noise, points)
    noisy = np.mean(np.abs(tail) ** 2, axis=1)
    if not (np.isfinite(heard).all() and np.isfinite(noisy).all()):
        broken = np.flatnonzero(~(np.isfinite(heard) & np.isfinite(noisy))) + 1
        msg = (
            f"coils {', '.join(map(str, broken))} hold NaN or infinite samples; coils cannot be weighed. Leave these FIDs or "
            "coils out, or put drop_invalid first, which leaves out transients that hold some."
        )
        raise InputError(msg)
    alive = (heard > _SILENT * heard.max()) & (noisy > _SILENT * np.median(noisy))
    if not noisy.any():
        alive = heard > _SILENT * heard.max()
    return alive if alive.any() else np.ones(heard.size, dtype=bool)


def _thinned(scan: ComplexArray, points: slice) -> ComplexArray:
    """Return samples, shape (n_coils, n_samples), of a part of the FIDs; every n-th transient of many."""
    lead = scan.shape[:-2]
    if lead:
        many = int(np.argmax(lead))
        samples = math.prod(lead) * len(range(*points.indices(scan.shape[-1])))
        step = min(max(samples // (_ENOUGH_A_COIL * scan.shape[-2]), 1), max(lead[many] // 8, 1))
        scan = scan[(*(slice(None),) * many, slice(None, None, step))]
    part = scan[..., points]
    return np.moveaxis(part, -2, 0).reshape(part.shape[-2], -1)


def _gram(signal: ComplexArray) -> ComplexArray:
    # the first third of a FID holds all of the signal worth having
    flat = _thinned(signal, slice(0, max(signal.shape[-1] // 3, 16)))
    return flat @ flat.conj().T


def _covariance(noise: ComplexArray, model: str, whole: bool) -> ComplexArray:
    coils = noise.shape[-2]
    if model == "none":
        return np.eye(coils, dtype=complex)
    if model not in {"covariance", "variance"}:
        msg = f"noise is '{model}'; allowed are 'covariance', 'variance' and 'none'. Choose one."
        raise InputError(msg)
    tail = _thinned(noise, slice(None) if whole else late_points(noise))
    tail = tail - tail.mean(axis=1, keepdims=True)
    if tail.shape[1] < _SAMPLES_A_COIL * coils:
        msg = (
            f"{tail.shape[1]} noise samples for {coils} coils; at least {_SAMPLES_A_COIL * coils} are needed. "
            "Give a longer FID, or a noise scan."
        )
        raise InputError(msg)
    covariance = tail @ tail.conj().T / tail.shape[1]
    return np.diag(np.diag(covariance)) if model == "variance" else covariance
