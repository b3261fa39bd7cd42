import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from cohort_a24 import a24_cohort, a24_frame
from numpy.testing import assert_allclose
from small_study import edit, small_study

from neurochem.errors import InputError, LeakageError, UnknownNameError
from neurochem.response import (
    SCALES,
    Cohort,
    MarkerColumn,
    Remission,
    analysis_rows,
    associate,
    associate_all,
    describe,
    family_frame,
    regress,
)
from neurochem.results import FitResult


@pytest.fixture(scope="module")
def study():
    return small_study(np.random.default_rng(3), patients=24)


@pytest.fixture(scope="module")
def cohort(study, tmp_path_factory):
    return study.read(tmp_path_factory.mktemp("study"))


def test_baseline_association_finds_the_slope_that_was_planted(cohort):
    fit = associate(cohort, outcome="madrs", marker="BPND")
    low, high = fit["slope"].interval(0.95)
    assert fit.success
    assert fit.model == "structural"
    assert low < -8.0 < high
    assert fit["slope"].unit == "points per BPND"
    assert fit.name == "MADRS change on BPND midbrain (baseline)"


def test_change_association_adjusts_for_the_markers_own_baseline(cohort):
    fit = associate(cohort, outcome="madrs", marker="Glx", at="change", covariates=["age", "sex"])
    assert fit.covariance_names == (
        "slope",
        "intercept",
        "baseline_score",
        "baseline_marker",
        "arm[ssri]",
        "age",
        "sex[M]",
    )
    assert fit["baseline_marker"].unit == "points per mmol/kg"
    rows = analysis_rows(fit)
    wide = cohort.markers.loc[lambda t: t["marker"] == "Glx"].pivot_table(
        index="participant_id", columns="visit", values="value"
    )
    expected = (wide["week8"] - wide["baseline"]).loc[rows["participant_id"]]
    assert_allclose(rows["marker"], expected, rtol=1e-12)
    assert_allclose(rows["marker_se"], np.hypot(0.5, 0.5), rtol=1e-12)


def test_change_association_is_the_regression_on_change_severity_baseline_and_arm(cohort):
    fit = associate(cohort, outcome="madrs", marker="BPND", at="change", error="none", robust="classical")
    wide = cohort.markers.loc[lambda t: t["marker"] == "BPND"].pivot_table(
        index="participant_id", columns="visit", values="value"
    )
    scores = cohort.scores.loc[lambda t: t["scale"] == "madrs"].pivot_table(
        index="participant_id", columns="visit", values="score"
    )
    people = cohort.people.set_index("participant_id")
    people = people.loc[people["group"] == "patient"]
    m, y = wide.loc[people.index], scores.loc[people.index]
    design = np.column_stack(
        [m["week8"] - m["baseline"], np.ones(len(m)), y["baseline"], m["baseline"], people["arm"] == "ssri"]
    ).astype(float)
    expected, (sse,), _, _ = np.linalg.lstsq(design, (y["week8"] - y["baseline"]).to_numpy(), rcond=None)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * sse / (len(m) - 5))
    assert_allclose([fit[name].value for name in fit.covariance_names], expected, rtol=1e-9)
    assert_allclose([fit[name].stderr for name in fit.covariance_names], errors, rtol=1e-9)


def test_controls_never_enter(cohort):
    fit = associate(cohort, outcome="madrs", marker="BPND", adjust_arm=False)
    assert fit.diagnostics["n"] == 24
    assert fit.settings["data_flow"]["controls_left_out"] == 2
    assert not set(analysis_rows(fit)["participant_id"]) & {"sub-25", "sub-26"}


def test_everyone_who_drops_out_is_named_with_the_reason(tmp_path):
    spoiled = small_study(np.random.default_rng(4), patients=16)
    index = {(row["participant_id"], row["session_id"], row["marker"]): i for i, row in enumerate(spoiled.markers)}
    edit(
        spoiled.markers, index["sub-01", "ses-baseline", "BPND"], value="n/a", se="n/a", qc="failed", qc_reason="motion"
    )
    edit(spoiled.markers, index["sub-02", "ses-week8", "BPND"], value="n/a", se="n/a", qc="withdrawn")
    del spoiled.markers[index["sub-03", "ses-week8", "BPND"]]
    edit(spoiled.participants, 4, age="n/a")
    spoiled.madrs = [
        row for row in spoiled.madrs if (row["participant_id"], row["session_id"]) != ("sub-04", "ses-week8")
    ]
    cohort = spoiled.read(tmp_path)
    fit = associate(cohort, outcome="madrs", marker="BPND", at="change", covariates=["age"])
    assert {item["participant_id"]: item["reason"] for item in fit.settings["dropped"]} == {
        "sub-01": "marker failed at baseline",
        "sub-02": "marker withdrawn at week8",
        "sub-03": "marker not acquired at week8",
        "sub-04": "madrs score missing at week8",
        "sub-05": "age missing",
    }
    assert fit.diagnostics["n"] == 11
    assert "5 of 16 patients were left out" in describe(fit)


