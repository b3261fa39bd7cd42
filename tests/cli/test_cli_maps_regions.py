"""`neurochem pet tacs`, `pvc` and `static`: regions, corrected regions, and averaged images at the command line."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

import neurochem as nc
from neurochem.cli.main import main
from neurochem.study.derivatives import read_rows

SHAPE, VOXEL_MM, FWHM_MM = (14, 12, 10), 3.0, 7.0
TRUTH = {"grey": np.array([4.0, 8.0, 6.0]), "white": np.array([1.0, 3.0, 4.0])}
FRAMES = nc.pet.Frames([0, 60, 360], [60, 300, 600])
STEM = "sub-01_trc-DASB"


@pytest.fixture
def scan(tmp_path) -> dict[str, str]:
    """Two blocks of known activity in air, as a scanner of 7 mm sees them; no noise."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2:7, 2:10, 2:8], labels[7:12, 2:10, 2:8] = 1, 2
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    sharp = sum((labels == i + 1)[..., None] * curve for i, curve in enumerate(TRUTH.values()))
    blurred = nc.pet.gaussian_smooth(sharp.astype(float), FWHM_MM, affine)
    nibabel.save(nibabel.Nifti1Image(blurred.astype(np.float32), affine), tmp_path / f"{STEM}_pet.nii.gz")
    sidecar = {
        "Units": "kBq/mL", "TracerRadionuclide": "C11", "ImageDecayCorrected": True, "InjectedRadioactivity": 350,
        "InjectedRadioactivityUnits": "MBq", "FrameTimesStart": FRAMES.start_s.tolist(),
        "FrameDuration": FRAMES.duration_s.tolist(),
    }  # fmt: skip
    (tmp_path / f"{STEM}_pet.json").write_text(json.dumps(sidecar))
    nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / f"{STEM}_dseg.nii.gz")
    (tmp_path / f"{STEM}_dseg.tsv").write_text("index\tname\n1\tgrey\n2\twhite\n9\tnowhere\n")
    return {
        "image": str(tmp_path / f"{STEM}_pet.nii.gz"), "labels": str(tmp_path / f"{STEM}_dseg.nii.gz"),
        "folder": str(tmp_path), "out": str(tmp_path / "out"),
    }  # fmt: skip


def pvc(scan: dict[str, str], *more: str, fwhm: str = "7") -> list[str]:
    return ["pet", "pvc", scan["image"], scan["out"], "--labels", scan["labels"], "--fwhm", fwhm, *more]


def test_corrected_curves_are_the_truth_and_carry_their_covariance(scan, capsys):
    assert main(pvc(scan)) == 0
    table = Path(scan["out"]) / f"{STEM}_pvc-gtm_tacs.tsv"
    tacs = nc.pet.read_tacs(table)
    assert (tacs.regions, tacs.isotope) == (("grey", "white"), "C11")
    assert tacs.voxels.tolist() == [240, 240]
    # the image is stored in single precision; the correction enlarges its rounding about three times
    np.testing.assert_allclose(tacs.activity, np.column_stack(list(TRUTH.values())), rtol=1e-5)
    sidecar = json.loads(table.with_suffix(".json").read_text())
    record = sidecar["PartialVolumeCorrection"]
    assert (record["Method"], record["FWHM"]) == ("gtm", [7.0, 7.0, 7.0])
    variance = np.array(record["NoiseVariance"])[:, None] * np.diag(record["UnitCovariance"])
    for index, region in enumerate(tacs.regions):
        np.testing.assert_allclose(sidecar[region]["StandardError"], np.sqrt(variance[:, index]), rtol=1e-12)
    printed = capsys.readouterr().out
    assert f"wrote {table}" in printed
    assert "corrected" in printed


