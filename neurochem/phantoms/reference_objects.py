"""The reference objects of `validation_data`: made here, byte for byte the same from the same seed."""

import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np

from neurochem import mrs
from neurochem.mrs.lcmodel import rounded
from neurochem.naming import write_text
from neurochem.pet import Feng, Frames, TimeActivityCurves, simulate, write_tacs
from neurochem.phantoms import mrs_scan, pet_scan
from neurochem.phantoms.people import Effects, Visit, make_people
from neurochem.phantoms.writing import write_image, write_json, write_table
from neurochem.units import FloatArray

SEED = 20260101
COMMAND = "neurochem validate --remake FOLDER"
CHECKSUMS = "checksums.json"

K2PRIME_PER_MIN = 0.10
BPND_VALUES = (0.3, 1.0, 2.0, 3.0)
R1_VALUES = (0.8, 1.0, 1.2)
VT_VALUES = (2.0, 6.0, 12.0)
# Values of a FID and of a spectrum are rounded to these steps, so that the last bit of an exponential does not change a file.
_FID_STEP = 2.0**-24
_SPECTRUM_STEP = 2.0**-16


def _framing(*parts: tuple[int, float]) -> Frames:
    durations = np.concatenate([[seconds] * count for count, seconds in parts]).astype(float)
    return Frames(np.concatenate([[0.0], np.cumsum(durations)[:-1]]), durations)


FRAMINGS = {
    "15s7min": _framing((4, 15), (4, 30), (4, 60), (5, 120), (9, 300), (4, 420)),
    "20s5min": _framing((6, 20), (4, 60), (4, 120), (15, 300)),
    "10s5min": _framing((6, 10), (4, 30), (4, 60), (5, 120), (15, 300)),
}
PLASMA = Feng(A1=851.1225, A2=21.8798, A3=20.8113, L1=4.133859, L2=0.1191, L3=0.01043, t0_s=20.0)
REFERENCE_INPUT = Feng(A1=851.1225, A2=21.8798, A3=20.8113, L1=4.133859, L2=0.1191, L3=0.01043)


def visit() -> Visit:
    """Return the person whose scans are the noisy objects."""
    return make_people(2, Effects(), np.random.default_rng(SEED))[0].visits["baseline"]


