"""Bases at another sampling, place, scale or width, and joined."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurochem import mrs
from neurochem.errors import BasisMismatchError, InputError, UnknownNameError


def line(ppm, *, dwell_s=5e-4, points=2048, larmor_mhz=127.73, protons=3.0, name="line", **fields):
    time_s = np.arange(points) * dwell_s
    fid = protons * np.exp(2j * np.pi * (4.65 - ppm) * larmor_mhz * time_s - np.pi * time_s)
    return mrs.Basis([name], fid[None, :], dwell_s=dwell_s, larmor_mhz=larmor_mhz, **fields)


def test_decimation_keeps_duration_and_values(basis):
    coarse = basis.resampled(1e-3)
    assert (coarse.dwell_s, coarse.points) == (1e-3, 1024)
    assert_array_equal(coarse.fids, basis.fids[:, ::2])
    assert basis.points == 2048  # the original is untouched


@pytest.mark.parametrize(("offset_hz", "error"), [(300, 1e-10), (500, 1e-5), (590, 6e-4)])
def test_interpolation_is_as_good_as_stated(offset_hz, error):
    # three protons; the half band is 1000 Hz, six tenths of it the limit
    fine = line(4.65 - offset_hz / 127.73)
    wanted = line(4.65 - offset_hz / 127.73, dwell_s=1 / 2600, points=2400)
    assert_allclose(fine.resampled(1 / 2600, points=2400).fids, wanted.fids, rtol=0, atol=error)


@pytest.mark.parametrize("ppm", [-1.0, 10.3])
def test_resampling_refuses_to_alias(ppm):
    basis = line(ppm, dwell_s=2.5e-4)
    assert basis.resampled(5e-4).points == 1024
    with pytest.raises(
        InputError, match=rf"element line has a line near {ppm:.1f}.* beyond 500 Hz it would appear at a wrong"
    ):
        basis.resampled(1e-3)


def test_resampling_refuses_lines_that_it_cannot_interpolate():
    with pytest.raises(InputError, match="beyond 600 Hz it cannot be interpolated"):
        line(4.65 - 700 / 127.73).resampled(1 / 2600)


def test_resampling_refuses_to_continue_what_has_not_decayed(basis):
    short = line(2.0, points=512)
    with pytest.raises(InputError, match="have not decayed"):
        short.resampled(5e-4, points=1024)
    assert basis.resampled(5e-4, points=4096).points == 4096
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="dwell_s is"):
            basis.resampled(bad)


def test_a_shift_moves_lines_to_higher_ppm(basis):
    for moved in (basis.shifted(ppm=0.25), basis.shifted(hz=0.25 * basis.larmor_mhz)):
        assert_allclose(moved["NAA"], basis["NAA"] * np.exp(-2j * np.pi * 0.25 * 127.73 * basis.time_s), atol=1e-12)
    only = basis.shifted(ppm=0.25, names=["naa"])
    assert_array_equal(only["Cr"], basis["Cr"])
    assert abs(only.keep("NAA").check().elements[0].peak_ppm - 2.258) < 0.005  # a grid of 0.5 Hz over eight


def test_a_shift_out_of_the_band_is_refused(basis):
    with pytest.raises(InputError, match=r"reaches .* Hz from the centre; the band ends at 1000 Hz"):
        basis.shifted(ppm=9.0)
    with pytest.raises(InputError, match="give one of both"):
        basis.shifted()
    with pytest.raises(InputError, match="give one of both"):
        basis.shifted(ppm=1.0, hz=1.0)
    with pytest.raises(UnknownNameError, match="did you mean 'NAA'"):
        basis.shifted(ppm=0.1, names=["NAAA"])


def test_rescaling_leaves_concentrations_alone(basis):
    data = mrs.simulate(basis, {"NAA": 10.0, "Cr": 8.0}, lorentz_hz=3.0, gauss_hz=2.0)
    other = basis.rescaled(1e-3)
    assert other.proton_amplitude == 1e-3 * basis.proton_amplitude
    ratio = (
        mrs.fit(data, other, macromolecules=None)["NAA"].value / mrs.fit(data, basis, macromolecules=None)["NAA"].value
    )
    assert_allclose(ratio, 1e3, rtol=1e-6)  # two searches end within their own tolerance
    with pytest.raises(InputError, match="factor is 0"):
        basis.rescaled(0.0)


def test_conjugating_twice_is_nothing_and_broadening_adds_widths(basis):
    assert_array_equal(basis.conjugated().conjugated().fids, basis.fids)
    wide = line(2.0, linewidth_hz=1.0).broadened(lorentz_hz=3.0)
    assert wide.linewidth_hz == 4.0
    assert_allclose(wide.check().elements[0].linewidth_hz, 4.0, rtol=0.02)  # the FID ends after a second
    with pytest.raises(InputError, match="gauss_hz is -1"):
        basis.broadened(gauss_hz=-1.0)


def test_elements_of_another_sampling_reference_and_scale_are_brought_to_ours(basis):
    part = basis.select(["NAA", "Cr"])
    fine = line(0.9, dwell_s=2.5e-4, points=4096, protons=6.0, name="MM", proton_amplitude=2.0, macromolecules=["MM"])
    turned = mrs.Basis(
        ["MM"], fine.fids * np.exp(2j * np.pi * 0.05 * 127.73 * fine.time_s), dwell_s=2.5e-4, larmor_mhz=127.73,
        reference_ppm=4.70, proton_amplitude=2.0, macromolecules=["MM"],
    )  # fmt: skip
    both = part.with_elements(turned)
    assert both.names == ("NAA", "Cr", "MM")
    assert both.macromolecules == ("MM",)
    assert_allclose(both["MM"], line(0.9)["line"], rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("other", "error", "words"),
    [
        (line(2.0, larmor_mhz=297.2), BasisMismatchError, "larmor_mhz is 297.2 and 127.73"),
        (line(2.0, nucleus="31P"), BasisMismatchError, "nucleus is 31P and 1H"),
        (line(2.0, echo_time_s=0.068), BasisMismatchError, "echo_time_s is 0.068 and 0.03 s"),
        (line(2.0, name="naa"), InputError, "naa occur in both"),
    ],
)
def test_elements_that_do_not_belong_are_refused(basis, other, error, words):
    with pytest.raises(error, match=words):
        basis.with_elements(other)


def test_another_echo_time_is_appended_when_told(basis):
    assert basis.with_elements(line(2.0, echo_time_s=0.068), allow_mismatch=True).names[-1] == "line"


def test_elements_are_kept_dropped_and_renamed(basis):
    assert basis.keep("cr", "NAA").names == ("NAA", "Cr")
    assert basis.drop("MM09").names == tuple(name for name in basis.names if name != "MM09")
    assert "MM09" not in basis.drop("mm09").macromolecules
    assert basis.drop().names == basis.names
    renamed = basis.renamed({"MM09": "Broad", "naa": "N"})
    assert (renamed.names[0], renamed.macromolecules[0]) == ("N", "Broad")
    with pytest.raises(UnknownNameError, match="MM99"):
        basis.drop("MM99")
    with pytest.raises(InputError, match="would leave no element"):
        basis.select(["NAA"]).drop("NAA")


def test_a_basis_says_why_it_does_not_fit_a_spectrum(basis):
    data = mrs.simulate(basis, {"NAA": 1.0})
    assert basis.matches(data)
    assert basis.mismatches(data) == ()
    other = data.with_fid(data.fid, larmor_mhz=297.2, echo_time_s=0.068, nucleus="31P")
    assert len(basis.mismatches(other)) == 3
    with pytest.raises(BasisMismatchError, match="nucleus"):
        basis.matches(other)
    late = data.with_fid(data.fid, echo_time_s=0.068)
    assert basis.matches(late, allow_mismatch=True)
