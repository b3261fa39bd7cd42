"""Speed and memory of parametric maps: `python tests/benchmarks/maps.py [speed | million | memory]`.

The yardstick is the bare matrix product of a search over 100 curves, (voxels x frames) by (frames x 100), in blocks of the
size and precision that the maps use, on one thread, measured in the same run: yardstick and maps take turns, the best of
several counts. Times are wall clock of whole calls of `fit_image`, errors and status included.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# one thread for the matrix library, before numpy is loaded
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import json  # noqa: E402 - after the settings above

import numpy as np  # noqa: E402 - after the settings above

from neurochem import pet  # noqa: E402 - after the settings above
from neurochem.pet.maps.voxel_blocks import BLOCK  # noqa: E402 - after the settings above
from tests.pet.maps_truth import (  # noqa: E402 - after the settings above
    AFFINE,
    FRAMES,
    REFERENCE_MEANS,
    arterial,
    noise_sd,
    one_tissue_curves,
    srtm_curves,
)

SHAPE = (100, 50, 40)
LATE = {"t_star_s": 1800.0}
# model, options, and the most that it may take of the yardstick (None where nothing was asked)
CASES = [
    ("SRTM", {}, 10.0),
    ("SRTM2", {"k2prime": 0.1}, None),
    ("SRTM2", {}, None),
    ("MRTM1", {}, None),
    ("MRTM2", {"k2prime": 0.1}, 6.0),
    ("MRTM2", {}, None),
    ("LoganRef", {"k2prime": 0.1, **LATE}, 6.0),
    ("LoganRef", {"k2prime": 0.1, "t_star_s": 0.0}, 6.0),
    ("LoganRef", {"k2prime": 0.1}, 6.0),
    ("LoganRefML", {"k2prime": 0.1, **LATE}, None),
    ("PatlakRef", LATE, None),
    ("REPlot", LATE, None),
    ("SUVR", {"t1_s": 2400.0, "t2_s": 5000.0}, None),
    ("SRTM", {"spatial_fwhm_mm": 6.0}, None),
    ("1TCM", {}, None),
    ("1TCM", {"VB": 0.05}, None),
    ("Logan", LATE, None),
    ("MLLogan", LATE, None),
    ("MA1", LATE, None),
    ("Patlak", LATE, None),
    ("SA", {}, None),
]


def binding_data(count: int, order: str = "F") -> np.ndarray:
    """Return noisy voxels of all bindings, (x, y, z, n_frames) in single precision."""
    rng = np.random.default_rng(0)
    clean = srtm_curves(rng.uniform(0.0, 3.0, 500), rng.uniform(0.8, 1.2, 500))
    return _volume(clean, count, rng, order)


def plasma_data(count: int) -> np.ndarray:
    """Return noisy one-tissue voxels."""
    rng = np.random.default_rng(1)
    clean = one_tissue_curves(rng.uniform(2, 8, 500), rng.uniform(0.1, 0.4, 500), rng.uniform(0.0, 0.06, 500))
    return _volume(clean, count, rng, "F")


def _volume(clean: np.ndarray, count: int, rng: np.random.Generator, order: str) -> np.ndarray:
    sd = noise_sd(activity=clean.mean(axis=0)).astype(np.float32)
    rows = np.tile(clean.astype(np.float32), (count // 500, 1))
    for first in range(0, count, 100_000):
        part = rows[first : first + 100_000]
        part += sd * rng.standard_normal(part.shape, dtype=np.float32)
    return np.array(rows.reshape(*SHAPE[:2], -1, len(FRAMES)), order=order)


def bare_product(count: int) -> Callable[[], None]:
    """Return the yardstick, its rows contiguous and in double precision already."""
    rng = np.random.default_rng(2)
    rows, basis = rng.standard_normal((count, len(FRAMES))), rng.standard_normal((len(FRAMES), 100))
    out = np.empty((BLOCK, 100))

    def run() -> None:
        for first in range(0, count, BLOCK):
            part = rows[first : first + BLOCK]
            np.matmul(part, basis, out=out[: len(part)])

    return run


def timed(call: Callable[[], object]) -> float:
    """Return seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(calls: list[Callable[[], object]], repeats: int) -> list[float]:
    """Return the least seconds of each call, all taking turns so that a slow spell of the machine meets all alike."""
    for call in calls:
        call()
    rounds = [[timed(call) for call in calls] for _ in range(repeats)]
    return np.min(rounds, axis=0).tolist()


def speed(repeats: int = 7) -> None:
    """Print one line a model for 200,000 voxels x 30 frames."""
    count = int(np.prod(SHAPE))
    bare = bare_product(count)
    images = {
        order: pet.DynamicImage(binding_data(count, order), FRAMES, AFFINE, isotope="C11") for order in ("F", "C")
    }
    plasma = pet.DynamicImage(plasma_data(count), FRAMES, AFFINE, isotope="C11")
    blood = arterial()
    say(f"{count:,} voxels x {len(FRAMES)} frames, float32, blocks of {BLOCK}, one thread")
    say(f"{'model':<44}{'order':>6}{'s':>9}{'us/voxel':>10}{'ratio':>8}{'asked':>8}")
    for model, options, asked in CASES:
        needs_plasma = model in {"1TCM", "Logan", "MLLogan", "MA1", "Patlak", "SA"}
        for order in ("F",) if needs_plasma or asked is None else ("F", "C"):
            image = plasma if needs_plasma else images[order]
            given = {"blood": blood} if needs_plasma else {"reference": REFERENCE_MEANS}
            rounds = 2 if model == "SA" else repeats
            unit, spent = interleaved([bare, lambda: pet.fit_image(image, model, **given, **options)], rounds)  # noqa: B023
            name = f"{model} {' '.join(f'{key}={value:g}' for key, value in options.items())}"
            limit = "" if asked is None else f"{asked:.0f}"
            say(f"{name:<44}{order:>6}{spent:>9.3f}{1e6 * spent / count:>10.2f}{spent / unit:>8.2f}{limit:>8}")
    say(f"yardstick, last round: {unit:.4f} s, {1e6 * unit / count:.3f} us/voxel")


