"""`neurochem pet`: fit curves and list the models; what is done to images lies in a file a command."""

import argparse
from pathlib import Path

from neurochem.cli import image_options, pet_maps, pet_pvc, pet_static, pet_tacs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    models = actions.add_parser("models", help="list the kinetic models", description="List the kinetic models.")
    models.set_defaults(act=list_models)
    fit = actions.add_parser("fit", help="fit a table of curves", description="Fit a table of time-activity curves.")
    fit.set_defaults(act=fit_curves)
    fit.add_argument("tacs", metavar="TACS.tsv", type=Path, help="frame_start, frame_end, one column a region")
    fit.add_argument("--model", required=True, help="kinetic model; see: neurochem pet models")
    fit.add_argument("--reference", metavar="REGION", help="reference region, a column of the table")
    fit.add_argument("--blood", type=Path, metavar="FILE", help="arterial input: time, plasma_parent[, whole_blood]")
    fit.add_argument("--regions", nargs="+", metavar="REGION", help="regions to fit (default: all but the reference)")
    fit.add_argument(
        "--vb", type=float, dest="VB", metavar="F", help="blood volume fraction, for models with plasma input"
    )
    fit.add_argument("--k2prime", type=float, metavar="RATE", help="washout rate of the reference region (1/min)")
    fit.add_argument("--t-star-s", "--t-star", type=float, metavar="SECONDS", help="start of the linear part (s)")
    _add_table_options(fit)
    fit.add_argument("--output", type=Path, metavar="X.tsv", help="write the estimates as a table")
    fit.add_argument("--figure", type=Path, metavar="X.png", help="draw fit and residual of every region")
    for command in (pet_maps, pet_tacs, pet_pvc, pet_static):
        command.add_parser(actions)


def _add_table_options(fit: argparse.ArgumentParser) -> None:
    """Add what describes tables that are not BIDS-style; units are stated, never guessed."""
    table = fit.add_argument_group("tables that are not BIDS-style")
    table.add_argument("--start-column", default="frame_start", metavar="NAME", help="frame start (frame_start)")
    table.add_argument("--end-column", metavar="NAME", help="frame end (frame_end)")
    table.add_argument("--duration-column", metavar="NAME", help="frame duration, instead of the end")
    table.add_argument("--weights-column", metavar="NAME", help="weights, one over variance")
    table.add_argument("--columns", nargs="+", metavar="NAME", help="columns that are regions (default: all others)")
    table.add_argument("--time-unit", choices=("s", "min", "h"), help="unit of the frame times")
    table.add_argument("--activity-unit", metavar="UNIT", help="unit of the curves, for example kBq/mL")
    table.add_argument("--isotope", help="C11, F18 or O15, for weights that follow the decay")
    image_options.add_blood(table)


def run(arguments: argparse.Namespace) -> int:
    """Run the action asked for and return the exit code."""
    return int(arguments.act(arguments))


def list_models(_: argparse.Namespace) -> int:
    """Print one line a model."""
    from neurochem.cli.show import say, table
    from neurochem.pet.fitting import models

    rows = [
        [record["name"], ", ".join(record["needs"]), " ".join(record["estimates"]), record["reference"]]
        for record in models()
    ]
    say(table(["model", "needs", "estimates", "source"], rows, words=4))
    return 0


def fit_curves(arguments: argparse.Namespace) -> int:
    """Fit, print the estimates, and write what was asked for."""
    from neurochem import pet
    from neurochem.cli.fits import finish

    tacs = pet.read_tacs(
        arguments.tacs,
        start=arguments.start_column,
        end=arguments.end_column,
        duration=arguments.duration_column,
        regions=arguments.columns,
        weights=arguments.weights_column,
        time_unit=arguments.time_unit,
        activity_unit=arguments.activity_unit,
        isotope=arguments.isotope,
    )
    options = {
        name: getattr(arguments, name) for name in ("k2prime", "t_star_s", "VB") if getattr(arguments, name) is not None
    }
    results = pet.fit(
        tacs,
        arguments.model,
        reference=arguments.reference,
        blood=image_options.read_blood(arguments),
        regions=arguments.regions,
        **options,
    )
    return finish(results, output=arguments.output, figure=arguments.figure)
