"""Propagation of the density matrix through a sequence, and the lines of what is then observed.

rho(0) = F_z; each event maps rho to U rho U^+; the signal is conj(Tr[rho(t) F_+]), which the storage convention asks for
(a shift above the reference has negative frequency).  That conjugation is done here, in `_observed`, and nowhere else.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.sequences.events import RF, Average, Delay, Event, Filter, IdealPulse, Recovery
from neurochem.mrs.spins.lines import Lines, merged_lines
from neurochem.mrs.spins.system import SpinSystem
from neurochem.units import ComplexArray, FloatArray

_SHORTEST_S = -1e-12


def simulate_lines_of(systems: Iterable[SpinSystem], events: Sequence[Event], *, t1_s: float = math.inf) -> Lines:
    """Return the lines that spin systems of one molecule show after a sequence.

    Parameters
    ----------
    systems : iterable of SpinSystem
        Those of `reduced_systems`.
    events : sequence of Event
        From equilibrium to the start of acquisition.
    t1_s : float
        Longitudinal relaxation time (s) during `Recovery`; infinite for none.

    Returns
    -------
    Lines
        One unit a proton at excitation.

    Raises
    ------
    InputError
        If a pulse is longer than the delays around it.

    Notes
    -----
    With H0 = V E V^T, R = V^T rho V and Q = V^T F_+ V the signal is sum_ab R_ab Q_ba exp(-i (E_a - E_b) t), each pair
    of states one line (before equal ones are added up).
    """
    timed = timed_events(events)
    members = list(systems)
    pieces = [_observed(system, propagate(system, timed, t1_s=t1_s)) for system in members]
    frequency = np.concatenate([piece[0] for piece in pieces])
    amplitude = np.concatenate([piece[1] for piece in pieces])
    frequency, amplitude = merged_lines(frequency, amplitude)
    return Lines(frequency, amplitude, larmor_mhz=members[0].larmor_mhz, reference_ppm=members[0].reference_ppm)


def timed_events(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events with every delay shortened by half of the pulse before and of the pulse after it.

    Raises
    ------
    InputError
        If nothing is left of a delay.
    """
    out: list[Event] = []
    for index, event in enumerate(events):
        if not isinstance(event, Delay | Recovery):
            out.append(event)
            continue
        pulses = _pulse_length(reversed(events[:index])), _pulse_length(events[index + 1 :])
        left = event.duration_s - 0.5 * sum(pulses)
        if not (math.isfinite(left) and left >= _SHORTEST_S):
            msg = (
                f"delay {index + 1} of the sequence is {1e3 * event.duration_s:g} ms between the centres of pulses of "
                f"{1e3 * pulses[0]:g} and {1e3 * pulses[1]:g} ms; it must hold half of each. "
                "Give longer echo or mixing times, or shorter pulses."
            )
            raise InputError(msg)
        out.append(type(event)(max(left, 0.0)))
    return tuple(out)


def _pulse_length(events: Iterable[Event]) -> float:
    """Return the duration of the nearest pulse, 0 where a delay or nothing comes first."""
    for event in events:
        if isinstance(event, RF):
            return event.pulse.duration_s
        if isinstance(event, Delay | Recovery):
            return 0.0
    return 0.0


def propagate(system: SpinSystem, events: Iterable[Event], *, t1_s: float = math.inf) -> ComplexArray:
    """Return the density matrix at the start of acquisition, shape (n_positions, D, D).

    Parameters
    ----------
    system : SpinSystem
        Spins.
    events : iterable of Event
        Delays here are what passes between the pulses' edges (`timed_events`).
    t1_s : float
        Relaxation time (s) during `Recovery`.
    """
    equilibrium = system.f_z.astype(complex)
    rho, orders = equilibrium[None], {0}
    everything = set(range(-(len(system.space.blocks) - 1), len(system.space.blocks)))
    for event in events:
        if isinstance(event, RF):
            rho, orders = apply_pulse(system, rho, event), everything
        elif isinstance(event, Filter):
            rho = np.where(system.space.order == event.order, rho, 0.0)
            orders = orders & {event.order}
        elif isinstance(event, Average):
            weights = np.full(len(rho), 1.0 / len(rho)) if event.weights is None else np.array(event.weights)
            rho = np.tensordot(weights, rho, axes=1)[None]
        else:
            rho = evolve(system, rho, event.duration_s, orders)
            if isinstance(event, Recovery) and math.isfinite(t1_s):
                rho = equilibrium + (rho - equilibrium) * math.exp(-event.duration_s / t1_s)
    return rho


