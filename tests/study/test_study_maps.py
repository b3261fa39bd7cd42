"""Maps and partial-volume correction in a study run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from test_study_blood import write_blood
from tiny_study import labels, truth

import neurochem as nc
from neurochem.errors import ConfigError
from neurochem.study import parse_config, plan_participants, read_config, run_participants
from neurochem.study.config import Config, RunConfig
from neurochem.study.derivatives import read_fits, read_rows
from neurochem.study.participants import describe_job
from neurochem.study.pet_maps import thread_count

FOLDER = Path("sub-01/ses-baseline/pet")
STEM = "sub-01_ses-baseline"
FWHM_MM = 0.8
ONE = {"participants": ["01"], "sessions": ["baseline"]}


def config_of(bids: Path, **pet) -> Config:
    config = read_config(bids)
    return replace(config, pet=replace(config.pet, **pet), run=RunConfig(engine="serial"))


def volume(out: Path, name: str) -> np.ndarray:
    return np.asarray(nibabel.load(out / FOLDER / f"{STEM}_{name}_mimap.nii.gz").dataobj)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def mapped(tiny_pet, tmp_path_factory) -> Path:
    """Results of one scan with maps."""
    out = tmp_path_factory.mktemp("maps") / "out"
    report = run_participants(tiny_pet, out, config=config_of(tiny_pet, maps=True), **ONE)
    assert [outcome.state for outcome in report.outcomes] == ["done"]
    assert [outcome.notes for outcome in report.outcomes] == [()]
    assert {path.name for path in report.outcomes[0].written} == {path.name for path in (out / FOLDER).iterdir()}
    return out


def test_maps_lie_beside_the_regional_results_and_hold_the_truth(mapped):
    binding, status = volume(mapped, "model-SRTM_meas-BPND"), volume(mapped, "model-SRTM_desc-status")
    for index, region in ((2, "midbrain"), (3, "putamen")):
        inside = labels() == index
        assert (status[inside] == 0).all()
        errors = volume(mapped, "model-SRTM_meas-BPND_desc-stderr")[inside]
        # six voxels of independent noise: their mean lies within four standard errors of the truth
        assert abs(binding[inside].mean() - truth(0, 0)[region]) < 4 * np.sqrt(np.mean(errors**2) / inside.sum())
    # voxels outside the head hold nothing
    assert (status[labels() == 0] == 2).all()
    assert np.isnan(binding[labels() == 0]).all()


def test_regional_results_do_not_change_when_maps_are_made(mapped, tiny_pet, tmp_path):
    run_participants(tiny_pet, tmp_path / "out", config=config_of(tiny_pet), **ONE)
    without, found = files_of(tmp_path / "out"), files_of(mapped)
    new = set(found) - set(without)
    assert all("_mimap." in name for name in new)
    changed = {Path(name).name for name in without if without[name] != found[name]}
    assert changed == {"provenance.json", f"{STEM}_pet.html"}


def test_the_page_shows_planes_and_histogram_of_the_maps(mapped):
    page = (mapped / FOLDER / f"{STEM}_pet.html").read_text()
    assert page.count('<img src="data:image/png') == 3
    assert "<h2>Parametric maps</h2>" in page
    assert "SRTM maps of 4 x 3 x 2 voxels: 1" in page
    assert page.index("Fit and residual") < page.index("Parametric maps") < page.index("<h2>Settings")


def test_settings_of_the_maps_name_no_folder_of_the_machine(mapped, tiny_pet):
    record = json.loads((mapped / FOLDER / f"{STEM}_model-SRTM_meas-BPND_mimap.json").read_text())
    assert record["Settings"]["image"] == f"{FOLDER}/{STEM}_pet.nii.gz"
    for name, content in files_of(mapped).items():
        assert str(tiny_pet).encode() not in content, name
        assert str(mapped).encode() not in content, name


def test_threads_change_no_byte(mapped, tiny_pet, tmp_path):
    run_participants(tiny_pet, tmp_path / "out", config=config_of(tiny_pet, maps=True, threads=3), **ONE)
    assert files_of(tmp_path / "out") == files_of(mapped)


def test_many_workers_have_one_thread_each_unless_told(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)), raising=False)
    many, few = RunConfig(workers=4), RunConfig()
    assert thread_count(Config(run=many)) == 1
    assert thread_count(Config(run=few)) == 6
    assert thread_count(Config(run=RunConfig(engine="dask"))) == 1
    for run in (many, few):
        assert thread_count(replace(parse_config({"pet": {"threads": 3}}), run=run)) == 3


def test_workers_given_at_the_call_reach_the_jobs(tiny_pet, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("neurochem.study.participants.map_jobs", lambda _, jobs, **__: seen.extend(jobs) or [])
    run_participants(tiny_pet, tmp_path / "out", config=config_of(tiny_pet, maps=True), workers=5)
    assert {job.config.run.workers for job in seen} == {5}


def test_smoothing_is_of_the_maps_alone_and_named(mapped, tiny_pet, tmp_path):
    out = tmp_path / "out"
    run_participants(tiny_pet, out, config=config_of(tiny_pet, maps=True, maps_smooth_fwhm_mm=(1.5,)), **ONE)
    record = json.loads((out / FOLDER / f"{STEM}_model-SRTM_meas-BPND_mimap.json").read_text())
    assert record["Settings"]["smooth_fwhm_mm"] == 1.5
    smooth, sharp = (volume(folder, "model-SRTM_meas-R1") for folder in (out, mapped))
    assert not np.allclose(smooth, sharp, equal_nan=True)
    assert (out / "markers.tsv").read_bytes() == (mapped / "markers.tsv").read_bytes()


def test_an_image_that_gives_no_maps_keeps_its_regional_results_and_says_why(tiny_pet, tmp_path):
    bids = Path(shutil.copytree(tiny_pet, tmp_path / "bids"))
    path = bids / FOLDER / f"{STEM}_pet.nii.gz"
    image = nibabel.load(path)
    data = np.asarray(image.dataobj).copy()
    # five voxels that bind are too few for a k2' of all voxels
    data[(labels() > 1) & (np.cumsum((labels() > 1).ravel()).reshape(labels().shape) > 5)] = 0.0
    nibabel.save(nibabel.Nifti1Image(data, image.affine), path)
    config = config_of(bids, maps=True, model="SRTM2", regions=("midbrain", "putamen"))
    report = run_participants(bids, tmp_path / "out", config=config, **ONE)
    (outcome,) = report.outcomes
    assert outcome.state == "done"
    assert any(note.startswith("no maps of SRTM2: only") and "give k2prime" in note for note in outcome.notes)
    assert not list((tmp_path / "out").rglob("*_mimap*"))
    assert (tmp_path / "out" / FOLDER / f"{STEM}_model-SRTM2_kinpar.tsv").is_file()


def test_plasma_models_make_maps_from_the_scan_s_blood(tiny_pet, tmp_path):
    bids = Path(shutil.copytree(tiny_pet, tmp_path / "bids"))
    write_blood(bids / FOLDER, STEM)
    config = config_of(bids, model="Logan", parameters=("VT",), maps=True)
    run_participants(bids, tmp_path / "out", config=config, **ONE)
    found = volume(tmp_path / "out", "model-Logan_meas-VT")[labels() == 2]
    # reference K1/k2 = 7.5; one percent of noise a voxel, and an input joined by lines between samples
    assert np.mean(found) == pytest.approx(7.5 * (1 + truth(0, 0)["midbrain"]), rel=0.02)


def test_a_dry_run_says_that_maps_are_made(tiny_pet, tmp_path):
    (job,) = plan_participants(tiny_pet, tmp_path / "out", config=config_of(tiny_pet, maps=True), **ONE)
    assert "maps   SRTM of every voxel" in describe_job(job)


@pytest.mark.parametrize(
    ("pet", "part"),
    [
        ({"maps": True, "tacs": "derivatives/segmentation"}, "[pet] maps = True needs images"),
        ({"pvc": "gtm", "pvc_fwhm_mm": (6.0,), "tacs": "derivatives/segmentation"}, "[pet] pvc = gtm needs images"),
        ({"pvc": "gtm"}, "needs pvc_fwhm_mm"),
        ({"pvc": "rbv", "pvc_fwhm_mm": (6.0,), "maps_smooth_fwhm_mm": (4.0,)}, "would undo pvc = 'rbv'"),
    ],
)
def test_choices_that_exclude_each_other_stop_before_any_scan(tiny_pet, tmp_path, pet, part):
    with pytest.raises(ConfigError) as caught:
        run_participants(tiny_pet, tmp_path / "out", config=config_of(tiny_pet, **pet))
    assert part in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_new_keys_are_understood():
    pet = parse_config(
        {"pet": {"maps": True, "maps_smooth_fwhm_mm": 4, "threads": 2, "pvc": "iy", "pvc_fwhm_mm": [6, 6, 5.5]}}
    ).pet
    assert (pet.maps, pet.threads, pet.maps_smooth_fwhm_mm) == (True, 2, (4.0,))
    assert (pet.pvc, pet.pvc_fwhm_mm) == ("iy", (6.0, 6.0, 5.5))


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("maps", "yes", "true or false"),
        ("maps", 1, "true or false"),
        ("maps_smooth_fwhm_mm", [4, 4], "three in a list"),
        ("maps_smooth_fwhm_mm", 0, "positive"),
        ("threads", 0, "1 or more"),
        ("pvc", "gmt", "did you mean 'gtm'"),
        ("pvc", "mg", "gtm, sgtm, rbv, iy"),
        ("pvc_fwhm_mm", "6", "positive"),
        ("map", True, "did you mean 'maps'"),
    ],
)
def test_a_mistake_in_a_new_key_says_what_is_allowed(key, value, part):
    with pytest.raises(ConfigError) as caught:
        parse_config({"pet": {key: value}})
    assert part in str(caught.value)
    assert key in str(caught.value)


def test_the_record_of_a_configuration_does_not_depend_on_threads():
    assert parse_config({"pet": {"threads": 7}}).record() == Config().record()


@pytest.fixture(scope="module")
def blurred(tiny_pet, tmp_path_factory) -> Path:
    """The study as a scanner of limited resolution sees it."""
    bids = Path(shutil.copytree(tiny_pet, tmp_path_factory.mktemp("blurred") / "bids"))
    path = bids / FOLDER / f"{STEM}_pet.nii.gz"
    image = nibabel.load(path)
    data = nc.pet.gaussian_smooth(np.asarray(image.dataobj, dtype=float), FWHM_MM, image.affine)
    nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), image.affine), path)
    return bids


@pytest.fixture(scope="module")
def corrected(blurred, tmp_path_factory) -> dict[str, Path]:
    """Results of that scan with maps, corrected in two ways."""
    done = {}
    for method in ("gtm", "rbv"):
        done[method] = tmp_path_factory.mktemp(method) / "out"
        config = config_of(blurred, pvc=method, pvc_fwhm_mm=(FWHM_MM,), maps=True)
        report = run_participants(blurred, done[method], config=config, **ONE)
        assert report.state("done"), report.outcomes[0].message
    return done


@pytest.mark.parametrize("method", ["gtm", "rbv"])
def test_correction_gives_back_regional_binding_and_is_named_everywhere(corrected, method):
    out = corrected[method]
    rows = read_rows(out / "markers.tsv")
    assert {row["model"] for row in rows} == {f"SRTM pvc-{method}"}
    for row in rows:
        assert abs(float(row["value"]) - truth(0, 0)[row["region"]]) < 4 * float(row["se"])
    names = {path.name.removeprefix(f"{STEM}_") for path in (out / FOLDER).iterdir()}
    assert {f"pvc-{method}_desc-segmentation_tacs.tsv", f"pvc-{method}_model-SRTM_kinpar.tsv"} <= names
    (fit, *_) = read_fits(out / FOLDER / f"{STEM}_pvc-{method}_model-SRTM_fit.json")
    assert (fit.settings["pvc"], fit.settings["pvc_fwhm_mm"]) == (method, [FWHM_MM] * 3)
    sidecar = json.loads((out / FOLDER / f"{STEM}_pvc-{method}_desc-segmentation_tacs.json").read_text())
    assert sidecar["PartialVolumeCorrection"]["Method"] == method
    assert len(sidecar["midbrain"]["StandardError"]) == 13
    page = (out / FOLDER / f"{STEM}_pet.html").read_text()
    assert f"corrected by {method}, FWHM 0.8 x 0.8 x 0.8 mm" in page


def test_maps_of_a_corrected_image_hold_the_truth_where_those_of_the_image_do_not(corrected):
    # gtm corrects regions alone: its maps are of the image as it is, and their names say so
    names = {"gtm": "model-SRTM_meas-BPND", "rbv": "pvc-rbv_model-SRTM_meas-BPND"}
    found = {method: volume(corrected[method], name)[labels() == 2] for method, name in names.items()}
    expected = truth(0, 0)["midbrain"]
    # six voxels that scatter by 1.5 percent: four standard errors of their median are 3 percent
    assert np.median(found["rbv"]) == pytest.approx(expected, rel=0.03)
    # regions of single voxels: three quarters of the binding are lost to the neighbours
    assert np.median(found["gtm"]) < 0.4 * expected
