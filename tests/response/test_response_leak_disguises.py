"""The eight leaks in disguise: renamed, rescaled, split over columns, or hidden in what a pipeline carries."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from prediction_data import QUICK, patients, responders
from sklearn.ensemble import StackingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_study import small_study

from neurochem.errors import InputError, LeakageError
from neurochem.response.harmonize import ComBat
from neurochem.response.moderation import personal_advantage
from neurochem.response.prediction import leakage, predict, validate_external

SELECTION = "leakage: selection before splitting"
SCALING = "leakage: scaling or imputation before splitting"
PERSON = "leakage: one person in two folds"
DISGUISE = "leakage: the outcome in disguise"


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.fixture
def table(rng):
    return patients(rng, 80).drop(columns="sex")


@pytest.fixture
def y(rng, table):
    return responders(rng, table)


def run(table, y, rng, **choices):
    return predict(table, y, rng=rng, **{**QUICK, "repeats": 1, **choices})


# a fitted step, wherever a pipeline may hold one
@pytest.mark.parametrize("where", ["function", "closure", "array", "frozen", "union", "stack"])
def test_what_was_fitted_before_is_found_at_any_depth(rng, table, y, where):
    select = SelectKBest(k=2).fit(table, y)
    kept = select.get_support()
    steps = {
        "function": FunctionTransformer(select.transform),
        "closure": FunctionTransformer(lambda x: select.transform(np.asarray(x))),
        "array": FunctionTransformer(lambda x: np.asarray(x)[:, kept]),
        "frozen": FrozenEstimator(select),
        "union": FeatureUnion([("best", select)]),
        "stack": StackingClassifier([("a", LogisticRegression().fit(table, y))], cv="prefit"),
    }
    leak = "leakage: model fitted before splitting" if where == "stack" else SELECTION
    with pytest.raises(LeakageError, match=leak):
        run(table, y, rng, pipeline=make_pipeline(steps[where], LogisticRegression()))


def test_functions_that_carry_nothing_pass(rng, table, y):
    steps = make_pipeline(FunctionTransformer(np.log1p), FunctionTransformer(lambda x: x * 2.0), LogisticRegression())
    assert 0.0 < run(table.abs(), y, rng, pipeline=steps)["AUC"] < 1.0


def test_candidates_that_look_picked_carry_a_flag(rng, y):
    wide = pd.DataFrame(rng.normal(10.0, 2.0, (80, 300)), columns=[f"v{i}" for i in range(300)])
    best = SelectKBest(k=10).fit(wide, y).get_support()
    assert "looks_selected" in {flag.name for flag in run(wide.loc[:, best], y, rng).flags}
    assert "looks_selected" not in {flag.name for flag in run(wide.iloc[:, :10], y, rng).flags}


# linear forms of standard scores, ranks, components
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: 50.0 + 10.0 * (x - x.mean()) / x.std(), "mean 50 and SD 10"),
        (lambda x: 100.0 + 15.0 * (x - x.mean()) / x.std(ddof=0), "mean 100 and SD 15"),
        (lambda x: 100.0 * (x - x.min()) / (x.max() - x.min()), "runs from exactly 0 to exactly 100"),
        (lambda x: 2.0 * (x - x.min()) / (x.max() - x.min()) - 1.0, "runs from exactly -1 to exactly 1"),
        (lambda x: (x - x.median()) / (x.quantile(0.75) - x.quantile(0.25)), "median 0 and interquartile range 1"),
        (lambda x: x - x.mean(), "mean 0 over all rows"),
        (lambda x: x / x.abs().max(), "largest value at exactly 1"),
        (lambda x: (x.rank() - 0.5) / len(x), "symmetrically about its middle"),
        (lambda x: ((x - x.mean()) / x.std()).astype("float32"), "mean 0 and SD 1"),
    ],
)
def test_scaling_is_known_in_any_unit(rng, table, y, change, words):
    with pytest.raises(LeakageError, match=f"{SCALING}: column 'bp1' .*{words}"):
        run(table.assign(bp1=change(table["bp1"])), y, rng)


def test_harmonised_and_rounded_numbers_are_known_by_their_sites(rng, y):
    site = np.array(list("ABC"))[rng.integers(0, 3, 80)]
    raw = pd.DataFrame(rng.normal(10.0, 2.0, (80, 5)), columns=list("abcde"))
    clean = ComBat("site").fit_transform(raw.assign(site=site))[list("abcde")].to_numpy().round(3)
    with pytest.raises(LeakageError, match="leakage: ComBat fitted on all rows: every site has the same mean"):
        run(pd.DataFrame(clean, columns=list("abcde")), y, rng, sites=site)
    assert run(raw, y, rng, sites=site)["AUC"] < 0.97


# one person under two names
@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_the_same_values_under_two_ids_are_refused(rng, table, y, noise):
    twice = pd.concat([table, table + noise * rng.normal(size=table.shape)], ignore_index=True)
    with pytest.raises(LeakageError, match=f"{PERSON}: rows 0 and 80 .ids 's0' and 's80'"):
        run(twice, np.tile(y, 2), rng, people=[f"s{i}" for i in range(160)])


@pytest.mark.parametrize("other", ["SUB-{} ", "sub-{:03d}", "sub-{}_scan2", "sub-{}-T2"])
def test_spellings_and_occasions_of_one_id_are_refused(rng, table, y, other):
    first = "sub-{}_scan1" if "scan" in other else "sub-{}-T1" if "T2" in other else "sub-{}"
    twice = pd.concat([table, table + rng.normal(0.0, 0.2, table.shape)], ignore_index=True)
    with pytest.raises(LeakageError, match=PERSON):
        run(twice, np.tile(y, 2), rng, people=[word.format(i) for word in (first, other) for i in range(80)])


def test_numbered_ids_and_coarse_scores_that_agree_by_chance_pass(rng, y):
    # whole years and whole points: some pairs agree, as they must
    coarse = pd.DataFrame(
        {"age": rng.integers(20, 60, 80).astype(float), "madrs0": rng.integers(20, 40, 80).astype(float)}
    )
    assert coarse.duplicated().any()
    run(coarse, y, rng, people=[f"{site}-{i:02d}" for site in "ABCDEFGH" for i in range(10)])
    run(coarse, y, rng, people=[f"sub-v{i}" for i in range(80)])


# later measurements, by name
@pytest.mark.parametrize(
    "name",
    ["bp.week8", "Week 8 BP", "bpW8", "visit2_bp", "bp_day56", "8wk_bp", "FU_bp", "bp_diff", "bp_end", "bp_ses2"],
)
def test_names_of_later_measurements_are_known(name):
    assert leakage.sounds_later(name)


@pytest.mark.parametrize(
    "name",
    ["T2_bp", "V1_GABA", "M1 GABA", "BPND D2", "visit1_bp", "ses-1 Glx", "episodes_last_12_months", "posterior_cingulate",
     "weight", "gender", "age", "diffusivity", "week0_bp", "BPND midbrain", "day1_cortisol"],
)  # fmt: skip
def test_names_of_tissue_and_history_are_not(name):
    assert not leakage.sounds_later(name)


# the outcome in disguise
def test_two_columns_that_tell_the_outcome_together_are_refused(rng, table):
    first = rng.normal(24.0, 6.0, 80)
    last = rng.normal(12.0, 3.0, 80)
    both = table.assign(s0=first, s1=first - last)
    with pytest.raises(LeakageError, match=rf"{DISGUISE}: the predictors together tell the outcome .R2 1\.00"):
        run(both, last, rng)
    y = (np.arange(80) % 2).astype(float)
    fall = first - np.where(y == 1.0, 7.0, 16.0) + rng.normal(size=80)
    with pytest.raises(LeakageError, match=rf"{DISGUISE}: the predictors together tell the outcome .AUC"):
        run(table.assign(s0=first, s1=fall), y, rng)
    assert "allowed_by_user" in {flag.name for flag in run(both, last, rng, allow={"s1": "a trait"}).flags}


def test_monotone_changes_holes_and_sites_that_tell_the_outcome_are_refused(rng, table, y):
    score = rng.normal(12.0, 3.0, 80)
    with pytest.raises(LeakageError, match=f"{DISGUISE}: 'x' alone tells the outcome .r 1.00"):
        run(table.assign(x=np.exp(score)), score, rng)
    with pytest.raises(LeakageError, match=f"{DISGUISE}: where 'bp1' is missing tells the outcome"):
        run(table.assign(bp1=np.where(y == 1, np.nan, table["bp1"])), y, rng)
    with pytest.raises(LeakageError, match=f"{DISGUISE}: every site has one outcome only"):
        run(table, y, rng, sites=np.where(y == 1, "A", "B"))


def test_a_reason_does_not_let_the_outcome_be_preserved(rng, table, y):
    choices = {"sites": np.tile(["A", "B"], 40), "harmonise": "combat", "preserve": ["x"], "allow": {"x": "known"}}
    with pytest.raises(LeakageError, match="leakage: outcome among ComBat's preserved covariates: 'x'"):
        run(table.assign(x=y + rng.normal(0.0, 0.05, 80)), y, rng, **choices)


def test_what_is_better_than_ever_seen_carries_a_flag(rng, table, y):
    names = {flag.name for flag in run(table.assign(x=y + rng.normal(0.0, 0.45, 80)), y, rng).flags}
    assert "better_than_seen" in names


@pytest.mark.parametrize(
    ("change", "outcome", "message"),
    [
        (
            lambda t: t.assign(bp1=np.where(np.arange(len(t)) == 3, np.inf, t["bp1"])),
            lambda y: y,
            "holds an infinite value",
        ),
        (lambda t: pd.concat([t, t[["bp1"]]], axis=1), lambda y: y, "'bp1' stands in two columns"),
        (lambda t: t, lambda y: y + 1.0, "holds 1 and 2 only; code"),
        (lambda t: t, lambda y: np.where(y == 1, "yes", "no"), "outcome holds text"),
        (lambda t: t.iloc[:0], lambda y: y[:0], "no rows"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_in_words(rng, table, y, change, outcome, message):
    with pytest.raises(InputError, match=message):
        run(change(table), outcome(y), rng)


def test_noise_at_sites_that_differ_is_not_predicted():
    # markers shifted by site, response 25, 50 and 70 %: over all pairs noise has an area of 0.59
    areas = []
    for seed in range(20):
        rng = np.random.default_rng([3, seed])
        site = np.arange(90) % 3
        y = (rng.random(90) < np.array([0.25, 0.5, 0.7])[site]).astype(float)
        x = rng.normal(size=(90, 6)) + np.array([-0.5, 0.0, 0.5])[site][:, None]
        frame = pd.DataFrame(10.0 + 3.0 * x, columns=list("abcdef"))
        areas.append(run(frame, y, rng, sites=site.astype(str), repeats=2)["AUC"])
    # 20 cohorts: Monte Carlo error 0.017
    assert abs(np.mean(areas) - 0.5) < 0.05


# a copy of the training rows as "another study"
@pytest.mark.parametrize("copy", [lambda t: t + 1e-7, lambda t: t.round(3), lambda t: t.astype("float32")])
def test_training_rows_that_were_rounded_on_the_way_are_known(rng, y, copy):
    table = pd.DataFrame(rng.normal(1.5, 0.3, (80, 4)), columns=list("abcd"))
    card = run(table, y, rng).card
    with pytest.raises(InputError, match=r"leakage: \d+ of 80 rows trained this model"):
        validate_external(card, copy(table), y)
    assert validate_external(card, table + 0.01 * rng.normal(size=table.shape), y).n == 80


@pytest.mark.parametrize(
    ("change", "outcome", "message"),
    [
        (lambda t: t.to_numpy(), lambda y: y, "are a ndarray; give a DataFrame"),
        (lambda t: t.assign(bp1=np.inf), lambda y: y, "'bp1' holds text .* or an infinite value"),
        (lambda t: t.assign(bp1="high"), lambda y: y, "'bp1' holds text"),
        (lambda t: t, lambda y: np.where(y == 1, "yes", "no"), "outcome holds text"),
    ],
)
def test_new_patients_that_cannot_be_judged_are_refused_in_words(rng, table, y, change, outcome, message):
    card = run(table, y, rng).card
    with pytest.raises(InputError, match=message):
        validate_external(card, change(table + 1.0), outcome(y))


def test_a_landmark_at_the_endpoint_is_refused(rng, tmp_path):
    cohort = small_study(rng, patients=40).read(tmp_path)
    with pytest.raises(InputError, match=r"landmark 'week8' \(week 8\) is not before the outcome at 'week8'"):
        predict(cohort, "madrs", rng=rng, predictors=["age"], landmark="week8", **QUICK)


def test_sites_left_out_that_do_not_show_it_are_said(rng, table, y):
    result = run(table, y, rng, sites=np.tile(["A", "B", "C", "D"], 20))
    said = "that it works at another site: the sites left out do not show it" in result.not_concluded()
    assert said == (not result.pooled.low > 0.0)
    low = dataclasses.replace(result, pooled=dataclasses.replace(result.pooled, low=-0.1))
    high = dataclasses.replace(result, pooled=dataclasses.replace(result.pooled, low=0.1))
    assert any("another site" in text for text in low.not_concluded())
    assert not any("another site" in text for text in high.not_concluded())


# the advantage index has the same guards
def test_the_advantage_of_arms_is_not_made_from_the_outcome(rng, table):
    arm, score = np.tile([0.0, 1.0], 40), rng.normal(12.0, 3.0, 80)
    features = table[["bp0", "bp1"]]
    with pytest.raises(LeakageError, match=f"{DISGUISE}: 'x' alone tells the outcome"):
        personal_advantage(score, arm, features.assign(x=score), rng=rng, bootstraps=20)
    with pytest.raises(LeakageError, match=f"{DISGUISE}: 'feature 0' alone tells the outcome"):
        personal_advantage(score, arm, score[:, None], rng=rng, bootstraps=20)
    with pytest.raises(LeakageError, match="post-baseline variable as a baseline feature: 'bp_week8'"):
        personal_advantage(score, arm, features.rename(columns={"bp0": "bp_week8"}), rng=rng, bootstraps=20)
    with pytest.raises(InputError, match="features cannot be read as numbers for 80 people"):
        personal_advantage(score, arm, features.assign(bp0="high"), rng=rng, bootstraps=20)
