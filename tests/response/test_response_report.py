"""The report of a study: plain rows, methods from the record, limits, checklist, figures with their data."""

from dataclasses import replace

import numpy as np
import pytest
from cohort_a24 import a24_cohort, a24_frame
from small_study import small_study

from neurochem.response import associate_all, predict
from neurochem.response.report import (
    CHECKLIST,
    Brief,
    brief,
    checklist_rows,
    finding_rows,
    flow_rows,
    headline,
    limit_sentences,
    methods_paragraphs,
    outcome_report,
    prediction_part,
)
from neurochem.response.report.findings import CLEAR, NOT_SHOWN, UNKNOWN, certainty, per_sd


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return small_study(np.random.default_rng(2), patients=30).read(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def report(cohort):
    return outcome_report(cohort, associate_all(cohort, outcome="madrs", covariates=["age"]))


def test_findings_come_in_plain_words_the_clearest_first(report):
    words = [row["certainty"] for row in report.findings]
    order = ["clear", "suggestive", "not shown", "cannot be estimated"]
    assert words == sorted(words, key=order.index)
    first = report.findings[0]
    assert first["question"] == "BPND midbrain (baseline)"
    assert first["found"] == "higher values go with a better outcome"
    assert "points per SD" in first["size"]
    assert "of the spread is noise; corrected" in first["noise"]
    assert headline(report.associations).startswith("4 questions were asked of 30 patients: ")
    assert headline({}) == ""


def test_the_size_is_the_slope_times_the_spread_of_the_true_marker(report):
    fit = report.associations["BPND midbrain (baseline)"]
    value, low, high = per_sd(fit)
    marker = np.array([float(v) for v in fit.settings["rows"]["marker"]])
    true_sd = np.sqrt(marker.var(ddof=1) - 0.10**2)
    # the likelihood's own variance of the true marker divides by n; the error is 0.10 for everyone
    assert value == pytest.approx(fit["slope"].value * true_sd, rel=0.05)
    assert low < value < high


def test_nothing_shown_says_what_is_left_open():
    rng = np.random.default_rng(3)
    frame = a24_frame().assign(bp=1.4 + 0.2 * rng.standard_normal(24))
    fits = associate_all(a24_cohort(frame), outcome="hamd17")
    row = finding_rows(fits)[0]
    if row["certainty"] == NOT_SHOWN:
        assert "is not ruled out" in row["found"] or "is unlikely" in row["found"]
    assert row["certainty"] in {NOT_SHOWN, UNKNOWN}


def test_a_response_model_is_reported_as_odds():
    fits = associate_all(a24_cohort(), outcome="hamd17", outcome_type="response")
    row = finding_rows(fits)[0]
    assert row["size"].startswith("odds ratio ") or row["certainty"] == UNKNOWN
    assert "e+" not in row["size"]


def test_methods_say_what_was_done_and_nothing_else(cohort, report):
    text = " ".join(report.methods)
    assert "30 patients in 2 arms (placebo 15, ssri 15; assignment not at random, or not stated) at 2 sites" in text
    assert "adjusted for baseline score, arm, age" in text
    assert "full maximum likelihood" in text
    assert "The family was 4 tests" in text
    assert "no variance between days was added" in text
    naive = associate_all(cohort, outcome="madrs", at=("baseline",), error="none", test_retest_sd=0.1)
    other = " ".join(methods_paragraphs(cohort, naive))
    assert "were not carried into the slope" in other
    assert "models of change" not in other
    assert methods_paragraphs(cohort, {}) == []


def test_limits_fit_the_study(cohort, report):
    text = " ".join(report.limits)
    assert "predicts how one patient will do" in text
    assert "arms were not assigned at random" in text
    assert "with 30 patients" in text
    assert "lower bounds" in text
    one = a24_cohort(a24_frame().assign(arm="ssri", randomized="true"))
    alone = " ".join(limit_sentences(one, associate_all(one, outcome="hamd17")))
    assert "there is one arm only" in alone
    assert "lower bounds" not in alone


def test_arms_are_compared_for_each_baseline_marker_as_a_family_of_their_own(report):
    assert list(report.moderations) == ["BPND midbrain", "Glx"]
    for fit in report.moderations.values():
        assert fit.settings["family"]["size"] == 2
        assert fit.diagnostics["p_holm"] >= fit.diagnostics["p_value"]
        assert "age" in fit.settings["terms"]
    one = a24_cohort(a24_frame().assign(arm="ssri"))
    assert len(outcome_report(one, associate_all(one, outcome="hamd17")).moderations) == 0


def test_the_checklist_has_every_item_and_leaves_to_authors_what_only_they_know(cohort, report):
    assert [row["item"] for row in report.checklist] == [str(i) for i in range(1, 28)]
    states = {row["item"]: row["state"] for row in report.checklist}
    assert {states[item] for item in ("12", "20", "21", "26")} == {"filled"}
    assert {states[item] for item in ("1", "17", "19")} == {"authors"}
    assert states["22"] == "not applicable"
    own = checklist_rows(cohort, report.associations, methods="m", limits="l", prediction={"22": "the equation"})
    assert own[21]["answer"] == "the equation"
    assert len(CHECKLIST) == 27


def test_people_who_were_left_out_are_counted_with_the_reason(tmp_path):
    study = small_study(np.random.default_rng(2), patients=20)
    study.madrs[1] = {**study.madrs[1], "score": "n/a"}
    cohort = study.read(tmp_path)
    rows = flow_rows(next(iter(associate_all(cohort, outcome="madrs").values())))
    assert rows == [
        ("patients in the study", 20), ("left out: madrs score missing at week8", 1), ("analysed", 19),
    ]  # fmt: skip


def test_every_figure_has_its_data(report):
    names = [item.name for item in report.figures]
    assert names[0] == "forest"
    assert "association_bpnd-midbrain-baseline" in names
    assert any(name.startswith("moderation_") for name in names)
    assert names[-1] == "regression-to-mean"
    assert len(set(names)) == len(names)
    for item in report.figures:
        assert len(item.data) > 1
        assert item.caption
        assert item.alt
    scatter = next(item for item in report.figures if item.name == "association_bpnd-midbrain-baseline")
    assert len(scatter.data) == 30


def test_a_failed_or_endless_fit_has_no_answer():
    frame = a24_frame()
    frame["bp"] = 1.4
    frame.loc[0, "bp"] = 1.5
    frame["se"] = 0.5
    fits = associate_all(a24_cohort(frame), outcome="hamd17")
    fit = next(iter(fits.values()))
    assert certainty(fit) in {UNKNOWN, NOT_SHOWN}
    assert CLEAR not in {row["certainty"] for row in finding_rows(fits)}
    outcome_report(a24_cohort(frame), fits)


def test_the_first_screen_says_who_what_and_how_sure(cohort, report):
    short = report.brief
    assert short.study.startswith(
        "30 patients (placebo 15, ssri 15; not assigned at random, or not stated). Outcome: MADRS change"
    )
    words = dict(reversed(short.found))
    assert "BPND midbrain (baseline): higher values go with a better outcome" in words["clear"]
    fit = report.associations["BPND midbrain (baseline)"]
    value, low, high = per_sd(fit)
    assert (
        f"MADRS {-value:.1f} points lower per SD of the marker (95 % interval {-high:.1f} to {-low:.1f})"
        in words["clear"]
    )
    assert any("tells which patients do better with ssri than with placebo" in text for _, text in short.found)
    # r that Fisher's z finds with 80 % power: 30 people, three adjustments and the baseline marker
    adjusted = max(len(fit.settings["adjusted_for"]) for fit in report.associations.values())
    smallest = np.tanh((1.959964 + 0.841621) / np.sqrt(30 - 3 - adjusted))
    assert f"r = {smallest:.2f} and larger" in " ".join(short.sure)
    assert dict(short.glossary).keys() == {"BPND", "Glx"}
    assert brief(cohort, {}) == Brief()


def test_no_line_names_a_clear_finding_where_there_is_none():
    frame = a24_frame().assign(bp=1.4 + 0.2 * np.random.default_rng(3).standard_normal(24))
    found = brief(a24_cohort(frame), associate_all(a24_cohort(frame), outcome="hamd17")).found
    assert found[0] == ("not shown", "no marker is clearly associated with the outcome")


def test_a_prediction_is_told_with_what_it_does_not_show(cohort):
    quick = {"repeats": 2, "permutations": 19, "bootstraps": 10, "learning_sizes": 2}
    result = predict(cohort, "madrs", rng=np.random.default_rng(1), outcome_type="change", **quick)
    fits = associate_all(cohort, outcome="madrs", at=("baseline",))
    report = outcome_report(cohort, fits, prediction=result)
    part = report.prediction
    assert part is not None
    assert report.brief.found[-1] == part.found
    # 30 patients are fewer than Riley's criteria ask for: never clear, however good it looks
    assert part.found[0] in {"suggestive", "not shown"}
    good = replace(result, measures=result.measures.assign(low95=0.6), permutation=replace(result.permutation, p=0.001))
    word, text = prediction_part(good).found
    assert word == "suggestive"
    assert f"30 patients where {result.sample_size.needed} are needed: exploratory" in text
    many = replace(good, sample_size=replace(good.sample_size, needed=30))
    assert prediction_part(many).found[0] == "clear"
    assert f"R2 {result['R2']:.2f}" in part.found[1]
    assert len(part.limits) == len(result.not_concluded())
    assert any("Riley" in line and str(result.sample_size.needed) in line for line in part.lines)
    assert "19 shuffles of the outcome within sites, p = (b + 1)/(m + 1)" in " ".join(report.methods)
    answers = {row["item"]: row for row in report.checklist}
    assert not [item for item in ("10", "15", "22", "23", "24") if answers[item]["state"] != "filled"]
    assert "That it works in other patients" in answers["26"]["answer"]
    assert all("not checked" in row["source"] for row in report.checklist)
    names = [item.name for item in part.figures]
    assert names[:1] == ["prediction_calibration"]
    assert "prediction_permutation" in names
    shuffled = next(item for item in part.figures if item.name == "prediction_permutation").data
    assert shuffled["outcomes"].value_counts().to_dict() == {"shuffled": 19, "true": 1}


def test_three_arms_are_compared_by_the_pair_that_is_named():
    frame = a24_frame()
    frame["arm"] = np.where(np.arange(24) % 3 == 0, "waitlist", frame["arm"])
    cohort = a24_cohort(frame)
    fits = associate_all(cohort, outcome="hamd17")
    assert len(outcome_report(cohort, fits).moderations) == 0
    named = outcome_report(cohort, fits, arms=("placebo", "ssri")).moderations
    assert [fit.settings["arms"] for fit in named.values()] == [["placebo", "ssri"]]
