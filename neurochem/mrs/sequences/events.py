"""What a sequence is made of: pulses, delays, coherence filters, and averages over positions.

A sequence is a list of these events between equilibrium and the start of acquisition.  Delays run from centre to centre
of pulses; whoever propagates subtracts half the duration of the pulse on each side.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from neurochem.mrs.spins.operators import spin_rotation
from neurochem.mrs.spins.system import SpinSystem
from neurochem.units import ComplexArray, FloatArray


@runtime_checkable
class Pulse(Protocol):
    """What every pulse must offer, ideal or shaped.

    Attributes
    ----------
    duration_s : float
        Length of the pulse (s), 0 for an ideal one.
    """

    @property
    def duration_s(self) -> float:
        """Length of the pulse (s)."""

    def propagators(self, system: SpinSystem, offsets_hz: FloatArray) -> ComplexArray:
        """Return the propagators of the pulse with its axis along x, shape (n_offsets, D, D).

        Parameters
        ----------
        system : SpinSystem
            Spins; `system.hamiltonian` is H0 (rad/s) in the frame of `system.reference_ppm`.
        offsets_hz : array, shape (n_offsets,)
            Frequencies added to every spin (2 pi offset F_z) while the pulse is on: position in a slice gradient, or the
            distance of the carrier from the frame.

        Notes
        -----
        H0 and couplings act during the pulse.  The matrices are those of the frame in which the carrier does not move,
        with the phase of the pulse zero at its centre; whoever propagates returns to the common frame.
        """

    def fingerprint(self) -> str:
        """Return text that differs for pulses that act differently; it is part of the key of the disk cache."""


@dataclass(frozen=True, slots=True)
class IdealPulse:
    """Rotation without duration of all spins, or of the spins inside bands of shift.

    Parameters
    ----------
    flip_deg : float
        Angle; the axis is x before `RF.phase_deg` turns it.
    bands_ppm : tuple of (float, float), optional
        Only spins with shifts inside one of the bands are turned; None turns all.
    """

    flip_deg: float
    bands_ppm: tuple[tuple[float, float], ...] | None = None

    @property
    def duration_s(self) -> float:
        """Zero."""
        return 0.0

    def rotations(self, system: SpinSystem, phase_deg: float = 0.0) -> list[ComplexArray | None]:
        """Return the rotation of each spin, shape (2 K + 1, 2 K + 1); None where the pulse does nothing."""
        angles = np.radians(self.flip_deg), np.radians(phase_deg)
        inside = [
            self.bands_ppm is None or any(low <= shift <= high for low, high in self.bands_ppm) for shift in system.ppm
        ]
        return [
            spin_rotation(spin, *map(float, angles)) if turned else None
            for spin, turned in zip(system.spins, inside, strict=True)
        ]

    def propagators(self, system: SpinSystem, offsets_hz: FloatArray) -> ComplexArray:
        """Return the same matrix for every offset, shape (n_offsets, D, D)."""
        matrix = np.ones((1, 1), dtype=complex)
        for spin, rotation in zip(system.spins, self.rotations(system), strict=True):
            matrix = np.kron(matrix, np.eye(round(2 * spin) + 1) if rotation is None else rotation)
        return np.broadcast_to(matrix, (len(offsets_hz), *matrix.shape))

    def fingerprint(self) -> str:
        """Return angle and bands."""
        return f"ideal {self.flip_deg!r} {self.bands_ppm!r}"


@dataclass(frozen=True, slots=True)
class SlicePulse:
    """A pulse in a slice gradient: several positions, averaged after it.

    Parameters
    ----------
    pulse : Pulse
        What the spins feel at each position.
    offsets_hz : tuple of float
        gamma G x / 2 pi of each position.
    weights : tuple of float, optional
        Weight of each position in the average; equal weights that add up to 1 by default.
    carrier_ppm : float, optional
        Shift at which the slice is where it should be; the frame's reference by default.
    """

    pulse: Pulse
    offsets_hz: tuple[float, ...] = (0.0,)
    weights: tuple[float, ...] | None = None
    carrier_ppm: float | None = None


@dataclass(frozen=True, slots=True)
class RF:
    """A pulse at its place in a sequence.

    Parameters
    ----------
    pulse : Pulse
        Ideal or shaped.
    phase_deg : float
        Angle of the pulse's axis from x.
    offsets_hz : tuple of float
        One frequency offset a position; the state gets (or already has) as many copies.
    carrier_ppm : float, optional
        Shift of the carrier; the frame's reference by default.  Ideal pulses ignore it.
    """

    pulse: Pulse
    phase_deg: float = 0.0
    offsets_hz: tuple[float, ...] = (0.0,)
    carrier_ppm: float | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Free evolution under shifts and couplings, centre to centre of the neighbouring pulses (s)."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """Free evolution with longitudinal relaxation towards equilibrium, where the molecule's T1 is given (s)."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Keep the elements of one coherence order m_a - m_b: what crushers that dephase fully leave."""

    order: int


@dataclass(frozen=True, slots=True)
class Average:
    """Weighted sum over positions; equal weights that add up to 1 by default.

    Exact between two pulses whose slices lie along different axes, because propagation is linear in the state: two
    averages over n positions replace n x n simulations.
    """

    weights: tuple[float, ...] | None = None


Event: TypeAlias = RF | Delay | Recovery | Filter | Average

EXCITATION = IdealPulse(90.0)
REFOCUSING = IdealPulse(180.0)


def pulse_events(
    pulse: Pulse | SlicePulse,
    order: int,
    *,
    phase_deg: float = 0.0,
    carrier_ppm: float | None = None,
    average: bool = True,
) -> tuple[Event, ...]:
    """Return a pulse, the filter to one coherence order after it, and the average over its positions if it has some.

    `average=False` keeps the positions for the next pulse along the same axis (pairs of adiabatic pulses).
    """
    if not isinstance(pulse, SlicePulse):
        return RF(pulse, phase_deg, (0.0,), carrier_ppm), Filter(order)
    carrier = pulse.carrier_ppm if carrier_ppm is None else carrier_ppm
    rf = RF(pulse.pulse, phase_deg, pulse.offsets_hz, carrier)
    return (rf, Filter(order), Average(pulse.weights)) if average else (rf, Filter(order))


def event_text(event: Event) -> str:
    """Return text that differs for events that act differently."""
    if isinstance(event, RF):
        return f"RF {event.pulse.fingerprint()} {event.phase_deg!r} {event.offsets_hz!r} {event.carrier_ppm!r}"
    return repr(event)
