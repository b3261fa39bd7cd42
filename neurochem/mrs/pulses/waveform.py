"""A radio-frequency pulse: a waveform in slices of constant amplitude and phase."""

import hashlib
import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from neurochem.arguments import checked_fields
from neurochem.errors import InputError, unknown_name
from neurochem.mrs.pulses.bloch import rotation
from neurochem.mrs.pulses.profile import Profile, band_width_hz, reach_hz
from neurochem.mrs.pulses.propagation import Field, kept_propagators
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurochem.mrs.spins.system import SpinSystem

PURPOSES = ("excitation", "refocusing", "inversion")


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class ShapedPulse:
    """A pulse with its amplitude as nutation frequency, so that it means the same at every field strength.

    Parameters
    ----------
    amplitude_hz : array, shape (n_slices,)
        Nutation frequency gamma B1 / 2 pi of each slice (Hz), negative for the opposite phase.
    phase_deg : array, shape (n_slices,)
        Phase of each slice (degrees); 0 is the x axis.  It refers to the middle of the pulse where the pulse is
        played off the centre of the frame.
    duration_s : float
        Duration (s); all slices last equally long.
    purpose : str
        "excitation", "refocusing" or "inversion": what `bandwidth_hz` measures.
    name : str
        For tables, plots and messages.

    Raises
    ------
    InputError
        If the arrays differ in length, are empty, hold NaN, or the duration is not between 0 and 1 s.

    See Also
    --------
    neurochem.mrs.pulses.pulse : shapes by name, calibrated to a flip angle.
    neurochem.mrs.pulses.read_pulse : shapes from files.
    """

    amplitude_hz: FloatArray
    phase_deg: FloatArray
    _: KW_ONLY
    duration_s: float
    purpose: str = "refocusing"
    name: str = "pulse"

    def __post_init__(self) -> None:
        amplitude = frozen_array(np.asarray(self.amplitude_hz, dtype=float) + 0.0)
        phase = frozen_array(np.asarray(self.phase_deg, dtype=float) + 0.0)
        if amplitude.ndim != 1 or amplitude.size == 0 or amplitude.shape != phase.shape:
            msg = (
                f"{self.name}: amplitude_hz has shape {amplitude.shape} and phase_deg {phase.shape}; "
                "give one number of each for every slice."
            )
            raise InputError(msg)
        if not (np.isfinite(amplitude).all() and np.isfinite(phase).all()):
            msg = f"{self.name}: amplitude_hz or phase_deg is not finite; every slice needs both numbers."
            raise InputError(msg)
        if not 0.0 < self.duration_s <= 1.0:
            msg = (
                f"{self.name}: duration_s is {self.duration_s:g}; it must lie between 0 and 1 s. "
                "Give seconds, not milliseconds."
            )
            raise InputError(msg)
        if self.purpose not in PURPOSES:
            raise unknown_name(self.purpose, PURPOSES, kind="purpose of a pulse")
        object.__setattr__(self, "amplitude_hz", amplitude)
        object.__setattr__(self, "phase_deg", phase)

    def __len__(self) -> int:
        """Return the number of slices."""
        return int(self.amplitude_hz.size)

    @property
    def slice_s(self) -> float:
        """Duration of a slice (s)."""
        return self.duration_s / len(self)

    @property
    def time_s(self) -> FloatArray:
        """Middle of each slice (s) from the start of the pulse, shape (n_slices,)."""
        return np.asarray((np.arange(len(self)) + 0.5) * self.slice_s, dtype=float)

    @property
    def phase_rad(self) -> FloatArray:
        """Phase of each slice (rad)."""
        return np.asarray(np.radians(self.phase_deg), dtype=float)

    @property
    def peak_hz(self) -> float:
        """Largest nutation frequency (Hz)."""
        return float(np.abs(self.amplitude_hz).max())

    @property
    def constant_phase(self) -> bool:
        """Whether only the amplitude is modulated."""
        return bool(np.all(self.phase_deg == self.phase_deg[0]))

    @property
    def symmetric(self) -> bool:
        """Whether the waveform is its own mirror image in time."""
        return bool(
            np.array_equal(self.amplitude_hz, self.amplitude_hz[::-1])
            and np.array_equal(self.phase_deg, self.phase_deg[::-1])
        )

    @property
    def flip_deg(self) -> float:
        """Flip angle on resonance (degrees): the area of a pulse of constant phase, else arccos of Mz."""
        if self.constant_phase:
            return abs(360.0 * float(self.amplitude_hz.sum()) * self.slice_s)
        return math.degrees(math.acos(float(np.clip(self.profile(np.zeros(1)).mz[0], -1.0, 1.0))))

    @property
    def content_hash(self) -> str:
        """SHA-256 of waveform and duration: equal pulses have equal hashes, whatever their names."""
        digest = hashlib.sha256()
        for values in (self.amplitude_hz, self.phase_deg, np.array([self.duration_s])):
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()

    def profile(self, offsets_hz: FloatArray | None = None, *, b1_scale: FloatArray | float = 1.0) -> "Profile":
        """Return what the pulse does to uncoupled spins.

        Parameters
        ----------
        offsets_hz : array, shape (n_offsets,), optional
            Frequencies in the frame of the pulse (Hz); by default 401 over all that it acts on.
        b1_scale : float or array, shape (n_offsets,)
            Factor on the amplitude: 1 is the calibrated field.

        Returns
        -------
        Profile
            Mz, transverse magnetisation and refocusing efficiency at each offset, by exact rotation slice by slice.
        """
        if offsets_hz is None:
            offsets_hz = reach_hz(self) * np.linspace(-1.0, 1.0, 401)
        offsets = np.atleast_1d(np.asarray(offsets_hz, dtype=float))
        a, b = rotation(self.amplitude_hz, self.phase_rad, self.slice_s, offsets, b1_scale)
        return Profile(offsets, a, b)

    @property
    def inversion_fwhm_hz(self) -> float:
        """Width (Hz) of the band around the strongest inversion: Mz at its edges is midway between there and +1."""
        return band_width_hz(self, "refocusing")

    @property
    def bandwidth_hz(self) -> float:
        """Width (Hz) at half maximum of |Mxy| for an excitation pulse, of the refocusing efficiency |b|^2 otherwise."""
        return band_width_hz(self, "excitation" if self.purpose == "excitation" else "refocusing")

    def propagators(self, system: "SpinSystem", offsets_hz: FloatArray) -> ComplexArray:
        """Return what the pulse does to coupled spins, shape (n_offsets, D, D).

        Parameters
        ----------
        system : SpinSystem
            Spins, with shifts, couplings and the frame that they are in.
        offsets_hz : array, shape (n_offsets,)
            Frequencies added to every spin while the pulse is on (Hz): position in a slice gradient, less the distance
            of the carrier from the frame.

        Returns
        -------
        complex array, shape (n_offsets, D, D)
            In the frame of the carrier, the pulse's phase zero at its middle; slice by slice to 1e-8.
        """
        field = Field(self.amplitude_hz, self.phase_rad, self.slice_s)
        return kept_propagators(system, field, np.asarray(offsets_hz, dtype=float), self.content_hash)

    def fingerprint(self) -> str:
        """Return text by which a cache tells pulses apart."""
        return f"shaped {self.content_hash}"

    def scaled(self, factor: float) -> "ShapedPulse":
        """Return the pulse with its amplitude multiplied by a factor."""
        return replace(self, amplitude_hz=factor * self.amplitude_hz)

    def with_phase(self, phase_deg: float) -> "ShapedPulse":
        """Return the pulse with a phase added to every slice (degrees)."""
        return replace(self, phase_deg=self.phase_deg + phase_deg)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the profile, with the waveform in an inset; see `neurochem.mrs.pulses.plots.plot_pulse`."""
        from neurochem.mrs.pulses.plots import plot_pulse

        return plot_pulse(self, ax)

    def __repr__(self) -> str:
        """Return name, duration, peak and width on one line."""
        return (
            f"<ShapedPulse {self.name}: {self.purpose}, {1e3 * self.duration_s:g} ms in {len(self)} slices, "
            f"peak {self.peak_hz:.4g} Hz, {self.bandwidth_hz:.4g} Hz wide>"
        )
