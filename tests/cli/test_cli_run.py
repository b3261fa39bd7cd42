import shutil
from pathlib import Path

from neurochem.cli.main import main


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tiny_pet, tmp_path, capsys):
    assert main(["run", str(tiny_pet), str(tmp_path / "out"), "participant", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    for part in (
        "sub-01 ses-baseline pet",
        "sub-01_ses-baseline_dseg.nii.gz",
        "dseg.tsv",
        "1 of 1 scans",
        "nothing was written",
    ):
        assert part in printed
    assert not (tmp_path / "out").exists()


def test_a_dry_run_names_input_that_is_missing(tiny_pet, tmp_path, capsys):
    bids = Path(shutil.copytree(tiny_pet, tmp_path / "bids"))
    next((bids / "derivatives").rglob("*_dseg.nii.gz")).unlink()
    assert main(["run", str(bids), str(tmp_path / "out"), "participant", "--dry-run"]) == 2
    printed = capsys.readouterr()
    assert "dseg.nii.gz: no such file" in printed.err
    assert "0 of 1 scans would be quantified" in printed.out


def test_a_run_prints_what_it_wrote_and_where(tiny_pet, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", str(tiny_pet), str(out), "participant"]) == 0
    printed = capsys.readouterr()
    assert "1 of 1 scans quantified; markers: 2 ok, 0 flagged, 0 failed" in printed.out
    named = [Path(line.removeprefix("wrote ")) for line in printed.out.splitlines() if line.startswith("wrote /")]
    assert out / "markers.tsv" in named
    assert all(path.is_file() for path in named)
    assert printed.err == ""


def test_one_impossible_scan_is_exit_code_2_but_the_others_are_there(maker, tmp_path, capsys):
    bids = maker.make_tiny_study(tmp_path / "bids", people=2, visits=1)
    (bids / "sub-02/ses-baseline/pet/sub-02_ses-baseline_pet.json").unlink()
    (bids / "code").mkdir()
    (bids / "code/neurochem.toml").write_text('[run]\nengine = "serial"\n')
    assert main(["run", str(bids), str(tmp_path / "out"), "participant"]) == 2
    printed = capsys.readouterr()
    assert "1 of 2 scans quantified" in printed.out
    (line,) = printed.err.splitlines()
    assert line.startswith("neurochem: error: sub-02 ses-baseline pet: ")
    assert (tmp_path / "out/sub-01/ses-baseline/pet/sub-01_ses-baseline_pet.html").is_file()
    assert not (tmp_path / "out/sub-02").exists()


def test_labels_at_the_group_level_are_refused(tiny_pet, tmp_path, capsys):
    assert main(["run", str(tiny_pet), str(tmp_path), "group", "--participant-label", "01"]) == 2
    assert "leave them out at group level" in capsys.readouterr().err


def test_the_group_level_prints_and_writes_the_outcome_table(maker, tmp_path, capsys):
    bids, out = maker.make_tiny_study(tmp_path / "bids", people=10), tmp_path / "out"
    config = tmp_path / "config.toml"
    config.write_text(
        '[response]\ncovariates = []\nmarkers = [{marker = "BPND", region = "midbrain"}]\n[run]\nengine = "serial"\n'
    )
    assert main(["run", str(bids), str(out), "participant", "--config", str(config)]) == 0
    capsys.readouterr()
    assert main(["run", str(bids), str(out), "group", "--config", str(config)]) == 0
    printed = capsys.readouterr()
    assert "BPND midbrain (baseline)" in printed.out
    for name in (
        "association.tsv",
        "association.json",
        "association.txt",
        "association_forest.png",
        "association_fit.json",
    ):
        assert f"wrote {out / 'group' / name}" in printed.out
        assert (out / "group" / name).stat().st_size > 0
    assert "is associated with" in (out / "group/association.txt").read_text()
    page = (out / "index.html").read_text()
    assert "BPND midbrain (baseline)" in page
    assert page.count('<a href="sub-') == 20
