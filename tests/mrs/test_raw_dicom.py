"""Spectroscopy in DICOM and RDA files, written here as Siemens and Philips lay them out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.read import quantification_gaps
from tests.mrs.dicom_files import write_philips, write_siemens, write_siemens_xa
from tests.mrs.test_raw_formats import line, peak, write_rda

PLACE = [[25.0, 0, 0, -1.0], [0, 20.0, 0, -2.0], [0, 0, 30.0, 3.0]]


def check(data, ppm=2.0):
    """Check values, times and place of a file of one FID; a mirrored spectrum has its line elsewhere."""
    assert_allclose(data.data, line(ppm), rtol=1e-6)
    assert abs(peak(data) - ppm) < 0.04
    assert (data.dwell_s, data.larmor_mhz, data.repetition_time_s) == (5e-4, 127.75, 2.0)
    assert_allclose(data.echo_time_s, 0.03, rtol=1e-12)
    affine = np.array(data.header["affine"])[:3]
    assert_allclose(affine[:, 3], np.array(PLACE)[:, 3])
    assert_allclose(np.abs(affine[:, :3]), np.array(PLACE)[:, :3], atol=1e-9)


def test_siemens_files_of_both_lines_hold_the_same_scan(tmp_path):
    write_siemens(tmp_path / "a.ima", line())
    write_siemens_xa(tmp_path / "b.dcm", line())
    check(mrs.read(tmp_path / "a.ima"))
    check(mrs.read(tmp_path / "b.dcm"))
    assert mrs.read(tmp_path / "a.ima").header["NumberOfTransients"] == 64
    assert len(quantification_gaps(mrs.read(tmp_path / "a.ima"))) == 1


def test_a_folder_of_siemens_files_is_one_scan_in_the_order_of_its_instances(tmp_path):
    shifts = [2.0, 3.0, 1.3]
    for n, ppm in enumerate(shifts):
        write_siemens(tmp_path / f"{9 - n}.ima", line(ppm), instance=n + 1)
    data = mrs.read(tmp_path)
    assert data.dims == ("DIM_DYN", "time")
    assert [abs(peak(data, (n,)) - ppm) < 0.04 for n, ppm in enumerate(shifts)] == [True] * 3
    assert "NumberOfTransients" not in data.header


def test_references_among_the_files_of_a_semi_laser_series_are_parts(tmp_path):
    protocol = {"sSpecPara.lAutoRefScanMode": 8, "sSpecPara.lAutoRefScanNo": 2, "lAverages": 3}
    for n, ppm in enumerate([4.65, 4.65, 4.2, 4.2, 2.0, 2.0, 2.0, 4.65, 4.65, 4.2, 4.2]):
        write_siemens(
            tmp_path / f"{n:02}.ima", line(ppm), instance=n + 1, sequence=r"%CustomerSeq%\svs_slaser_dkd",
            echo_times_us=(8_000, 9_000, 11_000), **protocol,
        )  # fmt: skip
    data, water = mrs.read(tmp_path), mrs.read(tmp_path, part="grads_ovs_off")
    assert (data.shape[0], water.shape[0]) == (3, 4)
    assert abs(peak(data, (0,)) - 2.0) < 0.04
    assert abs(peak(water, (3,)) - 4.2) < 0.04
    assert_allclose(data.echo_time_s, 0.028)


def test_philips_files_keep_frames_and_reference(tmp_path):
    write_philips(tmp_path / "a.dcm", [line()])
    check(mrs.read(tmp_path / "a.dcm"))
    write_philips(tmp_path / "b.dcm", [line(), line(4.65, 5000.0)], reference=True)
    check(mrs.read(tmp_path / "b.dcm"))
    assert abs(peak(mrs.read(tmp_path / "b.dcm", part="ref")) - 4.65) < 0.04
    write_philips(tmp_path / "c.dcm", [line(2.0, 100.0 * n) for n in (1, 2, 3)])
    several = mrs.read(tmp_path / "c.dcm")
    assert several.dims == ("DIM_DYN", "time")
    assert_allclose(np.abs(several.data[:, 0]), [100, 200, 300], rtol=1e-6)


@pytest.mark.parametrize("write", [write_siemens, write_siemens_xa, lambda path, fid: write_philips(path, [fid])])
def test_dicom_files_that_end_early_are_refused(tmp_path, write):
    write(tmp_path / "x.dcm", line())
    whole = (tmp_path / "x.dcm").read_bytes()
    for missing in (8, 600):
        (tmp_path / "x.dcm").write_bytes(whole[:-missing])
        with pytest.raises(
            FileFormatError, match=r"x\.dcm: its last element has \d+ bytes of 2048; the file is truncated"
        ):
            mrs.read(tmp_path / "x.dcm")


def test_a_siemens_file_with_fewer_points_than_it_states_is_refused(tmp_path):
    import pydicom

    write_siemens_xa(tmp_path / "x.dcm", line())
    file = pydicom.dcmread(tmp_path / "x.dcm")
    file.DataPointColumns = 512
    file.save_as(tmp_path / "y.dcm")
    with pytest.raises(
        FileFormatError, match=r"y\.dcm: 2048 bytes of data, but its header states 4096; the file is damaged"
    ):
        mrs.read(tmp_path / "y.dcm")


def test_dicom_of_another_maker_or_without_spectroscopy_is_named(tmp_path):
    import pydicom

    write_siemens_xa(tmp_path / "x.dcm", line())
    file = pydicom.dcmread(tmp_path / "x.dcm")
    del file[0x5600, 0x0020]
    file.save_as(tmp_path / "y.dcm")
    with pytest.raises(FileFormatError, match=r"y\.dcm: a Siemens DICOM file without spectroscopy data"):
        mrs.read(tmp_path / "y.dcm")
    file.Manufacturer = "Nobody"
    file.save_as(tmp_path / "z.dcm")
    with pytest.raises(FileFormatError, match=r"manufacturer 'nobody'; allowed are Siemens, Philips and UIH"):
        mrs.read(tmp_path / "z.dcm")


def test_an_rda_file_counts_its_averages_and_is_refused_where_cut(tmp_path):
    write_rda(tmp_path / "x.rda", line())
    data = mrs.read(tmp_path / "x.rda")
    assert data.header["NumberOfTransients"] == 64
    whole = (tmp_path / "x.rda").read_bytes()
    (tmp_path / "x.rda").write_bytes(whole[:-160])
    with pytest.raises(
        FileFormatError, match=r"x\.rda: 3936 bytes of data, but VectorSize and CSIMatrixSize need 4096"
    ):
        mrs.read(tmp_path / "x.rda")
    write_rda(tmp_path / "y.rda", line(), TE="0.0")
    assert mrs.read(tmp_path / "y.rda").echo_time_s is None
    with pytest.raises(InputError, match="not enough for concentrations: the echo time"):
        mrs.require_quantifiable(mrs.read(tmp_path / "y.rda"))
