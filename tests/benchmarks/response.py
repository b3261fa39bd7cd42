"""Coverage, error rates and speed of the outcome models: `python -m tests.benchmarks.response [cohorts a cell] [table ...]`.

Run with OMP_NUM_THREADS=1. Tables: baseline, reml, change, logistic, rare, regions, moderation, odds, mediation, advantage,
speed; all by default. They are those of docs/response_coverage.md. Every cell simulates cohorts with reliability 0.6; a
coverage of 95 % has a standard error of 0.5 points at 2,000 cohorts.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "response"))

import mediation_cohorts as media
import moderation_cohorts as mc
import simulated_cohorts as sim

from neurochem.response import regress
from neurochem.response.moderation import moderation, personal_advantage

SIZES = (24, 30, 40, 100, 300)
BLOCK = 250


def write(*cells: object) -> None:
    """Write one row of a table in Markdown."""
    shown = (f"{cell:.4g}" if isinstance(cell, float | np.floating) else str(cell) for cell in cells)
    sys.stdout.write(f"| {' | '.join(shown)} |\n")
    sys.stdout.flush()


def head(title: str, *columns: str) -> None:
    """Write the head of a table."""
    sys.stdout.write(f"\n{title}\n\n")
    write(*columns)
    write(*("---" for _ in columns))


def slopes(title: str, draw: Callable, rates: Callable, cells: list[tuple[int, float]], count: int) -> None:
    """Write coverage of a corrected slope; where the slope is zero, 100 less it is the type-I error."""
    head(title, "n", "slope", "median", "covers", "chi-square", "naive", "open", "steep")
    for n, slope in cells:
        cohorts = draw(np.random.default_rng(7000 + n), count, n, slope)
        found = rates(cohorts, slope)
        naive = "" if np.isin(cohorts.outcome, (0.0, 1.0)).all() else 100 * sim.naive_coverage(cohorts, slope)
        shares = (100 * share for share in (found.coverage, found.plain_coverage))
        write(
            n, slope, float(np.nanmedian(found.slopes)), *shares, naive, 100 * found.open_share, 100 * found.steep_share
        )


def restricted(cohorts: sim.Simulated, slope: float) -> sim.Rates:
    """Return the rates of the restricted likelihood."""
    return sim.continuous_rates(cohorts, slope, restricted=True)


def cells(slope: float, sizes: tuple[int, ...] = SIZES) -> list[tuple[int, float]]:
    """Return sizes without and with a slope."""
    return [(n, value) for n in sizes for value in (0.0, slope)]


def moderated(title: str, draw: Callable, sizes: tuple[int, ...], truth: float, count: int, *, binary: bool) -> None:
    """Write coverage and level of an interaction."""
    head(title, "n", "interaction", "median", "covers", "rejects none", "open", "naive median", "naive covers")
    for n in sizes:
        for value in (0.0, truth):
            rng = np.random.default_rng(9000 + n)
            parts, plain = [], []
            for _ in range(max(1, count // BLOCK)):
                trials = draw(rng, BLOCK, n, value)
                parts.append(mc.likelihood_rates(trials, value, binary=binary))
                plain.append(mc.naive_rates(trials, value))
            share = [
                100 * np.mean([getattr(part, name) for part in parts])
                for name in ("coverage", "rejected", "open_share")
            ]
            middle, naive = (float(np.median(np.concatenate([part.found for part in each]))) for each in (parts, plain))
            beside = ("", "") if binary else (naive, 100 * np.mean([part.coverage for part in plain]))
            write(n, value, middle, *share, *beside)


def mediated(count: int) -> None:
    """Write coverage of the indirect path, corrected and as measured."""
    head(
        "mediation",
        "n",
        "a",
        "b",
        "a b",
        "median",
        "covers",
        "shows a path",
        "measured",
        "measured covers a b",
        "shows",
    )
    for n in (40, 100):
        for a, b in ((0.1, -12.0), (0.1, 0.0), (0.0, -12.0)):
            found = media.paths(np.random.default_rng(1), media.trials(np.random.default_rng(n), count, n, a, b), 200)
            corrected, measured = found.corrected_ends, found.measured_ends
            write(
                n, a, b, a * b, float(np.nanmedian(found.corrected)), 100 * media.covers(corrected, a * b),
                100 * media.shows(corrected), float(np.median(found.measured)), 100 * media.covers(measured, a * b),
                100 * media.shows(measured),
            )  # fmt: skip


def advised(count: int) -> None:
    """Write what the advantage index claims where nobody gains by choosing."""
    head(
        "advantage index on noise",
        "n",
        "features",
        "arm",
        "benefit",
        "SE",
        "claimed",
        "gain",
        "SE",
        "claimed",
        "in sample",
    )
    for n, features, arm_effect in ((40, 1, 0.0), (60, 1, 0.0), (100, 2, 0.0), (60, 1, 1.0)):
        rng, rows = np.random.default_rng(n + features + 50), []
        for _ in range(count):
            x, arm = rng.standard_normal((n, features)), np.arange(n) % 2
            y = rng.standard_normal(n) - arm_effect * arm
            found = personal_advantage(y, arm, x, rng=rng, repeats=10, bootstraps=200)
            rows.append(
                (found.benefit, found.low > 0, found.over_best_arm, found.over_low > 0, found.in_sample_benefit)
            )
        table = np.array(rows, dtype=float)
        mean, error = table.mean(axis=0), table.std(axis=0) / np.sqrt(count)
        write(n, features, arm_effect, mean[0], error[0], 100 * mean[1], mean[2], error[2], 100 * mean[3], mean[4])


def speed() -> None:
    """Write the time of single fits, all intervals and leaving out each person included."""
    one = sim.baseline(np.random.default_rng(1), 1, 60, -12.0)
    two = sim.binary(np.random.default_rng(1), 1, 60, -1.0)
    tri = mc.scores(np.random.default_rng(1), 1, 60, -2.0)
    yes = mc.responses(np.random.default_rng(1), 1, 60, -1.0)

    def of(cohort: sim.Simulated, family: str) -> Callable:
        return lambda: regress(
            cohort.outcome[0], cohort.markers[0, :, 0], stderr=np.sqrt(cohort.noise[0, :, 0, 0]),
            covariates=cohort.terms[0, :, 1:], family=family,
        )  # fmt: skip

    def by_arm(trials: mc.Trials, family: str) -> Callable:
        rows = (trials.outcome[0], trials.marker[0], trials.arm[0])
        return lambda: moderation(*rows, stderr=np.sqrt(trials.variance[0]), family=family)

    head("one fit of 60 people", "fit", "ms")
    for name, run in (
        ("regress", of(one, "gaussian")), ("regress, binomial", of(two, "binomial")),
        ("moderation", by_arm(tri, "gaussian")), ("moderation, binomial", by_arm(yes, "binomial")),
    ):  # fmt: skip
        run()
        begin = time.process_time()
        for _ in range(5):
            run()
        write(name, 200 * (time.process_time() - begin))


def main() -> None:
    """Print every table asked for."""
    numbers = [word for word in sys.argv[1:] if word.isdigit()]
    asked = [word for word in sys.argv[1:] if not word.isdigit()]
    count = int(numbers[0]) if numbers else 2000
    binary, normal = sim.binary_rates, sim.continuous_rates
    tables: dict[str, Callable[[], None]] = {
        "baseline": lambda: slopes("baseline marker, error='ml'", sim.baseline, normal, cells(-12.0), count),
        "reml": lambda: slopes("baseline marker, error='reml'", sim.baseline, restricted, cells(-12.0), count),
        "change": lambda: slopes("change as marker", sim.change, normal, cells(-12.0), count),
        "logistic": lambda: slopes("logistic, about half respond", sim.binary, binary, cells(-1.0), count),
        "rare": lambda: slopes("logistic, a fifth respond", sim.rare, binary, cells(-1.0, (40, 100, 200)), count),
        "regions": lambda: slopes(
            "two regions, errors correlated 0.5", sim.two_regions, normal, cells(1.0, (40, 100)), count
        ),
        "moderation": lambda: moderated("moderation, scores", mc.scores, (24, 30, 40, 100), -2.0, count, binary=False),
        "odds": lambda: moderated("moderation, log-odds", mc.responses, (40, 100, 200), -1.0, count, binary=True),
        "mediation": lambda: mediated(min(count, 1000)),
        "advantage": lambda: advised(min(count, 1000)),
        "speed": speed,
    }
    for name in asked or tables:
        tables[name]()


if __name__ == "__main__":
    main()
