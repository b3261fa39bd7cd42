"""A spectrum in memory, and the raw acquisition that it is made from.

FIDs follow the NIfTI-MRS storage convention: a line above the reference shift rotates with negative frequency under
numpy's FFT, so that ppm = reference - f / f0.
"""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

TIME = "time"
COIL, DYNAMIC, EDIT = "DIM_COIL", "DIM_DYN", "DIM_EDIT"


def frequency_axis(points: int, dwell_s: float) -> FloatArray:
    """Return the frequencies (Hz, ascending) of a shifted FFT of that many points."""
    return np.fft.fftshift(np.fft.fftfreq(points, dwell_s))


def to_ppm(frequency_hz: FloatArray, larmor_mhz: float, reference_ppm: float) -> FloatArray:
    """Return chemical shifts: reference - f / f0, the sign of the storage convention."""
    return reference_ppm - frequency_hz / larmor_mhz


def to_hz(ppm: FloatArray, larmor_mhz: float, reference_ppm: float) -> FloatArray:
    """Return the stored frequency of a chemical shift; the inverse of `to_ppm`."""
    return (reference_ppm - np.asarray(ppm, dtype=float)) * larmor_mhz


def _positive(owner: str, name: str, value: float | None, *, optional: bool = False) -> None:
    """Refuse a quantity that must be a positive finite number."""
    if value is None and optional:
        return
    if value is None or not math.isfinite(value) or value <= 0:
        msg = f"{owner}: {name} is {value}; it must be a positive number. Give {name} in the unit that its name states."
        raise InputError(msg)


def _plausible_seconds(owner: str, name: str, value: float | None, limit_s: float) -> None:
    """Refuse a time that can only be milliseconds or microseconds by mistake."""
    _positive(owner, name, value, optional=True)
    if value is not None and value > limit_s:
        msg = f"{owner}: {name} is {value:g} s; at most {limit_s:g} s is plausible. Give seconds, not milliseconds."
        raise InputError(msg)


