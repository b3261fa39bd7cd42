"""The tables of the study page."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from neurochem.naming import MISSING, QC_VALUES
from neurochem.qc.numbers import DASH, decimals, interval_text, rounded, value_with_error
from neurochem.results import FitResult, ResultSet


def marker_summary(rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return one line a marker and region: how many scans, their verdicts, mean, spread and mean standard error.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of the markers table, cells as text.

    Returns
    -------
    list of dict
        In the order of first appearance.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["marker"], row["region"], row["model"]), []).append(row)
    return [_summary_line(key, group) for key, group in groups.items()]


def _summary_line(key: tuple[str, str, str], group: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    values = _numbers(group, "value")
    errors = _numbers(group, "se")
    spread = statistics.stdev(values) if len(values) > 1 else math.nan
    digits = decimals(spread)
    states = [row["qc"] for row in group]
    units = sorted({row["unit"] for row in group} - {MISSING})
    return {
        "marker": key[0],
        "region": key[1],
        "model": key[2],
        "scans": len(group),
        **{state: states.count(state) for state in QC_VALUES},
        "mean": rounded(statistics.fmean(values), digits) if values else DASH,
        "sd": rounded(spread, digits),
        "se": rounded(statistics.fmean(errors), digits) if errors else DASH,
        "unit": ", ".join(units) or "ratio",
    }


def _numbers(group: Sequence[Mapping[str, str]], column: str) -> list[float]:
    return [float(row[column]) for row in group if row[column] != MISSING]


def association_table(associations: ResultSet | None) -> dict[str, Any]:
    """Return the table of outcome models: one row a model, its slope with error and interval, p and n."""
    fits = [] if associations is None else list(associations.values())
    if not fits:
        return {"heads": [], "rows": [], "words": 0, "caption": ""}
    heads = ["association", "model", "slope ± standard error", "95 % interval", "unit", "p", "n", "verdict"]
    caption = "Slope of the outcome on the marker, adjusted for the covariates of the configuration."
    return {"heads": heads, "rows": [_association_row(fit) for fit in fits], "words": 2, "caption": caption}


def _association_row(fit: FitResult) -> list[str]:
    slope = fit["slope"]
    state = "failed" if fit.failed else "flagged" if fit.flagged("slope") else "ok"
    numbers = [_diagnostic(fit, "p", "{:.2g}"), _diagnostic(fit, "n", "{:.0f}")]
    return [fit.name, fit.model, value_with_error(slope), interval_text(slope), slope.unit or DASH, *numbers, state]


def _diagnostic(fit: FitResult, name: str, pattern: str) -> str:
    value = fit.diagnostics.get(name, math.nan)
    return pattern.format(value) if math.isfinite(value) else DASH
