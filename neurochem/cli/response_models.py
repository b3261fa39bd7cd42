"""The questions of `neurochem response` to markers and outcomes: check, associate, moderate, mediate, screen."""

import argparse

from neurochem.cli.response_tables import check_figure, choices, draw_figure, plain_settings, read_study, write_frame


def check_cohort(arguments: argparse.Namespace) -> int:
    """Read the study; every problem is an error message of its own."""
    from neurochem.cli.show import say

    cohort = read_study(arguments)
    say(repr(cohort))
    say(f"{len(cohort.warnings)} warnings, no error")
    write_frame(cohort.wide().reset_index(), arguments.wide, {"Visit": "baseline"})
    return 0


def run_associate(arguments: argparse.Namespace) -> int:
    """Relate one marker to outcome."""
    from neurochem import response
    from neurochem.cli.show import say

    check_figure(arguments.figure)
    fit = response.associate(read_study(arguments), at=arguments.at, error=arguments.error, **choices(arguments))
    say(response.describe(fit))
    if not fit.failed:
        write_frame(response.coefficient_table(fit), arguments.output, {"Settings": plain_settings(fit.settings)})
    draw_figure(arguments.figure, lambda: response.plot_association(fit))
    return 0


def run_moderate(arguments: argparse.Namespace) -> int:
    """Ask whether a marker decides between arms."""
    from neurochem import response
    from neurochem.cli.show import say
    from neurochem.errors import InputError
    from neurochem.response.report.figures import plot_moderation

    check_figure(arguments.figure)
    arms = tuple(arguments.arms) if arguments.arms else None
    fit = response.moderate(read_study(arguments), error=arguments.error, arms=arms, **choices(arguments))
    say(response.describe_moderation(fit))
    if arguments.figure is not None and fit.failed:
        msg = f"--figure {arguments.figure}: there is nothing to draw, the model could not be fitted"
        raise InputError(msg)
    write_frame(fit.to_frame(), arguments.output, {"Settings": plain_settings(fit.settings)})
    draw_figure(arguments.figure, lambda: plot_moderation(fit))
    return 0


def run_mediate(arguments: argparse.Namespace) -> int:
    """Ask what goes through a marker's change."""
    import numpy as np

    from neurochem import response
    from neurochem.cli.show import say

    fit = response.mediate(
        read_study(arguments), rng=np.random.default_rng(arguments.seed), bootstraps=arguments.bootstraps,
        arms=tuple(arguments.arms) if arguments.arms else None, **choices(arguments),
    )  # fmt: skip
    say(response.describe_mediation(fit))
    write_frame(fit.to_frame(), arguments.output, {"Settings": plain_settings(fit.settings), "Seed": arguments.seed})
    return 0


def run_screen(arguments: argparse.Namespace) -> int:
    """Test many markers at once."""
    import numpy as np

    from neurochem.cli.show import say
    from neurochem.response.screening import screen

    check_figure(arguments.figure)
    found = screen(
        read_study(arguments), arguments.outcome, rng=np.random.default_rng(arguments.seed), markers=arguments.markers,
        covariates=arguments.covariates, blocks=arguments.blocks, permutations=arguments.permutations,
        outcome_type=arguments.outcome_type, at=arguments.at, endpoint_visit=arguments.endpoint,
    )  # fmt: skip
    say(found.summary())
    write_frame(
        found.to_frame(), arguments.output, {"Settings": plain_settings(found.settings), "Seed": arguments.seed}
    )
    draw_figure(arguments.figure, lambda: found.plot("volcano"))
    return 0
