import dataclasses
import doctest
import hashlib
import importlib
import json
import pkgutil
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from cohort_a24 import column
from numpy.testing import assert_allclose
from prediction_data import QUICK, patients, responders
from scipy import special
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_study import small_study
from threadpoolctl import threadpool_info, threadpool_limits

from neurochem.errors import FileFormatError, InputError, LeakageError, MissingFileError, UnknownNameError
from neurochem.response.prediction import (
    ModelCard,
    brier,
    calibration,
    compare_discrimination,
    discrimination,
    net_benefit,
    predict,
    riley_binary,
    riley_continuous,
    validate_external,
)
from neurochem.response.prediction.folds import fold_ids, systematic_subset
from neurochem.response.prediction.harmonised import HarmonisedRidge
from neurochem.response.prediction.learners import PipelineLearner, RidgeLearner
from neurochem.response.prediction.metrics import area_within_folds
from neurochem.response.prediction.performance import increments, resampled_error
from neurochem.response.prediction.pipeline import ridge_pipeline
from neurochem.response.prediction.resampling import Nested, Rows, nested, optimism, permutation_test
from neurochem.response.prediction.ridge import fit_ridge

PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)
OBSERVED = np.array([0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1.0])
RISK = np.array([0.1, 0.2, 0.3, 0.35, 0.45, 0.55, 0.6, 0.7, 0.8, 0.9, 0.25, 0.65])


@pytest.fixture
def rng():
    return np.random.default_rng(21)


# --- measures


def test_area_under_the_curve_and_its_interval():
    bp = column("bp")
    y = (column("y8") <= 0.5 * column("y0")).astype(float)
    found = discrimination(y, bp)
    assert_allclose([found.auc, found.stderr], [0.806723, 0.118838], atol=6e-7)
    assert_allclose([found.low, found.high], [0.483763, 0.948956], atol=6e-7)
    assert_allclose(discrimination(y, -column("y0")).auc, 0.605042, atol=6e-7)
    difference, error, p = compare_discrimination(y, bp, -column("y0"))
    assert_allclose([difference, error, p], [0.201681, 0.244388, 0.409230], atol=6e-7)


def test_area_stays_inside_its_bounds_when_classes_are_separate():
    found = discrimination([0, 0, 1, 1], [1, 2, 3, 4])
    assert (found.auc, found.low, found.high) == (1.0, 0.0, 1.0)
    with pytest.raises(InputError, match="must hold 0 and 1"):
        discrimination([1, 1], [0.1, 0.2])


def test_calibration_of_twelve_patients():
    found = calibration(OBSERVED, special.logit(RISK))
    assert_allclose([found.slope, found.slope_stderr, found.intercept], [0.602153, 0.553976, 0.036951], atol=6e-7)
    assert_allclose([found.in_the_large, found.observed_expected], [0.065257, 1.025641], atol=6e-7)
    assert_allclose(brier(OBSERVED, RISK)[0], 0.221042, atol=6e-7)
    assert_allclose(discrimination(OBSERVED, RISK).auc, 0.722222, atol=6e-7)


def test_scaled_brier_of_the_fitted_model():
    z = (column("bp") - column("bp").mean()) / column("bp").std(ddof=1)
    y = (column("y8") <= 0.5 * column("y0")).astype(float)
    assert_allclose(brier(y, special.expit(-1.197700 + 1.327984 * z)), [0.151085, 0.268700], atol=1e-6)


def test_net_benefit_of_twelve_patients():
    curve = net_benefit(OBSERVED, RISK, [0.2, 0.3, 0.5])
    assert_allclose(curve["model"], [0.395833, 0.392857, 0.166667], atol=6e-7)
    assert_allclose(curve["act_on_all"], [0.375, 0.285714, 0.0], atol=6e-7)
    with pytest.raises(InputError, match="between 0 and 1"):
        net_benefit(OBSERVED, RISK, [1.0])


def test_calibration_that_does_not_exist_is_not_invented():
    assert np.isnan(calibration([0, 0, 1, 1], [-1, -1, 1, 1]).slope)
    assert np.isnan(calibration([0, 1, 0, 1], [0.3] * 4).slope)


def test_sample_sizes_of_riley():
    first, second = riley_binary(24, 0.174, 0.288), riley_binary(5, 0.45, 0.15)
    assert_allclose(first.criteria, [622.31, 661.10, 220.85], atol=6e-3)
    assert_allclose(second.criteria, [274.24, 120.82, 380.32], atol=6e-3)
    assert (first.needed, second.needed) == (662, 381)
    assert_allclose(riley_continuous(25, 0.2).criteria, [918, 401, 259])
    assert_allclose(riley_continuous(5, 0.2).criteria, [112, 81, 239])
    assert "need 381 patients; this cohort has 48: treat it as exploratory" in second.sentence(48)
    with pytest.raises(InputError, match=r"prevalence is 1\.2"):
        riley_binary(3, 1.2)
    with pytest.raises(InputError, match=r"r2 is 0\.9"):
        riley_binary(3, 0.5, 0.9)
    with pytest.raises(InputError, match="count every candidate predictor"):
        riley_continuous(0)


