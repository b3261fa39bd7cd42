import json

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import FileFormatError, FrameTimingError, InputError, MissingFileError, NeurochemError, UnitError

STARTS, DURATIONS = [0.0, 30.0, 60.0, 180.0], [30.0, 30.0, 120.0, 300.0]
SIDECAR = {
    "Units": "Bq/mL", "FrameTimesStart": STARTS, "FrameDuration": DURATIONS, "TracerRadionuclide": "C11",
    "ImageDecayCorrected": True, "ImageDecayCorrectionTime": 0, "InjectionStart": 0,
}  # fmt: skip


def write_image(folder, sidecar, data=None):
    data = np.arange(2 * 2 * 2 * 4, dtype=np.float32).reshape(2, 2, 2, 4) * 1000 if data is None else data
    path = folder / "sub-01_pet.nii.gz"
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), path)
    if sidecar is not None:
        (folder / "sub-01_pet.json").write_text(json.dumps(sidecar))
    return path


def test_image_is_read_in_kbq_per_ml(tmp_path):
    image = nc.pet.read_image(write_image(tmp_path, SIDECAR))
    assert_allclose(image.frame(1), np.arange(1, 32, 4).reshape(2, 2, 2))
    assert image.isotope == "C11"
    assert_allclose(image.frames.duration_s, DURATIONS)


def test_units_of_the_image_do_not_matter(tmp_path):
    first = nc.pet.read_image(write_image(tmp_path, SIDECAR)).frame(2)
    for unit, factor in (("kBq/mL", 1e-3), ("nCi/mL", 1 / 37.0), ("MBq/mL", 1e-6)):
        data = np.arange(32, dtype=np.float64).reshape(2, 2, 2, 4) * 1000 * factor
        assert_allclose(
            nc.pet.read_image(write_image(tmp_path, {**SIDECAR, "Units": unit}, data)).frame(2), first, rtol=1e-12
        )


def test_times_count_from_injection(tmp_path):
    moved = {
        **SIDECAR,
        "FrameTimesStart": [t + 120.0 for t in STARTS],
        "InjectionStart": 120.0,
        "ImageDecayCorrectionTime": 120.0,
    }
    assert_allclose(nc.pet.read_image(write_image(tmp_path, moved)).frames.start_s, STARTS)


def test_frames_before_injection_are_left_out_and_the_spanning_one_is_scaled(tmp_path):
    early = {**SIDECAR, "FrameTimesStart": [-60.0, -15.0, 15.0, 75.0], "FrameDuration": [45.0, 30.0, 60.0, 60.0]}
    image = nc.pet.read_image(write_image(tmp_path, early))
    assert_allclose(image.frames.start_s, [0.0, 15.0, 75.0])
    # half of the spanning frame saw nothing
    assert_allclose(image.frame(0), 2.0 * np.arange(1, 32, 4).reshape(2, 2, 2))
    assert len(image.notes) == 2


def test_uncorrected_decay_is_corrected_frame_by_frame(tmp_path):
    corrected = nc.pet.read_image(write_image(tmp_path, SIDECAR))
    plain = nc.pet.read_image(write_image(tmp_path, {**SIDECAR, "ImageDecayCorrected": False}))
    factor = nc.pet.frame_decay_factor(np.array([3.0]), np.array([5.0]), "C11")[0]
    assert_allclose(plain.frame(3), corrected.frame(3) * factor, rtol=1e-12)


