"""Speed of permutation tests: `python -m tests.benchmarks.prediction`; set OMP_NUM_THREADS for the cores.

Wall-clock and CPU seconds: 10,000 shuffles of the largest statistic over 30 markers in 100 people, and 1,000 label shuffles
of a nested ridge-logistic regression (outer 5, inner 3, 5 penalties, one repeat: 80 fits a shuffle), 100 people, 20 predictors.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from neurochem.response.prediction.learners import RidgeLearner
from neurochem.response.prediction.plan import Plan
from neurochem.response.prediction.resampling import Rows, permutation_test
from neurochem.response.screening import TestGroup, freedman_lane, screen

PEOPLE, MARKERS, PREDICTORS = 100, 30, 20


def largest_statistic() -> None:
    """Test 30 markers with three covariates by 10,000 shuffles."""
    rng = np.random.default_rng(0)
    markers, covariates = rng.normal(size=(PEOPLE, MARKERS)), rng.normal(size=(PEOPLE, 3))
    group = TestGroup(np.arange(PEOPLE), markers, covariates, np.arange(MARKERS))
    freedman_lane(rng.normal(size=PEOPLE), [group], permutations=10_000, rng=rng)


def whole_screen() -> None:
    """The same with adjusted p values and shrinkage."""
    rng = np.random.default_rng(0)
    screen(rng.normal(size=(PEOPLE, MARKERS)), rng.normal(size=PEOPLE), rng=rng)


def nested_ridge(shuffles: int, holes: float = 0.0) -> Callable[[], None]:
    """Return a test of a nested ridge-logistic regression by label shuffles."""

    def call() -> None:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(PEOPLE, PREDICTORS))
        x[rng.random(x.shape) < holes] = np.nan
        y = (rng.random(PEOPLE) < 0.45).astype(float)
        rows = Rows(y, np.arange(PEOPLE), np.zeros(PEOPLE, dtype=int), True, 5, 3)
        permutation_test(RidgeLearner(x, Plan().penalties, True), rows, shuffles, rng)

    return call


# name, call, seconds allowed
CASES = (
    ("largest |t|, 10,000 shuffles", largest_statistic, 1.0),
    ("whole screen, 10,000 shuffles", whole_screen, 1.0),
    ("nested ridge, 1,000 shuffles", nested_ridge(1000), 30.0),
    ("the same, 5 % of cells missing", nested_ridge(1000, 0.05), 30.0),
)


def main() -> int:
    """Print one line a case and return 1 where one takes longer than its limit."""
    late = 0
    sys.stdout.write(f"{'':<34}{'wall':>9}{'CPU':>9}{'limit':>9}\n")
    whole_screen()  # the first call loads statsmodels
    for name, call, limit in CASES:
        start, used = time.perf_counter(), time.process_time()
        call()
        wall, spent = time.perf_counter() - start, time.process_time() - used
        late += wall > limit
        sys.stdout.write(f"{name:<34}{wall:>7.2f} s{spent:>7.2f} s{limit:>7.0f} s\n")
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
