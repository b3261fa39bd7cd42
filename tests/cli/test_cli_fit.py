import pytest

import neurochem as nc
from neurochem.cli.main import main
from neurochem.study.derivatives import read_rows

SVS = "sub-01/ses-baseline/mrs/sub-01_ses-baseline"


@pytest.fixture(scope="module")
def tacs(maker, tmp_path_factory):
    """Curves of a region whose BPND is exactly 1.5, as a table with its sidecar."""
    frames = nc.pet.Frames(maker.START_S, maker.DURATION_S)
    blood = nc.pet.Feng(851.1, 21.9, 20.8, 4.134, 0.1191, 0.01043, t0_s=20.0)
    reference = blood.convolved(0.45, 0.06)
    means = reference.frame_means(frames.start_min, frames.end_min)
    putamen = nc.pet.simulate("SRTM", frames, {"R1": 1.0, "k2": 0.06, "BPND": 1.5}, reference=reference)
    import numpy as np

    curves = nc.pet.TimeActivityCurves(
        frames, np.column_stack([means, putamen]), regions=["cerebellum", "putamen"], isotope="C11"
    )
    return nc.pet.write_tacs(curves, tmp_path_factory.mktemp("tacs") / "x_tacs.tsv")


def test_pet_fit_prints_and_writes_what_the_library_finds(tacs, tmp_path, capsys):
    output, figure = tmp_path / "fit.tsv", tmp_path / "fit.png"
    words = ["pet", "fit", str(tacs), "--model", "srtm", "--reference", "cerebellum"]
    assert main([*words, "--output", str(output), "--figure", str(figure)]) == 0
    printed = capsys.readouterr().out
    assert f"wrote {output}" in printed
    assert f"wrote {figure}" in printed
    fit = nc.pet.fit(nc.pet.read_tacs(tacs), "SRTM", reference="cerebellum")["putamen"]
    rows = {row["parameter"]: row for row in read_rows(output)}
    assert float(rows["BPND"]["value"]) == fit["BPND"].value == pytest.approx(1.5, abs=1e-3)
    assert float(rows["BPND"]["stderr"]) == fit["BPND"].stderr
    assert rows["k2"]["unit"] == "1/min"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_pet_fit_takes_the_options_of_the_model(tacs, capsys):
    words = ["pet", "fit", str(tacs), "--model", "LoganRef", "--reference", "cerebellum"]
    assert main([*words, "--k2prime", "0.06", "--t-star-s", "1800"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "BPND" in line]
    assert float(line.split()[2]) == pytest.approx(1.5, abs=0.01)


def test_pet_fit_reads_tables_in_other_units(tacs, tmp_path, capsys):
    rows = read_rows(tacs)
    text = "start\tlength\tref\tput\n" + "".join(
        f"{float(r['frame_start']) / 60}\t{(float(r['frame_end']) - float(r['frame_start'])) / 60}"
        f"\t{1000 * float(r['cerebellum'])}\t{1000 * float(r['putamen'])}\n"
        for r in rows
    )
    (tmp_path / "other.tsv").write_text(text)
    columns = [
        "--start-column",
        "start",
        "--duration-column",
        "length",
        "--time-unit",
        "min",
        "--activity-unit",
        "Bq/mL",
    ]
    words = ["pet", "fit", str(tmp_path / "other.tsv"), "--model", "SRTM", "--reference", "ref", "--isotope", "C11"]
    assert main([*words, *columns]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "BPND" in line]
    assert float(line.split()[2]) == pytest.approx(1.5, abs=1e-3)


def test_pet_models_lists_every_registered_model(capsys):
    from neurochem.pet.model import MODELS

    assert main(["pet", "models"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[1:]] == MODELS.names()


def test_mrs_fit_gives_concentrations_with_water_and_tissue(tiny_mrs, maker, tmp_path, capsys):
    data, water, basis = (tiny_mrs / name for name in (f"{SVS}_svs.nii.gz", f"{SVS}_mrsref.nii.gz", "code/basis.BASIS"))
    output, figure = tmp_path / "conc.tsv", tmp_path / "fit.png"
    words = ["mrs", "fit", str(data), "--basis", str(basis), "--water", str(water), "--gm", "0.6", "--wm", "0.3"]
    assert main([*words, "--csf", "0.1", "--output", str(output), "--figure", str(figure)]) == 0
    rows = {row["parameter"]: row for row in read_rows(output)}
    assert rows["Glu"]["unit"] == "mmol/kg"
    assert abs(float(rows["Glu"]["value"]) - maker.AMOUNTS["Glu"]) < 3 * float(rows["Glu"]["stderr"])
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "Glu" in capsys.readouterr().out


def test_mrs_fit_without_water_gives_the_coefficients_of_the_basis(tiny_mrs, tmp_path, capsys):
    output = tmp_path / "fit.tsv"
    data, basis = tiny_mrs / f"{SVS}_svs.nii.gz", tiny_mrs / "code/basis.BASIS"
    assert main(["mrs", "fit", str(data), "--basis", str(basis), "--output", str(output)]) == 0
    expected = nc.mrs.fit(nc.mrs.preprocess(nc.mrs.read(data)).spectrum, nc.mrs.read_basis(basis))
    rows = {row["parameter"]: row for row in read_rows(output)}
    assert float(rows["NAA"]["value"]) == expected["NAA"].value
    assert rows["NAA"]["unit"] == "n/a"