def test_other_decay_reference_is_moved_to_injection(tmp_path):
    moved = nc.pet.read_image(write_image(tmp_path, {**SIDECAR, "ImageDecayCorrectionTime": 20.3402 * 60}))
    assert_allclose(moved.frame(1), 2.0 * nc.pet.read_image(write_image(tmp_path, SIDECAR)).frame(1), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"FrameDuration": [30.0, 40.0, 120.0, 300.0]},
            FrameTimingError,
            r"frame 3 starts at 60 s, before frame 2 ends at 70 s",
        ),
        ({"FrameDuration": [30.0, -30.0, 120.0, 300.0]}, FrameTimingError, r"FrameDuration of frame 2 is -30 s"),
        ({"FrameDuration": [30.0, 30.0, 120.0]}, FrameTimingError, "FrameTimesStart has 4 values and FrameDuration 3"),
        (
            {"FrameTimesStart": STARTS[:3], "FrameDuration": DURATIONS[:3]},
            InputError,
            "holds 4 frames but 3 are timed",
        ),
        ({"FrameTimesStart": None}, FileFormatError, "'FrameTimesStart' is missing"),
        ({"FrameTimesStart": ["a", 1, 2, 3]}, FileFormatError, "it must be a list of seconds"),
        ({"Units": "SUV"}, UnitError, "unit 'SUV' is not a unit of activity concentration"),
        ({"ImageDecayCorrected": "yes"}, FileFormatError, "'ImageDecayCorrected' is 'yes'; it must be true or false"),
        ({"TracerRadionuclide": "Xx99"}, NeurochemError, "unknown isotope 'Xx99'"),
        ({"InjectionStart": "10:00"}, FileFormatError, "'InjectionStart' is '10:00'; it must be a number of seconds"),
    ],
)
def test_impossible_sidecars_are_named(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        nc.pet.read_image(write_image(tmp_path, {**SIDECAR, **change}))


@pytest.mark.parametrize("field", ["FrameTimesStart", "FrameDuration", "Units"])
def test_missing_fields_are_named(tmp_path, field):
    sidecar = {key: value for key, value in SIDECAR.items() if key != field}
    with pytest.raises(FileFormatError, match=f"field '{field}' is missing"):
        nc.pet.read_image(write_image(tmp_path, sidecar))


def test_missing_isotope_matters_only_for_decay(tmp_path):
    sidecar = {key: value for key, value in SIDECAR.items() if key != "TracerRadionuclide"}
    assert nc.pet.read_image(write_image(tmp_path, sidecar)).isotope is None
    with pytest.raises(InputError, match="'TracerRadionuclide' is missing, but the image must be corrected"):
        nc.pet.read_image(write_image(tmp_path, {**sidecar, "ImageDecayCorrected": False}))


def test_missing_sidecar_is_named(tmp_path):
    path = write_image(tmp_path, None)
    with pytest.raises(MissingFileError, match=r"sub-01_pet\.json: no such sidecar"):
        nc.pet.read_image(path)


def test_truncated_image_is_named(tmp_path):
    path = write_image(tmp_path, SIDECAR, np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype(np.float32))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FileFormatError, match="truncated or damaged"):
        nc.pet.extract_tacs(nc.pet.read_image(path), np.ones((8, 8, 8), dtype=int), {1: "all"})


def test_three_dimensional_image_is_refused(tmp_path):
    path = write_image(tmp_path, SIDECAR, np.zeros((2, 2, 2), dtype=np.float32))
    with pytest.raises(InputError, match="3 dimensions"):
        nc.pet.read_image(path)


def test_regional_means_and_counts():
    data = np.zeros((2, 2, 1, 2))
    data[..., 0] = [[[1.0], [3.0]], [[-5.0], [7.0]]]
    image = nc.pet.DynamicImage(data, nc.pet.Frames([0, 60], [60, 60]), np.eye(4))
    labels = np.array([[[1], [1]], [[2], [3]]])
    tacs = nc.pet.extract_tacs(image, labels, {2: "b", 1: "a"})
    assert tacs.regions == ("a", "b")
    assert tacs.activity[0].tolist() == [2.0, -5.0]
    assert tacs.voxels.tolist() == [2.0, 1.0]
    with pytest.raises(InputError, match="no voxel has label 9"):
        nc.pet.extract_tacs(image, labels, {9: "c"})
    with pytest.raises(InputError, match="resample the labels"):
        nc.pet.extract_tacs(image, labels[:1], {1: "a"})
    with pytest.raises(InputError, match="affine differs"):
        nc.pet.extract_tacs(image, nibabel.Nifti1Image(labels.astype(np.int16), 2 * np.eye(4)), {1: "a"})


def test_label_outside_the_table_is_background():
    image = nc.pet.DynamicImage(np.ones((1, 1, 3, 1)), nc.pet.Frames([0], [60]), np.eye(4))
    tacs = nc.pet.extract_tacs(image, np.array([[[-1, 1, 99]]]), {1: "a"})
    assert tacs.voxels.tolist() == [1.0]


def tacs_of(frames):
    activity = np.random.default_rng(2).normal(size=(len(frames), 2))
    return nc.pet.TimeActivityCurves(frames, activity, regions=["a", "b"], isotope="F18", voxels=[10, 20])


