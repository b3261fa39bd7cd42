"""Test-retest statistics against worked numbers, limits and simulation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem.errors import InputError
from neurochem.pet import reliability

FIRST = np.array([1.50, 1.32, 1.71, 1.44, 1.60, 1.25])
SECOND = np.array([1.56, 1.30, 1.62, 1.49, 1.66, 1.21])


def test_worked_numbers_to_all_digits():
    fit = reliability.retest_reliability(FIRST, SECOND)
    expected = {
        "ICC11": 0.946622, "ICC21": 0.946341, "ICC31": 0.936494, "SEM": 0.040620, "wsCV": 2.760149,
        "RC": 0.112591, "AbsVar": 3.533279, "LoA_low": -0.119797, "LoA_high": 0.126463,
    }  # fmt: skip
    # worked numbers are printed to six decimals
    for name, value in expected.items():
        assert_allclose(fit[name].value, value, atol=5.1e-7, rtol=0)
    assert_allclose(fit["ICC11"].interval(0.95), (0.717942, 0.992171), atol=5.1e-7)
    assert_allclose(fit.diagnostics["ms_between"], 0.06017333, atol=5.1e-9)
    assert_allclose(fit.diagnostics["ms_within"], 0.00165, atol=5.1e-9)
    assert_allclose(fit["bias"].value, np.mean(SECOND - FIRST), rtol=1e-12)


def test_a_published_example_of_three_raters_and_more():
    # Shrout and Fleiss 1979, table 2: six targets, four judges
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    fit = reliability.retest_reliability(ratings)
    # printed to two decimals
    assert_allclose([fit["ICC11"].value, fit["ICC21"].value, fit["ICC31"].value], [0.17, 0.29, 0.71], atol=0.0051)
    # McGraw and Wong's intervals as other software prints them for these ratings
    assert_allclose(fit["ICC11"].interval(), (-0.133, 0.723), atol=5.1e-4)
    assert_allclose(fit["ICC21"].interval(), (0.019, 0.761), atol=5.1e-4)
    assert_allclose(fit["ICC31"].interval(), (0.342, 0.946), atol=5.1e-4)
    assert "AbsVar" not in fit


def test_scaling_scales_what_has_a_unit():
    fit, other = (reliability.retest_reliability(f * FIRST, f * SECOND, unit="mL/cm3") for f in (1.0, 1000.0))
    for name in ("ICC11", "ICC21", "ICC31", "wsCV", "AbsVar"):
        assert_allclose(other[name].value, fit[name].value, rtol=1e-10)
        assert fit[name].unit in {"", "%"}
    for name in ("SEM", "RC", "bias", "LoA_low"):
        assert_allclose(other[name].value, 1000.0 * fit[name].value, rtol=1e-9)
        assert_allclose(other[name].interval(), 1000.0 * np.array(fit[name].interval()), rtol=1e-9)
        assert fit[name].unit == "mL/cm3"


def test_a_shift_between_sessions_lowers_agreement_but_not_consistency():
    fit = reliability.retest_reliability(FIRST, SECOND + 0.1)
    same = reliability.retest_reliability(FIRST, SECOND)
    assert_allclose(fit["ICC31"].value, same["ICC31"].value, rtol=1e-10)
    assert fit["ICC21"].value < same["ICC21"].value - 0.05


def test_a_negative_icc_stays_and_is_flagged():
    fit = reliability.retest_reliability([1.0, 1.1, 0.9, 1.0], [1.05, 0.9, 1.12, 0.98])
    assert fit["ICC11"].value < 0
    assert "negative_icc" in [flag.name for flag in fit.flags]


def test_people_without_a_measurement_are_left_out_and_told():
    fit = reliability.retest_reliability(np.append(FIRST, 2.0), np.append(SECOND, np.nan))
    assert_allclose(fit["ICC11"].value, reliability.retest_reliability(FIRST, SECOND)["ICC11"].value, rtol=1e-12)
    assert fit.flags[0].name == "incomplete"
    assert "1 of 7" in fit.flags[0].message


def test_bad_input_says_what_to_do():
    for first, second, message in [
        (FIRST, SECOND[:4], "same people"),
        (FIRST, None, r"shape \(6,\)"),
        (FIRST[:2], SECOND[:2], "at least 3"),
        (np.ones(5), np.ones(5), "no variance"),
    ]:
        with pytest.raises(InputError, match=message):
            reliability.retest_reliability(first, second)
    with pytest.raises(InputError, match="level is 95"):
        reliability.retest_reliability(FIRST, SECOND, level=95)


def test_the_result_survives_a_file(tmp_path):
    fit = reliability.retest_reliability(FIRST, SECOND, name="putamen")
    again = type(fit).load(fit.save(tmp_path / "fit.json"))
    assert again["ICC11"].interval() == fit["ICC11"].interval()


@pytest.mark.slow
def test_intervals_cover_and_errors_are_right_in_simulation():
    rng = np.random.default_rng(7)
    people, runs, between, within = 15, 4000, 0.15, 0.06
    truth = {"ICC11": between**2 / (between**2 + within**2), "SEM": within, "RC": 1.959964 * 2**0.5 * within, "bias": 0}
    rows = {name: [] for name in truth}
    for _ in range(runs):
        level = 1.5 + between * rng.standard_normal(people)
        fit = reliability.retest_reliability(*(level + within * rng.standard_normal((2, people))))
        for name in truth:
            low, high = fit[name].interval()
            rows[name].append((fit[name].value, fit[name].stderr, low <= truth[name] <= high))
    for name, values in rows.items():
        estimate, error, covered = np.array(values).T
        # coverage is known to 0.35 percentage points (one SD)
        assert abs(covered.mean() - 0.95) < 0.012, name
        if name != "ICC11":
            assert 0.9 < error.mean() / estimate.std() < 1.1, name


def test_the_plot_draws_into_the_axes_it_is_given():
    from neurochem.figures import new_axes

    ax = new_axes()
    assert reliability.draw_agreement(FIRST, SECOND, unit="mL/cm3", ax=ax) is ax
    assert ax.get_ylabel() == "second minus first (mL/cm3)"
    assert_allclose(ax.lines[-1].get_ydata(), SECOND - FIRST)
