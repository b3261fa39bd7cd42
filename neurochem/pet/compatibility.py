"""The mid-time arithmetic of older software, to reproduce its numbers. Off by default: `fit` uses exact integrals.

What it costs: `fit_midtime` says, with measured errors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.curves import Curve
from neurochem.pet.frames import Frames
from neurochem.pet.model import PARAMETER_UNITS
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.pet.view import PointView
from neurochem.quality import Flag
from neurochem.results import Axis, Estimate, FitResult, ResultSet
from neurochem.solve import delta_method, fit_separable, information_covariance
from neurochem.units import BoolArray, FloatArray

INTEGRATIONS = ("trapezoid", "frame_sums")
# Points of the even grid on which older SRTM fits convolve.
GRID_POINTS = 1024
# Search range of k2a times the scan's length, and its upper end in 1/min, as in the exact SRTM.
_SLOWEST_TIMES_SCAN, _FASTEST_PER_MIN, _STARTS = 0.06, 2.0, 48


@dataclass(frozen=True, eq=False)
class _Scan:
    """Mid-times, input and their integrals, and what the models may use."""

    frames: Frames
    input: FloatArray
    input_integral: FloatArray
    integrate: Callable[[FloatArray], FloatArray]
    k2prime: float | None
    used: BoolArray
    weights: FloatArray


@dataclass(frozen=True, eq=False)
class _Found:
    """Estimates of one region with their covariance, and the curve or graph to draw."""

    values: FloatArray
    covariance: FloatArray
    fitted: FloatArray
    data: FloatArray
    dof: float
    axis: Axis | None = None
    at_bound: bool = False


@checked_arguments(text=("reference",))
def fit_midtime(  # noqa: PLR0913 - the choices of a fit, all by keyword
    tacs: TimeActivityCurves,
    model: str,
    *,
    reference: str | ArrayLike | None = None,
    blood: Curve | ArrayLike | None = None,
    k2prime: float | None = None,
    t_star_s: float | None = None,
    weights: ArrayLike | None = None,
    integration: str = "trapezoid",
) -> ResultSet:
    """Fit a model with the arithmetic of older software: frame values taken as samples at mid-frame.

    Parameters
    ----------
    tacs : TimeActivityCurves
        Curves in kBq/mL.
    model : str
        "MRTM1", "MRTM2", "LoganRef", "SRTM" or "Logan", in any case.
    reference : str or array_like, shape (n_frames,)
        Reference region by name, or its frame values.
    blood : Curve or array_like, shape (n_frames,)
        Parent plasma for Logan: a curve, integrated as it is up to mid-frame (an ArterialInput is straight between its
        samples), or values of the frames, integrated like the tissue.
    k2prime : float, optional
        k2' in 1/min: needed by MRTM2; without it LoganRef leaves its term out.
    t_star_s : float, optional
        First mid-frame time used; all frames by default.
    weights : array_like, shape (n_frames,), optional
        Weights of the regression rows: undivided rows for MRTM, divided by C_T for Logan. Unweighted by default.
    integration : str
        "trapezoid": straight lines through (0, 0) and the mid-frame values. "frame_sums": all frames before, plus half of the
        frame's own area; blind to gaps, which it leaves out of the integral.

    Returns
    -------
    ResultSet
        Every fit carries the flag "midtime_arithmetic". Standard errors are the residual ones of the regression, as those
        packages print them: for the integral forms 0.4 to 0.7 of the true scatter, because the rows share their noise.

    Raises
    ------
    UnknownNameError
        If model, region or integration is not known.
    InputError
        If an input is missing or does not fit, or too few frames remain.

    Notes
    -----
    SRTM joins the reference by straight lines on 1024 even points up to the last mid-time, convolves by the rectangle rule,
    and compares the result with the data at mid-frame; `integration` does not concern it.

    Cost, as the largest error of BPND on noise-free frame means of one-tissue curves (R1 0.8 to 1.2, k2' 0.1/min, three
    framings of 90 min; the exact models err by less than 0.00002 on the same curves):

    ======== =========== ======= ======= ======= =======
    model    integration BPND .3 BPND 1  BPND 2  BPND 3
    ======== =========== ======= ======= ======= =======
    SRTM     trapezoid   0.0014  0.0024  0.0037  0.0051
    MRTM1    trapezoid   0.0007  0.0018  0.0037  0.0060
    MRTM1    frame_sums  0.0005  0.0016  0.0040  0.0070
    MRTM2    trapezoid   0.0010  0.0023  0.0045  0.0070
    MRTM2    frame_sums  0.0001  0.0005  0.0011  0.0019
    LoganRef trapezoid   0.0009  0.0021  0.0039  0.0057
    LoganRef frame_sums  0.0000  0.0004  0.0018  0.0042
    ======== =========== ======= ======= ======= =======

    Over a break from 20 to 45 min a BPND of 2 is off by -0.02 (SRTM), -0.06 to -0.09 (trapezoid) and +0.24 to +0.53 (frame
    sums), where the exact models, which bridge the break, are off by -0.003 to -0.006. Use this to reproduce published
    numbers, not to make new ones.

    References
    ----------
    Ichise M et al (2003), J Cereb Blood Flow Metab 23:1096; Logan J et al (1990, 1996), J Cereb Blood Flow Metab 10:740,
    16:834; Lammertsma AA, Hume SP (1996), NeuroImage 4:153.
    """
    name = _known(model, _MODELS, "mid-time model")
    _known(integration, {key: None for key in INTEGRATIONS}, "integration")
    scan, input_name = _scan(tacs, name, (reference, blood), (k2prime, t_star_s, weights, integration))
    settings = {
        "arithmetic": "mid-time", "integration": integration, "input": input_name, "k2prime": k2prime,
        "t_star_s": t_star_s, "weights": "none" if weights is None else "given",
    }  # fmt: skip
    wanted = [region for region in tacs.regions if region != input_name]
    return ResultSet({region: _result(name, region, tacs[region], scan, settings) for region in wanted})


def _known(name: str, choices: Mapping[str, Any], kind: str) -> str:
    for key in choices:
        if key.casefold() == str(name).casefold():
            return key
    raise unknown_name(name, choices, kind=kind)


def _scan(
    tacs: TimeActivityCurves,
    model: str,
    inputs: tuple[str | ArrayLike | None, Curve | ArrayLike | None],
    choices: tuple[float | None, float | None, ArrayLike | None, str],
) -> tuple[_Scan, str]:
    """Return what all regions share, and the name of the input."""
    k2prime, t_star_s, weights, integration = choices
    frames = tacs.frames
    curve, input_name = _input(tacs, model, *inputs)
    if model == "MRTM2" and k2prime is None:
        msg = "MRTM2 needs k2prime: take it from MRTM1 or SRTM in regions that bind"
        raise InputError(msg)
    if k2prime is not None and not k2prime > 0:
        msg = f"k2prime is {k2prime:g} 1/min; it must be positive"
        raise InputError(msg)
    rows = np.ones(len(frames)) if weights is None else np.array(weights, dtype=float)
    if rows.shape != (len(frames),) or not (np.isfinite(rows) & (rows >= 0)).all():
        msg = f"weights must be {len(frames)} finite numbers, not negative; got shape {rows.shape}"
        raise InputError(msg)
    used = (rows > 0) & frames.measured & (frames.mid_s >= (0.0 if t_star_s is None else t_star_s))
    integrate = _trapezoid(frames) if integration == "trapezoid" else _frame_sums(frames)
    if isinstance(curve, Curve):
        view = PointView(frames.mid_min, curve)
        values, integral = view.input, view.convolved(0.0)[0][0]
    else:
        values, integral = curve, integrate(curve)
    return _Scan(frames, values, integral, integrate, k2prime, used, np.where(used, rows, 0.0)), input_name


def _input(
    tacs: TimeActivityCurves,
    model: str,
    reference: str | ArrayLike | None,
    blood: Curve | ArrayLike | None,
) -> tuple[FloatArray | Curve, str]:
    """Return the input, continuous or as values of the frames, and its name."""
    frames = tacs.frames
    given: Any = blood if model == "Logan" else reference
    word = "blood" if model == "Logan" else "reference"
    if given is None:
        msg = f"{model} needs {word}=: {'parent plasma' if word == 'blood' else 'a region'} in every frame"
        raise InputError(msg)
    if isinstance(given, str):
        return tacs[given], given
    if isinstance(given, Curve):
        return given, "plasma" if word == "blood" else word
    values = np.array(given, dtype=float)
    if values.shape != (len(frames),) or not np.isfinite(values).all():
        msg = f"{word} must be {len(frames)} finite values in kBq/mL, one a frame; got shape {values.shape}"
        raise InputError(msg)
    return values, "plasma" if word == "blood" else word


def _trapezoid(frames: Frames) -> Callable[[FloatArray], FloatArray]:
    """Return the integral from 0 to mid-frame of straight lines through (0, 0) and the values."""
    steps = np.diff(frames.mid_min, prepend=0.0)

    def integrate(values: FloatArray) -> FloatArray:
        before = np.concatenate([[0.0], values[:-1]])
        return np.cumsum(0.5 * steps * (before + values))

    return integrate


def _frame_sums(frames: Frames) -> Callable[[FloatArray], FloatArray]:
    """Return the integral from 0 to mid-frame as areas of the frames before, and half of the frame's own."""

    def integrate(values: FloatArray) -> FloatArray:
        area = values * frames.duration_min
        return np.cumsum(area) - 0.5 * area

    return integrate


