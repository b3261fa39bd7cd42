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
    mean_error = statistics.fmean(errors) if errors else math.nan
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
        "se": rounded(mean_error, decimals(mean_error)),
        "unit": ", ".join(units) or "ratio",
    }


def _numbers(group: Sequence[Mapping[str, str]], column: str) -> list[float]:
    return [float(row[column]) for row in group if row[column] != MISSING]


def association_table(associations: ResultSet | None) -> dict[str, Any]:
    """Return the table of outcome models: one row a model, its slope with error and interval, p and n."""
    if not associations:
        return {"heads": [], "rows": [], "words": 0, "caption": ""}
    first = next(iter(associations.values()))
    heads = ["marker (time)", "slope ± standard error", "95 % interval", "unit", "n", "p", "p (Holm)", "verdict"]
    rows = [_association_row(name, fit) for name, fit in associations.items()]
    caption = f"Slope of the outcome for one unit of the marker, adjusted for the covariates{_noise_words(first)}; "
    caption += "p (Holm) is adjusted for the number of tests."
    return {"heads": heads, "rows": rows, "words": 1, "caption": caption}


def _noise_words(fit: FitResult) -> str:
    """Return what was done about the noise of the scans, as the fit recorded it; nothing where it did not."""
    used = str(fit.settings.get("error", ""))
    if not used:
        return ""
    return ", not corrected for the noise of the scans" if used == "none" else ", corrected for the noise of the scans"


def _association_row(name: str, fit: FitResult) -> list[str]:
    slope = fit["slope"]
    state = "failed" if fit.failed else "flagged" if fit.flagged("slope") else "ok"
    p_values = [p_text(fit.diagnostics.get(key, math.nan)) for key in ("p_value", "p_holm")]
    n = fit.diagnostics.get("n", math.nan)
    count = f"{n:.0f}" if math.isfinite(n) else DASH
    return [name, value_with_error(slope), interval_text(slope), slope.unit or DASH, count, *p_values, state]


def moderation_table(moderations: ResultSet | None) -> dict[str, Any]:
    """Return the table of arm-by-marker models: interaction with interval and p, and the slope in each arm."""
    if not moderations:
        return {"heads": [], "rows": []}
    fits = list(moderations.values())
    arms = next((fit.settings["arms"] for fit in fits), ["", ""])
    heads = ["marker", *(f"slope in {arm}" for arm in arms), "difference of slopes", "95 % interval", "unit", "n", "p",
             "p (Holm)", "verdict"]  # fmt: skip
    rows = []
    for name, fit in moderations.items():
        found = fit["interaction"]
        state = "failed" if fit.failed else "flagged" if fit.flagged("interaction") else "ok"
        slopes = [value_with_error(fit[f"slope[{arm}]"]) for arm in arms]
        p_values = [p_text(fit.diagnostics.get(key, math.nan)) for key in ("p_value", "p_holm")]
        count = f"{fit.diagnostics['n']:.0f}"
        rows.append(
            [name, *slopes, value_with_error(found), interval_text(found), found.unit or DASH, count, *p_values, state]
        )
    return {"heads": heads, "rows": rows}


def p_text(value: float) -> str:
    """Return a p value as it is reported.

    Examples
    --------
    >>> p_text(0.0004), p_text(0.031), p_text(0.42)
    ('< 0.001', '0.031', '0.42')
    """
    if not math.isfinite(value):
        return DASH
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
