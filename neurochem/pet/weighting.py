"""Frame weights in use in the field, by name. One definition everywhere: one over variance, up to a factor."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.decay import decay_constant_per_min, frame_decay_factor, isotope_name
from neurochem.pet.frames import Frames
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.weights import ACTIVITY_FLOOR
from neurochem.registry import Registry
from neurochem.units import FloatArray


@dataclass(frozen=True, eq=False)
class FrameNoise:
    """What a weight formula may use; `select` has left out frames of zero length.

    Attributes
    ----------
    duration : array, shape (n,)
        d, in minutes.
    activity : array, shape (n,)
        C, decay corrected, floored at 1 % of its peak; ones where no activity was given.
    decay : array, shape (n,)
        D, the exact factor that corrected the frame for decay; ones without an isotope.
    middle_decay : array, shape (n,)
        exp(lambda t) at mid-frame; ones without an isotope.
    counts : array, shape (n,)
        N, true counts up to a factor: those given, otherwise C d / D.
    """

    duration: FloatArray
    activity: FloatArray
    decay: FloatArray
    middle_decay: FloatArray
    counts: FloatArray


@dataclass(frozen=True)
class WeightMethod:
    """A formula for the weight of a frame.

    Attributes
    ----------
    formula : str
        In d, C, D, N and lambda as `FrameNoise` defines them.
    meaning : str
        What variance it stands for, and when that is not counting noise.
    needs : tuple of str
        "activity", "isotope" where the formula holds them.
    function : callable
        From `FrameNoise` to weights, shape (n,).
    """

    formula: str
    meaning: str
    needs: tuple[str, ...]
    function: Callable[[FrameNoise], FloatArray]


WEIGHTS: Registry[WeightMethod] = Registry("frame weight")

_ELSEWHERE = "in use in kinetic-modelling packages (list checked by formula, not against each package)"


def _add(
    name: str, formula: str, meaning: str, needs: tuple[str, ...], function: Callable[[FrameNoise], FloatArray],
    source: str = _ELSEWHERE, aliases: tuple[str, ...] = (),
) -> None:  # fmt: skip
    WEIGHTS.add(
        WeightMethod(formula, meaning, needs, function), name=name, aliases=aliases, reference=source, needs=needs
    )


_BOTH = ("activity", "isotope")
_add(
    "counting", "d / (C D)", "Poisson counts of the frame: var(C) = C D / d", _BOTH,
    lambda n: n.duration / (n.activity * n.decay), source="derived from Poisson counts N = C d / D",
)  # fmt: skip
_add("constant", "1", "equal variance in every frame", (), lambda n: np.ones(n.duration.size), aliases=("uniform",))
_add("duration", "d", "counting noise of a curve that is flat before decay correction", (), lambda n: n.duration)
_add(
    "sqrt_duration", "sqrt(d)", "weaker than counting noise; not an inverse variance", (), lambda n: np.sqrt(n.duration)
)
_add(
    "duration_decay", "d exp(-lambda t_mid)", "counting noise of a flat decay-corrected curve", ("isotope",),
    lambda n: n.duration / n.middle_decay,
)  # fmt: skip
_add(
    "duration_over_activity", "d / C", "counting noise without decay", ("activity",), lambda n: n.duration / n.activity
)
_add(
    "duration_over_rate", "d / (C / D)", "inverse variance of means before decay correction, not of corrected ones", _BOTH,
    lambda n: n.duration * n.decay / n.activity,
)  # fmt: skip
_add(
    "duration_squared_over_rate", "d^2 / (C / D)", "d times the one above; not an inverse variance of frame means", _BOTH,
    lambda n: n.duration**2 * n.decay / n.activity,
)  # fmt: skip
_add(
    "sqrt_counts", "sqrt(d C / D)", "grows with the counts, less than their information; not an inverse variance", _BOTH,
    lambda n: np.sqrt(n.duration * n.activity / n.decay),
)  # fmt: skip
_add(
    "true_counts", "d^2 / (N D^2)", "Poisson counts as the scanner gave them; 'counting' where N = C d / D", _BOTH,
    lambda n: n.duration**2 / (n.counts * n.decay**2),
    source="Yaqub M et al (2006), Phys Med Biol 51:4217 (from memory, unchecked)",
)  # fmt: skip
_add(
    "mid_frame_counting", "d / (C exp(lambda t_mid))", "counting noise with the decay of the middle of the frame", _BOTH,
    lambda n: n.duration / (n.activity * n.middle_decay),
    source="the calculated variance that PMOD documents, c C exp(lambda t) / d", aliases=("pmod",),
)  # fmt: skip


def weight_methods() -> list[dict[str, object]]:
    """Return one record a formula: name, aliases, formula, meaning, what it needs, and source."""
    return [
        {
            "name": entry.name,
            "aliases": entry.aliases,
            "formula": entry.item.formula,
            "meaning": entry.item.meaning,
            "needs": entry.needs,
            "reference": entry.reference,
        }
        for entry in WEIGHTS
    ]


@checked_arguments
def frame_weights(
    tacs_or_frames: TimeActivityCurves | Frames,
    method: str = "counting",
    *,
    activity: ArrayLike | None = None,
    isotope: str | None = None,
    counts: ArrayLike | None = None,
) -> FloatArray:
    """Return the weight of every frame by a named formula.

    Parameters
    ----------
    tacs_or_frames : TimeActivityCurves or Frames
        Curves give activity (mean over regions) and isotope, unless these are given too.
    method : str
        Name as listed by `weight_methods()`, in any case.
    activity : array_like, shape (n_frames,), optional
        Decay-corrected activity C in any unit: of a large region or a fitted curve, so that noise does not feed back
        into the weights. Values below 1 % of the peak count as 1 %.
    isotope : str, optional
        Without one the decay is left out (D = 1).
    counts : array_like, shape (n_frames,), optional
        True counts N of the frames, for "true_counts"; by default C d / D.

    Returns
    -------
    array, shape (n_frames,)
        One over variance up to a factor, the largest 1; frames of zero length get 0.

    Raises
    ------
    UnknownNameError
        If there is no such formula.
    InputError
        If the formula needs an activity that is not given, or a value cannot be used.

    Notes
    -----
    Give the result to `fit(..., weights=...)`. Weights are those of frame means: a graph whose rows are divided by a
    curve needs `graph_weights`. Formulae marked "not an inverse variance" are here to compare with other software.

    Examples
    --------
    >>> from neurochem.pet import Frames
    >>> frame_weights(Frames([0, 60, 120], [60, 60, 240]), "duration").tolist()
    [0.25, 0.25, 1.0]
    """
    entry = WEIGHTS.entry(method)
    frames = tacs_or_frames if isinstance(tacs_or_frames, Frames) else tacs_or_frames.frames
    if isinstance(tacs_or_frames, TimeActivityCurves):
        activity = tacs_or_frames.activity.mean(axis=1) if activity is None else activity
        isotope = tacs_or_frames.isotope if isotope is None else isotope
    if "activity" in entry.needs and activity is None and counts is None:
        msg = (
            f"weights '{entry.name}' = {entry.item.formula} need activity=: the decay-corrected mean of a large region "
            "in each frame. 'duration' needs none."
        )
        raise InputError(msg)
    curve = np.ones(len(frames)) if activity is None else _checked(activity, len(frames), "activity")
    known = None if counts is None else _checked(counts, len(frames), "counts")
    measured = frames.measured
    noise = _noise(frames.select(measured), curve[measured], None if known is None else known[measured], isotope)
    weights = np.zeros(len(frames))
    weights[measured] = entry.item.function(noise)
    return weights / np.max(weights)


@checked_arguments
def graph_weights(weights: ArrayLike, divisor: ArrayLike) -> FloatArray:
    """Return the weights of a graph whose rows are divided by a curve.

    Parameters
    ----------
    weights : array_like, shape (n,)
        Weights of the frame means, one over their variance.
    divisor : array_like, shape (n,)
        What the rows are divided by: the target itself in a Logan plot, the input in a Patlak plot.

    Returns
    -------
    array, shape (n,)
        weights x divisor^2, the largest 1.

    Notes
    -----
    Logan, int C_T = V int C_P + b C_T: the noise of a row is b times that of C_T (the integral is far smoother), so the
    undivided rows have variance b^2 / w and those divided by C_T have b^2 / (w C_T^2). Patlak, C_T / C_P: variance
    1 / (w C_P^2). `fit(..., weights=w)` weights undivided rows and needs no transform: dividing a row by its own
    C_T and weighting it with w C_T^2 is the same regression. Unweighted graphs, the published method and the default
    here, have the weight 1 on divided rows.
    """
    scale = np.asarray(divisor, dtype=float)
    given = np.asarray(weights, dtype=float)
    if given.shape != scale.shape or given.ndim != 1:
        msg = f"weights have shape {given.shape} and the divisor {scale.shape}; give one of each a frame"
        raise InputError(msg)
    scaled = given * scale**2
    if not (np.isfinite(scaled) & (scaled >= 0)).all() or not scaled.any():
        msg = "weights must be finite, not negative and not all zero after the division; check weights and divisor"
        raise InputError(msg)
    return scaled / np.max(scaled)


def _checked(values: ArrayLike, size: int, name: str) -> FloatArray:
    """Return one finite number a frame, or say what is wrong; at least one must be positive."""
    array = np.array(values, dtype=float)
    if array.shape != (size,) or not np.isfinite(array).all() or not (array > 0).any():
        msg = f"{name} must be {size} finite numbers, one a frame, some of them positive; got shape {array.shape}"
        raise InputError(msg)
    return array


def _noise(frames: Frames, activity: FloatArray, counts: FloatArray | None, isotope: str | None) -> FrameNoise:
    """Return the quantities that formulae use, floored where they divide."""
    duration = frames.duration_min
    curve = _floored(activity)
    if isotope is None:
        decay = middle = np.ones(duration.size)
    else:
        name = isotope_name(isotope)
        decay = frame_decay_factor(frames.start_min, duration, name)
        middle = np.exp(decay_constant_per_min(name) * frames.mid_min)
    return FrameNoise(duration, curve, decay, middle, curve * duration / decay if counts is None else _floored(counts))


def _floored(values: FloatArray) -> FloatArray:
    """Return the values, those below 1 % of the peak raised to it: an empty frame must not take all the weight."""
    return np.maximum(values, ACTIVITY_FLOOR * float(np.max(values)))
