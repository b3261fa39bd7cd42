"""Profile-likelihood and bootstrap intervals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.intervals import bootstrap_interval, profile_interval
from tests.pet.truth import FENG, FRAMINGS, curves, reference_curve

FRAMES = FRAMINGS["15 s to 7 min"]
CURVE = reference_curve()
REFERENCE = CURVE.frame_means(FRAMES.start_min, FRAMES.end_min)


def noisy(bpnd: float, level: float, seed: int = 1, **keywords):
    target = nc.pet.simulate("SRTM", FRAMES, {"R1": 1.1, "k2": 0.11, "BPND": bpnd}, reference=CURVE)
    rng = np.random.default_rng(seed)
    return curves(FRAMES, target * (1 + level * rng.standard_normal(len(FRAMES))), REFERENCE, **keywords)


@pytest.fixture(scope="module")
def tacs():
    return noisy(2.0, 0.05, isotope="C11")


@pytest.fixture(scope="module")
def profile(tacs):
    return profile_interval(tacs, "SRTM", "target", "BPND", reference=CURVE)


def test_limits_are_where_the_sum_of_squares_crosses(tacs, profile):
    best = nc.pet.fit(tacs, "SRTM", reference=CURVE)["target"]
    weights, data = best.weights, tacs["target"]
    threshold = 1.0 + stats.f.ppf(0.95, 1, best.diagnostics["dof"]) / best.diagnostics["dof"]

    def rss(bpnd):
        # k2 alone is searched; R1 and the slow amplitude are not free of each other once BPND is held
        def cost(p):
            model = nc.pet.simulate("SRTM", FRAMES, {"R1": p[0], "k2": p[1], "BPND": bpnd}, reference=CURVE)
            return np.sqrt(weights) * (model - data)

        return 2.0 * optimize.least_squares(cost, [1.1, 0.11], xtol=1e-12, ftol=1e-12).cost

    for limit in profile.interval():
        # the crossing was sought to 1e-4 of half the interval
        assert_allclose(rss(limit) / best.diagnostics["rss"], threshold, rtol=1e-4)


def test_the_estimate_stays_and_says_its_kind(tacs, profile):
    best = nc.pet.fit(tacs, "SRTM", reference=CURVE)["target"]["BPND"]
    assert profile.value == best.value
    assert profile.stderr == best.stderr
    assert profile.stderr_kind == "profile"
    assert profile.limits[0][0] == 0.95


def test_little_noise_makes_the_profile_the_interval_of_the_standard_error():
    quiet = noisy(2.0, 1e-3, isotope=None)
    # uniform weights and relative noise disagree; weights of the noise make the two intervals comparable
    weights = 1.0 / np.maximum(quiet["target"], 1e-6) ** 2
    found = profile_interval(quiet, "SRTM", "target", "BPND", reference=CURVE, weights=weights)
    best = nc.pet.fit(quiet, "SRTM", reference=CURVE, weights=weights)["target"]["BPND"]
    # the curvature adds a part of the order of the relative error
    assert_allclose(found.interval(), best.interval(), atol=0.02 * best.stderr)


@pytest.mark.parametrize(("derived", "base", "convert"), [("DVR", "BPND", lambda v: v + 1.0)])
def test_a_derived_parameter_has_the_interval_of_its_base(tacs, profile, derived, base, convert):
    found = profile_interval(tacs, "SRTM", "target", derived, reference=CURVE)
    assert_allclose(found.interval(), [convert(value) for value in profile.interval()], rtol=1e-4)


def test_the_volume_of_a_one_tissue_fit_has_a_profile():
    target = nc.pet.simulate("MA1", FRAMES, {"K1": 0.1, "VT": 3.0}, blood=FENG)
    target = target * (1 + 0.03 * np.random.default_rng(2).standard_normal(len(FRAMES)))
    scan = nc.pet.TimeActivityCurves(FRAMES, target, regions=["region"], isotope="C11")
    found = profile_interval(scan, "1TCM", "region", "VT", blood=FENG)
    low, high = found.interval()
    assert low < found.value < high
    assert 0.8 < (high - low) / (2 * stats.t.ppf(0.975, found.dof) * found.stderr) < 1.25


def test_a_rate_that_may_be_zero_ends_at_zero_and_not_below():
    # a region without binding hardly shows its washout; the standard error would allow a negative rate
    flat = noisy(0.0, 0.10, seed=6, isotope="C11")
    assert nc.pet.fit(flat, "SRTM", reference=CURVE)["target"]["k2"].interval()[0] < 0
    low, high = profile_interval(flat, "SRTM", "target", "k2", reference=CURVE).interval()
    assert low == 0.0
    assert high > 0.1


def test_the_bootstrap_agrees_with_the_standard_error(tacs):
    found = bootstrap_interval(
        tacs, "SRTM", "target", "BPND", rng=np.random.default_rng(3), replicates=300, reference="reference"
    )
    best = nc.pet.fit(tacs, "SRTM", reference="reference")["target"]["BPND"]
    assert found.stderr_kind == "bootstrap"
    assert found.value == best.value
    # 300 replicates: the SD is known to 4 %, the level of noise of 24 pilots to 3 %
    assert 0.85 < found.stderr / best.stderr < 1.15
    low, high = found.interval()
    assert 0.8 < (high - low) / (2 * 1.96 * found.stderr) < 1.25


@pytest.mark.parametrize(("model", "options"), [("MRTM1", {}), ("MRTM2", {"k2prime": 0.1}), ("SRTM2", {})])
def test_models_that_predict_a_curve_can_be_bootstrapped(tacs, model, options):
    found = bootstrap_interval(
        tacs, model, "target", "BPND", rng=np.random.default_rng(3), replicates=100, reference="reference", **options
    )
    low, high = found.interval()
    assert low < found.value < high


def test_the_bootstrap_follows_its_generator(tacs):
    first, second = (
        bootstrap_interval(
            tacs, "SRTM", "target", "BPND", rng=np.random.default_rng(8), replicates=100, reference="reference"
        ).limits
        for _ in range(2)
    )
    assert first == second


def test_bad_input_says_what_to_do(tacs):
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="MRTM1 is linear"):
        profile_interval(tacs, "MRTM1", "target", "BPND", reference=CURVE)
    with pytest.raises(UnknownNameError, match="estimate of SRTM"):
        profile_interval(tacs, "SRTM", "target", "VT", reference=CURVE)
    with pytest.raises(InputError, match="level is 95"):
        profile_interval(tacs, "SRTM", "target", "BPND", level=95, reference=CURVE)
    with pytest.raises(InputError, match="need 100 or more"):
        bootstrap_interval(tacs, "SRTM", "target", "BPND", rng=rng, replicates=10, reference=CURVE)
    with pytest.raises(InputError, match="do not determine a curve"):
        bootstrap_interval(tacs, "LoganRef", "target", "BPND", rng=rng, reference="reference", k2prime=0.1)
    empty = curves(FRAMES, np.zeros(len(FRAMES)), REFERENCE)
    with pytest.raises(InputError, match="has no fit"):
        profile_interval(empty, "SRTM", "target", "BPND", reference=CURVE)


@pytest.mark.slow
def test_profile_intervals_cover():
    rng = np.random.default_rng(12)
    target = nc.pet.simulate("SRTM", FRAMES, {"R1": 1.1, "k2": 0.11, "BPND": 2.0}, reference=CURVE)
    sd = np.sqrt(np.maximum(target, 0.01 * target.max()) / FRAMES.duration_min)
    sd *= 0.05 * target[24] / sd[24]
    weights = 1.0 / sd**2
    covered = []
    for _ in range(80):
        scan = curves(FRAMES, target + sd * rng.standard_normal(len(FRAMES)), REFERENCE)
        found = profile_interval(scan, "SRTM", "target", "BPND", reference="reference", weights=weights)
        low, high = found.interval()
        covered.append(low <= 2.0 <= high)
    # 80 runs know the coverage to 2.4 percentage points (one SD); three of them are allowed
    assert abs(np.mean(covered) - 0.95) < 0.073