def million(repeats: int = 5) -> None:
    """Print seconds of SRTM for a million voxels on one thread and on two, beside what two threads give the yardstick."""
    count = 1_000_000
    bare, halves = bare_product(count), [bare_product(count // 2) for _ in range(2)]

    def both() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda half: half(), halves))

    for order in ("F", "C"):
        image = pet.DynamicImage(binding_data(count, order), FRAMES, AFFINE, isotope="C11")

        def maps(threads: int, image: pet.DynamicImage = image) -> None:
            pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS, threads=threads)

        unit, pair, one, two = interleaved([bare, both, lambda: maps(1), lambda: maps(2)], repeats)
        say(
            f"SRTM, {count:,} voxels x {len(FRAMES)} frames, order {order}: {one:.2f} s on one thread "
            f"({one / unit:.1f} times the yardstick), {two:.2f} s on two: {one / two:.2f} times as fast, "
            f"where the yardstick gains {unit / pair:.2f}"
        )


_CHILD = """
import resource, sys
import numpy, scipy.ndimage, nibabel, pandas, threadpoolctl, tqdm
from pathlib import Path
sys.path.insert(0, {root!r})
import neurochem as nc
from tests.pet.maps_truth import REFERENCE_MEANS
small = nc.pet.read_image(Path({small!r}))
nc.pet.fit_image(small, "SRTM", reference=REFERENCE_MEANS)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
image = nc.pet.read_image(Path({path!r}), memory_limit_bytes={limit})
maps = nc.pet.fit_image(image, {model!r}, reference=REFERENCE_MEANS, **{options!r})
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(before, after, maps.counts()["ok"])
"""


def write_files(folder: Path, count: int) -> None:
    """Write an image of 2 million voxels and a small one, plain and compressed, with sidecars."""
    import nibabel

    # noise hardly compresses; the fastest level saves a minute
    nibabel.openers.Opener.default_compresslevel = 1
    record = {
        "FrameTimesStart": FRAMES.start_s.tolist(),
        "FrameDuration": FRAMES.duration_s.tolist(),
        "Units": "kBq/mL",
        "TracerRadionuclide": "C11",
        "ImageDecayCorrected": True,
    }
    volume = binding_data(count)
    for stem, data in (("small", volume[:, :, :4]), ("large", volume)):
        for extension in (".nii", ".nii.gz"):
            nibabel.save(nibabel.Nifti1Image(data, AFFINE), folder / f"{stem}_pet{extension}")
        (folder / f"{stem}_pet.json").write_text(json.dumps(record))


def memory(count: int = 2_000_000) -> None:
    """Print peak memory of fresh processes that read images of 2 million voxels from files."""
    data = count * len(FRAMES) * 4 / 1e6
    say(f"{count:,} voxels x {len(FRAMES)} frames float32: {data:.0f} MB of data")
    say("peak resident memory above that of a process that has imported everything and fitted a small image")
    say(f"{'file and choices':<64}{'peak MB':>9}{'over data':>11}")
    with tempfile.TemporaryDirectory() as name:
        # in a process of its own: a child's high-water mark starts at its parent's
        maker = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.benchmarks.maps import *; "
        subprocess.run([sys.executable, "-c", f"{maker}write_files(Path({name!r}), {count})"], check=True)
        for extension, limit, model, options in (
            (".nii.gz", None, "SRTM", {}),
            (".nii.gz", None, "SRTM", {"parameters": ["BPND", "R1"]}),
            (".nii.gz", None, "SRTM", {"threads": 2}),
            (".nii.gz", None, "SRTM2", {}),
            (".nii.gz", None, "MRTM2", {}),
            (".nii.gz", None, "SRTM", {"spatial_fwhm_mm": 6.0}),
            (".nii.gz", 10_000_000, "SRTM", {}),
            (".nii", None, "SRTM", {}),
            (".nii", None, "SRTM", {"parameters": ["BPND", "R1"]}),
        ):
            child = _CHILD.format(
                root=str(ROOT), small=f"{name}/small_pet.nii", path=f"{name}/large_pet{extension}",
                limit=limit, model=model, options=options,
            )  # fmt: skip
            answer = subprocess.run([sys.executable, "-c", child], check=True, capture_output=True, text=True)
            before, after, _ = (int(word) for word in answer.stdout.split())
            peak = (after - before) * 1024 / 1e6
            held = data if extension == ".nii.gz" and limit is None else 0.0
            title = f"{extension}{'' if limit is None else ' above its limit'} {model} {options or ''}"
            say(f"{title:<64}{peak:>9.0f}{peak - held:>11.0f}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asked_for = sys.argv[1:] or ["speed", "million", "memory"]
    for part in asked_for:
        {"speed": speed, "million": million, "memory": memory}[part]()
