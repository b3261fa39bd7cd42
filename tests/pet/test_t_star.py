"""The scan of t*."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import neurochem as nc
from neurochem.errors import InputError, UnknownNameError
from neurochem.figures import new_axes
from neurochem.pet.t_star import draw_t_star, scan_t_star
from tests.pet.truth import FENG, FRAMINGS, curves, reference_curve

FRAMES = FRAMINGS["15 s to 7 min"]


def two_tissue(k1=0.3, k2=0.1, k3=0.12, k4=0.04):
    """Frame means of a two-tissue region as the sum of two one-tissue curves (VT 12)."""
    total = k2 + k3 + k4
    fast = 0.5 * (total + np.sqrt(total**2 - 4 * k2 * k4))
    slow = k2 * k4 / fast
    shares = k1 * np.array([k3 + k4 - slow, fast - k3 - k4]) / (fast - slow)
    parts = [
        nc.pet.simulate("MA1", FRAMES, {"K1": share, "k2": rate}, blood=FENG)
        for share, rate in zip(shares, (slow, fast), strict=True)
    ]
    return nc.pet.TimeActivityCurves(FRAMES, parts[0] + parts[1], regions=["two-tissue"])


@pytest.fixture(scope="module")
def plasma_scan():
    return scan_t_star(two_tissue(), "Logan", blood=FENG)


def test_every_start_is_the_fit_with_that_start(plasma_scan):
    fit = nc.pet.fit(two_tissue(), "Logan", blood=FENG, t_star_s=float(plasma_scan.t_star_s[12]))["two-tissue"]
    assert plasma_scan.value[0, 12] == fit["VT"].value
    assert plasma_scan.stderr[0, 12] == fit["VT"].stderr
    assert plasma_scan.points[12] == fit.used.sum()


def test_a_two_tissue_region_drifts_up_to_its_volume(plasma_scan):
    late = plasma_scan.value[0, 12:]
    assert (np.diff(late) > 0).all()
    assert late[-1] < 12.0
    # the slope is 2 % low at 50 min: a property of the method, not of the arithmetic
    assert_allclose(late[-1], 12.0, rtol=0.02)


def test_the_rule_is_that_of_a_fit_without_a_start(plasma_scan):
    fit = nc.pet.fit(two_tissue(), "Logan", blood=FENG)["two-tissue"]
    index = int(np.flatnonzero(plasma_scan.t_star_s == plasma_scan.earliest_s())[0])
    later = plasma_scan.t_star_s >= fit.settings["t_star_s"]
    # the rule of fits starts at the peak of the input; both agree from there on
    assert plasma_scan.largest_residual[0, later][0] <= 0.10
    assert plasma_scan.largest_residual[0, index] <= 0.10
    assert (plasma_scan.largest_residual[0, :index] > 0.10).all()


def test_a_limit_that_nothing_keeps_gives_no_start(plasma_scan):
    assert np.isnan(plasma_scan.earliest_s(limit=1e-9))


def test_one_tissue_reference_curves_are_linear_from_the_start():
    reference = reference_curve()
    target = nc.pet.simulate("SRTM", FRAMES, {"R1": 1.1, "k2": 0.11, "BPND": 2.0}, reference=reference)
    tacs = curves(FRAMES, target, reference.frame_means(FRAMES.start_min, FRAMES.end_min))
    scan = scan_t_star(tacs, "LoganRef", reference="reference", k2prime=0.1, starts_s=[0, 600, 1200, 2400, 3600])
    assert_allclose(scan.value[0], 2.0, rtol=2e-4)
    assert scan.parameter == "BPND"
    table = scan.to_frame()
    assert list(table["t_star_s"]) == [0, 600, 1200, 2400, 3600]
    assert set(table["region"]) == {"target"}


def test_the_plot_marks_the_start(plasma_scan):
    ax = new_axes()
    assert draw_t_star(plasma_scan, ax, limit=0.05) is ax
    assert ax.get_ylabel() == "VT (mL/cm3)"
    assert f"{plasma_scan.earliest_s(limit=0.05) / 60:.3g} min" in ax.get_title()
    assert "not found" in plasma_scan.plot(limit=1e-9).get_title()


def test_bad_input_says_what_to_do():
    with pytest.raises(UnknownNameError, match=r"model with a t\*"):
        scan_t_star(two_tissue(), "SRTM", reference="two-tissue")
    with pytest.raises(UnknownNameError, match="estimate of Logan"):
        scan_t_star(two_tissue(), "Logan", blood=FENG, parameter="BPND")
    short = nc.pet.TimeActivityCurves(FRAMES.select([0, 1, 2, 3]), np.ones(4), regions=["a"])
    with pytest.raises(InputError, match="longer series"):
        scan_t_star(short, "Logan", blood=FENG)
