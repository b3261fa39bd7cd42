"""A study of a few people that takes milliseconds to make: two regions and a reference, no noise to speak of."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np

import neurochem as nc

DURATION_S = np.array([60, 60, 120, 180, 300, 300, 600, 600, 600, 600, 600, 600, 600], dtype=float)
START_S = np.concatenate([[0.0], np.cumsum(DURATION_S)[:-1]])
REGIONS = {1: "cerebellum", 2: "midbrain", 3: "putamen"}
SHAPE = (4, 3, 2)
BPND = {"midbrain": 2.0, "putamen": 1.2}


def labels() -> np.ndarray:
    return np.arange(np.prod(SHAPE)).reshape(SHAPE) % 4


def truth(person: int, visit: int) -> dict[str, float]:
    return {name: value * (1 + 0.1 * np.sin(3 * person + visit)) * (1 - 0.2 * visit) for name, value in BPND.items()}


def pet_sidecar() -> dict:
    return {
        "TracerName": "DASB",
        "TracerRadionuclide": "C11",
        "Units": "kBq/mL",
        "TimeZero": "09:00:00",
        "InjectionStart": 0,
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 0,
        "FrameTimesStart": START_S.tolist(),
        "FrameDuration": DURATION_S.tolist(),
    }


def write_pet(folder: Path, stem: str, binding: dict[str, float], rng: np.random.Generator) -> None:
    frames = nc.pet.Frames(START_S, DURATION_S)
    blood = nc.pet.Feng(851.1, 21.9, 20.8, 4.134, 0.1191, 0.01043, t0_s=20.0)
    reference = blood.convolved(0.45, 0.06)
    curves = {"cerebellum": reference.frame_means(frames.start_min, frames.end_min)}
    for region, value in binding.items():
        curves[region] = nc.pet.simulate("SRTM", frames, {"R1": 1.0, "k2": 0.06, "BPND": value}, reference=reference)
    image = np.zeros((*SHAPE, len(frames)))
    for index, name in REGIONS.items():
        image[labels() == index] = curves[name]
    image *= 1 + 0.01 * rng.standard_normal(image.shape)
    folder.mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(image.astype(np.float32), np.eye(4)), folder / f"{stem}_pet.nii.gz")
    (folder / f"{stem}_pet.json").write_text(json.dumps(pet_sidecar()))


GRID = {"dwell_s": 5e-4, "points": 1024, "larmor_mhz": 127.73, "echo_time_s": 0.030}
TISSUE = nc.mrs.Tissue(gm=0.6, wm=0.3, csf=0.1)
AMOUNTS = {"NAA": 10.0, "Cr": 4.5, "PCr": 3.5, "GPC": 1.1, "PCh": 0.5, "Ins": 5.5, "Glu": 8.5, "Gln": 2.8}


def basis(**changes) -> nc.mrs.Basis:
    return nc.mrs.resonance_basis(**{**GRID, **changes}, metabolites=tuple(AMOUNTS))


def write_mrs(folder: Path, stem: str, rng: np.random.Generator) -> None:
    elements = basis()
    timing = {"repetition_time_s": 2.0, "tissue": TISSUE, "rng": rng, "lorentz_hz": 3.0, "gauss_hz": 3.0}
    # broad lines are part of the object, since the fit looks for them
    amounts = {**AMOUNTS, **dict.fromkeys(elements.macromolecules, 7.0)}
    spectrum = nc.mrs.simulate(elements, amounts, noise_sd=0.3, **timing)
    water = nc.mrs.simulate_water(**GRID, proton_amplitude=elements.proton_amplitude, noise_sd=0.3, **timing)
    folder.mkdir(parents=True)
    sidecar = {
        "ResonantNucleus": ["1H"],
        "SpectrometerFrequency": [GRID["larmor_mhz"]],
        "SpectralWidth": 1 / GRID["dwell_s"],
        "EchoTime": GRID["echo_time_s"],
        "RepetitionTime": 2.0,
    }
    for suffix, data in (("svs", spectrum), ("mrsref", water)):
        nc.mrs.write(data, folder / f"{stem}_{suffix}.nii.gz")
        (folder / f"{stem}_{suffix}.json").write_text(json.dumps(sidecar))


def write_tissue(path: Path, scans: list[tuple[str, str]]) -> None:
    rows = [f"{person}\t{visit}\t{TISSUE.gm}\t{TISSUE.wm}\t{TISSUE.csf}" for person, visit in scans]
    path.write_text("\n".join(["participant_id\tsession_id\tgm\twm\tcsf", *rows]) + "\n")


def write_segmentation(root: Path, scans: list[tuple[str, str]]) -> None:
    root.mkdir(parents=True)
    names = "".join(f"{index}\t{name}\n" for index, name in REGIONS.items())
    (root / "dseg.tsv").write_text("index\tname\n" + names)
    for person, visit in scans:
        folder = root / person / visit / "pet"
        folder.mkdir(parents=True)
        image = nibabel.Nifti1Image(labels().astype(np.int16), np.eye(4))
        nibabel.save(image, folder / f"{person}_{visit}_dseg.nii.gz")


def write_tables(root: Path, people: int) -> None:
    names = [f"sub-{index + 1:02d}" for index in range(people)]
    rows = [f"{n}\t{25 + 7 * i % 30}\t{'FM'[i % 2]}\tA\tpatient\tssri" for i, n in enumerate(names)]
    (root / "participants.tsv").write_text("\n".join(["participant_id\tage\tsex\tsite\tgroup\tarm", *rows]) + "\n")
    visits = [f"{n}\tses-baseline\tbaseline\t0\n{n}\tses-week8\tweek8\t8" for n in names]
    (root / "sessions.tsv").write_text("\n".join(["participant_id\tsession_id\tvisit\tweek", *visits]) + "\n")
    scores = [
        f"{n}\tses-baseline\t{28 + i % 5}\n{n}\tses-week8\t{10 + round(8 * truth(i, 0)['midbrain'] - 8) + i % 3}"
        for i, n in enumerate(names)
    ]
    (root / "phenotype").mkdir()
    (root / "phenotype" / "madrs.tsv").write_text("\n".join(["participant_id\tsession_id\tscore", *scores]) + "\n")


def make_tiny_study(root: Path, people: int = 2, visits: int = 2, *, spectra: bool = False) -> Path:
    """Write a study of PET scans, of spectra too if asked for, and return its folder."""
    rng = np.random.default_rng(1)
    root.mkdir(parents=True)
    description = {"Name": "tiny", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    write_tables(root, people)
    scans = [
        (f"sub-{person + 1:02d}", session, truth(person, visit))
        for person in range(people)
        for visit, session in enumerate(["ses-baseline", "ses-week8"][:visits])
    ]
    for person, session, binding in scans:
        write_pet(root / person / session / "pet", f"{person}_{session}", binding, rng)
    keys = [scan[:2] for scan in scans]
    write_segmentation(root / "derivatives" / "segmentation", keys)
    if spectra:
        for person, session in keys:
            write_mrs(root / person / session / "mrs", f"{person}_{session}", rng)
        write_tissue(root / "derivatives" / "segmentation" / "tissue_fractions.tsv", keys)
        (root / "code").mkdir()
        nc.mrs.write_basis(basis(), root / "code" / "basis.BASIS")
        (root / "code" / "neurochem.toml").write_text(
            '[mrs]\nbasis = "code/basis.BASIS"\nmetabolites = ["Glu", "Glx"]\n'
        )
    return root


# An edited scan: 8 coils, 16 transients a condition, ON 1 Hz and 5 degrees off OFF.
MEGA = ("GABA", "Glu", "Gln", "NAA", "Cr", "GPC")
MEGA_TRUTH = {"GABA": 2.0, "Glu": 9.0, "Gln": 3.0, "NAA": 10.0, "Cr": 8.0, "GPC": 1.5}
MEGA_TOML = f"[mrs.edited]\nsimulated = {json.dumps(MEGA)}\nmetabolites = ['GABA+', 'GABA', 'Cr']\n"
PULSES = {name: {"PulseOffset": ppm, "PulseDuration": 0.014} for name, ppm in (("ON", 1.9), ("OFF", 7.5))}
VOXEL = ((18.0, -17.0, 4.0, 3.0), (16.0, 19.0, 6.0, -30.0), (-7.0, 1.0, 28.0, 20.0), (0.0, 0.0, 0.0, 1.0))


def mega_basis() -> nc.mrs.EditedBasis:
    return nc.mrs.simulate_basis(
        "mega-press", echo_time_s=0.068, larmor_mhz=GRID["larmor_mhz"], dwell_s=GRID["dwell_s"], points=GRID["points"],
        metabolites=list(MEGA), editing=nc.mrs.pulse("gaussian", duration_s=0.014),
    )  # fmt: skip


def mega_raw(rng: np.random.Generator) -> nc.mrs.RawScan:
    timing = {"repetition_time_s": 2.0, "tissue": TISSUE, "lorentz_hz": 3.0, "gauss_hz": 4.0}
    scans = [nc.mrs.simulate(mega_basis()[name], MEGA_TRUTH, **timing) for name in ("on", "off")]
    water = nc.mrs.simulate_water(**{**GRID, "echo_time_s": 0.068}, proton_amplitude=1.0, **timing)
    wrong = nc.mrs.RawDisturbances(edit_shift_hz=1.0, edit_phase_deg=5.0, corrupted=0.0, residual_water=5.0)
    return nc.mrs.simulate_raw(scans, rng=rng, coils=8, transients=16, snr=60.0, water=water, disturbances=wrong)


def write_mega(folder: Path, stem: str, rng: np.random.Generator) -> None:
    raw = mega_raw(rng)
    data = replace(raw.data, header={**raw.data.header, "affine": VOXEL})
    nc.mrs.write(data, folder / f"{stem}_svs.nii.gz", header={"EditPulse": PULSES})
    nc.mrs.write(raw.water, folder / f"{stem}_mrsref.nii.gz")


def head(centre_mm: tuple[float, float, float] = (3.0, -30.0, 20.0)) -> tuple[np.ndarray, np.ndarray]:
    """Return a ball of 60 mm as an image of 3 mm voxels, 0 outside, and its affine."""
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = np.array(centre_mm) - 66.0
    place = 3.0 * np.indices((45, 45, 45)) - 66.0
    return np.linalg.norm(place, axis=0), affine


def write_anatomy(folder: Path, stem: str) -> None:
    """Write a T1w image and maps with 0.55 grey, 0.35 white and 0.10 fluid everywhere inside."""
    folder.mkdir(parents=True)
    radius, affine = head()
    inside = (radius < 60.0).astype(np.float32)
    for name, level in (
        ("T1w", 800.0),
        ("label-GM_probseg", 0.55),
        ("label-WM_probseg", 0.35),
        ("label-CSF_probseg", 0.10),
    ):
        nibabel.save(nibabel.Nifti1Image(level * inside, affine), folder / f"{stem}_{name}.nii.gz")