def _mrtm1(target: FloatArray, scan: _Scan) -> _Found:
    columns = np.column_stack([scan.input_integral, scan.input, scan.integrate(target)])

    def derived(c: np.ndarray) -> np.ndarray:
        g1, g3, g2 = c
        return np.array([g3, g1, -g1 / g2 - 1.0, -g2, g1 / g3, -g1 / g2])

    return _regression(columns, target, scan, derived)


def _mrtm2(target: FloatArray, scan: _Scan) -> _Found:
    k2prime = float(scan.k2prime or np.nan)
    columns = np.column_stack([scan.input_integral + scan.input / k2prime, scan.integrate(target)])

    def derived(c: np.ndarray) -> np.ndarray:
        g1, g2 = c
        return np.array([g1 / k2prime, g1, -g1 / g2 - 1.0, -g2, -g1 / g2])

    return _regression(columns, target, scan, derived)


def _logan_ref(target: FloatArray, scan: _Scan) -> _Found:
    extra = 0.0 if scan.k2prime is None else scan.input / scan.k2prime
    return _graph(target, scan, scan.input_integral + extra, lambda c: np.array([c[0] - 1.0, c[0], c[1]]), "min")


def _logan(target: FloatArray, scan: _Scan) -> _Found:
    return _graph(target, scan, scan.input_integral, lambda c: np.array([c[0], c[1]]), "min cm3/mL")


