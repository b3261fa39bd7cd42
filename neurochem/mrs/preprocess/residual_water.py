"""Removal of residual water by a decomposition into damped exponentials (HSVD)."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, svds

from neurochem.units import ComplexArray

RANK = 24


def exponentials(fid: ComplexArray, rank: int = RANK) -> tuple[ComplexArray, ComplexArray]:
    """Return poles and amplitudes of damped exponentials that sum to a FID.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        Signal; the first point is left out of the fit, because receivers distort it.
    rank : int
        Number of exponentials.

    Returns
    -------
    poles, amplitudes : complex array, shape (rank,)
        fid[k] ~ sum amplitudes poles^k.

    Notes
    -----
    Truncated singular value decomposition of the Hankel matrix, products through the FFT; poles are the eigenvalues of
    the shift of the left singular vectors.  Growing exponentials are made steady.

    References
    ----------
    Barkhuijsen H (1987), J Magn Reson 73:553.
    """
    signal = fid[1:]
    rows = int(0.4 * signal.size)
    columns = signal.size - rows + 1
    points = 1 << int(np.ceil(np.log2(signal.size + columns)))
    forward, backward = np.fft.fft(signal, points), np.fft.fft(signal.conj(), points)

    def product(vector: ComplexArray) -> ComplexArray:
        turned = np.fft.fft(np.ravel(vector)[::-1], points)
        return np.fft.ifft(forward * turned)[columns - 1 : columns - 1 + rows]

    def adjoint(vector: ComplexArray) -> ComplexArray:
        turned = np.fft.fft(np.ravel(vector)[::-1], points)
        return np.fft.ifft(backward * turned)[rows - 1 : rows - 1 + columns]

    hankel = LinearOperator((rows, columns), matvec=product, rmatvec=adjoint, dtype=complex)
    # a fixed start keeps the result the same from run to run
    left = svds(hankel, k=min(rank, rows - 2), v0=np.ones(rows), return_singular_vectors="u")[0]
    poles = np.linalg.eigvals(np.linalg.lstsq(left[:-1], left[1:], rcond=None)[0])
    poles = (poles / np.maximum(np.abs(poles), 1.0)).astype(np.complex128)
    powers = poles[None, :] ** np.arange(1, fid.size)[:, None]
    return poles, np.asarray(np.linalg.lstsq(powers, signal, rcond=1e-12)[0], dtype=complex)


def remove_components(
    fid: ComplexArray, dwell_s: float, *, centre_hz: float, reach_hz: float, rank: int = RANK
) -> tuple[ComplexArray, int]:
    """Return the FID without the exponentials in a band, and how many they were.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        Signal.
    dwell_s : float
        Time between points (s).
    centre_hz, reach_hz : float
        The band (Hz).
    rank : int
        Exponentials in the decomposition.
    """
    poles, amplitudes = exponentials(fid, rank)
    inside = np.abs(np.angle(poles) / (2.0 * np.pi * dwell_s) - centre_hz) <= reach_hz
    model = (poles[inside][None, :] ** np.arange(fid.size)[:, None]) @ amplitudes[inside]
    return fid - model, int(np.count_nonzero(inside))
