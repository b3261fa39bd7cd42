"""The eight planted leaks, each refused by name, and honest designs that pass."""

import numpy as np
import pandas as pd
import pytest
from prediction_data import QUICK, patients, responders
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_study import edit, small_study

from neurochem.errors import InputError, LeakageError
from neurochem.response.harmonize import ComBat
from neurochem.response.prediction import predict
from neurochem.response.screening import screen

SELECTION = "leakage: selection before splitting"
SCALING = "leakage: scaling or imputation before splitting"
COMBAT = "leakage: ComBat fitted on all rows"
PRESERVED = "leakage: outcome among ComBat's preserved covariates"
PERSON = "leakage: one person in two folds"
LATER = "leakage: a post-baseline variable as a baseline feature"
DISGUISE = "leakage: the outcome in disguise"
TUNING = "leakage: tuning scored on the outer test fold"


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.fixture
def table(rng):
    return patients(rng)


@pytest.fixture
def y(rng, table):
    return responders(rng, table)


def run(table, y, rng, **choices):
    return predict(table, y, rng=rng, **{**QUICK, "repeats": 1, **choices})


def numeric(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="sex")


# 1 selection before splitting
def test_markers_chosen_by_a_screen_of_the_same_people_are_refused(rng, table, y):
    chosen = screen(numeric(table), y, rng=rng, permutations=200).selected(level=1.0)
    with pytest.raises(LeakageError, match=f"{SELECTION}.*screen of 6 markers by p_max"):
        run(table, y, rng, predictors=chosen)


def test_a_fitted_selection_step_is_refused(rng, table, y):
    x = numeric(table)
    select = SelectKBest(k=2).fit(x, y)
    with pytest.raises(LeakageError, match=f"{SELECTION}: step 'selectkbest'"):
        run(x, y, rng, pipeline=make_pipeline(select, LogisticRegression()))


# 2 scaling or imputation before splitting
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("decimals", [3, 4, 15])
def test_columns_scaled_over_all_rows_are_refused(rng, table, y, ddof, decimals):
    scaled = table.assign(bp1=((table["bp1"] - table["bp1"].mean()) / table["bp1"].std(ddof=ddof)).round(decimals))
    with pytest.raises(LeakageError, match=f"{SCALING}: column 'bp1' has mean 0 and SD 1"):
        run(scaled, y, rng)


def test_columns_stretched_over_all_rows_are_refused(rng, table, y):
    low, high = table["bp1"].min(), table["bp1"].max()
    with pytest.raises(LeakageError, match=f"{SCALING}: column 'bp1' runs from exactly 0 to exactly 1"):
        run(table.assign(bp1=(table["bp1"] - low) / (high - low)), y, rng)


@pytest.mark.parametrize("strategy", ["mean", "median"])
def test_columns_imputed_over_all_rows_are_refused(rng, table, y, strategy):
    holed = table["bp2"].where(np.arange(len(table)) % 17 != 3)
    filled = SimpleImputer(strategy=strategy).fit_transform(holed.to_frame())[:, 0]
    with pytest.raises(LeakageError, match=f"{SCALING}: column 'bp2' holds its own {strategy}"):
        run(table.assign(bp2=filled), y, rng)


def test_a_fitted_scaler_is_refused(rng, table, y):
    x = numeric(table)
    with pytest.raises(LeakageError, match=f"{SCALING}: step 'standardscaler'"):
        run(x, y, rng, pipeline=make_pipeline(StandardScaler().fit(x), LogisticRegression()))


# 3 ComBat fitted on all rows
def test_a_table_that_went_through_combat_is_refused(rng, table, y):
    site = np.tile(["A", "B"], 40)
    clean = ComBat(features=["bp0", "bp1", "bp2", "bp3"]).fit_transform(table.assign(site=site)).drop(columns="site")
    with pytest.raises(LeakageError, match=f"{COMBAT}.*ComBat fitted before.*harmonise='combat'"):
        run(clean, y, rng, sites=site)


def test_harmonised_numbers_are_known_even_without_their_history(rng, table, y):
    site = np.tile(["A", "B"], 40)
    columns = ["bp0", "bp1", "bp2", "bp3"]
    clean = ComBat(features=columns).fit_transform(table.assign(site=site))
    bare = pd.DataFrame(clean[columns].to_numpy(), columns=columns)
    with pytest.raises(LeakageError, match=f"{COMBAT}: every site has the same mean"):
        run(bare, y, rng, sites=site)


def test_a_fitted_combat_step_is_refused(rng, table, y):
    x = numeric(table).assign(site=np.tile([0, 1], 40))
    combat = ComBat(features=["bp0", "bp1"]).fit(x)
    with pytest.raises(LeakageError, match=f"{COMBAT}: step 'combat'"):
        run(x, y, rng, pipeline=make_pipeline(combat, LogisticRegression()))


