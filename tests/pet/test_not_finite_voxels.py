"""Voxels that are not finite, as registration leaves them outside the head, are left out and counted."""

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import neurochem as nc
from neurochem.errors import InputError
from tests.pet.maps_truth import AFFINE, FRAMES, REFERENCE_MEANS, image_of, noise_sd, srtm_curves

SHAPE = (6, 5, 4)
LAST = np.zeros(SHAPE, dtype=bool)
LAST[..., -1] = True


@pytest.fixture(scope="module")
def rows():
    """Voxels that bind, and in the last plane the reference."""
    rng = np.random.default_rng(5)
    count = int(np.prod(SHAPE))
    curves = srtm_curves(rng.uniform(0.3, 3, count), np.ones(count)).reshape(*SHAPE, -1)
    curves[LAST] = REFERENCE_MEANS
    return (curves + 0.3 * noise_sd() * rng.standard_normal(curves.shape)).astype(np.float32)


def spoiled(rows, *places, value=np.nan, frame=slice(None)):
    changed = rows.copy()
    for place in places:
        changed[(*place, frame)] = value
    return image_of(changed.reshape(-1, changed.shape[3]), SHAPE, where="sub-01_pet.nii")


def flags(maps):
    return {flag.name: flag for flag in maps.flags}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_lost_voxels_have_a_status_and_a_count_and_touch_no_other(rows, value):
    given = {"reference": REFERENCE_MEANS, "weights": np.ones(len(FRAMES))}
    whole = nc.pet.fit_image(spoiled(rows), "SRTM", **given)
    maps = nc.pet.fit_image(spoiled(rows, (0, 0, 0), (1, 2, 1), value=value, frame=4), "SRTM", **given)
    lost = np.asarray(maps.status) == 3
    assert np.argwhere(lost).tolist() == [[0, 0, 0], [1, 2, 1]]
    assert flags(maps)["not_finite_voxels"].message.startswith("2 of 120 voxels are NaN or infinite")
    assert flags(maps)["not_finite_voxels"].severity == "info"
    # a block of another size may round its matrix product otherwise; values are kept in single precision
    assert_allclose(maps["BPND"].data[~lost], whole["BPND"].data[~lost], rtol=1e-6, atol=1e-6)
    assert np.isnan(maps["BPND"].data[lost]).all()
    assert "not_finite_voxels" not in flags(whole)
    assert "2 of 120 voxels" in maps.summary()


def test_lost_voxels_inside_a_mask_are_a_warning(rows):
    image = spoiled(rows, (0, 0, 0), (1, 2, 3))
    maps = nc.pet.fit_image(image, "SRTM", reference=REFERENCE_MEANS, mask=~LAST)
    assert flags(maps)["not_finite_voxels"].severity == "warning"
    assert flags(maps)["not_finite_voxels"].message.startswith("1 of 90 voxels")


def test_not_a_number_in_a_mask_is_outside(rows):
    mask = np.where(LAST, np.nan, 1.0)
    maps = nc.pet.fit_image(spoiled(rows), "SRTM", reference=REFERENCE_MEANS, mask=nibabel.Nifti1Image(mask, AFFINE))
    assert_array_equal(np.asarray(maps.status) == 4, LAST)
    with pytest.raises(InputError, match="the mask is empty"):
        nc.pet.fit_image(spoiled(rows), "SRTM", reference=REFERENCE_MEANS, mask=np.full(SHAPE, np.nan))


@pytest.mark.parametrize(
    "choice", [{"smooth_fwhm_mm": 4.0}, {"hypr_fwhm_mm": 4.0}, {"smooth_fwhm_mm": 4.0, "mask": ~LAST}]
)
def test_a_kernel_leaves_lost_voxels_out(rows, choice):
    maps = nc.pet.fit_image(spoiled(rows, (0, 0, 0), (3, 2, 1)), "SRTM", reference=REFERENCE_MEANS, **choice)
    assert maps.counts()["not_finite"] == 2
    found = maps["BPND"].data[~LAST & (np.asarray(maps.status) != 3)]
    assert np.isfinite(found).all()


def test_a_reference_region_leaves_lost_voxels_out_and_says_how_many(rows):
    maps = nc.pet.fit_image(spoiled(rows, (0, 0, 3), (1, 1, 3)), "SRTM", reference=LAST)
    kept = LAST.copy()
    kept[0, 0, 3] = kept[1, 1, 3] = False
    same = nc.pet.fit_image(spoiled(rows, (0, 0, 3), (1, 1, 3)), "SRTM", reference=kept)
    assert_array_equal(maps["BPND"].data, same["BPND"].data)
    message = flags(maps)["reference_not_finite"].message
    assert message == "2 of 30 voxels of region 'reference' are NaN or infinite and were left out"
    assert "reference_not_finite" not in flags(same)


def test_a_reference_that_lost_too_much_is_refused(rows):
    image = spoiled(rows, *((x, 0, 3) for x in range(6)))
    assert "reference_not_finite" in flags(nc.pet.fit_image(image, "SRTM", reference=LAST))
    image = spoiled(rows, *((x, 0, 3) for x in range(6)), (0, 1, 3))
    with pytest.raises(
        InputError, match=r"sub-01_pet.nii: 7 of 30 voxels of region 'reference' .* at most 20 % .* Cut the"
    ):
        nc.pet.fit_image(image, "SRTM", reference=LAST)


def test_a_frame_left_out_may_hold_anything_in_the_reference(rows):
    image = spoiled(rows, *np.argwhere(np.ones(SHAPE)).tolist(), frame=3)
    maps = nc.pet.fit_image(image, "SRTM", reference=LAST, exclude=[3])
    assert maps.counts()["not_finite"] == 0
    assert "reference_not_finite" not in flags(maps)
    with pytest.raises(InputError, match="every voxel inside the mask has a frame that is NaN"):
        nc.pet.fit_image(image, "SRTM", reference=LAST)
    assert len(FRAMES) == rows.shape[3]
