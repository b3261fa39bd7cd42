import json
import math
import pickle

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from small_study import small_study

from neurochem.errors import InputError, UnknownNameError
from neurochem.response.screening import TestGroup, freedman_lane, random_effects, screen

TWO_GROUPS = np.array([[1.1, 2.0], [1.3, 2.4], [1.2, 2.1], [1.6, 2.9], [1.5, 2.2], [1.9, 2.6], [1.8, 3.1], [1.7, 2.8]])
CHANGES = [0.12, 0.05, 0.20, -0.03, 0.10, 0.16, 0.02, 0.09]
ERRORS = [0.04, 0.06, 0.05, 0.05, 0.03, 0.07, 0.05, 0.04]


def correlated(rng: np.random.Generator, people: int, markers: int) -> pd.DataFrame:
    shared = rng.normal(size=(people, 1))
    values = np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=(people, markers))
    return pd.DataFrame(values, columns=[f"region {i + 1}" for i in range(markers)])


def test_all_orders_give_the_exact_p_of_every_split():
    table = screen(TWO_GROUPS, np.repeat([0.0, 1.0], 4), rng=np.random.default_rng(0), permutations=50_000).to_frame()
    assert_allclose(np.abs(table["t"]), [3.086660, 1.175360], rtol=1e-6)
    assert_allclose(table["p_permutation"], [4 / 70, 22 / 70], rtol=1e-12)
    assert_allclose(table["p_max"], [4 / 70, 26 / 70], rtol=1e-12)


def test_shuffles_count_the_observed_order_once():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 1))
    y = 5 * x[:, 0] + 0.01 * rng.normal(size=20)
    result = screen(x, y, rng=rng, permutations=99)
    assert result.to_frame()["p_permutation"].iloc[0] == 1 / 100
    assert any(flag.name == "few_permutations" for flag in result.flags)


def test_each_shuffle_is_a_refit_of_the_full_model():
    rng = np.random.default_rng(2)
    n = 25
    covariates, markers, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 3)), rng.normal(size=n)
    group = TestGroup(np.arange(n), markers, covariates, np.arange(3))
    found = freedman_lane(y, [group], permutations=40, rng=np.random.default_rng(7))
    keys = np.random.default_rng(7).random((40, n))
    null = sm.OLS(y, sm.add_constant(covariates)).fit()
    largest = []
    for key in keys:
        shuffled = null.fittedvalues + null.resid[np.argsort(key)]
        fits = [sm.OLS(shuffled, sm.add_constant(np.column_stack([m, covariates]))).fit() for m in markers.T]
        largest.append(max(abs(fit.tvalues[1]) for fit in fits))
    assert_allclose(found.largest, largest, rtol=1e-9)
    full = [sm.OLS(y, sm.add_constant(np.column_stack([m, covariates]))).fit() for m in markers.T]
    assert_allclose(found.slope, [fit.params[1] for fit in full], rtol=1e-9)
    assert_allclose(found.stderr, [fit.bse[1] for fit in full], rtol=1e-9)
    assert_allclose(found.dof, n - 4)


def test_people_are_shuffled_within_their_block_only():
    rng = np.random.default_rng(0)
    site = np.repeat(["A", "B"], 3)
    y = np.array([1.0, 2.0, 4.0, 101.0, 103.0, 104.0])
    group = TestGroup(np.arange(6), rng.normal(size=(6, 1)), np.zeros((6, 0)), np.arange(1))
    found = freedman_lane(y, [group], permutations=100, rng=rng, blocks=site)
    assert found.exhaustive
    assert found.permutations == math.factorial(3) ** 2
    with_all = freedman_lane(y, [group], permutations=1000, rng=rng)
    assert with_all.permutations == math.factorial(6)


def test_a_person_without_one_marker_stays_in_the_others():
    rng = np.random.default_rng(4)
    markers, y = correlated(rng, 40, 3), rng.normal(size=40)
    holed = markers.copy()
    holed.iloc[3, 1] = np.nan
    whole = screen(markers, y, rng=np.random.default_rng(1), permutations=200).to_frame()
    part = screen(holed, y, rng=np.random.default_rng(1), permutations=200).to_frame()
    assert part["n"].tolist() == [40, 39, 40]
    assert_allclose(part.loc[[0, 2], ["t", "p_permutation"]], whole.loc[[0, 2], ["t", "p_permutation"]])


def test_a_marker_that_says_nothing_is_named_and_not_counted():
    rng = np.random.default_rng(0)
    table = correlated(rng, 30, 3).assign(flat=1.7)
    result = screen(table, rng.normal(size=30), rng=rng, permutations=1000)
    assert result.settings["family_size"] == 3
    assert np.isnan(result.to_frame()["p_max"].iloc[3])
    assert "flat could not be tested" in result.summary()


def test_largest_statistic_holds_the_family_wise_error():
    rng = np.random.default_rng(11)
    runs, wrong, alone = 400, 0, 0
    for _ in range(runs):
        markers = correlated(rng, 40, 15).to_numpy()
        group = TestGroup(np.arange(40), markers, np.zeros((40, 0)), np.arange(15))
        found = freedman_lane(rng.normal(size=40), [group], permutations=199, rng=rng)
        wrong += bool((found.p_max <= 0.05).any())
        alone += bool((found.p <= 0.05).any())
    # 400 runs of a 5 % error: two-sided 99.9 % limits of the binomial; unadjusted, fifteen tests err in about 30 %
    assert 0.018 < wrong / runs < 0.09
    assert alone / runs > 0.2


