"""Monte Carlo: is the stated error the real one?"""

import numpy as np
import pytest

from neurochem import mrs
from neurochem.mrs.bounds import DELAY_SD_S
from tests.mrs.conftest import TRUTH

NAMES = [*TRUTH, "tNAA", "tCr", "tCho", "Glx"]
VALUES = np.array([*TRUTH.values(), 11.5, 8.0, 1.5, 12.0])


def repeated(basis, rng, count, **options):
    values, errors = [], []
    for _ in range(count):
        # truth is drawn from the prior that the error counts on; a delay of always zero would look too certain
        data = mrs.simulate(
            basis, TRUTH, lorentz_hz=3, gauss_hz=4, phase_deg=20, shift_hz=3, noise_sd=0.6, rng=rng,
            delay_s=rng.normal(0.0, DELAY_SD_S),
        )  # fmt: skip
        fit = mrs.fit(data, basis, **options)
        values.append([fit[name].value for name in NAMES])
        errors.append([fit[name].stderr for name in NAMES])
    return np.array(values), np.array(errors)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({"baseline": "none"}, 0.9),
        ({}, 0.9),
        # a spline that these flat baselines do not need: the error allows for baselines that are not there
        ({"baseline_dimension_per_ppm": 3.0}, 0.8),
    ],
)
def test_scatter_is_the_stated_error_and_intervals_cover(basis, rng, options, least):
    values, errors = repeated(basis, rng, 200, **options)
    ratio = values.std(axis=0, ddof=1) / errors.mean(axis=0)
    coverage = (np.abs(values - VALUES) <= 1.96 * errors).mean(axis=0)
    assert least <= ratio.mean() <= 1.1
    # one ratio of 200 has a standard error of 5 %, and misfit by chance enlarges errors by 1 to 3 %; three of them
    assert np.all((ratio > least - 0.15) & (ratio < 1.15))
    assert 0.93 <= coverage.mean() <= 0.985
    assert coverage.min() >= 0.90  # three standard errors below 95 %


def test_a_quick_look_at_the_same(basis, rng):
    values, errors = repeated(basis, rng, 12)
    pulls = (values - VALUES) / errors
    # 12 x 26 pulls, correlated: their root mean square is 1 within 0.25
    assert 0.7 < np.sqrt(np.mean(pulls**2)) < 1.3
