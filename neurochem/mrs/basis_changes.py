"""A basis at another sampling, place, scale or width, and two bases made one; each returns a new basis."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import windows

from neurochem.errors import BasisMismatchError, InputError
from neurochem.mrs.basis_match import physical_mismatches, undecayed
from neurochem.mrs.lineshape import decay_exponent, gauss_variance, lorentz_gamma
from neurochem.mrs.resample import resample
from neurochem.mrs.spectra import frequency_axis, to_ppm
from neurochem.units import ComplexArray, FloatArray

if TYPE_CHECKING:
    from neurochem.mrs.basis import Basis

# Share of an element's tallest line below which a line does not count.
_LEAST_LINE = 1e-3
# Half width of the main lobe of a Blackman-Harris window at 0.1 % of its height, in inverse durations.
_WINDOW_BINS = 3.6
# Values between points are good to 2e-4 of a line at this share of the band, and to 3e-6 at half of it.
_INTERPOLATED_BAND = 0.6


def resampled(basis: "Basis", dwell_s: float, *, points: int | None = None) -> "Basis":
    """Return a basis at another sampling.

    Parameters
    ----------
    basis : Basis
        What to resample.
    dwell_s : float
        New time between points (s).
    points : int, optional
        How many; by default as many as the basis lasts.  Zeros follow where the FIDs end.

    Raises
    ------
    InputError
        If a line lies outside the new band, where it would appear at a wrong shift; if a line lies too near the edge of
        the old band to be interpolated; or if the FIDs would be continued by zeros before they have decayed.

    Notes
    -----
    Exact where the new times are among the old ones.  Elsewhere good to 3e-6 of a line at half of the old band's half
    width, and to 2e-4 at six tenths; see `neurochem.mrs.resample.resample`.
    """
    _positive("dwell_s", dwell_s)
    ratio = dwell_s / basis.dwell_s
    # the last point must not lie beyond the old one by a rounding error
    count = math.floor((basis.points - 1) / ratio + 1e-9) + 1 if points is None else points
    if count < 1:
        msg = f"points is {points}; at least one is needed. Leave it out to keep the duration."
        raise InputError(msg)
    _refuse_aliasing(basis, 0.5 / dwell_s, "would appear at a wrong shift")
    if abs(ratio - round(ratio)) > 1e-6 or round(ratio) < 1:
        _refuse_aliasing(basis, 0.5 * _INTERPOLATED_BAND / basis.dwell_s, "cannot be interpolated", "simulate at it")
    if count * dwell_s > 1.001 * basis.points * basis.dwell_s and undecayed(basis.fids, basis.dwell_s):
        msg = (
            f"{basis.source or 'basis'}: points is {count}, which lasts {count * dwell_s:g} s; the FIDs last "
            f"{basis.points * basis.dwell_s:g} s and have not decayed. Give fewer points, or simulate a longer basis."
        )
        raise InputError(msg)
    return replace(basis, fids=resample(basis.fids, basis.dwell_s, new_dwell_s=dwell_s, points=count), dwell_s=dwell_s)


def line_band_hz(fids: ComplexArray, dwell_s: float) -> FloatArray:
    """Return the lowest and the highest frequency (Hz) at which each FID has a line, shape (n_elements, 2).

    Notes
    -----
    Of the lines above 0.1 % of the tallest, good to the inverse of the FID's duration (at most half a second of it is
    used).  A Blackman-Harris window keeps the side lobes of undamped lines, and the tails of the edge at time zero, below
    that; it is as long as the signal, so that broad lines have not decayed where it opens.
    """
    return np.array([_band(fid, dwell_s) for fid in fids], dtype=float).reshape(len(fids), 2)


def _band(fid: ComplexArray, dwell_s: float) -> tuple[float, float]:
    energy = np.cumsum(np.abs(fid) ** 2)
    lasting = int(np.searchsorted(energy, 0.999 * energy[-1])) + 1
    points = min(max(lasting, 32), max(round(0.5 / dwell_s), 32), fid.size)
    frequency = frequency_axis(4 * points, dwell_s)
    size = np.abs(np.fft.fftshift(np.fft.fft(fid[:points] * windows.blackmanharris(points), 4 * points)))
    counted = frequency[size > _LEAST_LINE * size.max()]
    # the window's own half width at that level is not the line's
    half = min(_WINDOW_BINS / (points * dwell_s), 0.5 * float(counted[-1] - counted[0]))
    return float(counted[0]) + half, float(counted[-1]) - half


def _farthest(band: FloatArray) -> FloatArray:
    """Return of each row the end that is farther from zero."""
    return np.where(np.abs(band[:, 0]) > np.abs(band[:, 1]), band[:, 0], band[:, 1])


def _refuse_aliasing(basis: "Basis", limit_hz: float, harm: str, remedy: str = "keep a shorter dwell time") -> None:
    if len(basis) == 0:
        return
    farthest = _farthest(line_band_hz(basis.fids, basis.dwell_s))
    worst = int(np.argmax(np.abs(farthest)))
    if abs(farthest[worst]) > limit_hz:
        place = float(to_ppm(farthest[worst], basis.larmor_mhz, basis.reference_ppm))
        msg = (
            f"{basis.source or 'basis'}: element {basis.names[worst]} has a line near {place:.1f} ppm, "
            f"{abs(farthest[worst]):.0f} Hz from the centre; beyond {limit_hz:.0f} Hz it {harm}. "
            f"Drop the element, or {remedy}."
        )
        raise InputError(msg)


def shifted(basis: "Basis", *, ppm: float | None = None, hz: float | None = None, names: Sequence[str] = ()) -> "Basis":
    """Return a basis with its lines moved.

    Parameters
    ----------
    basis : Basis
        What to shift.
    ppm : float, optional
        By how much, positive to higher chemical shift.
    hz : float, optional
        The same in Hz, positive to higher chemical shift too.  Give one of both.
    names : sequence of str
        Elements to move; all by default.

    Raises
    ------
    InputError
        If none or both of ppm and hz are given, or a line would leave the band and come back at the other side.
    UnknownNameError
        If there is no such element.
    """
    if (ppm is None) == (hz is None):
        msg = f"ppm is {ppm} and hz is {hz}; give one of both."
        raise InputError(msg)
    upwards = float(hz) if hz is not None else float(ppm or 0.0) * basis.larmor_mhz
    if not math.isfinite(upwards):
        msg = f"shift is {upwards} Hz; it must be finite. Give ppm or hz as a number."
        raise InputError(msg)
    moved = set(basis.select(names).names) if names else set(basis.names)
    # a higher shift has a lower stored frequency
    turn = np.exp(-2j * np.pi * upwards * basis.time_s)
    chosen = np.array([name in moved for name in basis.names])
    places = np.abs(_farthest(line_band_hz(basis.fids[chosen], basis.dwell_s) - upwards))
    limit = 0.5 / basis.dwell_s
    if places.size and places.max() > limit:
        worst = [name for name in basis.names if name in moved][int(np.argmax(places))]
        msg = (
            f"{basis.source or 'basis'}: shifted by {upwards:g} Hz, element {worst} reaches {places.max():.0f} "
            f"Hz from the centre; the band ends at {limit:.0f} Hz. Shift by less, or start from a shorter dwell time."
        )
        raise InputError(msg)
    return replace(basis, fids=np.where(chosen[:, None], basis.fids * turn, basis.fids))


def rescaled(basis: "Basis", factor: float) -> "Basis":
    """Return a basis in another unit, FIDs and proton_amplitude multiplied by a positive factor."""
    _positive("factor", factor)
    return replace(basis, fids=factor * basis.fids, proton_amplitude=factor * basis.proton_amplitude)


def broadened(basis: "Basis", *, lorentz_hz: float = 0.0, gauss_hz: float = 0.0) -> "Basis":
    """Return a basis with every line convolved with a Voigt line.

    Parameters
    ----------
    basis : Basis
        What to broaden.
    lorentz_hz, gauss_hz : float
        Full widths at half maximum (Hz), zero or positive.  Lorentzian widths add; `linewidth_hz` follows only those.
    """
    for name, value in (("lorentz_hz", lorentz_hz), ("gauss_hz", gauss_hz)):
        if not 0.0 <= value < math.inf:
            msg = f"{name} is {value}; it must be zero or positive. Give a full width in Hz."
            raise InputError(msg)
    decay = np.exp(decay_exponent(lorentz_gamma(lorentz_hz), gauss_variance(gauss_hz), basis.time_s))
    width = None if basis.linewidth_hz is None or gauss_hz else basis.linewidth_hz + lorentz_hz
    return replace(basis, fids=basis.fids * decay, linewidth_hz=width)


def with_elements(basis: "Basis", other: "Basis", *, allow_mismatch: bool = False) -> "Basis":
    """Return a basis with the elements of another appended.

    Parameters
    ----------
    basis, other : Basis
        The second is brought to the sampling, reference and scale (proton_amplitude) of the first.
    allow_mismatch : bool
        Let another echo time pass.

    Raises
    ------
    BasisMismatchError
        If nucleus, field or echo time (where both are known) differ.
    InputError
        If a name occurs in both, or the second cannot be resampled safely.
    """
    where = f"basis {basis.source or '(in memory)'} and basis {other.source or '(in memory)'}"
    reasons = physical_mismatches(other, basis, where, allow_echo_time=allow_mismatch)
    if reasons:
        raise BasisMismatchError(reasons[0])
    known = {name.casefold() for name in basis.names}
    twice = [name for name in other.names if name.casefold() in known]
    if twice:
        msg = f"{where}: {', '.join(twice)} occur in both; names must be distinct. Use drop() or renamed() on one of them."
        raise InputError(msg)
    if other.dwell_s != basis.dwell_s or other.points != basis.points:
        other = resampled(other, basis.dwell_s, points=basis.points)
    offset_hz = (basis.reference_ppm - other.reference_ppm) * basis.larmor_mhz
    turn = np.exp(2j * np.pi * offset_hz * basis.time_s)
    factor = basis.proton_amplitude / other.proton_amplitude
    return basis.joined(other.names, factor * other.fids * turn, macromolecules=other.macromolecules)


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        msg = f"{name} is {value}; it must be a positive number. Give seconds for a time, a plain number for a factor."
        raise InputError(msg)
