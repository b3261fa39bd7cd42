"""What the singlets of a basis say about its reference and its scale."""

from collections.abc import Sequence

import numpy as np
from scipy import optimize

from neurochem.mrs.spectra import frequency_axis, to_hz, to_ppm
from neurochem.units import ComplexArray, FloatArray

# Shift (ppm) and protons of methyl and other singlets; Govindaraju 2000, NMR Biomed 13:129.
SINGLETS = {
    "NAA": (2.008, 3.0), "Cr": (3.027, 3.0), "PCr": (3.029, 3.0), "GPC": (3.212, 9.0), "PCh": (3.208, 9.0),
    "sIns": (3.340, 6.0), "Scyllo": (3.340, 6.0), "sI": (3.340, 6.0),
}  # fmt: skip
_SEARCH_PPM = 0.15


def reference_offset_ppm(names: Sequence[str], fids: ComplexArray, dwell_s: float, larmor_mhz: float) -> float | None:
    """Return how far above 4.65 ppm the zero frequency of a basis lies.

    Parameters
    ----------
    names, fids : sequence of str; complex array, shape (n_elements, n_points)
        The basis.
    dwell_s, larmor_mhz : float
        Its sampling (s) and frequency (MHz).

    Returns
    -------
    float or None
        Median over the singlets; None where fewer than half of them are within 0.15 ppm of their place.
    """
    known = [(SINGLETS[name][0], fid) for name, fid in zip(names, fids, strict=True) if name in SINGLETS]
    if not known:
        return None
    points = 8 * fids.shape[1]
    ppm = to_ppm(frequency_axis(points, dwell_s), larmor_mhz, 4.65)
    smooth = np.exp(-np.pi * 1.5 * np.arange(fids.shape[1]) * dwell_s)
    offsets = []
    for place, fid in known:
        size = np.abs(np.fft.fftshift(np.fft.fft(fid * smooth, points)))
        peak = float(ppm[np.argmax(size)])
        offsets.append(place - peak)
    near = [offset for offset in offsets if abs(offset) <= _SEARCH_PPM]
    return float(np.median(near)) if 2 * len(near) >= len(offsets) else None


def singlet_amplitude(
    names: Sequence[str], fids: ComplexArray, dwell_s: float, larmor_mhz: float, reference_ppm: float
) -> float | None:
    """Return the signal of one proton at time zero, the median over the singlets of a basis; None without any.

    Parameters
    ----------
    names, fids : sequence of str; complex array, shape (n_elements, n_points)
        The basis.
    dwell_s, larmor_mhz, reference_ppm : float
        Its sampling (s), frequency (MHz) and reference.
    """
    values = []
    for name, fid in zip(names, fids, strict=True):
        if name in SINGLETS:
            place, protons = SINGLETS[name]
            centre = float(to_hz(np.array(place), larmor_mhz, reference_ppm))
            values.append(line_amplitude(fid, dwell_s, centre, 0.1 * larmor_mhz) / protons)
    return float(np.median(values)) if values else None


def line_amplitude(fid: ComplexArray, dwell_s: float, centre_hz: float, half_width_hz: float) -> float:
    """Return |amplitude| at time zero of the one line in a band, on a straight complex baseline.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        Signal.
    dwell_s, centre_hz, half_width_hz : float
        Sampling (s) and the band (Hz).

    Notes
    -----
    A Voigt line fitted to the spectrum inside the band by variable projection.
    """
    frequency = frequency_axis(fid.size, dwell_s)
    band = np.abs(frequency - centre_hz) <= half_width_hz
    data = np.fft.fftshift(np.fft.fft(fid))[band]
    time_s = np.arange(fid.size) * dwell_s
    offset = (frequency[band] - centre_hz) / half_width_hz
    start = frequency[band][np.argmax(np.abs(data))] - centre_hz

    def line(theta: FloatArray) -> ComplexArray:
        shape = np.exp(2j * np.pi * (centre_hz + theta[0]) * time_s - theta[1] * time_s - theta[2] * time_s**2)
        return np.fft.fftshift(np.fft.fft(shape))[band]

    def solve(theta: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        columns = np.column_stack([line(theta), np.ones_like(offset), offset])
        solution = np.asarray(np.linalg.lstsq(columns, data, rcond=None)[0], dtype=complex)
        return solution, columns @ solution - data

    def residual(theta: FloatArray) -> FloatArray:
        left = solve(theta)[1] / np.linalg.norm(data)
        return np.concatenate([left.real, left.imag])

    found = optimize.least_squares(
        residual, [start, 2.0 * np.pi, 1.0], x_scale=[1.0, 1.0, 10.0],
        bounds=([-half_width_hz, -1.0, 0.0], [half_width_hz, 60.0, 4000.0]),
    )  # fmt: skip
    return float(np.abs(solve(found.x)[0][0]))
