import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_study import AMOUNTS, truth

from neurochem.errors import InputError, UnknownNameError
from neurochem.study import plan_participants, process_scan, read_config, run_participants
from neurochem.study.config import Config, RunConfig
from neurochem.study.derivatives import read_fits, read_rows


def config_of(bids: Path, **pet) -> Config:
    config = read_config(bids)
    return replace(config, pet=replace(config.pet, **pet), run=RunConfig(engine="serial"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def done(tiny, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "results"
    # a process of its own has one thread of linear algebra, which is many times faster while other tests run
    report = run_participants(tiny, out, config=replace(config_of(tiny), run=RunConfig()))
    assert [outcome.state for outcome in report.outcomes] == ["done"] * 8
    return out


def test_markers_recover_the_truth_within_three_standard_errors(done):
    rows = read_rows(done / "markers.tsv")
    # two people, two visits, two regions and two metabolites
    assert len(rows) == 16
    for row in rows:
        person, visit = int(row["participant_id"][-2:]) - 1, int(row["session_id"] == "ses-week8")
        expected = {"Glu": AMOUNTS["Glu"], "Glx": AMOUNTS["Glu"] + AMOUNTS["Gln"]}.get(row["marker"])
        expected = truth(person, visit)[row["region"]] if expected is None else expected
        assert abs(float(row["value"]) - expected) < 3 * float(row["se"]), row
        assert row["qc"] == "ok"


def test_rows_say_where_their_error_comes_from(done):
    kinds = {(row["marker"], row["model"], row["se_source"], row["unit"]) for row in read_rows(done / "markers.tsv")}
    assert kinds == {
        ("BPND", "SRTM", "fit", "n/a"),
        ("Glu", "LCM", "crlb", "mmol/kg"),
        ("Glx", "LCM", "crlb", "mmol/kg"),
    }


def test_every_scan_has_its_tables_fits_and_page(done):
    pet = {path.name.removeprefix("sub-01_ses-baseline_") for path in (done / "sub-01/ses-baseline/pet").iterdir()}
    assert pet == {
        "desc-segmentation_tacs.tsv", "desc-segmentation_tacs.json", "model-SRTM_kinpar.tsv", "model-SRTM_kinpar.json",
        "model-SRTM_fit.json", "markers.tsv", "pet.html",
    }  # fmt: skip
    mrs = {path.name.removeprefix("sub-01_ses-baseline_") for path in (done / "sub-01/ses-baseline/mrs").iterdir()}
    assert mrs == {
        "conc.tsv", "conc.json", "fit.json", "markers.tsv", "mrs.html", "steps.json", "mrsinmrs.md",
    }  # fmt: skip


def test_tables_agree_with_the_saved_fits(done):
    folder = done / "sub-02/ses-week8/pet"
    rows = {row["name"]: row for row in read_rows(folder / "sub-02_ses-week8_model-SRTM_kinpar.tsv")}
    for fit in read_fits(folder / "sub-02_ses-week8_model-SRTM_fit.json"):
        assert float(rows[fit.name]["BPND"]) == fit["BPND"].value
        assert float(rows[fit.name]["BPND_se"]) == fit["BPND"].stderr


def test_every_column_of_every_table_is_described(done):
    for table in done.rglob("*.tsv"):
        if table.name.endswith("_markers.tsv"):
            continue  # the columns are those of markers.tsv, described once
        sidecar = json.loads(table.with_suffix(".json").read_text())
        for column in table.read_text().splitlines()[0].split("\t"):
            assert sidecar[column]["Description"], (table, column)


def test_the_study_page_links_pages_that_exist(done):
    page = (done / "index.html").read_text()
    links = [part.split('"')[0] for part in page.split('href="')[1:]]
    assert len(links) == 8
    for link in links:
        scan = (done / link).read_text()
        home = scan.split('href="')[1].split('"')[0]
        assert ((done / link).parent / home).resolve() == (done / "index.html").resolve()


def test_results_name_no_folder_of_the_machine_and_leave_nothing_temporary(done, tiny):
    for name, content in files_of(done).items():
        assert str(tiny).encode() not in content, name
        assert str(done).encode() not in content, name
        assert ".part-" not in name


def test_any_number_of_workers_gives_the_same_bytes(done, tiny, tmp_path):
    config = config_of(tiny)
    for workers in (1, 2):
        spread = replace(config, run=RunConfig(workers=workers))
        run_participants(tiny, tmp_path / str(workers), config=spread, participants=["01"])
    one, two = files_of(tmp_path / "1"), files_of(tmp_path / "2")
    assert one == two
    assert {name for name in files_of(done) if name.startswith("sub-01")} < set(one)


def broken_copy(tiny_pet: Path, folder: Path) -> Path:
    shutil.copytree(tiny_pet, folder)
    (folder / "sub-01/ses-baseline/pet/sub-01_ses-baseline_pet.json").unlink()
    return folder


def test_a_scan_with_impossible_input_leaves_nothing_and_the_others_go_on(tiny_pet, tmp_path):
    bids = broken_copy(tiny_pet, tmp_path / "bids")
    report = run_participants(bids, tmp_path / "out", config=config_of(bids), sessions=["baseline"])
    (refused,) = report.state("refused")
    assert refused.scan.label == "sub-01 ses-baseline pet"
    assert "sub-01_ses-baseline_pet.json" in refused.message
    assert len(report.state("done")) == 1
    assert not (tmp_path / "out/sub-01/ses-baseline/pet").exists()
    assert {row["participant_id"] for row in read_rows(tmp_path / "out/markers.tsv") if row["marker"] == "BPND"} == {
        "sub-02"
    }


def test_a_run_in_which_every_scan_is_impossible_writes_nothing(tiny_pet, tmp_path):
    config = config_of(tiny_pet, parameters=("nothing",))
    report = run_participants(tiny_pet, tmp_path / "out", config=config)
    assert {outcome.state for outcome in report.outcomes} == {"refused"}
    assert report.written == ()
    assert not (tmp_path / "out").exists()


def test_a_scan_that_became_impossible_keeps_its_earlier_results_and_says_so(tiny_pet, tmp_path):
    bids, out = tmp_path / "bids", tmp_path / "out"
    shutil.copytree(tiny_pet, bids)
    chosen = {"participants": ["01"], "sessions": ["baseline"]}
    run_participants(bids, out, config=config_of(bids), **chosen)
    before = files_of(out)
    (bids / "sub-01/ses-baseline/pet/sub-01_ses-baseline_pet.json").unlink()
    report = run_participants(bids, out, config=config_of(bids), **chosen)
    assert report.state("refused")[0].message.endswith("(results of an earlier run were left as they are)")
    after = files_of(out)
    # the table of scans and the study page say so; nothing else changes
    told = {"scans.tsv", "index.html"}
    assert {k: v for k, v in after.items() if k not in told} == {k: v for k, v in before.items() if k not in told}
    assert b"refused" in after["scans.tsv"]
    assert b"was not quantified" in after["index.html"]
    assert str(bids).encode() not in after["scans.tsv"] + after["index.html"]


def test_a_reader_s_verdict_in_the_table_stays(tiny_pet, tmp_path):
    run_participants(tiny_pet, tmp_path, config=config_of(tiny_pet))
    table = tmp_path / "markers.tsv"
    edited = table.read_text().replace("\tok\tn/a", "\tfailed\tmotion")
    table.write_text(edited)
    run_participants(tiny_pet, tmp_path, config=config_of(tiny_pet), participants=["02"])
    verdicts = {(row["participant_id"], row["qc"]) for row in read_rows(table)}
    assert ("sub-01", "failed") in verdicts
    assert ("sub-02", "failed") not in verdicts


def test_a_wrong_region_is_named_before_any_scan_is_read(tiny_pet, tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown region in \[pet\] reference 'pons'"):
        run_participants(tiny_pet, tmp_path / "out", config=config_of(tiny_pet, reference="pons"))
    assert not (tmp_path / "out").exists()


def test_a_second_run_of_other_people_adds_to_the_table(tiny_pet, tmp_path):
    for label in ("01", "sub-02"):
        run_participants(tiny_pet, tmp_path, config=config_of(tiny_pet), participants=[label], sessions=["week8"])
    assert {row["participant_id"] for row in read_rows(tmp_path / "markers.tsv")} == {"sub-01", "sub-02"}


def test_findings_of_an_earlier_group_level_are_told_on_the_page_of_later_scans(tiny_pet, tmp_path):
    for label in ("01", "02"):
        run_participants(tiny_pet, tmp_path, config=config_of(tiny_pet), participants=[label], sessions=["week8"])
        page = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert ("run the group level again" in page) == (label == "02")
        (tmp_path / "group").mkdir(exist_ok=True)


def test_a_failed_fit_blanks_its_value_and_the_batch_goes_on(tiny_pet, tmp_path):
    import nibabel
    import numpy as np

    bids = tmp_path / "bids"
    shutil.copytree(tiny_pet, bids)
    path = bids / "sub-01/ses-baseline/pet/sub-01_ses-baseline_pet.nii.gz"
    image = nibabel.load(path)
    data = np.asarray(image.dataobj).copy()
    labels = np.arange(np.prod(data.shape[:3])).reshape(data.shape[:3]) % 4
    data[labels == 3] = 0.0
    nibabel.save(nibabel.Nifti1Image(data, image.affine), path)
    report = run_participants(
        bids, tmp_path / "out", config=config_of(bids), participants=["01"], sessions=["baseline"]
    )
    assert report.count("failed") == 1
    rows = {row["region"]: row for row in read_rows(tmp_path / "out/markers.tsv")}
    assert (rows["putamen"]["value"], rows["putamen"]["se"], rows["putamen"]["qc"]) == ("n/a", "n/a", "failed")
    assert "zero in every frame" in rows["putamen"]["qc_reason"]
    assert rows["midbrain"]["qc"] == "ok"


def test_an_error_nobody_expected_is_reported_as_a_defect_with_its_traceback(tiny_pet, tmp_path, monkeypatch):
    import neurochem.study.pet_scan

    def broken(job):
        message = "a defect"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(neurochem.study.pet_scan, "quantify_pet", broken)
    job = next(
        job
        for job in plan_participants(tiny_pet, tmp_path / "out", config=config_of(tiny_pet))
        if job.scan.modality == "pet"
    )
    outcome = process_scan(job)
    assert (outcome.state, outcome.message) == ("defect", "ZeroDivisionError: a defect")
    assert "broken" in outcome.details
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_stops_before_any_scan(tiny_pet, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'SRTM'"):
        plan_participants(tiny_pet, tmp_path, config=config_of(tiny_pet, model="SRMT"))


def test_results_may_not_go_into_the_dataset_itself(tiny_pet):
    with pytest.raises(InputError, match="same folder"):
        plan_participants(tiny_pet, tiny_pet, config=config_of(tiny_pet))


def test_tables_of_curves_give_the_same_markers_as_the_image(tiny, done, tmp_path):
    bids = tmp_path / "bids"
    shutil.copytree(tiny, bids, ignore=shutil.ignore_patterns("mrs"))
    for person in ("sub-01", "sub-02"):
        for table in (done / person).rglob("*_tacs.*"):
            target = bids / "derivatives/curves" / table.relative_to(done)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(table, target)
    run_participants(bids, tmp_path / "out", config=config_of(bids, tacs="derivatives/curves"))
    expected = [row for row in read_rows(done / "markers.tsv") if row["marker"] == "BPND"]
    found = read_rows(tmp_path / "out/markers.tsv")
    assert len(found) == len(expected) == 8
    for row, other in zip(found, expected, strict=True):
        # the table keeps every digit; a reader may round the last bit, which the fit enlarges a little
        assert float(row["value"]) == pytest.approx(float(other["value"]), rel=1e-9)
        assert float(row["se"]) == pytest.approx(float(other["se"]), rel=1e-9)


def test_other_parameters_of_the_model_can_become_markers(tiny_pet, tmp_path):
    config = config_of(tiny_pet, parameters=("BPND", "R1"), regions=("putamen",))
    run_participants(tiny_pet, tmp_path, config=config, participants=["01"], sessions=["week8"])
    rows = [row for row in read_rows(tmp_path / "markers.tsv") if row["model"] == "SRTM"]
    assert [(row["marker"], row["region"]) for row in rows] == [("BPND", "putamen"), ("R1", "putamen")]
