"""From a real scanner file to concentrations in one command."""

import json
from pathlib import Path

import pytest

from neurochem.cli.main import main


def test_a_real_scan_goes_from_file_to_concentrations(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = real_data / "mrs" / "philips_press35"
    out = tmp_path / "out"
    words = ["mrs", "process", str(folder / "sub-01_PRESS_35_act.sdat"), str(out)]
    words += [
        "--basis",
        str(folder / "3T_PRESS_Philips_35ms_noMM.BASIS"),
        "--water",
        str(folder / "sub-01_PRESS_35_ref.sdat"),
    ]
    assert main([*words, "--gm", "0.6", "--wm", "0.3", "--csf", "0.1", "--water-scale", "2"]) == 0
    assert "mmol/kg" in capsys.readouterr().out
    stem = "sub-01_PRESS_35_act"
    assert sorted(path.name for path in out.iterdir()) == [
        f"{stem}{end}" for end in ("_conc.csv", "_fit.json", "_mrs.html", "_mrsinmrs.md", "_steps.json")
    ]
    fit = json.loads((out / f"{stem}_fit.json").read_text())
    assert fit["success"]
    steps = json.loads((out / f"{stem}_steps.json").read_text())
    assert "eddy_currents" in [step["name"] for step in steps]
    assert "Preprocessing" in (out / f"{stem}_mrs.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gm", "0.6"], "together"),
        (["--gm-map", "g.nii"], "--wm-map"),
        (["--gm", "0.6", "--wm", "0.3", "--csf", "0.1"], "--water"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mrs", "process", "x.sdat", str(tmp_path / "out"), "--basis", "b.BASIS", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
