"""The one entry to partial-volume correction: what it takes, what it gives, what it refuses."""

import dataclasses
import pickle

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.frames import Frames
from neurochem.pet.image import DynamicImage
from neurochem.pet.partial_volume import partial_volume_correct, partial_volume_methods
from neurochem.pet.partial_volume.method import METHODS
from neurochem.pet.static import StaticImage
from tests.pet.partial_volume_truth import FWHM_MM, NAMES, VALUES, VOXEL_MM, head, head_image, oblique

GRID = oblique(VOXEL_MM)
FRAMES = Frames([0.0, 60.0, 180.0], [60.0, 120.0, 300.0])
SCALES = np.array([0.5, 2.0, 1.0])
TRUE = np.outer(SCALES, list(VALUES.values()))


def scan(dtype=np.float64):
    labels = head()
    image = head_image(labels, affine=GRID)[1]
    return DynamicImage((image[..., None] * SCALES).astype(dtype), FRAMES, GRID, isotope="C11", where="x_pet"), labels


def correct(image, labels, **keywords):
    return partial_volume_correct(image, labels, **{"names": NAMES, "fwhm_mm": FWHM_MM, **keywords})


class TestDynamicImages:
    def test_curves_of_regions(self):
        image, labels = scan()
        tacs = correct(image, labels).tacs
        assert tacs.regions == tuple(NAMES.values())
        assert tacs.isotope == "C11"
        assert tacs.frames is image.frames
        assert_allclose(tacs.activity, TRUE, rtol=1e-10)
        assert_array_equal(tacs.voxels, [np.count_nonzero(labels == number) for number in NAMES])

    def test_corrected_image(self):
        image, labels = scan()
        corrected = correct(image, labels, method="rbv", background="zero").dynamic_image
        assert_allclose(corrected.frame(1)[labels == 8], 12.0, rtol=1e-10)
        assert_array_equal(corrected.affine, GRID)
        assert corrected.notes == ("partial volume corrected by rbv, FWHM (6.0, 5.0, 7.0) mm",)

    def test_single_precision_stays(self):
        image, labels = scan(np.float32)
        assert correct(image, labels, method="rbv").image.dtype == np.float32

    @pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
    def test_files(self, tmp_path, name):
        image, labels = scan(np.float32)
        nibabel.Nifti1Image(np.asarray(image.data), GRID).to_filename(tmp_path / name)
        nibabel.Nifti1Image(labels, GRID).to_filename(tmp_path / "labels.nii.gz")
        maps = {value: nibabel.Nifti1Image((labels == key).astype(np.float32), GRID) for key, value in NAMES.items()}
        a = correct(tmp_path / name, tmp_path / "labels.nii.gz", method="rbv", background="zero")
        b = correct(nibabel.load(tmp_path / name), None, names=None, maps=maps, method="rbv", background="zero")
        # single precision in files
        assert_allclose(a.means, TRUE, rtol=1e-5)
        assert_allclose(b.image, a.image, atol=1e-5)
        assert a.image.dtype == np.float32
        assert a.frames is None

    def test_maps_and_averages_are_single_volumes(self):
        image, labels = scan()
        still = StaticImage(image.frame(1), GRID, unit="kBq/mL", description="average", where="average.nii.gz")
        result = correct(still, labels, method="rbv", background="zero")
        assert result.image.shape == labels.shape
        assert_allclose(result.means, TRUE[1:2], rtol=1e-10)
        assert result.settings["image"] == "average.nii.gz"


