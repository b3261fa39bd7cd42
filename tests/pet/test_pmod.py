"""PMOD's text files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import FileFormatError, FrameTimingError, InputError, MissingFileError, UnitError
from neurochem.pet.pmod import read_pmod_bld, read_pmod_tac, write_pmod_bld, write_pmod_tac
from tests.pet.truth import FRAMINGS

FRAMES = FRAMINGS["15 s to 7 min"]


def curves() -> nc.pet.TimeActivityCurves:
    rng = np.random.default_rng(0)
    return nc.pet.TimeActivityCurves(
        FRAMES, rng.uniform(-1, 50, (len(FRAMES), 3)), regions=["Putamen_l", "Caudate", "WB"]
    )


@pytest.mark.parametrize("unit", ["seconds", "minutes"])
def test_curves_written_and_read_are_the_same(tmp_path, unit):
    tacs = curves()
    path = write_pmod_tac(tacs, tmp_path / "a.tac", time_unit=unit)
    assert path.read_text().splitlines()[0].startswith(f"start[{unit}]\tend[kBq/cc]\tPutamen_l")
    back = read_pmod_tac(path, isotope="C11")
    assert back.regions == tacs.regions
    assert back.isotope == "C11"
    assert_allclose(back.activity, tacs.activity, rtol=0)
    assert_allclose(back.frames.start_s, FRAMES.start_s, rtol=1e-15)
    assert_allclose(back.frames.duration_s, FRAMES.duration_s, rtol=1e-12)


@pytest.mark.parametrize("unit", ["seconds", "minutes"])
def test_blood_written_and_read_is_the_same(tmp_path, unit):
    time, values = np.array([0.0, 7.0, 13.0, 5400.0]), np.array([0.0, 31.4, 22.2, 0.01])
    path = write_pmod_bld(time, values, tmp_path / "a.bld", time_unit=unit)
    back = read_pmod_bld(path)
    assert back.name == "whole-blood"
    assert_allclose(back.time_s, time, rtol=1e-15)
    assert_allclose(back.values, values, rtol=0)
    fractions = read_pmod_bld(
        write_pmod_bld(time, [1, 0.9, 0.8, 0.1], tmp_path / "p.bld", name="parent", fraction=True)
    )
    assert_allclose(fractions.values, [1, 0.9, 0.8, 0.1], rtol=0)


def test_units_of_the_header_are_converted(tmp_path):
    path = tmp_path / "a.tac"
    path.write_text("start[minutes] end[Bq/cc] Caudate Putamen[nCi/cc]\r\n0 0.5 1000 10\r\n0.5 2 2000 20\r\n")
    tacs = read_pmod_tac(path)
    assert_allclose(tacs.frames.end_s, [30, 120])
    assert_allclose(tacs["Caudate"], [1, 2])
    assert_allclose(tacs["Putamen"], [0.37, 0.74])
    percent = tmp_path / "p.bld"
    percent.write_text("sample-time[minutes]\tparent[%]\n1\t95\n5\t60\n")
    assert_allclose(read_pmod_bld(percent).values, [0.95, 0.6])
    assert_allclose(read_pmod_bld(percent).time_s, [60, 300])


def test_names_with_blanks_are_read_between_tabs(tmp_path):
    path = tmp_path / "a.tac"
    path.write_text("start[seconds]\tend[kBq/cc]\tCaudate nucleus l\n0\t10\t1\n")
    assert read_pmod_tac(path).regions == ("Caudate nucleus l",)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("start[seconds] end[kBq/cc] A\n0 10 x\n", FileFormatError, ["column 'A'", "row 1", "'x'", "number"]),
        ("start[seconds] end[kBq/cc] A\n0 10 1\n10 20\n", FileFormatError, ["row 2", "2 values for 3 columns"]),
        ("start[seconds] end[kBq/cc] A\n0 10 1\n10 5 1\n", FrameTimingError, ["row 2", "5 s", "10 s", "start and end"]),
        ("start[seconds] end[kBq/cc] A\n0 10 1\n5 15 1\n", FrameTimingError, ["frame 2", "overlap"]),
        ("start end A\n0 10 1\n", FileFormatError, ["'start'", "no unit", "brackets|[seconds]"]),
        ("start[seconds] end A\n0 10 1\n", FileFormatError, ["'A'", "no unit"]),
        ("start[hrs] end[kBq/cc] A\n0 10 1\n", UnitError, ["'start'", "hrs"]),
        ("start[seconds] end[SUV] A\n0 10 1\n", UnitError, ["'A'", "SUV"]),
        ("time[seconds] A[kBq/cc]\n0 10\n", FileFormatError, ["header begins", "start[seconds]"]),
        ("start[seconds] end[kBq/cc] A\n", FileFormatError, ["1 lines", "at least one row"]),
        ("start[seconds] end[kBq/cc] A\n0 10 nan\n", InputError, ["A", "nan"]),
    ],
)
def test_bad_curves_are_named(tmp_path, text, error, words):
    path = tmp_path / "bad.tac"
    path.write_text(text)
    with pytest.raises(error) as caught:
        read_pmod_tac(path)
    assert "bad.tac" in str(caught.value)
    for word in words:
        assert any(part in str(caught.value) for part in word.split("|"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample-time[seconds] a[kBq/cc] b[kBq/cc]\n0 1 2\n", ["3 columns", "has two"]),
        ("sample-time[seconds] blood\n0 1\n", ["'blood'", "no unit"]),
        ("sample-time[seconds] blood[kBq/cc]\n-5 1\n", ["sample 1", "-5"]),
        ("sample-time[seconds] blood[kBq/cc]\n5 1,5\n", ["row 1", "'1,5'", "decimal point"]),
    ],
)
def test_bad_blood_is_named(tmp_path, text, words):
    path = tmp_path / "bad.bld"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_pmod_bld(path)
    assert "bad.bld" in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    good = tmp_path / "good.bld"
    good.write_text("sample-time[seconds] blood\n0 1000\n5 2000\n")
    assert_allclose(read_pmod_bld(good, activity_unit="Bq/cc").values, [1, 2])


def test_what_cannot_be_written_or_found_is_said(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        read_pmod_tac(tmp_path / "none.tac")
    with pytest.raises(InputError, match="white space"):
        write_pmod_tac(nc.pet.TimeActivityCurves(FRAMES, np.ones(len(FRAMES)), regions=["left a"]), tmp_path / "a.tac")
    with pytest.raises(InputError, match="seconds or minutes"):
        write_pmod_tac(curves(), tmp_path / "a.tac", time_unit="h")
    with pytest.raises(InputError, match="white space"):
        write_pmod_bld([0, 1], [0, 1], tmp_path / "a.bld", name="whole blood")
    binary = tmp_path / "b.tac"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(FileFormatError, match="not a text file"):
        read_pmod_tac(binary)
    assert not list(tmp_path.glob("a.*"))
