"""From the rows of a moderation to slopes, intervals and p values: least squares, or the likelihood with scan errors."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from neurochem.quality import Flag
from neurochem.response.covariates import Covariates
from neurochem.response.linear import t_test_p
from neurochem.response.measurement_error.newton import Place
from neurochem.response.measurement_error.profile import tail
from neurochem.response.moderation.arm_slopes import INTERACTION, SLOPE, ArmCohorts, best, intervals, profile_drop
from neurochem.units import FloatArray

# Codes of the arms under which the slope is the mean of both, that of the reference, that of the other.
_CODES = (-0.5, 0.0, -1.0)


@dataclass(frozen=True, slots=True, eq=False)
class ArmData:
    """Rows of a moderation: arm is 0 or 1, the marker as measured."""

    outcome: FloatArray
    marker: FloatArray
    stderr: FloatArray
    arm: FloatArray
    covariates: Covariates
    arms: tuple[str, str]
    outcome_unit: str
    marker_unit: str
    name: str
    labels: tuple[str, str]
    family: str = "gaussian"

    @property
    def terms(self) -> FloatArray:
        """Intercept, arm (-1/2 and +1/2) and covariates."""
        return np.column_stack([np.ones(self.outcome.size), self.arm - 0.5, self.covariates.matrix])

    @property
    def centre(self) -> float:
        """Mean of the marker."""
        return float(self.marker.mean())


@dataclass(frozen=True, slots=True, eq=False)
class ArmFit:
    """What was found.

    Attributes
    ----------
    coefficients, covariance : array
        Mean slope, interaction, arm difference at the mean marker, and intercept.
    p : (float, float)
        Of mean slope and interaction.
    limits : mapping of str to (float, float)
        95 % intervals of "prognostic_slope", "interaction", "arm_difference" and the slopes "reference" and "other";
        empty where they are those of t.
    dof : float
        Degrees of freedom of t.
    kind : str
        How standard errors were found.
    fitted : array, shape (n,)
        Fitted outcome.
    flags : tuple of Flag
        What to know.
    """

    coefficients: FloatArray
    covariance: FloatArray
    p: tuple[float, float]
    limits: dict[str, tuple[float, float]]
    dof: float
    kind: str
    fitted: FloatArray
    flags: tuple[Flag, ...] = ()


def least_squares(data: ArmData, robust: str) -> ArmFit:
    """Fit the outcome on the marker as measured, with HC3 or classical errors."""
    marker, side, terms = data.marker - data.centre, data.arm - 0.5, data.terms
    design = np.column_stack([marker, marker * side, side, np.ones(side.size), terms[:, 2:]])
    bread = np.linalg.pinv(design.T @ design)
    values = bread @ design.T @ data.outcome
    residual = data.outcome - design @ values
    dof = float(design.shape[0] - design.shape[1])
    hat = np.einsum("ij,jk,ik->i", design, bread, design)
    if robust == "classical" or (hat > 1.0 - 1e-9).any():
        spread, kind = bread * float(residual @ residual) / dof, "classical"
    else:
        scaled = design * (residual / (1.0 - hat))[:, None]
        spread, kind = bread @ (scaled.T @ scaled) @ bread, "HC3"
    errors = np.sqrt(np.diag(spread))
    p = tuple(t_test_p(float(values[i]), float(errors[i]), dof) for i in range(2))
    return ArmFit(values, spread, (p[0], p[1]), {}, dof, kind, design @ values)


def likelihood(data: ArmData, *, corrected: bool = True) -> ArmFit:
    """Fit the likelihood with each scan's error, or (`corrected` False) as if there were none."""
    cohort, scales = _standard(data, corrected=corrected)
    scale_x, scale_y, middle = scales
    top = best(cohort)
    k, head = cohort.terms.shape[2], cohort.head
    unit = scale_y / scale_x
    order = [SLOPE, INTERACTION, cohort.arm_difference, cohort.arm_difference - 1]
    scale = np.array([unit, unit, scale_y, scale_y])
    found = top.values[0]
    values = found[order] * scale + np.array([0.0, 0.0, 0.0, middle])
    limits = _limits(cohort, top, unit, scale_y)
    people, dof = cohort.people, float(cohort.dof[0])
    # errors of a likelihood divide by n: by n - p they are those of t
    wider = 1.0 if cohort.binary else float(people[0]) / dof
    kept = wider * top.covariance[0][np.ix_(order, order)] * np.outer(scale, scale)
    flags: tuple[Flag, ...] = ()
    if any(math.isinf(end) for end in limits["interaction"]):
        flags = (Flag("unidentified_interaction", _why_open(cohort), "warning", "interaction"),)
        kept = np.full_like(kept, np.inf)
    adjusted = scale_y * (cohort.terms[0, :, 2:] @ found[head + k + 2 :]) if k > 2 else 0.0
    side = data.arm - 0.5
    fitted = values[3] + values[2] * side + (values[0] + values[1] * side) * (data.marker - data.centre) + adjusted
    drops = [profile_drop(cohort, top, index, np.zeros(1)) for index in (SLOPE, INTERACTION)]
    p = tuple(float(tail(drop, people, np.array([dof]))[0]) for drop in drops)
    return ArmFit(
        values, kept, (p[0], p[1]), limits, math.inf if cohort.binary else dof, "profile likelihood",
        special.expit(fitted) if cohort.binary else fitted, flags,
    )  # fmt: skip


