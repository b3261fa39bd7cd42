"""Speed and memory of the fits, as ratios measured in one run: `python -m tests.benchmarks.fits`.

Times are process CPU of one BLAS thread (set OMP_NUM_THREADS=1); the yardstick is a least-squares solve of the same size.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from neurochem import mrs, pet
from neurochem.phantoms import Effects, make_people, mrs_scan
from tests.pet.truth import FRAMINGS, reference_curve


def best_of(call: Callable[[], object], repeats: int = 7) -> float:
    """Return the least CPU seconds of several calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def peak_mib(call: Callable[[], object]) -> float:
    """Return the peak of memory that Python and numpy took during a call."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def regional_pet(count: int = 200) -> pet.TimeActivityCurves:
    """Return noisy SRTM curves of many regions."""
    frames, curve = FRAMINGS["15 s to 7 min"], reference_curve()
    rng = np.random.default_rng(0)
    columns = [curve.frame_means(frames.start_min, frames.end_min)]
    for bpnd, r1 in zip(rng.uniform(0.2, 3.0, count), rng.uniform(0.8, 1.2, count), strict=True):
        truth = {"R1": r1, "k2": 0.1 * r1, "BPND": bpnd}
        clean = pet.simulate("SRTM", frames, truth, reference=curve)
        columns.append(clean * (1 + 0.02 * rng.standard_normal(len(frames))))
    names = ["reference", *(f"r{index}" for index in range(count))]
    return pet.TimeActivityCurves(frames, np.column_stack(columns), regions=names, isotope="C11")


def main() -> None:
    """Print one line a fit: CPU time, ratio to the yardstick, peak memory."""
    write = sys.stdout.write
    rng = np.random.default_rng(1)
    small, large = rng.normal(size=(30, 3)), rng.normal(size=(1000, 60))
    unit = best_of(lambda: [np.linalg.lstsq(small, small[:, 0], rcond=None) for _ in range(1000)]) / 1000
    block = best_of(lambda: [np.linalg.lstsq(large, large[:, 0], rcond=None) for _ in range(20)]) / 20
    tacs = regional_pet()
    write(f"{'fit':<34}{'CPU a fit':>12}{'ratio':>9}  yardstick\n")
    for model in ("SRTM", "MRTM1", "MRTM2", "LoganRef"):
        options = {"k2prime": 0.1} if model in {"MRTM2", "LoganRef"} else {}
        spent = best_of(lambda m=model, o=options: pet.fit(tacs, m, reference="reference", **o), 3) / (
            len(tacs.regions) - 1
        )
        write(
            f"{model + ', with errors, 200 regions':<34}{1e3 * spent:>9.2f} ms{spent / unit:>9.0f}  30 x 3 least squares\n"
        )
    person = make_people(2, Effects(), np.random.default_rng(2))[0].visits["baseline"]
    spectrum, water = mrs_scan.make_spectra(person, np.random.default_rng(3))
    basis = mrs_scan.basis()
    fit = mrs.fit(spectrum, basis)
    tissue = mrs.Tissue(*person.tissue)
    for name, call in (
        ("spectrum, 21 elements, 2048 points", lambda: mrs.fit(spectrum, basis)),
        ("quantify", lambda: mrs.quantify(fit, water=water, tissue=tissue)),
    ):
        spent = best_of(call, 5)
        write(f"{name:<34}{1e3 * spent:>9.2f} ms{spent / block:>9.1f}  1000 x 60 least squares\n")
    write(f"peak memory of one spectrum fit: {peak_mib(lambda: mrs.fit(spectrum, basis)):.1f} MiB\n")
    write(
        f"peak memory of 200 SRTM regions: {peak_mib(lambda: pet.fit(tacs, 'SRTM', reference='reference')):.1f} MiB\n"
    )


if __name__ == "__main__":
    main()
