"""Bad input at the command line: one clear line with file, field and remedy, exit code 2, and nothing half-written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from neurochem.cli.main import main

PET = "sub-01/ses-baseline/pet/sub-01_ses-baseline_pet"
SVS = "sub-01/ses-baseline/mrs/sub-01_ses-baseline_svs"
MRSREF = "sub-01/ses-baseline/mrs/sub-01_ses-baseline_mrsref"
TISSUE = "derivatives/segmentation/tissue_fractions.tsv"


def change_sidecar(**fields) -> Callable[[Path], None]:
    def change(bids: Path) -> None:
        file = bids / f"{PET}.json"
        record = json.loads(file.read_text())
        for name, edit in fields.items():
            if edit is None:
                del record[name]
            else:
                record[name] = edit(record[name])
        file.write_text(json.dumps(record))

    return change


def truncate(name: str, share: float = 0.5) -> Callable[[Path], None]:
    def change(bids: Path) -> None:
        content = (bids / name).read_bytes()
        (bids / name).write_bytes(content[: int(share * len(content))])

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda bids: (bids / name).unlink()


def configure(text: str) -> Callable[[Path], None]:
    def change(bids: Path) -> None:
        (bids / "code" / "neurochem.toml").write_text(text + '[run]\nengine = "serial"\n')

    return change


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda bids: (bids / name).write_text(text)


def overlap(starts: list[float]) -> list[float]:
    return [start - 5 if index == 4 else start for index, start in enumerate(starts)]


def negative(durations: list[float]) -> list[float]:
    return [-duration if index == 4 else duration for index, duration in enumerate(durations)]


PET_CASES = {
    "missing sidecar": (remove(f"{PET}.json"), [f"{PET}.json", "FrameTimesStart", "Add it"]),
    "frames that overlap": (change_sidecar(FrameTimesStart=overlap), [f"{PET}.json", "overlap", "FrameTimesStart"]),
    "negative duration": (
        change_sidecar(FrameDuration=negative),
        [f"{PET}.json", "FrameDuration of frame 5 is -300 s", "Repair"],
    ),
    "no frame times": (change_sidecar(FrameTimesStart=None), [f"{PET}.json", "'FrameTimesStart' is missing", "give"]),
    "no unit": (change_sidecar(Units=None), [f"{PET}.json", "'Units' is missing", "Bq/mL"]),
    "wrong unit": (change_sidecar(Units=lambda _: "SUV"), [f"{PET}.json", "SUV", "allowed"]),
    "frames lost": (change_sidecar(FrameDuration=lambda d: d[:-1]), [f"{PET}.json", "FrameDuration 12", "one each"]),
    "truncated image": (truncate(f"{PET}.nii.gz"), [f"{PET}.nii.gz", "truncated"]),
    "no label image": (
        remove("derivatives/segmentation/sub-01/ses-baseline/pet/sub-01_ses-baseline_dseg.nii.gz"),
        ["dseg.nii.gz: no such file", "[pet] tacs"],
    ),
    "wrong reference": (
        configure('[pet]\nreference = "cerebelum"\n'),
        ["unknown region in [pet] reference 'cerebelum'", "did you mean 'cerebellum'", "dseg.tsv"],
    ),
    "wrong region": (
        configure('[pet]\nregions = ["putamn"]\n'),
        ["unknown region in [pet] regions 'putamn'", "did you mean 'putamen'", "dseg.tsv"],
    ),
    "wrong marker": (configure('[pet]\nparameters = ["BPnd2"]\n'), ["BPnd2", "did you mean 'BPND'"]),
    "wrong model": (configure('[pet]\nmodel = "SRMT"\n'), ["unknown PET model 'SRMT'", "did you mean 'SRTM'"]),
    "missing option": (configure('[pet]\nmodel = "MRTM2"\n'), ["MRTM2 needs k2prime"]),
    "missing blood": (configure('[pet]\nmodel = "Logan"\n'), ["_blood.tsv", "needs arterial plasma", "add it"]),
    "unknown key": (
        configure('[pet]\nmodle = "SRTM"\n'),
        ["neurochem.toml", "[pet] key 'modle'", "did you mean 'model'"],
    ),
    "no folder of curves": (configure('[pet]\ntacs = "absent"\n'), ["absent: no such folder", "[pet] tacs"]),
}
MRS_CASES = {
    "truncated spectrum": (truncate(f"{SVS}.nii.gz"), [f"{SVS}.nii.gz", "truncated", "Copy it again"]),
    "truncated water": (truncate(f"{MRSREF}.nii.gz"), [f"{MRSREF}.nii.gz"]),
    "no water": (remove(f"{MRSREF}.nii.gz"), [f"{SVS}.nii.gz", "no water reference", "add the file"]),
    "no basis in the configuration": (configure(""), ["neurochem.toml", "[mrs] key 'basis' is missing", "basis ="]),
    "basis file absent": (remove("code/basis.BASIS"), ["basis.BASIS", "no such file"]),
    "truncated basis": (truncate("code/basis.BASIS", 0.9), ["basis.BASIS"]),
    "no tissue table": (remove(TISSUE), [TISSUE, "no such file", "[mrs] tissue"]),
    "no row of the scan": (
        write(TISSUE, "participant_id\tsession_id\tgm\twm\tcsf\nsub-02\tses-baseline\t0.6\t0.3\t0.1\n"),
        [TISSUE, "no row for sub-01 ses-baseline", "give one row"],
    ),
    "fractions in percent": (
        write(TISSUE, "participant_id\tsession_id\tgm\twm\tcsf\nsub-01\tses-baseline\t60\t30\t10\n"),
        [TISSUE, "sub-01 ses-baseline", "gm is 60", "not percent"],
    ),
    "a fraction that is text": (
        write(TISSUE, "participant_id\tsession_id\tgm\twm\tcsf\nsub-01\tses-baseline\tn/a\t0.3\t0.1\n"),
        [TISSUE, "sub-01 ses-baseline", "n/a"],
    ),
    "unknown metabolite": (
        configure('[mrs]\nbasis = "code/basis.BASIS"\nmetabolites = ["Glxx"]\n'),
        ["Glxx", "did you mean 'Glx'"],
    ),
}  # fmt: skip


def check(capsys, code: int, parts: list[str]) -> None:
    captured = capsys.readouterr()
    assert code == 2, captured
    lines = captured.err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("neurochem: error: ")
    assert "Traceback" not in captured.err
    for part in parts:
        assert part in lines[0], (part, lines[0])


def check_run(bids: Path, out: Path, capsys, parts: list[str], *more: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in bids.rglob("*")}
    code = main(["run", str(bids), str(out), "participant", *more])
    check(capsys, code, parts)
    assert not out.exists()
    assert {path: path.stat().st_mtime_ns for path in bids.rglob("*")} == before


@pytest.mark.parametrize("name", PET_CASES)
def test_a_pet_study_with(name, tiny_pet, tmp_path, capsys):
    spoil, parts = PET_CASES[name]
    bids = Path(shutil.copytree(tiny_pet, tmp_path / "bids"))
    spoil(bids)
    check_run(bids, tmp_path / "out", capsys, parts)


@pytest.mark.parametrize("name", MRS_CASES)
def test_an_mrs_study_with(name, tiny_mrs, tmp_path, capsys):
    spoil, parts = MRS_CASES[name]
    bids = Path(shutil.copytree(tiny_mrs, tmp_path / "bids"))
    spoil(bids)
    check_run(bids, tmp_path / "out", capsys, parts)


def test_a_basis_of_another_field_strength(tiny_mrs, maker, tmp_path, capsys):
    import neurochem as nc

    bids = Path(shutil.copytree(tiny_mrs, tmp_path / "bids"))
    nc.mrs.write_basis(maker.basis(larmor_mhz=297.2), bids / "code" / "basis.BASIS")
    check_run(bids, tmp_path / "out", capsys, ["basis.BASIS", "297", "127.7"])


def test_a_label_that_nobody_has(tiny_pet, tmp_path, capsys):
    parts = ["unknown participant label '1'", "Available: 01"]
    check_run(tiny_pet, tmp_path / "out", capsys, parts, "--participant-label", "1")


def test_a_configuration_that_does_not_exist(tiny_pet, tmp_path, capsys):
    parts = ["absent.toml: no such file", "--config"]
    check_run(tiny_pet, tmp_path / "out", capsys, parts, "--config", str(tmp_path / "absent.toml"))


def test_a_dataset_that_does_not_exist(tmp_path, capsys):
    code = main(["run", str(tmp_path / "absent"), str(tmp_path / "out"), "participant"])
    check(capsys, code, ["absent: no such folder", "give the root"])


@pytest.fixture(scope="module")
def cohort(maker, tmp_path_factory) -> tuple[Path, Path]:
    """A study with markers: input of the group level."""
    root = tmp_path_factory.mktemp("cohort")
    bids = maker.make_tiny_study(root / "bids", people=2)
    (bids / "code").mkdir()
    (bids / "code" / "neurochem.toml").write_text('[run]\nengine = "serial"\n')
    assert main(["run", str(bids), str(root / "out"), "participant"]) == 0
    return bids, root / "out"


GROUP_CASES = {
    "one person twice": ("participants.tsv", "sub-01\t30\tF\tA\tpatient\tssri\n", ["participants.tsv", "sub-01", "line 4"]),
    "one score twice": (
        "phenotype/madrs.tsv", "sub-01\tses-baseline\t20\n", ["phenotype/madrs.tsv", "sub-01", "ses-baseline", "line 6"],
    ),
    "a score outside the scale": ("phenotype/madrs.tsv", None, ["phenotype/madrs.tsv", "61"]),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUP_CASES)
def test_a_cohort_with(name, cohort, tmp_path, capsys):
    table, line, parts = GROUP_CASES[name]
    bids, out = (Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in cohort)
    file = bids / table
    rows = file.read_text()
    last = rows.rstrip("\n").rpartition("\t")[0]
    file.write_text(rows + line if line else f"{last}\t61\n")
    capsys.readouterr()
    code = main(["run", str(bids), str(out), "group"])
    check(capsys, code, parts)
    assert not (out / "group").exists()


def test_one_key_twice_in_the_markers(cohort, tmp_path, capsys):
    bids, out = (Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in cohort)
    table = out / "markers.tsv"
    lines = table.read_text().splitlines(keepends=True)
    own = [line for line in lines if line.startswith("sub-01\tses-baseline")]
    table.write_text("".join([*lines, *own]))
    capsys.readouterr()
    code = main(["run", str(bids), str(out), "group"])
    captured = capsys.readouterr()
    assert code == 2
    # one line a doubled row: two regions
    assert len(captured.err.splitlines()) == 2
    for word in ("markers.tsv", "sub-01", "midbrain"):
        assert word in captured.err.splitlines()[0]
    assert not (out / "group").exists()


def test_the_group_level_before_the_participant_level(tiny_pet, tmp_path, capsys):
    code = main(["run", str(tiny_pet), str(tmp_path / "out"), "group"])
    check(capsys, code, ["markers.tsv: no such file", "run the participant level first"])
    assert not (tmp_path / "out").exists()


def test_an_outcome_that_was_not_measured(cohort, tmp_path, capsys):
    bids, out = (Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in cohort)
    (bids / "code" / "neurochem.toml").write_text('[response]\noutcome = "hamd"\n')
    capsys.readouterr()
    check(capsys, main(["run", str(bids), str(out), "group"]), ["hamd", "madrs"])
    assert not (out / "group").exists()


TACS = "frame_start\tframe_end\tcerebellum\tputamen\n" + "".join(
    f"{60 * i}\t{60 * i + 60}\t{10 - abs(i - 4)}\t{12 - abs(i - 5)}\n" for i in range(10)
)
FIT_CASES = {
    "a value that is missing": (TACS.replace("240\t9\t10", "240\t9\tn/a"), [], ["'putamen' in frame 4 is nan", "Repair"]),
    "frames that overlap": (TACS.replace("180\t240", "170\t240"), [], ["frame 4", "overlap"]),
    "a negative duration": (TACS.replace("180\t240", "180\t150"), [], ["negative", "frame 4"]),
    "text for a number": (TACS.replace("180\t240\t9", "180\t240\tx"), [], ["column 'cerebellum', row 4", "must be a number"]),
    "a wrong reference": (TACS, ["--reference", "cerebelum"], ["unknown region 'cerebelum'", "did you mean 'cerebellum'"]),
    "a wrong model": (TACS, ["--model", "SRMT"], ["unknown PET model 'SRMT'", "did you mean 'SRTM'"]),
    "a wrong region": (TACS, ["--regions", "puttamen"], ["unknown region 'puttamen'", "did you mean 'putamen'"]),
    "no blood": (TACS, ["--model", "Logan"], ["Logan needs blood"]),
    "a column that is not there": (TACS.replace("frame_end", "end"), [], ["frame_end"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FIT_CASES)
def test_a_table_of_curves_with(name, tmp_path, capsys):
    text, more, parts = FIT_CASES[name]
    tacs, output = tmp_path / "x_tacs.tsv", tmp_path / "fit.tsv"
    tacs.write_text(text)
    given = ["--model", "SRTM", "--reference", "cerebellum", "--activity-unit", "kBq/mL", *more]
    code = main(["pet", "fit", str(tacs), *given, "--output", str(output)])
    check(capsys, code, parts)
    assert not output.exists()


def test_curves_without_a_unit_say_how_to_state_it(tmp_path, capsys):
    (tmp_path / "x_tacs.tsv").write_text(TACS)
    code = main(["pet", "fit", str(tmp_path / "x_tacs.tsv"), "--model", "SRTM", "--reference", "cerebellum"])
    check(capsys, code, ["x_tacs.tsv", "unit of column 'cerebellum' is not stated", "Units"])


def test_a_spectrum_with_a_basis_of_another_field(tiny_mrs, maker, tmp_path, capsys):
    import neurochem as nc

    basis = nc.mrs.write_basis(maker.basis(larmor_mhz=297.2), tmp_path / "x.BASIS")
    code = main(
        ["mrs", "fit", str(tiny_mrs / f"{SVS}.nii.gz"), "--basis", str(basis), "--output", str(tmp_path / "x.tsv")]
    )
    check(capsys, code, ["x.BASIS", "297", "127.7"])
    assert not (tmp_path / "x.tsv").exists()


def test_water_without_tissue(tiny_mrs, capsys):
    data, water = (str(tiny_mrs / f"{name}.nii.gz") for name in (SVS, MRSREF))
    code = main(["mrs", "fit", data, "--basis", str(tiny_mrs / "code/basis.BASIS"), "--water", water])
    check(capsys, code, ["--gm", "give all four"])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["rum"],
        ["run", "a", "b", "persons"],
        ["run", "a", "b", "participant", "--workers", "0"],
        ["run", "a", "b", "participant", "--labels", "01"],
        ["pet", "fit", "x.tsv"],
        ["mrs", "fit", "x.nii.gz"],
    ],
)
def test_a_command_that_is_not_understood_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: neurochem" in capsys.readouterr().err