def test_a_flagged_scan_stays_and_is_counted(study, tmp_path):
    spoiled = dataclasses.replace(study, markers=list(study.markers))
    edit(spoiled.markers, 0, qc="flagged", qc_reason="edge")
    fit = associate(spoiled.read(tmp_path), outcome="madrs", marker="BPND")
    assert fit.settings["data_flow"]["flagged_scans_used"] == 1
    assert fit.diagnostics["n"] == 24


def test_each_rows_own_standard_error_survives_saving(cohort, tmp_path):
    fit = associate(cohort, outcome="madrs", marker="BPND", covariates=["age"])
    loaded = FitResult.load(fit.save(tmp_path / "fit.json"))
    pd.testing.assert_frame_equal(analysis_rows(loaded), analysis_rows(fit))
    assert_allclose(analysis_rows(loaded)["marker_se"], 0.10)
    assert list(analysis_rows(loaded).columns[-3:]) == ["baseline_score", "arm[ssri]", "age"]
    assert json.dumps(loaded.to_dict()) == json.dumps(fit.to_dict())
    assert describe(loaded) == describe(fit)


def test_an_error_model_that_does_not_exist_is_refused(cohort):
    with pytest.raises(UnknownNameError, match="unknown error 'mle'; did you mean 'ml'"):
        associate(cohort, outcome="madrs", marker="BPND", error="mle")


def test_too_few_rows_are_a_flag_and_not_an_exception():
    fit = regress([1.0, 2.0, 4.0], [0.1, 0.2, 0.3], covariates={"age": [20.0, 30.0, 25.0]})
    assert not fit.success
    assert [flag.name for flag in fit.flags] == ["too_few_rows"]
    assert fit.flags[0].message == "3 complete rows for 3 coefficients: at least 4 are needed"
    assert np.isnan(fit["slope"].value)
    assert "cannot be estimated: 3 complete rows" in describe(fit)
    assert analysis_rows(fit).empty
    assert family_frame({"one": fit})["p"].isna().all()


@pytest.mark.parametrize(
    ("outcome", "marker", "covariates", "flag"),
    [
        ([1, 2, 3, 4, 5, 7], [2, 2, 2, 2, 2, 2], None, "constant_marker"),
        ([3, 3, 3, 3, 3, 3], [1, 2, 3, 4, 5, 7], None, "constant_outcome"),
        ([1, 2, 3, 4, 5, 7], [1, 2, 3, 4, 5, 7], {"a": [2, 4, 6, 8, 10, 14]}, "collinear"),
    ],
)
def test_what_cannot_be_fitted_is_flagged(outcome, marker, covariates, flag):
    fit = regress(outcome, marker, covariates=covariates)
    assert not fit.success
    assert [item.name for item in fit.flags] == [flag]


def test_nobody_scanned_is_a_flag():
    frame = a24_frame().assign(bp=np.nan, se=np.nan)
    fit = associate(a24_cohort(frame), outcome="hamd17", marker="BPND")
    assert not fit.success
    assert fit.diagnostics["n"] == 0
    assert fit.flags[0].name == "too_few_rows"


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_separation_is_detected_whole_and_with_ties(shift):
    marker = np.array([1.0, 2.0, 3.0, 4.0, 4.0 + shift, 5.0, 6.0, 7.0])
    fit = regress([0, 0, 0, 0, 1, 1, 1, 1], marker, family="binomial")
    assert not fit.success
    assert [flag.name for flag in fit.flags] == ["separation"]
    assert np.isnan(fit["slope"].value)
    assert np.isnan(fit.diagnostics["p_value"])


def test_overlapping_classes_are_not_called_separated():
    fit = regress([0, 0, 1, 0, 1, 0, 1, 1], np.arange(8.0), family="binomial", error="none")
    assert fit.success
    assert [flag.name for flag in fit.flags] == ["few_events"]


def test_classes_that_overlap_by_a_hair_are_flagged_and_overflow_nothing():
    marker = np.array([1.0, 2.0, 3.0, 4.0 + 1e-4, 4.0, 5.0, 6.0, 7.0])
    fit = regress([0, 0, 0, 0, 1, 1, 1, 1], marker, family="binomial", error="none")
    assert fit.success
    assert [flag.name for flag in fit.flags] == ["few_events", "near_separation"]
    assert fit["odds_ratio"].interval(0.95)[1] == np.inf
    assert "nearly separated" in describe(fit)


