"""What a pulse does to uncoupled spins, and the width of the band in which it does so."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from neurochem.errors import InputError
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

if TYPE_CHECKING:
    from neurochem.mrs.pulses.waveform import ShapedPulse


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Rotation of a spin 1/2 at each offset, and what follows from it.

    Parameters
    ----------
    offsets_hz : array, shape (n_offsets,)
        Frequencies in the frame of the pulse (Hz).
    a, b : complex array, shape (n_offsets,)
        Cayley-Klein parameters of U = [[a, -b*], [b, a*]].
    """

    offsets_hz: FloatArray
    a: ComplexArray
    b: ComplexArray

    def __post_init__(self) -> None:
        for name in ("offsets_hz", "a", "b"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    @property
    def mz(self) -> FloatArray:
        """Mz after the pulse from equilibrium, |a|^2 - |b|^2: +1 untouched, -1 inverted."""
        return np.abs(self.a) ** 2 - np.abs(self.b) ** 2

    @property
    def mxy(self) -> ComplexArray:
        """Mx + i My after the pulse from equilibrium, 2 a* b."""
        return 2.0 * self.a.conj() * self.b

    @property
    def refocusing(self) -> FloatArray:
        """Share |b|^2 of transverse magnetisation whose coherence order changes sign: what crushers let pass."""
        return np.abs(self.b) ** 2


@lru_cache(maxsize=128)
def band_width_hz(pulse: "ShapedPulse", measure: str) -> float:
    """Return the full width at half maximum (Hz) of the band that holds the strongest response.

    Parameters
    ----------
    pulse : ShapedPulse
        What to measure.
    measure : str
        "excitation" for |Mxy|, "refocusing" for |b|^2, which is the inverted share (1 - Mz)/2 as well.

    Raises
    ------
    InputError
        If the response nowhere falls to half its maximum within the range that the slices can resolve.
    """

    def response(profile: Profile) -> FloatArray:
        return np.asarray(np.abs(profile.mxy) if measure == "excitation" else profile.refocusing)

    offsets = _resolved_offsets(pulse)
    reach = float(offsets[-1])
    values = response(pulse.profile(offsets))
    best = int(np.argmax(values))
    half = 0.5 * float(values[best])
    below = np.flatnonzero(values < half)
    lower, upper = below[below < best], below[below > best]
    if half <= 0.0 or lower.size == 0 or upper.size == 0:
        msg = (
            f"{pulse.name}: its response does not fall to half within {reach:.4g} Hz of the centre; a width needs a band. "
            "Give the waveform in more slices."
        )
        raise InputError(msg)

    def excess(offset: float) -> float:
        return float(response(pulse.profile(np.array([offset])))[0]) - half

    left = brentq(excess, offsets[lower[-1]], offsets[lower[-1] + 1], xtol=1e-9)
    right = brentq(excess, offsets[upper[0] - 1], offsets[upper[0]], xtol=1e-9)
    return float(right - left)


@lru_cache(maxsize=128)
def reach_hz(pulse: "ShapedPulse") -> float:
    """Return the offset (Hz) beyond which a pulse turns nothing by more than a hundredth, with a third to spare."""
    offsets = _resolved_offsets(pulse)
    touched = pulse.profile(offsets).refocusing > 0.01
    return 1.33 * float(np.abs(offsets[touched]).max(initial=1.0 / pulse.duration_s))


def _resolved_offsets(pulse: "ShapedPulse") -> FloatArray:
    """Return offsets (Hz) that resolve a profile: it cannot vary faster than 1/duration.

    Half the sampling rate of the slices is the largest offset; a pulse of few slices is wider than that.
    """
    if len(pulse) < 8:
        reach, count = 8.0 * len(pulse) / pulse.duration_s, 1025
    else:
        reach, count = 0.5 / pulse.slice_s, int(np.clip(4 * len(pulse), 513, 8193)) | 1
    return np.linspace(-reach, reach, count)
