"""`neurochem response` predict, validate and report."""

import argparse

from neurochem.cli.response_tables import check_figure, draw_figure, plain_settings, read_study, write_frame


def run_predict(arguments: argparse.Namespace) -> int:
    """Make and judge a prediction model."""
    import numpy as np

    from neurochem.cli.show import say, wrote
    from neurochem.errors import InputError
    from neurochem.response.prediction import predict

    check_figure(arguments.figure)
    if arguments.covariates:
        msg = "--covariates are for associations; a prediction names all it uses with --predictors"
        raise InputError(msg)
    found = predict(
        read_study(arguments), arguments.outcome, rng=np.random.default_rng(arguments.seed), predictors=arguments.predictors,
        outcome_type=arguments.outcome_type, endpoint_visit=arguments.endpoint, repeats=arguments.repeats,
        permutations=arguments.permutations,
    )  # fmt: skip
    say(found.summary())
    write_frame(
        found.to_frame(), arguments.output, {"Settings": plain_settings(found.settings), "Seed": arguments.seed}
    )
    # only a pipeline of one's own has no card, and none can be given here
    if arguments.card is not None and found.card is not None:
        wrote(found.card.save(arguments.card))
    draw_figure(arguments.figure, lambda: found.plot("calibration"))
    return 0


def run_validate(arguments: argparse.Namespace) -> int:
    """Judge a saved model in other patients."""
    from neurochem.cli.show import say
    from neurochem.response.prediction import ModelCard, validate_cohort

    card = ModelCard.load(arguments.card)
    found = validate_cohort(card, read_study(arguments), outcome=arguments.outcome, endpoint_visit=arguments.endpoint)
    say(found.summary())
    write_frame(found.to_frame(), arguments.output, {"Card": arguments.card.name, "Patients": found.n})
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