def test_random_effects_of_changes_with_their_errors():
    found = random_effects(CHANGES, ERRORS)
    assert_allclose(found.tau2, 0.00246151, rtol=3e-6)
    assert_allclose([found.mean, found.stderr], [0.088317, 0.025147], atol=6e-7)
    assert_allclose([found.low, found.high], [0.028854, 0.147781], atol=6e-7)
    assert_allclose([found.q, found.i2], [14.677790, 52.3089], rtol=1e-6)
    expected = [0.107519, 0.072757, 0.143725, 0.029618, 0.096872, 0.112286, 0.054424, 0.089337]
    assert_allclose(found.shrunken, expected, atol=6e-7)


def test_shrunken_values_lie_between_estimate_and_mean_and_are_surer():
    found = random_effects(CHANGES, ERRORS)
    pulled = (found.shrunken - found.mean) / (np.array(CHANGES) - found.mean)
    assert ((pulled > 0) & (pulled < 1)).all()
    assert (found.shrunken_stderr < ERRORS).all()


def test_errors_that_are_shared_leave_less_certainty_about_the_mean():
    alone = random_effects([0.3, 0.1, 0.2, 0.25, 0.15], [0.1] * 5)
    shared = random_effects([0.3, 0.1, 0.2, 0.25, 0.15], [0.1] * 5, 0.7 + 0.3 * np.eye(5))
    assert shared.stderr > 1.5 * alone.stderr


@pytest.mark.parametrize("tau", [0.0, 0.1, 0.3])
def test_intervals_of_shrunken_values_cover_where_those_of_a_known_spread_do_not(tau):
    rng = np.random.default_rng(5)
    covered, known = [], []
    for _ in range(80):
        errors = rng.uniform(0.08, 0.16, 12)
        truth = 0.2 + tau * rng.normal(size=12)
        found = random_effects(truth + errors * rng.normal(size=12), errors)
        low, high = found.shrunken_interval()
        covered.append(np.mean((low <= truth) & (truth <= high)))
        plain = 1.96 * np.sqrt(found.tau2 * errors**2 / (found.tau2 + errors**2))
        known.append(np.mean(np.abs(found.shrunken - truth) <= plain))
    # 960 intervals, twelve a time: the standard error of the coverage is about 1.5 %
    assert np.mean(covered) >= 0.91
    assert np.mean(covered) > np.mean(known) + (0.005 if tau == 0.3 else 0.08)


def test_screen_of_a_cohort_finds_the_marker_and_says_association(tmp_path):
    cohort = small_study(np.random.default_rng(1), patients=24).read(tmp_path)
    result = screen(cohort, "madrs", rng=np.random.default_rng(0), blocks="site", permutations=1000)
    table = result.to_frame().set_index("name")
    assert table.loc["BPND midbrain", "p_max"] < 0.01 < table.loc["Glx", "p_max"]
    assert result.settings["adjusted_for"] == ["baseline_score", "arm"]
    text = result.summary()
    assert "This shows association in these people, not prediction" in text
    assert "2 markers tested against MADRS change at week8" in text


def test_selected_names_remember_what_chose_them():
    rng = np.random.default_rng(3)
    markers = correlated(rng, 60, 4)
    result = screen(markers, markers["region 2"] + 0.5 * rng.normal(size=60), rng=rng, permutations=500)
    chosen = result.selected()
    assert "region 2" in chosen
    assert "screen of 4 markers" in pickle.loads(pickle.dumps(chosen)).source
    with pytest.raises(UnknownNameError, match="p_max"):
        result.selected("pmax")


def test_impossible_tables_are_refused_with_the_place():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="outcome has 3 rows, but markers has 8"):
        screen(TWO_GROUPS, [1, 2, 3], rng=rng)
    with pytest.raises(InputError, match=r"outcome\[2\] is missing"):
        screen(TWO_GROUPS, [1, 2, np.nan, 1, 2, 3, 1, 2], rng=rng)
    with pytest.raises(InputError, match="'at' belongs to a cohort"):
        screen(TWO_GROUPS, np.arange(8.0), rng=rng, at="change")
    with pytest.raises(InputError, match="for 8 coefficients"):
        screen(TWO_GROUPS, np.arange(8.0), rng=rng, covariates=pd.DataFrame(rng.normal(size=(8, 6))))


def test_volcano_and_forest_show_the_numbers_of_the_table():
    rng = np.random.default_rng(3)
    markers = correlated(rng, 60, 6)
    result = screen(markers, 0.8 * markers["region 2"] + rng.normal(size=60), rng=rng, permutations=500)
    table = result.to_frame()
    drawn = np.vstack([points.get_offsets() for points in result.plot("volcano").collections])
    expected = np.column_stack([table["standardised"], -np.log10(table["p_permutation"])])
    assert_allclose(drawn[np.argsort(drawn[:, 0])], expected[np.argsort(expected[:, 0])])
    ax = result.plot("forest")
    lines = {line.get_label(): line.get_xdata() for line in ax.lines}
    assert_allclose(sorted(lines["shrunken"]), sorted(table["shrunken"]))
    assert "SD of the outcome per SD of the marker" in ax.get_xlabel()
    with pytest.raises(UnknownNameError, match="volcano"):
        result.plot("vulcano")


def test_the_result_is_plain_values_for_a_report():
    result = screen(TWO_GROUPS, np.arange(8.0), rng=np.random.default_rng(0), permutations=50)
    record = json.loads(json.dumps(result.to_dict()))
    assert record["table"]["p_max"] == result.to_frame()["p_max"].tolist()
    assert len(record["largest"]) == 50


def test_the_result_cannot_be_changed():
    rng = np.random.default_rng(0)
    result = screen(TWO_GROUPS, rng.normal(size=8), rng=rng, permutations=50)
    table = result.to_frame()
    table["p_max"] = 0.0
    assert (result.to_frame()["p_max"] > 0).all()
    with pytest.raises(ValueError, match="read-only"):
        result.largest[0] = 0.0
