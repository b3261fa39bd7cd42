"""What the models of transmitter release share: the search over time courses and the report."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import optimize

from neurochem.errors import InputError, unknown_name
from neurochem.pet.model import KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.release_courses import ReleaseCourse
from neurochem.pet.release_forward import released_tissue
from neurochem.pet.release_regression import ReleaseRegression, ReleaseScan, explained, profile_residual, solve_release
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.solve import delta_method
from neurochem.units import FloatArray

# Release is looked for from this share of the scan on, where none is given; chosen here.
_DEFAULT_START = 0.25
# Frames that must follow the latest onset, and the number of onsets of the grid.
_FRAMES_AFTER, _ONSETS = 3, 16


@dataclass(frozen=True, eq=False)
class Search:
    """A grid of time courses and the region in which it is polished.

    Attributes
    ----------
    points : array, shape (m, q)
        Parameters of the time courses, those that are searched and those that are given.
    lower, upper : array, shape (q,)
        Bounds; equal where a parameter is given.
    """

    points: FloatArray
    lower: FloatArray
    upper: FloatArray

    @property
    def free(self) -> np.ndarray:
        """Which parameters are searched."""
        return np.asarray(self.upper > self.lower)


class ReleaseModel(KineticModel):
    """Base of lp-ntPET, LSRRM and ESRTM; see `predict` and `estimate`."""

    inputs: ClassVar[str] = "reference"
    one_compartment: ClassVar[bool] = False
    time_varying: ClassVar[bool] = True
    course_names: ClassVar[tuple[str, ...]]
    signed: ClassVar[bool] = True

    @abstractmethod
    def search(self, inputs: ScanInputs) -> Search:
        """Return the time courses to look through."""

    @abstractmethod
    def course(self, point: FloatArray) -> ReleaseCourse:
        """Return the time course of a point of the search."""

    def described(self, point: FloatArray) -> FloatArray:
        """Return the reported parameters of a time course, in the order of `course_names`."""
        return point

    @abstractmethod
    def derived_linear(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the reported parameters but those of the time course from R1, k2, -k2a and -gamma."""

    @property
    def linear_names(self) -> tuple[str, ...]:
        """Names of what `derived_linear` returns."""
        return ("R1", "k2", "BPND", "gamma", "k2a", "k2prime", "DVR", "BPNDchange")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return (*self.linear_names, *self.course_names)

    def _given(self, parameters: Mapping[str, float]) -> dict[str, float]:
        for name in parameters:
            if name not in self.parameters:
                raise unknown_name(name, self.parameters, kind=f"parameter of {self.name}")
        missing = [name for name in self.parameters if name not in parameters and name != "R1"]
        if missing:
            msg = f"{self.name} makes a curve from {', '.join(self.parameters)}; {' and '.join(missing)} is missing"
            raise InputError(msg)
        given = {"R1": 1.0, **{name: float(value) for name, value in parameters.items()}}
        bindings = [name for name in ("BPND", "BPNDpost") if name in given and given[name] <= -1]
        if bindings:
            msg = f"{self.name}: {bindings[0]} is {given[bindings[0]]:g}; it must be above -1"
            raise InputError(msg)
        return given

    def _predicted(self, given: Mapping[str, float], gamma: float, course: ReleaseCourse, view: View) -> FloatArray:
        k2a = given["k2"] / (1.0 + given["BPND"])
        return released_tissue(view, course, given["R1"], given["k2"], k2a, gamma)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Search the grid, polish the time course where that lowers the residual, and report errors given it."""
        scan, search = ReleaseScan(inputs), self.search(inputs)
        _check_count(self, inputs, search)
        point, polished = self._best(scan, search, target.means[scan.kept])
        solution = solve_release(scan, target, self.course(point), signed=self.signed)
        found = solution.coefficients[3] != 0
        values, covariance = self._report(solution, point)
        edge = search.free & (np.isclose(point, search.lower) | np.isclose(point, search.upper))
        names = dict(zip(self.course_names, edge & found, strict=True))
        given = dict(zip(self.course_names, ~search.free, strict=True))
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=solution.fitted,
            used=inputs.kept,
            dof=float(np.count_nonzero(inputs.kept) - 4 - np.count_nonzero(search.free)),
            at_bound=frozenset(
                {name for name, at in names.items() if at} | (set() if found else {"gamma"} & set(self.linear_names))
            ),
            fixed=frozenset(name for name, held in given.items() if held),
            flags=self._flags(inputs, found=found),
            diagnostics={"time_courses": float(len(search.points)), "noise_scale": solution.scale},
            settings={"polished": polished, "errors": "conditional on the time course"},
        )

    def _best(self, scan: ReleaseScan, search: Search, means: FloatArray) -> tuple[FloatArray, bool]:
        """Return the best point of the grid, polished where that improves it."""
        release = np.stack([scan.operators.kept(self.course(point)) for point in search.points])
        columns = [*(column[None] for column in scan.reference.T), (scan.target_integral @ means)[None]]
        rss, gain = explained(scan, release, means[None], columns, signed=self.signed)
        order = np.argsort(gain[:, 0])[::-1]
        point, free = search.points[order[0]], search.free
        if gain[order[0], 0] <= 0 or not free.any():
            return point, False
        best, polished = float(rss[0] - gain[order[0], 0]), False
        for start in search.points[order[:3]]:
            moved = self._polish(scan, search, means, start)
            cost = float(np.sum(profile_residual(scan, means, self.course(moved), signed=self.signed) ** 2))
            if cost < best:
                point, best, polished = moved, cost, True
        return point, polished

    def _polish(self, scan: ReleaseScan, search: Search, means: FloatArray, start: FloatArray) -> FloatArray:
        free, scale = search.free, float(np.linalg.norm(scan.root * means))

        def filled(theta: FloatArray) -> FloatArray:
            point = np.array(start)
            point[free] = theta
            return point

        found = optimize.least_squares(
            lambda theta: profile_residual(scan, means, self.course(filled(theta)), signed=self.signed) / scale,
            np.clip(start, search.lower, search.upper)[free],
            jac="3-point",
            bounds=(search.lower[free], search.upper[free]),
            x_scale=(search.upper - search.lower)[free],
            xtol=1e-10, ftol=1e-12, gtol=1e-14, max_nfev=100,
        )  # fmt: skip
        return filled(found.x)

    def _report(self, solution: ReleaseRegression, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return values and covariance; a time course found by search has no standard error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values, block = delta_method(self.derived_linear, solution.coefficients, solution.covariance)
        size, extra = values.size, len(self.course_names)
        covariance = np.zeros((size + extra, size + extra))
        covariance[:size, :size] = block
        covariance[np.arange(size, size + extra), np.arange(size, size + extra)] = np.nan
        if solution.coefficients[3] == 0 and "gamma" in self.linear_names:
            lost = [self.reported.index(name) for name in ("gamma", "BPNDchange")]
            covariance[lost, lost] = np.nan
        return np.concatenate([values, self.described(point)]), covariance

    def _flags(self, inputs: ScanInputs, *, found: bool) -> tuple[Flag, ...]:
        flags = []
        if not found:
            message = "no time course lowers the residual with gamma above 0; the time course reported means nothing"
            flags.append(Flag("no_release", message))
        if {"release_start_s", "release_end_s"}.isdisjoint(inputs.options) and "T_s" not in inputs.options:
            message = f"no release_start_s was given; a release was looked for from {_DEFAULT_START:.0%} of the scan on"
            flags.append(Flag("release_window_default", message, "info"))
        return tuple(flags)


def release_window(inputs: ScanInputs, model: str) -> tuple[float, float, float]:
    """Return earliest and latest onset and latest peak of a release, in minutes.

    From the options `release_start_s` (default: a quarter of the scan) and `release_end_s` (default: its end); three
    frames must follow the latest onset.
    """
    frames = inputs.frames.select(inputs.kept)
    last = float(frames.end_min[-1])
    first = _seconds(inputs, "release_start_s", 60.0 * _DEFAULT_START * last) / 60.0
    end = _seconds(inputs, "release_end_s", 60.0 * last) / 60.0
    latest = min(end - 1.0, float(frames.start_min[-_FRAMES_AFTER]))
    if not 0 <= first < latest:
        msg = (
            f"{model}: release_start_s = {60 * first:g} and release_end_s = {60 * end:g} leave no room for a release; the "
            f"latest onset is {60 * latest:g} s, one minute before the end and {_FRAMES_AFTER} frames before the last"
        )
        raise InputError(msg)
    return first, latest, min(end, last)


def onset_search(inputs: ScanInputs, model: str) -> tuple[FloatArray, float, float]:
    """Return onsets T to look through with their bounds; the one onset of the option `T_s` where it is given."""
    last = float(inputs.frames.end_min[-1])
    if inputs.options.get("T_s") is not None:
        onset = _seconds(inputs, "T_s", math.nan) / 60.0
        if not 0 <= onset < last:
            msg = f"{model}: T_s is {60 * onset:g} s; it must lie within the scan, from 0 to {60 * last:g} s"
            raise InputError(msg)
        return np.array([onset]), onset, onset
    first, latest, _ = release_window(inputs, model)
    return onsets(first, latest), first, latest


def onsets(first: float, latest: float) -> FloatArray:
    """Return the onsets of the grid."""
    return np.linspace(first, latest, _ONSETS)


def positive_option(inputs: ScanInputs, name: str, default: FloatArray) -> FloatArray:
    """Return one or several positive numbers of an option, ascending."""
    given = inputs.options.get(name)
    return default if given is None else np.unique(np.atleast_1d(np.asarray(given, dtype=float)))


def _seconds(inputs: ScanInputs, name: str, default: float) -> float:
    given = inputs.options.get(name)
    return default if given is None else float(given)


def _check_count(model: KineticModel, inputs: ScanInputs, search: Search) -> None:
    count, needed = int(np.count_nonzero(inputs.kept)), 5 + int(np.count_nonzero(search.free))
    if count < needed:
        msg = f"{model.name} has {needed - 1} free parameters but only {count} frames carry weight; it needs {needed}"
        raise InputError(msg)
