"""How often the interval of a corrected interaction is right, over simulated cohorts of reliability 0.6."""

import numpy as np
import pytest

from neurochem.response.measurement_error.profile import largest_drop
from neurochem.response.moderation import arm_slopes
from neurochem.response.moderation.arm_slopes import ArmRows, best, p_of

COHORTS = 1000
# four standard errors of a share of 0.95 (or 0.05) among that many
SLACK = 4 * np.sqrt(0.05 * 0.95 / COHORTS)


def rates(rng, n, interaction):
    """Median of the corrected interaction, coverage of its 95 % interval, share of tests of none below 0.05."""
    found, covered, rejected = [], 0, 0
    for _ in range(COHORTS):
        true, arm = rng.standard_normal(n), (rng.random(n) < 0.5).astype(float)
        variance = np.maximum(0.67 * rng.gamma(2.0, 0.5, n), 0.067)
        marker = true + np.sqrt(variance) * rng.standard_normal(n)
        outcome = -arm - true + interaction * arm * true + 3.0 * rng.standard_normal(n)
        x, y = marker.std(), outcome.std()
        rows = ArmRows(
            (outcome - outcome.mean()) / y, (marker - marker.mean()) / x, variance / x**2, arm - 0.5,
            np.column_stack([np.ones(n), arm - 0.5]),
        )  # fmt: skip
        top = best(rows)
        found.append(top.theta[1] * y / x)
        covered += arm_slopes._drop(rows, top, 1, interaction * x / y) < largest_drop(0.95, float(n), rows.dof)
        rejected += p_of(rows, top, 1) < 0.05
    return np.median(found), covered / COHORTS, rejected / COHORTS


@pytest.mark.slow
@pytest.mark.parametrize("n", [40, 150])
def test_the_interval_covers_the_true_interaction(n):
    median, coverage, _ = rates(np.random.default_rng(n), n, -2.0)
    # measured: 0.946 at 40, 0.952 at 150; median -2.04 and -1.99
    assert abs(coverage - 0.95) < SLACK
    assert abs(median + 2.0) < (0.1 if n >= 100 else 0.4)


@pytest.mark.slow
def test_the_test_of_no_interaction_keeps_its_level():
    # measured 0.065 at 24, where the likelihood is a little too eager
    assert rates(np.random.default_rng(24), 24, 0.0)[2] < 0.07 + SLACK
    assert abs(rates(np.random.default_rng(60), 60, 0.0)[2] - 0.05) < SLACK
