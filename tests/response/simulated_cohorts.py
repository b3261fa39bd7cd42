"""Cohorts whose truth is known, many at once, and how often the corrected slope's interval and test are right.

The marker: X = 1.5 + 0.05 z + N(0, 0.1414^2), error variance 0.015 x Gamma(2, 0.5) floored at a tenth, so that its
reliability is 0.6 (0.57 given z). Outcome: y = 13 - 2 arm + z + slope (X - 1.5) + N(0, 3^2). Logistic: X standard normal,
error variance 0.67 x Gamma(2, 0.5) floored at 0.05, log-odds -0.3 + 0.6 arm + slope X.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from neurochem.response.measurement_error import gaussian_ml, logistic_ml
from neurochem.response.measurement_error.binary_structural import BinaryCohorts
from neurochem.response.measurement_error.profile import f_statistic, largest_drop, tail
from neurochem.response.measurement_error.structural import Cohorts, Constraint, maximise


@dataclass(frozen=True)
class Simulated:
    """Rows of many cohorts: outcome (B, n), markers (B, n, q) with the one asked about last, errors, terms (B, n, p)."""

    outcome: np.ndarray
    markers: np.ndarray
    noise: np.ndarray
    terms: np.ndarray


def _base(rng, count, n):
    z, arm = rng.standard_normal((count, n)), (rng.random((count, n)) < 0.5).astype(float)
    return z, arm, np.stack([np.ones((count, n)), z, arm], axis=2)


def _variance(rng, count, n, mean):
    return np.maximum(mean * rng.gamma(2.0, 0.5, (count, n)), 0.1 * mean)


def baseline(rng, count, n, slope):
    z, arm, terms = _base(rng, count, n)
    true = 1.5 + 0.05 * z + 0.1414 * rng.standard_normal((count, n))
    variance = _variance(rng, count, n, 0.015)
    seen = true + np.sqrt(variance) * rng.standard_normal((count, n))
    outcome = 13 - 2 * arm + z + slope * (true - 1.5) + 3 * rng.standard_normal((count, n))
    return Simulated(outcome, seen[..., None], variance[..., None, None], terms)


def change(rng, count, n, slope, level=-6.0):
    """Change of a marker of reliability 0.6 beside its noisy baseline, whose error it shares."""
    z, arm, terms = _base(rng, count, n)
    first = 1.5 + 0.05 * z + 0.1414 * rng.standard_normal((count, n))
    moved = -0.1 + 0.1 * arm - 0.3 * (first - 1.5) + 0.1414 * rng.standard_normal((count, n))
    s0, s1 = (_variance(rng, count, n, 0.02 / 3.0) for _ in range(2))
    u0, u1 = (np.sqrt(s) * rng.standard_normal((count, n)) for s in (s0, s1))
    noise = np.empty((count, n, 2, 2))
    noise[..., 0, 0], noise[..., 1, 1] = s0, s0 + s1
    noise[..., 0, 1] = noise[..., 1, 0] = -s0
    outcome = 13 - 2 * arm + z + slope * moved + level * (first - 1.5) + 3 * rng.standard_normal((count, n))
    return Simulated(outcome, np.stack([first + u0, moved + u1 - u0], axis=2), noise, terms)


def binary(rng, count, n, slope):
    arm = (rng.random((count, n)) < 0.5).astype(float)
    true = rng.standard_normal((count, n))
    variance = np.maximum(0.67 * rng.gamma(2.0, 0.5, (count, n)), 0.05)
    seen = true + np.sqrt(variance) * rng.standard_normal((count, n))
    outcome = (rng.random((count, n)) < special.expit(-0.3 + 0.6 * arm + slope * true)).astype(float)
    terms = np.stack([np.ones((count, n)), arm], axis=2)
    return Simulated(outcome, seen[..., None], variance[..., None, None], terms)


def binary_change(rng, count, n, slope):
    """Change of reliability 0.6 beside its noisy baseline, yes-or-no outcome."""
    arm = (rng.random((count, n)) < 0.5).astype(float)
    first, moved = rng.standard_normal((2, count, n))
    s0, s1 = (np.maximum(0.333 * rng.gamma(2.0, 0.5, (count, n)), 0.03) for _ in range(2))
    u0, u1 = (np.sqrt(s) * rng.standard_normal((count, n)) for s in (s0, s1))
    noise = np.empty((count, n, 2, 2))
    noise[..., 0, 0], noise[..., 1, 1] = s0, s0 + s1
    noise[..., 0, 1] = noise[..., 1, 0] = -s0
    chance = special.expit(-0.3 + 0.6 * arm + slope * moved - 0.5 * first)
    outcome = (rng.random((count, n)) < chance).astype(float)
    terms = np.stack([np.ones((count, n)), arm], axis=2)
    return Simulated(outcome, np.stack([first + u0, moved + u1 - u0], axis=2), noise, terms)


def two_regions(rng, count, n, slope, shared=0.5):
    """Two regions of one scan, true values correlated 0.5, errors correlated `shared`, each of reliability 0.6."""
    arm = (rng.random((count, n)) < 0.5).astype(float)
    asked = rng.standard_normal((count, n))
    other = 0.5 * asked + np.sqrt(0.75) * rng.standard_normal((count, n))
    s0, s1 = (_variance(rng, count, n, 0.67) for _ in range(2))
    first, second = rng.standard_normal((2, count, n))
    second = shared * first + np.sqrt(1.0 - shared**2) * second
    noise = np.empty((count, n, 2, 2))
    noise[..., 0, 0], noise[..., 1, 1] = s1, s0
    noise[..., 0, 1] = noise[..., 1, 0] = shared * np.sqrt(s0 * s1)
    outcome = slope * asked + other - arm + 2 * rng.standard_normal((count, n))
    seen = np.stack([other + np.sqrt(s1) * second, asked + np.sqrt(s0) * first], axis=2)
    return Simulated(outcome, seen, noise, np.stack([np.ones((count, n)), arm], axis=2))


def as_independent(simulated):
    """The same rows with the errors' correlation ignored."""
    return replace(simulated, noise=simulated.noise * np.eye(simulated.noise.shape[-1]))


