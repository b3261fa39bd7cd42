"""Rules across tables: sites, machines, dates, drugs, responders; tables of other modalities; one wide table."""

import json

import numpy as np
import pandas as pd
import pytest
from cohort_a24 import a24_cohort, a24_frame
from small_study import edit, small_study, write_tsv

from neurochem.errors import CohortError, InputError
from neurochem.response import Cohort, associate, read_cohort


@pytest.fixture
def study():
    return small_study(np.random.default_rng(11))


def rows_of(study, index):
    return {key: study.sessions[index][key] for key in ("participant_id", "session_id")}


def add_column(rows, name, value):
    for index, row in enumerate(list(rows)):
        rows[index] = {**row, name: value(index)}


def read(study, tmp_path, **choices):
    study.write(tmp_path)
    return read_cohort(study.bids, study.out, **choices)


def treatment(study, tmp_path, **cells):
    study.write(tmp_path)
    row = {
        "participant_id": "sub-02", "arm": "ssri", "drug": "escitalopram", "dose": "10", "unit": "mg",
        "start_week": "0", "stop_week": "8", **cells,
    }  # fmt: skip
    write_tsv(study.bids / "treatment.tsv", [row])
    return read_cohort(study.bids, study.out)


def test_one_id_at_two_sites_is_refused(study, tmp_path):
    add_column(study.sessions, "site", lambda i: "B" if i in {1, 7} else study.participants[i // 2]["site"])
    with pytest.raises(CohortError) as caught:
        read(study, tmp_path)
    assert str(caught.value).splitlines()[0] == (
        "sessions.tsv line 3: sub-01 is at two sites: 'A' and 'B'; correct the site or the id, or declare travelling "
        'participants (travellers=True, or "Travellers": true for site in participants.json)'
    )


@pytest.mark.parametrize("way", ["keyword", "sidecar"])
def test_travellers_may_be_at_two_sites_when_declared(study, tmp_path, way):
    add_column(study.sessions, "site", lambda i: "B" if i == 1 else study.participants[i // 2]["site"])
    study.write(tmp_path)
    if way == "sidecar":
        (study.bids / "participants.json").write_text(json.dumps({"site": {"Travellers": True}}))
    assert len(read_cohort(study.bids, study.out, travellers=way == "keyword").people) == 14


def test_every_problem_is_reported_at_once_with_line_value_rule_and_remedy(study, tmp_path):
    edit(study.hamd17, 7, score="61")
    edit(study.markers, 3, participant_id="sub-99")
    add_column(study.sessions, "site", lambda i: "B" if i == 1 else study.participants[i // 2]["site"])
    add_column(study.participants, "randomized", lambda i: "maybe" if i == 4 else "true")
    with pytest.raises(CohortError) as caught:
        treatment(study, tmp_path, start_week="5", stop_week="2", dose="-3")
    problems = caught.value.problems
    assert {problem.rule for problem in problems} == {
        "score_range", "unknown_participant", "two_sites", "randomized", "treatment_order", "dose",
    }  # fmt: skip
    assert all(problem.line and problem.value and problem.remedy for problem in problems)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            {"participant_id": "sub-2"},
            "treatment.tsv line 2: participant_id 'sub-2' not in participants.tsv (did you mean 'sub-12'); "
            "correct the id or add the person to participants.tsv",
        ),
        (
            {"start_week": "-3"},
            "treatment.tsv line 2: sub-02: escitalopram started at week -3, before the baseline at week 0; "
            "a scan under treatment is no baseline; correct the weeks or choose another baseline",
        ),
        (
            {"dose": "ten"},
            "treatment.tsv line 2: dose 'ten' is not a number; write a number with a decimal point, or n/a",
        ),
        (
            {"start_week": "5", "stop_week": "2"},
            "treatment.tsv line 2: sub-02: escitalopram stops at week 2, before it starts at week 5; "
            "correct start_week or stop_week",
        ),
    ],
)
def test_a_course_of_treatment_that_cannot_be_is_refused(study, tmp_path, cells, message):
    with pytest.raises(CohortError) as caught:
        treatment(study, tmp_path, **cells)
    assert str(caught.value) == message


def test_a_drug_that_ended_before_the_baseline_is_no_treatment(study, tmp_path):
    table = treatment(study, tmp_path, start_week="-9", stop_week="-4").treatment
    assert table.loc[0, "stop_week"] == -4.0


def warnings_of(cohort):
    return {problem.rule: str(problem) for problem in cohort.warnings}


def test_people_who_got_another_arm_are_listed(study, tmp_path):
    assert warnings_of(treatment(study, tmp_path, arm="placebo"))["switched"] == (
        "treatment.tsv: 1 people received another arm than theirs: sub-02 ssri to placebo; "
        "analyse them in the arm they were assigned to, and report the switches"
    )


def test_a_baseline_scan_far_from_the_rating_is_listed_with_its_days(study, tmp_path):
    add_column(study.sessions, "acq_time", lambda i: "2024-03-01T09:00:00")
    add_column(study.madrs, "acq_time", lambda i: "2024-02-10" if i == 4 else "n/a")
    assert warnings_of(read(study, tmp_path))["scan_to_rating"] == (
        "sessions.tsv: baseline scan more than 14 days from the baseline rating: sub-03 20 days; "
        "severity may have changed in between; give the dates in the report, or leave these people out"
    )
    assert "scan_to_rating" not in warnings_of(read(study, tmp_path, largest_gap=30.0))


def test_the_time_of_a_scan_comes_from_the_scans_file(study, tmp_path):
    add_column(study.sessions, "acq_time", lambda i: "2024-03-01T09:00:00")
    study.write(tmp_path)
    folder = study.bids / "sub-01" / "ses-baseline"
    write_tsv(folder / "sub-01_ses-baseline_scans.tsv", [{"filename": "pet/x.nii", "acq_time": "2024-04-01T09:00:00"}])
    assert "sub-01 31 days" in warnings_of(read_cohort(study.bids, study.out))["scan_to_rating"]


def test_a_date_that_is_none_is_refused(study, tmp_path):
    add_column(study.sessions, "acq_time", lambda i: "yesterday" if i == 2 else "n/a")
    with pytest.raises(CohortError, match=r"sessions\.tsv line 4: acq_time 'yesterday' is not a date"):
        read(study, tmp_path)


def test_scanner_and_visit_that_are_one_variable_are_seen(study, tmp_path):
    add_column(study.sessions, "scanner", lambda i: ("old", "new")[i % 2])
    cohort = read(study, tmp_path)
    assert warnings_of(cohort)["machine_is_visit"] == (
        "sessions.tsv: visit and scanner are the same variable: all 14 people changed scanner between baseline and "
        "week8; the change of a marker cannot be told from it: models of change are refused"
    )
    with pytest.raises(InputError, match="visit and scanner are the same variable"):
        associate(cohort, outcome="madrs", marker="Glx", at="change")


def test_a_site_with_one_patient_is_named(study, tmp_path):
    edit(study.participants, 5, site="C")
    assert "site with one patient: C" in warnings_of(read(study, tmp_path))["site_of_one"]


def test_missing_scores_are_counted_by_arm_and_site(study, tmp_path):
    for index in (1, 5):
        edit(study.madrs, index, score="n/a")
    assert warnings_of(read(study, tmp_path))["score_missing"] == (
        "phenotype/madrs.tsv: madrs at week8 is missing for 2 of 12 patients (by arm: placebo 2; by site: A 2); "
        "drop-out is rarely at random: report it by arm, and prefer a model of all visits"
    )


def test_few_responders_and_sites_of_one_class_are_named():
    frame = a24_frame()
    rules = warnings_of(a24_cohort(frame))
    assert "7 responders and 17 others" in rules["few_responders"]
    frame.loc[frame["site"] == "A", "y8"] = 4.0
    assert "site A (all of 8)" in warnings_of(a24_cohort(frame))["site_of_one_class"]


def with_modalities(study, tmp_path, rows):
    study.write(tmp_path)
    write_tsv(study.bids / "covariates" / "structural.tsv", rows)
    return read_cohort(study.bids, study.out)


def volumes(study):
    return [
        {"participant_id": row["participant_id"], "marker": "volume", "region": "hippocampus",
         "value": str(7000 + 50 * index), "se": "120", "unit": "mm3", "modality": "anat"}
        for index, row in enumerate(study.participants)
    ]  # fmt: skip


def test_markers_of_other_modalities_join_at_baseline_in_one_wide_table(study, tmp_path):
    cohort = with_modalities(study, tmp_path, volumes(study))
    wide, errors = cohort.wide(), cohort.wide(column="se")
    assert wide.loc["sub-03", "volume hippocampus"] == 7100.0
    assert errors.loc["sub-03", "volume hippocampus"] == 120.0
    assert wide.loc["sub-03", "BPND midbrain"] == float(study.markers[8]["value"])
    assert wide.loc["sub-03", "madrs"] == float(study.madrs[4]["score"])
    assert len(wide) == 14
    fit = associate(cohort, outcome="madrs", marker="volume", at="baseline")
    assert fit.diagnostics["n"] == 12


def test_a_genotype_without_error_raises_no_doubt_of_its_error(study, tmp_path):
    rows = [
        {"participant_id": row["participant_id"], "marker": "HTTLPR_l", "region": "voxel", "value": str(i % 3),
         "modality": "genetics"}
        for i, row in enumerate(study.participants)
    ]  # fmt: skip
    cohort = with_modalities(study, tmp_path, rows)
    assert "se_missing" not in warnings_of(cohort)
    assert associate(cohort, outcome="madrs", marker="HTTLPR_l").settings["error"] == "none"


def test_a_table_of_another_modality_keeps_the_same_rules(study, tmp_path):
    rows = volumes(study)
    edit(rows, 2, participant_id="sub-77", value="-999")
    with pytest.raises(CohortError) as caught:
        with_modalities(study, tmp_path, rows)
    assert {problem.rule for problem in caught.value.problems} == {
        "unknown_participant",
        "unknown_session",
        "sentinel",
    } - {"unknown_session"}
    assert caught.value.problems[0].file == "covariates/structural.tsv"


def test_a_marker_becomes_a_covariate_and_the_first_cohort_stays_as_it_was(study, tmp_path):
    cohort = with_modalities(study, tmp_path, volumes(study))
    more = cohort.with_covariates({"hippocampus": ("volume", "hippocampus")})
    fit = associate(more, outcome="madrs", marker="BPND", covariates=["hippocampus"])
    assert "hippocampus" in fit.settings["terms"]
    assert "hippocampus" not in cohort.people.columns
    with pytest.raises(InputError, match="people have a column 'age' already"):
        cohort.with_covariates({"age": ("volume", "hippocampus")})


def test_randomisation_is_stated_for_everyone_or_not_at_all():
    frame = a24_frame().assign(randomized="true")
    assert a24_cohort(frame).randomized
    frame.loc[3, "randomized"] = "false"
    assert not a24_cohort(frame).randomized
    assert not a24_cohort().randomized


def test_treatment_and_travellers_enter_by_tables_too():
    cohort = a24_cohort()
    made = Cohort.from_tables(
        cohort.people, visits=cohort.visits, scores=cohort.scores.drop(columns=["visit", "week"]),
        markers=cohort.markers.drop(columns=["visit", "week"]),
        treatment=pd.DataFrame([{"participant_id": "01", "arm": "ssri", "drug": "x", "dose": 10.0, "unit": "mg",
                                 "start_week": 0.0, "stop_week": 8.0}]),
    )  # fmt: skip
    assert made.treatment.loc[0, "dose"] == 10.0
    assert cohort.treatment.empty