def test_areas_of_folds_equal_those_of_scikit_learn(rng):
    y, score, fold = rng.integers(0, 2, 40).astype(float), rng.normal(size=40), np.arange(40) % 4
    score[:6] = 0.0
    areas, pairs = [], []
    for f in range(4):
        part = fold == f
        areas.append(roc_auc_score(y[part], score[part]))
        pairs.append(y[part].sum() * (1 - y[part]).sum())
    expected = np.average(areas, weights=pairs)
    assert_allclose(area_within_folds(y[None], score[None], fold[None]), expected, rtol=1e-12)


def test_error_of_fold_values_is_larger_than_if_folds_were_independent():
    values = np.array([0.6, 0.7, 0.5, 0.65, 0.55])
    error, dof = resampled_error(values, 5)
    assert_allclose(error, np.sqrt((1 / 5 + 1 / 4) * values.var(ddof=1)))
    assert dof == 4


# --- the batched ridge


@pytest.mark.parametrize("penalty", [0.01, 1.0, 300.0])
def test_logistic_ridge_equals_scikit_learn(rng, penalty):
    x = rng.normal(size=(60, 5))
    y = (rng.random((7, 60)) < special.expit(2 * x[:, 0] - 1)).astype(float)
    weights = rng.integers(0, 3, (7, 60)).astype(float)
    design = np.column_stack([np.ones(60), x])
    strength = np.tile([0.0] + [penalty] * 5, (7, 1))
    found = fit_ridge(design, y, weights, strength, binary=True)
    for b in range(7):
        other = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=500)
        other.fit(x, y[b], sample_weight=weights[b])
        assert_allclose(found[b], np.append(other.intercept_, other.coef_[0]), rtol=1e-6, atol=1e-8)


def test_linear_ridge_equals_scikit_learn(rng):
    x, y, weights = rng.normal(size=(40, 4)), rng.normal(size=(3, 40)), rng.integers(0, 3, (3, 40)).astype(float)
    strength = np.tile([0.0, 2.0, 2.0, 2.0, 2.0], (3, 1))
    found = fit_ridge(np.column_stack([np.ones(40), x]), y, weights, strength, binary=False)
    for b in range(3):
        other = Ridge(alpha=2.0).fit(x, y[b], sample_weight=weights[b])
        assert_allclose(found[b], np.append(other.intercept_, other.coef_), rtol=1e-8)


def test_separate_classes_with_a_weak_penalty_settle():
    x = np.linspace(-1, 1, 20)
    y = (x > 0).astype(float)[None]
    found = fit_ridge(np.column_stack([np.ones(20), x]), y, np.ones((1, 20)), np.array([[0.0, 1e-4]]), binary=True)
    other = LogisticRegression(C=1e4, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x[:, None], y[0])
    assert_allclose(found[0, 1], other.coef_[0, 0], rtol=1e-6)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_both_learners_tune_and_predict_alike(rng, binary, holes):
    x = rng.normal(size=(70, 6)) * [1, 10, 0.1, 1, 1, 1] + [0, 100, 0, 5, 0, 0]
    signal = 1.5 * x[:, 0] + 0.1 * (x[:, 1] - 100)
    y = (rng.random(70) < special.expit(signal)).astype(float) if binary else signal + rng.normal(size=70)
    x[rng.random(x.shape) < holes] = np.nan
    labels = np.tile(y, (2, 1))
    rows = Rows(y, np.arange(70), np.zeros(70, dtype=int), binary, 5, 3)
    names = [f"x{i}" for i in range(6)]
    pipeline, setting = ridge_pipeline(names, binary=binary)
    penalties = (300.0, 10.0, 1.0)
    values = [1 / p for p in penalties] if binary else list(penalties)
    train = rng.random((2, 70)) < 0.8
    inner = fold_ids(rows.strata(labels), rows.people, 3, rng, member=train)
    fast = RidgeLearner(x, penalties, binary).run(labels, train.astype(float), inner)
    slow = PipelineLearner(pd.DataFrame(x, columns=names), pipeline, {setting: values}, binary)
    other = slow.run(labels, train.astype(float), inner)
    assert fast.choice.tolist() == other.choice.tolist()
    assert set(fast.choice.tolist()) != {0}
    assert_allclose(fast.linear, other.linear, rtol=1e-6, atol=1e-6)


def test_matrix_libraries_keep_to_one_thread_so_that_numbers_do_not_depend_on_cores(rng, monkeypatch):
    table, seen = patients(rng, 60), []
    run = RidgeLearner.run

    def watched(*arguments, **choices):
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return run(*arguments, **choices)

    monkeypatch.setattr(RidgeLearner, "run", watched)
    with threadpool_limits(2):
        predict(table, responders(rng, table), rng=rng, **{**QUICK, "permutations": 2, "bootstraps": 2})
    assert set(seen) == {1}


# --- folds


def test_folds_share_out_classes_and_sites_evenly(rng):
    people = np.repeat(np.arange(31), 2)
    strata = np.repeat(rng.integers(0, 4, (3, 31)), 2, axis=1)
    folds = fold_ids(strata, people, 5, rng)
    for row, ids in zip(strata, folds, strict=True):
        assert (ids[::2] == ids[1::2]).all()
        assert np.ptp(np.bincount(ids[::2], minlength=5)) <= 1
        for stratum in range(4):
            assert np.ptp(np.bincount(ids[::2][row[::2] == stratum], minlength=5)) <= 1


