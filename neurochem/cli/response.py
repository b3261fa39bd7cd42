"""`neurochem response`: questions to the markers and outcomes of a study, and the planning of one."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from neurochem.response import Cohort

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


def _read(arguments: argparse.Namespace) -> "Cohort":
    """Read the cohort and say what a reader of it must know."""
    from neurochem.cli.show import complain
    from neurochem.response import read_cohort

    cohort = read_cohort(arguments.bids_dir, arguments.out_dir)
    for problem in cohort.warnings:
        complain(f"neurochem: warning: {problem}")
    return cohort


def _choices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what every model of one marker takes."""
    return {
        "outcome": arguments.outcome, "outcome_type": arguments.outcome_type, "endpoint_visit": arguments.endpoint,
        "covariates": arguments.covariates, "marker": arguments.marker, "region": arguments.region,
        "test_retest_sd": arguments.test_retest_sd,
    }  # fmt: skip


def _write(table: "pd.DataFrame", path: Path | None, facts: dict[str, Any]) -> None:
    """Write a table with its sidecar, if one was asked for."""
    from neurochem.cli.show import wrote
    from neurochem.study.derivatives import write_table

    if path is None:
        return
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    described = {str(name): {"Description": str(name).replace("_", " ")} for name in table.columns}
    for file in write_table(path, rows, descriptions=described, facts=facts):
        wrote(file)


def _draw(path: Path | None, draw: Callable[[], Any]) -> None:
    from neurochem.cli.show import wrote
    from neurochem.figures import save_figure

    if path is not None:
        wrote(save_figure(draw().get_figure(), path))


def _check_figure(path: Path | None) -> None:
    """Refuse, before any work, a figure's file name that nothing draws."""
    from neurochem.errors import InputError

    if path is not None and path.suffix.casefold() not in {".png", ".pdf", ".svg"}:
        msg = f"--figure {path}: cannot draw '{path.suffix}'; end the name in .png, .pdf, .svg"
        raise InputError(msg)


def check_cohort(arguments: argparse.Namespace) -> int:
    """Read the study; every problem is an error message of its own."""
    from neurochem.cli.show import say

    cohort = _read(arguments)
    say(repr(cohort))
    say(f"{len(cohort.warnings)} warnings, no error")
    _write(cohort.wide().reset_index(), arguments.wide, {"Visit": "baseline"})
    return 0


def run_associate(arguments: argparse.Namespace) -> int:
    """Relate one marker to outcome."""
    from neurochem import response
    from neurochem.cli.show import say

    _check_figure(arguments.figure)
    fit = response.associate(_read(arguments), at=arguments.at, error=arguments.error, **_choices(arguments))
    say(response.describe(fit))
    if not fit.failed:
        _write(response.coefficient_table(fit), arguments.output, {"Settings": _plain_settings(fit.settings)})
    _draw(arguments.figure, lambda: response.plot_association(fit))
    return 0


def _plain_settings(settings: Any) -> dict[str, Any]:
    from neurochem.records import plain

    return {key: plain(value) for key, value in dict(settings).items() if key not in {"rows", "influence", "dropped"}}


def run_moderate(arguments: argparse.Namespace) -> int:
    """Ask whether a marker decides between arms."""
    from neurochem import response
    from neurochem.cli.show import say
    from neurochem.errors import InputError
    from neurochem.response.report.figures import plot_moderation

    _check_figure(arguments.figure)
    arms = tuple(arguments.arms) if arguments.arms else None
    fit = response.moderate(_read(arguments), error=arguments.error, arms=arms, **_choices(arguments))
    say(response.describe_moderation(fit))
    if arguments.figure is not None and fit.failed:
        msg = f"--figure {arguments.figure}: there is nothing to draw, the model could not be fitted"
        raise InputError(msg)
    _write(fit.to_frame(), arguments.output, {"Settings": _plain_settings(fit.settings)})
    _draw(arguments.figure, lambda: plot_moderation(fit))
    return 0


def run_mediate(arguments: argparse.Namespace) -> int:
    """Ask what goes through a marker's change."""
    import numpy as np

    from neurochem import response
    from neurochem.cli.show import say

    fit = response.mediate(
        _read(arguments), rng=np.random.default_rng(arguments.seed), bootstraps=arguments.bootstraps,
        arms=tuple(arguments.arms) if arguments.arms else None, **_choices(arguments),
    )  # fmt: skip
    say(response.describe_mediation(fit))
    _write(fit.to_frame(), arguments.output, {"Settings": _plain_settings(fit.settings), "Seed": arguments.seed})
    return 0


def run_screen(arguments: argparse.Namespace) -> int:
    """Test many markers at once."""
    import numpy as np

    from neurochem.cli.show import say
    from neurochem.response.screening import screen

    _check_figure(arguments.figure)
    found = screen(
        _read(arguments), arguments.outcome, rng=np.random.default_rng(arguments.seed), markers=arguments.markers,
        covariates=arguments.covariates, blocks=arguments.blocks, permutations=arguments.permutations,
        outcome_type=arguments.outcome_type, at=arguments.at, endpoint_visit=arguments.endpoint,
    )  # fmt: skip
    say(found.summary())
    _write(found.to_frame(), arguments.output, {"Settings": _plain_settings(found.settings), "Seed": arguments.seed})
    _draw(arguments.figure, lambda: found.plot("volcano"))
    return 0


