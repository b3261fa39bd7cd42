"""Multiple imputation: what is drawn, what is pooled, and that intervals cover when scans and scores are missing."""

import numpy as np
import pandas as pd
import pytest
from cohort_a24 import a24_cohort, a24_frame, column
from numpy.testing import assert_allclose
from small_study import small_study

from neurochem.errors import InputError, UnknownNameError
from neurochem.response import (
    associate,
    associate_imputed,
    coefficient_table,
    describe,
    family_frame,
    impute,
    plot_association,
    pool_estimates,
    pool_imputations,
    regress,
)


@pytest.fixture
def rng():
    return np.random.default_rng(12)


def holed(rng, n=400):
    """Return a table in which x is missing more often where z is high, and sex where z is above its mean."""
    z = rng.standard_normal(n)
    sex = np.where(rng.random(n) < 0.5, "F", "M")
    x = 2.0 + 0.5 * z + 0.8 * (sex == "F") + rng.standard_normal(n)
    table = pd.DataFrame({"x": x, "z": z, "sex": sex.astype(object)})
    whole = table.copy()
    table.loc[rng.random(n) < 1 / (1 + np.exp(1.0 - 2.0 * z)), "x"] = np.nan
    table.loc[rng.random(n) < 0.3 * (z > 0), "sex"] = None
    return table, whole


def test_known_values_stay_and_the_same_seed_gives_the_same_copies(rng):
    table, _ = holed(rng)
    before = table.copy()
    first = impute(table, imputations=3, rng=np.random.default_rng(1))
    again = impute(table, imputations=3, rng=np.random.default_rng(1))
    pd.testing.assert_frame_equal(table, before)
    for copy, same in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(copy, same)
        assert not copy.isna().any().any()
        assert_allclose(copy["x"][table["x"].notna()], table["x"].dropna())
        assert set(copy["sex"]) == {"F", "M"}
    assert not first[0]["x"].equals(first[1]["x"])


def test_what_is_drawn_has_the_mean_and_the_spread_of_what_is_missing(rng):
    table, whole = holed(rng, n=4000)
    copies = impute(table, imputations=5, rng=rng)
    gone = table["x"].isna()
    # those who are missing differ from those who are not; 1600 people, SD 1.2: the mean is known to 0.03
    assert whole["x"][gone].mean() - whole["x"][~gone].mean() > 0.4
    for copy in copies:
        assert_allclose(copy["x"][gone].mean(), whole["x"][gone].mean(), atol=0.12)
        assert_allclose(copy["x"][gone].std(), whole["x"][gone].std(), rtol=0.08)
        slope = np.polyfit(copy["z"], copy["x"], 1)[0]
        assert_allclose(slope, 0.5, atol=0.08)
    # sex is taken from x: among people whose sex is drawn anew, women still have the higher x, by 0.8
    unknown = table["sex"].isna() & ~gone
    gaps = [np.diff(copy.loc[unknown].groupby("sex")["x"].mean()[["M", "F"]])[0] for copy in copies]
    assert_allclose(np.mean(gaps), 0.8, atol=0.25)  # 300 people, SD 1.1


def test_three_levels_and_separated_classes_are_drawn(rng):
    x = np.concatenate([np.full(20, 0.0), np.full(20, 1.0), np.full(20, 2.0)]) + 0.01 * rng.standard_normal(60)
    site = np.repeat(["A", "B", "C"], 20).astype(object)
    site[[5, 25, 45]] = None
    copies = impute(pd.DataFrame({"x": x, "site": site}), imputations=40, rng=rng, levels={"site": ["C", "A", "B"]})
    found = np.array([[copy["site"][i] for i in (5, 25, 45)] for copy in copies])
    assert (found == ["A", "B", "C"]).mean() > 0.8


def test_an_unusable_column_is_named(rng):
    with pytest.raises(InputError, match="column 'x' has no known value"):
        impute(pd.DataFrame({"x": [np.nan] * 3, "y": [1.0, 2, 3]}), rng=rng)
    few = pd.DataFrame(rng.standard_normal((8, 6)), columns=list("abcdef"))
    few.loc[:1, "a"] = np.nan
    with pytest.raises(InputError, match="column 'a' has 6 known values, but the other columns are 6 terms"):
        impute(few, rng=rng)
    with pytest.raises(UnknownNameError, match="sight"):
        impute(few, rng=rng, levels={"sight": ["A"]})
    with pytest.raises(InputError, match="imputations is 0"):
        impute(few, rng=rng, imputations=0)


