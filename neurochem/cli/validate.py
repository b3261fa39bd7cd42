"""`neurochem validate`: whether this installation gives the numbers it should."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.epilog = "Exit code 0 when every check passes, 1 when one fails."


def run(arguments: argparse.Namespace) -> int:
    """Run the checks, print their table, and return 0 if all pass."""
    from neurochem import phantoms
    from neurochem.cli.show import say

    report = phantoms.validate()
    say(str(report))
    return 0 if report.passed else 1