def run_predict(arguments: argparse.Namespace) -> int:
    """Make and judge a prediction model."""
    import numpy as np

    from neurochem.cli.show import say, wrote
    from neurochem.errors import InputError
    from neurochem.response.prediction import predict

    _check_figure(arguments.figure)
    if arguments.covariates:
        msg = "--covariates are for associations; a prediction names all it uses with --predictors"
        raise InputError(msg)
    found = predict(
        _read(arguments), arguments.outcome, rng=np.random.default_rng(arguments.seed), predictors=arguments.predictors,
        outcome_type=arguments.outcome_type, endpoint_visit=arguments.endpoint, repeats=arguments.repeats,
        permutations=arguments.permutations,
    )  # fmt: skip
    say(found.summary())
    _write(found.to_frame(), arguments.output, {"Settings": _plain_settings(found.settings), "Seed": arguments.seed})
    # only a pipeline of one's own has no card, and none can be given here
    if arguments.card is not None and found.card is not None:
        wrote(found.card.save(arguments.card))
    _draw(arguments.figure, lambda: found.plot("calibration"))
    return 0


def run_validate(arguments: argparse.Namespace) -> int:
    """Judge a saved model in other patients."""
    from neurochem.cli.show import say
    from neurochem.response.prediction import ModelCard, validate_cohort

    card = ModelCard.load(arguments.card)
    found = validate_cohort(card, _read(arguments), outcome=arguments.outcome, endpoint_visit=arguments.endpoint)
    say(found.summary())
    _write(found.to_frame(), arguments.output, {"Card": arguments.card.name, "Patients": found.n})
    return 0


def run_report(arguments: argparse.Namespace) -> int:
    """Write the page of the study with its tables and figures."""
    from dataclasses import replace

    from neurochem.cli.show import complain, say, wrote
    from neurochem.errors import InputError
    from neurochem.study import run_group
    from neurochem.study.config import read_config

    if arguments.predictors and not arguments.predict:
        msg = "--predictors are of a prediction model; say what it predicts with --predict, for example --predict response"
        raise InputError(msg)
    config = read_config(arguments.bids_dir, arguments.config)
    given = {
        "outcome": arguments.outcome, "outcome_type": arguments.outcome_type, "endpoint_visit": arguments.endpoint,
        "covariates": None if arguments.covariates is None else tuple(arguments.covariates),
        "arms": tuple(arguments.arms) if arguments.arms else None, "predict": arguments.predict,
        "predictors": tuple(arguments.predictors) if arguments.predictors else None,
    }  # fmt: skip
    chosen = replace(config.response, **{name: value for name, value in given.items() if value is not None})
    report = run_group(arguments.bids_dir, arguments.out_dir, config=replace(config, response=chosen))
    for warning in report.warnings:
        complain(f"neurochem: warning: {warning}")
    for sentence in report.sentences:
        say(sentence)
    for path in report.written:
        wrote(arguments.out_dir / path)
    return 0


def run_plan(arguments: argparse.Namespace) -> int:
    """Say how many patients are needed."""
    import numpy as np

    from neurochem import response
    from neurochem.cli.show import say, table
    from neurochem.errors import InputError

    _check_figure(arguments.figure)
    if arguments.marker is not None and arguments.reliability is not None:
        msg = "--marker and --reliability both say how noisy the marker is; give one of them"
        raise InputError(msg)
    reliability = arguments.reliability if arguments.reliability is not None else 1.0
    if arguments.marker is not None:
        reliability = response.MARKERS[arguments.marker].reliability
    plan = response.plan_study(
        arguments.question, effect=arguments.effect, reliability=reliability, sizes=arguments.patients,
        residual_sd=arguments.residual_sd, dropout=arguments.dropout, simulations=arguments.simulations,
        rng=np.random.default_rng(arguments.seed),
    )  # fmt: skip
    say(table(_PLAN_HEADS, _plan_rows(plan.table), words=0))
    say(plan.summary())
    facts = {"Question": plan.question, "Effect": plan.effect, "Reliability": plan.reliability, "Seed": arguments.seed}
    _write(plan.table, arguments.output, {**facts, "Dropout": plan.dropout, "ResidualSD": plan.residual_sd})
    _draw(arguments.figure, plan.plot)
    return 0


_PLAN_HEADS = ["patients", "analysed", "power", "as measured", "corrected", "half width", "exaggeration"]


def _plan_rows(rows: "pd.DataFrame") -> "Sequence[Sequence[str]]":
    return [
        [f"{row['patients']:.0f}", f"{row['analysed']:.0f}", f"{row['power']:.3f}",
         *(f"{row[name]:.2f}" for name in ("naive", "corrected", "half_width", "exaggeration"))]
        for _, row in rows.iterrows()
    ]  # fmt: skip
