"""An input function taken from the image: a vessel or the heart as a region."""

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.curves import PiecewisePolynomial
from neurochem.pet.fitted_input import Factor, FittedInput
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.sample_fit import SampleCurve, Samples, sample_axis
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.results import FitResult
from neurochem.units import FloatArray, seconds_to_minutes

_LARGEST_RECOVERY = 1.5


class ImageCurve(SampleCurve):
    """Whole blood rebuilt from the frame means of a region; carries no error of its own.

    Attributes
    ----------
    curve : PiecewisePolynomial
        Continuous, with the region's frame means divided by the recovery.
    result : FitResult
        Without estimates.
    """

    def __init__(self, curve: PiecewisePolynomial, result: FitResult) -> None:
        self.curve = curve
        self.result = result

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return whole blood at times in minutes."""
        return self.curve.values(np.asarray(time_min, dtype=float))

    def stderr(self, time_min: ArrayLike) -> FloatArray:
        """Return NaN: frame means carry no error here."""
        return np.full(np.shape(time_min), np.nan)

    def draw(self, rng: np.random.Generator) -> "ImageCurve":
        """Return the curve itself."""
        del rng
        return self

    @property
    def knots_min(self) -> FloatArray:
        """Edges of frames."""
        return self.curve.nodes


@checked_arguments
def image_input(
    tacs: TimeActivityCurves,
    region: str,
    *,
    recovery: float = 1.0,
    ratio: SampleCurve | None = None,
    parent: SampleCurve | None = None,
) -> FittedInput:
    """Return an input function from a region of the image.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves of the scan, the vessel among them.
    region : str
        Name of the vessel.
    recovery : float
        Share of the true activity that the image shows (partial volume); curves are divided by it.
    ratio : SampleCurve, optional
        Whole blood over plasma (see `fit_blood_to_plasma`); without it plasma is taken to equal whole blood.
    parent : SampleCurve, optional
        Parent fraction (see `fit_parent_fraction`); without it there are taken to be no metabolites.

    Returns
    -------
    FittedInput
        Parent plasma = whole blood / recovery / ratio x parent fraction, continuous, with whole blood in straight lines
        between values at the middle of frames. Ratio and parent fraction carry their errors; the image's noise, spill-in
        and the error of the recovery are not in `stderr`.

    Raises
    ------
    InputError, UnknownNameError
        If the region is unknown, the recovery is not a share, or frames leave gaps.

    Notes
    -----
    The continuous curve is the spline whose frame means are those given (`FrameSpline`); frames much longer than the
    bolus cannot show its peak, however exact the means.
    """
    if not (np.isfinite(recovery) and 0 < recovery <= _LARGEST_RECOVERY):
        msg = f"recovery is {recovery}; it must lie between 0 and {_LARGEST_RECOVERY}: the share of activity the image shows"
        raise InputError(msg)
    means = tacs[region]
    gaps = tacs.frames.gaps_s()
    if gaps:
        place = f"{tacs.where}: " if tacs.where else ""
        msg = (
            f"{place}frames leave {gaps[0][0]:g} to {gaps[0][1]:g} s uncovered; an input needs the whole time from injection. "
            "Use blood samples, or a curve of another scan"
        )
        raise InputError(msg)
    measured = tacs.frames.measured
    frames = tacs.frames.select(measured)
    curve = FrameSpline(frames).curve(means[measured] / recovery)
    samples = Samples(frames.mid_s, means[measured] / recovery, name=region, unit="kBq/mL", where=tacs.where)
    result = FitResult(
        model="image-derived", name=region, estimates={}, axis=sample_axis(samples), data=samples.values,
        fitted=samples.values, weights=samples.weights, used=samples.used, settings={"recovery": float(recovery)},
    )  # fmt: skip
    factors = [Factor("whole blood", ImageCurve(curve, result))]
    factors += [Factor("ratio", ratio, -1)] if ratio is not None else []
    factors += [Factor("parent fraction", parent)] if parent is not None else []
    time = np.concatenate([[0.0], frames.mid_s, frames.end_s[-1:]])
    return FittedInput(tuple(factors), time, curve.values(seconds_to_minutes(time)), where=tacs.where)