def check_header(
    owner: str, dwell_s: float, larmor_mhz: float, echo_time_s: float | None, repetition_time_s: float | None
) -> None:
    """Refuse times and frequencies that cannot mean anything.

    Raises
    ------
    InputError
        Naming the field, its value and the unit it must have.
    """
    _positive(owner, "dwell_s", dwell_s)
    _plausible_seconds(owner, "dwell_s", dwell_s, 0.1)
    _positive(owner, "larmor_mhz", larmor_mhz)
    if larmor_mhz > 1e4:
        msg = f"{owner}: larmor_mhz is {larmor_mhz:g}; at most 10000 MHz is plausible. Give MHz, not Hz."
        raise InputError(msg)
    _plausible_seconds(owner, "echo_time_s", echo_time_s, 5.0)
    _plausible_seconds(owner, "repetition_time_s", repetition_time_s, 100.0)


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """One free induction decay with what is needed to put it on a chemical-shift axis.

    Parameters
    ----------
    fid : complex array, shape (n_points,)
        Signal from the top of the echo on, in the NIfTI-MRS storage convention; copied, read-only.
    dwell_s : float
        Time between points (s).
    larmor_mhz : float
        Spectrometer frequency (MHz).
    echo_time_s, repetition_time_s : float, optional
        TE and TR (s); needed for quantification only.
    reference_ppm : float
        Chemical shift at zero frequency; 4.65 is water at 37 C.
    nucleus : str
        Observed nucleus.
    name, source : str
        Name for tables and plots, and the file it came from.

    Raises
    ------
    InputError
        If the FID is not one-dimensional, is shorter than 16 points, or a time or frequency is not plausible.

    Notes
    -----
    NaN in the FID is allowed here: a fit of it fails with a flag and a batch goes on.
    """

    fid: ComplexArray
    _: KW_ONLY
    dwell_s: float
    larmor_mhz: float
    echo_time_s: float | None = None
    repetition_time_s: float | None = None
    reference_ppm: float = 4.65
    nucleus: str = "1H"
    name: str = "spectrum"
    source: str = ""

    def __post_init__(self) -> None:
        fid = frozen_array(np.asarray(self.fid, dtype=np.complex128))
        if fid.ndim != 1 or fid.size < 16:
            msg = (
                f"{self.source or self.name}: fid has shape {fid.shape}; a spectrum is one FID of at least 16 points, "
                "shape (n_points,). Combine coils and averages first (neurochem.mrs.preprocess)."
            )
            raise InputError(msg)
        check_header(self.source or self.name, self.dwell_s, self.larmor_mhz, self.echo_time_s, self.repetition_time_s)
        object.__setattr__(self, "fid", fid)

    @property
    def points(self) -> int:
        """Number of complex points."""
        return int(self.fid.size)

    @property
    def time_s(self) -> FloatArray:
        """Time of each point (s), from zero at the top of the echo."""
        return np.arange(self.points, dtype=float) * self.dwell_s

    @property
    def frequency_hz(self) -> FloatArray:
        """Frequencies of `spectrum` (Hz), ascending."""
        return frequency_axis(self.points, self.dwell_s)

    @property
    def ppm(self) -> FloatArray:
        """Chemical shifts of `spectrum` (ppm), descending: index 0 is the left edge of the usual plot."""
        return to_ppm(self.frequency_hz, self.larmor_mhz, self.reference_ppm)

    @property
    def spectrum(self) -> ComplexArray:
        """Shifted FFT of the FID (no scaling, no zero filling) on the `ppm` axis."""
        return np.fft.fftshift(np.fft.fft(self.fid))

    def with_fid(self, fid: ComplexArray, **changes: Any) -> "Spectrum":
        """Return the same spectrum with another FID, other fields changed by keyword."""
        return replace(self, fid=fid, **changes)

    def __repr__(self) -> str:
        """Return name, size and field on one line."""
        times = "".join(
            f", {label} {1e3 * value:g} ms"
            for label, value in (("TE", self.echo_time_s), ("TR", self.repetition_time_s))
            if value is not None
        )
        return (
            f"<Spectrum {self.name}: {self.points} points, {1.0 / self.dwell_s:g} Hz wide, "
            f"{self.nucleus} at {self.larmor_mhz:.6g} MHz{times}>"
        )


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """All FIDs of one file, with named dimensions; what `neurochem.mrs.read` returns, always.

    Parameters
    ----------
    data : complex array, shape (..., n_points)
        FIDs in the NIfTI-MRS storage convention, time along the last axis.
    dims : tuple of str
        One name a dimension; the last is "time", others are NIfTI-MRS tags such as "DIM_COIL", "DIM_DYN" (averages)
        and "DIM_EDIT", or "x", "y", "z".
    dwell_s, larmor_mhz, echo_time_s, repetition_time_s, reference_ppm, nucleus, name, source
        As for `Spectrum`.
    header : mapping
        Everything else that the file said.

    Raises
    ------
    InputError
        If dims and data disagree.
    """

    data: ComplexArray
    _: KW_ONLY
    dims: tuple[str, ...] = (TIME,)
    dwell_s: float
    larmor_mhz: float
    echo_time_s: float | None = None
    repetition_time_s: float | None = None
    reference_ppm: float = 4.65
    nucleus: str = "1H"
    name: str = "acquisition"
    source: str = ""
    header: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        data = frozen_array(np.asarray(self.data, dtype=np.complex128))
        if data.ndim != len(self.dims) or self.dims[-1] != TIME or len(set(self.dims)) != len(self.dims):
            msg = (
                f"{self.source or self.name}: dims {self.dims} do not describe data of shape {data.shape}; "
                f"give one distinct name a dimension, the last of them '{TIME}'."
            )
            raise InputError(msg)
        check_header(self.source or self.name, self.dwell_s, self.larmor_mhz, self.echo_time_s, self.repetition_time_s)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "header", MappingProxyType(dict(self.header)))

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Rebuild from the fields, since a read-only view of a mapping cannot be pickled."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return _rebuild, (values | {"header": dict(self.header)},)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self.data.shape

    def size(self, dim: str) -> int:
        """Return the length of a dimension, 1 if there is none of that name."""
        return self.data.shape[self.dims.index(dim)] if dim in self.dims else 1

    def with_data(self, data: ComplexArray, dims: tuple[str, ...], **changes: Any) -> "Acquisition":
        """Return the same acquisition with other data and dimensions."""
        return replace(self, data=data, dims=dims, **changes)

    def spectrum(self) -> Spectrum:
        """Return the one FID that there is.

        Raises
        ------
        InputError
            If there is more than one.
        """
        if self.data.size != self.data.shape[-1]:
            sizes = ", ".join(f"{dim} {size}" for dim, size in zip(self.dims, self.data.shape, strict=True))
            msg = (
                f"{self.source or self.name}: the acquisition holds more than one FID ({sizes}); "
                "combine them with neurochem.mrs.preprocess and use its spectrum and its water."
            )
            raise InputError(msg)
        return Spectrum(
            self.data.reshape(-1),
            dwell_s=self.dwell_s,
            larmor_mhz=self.larmor_mhz,
            echo_time_s=self.echo_time_s,
            repetition_time_s=self.repetition_time_s,
            reference_ppm=self.reference_ppm,
            nucleus=self.nucleus,
            name=self.name,
            source=self.source,
        )

    def __repr__(self) -> str:
        """Return name and dimensions on one line."""
        sizes = ", ".join(f"{dim} {size}" for dim, size in zip(self.dims, self.data.shape, strict=True))
        return f"<Acquisition {self.name}: {sizes}; {self.nucleus} at {self.larmor_mhz:.6g} MHz>"


