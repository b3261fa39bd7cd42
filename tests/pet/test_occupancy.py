"""Occupancy: worked numbers, errors on both axes, limits."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem.errors import InputError
from neurochem.figures import new_axes
from neurochem.pet.lassen import draw_lassen, lassen
from neurochem.pet.occupancy import draw_occupancy_curve, occupancy_curve, ratio_occupancy, regional_occupancy
from neurochem.pet.straight_line import line_with_errors_in_both
from neurochem.results import Estimate, FitResult, ResultSet

BASE = np.array([8.2, 6.9, 5.5, 4.4, 3.9, 3.1])
DRUG = np.array([3.6, 3.4, 3.0, 2.75, 2.6, 2.45])


def fits(parameter: str, values, errors) -> ResultSet:
    return ResultSet(
        {
            f"r{i}": FitResult("MA1", f"r{i}", {parameter: Estimate(parameter, value, error)})
            for i, (value, error) in enumerate(zip(values, errors, strict=True))
        }
    )


def test_ratio_occupancy_to_printed_digits():
    result = ratio_occupancy(1.60, 0.36, baseline_stderr=0.08, drug_stderr=0.05)
    assert_allclose(result.value, 0.775, rtol=1e-12)
    assert_allclose(result.stderr, 0.033213, atol=5.1e-7)


def test_fieller_limits_solve_their_equation():
    low, high = ratio_occupancy(1.60, 0.36, baseline_stderr=0.08, drug_stderr=0.05, correlation=0.3).interval()
    shared = 0.3 * 0.08 * 0.05
    for limit in (low, high):
        ratio = 1.0 - limit
        distance = (0.36 - ratio * 1.60) / math.sqrt(0.05**2 - 2 * ratio * shared + ratio**2 * 0.08**2)
        assert_allclose(abs(distance), 1.959964, rtol=1e-6)
    assert low < 0.775 < high


def test_a_baseline_that_may_be_zero_bounds_nothing():
    assert ratio_occupancy(0.1, 0.05, baseline_stderr=0.08, drug_stderr=0.05).interval() == (-math.inf, math.inf)


def test_occupancy_without_errors_has_none():
    result = ratio_occupancy(2.0, 2.5)
    assert result.value == -0.25
    assert math.isnan(result.stderr)
    assert result.stderr_kind == "none"


def test_every_shared_region_gets_its_occupancy():
    before = fits("BPND", [2.0, 1.0, 0.5], [0.1, 0.1, 0.1])
    after = fits("BPND", [0.5, 0.4], [0.05, 0.05])
    found = regional_occupancy(before, after)
    assert list(found) == ["r0", "r1"]
    assert_allclose([found["r0"]["occupancy"].value, found["r1"]["occupancy"].value], [0.75, 0.6])
    with pytest.raises(InputError, match="share no region"):
        regional_occupancy(before, fits("BPND", [], []))


def test_lassen_by_least_squares_to_printed_digits():
    fit = lassen(BASE, DRUG, method="ols")
    assert_allclose(fit["occupancy"].value, 0.764595, atol=5.1e-7)
    assert_allclose(fit["occupancy"].stderr, 0.009605, atol=5.1e-7)
    assert_allclose(fit["VND"].value, 2.238014, atol=5.1e-7)


@pytest.mark.parametrize("method", ["york", "ols"])
def test_exact_points_give_exact_occupancy(method):
    fit = lassen([9.0, 12.0, 16.0, 22.0, 30.0], [8.25, 9.0, 10.0, 11.5, 13.5], method=method)
    assert_allclose([fit["occupancy"].value, fit["VND"].value], [0.75, 8.0], rtol=1e-12)
    assert_allclose(fit.fitted, fit.data, rtol=1e-12)


def test_equal_errors_are_orthogonal_regression():
    line = line_with_errors_in_both(BASE, DRUG, None, None)
    centred = np.column_stack([BASE - BASE.mean(), DRUG - DRUG.mean()])
    direction = np.linalg.svd(centred)[2][0]
    assert_allclose(line.slope, direction[1] / direction[0], rtol=1e-10)


def test_tiny_errors_on_x_are_weighted_least_squares():
    errors = np.array([0.1, 0.2, 0.1, 0.3, 0.1, 0.2])
    line = line_with_errors_in_both(BASE, DRUG, np.full(6, 1e-8), errors)
    slope, intercept = np.polyfit(BASE, DRUG, 1, w=1 / errors)
    assert_allclose([line.slope, line.intercept], [slope, intercept], rtol=1e-10)
    design = np.column_stack([np.ones(6), BASE]) / errors[:, None]
    expected = np.linalg.inv(design.T @ design) * max(1.0, line.reduced_chisq)
    assert_allclose(line.covariance, expected, rtol=1e-8)


def test_pearson_data_with_york_weights():
    # Pearson's points with York's weights; the published solution is slope -0.480533407, intercept 5.47991022
    x = np.array([0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
    y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
    w_x = np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1.0])
    w_y = np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    line = line_with_errors_in_both(x, y, w_x**-0.5, w_y**-0.5)
    assert_allclose([line.slope, line.intercept], [-0.480533407, 5.47991022], rtol=1e-8)
    raw = np.sqrt(np.diag(line.covariance) / line.reduced_chisq)
    assert_allclose(raw, [0.29497, 0.057985], rtol=1e-3)


def test_regions_and_errors_come_from_fits():
    s = np.full(6, 0.1)
    fit = lassen(fits("VT", BASE, s), fits("VT", DRUG, s))
    other = lassen(BASE, DRUG, baseline_stderr=s, drug_stderr=s)
    assert_allclose(fit["VND"].value, other["VND"].value, rtol=1e-12)
    assert fit.settings["regions"][0] == "r0"
    assert fit["VND"].unit == "mL/cm3"


def test_no_occupancy_determines_no_vnd():
    rng = np.random.default_rng(3)
    fit = lassen(BASE, BASE + 0.05 * rng.standard_normal(6))
    assert "vnd_not_determined" in [flag.name for flag in fit.flags]


@pytest.mark.parametrize("method", ["york", "ols"])
def test_the_same_scan_twice_is_no_occupancy_and_no_volume(method):
    fit = lassen(BASE, BASE, method=method)
    assert abs(fit["occupancy"].value) < 1e-12
    assert fit["VND"].interval() == (-math.inf, math.inf)
    assert "vnd_not_determined" in [flag.name for flag in fit.flags]
    draw_lassen(fit)


def test_no_effect_at_any_dose_leaves_ec50_open():
    fit = occupancy_curve([1.0, 2.0, 5.0, 10.0], [0.0, 0.0, 0.0, 0.0])
    assert fit["Emax"].value == 0.0
    assert math.isinf(fit["EC50"].stderr)
    assert [flag.name for flag in fit.flags] == ["not_identified"]


def test_scatter_beyond_the_errors_is_told_and_widens_them():
    small = np.full(6, 0.001)
    fit = lassen(BASE, DRUG, baseline_stderr=small, drug_stderr=small)
    free = lassen(BASE, DRUG)
    assert "excess_scatter" in [flag.name for flag in fit.flags]
    assert_allclose(fit["occupancy"].stderr, free["occupancy"].stderr, rtol=1e-9)


def test_emax_curve_to_printed_digits():
    fit = occupancy_curve([2, 5, 10, 20, 40, 80], [0.21, 0.40, 0.55, 0.67, 0.76, 0.81], unit="ng/mL")
    assert_allclose([fit["Emax"].value, fit["Emax"].stderr], [0.872881, 0.004961], atol=5.1e-7)
    assert_allclose([fit["EC50"].value, fit["EC50"].stderr], [5.999018, 0.129174], atol=5.1e-7)
    assert fit["EC50"].unit == "ng/mL"
    assert_allclose(fit.combine("sum", {"Emax": 1.0}).stderr, fit["Emax"].stderr)


def test_emax_can_be_fixed():
    dose = np.array([0.0, 1.0, 3.0, 10.0, 30.0])
    fit = occupancy_curve(dose, dose / (4.0 + dose), maximum=1.0)
    assert fit["Emax"].fixed
    assert_allclose(fit["EC50"].value, 4.0, rtol=1e-8)
    scaled = occupancy_curve(1000.0 * dose, dose / (4.0 + dose), maximum=1.0)
    assert_allclose(scaled["EC50"].value, 4000.0, rtol=1e-8)


def test_doses_that_do_not_bracket_ec50_are_flagged():
    fit = occupancy_curve([1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4])
    assert fit["EC50"].at_bound
    assert fit.flags[0].name == "edge"


def test_bad_input_says_what_to_do():
    with pytest.raises(InputError, match="baseline that is not zero"):
        ratio_occupancy(0.0, 1.0)
    with pytest.raises(InputError, match="correlation is 2"):
        ratio_occupancy(1.0, 0.5, correlation=2)
    with pytest.raises(InputError, match="three or more"):
        lassen([1.0, 2.0], [0.5, 1.0])
    with pytest.raises(InputError, match="'york'"):
        lassen(BASE, DRUG, method="deming")
    with pytest.raises(InputError, match="drug_stderr"):
        lassen(BASE, DRUG, baseline_stderr=np.ones(6))
    with pytest.raises(InputError, match="regions that differ"):
        lassen(np.full(6, 3.0), DRUG)
    with pytest.raises(InputError, match="region 2"):
        lassen([1.0, np.nan, 3.0], [1.0, 1.0, 1.0])
    with pytest.raises(InputError, match="must not be negative"):
        occupancy_curve([-1.0, 2.0, 3.0], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="needs 3 points"):
        occupancy_curve([1.0, 1.0, 1.0], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="stderr must be 3"):
        occupancy_curve([1.0, 2.0, 3.0], [0.1, 0.2, 0.3], stderr=[0.1])


def test_plots_draw_into_the_axes_they_are_given():
    ax = new_axes()
    assert draw_lassen(lassen(BASE, DRUG, regions=list("abcdef")), ax) is ax
    assert ax.get_xlabel() == "VT at baseline (mL/cm3)"
    curve = new_axes()
    assert draw_occupancy_curve(occupancy_curve([2, 5, 10, 20], [0.2, 0.4, 0.5, 0.6]), curve) is curve
    assert curve.get_xlabel() == "dose (mg)"
    with pytest.raises(InputError, match="lassen"):
        draw_lassen(occupancy_curve([2, 5, 10, 20], [0.2, 0.4, 0.5, 0.6]))


@pytest.mark.slow
def test_york_covers_where_least_squares_is_biased():
    rng = np.random.default_rng(9)
    truth, vnd, runs = 0.6, 2.0, 3000
    base = np.linspace(3.0, 7.0, 12)
    drug = base - truth * (base - vnd)
    sd_base, sd_drug = 0.10 * base, 0.05 * drug
    rows, plain = [], []
    for _ in range(runs):
        a, b = base + sd_base * rng.standard_normal(12), drug + sd_drug * rng.standard_normal(12)
        fit = lassen(a, b, baseline_stderr=sd_base, drug_stderr=sd_drug)
        low, high = fit["occupancy"].interval()
        below, above = fit["VND"].interval()
        rows.append((fit["occupancy"].value, fit["occupancy"].stderr, low <= truth <= high, below <= vnd <= above))
        plain.append(lassen(a, b, method="ols")["occupancy"].value)
    value, error, covered, covered_vnd = np.array(rows).T
    # errors on x of a fifth of the spread of x skew the slope; 0.2 SD is the bias allowed to every noisy simulation here
    assert abs(value.mean() - truth) < 0.2 * value.std()
    # never narrowing given errors makes them conservative by a few percent; one SD of the coverage is 0.4 points
    assert 0.95 < error.mean() / value.std() < 1.25
    assert 0.94 < covered.mean() < 0.985
    assert 0.93 < covered_vnd.mean() < 0.985
    assert abs(np.mean(plain) - truth) > 3 * abs(value.mean() - truth)
