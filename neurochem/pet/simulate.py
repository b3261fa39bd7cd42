"""Curves of known truth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, checked_arguments
from neurochem.errors import InputError
from neurochem.pet.blood import ArterialInput
from neurochem.pet.curves import Curve
from neurochem.pet.frames import Frames
from neurochem.pet.model import MODELS
from neurochem.pet.plasma_blood import PlasmaAndBlood
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.view import FrameView, PointView
from neurochem.units import FloatArray, seconds_to_minutes


@checked_arguments
def simulate(
    model: str,
    frames: Frames | None = None,
    parameters: Mapping[str, float] | None = None,
    *,
    reference: Curve | TimeActivityCurves | ArrayLike | None = None,
    blood: Curve | None = None,
    times_s: ArrayLike | None = None,
) -> FloatArray:
    """Return a noise-free tissue curve.

    Parameters
    ----------
    model : str
        Name as listed by `models()`.
    frames : Frames, optional
        Frames whose exact means are returned; left out with `times_s`.
    parameters : mapping of str to float
        Parameters of the model, for example {"R1": 1, "k2": 0.1, "BPND": 2}; rates in 1/min.
    reference, blood : Curve, frame means, or TimeActivityCurves of one region
        The input. Frame means are made continuous first, so they need `frames`.
    times_s : array_like, optional
        Return values at these times in seconds instead of frame means.

    Returns
    -------
    array, shape (n_frames,) or (n_times,)
        Activity in the unit of the input.

    Raises
    ------
    UnknownNameError, InputError
        If the model, a parameter or the input is missing or does not fit.
    """
    kinetic = MODELS[model]
    if parameters is None:
        msg = f"parameters are missing; give those of {kinetic.name}: {', '.join(kinetic.parameters)}"
        raise InputError(msg)
    given = reference if kinetic.inputs == "reference" else blood
    if given is None:
        keyword = "reference" if kinetic.inputs == "reference" else "blood"
        msg = f"{kinetic.name} needs {keyword}=: a continuous curve (Feng, ArterialInput) or frame means"
        raise InputError(msg)
    if (frames is None) == (times_s is None):
        msg = "give either frames (for frame means) or times_s (for values at times), not both and not neither"
        raise InputError(msg)
    curve = _continuous(given, frames)
    vessels = blood if kinetic.inputs == "reference" else None
    if times_s is not None:
        times = np.atleast_1d(seconds_to_minutes(times_s))
        if times.ndim != 1 or not np.isfinite(times).all():
            raise argument_error(times_s, "times_s", "a flat list of finite times in seconds")
        until = float(np.max(times, initial=0.0)) * 60.0
        return kinetic.predict(parameters, PointView(times, *_curves(curve, until, vessels)))
    assert frames is not None
    return kinetic.predict(parameters, FrameView(frames, *_curves(curve, float(frames.end_s[-1]), vessels)))


def _curves(curve: Curve, until_s: float, vessels: Curve | None) -> tuple[Curve, Curve | None]:
    """Return input and whole blood, which plasma input carries and a reference region is given beside."""
    if vessels is not None:
        return curve, vessels.blood(until_s) if isinstance(vessels, ArterialInput | PlasmaAndBlood) else vessels
    if isinstance(curve, ArterialInput | PlasmaAndBlood):
        return curve.parent(until_s), curve.blood(until_s)
    return curve, None


def _continuous(given: Any, frames: Frames | None) -> Curve:
    if isinstance(given, Curve):
        return given
    if isinstance(given, TimeActivityCurves):
        return FrameSpline(given.frames).curve(given.activity[:, 0])
    means = np.asarray(given, dtype=float)
    if frames is None or means.shape != (len(frames),):
        msg = f"an input given as frame means needs frames and one value for each of them; got shape {means.shape}"
        raise InputError(msg)
    return FrameSpline(frames).curve(means)
