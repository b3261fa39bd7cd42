"""`neurochem pet maps`: what is written is what the library finds, and bad input leaves nothing."""

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

import neurochem as nc
from neurochem.cli.main import main
from neurochem.naming import sidecar_path

STEM = "sub-01_ses-baseline"
PET = Path("sub-01/ses-baseline/pet") / f"{STEM}_pet.nii.gz"
DSEG = Path("derivatives/segmentation/sub-01/ses-baseline/pet") / f"{STEM}_dseg.nii.gz"
NAMES = Path("derivatives/segmentation/dseg.tsv")


@pytest.fixture
def scan(tiny_pet, tmp_path) -> dict[str, str]:
    """A copy of one scan: image, labels, names, and where results may go."""
    bids = Path(shutil.copytree(tiny_pet, tmp_path / "bids"))
    return {
        "image": str(bids / PET), "labels": str(bids / DSEG), "names": str(bids / NAMES), "out": str(tmp_path / "out"),
        "folder": str(tmp_path),
    }  # fmt: skip


def words(scan: dict[str, str], *more: str, model: str = "SRTM", reference: str | None = "cerebellum") -> list[str]:
    """The command with labels, the reference among them."""
    given = ["--labels", scan["labels"], "--label-names", scan["names"]]
    named = [] if reference is None else ["--reference", reference]
    return ["pet", "maps", scan["image"], scan["out"], "--model", model, *named, *given, *more]


def values(scan: dict[str, str], name: str) -> np.ndarray:
    return np.asarray(nibabel.load(Path(scan["out"]) / f"{STEM}_{name}_mimap.nii.gz").dataobj)


def sidecar(scan: dict[str, str], name: str) -> dict:
    return json.loads((Path(scan["out"]) / f"{STEM}_{name}_mimap.json").read_text())


def library_maps(scan: dict[str, str], model: str = "SRTM", **choices):
    image = nc.pet.read_image(scan["image"])
    reference = nc.pet.extract_tacs(image, scan["labels"], {1: "cerebellum"})
    return nc.pet.fit_image(image, model, reference=reference, **choices)


def test_the_files_hold_what_the_library_finds(scan, capsys):
    assert main(words(scan)) == 0
    expected = library_maps(scan)
    for name in expected.names:
        assert np.array_equal(values(scan, f"model-SRTM_meas-{name}"), expected[name].data, equal_nan=True)
        assert np.array_equal(
            values(scan, f"model-SRTM_meas-{name}_desc-stderr"), expected[name].stderr, equal_nan=True
        )
    assert np.array_equal(values(scan, "model-SRTM_desc-status"), np.asarray(expected.status))
    record = sidecar(scan, "model-SRTM_meas-k2")
    assert (record["Units"], record["ModelName"], record["Settings"]["input"]) == ("1/min", "SRTM", "cerebellum")
    printed = capsys.readouterr()
    assert expected.summary() in printed.out
    named = [Path(line.removeprefix("wrote ")) for line in printed.out.splitlines() if line.startswith("wrote ")]
    assert sorted(named) == sorted(Path(scan["out"]).glob("*.nii.gz"))
    assert printed.err == ""


def test_only_the_parameters_asked_for_are_written_with_two_pictures(scan):
    assert main(words(scan, "--parameters", "bpnd,R1", "--plot")) == 0
    stems = {path.name.removeprefix(f"{STEM}_model-SRTM_") for path in Path(scan["out"]).iterdir()}
    images = {"meas-BPND", "meas-BPND_desc-stderr", "meas-R1", "meas-R1_desc-stderr", "desc-status"}
    pictures = {f"meas-BPND_desc-{what}_mimap.png" for what in ("planes", "histogram")}
    assert stems == {f"{name}_mimap{end}" for name in images for end in (".nii.gz", ".json")} | pictures
    for name in pictures:
        assert (Path(scan["out"]) / f"{STEM}_model-SRTM_{name}").read_bytes().startswith(b"\x89PNG")