def _rebuild(values: dict[str, Any]) -> Acquisition:
    data = values.pop("data")
    return Acquisition(data, **values)


def as_spectrum(data: Spectrum | Acquisition) -> Spectrum:
    """Return a spectrum, taking the only FID of an acquisition that has one."""
    if isinstance(data, Spectrum):
        return data
    if isinstance(data, Acquisition):
        return data.spectrum()
    msg = f"expected a neurochem.mrs.Spectrum or Acquisition, got {type(data).__name__}; read a file with neurochem.mrs.read"
    raise InputError(msg)


@checked_arguments
def noise_sd(spectrum: Spectrum, ppm: tuple[float, float] = (-2.5, -0.5)) -> float:
    """Return the noise standard deviation of the real (and of the imaginary) part of `spectrum.spectrum`.

    Parameters
    ----------
    spectrum : Spectrum
        What to measure.
    ppm : tuple of float
        A range without signal, lower and upper edge; the part inside the inner 90 % of the band is used.

    Returns
    -------
    float
        Root mean square of both parts after removal of a cubic trend (tails of strong lines are smooth there), per
        degree of freedom.  Where fewer than 40 points lie in the range, the last fifth of the FID is used instead.

    References
    ----------
    The range is that of ABfit (Wilson 2021, Magn Reson Med 85:13); a trend is removed as in Kreis 2021, NMR Biomed
    34:e4347.
    """
    shifts = spectrum.ppm
    inner = np.abs(spectrum.frequency_hz) <= 0.45 / spectrum.dwell_s
    inside = inner & (shifts >= min(ppm)) & (shifts <= max(ppm))
    if np.count_nonzero(inside) >= 40:
        return _detrended_sd(spectrum.spectrum[inside])
    tail = spectrum.fid[-max(spectrum.points // 5, 8) :]
    return _detrended_sd(tail) * math.sqrt(spectrum.points)


def _detrended_sd(values: ComplexArray) -> float:
    trend = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, values.size), 4))[0]
    left = values - trend @ (trend.T @ values)
    return float(np.sqrt(np.sum(np.abs(left) ** 2) / (2.0 * (values.size - 4))))
