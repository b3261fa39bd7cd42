"""Maps from damaged, odd and differently stored input: each gives a status or one clear error."""

import gc
import gzip
import json
import pickle
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import neurochem as nc
from neurochem.errors import FileFormatError, FrameTimingError, InputError, MissingFileError, UnknownNameError
from neurochem.pet.maps.estimator import ESTIMATORS
from neurochem.pet.model import MODELS
from tests.pet.maps_truth import (
    AFFINE,
    FRAMES,
    REFERENCE,
    REFERENCE_MEANS,
    arterial,
    image_of,
    noise_sd,
    srtm_curves,
)

SHAPE = (6, 5, 4)
NAMES = ("R1", "k2", "BPND", "k2a", "k2prime", "DVR")
OK, EDGE, LOW, NOT_FINITE, OUTSIDE = range(5)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(21)
    count = int(np.prod(SHAPE))
    clean = srtm_curves(rng.uniform(0.3, 3, count), rng.uniform(0.8, 1.2, count))
    return (clean + 0.5 * noise_sd() * rng.standard_normal(clean.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def image(rows):
    return image_of(rows, SHAPE)


@pytest.fixture(scope="module")
def maps(image):
    return nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS)


def sidecar(**changes):
    return {
        "FrameTimesStart": FRAMES.start_s.tolist(),
        "FrameDuration": FRAMES.duration_s.tolist(),
        "Units": "kBq/mL",
        "TracerRadionuclide": "C11",
        "ImageDecayCorrected": True,
        **changes,
    }


def stored(folder, volume, *, extension=".nii.gz", slope=None, inter=None, record=None):
    """Write an image with its sidecar and return its path."""
    path = folder / f"sub-01_pet{extension}"
    picture = nibabel.Nifti1Image(volume, AFFINE)
    if slope is not None:
        picture.header.set_slope_inter(slope, inter)
    nibabel.save(picture, path)
    (folder / "sub-01_pet.json").write_text(json.dumps(sidecar() if record is None else record))
    return path


def assert_equal_maps(found, expected, rtol=0.0):
    assert_array_equal(np.asarray(found.status), np.asarray(expected.status))
    assert found.names == expected.names
    for name in expected.names:
        for kind in ("data", "stderr"):
            assert_allclose(getattr(found[name], kind), getattr(expected[name], kind), rtol=rtol, err_msg=name)


# --- voxels that cannot be fitted

UGLY = {
    "nan": (lambda curve: np.full_like(curve, np.nan), NOT_FINITE),
    "nan in one frame": (lambda curve: np.where(np.arange(curve.size) == 5, np.nan, curve), NOT_FINITE),
    "infinite": (lambda curve: np.where(np.arange(curve.size) == 5, np.inf, curve), NOT_FINITE),
    "minus infinite": (lambda curve: np.where(np.arange(curve.size) == 5, -np.inf, curve), NOT_FINITE),
    "both infinite": (lambda curve: np.where(np.arange(curve.size) == 5, np.inf, -np.inf), NOT_FINITE),
    "zero": (np.zeros_like, LOW),
    "negative": (np.negative, LOW),
    "faint": (lambda curve: 1e-3 * curve, LOW),
    "constant": (lambda curve: np.full_like(curve, curve.mean()), None),
    "rising": (lambda curve: np.linspace(0, 2, curve.size) * curve.mean(), None),
    "zero late": (lambda curve: np.where(np.arange(curve.size) > 10, 0.0, curve), None),
    "one frame": (lambda curve: np.where(np.arange(curve.size) == curve.size - 1, 50 * curve, 0.0), None),
}
# windows and values that models cannot do without
OPTIONS = {
    "SRTM2": {"k2prime": 0.1},
    "MRTM2": {"k2prime": 0.1},
    "LoganRef": {"k2prime": 0.1},
    "SUVR": {"t1_s": 2400.0, "t2_s": 5000.0},
    "Equilibrium": {"t1_s": 2400.0, "t2_s": 5000.0},
    "2TCMtied": {"VND": 3.0},
}


def given_for(model):
    reference = {"reference": REFERENCE} if MODELS[model].inputs == "reference" else {}
    return {"blood": arterial(), **reference, **OPTIONS.get(model, {})}


def every_model():
    """Return all models but SIME, which needs several regions; those fitted voxel by voxel are slow, but for one."""
    quick = {entry.name for entry in ESTIMATORS} | {"REGP"}
    names = [entry.name for entry in MODELS if entry.name != "SIME"]
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("model", every_model())
def test_ugly_voxels_get_a_status_and_leave_the_others_as_they_are(model, rows):
    level = 8.0 if MODELS[model].inputs == "plasma" else 1.0
    good = level * rows[:6].astype(float)
    ugly = np.array([make(good[0]) for make, _ in UGLY.values()])
    given = given_for(model)
    alone = nc.pet.fit_image(image_of(good), model, weights=FRAMES.duration_s, **given)
    options = {
        key: alone.settings[key] for key in ("t_star_s",) if key in MODELS[model].options and key in alone.settings
    }
    found = nc.pet.fit_image(
        image_of(np.concatenate([good, ugly])), model, weights=FRAMES.duration_s, **given, **options
    )
    status = np.asarray(found.status).ravel()
    for index, (name, (_, expected)) in enumerate(UGLY.items(), start=6):
        if expected is not None:
            assert status[index] == expected, name
    assert not np.any(status == OUTSIDE)
    fitted = (status == OK) | (status == EDGE)
    for name in found.names:
        values = found[name].data.ravel()
        assert not np.isfinite(values[~fitted]).any(), name
        assert_allclose(values[:6], alone[name].data.ravel(), rtol=1e-5, atol=1e-9, err_msg=name)


def test_everything_not_finite_is_an_error_that_names_the_image(rows):
    bad = image_of(np.full_like(rows, np.nan), SHAPE, where="sub-01_pet.nii")
    with pytest.raises(InputError, match=r"sub-01_pet.nii: every voxel inside the mask .* NaN or infinite"):
        nc.pet.fit_image(bad, "SRTM", reference=REFERENCE)
    with pytest.raises(InputError, match=r"every voxel inside the mask is zero in every frame"):
        nc.pet.fit_image(image_of(np.zeros_like(rows), SHAPE), "SRTM", reference=REFERENCE)


def test_nan_in_an_excluded_frame_touches_nothing(rows):
    spoiled = rows.copy()
    spoiled[:, 3] = np.nan
    spoiled[7, 3] = np.inf
    given = {"reference": REFERENCE, "weights": FRAMES.duration_s, "exclude": [3]}
    clean = nc.pet.fit_image(image_of(rows, SHAPE), "SRTM", **given)
    found = nc.pet.fit_image(image_of(spoiled, SHAPE), "SRTM", **given)
    assert_equal_maps(found, clean)
    # a weight of zero leaves a frame out just so
    given = {"reference": REFERENCE, "weights": np.where(np.arange(len(FRAMES)) == 3, 0.0, FRAMES.duration_s)}
    assert_equal_maps(nc.pet.fit_image(image_of(spoiled, SHAPE), "SRTM", **given), clean)


# --- masks, references, weights


def test_a_mask_leaves_the_fit_of_its_voxels_as_it_is(image, maps):
    inside = np.zeros(SHAPE, dtype=bool)
    inside[1:4, 2:, 1] = True
    given = {"reference": REFERENCE, "weights": FRAMES.duration_s}
    whole = nc.pet.fit_image(image, "SRTM", **given)
    for order in "CF":
        found = nc.pet.fit_image(image, "SRTM", mask=np.array(inside, order=order), **given)
        assert found.counts()["outside"] == inside.size - inside.sum()
        assert_array_equal(found.status == "outside", ~inside)
        for name in NAMES:
            assert np.isnan(found[name].data[~inside]).all()
            assert_allclose(found[name].data[inside], whole[name].data[inside], rtol=2e-7)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros(SHAPE), "the mask is empty"),
        (np.ones((6, 5, 3)), r"masks have shape \(6, 5, 3\), the PET image \(6, 5, 4\)"),
        (np.full(SHAPE, np.linspace(0, 1, 4)), "a mask has one"),
        (nibabel.Nifti1Image(np.ones(SHAPE, dtype=np.uint8), np.eye(4)), "the affine differs"),
    ],
)
def test_a_mask_that_does_not_fit_is_an_error(image, mask, message):
    with pytest.raises(InputError, match=message):
        nc.pet.fit_image(image, "SRTM", reference=REFERENCE, mask=mask)


