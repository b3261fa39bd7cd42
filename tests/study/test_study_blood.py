"""The arterial route of a run: BIDS blood recordings to VT of known truth."""

import json
import shutil

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_study_participants import config_of
from tiny_study import truth

import neurochem as nc
from neurochem.study import run_participants
from neurochem.study.derivatives import read_rows

FENG = nc.pet.Feng(851.1, 21.9, 20.8, 4.134, 0.1191, 0.01043, t0_s=20.0)


def write_blood(folder, stem, injection_s=0.0):
    """Whole blood every second from an autosampler; plasma and parent fraction drawn by hand."""
    auto = np.concatenate([np.arange(0.0, 300.0), np.arange(300.0, 5400.0, 30.0)])
    manual = np.concatenate([np.arange(0.0, 180.0, 3.0), np.arange(180.0, 5401.0, 60.0)])
    fraction = 0.2 + 0.8 * np.exp(-manual / 1800.0)
    parent = FENG.values(manual / 60.0)
    units = {"Units": "kBq/mL"}
    tables = {
        "autosampler": {"time": auto + injection_s, "whole_blood_radioactivity": 0.7 * FENG.values(auto / 60.0)},
        "manual": {
            "time": manual + injection_s,
            "plasma_radioactivity": parent / fraction,
            "metabolite_parent_fraction": fraction,
        },
    }
    for recording, columns in tables.items():
        path = folder / f"{stem}_recording-{recording}_blood.tsv"
        rows = [
            "\t".join(columns),
            *("\t".join(map(repr, map(float, row))) for row in zip(*columns.values(), strict=True)),
        ]
        path.write_text("\n".join(rows) + "\n")
        sidecar = {
            "PlasmaAvail": recording == "manual", "MetaboliteAvail": recording == "manual",
            "WholeBloodAvail": recording == "autosampler", "DispersionCorrected": True,
            "time": {"Units": "s"}, **{name: units for name in columns if name.endswith("radioactivity")},
        }  # fmt: skip
        path.with_suffix(".json").write_text(json.dumps(sidecar))


@pytest.mark.parametrize("model", ["Logan", "MA1", "1TCM"])
def test_vt_from_all_recordings_of_a_scan(tiny_pet, tmp_path, model):
    bids = tmp_path / "bids"
    shutil.copytree(tiny_pet, bids)
    write_blood(bids / "sub-01/ses-baseline/pet", "sub-01_ses-baseline")
    config = config_of(bids, model=model, parameters=("VT",))
    report = run_participants(bids, tmp_path / "out", config=config, participants=["01"], sessions=["baseline"])
    assert [outcome.state for outcome in report.outcomes] == ["done"], report.outcomes[0].message
    rows = {row["region"]: row for row in read_rows(tmp_path / "out" / "markers.tsv")}
    # reference K1/k2 = 7.5; a target of BPND b has VT 7.5 (1 + b)
    expected = {"cerebellum": 7.5, **{name: 7.5 * (1 + value) for name, value in truth(0, 0).items()}}
    for region, vt in expected.items():
        value, se = float(rows[region]["value"]), float(rows[region]["se"])
        # one percent noise a voxel, and an input joined by lines between samples
        assert abs(value - vt) < max(4.0 * se, 0.02 * vt), (region, value, vt)
        assert rows[region]["unit"] == "mL/cm3"


def test_blood_follows_the_injection(tiny_pet, tmp_path):
    bids = tmp_path / "bids"
    shutil.copytree(tiny_pet, bids)
    folder = bids / "sub-01/ses-baseline/pet"
    sidecar = folder / "sub-01_ses-baseline_pet.json"
    record = json.loads(sidecar.read_text())
    shifted = {
        **record, "InjectionStart": 60, "ImageDecayCorrectionTime": 60,
        "FrameTimesStart": [start + 60 for start in record["FrameTimesStart"]],
    }  # fmt: skip
    values = []
    for record_used, start in ((record, 0.0), (shifted, 60.0)):
        sidecar.write_text(json.dumps(record_used))
        write_blood(folder, "sub-01_ses-baseline", start)
        out = tmp_path / f"out{start:g}"
        run_participants(bids, out, config=config_of(bids, model="MA1"), participants=["01"], sessions=["baseline"])
        values.append([float(row["value"]) for row in read_rows(out / "markers.tsv")])
    assert_allclose(values[1], values[0], rtol=1e-9)
