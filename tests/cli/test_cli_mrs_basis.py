import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.cli.main import main

PRESS = ["mrs", "basis", "--sequence", "press", "--te", "30", "--field", "3"]
FEW = ["--metabolites", "NAA, Cr,Lac", "--points", "1024"]


def test_a_basis_is_simulated_written_drawn_and_told(tmp_path, capsys):
    out, figure = tmp_path / "x.BASIS", tmp_path / "x.png"
    assert main([*PRESS, *FEW, "--te1", "14", "--macromolecules", "birch", "--plot", str(figure), str(out)]) == 0
    printed = capsys.readouterr().out
    assert f"wrote {out}" in printed
    assert f"wrote {figure}" in printed
    assert "TE 30 ms" in printed
    basis = nc.mrs.read_basis(out)
    assert basis.names[:3] == ("NAA", "Cr", "Lac")
    assert basis.names[3:] == basis.macromolecules == nc.mrs.macromolecules(like=basis).names
    assert (basis.echo_time_s, basis.dwell_s, basis.points) == (0.030, 2.5e-4, 1024)
    assert_allclose(basis.larmor_mhz, 3 * 42.577478518, rtol=1e-15)
    direct = nc.mrs.simulate_basis(
        "press", echo_time_s=0.030, te1_s=0.014, larmor_mhz=basis.larmor_mhz, dwell_s=2.5e-4, points=1024,
        metabolites=["NAA", "Cr", "Lac"], linewidth_hz=1.0, cache=False,
    )  # fmt: skip
    assert_allclose(basis["Lac"], direct["Lac"], rtol=0, atol=1e-11)  # through the FFT of the file and back
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "words"), [("set", []), ("x.txt", []), ("x.nii.gz", []), ("x.dat", ["--format", "jmrui"])]
)
def test_every_format_can_be_written(tmp_path, capsys, name, words):
    assert main([*PRESS, *FEW, *words, "--dwell", "0.5", str(tmp_path / name)]) == 0
    basis = nc.mrs.read_basis(tmp_path / name)
    assert (basis.names, basis.dwell_s) == (("NAA", "Cr", "Lac"), 5e-4)
    assert basis.linewidth_hz == 1.0


def test_steam_takes_a_mixing_time_and_an_exact_frequency(tmp_path, capsys):
    words = [
        "mrs",
        "basis",
        "--sequence",
        "steam",
        "--te",
        "20",
        "--tm",
        "10",
        "--larmor",
        "297.155",
        "--linewidth",
        "0",
    ]
    assert main([*words, *FEW, str(tmp_path / "set")]) == 0
    basis = nc.mrs.read_basis(tmp_path / "set")
    assert basis.larmor_mhz == 297.155
    assert_allclose(np.abs(basis["Cr"][0]), 2.5, rtol=1e-9)  # half of five protons


def test_an_edited_sequence_gives_one_file_a_result(tmp_path, capsys):
    words = ["mrs", "basis", "--sequence", "mega-press", "--te", "68", "--field", "3", "--macromolecules", "MEGA_GABA"]
    assert main([*words, "--metabolites", "GABA,NAA,Cr", "--points", "1024", str(tmp_path / "m.BASIS")]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        f"m_{part}.BASIS" for part in ("on", "off", "difference", "sum")
    }
    assert "MM3co" in nc.mrs.read_basis(tmp_path / "m_difference.BASIS").names
    assert "MM3co" not in nc.mrs.read_basis(tmp_path / "m_off.BASIS").names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sequence", "pres", "--te", "30"], "unknown sequence 'pres'; did you mean 'press'"),
        (["--sequence", "press"], "--te is missing; it takes --te, --te1. Times are in milliseconds."),
        (["--sequence", "press", "--te", "0"], "--te is 0 ms; it must lie between 0 and 2000 ms"),
        (["--sequence", "press", "--te", "nan"], "--te is nan ms"),
        (["--sequence", "press", "--te", "30", "--te1", "40"], "--te1 is 40 ms and --te 30 ms"),
        (["--sequence", "press", "--te", "30", "--tm", "5"], "--tm does not belong to it"),
        (["--sequence", "press", "--te", "30", "--metabolites", "NAAA"], "did you mean 'NAA'"),
        (["--sequence", "press", "--te", "30", "--metabolites", ","], "it must be a list of names"),
        (["--sequence", "press", "--te", "30", "--macromolecules", "birsh"], "unknown macromolecule set 'birsh'"),
        (["--sequence", "press", "--te", "30", "--dwell", "5"], "would fold to another place"),
        (["--sequence", "press", "--te", "30", "--points", "0"], "points is 0"),
        (["--sequence", "press", "--te", "30", "--plot", "x.xyz"], "cannot draw '.xyz'"),
        (["--sequence", "press", "--te", "30", "--systems", "none.toml"], "none.toml"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(tmp_path, capsys, words, said):
    assert main(["mrs", "basis", *words, "--field", "3", str(tmp_path / "x.BASIS")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x.BASIS").exists()


@pytest.mark.parametrize(
    ("words", "said"), [(["--field", "-3"], "--field is -3 T"), (["--field", "300"], "--field is 300 T")]
)
def test_a_field_must_be_possible(tmp_path, capsys, words, said):
    assert main(["mrs", "basis", "--sequence", "press", "--te", "30", *words, str(tmp_path / "x.BASIS")]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_ending_is_refused(tmp_path, capsys):
    assert main([*PRESS, *FEW, str(tmp_path / "x.foo")]) == 2
    assert "tells no basis format" in capsys.readouterr().err


def test_a_good_file_passes_its_check_and_a_wrong_one_does_not(tmp_path, capsys):
    good, table = tmp_path / "x.BASIS", tmp_path / "r.tsv"
    main([*PRESS, *FEW, str(good)])
    assert main(["mrs", "check-basis", str(good), "--output", str(table), "--plot", str(tmp_path / "x.png")]) == 0
    printed = capsys.readouterr().out
    assert "nothing to report" in printed
    assert f"wrote {table}" in printed
    assert table.read_text().splitlines()[0].startswith("name\tmolecule\tbroad\tpeak_ppm")
    wrong = nc.mrs.write_basis(nc.mrs.read_basis(good).shifted(ppm=0.1, names=["NAA"]), tmp_path / "w.txt")
    assert main(["mrs", "check-basis", str(wrong)]) == 1
    assert "warning: NAA: tallest line at 2.108 ppm" in capsys.readouterr().out
    assert main(["mrs", "check-basis", str(tmp_path / "none.BASIS")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_a_fit_takes_a_basis_of_any_format(tmp_path, capsys):
    out = tmp_path / "set"
    main([*PRESS, "--metabolites", "NAA,Cr,GPC,Glu,Ins", "--dwell", "0.5", "--points", "2048", str(out)])
    basis = nc.mrs.read_basis(out)
    data = nc.mrs.simulate(
        basis, {"NAA": 10.0, "Cr": 8.0, "GPC": 1.5, "Glu": 9.0, "Ins": 6.0}, lorentz_hz=3.0, gauss_hz=2.0
    )
    scan = nc.mrs.write(data, tmp_path / "scan.nii.gz")
    assert main(["mrs", "fit", str(scan), "--basis", str(out)]) == 0
    assert "NAA" in capsys.readouterr().out
