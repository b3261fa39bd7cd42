"""Every rule has a study that breaks it, and the exact message."""

import re

import numpy as np
import pytest
from small_study import SmallStudy, edit, small_study

from neurochem.errors import CohortError
from neurochem.response import Problem, read_cohort
from neurochem.response.problems import cohort_error


@pytest.fixture
def study():
    return small_study(np.random.default_rng(11))


def spoil_markers(index: int, **cells: str):
    return lambda study: edit(study.markers, index, **cells)


def spoil_sessions(index: int, **cells: str):
    return lambda study: edit(study.sessions, index, **cells)


def spoil_people(index: int, **cells: str):
    return lambda study: edit(study.participants, index, **cells)


def repeat_marker(study: SmallStudy) -> None:
    edit(study.markers, 0, value="3.1")
    study.markers.insert(1, {**study.markers[0], "value": "3.4"})


def repeat_person(study: SmallStudy) -> None:
    study.participants.append(dict(study.participants[0]))


def repeat_score(study: SmallStudy) -> None:
    edit(study.madrs, 0, score="30")
    study.madrs.insert(1, {**study.madrs[0], "score": "31"})


def third_visit(study: SmallStudy) -> None:
    study.sessions.append({"participant_id": "sub-01", "session_id": "ses-x", "visit": "week12", "week": "6"})


def mixed_unit(study: SmallStudy) -> None:
    for index in (1, 5):
        edit(study.markers, index, unit="mM")


def drop_week(study: SmallStudy) -> None:
    study.sessions = [{k: v for k, v in row.items() if k != "week"} for row in study.sessions]