def _why_open(cohort: ArmCohorts) -> str:
    message = "the scans' errors could explain the spread of the marker"
    if not cohort.variance.any():
        message = "the outcome can be told from the marker without exception in an arm"
    elif cohort.binary:
        message += ", or the outcome can be told from it without exception in an arm"
    return f"{message}: the interaction has no finite interval"


def _standard(data: ArmData, *, corrected: bool) -> tuple[ArmCohorts, tuple[float, float, float]]:
    """Return the rows in standard units, with SD of marker and outcome and the outcome's mean."""
    noise = np.square(data.stderr) if corrected else np.zeros(data.marker.size)
    noise = np.where(np.isfinite(noise), noise, np.mean(noise[np.isfinite(noise)]))
    binary = data.family == "binomial"
    scale_x = float(np.std(data.marker))
    scale_y, middle = (1.0, 0.0) if binary else (float(np.std(data.outcome)), float(data.outcome.mean()))
    columns = data.terms
    columns[:, 2:] = (columns[:, 2:] - columns[:, 2:].mean(axis=0)) / np.std(columns[:, 2:], axis=0)
    cohort = ArmCohorts(
        ((data.outcome - middle) / scale_y)[None], ((data.marker - data.centre) / scale_x)[None],
        (noise / scale_x**2)[None], (data.arm - 0.5)[None], columns[None], binary,
    )  # fmt: skip
    return cohort, (scale_x, scale_y, middle)


def _limits(cohort: ArmCohorts, top: Place, unit: float, scale_y: float) -> dict[str, tuple[float, float]]:
    """Return profile intervals, searched for together: a slope in one arm is the slope of another coding.

    Of log-odds the difference of the arms has none: it is not the question, and its profile runs along endless slopes.
    """
    names = ("prognostic_slope", "reference", "other", "interaction", "arm_difference")[: 4 if cohort.binary else 5]
    count = len(names)
    coded = cohort.chosen(np.zeros(count, dtype=int))
    arm = coded.arm.copy()
    values = np.repeat(top.values, count, axis=0)
    index = np.array([SLOPE, SLOPE, SLOPE, INTERACTION, cohort.arm_difference])[:count]
    covariance = np.repeat(top.covariance, count, axis=0)
    for row in (1, 2):
        shift = _CODES[row] - _CODES[0]
        arm[row] += shift
        values[row, SLOPE] -= shift * values[row, INTERACTION]
        turn = np.eye(values.shape[1])
        turn[SLOPE, INTERACTION] = -shift
        covariance[row] = turn @ covariance[row] @ turn.T
    coded = replace(coded, arm=arm)
    places = replace(coded.evaluate(values), bend=np.asarray(np.linalg.pinv(covariance), dtype=float))
    ends = intervals(coded, places, index) * np.array([unit] * 4 + [scale_y])[:count, None]
    return {name: (float(low), float(high)) for name, (low, high) in zip(names, ends, strict=True)}
