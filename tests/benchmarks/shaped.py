"""Time of basis sets with shaped pulses in space: `python -m tests.benchmarks.shaped`.

Twenty metabolites, PRESS 30 ms at 3 T, 61 x 61 positions by projection; and MEGA-PRESS with shaped editing pulses.  The
limit is 60 s on two cores; the disk cache is not used.
"""

import sys
import time

from neurochem.mrs.pulses import pulse
from neurochem.mrs.simulate_basis import simulate_basis

METABOLITES = (
    "Ala", "Asc", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "GPC", "PCh", "GSH", "Ins", "sIns", "Lac", "NAA", "NAAG",
    "PCr", "PE", "Ser", "Tau",
)  # fmt: skip
LIMIT_S = 60.0
_SAMPLING = {"larmor_mhz": 127.731, "dwell_s": 2.5e-4, "points": 2048, "cache": False, "progress": False}


def seconds(sequence: str, **options: object) -> dict[str, float]:
    """Return the wall-clock time of each metabolite."""
    times = {}
    for name in METABOLITES:
        start = time.perf_counter()
        simulate_basis(sequence, metabolites=[name], **_SAMPLING, **options)
        times[name] = time.perf_counter() - start
    return times


def main() -> int:
    """Print a table and return 1 where PRESS takes longer than the limit."""
    refocusing = pulse("sinc_gaussian", duration_s=0.005)
    sliced = {"refocusing": refocusing, "points_x": 61, "points_y": 61}
    press = seconds("press", echo_time_s=0.030, **sliced)
    mega = seconds("mega-press", echo_time_s=0.068, edit_pulse=pulse("gaussian", duration_s=0.014), **sliced)
    write = sys.stdout.write
    write(f"{'':10}{'PRESS':>10}{'MEGA':>10}   seconds, 61 x 61 positions\n")
    for name in METABOLITES:
        write(f"{name:10}{press[name]:10.2f}{mega[name]:10.2f}\n")
    write(f"{'all':10}{sum(press.values()):10.2f}{sum(mega.values()):10.2f}   limit of PRESS {LIMIT_S:g}\n")
    return int(sum(press.values()) > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
