"""Speed of preprocessing a raw acquisition: `python -m tests.benchmarks.raw [COILS TRANSIENTS POINTS]`.

Wall-clock and CPU seconds of the default steps on 32 coils x 320 averages x 4,096 points (the best of three, since other
programs on the machine only make it slower), what each step did, and the most memory held.
"""

import resource
import sys
import time

import numpy as np

from neurochem import mrs
from neurochem.mrs.simulate_raw import RawDisturbances, RawScan, simulate_raw

LIMIT_S = 10.0
_RUNS = 3


def acquisition(coils: int, transients: int, points: int) -> RawScan:
    """Return a simulated acquisition of that size."""
    basis = mrs.simulate_basis(
        "press", echo_time_s=0.03, te1_s=0.015, larmor_mhz=127.73, dwell_s=2.5e-4, points=points,
        metabolites=["NAA", "Cr", "GPC", "Glu", "Ins"],
    )  # fmt: skip
    clean = mrs.simulate(basis, {"NAA": 12, "Cr": 8, "GPC": 1.8, "Glu": 10, "Ins": 7}, lorentz_hz=5.0)
    rng = np.random.default_rng(0)
    return simulate_raw(clean, rng=rng, coils=coils, transients=transients, disturbances=RawDisturbances())


def main() -> int:
    """Print the times; return 1 where they exceed the limit for the full size."""
    sizes = tuple(int(value) for value in sys.argv[1:4]) or (32, 320, 4096)
    raw = acquisition(*sizes)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs = []
    for _ in range(_RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        clean = mrs.preprocess(raw.data, water=raw.water)
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    whole, cpu = min(runs)
    write = sys.stdout.write
    write(f"{sizes[0]} coils x {sizes[1]} averages x {sizes[2]} points: {whole:.2f} s wall clock, {cpu:.2f} s CPU\n")
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
    write(f"  {1e-3 * more:.0f} MB more at most than the simulation needed ({1e-3 * held:.0f} MB)\n")
    for step in clean.steps:
        write(f"  {step.name:<16} {step.what}\n")
    return int(whole > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
