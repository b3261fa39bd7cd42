"""Basis sets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import BasisMismatchError, FileFormatError, UnknownNameError
from neurochem.mrs.resample import resample

TRUE_SHIFTS = {"NAA": 2.008, "Cr": 3.027, "Scyllo": 3.340, "sIns": 3.340}


def strongest_ppm(basis, name):
    spectrum = np.abs(np.fft.fftshift(np.fft.fft(basis[name] * np.exp(-6.0 * basis.time_s))))
    return basis.ppm[np.argmax(spectrum)]


@pytest.mark.parametrize(
    ("file", "reference", "amplitude"),
    [
        # Osprey centres on 4.68 ppm, loses 17.2 % to the slice profiles and divides its FFT by the number of points
        ("philips_press35/3T_PRESS_Philips_35ms_noMM.BASIS", 4.68, 0.8281 / 8192),
        # spant writes half of FFT / n
        ("lcmodel_test/3t.basis", 4.65, 0.5),
    ],
)
def test_real_basis_files_are_referenced_and_scaled_by_their_singlets(mrs_scans, file, reference, amplitude):
    basis = mrs.read_basis(mrs_scans / file)
    assert_allclose(basis.reference_ppm, reference, atol=1e-12)
    assert_allclose(basis.proton_amplitude, amplitude, rtol=1e-3)  # five digits in the file, lines fitted to 1e-4
    step = 1.0 / (basis.points * basis.dwell_s * basis.larmor_mhz)
    for name in set(TRUE_SHIFTS) & set(basis.names):
        assert abs(strongest_ppm(basis, name) - TRUE_SHIFTS[name]) < step


def test_basis_is_read_as_written(tmp_path, basis):
    back = mrs.read_basis(mrs.write_basis(basis, tmp_path / "x.BASIS"))
    assert back.names == basis.names
    assert back.macromolecules == basis.macromolecules
    assert (back.dwell_s, back.larmor_mhz, back.echo_time_s) == (basis.dwell_s, basis.larmor_mhz, basis.echo_time_s)
    assert back.reference_ppm == 4.65
    # sixteen digits of the largest of 2048 frequencies
    assert_allclose(back.fids, basis.fids, rtol=0, atol=1e-12)
    assert back.proton_amplitude == basis.proton_amplitude


def test_the_scale_of_an_unlabelled_file_is_measured_on_its_singlets(tmp_path, basis):
    scaled = mrs.Basis(basis.names, 3e-4 * basis.fids, dwell_s=basis.dwell_s, larmor_mhz=basis.larmor_mhz)
    path = mrs.write_basis(scaled, tmp_path / "x.BASIS")
    path.write_text(path.read_text().replace("neurochem proton_amplitude", "another tool"))
    assert_allclose(
        mrs.read_basis(path).proton_amplitude, 3e-4, rtol=2e-3
    )  # tails of multiplets lie under the singlets


def test_a_conjugated_file_is_turned(tmp_path, basis):
    flipped = mrs.Basis(
        basis.names, np.conj(basis.fids), dwell_s=basis.dwell_s, larmor_mhz=basis.larmor_mhz, echo_time_s=0.03
    )
    back = mrs.read_basis(mrs.write_basis(flipped, tmp_path / "x.BASIS"))
    assert_allclose(back.fids, basis.fids, rtol=0, atol=1e-12)


def test_a_negative_dwell_time_is_a_conjugated_file(tmp_path, basis):
    path = mrs.write_basis(basis, tmp_path / "x.BASIS")
    path.write_text(path.read_text().replace("BADELT = 0.0005", "BADELT = -0.0005"))
    back = mrs.read_basis(path)
    assert back.dwell_s == 0.0005
    assert_allclose(back.fids, basis.fids, rtol=0, atol=1e-12)


def test_concentration_and_scale_of_a_block_are_honoured(tmp_path, basis):
    path = mrs.write_basis(basis.select(["NAA"]), tmp_path / "x.BASIS")
    path.write_text(path.read_text().replace("CONC = 1.", "CONC = 10.").replace("TRAMP = 1.", "TRAMP = 5."))
    assert_allclose(mrs.read_basis(path)["NAA"], 0.5 * basis["NAA"], rtol=0, atol=1e-12)


def test_damaged_basis_files_say_what_is_wrong(tmp_path, basis):
    path = mrs.write_basis(basis.select(["NAA", "Cr"]), tmp_path / "x.BASIS")
    text = path.read_text()
    path.write_text("\n".join(text.splitlines()[:-3]))
    with pytest.raises(FileFormatError, match=r"x\.BASIS: block Cr has \d+ numbers, 4096 needed"):
        mrs.read_basis(path)
    path.write_text(text.replace("NDATAB", "NDATAX"))
    with pytest.raises(FileFormatError, match="field NDATAB is 'missing'"):
        mrs.read_basis(path)


def test_decimation_is_exact():
    fine = mrs.resonance_basis(dwell_s=2.5e-4, points=8192, larmor_mhz=127.73)
    coarse = mrs.resonance_basis(dwell_s=5e-4, points=2048, larmor_mhz=127.73)
    assert_allclose(resample(fine.fids, 2.5e-4, new_dwell_s=5e-4, points=2048), coarse.fids, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dwell", [1 / 1800, 1 / 2500, 1 / 3000, 1 / 1000.5])
def test_other_ratios_are_interpolated_to_a_millionth(dwell):
    fine = mrs.resonance_basis(dwell_s=2.5e-4, points=4096, larmor_mhz=127.73)
    count = int(0.9 * 1.024 / dwell)
    wanted = mrs.resonance_basis(dwell_s=dwell, points=count, larmor_mhz=127.73)
    got = resample(fine.fids, 2.5e-4, new_dwell_s=dwell, points=count)
    # lines reach 600 Hz of a half band of 2000 Hz; the largest value is about 15 protons
    assert_allclose(got, wanted.fids, rtol=0, atol=1e-5)


def test_a_halved_first_point_stays_halved_and_harms_nothing_else():
    fine = mrs.resonance_basis(
        dwell_s=2.5e-4, points=4096, larmor_mhz=127.73, metabolites=["NAA"], macromolecules=False
    )
    halved = fine.fids * np.where(np.arange(4096) == 0, 0.5, 1.0)
    whole = resample(fine.fids, 2.5e-4, new_dwell_s=1 / 2500, points=2000)
    got = resample(halved, 2.5e-4, new_dwell_s=1 / 2500, points=2000)
    assert_allclose(got[:, 1:], whole[:, 1:], rtol=0, atol=1e-9)
    assert_allclose(got[0, 0], 0.5 * whole[0, 0], rtol=1e-6)


def test_another_reference_is_brought_to_that_of_the_data(basis):
    turn = np.exp(2j * np.pi * 0.03 * basis.larmor_mhz * basis.time_s)
    moved = mrs.Basis(
        basis.names, basis.fids * turn, dwell_s=basis.dwell_s, larmor_mhz=basis.larmor_mhz, reference_ppm=4.68
    )
    data = mrs.simulate(basis, {"NAA": 1.0})
    assert_allclose(moved.matched(data), basis.fids, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"larmor_mhz": 297.2}, "larmor_mhz is 127.73 and 297.2 MHz; .* Give a basis simulated at the field"),
        ({"nucleus": "31P"}, "nucleus is 1H and 31P"),
        ({"echo_time_s": 0.068}, r"echo_time_s is 0.03 and 0.068 s; .* allow_mismatch=True"),
    ],
)
def test_a_basis_of_another_scan_is_refused(basis, change, words):
    data = mrs.simulate(basis, {"NAA": 1.0}).with_fid(mrs.simulate(basis, {"NAA": 1.0}).fid, **change)
    with pytest.raises(BasisMismatchError, match=words):
        mrs.fit(data, basis)


def test_another_echo_time_passes_when_told(basis):
    data = mrs.simulate(basis, {"NAA": 1.0}, echo_time_s=0.068)
    assert basis.matched(data, allow_mismatch=True).shape == basis.fids.shape


def test_unknown_elements_are_named(basis):
    with pytest.raises(UnknownNameError, match="did you mean 'NAA'"):
        basis["NAAA"]
    with pytest.raises(UnknownNameError, match="macromolecules"):
        mrs.Basis(["a"], np.ones((1, 32)), dwell_s=1e-3, larmor_mhz=120.0, macromolecules=["b"])


def test_resonances_start_at_one_unit_a_proton(basis):
    protons = {"NAA": 6, "Cr": 5, "GPC": 18, "PCh": 13, "Ins": 6, "Glu": 5, "Gln": 5, "GABA": 6, "Lac": 4, "sIns": 6}
    for name, count in protons.items():
        assert_allclose(basis[name][0], count, rtol=1e-12)
