import filecmp
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import phantoms
from neurochem.errors import InputError
from neurochem.naming import parse_bids_name
from neurochem.pet import decay_constant_per_min, extract_tacs, read_image, read_label_names
from neurochem.phantoms import pet_scan
from neurochem.phantoms.reference_objects import make_reference_objects, stated_checksums
from neurochem.phantoms.validation import Check, ValidationReport
from neurochem.phantoms.writing import read_truth
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return phantoms.make_study(tmp_path_factory.mktemp("study") / "bids", participants=2, seed=3)


def test_same_seed_gives_the_same_bytes(study, tmp_path):
    again = phantoms.make_study(tmp_path / "again", participants=2, seed=3)
    files = sorted(path.relative_to(study) for path in study.rglob("*") if path.is_file())
    same, different, missing = filecmp.cmpfiles(study, again, [str(name) for name in files], shallow=False)
    assert (different, missing) == ([], [])
    assert len(same) == len(files)


def test_truth_lies_beside_the_study(study):
    truth = read_truth(study / "derivatives" / "truth" / "markers.tsv")
    record = json.loads((study / "derivatives" / "truth" / "truth.json").read_text())
    assert record["Seed"] == 3
    assert {row["marker"] for row in truth} >= {"BPND", "Glx", "GABA", "tCr"}
    glx = [float(r["value"]) for r in truth if r["marker"] == "Glx"]
    parts = (
        [float(r["value"]) for r in truth if r["marker"] == "Glu"],
        [float(r["value"]) for r in truth if r["marker"] == "Gln"],
    )
    assert_allclose(glx, np.sum(parts, axis=0), rtol=1e-9)


def test_image_holds_the_kinetics_with_counting_noise(study):
    folder = study / "sub-01" / "ses-baseline" / "pet"
    image = read_image(folder / "sub-01_ses-baseline_pet.nii.gz")
    labels = study / "derivatives/segmentation/sub-01/ses-baseline/pet/sub-01_ses-baseline_dseg.nii.gz"
    tacs = extract_tacs(image, labels, read_label_names(study / "derivatives/segmentation/dseg.tsv"))
    person = phantoms.make_people(2, phantoms.Effects(), np.random.default_rng(np.random.SeedSequence(3).spawn(2)[0]))[
        0
    ]
    exact = pet_scan.regional_curves(person.visits["baseline"], pet_scan.frames())
    grid = pet_scan.frames()
    per_count = np.exp(decay_constant_per_min("C11") * grid.mid_min) / (pet_scan.SENSITIVITY * grid.duration_s)
    for region, voxels in zip(tacs.regions, tacs.voxels, strict=True):
        # Poisson in each voxel, plus the rounding to 16 bits
        step = image.scale[0] * 40.0
        sd = np.sqrt(exact[region] * per_count / voxels) + step
        assert (np.abs(tacs[region] - exact[region]) < 5.0 * sd).all()


def test_arms_and_effects_are_as_stated():
    people = phantoms.make_people(400, phantoms.Effects(residual_sd=0.5), np.random.default_rng(5))
    design, outcome = [], []
    for person in people:
        first, last = person.visits["baseline"], person.visits["week8"]
        glx = sum(last.concentrations[name] - first.concentrations[name] for name in ("Glu", "Gln"))
        design.append([1.0, first.bpnd["midbrain"], glx, person.arm == "ssri", first.scores["madrs"]])
        outcome.append(last.scores["madrs"])
    inside = np.array(outcome) > 0
    slopes = np.linalg.lstsq(np.array(design, dtype=float)[inside], np.array(outcome, dtype=float)[inside], rcond=None)[
        0
    ]
    # rounding and the floor of the scale leave slopes within a few percent
    assert_allclose(slopes[1:], [-8.0, -3.0, -5.0, 0.6], rtol=0.08)
    assert sum(person.arm == "ssri" for person in people) == 200


def test_study_refuses_a_folder_in_use(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(InputError, match="is not an empty folder; name a new one"):
        phantoms.make_study(tmp_path)
    with pytest.raises(InputError, match="at least 2"):
        phantoms.make_study(tmp_path / "new", participants=1)


def test_names_are_bids(study):
    for path in study.rglob("sub-*.nii.gz"):
        entities, suffix, _ = parse_bids_name(path.name)
        assert entities["sub"] in {"01", "02"}
        assert entities["ses"] in {"baseline", "week8"}
        assert suffix in {"pet", "svs", "mrsref", "dseg"}
        if suffix in {"pet", "svs", "mrsref"}:
            assert path.with_name(path.name.replace(".nii.gz", ".json")).is_file()


def test_validation_data_are_those_that_the_code_makes(tmp_path):
    sums = make_reference_objects(tmp_path)
    assert sums == stated_checksums()
    folder = REPOSITORY / "validation_data"
    assert json.loads((folder / "checksums.json").read_text())["Sha256"] == sums
    names = [*sums, "checksums.json"]
    _, different, missing = filecmp.cmpfiles(folder, tmp_path, names, shallow=False)
    assert (different, missing) == ([], [])


def test_a_report_fails_when_a_check_fails():
    good, bad = Check("a", "error", 0.1, 0.2, "why"), Check("b", "share", 0.9, 0.99, "why", at_least=True)
    assert ValidationReport((good,)).passed
    report = ValidationReport((good, bad))
    assert not report.passed
    assert "1 of 2 checks passed" in str(report)
    assert not Check("c", "error", float("nan"), 1.0, "why").passed


@pytest.mark.slow
def test_validation_passes():
    report = phantoms.validate(replicates=40, progress=False)
    assert report.passed, str(report)