# 4 outcome among the preserved covariates
@pytest.mark.parametrize("name", ["responder", "week8_score", "outcome"])
def test_an_outcome_that_combat_would_preserve_is_refused(rng, table, y, name):
    with pytest.raises(LeakageError, match=f"{PRESERVED}: '{name}'"):
        run(table, y, rng, sites=np.tile(["A", "B"], 40), harmonise="combat", preserve=[name])


def test_combat_itself_refuses_the_outcome_under_any_name(rng, table, y):
    with pytest.raises(LeakageError, match=f"{PRESERVED}: 'group'"):
        ComBat(preserve=["group"], features=["bp0", "bp1"]).fit(table.assign(group=y, site=np.tile(["A", "B"], 40)), y)


# 5 one person in two folds
def test_ids_of_sessions_in_place_of_people_are_refused(rng, table, y):
    ids = [f"sub-{i // 2:02d}_ses-{1 + i % 2}" for i in range(80)]
    with pytest.raises(LeakageError, match=rf"{PERSON}: ids such as 'sub-00_ses-1' name sessions"):
        run(table, y, rng, people=ids)


def test_the_same_row_twice_without_ids_is_refused(rng, table, y):
    with pytest.raises(LeakageError, match=f"{PERSON}: rows 5 and 80"):
        run(pd.concat([table, table.iloc[[5]]], ignore_index=True), np.append(y, y[5]), rng)


def test_folds_that_share_a_person_are_refused(rng, table, y):
    people = np.repeat(np.arange(40), 2)
    folds = [(np.flatnonzero(np.arange(80) % 4 != f), np.flatnonzero(np.arange(80) % 4 == f)) for f in range(4)]
    with pytest.raises(LeakageError, match=f"{PERSON}: fold 0 has '0' and 19 more in training and in test"):
        run(table, y, rng, people=people, folds=folds)


def test_a_traveller_between_sites_is_refused(rng, table, y):
    people, sites = np.append(np.arange(79), 0), np.append(np.tile(["A", "B", "C"], 27)[:79], "B")
    with pytest.raises(LeakageError, match=f"{PERSON}: '0' was seen at sites 'A' and 'B'"):
        run(table, y, rng, people=people, sites=sites)


# 6 a post-baseline variable
@pytest.mark.parametrize(
    "name", ["week1_score", "bp_change", "delta_glx", "w8_bp", "occupancy", "bp @ week2", "post_bp"]
)
def test_a_name_that_sounds_later_than_baseline_is_refused(rng, table, y, name):
    with pytest.raises(LeakageError, match=f"{LATER}: '{name}' sounds as if measured after baseline"):
        run(table.assign(**{name: rng.normal(size=80)}), y, rng)


def test_a_dated_later_variable_is_refused_and_a_landmark_allows_it(rng, table, y):
    later = table.assign(early=rng.normal(size=80))
    with pytest.raises(LeakageError, match=f"{LATER}: 'early' was measured in week 1, after baseline"):
        run(later, y, rng, weeks={"early": 1})
    assert run(later, y, rng, weeks={"early": 1}, landmark=1).n == 80
    with pytest.raises(LeakageError, match=r"week 2, after the landmark \(week 1\)"):
        run(later, y, rng, weeks={"early": 2}, landmark=1)


def test_a_later_scan_of_a_cohort_is_refused_without_a_landmark(rng, tmp_path):
    cohort = small_study(rng, patients=40).read(tmp_path)
    with pytest.raises(LeakageError, match=f"{LATER}: 'BPND midbrain @ week8' was measured in week 8"):
        predict(cohort, "madrs", rng=rng, predictors=["age", "BPND midbrain @ week8"])


# 7 the outcome in disguise
@pytest.mark.parametrize(
    "name", ["item07", "hamd17_item01", "dose_reached", "responder", "final_dose", "dropout", "CGI_I"]
)
def test_what_is_known_only_afterwards_is_refused_by_its_name(rng, table, y, name):
    with pytest.raises(LeakageError, match=f"{DISGUISE}: '{name}'"):
        run(table.assign(**{name: rng.normal(size=80)}), y, rng)


def test_a_column_that_tells_the_outcome_is_refused_under_any_name(rng, table, y):
    with pytest.raises(LeakageError, match=rf"{DISGUISE}: 'eeg' alone tells the outcome \(AUC 1.00\)"):
        run(table.assign(eeg=y + 0.1 * rng.normal(size=80)), y, rng)
    score = rng.normal(12, 5, 80)
    with pytest.raises(LeakageError, match=rf"{DISGUISE}: 'eeg' alone tells the outcome \(r 0.9"):
        run(table.assign(eeg=score + rng.normal(size=80)), score, rng)


