"""`neurochem response`: questions to the markers and outcomes of a study, and the planning of one."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurochem.cli.response_models import check_cohort, run_associate, run_mediate, run_moderate, run_screen
from neurochem.cli.response_plan import run_plan
from neurochem.cli.response_prediction import run_predict, run_report, run_validate

OUTCOME_TYPES = ("change", "endpoint", "percent_change", "percent_reduction", "response", "remission")
QUESTIONS = ("association", "moderation", "arm")
Action = Callable[[argparse.Namespace], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = _study(actions, "check", "read the tables of a study and report every problem", check_cohort)
    check.add_argument(
        "--wide", type=Path, metavar="X.tsv", help="write one row a person: scores and markers at baseline"
    )
    associate = _study(actions, "associate", "relate one marker to outcome, its noise carried along", run_associate)
    _model(associate)
    associate.add_argument(
        "--at", choices=("baseline", "change"), default="baseline", help="which marker value (baseline)"
    )
    associate.add_argument(
        "--error", choices=("ml", "reml", "rc", "simex", "none"), default="ml", help="how scan errors enter (ml)"
    )
    associate.add_argument("--figure", type=Path, metavar="X.png", help="draw outcome against marker")
    moderate = _study(actions, "moderate", "ask whether a baseline marker decides between two arms", run_moderate)
    _model(moderate)
    _arms(moderate)
    moderate.add_argument("--error", choices=("ml", "none"), default="ml", help="how scan errors enter (ml)")
    moderate.add_argument("--figure", type=Path, metavar="X.png", help="draw outcome against marker by arm")
    mediate = _study(
        actions, "mediate", "ask how much of the arms' difference goes with a marker's change", run_mediate
    )
    _model(mediate)
    _arms(mediate)
    _chance(mediate)
    mediate.add_argument("--bootstraps", type=_count, default=5000, metavar="N", help="draws of people (5000)")
    screen = _study(actions, "screen", "test many markers at once, all of them counted", run_screen)
    _outcome(screen)
    _chance(screen)
    screen.add_argument("--markers", nargs="+", metavar="NAME", help="markers (default: all)")
    screen.add_argument(
        "--at", choices=("baseline", "change"), default="baseline", help="which marker value (baseline)"
    )
    screen.add_argument("--blocks", metavar="COLUMN", help="shuffle people within this column only, for example site")
    screen.add_argument("--permutations", type=_count, default=10_000, metavar="N", help="shuffles (10000)")
    screen.add_argument("--figure", type=Path, metavar="X.png", help="draw the volcano plot")
    predict = _study(actions, "predict", "make a model and judge it in people it has not seen", run_predict)
    _outcome(predict, kind="response", adjusts=False)
    _chance(predict)
    predict.add_argument(
        "--predictors", nargs="+", metavar="NAME", help="for example 'BPND midbrain' baseline_score age"
    )
    predict.add_argument("--repeats", type=_count, default=20, metavar="N", help="repeats of the folds (20)")
    predict.add_argument(
        "--permutations", type=_count, default=1000, metavar="N", help="shuffles of the outcome (1000)"
    )
    predict.add_argument("--card", type=Path, metavar="X.json", help="write the model with all it takes to use it")
    predict.add_argument("--figure", type=Path, metavar="X.png", help="draw calibration")
    _validate(actions)
    _report(actions)
    _plan(actions)


def _validate(actions: Any) -> None:
    text = "judge a saved model in the patients of another study"
    validate = _study(actions, "validate", text, run_validate)
    validate.add_argument("--card", type=Path, required=True, metavar="X.json", help="model card that predict wrote")
    validate.add_argument("--outcome", metavar="SCALE", help="scale (default: that of the card)")
    validate.add_argument("--endpoint", metavar="VISIT", help="visit of the last score (default: that of the card)")
    validate.add_argument("--output", type=Path, metavar="X.tsv", help="write the measures as a table")


def _report(actions: Any) -> None:
    text = "write the page of the study: associations, arms and, if asked, a prediction model"
    report = _study(actions, "report", text, run_report)
    report.add_argument("--config", type=Path, metavar="X.toml", help="configuration (default: code/neurochem.toml)")
    report.add_argument("--outcome", metavar="SCALE", help="scale, instead of the configuration's")
    report.add_argument(
        "--outcome-type", choices=OUTCOME_TYPES, help="how the scores are used, instead of the configuration's"
    )
    report.add_argument("--endpoint", metavar="VISIT", help="visit of the last score, instead of the configuration's")
    report.add_argument(
        "--covariates", nargs="*", metavar="NAME", help="adjust for these, instead of the configuration's"
    )
    _arms(report)
    report.add_argument("--predict", choices=OUTCOME_TYPES, help="make and judge a model that predicts this as well")
    report.add_argument("--predictors", nargs="+", metavar="NAME", help="its candidates (default: all at baseline)")


def _study(actions: Any, name: str, text: str, act: Action) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(act=act)
    command.add_argument("bids_dir", metavar="BIDS_DIR", type=Path, help="root of the BIDS dataset")
    command.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder with markers.tsv")
    return command


def _outcome(command: argparse.ArgumentParser, kind: str = "change", *, adjusts: bool = True) -> None:
    command.add_argument("--outcome", required=True, metavar="SCALE", help="scale, for example madrs")
    command.add_argument(
        "--outcome-type", choices=OUTCOME_TYPES, default=kind, help=f"how the scores are used ({kind})"
    )
    command.add_argument("--endpoint", metavar="VISIT", help="visit of the last score, if there are several")
    text = "adjust for these as well" if adjusts else argparse.SUPPRESS
    command.add_argument("--covariates", nargs="+", default=[], metavar="NAME", help=text)
    command.add_argument("--output", type=Path, metavar="X.tsv", help="write the estimates as a table")


def _model(command: argparse.ArgumentParser) -> None:
    _outcome(command)
    command.add_argument("--marker", required=True, metavar="NAME", help="marker, for example BPND")
    command.add_argument("--region", metavar="NAME", help="region, if there are several")
    command.add_argument(
        "--test-retest-sd", type=float, default=0.0, metavar="SD", help="SD of one person's value by day"
    )


def _arms(command: argparse.ArgumentParser) -> None:
    command.add_argument("--arms", nargs=2, metavar=("REFERENCE", "OTHER"), help="two arms, if there are more")


def _chance(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", type=int, default=1, help="start of the random numbers (1)")


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        msg = f"'{text}' is not a count; give 1 or more"
        raise argparse.ArgumentTypeError(msg)
    return count


def _plan(actions: Any) -> None:
    text = "say how many patients a question needs with so noisy a marker"
    plan = actions.add_parser("plan", help=text, description=f"{text[0].upper()}{text[1:]}, by simulation.")
    plan.set_defaults(act=run_plan)
    plan.add_argument("--question", choices=QUESTIONS, default="moderation", help="what to see (moderation)")
    plan.add_argument(
        "--effect",
        type=float,
        required=True,
        metavar="POINTS",
        help="true effect per SD of the marker; of the arm, points",
    )
    plan.add_argument("--reliability", type=float, metavar="R", help="of the marker, 0 to 1")
    plan.add_argument("--marker", metavar="NAME", help="take the reliability of a planned marker: BP_5HT1A, GABA ...")
    plan.add_argument(
        "--patients", nargs="+", type=_count, metavar="N", help="sizes to try (default: around a formula)"
    )
    plan.add_argument(
        "--residual-sd", type=float, metavar="SD", help="of the last score given baseline and arm, points"
    )
    plan.add_argument("--dropout", type=float, default=0.15, metavar="F", help="share that is lost (0.15)")
    plan.add_argument("--simulations", type=_count, default=2000, metavar="N", help="studies of each size (2000)")
    plan.add_argument("--output", type=Path, metavar="X.tsv", help="write the table")
    plan.add_argument("--figure", type=Path, metavar="X.png", help="draw power and precision")
    _chance(plan)


def run(arguments: argparse.Namespace) -> int:
    """Run the action asked for and return the exit code."""
    return int(arguments.act(arguments))