class TestResult:
    def test_says_what_was_done(self):
        image, labels = scan()
        result = correct(image, labels, method="Iterative Yang", iterations=4, noise_fwhm_mm=3.0)
        assert (result.method, result.fwhm_mm) == ("iy", FWHM_MM)
        assert "Erlandsson" in result.reference
        assert result.settings["iterations"] == 4
        assert result.settings["background"] == "region"
        assert result.settings["noise_fwhm_mm"] == (3.0, 3.0, 3.0)
        assert_allclose(result.settings["voxel_mm"], VOXEL_MM)
        assert repr(result).startswith("<PartialVolumeResult iy, FWHM 6 x 5 x 7 mm, 3 frames, 4 regions, ")

    def test_cannot_be_changed(self):
        image, labels = scan()
        result = correct(image, labels, method="rbv")
        for name in ("means", "observed", "image", "unit_covariance", "transfer_matrix"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(result, name)[0] = 1.0
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.method = "gtm"
        with pytest.raises(TypeError):
            result.settings["background"] = "zero"

    def test_survives_pickling(self):
        image, labels = scan()
        result = correct(image, labels, method="rbv")
        again = pickle.loads(pickle.dumps(result))
        assert_array_equal(again.image, result.image)
        assert_array_equal(again.stderr, result.stderr)
        assert (dict(again.settings), again.flags) == (dict(result.settings), result.flags)
        assert not again.image.flags.writeable

    def test_table_has_a_row_for_each_frame_and_region(self):
        image, labels = scan()
        result = correct(image, labels, noise_variance=1.0)
        table = result.to_frame()
        assert list(table.columns) == ["frame", "region", "observed", "mean", "stderr", "method"]
        row = table[(table["frame"] == 2) & (table["region"] == "putamen")].iloc[0]
        assert_allclose(row["mean"], 12.0, rtol=1e-10)
        assert_allclose(row["stderr"], np.sqrt(result.covariance(1)[2, 2]))

    @pytest.mark.parametrize("method", ["gtm", "iy"])
    def test_figure_has_units_and_every_region(self, method):
        image, labels = scan()
        ax = correct(image, labels, method=method).plot()
        assert ax.get_ylabel() == "regional mean (kBq/mL)"
        assert [tick.get_text() for tick in ax.get_xticklabels()] == list(NAMES.values())

    def test_what_a_method_does_not_give(self):
        image, labels = scan()
        with pytest.raises(InputError, match="'gtm' gives regional means, no voxels; give 'rbv', 'iy' or 'mg'"):
            _ = correct(image, labels).dynamic_image
        single = correct(image.frame(0), labels, affine=GRID, method="rbv")
        assert single.means.shape == (1, 4)
        for name in ("tacs", "dynamic_image"):
            with pytest.raises(InputError, match="no frames"):
                getattr(single, name)


class TestMethods:
    def test_each_file_of_the_folder_is_a_method_with_a_source(self):
        assert partial_volume_methods() == ["gtm", "iy", "mg", "rbv", "sgtm"]
        assert all(entry.reference for entry in METHODS)

    @pytest.mark.parametrize("method", ["gtm", "iy", "rbv", "sgtm"])
    def test_image_that_is_sharp_already_stays_as_it_is(self, method):
        labels = head()
        truth = head_image(labels, background=0.5)[0] + 0.01 * np.random.default_rng(0).normal(size=labels.shape)
        result = correct(truth, labels, affine=GRID, method=method, fwhm_mm=0.0)
        assert_allclose(result.means, result.observed, rtol=1e-12)
        assert_allclose(result.means[0, 1], truth[labels == 7].mean(), rtol=1e-12)
        if result.image is not None:
            assert_allclose(result.image, truth, rtol=1e-12)

    @pytest.mark.parametrize("method", partial_volume_methods())
    def test_order_and_unit_do_not_matter(self, method):
        labels = head()
        image = head_image(labels, background=0.5)[1] + 0.1 * np.random.default_rng(1).normal(size=labels.shape)
        options = {"grey": ("cortex", "putamen"), "white_matter": "white"} if method == "mg" else {}
        keywords = {"method": method, "affine": GRID, **options}
        a = correct(image, labels, **keywords)
        b = correct(1000.0 * image, 30 - labels, names={30 - key: name for key, name in NAMES.items()}, **keywords)
        order = [b.regions.index(name) for name in a.regions]
        assert_allclose(b.means[:, order], 1000.0 * a.means, rtol=1e-9)
        assert_allclose(b.stderr[:, order], 1000.0 * a.stderr, rtol=1e-9)


class TestRefusals:
    def test_names(self):
        image, labels = scan()
        with pytest.raises(UnknownNameError, match="unknown partial-volume method 'rvb'; did you mean 'rbv'"):
            correct(image, labels, method="rvb")
        with pytest.raises(
            UnknownNameError, match="unknown option of method 'iy' 'iteration'; did you mean 'iterations'"
        ):
            correct(image, labels, method="iy", iteration=3)
        with pytest.raises(UnknownNameError, match="unknown assumption on the background 'none'"):
            correct(image, labels, background="none")

    def test_regions_elsewhere(self):
        image, labels = scan()
        with pytest.raises(InputError, match="resample the labels"):
            correct(image, labels[1:])
        moved = GRID.copy()
        moved[0, 3] += 1.0
        with pytest.raises(InputError, match="the affine differs"):
            correct(image, nibabel.Nifti1Image(labels, moved))

    def test_regions_without_voxels(self):
        image, labels = scan()
        names = {**NAMES, 99: "absent"}
        with pytest.raises(InputError, match="no voxel has label 99"):
            correct(image, labels, names=names)
        assert correct(image, labels, names=names, skip_absent=True).regions == tuple(NAMES.values())
        with pytest.raises(InputError, match="zero everywhere"):
            correct(image, None, names=None, maps={"empty": np.zeros(labels.shape)})
        with pytest.raises(InputError, match="give either labels"):
            correct(image, None)

    @pytest.mark.parametrize("fwhm", [-2.0, 80.0])
    def test_resolution(self, fwhm):
        image, labels = scan()
        with pytest.raises(InputError, match="fwhm_mm is"):
            correct(image, labels, fwhm_mm=fwhm)

    def test_resolution_of_noise(self):
        image, labels = scan()
        with pytest.raises(InputError, match="noise_fwhm_mm is -3"):
            correct(image, labels, noise_fwhm_mm=-3.0)

    def test_images(self):
        image, labels = scan()
        with pytest.raises(InputError, match="an array without affine="):
            correct(np.ones(labels.shape), labels)
        with pytest.raises(InputError, match="its own affine and affine="):
            correct(image, labels, affine=GRID)
        with pytest.raises(InputError, match=r"has shape \(4, 4\)"):
            correct(np.ones((4, 4)), labels, affine=GRID)
        with pytest.raises(InputError, match="stderr has shape"):
            correct(image, labels, method="rbv", stderr=np.ones(labels.shape))
        with pytest.raises(InputError, match="a method that corrects voxels"):
            correct(image.frame(0), labels, affine=GRID, stderr=np.ones(labels.shape))