def test_the_reference_may_be_a_mask_an_array_a_curve_or_a_path(tmp_path, image, maps):
    inside = np.zeros(SHAPE, dtype=bool)
    inside[0] = True
    means = np.asarray(image.data, dtype=float)[inside].mean(axis=0)
    expected = nc.pet.fit_image(image, "SRTM", reference=means)
    picture = nibabel.Nifti1Image(inside.astype(np.uint8), AFFINE)
    nibabel.save(picture, tmp_path / "ref.nii.gz")
    tac = nc.pet.TimeActivityCurves(FRAMES, means[:, None], regions=["cerebellum"])
    for reference in (
        inside,
        inside.astype(np.int16),
        picture,
        tmp_path / "ref.nii.gz",
        str(tmp_path / "ref.nii.gz"),
        tac,
    ):
        found = nc.pet.fit_image(image, "SRTM", reference=reference)
        assert_equal_maps(found, expected, rtol=2e-7)
    assert found.settings["input"] == "cerebellum"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"reference": None}, InputError, "SRTM needs a reference"),
        ({"reference": "cerebellum"}, InputError, "an image has no named regions"),
        ({"reference": "missing.nii.gz"}, MissingFileError, "missing.nii.gz: no such file"),
        ({"reference": np.ones(3)}, InputError, "30 finite frame means"),
        ({"reference": np.zeros(SHAPE)}, InputError, "the reference mask is empty"),
        ({"reference": np.ones((2, 2, 2))}, InputError, r"reference masks have shape \(2, 2, 2\)"),
        ({"model": "SRTN"}, UnknownNameError, "did you mean"),
        ({"weights": np.ones(4)}, InputError, "weights must be 30 finite numbers"),
        ({"weights": np.zeros(30)}, InputError, "weights must be 30 finite numbers"),
        ({"exclude": [30]}, InputError, "exclude names frame 30"),
        ({"exclude": range(27)}, InputError, "only 3 frames carry weight"),
        ({"parameters": ["BP"]}, UnknownNameError, "map of SRTM 'BP'"),
        ({"threads": 0}, InputError, "threads is 0"),
        ({"threads": 1.5}, InputError, "threads is 1.5"),
        ({"low_signal": 1.0}, InputError, "low_signal is 1.0"),
        ({"smooth_fwhm_mm": 4, "hypr_fwhm_mm": 4}, InputError, "choose one way to denoise"),
        ({"spatial_fwhm_mm": -1}, InputError, "spatial_fwhm_mm is -1.0; give a positive width"),
        ({"model": "MRTM1", "spatial_fwhm_mm": 4}, InputError, "belongs to SRTM"),
        ({"model": "MRTM2", "k2prime": -0.1}, InputError, "k2prime is -0.1"),
        ({"k2prime": 0.1}, UnknownNameError, "option of SRTM"),
        ({"model": "1TCM", "reference": None}, InputError, "1TCM needs blood"),
        ({"model": "SUVR"}, InputError, "SUVR needs t1_s"),
        ({"model": "LoganRef", "k2prime": 0.1, "t_star_s": 5300.0}, InputError, "only 0 usable frames from t"),
        ({"model": "2TCMtied", "reference": None, "blood": "given"}, InputError, "2TCMtied needs VND"),
    ],
)
def test_input_that_cannot_mean_anything_is_one_clear_error(image, changes, error, message):
    given = {"model": "SRTM", "reference": REFERENCE, **changes}
    if given.get("blood") == "given":
        given["blood"] = arterial()
    model = given.pop("model")
    with pytest.raises(error, match=message):
        nc.pet.fit_image(image, model, **given)


