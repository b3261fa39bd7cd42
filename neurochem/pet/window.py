"""Late-window analyses: integrals of target and reference between two times, and how flat the curves are."""

import math
from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import ScanInputs, Target
from neurochem.pet.reconstruct import FrameSpline
from neurochem.solve import propagated_covariance
from neurochem.units import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class WindowRatio:
    """int C_T / int C_R over a window.

    Attributes
    ----------
    value, variance : float
        Ratio and its variance; NaN variance if fewer than three frames tell the noise.
    used : bool array, shape (n_frames,)
        Frames that lie at least half in the window.
    dof : float
        Of the noise level.
    slopes : tuple of float
        Slopes of target, reference and their ratio in percent of the mean per hour.
    window_s : tuple of float
        Start and end in seconds.
    """

    value: float
    variance: float
    used: BoolArray
    dof: float
    slopes: tuple[float, float, float]
    window_s: tuple[float, float]


def window_of(inputs: ScanInputs, model: str) -> tuple[float, float]:
    """Return t1_s and t2_s of the options, t2_s by default the end of the scan.

    Raises
    ------
    InputError
        If t1_s is missing or the window does not lie in the scan.
    """
    end = float(inputs.frames.select(inputs.kept).end_s[-1])
    start = inputs.options.get("t1_s")
    if start is None:
        msg = f"{model} needs t1_s (and t2_s, by default the end of the scan): the window in seconds after injection"
        raise InputError(msg)
    stop = inputs.options.get("t2_s")
    window = (float(start), end if stop is None else float(stop))
    if not 0.0 <= window[0] < window[1] <= end * (1 + 1e-9):
        msg = (
            f"{model}: the window {window[0]:g} to {window[1]:g} s must lie within the scan, 0 to {end:g} s, t1_s first"
        )
        raise InputError(msg)
    return window


def integral_row(spline: FrameSpline, start_min: float, end_min: float) -> FloatArray:
    """Return what maps frame means to the integral of the rebuilt curve between two times, shape (n_frames,)."""
    low = np.clip(start_min, spline.nodes[:-1], spline.nodes[1:]) - spline.nodes[:-1]
    high = np.clip(end_min, spline.nodes[:-1], spline.nodes[1:]) - spline.nodes[:-1]
    powers = np.stack([(high**j - low**j) / j for j in (1, 2, 3)], axis=1)
    return np.asarray(np.einsum("ij,ijn->n", powers, spline.coefficients))


def window_ratio(target: Target, inputs: ScanInputs, window_s: tuple[float, float]) -> WindowRatio:
    """Return the ratio of the integrals of target and reference over a window, with its error.

    Parameters
    ----------
    target : Target
        Region.
    inputs : ScanInputs
        Reference and frames.
    window_s : (float, float)
        Start and end in seconds; at frame edges the integrals are the exact frame sums.

    Returns
    -------
    WindowRatio
        The relative noise of the frames is that of target and reference; its level is what a straight line through the
        ratio leaves in the window.
    """
    start, end = window_s[0] / 60.0, window_s[1] / 60.0
    own = integral_row(FrameSpline(inputs.frames.select(inputs.kept), start_is_zero=inputs.start_is_zero), start, end)
    row = np.zeros(len(inputs.frames))
    row[inputs.kept] = own
    below = float(inputs.curve.frame_means([start], [end])[0]) * (end - start)
    if below == 0:
        msg = f"the reference is zero from {window_s[0]:g} to {window_s[1]:g} s; give another window"
        raise InputError(msg)
    value = float(row @ target.means) / below
    overlap = np.minimum(inputs.frames.end_min, end) - np.maximum(inputs.frames.start_min, start)
    used = inputs.kept & (overlap >= 0.5 * inputs.frames.duration_min) & (overlap > 0)
    unit = float(np.sum((row * target.noise_sd) ** 2))
    if target.reference_sd is not None and inputs.reference_spline is not None:
        below_row = np.zeros(row.size)
        below_row[inputs.measured] = integral_row(inputs.reference_spline, start, end)
        unit += value**2 * float(np.sum((below_row * target.reference_sd) ** 2))
    scale, slopes = _line(target, inputs, used, value)
    dof = float(np.count_nonzero(used) - 2)
    return WindowRatio(value, scale * unit / below**2, used, max(dof, 0.0), slopes, window_s)


def _line(
    target: Target, inputs: ScanInputs, used: BoolArray, ratio: float
) -> tuple[float, tuple[float, float, float]]:
    """Return the noise level about C_T = (a + b t) C_R, and the slopes of target, reference and ratio."""
    if np.count_nonzero(used) < 2:
        return math.nan, (math.nan, math.nan, math.nan)
    time = inputs.frames.mid_min[used] / 60.0
    reference, means = inputs.view.input[used], target.means[used]
    noise = target.noise_sd[used]
    shared = np.zeros(noise.size) if target.reference_sd is None else ratio * target.reference_sd[used]
    weights = 1.0 / (noise**2 + shared**2)
    columns = np.column_stack([reference, (time - time.mean()) * reference])
    line = np.linalg.lstsq(np.sqrt(weights)[:, None] * columns, np.sqrt(weights) * means, rcond=None)[0]
    _, scale = propagated_covariance(
        columns, weights, means - columns @ line, np.hstack([np.diag(noise), np.diag(shared)])
    )
    scale = scale if np.count_nonzero(used) > 2 else math.nan
    drift = 100.0 * float(line[1] / line[0]) if line[0] else math.nan
    return scale, (_relative_slope(time, means, weights), _relative_slope(time, reference, weights), drift)


def _relative_slope(time: FloatArray, curve: FloatArray, weights: FloatArray) -> float:
    """Return the slope of a curve in percent of its mean per hour."""
    centred = time - np.average(time, weights=weights)
    mean = float(np.average(curve, weights=weights))
    slope = float(np.sum(weights * centred * curve) / np.sum(weights * centred**2))
    return 100.0 * slope / mean if mean else math.nan
