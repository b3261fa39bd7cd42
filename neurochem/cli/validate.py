"""`neurochem validate`: whether this installation gives the numbers it should."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.epilog = "Exit code 0 when every check passes, 1 when one fails."
    parser.add_argument(
        "--replicates", type=int, default=40, metavar="N", help="noisy repetitions of image and spectrum"
    )
    parser.add_argument("--remake", type=Path, metavar="FOLDER", help="write the reference objects there and stop")


def run(arguments: argparse.Namespace) -> int:
    """Run the checks, print their table, and return 0 if all pass."""
    from neurochem import phantoms
    from neurochem.cli.show import say
    from neurochem.errors import InputError

    if arguments.remake is not None:
        sums = phantoms.make_reference_objects(arguments.remake)
        phantoms.write_readme(arguments.remake)
        same = sums == phantoms.stated_checksums()
        say(
            f"wrote {len(sums)} files below {arguments.remake}; their sums are {'' if same else 'NOT '}those of this version"
        )
        return 0 if same else 1
    if arguments.replicates < 2:
        msg = f"--replicates is {arguments.replicates}; give 2 or more"
        raise InputError(msg)
    report = phantoms.validate(replicates=arguments.replicates)
    say(str(report))
    return 0 if report.passed else 1
