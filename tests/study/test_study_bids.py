import json
from pathlib import Path

import pytest

from neurochem.errors import InputError, MissingFileError, UnknownNameError
from neurochem.study.bids import find_companion, find_scans, find_segmentation, find_water, select_labels


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


PET = "sub-01/ses-a/pet/sub-01_ses-a_pet.nii.gz"
SVS = "sub-01/ses-a/mrs/sub-01_ses-a_svs.nii.gz"


def test_scans_come_sorted_with_their_keys(tmp_path):
    touch(tmp_path, "sub-02/ses-a/pet/sub-02_ses-a_pet.nii.gz", SVS, PET)
    scans = find_scans(tmp_path)
    assert [scan.label for scan in scans] == ["sub-01 ses-a mrs", "sub-01 ses-a pet", "sub-02 ses-a pet"]
    assert scans[1].name == "sub-01_ses-a_pet"
    assert scans[1].folder == Path("sub-01/ses-a/pet")


def test_a_dataset_without_sessions_has_no_session_folder(tmp_path):
    touch(tmp_path, "sub-01/pet/sub-01_trc-DASB_pet.nii.gz")
    (scan,) = find_scans(tmp_path)
    assert (scan.session_id, scan.session_or_missing, scan.folder) == ("", "n/a", Path("sub-01/pet"))
    assert scan.label == "sub-01 trc-DASB pet"


def test_what_is_not_a_scan_is_left_alone(tmp_path):
    touch(tmp_path, PET, "sub-01/ses-a/pet/sub-01_ses-a_pet.json", "sub-01/ses-a/mrs/sub-01_ses-a_mrsref.nii.gz")
    touch(tmp_path, "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz", "derivatives/x/sub-09/pet/sub-09_pet.nii.gz")
    assert [scan.name for scan in find_scans(tmp_path)] == ["sub-01_ses-a_pet"]


@pytest.mark.parametrize("label", ["02", "sub-02"])
def test_labels_are_found_with_and_without_prefix(tmp_path, label):
    touch(tmp_path, PET, "sub-02/ses-a/pet/sub-02_ses-a_pet.nii.gz", "sub-02/ses-b/pet/sub-02_ses-b_pet.nii.gz")
    assert [s.label for s in find_scans(tmp_path, participants=[label], sessions=["b"])] == ["sub-02 ses-b pet"]


def test_an_unknown_label_lists_the_known_ones_and_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"unknown participant label 'ctl1'; did you mean 'ctl01'\? Available: ctl01, pat02"
    ):
        select_labels(["ctl1"], ["sub-ctl01", "sub-pat02"], prefix="sub-", kind="participant label")


def test_a_folder_without_people_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match=r"no folder sub-\*"):
        find_scans(tmp_path)
    with pytest.raises(MissingFileError, match="no such folder"):
        find_scans(tmp_path / "absent")


def test_two_scans_that_would_write_the_same_marker_are_refused_unless_one_is_ignored(tmp_path):
    touch(tmp_path, "sub-01/ses-a/pet/sub-01_ses-a_run-1_pet.nii.gz", "sub-01/ses-a/pet/sub-01_ses-a_run-2_pet.nii.gz")
    with pytest.raises(InputError, match="run-1_pet"):
        find_scans(tmp_path)
    (tmp_path / ".bidsignore").write_text("# bad injection\n*_run-2_*\n")
    assert [scan.name for scan in find_scans(tmp_path)] == ["sub-01_ses-a_run-1_pet"]


def test_spectra_of_two_voxels_are_two_scans(tmp_path):
    touch(tmp_path, "sub-01/mrs/sub-01_voi-acc_svs.nii.gz", "sub-01/mrs/sub-01_voi-pcc_svs.nii.gz")
    assert [scan.name for scan in find_scans(tmp_path)] == ["sub-01_voi-acc_mrs", "sub-01_voi-pcc_mrs"]


def test_tables_of_curves_stand_in_for_images(tmp_path):
    touch(tmp_path, PET, SVS, "derivatives/prep/sub-01/ses-a/pet/sub-01_ses-a_desc-gtm_tacs.tsv")
    scans = find_scans(tmp_path, tacs="derivatives/prep")
    assert [(scan.name, scan.path.suffix) for scan in scans] == [
        ("sub-01_ses-a_mrs", ".gz"),
        ("sub-01_ses-a_pet", ".tsv"),
    ]
    with pytest.raises(MissingFileError, match=r"\[pet\] tacs"):
        find_scans(tmp_path, tacs="derivatives/absent")


def test_the_label_image_is_that_of_the_scan(tmp_path):
    touch(tmp_path, PET, "seg/dseg.tsv", "seg/sub-01/ses-a/pet/sub-01_ses-a_space-pet_dseg.nii.gz")
    (scan,) = find_scans(tmp_path)
    labels, table = find_segmentation(tmp_path, scan, "seg")
    assert (labels.name, table.name) == ("sub-01_ses-a_space-pet_dseg.nii.gz", "dseg.tsv")


def test_a_missing_label_image_or_table_names_where_it_should_be(tmp_path):
    (scan,) = find_scans(touch(tmp_path, PET))
    with pytest.raises(MissingFileError, match=r"seg/dseg\.tsv: no such file"):
        find_segmentation(tmp_path, scan, "seg")
    touch(tmp_path, "seg/dseg.tsv")
    with pytest.raises(MissingFileError, match=r"sub-01_ses-a_dseg\.nii\.gz: no such file"):
        find_segmentation(tmp_path, scan, "seg")


def test_two_label_images_that_fit_equally_are_refused(tmp_path):
    folder = "seg/sub-01/ses-a/pet/"
    touch(tmp_path, PET, f"{folder}sub-01_ses-a_desc-x_dseg.nii.gz", f"{folder}sub-01_ses-a_desc-y_dseg.nii.gz")
    (scan,) = find_scans(tmp_path)
    with pytest.raises(InputError, match="keep one"):
        find_companion(scan, tmp_path / folder, "dseg", (".nii.gz",))


def test_water_of_the_same_voxel_is_preferred(tmp_path):
    touch(
        tmp_path,
        *(f"sub-01/mrs/sub-01_voi-{voi}_{kind}.nii.gz" for voi in ("acc", "pcc") for kind in ("svs", "mrsref")),
    )
    found = [find_water(tmp_path, scan).name for scan in find_scans(tmp_path)]
    assert found == ["sub-01_voi-acc_mrsref.nii.gz", "sub-01_voi-pcc_mrsref.nii.gz"]


def test_the_sidecar_may_name_the_water_reference(tmp_path):
    touch(tmp_path, SVS, "sub-01/ses-a/mrs/sub-01_ses-a_acq-late_mrsref.nii.gz")
    named = "sub-01/ses-a/mrs/sub-01_ses-a_acq-late_mrsref.nii.gz"
    sidecar = tmp_path / SVS.replace(".nii.gz", ".json")
    sidecar.write_text(json.dumps({"ReferenceSignal": f"bids::{named}"}))
    (scan,) = find_scans(tmp_path)
    assert find_water(tmp_path, scan) == tmp_path / named
    sidecar.write_text(json.dumps({"ReferenceSignal": "bids::sub-01/none.nii.gz"}))
    with pytest.raises(MissingFileError, match="ReferenceSignal"):
        find_water(tmp_path, scan)


def test_a_spectrum_without_water_says_what_to_add(tmp_path):
    (scan,) = find_scans(touch(tmp_path, SVS))
    with pytest.raises(MissingFileError, match="no water reference"):
        find_water(tmp_path, scan)
