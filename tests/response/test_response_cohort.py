import pickle

import numpy as np
import pandas as pd
import pytest
from cohort_a24 import a24_cohort, a24_frame
from small_study import edit, small_study, write_tsv

from neurochem.errors import CohortError, InputError, MissingFileError, UnknownNameError
from neurochem.naming import MARKER_COLUMNS
from neurochem.response import Cohort, MarkerColumn, associate, read_cohort


@pytest.fixture
def study():
    return small_study(np.random.default_rng(7))


def test_what_is_written_is_read(study, tmp_path):
    cohort = study.read(tmp_path)
    assert repr(cohort) == (
        "<Cohort of 12 patients, 2 controls; visits baseline, week8; scales hamd17, madrs; markers BPND midbrain, Glx>"
    )
    assert {problem.rule for problem in cohort.warnings} == {"few_responders"}
    assert list(cohort.markers.columns) == [*MARKER_COLUMNS, "visit", "week"]
    assert cohort.markers["value"].tolist() == [float(row["value"]) for row in study.markers]
    assert cohort.markers["se"].tolist() == [float(row["se"]) for row in study.markers]
    assert cohort.markers["se_source"].tolist() == [row["se_source"] for row in study.markers]
    madrs = cohort.scores.loc[lambda table: table["scale"] == "madrs"]
    assert madrs["score"].tolist() == [float(row["score"]) for row in study.madrs]
    assert madrs["visit"].tolist() == [row["visit"] for row in study.sessions]
    assert cohort.people["age"].tolist() == [float(row["age"]) for row in study.participants]
    assert cohort.levels["arm"] == ("placebo", "ssri")


def test_missing_values_stay_missing(study, tmp_path):
    edit(study.participants, 0, age="n/a", arm="n/a")
    edit(study.madrs, 1, score="n/a")
    edit(study.markers, 0, value="n/a", se="n/a", qc="not_acquired")
    cohort = study.read(tmp_path)
    assert np.isnan(cohort.people.loc[0, "age"])
    assert cohort.markers[["value", "se"]].isna().iloc[0].all()
    assert cohort.markers.loc[0, "qc"] == "not_acquired"
    assert cohort.scores.loc[lambda table: table["scale"] == "madrs", "score"].isna().sum() == 1
    rules = [problem.rule for problem in cohort.warnings if problem.rule != "few_responders"]
    assert rules == ["missing_covariate", "missing_covariate", "score_missing"]