def test_a_corrected_image_is_read_again_with_its_frames(scan):
    assert main(pvc(scan, "--method", "iy", "--iterations", "40")) == 0
    image = nc.pet.read_image(Path(scan["out"]) / f"{STEM}_pvc-iy_pet.nii.gz")
    assert image.frames.start_s.tolist() == FRAMES.start_s.tolist()
    assert image.frames.duration_s.tolist() == FRAMES.duration_s.tolist()
    expected = nc.pet.partial_volume_correct(
        nc.pet.read_image(scan["image"]), scan["labels"], names={1: "grey", 2: "white"}, fwhm_mm=7.0, method="iy",
        iterations=40,
    )  # fmt: skip
    assert np.array_equal(np.asarray(image.data[...]), expected.image)
    # blocks of uniform activity: after 40 iterations means are within a percent
    tacs = nc.pet.read_tacs(Path(scan["out"]) / f"{STEM}_pvc-iy_tacs.tsv")
    np.testing.assert_allclose(tacs.activity, np.column_stack(list(TRUTH.values())), rtol=0.01)


def test_mueller_gaertner_takes_its_tissues_by_name(scan):
    assert main(pvc(scan, "--method", "mg", "--grey", "grey", "--white-matter", "white", "--threshold", "0.4")) == 0
    image = nc.pet.read_image(Path(scan["out"]) / f"{STEM}_pvc-mg_pet.nii.gz")
    inside = image.frame(1)[3:6, 4:8, 4:6]
    # both tissues are uniform here, so that the method is exact up to single precision
    np.testing.assert_allclose(inside, TRUTH["grey"][1], rtol=1e-5)


def test_a_volume_gives_a_table_of_means(scan):
    mean = Path(scan["folder"]) / f"{STEM}_desc-mean_pet.nii.gz"
    assert main(["pet", "static", scan["image"], str(mean), "--start", "0"]) == 0
    mean.with_name(f"{STEM}_desc-mean_pet.json").unlink()
    scan["image"] = str(mean)
    assert main(pvc(scan)) == 0
    rows = {row["region"]: row for row in read_rows(Path(scan["out"]) / f"{STEM}_desc-mean_pvc-gtm_means.tsv")}
    weight = FRAMES.duration_s / FRAMES.duration_s.sum()
    for region, curve in TRUTH.items():
        assert float(rows[region]["mean"]) == pytest.approx(float(weight @ curve), rel=1e-5)
        assert float(rows[region]["observed"]) < float(rows[region]["mean"])


def test_curves_by_labels_are_those_of_the_library(scan, capsys):
    table, more = Path(scan["folder"]) / "a_tacs.tsv", Path(scan["folder"]) / "a_statistics.tsv"
    given = ["pet", "tacs", scan["image"], str(table), "--labels", scan["labels"], "--statistics", str(more)]
    assert main([*given, "--statistic", "median"]) == 0
    names = {1: "grey", 2: "white"}
    expected = nc.pet.extract_statistics(nc.pet.read_image(scan["image"]), scan["labels"], names)
    # text keeps every digit; a reader may round the last
    np.testing.assert_allclose(nc.pet.read_tacs(table).activity, expected.median, rtol=1e-14)
    rows = read_rows(more)
    assert [float(row["sd"]) for row in rows] == expected.sd.T.ravel().tolist()
    assert f"wrote {more}" in capsys.readouterr().out


def test_probabilistic_maps_keep_the_fraction_of_their_effective_voxels(scan):
    share = np.zeros(SHAPE, dtype=np.float32)
    share[4, 4, 4:7] = (1.0, 0.5, 0.25)
    path, table = Path(scan["folder"]) / "share.nii.gz", Path(scan["folder"]) / "b_tacs.tsv"
    nibabel.save(nibabel.Nifti1Image(share, nibabel.load(scan["image"]).affine), path)
    assert main(["pet", "tacs", scan["image"], str(table), "--maps", f"putamen={path}"]) == 0
    # (1 + 1/2 + 1/4)^2 / (1 + 1/4 + 1/16) = 7/3
    assert json.loads(table.with_suffix(".json").read_text())["putamen"]["Voxels"] == pytest.approx(7 / 3, rel=1e-12)
    assert nc.pet.read_tacs(table).voxels.tolist() == pytest.approx([7 / 3])


