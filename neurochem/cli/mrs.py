"""`neurochem mrs`: fit a spectrum; simulate and check basis sets."""

import argparse
from pathlib import Path

from neurochem.cli.mrs_basis import add_basis, add_check
from neurochem.cli.mrs_process import add_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fit = actions.add_parser(
        "fit",
        help="fit one spectrum",
        description="Fit one spectrum. With --water and tissue fractions the result is in mmol/kg, else in units of the basis.",
    )
    fit.set_defaults(act=fit_spectrum, misused=fit.error)
    fit.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        type=Path,
        help="NIfTI-MRS, SDAT, TWIX, P-file, RDA or DICOM; by default FILRAW of --control",
    )
    fit.add_argument(
        "--basis",
        type=Path,
        metavar="FILE",
        help="basis set: LCModel, FSL-MRS, jMRUI, NIfTI-MRS; by default FILBAS of --control",
    )
    fit.add_argument(
        "--control", type=Path, metavar="FILE", help="LCModel control file; options given here win over it"
    )
    fit.add_argument("--water", type=Path, metavar="FILE", help="unsuppressed water of the same voxel")
    for name, text in (("gm", "grey matter"), ("wm", "white matter"), ("csf", "cerebrospinal fluid")):
        fit.add_argument(f"--{name}", type=float, metavar="F", help=f"volume fraction of {text}, 0 to 1")
    fit.add_argument(
        "--ppm",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="fitted range; 0.2 to 4.2 unless --control says otherwise",
    )
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
    fit.add_argument(
        "--table",
        type=Path,
        metavar="X.table",
        help="write the table of concentrations as LCModel does; .csv for its spreadsheet",
    )
    fit.add_argument("--figure", type=Path, metavar="X.png", help="draw the fit and its components")
    add_process(actions)
    add_basis(actions)
    add_check(actions)


def run(arguments: argparse.Namespace) -> int:
    """Run the action asked for and return the exit code."""
    return int(arguments.act(arguments))


def fit_spectrum(arguments: argparse.Namespace) -> int:
    """Fit, quantify if water is given, print the estimates, and write what was asked for."""
    from neurochem import mrs
    from neurochem.cli.fits import finish
    from neurochem.cli.mrs_control import read_inputs
    from neurochem.cli.show import wrote
    from neurochem.errors import InputError
    from neurochem.mrs.table import table_path, write_table

    if arguments.control is None and None in {arguments.data, arguments.basis}:
        arguments.misused("DATA and --basis FILE are required, unless --control names an LCModel control file")
    fractions = {name: getattr(arguments, name) for name in ("gm", "wm", "csf")}
    given = [name for name, value in fractions.items() if value is not None]
    if len(given) not in {0, 3} or (arguments.control is None and bool(given) != (arguments.water is not None)):
        msg = "concentrations need --water, --gm, --wm and --csf together; give all four, or none of them"
        raise InputError(msg)
    if arguments.table is not None:
        table_path(arguments.table)
    tissue = mrs.Tissue(**fractions) if given else None
    inputs = read_inputs(arguments)
    clean = mrs.preprocess(inputs.data, water=inputs.water)
    result = mrs.fit(clean.spectrum, inputs.basis, **inputs.options)
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
    code = finish(result, output=arguments.output, figure=arguments.figure)
    if arguments.table is not None:
        wrote(write_table(result, arguments.table, **inputs.table))
    return code
