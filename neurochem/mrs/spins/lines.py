"""Spectral lines: frequency and complex amplitude, from which a FID of any sampling follows."""

import math
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

# Lines closer than this are one: over a second their phases differ by less than 1e-7.
_SAME_HZ = 1e-8
# What dropped lines may add up to, per unit of all amplitudes.
_NEGLIGIBLE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Undamped lines of one molecule after one sequence.

    Parameters
    ----------
    frequency_hz : array, shape (n_lines,)
        Frequencies in the storage convention: (reference_ppm - ppm) x larmor_mhz.
    amplitude : complex array, shape (n_lines,)
        Amplitude and phase at the start of acquisition, one unit a proton at excitation.
    larmor_mhz, reference_ppm : float
        Frequency (MHz) and the shift at zero frequency.
    """

    frequency_hz: FloatArray
    amplitude: ComplexArray
    _: KW_ONLY
    larmor_mhz: float
    reference_ppm: float = 4.65

    def __post_init__(self) -> None:
        object.__setattr__(self, "frequency_hz", frozen_array(np.asarray(self.frequency_hz, dtype=float)))
        object.__setattr__(self, "amplitude", frozen_array(np.asarray(self.amplitude, dtype=np.complex128)))

    def __len__(self) -> int:
        """Return the number of lines."""
        return int(self.frequency_hz.size)

    @property
    def ppm(self) -> FloatArray:
        """Chemical shift of each line (ppm)."""
        return self.reference_ppm - self.frequency_hz / self.larmor_mhz

    def rereferenced(self, reference_ppm: float) -> "Lines":
        """Return the same lines with another shift at zero frequency."""
        moved = self.frequency_hz + (reference_ppm - self.reference_ppm) * self.larmor_mhz
        return Lines(moved, self.amplitude, larmor_mhz=self.larmor_mhz, reference_ppm=reference_ppm)

    def scaled(self, factor: float) -> "Lines":
        """Return the lines with amplitudes multiplied by a factor."""
        return Lines(
            self.frequency_hz, factor * self.amplitude, larmor_mhz=self.larmor_mhz, reference_ppm=self.reference_ppm
        )

    def fid(self, *, dwell_s: float, points: int, linewidth_hz: float = 0.0) -> ComplexArray:
        """Return the sampled signal, shape (points,).

        Parameters
        ----------
        dwell_s, points : float, int
            Sampling (s) and number of points.
        linewidth_hz : float
            Lorentzian full width at half maximum (Hz); 0 leaves the lines undamped.

        Notes
        -----
        s(t) = sum a exp(2 pi i f t) exp(-pi w t).  The exponential of point n = q r + p is a product of two, so that
        each line costs 2 sqrt(points) multiplications and the rest is one matrix product.
        """
        if not (math.isfinite(linewidth_hz) and linewidth_hz >= 0.0):
            msg = f"linewidth_hz is {linewidth_hz}; it must be zero or positive. Give a full width in Hz."
            raise InputError(msg)
        step = max(math.isqrt(points), 1)
        rate: ComplexArray = (2j * np.pi * dwell_s) * self.frequency_hz.astype(complex)
        fine, coarse = _powers(rate, step), _powers(rate * step, -(-points // step))
        signal = ((coarse * self.amplitude) @ fine.T).reshape(-1)[:points]
        return signal * np.exp(-np.pi * linewidth_hz * dwell_s * np.arange(points)) if linewidth_hz else signal


def _powers(rate: ComplexArray, count: int) -> ComplexArray:
    """Return exp(rate n) for n from 0 on, shape (count, n_lines), each the product of a few exponentials."""
    powers = np.ones((count, rate.size), dtype=complex)
    known = 1
    while known < count:
        more = min(known, count - known)
        powers[known : known + more] = powers[:more] * np.exp(rate * known)
        known += more
    return powers


def merged_lines(frequency_hz: FloatArray, amplitude: ComplexArray) -> tuple[FloatArray, ComplexArray]:
    """Return the lines in order of frequency, equal ones added up and negligible ones left out.

    The sum of what is left out is at most 1e-10 of the sum of all amplitudes, so that no point of a FID changes by
    more.
    """
    order = np.argsort(frequency_hz, kind="stable")
    frequency, value = frequency_hz[order], amplitude[order]
    if frequency.size == 0:
        return frequency, value
    starts = np.flatnonzero(np.diff(frequency, prepend=-np.inf) > _SAME_HZ)
    frequency, value = frequency[starts], np.add.reduceat(value, starts)
    size = np.abs(value)
    smallest = np.argsort(size, kind="stable")
    spared = np.cumsum(size[smallest]) > _NEGLIGIBLE * size.sum()
    kept = np.sort(smallest[spared])
    return frequency[kept], value[kept]


def combined(members: Iterable[tuple[float, Lines]]) -> Lines:
    """Return the weighted sum of lines of one field and reference: a difference of two conditions, for example."""
    pairs = list(members)
    first = pairs[0][1]
    frequency = np.concatenate([lines.frequency_hz for _, lines in pairs])
    amplitude = np.concatenate([weight * lines.amplitude for weight, lines in pairs])
    frequency, amplitude = merged_lines(frequency, amplitude)
    return Lines(frequency, amplitude, larmor_mhz=first.larmor_mhz, reference_ppm=first.reference_ppm)
