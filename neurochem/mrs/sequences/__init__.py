"""Sequences as lists of events, and the engine that propagates spins through them."""

from neurochem.mrs.sequences.base import SEQUENCES, PulseSequence, make_sequence
from neurochem.mrs.sequences.engine import simulate_lines_of
from neurochem.mrs.sequences.events import (
    RF,
    Average,
    Delay,
    Event,
    Filter,
    IdealPulse,
    Pulse,
    Recovery,
    SlicePulse,
    pulse_events,
)
from neurochem.mrs.sequences.projection import slice_pulse

__all__ = [
    "RF",
    "SEQUENCES",
    "Average",
    "Delay",
    "Event",
    "Filter",
    "IdealPulse",
    "Pulse",
    "PulseSequence",
    "Recovery",
    "SlicePulse",
    "make_sequence",
    "pulse_events",
    "simulate_lines_of",
    "slice_pulse",
]
