"""The point-spread function against closed forms."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats

from neurochem.errors import InputError
from neurochem.pet.partial_volume import PointSpread, gaussian_kernel, gaussian_smooth, partial_volume_correct
from neurochem.pet.partial_volume.separable import Separable
from tests.conftest import REFERENCE_CASES
from tests.pet.partial_volume_truth import (
    SIGMA_PER_FWHM,
    ball_centre_recovery,
    ball_mean_recovery,
    ball_profile,
    ball_shares,
    interval_overlap,
    oblique,
    slab_recovery,
)


def millimetres(x=1.0, y=1.0, z=1.0):
    return np.diag([x, y, z, 1.0])


class TestKernel:
    @pytest.mark.parametrize(("fwhm", "voxel"), [(6.0, 1.0), (2.0, 3.0), (0.5, 4.0), (8.0, 1.2)])
    def test_weights_are_the_integral_over_both_voxels(self, fwhm, voxel):
        kernel = gaussian_kernel(fwhm, voxel)
        sigma = fwhm * SIGMA_PER_FWHM
        offset = (np.arange(kernel.size) - kernel.size // 2) * voxel
        at_centre = lambda x: stats.norm.cdf((x + voxel / 2) / sigma) - stats.norm.cdf((x - voxel / 2) / sigma)  # noqa: E731 - one use
        expected = [integrate.quad(at_centre, o - voxel / 2, o + voxel / 2, epsabs=1e-15)[0] / voxel for o in offset]
        # the quadrature and the cut tail are good to 1e-12
        assert_allclose(kernel, expected, atol=2e-12)
        assert_allclose(gaussian_kernel(fwhm, voxel, averaged=False), [at_centre(o) for o in offset], atol=2e-12)

    @pytest.mark.parametrize(("averaged", "share"), [(True, 1 / 6), (False, 1 / 12)])
    def test_voxels_widen_the_kernel_by_their_own_variance(self, averaged, share):
        kernel = gaussian_kernel(5.0, 2.0, averaged=averaged)
        offset = (np.arange(kernel.size) - kernel.size // 2) * 2.0
        # sampled widths: the second moment of a Gaussian summed at 1 sigma spacing is exact to exp(-2 pi^2)
        assert_allclose(kernel @ offset**2, (5.0 * SIGMA_PER_FWHM) ** 2 + share * 4.0, rtol=1e-6)

    def test_sampling_the_gaussian_at_centres_is_wrong_where_it_is_narrow(self):
        sigma = SIGMA_PER_FWHM * np.array([1.0, 0.5])
        samples = np.exp(-0.5 * (np.arange(-9, 10)[:, None] / sigma) ** 2)
        assert_allclose((samples / samples.sum(axis=0))[9], [0.889, 1.0], atol=5e-4)
        assert_allclose([gaussian_kernel(1.0, 1.0).max(), gaussian_kernel(0.5, 1.0).max()], [0.664, 0.831], atol=5e-4)

    def test_no_width_is_the_identity_and_the_limit_of_narrow_kernels(self):
        assert_array_equal(gaussian_kernel(0.0, 2.0), [1.0])
        narrow = gaussian_kernel(1e-3, 2.0)
        # a step loses sigma / (sqrt(2 pi) voxel) on each side
        lost = 2 * 1e-3 * SIGMA_PER_FWHM / (np.sqrt(2 * np.pi) * 2.0)
        assert_allclose(narrow[narrow.size // 2], 1.0 - lost, rtol=1e-12)


class TestRecovery:
    @pytest.mark.parametrize("axis", [0, 1, 2])
    @pytest.mark.parametrize("thickness", [2.0, 6.0, 14.0])
    def test_slab_mean_is_the_closed_form(self, axis, thickness):
        shape, fwhm = [1, 1, 1], [0.0, 0.0, 0.0]
        shape[axis], fwhm[axis] = 60, 6.0
        slab = np.zeros(60)
        slab[20 : 20 + int(thickness)] = 1.0
        blurred = gaussian_smooth(slab.reshape(shape), fwhm, millimetres()).ravel()
        # whole voxels: no discretisation error, only the tail of 1e-12
        assert_allclose(blurred[slab > 0].mean(), slab_recovery(thickness, 6.0 * SIGMA_PER_FWHM), atol=1e-11)

    def test_block_with_a_width_an_axis_is_the_product_of_three_slabs_whatever_the_orientation(self):
        block = np.zeros((26, 30, 24))
        block[10:15, 11:19, 9:15] = 1.0
        voxel, fwhm = (2.0, 1.5, 2.5), (6.0, 4.0, 8.0)
        blurred = gaussian_smooth(block, fwhm, oblique(voxel))
        sides = (5 * 2.0, 8 * 1.5, 6 * 2.5)
        expected = np.prod([slab_recovery(a, b * SIGMA_PER_FWHM) for a, b in zip(sides, fwhm, strict=True)])
        # what the block reads comes from itself alone, so that faces do not matter
        assert_allclose(blurred[block > 0].mean(), expected, atol=1e-11)

    @pytest.mark.parametrize("radius", [4.0, 6.0, 10.0])
    def test_ball_tends_to_the_closed_forms_as_voxels_shrink(self, radius):
        sigma = 6.0 * SIGMA_PER_FWHM
        centre, mean = [], []
        for voxel in (2.0, 1.0):
            count = 2 * int(np.ceil((radius + 8.0) / voxel)) + 1
            share = ball_shares(count, voxel, radius)
            blurred = gaussian_smooth(share, 6.0, millimetres(voxel, voxel, voxel))
            widened = np.sqrt(sigma**2 + voxel**2 / 4)
            # shares are means over voxels, are spread over them again and read as means: three times voxel^2 / 12;
            # right to the fourth order in the voxel, and to what counting points of a boundary voxel leaves
            tolerance = 5e-4 + 1e-4 * voxel**4
            assert_allclose(blurred[(count // 2,) * 3], ball_centre_recovery(radius, widened), atol=tolerance)
            centre.append(blurred[(count // 2,) * 3])
            mean.append(np.sum(blurred * share) / np.sum(share))
        # errors are of second order in the voxel (2 to 6 % of the value at 2 mm): this combination of two sizes leaves
        # those of fourth order and of counting
        assert_allclose((4 * centre[1] - centre[0]) / 3, ball_centre_recovery(radius, sigma), atol=2e-3)
        assert_allclose((4 * mean[1] - mean[0]) / 3, ball_mean_recovery(radius, sigma), atol=2e-3)

    def test_closed_forms_agree_with_quadrature(self):
        for radius in (2.0, 5.0, 10.0):
            profile = lambda r, a=radius: 3 * r**2 / a**3 * ball_profile(r, a, 2.5)  # noqa: E731 - one use
            assert_allclose(ball_mean_recovery(radius, 2.5), integrate.quad(profile, 0, radius)[0], rtol=1e-8)
            assert_allclose(float(ball_profile(1e-4, radius, 2.5)), ball_centre_recovery(radius, 2.5), rtol=1e-6)

    def test_published_table_of_balls_and_matrix_of_intervals(self):
        if not REFERENCE_CASES.is_file():
            pytest.skip(f"no reference cases at {REFERENCE_CASES}")
        cases = json.loads(REFERENCE_CASES.read_text(encoding="utf-8"))["supplementary"]
        for radius, value in cases["sphere_recovery"]["values"].items():
            assert_allclose(ball_centre_recovery(float(radius), 6.0 * SIGMA_PER_FWHM), value, atol=1e-14)
        line = cases["gtm_1d"]
        labels = np.zeros((57, 1, 1), dtype=int)
        for number, name in enumerate(line["region_order"], start=1):
            for start, end in line["regions_mm"][name]:
                labels[20 + start : 20 + end] = number
        result = partial_volume_correct(
            gaussian_smooth(np.array([0.0, *line["true_means"]])[labels], (6, 0, 0), millimetres()),
            labels,
            names=dict(enumerate(line["region_order"], start=1)),
            fwhm_mm=(line["psf_fwhm_mm"], 0, 0),
            affine=millimetres(),
            background="zero",
        )
        assert_allclose(result.transfer_matrix, line["matrix_rows_are_observed_region"], atol=1e-11)
        assert_allclose(result.observed[0], line["observed_means"], atol=1e-10)
        assert_allclose(result.means[0], line["true_means"], atol=1e-10)


class TestTransferMatrixOfIntervals:
    def test_matrix_is_the_continuous_one(self):
        edges = [(0, 9), (9, 13), (13, 30), (34, 40)]
        labels = np.zeros((1, 44, 1), dtype=int)
        for number, (start, end) in enumerate(edges, start=1):
            labels[0, start + 2 : end + 2] = number
        result = partial_volume_correct(
            np.ones(labels.shape), labels, names={n: f"r{n}" for n in range(1, 5)}, fwhm_mm=(0, 7.5, 0),
            affine=millimetres(1, 1.5, 1), background="zero",
        )  # fmt: skip
        sigma = 7.5 * SIGMA_PER_FWHM
        in_mm = [(1.5 * a, 1.5 * b) for a, b in edges]
        expected = [[interval_overlap(a, b, sigma) / (a[1] - a[0]) for b in in_mm] for a in in_mm]
        assert_allclose(result.transfer_matrix, expected, atol=1e-11)


class TestOperator:
    def test_float32_stays_and_inputs_are_left_alone(self):
        volume = np.random.default_rng(3).normal(size=(12, 11, 10, 2)).astype(np.float32)
        before = volume.copy()
        blurred = gaussian_smooth(volume, (4.0, 0.0, 6.0), millimetres(2, 2, 2))
        assert blurred.dtype == np.float32
        assert_array_equal(volume, before)
        exact = gaussian_smooth(volume.astype(float), (4.0, 0.0, 6.0), millimetres(2, 2, 2))
        # rounding of single precision
        assert_allclose(blurred, exact, atol=5e-7)
        assert_allclose(exact[..., 1], gaussian_smooth(volume[..., 1].astype(float), (4, 0, 6), millimetres(2, 2, 2)))
        same = gaussian_smooth(volume, 0.0, millimetres())
        assert_array_equal(same, volume)
        assert not np.shares_memory(same, volume)

    def test_outside_is_empty_or_continued(self):
        ones = np.ones((14, 3, 3))
        continued = gaussian_smooth(ones, (6, 0, 0), millimetres(), outside="nearest")
        assert_allclose(continued, 1.0, atol=1e-14)
        empty = gaussian_smooth(ones, (6, 0, 0), millimetres())[:, 1, 1]
        sigma = 6 * SIGMA_PER_FWHM
        assert_allclose(empty[0], interval_overlap((0, 1), (0, 14), sigma), atol=1e-11)
        assert_allclose(empty.mean(), slab_recovery(14.0, sigma), atol=1e-11)

    @pytest.mark.parametrize("outside", ["zero", "nearest"])
    def test_box_grows_into_what_the_whole_volume_gives(self, outside):
        rng = np.random.default_rng(5)
        operator = PointSpread((5, 0, 4), (1.5, 2, 1), outside=outside).exact
        for box in ((slice(0, 4), slice(3, 6), slice(11, 20)), (slice(9, 12), slice(0, 9), slice(16, 25))):
            volume = np.zeros((18, 9, 25))
            volume[box] = rng.normal(size=volume[box].shape)
            grown, place = operator.grow(volume[box], box, volume.shape)
            full = operator.apply(volume)
            assert_allclose(grown, full[place], atol=1e-15)
            full[place] = 0.0
            assert np.abs(full).max() == 0.0

    def test_operator_with_empty_outside_is_its_own_adjoint(self):
        rng = np.random.default_rng(6)
        operator = PointSpread(4.0, (1.0, 1.5, 2.0)).exact
        a, b = rng.normal(size=(2, 9, 8, 10))
        assert_allclose(np.sum(a * operator.apply(b)), np.sum(operator.apply(a) * b), rtol=1e-12)

    def test_factor_kernels_scale(self):
        operator = Separable((np.array([2.0]), np.ones(1), np.ones(1)))
        assert_array_equal(operator.apply(np.ones((2, 2, 2))), np.full((2, 2, 2), 2.0))


class TestRefusals:
    @pytest.mark.parametrize("fwhm", [-1.0, (4, -2, 4), (4, 4), float("nan"), [[4, 4, 4]]])
    def test_width_must_mean_something(self, fwhm):
        with pytest.raises(InputError, match="give one width in millimetres or three"):
            gaussian_smooth(np.ones((8, 8, 8)), fwhm, millimetres())

    def test_width_beyond_the_volume(self):
        with pytest.raises(InputError, match=r"fwhm_mm is 9 along axis 1, more than the volume's 8 mm"):
            gaussian_smooth(np.ones((20, 8, 20)), 9.0, millimetres())

    def test_sheared_affine(self):
        affine = millimetres()
        affine[0, 1] = 0.2
        with pytest.raises(InputError, match=r"sheared.*Resample"):
            gaussian_smooth(np.ones((8, 8, 8)), 2.0, affine)

    def test_shapes_and_words(self):
        with pytest.raises(InputError, match="2 dimensions"):
            gaussian_smooth(np.ones((8, 8)), 2.0, millimetres())
        with pytest.raises(InputError, match="4 x 4"):
            gaussian_smooth(np.ones((8, 8, 8)), 2.0, np.eye(3))
        with pytest.raises(InputError, match=r"'zero'.*'nearest'"):
            gaussian_smooth(np.ones((8, 8, 8)), 2.0, millimetres(), outside="reflect")
