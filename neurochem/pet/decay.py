"""Radioactive decay: half-lives and the exact factors of frames."""

import math

import numpy as np

from neurochem.arguments import argument_error, check_same_length, checked_arguments
from neurochem.errors import unknown_name
from neurochem.units import FloatArray

# NUBASE2020 evaluated half-lives in minutes; 15O from memory, unchecked.
HALF_LIFE_MIN = {"C11": 20.3402, "F18": 109.734, "O15": 122.266 / 60.0}


def isotope_name(name: str) -> str:
    """Return the short name of an isotope: "C11" for "11C", "C-11", "carbon-11" or "[11C]".

    Raises
    ------
    UnknownNameError
        If it is none of the isotopes with a half-life here.
    """
    text = str(name).casefold().replace("carbon", "c").replace("fluorine", "f").replace("oxygen", "o")
    letters = "".join(character for character in text if character.isalpha()).upper()
    digits = "".join(character for character in text if character.isdigit())
    if letters + digits not in HALF_LIFE_MIN:
        raise unknown_name(name, HALF_LIFE_MIN, kind="isotope", remedy="Check TracerRadionuclide in the sidecar.")
    return letters + digits


@checked_arguments
def decay_constant_per_min(isotope: str) -> float:
    """Return ln 2 / half-life in 1/min."""
    return math.log(2.0) / HALF_LIFE_MIN[isotope_name(isotope)]


@checked_arguments
def frame_decay_factor(start_min: FloatArray, duration_min: FloatArray, isotope: str) -> FloatArray:
    """Return what refers the measured mean of each frame to time zero.

    Parameters
    ----------
    start_min, duration_min : array, shape (n_frames,)
        Frame times in minutes after the reference time; durations may be zero.
    isotope : str
        Name known to `isotope_name`.

    Returns
    -------
    array, shape (n_frames,)
        lambda d / (exp(-lambda t) - exp(-lambda (t + d))), with the limit exp(lambda t) for d = 0.

    Notes
    -----
    Exact for an activity that is constant within the frame but for decay, as scanners assume.

    Examples
    --------
    >>> import numpy as np
    >>> frame_decay_factor(np.array([0.0, 20.3402]), np.array([0.0, 0.0]), "C11").round(6).tolist()
    [1.0, 2.0]
    """
    rate = decay_constant_per_min(isotope)
    start, duration = np.asarray(start_min, dtype=float), np.asarray(duration_min, dtype=float)
    if np.isinf(duration).any():
        raise argument_error(duration_min, "duration_min", "finite durations in minutes")
    check_same_length("frame_decay_factor", start_min=start, duration_min=duration)
    x = rate * duration
    # (1 - exp(-x))/x without loss of digits in short frames
    shrink = np.where(x > 0, -np.expm1(-x) / np.where(x > 0, x, 1.0), 1.0)
    return np.exp(rate * start) / shrink