@pytest.mark.parametrize(
    ("name", "what"), [("madrs @ week8", "the outcome itself"), ("hamd17 @ week8", "another scale")]
)
def test_a_scale_at_the_endpoint_of_a_cohort_is_refused(rng, tmp_path, name, what):
    cohort = small_study(rng, patients=40).read(tmp_path)
    with pytest.raises(LeakageError, match=f"{DISGUISE}: '{name}' is {what}"):
        predict(cohort, "madrs", rng=rng, predictors=["age", name])


def test_dose_reached_in_a_cohort_is_refused(rng, tmp_path):
    study = small_study(rng, patients=40)
    for index in range(len(study.participants)):
        edit(study.participants, index, dose_reached=str(10 + index % 3))
    with pytest.raises(LeakageError, match=f"{DISGUISE}: 'dose_reached'"):
        predict(
            study.read(tmp_path), "madrs", rng=rng, predictors=["age", "dose_reached"], outcome_type="change", **QUICK
        )


def test_an_exception_needs_a_reason_and_stands_in_the_result(rng, table, y):
    named = table.assign(max_dose=rng.normal(size=80))
    with pytest.raises(InputError, match="has no reason"):
        run(named, y, rng, allow={"max_dose": " "})
    result = run(named, y, rng, allow={"max_dose": "largest dose of an earlier episode"})
    assert "'max_dose' passed the guards by your word: largest dose of an earlier episode" in result.summary()


# 8 tuning scored on the outer test fold
def test_choosing_a_penalty_without_inner_folds_is_refused(rng, table, y):
    with pytest.raises(LeakageError, match=f"{TUNING}: inner_folds is 1 and there are 5 settings"):
        run(table, y, rng, inner_folds=1)
    assert run(table, y, rng, inner_folds=1, penalties=[10.0]).n == 80


def test_a_search_that_was_run_before_is_refused(rng, table, y):
    x = numeric(table)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1.0]}).fit(x, y)
    with pytest.raises(LeakageError, match=f"{TUNING}: 'search' was tuned before on all rows"):
        run(x, y, rng, pipeline=search)


def test_a_search_with_folds_of_its_own_is_refused(rng, table, y):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=PredefinedSplit(np.arange(80) % 5))
    with pytest.raises(LeakageError, match=f"{TUNING}: 'search' brings folds of its own"):
        run(numeric(table), y, rng, pipeline=search)


# what is honest passes
def test_raw_values_with_holes_and_harmless_names_pass(rng, table, y):
    honest = table.assign(
        d2_striatum=rng.normal(2.4, 0.35, 80), glx=rng.normal(9.5, 1.0, 80).round(1), vas=np.tile([0.0, 0.25, 0.5, 1.0], 20),
        visit_age=rng.normal(40, 3, 80), m1_thickness=rng.normal(2.5, 0.1, 80), hippocampus_volume=rng.normal(7600, 700, 80),
    )  # fmt: skip
    honest.loc[::9, "glx"] = np.nan
    assert run(honest, y, rng, sites=np.tile(["A", "B"], 40)).n == 80


def test_rounded_values_that_happen_to_hold_their_mean_pass(rng, table, y):
    ages = np.repeat(np.arange(30, 46), 5).astype(float)
    assert run(table.assign(age=ages[rng.permutation(80)] - 0.0, bp1=np.round(table["bp1"], 2)), y, rng).n == 80


def test_repeated_scans_of_a_person_pass_when_people_are_named(rng, table, y):
    people = np.repeat(np.arange(40), 2)
    result = run(table, np.repeat(y[:40], 2), rng, people=people)
    assert result.people == 40
    assert result.n == 80


@pytest.mark.slow
def test_selection_before_splitting_would_have_looked_good_and_inside_the_folds_does_not():
    rng = np.random.default_rng(0)
    before, inside = [], []
    for _ in range(20):
        x = pd.DataFrame(
            rng.normal(size=(60, 100)), columns=[f"v{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(100)]
        )
        y = rng.permutation(np.tile([0.0, 1.0], 30))
        best = x.columns[SelectKBest(k=10).fit(x, y).get_support()]
        before.append(run(x, y, rng, predictors=list(best))["AUC"])
        pipeline = make_pipeline(SelectKBest(k=10), StandardScaler(), LogisticRegression())
        inside.append(run(x, y, rng, pipeline=pipeline)["AUC"])
    assert np.mean(before) > 0.7
    assert abs(np.mean(inside) - 0.5) < 0.06
