"""Slice-selective pulses in space: positions along one axis at a time.

The slices of two refocusing pulses lie along different axes, and what happens between them is linear in the density
matrix and the same at every position.  The average over x may therefore be taken after the first pulse and the one over y
after the second: n_x + n_y positions give what n_x n_y would (Zhang 2017, Med Phys 44:4169; Landheer 2020, NMR Biomed
33:e4129; pages of both unchecked).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.mrs.pulses.waveform import ShapedPulse
from neurochem.mrs.sequences.events import Pulse, SlicePulse
from neurochem.mrs.spins.system import SpinSystem
from neurochem.units import ComplexArray, FloatArray

_POINTS, _EXTENT, _SLICE_PPM = 61, 3.0, 3.0
_AXES = {"refocusing_1": "points_x", "refocusing_2": "points_y", "refocusing_3": "points_z"}
_SPATIAL = (*_AXES.values(), "extent", "slice_ppm")
_OTHER_NAMES = {"edit_pulse": "editing", "edit_pulse_both": "editing_both"}


@dataclass(frozen=True, slots=True)
class PositionedPulse:
    """A pulse at several positions of its slice gradient.

    Parameters
    ----------
    pulse : Pulse
        What a spin feels.
    carrier_ppm : float
        Shift of the carrier, for which the slice is where it should be.
    width_hz : float
        The slice in units of frequency.
    rephased : bool
        Whether half of the gradient's area is turned round after the pulse: excitation by a pulse symmetric in time.
    """

    pulse: Pulse
    carrier_ppm: float
    width_hz: float
    rephased: bool = False

    @property
    def duration_s(self) -> float:
        """Length of the pulse (s); the rephasing gradient takes no time."""
        return self.pulse.duration_s

    def propagators(self, system: SpinSystem, offsets_hz: FloatArray) -> ComplexArray:
        """Return the pulse's propagators, shape (n_offsets, D, D).

        Raises
        ------
        InputError
            If the slice of a spin, displaced by its shift, reaches beyond the positions.
        """
        carrier_hz = (self.carrier_ppm - system.reference_ppm) * system.larmor_mhz
        gradient_hz = np.asarray(offsets_hz, dtype=float) + carrier_hz
        if gradient_hz.size > 1:
            self._check_range(gradient_hz, system.offsets_hz - carrier_hz, system)
        unitary = self.pulse.propagators(system, offsets_hz)
        if not self.rephased:
            return unitary
        turn = np.exp(1j * np.pi * self.duration_s * np.multiply.outer(gradient_hz, system.space.total_m))
        return turn[:, :, None] * unitary

    def _check_range(self, gradient_hz: FloatArray, distance_hz: FloatArray, system: SpinSystem) -> None:
        # positions are the middles of equal intervals
        half = 0.5 * np.ptp(gradient_hz) * gradient_hz.size / (gradient_hz.size - 1)
        needed = 0.5 * self.width_hz + np.abs(distance_hz)
        far = int(np.argmax(needed))
        # a hundredth of a slice for rounding and heteronuclear couplings
        if needed[far] > half + 0.01 * self.width_hz:
            msg = (
                f"slice of {self.width_hz:.4g} Hz around {self.carrier_ppm:g} ppm: a spin at {system.ppm[far]:.3f} ppm is "
                f"displaced by {abs(distance_hz[far]) / self.width_hz:.2f} slices, beyond positions over "
                f"{2 * half / self.width_hz:.3g} slices. Give extent={2.2 * needed[far] / self.width_hz:.2g} or more, and "
                "more points, or a broader pulse."
            )
            raise InputError(msg)

    def fingerprint(self) -> str:
        """Return the pulse's, and whether it is rephased."""
        return f"{'rephased' if self.rephased else 'positioned'} {self.carrier_ppm!r} {self.pulse.fingerprint()}"


