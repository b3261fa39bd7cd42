"""The share of an image that a rotated voxel covers, against closed forms."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from neurochem.errors import FileFormatError, InputError, MissingFileError
from neurochem.mrs.voxel import label_map, tissue_from_maps, voxel_affine, voxel_mask

GRID = ((60, 60, 60), np.array([[1.0, 0, 0, -30], [0, 1.0, 0, -30], [0, 0, 1.0, -30], [0, 0, 0, 1]]))


def box(sides: tuple[float, float, float], centre: tuple[float, float, float], turn: float = 0.0) -> np.ndarray:
    affine = np.eye(4)
    c, s = np.cos(turn), np.sin(turn)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ np.diag(sides)
    affine[:3, 3] = centre
    return affine


def image(values: np.ndarray) -> nibabel.Nifti1Image:
    return nibabel.Nifti1Image(values.astype(np.float32), GRID[1])


def test_an_upright_voxel_covers_what_geometry_says() -> None:
    # from -10.3 to 9.7 along x: image voxels are centred on whole millimetres, so 0.8 of that at -10 is inside
    mask = voxel_mask(box((20.0, 16.0, 12.0), (-0.3, 0.0, 0.0)), GRID)
    profile = mask.fractions.sum(axis=(1, 2)) / (16.0 * 12.0)
    expected = np.clip(np.minimum(np.arange(60) - 29.5, 9.7) - np.maximum(np.arange(60) - 30.5, -10.3), 0.0, None)
    np.testing.assert_allclose(profile, expected, atol=0.5 / 10)  # half a cell
    assert mask.fractions.sum() == pytest.approx(20 * 16 * 12, rel=1e-9)
    assert mask.volume_ml == pytest.approx(3.84)
    assert mask.covered == 1.0


def test_a_turned_voxel_covers_a_half_space_as_its_symmetry_says() -> None:
    half = np.zeros(GRID[0])
    half[30:] = 1.0  # x above -0.5 mm
    turned = box((20.0, 16.0, 12.0), (-0.5, 3.0, -2.0), turn=0.6)
    found = tissue_from_maps(turned, image(half), image(1.0 - half))
    # the plane passes through the centre of the box, so that each side is half whatever the turn
    assert found.tissue.gm == pytest.approx(0.5, abs=2e-3)
    assert found.tissue.csf == pytest.approx(0.0, abs=1e-6)


def test_a_turned_corner_against_an_independent_count() -> None:
    rng = np.random.default_rng(5)
    soft = rng.uniform(size=GRID[0])
    turned = box((21.0, 13.0, 17.0), (2.2, -1.7, 4.1), turn=-0.9)
    gm, wm = 0.6 * soft, 0.4 * soft
    found = tissue_from_maps(turned, image(gm), image(wm), image(1.0 - soft))
    points = turned[:3, :3] @ (rng.uniform(size=(3, 400_000)) - 0.5) + turned[:3, 3:]
    index = np.floor(points + 30.5).astype(int)
    expected = gm[tuple(index)].mean()
    # 400,000 random points: standard error 0.17/632 = 3e-4
    assert found.tissue.gm == pytest.approx(expected, abs=1.2e-3)


def test_every_partial_volume_of_a_voxel_turned_about_three_axes_against_subsampled_image_voxels() -> None:
    rng = np.random.default_rng(11)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    voxel = np.eye(4)
    voxel[:3, :3], voxel[:3, 3] = turn @ np.diag([17.0, 23.0, 11.0]), (1.3, -0.7, 2.1)
    affine = np.array([[1.2, 0.1, 0, -21.0], [-0.1, 1.1, 0.2, -22.0], [0, -0.2, 1.3, -23.0], [0, 0, 0, 1.0]])
    shape = (38, 38, 38)
    mask = voxel_mask(voxel, (shape, affine))
    # the other way round: 12 points a side of every image voxel, each asked whether it lies in the box
    counted, ticks = np.zeros(shape), (np.arange(12) + 0.5) / 12 - 0.5
    to_box = np.linalg.inv(voxel) @ affine
    index = np.indices(shape).reshape(3, -1)
    for point in np.stack(np.meshgrid(ticks, ticks, ticks)).reshape(3, -1).T:
        inside = np.abs(to_box[:3, :3] @ (index + point[:, None]) + to_box[:3, 3:]).max(axis=0) < 0.5
        counted += inside.reshape(shape)
    found, counted = mask.fractions, counted / 12**3
    # cells of a tenth and points of a twelfth of an image voxel decide an upright face within a twentieth of it; a turned
    # one, which they meet at many distances, some five times better
    assert np.abs(found - counted).max() < 0.05
    assert np.sqrt(np.mean((found - counted)[(counted > 0) & (counted < 1)] ** 2)) < 0.01
    within = found[counted == 1.0]
    assert within.size > 1500
    assert within.min() > 0.97
    volume = abs(np.linalg.det(affine[:3, :3]))
    # the sum is that of the box to 0.1 %: errors of faces cancel
    assert counted.sum() * volume == pytest.approx(17 * 23 * 11, rel=1e-3)
    assert found.sum() * volume == pytest.approx(17 * 23 * 11, rel=1e-9)
    grey = rng.uniform(size=shape)
    maps = [nibabel.Nifti1Image(values, affine) for values in (0.9 * grey, 0.9 * (1 - grey), np.full(shape, 0.1))]
    expected = 0.9 * np.average(grey, weights=counted)
    assert tissue_from_maps(voxel, *maps).tissue.gm == pytest.approx(expected, abs=5e-4)


def test_maps_on_different_grids_agree() -> None:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -29.5
    x = np.arange(60) - 30.0
    fine = np.broadcast_to((x > -0.5)[:, None, None], GRID[0])
    coarse = nibabel.Nifti1Image(
        (np.broadcast_to((np.arange(30) * 2 - 29.5 > 0)[:, None, None], (30,) * 3)).astype(np.uint8), affine
    )
    found = tissue_from_maps(box((16.0, 16.0, 16.0), (0.0, 0.0, 0.0)), image(~fine), coarse)
    # grey up to -0.5 mm, white from -0.5 mm
    # half a cell of 0.1 mm on 16 mm
    assert found.tissue.gm == pytest.approx(7.5 / 16, abs=0.05 / 16 + 1e-9)
    assert found.tissue.wm == pytest.approx(8.5 / 16, abs=0.05 / 16 + 1e-9)


def test_labels_become_maps() -> None:
    labels = np.zeros(GRID[0], dtype=np.int16)
    labels[:30], labels[30:] = 3, 2
    segmentation = nibabel.Nifti1Image(labels, GRID[1])
    found = tissue_from_maps(
        box((10.0, 10.0, 10.0), (-0.5, 0, 0)), label_map(segmentation, [3, 42]), label_map(segmentation, [2, 41])
    )
    assert found.tissue.gm == pytest.approx(0.5, abs=2e-3)


def test_a_mask_is_saved_and_read_back(tmp_path: Path) -> None:
    mask = voxel_mask(box((10.0, 12.0, 14.0), (0, 0, 0), turn=0.3), GRID)
    again = nibabel.load(mask.save(tmp_path / "voxel.nii.gz"))
    np.testing.assert_allclose(again.get_fdata(), mask.fractions, atol=1e-6)
    with pytest.raises(InputError, match=r"named \.nii"):
        mask.save(tmp_path / "voxel.png")


def test_what_cannot_be_placed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="outside"):
        voxel_mask(box((10.0, 10.0, 10.0), (500.0, 0, 0)), GRID)
    with pytest.raises(InputError, match="4 x 4"):
        voxel_affine(np.zeros((4, 4)))
    with pytest.raises(MissingFileError, match="no such file"):
        voxel_affine(tmp_path / "none.nii.gz")
    (tmp_path / "bad.nii").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="not a readable"):
        voxel_affine(tmp_path / "bad.nii")
    unlocalised = nibabel.Nifti1Image(
        np.zeros((1, 1, 1, 8), dtype=np.complex64), np.diag([10000.0, 10000.0, 10000.0, 1.0])
    )
    with pytest.raises(InputError, match="without localisation"):
        voxel_affine(unlocalised)
    grid = nibabel.Nifti1Image(np.zeros((4, 4, 1, 8), dtype=np.complex64), np.diag([10.0, 10.0, 10.0, 1.0]))
    with pytest.raises(InputError, match="the grid has"):
        voxel_affine(grid)


def test_one_file_for_two_tissues_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="the map of two tissues"):
        tissue_from_maps(np.eye(4), tmp_path / "gm.nii", tmp_path / "gm.nii")


def test_maps_that_mean_nothing_are_refused() -> None:
    here = box((20.0, 20.0, 20.0), (0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="fractions from 0 to 1"):
        tissue_from_maps(here, image(np.full(GRID[0], 60.0)), image(np.full(GRID[0], 0.3)))
    with pytest.raises(InputError, match="must not exceed 1"):
        tissue_from_maps(here, image(np.full(GRID[0], 0.9)), image(np.full(GRID[0], 0.9)))
    with pytest.raises(InputError, match="no tissue"):
        tissue_from_maps(here, *(image(np.full(GRID[0], 0.1)) for _ in range(3)))
    with pytest.raises(InputError, match="inside the image"):
        tissue_from_maps(
            box((20.0, 20.0, 20.0), (25.0, 0, 0)), image(np.full(GRID[0], 0.5)), image(np.full(GRID[0], 0.5))
        )