def test_a_mask_a_column_of_curves_and_a_region_are_the_same_reference(scan):
    image, labels = nc.pet.read_image(scan["image"]), nibabel.load(scan["labels"])
    mask = Path(scan["folder"]) / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image((np.asarray(labels.dataobj) == 1).astype(np.uint8), labels.affine), mask)
    tacs = nc.pet.extract_tacs(image, scan["labels"], nc.pet.read_label_names(scan["names"]))
    table = nc.pet.write_tacs(tacs, Path(scan["folder"]) / "x_tacs.tsv")
    found = []
    for index, reference in enumerate(("cerebellum", str(mask), f"{table}:cerebellum")):
        scan["out"] = str(Path(scan["folder"]) / f"out{index}")
        assert main(["pet", "maps", scan["image"], scan["out"], "--model", "SRTM", "--reference", reference,
                     "--labels", scan["labels"], "--label-names", scan["names"]]) == 0  # fmt: skip
        found.append(values(scan, "model-SRTM_meas-BPND"))
    for other in found[1:]:
        # a table keeps every digit, and a mask holds the same voxels
        np.testing.assert_allclose(other, found[0], rtol=1e-6)


def test_a_table_of_one_curve_needs_no_column_and_labels_find_their_own_names(scan):
    labels = Path(scan["labels"])
    shutil.copy(scan["names"], labels.with_name("dseg.tsv"))
    words_without_names = ["pet", "maps", scan["image"], scan["out"], "--model", "SUVR", "--t1-s", "2400"]
    assert main([*words_without_names, "--reference", "cerebellum", "--labels", str(labels)]) == 0
    by_region = values(scan, "model-SUVR_meas-SUVR")
    tacs = nc.pet.extract_tacs(nc.pet.read_image(scan["image"]), labels, {1: "cerebellum"})
    table = nc.pet.write_tacs(tacs, Path(scan["folder"]) / "one_tacs.tsv")
    assert main([*words_without_names, "--reference", str(table)]) == 0
    np.testing.assert_allclose(values(scan, "model-SUVR_meas-SUVR"), by_region, rtol=1e-6)


def test_plasma_models_take_a_table_of_blood(scan):
    curve = nc.pet.Feng(851.1, 21.9, 20.8, 4.134, 0.1191, 0.01043, t0_s=20.0)
    time_s = np.concatenate([np.arange(0, 300, 5.0), np.arange(300, 6001, 60.0)])
    activity = curve.values(time_s / 60.0)
    table = Path(scan["folder"]) / "blood.tsv"
    rows = [f"{t / 60.0!r}\t{float(a)!r}" for t, a in zip(time_s.tolist(), activity, strict=True)]
    table.write_text("\n".join(["minute\tparent", *rows]) + "\n")
    options = ["--blood-time-column", "minute", "--plasma-column", "parent", "--blood-time-unit", "min"]
    more = ["--blood", str(table), *options, "--blood-unit", "kBq/mL", "--t-star", "1200", "--parameters", "VT"]
    assert main(words(scan, *more, model="Logan", reference=None)) == 0
    blood = nc.pet.ArterialInput(time_s, activity)
    expected = nc.pet.fit_image(nc.pet.read_image(scan["image"]), "Logan", blood=blood, t_star_s=1200.0)
    # minutes in the table are seconds but for rounding
    np.testing.assert_allclose(values(scan, "model-Logan_meas-VT"), expected["VT"].data, rtol=1e-5)


def test_denoising_and_mask_reach_the_fit_and_are_named(scan):
    mask = Path(scan["folder"]) / "mask.nii.gz"
    labels = nibabel.load(scan["labels"])
    nibabel.save(nibabel.Nifti1Image((np.asarray(labels.dataobj) > 0).astype(np.uint8), labels.affine), mask)
    assert main(words(scan, "--mask", str(mask), "--smooth-fwhm", "1,1,0", "--parameters", "BPND")) == 0
    expected = library_maps(scan, mask=mask, smooth_fwhm_mm=(1.0, 1.0, 0.0))
    assert np.array_equal(values(scan, "model-SRTM_meas-BPND"), expected["BPND"].data, equal_nan=True)
    record = sidecar(scan, "model-SRTM_meas-BPND")
    assert record["Settings"]["smooth_fwhm_mm"] == [1.0, 1.0, 0.0]
    assert "denoised" in record["Flags"][0]
    assert record["VoxelCounts"]["outside"] == 6


