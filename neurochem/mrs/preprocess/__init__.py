"""From the FIDs of a scan to one spectrum: named steps, each recorded with what it did."""

from neurochem.mrs.preprocess.pipeline import Preprocessed, Step, preprocess
from neurochem.mrs.preprocess.steps import STEPS, State

__all__ = ["STEPS", "Preprocessed", "State", "Step", "preprocess"]
