"""A whole phantom study in a BIDS folder: scans, scores and, beside them, the truth."""

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.naming import MARKER_COLUMNS, bids_name, write_text
from neurochem.phantoms import mrs_scan, pet_scan
from neurochem.phantoms.people import (
    REFERENCE,
    VISITS,
    WEEKS,
    Effects,
    Person,
    make_people,
    true_markers,
)
from neurochem.phantoms.writing import write_image, write_json, write_table

MARKER_METABOLITES = ("Glu", "Glx", "GABA", "tNAA", "tCr", "tCho", "Ins")
SEGMENTATION = "derivatives/segmentation"
TRUTH = "derivatives/truth"


def make_study(
    folder: str | Path,
    *,
    participants: int = 24,
    seed: int = 1,
    effects: Effects | None = None,
    progress: bool | None = None,
) -> Path:
    """Write a BIDS study with known truth.

    Parameters
    ----------
    folder : path
        Where to write; made if missing, must be empty.
    participants : int
        Number of people, at least 2; two visits each.
    seed : int
        Start of every random number: the same seed and number of people give the same bytes.
    effects : Effects, optional
        How the outcome depends on the markers.
    progress : bool, optional
        Whether to show a progress bar; by default only on a terminal.

    Returns
    -------
    Path
        The folder: participants.tsv, sessions.tsv, phenotype/, sub-*/ses-*/pet and mrs, derivatives/segmentation, the
        truth in derivatives/truth, and code/ with the configuration of `neurochem run` and the basis set.

    Raises
    ------
    InputError
        If the folder is not empty or the number of people is below 2.
    """
    root = Path(folder)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        msg = f"{root}: exists and is not an empty folder; name a new one"
        raise InputError(msg)
    if participants < 2:
        msg = f"participants is {participants}; a study needs at least 2"
        raise InputError(msg)
    chosen = effects or Effects()
    people_seed, scans_seed = np.random.SeedSequence(seed).spawn(2)
    people = make_people(participants, chosen, np.random.default_rng(people_seed))
    _write_tables(root, people)
    _write_truth(root, people, chosen, seed)
    _write_code(root)
    jobs = [(person, visit) for person in people for visit in VISITS]
    seeds = scans_seed.spawn(len(jobs))
    shown = tqdm(jobs, desc="phantom scans", unit="visit", disable=None if progress is None else not progress)
    for (person, visit), source in zip(shown, seeds, strict=True):
        _write_scans(root, person, visit, np.random.default_rng(source))
    return root


def _write_tables(root: Path, people: list[Person]) -> None:
    write_json(
        root / "dataset_description.json",
        {"Name": "neurochem phantom study", "BIDSVersion": "1.10.0", "DatasetType": "raw", "License": "CC0"},
    )
    write_text(root / "README", "A simulated study with known truth, made by neurochem. No person was scanned.\n")
    write_text(root / ".bidsignore", "sessions.tsv\n**/mrs/*_mrsref.json\n")
    rows: list[dict[str, Any]] = [
        {
            "participant_id": person.participant_id, "age": person.age, "sex": person.sex, "site": person.site,
            "group": "patient", "arm": person.arm, "randomized": "true",
        }
        for person in people
    ]  # fmt: skip
    write_table(root / "participants.tsv", ("participant_id", "age", "sex", "site", "group", "arm", "randomized"), rows)
    write_json(
        root / "participants.json",
        {
            "age": {"Description": "Age at baseline", "Units": "year"},
            "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
            "arm": {
                "Description": "Treatment arm",
                "Levels": {"placebo": "placebo (reference)", "ssri": "serotonin reuptake inhibitor"},
                "Reference": "placebo",
            },
            "group": {"Description": "Group", "Levels": {"patient": "major depression"}},
            "randomized": {"Description": "Whether the arm was assigned at random"},
        },
    )
    _write_scores(root, people)
    _write_segmentation_tables(root, people)


def _write_scores(root: Path, people: list[Person]) -> None:
    visits = [
        {"participant_id": p.participant_id, "session_id": f"ses-{visit}", "visit": visit, "week": WEEKS[visit]}
        for p in people
        for visit in VISITS
    ]
    write_table(root / "sessions.tsv", ("participant_id", "session_id", "visit", "week"), visits)
    for scale, name, highest in (("madrs", "MADRS", 60), ("hamd17", "HAM-D 17", 52)):
        scores = [
            {
                "participant_id": p.participant_id,
                "session_id": f"ses-{visit}",
                "score": p.visits[visit].scores[scale],
            }
            for p in people
            for visit in VISITS
        ]
        write_table(root / "phenotype" / f"{scale}.tsv", ("participant_id", "session_id", "score"), scores)
        description = {"Description": f"{name} total score, 0 to {highest}", "Units": "points"}
        write_json(root / "phenotype" / f"{scale}.json", {"score": description})


