"""Coverage, error rates and speed of the outcome models: `python -m tests.benchmarks.response [cohorts a cell]`.

Run with OMP_NUM_THREADS=1. Every cell simulates cohorts with reliability 0.6; a coverage of 95 % has a standard error of
0.5 points at 2,000 cohorts.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "response"))

import simulated_cohorts as sim

from neurochem.response import regress


def table(
    title: str, rates: Callable[..., sim.Rates], cells: list[tuple[int, float]], draw: Callable, count: int
) -> None:
    """Print coverage (or type-I error where the slope is zero) of one kind of cohort."""
    write = sys.stdout.write
    write(f"\n{title}, {count} cohorts a cell\n")
    write(f"{'n':>5}{'slope':>8}{'median':>9}{'covers':>9}{'chi-square':>12}{'naive':>8}{'open':>7}{'s':>8}\n")
    for n, slope in cells:
        begin = time.perf_counter()
        cohorts = draw(np.random.default_rng(7000 + n), count, n, slope)
        found = rates(cohorts, slope)
        binary = bool(np.isin(cohorts.outcome, (0.0, 1.0)).all())
        naive = np.nan if binary else sim.naive_coverage(cohorts, slope)
        spent = time.perf_counter() - begin
        write(
            f"{n:>5}{slope:>8g}{np.nanmedian(found.slopes):>9.3f}{100 * found.coverage:>9.2f}"
            f"{100 * found.plain_coverage:>12.2f}{100 * naive:>8.2f}{100 * found.open_share:>7.2f}{spent:>8.1f}\n"
        )
        sys.stdout.flush()


def restricted(cohorts: sim.Simulated, slope: float) -> sim.Rates:
    """Return the rates of the restricted likelihood."""
    return sim.continuous_rates(cohorts, slope, restricted=True)


def main() -> None:
    """Print every table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    sizes = (24, 30, 40, 100, 300)
    cells = [(n, slope) for n in sizes for slope in (0.0, -12.0)]
    table("baseline marker, error='ml'", sim.continuous_rates, cells, sim.baseline, count)
    table("baseline marker, error='reml'", restricted, cells, sim.baseline, count)
    table("change as marker, error='ml'", sim.continuous_rates, cells, sim.change, count)
    binary = [(n, slope) for n in sizes for slope in (0.0, -1.0)]
    table("logistic, baseline marker", sim.binary_rates, binary, sim.binary, count)
    table("logistic, change as marker", sim.binary_rates, binary[2:8], sim.binary_change, min(count, 1000))
    one = sim.baseline(np.random.default_rng(1), 1, 60, -12.0)
    rows = (one.outcome[0], one.markers[0, :, 0])
    begin = time.perf_counter()
    for _ in range(10):
        regress(*rows, stderr=np.sqrt(one.noise[0, :, 0, 0]), covariates=one.terms[0, :, 1:])
    sys.stdout.write(
        f"\none regress(error='ml') of 60 people, all intervals: {100 * (time.perf_counter() - begin):.0f} ms\n"
    )


if __name__ == "__main__":
    main()
