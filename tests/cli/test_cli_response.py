"""The commands on outcome give what the library gives, and refuse what it refuses."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from neurochem import response
from neurochem.cli.main import main


def make_study(folder, seed):
    """Return the folders of a study of forty patients and two arms, as tables only."""
    path = Path(__file__).parents[1] / "response" / "small_study.py"
    spec = importlib.util.spec_from_file_location("small_study_of_response", path)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    made = module.small_study(np.random.default_rng(seed), patients=40).write(folder)
    return [str(made.bids), str(made.out)]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), 5)


def run(capsys, *words):
    code = main(["response", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def rows_of(path):
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_check_reads_the_study_and_writes_one_row_a_person(study, tmp_path, capsys):
    code, out, err = run(capsys, "check", *study, "--wide", str(tmp_path / "wide.tsv"))
    assert code == 0
    assert "<Cohort of 40 patients, 2 controls" in out
    assert "warning: phenotype/madrs.tsv" in err
    rows = rows_of(tmp_path / "wide.tsv")
    assert len(rows) == 42
    assert {"participant_id", "madrs", "BPND midbrain", "Glx"} <= set(rows[0])


def test_check_reports_every_problem_on_its_own_line(study, tmp_path, capsys):
    import shutil

    bids = tmp_path / "bids"
    shutil.copytree(study[0], bids)
    table = bids / "phenotype" / "madrs.tsv"
    table.write_text(table.read_text().replace("\tses-week8\t", "\tses-week8\t9", 3))
    code, _, err = run(capsys, "check", str(bids), study[1])
    assert code == 2
    assert err.count("neurochem: error: phenotype/madrs.tsv line") == 3


def test_associate_says_and_writes_what_the_library_finds(study, tmp_path, capsys):
    words = ["--outcome", "madrs", "--marker", "BPND", "--covariates", "age"]
    target = tmp_path / "a.tsv"
    code, out, _ = run(
        capsys, "associate", *study, *words, "--output", str(target), "--figure", str(tmp_path / "a.png")
    )
    assert code == 0
    fit = response.associate(response.read_cohort(*study), outcome="madrs", marker="BPND", covariates=["age"])
    assert out.startswith(response.describe(fit))
    assert float(rows_of(target)[0]["estimate"]) == fit["slope"].value
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_moderate_and_mediate_answer_and_write(study, tmp_path, capsys):
    words = ["--outcome", "madrs", "--marker", "BPND", "--arms", "placebo", "ssri"]
    target = tmp_path / "m.tsv"
    code, out, _ = run(capsys, "moderate", *study, *words, "--output", str(target), "--figure", str(tmp_path / "m.png"))
    assert code == 0
    assert "the difference between ssri and placebo depends on" in out
    assert {row["parameter"] for row in rows_of(target)} >= {"interaction", "prognostic_slope", "crossover"}
    assert (tmp_path / "m.png").is_file()
    code, out, _ = run(capsys, "mediate", *study, *words, "--bootstraps", "200")
    assert code == 0
    assert "goes with the change of BPND midbrain" in out


def test_screen_counts_all_markers(study, tmp_path, capsys):
    target = tmp_path / "s.tsv"
    words = ["--outcome", "madrs", "--permutations", "500", "--blocks", "site", "--output", str(target)]
    code, out, _ = run(capsys, "screen", *study, *words)
    assert code == 0
    assert out
    assert len(rows_of(target)) == 2


def test_predict_judges_out_of_sample_and_writes_a_card(study, tmp_path, capsys):
    card = tmp_path / "card.json"
    words = ["--outcome", "madrs", "--outcome-type", "change", "--predictors", "BPND midbrain", "baseline_score"]
    code, out, _ = run(capsys, "predict", *study, *words, "--repeats", "2", "--permutations", "20", "--card", str(card))
    assert code == 0
    assert "out of sample" in out
    assert "May not be concluded" in out
    assert card.is_file()


def test_a_saved_model_is_judged_in_another_study_and_not_in_its_own(study, tmp_path, capsys):
    card, table = tmp_path / "card.json", tmp_path / "v.tsv"
    words = ["--outcome", "madrs", "--outcome-type", "change", "--predictors", "BPND midbrain", "baseline_score", "sex"]
    run(capsys, "predict", *study, *words, "--repeats", "1", "--permutations", "1", "--card", str(card))
    other = make_study(tmp_path / "other", 6)
    code, out, _ = run(capsys, "validate", *other, "--card", str(card), "--output", str(table))
    assert code == 0
    assert "External validation of the prediction of MADRS change" in out
    assert "in 40 new patients" in out
    cohort = response.read_cohort(*other)
    raw = cohort.wide().reset_index()
    raw = raw.loc[raw["group"] == "patient"].assign(baseline_score=lambda t: t["madrs"])
    found = response.ModelCard.load(card).predict(raw)
    scores = cohort.scores.loc[lambda t: t["scale"] == "madrs"].pivot_table(
        index="participant_id", columns="visit", values="score"
    )
    true = (scores["week8"] - scores["baseline"]).reindex(raw["participant_id"]).to_numpy()
    rows = {row["measure"]: float(row["value"]) for row in rows_of(table)}
    assert rows["MAE"] == pytest.approx(np.abs(true - found).mean(), rel=1e-9)
    code, _, err = run(capsys, "validate", *study, "--card", str(card))
    assert code == 2
    assert "40 of 40 rows trained this model" in err
    card.write_text(card.read_text().replace('"penalty": ', '"penalty": 9'))
    code, _, err = run(capsys, "validate", *other, "--card", str(card))
    assert code == 2
    assert "the numbers are not those that were saved" in err


def test_the_report_shows_arms_and_a_prediction_model_when_asked(study, tmp_path, capsys):
    import shutil

    bids, out = (tmp_path / name for name in ("bids", "out"))
    shutil.copytree(study[0], bids)
    shutil.copytree(study[1], out)
    (bids / "code").mkdir()
    (bids / "code" / "neurochem.toml").write_text('[response]\nat = ["baseline"]\n')
    words = [
        "--outcome",
        "madrs",
        "--predict",
        "remission",
        "--predictors",
        "BPND midbrain",
        "age",
        "--arms",
        "placebo",
        "ssri",
    ]
    code, said, _ = run(capsys, "report", str(bids), str(out), *words)
    assert code == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    for name in ("prediction_calibration", "prediction_permutation", "prediction_decision"):
        assert f'href="group/{name}.tsv"' in page
        assert len(rows_of(out / "group" / f"{name}.tsv")) > 1
    assert "Prediction, judged in people left out" in page
    assert "Does the marker tell the arms apart?" in page
    assert response.ModelCard.load(out / "group" / "prediction_card.json").columns == ("BPND midbrain", "age")
    assert f"wrote {out / 'index.html'}" in said
    code, _, err = run(capsys, "report", str(bids), str(out), "--outcome", "madrs", "--predictors", "age")
    assert code == 2
    assert "say what it predicts with --predict" in err


def test_plan_needs_no_study(tmp_path, capsys):
    words = ["--effect", "-2", "--marker", "BP_5HT1A", "--simulations", "300", "--seed", "3"]
    target = tmp_path / "p.tsv"
    code, out, _ = run(capsys, "plan", *words, "--output", str(target), "--figure", str(tmp_path / "p.png"))
    assert code == 0
    assert "patients must be enrolled" in out
    plan = response.plan_study(
        "moderation", effect=-2.0, reliability=response.MARKERS["BP_5HT1A"].reliability, simulations=300,
        rng=np.random.default_rng(3),
    )  # fmt: skip
    assert [float(row["power"]) for row in rows_of(target)] == plan.table["power"].tolist()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "--effect", "0"], "effect 0"),
        (["plan", "--effect", "1", "--marker", "GABA", "--reliability", "0.5"], "give one of them"),
        (["plan", "--effect", "1", "--marker", "GABBA"], "did you mean 'GABA'"),
        (["plan", "--effect", "1", "--figure", "x.doc"], "cannot draw '.doc'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_line(words, message, capsys):
    code, _, err = run(capsys, *words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["associate", "--outcome", "madras", "--marker", "BPND"], "madrs"),
        (["associate", "--outcome", "madrs", "--marker", "BPDN"], "BPND"),
        (["moderate", "--outcome", "madrs", "--marker", "Glx", "--arms", "placebo", "drug"], "drug"),
        (["predict", "--outcome", "madrs", "--covariates", "age"], "--predictors"),
        (["predict", "--outcome", "madrs", "--predictors", "BPND midbrain @ week8"], "landmark"),
    ],
)
def test_wrong_names_and_leaks_are_refused_in_a_line(study, words, message, capsys):
    code, _, err = run(capsys, words[0], *study, *words[1:])
    assert code == 2
    assert message in err
