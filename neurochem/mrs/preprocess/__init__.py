"""From the FIDs of a scan to one spectrum: named steps, each recorded with what it did."""

from neurochem.mrs.preprocess.noise import NoiseLevel
from neurochem.mrs.preprocess.pipeline import DEFAULT_STEPS, Preprocessed, Step, preprocess
from neurochem.mrs.preprocess.state import STEPS, Done, State, Trace

__all__ = ["DEFAULT_STEPS", "STEPS", "Done", "NoiseLevel", "Preprocessed", "State", "Step", "Trace", "preprocess"]
