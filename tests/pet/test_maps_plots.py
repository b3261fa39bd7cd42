"""Pictures of parametric maps: planes as the head lies, edge marks, colour range, histogram."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.maps.result import ParametricMaps
from neurochem.pet.maps.status import VoxelStatus

SHAPE = (20, 24, 16)


def made(affine=None, *, values=None, codes=None):
    """Return maps with one hot voxel right, in front and above: at (14, 18, 12) of an array in RAS order."""
    rng = np.random.default_rng(0)
    if values is None:
        values = rng.normal(0.5, 0.05, SHAPE)
        values[14, 18, 12] = 2.0
    codes = np.zeros(values.shape, dtype=np.uint8) if codes is None else codes
    flat = {"BPND": values.ravel().astype(np.float32), "k2a": 0.1 + 0 * values.ravel().astype(np.float32)}
    errors = {name: np.full(values.size, 0.02, dtype=np.float32) for name in flat}
    chosen = np.ones(values.shape, dtype=bool)
    affine = np.diag([2.0, 2.0, 3.0, 1.0]) if affine is None else affine
    return ParametricMaps("SRTM", flat, errors, codes.ravel().copy(), chosen, "C", affine)


def hot(ax):
    plane = np.ma.filled(ax.get_images()[0].get_array(), np.nan)
    row, column = np.unravel_index(np.nanargmax(plane), plane.shape)
    return row / (plane.shape[0] - 1), column / (plane.shape[1] - 1)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (-1, -1, -1)])
def test_planes_lie_as_the_head_does_whatever_the_array(order, flips):
    """Right, front and above are at the right and at the top, and planes are named for what they are."""
    reference = made()
    values = np.transpose(reference["BPND"].data, order)[tuple(slice(None, None, flip) for flip in flips)]
    affine = np.zeros((4, 4))
    for axis, (direction, flip) in enumerate(zip(order, flips, strict=True)):
        affine[direction, axis] = flip * (2.0, 2.0, 3.0)[direction]
    affine[3, 3] = 1.0
    place = np.array((14, 18, 12))[list(order)]
    voxel = tuple(
        int(size - 1 - index if flip < 0 else index)
        for index, flip, size in zip(place, flips, values.shape, strict=True)
    )
    assert values[voxel] == 2.0
    figure = made(affine, values=values).plot(voxel=voxel)
    for ax, name, expected in zip(
        figure.axes,
        ("sagittal", "coronal", "axial"),
        ((12 / 15, 18 / 23), (12 / 15, 14 / 19), (18 / 23, 14 / 19)),
        strict=False,
    ):
        assert ax.get_title().startswith(name)
        assert_allclose(hot(ax), expected)
        row, column = hot(ax)
        plane = ax.get_images()[0].get_array()
        across, up = (line.get_xdata()[0] for line in ax.lines[-2:-1]), (line.get_ydata()[0] for line in ax.lines[-1:])
        assert_allclose(next(across), column * (plane.shape[1] - 1))
        assert_allclose(next(up), row * (plane.shape[0] - 1))
    assert [ax.get_xlabel() for ax in figure.axes[:3]] == ["P \u2192 A", "L \u2192 R", "L \u2192 R"]
    assert [ax.get_ylabel() for ax in figure.axes[:3]] == ["I \u2192 S", "I \u2192 S", "P \u2192 A"]
    aspects = [ax.get_aspect() for ax in figure.axes[:3]]
    assert_allclose(aspects, [1.5, 1.5, 1.0])


def test_voxels_at_the_limit_are_marked_and_counted():
    codes = np.zeros(SHAPE, dtype=np.uint8)
    codes[5, 6, 8] = codes[6, 6, 8] = codes[0, 0, 0] = VoxelStatus.EDGE
    figure = made(codes=codes).plot(voxel=(5, 12, 8))
    assert "search at its limit, 3 voxels" in figure.get_suptitle()
    sagittal, coronal, axial = figure.axes[:3]
    assert [len(ax.lines[0].get_xdata()) for ax in (sagittal, coronal, axial)] == [1, 0, 2]
    assert (sagittal.lines[0].get_xdata()[0], sagittal.lines[0].get_ydata()[0]) == (6, 8)
    assert "limit" not in made().plot().get_suptitle()


def test_a_small_nucleus_sets_the_colours_and_an_outlier_does_not():
    rng = np.random.default_rng(1)
    values = rng.normal(0.1, 0.01, SHAPE)
    # half a percent of the voxels bind, one is an outlier at the limit
    values[10:13, 10:14, 5:8] = 2.5
    values[0, 0, 0] = 500.0
    codes = np.zeros(SHAPE, dtype=np.uint8)
    codes[0, 0, 0] = VoxelStatus.EDGE
    image = made(values=values, codes=codes).plot().axes[0].get_images()[0]
    low, high = image.get_clim()
    assert low == 0.0
    assert 2.0 < high < 3.0
    assert made().plot(limits=(0.2, 0.9)).axes[0].get_images()[0].get_clim() == (0.2, 0.9)


def test_colour_bar_and_histogram_carry_name_and_unit():
    maps = made()
    assert maps.plot("k2a").axes[-1].get_ylabel() == "k2a (1/min)"
    assert maps.plot("k2a", stderr=True).axes[-1].get_ylabel() == "standard error of k2a (1/min)"
    assert maps.plot().axes[-1].get_ylabel() == "BPND"
    ax = maps.histogram("k2a")
    assert ax.get_xlabel() == "k2a (1/min)"
    assert ax.get_ylabel() == "voxels"


def test_the_histogram_counts_every_voxel_once():
    rng = np.random.default_rng(2)
    values = rng.normal(1.0, 0.2, SHAPE)
    codes = np.zeros(SHAPE, dtype=np.uint8)
    codes[:2] = VoxelStatus.EDGE
    codes[-1] = VoxelStatus.NOT_FINITE
    values[-1] = np.nan
    ax = made(values=values, codes=codes).histogram()
    ok = sum(
        bar.get_height() for bar in ax.patches if not hasattr(bar, "get_xy") or bar.__class__.__name__ == "Rectangle"
    )
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"ok ({17 * 24 * 16:,} voxels)", f"search at its limit ({2 * 24 * 16:,})"]
    beyond = int(ax.get_title().split("(")[1].split()[0].replace(",", ""))
    assert ok <= 17 * 24 * 16
    assert 17 * 24 * 16 - ok <= beyond <= 40
    assert ax.get_yscale() == "log"


def test_pictures_of_nothing_do_not_break():
    codes = np.full(SHAPE, VoxelStatus.LOW_SIGNAL, dtype=np.uint8)
    empty = made(values=np.full(SHAPE, np.nan), codes=codes)
    assert isinstance(empty.plot(), Figure)
    assert "no voxel was fitted" in empty.histogram().get_title()
    assert "3,680" not in empty.summary()


def test_what_cannot_be_drawn_is_one_clear_error():
    with pytest.raises(InputError, match=r"voxel \(20, 0, 0\) lies outside the volume of 20 x 24 x 16"):
        made().plot(voxel=(20, 0, 0))
    with pytest.raises(UnknownNameError, match="map of SRTM"):
        made().plot("VT")


def test_a_real_fit_is_drawn_to_a_file(tmp_path):
    frames = nc.pet.Frames([0, 60, 120, 300, 600, 1200, 2400], [60, 60, 180, 300, 600, 1200, 1200])
    reference = np.array([2.0, 6.0, 8.0, 7.5, 6.0, 4.0, 2.5])
    curve = nc.pet.simulate("SRTM", frames, {"R1": 1, "k2": 0.1, "BPND": 2}, reference=reference)
    image = nc.pet.DynamicImage(np.tile(curve, (5, 4, 3, 1)), frames, np.diag([2, 2, 2, 1.0]))
    maps = nc.pet.fit_image(image, "SRTM", reference=reference)
    maps.plot().savefig(tmp_path / "planes.png")
    maps.histogram().figure.savefig(tmp_path / "histogram.png")
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("planes.png", "histogram.png"))