def _regression(
    columns: FloatArray, response: FloatArray, scan: _Scan, derived: Callable[[np.ndarray], np.ndarray]
) -> _Found:
    """Return weighted least squares of the rows used, with the errors of its residual."""
    if np.count_nonzero(scan.used) <= columns.shape[1]:
        msg = f"{columns.shape[1]} coefficients but only {np.count_nonzero(scan.used)} usable frames; give an earlier t_star_s"
        raise InputError(msg)
    root = np.sqrt(scan.weights)
    norms = np.linalg.norm(root[:, None] * columns, axis=0)
    norms[norms == 0] = 1.0
    coefficients = np.linalg.lstsq(root[:, None] * columns / norms, root * response, rcond=1e-12)[0] / norms
    residual = root * (response - columns @ coefficients)
    dof = float(np.count_nonzero(scan.used) - columns.shape[1])
    covariance = information_covariance(root[:, None] * columns, float(residual @ residual) / dof)
    values, propagated = delta_method(derived, coefficients, covariance)
    return _Found(values, propagated, columns @ coefficients, response, dof)


def _graph(
    target: FloatArray, scan: _Scan, integral: FloatArray, derived: Callable[[np.ndarray], np.ndarray], unit: str
) -> _Found:
    """Return the straight line of a Logan plot; frames in which the target is zero have no place on it."""
    usable = scan.used & (target != 0)
    safe = np.where(target == 0, np.inf, target)
    abscissa, ordinate = integral / safe, scan.integrate(target) / safe
    points = replace(scan, used=usable, weights=np.where(usable, scan.weights, 0.0))
    found = _regression(np.column_stack([abscissa, np.ones(target.size)]), ordinate, points, derived)
    axis = Axis(abscissa, "integral of input / activity", unit, "integral of activity / activity", "min")
    return _Found(found.values, found.covariance, found.fitted, ordinate, found.dof, axis)