def test_what_is_no_dynamic_image_is_refused(rows, tmp_path):
    with pytest.raises(InputError, match=r"image is an array .* it takes a DynamicImage \(read_image gives one\)"):
        nc.pet.fit_image(rows, "SRTM", reference=REFERENCE)
    with pytest.raises(InputError, match="the image has 3 dimensions"):
        nc.pet.DynamicImage(np.ones(SHAPE), FRAMES, AFFINE)
    path = stored(tmp_path, np.ones(SHAPE, dtype=np.float32))
    with pytest.raises(InputError, match=r"sub-01_pet.nii.gz: the image has 3 dimensions"):
        nc.pet.read_image(path)


def test_sidecar_frames_that_disagree_with_the_image_are_an_error(tmp_path, rows):
    short = sidecar(FrameTimesStart=FRAMES.start_s[:-1].tolist(), FrameDuration=FRAMES.duration_s[:-1].tolist())
    path = stored(tmp_path, rows.reshape(*SHAPE, -1), record=short)
    with pytest.raises(InputError, match=r"the image holds 30 frames but 29 are timed"):
        nc.pet.read_image(path)
    uneven = sidecar(FrameDuration=FRAMES.duration_s[:-1].tolist())
    stored(tmp_path, rows.reshape(*SHAPE, -1), record=uneven)
    with pytest.raises(FrameTimingError, match="FrameTimesStart has 30 values and FrameDuration 29"):
        nc.pet.read_image(path)


