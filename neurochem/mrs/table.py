"""Results in the layouts of LCModel's `.table` and spreadsheet, for scripts that read these."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.naming import write_text
from neurochem.results import Estimate, FitResult

ENDINGS = (".table", ".csv")
DEFAULT_TOTALS = ("NAA+NAAG", "GPC+PCh", "Cr+PCr", "Glu+Gln", "Lip13a+Lip13b")
# What stands in for creatine where a basis does not tell Cr from PCr.
_CREATINE = ("Cr+PCr", "tCr", "Cr", "PCr")
_WIDEST_PERCENT = 999
_STARS = "****"


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    value: float
    percent: int
    ratio: float


@checked_arguments
def write_table(
    fit: FitResult,
    path: str | Path,
    *,
    reference: str | None = "Cr+PCr",
    totals: Sequence[str] = DEFAULT_TOTALS,
) -> Path:
    """Write a fit as LCModel would: `.table`, or one row of a spreadsheet for `.csv`.

    Parameters
    ----------
    fit : FitResult
        From `fit` or `quantify`.
    path : str or Path
        Where to; the ending chooses the layout.
    reference : str or None
        Divisor of the ratios, an element or a sum such as "Cr+PCr" (LCModel's NAMREL).  Where "Cr+PCr" was not fitted as
        such, tCr, Cr or PCr takes its place; None writes no ratios.
    totals : sequence of str
        Sums to be written below the elements (LCModel's CHCOMB); those whose parts were not all fitted are left out.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the ending is neither, or the fit has no elements with a covariance.
    UnknownNameError
        If the reference was not fitted.

    Notes
    -----
    Concentrations are in the unit of the estimates: of the basis after `fit`, mmol/kg or as chosen after `quantify`.  %SD is
    100 standard errors over the value, rounded up, at most 999; ratios are of these values, without errors of their own
    (see `concentration_ratios`).  FWHM is the diagnostic fwhm_hz in ppm.  S/N is LCModel's: the largest real value of data
    less baseline over twice the root mean square of the real residual.  Data shift is the diagnostic shift_ppm, Ph are
    phase_deg and the first-order phase of delay_s; LCModel's signs of both are unchecked.  A fit that failed has no row, and
    its reason under $$DIAG.  `fit.to_frame()` and `fit.save` lose no digits; this does.
    """
    file = table_path(path)
    if not fit.covariance_names:
        msg = f"{fit.name or fit.model}: no elements with a covariance; give a result of neurochem.mrs.fit or quantify."
        raise InputError(msg)
    divisor = None if reference is None else _divisor(fit, reference)
    rows = [] if fit.failed else _rows(fit, divisor, totals)
    label = _STARS if divisor is None else divisor.name
    if file.suffix.casefold() == ".csv":
        return write_text(file, _spreadsheet(fit, divisor, label, totals))
    return write_text(file, _table(fit, rows, label))


def table_path(path: str | Path) -> Path:
    """Return the path of a table to be written, or refuse its ending before a long fit.

    Raises
    ------
    InputError
        If it ends in neither .table nor .csv.
    """
    file = Path(path)
    if file.suffix.casefold() not in ENDINGS:
        msg = f"{file}: a table ends in {' or '.join(ENDINGS)}, not '{file.suffix}'; choose one of them."
        raise InputError(msg)
    return file


def _divisor(fit: FitResult, reference: str) -> Estimate:
    wanted = _CREATINE if reference == "Cr+PCr" else (reference,)
    for name in wanted:
        found = _quantity(fit, name)
        if found is not None:
            return found
    choices = (*fit.covariance_names, *(total for total in DEFAULT_TOTALS if _quantity(fit, total) is not None))
    raise unknown_name(reference, choices, kind="reference of ratios", remedy="None writes no ratios.")


def _quantity(fit: FitResult, name: str) -> Estimate | None:
    """Return an element, or a sum of elements joined by +; None where a part is not there."""
    if name in fit.covariance_names:
        return fit[name]
    parts = name.split("+")
    if not set(parts) <= set(fit.covariance_names):
        return None
    return fit.combine(name, {part: float(parts.count(part)) for part in parts})


def _rows(fit: FitResult, divisor: Estimate | None, totals: Sequence[str]) -> list[_Row]:
    sums = [_quantity(fit, total) for total in totals if total not in fit.covariance_names]
    listed = [*(fit[name] for name in fit.covariance_names), *(total for total in sums if total is not None)]
    scale = math.nan if divisor is None or divisor.value == 0.0 else 1.0 / divisor.value
    return [_Row(item.name.replace(" ", "_"), item.value, percent_sd(item), item.value * scale) for item in listed]


def percent_sd(estimate: Estimate) -> int:
    """Return the standard error in percent of the value, rounded up; 999 where it is that large or nothing is known."""
    relative = estimate.relative_stderr
    return _WIDEST_PERCENT if not relative < _WIDEST_PERCENT else math.ceil(relative)


def _figures(value: float) -> str:
    """Return a number with at least four significant digits in at most ten characters, stars for one that is not."""
    if not math.isfinite(value):
        return _STARS
    size = abs(value)
    if value == 0.0:
        return "0.000"
    if size < 0.1 or size >= 9999.5:
        return f"{value:.3E}"
    return f"{value:.3f}" if size >= 1.0 else f"{value:.4f}"


def _table(fit: FitResult, rows: Sequence[_Row], reference: str) -> str:
    heads = f"{'Conc.':>10}{'%SD':>5}  {'/' + reference:>10}  Metabolite"
    conc = [f"{_figures(row.value):>10}{row.percent:>4}%  {_figures(row.ratio):>10}  {row.name}" for row in rows]
    sections = [
        ("CONC", "lines in following concentration table = NCONC+1", [heads, *conc]),
        ("MISC", "lines in following misc. output table", _miscellaneous(fit)),
        ("DIAG", "lines in following diagnostic table", _diagnosis(fit)),
        ("INPU", "lines in following table of input changes", _input(fit)),
    ]
    lines = [" " + _line(f"{fit.name} (neurochem, {fit.model})")]
    for tag, text, body in sections:
        lines += ["", f" $${tag}{len(body):3d} {text}", *body]
    return "\n".join(lines) + "\n"


def _miscellaneous(fit: FitResult) -> list[str]:
    larmor = float(fit.settings.get("larmor_mhz", math.nan))
    found = fit.diagnostics.get
    width, first = found("fwhm_hz", math.nan) / larmor, 360.0 * found("delay_s", math.nan) * larmor

    def fixed(value: float, digits: int) -> str:
        return f"{value:.{digits}f}" if math.isfinite(value) else _STARS

    return [
        f"  FWHM = {fixed(width, 3)} ppm    S/N = {fixed(signal_to_noise(fit), 0)}",
        f"  Data shift = {fixed(found('shift_ppm', math.nan), 3)} ppm",
        f"  Ph: {fixed(found('phase_deg', math.nan), 0)} deg       {fixed(first, 1)} deg/ppm",
    ]


def signal_to_noise(fit: FitResult) -> float:
    """Return LCModel's S/N: largest real value of data less baseline over twice the rms of the real residual.

    NaN where a fit holds no curves.  It falls with a misfit, unlike the diagnostic `snr`, and is about half of it.
    """
    if not fit.data.size or "baseline" not in fit.components or fit.failed:
        return math.nan
    spread = float(np.sqrt(np.mean(np.square(fit.residual.real))))
    height = float(np.max((fit.data - fit.components["baseline"]).real))
    return height / (2.0 * spread) if spread > 0.0 else math.inf


def _diagnosis(fit: FitResult) -> list[str]:
    state = {"failure": "FATAL", "warning": "warning", "info": "info"}
    return [
        f"   1  {state.get(flag.severity, flag.severity):<8} {flag.name}: {_line(flag.message)}" for flag in fit.flags
    ]


def _input(fit: FitResult) -> list[str]:
    units = sorted({fit[name].unit for name in fit.covariance_names})
    window = fit.settings.get("ppm")
    lines = [f"  unit='{', '.join(unit or 'of the basis' for unit in units)}'"]
    if window is not None:
        lines += [f"  ppmst={window[1]:g}", f"  ppmend={window[0]:g}"]
    for key, value in (("filraw", fit.settings.get("spectrum")), ("filbas", fit.settings.get("basis"))):
        lines += [f"  {key}='{_line(str(value))}'"] if value else []
    return lines


def _spreadsheet(fit: FitResult, divisor: Estimate | None, reference: str, totals: Sequence[str]) -> str:
    """Return LCModel's spreadsheet: a row a voxel, three columns a metabolite; a failed fit has its names and no numbers."""
    rows = _rows(fit, divisor, totals)
    heads = ["Row", "Col"] + [head for row in rows for head in (row.name, f"{row.name} %SD", f"{row.name}/{reference}")]
    cells = ["1", "1"]
    for row in rows:
        cells += (
            ["", str(_WIDEST_PERCENT), ""] if fit.failed else [_cell(row.value), str(row.percent), _cell(row.ratio)]
        )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([heads, cells])
    return text.getvalue()


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


def _line(text: str) -> str:
    return " ".join(text.split())