def test_separation_by_a_covariate_names_it():
    rng = np.random.default_rng(0)
    response = np.repeat([0.0, 1.0], 10)
    fit = regress(response, rng.standard_normal(20), covariates={"late": response}, family="binomial")
    assert "late" in fit.flags[0].message


def test_one_class_only_is_flagged():
    fit = regress(np.ones(12), np.arange(12.0), family="binomial")
    assert [flag.name for flag in fit.flags] == ["constant_outcome"]


def test_a_marker_of_any_size_is_fitted_by_the_logistic_model():
    rng = np.random.default_rng(5)
    marker = rng.standard_normal(80)
    response = (rng.random(80) < 1 / (1 + np.exp(-marker))).astype(float)
    small, large = (regress(response, scale * marker + 7600, family="binomial") for scale in (1.0, 700.0))
    assert_allclose(700 * large["slope"].value, small["slope"].value, rtol=1e-6)  # Newton ends at 1e-8
    assert_allclose(large["odds_ratio"].interval(0.95), small["odds_ratio"].interval(0.95), rtol=1e-5)


def test_a_person_who_alone_determines_a_dummy_leaves_classical_errors_and_a_flag():
    frame = a24_frame()
    frame.loc[3, "site"] = "D"
    fit = associate(a24_cohort(frame), outcome="hamd17", marker="BPND", covariates=["site"], error="none")
    assert [flag.name for flag in fit.flags] == ["leverage_one"]
    assert "04 alone determines" in fit.flags[0].message
    assert fit.settings["inference"] == "classical"
    assert np.isfinite(fit["slope"].stderr)


def test_a_covariate_that_is_the_same_for_all_is_left_out_and_said():
    fit = associate(a24_cohort(a24_frame().assign(sex="F")), outcome="hamd17", marker="BPND", covariates=["sex"])
    assert fit.success
    assert [flag.name for flag in fit.flags] == ["constant_covariate"]
    assert "sex" not in "".join(fit.covariance_names)


def test_a_site_with_number_names_is_still_a_category():
    frame = a24_frame()
    numbered = frame.assign(site=frame["site"].map({"A": "1", "B": "2", "C": "3"}))
    fit = associate(a24_cohort(numbered), outcome="hamd17", marker="BPND", covariates=["site"])
    assert {"site[2]", "site[3]"} <= set(fit.covariance_names)


def test_declared_levels_set_the_reference():
    cohort = Cohort(
        a24_frame(), participant="id", visits={"baseline": 0, "week8": 8},
        scores={"hamd17": {"baseline": "y0", "week8": "y8"}}, levels={"arm": ["ssri", "placebo"]},
        markers=[MarkerColumn("BPND", "baseline", "bp", region="midbrain")],
    )  # fmt: skip
    fit = associate(cohort, outcome="hamd17", marker="BPND")
    assert_allclose(fit["arm[placebo]"].value, 2.115606, atol=6e-7)
    assert np.isnan(fit.diagnostics["reliability"])
    assert "standard errors of the scans are not known" in describe(fit)


def test_an_overridden_remission_rule_is_used_and_recorded():
    strict = dataclasses.replace(SCALES["hamd17"], remission=Remission(13))
    cohort = Cohort(
        a24_frame(), participant="id", visits={"baseline": 0, "week8": 8}, scales={"hamd17": strict},
        scores={"hamd17": {"baseline": "y0", "week8": "y8"}},
        markers=[MarkerColumn("BPND", "baseline", "bp", region="midbrain")],
    )  # fmt: skip
    fit = associate(cohort, outcome="hamd17", marker="BPND", outcome_type="remission")
    assert fit.settings["remission_rule"] == "score <= 13"
    assert fit.diagnostics["events"] == 12  # ids 03 05 06 07 11 13 16 18 19 21 22 23
    assert "score <= 13" in describe(fit)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"outcome": "mdrs"}, "unknown scale 'mdrs'; did you mean 'madrs'"),
        ({"outcome": "phq9"}, "unknown outcome 'phq9'. Available: hamd17, madrs. Nobody has a score of it."),
        ({"marker": "BPNDD"}, "unknown marker 'BPNDD'; did you mean 'BPND'"),
        ({"region": "raphe"}, "unknown region of BPND 'raphe'. Available: midbrain."),
        ({"model": "SRMT"}, "unknown model of BPND midbrain 'SRMT'; did you mean 'SRTM'"),
        ({"at": "chnge"}, "unknown at 'chnge'; did you mean 'change'"),
        ({"endpoint_visit": "week12"}, "unknown visit 'week12'; did you mean 'week8'"),
        ({"covariates": ["agee"]}, "unknown covariate 'agee'; did you mean 'age'"),
        ({"robust": "HC9"}, "unknown robust standard error 'HC9'; did you mean 'HC3'"),
        (
            {"covariates": ["endpoint_score"]},
            "covariate 'endpoint_score' is the name of the outcome or the marker itself",
        ),
        ({"endpoint_visit": "baseline"}, "endpoint_visit and baseline_visit are both 'baseline'; name a later visit"),
        ({"covariates": "age"}, "covariates is the text 'age'; give a list of names"),
    ],
)
def test_a_wrong_choice_names_itself_and_the_nearest(cohort, choices, message):
    with pytest.raises((UnknownNameError, InputError)) as caught:
        associate(cohort, **{"outcome": "madrs", "marker": "BPND", **choices})
    assert message in str(caught.value)