def test_a_static_image_is_the_mean_and_its_suv_uses_dose_and_weight(scan, capsys):
    activity, suv, ratio = (Path(scan["folder"]) / f"{name}.nii.gz" for name in ("activity", "suv", "suvr"))
    window = ["--start", "60", "--end", "960"]
    assert main(["pet", "static", scan["image"], str(activity), *window]) == 0
    assert "Mean activity from 60 to 960 s" in capsys.readouterr().out
    assert main(["pet", "static", scan["image"], str(suv), *window, "--suv", "--weight", "70"]) == 0
    assert (
        main(["pet", "static", scan["image"], str(ratio), *window, "--suvr", "white", "--labels", scan["labels"]]) == 0
    )
    mean, uptake, quotient = (np.asarray(nibabel.load(path).dataobj) for path in (activity, suv, ratio))
    image = nc.pet.read_image(scan["image"])
    expected = (300 * image.frame(1) + 600 * image.frame(2)) / 900
    np.testing.assert_allclose(mean, expected, rtol=1e-6, atol=1e-6)
    # 350 MBq, from the sidecar, over 70 kg is 5 kBq/g
    np.testing.assert_allclose(uptake, mean / 5.0, rtol=1e-6)
    white = np.asarray(nibabel.load(scan["labels"]).dataobj) == 2
    np.testing.assert_allclose(quotient, mean / expected[white].mean(), rtol=1e-6)
    assert json.loads(suv.with_name("suv.json").read_text())["Units"] == "g/mL"


def static(scan: dict[str, str], *more: str, out: str = "x.nii.gz") -> list[str]:
    return ["pet", "static", scan["image"], str(Path(scan["folder"]) / out), "--start", "60", *more]


def tacs(scan: dict[str, str], *more: str, out: str = "x_tacs.tsv") -> list[str]:
    return ["pet", "tacs", scan["image"], str(Path(scan["folder"]) / out), *more]


BAD = {
    "an unknown method": (lambda s: pvc(s, "--method", "gmt"), ["partial-volume method 'gmt'", "did you mean 'gtm'"]),
    "an option of another method": (
        lambda s: pvc(s, "--iterations", "3"), ["option of --method gtm '--iterations'"],
    ),
    "a resolution in other units": (lambda s: pvc(s, fwhm="700"), ["fwhm_mm is 700", "millimetres"]),
    "an unknown tissue": (lambda s: pvc(s, "--method", "mg", "--grey", "gray"), ["gray", "grey"]),
    "an unknown background": (lambda s: pvc(s, "--background", "air"), ["'air'", "region, zero"]),
    "no suv without weight": (lambda s: static(s, "--suv"), ["--suv needs --weight"]),
    "a weight without suv": (lambda s: static(s, "--weight", "70"), ["--weight is given without --suv"]),
    "a weight in grams": (lambda s: static(s, "--suv", "--weight", "70000"), ["70000 kg", "Check the unit"]),
    "a window after the scan": (lambda s: static(s, "--end", "9000"), ["frames cover 900 s of the window"]),
    "a name that is no image": (lambda s: static(s, out="x.png"), ["x.png", ".nii.gz"]),
    "the image itself": (lambda s: static(s, out=f"{STEM}_pet.nii.gz"), ["the same file"]),
    "a ratio to an unknown region": (
        lambda s: static(s, "--suvr", "gray", "--labels", s["labels"]), ["in --suvr 'gray'", "did you mean 'grey'"],
    ),
    "a ratio to a region of no voxel": (
        lambda s: static(s, "--suvr", "nowhere", "--labels", s["labels"]), ["no voxel has label 9 ('nowhere')"],
    ),
    "curves of nothing": (tacs, ["--labels", "--maps"]),
    "a map without a name": (lambda s: tacs(s, "--maps", "share.nii.gz"), ["NAME=FILE"]),
    "a table that is none": (lambda s: tacs(s, "--labels", s["labels"], out="x.csv"), ["x.csv", ".tsv"]),
    "labels that are not there": (lambda s: tacs(s, "--labels", "absent.nii.gz"), ["absent.nii.gz", "--label-names"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line_and_writes_nothing(name, scan, capsys):
    given, parts = BAD[name]
    before = {path: path.read_bytes() for path in Path(scan["folder"]).iterdir()}
    assert main(given(scan)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("neurochem: error: ")
    for part in parts:
        assert part in line, (part, line)
    assert {path: path.read_bytes() for path in Path(scan["folder"]).iterdir()} == before