# --- pooling


def test_copies_that_agree_pool_to_the_one_answer():
    fit = regress(column("y8"), column("bp"), covariates={"y0": column("y0")}, robust="classical")
    pooled = pool_imputations([fit, fit, fit])
    for name in ("slope", "intercept", "y0", "standardised_slope"):
        assert_allclose((pooled[name].value, pooled[name].stderr), (fit[name].value, fit[name].stderr), rtol=1e-12)
    # Barnard and Rubin's observed-data degrees of freedom with nothing missing: (d + 1) / (d + 3) d
    assert_allclose(pooled["slope"].dof, 22 / 24 * 21, rtol=1e-12)
    assert pooled.diagnostics["share_from_missing"] == 0.0
    assert_allclose(pooled.covariance, fit.covariance, rtol=1e-9)


def test_without_end_of_complete_data_the_degrees_of_freedom_are_rubins():
    found = pool_estimates([1.0, 2.0, 3.0], [0.5, 0.6, 0.7])
    assert_allclose(found["pooled"].dof, found.diagnostics["dof_large_sample"], rtol=1e-12)
    assert np.isinf(pool_estimates([1.0, 1.0], [0.5, 0.5])["pooled"].dof)


@pytest.mark.parametrize(
    ("values", "stderr", "dof"), [([1.0], [0.1], 10), ([1.0, 2.0], [0.1, 0.0], 10), ([1.0, 2.0], [0.1, 0.1], 0)]
)
def test_what_cannot_be_pooled_is_refused(values, stderr, dof):
    with pytest.raises(InputError, match="give at least two values, each stderr and dof above zero"):
        pool_estimates(values, stderr, dof=dof)


def test_fits_of_different_models_are_refused():
    one = regress(column("y8"), column("bp"))
    other = regress(column("y8"), column("bp"), covariates={"y0": column("y0")})
    with pytest.raises(InputError, match=r"fits\[1\] is 'OLS' with terms slope, intercept, y0"):
        pool_imputations([one, other])
    with pytest.raises(InputError, match="there are 1 fits"):
        pool_imputations([one])


def test_a_slope_open_in_one_copy_is_open_in_the_pool(rng):
    y, w = rng.standard_normal(40), rng.standard_normal(40)
    known, unknown = regress(y, w, stderr=np.full(40, 0.3)), regress(y, w, stderr=np.full(40, 1.5))
    assert "unidentified_slope" in {flag.name for flag in unknown.flags}
    pooled = pool_imputations([known, unknown])
    assert pooled["slope"].interval() == (-np.inf, np.inf)
    assert [flag.name for flag in pooled.flags].count("unidentified_slope") == 1
    assert np.isnan(pooled.diagnostics["p_value"])


def test_a_copy_that_cannot_be_fitted_fails_the_pool():
    good, bad = regress(column("y8"), column("bp")), regress(column("y8"), np.ones(24))
    pooled = pool_imputations([good, bad])
    assert pooled.failed
    assert np.isnan(pooled["slope"].value)
    assert "could not be fitted to 1 of 2" in pooled.flags[-1].message


# --- a cohort


def gappy():
    frame = a24_frame()
    frame.loc[[2, 9, 17], ["bp", "se"]] = np.nan
    frame.loc[[4, 11], "y8"] = np.nan
    return a24_cohort(frame)


QUESTION = {"outcome": "hamd17", "marker": "BPND"}


def test_patients_with_gaps_stay_in(rng):
    cohort = gappy()
    assert associate(cohort, **QUESTION).diagnostics["n"] == 19
    fit = associate_imputed(cohort, **QUESTION, rng=rng)
    assert fit.diagnostics["n"] == 24
    assert fit.diagnostics["imputations"] == 21  # 5 of 24 patients are incomplete
    record = fit.settings["imputation"]
    assert record["imputed"] == {"endpoint_score": 2, "marker": 3}
    assert record["scans_missing"] == {"marker not acquired at baseline": 3}
    assert fit.settings["se_sources"] == {"fit": 21, "imputed": 3}
    assert 0.0 < fit.diagnostics["share_from_missing"] < 0.6
    assert "Values imputed 21 times among 24 patients: endpoint_score 2, marker 3" in describe(fit)
    assert coefficient_table(fit)["term"].tolist() == ["slope", "intercept", "baseline_score", "arm[ssri]"]
    assert family_frame({"x": fit})["n"].tolist() == [24]
    with pytest.raises(InputError, match="holds no people to draw"):
        plot_association(fit)