def _write_segmentation_tables(root: Path, people: list[Person]) -> None:
    labels = [{"index": index, "name": name} for index, name in pet_scan.LABELS.items()]
    write_table(root / SEGMENTATION / "dseg.tsv", ("index", "name"), labels)
    write_json(
        root / SEGMENTATION / "dataset_description.json",
        {
            "Name": "phantom segmentation", "BIDSVersion": "1.10.0", "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "neurochem.phantoms"}],
        },
    )  # fmt: skip
    fractions = [
        {
            "participant_id": p.participant_id, "session_id": f"ses-{visit}",
            **dict(zip(("gm", "wm", "csf"), p.visits[visit].tissue, strict=True)),
        }
        for p in people
        for visit in VISITS
    ]  # fmt: skip
    columns = ("participant_id", "session_id", "gm", "wm", "csf")
    write_table(root / SEGMENTATION / "tissue_fractions.tsv", columns, fractions)


def _write_truth(root: Path, people: list[Person], effects: Effects, seed: int) -> None:
    rows = [row for person in people for row in true_markers(person)]
    write_table(root / TRUTH / "markers.tsv", MARKER_COLUMNS, rows)
    record = {
        "Name": "truth of the phantom study",
        "Seed": seed,
        "Participants": len(people),
        "Effects": {
            "bpnd_baseline": effects.bpnd_baseline,
            "glx_change": effects.glx_change,
            "arm": effects.arm,
            "severity": effects.severity,
            "residual_sd": effects.residual_sd,
        },
        "Planted": [
            {
                "marker": "BPND", "region": "midbrain", "at": "baseline", "outcome": "madrs",
                "slope": effects.bpnd_baseline, "unit": "points per unit of BPND",
            },
            {
                "marker": "Glx", "region": "voxel", "at": "change", "outcome": "madrs",
                "slope": effects.glx_change, "unit": "points per mmol/kg",
            },
        ],
    }  # fmt: skip
    write_json(root / TRUTH / "truth.json", record)


def _write_code(root: Path) -> None:
    mrs.write_basis(mrs_scan.basis(), root / "code" / "basis.BASIS")
    names = ", ".join(f'"{name}"' for name in MARKER_METABOLITES)
    write_text(
        root / "code" / "neurochem.toml",
        f"""# How `neurochem run` analyses this study.
[pet]
model = "SRTM"
reference = "{REFERENCE}"
parameters = ["BPND"]
segmentation = "{SEGMENTATION}"

[mrs]
basis = "code/basis.BASIS"
metabolites = [{names}]
tissue = "{SEGMENTATION}/tissue_fractions.tsv"

[response]
outcome = "madrs"
outcome_type = "change"
baseline_visit = "baseline"
endpoint_visit = "week8"
covariates = ["age", "sex"]
at = ["baseline", "change"]
markers = [
  {{ marker = "BPND", region = "midbrain" }},
  {{ marker = "Glx" }},
  {{ marker = "GABA" }},
]
""",
    )


def _write_scans(root: Path, person: Person, visit: str, rng: np.random.Generator) -> None:
    truth = person.visits[visit]
    entities = {"sub": person.participant_id.removeprefix("sub-"), "ses": visit}
    folder = root / person.participant_id / f"ses-{visit}"
    stored, scale = pet_scan.make_scan(truth, rng)
    write_image(folder / "pet" / bids_name(entities, "pet", ".nii.gz"), stored, pet_scan.affine(), scale)
    write_json(folder / "pet" / bids_name(entities, "pet", ".json"), pet_scan.sidecar())
    labels = (
        root / SEGMENTATION / person.participant_id / f"ses-{visit}" / "pet" / bids_name(entities, "dseg", ".nii.gz")
    )
    write_image(labels, pet_scan.label_image(), pet_scan.affine())
    spectrum, water = mrs_scan.make_spectra(truth, rng)
    for suffix, data, unsuppressed in (("svs", spectrum, False), ("mrsref", water, True)):
        path = folder / "mrs" / bids_name(entities, suffix, ".nii.gz")
        mrs.write(data, path, header={"WaterSuppressed": not unsuppressed})
        write_json(path.with_name(bids_name(entities, suffix, ".json")), mrs_scan.sidecar(water=unsuppressed))