def rare(rng, count, n, slope, level=-1.5):
    """Yes-or-no outcome that fewer people have: about a fifth at -1.5, a twelfth at -2.5; nobody or everybody is left out."""
    arm = (rng.random((count, n)) < 0.5).astype(float)
    true = rng.standard_normal((count, n))
    variance = np.maximum(0.67 * rng.gamma(2.0, 0.5, (count, n)), 0.05)
    seen = true + np.sqrt(variance) * rng.standard_normal((count, n))
    outcome = (rng.random((count, n)) < special.expit(level + slope * true)).astype(float)
    kept = np.ptp(outcome, axis=1) > 0.0
    terms = np.stack([np.ones((count, n)), arm], axis=2)
    return Simulated(outcome[kept], seen[kept][..., None], variance[kept][..., None, None], terms[kept])


@dataclass(frozen=True)
class Rates:
    """Estimates, p values of the true slope, and of no slope, one a cohort; share of cohorts with an open interval.

    Where the outcome is yes or no, `steep_share` counts the estimates beyond 20 log-odds.
    """

    slopes: np.ndarray
    p_truth: np.ndarray
    p_plain: np.ndarray
    open_share: float
    steep_share: float = 0.0

    @property
    def coverage(self):
        """Share of 95 % intervals that hold the truth."""
        return float(np.mean(self.p_truth >= 0.05))

    @property
    def plain_coverage(self):
        """The same for the plain likelihood ratio with its chi-square."""
        return float(np.mean(self.p_plain >= 0.05))


def continuous_rates(simulated, slope, *, restricted=False):
    """The profile interval holds the truth exactly where the F test of the truth does not reject."""
    cohorts, unit = standardised(simulated)
    state = gaussian_ml.best(cohorts, restricted=restricted)
    drop = gaussian_ml.profile_drop(cohorts, np.full(len(unit), slope) / unit, state, restricted=restricted)
    people = cohorts.people - (cohorts.terms.shape[2] if restricted else 0)
    far = maximise(cohorts, state.factor, constraint=Constraint(no_spread=True), restricted=restricted)
    far_drop = 2.0 * (state.height - far.height)
    limit = largest_drop(0.95, float(people[0]), float(cohorts.dof[0]))
    slopes = gaussian_ml.slope_of(state) * unit
    p = tail(drop, people, cohorts.dof)
    return Rates(slopes, p, special.chdtrc(1, drop), float(np.mean(far_drop < limit)))


def standardised(simulated):
    """Return cohorts in standard units, and the unit of the slope."""
    terms = simulated.terms
    joint = np.concatenate([simulated.markers, simulated.outcome[..., None]], axis=2)
    basis = np.linalg.qr(terms)[0]
    residual = joint - basis @ (basis.swapaxes(1, 2) @ joint)
    scale = np.sqrt(np.mean(residual**2, axis=1))
    noise = np.zeros((*joint.shape, joint.shape[2]))
    noise[..., :-1, :-1] = simulated.noise
    noise /= (scale[:, :, None] * scale[:, None, :])[:, None]
    noise += 1e-10 * np.eye(joint.shape[2])
    people = terms.shape[1]
    cohorts = Cohorts(residual / scale[:, None], noise, basis * np.sqrt(people), np.ones(terms.shape[:2]))
    return cohorts, scale[:, -1] / scale[:, -2]


def binary_rates(simulated, slope):
    cohorts = BinaryCohorts(
        simulated.outcome, simulated.markers, simulated.noise, simulated.terms, np.ones(simulated.outcome.shape)
    )
    state = logistic_ml.best(cohorts)
    drop = logistic_ml.profile_drop(cohorts, np.full(len(state.height), slope), state)
    people = cohorts.people
    dof = people - simulated.terms.shape[2] - simulated.markers.shape[2]
    slopes = state.values[:, cohorts.layout.slope]
    p = special.fdtrc(1.0, dof, f_statistic(drop, people, dof))
    # an end is open where a slope as good as endless, 200 log-odds per SD, has not fallen to the limit
    spread = simulated.markers[..., -1].std(axis=1)
    far = [logistic_ml.profile_drop(cohorts, side * 200.0 / spread, state) for side in (-1.0, 1.0)]
    limit = largest_drop(0.95, float(people[0]), float(dof[0]))
    open_share = float(np.mean(np.minimum(*far) < limit))
    return Rates(slopes, p, special.chdtrc(1, drop), open_share, float(np.mean(np.abs(slopes) > 20.0)))


def naive_coverage(simulated, slope):
    """Share of ordinary least-squares intervals that hold the truth."""
    from scipy import stats

    design = np.concatenate([simulated.markers, simulated.terms], axis=2)
    bread = np.linalg.inv(design.swapaxes(1, 2) @ design)
    found = bread @ design.swapaxes(1, 2) @ simulated.outcome[..., None]
    dof = design.shape[1] - design.shape[2]
    residual = simulated.outcome - (design @ found)[..., 0]
    which = simulated.markers.shape[2] - 1
    error = np.sqrt(np.sum(residual**2, axis=1) / dof * bread[:, which, which])
    return float(np.mean(np.abs(found[:, which, 0] - slope) < stats.t.ppf(0.975, dof) * error))