def test_windows_line_ends_and_a_byte_order_mark_are_read(study, tmp_path):
    study.write(tmp_path)
    for path in (study.bids / "participants.tsv", study.out / "markers.tsv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(read_cohort(study.bids, study.out).people) == 14


def test_other_spellings_of_missing_are_read_with_a_warning(study, tmp_path):
    edit(study.participants, 0, age="NA")
    cohort = study.read(tmp_path)
    assert str(cohort.warnings[0]) == (
        "participants.tsv line 2: 1 cell(s) of column 'age' are 'NA', read as missing; write n/a for a missing value"
    )


def test_per_subject_sessions_alone_are_enough(study, tmp_path):
    study.write(tmp_path)
    (study.bids / "sessions.tsv").unlink()
    for person in study.participants:
        name = person["participant_id"]
        own = [
            {k: v for k, v in row.items() if k != "participant_id"}
            for row in study.sessions
            if row["participant_id"] == name
        ]
        write_tsv(study.bids / name / f"{name}_sessions.tsv", own)
    visits = read_cohort(study.bids, study.out).visits
    assert visits[["participant_id", "session_id", "visit"]].to_numpy().tolist() == [
        [row["participant_id"], row["session_id"], row["visit"]] for row in study.sessions
    ]


def test_per_subject_sessions_fill_what_the_root_leaves_open(study, tmp_path):
    edit(study.sessions, 1, week="n/a")
    study.write(tmp_path)
    own = [{"session_id": "ses-week8", "week": "8.0", "acq_time": "2020-01-01T10:00:00"}]
    write_tsv(study.bids / "sub-01" / "sub-01_sessions.tsv", own)
    visits = read_cohort(study.bids, study.out).visits
    assert visits["week"].tolist()[:2] == [0.0, 8.0]
    assert visits["acq_time"].tolist()[:2] == [None, "2020-01-01T10:00:00"]


def test_sessions_that_differ_are_an_error(study, tmp_path):
    study.write(tmp_path)
    write_tsv(
        study.bids / "sub-01" / "sub-01_sessions.tsv", [{"session_id": "ses-week8", "visit": "week8", "week": "7"}]
    )
    with pytest.raises(CohortError) as caught:
        read_cohort(study.bids, study.out)
    assert str(caught.value) == (
        "sub-01/sub-01_sessions.tsv line 2: week of sub-01 ses-week8 is '7', but '8' in sessions.tsv line 3; "
        "make the two agree, or keep the value in one file only"
    )


def test_levels_come_from_the_sidecar(study, tmp_path):
    study.write(tmp_path)
    sidecar = study.bids / "participants.json"
    sidecar.write_text(
        '{"arm": {"Levels": {"placebo": "pill", "ssri": "drug"}, "Reference": "ssri"}}', encoding="utf-8"
    )
    assert read_cohort(study.bids, study.out).levels["arm"] == ("ssri", "placebo")
    sidecar.write_text('{"arm": {"Levels": {"ssri": "drug", "placebo": "pill"}}}', encoding="utf-8")
    assert read_cohort(study.bids, study.out).levels["arm"] == ("placebo", "ssri")
    sidecar.write_text(
        '{"arm": {"Levels": {"ssri": "drug", "placebo": "pill"}, "Reference": "sugar"}}', encoding="utf-8"
    )
    with pytest.raises(CohortError, match="Reference 'sugar' of column 'arm' is not among its Levels"):
        read_cohort(study.bids, study.out)


def test_a_level_that_was_not_declared_is_an_error(study, tmp_path):
    study.write(tmp_path)
    (study.bids / "participants.json").write_text('{"arm": {"Levels": {"placebo": "", "ssris": ""}}}', encoding="utf-8")
    with pytest.raises(CohortError) as caught:
        read_cohort(study.bids, study.out)
    assert str(caught.value) == (
        "participants.tsv line 3: arm 'ssri' is not among the declared levels placebo, ssris (did you mean 'ssris'); "
        "correct it or declare the level"
    )


def test_a_folder_that_is_not_there_is_named(study, tmp_path):
    study.write(tmp_path)
    with pytest.raises(MissingFileError, match="nowhere: no such folder; give the folder of the BIDS study"):
        read_cohort(tmp_path / "nowhere", study.out)


def test_an_unknown_phenotype_file_is_left_alone_with_a_warning(study, tmp_path):
    study.write(tmp_path)
    write_tsv(study.bids / "phenotype" / "handedness.tsv", [{"participant_id": "sub-01", "hand": "left"}])
    warnings = read_cohort(study.bids, study.out).warnings
    assert {problem.rule for problem in warnings} == {"unknown_scale", "few_responders"}


def test_a_model_can_be_chosen_on_reading(study, tmp_path):
    study.markers += [{**row, "model": "Logan"} for row in study.markers[:1]]
    study.write(tmp_path)
    cohort = read_cohort(study.bids, study.out, models={"BPND": "SRTM"})
    assert set(cohort.markers.loc[lambda table: table["marker"] == "BPND", "model"]) == {"SRTM"}
    with pytest.raises(UnknownNameError, match="unknown model of BPND 'SRMT'; did you mean 'SRTM'"):
        read_cohort(study.bids, study.out, models={"BPND": "SRMT"})


def test_a_cohort_cannot_be_changed_from_outside(study, tmp_path):
    cohort = study.read(tmp_path)
    table = cohort.markers
    table["value"] = 0.0
    cohort.levels["arm"] = ("x",)
    assert (cohort.markers["value"] > 0).all()
    assert cohort.levels["arm"] == ("placebo", "ssri")
    with pytest.raises(AttributeError, match="a cohort cannot be changed"):
        cohort.people = table


def test_a_cohort_can_be_sent_to_another_process(study, tmp_path):
    cohort = study.read(tmp_path)
    again = pickle.loads(pickle.dumps(cohort))
    pd.testing.assert_frame_equal(again.markers, cohort.markers)
    assert repr(again) == repr(cohort)


def test_long_frames_and_files_give_the_same_cohort(study, tmp_path):
    read = study.read(tmp_path)
    scores = pd.concat(
        [pd.DataFrame(study.hamd17).assign(scale="hamd17"), pd.DataFrame(study.madrs).assign(scale="madrs")]
    )
    made = Cohort.from_tables(
        pd.DataFrame(study.participants),
        visits=pd.DataFrame(study.sessions),
        scores=scores,
        markers=pd.DataFrame(study.markers),
    )
    for name in ("people", "visits", "markers", "scores"):
        pd.testing.assert_frame_equal(getattr(made, name), getattr(read, name), check_like=True)


def test_frames_that_a_script_made_are_not_changed():
    frame = a24_frame()
    before = frame.copy()
    a24_cohort(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_wide_table_needs_every_column_and_visit_named():
    arguments = {
        "participant": "id", "visits": {"baseline": 0, "week8": 8},
        "scores": {"hamd17": {"baseline": "y0", "week8": "y8"}},
        "markers": [MarkerColumn("BPND", "baseline", "bp", region="midbrain")],
    }  # fmt: skip
    with pytest.raises(UnknownNameError, match="unknown column of the frame 'Y0'; did you mean 'y0'"):
        Cohort(a24_frame(), **{**arguments, "scores": {"hamd17": {"baseline": "Y0"}}})
    with pytest.raises(UnknownNameError, match=r"unknown visit 'week9'; did you mean 'week8'.*Give its week in visits"):
        Cohort(a24_frame(), **{**arguments, "scores": {"hamd17": {"week9": "y8"}}})
    with pytest.raises(InputError, match="markers is empty; name at least one marker column"):
        Cohort(a24_frame(), **{**arguments, "markers": []})


def test_an_empty_cell_of_a_wide_table_says_why_it_is_empty():
    frame = a24_frame()
    frame.loc[0, "bp"] = np.nan
    cohort = a24_cohort(frame)
    assert cohort.markers.loc[0, "qc"] == "not_acquired"
    fit = associate(cohort, outcome="hamd17", marker="BPND")
    assert list(fit.settings["dropped"]) == [{"participant_id": "01", "reason": "marker not acquired at baseline"}]


def test_extra_columns_of_the_baseline_session_can_be_covariates(study, tmp_path):
    for index, row in enumerate(study.sessions):
        study.sessions[index] = {**row, "dose": str(10 + index % 3)}
    fit = associate(study.read(tmp_path), outcome="madrs", marker="BPND", covariates=["dose"])
    assert "dose" in fit.covariance_names