# --- how the data are stored


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_files_give_the_maps_of_the_array(tmp_path, rows, maps, extension):
    path = stored(tmp_path, rows.reshape(*SHAPE, -1), extension=extension)
    found = nc.pet.fit_image(nc.pet.read_image(path), "SRTM", reference=REFERENCE_MEANS)
    assert_equal_maps(found, maps, rtol=2e-7)
    assert found.settings["image"] == str(path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fortran_and_c_order_and_precision_give_the_same_maps(rows, maps, dtype):
    for order in "CF":
        found = nc.pet.fit_image(image_of(rows, SHAPE, order=order, dtype=dtype), "SRTM", reference=REFERENCE_MEANS)
        assert_equal_maps(found, maps, rtol=2e-7)
    strided = image_of(np.repeat(rows.reshape(*SHAPE, -1), 2, axis=0).reshape(-1, 30), (12, 5, 4))
    view = nc.pet.DynamicImage(strided.data[::2], FRAMES, AFFINE, isotope="C11")
    assert_equal_maps(nc.pet.fit_image(view, "SRTM", reference=REFERENCE_MEANS), maps, rtol=2e-7)


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_scaled_integers_are_read_with_slope_and_intercept(tmp_path, rows, extension):
    slope, inter = 0.002, 12.0
    counts = np.round((rows.reshape(*SHAPE, -1) - inter) / slope).astype(np.int16)
    path = stored(tmp_path, counts, extension=extension, slope=slope, inter=inter)
    # the header keeps slope and intercept in single precision
    real = counts * float(np.float32(slope)) + inter
    image = nc.pet.read_image(path)
    assert_allclose(image.frame(4), real[..., 4], rtol=1e-12)
    found = nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS)
    expected = nc.pet.fit_image(
        nc.pet.DynamicImage(real, FRAMES, AFFINE, isotope="C11"), "SRTM", reference=REFERENCE_MEANS
    )
    assert_equal_maps(found, expected, rtol=2e-7)


def test_dropped_frames_and_the_decay_scale_of_each_frame_are_honoured(rows, maps):
    scale = np.linspace(0.5, 2.0, len(FRAMES))
    volume = np.concatenate([np.full((len(rows), 2), 1e6), rows / scale], axis=1).reshape(*SHAPE, -1)
    kept = np.arange(volume.shape[3]) >= 2
    image = nc.pet.DynamicImage(volume, FRAMES, AFFINE, isotope="C11", scale=scale, kept=kept)
    found = nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS)
    assert_equal_maps(found, maps, rtol=1e-6)
    for keep in (np.ones(30, dtype=bool), np.arange(32) >= 1):
        with pytest.raises(InputError, match="they must agree"):
            nc.pet.DynamicImage(volume, FRAMES, AFFINE, kept=keep)


@pytest.mark.parametrize("model", ["SRTM", "MRTM1", "LoganRef"])
def test_gaps_and_a_first_frame_without_length_agree_with_the_regional_fit(rows, model):
    start, duration = FRAMES.start_s[10:], FRAMES.duration_s[10:]
    frames = nc.pet.Frames(np.concatenate([[0.0], start]), np.concatenate([[0.0], duration]))
    # the frames before are left out: a gap after the zero-length frame that says when the scan began
    cut = np.concatenate([np.zeros((20, 1)), rows[:20, 10:]], axis=1)
    reference = np.concatenate([[0.0], REFERENCE_MEANS[10:]])
    options = {"k2prime": 0.1, "t_star_s": 1800.0} if model == "LoganRef" else {}
    given = {"reference": reference, "weights": np.concatenate([[0.0], duration]), "exclude": [15], **options}
    found = nc.pet.fit_image(image_of(cut, frames=frames), model, **given)
    tacs = nc.pet.TimeActivityCurves(frames, cut.T.astype(float), regions=[f"v{i}" for i in range(20)])
    fits = nc.pet.fit(tacs, model, **given)
    ok = np.asarray(found.status == "ok").ravel()
    assert ok.sum() > 15
    expected = np.array([fit["BPND"].value for fit in fits.values()])
    assert_allclose(found["BPND"].data.ravel()[ok], expected[ok], rtol=1e-6)
    assert any("bridged" in flag.name for flag in found.flags)


