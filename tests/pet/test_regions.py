"""Curves and statistics of regions from labels and from probabilistic maps."""

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import neurochem as nc
from neurochem.errors import FileFormatError, InputError, UnknownNameError
from neurochem.pet.region_statistics import extract_statistics

FRAMES = nc.pet.Frames([0, 60, 120], [60, 60, 180])
SHAPE = (7, 6, 5)
NAMES = {3: "putamen", 1: "caudate", 40: "cerebellum"}


def scan(seed=1, order="C"):
    data = np.random.default_rng(seed).normal(10.0, 4.0, size=(*SHAPE, 3)).astype(np.float32)
    return nc.pet.DynamicImage(np.asarray(data, order=order), FRAMES, np.diag([2, 2, 3, 1]), isotope="C11", where="x")


def label_volume(seed=2):
    return np.random.default_rng(seed).choice([0, 1, 3, 7, 40], size=SHAPE, p=[0.3, 0.2, 0.2, 0.1, 0.2])


def naive(image, labels, statistic):
    return np.array([[statistic(image.frame(t)[labels == n]) for n in sorted(NAMES)] for t in range(3)])


def weighted_median(values, weights):
    """Median by repetition: weights are whole numbers of tenths."""
    return np.median(np.repeat(values, np.round(10 * weights).astype(int)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_statistics_of_labels_equal_a_loop_over_masks(order):
    image, labels = scan(order=order), label_volume()
    found = extract_statistics(image, labels, NAMES)
    assert found.regions == ("caudate", "putamen", "cerebellum")
    # sums of some fifty doubles in another order
    assert_allclose(found.mean, naive(image, labels, np.mean), rtol=1e-13)
    assert_allclose(found.sd, naive(image, labels, lambda v: np.std(v, ddof=1)), rtol=1e-12)
    assert_array_equal(found.median, naive(image, labels, np.median))
    assert_array_equal(found.voxels, [np.count_nonzero(labels == n) for n in sorted(NAMES)])
    assert_array_equal(found.left_out, 0)


def test_means_of_labels_are_the_sums_over_the_whole_volume_to_the_last_bit():
    image, labels = scan(), label_volume()
    tacs = nc.pet.extract_tacs(image, labels, NAMES)
    counts = np.bincount(labels.ravel())
    for t in range(3):
        sums = np.bincount(labels.ravel(), weights=image.frame(t).ravel())
        assert_array_equal(tacs.activity[t], (sums[[1, 3, 40]] / counts[[1, 3, 40]]))


def test_curves_of_a_statistic_are_ready_for_a_fit():
    image, labels = scan(), label_volume()
    found = extract_statistics(image, labels, NAMES)
    tacs = nc.pet.extract_tacs(image, labels, NAMES)
    mean, median = found.tacs(), found.tacs("median")
    assert_array_equal(mean.activity, tacs.activity)
    assert_array_equal(mean.voxels, tacs.voxels)
    assert (mean.isotope, mean.where, mean.regions) == (tacs.isotope, tacs.where, tacs.regions)
    assert_array_equal(median["putamen"], found.median[:, 1])
    with pytest.raises(UnknownNameError, match="unknown statistic that makes a curve 'sd'"):
        found.tacs("sd")


def test_statistics_cannot_be_changed_and_make_a_tidy_table():
    found = extract_statistics(scan(), label_volume(), NAMES)
    with pytest.raises(ValueError, match="read-only"):
        found.mean[0, 0] = 1.0
    table = found.to_frame()
    row = table[(table.region == "putamen") & (table.frame_start == 60)].iloc[0]
    assert (row["mean"], row["median"], row["sd"]) == (found.mean[1, 1], found.median[1, 1], found.sd[1, 1])
    assert len(table) == 9
    assert repr(found) == "<RegionStatistics 3 frames, 3 regions: caudate, putamen, cerebellum>"


def test_a_region_of_one_voxel_has_no_standard_deviation():
    labels = np.zeros(SHAPE, dtype=int)
    labels[2, 2, 2] = 1
    labels[3, 3, 3:] = 3
    for found in (
        extract_statistics(scan(), labels, {1: "a", 3: "b"}),
        extract_statistics(scan(), maps={"a": 0.3 * (labels == 1), "b": labels == 3}),
    ):
        assert np.isnan(found.sd[:, 0]).all()
        assert np.isfinite(found.sd[:, 1]).all()
        assert_allclose(found.voxels, [1.0, 2.0], rtol=1e-15)


def tenths(seed=3):
    return np.random.default_rng(seed).integers(0, 11, size=SHAPE) / 10.0


def test_statistics_of_maps_are_weighted():
    image, weight = scan(), tenths()
    found = extract_statistics(image, maps={"putamen": weight})
    w = weight.ravel()
    for t in range(3):
        c = image.frame(t).ravel()
        mean = np.average(c, weights=w)
        assert_allclose(found.mean[t, 0], mean, rtol=1e-13)
        variance = np.sum(w * (c - mean) ** 2) / (w.sum() - np.sum(w**2) / w.sum())
        assert_allclose(found.sd[t, 0], np.sqrt(variance), rtol=1e-12)
        assert_allclose(found.median[t, 0], weighted_median(c, w), rtol=1e-15)
    assert_allclose(found.voxels, w.sum() ** 2 / np.sum(w**2), rtol=1e-14)
    tacs = nc.pet.extract_tacs(image, maps={"putamen": weight})
    assert_array_equal(tacs.activity, found.mean)
    assert_array_equal(tacs.voxels, found.voxels)


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_maps_of_equal_weight_give_the_statistics_of_labels(share):
    image, labels = scan(), label_volume()
    by_label = extract_statistics(image, labels, NAMES)
    maps = {NAMES[n]: share * (labels == n) for n in sorted(NAMES)}
    by_map = extract_statistics(image, maps=maps)
    assert by_map.regions == by_label.regions
    for name in ("mean", "median", "sd", "voxels"):
        assert_allclose(getattr(by_map, name), getattr(by_label, name), rtol=1e-12)


def test_effective_voxels_say_how_white_noise_is_averaged_down():
    weight = tenths()
    noise = np.random.default_rng(8).normal(size=(*SHAPE, 4000)).astype(np.float32)
    image = nc.pet.DynamicImage(noise, nc.pet.Frames(np.arange(4000.0), np.ones(4000)), np.eye(4))
    tacs = nc.pet.extract_tacs(image, maps={"a": weight})
    # the standard deviation of 4000 draws is known to 1.1 %; four of these
    assert_allclose(tacs.activity.std(), 1 / np.sqrt(tacs.voxels[0]), rtol=0.045)


def test_maps_come_as_stack_files_images_or_arrays(tmp_path):
    image, affine = scan(), np.diag([2, 2, 3, 1])
    first, second = tenths(4).astype(np.float32), tenths(5).astype(np.float32)
    stack = np.stack([first, second], axis=3)
    wanted = nc.pet.extract_tacs(image, maps={"a": first, "b": second})
    nibabel.save(nibabel.Nifti1Image(stack, affine), tmp_path / "probseg.nii.gz")
    nibabel.save(nibabel.Nifti1Image(first, affine), tmp_path / "a.nii")
    files = {"a": tmp_path / "a.nii", "b": nibabel.Nifti1Image(second, affine)}
    for tacs in (
        nc.pet.extract_tacs(image, maps=stack, names=["a", "b"]),
        nc.pet.extract_tacs(image, maps=tmp_path / "probseg.nii.gz", names=["a", "b"]),
        nc.pet.extract_tacs(image, maps=files),
    ):
        assert tacs.regions == ("a", "b")
        assert_array_equal(tacs.activity, wanted.activity)
    scaled = nibabel.Nifti1Image(np.round(255 * first).astype(np.uint8), affine)
    scaled.header.set_slope_inter(1 / 255, 0)
    nibabel.save(scaled, tmp_path / "scaled.nii")
    tacs = nc.pet.extract_tacs(image, maps=tmp_path / "scaled.nii", names="a")
    # weights stored in 255 steps
    assert_allclose(tacs["a"], wanted["a"], rtol=1e-2)


@pytest.mark.parametrize(
    ("maps", "names", "message"),
    [
        (
            {"a": 100 * tenths()},
            None,
            "map 'a' run from 0 to 100; a weight lies between 0 and 1. Divide percent by 100",
        ),
        ({"a": tenths() - 0.02}, None, "run from -0.02 to 0.98.* Resample maps linearly"),
        ({"a": tenths() + 0.02}, None, "run from 0.02 to 1.02.* Resample maps linearly"),
        ({"a": np.where(tenths() > 0.5, np.nan, 0.2)}, None, "map 'a' holds weights that are not finite"),
        ({"a": np.zeros(SHAPE)}, None, "map 'a' is zero everywhere"),
        ({"a": np.ones((2, 2, 2))}, None, "maps have shape .* resample the maps to the PET voxels"),
        ({"a": nibabel.Nifti1Image(tenths(), np.eye(4))}, None, "affine differs from that of x"),
        ({"a": tenths()}, ["b"], "names is given beside a mapping of maps"),
        ({}, None, "no map to extract"),
        (np.zeros((*SHAPE, 2)), ["a"], "needs one name a map"),
        (np.zeros((*SHAPE, 2)), None, "with no names"),
    ],
)
def test_impossible_maps_are_named(maps, names, message):
    with pytest.raises(InputError, match=message):
        nc.pet.extract_tacs(scan(), maps=maps, names=names)


def test_weights_a_rounding_off_one_count_as_one():
    image = scan()
    tacs = nc.pet.extract_tacs(image, maps={"a": np.full(SHAPE, 1 + 2e-7)})
    assert tacs.voxels.tolist() == [float(np.prod(SHAPE))]


def test_regions_are_either_labels_or_maps():
    for given in ({}, {"labels": label_volume(), "names": NAMES, "maps": {"a": tenths()}}):
        with pytest.raises(InputError, match=r"either labels= .* or maps="):
            nc.pet.extract_tacs(scan(), **given)
    with pytest.raises(InputError, match="names is a NoneType"):
        nc.pet.extract_tacs(scan(), label_volume())


def test_absent_maps_can_be_left_out():
    maps = {"a": np.zeros(SHAPE), "b": tenths()}
    assert nc.pet.extract_tacs(scan(), maps=maps, skip_absent=True).regions == ("b",)
    with pytest.raises(InputError, match="no map to extract"):
        nc.pet.extract_tacs(scan(), maps={"a": np.zeros(SHAPE)}, skip_absent=True)


def with_holes(labels):
    image = scan()
    data = np.array(image.data)
    inside = np.argwhere(labels == 3)
    data[(*inside[0], 1)] = np.nan
    data[(*inside[4], 1)] = np.inf
    data[(*inside[4], 2)] = np.nan
    data[labels == 7] = np.nan
    data[labels == 0] = -np.inf
    return nc.pet.DynamicImage(data, FRAMES, image.affine, where="x"), inside[[0, 4]]


@pytest.mark.parametrize("extract", [nc.pet.extract_tacs, extract_statistics])
def test_a_value_that_is_not_finite_names_region_frame_and_voxel(extract):
    labels = label_volume()
    image, holes = with_holes(labels)
    place = ", ".join(str(i) for i in holes[0])
    for given in ({"labels": labels, "names": NAMES}, {"maps": {"putamen": labels == 3}}):
        with pytest.raises(
            InputError, match=rf"x: region 'putamen' holds 2 .* frame 2, the first nan at voxel \({place}\)"
        ):
            extract(image, **given)
    others = {1: "caudate", 40: "cerebellum"}
    assert np.isfinite(extract(image, labels, others).voxels).all()


def test_voxels_left_out_leave_every_frame_and_are_counted():
    labels = label_volume()
    image, holes = with_holes(labels)
    found = extract_statistics(image, labels, NAMES, non_finite="leave_out")
    kept = labels.copy()
    kept[tuple(holes.T)] = 0
    assert found.left_out.tolist() == [0, 2, 0]
    assert_array_equal(found.voxels, [np.count_nonzero(kept == n) for n in sorted(NAMES)])
    assert_allclose(found.mean, naive(image, kept, np.mean), rtol=1e-13)
    assert_array_equal(found.median, naive(image, kept, np.median))
    tacs = nc.pet.extract_tacs(image, labels, NAMES, non_finite="leave_out")
    assert_array_equal(tacs.activity, found.mean)
    with pytest.raises(UnknownNameError, match="'leave out'; did you mean 'leave_out'"):
        nc.pet.extract_tacs(image, labels, NAMES, non_finite="leave out")
    with pytest.raises(InputError, match="every voxel of region 'lost' is not finite in some frame"):
        nc.pet.extract_tacs(image, labels, {7: "lost"}, non_finite="leave_out")


def test_inputs_stay_as_they_are():
    image, labels, weight = scan(), label_volume(), tenths()
    before = image.data.copy(), labels.copy(), weight.copy()
    extract_statistics(image, labels, NAMES)
    extract_statistics(image, maps={"a": weight})
    for array, copy in zip((image.data, labels, weight), before, strict=True):
        assert_array_equal(array, copy)


def test_a_truncated_map_is_named(tmp_path):
    path = tmp_path / "a.nii.gz"
    noise = np.random.default_rng(0).uniform(size=(16, 16, 16)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(noise, np.eye(4)), path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FileFormatError, match=r"a\.nii\.gz: maps cannot be read .* truncated or damaged"):
        nc.pet.extract_tacs(scan(), maps={"a": path})
