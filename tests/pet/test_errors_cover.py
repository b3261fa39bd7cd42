"""Standard errors and intervals against simulations of known truth."""

import numpy as np
import pytest

import neurochem as nc
from tests.pet.truth import FENG, FRAMINGS, curves

K2PRIME = 0.06
REPLICATES = 1000


def noise_sd(frames, activity):
    # counting noise: variance C exp(lambda t)/d
    rate = nc.pet.decay_constant_per_min("C11")
    floored = np.maximum(activity, 0.01 * activity.max())
    return np.sqrt(floored * np.exp(rate * frames.mid_min) / frames.duration_min)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["SRTM", "MRTM1", "MRTM2"])
@pytest.mark.parametrize("reference_voxels", [1000, 100])
def test_stderr_and_coverage_with_noise_in_target_and_reference(model, reference_voxels):
    frames = FRAMINGS["15 s to 7 min"]
    curve = FENG.convolved(0.45, K2PRIME)
    reference = curve.frame_means(frames.start_min, frames.end_min)
    target = nc.pet.simulate("SRTM", frames, {"R1": 0.95, "k2": 0.95 * K2PRIME, "BPND": 0.8}, reference=curve)
    level = 0.03 * target[24] / noise_sd(frames, target)[24]
    shared = level * np.sqrt(100 / reference_voxels)
    options = {"k2prime": K2PRIME} if model == "MRTM2" else {}
    rng = np.random.default_rng(11)
    rows = []
    for _ in range(REPLICATES):
        noisy = target + level * noise_sd(frames, target) * rng.standard_normal(len(frames))
        other = reference + shared * noise_sd(frames, reference) * rng.standard_normal(len(frames))
        tacs = curves(frames, noisy, other, isotope="C11", voxels=[reference_voxels, 100])
        estimate = nc.pet.fit(tacs, model, reference="reference", **options)["target"]["BPND"]
        low, high = estimate.interval(0.95)
        rows.append((estimate.value, estimate.stderr, low <= 0.8 <= high))
    values, errors, covered = np.array(rows).T
    # 1000 replicates: the bias is known to SD/32, coverage to 0.7 percentage points (one SD)
    assert abs(values.mean() - 0.8) < 0.012
    assert 0.90 < np.median(errors) / values.std() < 1.10
    assert 0.925 < covered.mean() < 0.97


@pytest.mark.slow
@pytest.mark.parametrize("model", ["Logan", "MA1"])
def test_stderr_of_plasma_models(model):
    frames = FRAMINGS["15 s to 7 min"]
    target = nc.pet.simulate("MA1", frames, {"K1": 0.1, "VT": 3.0}, blood=FENG)
    level = 0.02 * target[24] / noise_sd(frames, target)[24]
    rng = np.random.default_rng(12)
    rows = []
    for _ in range(REPLICATES):
        noisy = target + level * noise_sd(frames, target) * rng.standard_normal(len(frames))
        tacs = nc.pet.TimeActivityCurves(frames, noisy, regions=["target"], isotope="C11")
        estimate = nc.pet.fit(tacs, model, blood=FENG, t_star_s=900.0)["target"]["VT"]
        rows.append((estimate.value, estimate.stderr))
    values, errors = np.array(rows).T
    # Logan's slope is biased low by noise on both axes, MA1's hardly
    assert abs(values.mean() / 3.0 - 1.0) < 0.01
    assert 0.90 < np.median(errors) / values.std() < 1.10


def test_null_region_has_no_runaway():
    frames = FRAMINGS["15 s to 7 min"]
    curve = FENG.convolved(0.45, K2PRIME)
    reference = curve.frame_means(frames.start_min, frames.end_min)
    target = nc.pet.simulate("SRTM", frames, {"R1": 0.9, "k2": 0.9 * K2PRIME, "BPND": 0.0}, reference=curve)
    level = 0.03 * target[24] / noise_sd(frames, target)[24]
    rng = np.random.default_rng(13)
    values = []
    for _ in range(200):
        noisy = target + level * noise_sd(frames, target) * rng.standard_normal(len(frames))
        tacs = curves(frames, noisy, reference, isotope="C11", voxels=[100000, 100])
        estimate = nc.pet.fit(tacs, "MRTM2", reference="reference", k2prime=K2PRIME)["target"]["BPND"]
        values.append(estimate.value)
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
    assert max(values) < 0.2