@pytest.mark.parametrize("model", ["SRTM", "MRTM2", "LoganRef"])
def test_threads_change_no_bit(model):
    """Two slabs, so that two threads have something to do."""
    rng = np.random.default_rng(3)
    clean = srtm_curves([0.0, 0.3, 1.0, 3.0], [1.0, 0.9, 1.1, 1.0])
    count = 12_000
    rows = np.tile(clean, (count, 1)) + noise_sd() * rng.standard_normal((4 * count, len(FRAMES)))
    image = image_of(rows, (count // 4, 4, 4))
    given = {"reference": REFERENCE, "blood": arterial(), **OPTIONS.get(model, {})}
    one, two = (nc.pet.fit_image(image, model, threads=threads, **given) for threads in (1, 2))
    for name in one.names:
        assert one[name].data.tobytes() == two[name].data.tobytes()
        assert one[name].stderr.tobytes() == two[name].stderr.tobytes()
    assert_array_equal(np.asarray(one.status), np.asarray(two.status))
    assert one.settings == two.settings


def test_the_input_is_left_as_it_was(rows):
    data = np.array(rows.reshape(*SHAPE, -1))
    mask, weights = np.ones(SHAPE, dtype=bool), FRAMES.duration_s.copy()
    reference = REFERENCE_MEANS.copy()
    image = nc.pet.DynamicImage(data, FRAMES, AFFINE, isotope="C11")
    nc.pet.fit_image(image, "SRTM", reference=reference, mask=mask, weights=weights, exclude=[4], spatial_fwhm_mm=5)
    assert_array_equal(data, rows.reshape(*SHAPE, -1))
    assert mask.all()
    assert_array_equal(weights, FRAMES.duration_s)
    assert_array_equal(reference, REFERENCE_MEANS)


# --- damaged and large files


def damaged(raw, kind):
    return {
        "truncated": raw[: len(raw) // 2],
        "corrupt": raw[:600] + bytes(200) + raw[800:],
        "short": gzip.compress(gzip.decompress(raw)[:3000]),
    }[kind]


@pytest.mark.parametrize("limit", [None, 10])
@pytest.mark.parametrize("kind", ["truncated", "corrupt", "short"])
def test_a_damaged_compressed_file_is_an_error_that_names_it(tmp_path, rows, kind, limit):
    """A plain read stops before the check sum and would return wrong numbers for the second."""
    path = stored(tmp_path, rows.reshape(*SHAPE, -1))
    path.write_bytes(damaged(path.read_bytes(), kind))
    image = nc.pet.read_image(path, memory_limit_bytes=limit)
    with pytest.raises(FileFormatError, match=r"sub-01_pet.nii.gz: .* cannot be read .* truncated or damaged"):
        nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS)
    with pytest.raises(FileFormatError, match=r"sub-01_pet.nii.gz: frame 3 cannot be read"):
        image.frame(2)


def test_a_truncated_uncompressed_file_is_an_error_that_names_it(tmp_path, rows):
    path = stored(tmp_path, rows.reshape(*SHAPE, -1), extension=".nii")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FileFormatError, match=r"sub-01_pet.nii: planes 1 to 4 cannot be read"):
        nc.pet.fit_image(nc.pet.read_image(path), "SRTM", reference=REFERENCE_MEANS)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_compressed_image_above_the_limit_goes_to_a_file_that_is_deleted(tmp_path, scratch, rows, maps):
    path = stored(tmp_path, rows.reshape(*SHAPE, -1))
    image = nc.pet.read_image(path, memory_limit_bytes=1000)
    assert list(scratch.iterdir()) == []
    found = nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS, threads=2)
    assert_equal_maps(found, maps, rtol=2e-7)
    kept = list(scratch.iterdir())
    assert len(kept) == 1
    copy = pickle.loads(pickle.dumps(image))
    assert_array_equal(copy.frame(3), image.frame(3))
    del image, copy
    gc.collect()
    assert list(scratch.iterdir()) == []