def test_threads_change_no_byte(scan):
    written = []
    for threads in ("1", "2"):
        scan["out"] = str(Path(scan["folder"]) / threads)
        assert main(words(scan, "--threads", threads)) == 0
        written.append({path.name: path.read_bytes() for path in Path(scan["out"]).iterdir()})
    assert written[0] == written[1]


def test_a_run_makes_maps_when_asked(tiny_pet, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", str(tiny_pet), str(out), "participant", "--maps"]) == 0
    folder = out / "sub-01/ses-baseline/pet"
    assert (folder / f"{STEM}_model-SRTM_meas-BPND_mimap.nii.gz").is_file()
    assert "<h2>Parametric maps</h2>" in (folder / f"{STEM}_pet.html").read_text()
    assert "1 of 1 scans quantified; markers: 2 ok" in capsys.readouterr().out
    assert main(["run", str(tiny_pet), str(out), "group", "--maps"]) == 2
    assert "leave it out at group level" in capsys.readouterr().err


def test_maps_of_nothing_come_with_a_warning(scan, capsys):
    tacs = nc.pet.extract_tacs(nc.pet.read_image(scan["image"]), scan["labels"], {1: "cerebellum"})
    in_becquerel = nc.pet.TimeActivityCurves(tacs.frames, 1000 * tacs.activity, regions=tacs.regions)
    table = nc.pet.write_tacs(in_becquerel, Path(scan["folder"]) / "x_tacs.tsv")
    assert main(words(scan, "--plot", reference=f"{table}:cerebellum")) == 0
    printed = capsys.readouterr()
    assert "24 low signal" in printed.out
    assert printed.err.startswith("neurochem: warning: no voxel was fitted; compare the units")


def test_an_image_without_entities_gives_names_without(scan):
    plain = Path(scan["folder"]) / "scan.nii.gz"
    shutil.copy(scan["image"], plain)
    shutil.copy(sidecar_path(scan["image"]), sidecar_path(plain))
    scan["image"] = str(plain)
    assert main(words(scan, "--parameters", "BPND")) == 0
    assert (Path(scan["out"]) / "model-SRTM_meas-BPND_mimap.nii.gz").is_file()


def test_what_fails_while_files_are_written_leaves_nothing(scan, monkeypatch, capsys):
    import neurochem.figures

    def full(*_, **__):
        message = "no space left on device"
        raise OSError(message)

    monkeypatch.setattr(neurochem.figures, "save_figure", full)
    assert main(words(scan, "--plot")) == 2
    assert capsys.readouterr().err == "neurochem: error: no space left on device\n"
    assert not Path(scan["out"]).exists()


def _mask_of(scan: dict[str, str], shape: tuple[int, ...], value: int) -> str:
    path = Path(scan["folder"]) / "bad_mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.full(shape, value, dtype=np.uint8), np.eye(4)), path)
    return str(path)


def _table_of_other_frames(scan: dict[str, str]) -> str:
    frames = nc.pet.Frames([0, 600], [600, 600])
    tacs = nc.pet.TimeActivityCurves(frames, [[1.0], [2.0]], regions=["cerebellum"])
    return str(nc.pet.write_tacs(tacs, Path(scan["folder"]) / "other_tacs.tsv"))


def _table_of_two(scan: dict[str, str]) -> str:
    image = nc.pet.read_image(scan["image"])
    tacs = nc.pet.extract_tacs(image, scan["labels"], {1: "cerebellum", 2: "midbrain"})
    return str(nc.pet.write_tacs(tacs, Path(scan["folder"]) / "two_tacs.tsv"))


def _cut(scan: dict[str, str]) -> None:
    image = Path(scan["image"])
    image.write_bytes(image.read_bytes()[:200])


def _one_volume(scan: dict[str, str]) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 3, 2), dtype=np.float32), np.eye(4)), scan["image"])


def _fewer_frames(scan: dict[str, str]) -> None:
    file = sidecar_path(scan["image"])
    record = json.loads(file.read_text())
    for name in ("FrameTimesStart", "FrameDuration"):
        record[name] = record[name][:-1]
    file.write_text(json.dumps(record))