ERRORS = {
    "trailing space": (
        spoil_markers(0, participant_id="sub-01 "),
        "markers.tsv line 2: participant_id 'sub-01 ' not in participants.tsv (trailing space? did you mean 'sub-01'); "
        "correct the id or add the person to participants.tsv",
    ),
    "misspelt id": (
        lambda study: edit(study.madrs, 3, participant_id="sub02"),
        "phenotype/madrs.tsv line 5: participant_id 'sub02' not in participants.tsv (did you mean 'sub-02'); "
        "correct the id or add the person to participants.tsv",
    ),
    "duplicate person": (
        repeat_person,
        "participants.tsv line 16: participant_id 'sub-01' has 2 rows (lines 2 and 16); "
        "keep exactly one row per participant; what changes by visit belongs in sessions.tsv",
    ),
    "missing id": (
        spoil_people(13, participant_id="n/a"),
        "participants.tsv line 15: participant_id is missing; write sub-<label>",
    ),
    "group": (
        spoil_people(0, group="MDD"),
        "participants.tsv line 2: group 'MDD' is not one of patient, control; write patient or control",
    ),
    "two spellings": (
        spoil_people(3, arm="SSRI"),
        "participants.tsv line 5: arm 'SSRI' and 'ssri' are two spellings of one level; spell it the same in every row",
    ),
    "sentinel age": (
        spoil_people(2, age="-9"),
        "participants.tsv line 4: age -9 looks like a code for a missing value; write n/a",
    ),
    "duplicate key": (
        repeat_marker,
        "markers.tsv line 3: participant_id, session_id, marker, region, model must be unique, but "
        "'sub-01 ses-baseline BPND midbrain SRTM' is there 2 times: value 3.1 (line 2) and 3.4 (line 3); "
        "keep one of the rows",
    ),
    "duplicate score": (
        repeat_score,
        "phenotype/madrs.tsv line 3: scale, participant_id, session_id must be unique, but "
        "'madrs sub-01 ses-baseline' is there 2 times: score 30.0 (line 2) and 31.0 (line 3); keep one of the rows",
    ),
    "score range": (
        lambda study: edit(study.hamd17, 7, score="61"),
        "phenotype/hamd17.tsv line 9: score 61 outside 0-52; correct the score of sub-04 ses-week8 (HAM-D17), or write n/a",
    ),
    "score no number": (
        lambda study: edit(study.hamd17, 0, score="twenty"),
        "phenotype/hamd17.tsv line 2: score 'twenty' is not a number; write a number with a decimal point, or n/a",
    ),
    "no baseline": (
        spoil_sessions(4, visit="screening"),
        "sessions.tsv: no baseline visit: sub-03; write 'baseline' in column visit of exactly one session per person",
    ),
    "two baselines": (
        spoil_sessions(5, visit="baseline", week="0"),
        "sessions.tsv: more than one baseline visit: sub-03; "
        "keep 'baseline' in column visit for one session per person and name the others",
    ),
    "treated baseline": (
        spoil_sessions(14, week="0.4"),
        "sessions.tsv line 16: post-treatment scan used as baseline: sub-08, week 0.4; "
        "week is 0 or less before treatment begins; correct week or choose another baseline",
    ),
    "endpoint before baseline": (
        spoil_sessions(1, week="-2"),
        "sessions.tsv line 3: sub-01: visit 'week8' at week -2 is not after baseline at week 0; correct week or visit",
    ),
    "week not increasing": (
        third_visit,
        "sessions.tsv line 3: sub-01: week does not increase from visit to visit (week8 at week 8, week12 at week 6); "
        "correct week or visit",
    ),
    "repeated visit": (
        lambda study: study.sessions.append(
            {"participant_id": "sub-01", "session_id": "ses-x", "visit": "week8", "week": "9"}
        ),
        "sessions.tsv line 30: sub-01 has visit 'week8' twice; give every session of a person its own visit name",
    ),
    "week missing": (
        spoil_sessions(1, week="n/a"),
        "sessions.tsv line 3: week of sub-01 ses-week8 is missing; write weeks since treatment began",
    ),
    "week no number": (
        spoil_sessions(1, week="eight"),
        "sessions.tsv line 3: week 'eight' is not a number; write a number with a decimal point, or n/a",
    ),
    "unknown session": (
        spoil_markers(0, session_id="ses-base"),
        "markers.tsv line 2: session_id 'ses-base' of sub-01 not in sessions.tsv (did you mean 'ses-baseline'); "
        "correct it or add the session to sessions.tsv (known for sub-01: ses-baseline, ses-week8)",
    ),
    "unit differs": (
        mixed_unit,
        "markers.tsv line 3: Glx: 'mmol/kg' (26 rows) and 'mM' (2 rows); "
        "give every value of one marker and region in one unit",
    ),
    "model differs": (
        spoil_markers(0, model="Logan"),
        "markers.tsv line 2: SRTM (27 rows) and Logan (1 rows) BPND midbrain mixed: the model differs from scan to scan; "
        "run one model on every scan, or choose one with models={'BPND': 'SRTM'}",
    ),
    "se zero": (
        spoil_markers(0, se="0"),
        "markers.tsv line 2: BPND midbrain of sub-01 ses-baseline has se 0; "
        "write n/a if it is unknown, or se_source none for a marker without measurement error",
    ),
    "se negative": (
        spoil_markers(0, se="-0.1"),
        "markers.tsv line 2: BPND midbrain of sub-01 ses-baseline has a negative se -0.1; "
        "a standard error is positive, in the unit of the value; write n/a if it is unknown",
    ),
    "sentinel": (
        spoil_markers(0, value="-9"),
        "markers.tsv line 2: BPND midbrain of sub-01 ses-baseline has value -9, which looks like a code for a missing "
        "value; write n/a and say why in qc, or qc flagged for an estimate at its bound",
    ),
    "zero concentration": (
        spoil_markers(1, value="0"),
        "markers.tsv line 3: Glx of sub-01 ses-baseline has value 0, which looks like a code for a missing value; "
        "write n/a and say why in qc, or qc flagged for an estimate at its bound",
    ),
    "infinite value": (
        spoil_markers(0, value="inf"),
        "markers.tsv line 2: BPND midbrain of sub-01 ses-baseline has an infinite value; write n/a and qc failed",
    ),
    "value no number": (
        spoil_markers(0, value="1,5"),
        "markers.tsv line 2: value '1,5' is not a number; write a number with a decimal point, or n/a",
    ),
    "no value": (
        spoil_markers(0, value="n/a"),
        "markers.tsv line 2: BPND midbrain of sub-01 ses-baseline has no value, but qc is 'ok'; "
        "say why in qc: failed, not_acquired or withdrawn",
    ),
    "failed with value": (
        spoil_markers(0, qc="failed", value="3"),
        "markers.tsv line 2: BPND midbrain of sub-01 ses-baseline has value 3, but qc is 'failed'; "
        "write n/a for the value, or qc ok or flagged if it may be used",
    ),
    "qc vocabulary": (
        spoil_markers(0, qc="good"),
        "markers.tsv line 2: qc 'good' is not one of ok, flagged, failed, not_acquired, withdrawn; write one of them",
    ),
    "se_source vocabulary": (
        spoil_markers(0, se_source="guess"),
        "markers.tsv line 2: se_source 'guess' is not one of fit, crlb, bootstrap, profile, mcmc, posterior, test-retest, "
        "literature, none; write one of them",
    ),
    "marker name": (
        spoil_markers(0, region="n/a"),
        "markers.tsv line 2: region is missing; write the name of the region",
    ),
    "missing column": (
        drop_week,
        "sessions.tsv line 1: column 'week' is missing (required: participant_id, session_id, visit, week; found: "
        "participant_id, session_id, visit); add the column, separated by tabs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", ERRORS)
def test_a_broken_rule_stops_with_its_exact_message(study, tmp_path, rule):
    spoil, message = ERRORS[rule]
    spoil(study)
    with pytest.raises(CohortError) as caught:
        study.read(tmp_path)
    assert message in re.sub(r" \(problem 1 of \d+ problems\)", "", str(caught.value)).splitlines()
    assert message in [str(problem) for problem in caught.value.problems]


ONLY = ("trailing space", "score range", "unit differs", "se zero", "duplicate person", "missing column")


@pytest.mark.parametrize("rule", ONLY)
def test_one_mistake_is_one_problem_on_one_line(study, tmp_path, rule):
    spoil, message = ERRORS[rule]
    spoil(study)
    with pytest.raises(CohortError) as caught:
        study.read(tmp_path)
    assert str(caught.value) == message


def test_all_problems_are_told_at_once_and_counted_on_the_first_line(study, tmp_path):
    edit(study.madrs, 0, score="99")
    edit(study.markers, 0, se="-1")
    edit(study.participants, 0, group="case")
    with pytest.raises(CohortError) as caught:
        study.read(tmp_path)
    first, *others = str(caught.value).splitlines()
    assert first == (
        "participants.tsv line 2: group 'case' is not one of patient, control; write patient or control "
        "(problem 1 of 3 problems)"
    )
    assert len(others) == 2
    rules = [(p.rule, p.file, p.line, p.column, p.value) for p in caught.value.problems]
    assert rules == [
        ("group", "participants.tsv", 2, "group", "case"),
        ("score_range", "phenotype/madrs.tsv", 2, "score", "99.0"),
        ("se_negative", "markers.tsv", 2, "se", "-1.0"),
    ]


@pytest.mark.parametrize(
    ("name", "folder"), [("participants.tsv", "bids"), ("sessions.tsv", "bids"), ("markers.tsv", "out")]
)
def test_a_missing_file_is_named_with_its_path(study, tmp_path, name, folder):
    study.write(tmp_path)
    path = getattr(study, folder) / name
    path.unlink()
    with pytest.raises(CohortError) as caught:
        read_cohort(study.bids, study.out)
    assert str(caught.value) == f"{name}: no such file: {path}; make the file {path}"


def test_missing_scores_are_an_error(study, tmp_path):
    study.write(tmp_path)
    for path in (study.bids / "phenotype").iterdir():
        path.unlink()
    with pytest.raises(CohortError, match=r"phenotype: no file of a known scale; write phenotype/<scale>\.tsv"):
        read_cohort(study.bids, study.out)


def test_commas_instead_of_tabs_are_recognised(study, tmp_path):
    study.write(tmp_path)
    path = study.out / "markers.tsv"
    path.write_text(path.read_text(encoding="utf-8").replace("\t", ","), encoding="utf-8")
    with pytest.raises(CohortError, match=r"markers.tsv line 1: .*one column \(commas instead of tabs\?\)"):
        read_cohort(study.bids, study.out)


def test_a_row_of_another_length_is_named(study, tmp_path):
    study.write(tmp_path)
    path = study.bids / "sessions.tsv"
    path.write_text(path.read_text(encoding="utf-8") + "sub-01\tses-x\tweek9\n", encoding="utf-8")
    with pytest.raises(CohortError, match=r"sessions\.tsv line 30: 3 cells, but the header has 4 columns"):
        read_cohort(study.bids, study.out)


@pytest.mark.parametrize(("content", "words"), [(b"", "the file is empty"), (b"\xff\xfe\x00a", "not UTF-8 text")])
def test_a_file_that_is_no_table_is_named(study, tmp_path, content, words):
    study.write(tmp_path)
    (study.bids / "participants.tsv").write_bytes(content)
    with pytest.raises(CohortError, match=f"participants.tsv: {words}"):
        read_cohort(study.bids, study.out)


def many_failed(study: SmallStudy) -> None:
    for index in range(0, 24, 2):
        edit(study.markers, index, value="n/a", se="n/a", qc="failed")


def constant(study: SmallStudy) -> None:
    for index in range(1, len(study.markers), 2):
        edit(study.markers, index, value="7.5")


def no_se(study: SmallStudy) -> None:
    for index in (0, 2, 12):
        edit(study.markers, index, se="n/a", se_source="none")


def no_group(study: SmallStudy) -> None:
    study.participants = [{k: v for k, v in row.items() if k != "group"} for row in study.participants]


WARNINGS = {
    "se missing": (
        no_se,
        "markers.tsv line 2: BPND midbrain: 3 value(s) have no se (by site: A 2, B 1); "
        "their error cannot be carried into the outcome model",
    ),
    "se large": (
        spoil_markers(0, se="50"),
        "markers.tsv line 2: BPND midbrain: 1 value(s) have se above the value (by site: A 1); check the unit of se",
    ),
    "se infinite": (
        spoil_markers(0, se="inf", qc="flagged"),
        "markers.tsv line 2: BPND midbrain: 1 value(s) have an infinite se (by site: A 1); the fit could not determine them",
    ),
    "crlb percent": (
        spoil_markers(1, se="8"),
        "markers.tsv line 3: Glx: 1 value(s) look like CRLB% given as se (by site: A 1); "
        "se is absolute, in the unit of the value: CRLB% / 100 x value",
    ),
    "constant": (
        constant,
        "markers.tsv: Glx: all 28 values are 7.5; a constant marker says nothing; check how it was made",
    ),
    "many missing": (
        many_failed,
        "markers.tsv: BPND midbrain: 12 of 28 values are missing (12 failed) (by arm: placebo 6, ssri 6; by site: A 6, B 6); "
        "say in the report whether scans failed more often in one arm, site or severity",
    ),
    "no group": (
        no_group,
        "participants.tsv: no column 'group': everyone is taken for a patient; add it (patient or control)",
    ),
    "missing age": (
        spoil_people(0, age="n/a"),
        "participants.tsv: age is missing for 1 of 12 patients: sub-01 (by arm: placebo 1); "
        "they drop out of every model that uses it; fill in what is known",
    ),
    "no session": (
        lambda study: study.participants.append({**study.participants[0], "participant_id": "sub-99"}),
        "sessions.tsv: no session of sub-99; they enter no model; add their rows to sessions.tsv if they were seen",
    ),
    "empty cell": (
        lambda study: [edit(study.participants, i, site="AB"[i % 2]) for i in range(len(study.participants))],
        "participants.tsv: nobody is in arm 'ssri' at site 'A', arm 'placebo' at site 'B'; "
        "arm and site are partly the same variable: adjust for site and read the arm with care",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", WARNINGS)
def test_a_doubt_is_kept_with_the_cohort(study, tmp_path, rule):
    spoil, message = WARNINGS[rule]
    spoil(study)
    assert message in [str(problem) for problem in study.read(tmp_path).warnings]


def test_a_clean_study_raises_no_doubt(study, tmp_path):
    # twelve patients cannot hold ten responders and ten others
    assert {problem.rule for problem in study.read(tmp_path).warnings} == {"few_responders"}


def test_a_flagged_zero_is_an_estimate_at_its_bound_and_stays(study, tmp_path):
    edit(study.markers, 1, value="0", qc="flagged", qc_reason="edge")
    assert study.read(tmp_path).markers.loc[1, "value"] == 0.0


def test_an_exact_marker_may_have_no_error(study, tmp_path):
    edit(study.markers, 0, se="0", se_source="none")
    assert study.read(tmp_path).markers.loc[0, "se"] == 0.0


@pytest.mark.parametrize("source", ["mcmc", "posterior", "profile", "literature"])
def test_every_kind_of_error_that_a_fit_may_write_is_read(study, tmp_path, source):
    spoil_markers(0, se_source=source)(study)
    assert source in set(study.read(tmp_path).markers["se_source"])


def test_semicolons_and_other_capitals_are_recognised(study, tmp_path):
    study.write(tmp_path)
    path = study.out / "markers.tsv"
    table = path.read_text(encoding="utf-8")
    path.write_text(table.replace("\t", ";"), encoding="utf-8")
    with pytest.raises(CohortError, match=r"markers.tsv line 1: .*one column \(semicolons instead of tabs\?\)"):
        read_cohort(study.bids, study.out)
    path.write_text(table.replace("participant_id", "Participant_ID"), encoding="utf-8")
    with pytest.raises(CohortError, match=r"'participant_id' is missing .*\(rename 'Participant_ID'\)"):
        read_cohort(study.bids, study.out)


def test_ids_without_their_prefix_name_what_was_meant(study, tmp_path):
    for row in study.participants:
        row["participant_id"] = row["participant_id"].removeprefix("sub-")
    study.write(tmp_path)
    with pytest.raises(CohortError, match=r"participant_id 'sub-01' not in participants.tsv \(did you mean '01'\)"):
        read_cohort(study.bids, study.out)


def test_files_of_scales_with_another_name_are_listed(study, tmp_path):
    study.write(tmp_path)
    for path in (study.bids / "phenotype").glob("*.tsv"):
        path.rename(path.with_name(f"our-{path.name}"))
    with pytest.raises(CohortError, match=r"no file of a known scale \(there: our-\w+\.tsv.*; known: hamd17"):
        read_cohort(study.bids, study.out)


def test_many_problems_of_one_kind_do_not_hide_the_others():
    kinds = [
        Problem("not_a_number", "markers.tsv", line, "value", "1,5", "no number", "write 1.5") for line in range(2, 200)
    ]
    kinds.append(
        Problem("score_range", "phenotype/hamd17.tsv", 9, "score", "61", "score 61 outside 0-52", "correct it")
    )
    error = cohort_error(kinds)
    assert len(error.problems) == 199
    lines = str(error).splitlines()
    assert len(lines) == 5
    assert "problem 1 of 199" in lines[0]
    assert lines[3] == "... and 195 more like it, the last at markers.tsv line 199"
    assert "score 61" in lines[4]