def test_written_curves_read_back(tmp_path):
    tacs = tacs_of(nc.pet.Frames(STARTS, DURATIONS))
    path = nc.pet.write_tacs(tacs, tmp_path / "sub-01_tacs.tsv")
    back = nc.pet.read_tacs(path)
    assert back.regions == tacs.regions
    assert back.isotope == "F18"
    assert_allclose(back.activity, tacs.activity, rtol=1e-15)
    assert_allclose(back.frames.end_s, tacs.frames.end_s)
    assert back.voxels.tolist() == [10.0, 20.0]
    assert list(tmp_path.glob(".part-*")) == []


def test_foreign_tables_need_an_explicit_mapping(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("Start,Dur,put,w\n0,0.5,37,1\n0.5,0.5,74,2\n")
    with pytest.raises(UnitError, match="unit of column 'Start' is not stated"):
        nc.pet.read_tacs(path, start="Start", duration="Dur", activity_unit="nCi/mL")
    with pytest.raises(UnitError, match="unit of column 'put' is not stated"):
        nc.pet.read_tacs(path, start="Start", duration="Dur", weights="w", time_unit="min")
    tacs = nc.pet.read_tacs(path, start="Start", duration="Dur", weights="w", time_unit="min", activity_unit="nCi/mL")
    assert tacs.frames.end_s.tolist() == [30.0, 60.0]
    assert_allclose(tacs["put"], [1.369, 2.738])
    assert tacs.weights.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame_start\tframe_end\tput\n0\t60\tn/a\n", "activity of region 'put' in frame 1 is nan"),
        ("frame_start\tframe_end\tput\n0\t60\tx\n", "column 'put', row 1 is 'x'; it must be a number"),
        ("frame_start\tframe_end\tput\n0\t60\t1\n30\t90\t1\n", "frames must not overlap"),
        ("frame_start\tframe_end\tput\n60\t0\t1\n", "duration of frame 1 is -60 s"),
        ("start\tframe_end\tput\n60\t0\t1\n", "unknown column of .* 'frame_start'"),
        ("", "not a table with a header"),
    ],
)
def test_bad_tables_are_named(tmp_path, text, message):
    path = tmp_path / "x_tacs.tsv"
    path.write_text(text)
    with pytest.raises(NeurochemError, match=message) as caught:
        nc.pet.read_tacs(path, activity_unit="kBq/mL")
    assert "x_tacs.tsv" in str(caught.value)


def test_arterial_input_is_read_with_its_units(tmp_path):
    path = tmp_path / "input.tsv"
    path.write_text("Time\tPlasma\tpf\tBlood\n0\t0\t1\t0\n1\t10\t0.5\t8\n2\t5\t0.25\t4\n")
    blood = nc.pet.read_arterial_input(
        path,
        time="Time",
        plasma_parent="Plasma",
        parent_fraction="pf",
        whole_blood="Blood",
        time_unit="min",
        activity_unit="kBq/mL",
    )
    assert blood.time_s.tolist() == [0.0, 60.0, 120.0]
    assert blood.plasma_parent.tolist() == [0.0, 5.0, 1.25]
    assert blood.blood(120.0).values([1.0]).tolist() == [8.0]
    path.write_text("Time\tPlasma\tpf\n0\t0\t1\n1\t10\t1.5\n")
    with pytest.raises(InputError, match=r"column 'pf', row 2 is 1\.5; a fraction lies between 0 and 1"):
        nc.pet.read_arterial_input(
            path, time="Time", plasma_parent="Plasma", parent_fraction="pf", time_unit="min", activity_unit="kBq/mL"
        )


def test_arterial_input_continues_a_little_and_no_further():
    time = np.arange(0.0, 5400.0, 60.0)
    blood = nc.pet.ArterialInput(time, 10.0 * np.exp(-0.0002 * time))
    later = blood.parent(5700.0).values([94.0])[0]
    assert_allclose(later, 10.0 * np.exp(-0.0002 * 94 * 60), rtol=1e-4)
    with pytest.raises(InputError, match="may be continued for at most"):
        blood.parent(7000.0)
    with pytest.raises(InputError, match="each later than the one before"):
        nc.pet.ArterialInput([0, 10, 10], [0, 1, 2])
    with pytest.raises(InputError, match="whole_blood at 10 s is nan"):
        nc.pet.ArterialInput([0, 10], [0, 1], whole_blood=[0, np.nan])


