"""`neurochem mrs basis` and `neurochem mrs check-basis`."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurochem.mrs import Basis

_FORMATS = ("lcmodel", "fsl-mrs", "jmrui", "nifti-mrs")
_FIGURES = (".png", ".pdf", ".svg")
# Gyromagnetic ratio of the proton over 2 pi, MHz per tesla (CODATA 2018).
_MHZ_PER_T = 42.577478518
_HIGHEST_T = 30.0
_LONGEST_MS = 2000.0
# Options of the command line and those of the sequences.
_OPTIONS = {
    "te": "echo_time_s", "te1": "te1_s", "tm": "mixing_time_s", "edit-on": "edit_on_ppm", "edit-off": "edit_off_ppm",
}  # fmt: skip


def add_basis(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe `basis`."""
    basis = actions.add_parser(
        "basis",
        help="simulate a basis set",
        description="Simulate a basis set from spin systems and write it. Times are in milliseconds.",
    )
    basis.set_defaults(act=simulate)
    basis.add_argument(
        "out", metavar="OUT", type=Path, help=".BASIS, .txt (jMRUI), .nii, .nii.gz, or a folder (FSL-MRS)"
    )
    basis.add_argument("--sequence", required=True, metavar="NAME", help="press, steam, semi-laser, mega-press, ...")
    field = basis.add_mutually_exclusive_group(required=True)
    field.add_argument("--field", type=float, metavar="T", help="field strength (tesla)")
    field.add_argument(
        "--larmor", type=float, metavar="MHZ", help="exact proton frequency (MHz), as the scanner states it"
    )
    for name, text in (("te", "echo time"), ("te1", "first echo time of PRESS"), ("tm", "mixing time of STEAM")):
        basis.add_argument(f"--{name}", type=float, metavar="MS", help=f"{text} (ms)")
    basis.add_argument("--dwell", type=float, metavar="MS", default=0.25, help="time between points (ms), default 0.25")
    basis.add_argument("--points", type=int, metavar="N", default=4096, help="points of each FID, default 4096")
    basis.add_argument("--linewidth", type=float, metavar="HZ", default=1.0, help="Lorentzian width (Hz), default 1")
    basis.add_argument("--metabolites", metavar="A,B,C", help="names joined by commas; the usual twenty by default")
    basis.add_argument("--systems", type=Path, metavar="X.toml", help="spin systems of your own")
    basis.add_argument("--room-temperature", action="store_true", help="shifts of phantoms near 20 C")
    basis.add_argument("--edit-on", type=float, metavar="PPM", help="centre of the editing pulse, edit on (ppm)")
    basis.add_argument("--edit-off", type=float, metavar="PPM", help="centre of the editing pulse, edit off (ppm)")
    basis.add_argument("--macromolecules", metavar="SET", help="append a published set, for example Birch2017_3T")
    basis.add_argument("--format", choices=_FORMATS, help="file format; by default the ending of OUT decides")
    basis.add_argument("--plot", type=Path, metavar="X.png", help="draw the elements")


