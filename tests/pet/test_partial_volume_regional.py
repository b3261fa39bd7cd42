"""Regional means without spill-over, and their covariance."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem.errors import InputError
from neurochem.pet.partial_volume import gaussian_smooth, partial_volume_correct
from tests.pet.partial_volume_truth import (
    FWHM_MM,
    NAMES,
    SIGMA_PER_FWHM,
    VALUES,
    VOXEL_MM,
    ball_mean_recovery,
    ball_profile,
    head,
    head_image,
    oblique,
)

GRID = np.diag([*VOXEL_MM, 1.0])
TRUE = np.array(list(VALUES.values()))


def correct(image, labels, method="gtm", **keywords):
    return partial_volume_correct(
        image, labels, **{"names": NAMES, "fwhm_mm": FWHM_MM, "affine": GRID, "method": method, **keywords}
    )


def soft_maps(seed=2):
    """Return overlapping shares of three tissues, smooth and of single precision, that leave some voxels empty."""
    rng = np.random.default_rng(seed)
    shape = (16, 18, 14)
    raw = np.stack([gaussian_smooth(rng.normal(size=shape), 4.0, np.eye(4), outside="nearest") for _ in range(4)])
    share = np.exp(12.0 * raw)
    share = (share / share.sum(axis=0)).astype(np.float32)
    share[share < 0.02] = 0.0
    return {"first": share[0], "second": share[1], "third": share[2]}


class TestExactInverse:
    # rounding, grown by condition numbers of about 20
    TOLERANCE = 1e-10

    @pytest.mark.parametrize("method", ["gtm", "sgtm"])
    @pytest.mark.parametrize(("background", "activity"), [("zero", 0.0), ("region", 0.7)])
    @pytest.mark.parametrize("affine", [GRID, oblique(VOXEL_MM)], ids=["straight", "oblique"])
    def test_means_of_its_own_forward_model(self, method, background, activity, affine):
        labels = head()
        _, image = head_image(labels, background=activity, affine=affine)
        result = correct(image, labels, method, background=background, affine=affine)
        assert_allclose(result.means[0], TRUE, rtol=self.TOLERANCE)
        assert np.abs(result.observed[0] / TRUE - 1).max() > 0.3
        expected = activity if background == "region" else np.nan
        assert_allclose(result.background, expected, atol=self.TOLERANCE)

    def test_faces_continued(self):
        labels = head()
        _, image = head_image(labels, background=0.7, outside="nearest")
        assert_allclose(correct(image, labels, outside="nearest").means[0], TRUE, rtol=self.TOLERANCE)

    @pytest.mark.parametrize("method", ["gtm", "sgtm"])
    @pytest.mark.parametrize("background", ["zero", "region"])
    def test_probabilistic_maps(self, method, background):
        maps = soft_maps()
        values = {"first": 3.0, "second": 1.0, "third": 7.0}
        truth = sum(values[name] * share.astype(float) for name, share in maps.items())
        if background == "region":
            truth = truth + 0.4 * (1.0 - sum(share.astype(float) for share in maps.values()))
        image = gaussian_smooth(truth, (4.0, 5.0, 3.0), GRID)
        result = partial_volume_correct(
            image, maps=maps, fwhm_mm=(4.0, 5.0, 3.0), affine=GRID, method=method, background=background
        )
        assert_allclose(result.means[0], list(values.values()), rtol=self.TOLERANCE)

    def test_fwhm_read_from_voxels_is_not_widened_again(self):
        labels = head()
        truth, _ = head_image(labels)
        image = gaussian_smooth(truth, FWHM_MM, GRID, fwhm_includes_voxel=True)
        result = correct(image, labels, background="zero", fwhm_includes_voxel=True)
        assert_allclose(result.means[0], TRUE, rtol=self.TOLERANCE)
        assert np.abs(correct(image, labels, background="zero").means[0] / TRUE - 1).max() > 0.02

    def test_labels_and_their_maps_agree(self):
        labels = head()
        image = head_image(labels)[1] + np.random.default_rng(0).normal(size=labels.shape)
        maps = {name: (labels == number).astype(np.float32) for number, name in NAMES.items()}
        a = correct(image, labels)
        b = correct(image, None, names=None, maps=maps)
        assert_allclose(a.means, b.means, rtol=1e-12)
        assert_allclose(a.unit_covariance, b.unit_covariance, rtol=1e-9)
        assert_allclose(a.noise_variance, b.noise_variance, rtol=1e-12)

    def test_single_precision_is_good_to_its_rounding(self):
        labels = head()
        _, image = head_image(labels)
        result = correct(image.astype(np.float32), labels, background="zero")
        assert_allclose(result.means[0], TRUE, rtol=1e-5)


class TestBall:
    def test_blurred_ball_of_the_continuous_world_gets_its_activity_back(self):
        # an image in closed form, not made by the operator under test
        voxel, radius, sigma = 1.0, 8.0, 6.0 * SIGMA_PER_FWHM
        axis = np.arange(41) - 20.0
        distance = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2) * voxel
        image = 5.0 * ball_profile(distance, radius, sigma)
        labels = (distance <= radius).astype(int)
        keywords = {"names": {1: "ball"}, "fwhm_mm": 6.0, "affine": np.eye(4), "background": "zero"}
        result = partial_volume_correct(image, labels, **keywords)
        # labels cut the ball at voxels, and the closed form is at their centres: 1 mm of a 8 mm ball allows 2 %
        assert_allclose(result.observed[0, 0], 5.0 * ball_mean_recovery(radius, sigma), rtol=0.02)
        assert_allclose(result.means[0, 0], 5.0, rtol=0.02)
        assert_allclose(result.transfer_matrix, ball_mean_recovery(radius, sigma), rtol=0.02)
        centre = partial_volume_correct(image, labels, method="rbv", **keywords).image[20, 20, 20]
        assert_allclose(centre, 5.0, rtol=0.02)


class TestTransferMatrix:
    def test_rows_add_up_to_one_where_everything_is_a_region(self):
        labels = head()
        result = correct(head_image(labels)[1], labels, background="region", outside="nearest")
        # the cut tail
        assert_allclose(result.transfer_matrix.sum(axis=1), 1.0, atol=1e-12)
        assert result.transfer_matrix.shape == (5, 5)

    @pytest.mark.parametrize("outside", ["zero", "nearest"])
    def test_matrix_is_that_of_blurring_whole_volumes(self, outside):
        labels = head()[4:26]
        result = correct(np.ones(labels.shape), labels, background="region", outside=outside)
        regions = [labels == number for number in NAMES] + [~np.isin(labels, list(NAMES))]
        expected = np.empty((5, 5))
        for column, emitting in enumerate(regions):
            blurred = gaussian_smooth(emitting.astype(float), FWHM_MM, GRID, outside=outside)
            expected[:, column] = [blurred[reading].mean() for reading in regions]
        assert_allclose(result.transfer_matrix, expected, atol=1e-13)

    def test_symmetric_matrix_is_that_of_blurred_weights(self):
        labels = head()
        result = correct(np.ones(labels.shape), labels, "sgtm", background="region")
        regions = [labels == number for number in NAMES] + [~np.isin(labels, list(NAMES))]
        blurred = [gaussian_smooth(region.astype(float), FWHM_MM, GRID) for region in regions]
        expected = [[np.sum(a * b) / np.sum(a) for b in blurred] for a in blurred]
        assert_allclose(result.transfer_matrix, expected, atol=1e-12)

    def test_symmetric_means_are_least_squares(self):
        labels = head()
        image = head_image(labels)[1] + np.random.default_rng(1).normal(size=labels.shape)
        blurred = [gaussian_smooth((labels == n).astype(float), FWHM_MM, GRID).ravel() for n in NAMES]
        fitted = np.linalg.lstsq(np.stack(blurred, axis=1), image.ravel(), rcond=None)[0]
        assert_allclose(correct(image, labels, "sgtm", background="zero").means[0], fitted, rtol=1e-9)


def coarse_noise(rng, fwhm_mm, shape, count):
    """Return noise of variance 1: white noise blurred in a larger volume by plain samples of a Gaussian."""
    from scipy import ndimage

    sigma = np.array(fwhm_mm) * SIGMA_PER_FWHM / np.array(VOXEL_MM)
    margin = np.ceil(5 * sigma).astype(int)
    kernels = [
        np.exp(-0.5 * (np.arange(-m, m + 1) / s) ** 2) if s > 0 else np.ones(1)
        for s, m in zip(sigma, margin, strict=True)
    ]
    inner = tuple(slice(m, m + n) for m, n in zip(margin, shape, strict=True))
    for _ in range(count):
        noise = rng.standard_normal([n + 2 * m for n, m in zip(shape, margin, strict=True)])
        for axis, kernel in enumerate(kernels):
            noise = ndimage.correlate1d(noise, kernel / np.sqrt(np.sum(kernel**2)), axis=axis, mode="wrap")
        yield noise[inner]


LINEAR = {
    "gtm": {"method": "gtm"},
    "gtm, no background": {"method": "gtm", "background": "zero"},
    "gtm, faces continued": {"method": "gtm", "outside": "nearest"},
    "sgtm": {"method": "sgtm"},
    "rbv": {"method": "rbv"},
    "mg by gtm": {"method": "mg", "white": "gtm"},
    "mg by regression": {"method": "mg", "white": "regress"},
    "mg by eroded": {"method": "mg", "white": "eroded", "white_purity": 0.6},
    "mg by number": {"method": "mg", "white": 1.5},
}


class TestExactCovariance:
    @pytest.mark.parametrize("kind", LINEAR)
    @pytest.mark.parametrize("noise_fwhm", [(0.0, 0.0, 0.0), (3.0, 0.0, 5.0)], ids=["white", "coarse"])
    def test_covariance_is_what_the_method_does_to_each_voxel(self, kind, noise_fwhm):
        # frames are single voxels, so that the means are the method's own weights, and noise goes through them exactly
        shape, voxel = (10, 8, 6), np.array([2.0, 1.5, 2.5])
        labels = np.zeros(shape, dtype=int)
        labels[1:9, 1:7, 1:3], labels[1:9, 1:7, 3:5] = 1, 2
        size = labels.size
        image = np.concatenate([np.zeros((*shape, 1)), np.eye(size).reshape(*shape, size)], axis=-1)
        result = partial_volume_correct(
            image, labels, names={1: "white", 2: "grey"}, fwhm_mm=(4.0, 3.0, 5.0), affine=np.diag([*voxel, 1.0]),
            noise_variance=1.0, noise_fwhm_mm=noise_fwhm, **LINEAR[kind],
        )  # fmt: skip
        weights = (result.means[1:] - result.means[0]).T
        place = np.indices(shape).reshape(3, -1).T * voxel
        correlation = np.ones((size, size))
        for axis, width in enumerate(noise_fwhm):
            away = place[:, None, axis] - place[None, :, axis]
            scale = 2.0 * width * SIGMA_PER_FWHM
            correlation *= np.exp(-((away / scale) ** 2)) if width else away == 0
        expected = weights @ correlation @ weights.T
        # correlations below 1e-8 are left out
        assert_allclose(result.covariance(), expected, rtol=1e-6, atol=1e-7 * expected.max())


class TestRepeatedNoise:
    COUNT = 1500

    @pytest.mark.parametrize("method", ["gtm", "sgtm"])
    @pytest.mark.parametrize("noise_fwhm", [(0.0, 0.0, 0.0), (6.0, 0.0, 7.0)], ids=["white", "coarse"])
    def test_covariance_is_that_of_repeated_noise(self, method, noise_fwhm):
        labels = head()[6:24, 4:18, 6:18]
        _, clean = head_image(labels, background=0.5)
        rng = np.random.default_rng(11)
        noise = np.stack(list(coarse_noise(rng, noise_fwhm, labels.shape, self.COUNT)), axis=-1)
        result = correct(clean[..., None] + 0.3 * noise, labels, method, noise_variance=0.09, noise_fwhm_mm=noise_fwhm)
        predicted, sample = result.covariance(7), np.cov(result.means.T)
        root = np.sqrt(np.diag(predicted))
        # a sample covariance of N draws has the standard error sqrt((1 + r^2) / N) on the scale of correlations; 4.5 of
        # them for 10 entries
        r = predicted / np.outer(root, root)
        assert np.max(np.abs(sample - predicted) / np.outer(root, root) / np.sqrt((1 + r**2) / self.COUNT)) < 4.5
        assert_allclose(result.stderr[3], root)
        # means are unbiased
        assert np.max(np.abs(result.means.mean(axis=0) - TRUE) / root * np.sqrt(self.COUNT)) < 4.5

    def test_coarse_noise_costs_more_and_least_squares_less_under_white_noise(self):
        labels = head()
        image = head_image(labels)[1]
        keywords = {"background": "zero", "noise_variance": 1.0}
        white = correct(image, labels, noise_fwhm_mm=0.0, **keywords).stderr
        coarse = correct(image, labels, **keywords).stderr
        assert (coarse > 3 * white).all()
        assert (correct(image, labels, "sgtm", noise_fwhm_mm=0.0, **keywords).stderr < white).all()

    def test_variance_of_voxels_comes_from_what_the_model_leaves(self):
        labels = head()
        _, clean = head_image(labels, background=0.5)
        rng = np.random.default_rng(4)
        sd = np.array([0.5, 0.1, 2.0])
        image = clean[..., None] + sd * rng.standard_normal((*labels.shape, 3))
        result = correct(image, labels, noise_fwhm_mm=0.0)
        # 5,000 voxels: 2 % of the variance, 4.5 of them
        count = np.count_nonzero(labels)
        assert_allclose(result.noise_variance, sd**2, rtol=4.5 * np.sqrt(2 / count))
        assert np.max(np.abs(result.means - TRUE) / result.stderr) < 4.5
        given = correct(image, labels, noise_fwhm_mm=0.0, noise_variance=[1.0, 2.0, 3.0])
        assert_allclose(given.stderr**2, np.outer([1, 2, 3], np.diag(given.unit_covariance)))


class TestFlags:
    def names(self, result, region=""):
        return {flag.name for flag in result.flags if flag.parameter == region}

    def test_large_regions_within_the_volume_have_none(self):
        labels = np.zeros((40, 40, 40), dtype=int)
        labels[10:30, 10:30, 10:20], labels[10:30, 10:30, 20:30] = 1, 2
        result = partial_volume_correct(
            np.ones(labels.shape), labels, names={1: "a", 2: "b"}, fwhm_mm=4.0, affine=np.eye(4)
        )
        assert result.flags == ()
        assert result.success

    def test_region_smaller_than_the_resolution(self):
        labels = np.zeros((30, 30, 30), dtype=int)
        labels[8:22, 8:22, 8:22], labels[15:17, 15:17, 15:17] = 1, 2
        result = partial_volume_correct(
            np.ones(labels.shape), labels, names={1: "a", 2: "tiny"}, fwhm_mm=6.0, affine=np.eye(4)
        )
        assert {"below_resolution", "low_recovery"} <= self.names(result, "tiny")
        assert not self.names(result, "a")

    def test_ill_conditioned_and_singular(self):
        shape = (24, 24, 24)
        first = np.zeros(shape)
        first[6:18, 6:18, 6:18] = 0.5
        tilted = first * (1.0 + 0.02 * np.linspace(-1, 1, 24))
        keywords = {"fwhm_mm": 6.0, "affine": np.eye(4), "noise_variance": 1.0}
        near = partial_volume_correct(np.ones(shape), maps={"a": first, "b": tilted * 0.98}, **keywords)
        assert near.condition_number > 100
        assert "ill_conditioned" in self.names(near)
        same = partial_volume_correct(np.ones(shape), maps={"a": first, "b": first}, **keywords)
        assert "singular" in self.names(same)
        assert not same.success
        assert np.isnan(same.means).all()
        assert np.isnan(same.stderr).all()

    def test_region_cut_by_the_volume(self):
        labels = np.zeros((30, 30, 30), dtype=int)
        labels[10:20, 10:20, :12] = 1
        result = partial_volume_correct(np.ones(labels.shape), labels, names={1: "neck"}, fwhm_mm=6.0, affine=np.eye(4))
        flag = next(flag for flag in result.flags if flag.name == "cut_by_volume")
        sigma = 6 * SIGMA_PER_FWHM
        lost = sigma / np.sqrt(2 * np.pi) / 12
        # a slab of 12 mm at a face loses sigma / sqrt(2 pi) of itself there
        assert f"{100 * lost:.3g} %" in flag.message


class TestRefusals:
    def test_background_that_does_not_exist(self):
        labels = np.ones((12, 12, 12), dtype=int)
        with pytest.raises(InputError, match="nothing is background; give background='zero'"):
            partial_volume_correct(np.ones(labels.shape), labels, names={1: "all"}, fwhm_mm=4.0, affine=np.eye(4))

    def test_symmetric_matrix_with_continued_faces(self):
        labels = head()
        with pytest.raises(InputError, match="needs outside='zero'"):
            correct(np.ones(labels.shape), labels, "sgtm", outside="nearest")

    def test_values_that_are_not_finite(self):
        labels = head()
        _, image = head_image(labels)
        inside, beyond = image.copy(), image.copy()
        inside[14, 14, 11] = np.nan
        with pytest.raises(InputError, match="region 'nucleus' holds voxels that are not finite"):
            correct(inside, labels)
        beyond[0, 0, 0] = np.inf
        with pytest.raises(InputError, match=r"region 'background'.*background='zero'"):
            correct(beyond, labels)
        assert_allclose(correct(beyond, labels, background="zero").means[0], TRUE, rtol=1e-10)

    def test_shares_above_one(self):
        maps = {"a": np.full((12, 12, 12), 0.7), "b": np.full((12, 12, 12), 0.6)}
        with pytest.raises(InputError, match=r"add up to 1\.3 at voxel"):
            partial_volume_correct(np.ones((12, 12, 12)), maps=maps, fwhm_mm=4.0, affine=np.eye(4))

    @pytest.mark.parametrize("variance", [[1.0, 2.0], -1.0, np.nan])
    def test_variance_of_another_shape_or_sign(self, variance):
        labels = head()
        with pytest.raises(InputError, match="noise_variance"):
            correct(head_image(labels)[1], labels, noise_variance=variance)
