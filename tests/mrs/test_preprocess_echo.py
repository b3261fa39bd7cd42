"""FIDs that begin before the top of the echo, as those of Siemens raw data may."""

import numpy as np
import pytest

from neurochem import mrs
from neurochem.errors import InputError
from tests.mrs.siemens_raw import write_twix
from tests.mrs.test_raw import CONTENT, SAMPLING, of
from tests.mrs.test_raw_siemens import readout

DWELL_S = SAMPLING["dwell_s"]


@pytest.fixture(scope="module")
def basis():
    return mrs.simulate_basis("press", echo_time_s=0.03, te1_s=0.015, **SAMPLING)


@pytest.fixture(scope="module")
def press(basis):
    return of(basis)


def early(press, points, stated=None, *, rng=None, sd=0.0):
    """Return a scan that begins some points before its echo, and its water; shifts run backwards before the top."""
    fid = np.concatenate([press.fid[1 : points + 1][::-1].conj(), press.fid])[: press.points]
    time_s = (np.arange(press.points) - points) * DWELL_S
    water = 5e4 * np.exp(-20 * np.abs(time_s) + 0.4j)
    if rng is not None:
        fid = fid + sd * (rng.standard_normal(fid.size) + 1j * rng.standard_normal(fid.size))
    header = {} if stated is None else {"PointsBeforeEcho": {"Value": stated, "Description": "from a header"}}
    known = {"dwell_s": DWELL_S, "larmor_mhz": press.larmor_mhz, "echo_time_s": 0.03, "repetition_time_s": 2.0}
    scan = mrs.Acquisition(fid * np.exp(0.8j), dims=("time",), header=header, **known)
    return scan, mrs.Acquisition(water, dims=("time",), **known)


def cut(scan, water=None, **options):
    clean = mrs.preprocess(scan, water=water, steps=[("cut_to_echo", options)])
    return clean, clean.steps[0]


@pytest.mark.parametrize("points", [1, 2, 4, 8, 12])
def test_the_number_of_the_header_is_cut_where_phases_confirm_it(press, points):
    scan, water = early(press, points, [points, 60])
    clean, step = cut(scan, water)
    np.testing.assert_allclose(clean.spectrum.fid, (press.fid * np.exp(0.8j))[: press.points - points], rtol=1e-12)
    np.testing.assert_allclose(abs(clean.water.fid[0]), 5e4, rtol=1e-12)
    assert step.effect["points"] == points
    # lines beneath the singlets, up to 0.3 ms at 3 T
    assert abs(step.effect["measured_s"] - points * DWELL_S) < 4e-4
    assert cut(clean.data)[1].effect["stated"] == []


def test_a_number_that_phases_contradict_is_not_cut_and_said(press):
    clean, step = cut(*early(press, 0, [6]))
    assert clean.spectrum.points == press.points
    assert "6 points that the header names are not confirmed" in step.what
    assert "CHECK" not in step.what


def test_points_before_the_echo_that_no_header_names_are_told_and_cut_when_asked_for(press):
    scan, water = early(press, 5)
    _, step = cut(scan, water)
    assert "CHECK" in step.what
    assert "about 5" in step.what
    clean, step = cut(scan, water, points=5)
    assert clean.spectrum.points == press.points - 5
    assert "as asked for" in step.what


def test_left_in_they_spoil_the_fit_and_cut_they_do_not(press, basis, rng):
    sd = np.abs(press.spectrum).max() / (200 * np.sqrt(press.points))
    scan, _ = early(press, 4, [4], rng=rng, sd=sd)
    whole = mrs.fit(mrs.preprocess(scan, steps=[]).spectrum, basis)
    mended = mrs.fit(mrs.preprocess(scan).spectrum, basis)
    assert abs(whole["NAA"].value / CONTENT["NAA"] - 1) > 0.1
    assert abs(mended["NAA"].value / CONTENT["NAA"] - 1) < 0.03
    assert abs(mended["Glu"].value / CONTENT["Glu"] - 1) < 0.05


def test_without_singlets_nothing_is_cut(press, rng):
    noise = rng.standard_normal(2048) + 1j * rng.standard_normal(2048)
    scan = mrs.Acquisition(noise, dims=("time",), dwell_s=DWELL_S, larmor_mhz=127.7, header={"PointsBeforeEcho": 4})
    clean, step = cut(scan)
    assert clean.data.shape == (2048,)
    assert "names 4 points before the echo, which nothing confirms" in step.what


@pytest.mark.parametrize("points", [-1, 1024, "all"])
def test_numbers_that_cannot_be_are_refused(press, points):
    with pytest.raises(InputError, match="points is"):
        cut(press, points=points)


def test_the_noise_measured_before_goes_on(press, rng):
    noise = rng.standard_normal((8, 2048)) + 1j * rng.standard_normal((8, 2048))
    scan = mrs.Acquisition(press.fid + noise, dims=("DIM_DYN", "time"), dwell_s=DWELL_S, larmor_mhz=press.larmor_mhz)
    steps = ["average", ("cut_to_echo", {"points": 48})]
    clean = mrs.preprocess(scan, steps=steps)
    assert clean.noise.envelope.shape == (2000,)
    np.testing.assert_allclose(clean.noise.spectrum_sd, np.sqrt(2000 / 8), rtol=0.02)


@pytest.mark.parametrize("line", ["vb", "ve"])
def test_raw_data_of_siemens_carry_the_candidates_of_their_header(tmp_path, line):
    path = tmp_path / "meas.dat"
    write_twix(path, [(*readout(Ave=n), 6) for n in range(3)], line=line)
    assert mrs.read(path).header["PointsBeforeEcho"]["Value"] == [6]
    write_twix(path, [readout(Ave=n) for n in range(3)], line=line)
    assert "PointsBeforeEcho" not in mrs.read(path).header
