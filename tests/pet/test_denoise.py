"""Gaussian smoothing and HYPR-LR of dynamic images."""

import tracemalloc

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.denoise import DENOISERS, denoise_image, denoisers, hypr_lr, smooth_image

AFFINE = np.array([[0.0, -2, 0, 0], [2, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
FRAMES = nc.pet.Frames([0, 60, 180, 480], [60, 120, 300, 600])
METHODS = [entry.name for entry in DENOISERS]
# sums of some hundred single-precision products, thrice rounded
SINGLE = 2e-6
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def image_of(data, frames=FRAMES, affine=AFFINE, **options):
    return nc.pet.DynamicImage(np.asarray(data, dtype=np.float32), frames, affine, isotope="C11", **options)


def noise(shape=(12, 10, 8, 4), seed=1):
    return np.random.default_rng(seed).normal(10, 2, size=shape)


def ball(shape=(12, 10, 8), radius=0.8):
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    return (grid**2).sum(axis=0) < radius**2


def test_denoisers_are_found_by_name_and_listed():
    image = image_of(noise())
    assert_array_equal(denoise_image(image, "gaussian", 5.0).data, smooth_image(image, 5.0).data)
    assert_array_equal(
        denoise_image(image, "hypr", 5.0, floor=0.1).data, denoise_image(image, "HYPR-LR", 5.0, floor=0.1).data
    )
    with pytest.raises(UnknownNameError, match="unknown denoiser 'HYPR-RL'; did you mean 'HYPR-LR'"):
        denoise_image(image, "HYPR-RL", 5.0)
    assert {"Gaussian", "HYPR-LR"} <= set(denoisers()["name"])


@pytest.mark.parametrize("method", METHODS)
def test_every_denoiser_leaves_its_input_and_names_itself(method):
    data = noise().astype(np.float32)
    image = image_of(data.copy(), where="x.nii", notes=("moved",))
    found = denoise_image(image, method, (4, 5, 6))
    assert_array_equal(image.data, data)
    assert found.data.dtype == np.float32
    assert found.shape == image.shape
    assert not found.data.flags.writeable
    assert found.notes[0] == "moved"
    assert method.split("-")[0] in found.notes[1]
    assert "FWHM 4 x 5 x 6 mm" in found.notes[1]
    assert (found.isotope, found.where, found.frames) == ("C11", "x.nii", image.frames)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("masked", [False, True])
def test_a_constant_stays_constant_up_to_the_edges(method, masked):
    data = np.full((12, 10, 8, 4), 7.5)
    mask = ball()
    if masked:
        data[~mask] = np.nan
        data[0, 0, 0] = np.inf
        data[0, 0, 1] = -np.inf
    found = denoise_image(image_of(data), method, 7.0, mask=mask if masked else None)
    assert_allclose(found.data[mask], 7.5, rtol=SINGLE)
    if masked:
        assert_array_equal(found.data[~mask], data.astype(np.float32)[~mask])
    else:
        assert_allclose(found.data, 7.5, rtol=SINGLE)


def measured_fwhm(profile, step):
    """Width at half height, interpolated on the parabola that a Gaussian's logarithm is."""
    peak = int(np.argmax(profile))
    curvature = np.polyfit(step * (np.arange(peak - 2, peak + 3) - peak), np.log(profile[peak - 2 : peak + 3]), 2)[0]
    return FWHM_PER_SIGMA * np.sqrt(-1 / (2 * curvature))


@pytest.mark.parametrize("fwhm", [(4.0, 4.0, 4.0), (6.0, 6.0, 6.0), (12.0, 5.0, 8.0), (1.0, 2.0, 3.0)])
def test_a_point_becomes_a_gaussian_of_the_stated_width(fwhm):
    data = np.zeros((41, 41, 41, 1))
    data[20, 20, 20] = 1000.0
    found = smooth_image(image_of(data, nc.pet.Frames([0], [60])), fwhm).data[..., 0].astype(float)
    for axis, size in enumerate((2.0, 2.0, 3.0)):
        line = [slice(20, 21)] * 3
        line[axis] = slice(None)
        # a voxel samples the peak too coarsely below one and a half of its length
        if fwhm[axis] >= 1.5 * size:
            assert_allclose(measured_fwhm(found[tuple(line)].ravel(), size), fwhm[axis], rtol=0.02)
        # the second moment of the whole tells of truncation and sampling too: 5 sigma lose 1.5e-5 of it
        profile = found.sum(axis=tuple(other for other in range(3) if other != axis))
        moment = np.sqrt(np.average((size * (np.arange(41) - 20.0)) ** 2, weights=profile))
        assert_allclose(FWHM_PER_SIGMA * moment, fwhm[axis], rtol=1e-4)
    assert_allclose(found.sum(), 1000.0, rtol=SINGLE)


def test_an_axis_of_width_zero_is_left_alone():
    data = noise()
    found = smooth_image(image_of(data), (6, 0, 0)).data
    assert_allclose(found.sum(axis=0), data.sum(axis=0), rtol=SINGLE)
    assert abs(found - data).max() > 1.0


def test_totals_are_kept():
    data = noise()
    assert_allclose(smooth_image(image_of(data), 8.0).data.sum(axis=(0, 1, 2)), data.sum(axis=(0, 1, 2)), rtol=SINGLE)


def test_smoothing_inside_a_mask_is_a_mean_over_voxels_inside():
    # far from the faces of the volume, so that reflection there adds nothing
    mask, data, fwhm = ball((28, 26, 24), 0.3), noise((28, 26, 24, 1)), 7.0
    found = smooth_image(image_of(data, nc.pet.Frames([0], [60])), fwhm, mask=mask).data
    where = np.argwhere(mask)
    for voxel in where[[0, len(where) // 2, -1]]:
        millimetres = (where - voxel) * np.array([2.0, 2.0, 3.0])
        weight = np.exp(-0.5 * np.sum((FWHM_PER_SIGMA * millimetres / fwhm) ** 2, axis=1))
        # what lies beyond five standard deviations is the difference
        assert_allclose(found[(*voxel, 0)], np.average(data[mask, 0], weights=weight), rtol=1e-5)


def test_values_outside_the_mask_do_not_matter():
    mask, data = ball(), noise()
    other = np.where(mask[..., None], data, 1e6)
    for method in METHODS:
        first, second = (denoise_image(image_of(d), method, 7.0, mask=mask).data[mask] for d in (data, other))
        assert_array_equal(first, second)


def test_the_finite_voxels_make_a_mask():
    data = noise()
    data[2, 3, 4, 1] = np.nan
    mask = np.ones(data.shape[:3])
    mask[2, 3, 4] = 0
    for method in METHODS:
        found = denoise_image(image_of(data), method, 6.0, mask="finite").data
        assert_array_equal(found, denoise_image(image_of(data), method, 6.0, mask=mask).data)
        assert np.argwhere(np.isnan(found)).tolist() == [[2, 3, 4, 1]]
        assert_allclose(found[2, 3, 4, 0], data[2, 3, 4, 0], rtol=1e-7)
    with pytest.raises(InputError, match=r"x: no voxel is finite in all frames"):
        smooth_image(image_of(np.full((2, 2, 2, 4), np.nan), where="x"), 6.0, mask="finite")


@pytest.mark.parametrize("method", METHODS)
def test_values_that_are_not_finite_are_named(method):
    data = noise()
    data[2, 3, 4, 1] = np.nan
    data[5, 3, 4, 1] = np.inf
    with pytest.raises(InputError, match=r"frame 2 holds 2 voxels .* nan at voxel \(2, 3, 4\); .* mask='finite'"):
        denoise_image(image_of(data), method, 6.0)


@pytest.mark.parametrize("fwhm", [0, -1, (1, 2), (1, 2, -3), np.nan, "wide", (0, 0, 0), None])
def test_widths_that_are_none_are_refused(fwhm):
    with pytest.raises(InputError, match="give a positive width in mm"):
        smooth_image(image_of(noise()), fwhm)


def test_masks_elsewhere_and_affines_without_size_are_refused():
    image = image_of(noise())
    with pytest.raises(InputError, match="masks have shape"):
        smooth_image(image, 6.0, mask=np.ones((2, 2, 2)))
    with pytest.raises(InputError, match="affine differs"):
        smooth_image(image, 6.0, mask=nibabel.Nifti1Image(np.ones(image.shape), np.eye(4)))
    with pytest.raises(InputError, match="affine gives voxels of"):
        smooth_image(image_of(noise(), affine=np.zeros((4, 4))), 6.0)


def test_stored_values_are_scaled_and_frames_left_out_stay_out():
    data = noise((6, 5, 4, 5)).astype(np.float32)
    kept, scale = [False, True, True, True, True], np.array([1e-3, 2e-3, 3e-3, 4e-3])
    single = nc.pet.DynamicImage(data, FRAMES, AFFINE, kept=kept, scale=scale)
    double = nc.pet.DynamicImage(data.astype(float), FRAMES, AFFINE, kept=kept, scale=scale)
    for method in METHODS:
        found = denoise_image(single, method, 6.0)
        wanted = denoise_image(image_of(data[..., 1:] * scale), method, 6.0)
        assert_allclose(found.data, wanted.data, rtol=SINGLE)
        assert_allclose(denoise_image(double, method, 6.0).data, wanted.data, rtol=SINGLE)


COURSES = np.array([[4.0, 9.0, 12.0, 11.0], [5.0, 12.0, 10.0, 4.0]])


def test_hypr_returns_a_noise_free_image_of_one_time_course_whatever_its_pattern():
    pattern = np.random.default_rng(3).uniform(0.2, 3.0, size=(12, 10, 8))
    data = pattern[..., None] * COURSES[0]
    assert_allclose(hypr_lr(image_of(data), 8.0).data, data, rtol=5 * SINGLE)
    assert abs(smooth_image(image_of(data), 8.0).data / data - 1).max() > 0.5


def two_regions(length=48):
    inside = np.arange(length) >= length // 2
    data = np.where(inside[:, None], COURSES[1], COURSES[0])
    return np.broadcast_to(data[:, None, None, :], (length, 12, 8, 4)).copy()


def test_hypr_is_exact_where_the_kernel_sees_one_region_and_biased_less_than_smoothing_beside_the_other():
    data = two_regions()
    fwhm = 6.0
    reach = int(np.ceil(5 * fwhm / FWHM_PER_SIGMA / 2.0))
    far = np.r_[0 : 24 - reach, 24 + reach : 48]
    error = {}
    for method in METHODS:
        error[method] = denoise_image(image_of(data), method, fwhm).data / data - 1
        assert_allclose(error[method][far], 0.0, atol=2 * SINGLE)
    weight = np.exp(-0.5 * (np.arange(-20, 21) * 2 * FWHM_PER_SIGMA / fwhm) ** 2)
    across = [weight[: 20 - depth].sum() / weight.sum() for depth in range(4)]
    for depth, share in enumerate(across):
        mixed = (1 - share) * COURSES[1] + share * COURSES[0]
        level, other = (np.average(course, weights=FRAMES.duration_s) for course in COURSES[::-1])
        hypr = mixed * level / ((1 - share) * level + share * other)
        assert_allclose(error["Gaussian"][24 + depth, 6, 4], mixed / COURSES[1] - 1, atol=1e-5)
        assert_allclose(error["HYPR-LR"][24 + depth, 6, 4], hypr / COURSES[1] - 1, atol=1e-5)
    # beside the edge, where the last frame falls from 11 to 4: 60 % too high when smoothed, 32 % after HYPR
    assert_allclose(error["Gaussian"][24, 6, 4, 3], 0.601, atol=0.001)
    assert_allclose(error["HYPR-LR"][24, 6, 4, 3], 0.322, atol=0.001)


def test_hypr_keeps_the_average_over_time_of_every_voxel():
    """Smoothing moves activity between voxels; HYPR puts the composite back."""
    data = two_regions() * np.random.default_rng(2).uniform(0.8, 1.2, size=(48, 12, 8, 4))
    for options, weights in (({}, FRAMES.duration_s), ({"weights": [1, 2, 2, 0]}, [1, 2, 2, 0])):
        found = hypr_lr(image_of(data), 6.0, **options)
        wanted = np.average(data, axis=3, weights=weights)
        assert_allclose(np.average(found.data, axis=3, weights=weights), wanted, rtol=5 * SINGLE)


def test_hypr_averages_noise_down_to_that_of_smoothing_and_composite():
    frames = nc.pet.Frames(60.0 * np.arange(20), np.full(20, 60.0))
    level, sd = 50.0, 5.0
    data = level + sd * np.random.default_rng(6).normal(size=(32, 32, 24, 20))
    fwhm = (6.0, 6.0, 9.0)  # three voxels along every axis
    smoothed, hypr = (
        denoise_image(image_of(data, frames), m, fwhm).data.astype(float) for m in ("Gaussian", "HYPR-LR")
    )
    sigma = 3 / FWHM_PER_SIGMA
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / sigma) ** 2)
    kernel /= kernel.sum()
    share = np.sum(kernel**2) ** 1.5  # standard deviation left by the kernel, three axes
    core = (slice(8, -8), slice(8, -8), slice(8, -8))
    # about 200 independent kernels a frame, 20 frames: 2 % of the standard deviation, twice that allowed
    assert_allclose(smoothed[core].std(axis=(0, 1, 2)).mean(), share * sd, rtol=0.04)
    # to first order I' = G(I) + c - G(c): the composite c of n frames leaves 1/n of what the kernel took
    expected = sd * np.sqrt(share**2 + (1 - share**2) / 20)
    assert_allclose(hypr[core].std(axis=(0, 1, 2)).mean(), expected, rtol=0.04)
    assert expected < 0.26 * sd
    # almost all that is left is common to all frames
    common = hypr[core].mean(axis=3).std()
    assert_allclose(common, sd / np.sqrt(20), rtol=0.04)


def test_hypr_smooths_only_where_the_composite_is_low():
    data = np.full((30, 10, 8, 4), 1e-4) * np.random.default_rng(9).normal(size=(30, 10, 8, 4))
    data[:10] += 20.0 * COURSES[0]
    found, smoothed = hypr_lr(image_of(data), 6.0), smooth_image(image_of(data), 6.0)
    assert np.isfinite(found.data).all()
    assert_array_equal(found.data[20:], smoothed.data[20:])
    low = int(found.notes[-1].split("(")[1].split()[0])
    # smoothed from an edge at voxel 10, 1 % of the maximum is 2.3 sigma or three voxels away
    assert low == 80 * (30 - 13)


def test_hypr_takes_a_composite_for_each_window():
    data = noise()
    found = hypr_lr(image_of(data), 6.0, windows_s=[(0, 180), (180, 1080)])
    early = hypr_lr(image_of(data[..., :2], FRAMES.select([0, 1])), 6.0)
    late = hypr_lr(image_of(data[..., 2:], FRAMES.select([2, 3])), 6.0)
    assert_array_equal(found.data, np.concatenate([early.data, late.data], axis=3))
    assert (
        "composite by duration of frames 1 to 2 (0 voxels of low composite smoothed only); of frames 3 to 4"
        in (found.notes[-1])
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows_s": [(0, 400)]}, r"the middle of frame 4 \(780 s\) lies in 0 of them"),
        ({"windows_s": [(0, 400), (100, 1080)]}, r"the middle of frame 2 \(120 s\) lies in 2 of them"),
        ({"floor": 0.0}, "floor is 0.0"),
        ({"floor": 1.0}, "floor is 1.0"),
        ({"weights": [1, 2]}, r"weights have shape \(2,\); give 4 finite numbers"),
        ({"weights": [1, 2, -1, 1]}, "none negative"),
        ({"weights": [0, 0, 0, 0]}, "composite of frames 1 to 4 is nowhere positive"),
    ],
)
def test_impossible_options_of_hypr_are_named(options, message):
    with pytest.raises(InputError, match=message):
        hypr_lr(image_of(noise()), 6.0, **options)


def test_an_image_without_activity_has_no_composite():
    with pytest.raises(InputError, match=r"x: the composite of frames 1 to 4 is nowhere positive"):
        hypr_lr(image_of(-noise(), where="x"), 6.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("masked", [False, True])
def test_memory_is_the_output_and_three_frames(method, masked):
    frames = nc.pet.Frames(60.0 * np.arange(6), np.full(6, 60.0))
    image = image_of(np.asfortranarray(noise((96, 96, 48, 6)).astype(np.float32)), frames)
    options = {"mask": ball(image.shape)} if masked else {}
    denoise_image(image, method, 6.0, **options)
    tracemalloc.start()
    try:
        found = denoise_image(image, method, 6.0, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - found.data.nbytes <= 3 * found.data[..., 0].nbytes


def test_a_file_is_denoised_as_its_array(tmp_path):
    data = noise((6, 5, 4, 4)).astype(np.float32)
    path = tmp_path / "sub-01_pet.nii.gz"
    nibabel.save(nibabel.Nifti1Image(1000 * data, AFFINE), path)
    times = f'"FrameTimesStart": {FRAMES.start_s.tolist()}, "FrameDuration": {FRAMES.duration_s.tolist()}'
    (tmp_path / "sub-01_pet.json").write_text(f'{{"Units": "Bq/mL", "ImageDecayCorrected": true, {times}}}')
    image = nc.pet.read_image(path)
    for method in METHODS:
        assert_allclose(
            denoise_image(image, method, 6.0).data, denoise_image(image_of(data), method, 6.0).data, rtol=SINGLE
        )
