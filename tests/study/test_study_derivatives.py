import json
import math

import numpy as np
import pytest

import neurochem
from neurochem.naming import MARKER_COLUMNS
from neurochem.results import Axis, Estimate, FitResult
from neurochem.study import derivatives as d
from neurochem.study.provenance import command_text, write_provenance


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1 + 0.2, "0.30000000000000004"), (np.float64(1.5), "1.5"), (math.nan, "n/a"), (math.inf, "n/a"), (None, "n/a"),
     ("", "n/a"), ("a\tb\nc", "a b c"), (False, "false"), (3, "3")],
)  # fmt: skip
def test_a_cell_keeps_every_digit_and_writes_missing_as_na(value, expected):
    assert d.cell(value) == expected


def test_numbers_survive_writing_and_reading(tmp_path):
    values = [math.pi, 1e-300, -2 / 3]
    d.write_table(tmp_path / "x.tsv", [{"a": value} for value in values], descriptions={"a": {"Description": "a"}})
    assert [float(row["a"]) for row in d.read_rows(tmp_path / "x.tsv")] == values


def test_a_table_has_a_sidecar_that_describes_every_column(tmp_path):
    d.write_markers(tmp_path / "markers.tsv", [{"participant_id": "sub-01", "value": 1.5}])
    sidecar = json.loads((tmp_path / "markers.json").read_text())
    (row,) = d.read_rows(tmp_path / "markers.tsv")
    assert tuple(row) == MARKER_COLUMNS == tuple(sidecar)
    assert all(entry["Description"] for entry in sidecar.values())
    assert row["se"] == "n/a"


def test_markers_of_scans_become_one_sorted_table(tmp_path):
    for person, region in (("sub-02", "b"), ("sub-01", "b"), ("sub-01", "a")):
        folder = tmp_path / person / "ses-x" / region
        folder.mkdir(parents=True)
        row = {"participant_id": person, "session_id": "ses-x", "marker": "BPND", "region": region}
        d.write_markers(folder / f"{person}_ses-x_markers.tsv", [row])
    rows, _ = d.merge_markers(tmp_path)
    assert [(row["participant_id"], row["region"]) for row in rows] == [
        ("sub-01", "a"),
        ("sub-01", "b"),
        ("sub-02", "b"),
    ]


def test_the_dataset_says_what_made_it_and_hides_draft_names_from_the_validator(tmp_path):
    d.write_dataset_files(tmp_path, source_name="tiny")
    record = json.loads((tmp_path / "dataset_description.json").read_text())
    assert record["DatasetType"] == "derivative"
    assert record["GeneratedBy"][0]["Name"] == "neurochem"
    assert record["GeneratedBy"][0]["Version"] == neurochem.__version__
    ignored = (tmp_path / ".bidsignore").read_text().splitlines()
    assert {"*_kinpar.*", "markers.*", "*.html", "provenance.json"} <= set(ignored)


def test_fits_survive_writing_and_reading(tmp_path):
    axis = Axis(np.arange(3.0), "time", "min")
    fit = FitResult(
        "SRTM",
        "putamen",
        {"BPND": Estimate("BPND", 1.1, math.inf)},
        axis=axis,
        data=np.arange(3) / 7,
        fitted=np.zeros(3),
    )
    d.write_fits(tmp_path / "x_fit.json", [fit, fit])
    (back, _) = d.read_fits(tmp_path / "x_fit.json")
    assert back["BPND"] == fit["BPND"]
    np.testing.assert_array_equal(back.data, fit.data)


def test_provenance_keeps_both_levels_and_no_place_or_time(tmp_path):
    write_provenance(tmp_path, level="participant", command="c1", config={"pet": {"model": "SRTM"}})
    file = write_provenance(tmp_path, level="group", command="c2", config={})
    record = json.loads(file.read_text())
    assert list(record) == ["group", "participant"]
    assert record["participant"]["versions"]["numpy"] == np.__version__
    assert str(tmp_path) not in file.read_text()


def test_the_command_is_recorded_in_its_general_form():
    text = command_text("participant", participants=["sub-01", "02"], sessions=["ses-a"])
    assert text == "neurochem run BIDS_DIR OUT_DIR participant --participant-label 01 02 --session-label a"
