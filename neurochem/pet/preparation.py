"""What all regions of a scan share, checked and prepared once before a fit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, is_numeric_array, is_whole
from neurochem.errors import InputError
from neurochem.pet.blood import ArterialInput
from neurochem.pet.curves import Curve
from neurochem.pet.frames import Frames
from neurochem.pet.model import KineticModel, ScanInputs, Target
from neurochem.pet.options import check_options
from neurochem.pet.plasma_blood import PlasmaAndBlood
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.weighting import frame_weights
from neurochem.pet.weights import counting_weights
from neurochem.quality import Flag
from neurochem.units import BoolArray, FloatArray

# A first frame below this share of the peak means that nothing had arrived before it.
_NOTHING_YET = 0.02
# Beyond these a unit is wrong rather than a protocol or a tracer unusual; chosen here.
_SHORTEST_SCAN_S, _LONGEST_SCAN_S = 300.0, 8 * 3600.0
_SLOWEST_K2PRIME, _FASTEST_K2PRIME = 0.003, 1.5


def scan_inputs(
    tacs: TimeActivityCurves,
    kinetic: KineticModel,
    reference: Any,
    blood: Any,
    weights: ArrayLike | str | None,
    exclude: Sequence[int],
    options: Mapping[str, Any],
) -> ScanInputs:
    """Check and prepare what all regions share."""
    check_options(kinetic, options)
    kept = _kept_frames(tacs, exclude)
    weight, weighting = _weights(tacs, weights)
    weight = np.where(kept, weight, 0.0)
    if np.count_nonzero(weight) < 4:
        msg = f"{tacs.where or 'the scan'}: only {np.count_nonzero(weight)} frames carry weight; a fit needs at least 4"
        raise InputError(msg)
    zero = _starts_at_zero(tacs, kept)
    flags = (*_gap_flags(tacs.frames, weight > 0, zero), *_plausibility(tacs.frames, options))
    if kinetic.inputs == "reference":
        curve, name, spline = _reference_curve(tacs, kinetic, reference, kept, zero)
        return ScanInputs(
            tacs.frames, weight, weighting, curve, name,
            blood=_vascular_curve(tacs.frames, blood), reference_spline=spline, reference_frames=kept,
            start_is_zero=zero, options=options, flags=flags,
        )  # fmt: skip
    curve, whole, more = _plasma_curves(tacs.frames, kinetic, blood)
    return ScanInputs(
        tacs.frames, weight, weighting, curve, "plasma",
        blood=whole, start_is_zero=zero, options=options, flags=(*flags, *more),
    )  # fmt: skip


def region_target(tacs: TimeActivityCurves, inputs: ScanInputs, region: str) -> Target:
    """Return a region with the noise of its frames and of the reference's, in one unit.

    Counting noise follows the region's own activity and falls with its voxels; regions without voxel counts are taken
    to be of equal size. Weights that were given stand for the noise of target and reference alike.
    """
    counts = dict(
        zip(tacs.regions, tacs.voxels if tacs.voxels is not None else np.ones(len(tacs.regions)), strict=True)
    )
    reference = inputs.input_name if inputs.input_name in tacs.regions else None

    def noise(name: str | None, means: FloatArray) -> FloatArray:
        size = float(counts[name] if name is not None else counts[region])
        if not inputs.weighting.startswith("counting"):
            precision = inputs.weights
        else:
            precision = counting_weights(tacs.frames, means, tacs.isotope, relative=False)
        usable = inputs.kept & (precision > 0)
        return np.where(usable, 1.0 / np.sqrt(np.where(usable, precision, 1.0) * size), 0.0)

    shared = None if inputs.reference_spline is None else noise(reference, inputs.view.input)
    return Target(region, tacs[region], noise(region, tacs[region]), shared)


def _plausibility(frames: Frames, options: Mapping[str, Any]) -> tuple[Flag, ...]:
    """Return warnings about units: a scan of seconds or days, a washout rate that no tracer has."""
    flags = []
    last = float(frames.end_s[-1])
    if not _SHORTEST_SCAN_S <= last <= _LONGEST_SCAN_S:
        flags.append(Flag("implausible_times", f"the scan ends at {last:g} s; are the times in another unit?"))
    value = options.get("k2prime")
    if value is not None and not _SLOWEST_K2PRIME <= float(value) <= _FASTEST_K2PRIME:
        message = f"k2prime is {value:g} 1/min, outside {_SLOWEST_K2PRIME:g} to {_FASTEST_K2PRIME:g}; is it per second?"
        flags.append(Flag("implausible_k2prime", message))
    return tuple(flags)


def _kept_frames(tacs: TimeActivityCurves, exclude: Sequence[int]) -> BoolArray:
    kept = tacs.frames.measured.copy()
    for index in exclude:
        if not is_whole(index):
            raise argument_error(exclude, "exclude", f"numbers of frames, whole, from 0 to {len(tacs.frames) - 1}")
        if not 0 <= int(index) < len(tacs.frames):
            msg = f"exclude names frame {index}; frames count from 0 to {len(tacs.frames) - 1}"
            raise InputError(msg)
        kept[int(index)] = False
    return kept


def _weights(tacs: TimeActivityCurves, weights: ArrayLike | str | None) -> tuple[FloatArray, str]:
    if isinstance(weights, str):
        return frame_weights(tacs, weights), f"{weights} (formula)"
    if weights is None and tacs.weights is not None:
        return np.asarray(tacs.weights), "stored with the curves"
    if weights is None:
        text = "counting statistics (duration, decay, mean activity floored at 1 % of its peak)"
        return counting_weights(tacs.frames, tacs.activity.mean(axis=1), tacs.isotope), text
    given = np.array(weights, dtype=float) if is_numeric_array(weights) else np.empty(0)
    if given.shape != (len(tacs.frames),) or not (np.isfinite(given) & (given >= 0)).all() or not given.any():
        msg = (
            f"weights must be {len(tacs.frames)} finite numbers, not negative and not all zero: one over the variance of each "
            f"frame; got shape {given.shape}"
        )
        raise InputError(msg)
    return given, "given"


def _starts_at_zero(tacs: TimeActivityCurves, kept: BoolArray) -> bool:
    """Say whether a late first frame still holds (almost) nothing, or a zero-length frame says that it began at zero."""
    first = int(np.flatnonzero(kept)[0])
    peaks = np.max(np.abs(tacs.activity), axis=0)
    return bool((np.abs(tacs.activity[first]) <= _NOTHING_YET * peaks).all())


def _gap_flags(frames: Frames, kept: BoolArray, zero: bool) -> tuple[Flag, ...]:
    gaps = frames.select(kept).gaps_s()
    if gaps and gaps[0][0] == 0.0 and zero:
        gaps = gaps[1:]
    return tuple(
        Flag("bridged", f"no frame covers {a:g} to {b:g} s; curves were bridged there by the smoothest continuation")
        for a, b in gaps
    )


def _reference_curve(
    tacs: TimeActivityCurves, kinetic: KineticModel, reference: Any, kept: BoolArray, zero: bool
) -> tuple[Curve, str, FrameSpline | None]:
    if reference is None:
        msg = f"{kinetic.name} needs a reference: the name of a region ({', '.join(tacs.regions)}), frame means or a curve"
        raise InputError(msg)
    if isinstance(reference, Curve):
        return reference, "reference", None
    if isinstance(reference, str):
        means, name = tacs[reference], reference
    elif isinstance(reference, TimeActivityCurves):
        if len(reference.regions) != 1 or len(reference.frames) != len(tacs.frames):
            msg = f"a reference TAC must have one region and the scan's {len(tacs.frames)} frames; got {reference!r}"
            raise InputError(msg)
        means, name = reference.activity[:, 0], reference.regions[0]
    else:
        if not is_numeric_array(reference):
            raise argument_error(
                reference, "reference", "the name of a region, frame means in kBq/mL, a TAC or a curve"
            )
        means, name = np.array(reference, dtype=float), "reference"
    if means.shape != (len(tacs.frames),) or not np.isfinite(means).all() or not means.any():
        msg = f"the reference must be {len(tacs.frames)} finite frame means in kBq/mL, not all zero; got shape {means.shape}"
        raise InputError(msg)
    spline = FrameSpline(tacs.frames.select(kept), start_is_zero=zero)
    return spline.curve(means[kept]), name, spline


def _vascular_curve(frames: Frames, blood: Any) -> Curve | None:
    """Return whole blood for reference-tissue models that take vascular activity into account."""
    if isinstance(blood, ArterialInput | PlasmaAndBlood):
        return blood.blood(float(frames.end_s[-1]))
    return blood if isinstance(blood, Curve) else None


def _plasma_curves(frames: Frames, kinetic: KineticModel, blood: Any) -> tuple[Curve, Curve | None, tuple[Flag, ...]]:
    if blood is None:
        msg = f"{kinetic.name} needs blood: give ArterialInput(time_s, plasma_parent), or read_arterial_input(...)"
        raise InputError(msg)
    if isinstance(blood, ArterialInput | PlasmaAndBlood):
        until = float(frames.end_s[-1])
        tail = blood.tail_s(until)
        flag = Flag(
            "input_continued", f"the arterial input was continued for {tail:.0f} s beyond its last sample", "info"
        )
        return blood.parent(until), blood.blood(until), (flag,) if tail > 1e-6 else ()
    if isinstance(blood, Curve):
        return blood, None, ()
    msg = f"blood is a {type(blood).__name__}; give an ArterialInput, PlasmaAndBlood, or another continuous curve such as Feng"
    raise InputError(msg)
