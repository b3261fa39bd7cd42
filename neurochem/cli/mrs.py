"""`neurochem mrs`: fit a spectrum; simulate and check basis sets."""

import argparse
from pathlib import Path

from neurochem.cli.mrs_basis import add_basis, add_check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fit = actions.add_parser(
        "fit",
        help="fit one spectrum",
        description="Fit one spectrum. With --water and tissue fractions the result is in mmol/kg, else in units of the basis.",
    )
    fit.set_defaults(act=fit_spectrum)
    fit.add_argument("data", metavar="DATA", type=Path, help="NIfTI-MRS, SDAT, TWIX, P-file, RDA or DICOM")
    fit.add_argument(
        "--basis", required=True, type=Path, metavar="FILE", help="basis set: LCModel, FSL-MRS, jMRUI, NIfTI-MRS"
    )
    fit.add_argument("--water", type=Path, metavar="FILE", help="unsuppressed water of the same voxel")
    for name, text in (("gm", "grey matter"), ("wm", "white matter"), ("csf", "cerebrospinal fluid")):
        fit.add_argument(f"--{name}", type=float, metavar="F", help=f"volume fraction of {text}, 0 to 1")
    fit.add_argument("--ppm", nargs=2, type=float, metavar=("LOW", "HIGH"), default=(0.2, 4.2), help="fitted range")
    fit.add_argument("--echo-time-s", type=float, metavar="S", help="TE of the data, where the header lacks it")
    fit.add_argument("--repetition-time-s", type=float, metavar="S", help="TR of the data, where the header lacks it")
    fit.add_argument("--water-echo-time-s", type=float, metavar="S", help="TE of the water, where its header lacks it")
    fit.add_argument(
        "--water-repetition-time-s", type=float, metavar="S", help="TR of the water, where its header lacks it"
    )
    fit.add_argument(
        "--water-scale",
        type=float,
        default=1.0,
        metavar="F",
        help="multiply the water reference, where it was stored scaled",
    )
    fit.add_argument("--output", type=Path, metavar="X.tsv", help="write the estimates as a table")
    fit.add_argument("--figure", type=Path, metavar="X.png", help="draw the fit and its components")
    add_basis(actions)
    add_check(actions)


def run(arguments: argparse.Namespace) -> int:
    """Run the action asked for and return the exit code."""
    return int(arguments.act(arguments))


def fit_spectrum(arguments: argparse.Namespace) -> int:
    """Fit, quantify if water is given, print the estimates, and write what was asked for."""
    from neurochem import mrs
    from neurochem.cli.fits import finish
    from neurochem.errors import InputError

    fractions = {name: getattr(arguments, name) for name in ("gm", "wm", "csf")}
    given = [name for name, value in fractions.items() if value is not None]
    if len(given) not in {0, 3} or bool(given) != (arguments.water is not None):
        msg = "concentrations need --water, --gm, --wm and --csf together; give all four, or none of them"
        raise InputError(msg)
    tissue = mrs.Tissue(**fractions) if given else None
    basis = mrs.read_basis(arguments.basis)
    water = mrs.read(arguments.water) if arguments.water is not None else None
    clean = mrs.preprocess(mrs.read(arguments.data), water=water)
    result = mrs.fit(clean.spectrum, basis, ppm=tuple(arguments.ppm))
    if tissue is not None and clean.water is not None:
        result = mrs.quantify(
            result,
            water=clean.water,
            tissue=tissue,
            water_scale=arguments.water_scale,
            echo_time_s=arguments.echo_time_s,
            repetition_time_s=arguments.repetition_time_s,
            water_echo_time_s=arguments.water_echo_time_s,
            water_repetition_time_s=arguments.water_repetition_time_s,
        )
    return finish(result, output=arguments.output, figure=arguments.figure)