def test_below_the_limit_nothing_is_written(tmp_path, scratch, rows):
    path = stored(tmp_path, rows.reshape(*SHAPE, -1))
    for limit in (None, rows.nbytes):
        assert_array_equal(nc.pet.read_image(path, memory_limit_bytes=limit).frame(2).ravel(), rows[:, 2])
        assert list(scratch.iterdir()) == []


def test_a_full_disk_is_an_error_that_says_so(tmp_path, scratch, rows, monkeypatch):
    path = stored(tmp_path, rows.reshape(*SHAPE, -1))
    monkeypatch.setattr("neurochem.pet.compressed.shutil.disk_usage", lambda folder: type("Usage", (), {"free": 10}))
    image = nc.pet.read_image(path, memory_limit_bytes=1000)
    with pytest.raises(InputError, match=r"more than the memory limit, and .* set TMPDIR to a larger disk"):
        nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS)
    assert list(scratch.iterdir()) == []


# --- results


def test_maps_cannot_be_changed(maps):
    with pytest.raises(ValueError, match="read-only"):
        maps["BPND"].data[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        maps["BPND"].stderr[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        maps.status[0, 0, 0] = 1
    for array in (maps.codes, maps.chosen, maps.affine, maps.values["R1"]):
        assert not array.flags.writeable
    with pytest.raises(TypeError):
        maps.settings["model"] = "other"
    with pytest.raises(TypeError):
        maps.values["BPND"] = None
    with pytest.raises(AttributeError):
        maps.model = "other"


def test_names_are_found_in_any_case_and_dvr_is_bpnd_plus_one(maps):
    assert maps.names == NAMES
    assert_array_equal(maps["bpnd"].data, maps["BPND"].data)
    assert_allclose(maps["DVR"].data, maps["BPND"].data + 1, rtol=2e-7)
    assert_array_equal(maps["DVR"].stderr, maps["BPND"].stderr)
    assert maps["k2a"].unit == "1/min"
    with pytest.raises(UnknownNameError, match="map of SRTM"):
        maps["VT"]
    assert "SRTM maps of 6 x 5 x 4 voxels" in maps.summary()
    assert "BPND" in repr(maps["BPND"])
    with pytest.raises(UnknownNameError, match="voxel status"):
        maps.status == "okay"  # noqa: B015 - the comparison is the check


def test_chosen_parameters_are_the_same_maps(image, maps):
    for asked, names in ((["bpnd", "R1"], {"BPND", "R1", "DVR"}), ("DVR", {"BPND", "DVR"}), (["k2a"], {"k2a"})):
        some = nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS, parameters=asked)
        assert set(some.names) == names
        for name in names:
            assert_array_equal(some[name].data, maps[name].data)


def test_saved_maps_come_back(tmp_path, image):
    mask = np.ones(SHAPE, dtype=np.uint8)
    mask[0] = 0
    maps = nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS, mask=mask)
    written = maps.save(tmp_path / "out", "sub-01_ses-baseline")
    assert len(written) == 2 * len(NAMES) + 1
    assert {path.name for path in written} >= {
        "sub-01_ses-baseline_model-SRTM_meas-BPND_mimap.nii.gz",
        "sub-01_ses-baseline_model-SRTM_meas-BPND_desc-stderr_mimap.nii.gz",
        "sub-01_ses-baseline_model-SRTM_desc-status_mimap.nii.gz",
    }
    for path in written:
        picture = nibabel.load(path)
        assert_allclose(picture.affine, AFFINE)
        record = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
        assert record["ModelName"] == "SRTM"
        assert record["VoxelCounts"]["outside"] == 20
        assert record["Settings"]["input"] == "reference"
        if "status" in path.name:
            assert picture.get_data_dtype() == np.uint8
            assert_array_equal(np.asarray(picture.dataobj), np.asarray(maps.status))
            assert record["Levels"]["1"].startswith("edge")
        else:
            name = path.name.split("meas-")[1].split("_")[0]
            kind = "stderr" if "stderr" in path.name else "data"
            assert picture.get_data_dtype() == np.float32
            assert_array_equal(np.asarray(picture.dataobj), getattr(maps[name], kind))
            assert record["Units"] == (maps[name].unit or "ratio")
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix not in {".gz", ".json"}]
    again = [path.read_bytes() for path in written]
    assert [path.read_bytes() for path in maps.save(tmp_path / "out", "sub-01_ses-baseline")] == again
    few = maps.save(tmp_path / "few", names=("BPND",))
    assert len(few) == 3
