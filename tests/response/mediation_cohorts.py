"""Trials in which a marker's change mediates, many at once, and how often intervals of the indirect path are right.

The cohorts are those of `simulated_cohorts.change`: baseline and change of reliability 0.6, arm on change `a`, change on
outcome `b`, both scans' errors known.
"""

from dataclasses import dataclass, replace

import numpy as np
import simulated_cohorts as sim

from neurochem.response.measurement_error import gaussian_ml
from neurochem.response.measurement_error.profile import LEVELS, largest_drop, limits_of_many
from neurochem.response.mediation.mediate import _Case, _paths, _products, _resampled
from neurochem.response.mediation.product import product_interval
from neurochem.results import Estimate


@dataclass(frozen=True)
class Paths:
    """Indirect path as measured and corrected, with their 95 % intervals, one row a cohort."""

    measured: np.ndarray
    measured_ends: np.ndarray
    corrected: np.ndarray
    corrected_ends: np.ndarray
    symmetric_ends: np.ndarray


def trials(rng, count, n, a, b, level=-6.0):
    """Change and outcome with the arm's path `a` in place of that of `sim.change`."""
    drawn = sim.change(rng, count, n, b, level)
    arm = drawn.terms[..., 2]
    markers = drawn.markers.copy()
    markers[..., 1] += (a - 0.1) * arm
    return replace(drawn, markers=markers, outcome=drawn.outcome + b * (a - 0.1) * arm)


def slopes(drawn):
    """Return the corrected path b of every cohort as an Estimate with its three profile intervals."""
    cohorts, unit = sim.standardised(drawn)
    state = gaussian_ml.best(cohorts)
    dof, people = float(cohorts.dof[0]), float(cohorts.people[0])
    centre = gaussian_ml.slope_of(state)
    known = np.isfinite(centre)
    rows = np.repeat(np.arange(len(unit)), len(LEVELS))

    def heights(values, which):
        held = cohorts.chosen(rows[which])
        at = state.chosen(rows[which])
        return at.height - 0.5 * gaussian_ml.profile_drop(held, values, at)

    far = gaussian_ml.maximise(cohorts, state.factor, constraint=gaussian_ml.Constraint(no_spread=True)).height
    ends = limits_of_many(
        heights, peak=state.height[rows], centre=np.where(known, centre, 0.0)[rows], step=np.full(rows.size, 0.3),
        drops=np.tile([largest_drop(level, people, dof) for level in LEVELS], len(unit)),
        open_heights=np.repeat(far[rows, None], 2, axis=1),
    ).reshape(len(unit), len(LEVELS), 2)  # fmt: skip
    return [
        Estimate("b", float(c * u), np.nan, dof=dof, limits=tuple((lv, *(u * e)) for lv, e in zip(LEVELS, each, strict=True)))
        for c, u, each in zip(centre, unit, ends, strict=True)
    ]  # fmt: skip


def paths(rng, drawn, bootstraps=500):
    """Return both indirect paths of every cohort, their intervals by what `mediate` uses."""
    found = []
    for row, b in enumerate(slopes(drawn)):
        n = drawn.outcome.shape[1]
        arm = drawn.terms[row, :, 2]
        terms = np.column_stack([drawn.terms[row, :, 1], drawn.markers[row, :, 0]])
        case = _Case(drawn.outcome[row], drawn.markers[row, :, 1], arm, terms, ("0", "1"), "", "", "")
        way = _paths(case)
        ends = (np.nan, np.nan)
        if bootstraps:
            ends = np.percentile(_products(case, _resampled(arm, bootstraps, rng)), [2.5, 97.5])
        a = Estimate("a", way.a, way.a_se, dof=way.dof + 1.0)
        low, high = b.interval()
        if not np.isfinite([b.value, low, high]).all():
            corrected = symmetric = (-np.inf, np.inf)
        else:
            corrected = product_interval(a, b)
            plain = replace(b, limits=(), stderr=0.5 * (high - low) / 2.0)
            symmetric = product_interval(a, plain)
        found.append((way.a * way.b, *ends, way.a * b.value, *corrected, *symmetric))
        assert n == case.arm.size
    table = np.array(found)
    return Paths(table[:, 0], table[:, 1:3], table[:, 3], table[:, 4:6], table[:, 6:8])


def covers(ends, truth):
    """Share of intervals that hold the truth."""
    return float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))


def shows(ends):
    """Share of intervals without zero."""
    return float(np.mean((ends[:, 0] > 0.0) | (ends[:, 1] < 0.0)))
