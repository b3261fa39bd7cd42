"""Weights of frames. One definition everywhere: one over variance, up to a factor."""

import numpy as np

from neurochem.arguments import argument_error, checked_arguments
from neurochem.pet.decay import frame_decay_factor
from neurochem.pet.frames import Frames
from neurochem.units import FloatArray

# Activity below this share of its peak counts as this share: an empty early frame must not take all the weight.
ACTIVITY_FLOOR = 0.01


@checked_arguments
def counting_weights(frames: Frames, activity: FloatArray, isotope: str | None, *, relative: bool = True) -> FloatArray:
    """Return weights from counting statistics: duration / (activity x decay factor).

    Parameters
    ----------
    frames : Frames
        Frames.
    activity : array, shape (n_frames,)
        Decay-corrected activity of a large region, so that noise does not feed back into the weights.
    isotope : str or None
        None leaves the decay out.
    relative : bool
        Whether to scale the largest weight to 1.

    Returns
    -------
    array, shape (n_frames,)
        Frames of zero length get 0.

    Notes
    -----
    Undecayed counts are Poisson: var(C) is proportional to C D/d with D the exact decay factor of the frame. Activity is
    floored at 1 % of its peak.
    """
    activity = np.asarray(activity, dtype=float)
    if activity.shape not in ((), (len(frames),)) or np.isinf(activity).any():
        raise argument_error(activity, "activity", f"{len(frames)} numbers without infinities, one a frame")
    peak = float(np.max(activity, initial=0.0))
    floored = np.maximum(activity, ACTIVITY_FLOOR * peak) if peak > 0 else np.ones(len(frames))
    decay = 1.0 if isotope is None else frame_decay_factor(frames.start_min, frames.duration_min, isotope)
    weights = frames.duration_min / (floored * decay)
    return weights / np.max(weights) if relative else weights
