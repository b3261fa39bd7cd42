"""Curves of a scan whose image has holes: few voxels are left out with a warning, many stop the scan."""

import numpy as np
import pytest

import neurochem as nc
from neurochem.errors import InputError, NeurochemWarning
from neurochem.study.pet_curves import _mean_curves

FRAMES = nc.pet.Frames([0, 60, 120], [60, 60, 60])
LABELS = np.repeat([1, 2], 32).reshape(4, 4, 4)
NAMES = {1: "cerebellum", 2: "putamen"}


def image(*holes) -> nc.pet.DynamicImage:
    data = np.arange(192.0).reshape(4, 4, 4, 3)
    for hole in holes:
        data[hole] = np.nan
    return nc.pet.DynamicImage(data, FRAMES, np.eye(4), where="sub-01_pet.nii.gz")


def test_few_holes_are_left_out_with_a_warning_that_counts_them():
    told = r"sub-01_pet.nii.gz: 2 of 32 voxels of region 'putamen' are NaN or infinite and were left out"
    with pytest.warns(NeurochemWarning, match=told):
        tacs = _mean_curves(image((3, 0, 0), (3, 1, 1, 2)), LABELS, NAMES)
    assert tacs.voxels.tolist() == [32, 30]
    kept = LABELS == 2
    kept[3, 0, 0] = kept[3, 1, 1] = False
    np.testing.assert_allclose(tacs["putamen"], image().data[kept].mean(axis=0), rtol=1e-12)


def test_a_whole_image_is_as_extract_tacs_has_it_and_many_holes_stop_the_scan():
    tacs = _mean_curves(image(), LABELS, NAMES)
    assert np.array_equal(tacs.activity, nc.pet.extract_tacs(image(), LABELS, NAMES).activity)
    with pytest.raises(InputError, match=r"8 of 32 voxels of region 'cerebellum' .* at most 20 % may be left out"):
        _mean_curves(image((0, 0), (0, 1)), LABELS, NAMES)
