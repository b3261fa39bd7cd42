"""Radio-frequency pulses: shapes, files, profiles and what they do to coupled spins."""

from neurochem.mrs.pulses.calibration import calibrated, dual_band
from neurochem.mrs.pulses.profile import Profile
from neurochem.mrs.pulses.reading import read_pulse
from neurochem.mrs.pulses.registry import SHAPES, pulse, pulse_shapes
from neurochem.mrs.pulses.waveform import ShapedPulse

__all__ = [
    "SHAPES",
    "Profile",
    "ShapedPulse",
    "calibrated",
    "dual_band",
    "pulse",
    "pulse_shapes",
    "read_pulse",
]
