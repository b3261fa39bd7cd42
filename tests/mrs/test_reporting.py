"""The MRSinMRS table: filled from what is known, gaps marked."""

import numpy as np
import pytest

from neurochem import mrs
from neurochem.errors import InputError, UnknownNameError
from neurochem.mrs.reporting import FIELDS, NOT_STATED, report_mrsinmrs
from tests.mrs.conftest import DWELL_S, LARMOR_MHZ, POINTS, TISSUE, TRUTH

HEADER = {
    "Manufacturer": "Maker", "ManufacturersModelName": "Model 3T", "SoftwareVersions": "R5.7", "RxCoil": "32-channel head",
    "MagneticFieldStrength": 3.0, "SequenceName": "press", "WaterSuppressed": True, "TxOffset": -2.3,
}  # fmt: skip


@pytest.fixture(scope="module")
def scan(basis):
    rng = np.random.default_rng(3)
    clean = mrs.simulate(basis, TRUTH, lorentz_hz=4, tissue=TISSUE, repetition_time_s=2.0)
    fids = clean.fid + 0.5 * (rng.standard_normal((8, POINTS)) + 1j * rng.standard_normal((8, POINTS)))
    return mrs.Acquisition(
        fids, dims=("DIM_DYN", "time"), dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=0.030, repetition_time_s=2.0,
        header=HEADER,
    )  # fmt: skip


def values(report):
    return {name: (value, source) for _, name, value, source in report.rows}


def test_every_field_is_there_and_an_empty_report_is_all_gaps():
    report = report_mrsinmrs()
    assert [row[1] for row in report.rows] == [name for fields in FIELDS.values() for name in fields]
    assert all(value == NOT_STATED for _, _, value, _ in report.rows)
    assert len(report.missing) == len(report.rows)


def test_headers_fill_hardware_and_acquisition(scan):
    found = values(report_mrsinmrs(scan))
    assert found["manufacturer"] == ("Maker", "header")
    assert found["field strength"] == ("3.0 T", "header")
    assert found["TE"][0] == "30 ms"
    assert found["averages"][0] == "8"
    assert found["spectral width"][0] == "2000 Hz"
    assert found["water suppression"][0].startswith("yes")
    assert found["shim method"][0] == NOT_STATED
    assert found["voxel size"][0] == NOT_STATED


def test_a_field_strength_that_was_computed_says_so(scan):
    bare = scan.with_data(scan.data, scan.dims, header={})
    value, _ = values(report_mrsinmrs(bare))["field strength"]
    assert value.startswith("3.00 T (computed from 127.73 MHz)")


def test_steps_and_fit_fill_the_rest(scan, basis, water):
    clean = mrs.preprocess(scan, water=water)
    conc = mrs.quantify(mrs.fit(clean.spectrum, basis), water=water, tissue=TISSUE)
    report = report_mrsinmrs(scan, clean=clean, fit=conc, extra={"shim method": "FAST(EST)MAP"})
    found = values(report)
    for step in clean.steps:
        assert step.what in found["processing steps"][0]
    assert "gm 0.600" in found["reference and assumptions"][0]
    assert "default 3 T" in found["reference and assumptions"][0]
    assert found["output measure"] == ("molal (mmol/kg)", "quantification")
    assert found["shim method"] == ("FAST(EST)MAP", "given")
    assert f"{conc.diagnostics['fwhm_hz']:.1f} Hz" in found["linewidth"][0]
    assert "Glu" in found["uncertainty"][0]
    assert {"acquisition: motion correction", "quality: exclusion criteria"} <= set(report.missing)


def test_markdown_tsv_and_frame_hold_the_same_table(scan, tmp_path):
    report = report_mrsinmrs(scan, extra={"additional hardware": "pads | straps\nnone else"})
    frame = report.to_frame()
    assert list(frame.columns) == ["section", "field", "value", "source"]
    text = report.save(tmp_path / "report.tsv").read_text().splitlines()
    assert len(text) == len(frame) + 1
    assert all(len(line.split("\t")) == 4 for line in text)
    markdown = report.save(tmp_path / "report.md").read_text().splitlines()
    assert len(markdown) == len(frame) + 2
    assert r"pads \| straps none else" in report.to_markdown()
    with pytest.raises(InputError, match=r"\.md or \.tsv"):
        report.save(tmp_path / "report.docx")


def test_a_field_that_is_not_in_the_table_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'shim method'"):
        report_mrsinmrs(extra={"shim methods": "x"})


def test_voxel_comes_from_the_header_of_any_format(scan):
    rows = ((26.0, 0.0, 0.0, -1.6), (0.0, 21.0, 17.0, -35.6), (0.0, -15.0, 25.0, 30.3), (0.0, 0.0, 0.0, 1.0))
    found = values(report_mrsinmrs(scan.with_data(scan.data, scan.dims, header={"affine": rows})))
    assert found["voxel size"] == ("26 x 25.8 x 30.2 mm (20.3 mL)", "header")
    assert (
        found["voxel location"][0]
        == "centre at left 2, posterior 36, superior 30 mm of the scanner's centre; region not stated"
    )


def test_voxel_size_comes_from_the_file(tmp_path, scan):
    import nibabel

    path = mrs.write(scan, tmp_path / "x_svs.nii.gz")
    image = nibabel.load(path)
    affine = np.diag([20.0, 25.0, 30.0, 1.0])
    image.set_sform(affine)
    image.set_qform(affine)
    moved = tmp_path / "placed_svs.nii.gz"
    nibabel.save(image, moved)
    value, _ = values(report_mrsinmrs(mrs.read(moved)))["voxel size"]
    assert value == "20 x 25 x 30 mm (15 mL)"
