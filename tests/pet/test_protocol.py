"""Simulated protocols."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem.errors import InputError, UnknownNameError
from neurochem.figures import new_axes
from neurochem.pet.protocol import Protocol, draw_protocol, simulate_protocol
from tests.pet.truth import FENG, FRAMINGS, reference_curve

FRAMES = FRAMINGS["15 s to 7 min"]
TRUTH = {
    "midbrain": {"R1": 0.85, "k2prime": 0.06, "BPND": 3.2},
    "thalamus": {"R1": 1.05, "k2prime": 0.06, "BPND": 1.9},
}
MODELS = {"MRTM2": {"k2prime": 0.06}, "SRTM": {}}


def protocol(**keywords) -> Protocol:
    return Protocol(FRAMES, "MRTM2", TRUTH, reference_curve(0.06, 0.45), **keywords)


@pytest.fixture(scope="module")
def table():
    return simulate_protocol(
        protocol(cv=0.02), MODELS, rng=np.random.default_rng(1), ends_s=[3720.0, 5400.0], replicates=60
    )


def test_the_named_frame_has_the_named_noise():
    made = protocol(cv=0.02, cv_at_s=3000.0, reference_voxels=4.0)
    frame = int(np.flatnonzero((FRAMES.start_s <= 3000) & (FRAMES.end_s > 3000))[0])
    assert_allclose(made.sd[frame, 1] / made.curves[frame, 1], 0.02, rtol=1e-12)
    rng = np.random.default_rng(2)
    scans = np.array([made.scan(rng).activity for _ in range(2000)])
    # 2000 scans know a standard deviation to 1.6 %
    assert_allclose(scans.std(axis=0)[5:], made.sd[5:], rtol=0.08)
    assert_allclose(scans.mean(axis=0)[5:], made.curves[5:], rtol=0.01)
    # variance goes with activity: equal activity would give half the noise in four times the voxels
    ratio = made.sd[frame, 0] / made.sd[frame, 1]
    assert_allclose(ratio, 0.5 * math.sqrt(made.curves[frame, 0] / made.curves[frame, 1]), rtol=1e-12)


def test_late_frames_are_noisier_by_their_decay():
    made = protocol(cv=0.02)
    late, early = 29, 26
    expected = math.sqrt(
        made.curves[late, 1] * 2 ** ((FRAMES.mid_min[late] - FRAMES.mid_min[early]) / 20.3402) / made.curves[early, 1]
    )
    assert_allclose(made.sd[late, 1] / made.sd[early, 1], expected, rtol=1e-6)


def test_a_shorter_scan_costs_spread(table):
    rows = {(row.region, row.model, round(row.end_min)): row for row in table.rows}
    for region in TRUTH:
        for model in MODELS:
            assert rows[region, model, 62].sd > 1.1 * rows[region, model, 90].sd
    assert rows["midbrain", "SRTM", 90].sd > rows["midbrain", "MRTM2", 90].sd
    assert len(table.rows) == 8


def test_rows_are_consistent(table):
    for row in table.rows:
        assert row.fits == 60
        assert_allclose(row.rmse**2, row.bias**2 + row.sd**2 * 59 / 60, rtol=1e-9)
        assert_allclose(row.bias_percent, 100 * row.bias / row.truth, rtol=1e-12)
        assert abs(row.bias) < 0.5 * row.sd
        # 60 scans know the spread to 9 %
        assert 0.7 < row.stderr / row.sd < 1.35
        assert row.coverage > 0.85
    frame = table.to_frame()
    assert list(frame["parameter"].unique()) == ["BPND"]


def test_hardly_any_noise_leaves_hardly_any_error():
    made = protocol(cv=1e-5, reference_voxels=math.inf)
    quiet = simulate_protocol(made, ["SRTM"], rng=np.random.default_rng(1), replicates=20, parameter="DVR")
    for row in quiet.rows:
        assert abs(row.bias) < 1e-3
        assert row.truth in {4.2, 2.9}


def test_plasma_models_take_the_input_as_it_is():
    made = Protocol(FRAMES, "1TCM", {"region": {"K1": 0.1, "k2": 0.05}}, FENG, cv=0.02)
    found = simulate_protocol(made, {"1TCM": {}}, rng=np.random.default_rng(4), replicates=20, parameter="VT")
    row = found.rows[0]
    assert row.truth == 2.0
    assert row.unit == "mL/cm3"
    assert abs(row.bias) < row.sd


def test_the_same_generator_gives_the_same_table():
    first, second = (
        simulate_protocol(protocol(), ["MRTM1"], rng=np.random.default_rng(5), replicates=20).rows for _ in range(2)
    )
    assert first == second


def test_bad_input_says_what_to_do():
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="a fraction"):
        protocol(cv=0.0)
    with pytest.raises(InputError, match="in no frame"):
        protocol(cv_at_s=6000.0)
    with pytest.raises(UnknownNameError, match="isotope"):
        protocol(isotope="Ga68")
    with pytest.raises(InputError, match="20 or more"):
        simulate_protocol(protocol(), ["SRTM"], rng=rng, replicates=5)
    with pytest.raises(UnknownNameError, match="estimate of SRTM"):
        simulate_protocol(protocol(), ["SRTM"], rng=rng, parameter="VT")
    with pytest.raises(UnknownNameError, match="true parameter of 'midbrain'"):
        simulate_protocol(protocol(), ["SRTM"], rng=rng, parameter="k2a")
    with pytest.raises(InputError, match="whole frames"):
        simulate_protocol(protocol(), ["SRTM"], rng=rng, ends_s=[40.0])


def test_the_plot_shows_every_model(table):
    ax = new_axes()
    assert draw_protocol(table, ax, region="thalamus") is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["MRTM2", "SRTM"]
    with pytest.raises(UnknownNameError, match="unknown region"):
        draw_protocol(table, region="nowhere")


@pytest.mark.slow
def test_stated_errors_are_honest_in_a_usual_protocol():
    found = simulate_protocol(protocol(cv=0.02), MODELS, rng=np.random.default_rng(6), replicates=600)
    for row in found.rows:
        # 600 scans know the spread to 2.9 % and the coverage to 0.9 percentage points (one SD)
        assert 0.9 < row.stderr / row.sd < 1.1
        assert abs(row.coverage - 0.95) < 0.03
        assert abs(row.bias) < 0.2 * row.sd
