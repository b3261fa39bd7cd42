"""Inputs and framings that the PET tests share; truth comes from closed forms, not from files."""

import numpy as np

from neurochem.pet import Feng, Frames, TimeActivityCurves

# Feng, Huang and Wang (1993), FDG example; the simulated input of the field's comparisons has no delay.
FENG = Feng(A1=851.1225, A2=21.8798, A3=20.8113, L1=4.133859, L2=0.1191, L3=0.01043)


def framing(*parts: tuple[int, float]) -> Frames:
    durations = np.concatenate([[seconds] * count for count, seconds in parts]).astype(float)
    return Frames(np.concatenate([[0.0], np.cumsum(durations)[:-1]]), durations)


FRAMINGS = {
    "15 s to 7 min": framing((4, 15), (4, 30), (4, 60), (5, 120), (9, 300), (4, 420)),
    "20 s to 5 min": framing((6, 20), (4, 60), (4, 120), (15, 300)),
    "10 s to 5 min": framing((6, 10), (4, 30), (4, 60), (5, 120), (15, 300)),
}


def reference_curve(k2prime: float = 0.1, k1: float = 0.1, feng: Feng = FENG):
    return feng.convolved(k1, k2prime)


def curves(frames: Frames, target: np.ndarray, reference: np.ndarray, **keywords) -> TimeActivityCurves:
    return TimeActivityCurves(frames, np.column_stack([reference, target]), regions=["reference", "target"], **keywords)