def test_nothing_missing_is_the_ordinary_answer(rng):
    whole = associate(a24_cohort(), **QUESTION, error="none")
    fit = associate_imputed(a24_cohort(), **QUESTION, error="none", rng=rng, imputations=2)
    assert_allclose(
        (fit["slope"].value, fit["slope"].stderr), (whole["slope"].value, whole["slope"].stderr), rtol=1e-12
    )


def test_change_and_response_are_computed_from_what_was_imputed(rng, tmp_path):
    study = small_study(np.random.default_rng(5), patients=50)
    for index in range(4, 40, 9):
        study.markers[index] = {**study.markers[index], "value": "n/a", "se": "n/a", "qc": "failed"}
        study.madrs[index] = {**study.madrs[index], "score": "n/a"}
    cohort = study.read(tmp_path)
    change = associate_imputed(
        cohort, outcome="madrs", marker="BPND", at="change", error="none", rng=rng, covariates=["age"]
    )
    assert change.diagnostics["n"] == 50
    assert {"baseline_marker", "second_marker"} & set(change.settings["imputation"]["imputed"])
    response = associate_imputed(cohort, outcome="madrs", marker="Glx", outcome_type="response", error="none", rng=rng)
    assert response["odds_ratio"].value == pytest.approx(np.exp(response["standardised_slope"].value))
    assert "log-odds" in response["slope"].unit


def test_a_wrong_keyword_is_named_and_one_copy_is_too_few(rng):
    with pytest.raises(UnknownNameError, match="'covariate'; did you mean 'covariates'"):
        associate_imputed(gappy(), **QUESTION, rng=rng, covariate=["age"])
    with pytest.raises(InputError, match="imputations is 1"):
        associate_imputed(gappy(), **QUESTION, rng=rng, imputations=1)
    with pytest.raises(InputError, match="auxiliary is the text 'site'"):
        associate_imputed(gappy(), **QUESTION, rng=rng, auxiliary="site")


@pytest.mark.slow
@pytest.mark.parametrize(("error", "people"), [("none", 60), ("ml", 100)])
def test_intervals_cover_the_truth_when_a_third_of_the_rows_have_gaps(error, people):
    """300 cohorts: 95 % intervals should cover 95 +- 3.8 % (three standard errors); the naive ones fall far short."""
    rng = np.random.default_rng(11)
    runs, covered = 300, 0
    for _ in range(runs):
        z, arm = rng.standard_normal(people), (rng.random(people) < 0.5).astype(float)
        true = 0.3 * z + rng.standard_normal(people)
        noise = np.sqrt(np.maximum(0.67 * rng.gamma(2.0, 0.5, people), 0.067)) if error == "ml" else np.zeros(people)
        marker = true + noise * rng.standard_normal(people)
        outcome = 13 - 2 * arm + z - 2.0 * true + 3.0 * rng.standard_normal(people)
        no_scan = rng.random(people) < 1 / (1 + np.exp(1.2 - z))
        no_score = ~no_scan & (rng.random(people) < 0.15 + 0.15 * arm)
        table = pd.DataFrame({"y": outcome, "w": marker, "z": z, "arm": arm})
        table.loc[no_scan, "w"], table.loc[no_score, "y"] = np.nan, np.nan
        noise[no_scan] = np.sqrt(np.mean(noise[~no_scan] ** 2))
        fits = [
            regress(
                copy["y"],
                copy["w"],
                stderr=noise if error == "ml" else None,
                covariates=copy[["z", "arm"]],
                error=error,
            )
            for copy in impute(table, imputations=10, rng=rng)
        ]
        low, high = pool_imputations(fits)["slope"].interval()
        covered += low <= -2.0 <= high
    assert 0.912 <= covered / runs <= 0.988
