"""Speed of the simulation of basis sets: `python -m tests.benchmarks.spins`.

Wall-clock seconds of whole calls, best of several; twenty metabolites, 2048 points.  Set OMP_NUM_THREADS for the cores.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable

from neurochem.mrs.simulate_basis import simulate_basis
from neurochem.mrs.spins import DEFAULT_METABOLITES

HEADER = {"larmor_mhz": 127.73, "dwell_s": 1 / 4000, "points": 2048}
# name, sequence, options, seconds allowed
CASES = (
    ("pulse-acquire", "pulse-acquire", {}, 2.0),
    ("PRESS 30 ms", "press", {"echo_time_s": 0.030}, 2.0),
    ("STEAM 20 ms, TM 10 ms", "steam", {"echo_time_s": 0.020, "mixing_time_s": 0.010}, 2.0),
    ("semi-LASER 28 ms", "semi-laser", {"echo_time_s": 0.028}, 2.0),
    ("LASER 40 ms", "laser", {"echo_time_s": 0.040}, 2.0),
    ("MEGA-PRESS 68 ms, ON and OFF", "mega-press", {"echo_time_s": 0.068}, 4.0),
    ("HERMES 80 ms, four steps", "hermes", {}, 8.0),
    ("PRESS 30 ms, lysine (9 spins)", "press", {"echo_time_s": 0.030, "metabolites": ["Lys"]}, 2.0),
)


def best_of(call: Callable[[], object], repeats: int = 5) -> float:
    """Return the least wall-clock seconds of several calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> int:
    """Print one line a sequence: seconds simulated, seconds from the cache; return 1 if a limit is passed."""
    write, late = sys.stdout.write, 0
    write(f"{len(DEFAULT_METABOLITES)} metabolites, 2048 points\n{'':<34}{'simulated':>12}{'cached':>12}{'limit':>9}\n")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NEUROCHEM_CACHE"] = folder
        for name, sequence, options, limit in CASES:
            settings = {**HEADER, **options}
            fresh = best_of(lambda s=sequence, o=settings: simulate_basis(s, cache=False, **o))
            simulate_basis(sequence, **settings)
            kept = best_of(lambda s=sequence, o=settings: simulate_basis(s, **o))
            late += fresh > limit or kept > 0.1
            write(f"{name:<34}{1e3 * fresh:>9.1f} ms{1e3 * kept:>9.1f} ms{limit:>7.0f} s\n")
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