@checked_arguments
def slice_pulse(
    pulse: ShapedPulse, *, points: int = _POINTS, extent: float = _EXTENT, slice_ppm: float = _SLICE_PPM
) -> SlicePulse:
    """Return a pulse in the gradient of its slice.

    Parameters
    ----------
    pulse : ShapedPulse
        Its `bandwidth_hz` is the nominal slice.
    points : int
        Positions; 1 is the middle of the slice alone.  41 or more resolve the edges of common pulses.
    extent : float
        Range of the positions in units of the slice; it must hold the slice of every spin as displaced by its shift, and
        should hold the soft edges too.
    slice_ppm : float
        Shift for which the slice is where it should be; others are displaced by their distance over the bandwidth.

    Returns
    -------
    SlicePulse
        Positions x at the middles of equal intervals, offset bandwidth x.  The average is an integral over x in units of
        the slice: one unit a proton in the nominal slice, so that a pulse with soft edges and imperfect refocusing
        leaves somewhat less, as it does in the scanner.

    Raises
    ------
    InputError
        If the positions cannot mean anything; on use, if a spin's slice reaches beyond them.
    """
    if not (isinstance(points, int | np.integer) and 1 <= points <= 10_000):
        msg = f"{pulse.name}: points is {points!r}; the number of positions must be a whole number from 1 to 10000."
        raise InputError(msg)
    if not (math.isfinite(extent) and 1.0 <= extent <= 20.0):
        msg = f"{pulse.name}: extent is {extent}; the range of positions must be 1 to 20 times the slice."
        raise InputError(msg)
    if not math.isfinite(slice_ppm):
        msg = f"{pulse.name}: slice_ppm is {slice_ppm}; it must be a shift in ppm."
        raise InputError(msg)
    places = extent * (np.arange(points) - 0.5 * (points - 1)) / points
    weight = 1.0 if points == 1 else extent / points
    width = pulse.bandwidth_hz
    placed = PositionedPulse(pulse, float(slice_ppm), width, rephased=pulse.purpose == "excitation")
    offsets = tuple(float(place) * width for place in places)
    return SlicePulse(placed, offsets, (weight,) * int(points), slice_ppm)


def with_slices(name: str, fields: Collection[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a sequence with one shaped pulse for all its refocusing made into slices.

    Parameters
    ----------
    name, fields : str, collection of str
        The sequence and the options that it takes itself.
    options : mapping
        May hold `refocusing` (a ShapedPulse, or None for ideal ones), `points_x`, `points_y`, `points_z` (positions of
        the first, second and third axis), `extent` and `slice_ppm` of `slice_pulse`, and `edit_pulse` and
        `edit_pulse_both` as other names of `editing` and `editing_both`.

    Raises
    ------
    InputError
        If positions are given without a pulse, a pulse is given twice, or it is not a shaped pulse.
    """
    slots = [slot for slot in _AXES if slot in fields]
    out = {_renamed(name, key, fields, options): value for key, value in options.items()}
    pulse = out.pop("refocusing", None) if slots else None
    spatial = {key: out.pop(key) for key in _SPATIAL if slots and key in out and key not in fields}
    if pulse is None:
        if spatial:
            msg = (
                f"sequence {name}: {', '.join(spatial)} given without a shaped pulse; ideal pulses act alike everywhere. "
                "Give refocusing=neurochem.mrs.pulse(...), or leave them out."
            )
            raise InputError(msg)
        return out
    if not isinstance(pulse, ShapedPulse) or any(slot in out for slot in slots):
        msg = (
            f"sequence {name}: refocusing is {type(pulse).__name__}; it must be one ShapedPulse, for all of "
            f"{', '.join(slots)}. Make it with neurochem.mrs.pulse or read_pulse, or give those instead of it."
        )
        raise InputError(msg)
    shared = {key: spatial[key] for key in ("extent", "slice_ppm") if key in spatial}
    for slot in slots:
        out[slot] = slice_pulse(pulse, points=spatial.get(_AXES[slot], _POINTS), **shared)
    unused = [key for key in spatial if key not in shared and key not in [_AXES[slot] for slot in slots]]
    if unused:
        msg = f"sequence {name}: {', '.join(unused)} given, but its slices have {len(slots)} axes. Leave it out."
        raise InputError(msg)
    return out


def _renamed(name: str, key: str, fields: Collection[str], options: Mapping[str, Any]) -> str:
    """Return the sequence's own name of an option."""
    own = _OTHER_NAMES.get(key, key)
    if own == key or own not in fields:
        return key
    if own in options:
        msg = f"sequence {name}: {key} and {own} are the same option; give one of them."
        raise InputError(msg)
    return own
