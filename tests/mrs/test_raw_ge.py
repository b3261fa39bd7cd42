"""GE P-files, written here with the header fields of a recent revision."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import FileFormatError
from neurochem.mrs.read import read_parts
from tests.mrs.ge_raw import write_pfile
from tests.mrs.test_raw_formats import line, peak

GAINS = np.array([1.0, 0.5j])
WATER, METABOLITES = 1e5 * line(4.65), 1e4 * line(2.0)
# With one excitation a frame the receiver's phase turns from frame to frame.
CHOPPED = np.array([1, -1] * 6)[None, :, None]
SEMI_LASER = {
    "rhi_psdname": b"oslaser", "rhr_rh_user4": 4.0, "rhr_rh_user19": 8.0, "rhi_user4": 4.0, "rhi_nex": 1.0,
}  # fmt: skip


def frames(rows):
    return np.stack([np.stack([gain * row for row in rows]) for gain in GAINS])


def test_a_press_scan_gives_metabolites_and_its_water(tmp_path):
    rows = [WATER] * 8 + [METABOLITES * (n + 1) for n in range(4)]
    write_pfile(tmp_path / "P1.7", frames(rows), rhi_user4=8.0)
    data, water = mrs.read(tmp_path / "P1.7"), mrs.read(tmp_path / "P1.7", part="ref")
    assert data.dims == water.dims == ("DIM_COIL", "DIM_DYN", "time")
    # whole numbers are stored
    assert_allclose(data.data, frames(rows[8:]), atol=1.0)
    assert_allclose(water.data, frames(rows[:8]), atol=1.0)
    assert abs(peak(data, (0, 0)) - 2.0) < 0.04
    assert (data.dwell_s, data.larmor_mhz, data.echo_time_s, data.repetition_time_s) == (5e-4, 127.75, 0.03, 2.0)
    affine = np.array(data.header["affine"])
    assert_allclose(affine[:3, 3], [-1.0, -2.0, 3.0])
    assert_allclose(np.abs(affine[:3, :3]), np.diag([20.0, 25.0, 30.0]), atol=1e-9)


@pytest.mark.parametrize("sequence", [b"oslaser", b"slaser"])
def test_the_water_of_a_semi_laser_scan_is_not_taken_for_metabolites(tmp_path, sequence):
    rows = [WATER * 0.9] * 2 + [WATER] * 2 + [WATER * 0.9] * 2 + [WATER] * 2 + [METABOLITES] * 4
    write_pfile(tmp_path / "P1.7", frames(rows) * CHOPPED, **(SEMI_LASER | {"rhi_psdname": sequence}))
    data = mrs.read(tmp_path / "P1.7")
    assert_allclose(data.data, frames(rows[8:]), atol=1.0)
    waters = [name for name in read_parts(tmp_path / "P1.7") if name != "P1"]
    assert len(waters) == 2
    for name in waters:
        assert abs(peak(mrs.read(tmp_path / "P1.7", part=name), (0, 0)) - 4.65) < 0.04


def test_edit_conditions_of_a_mega_press_scan_are_a_dimension(tmp_path):
    conditions = [[WATER] * 2 + [1e4 * line(ppm)] * 4 for ppm in (3.0, 2.0)]
    blank = [0 * WATER]
    fields = {
        "rhi_psdname": b"gaba", "rhr_rh_nechoes": 2, "rhi_numecho": 2, "rhr_rh_navs": 2, "rhr_rh_nframes": 6,
        "rhr_rh_da_yres": 7, "rhr_rh_user4": 8.0, "rhr_rh_user19": 2.0, "rhi_te": 68_000, "rhi_user20": -300.0,
        "rhi_user21": 300.0,
    }  # fmt: skip
    write_pfile(tmp_path / "P1.7", frames(blank + conditions[0] + blank + conditions[1]), blank=False, **fields)
    data = mrs.read(tmp_path / "P1.7")
    assert data.dims == ("DIM_COIL", "DIM_DYN", "DIM_EDIT", "time")
    assert data.header["dim_7_header"] == {"EditCondition": ["ON", "OFF"]}
    found = [[round(float(peak(data, (0, n, edit))), 1) for n in range(4)] for edit in range(2)]
    assert found == [[3.0] * 4, [2.0] * 4]
    assert mrs.read(tmp_path / "P1.7", part="ref").shape[:3] == (2, 2, 2)


def test_a_file_that_ends_early_and_an_unknown_sequence_are_refused(tmp_path):
    rows = [WATER] * 8 + [METABOLITES] * 4
    write_pfile(tmp_path / "P1.7", frames(rows), rhi_user4=8.0, cut=1000)
    with pytest.raises(FileFormatError, match=r"P1\.7: spec2nii cannot read it as GE P-file.*complete"):
        mrs.read(tmp_path / "P1.7")
    write_pfile(tmp_path / "P2.7", frames(rows), rhi_user4=8.0, rhi_psdname=b"unheard")
    with pytest.raises(FileFormatError, match="sequence = unheard"):
        mrs.read(tmp_path / "P2.7")


def test_an_echo_time_of_zero_is_one_that_is_not_known(tmp_path):
    write_pfile(tmp_path / "P1.7", frames([WATER] * 8 + [METABOLITES] * 4), rhi_user4=8.0, rhi_te=0)
    assert mrs.read(tmp_path / "P1.7").echo_time_s is None
    assert mrs.read(tmp_path / "P1.7", echo_time_s=0.03).echo_time_s == 0.03
