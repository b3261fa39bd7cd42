"""Time-averaged, SUV and SUVR images."""

import json
import pickle

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import neurochem as nc
from neurochem.errors import FileFormatError, InputError, MissingFileError, UnitError
from neurochem.pet.static import StaticImage, time_average
from neurochem.pet.suv import suv, suvr

STARTS, DURATIONS = [0.0, 60.0, 180.0, 600.0], [60.0, 120.0, 300.0, 300.0]
SHAPE = (4, 3, 2)
AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2, 0, -20], [0, 0, 3, 5], [0, 0, 0, 1]])


def scan(**options):
    data = np.random.default_rng(4).normal(20, 5, size=(*SHAPE, 4))
    return nc.pet.DynamicImage(data, nc.pet.Frames(STARTS, DURATIONS), AFFINE, isotope="F18", **options)


def test_whole_frames_are_weighted_by_their_duration():
    image = scan()
    average = time_average(image, 0.0, 480.0)
    assert_allclose(average.data, np.average(image.data[..., :3], axis=3, weights=[60, 120, 300]), rtol=1e-14)
    assert average.unit == "kBq/mL"
    assert_array_equal(average.affine, AFFINE)
    assert average.description == (
        "Mean activity from 0 to 480 s after injection, decay corrected to injection (frames 1 to 3; 480 s measured)"
    )
    assert average.facts["Frames"] == [1, 2, 3]


def test_a_frame_cut_by_the_window_counts_for_the_part_inside():
    image = scan()
    average = time_average(image, 150.0, 280.0)
    assert_allclose(average.data, (30 * image.data[..., 1] + 100 * image.data[..., 2]) / 130, rtol=1e-14)
    assert average.facts["FramesInPart"] == [2, 3]
    assert "frames 2, 3 in part; 130 s measured" in average.description


def test_the_window_ends_with_the_scan_by_default():
    assert_array_equal(time_average(scan(), 600.0).data, scan().data[..., 3])


def test_the_average_over_all_frames_is_the_integral_over_the_time():
    """Averages of two halves of a window, weighted by their length, are the average of the whole."""
    image = scan()
    whole, first, second = (time_average(image, *w).data for w in ((0, 480), (0, 100), (100, 480)))
    assert_allclose(whole, (100 * first + 380 * second) / 480, rtol=1e-14)


def test_gaps_are_refused_unless_accepted():
    image = scan()
    with pytest.raises(InputError, match=r"frames cover 600 s of the window 180 to 900 s; .* allow_gaps=True"):
        time_average(image, 180.0, 900.0)
    average = time_average(image, 180.0, 900.0, allow_gaps=True)
    assert_allclose(average.data, image.data[..., 2:].mean(axis=3), rtol=1e-14)
    assert average.facts["MeasuredSeconds"] == 600.0
    with pytest.raises(InputError, match="frames cover 0 s of the window 480 to 600 s"):
        time_average(image, 480.0, 600.0, allow_gaps=True)
    # a window a rounding longer than the scan is the scan's
    assert time_average(image, 600.0, 901.0).facts["MeasuredSeconds"] == 300.0


@pytest.mark.parametrize("window", [(300.0, 200.0), (100.0, 100.0), (np.nan, 10.0), (0.0, np.inf)])
def test_windows_that_are_none_are_refused(window):
    with pytest.raises(InputError, match="give a start and a later end in seconds after injection"):
        time_average(scan(), *window)


def test_voxels_that_are_not_finite_stay_so_and_touch_no_other():
    data = scan().data.copy()
    data[0, 0, 0, 1] = np.nan
    data[1, 0, 0, 1], data[1, 0, 0, 2] = np.inf, -np.inf
    data[2, 0, 0, 3] = np.nan
    average = time_average(nc.pet.DynamicImage(data, scan().frames, AFFINE), 0, 480)
    assert np.argwhere(np.isnan(average.data)).tolist() == [[0, 0, 0], [1, 0, 0]]


def test_a_frame_of_no_length_does_not_count():
    data = np.ones((1, 1, 1, 3))
    data[..., 1] = np.nan
    image = nc.pet.DynamicImage(data, nc.pet.Frames([0, 60, 60], [60, 0, 60]), np.eye(4))
    assert time_average(image, 0, 120).data.item() == 1.0