def test_arrays_that_do_not_fit_together_are_refused():
    with pytest.raises(InputError, match="marker has 2 rows, but outcome has 3"):
        regress([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match=r"marker\[1\] is nan; leave out rows"):
        regress([1, 2, 3], [1, np.nan, 2])
    with pytest.raises(InputError, match=r"stderr\[0\] is -1; a standard error is not negative"):
        regress([1, 2, 3], [1, 2, 3], stderr=[-1, 1, 1])
    with pytest.raises(InputError, match="covariate 'age' is missing in row 2"):
        regress([1, 2, 3], [1, 2, 3], covariates={"age": [1, 2, np.nan]})
    with pytest.raises(InputError, match="outcome holds 2; the binomial family takes 0 and 1"):
        regress([0, 1, 2, 1], [1, 2, 3, 5], family="binomial")


def test_text_covariates_become_dummies():
    fit = regress([1, 3, 2, 5, 4, 7], [1, 2, 3, 4, 5, 7], covariates=pd.DataFrame({"sex": list("FMFMFM")}))
    assert fit.covariance_names == ("slope", "intercept", "sex[M]")


def test_low_reliability_and_no_spread_are_flagged():
    rng = np.random.default_rng(1)
    marker, outcome = rng.standard_normal(40), rng.standard_normal(40)
    low = regress(outcome, marker, stderr=np.full(40, 0.8 * marker.std()), error="none")
    none = regress(outcome, marker, stderr=np.full(40, 2.0), error="none")
    assert [flag.name for flag in low.flags if flag.severity == "warning"] == ["low_reliability"]
    assert [flag.name for flag in none.flags if flag.severity == "warning"] == ["no_spread_beyond_noise"]
    assert none.diagnostics["reliability"] == 0.0
    assert none.success


def test_the_family_is_counted_named_and_adjusted(cohort):
    results = associate_all(cohort, outcome="madrs", covariates=["age"])
    names = ["BPND midbrain (baseline)", "Glx (baseline)", "BPND midbrain (change)", "Glx (change)"]
    assert list(results) == names
    table = family_frame(results).set_index("name")
    assert (table["family_size"] == 4).all()
    smallest = table["p"].min()
    assert_allclose(table["p_holm"].min(), 4 * smallest, rtol=1e-12)
    assert (table["p_bh"] <= table["p_holm"] + 1e-15).all()
    part = family_frame({names[0]: results[names[0]]})
    assert part["p_holm"].iloc[0] == table.loc[names[0], "p_holm"]
    assert "one of a family of 4 tests" in describe(results[names[0]])


def test_single_fits_in_one_table_are_adjusted_for_each_other(cohort):
    fits = {name: associate(cohort, outcome="madrs", marker=name) for name in ("BPND", "Glx")}
    table = family_frame(fits)
    assert (table["family_size"] == 2).all()
    assert_allclose(table["p_holm"].min(), 2 * table["p"].min(), rtol=1e-12)


def test_a_family_can_be_chosen_and_a_wrong_member_is_named(cohort):
    chosen = associate_all(cohort, outcome="madrs", markers=[{"marker": "Glx"}], at=["baseline"])
    assert list(chosen) == ["Glx (baseline)"]
    with pytest.raises(UnknownNameError, match="unknown marker 'Glu'"):
        associate_all(cohort, outcome="madrs", markers=["Glu"])
    with pytest.raises(UnknownNameError, match="unknown key of a marker 'regio'; did you mean 'region'"):
        associate_all(cohort, outcome="madrs", markers=[{"marker": "BPND", "regio": "midbrain"}])
    with pytest.raises(InputError, match="markers is the text 'Glx'"):
        associate_all(cohort, outcome="madrs", markers="Glx")


def test_a_marker_measured_once_has_no_change_in_the_family():
    assert list(associate_all(a24_cohort(), outcome="hamd17")) == ["BPND midbrain (baseline)"]


def test_two_models_of_one_marker_must_be_chosen_and_both_count_in_the_family(tmp_path):
    twice = small_study(np.random.default_rng(6))
    twice.markers = [row for row in twice.markers if row["marker"] == "BPND"]
    twice.markers += [{**row, "model": "LoganRef"} for row in twice.markers]
    cohort = twice.read(tmp_path)
    with pytest.raises(InputError, match=r"model is not given and there are 2 \(SRTM, LoganRef\)"):
        associate(cohort, outcome="madrs", marker="BPND")
    assert associate(cohort, outcome="madrs", marker="BPND", model="SRTM").settings["marker_model"] == "SRTM"
    names = list(associate_all(cohort, outcome="madrs", at=["baseline"]))
    assert names == ["BPND midbrain SRTM (baseline)", "BPND midbrain LoganRef (baseline)"]


def test_several_later_visits_ask_for_the_endpoint():
    frame = a24_frame().assign(y4=lambda table: table["y8"] + 2)
    cohort = Cohort(
        frame, participant="id", visits={"baseline": 0, "week4": 4, "week8": 8},
        scores={"hamd17": {"baseline": "y0", "week4": "y4", "week8": "y8"}},
        markers=[MarkerColumn("BPND", "baseline", "bp", region="midbrain")],
    )  # fmt: skip
    with pytest.raises(InputError, match=r"2 visits after baseline \(week4, week8\); name one with endpoint_visit="):
        associate(cohort, outcome="hamd17", marker="BPND")
    early = associate(cohort, outcome="hamd17", marker="BPND", endpoint_visit="week4", outcome_type="endpoint")
    assert_allclose(early["slope"].value, -11.561964, atol=6e-7)


def test_a_change_is_refused_when_everybody_changed_scanner(tmp_path):
    moved = small_study(np.random.default_rng(8))
    moved.markers = [{**row, "scanner": "HR+" if "base" in row["session_id"] else "HRRT"} for row in moved.markers]
    cohort = moved.read(tmp_path / "all")
    with pytest.raises(
        InputError, match=r"visit and scanner are the same variable: .* in all 14 people .*at='baseline'"
    ):
        associate(cohort, outcome="madrs", marker="BPND", at="change")
    assert associate(cohort, outcome="madrs", marker="BPND").success
    edit(moved.markers, 2, scanner="HR+")
    assert associate(moved.read(tmp_path / "but_one"), outcome="madrs", marker="BPND", at="change").success


def test_a_change_is_refused_when_the_sessions_say_that_the_scanner_changed(tmp_path):
    moved = small_study(np.random.default_rng(8))
    moved.sessions = [{**row, "scanner": row["visit"]} for row in moved.sessions]
    with pytest.raises(InputError, match="visit and scanner are the same variable"):
        associate(moved.read(tmp_path), outcome="madrs", marker="BPND", at="change")


def test_words_claim_an_association_and_nothing_more(cohort):
    for fit in associate_all(cohort, outcome="madrs").values():
        text = describe(fit)
        assert "is associated with" in text
        assert "predict" not in text
        assert "effect" not in text
    weak = describe(associate(cohort, outcome="madrs", marker="Glx"))
    assert "it is not shown that Glx at baseline is associated with MADRS change at week8" in weak


def test_a_covariate_that_is_the_outcome_is_refused_and_one_of_a_later_visit_is_flagged(tmp_path):
    study = small_study(np.random.default_rng(8), patients=20)
    endpoint = {row["participant_id"]: row["score"] for row in study.madrs if row["session_id"] == "ses-week8"}
    for index, person in enumerate(study.participants):
        study.participants[index] = {
            **person, "final": endpoint[person["participant_id"]], "week8_dose": str(10 + 10 * (index % 3)),
        }  # fmt: skip
    cohort = study.read(tmp_path)
    with pytest.raises(LeakageError, match="leakage: covariate 'final' is the endpoint score itself"):
        associate(cohort, outcome="madrs", marker="BPND", covariates=["final"])
    fit = associate(cohort, outcome="madrs", marker="BPND", covariates=["week8_dose"])
    assert "post_baseline_covariate" in {flag.name for flag in fit.flags}
    assert "Covariate 'week8_dose' is named after week8" in describe(fit)
