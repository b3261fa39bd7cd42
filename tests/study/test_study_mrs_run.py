"""Spectra of a study: edited, nulled, with maps of tissue and a T1w image, from raw scans to markers and page."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from tiny_study import AMOUNTS, MEGA_TOML, MEGA_TRUTH, TISSUE, VOXEL, basis, make_tiny_study, write_anatomy, write_mega

import neurochem as nc
from neurochem.errors import ConfigError, InputError, MissingFileError
from neurochem.study.bids import find_scans
from neurochem.study.config import parse_config, read_config
from neurochem.study.derivatives import read_rows
from neurochem.study.jobs import process_scan
from neurochem.study.mrs_config import MrsConfig
from neurochem.study.mrs_tissue import find_maps, find_t1w, scan_tissue, tissue_inputs
from neurochem.study.participants import describe_job, plan_participants

VISIT = "sub-01/ses-baseline"
STEM = "sub-01_ses-baseline"


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """One visit with an unedited, an edited and a nulled scan, a T1w image and maps; read only."""
    root = make_tiny_study(tmp_path_factory.mktemp("spectra") / "bids", people=1, visits=1, spectra=True)
    shutil.rmtree(root / VISIT / "pet")
    folder = root / VISIT / "mrs"
    for path in sorted(folder.iterdir()):
        path.rename(path.with_name(path.name.replace(STEM, f"{STEM}_acq-press")))
    place(folder / f"{STEM}_acq-press_svs.nii.gz")
    write_mega(folder, f"{STEM}_acq-mega", np.random.default_rng(2))
    write_nulled(folder / f"{STEM}_acq-nulled_svs.nii.gz")
    write_anatomy(root / VISIT / "anat", STEM)
    toml = '[mrs]\nbasis = "code/basis.BASIS"\nmetabolites = ["Glx"]\nnulled = "acq-nulled"\ntissue_maps = ["."]\n'
    (root / "code" / "neurochem.toml").write_text(toml + MEGA_TOML)
    return root


def place(path: Path) -> None:
    """Write the place of the voxel into a scan."""
    data = nc.mrs.read(path)
    nc.mrs.write(replace(data, header={**data.header, "affine": VOXEL}), path)


def write_nulled(path: Path) -> None:
    # broad lines need no long FID, and the search for them takes a third of a second instead of ten
    elements = basis(points=256)
    broad = elements.select(list(elements.macromolecules))
    rng = np.random.default_rng(7)
    nulled = nc.mrs.simulate(
        broad, dict.fromkeys(broad.names, 7.0), noise_sd=0.3, rng=rng, lorentz_hz=3.0, gauss_hz=3.0,
        repetition_time_s=2.0, tissue=TISSUE,
    )  # fmt: skip
    nc.mrs.write(nulled, path)


@pytest.fixture(scope="module")
def done(study, tmp_path_factory) -> Path:
    """The folder of results of all scans of the study."""
    out = tmp_path_factory.mktemp("results")
    for job in plan_participants(study, out, config=read_config(study)):
        outcome = process_scan(job)
        assert outcome.state == "done", outcome
    return out / VISIT / "mrs"


def markers(folder: Path, acquisition: str) -> dict[str, dict[str, str]]:
    return {row["marker"]: row for row in read_rows(folder / f"{STEM}_acq-{acquisition}_markers.tsv")}


def test_the_nulled_scan_is_no_scan_of_its_own(study):
    config = read_config(study)
    scans = find_scans(study, nulled=config.mrs.nulled_entity)
    assert [dict(scan.entities)["acq"] for scan in scans] == ["mega", "press"]


def test_gaba_of_a_raw_edited_scan_is_found(done):
    found = markers(done, "mega")
    assert list(found) == ["GABA+", "GABA", "Cr"]
    # no macromolecules were simulated: GABA+ is GABA; errors are some 3 % of GABA at this noise
    for name in ("GABA+", "GABA"):
        value, se = float(found[name]["value"]), float(found[name]["se"])
        assert abs(value - MEGA_TRUTH["GABA"]) < 3 * se
        assert se < 0.1 * value
    assert float(found["Cr"]["value"]) == pytest.approx(MEGA_TRUTH["Cr"], rel=0.05)
    assert {row["unit"] for row in found.values()} == {"mmol/kg"}


def test_unedited_concentrations_stand_with_measured_macromolecules(done):
    row = markers(done, "press")["Glx"]
    # the true element is the sum of what was simulated, with the noise of one nulled scan: 5 % covers both
    assert float(row["value"]) == pytest.approx(AMOUNTS["Glu"] + AMOUNTS["Gln"], rel=0.05)


def test_every_scan_has_a_record_of_its_steps(done):
    names = [step["name"] for step in json.loads((done / f"{STEM}_acq-mega_steps.json").read_text())]
    assert names[0] == "conjugate"
    assert names[-5:] == ["edit_order", "align_edits", "subtract_edits", "fit", "tissue"]
    steps = json.loads((done / f"{STEM}_acq-press_steps.json").read_text())
    assert [step["name"] for step in steps][-3:] == ["measured_macromolecules", "fit", "tissue"]
    assert {tuple(step) for step in steps} == {("name", "what", "parameters", "effect", "reference")}
    tissue = steps[-1]["effect"]
    assert (tissue["gm"], tissue["wm"], tissue["csf"]) == pytest.approx((0.55, 0.35, 0.10), abs=1e-6)


def test_every_scan_has_a_checklist_filled_from_its_header(done):
    text = (done / f"{STEM}_acq-mega_mrsinmrs.md").read_text()
    for said in ("| averages | 32 (16 for each of 2 edit conditions)", "right 3, posterior 30, superior 20 mm",
                 "J-difference for GABA", "simulated: mega-press, TE 68 ms", f"{STEM}_acq-mega_mrs.html"):  # fmt: skip
        assert said in text, said
    assert "measured on the metabolite-nulled scan" in (done / f"{STEM}_acq-press_mrsinmrs.md").read_text()


def test_the_page_shows_steps_editing_voxel_and_gaps(done):
    page = (done / f"{STEM}_acq-mega_mrs.html").read_text()
    for said in ("<h2>Voxel</h2>", "<h2>Preprocessing</h2>", "<h2>Editing</h2>", "Minimum reporting", "Not stated",
                 f"anat/{STEM}_T1w.nii.gz", "Grey 0.550, white 0.350, fluid 0.100", "study page"):  # fmt: skip
        assert said in page, said
    # fit, voxel, five steps that change the data, alignment, sub-spectra, difference
    assert page.count("<img") >= 10
    assert "<h2>Measured macromolecules</h2>" in (done / f"{STEM}_acq-press_mrs.html").read_text()


def test_results_name_no_folder_of_the_machine(done, study):
    for path in done.iterdir():
        assert str(study) not in path.read_text(), path.name


def test_a_plan_says_which_files_are_read(study, tmp_path):
    told = [describe_job(job) for job in plan_participants(study, tmp_path, config=read_config(study))]
    assert "acq-nulled_svs" not in told[0]
    assert "basis.BASIS" not in told[0]
    assert "acq-nulled_svs" in told[1]
    assert all(f"label-{name}_probseg" in text for text in told for name in ("GM", "WM", "CSF"))


def test_two_spectra_of_one_voxel_must_not_give_one_marker(study, tmp_path):
    config = parse_config({"mrs": {"basis": "code/basis.BASIS", "metabolites": ["GABA"], "nulled": "acq-nulled",
                                   "edited": {"metabolites": ["GABA"]}}})  # fmt: skip
    with pytest.raises(ConfigError, match=r"GABA is a marker of both; name different ones"):
        plan_participants(study, tmp_path, config=config)
    with pytest.raises(InputError, match=r"second mrs scan"):
        plan_participants(study, tmp_path, config=parse_config({"mrs": {"basis": "code/basis.BASIS"}}))


def press(study: Path):
    return next(scan for scan in find_scans(study, nulled=("acq", "nulled")) if "press" in scan.name)


def test_images_of_another_session_or_space_are_never_taken(study, tmp_path):
    scan = press(study)
    for name in ("ses-week8/anat/sub-01_ses-week8_T1w.nii.gz", "anat/sub-01_space-MNI152NLin6Asym_label-GM_probseg.nii.gz",
                 "anat/sub-01_space-MNI152NLin6Asym_label-WM_probseg.nii.gz"):  # fmt: skip
        (tmp_path / "sub-01" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sub-01" / name).touch()
    assert find_t1w([tmp_path], scan) is None
    assert find_maps([tmp_path], scan) is None
    (tmp_path / "sub-01/anat/sub-01_run-1_T1w.nii.gz").touch()
    assert find_t1w([tmp_path], scan).name == "sub-01_run-1_T1w.nii.gz"
    own = tmp_path / VISIT / "anat"
    own.mkdir(parents=True)
    for name in ("desc-preproc_T1w", "acq-mprage_T1w"):
        (own / f"{STEM}_{name}.nii.gz").touch()
    assert find_t1w([tmp_path], scan).name == f"{STEM}_acq-mprage_T1w.nii.gz"


def test_maps_that_fit_equally_are_refused(study, tmp_path):
    folder = tmp_path / VISIT / "anat"
    folder.mkdir(parents=True)
    for run in ("1", "2"):
        (folder / f"{STEM}_run-{run}_label-GM_probseg.nii.gz").touch()
    with pytest.raises(InputError, match="keep one map of label-GM"):
        find_maps([tmp_path], press(study))


def test_missing_tissue_says_where_both_kinds_were_looked_for(study, tmp_path):
    scan = press(study)
    with pytest.raises(MissingFileError, match=r"tissue_fractions\.tsv: no such file .*label-GM_probseg"):
        tissue_inputs(tmp_path, scan, MrsConfig())
    with pytest.raises(MissingFileError, match=r"no tissue maps of .* in .*fmriprep/sub-01"):
        tissue_inputs(tmp_path, scan, MrsConfig(tissue_maps=("derivatives/fmriprep",)))


def test_a_table_can_name_the_acquisition(study, tmp_path):
    rows = ["participant_id\tsession_id\tacq\tgm\twm\tcsf", "sub-01\tses-baseline\tmega\t0.5\t0.4\t0.1",
            "sub-01\tses-baseline\tpress\t0.7\t0.2\t0.1"]  # fmt: skip
    (tmp_path / "t.tsv").write_text("\n".join(rows) + "\n")
    data = nc.mrs.read(press(study).path)
    found = scan_tissue(tmp_path, press(study), MrsConfig(tissue="t.tsv"), data)
    assert (found.tissue.gm, found.source) == (pytest.approx(0.7), "t.tsv")


def test_a_voxel_that_cannot_be_drawn_is_said_and_the_scan_goes_on(study, tmp_path):
    copy = tmp_path / "bids"
    shutil.copytree(study, copy)
    (copy / VISIT / "mrs" / f"{STEM}_acq-mega_svs.nii.gz").unlink()
    far = nibabel.Nifti1Image(np.ones((4, 4, 4), dtype=np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))
    nibabel.save(far, copy / VISIT / "anat" / f"{STEM}_T1w.nii.gz")
    (copy / "code/neurochem.toml").write_text('[mrs]\nbasis = "code/basis.BASIS"\nmetabolites = ["Glx"]\n')
    (copy / VISIT / "mrs" / f"{STEM}_acq-nulled_svs.nii.gz").unlink()
    (job,) = plan_participants(copy, tmp_path / "out", config=read_config(copy))
    outcome = process_scan(job)
    assert outcome.state == "done", outcome
    page = (tmp_path / "out" / job.page).read_text()
    assert "Not drawn on" in page
    assert "outside" in page
    # the table of the study, since no maps were named
    assert f"Grey {TISSUE.gm:.3f}" in page