def test_static_images_cannot_be_changed_and_survive_pickling():
    image = time_average(scan(), 0, 480)
    with pytest.raises(ValueError, match="read-only"):
        image.data[0, 0, 0] = 0
    with pytest.raises(TypeError, match="does not support item assignment"):
        image.facts["Frames"] = []
    back = pickle.loads(pickle.dumps(image))
    assert_array_equal(back.data, image.data)
    assert (back.description, dict(back.facts)) == (image.description, dict(image.facts))
    assert repr(image).startswith("<StaticImage 4 x 3 x 2 voxels: Mean activity from 0 to 480 s")
    with pytest.raises(InputError, match=r"data have shape \(2,\)"):
        StaticImage(np.zeros(2), np.eye(4), "", "")


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_a_saved_image_reads_back_and_repeats_to_the_byte(tmp_path, extension):
    image = time_average(scan(notes=("decay reference moved",), where="/data/sub-01_pet.nii.gz"), 150, 480)
    path = image.save(tmp_path / "new" / f"sub-01_stat-mean{extension}")
    back = nibabel.load(path)
    assert_allclose(np.asarray(back.dataobj), image.data, rtol=1e-7)
    assert_allclose(back.affine, AFFINE)
    assert back.get_data_dtype() == np.float32
    assert back.header.get_xyzt_units()[0] == "mm"
    record = json.loads((path.parent / "sub-01_stat-mean.json").read_text())
    assert record["Units"] == "kBq/mL"
    assert record["TimeWindow"] == [150.0, 480.0]
    assert record["Notes"] == ["decay reference moved"]
    assert record["Sources"] == ["sub-01_pet.nii.gz"]
    first = path.read_bytes()
    image.save(path)
    assert path.read_bytes() == first
    assert sorted(p.name for p in path.parent.iterdir()) == ["sub-01_stat-mean.json", f"sub-01_stat-mean{extension}"]
    with pytest.raises(InputError, match=r"a NIfTI image is named \.nii or \.nii\.gz"):
        image.save(tmp_path / "x.img")


def test_suv_of_an_even_spread_is_one():
    """370 MBq spread over 74 kg of density 1 g/mL is 5 kBq/mL."""
    flat = nc.pet.DynamicImage(np.full((*SHAPE, 4), 5.0), scan().frames, AFFINE)
    found = suv(flat, 370.0, 74.0, start_s=0, end_s=480)
    assert_allclose(found.data, 1.0, rtol=1e-14)
    assert found.unit == "g/mL"
    assert found.description.startswith("Standardised uptake value, dose 370 MBq, body weight 74 kg. Mean activity")
    assert found.facts["BodyWeight"] == 74.0
    again = suv(time_average(flat, 0, 480), injected_dose_mbq=370, body_weight_kg=74)
    assert_array_equal(again.data, found.data)


def written(tmp_path, **fields):
    sidecar = {"Units": "kBq/mL", "FrameTimesStart": STARTS, "FrameDuration": DURATIONS, "ImageDecayCorrected": True}
    path = tmp_path / "sub-01_pet.nii.gz"
    nibabel.save(nibabel.Nifti1Image(scan().data.astype(np.float32), AFFINE), path)
    (tmp_path / "sub-01_pet.json").write_text(json.dumps({**sidecar, **fields}))
    return nc.pet.read_image(path)


@pytest.mark.parametrize(
    ("value", "unit"), [(185.0, "MBq"), (1.85e8, "Bq"), (0.185, "GBq"), (5.0, "mCi"), (5000, "uCi")]
)
def test_the_dose_comes_from_the_sidecar_in_any_unit(tmp_path, value, unit):
    image = written(tmp_path, InjectedRadioactivity=value, InjectedRadioactivityUnits=unit)
    found = suv(image, body_weight_kg=70, start_s=0, end_s=480)
    assert_allclose(found.data, suv(image, 185.0, 70, start_s=0, end_s=480).data, rtol=1e-14)
    assert_allclose(suv(time_average(image, 0, 480), body_weight_kg=70).data, found.data)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({}, FileFormatError, r"sub-01_pet\.json: field 'InjectedRadioactivity' is None"),
        ({"InjectedRadioactivity": "n/a"}, FileFormatError, "'InjectedRadioactivity' is 'n/a'; it must be a number"),
        ({"InjectedRadioactivity": 370}, FileFormatError, "'InjectedRadioactivityUnits' is missing"),
        (
            {"InjectedRadioactivity": 370, "InjectedRadioactivityUnits": "MBq/mL"},
            UnitError,
            "unit 'MBq/mL' is not a unit of activity; allowed: Bq",
        ),
        (
            {"InjectedRadioactivity": 370, "InjectedRadioactivityUnits": "kBq"},
            InputError,
            r"sub-01_pet\.json, field 'InjectedRadioactivity': 0\.37 MBq; allowed are 1 to 5000 MBq",
        ),
    ],
)
def test_impossible_doses_in_a_sidecar_are_named(tmp_path, fields, error, message):
    with pytest.raises(error, match=message):
        suv(written(tmp_path, **fields), body_weight_kg=70, start_s=0, end_s=480)