def add_check(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe `check-basis`."""
    check = actions.add_parser(
        "check-basis",
        help="check a basis set",
        description="Say whether peaks and protons of a basis set are where and as many as they should be. "
        "The exit code is 1 where something is wrong.",
    )
    check.set_defaults(act=check_file)
    check.add_argument("basis", metavar="FILE", type=Path, help="LCModel, jMRUI or NIfTI-MRS file, or FSL-MRS folder")
    check.add_argument("--format", choices=_FORMATS, help="by default the content decides")
    check.add_argument("--output", type=Path, metavar="X.tsv", help="write the report as a table")
    check.add_argument("--plot", type=Path, metavar="X.png", help="draw the elements")


def simulate(arguments: argparse.Namespace) -> int:
    """Simulate, append macromolecules, write, draw, and say what was written."""
    from neurochem import mrs

    _check_plot(arguments.plot)
    made = mrs.simulate_basis(
        arguments.sequence, larmor_mhz=_larmor(arguments), dwell_s=1e-3 * arguments.dwell, points=arguments.points,
        linewidth_hz=arguments.linewidth, metabolites=_names(arguments.metabolites), systems=arguments.systems,
        room_temperature=arguments.room_temperature, **_timing(arguments),
    )  # fmt: skip
    results: Mapping[str, Basis] = {"": made} if isinstance(made, mrs.Basis) else made
    for result, basis in results.items():
        if len(basis) == 0:
            continue
        whole = replace(basis, linewidth_hz=arguments.linewidth)
        if arguments.macromolecules is not None and (len(results) == 1 or _belongs(arguments.macromolecules, result)):
            whole = whole.with_elements(mrs.macromolecules(arguments.macromolecules, like=whole))
        _write(whole, _named(arguments.out, result), arguments)
        if arguments.plot is not None:
            _draw(whole, _named(arguments.plot, result))
    return 0


def _belongs(name: str, result: str) -> bool:
    """Say whether a set is for that result of an edited sequence: sets of difference spectra for differences alone."""
    from neurochem.mrs.macromolecule_sets import find_set

    return find_set(name).edited == result.startswith("difference")


def _check_plot(plot: Path | None) -> None:
    """Raise if the figure's file name has an ending that nothing draws, before any work is done."""
    from neurochem.errors import InputError

    if plot is not None and plot.suffix.casefold() not in _FIGURES:
        msg = f"--plot {plot}: cannot draw '{plot.suffix}'; end the name in {', '.join(_FIGURES)}."
        raise InputError(msg)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _timing(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the sequence that were given, times in seconds.

    Messages name the options of the command line, whose times are milliseconds.
    """
    from neurochem.errors import InputError
    from neurochem.mrs.sequences.base import SEQUENCES, option_fields

    entry = SEQUENCES.entry(arguments.sequence)
    allowed = option_fields(entry.item)
    given: dict[str, Any] = {}
    for option, name in _OPTIONS.items():
        value = getattr(arguments, option.replace("-", "_"))
        if value is None and not allowed.get(name, False):
            continue
        if value is None or name not in allowed:
            what = "is missing" if value is None else "does not belong to it"
            taken = ", ".join(f"--{key}" for key, field in _OPTIONS.items() if field in allowed)
            msg = f"sequence {entry.name}: --{option} {what}; it takes {taken or 'none of them'}. Times are in milliseconds."
            raise InputError(msg)
        if name.endswith("_s") and not 0.0 < value <= _LONGEST_MS:
            msg = f"--{option} is {value:g} ms; it must lie between 0 and {_LONGEST_MS:g} ms. Give milliseconds."
            raise InputError(msg)
        given[name] = 1e-3 * value if name.endswith("_s") else value
    if arguments.te is not None and arguments.te1 is not None and arguments.te1 >= arguments.te:
        msg = (
            f"--te1 is {arguments.te1:g} ms and --te {arguments.te:g} ms; the first echo is a part of the whole. "
            "Give a smaller --te1, in milliseconds."
        )
        raise InputError(msg)
    return given


def _larmor(arguments: argparse.Namespace) -> float:
    """Return the proton frequency (MHz)."""
    from neurochem.errors import InputError

    if arguments.field is None:
        return float(arguments.larmor)
    if not 0.0 < arguments.field <= _HIGHEST_T:
        msg = f"--field is {arguments.field:g} T; it must lie between 0 and {_HIGHEST_T:g} T. Give tesla, or MHz by --larmor."
        raise InputError(msg)
    return float(arguments.field * _MHZ_PER_T)


def _named(path: Path, result: str) -> Path:
    """Return the file of one result of an edited sequence: x_difference.BASIS."""
    if not result:
        return path
    stem, dot, ending = path.name.partition(".")
    return path.with_name(f"{stem}_{result}{dot}{ending}")


def _write(basis: "Basis", path: Path, arguments: argparse.Namespace) -> None:
    from neurochem import mrs
    from neurochem.cli.show import say, wrote

    written = mrs.write_basis(basis, path, fmt=arguments.format)
    say(f"{basis!r}, {basis.points} points of {1e3 * basis.dwell_s:g} ms, lines {basis.linewidth_hz:g} Hz wide")
    wrote(written)


def _draw(basis: "Basis", path: Path) -> None:
    from neurochem.cli.show import wrote
    from neurochem.figures import save_figure

    figure = basis.plot(linewidth_hz=1.0).get_figure(root=True)
    if figure is not None:
        wrote(save_figure(figure, path))


def check_file(arguments: argparse.Namespace) -> int:
    """Print the report, write it if asked for, and return 1 where something is wrong."""
    from neurochem import mrs
    from neurochem.cli.show import say, wrote
    from neurochem.naming import write_text

    _check_plot(arguments.plot)
    basis = mrs.read_basis(arguments.basis, fmt=arguments.format)
    report = basis.check()
    say(repr(basis))
    say(report.summary())
    if arguments.output is not None:
        wrote(write_text(arguments.output, report.to_frame().to_csv(sep="\t", index=False, na_rep="n/a")))
    if arguments.plot is not None:
        _draw(basis, arguments.plot)
    return 0 if report.success else 1
