"""Voxels corrected by region-based voxelwise, iterative Yang and Mueller-Gaertner methods."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.partial_volume import gaussian_smooth, partial_volume_correct
from tests.pet.partial_volume_truth import FWHM_MM, NAMES, VALUES, VOXEL_MM, head, head_image

GRID = np.diag([*VOXEL_MM, 1.0])
TRUE = np.array(list(VALUES.values()))


def correct(image, labels, method, **keywords):
    return partial_volume_correct(
        image, labels, **{"names": NAMES, "fwhm_mm": FWHM_MM, "affine": GRID, "method": method, **keywords}
    )


class TestRegionBasedVoxelwise:
    @pytest.mark.parametrize(("background", "activity"), [("zero", 0.0), ("region", 0.7)])
    @pytest.mark.parametrize("outside", ["zero", "nearest"])
    def test_uniform_regions_come_back(self, background, activity, outside):
        labels = head()
        truth, image = head_image(labels, background=activity, outside=outside)
        result = correct(image, labels, "rbv", background=background, outside=outside)
        # the ratio is exact where means are, hence rounding
        assert_allclose(result.image, truth, atol=1e-10)
        assert_allclose(result.means[0], TRUE, rtol=1e-10)

    def test_pattern_within_a_region_stays_and_the_image_scales(self):
        labels = head()
        _, image = head_image(labels)
        bumpy = image * (1 + 0.1 * np.random.default_rng(3).normal(size=image.shape))
        result = correct(bumpy, labels, "rbv")
        inside = labels == 3
        plain = correct(image, labels, "rbv").image[inside] / image[inside]
        # regional means move by a share of the noise, the pattern of 10 % by nothing
        assert np.std(result.image[inside] / bumpy[inside] / plain) < 0.01
        assert_allclose(correct(7.0 * bumpy, labels, "rbv").image, 7.0 * result.image, rtol=1e-10)

    def test_values_that_are_not_finite_stay_where_they_are(self):
        labels = head()
        _, image = head_image(labels)
        image[0, 0, 0] = np.nan
        result = correct(image, labels, "rbv", background="zero")
        assert np.count_nonzero(~np.isfinite(result.image)) <= 1
        assert_allclose(result.image[labels == 8], 6.0, rtol=1e-10)

    def test_empty_frame_stays_as_it_is_and_is_flagged(self):
        labels = head()
        _, image = head_image(labels)
        frames = np.stack([np.zeros_like(image), image], axis=-1)
        result = correct(frames, labels, "rbv")
        assert_array_equal(result.image[..., 0], 0.0)
        flag = next(flag for flag in result.flags if flag.name == "ratio_undefined")
        assert "1 of 2 frames" in flag.message
        assert "frame 1 (100 %" in flag.message

    def test_voxels_where_means_cancel_stay_as_they_are_and_are_flagged(self):
        labels = np.array([1] * 12 + [3] + [2] * 12).reshape(25, 1, 1)
        truth = np.array([0.0, 1.0, -1.0, 0.005])[labels]
        image = gaussian_smooth(truth, (6, 0, 0), np.eye(4), outside="nearest")
        result = partial_volume_correct(
            image, labels, names={1: "a", 2: "b", 3: "between"}, method="rbv", fwhm_mm=(6, 0, 0), affine=np.eye(4),
            background="zero", outside="nearest",
        )  # fmt: skip
        assert_allclose(result.means[0], [1.0, -1.0, 0.005], atol=1e-12)
        # the blurred model is 0.2 % of its size in the middle voxel alone
        assert_allclose(result.image[12], image[12], rtol=1e-12)
        assert_allclose(np.delete(result.image, 12), np.delete(truth, 12), rtol=1e-12)
        flag = next(flag for flag in result.flags if flag.name == "ratio_undefined")
        assert "4 % of the regions' voxels" in flag.message

    def test_error_of_voxels_is_scaled_as_voxels_are(self):
        labels = head()
        _, image = head_image(labels, background=0.7)
        result = correct(image, labels, "rbv", stderr=0.2 * image)
        assert_allclose(result.image_stderr, 0.2 * result.image, rtol=1e-10)


class TestFarFromRegions:
    @pytest.mark.parametrize(("method", "options"), [("rbv", {}), ("iy", {"iterations": 60})])
    def test_background_comes_back_up_to_the_faces(self, method, options):
        labels = np.zeros((60, 20, 20), dtype=int)
        labels[27:33, 7:13, 7:13] = 1
        truth = np.where(labels == 1, 5.0, 0.7)
        keywords = {"names": {1: "cube"}, "fwhm_mm": 4.0, "affine": np.eye(4), "method": method, **options}
        result = partial_volume_correct(gaussian_smooth(truth, 4.0, np.eye(4)), labels, **keywords)
        # beyond the kernels' reach, 13 voxels, the ratio is that of the background alone
        assert_allclose(result.image, truth, rtol=1e-9)
        assert_allclose(result.background, 0.7, rtol=1e-9)

    @pytest.mark.parametrize("method", ["rbv", "iy"])
    def test_background_assumed_empty_becomes_zero(self, method):
        # two cubes far apart: between them lie voxels that nothing reaches
        labels = np.zeros((50, 50, 12), dtype=int)
        labels[2:8, 2:8, 3:9], labels[42:48, 42:48, 3:9] = 1, 2
        image = gaussian_smooth(3.0 * (labels > 0), 3.0, np.eye(4)) + 0.1 * np.random.default_rng(2).random(
            labels.shape
        )
        result = partial_volume_correct(
            image, labels, names={1: "a", 2: "b"}, fwhm_mm=3.0, affine=np.eye(4), method=method, background="zero"
        )
        assert_array_equal(result.image[labels == 0], 0.0)
        assert_allclose(result.means[0], 3.0, atol=0.2)


class TestIterativeYang:
    @pytest.mark.parametrize(("background", "activity"), [("zero", 0.0), ("region", 0.7)])
    def test_uniform_regions_come_back_where_it_settles(self, background, activity):
        labels = head()
        truth, image = head_image(labels, background=activity)
        result = correct(image, labels, "iy", background=background, iterations=150)
        # converges by a factor an iteration (0.8 here at worst): 0.8^150 is below rounding of the means
        assert_allclose(result.means[0], TRUE, rtol=1e-9)
        assert_allclose(result.image, truth, atol=1e-8)
        assert not [flag for flag in result.flags if flag.name == "not_converged"]

    def test_each_iteration_comes_nearer(self):
        labels = head()
        _, image = head_image(labels)
        errors = [np.abs(correct(image, labels, "iy", iterations=k).means[0] - TRUE).max() for k in (1, 3, 10, 30)]
        assert errors[0] > 2 * errors[1] > 4 * errors[2] > 8 * errors[3]
        # after ten, the usual number, within 2 % of the largest activity
        assert errors[2] < 0.02 * 9.0

    def test_first_iterations_are_flagged(self):
        labels = head()
        _, image = head_image(labels)
        flags = correct(image, labels, "iy", iterations=1).flags
        assert "not_converged" in {flag.name for flag in flags}

    def test_means_are_those_of_its_image_and_carry_no_error(self):
        labels = head()
        image = head_image(labels)[1] + 0.2 * np.random.default_rng(5).normal(size=labels.shape)
        result = correct(image, labels, "iy", background="zero")
        assert_allclose(result.means[0], [result.image[labels == number].mean() for number in NAMES], rtol=1e-10)
        assert np.isnan(result.stderr).all()

    def test_settled_means_are_the_weighted_transfer_matrix(self):
        labels = head()
        noise = 0.05 * np.random.default_rng(6).normal(size=labels.shape)
        image = head_image(labels, background=0.7)[1] + noise
        result = correct(image, labels, "iy", iterations=200)
        regions = [labels == number for number in NAMES] + [~np.isin(labels, list(NAMES))]
        means = np.append(result.means[0], result.background)
        blurred = gaussian_smooth(sum(t * r for t, r in zip(means, regions, strict=True)), FWHM_MM, GRID)
        relative = (image - blurred) / blurred
        assert_allclose([np.sum(relative[region]) for region in regions], 0.0, atol=1e-7)

    @pytest.mark.parametrize("iterations", [0, 2.5, -1])
    def test_number_of_iterations(self, iterations):
        labels = head()
        with pytest.raises(InputError, match=r"iterations is .* whole number"):
            correct(head_image(labels)[1], labels, "iy", iterations=iterations)


def tissues(grey=4.0, white=1.0, csf=0.0, pattern=None):
    """Return maps of three tissues and their blurred image; grey matter times a pattern, if given."""
    labels = head()
    maps = {"grey": (labels == 7) | (labels == 8), "white": labels == 3, "csf": labels == 20}
    maps = {name: share.astype(float) for name, share in maps.items()}
    own = grey * maps["grey"] if pattern is None else grey * maps["grey"] * pattern
    image = gaussian_smooth(own + white * maps["white"] + csf * maps["csf"], FWHM_MM, GRID)
    return maps, image


def mueller_gaertner(image, maps, **keywords):
    return partial_volume_correct(image, maps=maps, method="mg", **{"fwhm_mm": FWHM_MM, "affine": GRID, **keywords})


class TestMuellerGaertner:
    @pytest.mark.parametrize("white", ["gtm", "regress", 1.0])
    def test_uniform_tissue_comes_back(self, white):
        maps, image = tissues()
        result = mueller_gaertner(image, maps, white=white)
        kept = np.isfinite(result.image)
        # linear and exact, hence rounding over a threshold of 0.3
        assert_allclose(result.image[kept], 4.0, rtol=1e-10)
        assert_allclose(result.means[0], [4.0, 1.0], rtol=1e-10)
        assert 0.3 * maps["grey"].sum() < np.count_nonzero(kept & (maps["grey"] > 0))

    def test_value_of_pure_voxels_is_off_by_the_impurity_at_most(self):
        maps, image = tissues()
        result = mueller_gaertner(image, maps, white="eroded", white_purity=0.95)
        # at most 5 % of the signal is of grey matter, 3 above
        assert 0.0 < result.means[0, 1] - 1.0 < 0.05 * 3.0

    def test_threshold_is_the_smallest_recovery_that_is_corrected(self):
        maps, image = tissues()
        blurred = gaussian_smooth(maps["grey"], FWHM_MM, GRID)
        for threshold in (0.3, 0.5):
            result = mueller_gaertner(image, maps, threshold=threshold)
            assert_array_equal(np.isfinite(result.image), blurred >= threshold)
            assert result.settings["threshold"] == threshold

    def test_activity_of_fluid_is_subtracted(self):
        maps, image = tissues(csf=0.5)
        result = mueller_gaertner(image, maps, csf="csf", csf_value=0.5)
        assert_allclose(result.image[np.isfinite(result.image)], 4.0, rtol=1e-10)
        assert np.abs(mueller_gaertner(image, maps).means[0] - [4, 1]).max() > 1e-3

    def test_slow_pattern_of_grey_matter_comes_back_blurred_by_the_scanner(self):
        slope = 1.0 + 0.01 * np.arange(30)[:, None, None] * np.ones((30, 32, 24))
        maps, image = tissues(pattern=slope)
        result = mueller_gaertner(image, maps, white=1.0)
        kept = np.isfinite(result.image) & (maps["grey"] > 0)
        # a slope of 0.04 a voxel, blurred over a cortex that lies to one side: within one sigma, 1.3 voxels
        assert np.abs(result.image - 4.0 * slope)[kept].max() < 0.04 * 1.3

    def test_regions_join_into_tissues(self):
        maps, image = tissues()
        labels = head()
        result = correct(image, labels, "mg", grey=["cortex", "putamen"], white_matter="white")
        assert_allclose(result.means, mueller_gaertner(image, maps).means, rtol=1e-12)
        assert result.regions == ("grey", "white")

    def test_error_of_voxels_grows_by_one_over_recovery(self):
        maps, image = tissues()
        result = mueller_gaertner(image, maps, stderr=np.full(image.shape, 0.1))
        blurred = gaussian_smooth(maps["grey"], FWHM_MM, GRID)
        kept = np.isfinite(result.image)
        assert_allclose(result.image_stderr[kept], 0.1 / blurred[kept], rtol=1e-12)

    def test_values_far_from_tissue_do_not_matter_and_near_it_do(self):
        maps, image = tissues()
        image[0, 0, 0] = np.nan
        assert_allclose(mueller_gaertner(image, maps).means[0], [4.0, 1.0], rtol=1e-10)
        image[10, 15, 12] = np.nan
        with pytest.raises(InputError, match="1 voxels in or near grey and white matter are not finite"):
            mueller_gaertner(image, maps)

    def test_refusals(self):
        maps, image = tissues()
        with pytest.raises(UnknownNameError, match=r"unknown region 'gray'; did you mean 'grey'\?"):
            mueller_gaertner(image, maps, grey="gray")
        with pytest.raises(UnknownNameError, match="Or give a number"):
            mueller_gaertner(image, maps, white="erode")
        with pytest.raises(InputError, match="threshold is 0"):
            mueller_gaertner(image, maps, threshold=0)
        with pytest.raises(InputError, match="below the threshold 1"):
            mueller_gaertner(image, {"grey": maps["csf"], "white": maps["white"]}, threshold=1.0)
        with pytest.raises(InputError, match="lower white_purity"):
            mueller_gaertner(image, {"grey": maps["grey"], "white": maps["csf"]}, white="eroded")
        with pytest.raises(InputError, match="takes background=zero, not 'region'"):
            mueller_gaertner(image, maps, background="region")


class TestFrames:
    @pytest.mark.parametrize(("method", "options"), [("rbv", {}), ("iy", {"iterations": 3})])
    def test_frames_are_corrected_one_by_one_in_their_own_precision(self, method, options):
        labels = head()
        rng = np.random.default_rng(9)
        frames = np.stack(
            [head_image(labels, values={k: v * rng.uniform(0.5, 2) for k, v in VALUES.items()})[1] for _ in range(3)],
            axis=-1,
        ).astype(np.float32)
        before = frames.copy()
        result = correct(frames, labels, method, **options)
        assert result.image.dtype == np.float32
        assert_array_equal(frames, before)
        for index in range(3):
            single = correct(frames[..., index], labels, method, **options)
            assert single.image.shape == labels.shape
            assert_array_equal(single.image, result.image[..., index])
            assert_array_equal(single.means[0], result.means[index])

    def test_output_goes_where_it_is_told(self, tmp_path):
        labels = head()
        image = np.stack([head_image(labels)[1]] * 2, axis=-1).astype(np.float32)
        out = np.lib.format.open_memmap(tmp_path / "corrected.npy", mode="w+", dtype=np.float32, shape=image.shape)
        result = correct(image, labels, "rbv", out=out)
        assert np.shares_memory(result.image, out)
        assert out.flags.writeable
        out.flush()
        assert_array_equal(np.load(tmp_path / "corrected.npy"), correct(image, labels, "rbv").image)
        with pytest.raises(InputError, match="out has shape"):
            correct(image, labels, "rbv", out=np.empty((2, 2)))