def test_fields_are_inherited_from_sidecars_higher_up(tmp_path):
    (tmp_path / "dataset_description.json").write_text("{}")
    folder = tmp_path / "sub-01" / "pet"
    folder.mkdir(parents=True)
    own = {key: value for key, value in SIDECAR.items() if key not in {"Units", "ImageDecayCorrected"}}
    (tmp_path / "pet.json").write_text(json.dumps({"Units": "kBq/mL", "ImageDecayCorrected": True}))
    (tmp_path / "sub-02_pet.json").write_text(json.dumps({"Units": "MBq/mL"}))
    image = nc.pet.read_image(write_image(folder, own))
    assert_allclose(image.frame(1), 1000.0 * np.arange(1, 32, 4).reshape(2, 2, 2))
    assert image.notes == ()
    (tmp_path / "pet.json").write_text(json.dumps({"Units": "kBq/mL", "ImageDecayCorrected": False}))
    later = nc.pet.read_image(write_image(folder, own)).frame(3)
    assert (later > image.frame(3)).all()


def test_a_decay_flag_that_is_missing_is_noted(tmp_path):
    sidecar = {key: value for key, value in SIDECAR.items() if key != "ImageDecayCorrected"}
    assert nc.pet.read_image(write_image(tmp_path, sidecar)).notes == (
        "ImageDecayCorrected is missing and was taken as true",
    )


def test_curves_that_are_not_decay_corrected_are_corrected(tmp_path):
    tacs = tacs_of(nc.pet.Frames(STARTS, DURATIONS))
    path = nc.pet.write_tacs(tacs, tmp_path / "sub-01_tacs.tsv")
    sidecar = path.with_suffix(".json")
    record = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**record, "ImageDecayCorrected": False}))
    factors = nc.pet.frame_decay_factor(tacs.frames.start_min, tacs.frames.duration_min, "F18")
    assert_allclose(nc.pet.read_tacs(path).activity, tacs.activity * factors[:, None], rtol=1e-12)
    del record["TracerRadionuclide"]
    sidecar.write_text(json.dumps({**record, "ImageDecayCorrected": False}))
    with pytest.raises(InputError, match="no isotope is named"):
        nc.pet.read_tacs(path)


def test_columns_that_are_no_regions_are_not_read_as_regions(tmp_path):
    path = tmp_path / "x_tacs.tsv"
    path.write_text("frame_start\tframe_end\tframe_mid\tput\n0\t60\t30\t1\n")
    with pytest.raises(InputError, match="column 'frame_mid' would be read as a region"):
        nc.pet.read_tacs(path, activity_unit="kBq/mL")
    assert nc.pet.read_tacs(path, activity_unit="kBq/mL", regions=["put"]).regions == ("put",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index\tname\n1\ta\n1\tb\n", "index 1 stands 2 times"),
        ("index\tname\n1\tn/a\n", "index 1 has no name"),
        ("index\tnome\n1\ta\n", "'name' is missing"),
    ],
)
def test_bad_label_tables_are_named(tmp_path, text, message):
    path = tmp_path / "dseg.tsv"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=message):
        nc.pet.read_label_names(path)


def test_absent_labels_can_be_left_out():
    image = nc.pet.DynamicImage(np.ones((1, 1, 2, 1)), nc.pet.Frames([0], [60]), np.eye(4))
    labels = np.array([[[1, 1]]])
    assert nc.pet.extract_tacs(image, labels, {1: "a", 7: "b"}, skip_absent=True).regions == ("a",)
    with pytest.raises(InputError, match="no label to extract"):
        nc.pet.extract_tacs(image, labels, {7: "b"}, skip_absent=True)


def test_a_k2prime_that_is_no_rate_is_refused_and_an_odd_one_flagged():
    frames = nc.pet.Frames(np.arange(0.0, 3600.0, 120.0), np.full(30, 120.0))
    reference = np.exp(-frames.mid_min / 20.0)
    tacs = nc.pet.TimeActivityCurves(frames, np.column_stack([reference, 2 * reference]), regions=["ref", "put"])
    for value in (0.0, -0.1, "a", float("nan")):
        with pytest.raises(InputError, match="it takes a positive rate in 1/min"):
            nc.pet.fit(tacs, "MRTM2", reference="ref", k2prime=value)
    fit = nc.pet.fit(tacs, "LoganRef", reference="ref", k2prime=0.001)["put"]
    assert "implausible_k2prime" in [flag.name for flag in fit.flags]
    with pytest.raises(InputError, match=r"tacs is 'x.tsv'; it takes a TimeActivityCurves"):
        nc.pet.fit("x.tsv", "SRTM", reference="ref")
