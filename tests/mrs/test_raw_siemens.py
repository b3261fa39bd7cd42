"""Siemens raw data of the VB, VE and XA lines, in files written here byte by byte."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import FileFormatError, InputError
from neurochem.mrs.read import read_parts
from tests.mrs.siemens_raw import IMAGE, NOISE, REFERENCE, Protocol, write_twix
from tests.mrs.test_raw_formats import line, peak

GAINS = np.array([1.0, 0.5j, -0.3 + 0.2j])


def readout(ppm=2.0, amplitude=100.0, flag=IMAGE, **loops):
    """Return one readout; the scanner stores the conjugate of what NIfTI-MRS stores."""
    return flag, loops, np.outer(GAINS, line(ppm, amplitude)).conj()


@pytest.mark.parametrize(("line_of", "loop", "version"), [("vb", "Set", "syngo MR B17"), ("ve", "Ave", "syngo MR E11")])
def test_coils_averages_times_and_place_are_those_written(tmp_path, line_of, loop, version):
    path = tmp_path / "meas.dat"
    scans = [readout(amplitude=100.0 * (n + 1), **{loop: n}) for n in range(4)]
    write_twix(path, scans, Protocol(version=version), line=line_of)
    data = mrs.read(path)
    assert data.dims == ("DIM_COIL", "DIM_DYN", "time")
    for n in range(4):
        assert_allclose(data.data[:, n], np.outer(GAINS, line(2.0, 100.0 * (n + 1))), rtol=1e-6, atol=1e-4)
    assert abs(peak(data, (0, 0)) - 2.0) < 0.04
    assert (data.dwell_s, data.larmor_mhz, data.repetition_time_s) == (5e-4, 127.75, 2.0)
    assert_allclose(data.echo_time_s, 0.03, rtol=1e-12)
    affine = np.array(data.header["affine"])
    # position in the patient's left and posterior turns sign in NIfTI's right and anterior
    assert_allclose(affine[:3, 3], [-1.0, -2.0, 3.0])
    assert_allclose(np.abs(affine[:3, :3]), np.diag([25.0, 20.0, 30.0]), atol=1e-9)


def test_a_rotated_voxel_keeps_its_normal_and_its_volume(tmp_path):
    voxel = Protocol().voxel | {"sNormal.dTra": np.cos(0.3), "sNormal.dCor": np.sin(0.3), "dInPlaneRot": 0.2}
    write_twix(tmp_path / "x.dat", [readout(Ave=n) for n in range(2)], Protocol(voxel=voxel))
    sides = np.array(mrs.read(tmp_path / "x.dat").header["affine"])[:3, :3]
    assert_allclose(np.sort(np.linalg.norm(sides, axis=0)), [20, 25, 30], rtol=1e-6)
    assert_allclose(np.abs(np.linalg.det(sides)), 15_000, rtol=1e-6)
    assert_allclose(abs(sides[:, 2] / 30 @ [0, -np.sin(0.3), np.cos(0.3)]), 1.0, rtol=1e-6)


def test_water_reference_and_noise_of_one_file_are_parts(tmp_path):
    path = tmp_path / "x.dat"
    scans = [readout(Ave=n) for n in range(3)]
    scans += [readout(4.65, 5000.0, REFERENCE, Ave=n) for n in range(2)] + [readout(3.0, 1.0, NOISE)]
    write_twix(path, scans, adjustments=[readout(1.0)])
    assert mrs.read(path).shape[:2] == (3, 3)
    water = mrs.read(path, part="refscan")
    assert water.shape[:2] == (3, 2)
    assert abs(peak(water, (0, 0)) - 4.65) < 0.04
    assert set(read_parts(path)) == {"image", "refscan", "noise"}
    with pytest.raises(InputError, match="no part 'water'; it holds image, noise, refscan"):
        mrs.read(path, part="water")


def test_the_water_inside_a_product_scan_of_the_xa_line_is_not_taken_for_metabolites(tmp_path):
    path = tmp_path / "x.dat"
    scans = [readout(4.65, 5000.0, Phs=0), *(readout(2.0, Ave=n, Phs=1) for n in range(3))]
    write_twix(path, scans, Protocol(version="syngo MR XA30"))
    assert abs(peak(mrs.read(path), (0, 0)) - 2.0) < 0.04
    assert mrs.read(path).shape[:2] == (3, 3)
    assert abs(peak(mrs.read(path, part="ref"), (0,)) - 4.65) < 0.04


def test_edit_conditions_of_mega_press_are_told_apart(tmp_path):
    yaps = {
        "sWipMemBlock.alFree[7]": 0, "sWipMemBlock.alFree[12]": 14000, "sWipMemBlock.adFree[8]": 1.9,
        "sWipMemBlock.adFree[9]": 1.9, "sWipMemBlock.adFree[10]": 3.0, "sWipMemBlock.adFree[11]": 7.5,
    }  # fmt: skip
    protocol = Protocol(sequence="mgs_svs_ed", file_name="mgs_svs_ed", echo_times_us=(68_000,), yaps=yaps)
    write_twix(tmp_path / "x.dat", [readout((3.0, 2.0)[n % 2], Ave=n) for n in range(6)], protocol)
    data = mrs.read(tmp_path / "x.dat")
    assert data.dims == ("DIM_COIL", "DIM_EDIT", "DIM_DYN", "time")
    assert data.header["dim_6_header"] == {"EditCondition": ["ON", "OFF"]}
    found = [[round(float(peak(data, (0, edit, n))), 1) for n in range(3)] for edit in range(2)]
    assert found == [[3.0] * 3, [2.0] * 3]
    assert_allclose(data.echo_time_s, 0.068)


def test_references_around_a_semi_laser_scan_are_parts_and_its_echo_times_are_added(tmp_path):
    yaps = {"sSpecPara.lAutoRefScanMode": 8, "sSpecPara.lAutoRefScanNo": 2, "lAverages": 3}
    protocol = Protocol(
        sequence="slaser_dkd",
        file_name=r"%CustomerSeq%\svs_slaser_dkd",
        echo_times_us=(8_000, 9_000, 11_000),
        yaps=yaps,
    )
    order = [4.65, 4.65, 4.2, 4.2, 2.0, 2.0, 2.0, 4.65, 4.65, 4.2, 4.2]
    write_twix(tmp_path / "x.dat", [readout(ppm, Ave=n) for n, ppm in enumerate(order)], protocol)
    data = mrs.read(tmp_path / "x.dat")
    assert data.shape[:2] == (3, 3)
    assert abs(peak(data, (0, 2)) - 2.0) < 0.04
    assert_allclose(data.echo_time_s, 0.028)
    for part, ppm in (("rf_off", 4.65), ("grads_ovs_off", 4.2)):
        water = mrs.read(tmp_path / "x.dat", part=part)
        assert [abs(peak(water, (0, n)) - ppm) < 0.04 for n in range(4)] == [True] * 4


def test_averages_and_repetitions_are_one_dimension_in_the_order_of_measurement(tmp_path):
    scans = [readout(amplitude=1.0 + n + 10 * m, Ave=n, Rep=m) for m in range(2) for n in range(3)]
    write_twix(tmp_path / "x.dat", scans)
    data = mrs.read(tmp_path / "x.dat")
    assert data.dims == ("DIM_COIL", "DIM_DYN", "time")
    assert_allclose(np.abs(data.data[0, :, 0]), [1, 2, 3, 11, 12, 13], rtol=1e-6)


def test_a_file_that_ends_early_is_refused(tmp_path, capsys):
    scans = [readout(Ave=n) for n in range(3)]
    write_twix(tmp_path / "x.dat", scans, ended=False)
    with pytest.raises(FileFormatError, match=r"x\.dat: the TWIX file ends before its measurement does"):
        mrs.read(tmp_path / "x.dat")
    write_twix(tmp_path / "y.dat", scans)
    whole = (tmp_path / "y.dat").read_bytes()
    # in the middle of a readout, in the header of the measurement, and in the list of measurements
    for left in (len(whole) - 5000, 10_400, 100):
        (tmp_path / "y.dat").write_bytes(whole[:left])
        with pytest.raises(FileFormatError, match=r"y\.dat"):
            mrs.read(tmp_path / "y.dat")
    assert capsys.readouterr() == ("", "")


def test_what_an_anonymised_or_partial_header_lacks_is_none_and_can_be_supplied(tmp_path):
    people = ("PatientSex", "PatientBirthDay", "tPatientName", "InstitutionName")
    write_twix(tmp_path / "x.dat", [readout(Ave=n) for n in range(2)], Protocol(missing=("alTE[0]", *people)))
    assert mrs.read(tmp_path / "x.dat").echo_time_s is None
    assert mrs.read(tmp_path / "x.dat", echo_time_s=0.03).echo_time_s == 0.03
    write_twix(tmp_path / "y.dat", [readout(Ave=n) for n in range(2)], Protocol(missing=("sRXSPEC.alDwellTime[0]",)))
    with pytest.raises(FileFormatError, match=r"y\.dat: .*alDwellTime"):
        mrs.read(tmp_path / "y.dat")