@pytest.mark.parametrize(
    ("dose", "weight", "message"),
    [
        (3.7e8, 70, "injected_dose_mbq: 3.7e[+]08 MBq; allowed are 1 to 5000 MBq"),
        (0.37, 70, "injected_dose_mbq: 0.37 MBq"),
        (np.nan, 70, "injected_dose_mbq: nan MBq"),
        (370, 70000, "body_weight_kg: 70000 kg; allowed are 1 to 400 kg"),
        (370, 0.07, "body_weight_kg: 0.07 kg"),
        (370, None, "body_weight_kg is not given; .* participants.tsv"),
        (None, 70, "the image comes from no file whose sidecar states it"),
    ],
)
def test_doses_and_weights_in_another_unit_are_refused(dose, weight, message):
    with pytest.raises(InputError, match=message):
        suv(scan(), dose, weight, start_s=0, end_s=480)


def test_a_sidecar_that_is_gone_is_named(tmp_path):
    image = written(tmp_path, InjectedRadioactivity=370, InjectedRadioactivityUnits="MBq")
    (tmp_path / "sub-01_pet.json").unlink()
    with pytest.raises(MissingFileError, match=r"sub-01_pet\.json: no such sidecar"):
        suv(image, body_weight_kg=70, start_s=0, end_s=480)


def test_uptake_of_what_is_no_activity_is_refused():
    image = suv(scan(), 370, 70, start_s=0, end_s=480)
    with pytest.raises(UnitError, match="is in 'g/mL'; uptake is computed from kBq/mL"):
        suv(image, 370, 70)
    with pytest.raises(InputError, match="averaged already"):
        suvr(image, np.ones(SHAPE), start_s=0)
    with pytest.raises(InputError, match="start_s is not given"):
        suv(scan(), 370, 70)


def test_suvr_divides_by_the_mean_of_the_reference(tmp_path):
    image, mask = scan(), np.zeros(SHAPE, dtype=np.uint8)
    mask[1:3, 0, :] = 1
    average = time_average(image, 0, 480)
    wanted = average.data / average.data[mask > 0].mean()
    found = suvr(image, mask, start_s=0, end_s=480)
    assert_allclose(found.data, wanted, rtol=1e-14)
    assert found.unit == ""
    assert found.facts["ReferenceVoxels"] == 4
    # dose and weight cancel
    assert_allclose(suvr(suv(average, 300, 60), mask > 0).data, wanted, rtol=1e-14)
    nibabel.save(nibabel.Nifti1Image(255 * mask, AFFINE), tmp_path / "mask.nii.gz")
    assert_array_equal(suvr(average, tmp_path / "mask.nii.gz").data, found.data)
    saved = found.save(tmp_path / "suvr.nii.gz")
    assert json.loads(saved.with_name("suvr.json").read_text())["Units"] == "ratio"


def test_impossible_references_are_named():
    average = time_average(scan(), 0, 480)
    mask = np.zeros(SHAPE)
    with pytest.raises(InputError, match="the reference mask is empty"):
        suvr(average, mask)
    mask[0, 0, 0] = 0.5
    mask[0, 0, 1] = 1.0
    with pytest.raises(InputError, match=r"values from 0\.5 to 1 beside 0; a mask has one"):
        suvr(average, mask)
    with pytest.raises(InputError, match=r"shape .* resample the reference masks"):
        suvr(average, np.ones((2, 2, 2)))
    with pytest.raises(InputError, match="affine differs"):
        suvr(average, nibabel.Nifti1Image(np.ones(SHAPE), np.eye(4)))
    with pytest.raises(InputError, match=r"the mean of the reference is -.* kBq/mL; it must be positive"):
        suvr(StaticImage(-average.data, AFFINE, "kBq/mL", "x"), np.ones(SHAPE))
    holed = average.data.copy()
    holed[0, 0, :] = np.nan
    holed[1:4, 0, 0] = np.inf
    with pytest.raises(InputError, match="5 of 24 voxels of region 'reference' are NaN or infinite; at most 20 %"):
        suvr(StaticImage(holed, AFFINE, "kBq/mL", "x"), np.ones(SHAPE))


def test_a_reference_leaves_few_voxels_out_that_are_not_finite_and_says_so():
    average = time_average(scan(), 0, 480)
    holed, mask = average.data.copy(), np.ones(SHAPE)
    holed[0, 0, :2] = np.nan
    found = suvr(StaticImage(holed, AFFINE, "kBq/mL", "x"), mask)
    mask[0, 0, :2] = 0
    assert found.facts["ReferenceMean"] == suvr(average, mask).facts["ReferenceMean"]
    assert (found.facts["ReferenceVoxels"], found.facts["ReferenceVoxelsLeftOut"]) == (22, 2)
    assert "2 of 24 voxels of region 'reference' are NaN or infinite and were left out" in found.description
