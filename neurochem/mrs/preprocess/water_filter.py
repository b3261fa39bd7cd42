"""Taking residual water out of transients before they are aligned, alike in each of them."""

import functools

import numpy as np

from neurochem.units import ComplexArray

# Damping (1/s) of the exponentials that stand for residual water, from 1.5 to 13 Hz wide; broader ones would take more
# of the metabolites' first points, and with them a tenth of what is known of the phase.
_DAMPING = (5.0, 12.0, 25.0, 40.0)
# Directions weaker than this are left in: what they keep of a line of 300 times NAA costs phases 0.03 degrees, while a
# tenth of it would cost what metabolites tell about them (1.9 instead of 1.7 degrees at an SNR of 10).
_LEAST = 1e-3
# The largest singular value of noise exceeds its expected one by a few per cent at times.
_MORE = 1.1


@functools.lru_cache(maxsize=8)
def water_subspace(points: int, dwell_s: float, centre_hz: float, reach_hz: float) -> ComplexArray:
    """Return an orthonormal basis of what water within a band can look like.

    Parameters
    ----------
    points, dwell_s : int, float
        Sampling (s).
    centre_hz, reach_hz : float
        The band (Hz).

    Returns
    -------
    complex array, shape (n_points, n_directions)
        Left singular vectors of damped exponentials on a grid of half the resolution.
    """
    time_s = np.arange(points) * dwell_s
    step = 0.5 / (points * dwell_s)
    frequency = centre_hz + np.arange(-np.ceil(reach_hz / step), np.ceil(reach_hz / step) + 1) * step
    poles = 2j * np.pi * frequency[:, None] - np.array(_DAMPING)[None, :]
    exponentials = np.exp(poles.reshape(-1, 1) * time_s)
    exponentials /= np.linalg.norm(exponentials, axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(exponentials @ exponentials.conj().T)
    kept = values > _LEAST**2 * values[-1]
    basis = (vectors[:, kept].conj().T @ exponentials) / np.sqrt(values[kept])[:, None]
    return np.linalg.qr(basis.T)[0]


def without_water(fids: ComplexArray, dwell_s: float, *, centre_hz: float, reach_hz: float) -> ComplexArray:
    """Return FIDs without what lies in the space of water's exponentials.

    Parameters
    ----------
    fids : complex array, shape (..., n_points)
        Transients.
    dwell_s, centre_hz, reach_hz : float
        Sampling (s) and the band of water (Hz).

    Notes
    -----
    A projection, the same for every transient, so that noise and drift of the water cannot make transients unlike each
    other; metabolites lose the part of their tails that looks like water.  Good for finding shifts and phases, not for
    quantification.
    """
    basis = water_subspace(fids.shape[-1], dwell_s, centre_hz, reach_hz)
    return fids - (fids @ basis.conj()) @ basis.T


def steady(fids: ComplexArray, dwell_s: float, *, centre_hz: float, reach_hz: float, noise: ComplexArray) -> bool:
    """Say whether aligned transients differ by no more than noise where water is.

    Parameters
    ----------
    fids : complex array, shape (n_transients, n_points)
        Transients with their water, aligned by all else.
    dwell_s, centre_hz, reach_hz : float
        Sampling (s) and the band of water (Hz).
    noise : complex array
        Late points of the transients.

    Notes
    -----
    The largest singular value of what differs from the mean, within the space that the filter takes out, against that of
    noise, sd (sqrt(n_transients) + sqrt(n_directions)) and a tenth more (Marchenko and Pastur).
    """
    basis = water_subspace(fids.shape[-1], dwell_s, centre_hz, reach_hz)
    unlike = fids - fids.mean(axis=0)
    within = unlike @ basis.conj()
    outside = np.linalg.norm(unlike) ** 2 - np.linalg.norm(within) ** 2
    # where a short FID ends in signal its late points say too much, elsewhere what is left of misalignment does
    variance = min(np.mean(np.abs(noise) ** 2), outside / ((fids.shape[0] - 1) * (fids.shape[1] - basis.shape[1])))
    usual = np.sqrt(variance) * (np.sqrt(fids.shape[0]) + np.sqrt(basis.shape[1]))
    return bool(np.linalg.norm(within, 2) <= _MORE * usual)