class _GridColumns:
    """The reference, and its convolution by the rectangle rule on an even grid, at mid-frame."""

    def __init__(self, mid_min: FloatArray, reference: FloatArray) -> None:
        self.mid = mid_min
        self.grid = np.linspace(0.0, float(mid_min[-1]), GRID_POINTS)
        self.step = float(self.grid[1])
        nodes, values = np.append(0.0, mid_min), np.append(0.0, reference)
        if mid_min[0] == 0.0:
            nodes, values = mid_min, reference
        self.curve = np.interp(self.grid, nodes, values)
        self.reference = np.interp(self.mid, self.grid, self.curve)

    def columns(self, theta: FloatArray) -> FloatArray:
        return np.column_stack([self.reference, np.interp(self.mid, self.grid, self._convolved(float(theta[0])))])

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        from scipy import signal

        decay = float(np.exp(-theta[0] * self.step))
        before = np.append(0.0, self._convolved(float(theta[0]))[:-1])
        slope = signal.lfilter([-self.step * decay], [1.0, -decay], before)
        return amplitudes[1] * np.interp(self.mid, self.grid, slope)[:, None]

    def _convolved(self, rate: float) -> FloatArray:
        from scipy import signal

        return signal.lfilter([self.step], [1.0, -float(np.exp(-rate * self.step))], self.curve)


def _srtm(target: FloatArray, scan: _Scan) -> _Found:
    columns = _GridColumns(scan.frames.mid_min, scan.input)
    low = _SLOWEST_TIMES_SCAN / float(scan.frames.end_min[-1])
    rates = np.geomspace(low, _FASTEST_PER_MIN, _STARTS)
    root = np.sqrt(scan.weights)
    costs = []
    for rate in rates:
        rows = root[:, None] * columns.columns(np.array([rate]))
        costs.append(np.sum((root * target - rows @ np.linalg.lstsq(rows, root * target, rcond=None)[0]) ** 2))
    fit = fit_separable(
        columns,
        target,
        starts=[rates[[int(np.argmin(costs))]]],
        lower=rates[:1],
        upper=rates[-1:],
        weights=scan.weights / np.max(scan.weights),
    )

    def derived(p: np.ndarray) -> np.ndarray:
        k2a, r1, slow = p
        k2 = slow + r1 * k2a
        bpnd = slow / k2a + r1 - 1.0
        return np.array([r1, k2, bpnd, k2a, k2 / r1, 1.0 + bpnd])

    values, covariance = delta_method(derived, np.concatenate([fit.theta, fit.amplitudes]), fit.covariance)
    return _Found(values, covariance, fit.fitted, target, fit.dof, at_bound=bool(fit.theta_at_bound[0]))


_MODELS: dict[str, tuple[tuple[str, ...], Callable[[FloatArray, _Scan], _Found]]] = {
    "SRTM": (("R1", "k2", "BPND", "k2a", "k2prime", "DVR"), _srtm),
    "MRTM1": (("R1", "k2", "BPND", "k2a", "k2prime", "DVR"), _mrtm1),
    "MRTM2": (("R1", "k2", "BPND", "k2a", "DVR"), _mrtm2),
    "LoganRef": (("BPND", "DVR", "intercept"), _logan_ref),
    "Logan": (("VT", "intercept"), _logan),
}


def _result(model: str, region: str, target: FloatArray, scan: _Scan, settings: Mapping[str, Any]) -> FitResult:
    """Return the result of one region."""
    names, solve = _MODELS[model]
    found = solve(target, scan)
    errors = np.sqrt(np.diag(found.covariance))
    estimates = {
        name: Estimate(
            name, float(value), float(error), PARAMETER_UNITS[name],
            at_bound=found.at_bound and name in {"k2", "BPND", "k2a", "k2prime", "DVR"}, dof=found.dof,
        )
        for name, value, error in zip(names, found.values, errors, strict=True)
    }  # fmt: skip
    flags = [
        Flag(
            "midtime_arithmetic",
            "frame means were taken as samples at mid-frame, as older software does; errors are those of the regression alone",
            "info",
        )
    ]
    if found.at_bound:
        flags.append(Flag("edge", f"k2a ended at the edge of its search, {found.values[3]:.4g}", "warning", "k2a"))
    residual = (found.data - found.fitted)[scan.used]
    return FitResult(
        model=model,
        name=region,
        estimates=estimates,
        success=bool(np.isfinite(found.values).any()),
        flags=tuple(flags),
        axis=found.axis or Axis(scan.frames.mid_min, "time after injection", "min", "activity", "kBq/mL"),
        data=found.data,
        fitted=found.fitted,
        weights=scan.weights,
        used=scan.used,
        covariance=found.covariance,
        covariance_names=names,
        diagnostics={"rss": float(np.sum(scan.weights[scan.used] * residual**2)), "dof": found.dof},
        settings=settings,
    )