def make_reference_objects(folder: str | Path) -> dict[str, str]:
    """Write every reference object and return the SHA-256 sum of each file by its relative name.

    Parameters
    ----------
    folder : path
        Made if missing; files of the same names are replaced.

    Returns
    -------
    dict of str to str
        Sums in the order of the names.
    """
    root = Path(folder)
    _noise_free_curves(root / "pet")
    _plasma_curves(root / "pet")
    _noisy_scan(root / "pet")
    _spectra(root / "mrs")
    files = sorted(path for part in ("pet", "mrs") for path in (root / part).iterdir() if path.is_file())
    sums = {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    write_json(root / CHECKSUMS, {"Seed": SEED, "Command": COMMAND, "Sha256": sums})
    return sums


def stated_checksums() -> dict[str, str]:
    """Return the sums that the package states for its reference objects."""
    text = resources.files("neurochem.phantoms").joinpath(CHECKSUMS).read_text(encoding="utf-8")
    return dict(json.loads(text)["Sha256"])


def _rounded(values: FloatArray) -> FloatArray:
    """Return values of ten significant digits: the rest depends on the processor."""
    return np.array([float(f"{value:.10g}") for value in values.ravel()]).reshape(values.shape)


def _noise_free_curves(folder: Path) -> None:
    curve = REFERENCE_INPUT.convolved(K2PRIME_PER_MIN, K2PRIME_PER_MIN)
    truth = []
    for name, frames in FRAMINGS.items():
        columns = {"reference": curve.frame_means(frames.start_min, frames.end_min)}
        for bpnd in BPND_VALUES:
            for r1 in R1_VALUES:
                region = f"bp{bpnd:g}r{r1:g}"
                parameters = {"R1": r1, "k2": r1 * K2PRIME_PER_MIN, "BPND": bpnd}
                columns[region] = simulate("SRTM", frames, parameters, reference=curve)
                truth.append({"file": f"framing-{name}_tacs.tsv", "region": region, **parameters})
        table = _rounded(np.column_stack(list(columns.values())))
        write_tacs(TimeActivityCurves(frames, table, regions=list(columns)), folder / f"framing-{name}_tacs.tsv")
    write_table(folder / "framings_truth.tsv", ("file", "region", "R1", "k2", "BPND"), truth)


def _plasma_curves(folder: Path) -> None:
    """One-tissue curves, and the plasma input as a sampler would give it: every second, then every ten."""
    frames = FRAMINGS["10s5min"]
    time_s = np.concatenate([np.arange(0.0, 180.0), np.arange(180.0, frames.end_s[-1] + 10.0, 10.0)])
    plasma = _rounded(PLASMA.values(time_s / 60.0))
    rows = [{"time": t, "plasma_parent": value} for t, value in zip(time_s.tolist(), plasma.tolist(), strict=True)]
    write_table(folder / "plasma_blood.tsv", ("time", "plasma_parent"), rows)
    units = {"time": {"Units": "s"}, "plasma_parent": {"Units": "kBq/mL"}}
    write_json(folder / "plasma_blood.json", units)
    columns, truth = {}, []
    for vt in VT_VALUES:
        region = f"vt{vt:g}"
        columns[region] = simulate("MA1", frames, {"K1": 0.1, "VT": vt}, blood=PLASMA)
        truth.append({"file": "plasma_tacs.tsv", "region": region, "K1": 0.1, "VT": vt})
    table = _rounded(np.column_stack(list(columns.values())))
    write_tacs(TimeActivityCurves(frames, table, regions=list(columns)), folder / "plasma_tacs.tsv")
    write_table(folder / "plasma_truth.tsv", ("file", "region", "K1", "VT"), truth)


def _noisy_scan(folder: Path) -> None:
    person = visit()
    stored, scale = pet_scan.make_scan(person, np.random.default_rng([SEED, 1]))
    # not compressed: the bytes of a compressed file depend on the compressor
    write_image(folder / "noisy_pet.nii", stored, pet_scan.affine(), scale)
    write_json(folder / "noisy_pet.json", pet_scan.sidecar())
    write_image(folder / "noisy_dseg.nii", pet_scan.label_image(), pet_scan.affine())
    labels = [{"index": index, "name": name} for index, name in pet_scan.LABELS.items()]
    write_table(folder / "noisy_dseg.tsv", ("index", "name"), labels)
    rows = [
        {
            "region": region,
            "R1": person.r1[region],
            "k2": person.r1[region] * person.k2prime,
            "BPND": person.bpnd[region],
        }
        for region in person.bpnd
    ]
    write_table(folder / "noisy_truth.tsv", ("region", "R1", "k2", "BPND"), rows)


def _spectra(folder: Path) -> None:
    person = visit()
    for name, noise in (("exact", 0.0), ("noisy", mrs_scan.NOISE_SD)):
        spectrum, water = mrs_scan.make_spectra(person, np.random.default_rng([SEED, 2]), noise_sd=noise)
        for suffix, data in (("svs", spectrum), ("mrsref", water)):
            fid = rounded(data.fid, _FID_STEP)
            stored = mrs.Spectrum(
                fid,
                dwell_s=data.dwell_s,
                larmor_mhz=data.larmor_mhz,
                echo_time_s=data.echo_time_s,
                repetition_time_s=data.repetition_time_s,
            )
            mrs.write(stored, folder / f"{name}_{suffix}.nii", header={"WaterSuppressed": suffix == "svs"})
    mrs.write_basis(mrs_scan.basis(), folder / "basis.BASIS", step=_SPECTRUM_STEP)
    rows = [{"metabolite": key, "mmol_per_kg": value} for key, value in person.concentrations.items()]
    write_table(folder / "truth.tsv", ("metabolite", "mmol_per_kg"), rows)
    write_json(folder / "tissue.json", dict(zip(("gm", "wm", "csf"), person.tissue, strict=True)))


def write_readme(folder: str | Path) -> Path:
    """Write what the folder holds and how it is made again."""
    text = f"""# Validation data

Reference objects with known truth, made by this package's own code (`neurochem.phantoms`), seed {SEED}.
Remake them, byte for byte, with

    {COMMAND}

and score the package against them with `neurochem validate`. `{CHECKSUMS}` holds the SHA-256 sum of every file.

| file | what it is |
|---|---|
| `pet/framing-*_tacs.tsv` | noise-free SRTM curves in three framings, exact frame means; truth in `framings_truth.tsv` |
| `pet/plasma_tacs.tsv`, `plasma_blood.tsv` | one-tissue curves and their sampled plasma input; truth in `plasma_truth.tsv` |
| `pet/noisy_pet.nii` | a small dynamic image with counting noise, its sidecar and labels; truth in `noisy_truth.tsv` |
| `mrs/exact_*.nii`, `mrs/noisy_*.nii` | a spectrum and its water reference (NIfTI-MRS) without and with noise |
| `mrs/basis.BASIS`, `truth.tsv`, `tissue.json` | the basis set, concentrations in mmol/kg, and tissue fractions of the voxel |

Kinetic and spectral parameters are design values chosen for plausibility, not measurements.
"""
    return write_text(Path(folder) / "README.md", text)
