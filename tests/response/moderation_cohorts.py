"""Randomised cohorts with a known interaction, many at once, and how often interval and test of it are right.

Marker X standard normal, error variance 0.67 x Gamma(2, 0.5) floored at a tenth: reliability 0.6. Arms a fair coin.
Scores: y = -t - X + interaction t X + N(0, 3^2), t = 0 or 1. Responses: log-odds -0.3 + 0.6 t - 0.5 X + interaction t X.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from neurochem.response.measurement_error.profile import largest_drop, tail
from neurochem.response.moderation.arm_slopes import INTERACTION, ArmCohorts, best, profile_drop


@dataclass(frozen=True)
class Trials:
    """Rows of many cohorts, shape (B, n)."""

    outcome: np.ndarray
    marker: np.ndarray
    variance: np.ndarray
    arm: np.ndarray


def _seen(rng, true, mean=0.67):
    variance = np.maximum(mean * rng.gamma(2.0, 0.5, true.shape), 0.1 * mean)
    return true + np.sqrt(variance) * rng.standard_normal(true.shape), variance


def scores(rng, count, n, interaction, *, drug_sd=3.0, allocated=0.5, slope=-1.0, level=-1.0):
    """Scores; `drug_sd` is the residual SD of the drug arm, `allocated` its share of people."""
    true, arm = rng.standard_normal((count, n)), (rng.random((count, n)) < allocated).astype(float)
    marker, variance = _seen(rng, true)
    noise = np.where(arm == 1.0, drug_sd, 3.0) * rng.standard_normal((count, n))
    return Trials(level * arm + slope * true + interaction * arm * true + noise, marker, variance, arm)


def responses(rng, count, n, interaction, *, slope=-0.5, level=-0.3, drug=0.6):
    true, arm = rng.standard_normal((count, n)), (rng.random((count, n)) < 0.5).astype(float)
    marker, variance = _seen(rng, true)
    chance = special.expit(level + drug * arm + slope * true + interaction * arm * true)
    return Trials((rng.random((count, n)) < chance).astype(float), marker, variance, arm)


def cohorts_of(trials, *, binary, corrected=True):
    """Return cohorts in standard units, and the unit of the interaction."""
    x = trials.marker.std(axis=1, keepdims=True)
    y = np.ones_like(x) if binary else trials.outcome.std(axis=1, keepdims=True)
    middle = 0.0 if binary else trials.outcome.mean(axis=1, keepdims=True)
    side = trials.arm - 0.5
    marker = (trials.marker - trials.marker.mean(axis=1, keepdims=True)) / x
    variance = trials.variance / x**2 * (1.0 if corrected else 0.0)
    terms = np.stack([np.ones_like(side), side], axis=2)
    return ArmCohorts((trials.outcome - middle) / y, marker, variance, side, terms, binary), (y / x)[:, 0]


@dataclass(frozen=True)
class Rates:
    """Interactions found, p of the truth and of none, and the share of cohorts whose interval is open."""

    found: np.ndarray
    p_truth: np.ndarray
    p_none: np.ndarray
    open_share: float

    @property
    def coverage(self):
        return float(np.mean(self.p_truth >= 0.05))

    @property
    def rejected(self):
        return float(np.mean(self.p_none < 0.05))


def likelihood_rates(trials, interaction, *, binary=False):
    """The profile interval holds the truth exactly where the F test of the truth does not reject."""
    cohorts, unit = cohorts_of(trials, binary=binary)
    top = best(cohorts)
    drops = [profile_drop(cohorts, top, INTERACTION, value / unit) for value in (interaction, 0.0)]
    p = [tail(drop, cohorts.people, cohorts.dof) for drop in drops]
    some = np.arange(min(200, len(unit)))  # enough for a share
    few, peak = cohorts.chosen(some), top.chosen(some)
    far = [profile_drop(few, peak, INTERACTION, np.full(len(some), side * few.far)) for side in (-1.0, 1.0)]
    limits = np.array([largest_drop(0.95, float(cohorts.people[0]), float(dof)) for dof in few.dof])
    return Rates(top.values[:, INTERACTION] * unit, *p, float(np.mean(np.minimum(*far) < limits)))


def naive_rates(trials, interaction, *, robust=True):
    """Least squares on the marker as measured, HC3 or classical errors."""
    side, x = trials.arm - 0.5, trials.marker - trials.marker.mean(axis=1, keepdims=True)
    design = np.stack([x, x * side, side, np.ones_like(x)], axis=2)
    bread = np.linalg.pinv(design.swapaxes(1, 2) @ design)
    found = (bread @ design.swapaxes(1, 2) @ trials.outcome[..., None])[..., 0]
    rest = trials.outcome - (design @ found[..., None])[..., 0]
    dof = design.shape[1] - 4
    if robust:
        hat = np.einsum("bni,bij,bnj->bn", design, bread, design)
        scaled = design * (rest / np.maximum(1.0 - hat, 1e-9))[..., None]
        error = np.sqrt((bread @ (scaled.swapaxes(1, 2) @ scaled) @ bread)[:, 1, 1])
    else:
        error = np.sqrt(np.sum(rest**2, axis=1) / dof * bread[:, 1, 1])
    p = [2 * stats.t.sf(np.abs(found[:, 1] - value) / error, dof) for value in (interaction, 0.0)]
    return Rates(found[:, 1], *p, 0.0)
