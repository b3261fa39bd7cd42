"""What every kinetic model is, and how a fit of one region becomes a result."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.curves import Curve
from neurochem.pet.frames import Frames
from neurochem.pet.reconstruct import FrameSpline
from neurochem.pet.view import FrameView, View
from neurochem.quality import PET_RULES, Flag, apply_rules
from neurochem.registry import Registry
from neurochem.results import Axis, Estimate, FitResult
from neurochem.units import BoolArray, FloatArray

MODELS: Registry["KineticModel"] = Registry("PET model", package="neurochem.pet.kinetics")

_GRID = 64
# The slowest washout that a scan of length T can tell from none is a few hundredths of 1/T.
_SLOWEST_TIMES_SCAN = 0.06
_FASTEST_PER_MIN = 2.0

# Binding may come out negative by noise alone; these may not, and say that the model or the input is wrong.
_NEVER_NEGATIVE = frozenset({"VT", "K1", "R1", "DVR", "k2"})

# Unit of every parameter name that a model may report.
PARAMETER_UNITS = {
    "BPND": "", "DVR": "", "R1": "", "VB": "", "VT": "mL/cm3", "K1": "mL/cm3/min", "k2": "1/min", "k2a": "1/min",
    "k2prime": "1/min", "intercept": "min", "k3": "1/min", "k4": "1/min", "Kb": "1/min", "Ki": "mL/cm3/min",
    "KiRef": "1/min", "V0": "mL/cm3", "VND": "mL/cm3", "VS": "mL/cm3", "BPP": "mL/cm3", "SUVR": "", "VBref": "",
    "gamma": "1/min", "tD": "min", "tP": "min", "alpha": "", "tau": "1/min", "T": "min",
    "BPNDpost": "", "BPNDchange": "%", "K1ref": "mL/cm3/min", "ratio_intercept": "",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class ScanInputs:
    """What all regions of one scan share.

    Attributes
    ----------
    frames : Frames
        Frames of the scan.
    weights : array, shape (n_frames,)
        One over variance, up to a factor; zero leaves a frame out.
    weighting : str
        Where the weights come from.
    curve : Curve
        The reference region, continuous, or parent plasma.
    input_name : str
        Name of the reference region, or "plasma".
    blood : Curve or None
        Whole blood.
    reference_spline : FrameSpline or None
        How the reference's frame means became a curve; None for a curve that was given.
    reference_frames : bool array or None
        Frames from which that was done.
    start_is_zero : bool
        Whether the missing time before a late first frame held no activity.
    options : mapping
        Options of the fit, checked against those the model knows.
    flags : tuple of Flag
        What concerns every region.
    starts : dict of str to float
        A start of the search for each region, which `prepare` may work out for all of them at once.
    """

    frames: Frames
    weights: FloatArray
    weighting: str
    curve: Curve
    input_name: str
    blood: Curve | None = None
    reference_spline: FrameSpline | None = None
    reference_frames: BoolArray | None = None
    start_is_zero: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    starts: dict[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> BoolArray:
        """Frames that carry weight."""
        return self.weights > 0

    @cached_property
    def view(self) -> FrameView:
        """The input as exact frame means."""
        return FrameView(self.frames, self.curve, self.blood)

    @cached_property
    def input_integral(self) -> FloatArray:
        """Frame means of the integral of the input from injection."""
        return self.view.convolved(0.0)[0][0]

    @cached_property
    def washout_grid(self) -> tuple[FloatArray, FloatArray]:
        """Washout rates from 0.06/T to 2/min, and the input convolved with each, shape (n_rates, n_frames)."""
        last = float(self.frames.end_min[-1])
        rates = np.geomspace(_SLOWEST_TIMES_SCAN / last, _FASTEST_PER_MIN, _GRID)
        return rates, self.view.convolved(rates)[0]

    def reference_operator(self, rate: float) -> FloatArray:
        """Return the matrix from frame means of the reference to those of its convolution with exp(-rate t)."""
        size = len(self.frames)
        operator = np.zeros((size, size))
        if self.reference_spline is not None:
            operator[np.ix_(self.measured, self.measured)] = self.reference_spline.convolution_operator(rate)
        return operator

    @cached_property
    def measured(self) -> BoolArray:
        """Frames from which the reference was rebuilt."""
        return self.frames.measured if self.reference_frames is None else self.reference_frames

    @cached_property
    def reference_integral(self) -> FloatArray:
        """Matrix from frame means of the reference to frame means of its integral."""
        return self.reference_operator(0.0)

    @cached_property
    def target_integral(self) -> FloatArray:
        """Matrix from frame means of a target to frame means of its integral, frames left out being bridged."""
        spline = FrameSpline(self.frames.select(self.kept), start_is_zero=self.start_is_zero)
        operator = np.zeros((len(self.frames), len(self.frames)))
        operator[np.ix_(self.kept, self.kept)] = spline.integral_operator()
        return operator


@dataclass(frozen=True, eq=False)
class Target:
    """One region to fit.

    Attributes
    ----------
    region : str
        Name.
    means : array, shape (n_frames,)
        Frame means in kBq/mL.
    noise_sd : array, shape (n_frames,)
        Standard deviation of the frame means up to a factor; zero for frames left out.
    reference_sd : array, shape (n_frames,), or None
        The same for the reference, in the same unit; None for an exact curve.
    """

    region: str
    means: FloatArray
    noise_sd: FloatArray
    reference_sd: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model found for one region.

    Attributes
    ----------
    names, values : sequences, length q
        Parameters in the order they are reported.
    covariance : array, shape (q, q)
        Their covariance; infinite variances mark what the data do not determine.
    fitted : array
        Model at the axis positions.
    used : bool array
        Points used.
    dof : float
        Degrees of freedom.
    at_bound, fixed : frozenset of str
        Parameters at the edge of their search, and those that were given.
    axis, data : Axis and array, optional
        What to draw, when it is not the tissue curve.
    """

    names: tuple[str, ...]
    values: FloatArray
    covariance: FloatArray
    fitted: FloatArray
    used: BoolArray
    dof: float
    success: bool = True
    at_bound: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    flags: tuple[Flag, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    axis: Axis | None = None
    data: FloatArray | None = None
    weights: FloatArray | None = None
    lmfit: Any = None


class KineticModel(ABC):
    """A kinetic model: prediction, fit, and the names of its parameters.

    Attributes
    ----------
    name, citation, equation : str
        Label (draft BIDS PET derivatives), source, and the equation in one line.
    inputs : str
        "reference" or "plasma".
    parameters : tuple of str
        Parameters that determine a curve, for `simulate`.
    options : tuple of str
        Options of `fit` that the model understands, beyond those all share.
    """

    name: ClassVar[str]
    citation: ClassVar[str]
    equation: ClassVar[str]
    inputs: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    options: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve, as frame means or values according to the view."""

    @abstractmethod
    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit the frame means of one region."""

    def prepare(self, targets: Sequence[Target], inputs: ScanInputs) -> ScanInputs:
        """Return the inputs after what all regions determine together (a shared k2', a shared VND); by default as given."""
        return inputs

    def fit(self, target: Target, inputs: ScanInputs) -> FitResult:
        """Fit one region; a fit that goes wrong is a result with `success=False`, never an exception."""
        if not np.any(target.means[inputs.kept]):
            flag = Flag("no_signal", f"region '{target.region}' is zero in every frame used", "failure")
            return self._failed(target, inputs, flag)
        try:
            outcome = self.estimate(target, inputs)
        except np.linalg.LinAlgError as error:
            flag = Flag("not_converged", f"the fit of '{target.region}' broke down: {error}", "failure")
            return self._failed(target, inputs, flag)
        return self.result(target, inputs, outcome)

    def _axis(self, inputs: ScanInputs) -> Axis:
        return Axis(inputs.frames.mid_min, "time after injection", "min", "activity", "kBq/mL")

    def _settings(self, inputs: ScanInputs, outcome: Outcome | None = None) -> dict[str, Any]:
        return {
            "input": inputs.input_name,
            "weights": inputs.weighting,
            **dict(inputs.options),
            **(dict(outcome.settings) if outcome else {}),
            "reference": self.citation,
        }

    def _failed(self, target: Target, inputs: ScanInputs, flag: Flag) -> FitResult:
        names = self.reported
        return FitResult(
            model=self.name,
            name=target.region,
            estimates={name: Estimate(name, math.nan, math.nan, PARAMETER_UNITS[name]) for name in names},
            success=False,
            flags=(*inputs.flags, flag),
            axis=self._axis(inputs),
            data=target.means,
            fitted=np.full(target.means.shape, np.nan),
            weights=inputs.weights,
            used=inputs.kept,
            covariance=np.full((len(names), len(names)), np.nan),
            covariance_names=names,
            settings=self._settings(inputs),
        )

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return self.parameters

    def result(self, target: Target, inputs: ScanInputs, outcome: Outcome) -> FitResult:
        """Return the result of one region from what the model found."""
        variances = np.diag(outcome.covariance)
        lost = tuple(name for name, variance in zip(outcome.names, variances, strict=True) if np.isinf(variance))
        estimates = {}
        for name, value, variance in zip(outcome.names, outcome.values, variances, strict=True):
            fixed = name in outcome.fixed
            stderr = math.nan if fixed or not variance >= 0 else math.sqrt(variance)
            estimates[name] = Estimate(
                name, float(value), stderr, PARAMETER_UNITS.get(name, ""), "none" if fixed else "fit",
                fixed=fixed, at_bound=name in outcome.at_bound, dof=outcome.dof,
            )  # fmt: skip
        data = target.means if outcome.data is None else outcome.data
        weights = inputs.weights if outcome.weights is None else outcome.weights
        diagnostics = {**_goodness(data, outcome, weights), **outcome.diagnostics}
        flags = [*inputs.flags, *outcome.flags]
        flags += [
            Flag("edge", f"{name} ended at the edge of its search, {estimates[name].value:.4g}", "warning", name)
            for name in outcome.names
            if name in outcome.at_bound
        ]
        flags += [Flag("not_identified", f"the data do not determine {name}", "warning", name) for name in lost]
        flags += [
            Flag("negative", f"{name} is {estimates[name].value:.4g}; no such value is physical", "warning", name)
            for name in outcome.names
            if name in _NEVER_NEGATIVE and estimates[name].value < 0
        ]
        flags += list(apply_rules(PET_RULES, diagnostics))
        drawn = {inputs.input_name: inputs.view.input} if outcome.axis is None and self.inputs == "reference" else {}
        return FitResult(
            model=self.name,
            name=target.region,
            estimates=estimates,
            success=outcome.success and bool(np.isfinite(outcome.values).any()),
            flags=tuple(flags),
            axis=outcome.axis or self._axis(inputs),
            data=data,
            fitted=outcome.fitted,
            weights=weights,
            used=outcome.used,
            covariance=outcome.covariance,
            covariance_names=outcome.names,
            diagnostics=diagnostics,
            settings=self._settings(inputs, outcome),
            components=drawn,
            lmfit=outcome.lmfit,
        )


def _goodness(data: FloatArray, outcome: Outcome, weights: FloatArray) -> dict[str, float]:
    """Return residual sum of squares, degrees of freedom, relative residual SD and the runs of its sign."""
    residual = (data - outcome.fitted)[outcome.used]
    weight = weights[outcome.used]
    total = float(np.sum(weight * residual**2))
    scale = float(np.sum(weight * data[outcome.used] ** 2))
    signs = np.sign(residual)
    return {
        "rss": total,
        "dof": outcome.dof,
        "relative_residual": math.sqrt(total / scale) if scale > 0 else math.nan,
        "sign_runs": float(1 + np.count_nonzero(signs[1:] != signs[:-1])) if signs.size else 0.0,
        "frames_used": float(np.count_nonzero(outcome.used)),
    }


def required_option(inputs: ScanInputs, name: str, model: str, why: str) -> float:
    """Return a numeric option that the model cannot do without."""
    value = inputs.options.get(name)
    if value is None:
        msg = f"{model} needs {name}: {why}"
        raise InputError(msg)
    return float(value)
