"""What `pet fit` and `mrs fit` do with their results: print, write a table, draw."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochem.cli.show import complain, say, table, wrote
from neurochem.errors import InputError
from neurochem.qc.tables import flag_list
from neurochem.results import FitResult, ResultSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FIGURES = (".png", ".pdf", ".svg")
COLUMNS: dict[str, dict[str, Any]] = {
    "name": {"Description": "Region or spectrum"},
    "model": {"Description": "Model"},
    "parameter": {"Description": "Name of the estimate"},
    "value": {"Description": "Estimate"},
    "stderr": {"Description": "Absolute standard error"},
    "unit": {"Description": "Unit of value and stderr"},
    "low95": {"Description": "Lower end of the 95 % interval"},
    "high95": {"Description": "Upper end of the 95 % interval"},
    "stderr_kind": {"Description": "Kind of standard error"},
    "fixed": {"Description": "Whether the value was given, not estimated"},
    "at_bound": {"Description": "Whether the value lies at the edge of its search"},
    "success": {"Description": "Whether the fit can be used"},
    "flags": {"Description": "Names of the warnings"},
}


def finish(results: FitResult | ResultSet, *, output: Path | None, figure: Path | None) -> int:
    """Print the estimates, write the table and the figure if they are asked for, and return the exit code."""
    _check_figure(figure)
    fits = [results] if isinstance(results, FitResult) else list(results.values())
    say(estimates_text(fits))
    for flag in flag_list(fits):
        complain(": ".join(part for part in (flag["word"], flag["where"], flag["message"]) if part))
    if output is not None:
        _write_output(fits, output)
    if figure is not None:
        from neurochem.figures import save_figure

        wrote(save_figure(_sheet(fits), figure))
    return 0


def _check_figure(figure: Path | None) -> None:
    """Raise if the figure's file name has an ending that nothing draws."""
    if figure is not None and figure.suffix.casefold() not in _FIGURES:
        msg = f"--figure {figure}: cannot draw '{figure.suffix}'; end the name in {', '.join(_FIGURES)}"
        raise InputError(msg)


def estimates_text(fits: list[FitResult]) -> str:
    """Return the estimates of all fits as one text table."""
    from neurochem.qc.numbers import decimals, rounded

    rows = []
    for fit in fits:
        for estimate in fit:
            low, high = estimate.interval(0.95)
            digits = decimals(estimate.stderr)
            numbers = [rounded(x, digits).replace("\u2212", "-") for x in (estimate.value, estimate.stderr, low, high)]
            rows.append([fit.name, estimate.name, *numbers, estimate.unit or "-"])
    return table(["name", "parameter", "estimate", "std. error", "95 % low", "95 % high", "unit"], rows, words=2)


def _write_output(fits: list[FitResult], output: Path) -> None:
    from neurochem.study.derivatives import write_table

    frame = ResultSet({str(index): fit for index, fit in enumerate(fits)}).to_frame()
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    for path in write_table(output, rows, descriptions=COLUMNS, facts={"Settings": dict(fits[0].settings)}):
        wrote(path)


def _sheet(fits: list[FitResult]) -> "Figure":
    from neurochem.qc.curves import curve_sheet
    from neurochem.qc.spectrum import spectrum_sheet

    axis = fits[0].axis
    return spectrum_sheet(fits[0]) if axis is not None and axis.descending else curve_sheet(fits)
