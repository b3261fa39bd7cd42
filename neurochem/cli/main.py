"""The command `neurochem`: find the command asked for, run it, and say in one line what was wrong."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import neurochem
from neurochem.errors import NeurochemError

EXIT_OK, EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130
# Command to the module that has `add_arguments(parser)` and `run(arguments) -> exit code`, and one line of help.
COMMANDS = {
    "run": ("run", "quantify a BIDS dataset (participant), relate markers to outcome (group)"),
    "demo": ("demo", "make a study with known truth, run it, and compare"),
    "validate": ("validate", "check the numbers of this installation against reference objects"),
    "pet": ("pet", "fit curves, make maps, correct for partial volume, average images; list the models"),
    "response": ("response", "relate markers to outcome, compare arms, screen, predict, plan a study"),
    "mrs": ("mrs", "fit one spectrum"),
}


def build_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser; only the command that `argv` names has its module loaded, so that help is quick."""
    parser = argparse.ArgumentParser(
        prog="neurochem",
        description="Neurochemical PET and MRS quantification, from the scan to the treatment outcome.",
    )
    parser.add_argument("--version", action="version", version=f"neurochem {neurochem.__version__}")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = next((word for word in argv if not word.startswith("-")), "")
    for name, (_, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == named:
            _module(name).add_arguments(command)
    return parser


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"neurochem.cli.{COMMANDS[command][0]}")


def _use_one_thread() -> None:
    """Let linear algebra use one thread, unless the user chose otherwise; numpy must not be loaded yet."""
    # matrices here are small, and threads that wait for each other on a busy machine make a fit fifty times slower
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0 when all went well, 1 when a check failed, 2 for input that cannot be used, 130 when interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _use_one_thread()
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    arguments = build_parser(words).parse_args(words)
    arguments.debug = debug
    try:
        code = int(_module(arguments.command).run(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader (head, less) has gone; what is still buffered must not raise again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except (NeurochemError, OSError) as error:
        if debug:
            raise
        return report_error(error)
    except KeyboardInterrupt:
        print("neurochem: interrupted", file=sys.stderr)  # noqa: T201 - the command line prints
        return EXIT_INTERRUPTED
    return code


def report_error(error: Exception) -> int:
    """Print an error, one line a problem, and return the exit code for bad input."""
    for line in str(error).splitlines() or [type(error).__name__]:
        print(f"neurochem: error: {line}", file=sys.stderr)  # noqa: T201 - the command line prints
    return EXIT_INPUT