BAD = {
    "no reference": (lambda s: words(s, reference=None), ["SRTM needs --reference", "mask"]),
    "an unknown region": (lambda s: words(s, reference="cerebelum"), ["--reference", "did you mean 'cerebellum'"]),
    "a region without labels": (
        lambda s: ["pet", "maps", s["image"], s["out"], "--model", "SRTM", "--reference", "cerebellum"],
        ["--reference cerebellum", "--labels"],
    ),
    "labels without names": (
        lambda s: ["pet", "maps", s["image"], s["out"], "--model", "SRTM", "--reference", "x", "--labels", s["labels"]],
        ["_dseg.nii.gz", "--label-names"],
    ),
    "an unknown model": (lambda s: words(s, model="SRMT"), ["unknown PET model 'SRMT'", "did you mean 'SRTM'"]),
    "an unknown parameter": (lambda s: words(s, "--parameters", "BPDN"), ["unknown map of SRTM 'BPDN'", "'BPND'"]),
    "a mask of another shape": (lambda s: words(s, "--mask", _mask_of(s, (4, 3, 3), 1)), ["bad_mask", "(4, 3, 3)"]),
    "an empty mask": (lambda s: words(s, "--mask", _mask_of(s, (4, 3, 2), 0)), ["bad_mask", "empty"]),
    "an empty reference": (lambda s: words(s, reference=_mask_of(s, (4, 3, 2), 0)), ["bad_mask", "reference mask is empty"]),
    "an absent reference": (lambda s: words(s, reference="absent.nii.gz"), ["absent.nii.gz: no such file"]),
    "curves of another scan": (
        lambda s: words(s, reference=_table_of_other_frames(s)), ["other_tacs.tsv", "2 frames", "13 frames"],
    ),
    "curves without a column": (
        lambda s: words(s, reference=_table_of_two(s)), ["2 regions (cerebellum, midbrain)", "two_tacs.tsv:NAME"],
    ),
    "an unknown column": (
        lambda s: words(s, reference=f"{_table_of_two(s)}:putamen"), ["unknown region 'putamen'", "midbrain"],
    ),
    "no blood": (lambda s: words(s, model="Logan", reference=None), ["Logan needs --blood"]),
    "a reference for a plasma model": (
        lambda s: words(s, "--blood", "x.tsv", model="Logan"), ["--reference is given", "arterial plasma"],
    ),
    "two ways to denoise": (lambda s: words(s, "--smooth-fwhm", "2", "--hypr-fwhm", "2"), ["choose one way to denoise"]),
    "no thread": (lambda s: words(s, "--threads", "0"), ["threads is 0", "whole number from 1"]),
    "a truncated image": (lambda s: (_cut(s), words(s))[1], ["_pet.nii.gz", "truncated"]),
    "one volume": (lambda s: (_one_volume(s), words(s))[1], ["_pet.nii.gz", "3 dimensions", "frames"]),
    "a frame too many": (lambda s: (_fewer_frames(s), words(s))[1], ["13 frames", "12 are timed", "FrameTimesStart"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line_and_writes_nothing(name, scan, capsys):
    given, parts = BAD[name]
    given = given(scan)
    before = sorted(Path(scan["folder"]).rglob("*"))
    assert main(given) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("neurochem: error: ")
    for part in parts:
        assert part in line, (part, line)
    assert sorted(Path(scan["folder"]).rglob("*")) == before


def test_a_folder_that_is_a_file_is_refused_before_any_work(scan, capsys):
    Path(scan["out"]).write_text("mine")
    assert main(words(scan)) == 2
    assert "OUT_DIR is a file" in capsys.readouterr().err
    assert Path(scan["out"]).read_text() == "mine"


@pytest.mark.parametrize("width", ["x", "1,2", "-1", "nan", "1,2,3,4"])
def test_a_width_that_is_none_is_refused(scan, width, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words(scan, f"--smooth-fwhm={width}"))
    assert caught.value.code == 2
    assert "6 or 6,6,5" in capsys.readouterr().err