def evolve(system: SpinSystem, rho: ComplexArray, duration_s: float, orders: Iterable[int]) -> ComplexArray:
    """Return rho after free evolution; only elements of the given coherence orders are looked at.

    H0 conserves the total m, so that the block between states of m_a and m_b evolves by itself.
    """
    if duration_s == 0.0:
        return rho
    blocks = system.space.blocks
    propagators = [(vectors * np.exp(-1j * duration_s * energies)) @ vectors.T for energies, vectors in system.eigen]
    out = np.zeros_like(rho)
    for order in orders:
        # blocks run from high m to low: order m_a - m_b = position of b - position of a
        for row in range(max(0, -order), min(len(blocks), len(blocks) - order)):
            high, low = blocks[row][:, None], blocks[row + order]
            out[:, high, low] = propagators[row] @ rho[:, high, low] @ propagators[row + order].conj().T
    return out


def apply_pulse(system: SpinSystem, rho: ComplexArray, event: RF) -> ComplexArray:
    """Return U rho U^+ for each position, shape (n_positions, D, D)."""
    if isinstance(event.pulse, IdealPulse):
        copies = max(len(rho), len(event.offsets_hz))
        everywhere = np.broadcast_to(rho, (copies, *rho.shape[1:]))
        return _rotated(system, everywhere, event.pulse.rotations(system, event.phase_deg))
    carrier_hz = 0.0
    if event.carrier_ppm is not None:
        carrier_hz = (event.carrier_ppm - system.reference_ppm) * system.larmor_mhz
    unitary = event.pulse.propagators(system, np.array(event.offsets_hz) - carrier_hz)
    # the carrier's own turning during the pulse, half before and half after its centre, then the axis
    half = np.exp(-1j * np.pi * carrier_hz * event.pulse.duration_s * system.space.total_m)
    turn = np.exp(-1j * np.radians(event.phase_deg) * system.space.total_m)
    unitary = (turn * half)[:, None] * unitary * (turn.conj() * half)[None, :]
    return unitary @ rho @ unitary.conj().swapaxes(-1, -2)


def _rotated(system: SpinSystem, rho: ComplexArray, rotations: Sequence[ComplexArray | None]) -> ComplexArray:
    """Apply one small rotation a spin to both sides of rho, without making the large matrix."""
    shape, count = system.space.shape, len(rho)
    dimension, after = system.dimension, system.dimension
    state = rho
    for size, rotation in zip(shape, rotations, strict=True):
        after //= size
        if rotation is None:
            continue
        rows = state.reshape(-1, size, after * dimension)
        state = np.matmul(rotation, rows).reshape(count, dimension, dimension)
        columns = state.reshape(-1, size, after)
        state = np.matmul(rotation.conj(), columns).reshape(count, dimension, dimension)
    return state


def _observed(system: SpinSystem, rho: ComplexArray) -> tuple[FloatArray, ComplexArray]:
    """Return frequencies (Hz, storage convention) and amplitudes of all transitions that F_+ sees."""
    blocks, raising = system.space.blocks, system.space.raising
    state = rho.mean(axis=0)
    frequencies, amplitudes = [], []
    for high in range(len(blocks) - 1):
        low = high + 1
        (energy_high, vectors_high), (energy_low, vectors_low) = system.eigen[high], system.eigen[low]
        coherence = vectors_low.T @ state[np.ix_(blocks[low], blocks[high])] @ vectors_high
        detected = vectors_high.T @ raising[np.ix_(blocks[high], blocks[low])] @ vectors_low
        amplitudes.append((system.weight * coherence * detected.T).conj().ravel())
        frequencies.append(((energy_low[:, None] - energy_high[None, :]) / (2.0 * np.pi)).ravel())
    return np.concatenate(frequencies), np.concatenate(amplitudes)
