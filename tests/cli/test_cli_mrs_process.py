"""From a scanner file to concentrations in one command: real scans, and simulated edited ones."""

import json
from pathlib import Path
from types import ModuleType

import nibabel
import numpy as np
import pytest
from scipy.cluster.vq import kmeans

from neurochem import mrs
from neurochem.cli.main import main
from neurochem.results import FitResult

# The files do not say on which scale the scanner stored the water; one factor makes tCr, tNAA and tCho those of brain.
PHILIPS_WATER_SCALE = "2"


def estimates(folder: Path, stem: str) -> dict[str, float]:
    fit = FitResult.load(folder / f"{stem}_fit.json")
    assert {item.unit for item in fit} == {"mmol/kg"}
    return {item.name: item.value for item in fit}


def test_a_real_scan_goes_from_file_to_concentrations(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = real_data / "mrs" / "philips_press35"
    out = tmp_path / "out"
    words = ["mrs", "process", str(folder / "sub-01_PRESS_35_act.sdat"), str(out)]
    words += ["--basis", str(folder / "3T_PRESS_Philips_35ms_noMM.BASIS")]
    words += ["--water", str(folder / "sub-01_PRESS_35_ref.sdat"), "--water-scale", PHILIPS_WATER_SCALE]
    assert main([*words, "--gm", "0.6", "--wm", "0.3", "--csf", "0.1"]) == 0
    assert "mmol/kg" in capsys.readouterr().out
    stem = "sub-01_PRESS_35_act"
    assert sorted(path.name for path in out.iterdir()) == [
        f"{stem}{end}" for end in ("_conc.csv", "_fit.json", "_mrs.html", "_mrsinmrs.md", "_steps.json")
    ]
    steps = [step["name"] for step in json.loads((out / f"{stem}_steps.json").read_text())]
    assert [name for name in steps if name in {"eddy_currents", "fit", "tissue"}] == ["eddy_currents", "fit", "tissue"]
    page = (out / f"{stem}_mrs.html").read_text()
    assert "Preprocessing" in page
    assert "study page" not in page
    assert 6.0 < estimates(out, stem)["tCr"] < 10.0


def segmented(t1w: Path, folder: Path) -> list[str]:
    """Write maps made of a T1w image by its intensity alone, fluid dark and white matter bright; return the options.

    Between the centres of two tissues a voxel is taken to hold both: a stand-in for a segmentation, not one.
    """
    image = nibabel.load(t1w)
    volume = np.asarray(image.dataobj, dtype=float)
    brain = volume > 0
    seen = volume[brain][::50]
    csf, gm, wm = np.sort(kmeans(seen[:, None], np.quantile(seen, [0.1, 0.5, 0.9])[:, None])[0].ravel())
    grey, white = np.clip((volume - csf) / (gm - csf), 0, 1), np.clip((volume - gm) / (wm - gm), 0, 1)
    words = []
    for name, share in (("gm", grey * (1 - white)), ("wm", white), ("csf", 1 - grey)):
        path = folder / f"{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image((share * brain).astype(np.float32), image.affine), path)
        words += [f"--{name}-map", str(path)]
    return words


@pytest.mark.slow
def test_the_real_30_ms_scan_with_simulated_basis_nulled_scan_overlay_and_maps(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "mrs" / "philips_press30"
    t1w = folder / "sub-01_ses-01_T1w_scanner-space_FSL-skull-stripped.nii.gz"
    basis, out = tmp_path / "30ms.BASIS", tmp_path / "out"
    made = ["mrs", "basis", str(basis), "--sequence", "press", "--te", "30", "--larmor", "127.755", "--dwell", "0.5"]
    assert main([*made, "--points", "2048"]) == 0
    act, ref, nulled = (
        str(folder / f"sub-01_ses-01_{name}_noID.SDAT")
        for name in ("PRESS_raw-act", "PRESS_raw-ref", "PRESS-Inverted_TI-600_raw-act")
    )
    words = ["mrs", "process", act, str(out), "--basis", str(basis), "--water", ref, "--nulled", nulled]
    words += ["--t1w", str(t1w), *segmented(t1w, tmp_path), "--water-scale", PHILIPS_WATER_SCALE]
    assert main(words) == 0
    stem = "sub-01_ses-01_PRESS_raw-act_noID"
    found = estimates(out, stem)
    # wide ranges of healthy brain (mmol/kg)
    for name, (low, high) in {"tCr": (6, 10), "tNAA": (8, 14.5), "tCho": (0.9, 2.5), "Ins": (4, 8)}.items():
        assert low < found[name] < high, (name, found[name])
    steps = {step["name"]: step for step in json.loads((out / f"{stem}_steps.json").read_text())}
    tissue = steps["tissue"]["effect"]
    assert sum(tissue[name] for name in ("gm", "wm", "csf")) == pytest.approx(1.0)
    assert tissue["volume_ml"] == pytest.approx(26 * 26 * 30 / 1000)
    # a voxel behind the corpus callosum is brain, with little fluid
    assert tissue["csf"] < 0.2
    assert tissue["covered"] == 1.0
    assert len(steps["measured_macromolecules"]["effect"]["lines"]) == 13
    page = (out / f"{stem}_mrs.html").read_text()
    for said in ("<h2>Voxel</h2>", "20.28 mL", "Measured macromolecules", "eddy_currents", "Minimum reporting"):
        assert said in page, said
    assert "| voxel size | 26 x 26 x 30 mm (20.3 mL)" in (out / f"{stem}_mrsinmrs.md").read_text()


@pytest.fixture(scope="module")
def mega(maker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw edited scan of 8 coils with its water reference."""
    folder = tmp_path_factory.mktemp("mega")
    maker.write_mega(folder, "x", np.random.default_rng(4))
    return folder


def edited_words(mega: Path, out: Path) -> list[str]:
    words = ["mrs", "process", str(mega / "x_svs.nii.gz"), str(out), "--water", str(mega / "x_mrsref.nii.gz")]
    return [*words, "--gm", "0.6", "--wm", "0.3", "--csf", "0.1"]


def test_an_edited_scan_with_a_basis_of_files(mega: Path, maker: ModuleType, tmp_path: Path) -> None:
    from neurochem.mrs.edited.basis_files import write_edited_basis

    write_edited_basis(maker.mega_basis(), tmp_path / "mega.BASIS")
    assert main([*edited_words(mega, tmp_path / "out"), "--basis", str(tmp_path / "mega.BASIS")]) == 0
    found = estimates(tmp_path / "out", "x_svs")
    # errors are some 3 % of GABA at this noise
    assert found["GABA"] == pytest.approx(maker.MEGA_TRUTH["GABA"], rel=0.1)
    assert found["GABA+"] == pytest.approx(maker.MEGA_TRUTH["GABA"], rel=0.1)
    page = (tmp_path / "out" / "x_svs_mrs.html").read_text()
    assert "<h2>Editing</h2>" in page
    assert "study page" not in page


def test_an_edited_scan_by_peaks_needs_no_basis_that_fits(mega: Path, tmp_path: Path, capsys) -> None:
    # the default basis is simulated; peaks take their efficiency from it
    assert main([*edited_words(mega, tmp_path / "out"), "--method", "peaks"]) == 0
    said = capsys.readouterr().out
    assert "GABA+" in said
    report = (tmp_path / "out" / "x_svs_mrsinmrs.md").read_text()
    assert "simulated: mega-press, TE 68 ms, editing at 1.9 and 7.5 ppm, Gaussian editing pulses of 14 ms" in report


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gm", "0.6"], "together"),
        (["--gm-map", "g.nii"], "--wm-map"),
        (["--gm", "0.6", "--wm", "0.3", "--csf", "0.1"], "--water"),
        (["--te1-s", "0.01"], "--basis = 'b.BASIS' and te1_s = 0.01"),
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


def test_what_does_not_fit_the_scan_is_one_line(maker, mega, tmp_path, capsys) -> None:
    assert main([*edited_words(mega, tmp_path / "out"), "--nulled", str(mega / "x_mrsref.nii.gz")]) == 2
    assert "the scan is edited" in capsys.readouterr().err
    maker.write_mrs(tmp_path / "mrs", "y", np.random.default_rng(1))
    assert main(["mrs", "process", str(tmp_path / "mrs" / "y_svs.nii.gz"), str(tmp_path / "out")]) == 2
    assert "--basis is missing and the scan is not an edited one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file_is_one_line(tmp_path, capsys) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    assert main(["mrs", "process", "x.sdat", str(tmp_path / "out"), "--basis", "b.BASIS"]) == 2
    assert "OUT_DIR is a folder" in capsys.readouterr().err


def test_options_of_edited_scans_are_not_dropped_in_silence_for_others(maker, tmp_path, capsys) -> None:
    maker.write_mrs(tmp_path / "mrs", "y", np.random.default_rng(1))
    scan, basis = tmp_path / "mrs" / "y_svs.nii.gz", tmp_path / "b.BASIS"
    data = mrs.read(scan)
    te_s = data.echo_time_s
    mrs.write_basis(
        mrs.simulate_basis(
            "press",
            echo_time_s=te_s,
            larmor_mhz=data.larmor_mhz,
            dwell_s=data.dwell_s,
            points=1024,
            metabolites=["NAA", "Cr"],
        ),
        basis,
    )
    words = ["mrs", "process", str(scan), str(tmp_path / "out"), "--basis", str(basis)]
    assert main([*words, "--target", "GSH", "--order", "on", "off"]) == 2
    error = capsys.readouterr().err
    assert all(part in error for part in ("--order", "--target", "are for edited scans"))
    # the scan given as its own water would make concentrations a hundred times too large
    assert main([*words, "--water", str(scan)]) == 2
    assert "same samples as the metabolite data" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