def test_rows_outside_the_training_set_get_no_fold(rng):
    member = rng.random((2, 20)) < 0.6
    ids = fold_ids(np.zeros((2, 20), dtype=int), np.arange(20), 3, rng, member=member)
    assert (ids[~member] == -1).all()
    assert set(ids[member].tolist()) == {0, 1, 2}


def test_subsets_of_a_learning_curve_keep_the_classes_in_proportion(rng):
    strata = np.repeat([0, 1], [60, 30])
    subset = systematic_subset(strata, np.arange(90), 30, rng, np.ones(90, dtype=bool))
    assert subset.sum() == 30
    assert abs(strata[subset].sum() - 10) <= 1


# --- nothing flows from test to training


@pytest.mark.parametrize("learner", ["ridge", "pipeline"])
def test_what_happens_to_people_left_out_changes_no_prediction_of_their_fold(rng, learner):
    x = rng.normal(size=(50, 3))
    x[rng.random(x.shape) < 0.05] = np.nan
    y = np.tile([0.0, 1.0], 25)
    rows = Rows(y, np.arange(50), np.zeros(50, dtype=int), True, 5, 3)
    folds = (np.arange(50) // 2 % 2)[None]

    def predictions(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
        names = ["a", "b", "c"]
        made, setting = ridge_pipeline(names, binary=True)
        fast = RidgeLearner(values, (10.0, 0.1), True)
        slow = PipelineLearner(pd.DataFrame(values, columns=names), made, {setting: [0.1, 10.0]}, True)
        run = fast if learner == "ridge" else slow
        return nested(run, rows, labels[None], np.random.default_rng(3), folds).linear[0]

    before = predictions(x, y)
    test = folds[0] == 1
    flipped, wild = y.copy(), x.copy()
    flipped[np.flatnonzero(test)[:2]] = flipped[np.flatnonzero(test)[:2]][::-1]
    wild[np.flatnonzero(test)[0]] = 50.0
    assert_allclose(predictions(x, flipped)[test], before[test], rtol=1e-9)
    others = test & (np.arange(50) != np.flatnonzero(test)[0])
    assert_allclose(predictions(wild, y)[others], before[others], rtol=1e-9)


def test_harmonised_pipelines_learn_sites_from_training_rows_only(rng):
    table = patients(rng, 60).drop(columns="sex")
    table["site"] = np.tile(["A", "B"], 30)
    names = [name for name in table if name != "site"]
    pipeline, setting = ridge_pipeline(names, binary=True, site="site", harmonised=["bp0", "bp1"], preserve=["age"])
    learner = PipelineLearner(table, pipeline, {setting: [0.1, 1.0]}, True)
    y = responders(rng, table)
    train = np.arange(60) < 45
    inner = np.where(train, np.arange(60) // 2 % 3, -1)
    before = learner.run(y[None], train[None] * 1.0, inner[None]).linear[0]
    moved = table.copy()
    moved.loc[59, ["bp0", "bp1", "age"]] = [99.0, -99.0, 80]
    other = dataclasses.replace(learner, table=moved).run(y[None], train[None] * 1.0, inner[None]).linear[0]
    assert_allclose(other[:59], before[:59], rtol=1e-12)
    assert abs(other[59] - before[59]) > 1e-3


@pytest.mark.parametrize("binary", [True, False])
def test_the_harmonised_ridge_is_what_a_grid_search_of_its_pipeline_gives(rng, binary):
    table = patients(rng, 60).drop(columns="sex")
    table.loc[::13, "bp1"] = np.nan
    names = [name for name in table if name != "site"]
    table["site"] = np.tile(["A", "B", "C"], 20)
    y = responders(rng, table, 2.0) if binary else 10 * table["bp0"].to_numpy() + rng.normal(size=60)
    pipeline, setting = ridge_pipeline(names, binary=binary, site="site", harmonised=["bp0", "bp1"], preserve=["age"])
    penalties = (300.0, 10.0, 1.0)
    grid = {setting: [1 / p for p in penalties] if binary else list(penalties)}
    whole = PipelineLearner(table, pipeline, grid, binary)
    labels, weights = np.tile(y, (2, 1)), rng.integers(0, 3, (2, 60)).astype(float)
    inner = np.where(weights > 0, np.arange(60) // 3 % 3, -1)
    slow, fast = whole.run(labels, weights, inner), HarmonisedRidge(whole, penalties).run(labels, weights, inner)
    assert fast.choice.tolist() == slow.choice.tolist() != [0, 0]
    assert_allclose(fast.linear, slow.linear, rtol=1e-6, atol=1e-6)


# --- permutation, optimism, null


def test_permutation_p_counts_the_observed_labels_once(rng):
    x = rng.normal(size=(40, 2))
    y = (x[:, 0] > 0).astype(float)
    rows = Rows(y, np.arange(40), np.zeros(40, dtype=int), True, 4, 2)
    test = permutation_test(RidgeLearner(x, (1.0,), True), rows, 49, rng)
    assert test.p == (1 + (test.null >= test.observed).sum()) / 50 == 1 / 50
    assert abs(test.null.mean() - 0.5) < 0.06


def test_labels_are_shuffled_within_sites(rng):
    # a feature that only tells the site, and sites that differ in response: nothing is told beyond the site
    site = np.repeat([0, 1], 40)
    y = np.concatenate([np.repeat([0.0, 1.0], [32, 8]), np.repeat([0.0, 1.0], [8, 32])])
    x = site[:, None] + 0.1 * rng.normal(size=(80, 1))
    rows = Rows(y, np.arange(80), site, True, 5, 3)
    learner = RidgeLearner(x, (1.0,), True)
    test = permutation_test(learner, rows, 99, rng)
    found = nested(learner, rows, y[None], rng)
    assert area_within_folds(found.outcome, found.linear, found.folds)[0] > 0.7
    assert abs(test.observed - 0.5) < 0.15
    assert test.p > 0.05


def test_people_with_two_outcomes_cannot_be_shuffled(rng):
    rows = Rows(np.tile([0.0, 1.0], 20), np.repeat(np.arange(20), 2), np.zeros(40, dtype=int), True, 4, 2)
    with pytest.raises(InputError, match="rows of one person have different outcomes"):
        permutation_test(RidgeLearner(rng.normal(size=(40, 2)), (1.0,), True), rows, 9, rng)


def test_optimism_of_noise_is_found(rng):
    x, y = rng.normal(size=(60, 10)), np.tile([0.0, 1.0], 30)
    rows = Rows(y, np.arange(60), np.zeros(60, dtype=int), True, 5, 3)
    table = optimism(RidgeLearner(x, (1.0,), True), rows, 100, rng).set_index("measure")
    assert table.loc["AUC", "apparent"] > 0.7
    assert table.loc["AUC", "corrected"] < table.loc["AUC", "apparent"] - 0.1
    assert_allclose(table["corrected"], table["apparent"] - table["optimism"])


def null_areas(rng: np.random.Generator, runs: int, *, confounded: bool) -> tuple[float, float]:
    """Return the mean area of the whole pipeline on noise, and its Monte Carlo error."""
    areas = []
    for _ in range(runs):
        table = patients(rng, 60, markers=8)
        site = np.tile(["A", "B", "C"], 20) if confounded else None
        y = rng.permutation(np.tile([0.0, 1.0], 30))
        if confounded:
            rate = {"A": 0.3, "B": 0.5, "C": 0.7}
            y = np.array([float(rng.random() < rate[s]) for s in site])
        areas.append(predict(table, y, rng=rng, sites=site, **{**QUICK, "repeats": 1})["AUC"])
    return float(np.mean(areas)), float(np.std(areas) / np.sqrt(runs))


def test_noise_is_not_predicted(rng):
    # 400 random label vectors and their folds in one batch; the Monte Carlo error of the mean is 0.005
    labels = rng.permuted(np.tile([0.0, 1.0], (400, 30)), axis=1)
    rows = Rows(labels[0], np.arange(60), np.zeros(60, dtype=int), True, 5, 3)
    found = nested(RidgeLearner(rng.normal(size=(60, 11)), PENALTIES, True), rows, labels, rng)
    areas = area_within_folds(found.outcome, found.linear, found.folds)
    assert 0.48 <= areas.mean() <= 0.52


def test_folds_of_one_person_would_pull_the_area_of_noise_down(rng):
    labels = rng.permuted(np.tile([0.0, 1.0], (40, 20)), axis=1)
    rows = Rows(labels[0], np.arange(40), np.zeros(40, dtype=int), True, 40, 2)
    alone = np.tile(np.arange(40), (40, 1))
    found = nested(RidgeLearner(rng.normal(size=(40, 3)), (100.0,), True), rows, labels, rng, alone)
    pooled = [roc_auc_score(y, score) for y, score in zip(labels, found.linear, strict=True)]
    assert np.mean(pooled) < 0.45
    assert np.isnan(area_within_folds(found.outcome, found.linear, found.folds)).all()


@pytest.mark.slow
@pytest.mark.parametrize("confounded", [False, True])
def test_noise_is_not_predicted_in_two_hundred_cohorts(confounded):
    mean, error = null_areas(np.random.default_rng(1), 200, confounded=confounded)
    assert 0.48 <= mean <= 0.52
    assert error < 0.01


@pytest.mark.slow
def test_features_that_only_tell_the_site_are_worth_nothing_at_a_site_left_out():
    rng = np.random.default_rng(2)
    mixed, inside, outside = [], [], []
    for _ in range(30):
        site = np.repeat(["A", "B", "C", "D"], 25)
        rate = np.repeat([0.2, 0.4, 0.6, 0.8], 25)
        y = (rng.random(100) < rate).astype(float)
        y[::25], y[1::25] = 0.0, 1.0
        code = np.repeat(rng.normal(size=(4, 5)), 25, axis=0)
        table = pd.DataFrame(code + 0.3 * rng.normal(size=(100, 5)), columns=list("abcde"))
        result = predict(table, y, rng=rng, sites=site, **{**QUICK, "repeats": 1})
        inside.append(result["AUC"])
        outside.append(result.sites["AUC"].mean())
        mixed.append(roc_auc_score(y, result.out_of_sample["predicted"]))
    # over all pairs the sites' response rates look like prediction; the reported area compares within sites
    assert np.mean(mixed) > 0.62
    assert abs(np.mean(inside) - 0.5) < 0.04
    assert abs(np.mean(outside) - 0.5) < 0.04


# --- the whole


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(4)
    table = patients(rng, 120)
    table.loc[::11, "bp2"] = np.nan
    choices = {"repeats": 3, "permutations": 60, "bootstraps": 40, "learning_sizes": 4}
    sites = np.tile(["A", "B", "C", "A"], 30)
    return predict(table, responders(rng, table, 1.2), rng=rng, sites=sites, **choices)


def test_prediction_stands_for_people_left_out_only(result):
    text = result.summary()
    assert text.startswith("Prediction of outcome, out of sample: 120 people")
    apparent = text[text.index("Fit in the same people") : text.index("warning:")]
    assert "predict" not in apparent.lower()
    assert "flattering; says nothing of new people" in apparent
    assert "May not be concluded:" in text
    assert "that it works in other patients: that needs an external validation" in text
    assert "says which treatment is better for whom" in text
    assert "need" in text
    assert "treat it as exploratory" in text


def test_every_model_is_compared_in_the_same_folds(result):
    table = result.comparison.set_index("model")
    assert list(table.index) == ["no information", "severity, age and sex", "this model"]
    assert table.loc["no information", "AUC"] == 0.5
    assert_allclose(table.loc["this model", "AUC"], result["AUC"])
    gain = result.increment.set_index("measure").loc["AUC"]
    assert gain["low95"] < gain["value"] < gain["high95"]
    assert result.increment["interval"].eq("corrected resampled t").all()


def test_markers_add_nothing_where_the_model_itself_may_be_chance(result):
    row = result.increment.assign(low95=0.2)
    sure = {
        "measures": result.measures.assign(low95=0.55),
        "permutation": dataclasses.replace(result.permutation, p=0.01),
    }
    better = dataclasses.replace(result, increment=row, **sure)
    assert not [text for text in better.not_concluded() if "add anything" in text]
    unsure = dataclasses.replace(better, measures=result.measures.assign(low95=0.4))
    assert [text for text in unsure.not_concluded() if "add anything" in text]


def test_each_of_three_sites_is_left_out(result):
    assert result.sites["site"].tolist() == ["A", "B", "C"]
    assert result.sites["n"].tolist() == [60, 30, 30]
    assert 0.5 < special.expit(result.pooled.mean) < 1.0
    assert "Each of 3 sites left out in turn" in result.summary()


def test_the_signal_is_found_and_the_interval_is_a_probability(result):
    row = result.measures.set_index("measure").loc["AUC"]
    assert 0.0 < row["low95"] < row["value"] < row["high95"] < 1.0
    assert row["value"] > 0.65
    # what is tested is what is reported
    assert result.permutation.observed == pytest.approx(result["AUC"], rel=1e-12)
    assert result.permutation.p == (1 + (result.permutation.null >= result.permutation.observed).sum()) / 61 < 0.1
    assert len(result.out_of_sample) == 120
    assert result.out_of_sample["predicted"].between(0, 1).all()


def test_groups_of_sex_and_age_are_judged_apart(result):
    table = result.subgroups.set_index("group")
    assert table["n"].iloc[:2].sum() == table["n"].iloc[2:].sum() == 120
    assert set(table["measure"]) == {"AUC"}
    assert list(result.card.performance["by group"]) == list(table.index)


def test_a_result_is_plain_values_for_a_report(result):
    record = json.loads(json.dumps(result.to_dict()))
    assert record["measures"]["value"][0] == result["AUC"]
    assert record["sample_size"]["needed"] == result.sample_size.needed
    assert record["not_concluded"] == list(result.not_concluded())
    assert len(record["permutation"]["null"]) == 60


def test_the_same_generator_gives_the_same_result():
    runs = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        table = patients(rng, 60)
        runs.append(predict(table, responders(rng, table), rng=rng, **QUICK))
    pd.testing.assert_frame_equal(runs[0].measures, runs[1].measures, rtol=0, atol=0)


def test_a_result_and_its_inputs_do_not_change(rng):
    table = patients(rng, 60)
    y = responders(rng, table)
    copy = table.copy()
    result = predict(table, y, rng=rng, **QUICK)
    pd.testing.assert_frame_equal(table, copy)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n = 3
    with pytest.raises(TypeError):
        result.settings["repeats"] = 9
    frame = result.to_frame()
    frame["value"] = 0.0
    assert result["Brier"] > 0
    with pytest.raises(UnknownNameError, match="did you mean 'AUC'"):
        result["AUCC"]


def test_a_continuous_outcome_is_judged_in_its_own_unit(rng):
    table = patients(rng, 90)
    y = 12 - 10 * (table["bp0"] - 1.5) + rng.normal(0, 2, 90)
    result = predict(
        table, y.to_numpy(), rng=rng, **{**QUICK, "permutations": 30, "bootstraps": 10, "learning_sizes": 3}
    )
    assert 0.3 < result["R2"] < 0.9
    assert result["RMSE"] > 1.5
    assert result.permutation.p == 1 / 31
    assert result.comparison.set_index("model").loc["no information", "R2"] == 0.0
    assert result.plot("calibration").get_xlabel().startswith("predicted outcome, people left out")
    with pytest.raises(InputError, match="needs a yes-or-no outcome"):
        result.plot("decision")


def test_a_pipeline_of_ones_own_is_tuned_in_the_inner_folds(rng):
    table = patients(rng, 60).drop(columns="sex")
    y = responders(rng, table, 1.5)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    result = predict(table, y, rng=rng, pipeline=pipeline, grid={"logisticregression__C": [0.01, 1.0]}, **QUICK)
    assert result["AUC"] > 0.6
    assert result.card is None
    assert "has no model card" in result.summary()


def test_folds_of_ones_own_are_used(rng):
    table = patients(rng, 60)
    y = responders(rng, table)
    ids = np.arange(60) // 2 % 4
    folds = [(np.flatnonzero(ids != f), np.flatnonzero(ids == f)) for f in range(4)]
    result = predict(table, y, rng=rng, folds=folds, **QUICK)
    assert result.settings["own_folds"]
    assert "1 x 4 folds" in result.summary()
    with pytest.raises(InputError, match="leave every row out exactly once"):
        predict(table, y, rng=rng, folds=folds[:3], **QUICK)


def test_harmonisation_inside_the_folds(rng):
    table = patients(rng, 60)
    y = responders(rng, table, 1.0)
    site = np.tile(["A", "B"], 30)
    shifted = table.assign(**{f"bp{i}": table[f"bp{i}"] + 0.5 * (site == "B") for i in range(4)})
    choices = {
        **QUICK,
        "repeats": 1,
        "outer_folds": 2,
        "penalties": [100.0, 1.0],
        "harmonise": "combat",
        "preserve": ["age"],
    }
    result = predict(shifted, y, rng=rng, sites=site, **choices)
    assert result.card.harmonisation["features"] == ["bp0", "bp1", "bp2", "bp3"]
    assert result.card.harmonisation["preserve"] == ["age"]
    assert 0 < result["AUC"] < 1
    with pytest.raises(
        InputError, match=r"with 3 sites each is left out in turn.*unseen_site='unharmonised'.*within_site"
    ):
        predict(shifted, y, rng=rng, sites=np.tile(["A", "B", "C"], 20), **choices)
    with pytest.raises(InputError, match="site 'B' has 0 rows with outcome 1"):
        predict(shifted, np.where(site == "B", 0.0, y), rng=rng, sites=site, **choices)
    with pytest.raises(InputError, match="give sites="):
        predict(shifted, y, rng=rng, **choices)


def test_samples_in_which_a_site_is_too_small_are_left_out_and_counted(rng):
    table = patients(rng, 50).drop(columns="sex")
    y = responders(rng, table)
    site = np.array(["A"] * 42 + ["B"] * 8)
    y[42:] = np.tile([0.0, 1.0], 4)
    choices = {
        **QUICK,
        "repeats": 1,
        "outer_folds": 2,
        "inner_folds": 2,
        "penalties": [10.0, 1.0],
        "harmonise": "combat",
    }
    result = predict(table, y, rng=rng, sites=site, **{**choices, "bootstraps": 12, "learning_sizes": 3})
    assert 1 <= result.optimism["samples"].iloc[0] < 12
    assert len(result.learning) < 3


def test_a_cohort_goes_from_tables_to_a_card(tmp_path):
    rng = np.random.default_rng(3)
    cohort = small_study(rng, patients=60).read(tmp_path)
    result = predict(cohort, "madrs", rng=rng, outcome_type="endpoint", **QUICK)
    assert result.card.columns == ("baseline_score", "age", "sex", "BPND midbrain", "Glx")
    assert result.settings["data_flow"]["used"] == 60
    assert result["R2"] > 0.1
    assert result.unit == "points"
    with pytest.raises(UnknownNameError, match="did you mean 'BPND midbrain'"):
        predict(cohort, "madrs", rng=rng, predictors=["BPND midbrian"])


def test_a_landmark_keeps_only_patients_still_at_risk(tmp_path):
    rng = np.random.default_rng(3)
    study = small_study(rng, patients=60)
    second = {"session_id": "ses-week2", "visit": "week2", "week": "2"}
    study.sessions += [{**row, **second} for row in study.sessions if row["visit"] == "baseline"]
    first = {r["participant_id"]: int(r["score"]) for r in study.madrs if r["session_id"] == "ses-baseline"}
    early = list(first)[:5]
    for name in list(first)[:58]:
        score = 3 if name in early else first[name] - 2
        study.madrs.append({"participant_id": name, "session_id": "ses-week2", "score": str(score)})
    cohort = study.read(tmp_path)
    choices = {"endpoint_visit": "week8", "predictors": ["age", "baseline_score", "madrs @ week2"]}
    with pytest.raises(LeakageError, match="'madrs @ week2' was measured in week 2, after baseline"):
        predict(cohort, "madrs", rng=rng, **choices)
    result = predict(cohort, "madrs", rng=rng, landmark="week2", outer_folds=3, inner_folds=2, **choices, **QUICK)
    flow = result.settings["data_flow"]
    assert flow["outcome_before_landmark"] == 5
    assert flow["not_seen_at_landmark"] == 2
    assert result.n == flow["used"] == 53


def test_too_few_people_for_the_folds_are_named(rng):
    table = patients(rng, 30)
    y = np.zeros(30)
    y[:4] = 1.0
    with pytest.raises(InputError, match="4 people in the rarer class are too few for 5 outer and 4 inner folds"):
        predict(table, y, rng=rng, inner_folds=4, **QUICK)
    assert (
        "4 people in the rarer class: every measure is very uncertain" in predict(table, y, rng=rng, **QUICK).summary()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": [1.0, 0.0]}, "outcome has 2 rows, but predictors has 40"),
        ({"outcome": np.r_[np.nan, np.zeros(20), np.ones(19)]}, r"outcome\[0\] is missing"),
        ({"outcome": np.ones(40)}, "the outcome is 1 in all 40 rows"),
        ({"sites": ["A"]}, "sites has 1 rows"),
        ({"predictors": "age"}, "predictors is the text 'age'"),
        ({"predictors": ["agee"]}, "did you mean 'age'"),
        ({"repeat": 3}, "did you mean 'repeats'"),
        ({"harmonise": "kombat"}, "did you mean 'combat'"),
        ({"penalties": [0.0]}, "give numbers above zero"),
        ({"repeats": 0}, "repeats is 0"),
    ],
)
def test_impossible_requests_say_what_is_allowed(rng, change, message):
    outcome = change.pop("outcome", np.tile([0.0, 1.0], 20))
    with pytest.raises((InputError, UnknownNameError), match=message):
        predict(patients(rng, 40), outcome, rng=rng, **{**QUICK, **change})


# --- the model card and external validation


def test_a_card_is_numbers_in_json_and_predicts_the_same_after_loading(result, tmp_path):
    rng = np.random.default_rng(4)
    table = patients(rng, 120)
    table.loc[::11, "bp2"] = np.nan
    path = result.card.save(tmp_path / "card.json")
    text = path.read_text(encoding="utf-8")
    loaded = ModelCard.load(path)
    assert loaded.predict(table).tolist() == result.card.predict(table).tolist()
    assert loaded == result.card
    record = json.loads(text)
    assert record["format"] == "neurochem-model-1"
    assert "Not a medical device" in record["warning"]
    assert record["intended_use"].startswith("research")
    assert record["training"]["people"] == 120
    assert record["performance"]["AUC"][0] == result["AUC"]
    assert "pickle" not in text
    assert not re.search(r"sub-\d", text)
    terms = loaded.equation().set_index("term")["coefficient"]
    row = table.drop(columns="sex").iloc[3]
    by_hand = terms["intercept"] + sum(terms[name] * row[name] for name in row.index)
    by_hand += terms["sex[m]"] * (table["sex"].iloc[3] == "m")
    assert_allclose(loaded.linear(table)[3], by_hand, rtol=1e-9)


def test_the_final_model_is_the_inner_procedure_on_everybody(result):
    assert result.card.penalty in PENALTIES
    assert result.card.training["sites"] == {"A": 60, "B": 30, "C": 30}
    assert result.card.training["missing"] == {"bp2": 11}


def test_cards_that_are_none_are_refused(result, tmp_path):
    with pytest.raises(MissingFileError, match="there is no such model card"):
        ModelCard.load(tmp_path / "none.json")
    for text, message in (
        ("x", "not JSON"), ('{"format": "other"}', "field 'format' is not"), ('{"format": "neurochem-model-1"}', "is missing"),
    ):  # fmt: skip
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(FileFormatError, match=message):
            ModelCard.load(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slopes": [9.0] * 7}, "the numbers are not those that were saved.*never validated"),
        ({"intended_use": "choosing treatment"}, "the numbers are not those that were saved"),
        ({"format": "neurochem-model-2"}, "is 'neurochem-model-2', and this neurochem reads 'neurochem-model-1'"),
        ({"checksum": None}, "field 'checksum' does not fit"),
    ],
)
def test_cards_that_were_changed_or_are_of_another_version_are_refused(result, tmp_path, change, message):
    path = result.card.save(tmp_path / "card.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(FileFormatError, match=message):
        ModelCard.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slopes": [1.0] * 6}, "field 'slopes' has 6 values for 7 predictors"),
        ({"slopes": ["much"] * 7}, "a field holds what it cannot hold"),
        ({"scale": [float("inf")] * 7}, "inf is not a finite number"),
        ({"ranges": [1.0] * 7}, "a field holds what it cannot hold"),
    ],
)
def test_a_card_with_its_checksum_made_anew_must_still_hold_numbers(result, tmp_path, change, message):
    path = result.card.save(tmp_path / "card.json")
    record = {**json.loads(path.read_text()), **change}
    rest = {key: value for key, value in record.items() if key != "checksum"}
    record["checksum"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(record))
    with pytest.raises(FileFormatError, match=message):
        ModelCard.load(path)


def test_external_validation_changes_nothing_of_the_model(result):
    rng = np.random.default_rng(77)
    table = patients(rng, 200)
    table.loc[3, "age"] = 88
    y = responders(rng, table, 1.2)
    found = validate_external(result.card, table, y)
    rows = found.to_frame().set_index("measure")
    assert_allclose(rows.loc["AUC", "value"], roc_auc_score(y, result.card.predict(table)))
    assert_allclose(found.predicted, result.card.predict(table))
    again = found.recalibrated.set_index("model")
    assert again.loc["as it is", ["intercept", "slope"]].tolist() == [0.0, 1.0]
    assert again.loc["new intercept", "slope"] == 1.0
    text = found.summary()
    assert "External validation of the prediction of outcome in 200 new patients" in text
    assert "not validated by them" in text
    assert "age in 1" in text
    assert "May not be concluded" in text


def test_the_training_patients_are_no_external_validation(result):
    rng = np.random.default_rng(4)
    table = patients(rng, 120)
    with pytest.raises(InputError, match="of 120 rows trained this model, so this is no external validation"):
        validate_external(result.card, table, np.tile([0.0, 1.0], 60))
    new = patients(np.random.default_rng(9), 40)
    with pytest.raises(UnknownNameError, match="predictor of the model in the table 'bp3'"):
        validate_external(result.card, new.drop(columns="bp3"), np.tile([0.0, 1.0], 20))
    with pytest.raises(InputError, match="must hold 0 and 1"):
        validate_external(result.card, new, np.arange(40.0))


# --- the packages


def test_examples_in_the_documentation_run():
    count = 0
    for package in ("screening", "harmonize", "prediction"):
        found = importlib.import_module(f"neurochem.response.{package}")
        for info in pkgutil.iter_modules(found.__path__):
            module = importlib.import_module(f"neurochem.response.{package}.{info.name}")
            done = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
            assert done.failed == 0, module.__name__
            count += done.attempted
    assert count > 8


def test_scikit_learn_is_loaded_only_when_it_is_needed():
    code = (
        "import sys, neurochem.response.screening, neurochem.response.prediction, neurochem.response.harmonize as h\n"
    )
    code += "print([m for m in ('sklearn', 'matplotlib', 'statsmodels') if m in sys.modules], h.ComBat.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] ComBat"


def test_every_public_name_is_documented():
    for package in ("screening", "harmonize", "prediction"):
        found = importlib.import_module(f"neurochem.response.{package}")
        for name in found.__all__:
            assert getattr(found, name).__doc__, name


# --- figures


def test_figures_show_the_numbers_of_the_result(result):
    ax = result.plot("calibration")
    assert ax.get_xlabel() == "predicted risk, people left out (0 to 1)"
    curve = result.calibration_curve
    smooth = next(line for line in ax.lines if line.get_label() == "smooth curve")
    assert_allclose(smooth.get_ydata(), curve["observed"])
    assert (curve["low95"] <= curve["high95"]).all()
    lines = {line.get_label(): line.get_ydata() for line in result.plot("decision").lines}
    assert_allclose(lines["act on the model"], result.decision["model"])
    ax = result.plot("learning")
    assert_allclose(ax.lines[0].get_ydata(), result.learning["value"])
    words = [text.get_text() for text in result.plot("permutation").get_legend().get_texts()]
    assert f"true labels, p = {result.permutation.p:.3g}" in words
    assert [text.get_text() for text in result.plot("sites").get_yticklabels()][-1] == "A  n = 60"
    with pytest.raises(UnknownNameError, match="calibration"):
        result.plot("calibrated")


def test_figures_that_cannot_be_drawn_say_why(rng):
    table = patients(rng, 60)
    found = predict(table, responders(rng, table), rng=rng, **QUICK)
    for kind, message in (("learning", "no learning curve"), ("permutation", "no labels"), ("sites", "three sites")):
        with pytest.raises(InputError, match=message):
            found.plot(kind)


def test_what_is_added_is_compared_with_chance_where_severity_does_worse():
    rng = np.random.default_rng(0)
    y, folds = np.tile([0.0, 1.0], 20), np.arange(40) // 2 % 5
    score = y + 0.3 * rng.normal(size=40)
    full = Nested(y[None], score[None], np.full((1, 40), 0.5), folds[None], np.zeros(40, dtype=int))
    nothing = dataclasses.replace(full, linear=np.zeros((1, 40)))
    worse = increments(full, dataclasses.replace(full, linear=-score[None]), nothing, binary=True).set_index("measure")
    assert worse.loc["AUC", "against"] == "no information (severity, age and sex do worse)"
    assert_allclose(worse.loc["AUC", "value"], roc_auc_score(y, score) - 0.5, atol=0.03)
    better = increments(full, dataclasses.replace(full, linear=0.5 * score[None]), nothing, binary=True).set_index(
        "measure"
    )
    assert better.loc["AUC", "against"] == "severity, age and sex"
    assert better.loc["AUC", "value"] == 0.0
