"""Rotations of spins 1/2 by a piecewise constant field, exact slice by slice.

A rotation is kept as Cayley-Klein parameters (a, b) of U = [[a, -b*], [b, a*]], the propagator of
H = 2 pi (offset I_z + nutation (I_x cos phase + I_y sin phase)).
"""

import numpy as np

from neurochem.units import ComplexArray, FloatArray


def slice_rotations(
    amplitude_hz: FloatArray, phase_rad: FloatArray, offsets_hz: FloatArray, duration_s: float
) -> tuple[ComplexArray, ComplexArray]:
    """Return (a, b) of one constant field for `duration_s`; the arguments broadcast.

    Parameters
    ----------
    amplitude_hz, phase_rad, offsets_hz : array
        Nutation frequency (Hz, may be negative), its phase (rad) and the frequency of the spin in the frame of the
        pulse (Hz).
    duration_s : float
        Duration (s).

    Returns
    -------
    tuple of complex array
        Of the broadcast shape.
    """
    effective = np.hypot(amplitude_hz, offsets_hz)
    half = np.pi * effective * duration_s
    # sinc keeps the limit of no field and no offset
    ratio = np.pi * duration_s * np.sinc(half / np.pi)
    a = np.cos(half) - 1j * ratio * offsets_hz
    b = -1j * ratio * amplitude_hz * np.exp(1j * np.asarray(phase_rad))
    return np.asarray(a), np.asarray(b)


def after(
    later: tuple[ComplexArray, ComplexArray], earlier: tuple[ComplexArray, ComplexArray]
) -> tuple[ComplexArray, ComplexArray]:
    """Return (a, b) of one rotation after another."""
    (a2, b2), (a1, b1) = later, earlier
    return a2 * a1 - b2.conj() * b1, b2 * a1 + a2.conj() * b1


def rotation(
    amplitude_hz: FloatArray,
    phase_rad: FloatArray,
    slice_s: float,
    offsets_hz: FloatArray,
    b1_scale: FloatArray | float = 1.0,
) -> tuple[ComplexArray, ComplexArray]:
    """Return (a, b) of a whole waveform at each offset.

    Parameters
    ----------
    amplitude_hz, phase_rad : array, shape (n_slices,)
        Waveform.
    slice_s : float
        Duration of a slice (s).
    offsets_hz : array of any shape
        Frequencies in the frame of the pulse (Hz).
    b1_scale : float or array
        Factor on the amplitude, one for all or one for each offset.

    Returns
    -------
    tuple of complex array
        Of the shape of `offsets_hz`.
    """
    offsets = np.asarray(offsets_hz, dtype=float)
    total = np.ones(offsets.shape, dtype=complex), np.zeros(offsets.shape, dtype=complex)
    for amplitude, phase in zip(amplitude_hz, phase_rad, strict=True):
        total = after(slice_rotations(b1_scale * amplitude, phase, offsets, slice_s), total)
    return total
