"""The PET commands on headers that lack something, images with holes, and options of every wrong kind."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

import neurochem as nc
from neurochem.cli.main import main
from tests.pet import public_calls

SIDECAR = {
    "Units": "kBq/mL",
    "TracerRadionuclide": "C11",
    "InjectedRadioactivity": 300,
    "InjectedRadioactivityUnits": "MBq",
}


@pytest.fixture
def scan(tmp_path, monkeypatch) -> dict[str, str]:
    """An image with sidecar, labels, mask, curves and blood, and a folder to work in."""
    monkeypatch.chdir(tmp_path)
    image, frames = public_calls.image(), public_calls.FRAMES
    labels = public_calls.LABELS
    names = ("image", "labels", "mask", "names", "sidecar", "tacs", "blood", "junk")
    files = (
        "sub-01_pet.nii.gz",
        "x_dseg.nii.gz",
        "mask.nii",
        "dseg.tsv",
        "sub-01_pet.json",
        "a_tacs.tsv",
        "b.tsv",
        "junk.nii",
    )
    paths = dict(zip(names, (tmp_path / file for file in files), strict=True))
    nibabel.save(nibabel.Nifti1Image(image.data.astype(np.float32), image.affine), paths["image"])
    nibabel.save(nibabel.Nifti1Image(labels.astype(np.int16), image.affine), paths["labels"])
    nibabel.save(nibabel.Nifti1Image((labels == 1).astype(np.uint8), image.affine), paths["mask"])
    times = {"FrameTimesStart": frames.start_s.tolist(), "FrameDuration": frames.duration_s.tolist()}
    paths["sidecar"].write_text(json.dumps(SIDECAR | times))
    paths["names"].write_text("index\tname\n1\ta\n2\tb\n")
    nc.pet.write_tacs(public_calls.scan(), paths["tacs"])
    pairs = zip(public_calls.TIMES, public_calls.PLASMA.plasma_parent, strict=True)
    paths["blood"].write_text("time\tplasma_parent\n" + "".join(f"{time}\t{value}\n" for time, value in pairs))
    paths["junk"].write_bytes(bytes(range(256)) * 4)
    return {name: str(path) for name, path in paths.items()} | {"folder": str(tmp_path)}


def commands(scan: dict[str, str]) -> dict[str, list[str]]:
    """Every PET command with the options it has; each works as it stands."""
    image, labels = scan["image"], ["--labels", scan["labels"], "--label-names", scan["names"]]
    header = ["--isotope", "C11", "--activity-unit", "kBq/mL", "--sidecar", scan["sidecar"]]
    blood = [
        "--blood",
        scan["blood"],
        "--blood-time-unit",
        "s",
        "--blood-unit",
        "kBq/mL",
        "--blood-time-column",
        "time",
    ]
    return {
        "fit": [
            "fit", scan["tacs"], "--model", "MRTM2", "--reference", "cerebellum", "--regions", "putamen", "--k2prime", "0.1",
            "--t-star-s", "600", "--start-column", "frame_start", "--end-column", "frame_end", "--columns", "putamen",
            "cerebellum", "--time-unit", "s", "--activity-unit", "kBq/mL", "--isotope", "C11", "--output", "o.tsv",
        ],
        "fit with blood": ["fit", scan["tacs"], "--model", "Logan", "--t-star-s", "600", "--vb", "0", *blood],
        "maps": [
            "maps", image, "out", "--model", "MRTM2", "--reference", scan["mask"], "--mask", scan["mask"], "--k2prime", "0.1",
            "--t-star-s", "600", "--smooth-fwhm", "4", "--threads", "1", "--parameters", "BPND", *header,
        ],
        "maps of a ratio": [
            "maps", image, "out", "--model", "SUVR", "--reference", "a", "--t1-s", "900", "--t2-s", "2400", *labels
        ],
        "maps from curves": [
            "maps", image, "out", "--model", "SRTM", "--reference", f"{scan['tacs']}:cerebellum", "--reference-unit", "kBq/mL",
            "--spatial-fwhm", "4", "--hypr-fwhm", "4",
        ],
        "tacs": ["tacs", image, "t_tacs.tsv", "--statistic", "mean", "--statistics", "st.tsv", *labels, *header],
        "tacs by maps": ["tacs", image, "t_tacs.tsv", "--maps", f"a={scan['mask']}"],
        "pvc": [
            "pvc", image, "out", "--fwhm", "4", "--method", "iy", "--background", "region", "--outside", "zero",
            "--noise-fwhm", "4", "--iterations", "2", *labels, *header,
        ],
        "pvc of two tissues": [
            "pvc", image, "out", "--fwhm", "4", "--method", "mg", "--grey", "a", "--white-matter", "b", "--white", "gtm",
            "--threshold", "0.1", *labels,
        ],
        "static": [
            "static", image, "s.nii.gz", "--start-s", "600", "--end-s", "1200", "--suv", "--weight", "70", "--dose", "300",
        ],
        "static of a ratio": ["static", image, "s.nii.gz", "--start-s", "600", "--suvr", "a", *labels, *header],
    }  # fmt: skip


def test_every_command_works_before_it_is_spoiled(scan):
    assert {name: main(["pet", *words]) for name, words in commands(scan).items()} == dict.fromkeys(commands(scan), 0)


def test_odd_words_end_in_one_line_and_code_2_or_work(scan, capsys):
    odd = ("x", "nan", scan["junk"])
    for words in commands(scan).values():
        for place in range(1, len(words)):
            if words[place].startswith("--"):
                continue
            for word in odd:
                given = ["pet", *words[:place], word, *words[place + 1 :]]
                try:
                    code = main(given)
                except SystemExit as end:
                    code = end.code
                said = capsys.readouterr().err
                assert code in (0, 2), given
                assert "Traceback" not in said
                assert code == 0 or "error:" in said, given


@pytest.mark.parametrize("name", ["maps of a ratio", "tacs by maps", "pvc of two tissues", "static"])
def test_a_unit_that_the_sidecar_lacks_can_be_given(scan, capsys, name):
    words = ["pet", *commands(scan)[name]]
    record = json.loads(Path(scan["sidecar"]).read_text())
    del record["Units"]
    Path(scan["sidecar"]).write_text(json.dumps(record))
    assert main(words) == 2
    assert "field 'Units' is missing; state the unit of the image there" in (said := capsys.readouterr().err)
    assert "--activity-unit" in said
    assert main([*words, "--activity-unit", "Bq/cc"]) == 0
    capsys.readouterr()
    assert main([*words, "--activity-unit", "minutes"]) == 2
    assert "activity_unit: unit 'minutes' is not a unit of activity concentration" in capsys.readouterr().err


def test_a_unit_scales_the_curves_and_may_not_contradict_the_sidecar(scan, capsys):
    words = ["pet", "tacs", scan["image"], "t_tacs.tsv", "--labels", scan["labels"], "--label-names", scan["names"]]
    assert main(words) == 0
    whole = nc.pet.read_tacs("t_tacs.tsv").activity
    capsys.readouterr()
    assert main([*words, "--activity-unit", "Bq/mL"]) == 2
    assert "activity_unit is 'Bq/mL', but" in (said := capsys.readouterr().err)
    assert "states Units 'kBq/mL'" in said
    assert main([*words, "--activity-unit", "kBq/cc"]) == 0
    record = json.loads(Path(scan["sidecar"]).read_text())
    del record["Units"]
    Path(scan["sidecar"]).rename("elsewhere.json")
    Path("elsewhere.json").write_text(json.dumps(record))
    assert main([*words, "--activity-unit", "Bq/mL", "--sidecar", "elsewhere.json"]) == 0
    # the table holds six to nine digits of single-precision voxels
    np.testing.assert_allclose(nc.pet.read_tacs("t_tacs.tsv").activity, whole / 1000, rtol=1e-6)
    capsys.readouterr()
    assert main(words) == 2
    assert "--sidecar" in capsys.readouterr().err


def test_holes_in_image_and_reference_are_left_out_and_told(scan, capsys):
    file = nibabel.load(scan["image"])
    data = file.get_fdata(dtype=np.float32).copy()
    labels = np.asarray(nibabel.load(scan["labels"]).dataobj)
    first = tuple(np.argwhere(labels == 1)[0])
    data[first] = np.nan
    data[0, 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(data, file.affine), scan["image"])
    assert main(["pet", *commands(scan)["maps of a ratio"]]) == 0
    said = capsys.readouterr().out
    assert "1 of 16 voxels of region 'a' are NaN or infinite and were left out" in said
    assert "5 of 64 voxels are NaN or infinite in a frame that is used and were not fitted" in said
    assert main(["pet", *commands(scan)["static of a ratio"]]) == 0
    assert "1 of 16 voxels of region 'reference' are NaN" in capsys.readouterr().out
    data[labels == 1] = np.nan
    nibabel.save(nibabel.Nifti1Image(data, file.affine), scan["image"])
    for name in ("maps of a ratio", "static of a ratio"):
        assert main(["pet", *commands(scan)[name]]) == 2
        assert "16 of 16 voxels of region" in (said := capsys.readouterr().err)
        assert "at most 20 % may be left out" in said
