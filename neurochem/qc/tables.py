"""The tables of a page, from fits."""

from collections.abc import Mapping, Sequence
from typing import Any

from neurochem.qc.numbers import DASH, interval_text, relative_error_text, value_with_error
from neurochem.qc.verdict import judge, judge_fit
from neurochem.quality import Flag
from neurochem.records import plain
from neurochem.results import FitResult

_WORDS = {"info": "note", "warning": "check", "failure": "failed"}
# How names of metrics end, and the unit it means.
_UNITS = {"hz": "Hz", "ppm": "ppm", "s": "s", "deg": "degrees", "min": "min"}
_STATES = {"info": "ok", "warning": "flagged", "failure": "failed"}


def estimates_table(fits: Sequence[FitResult]) -> dict[str, Any]:
    """Return the table of estimates: regions by parameters for many fits, one row an estimate for one."""
    return _single_table(fits[0]) if len(fits) == 1 else _grid_table(fits)


def _head(name: str, *, unit: str = "", number: bool = False) -> dict[str, Any]:
    return {"name": name, "unit": unit, "number": number}


def _cell(text: str, small: str = "") -> dict[str, str]:
    return {"text": text, "small": small}


def _single_table(fit: FitResult) -> dict[str, Any]:
    rows = [
        {
            "name": estimate.name,
            "cells": [
                _cell(value_with_error(estimate)),
                _cell(interval_text(estimate)),
                _cell(relative_error_text(estimate)),
                _cell(estimate.unit or DASH),
            ],
            "state": judge(fit, estimate.name).state,
        }
        for estimate in fit
    ]
    names = ("estimate ± standard error", "95 % interval", "relative error", "unit")
    heads = [_head("name"), *(_head(name, number=True) for name in names), _head("verdict")]
    return {"heads": heads, "rows": rows, "caption": f"{fit.model}: estimates with their {_error_kind([fit])}."}


def _grid_table(fits: Sequence[FitResult]) -> dict[str, Any]:
    units = {estimate.name: estimate.unit for fit in fits for estimate in fit}
    rows = []
    for fit in fits:
        cells = []
        for name in units:
            if name in fit:
                cells.append(_cell(value_with_error(fit[name]), interval_text(fit[name])))
            else:
                cells.append(_cell(DASH))
        rows.append({"name": fit.name, "cells": cells, "state": judge_fit(fit)})
    heads = [_head(name, unit=unit, number=True) for name, unit in units.items()]
    model = fits[0].model if fits else ""
    caption = f"{model}: estimate ± {_error_kind(fits)}, and below it the 95 % interval."
    return {"heads": [_head("region"), *heads, _head("verdict")], "rows": rows, "caption": caption}


def _error_kind(fits: Sequence[FitResult]) -> str:
    kinds = {estimate.stderr_kind for fit in fits for estimate in fit if not estimate.fixed}
    return "standard error (Cramér-Rao bound)" if kinds == {"crlb"} else "standard error"


def flag_list(fits: Sequence[FitResult]) -> list[dict[str, str]]:
    """Return every flag in plain words, failures first; one that several regions share is told once."""
    order = list(_WORDS)
    found: dict[Flag, list[str]] = {}
    for fit in fits:
        for flag in fit.flags:
            found.setdefault(flag, []).append(fit.name)
    flags = sorted(found, key=lambda flag: -order.index(flag.severity))
    return [
        {
            "state": _STATES[flag.severity],
            "word": _WORDS[flag.severity],
            "where": _where(found[flag], flag.parameter, len(fits)),
            "message": flag.message,
        }
        for flag in flags
    ]


def _where(names: Sequence[str], parameter: str, total: int) -> str:
    """Return which regions and which estimate a flag concerns; nothing where there is one fit alone."""
    if total == 1:
        return parameter
    regions = "all regions" if len(names) == total else ", ".join(dict.fromkeys(names))
    return f"{regions} {parameter}".rstrip()


def diagnostics_table(fits: Sequence[FitResult]) -> dict[str, Any]:
    """Return goodness of fit and quality metrics: fits by metrics, or metrics down for a single fit."""
    names = list(dict.fromkeys(name for fit in fits for name in fit.diagnostics))
    if len(fits) == 1:
        return {"heads": ["metric", "value"], "rows": [[_metric_label(name), _metric(fits[0], name)] for name in names]}
    rows = [[fit.name, *(_metric(fit, name) for name in names)] for fit in fits] if names else []
    return {"heads": ["region", *map(_metric_label, names)], "rows": rows}


def _metric_label(name: str) -> str:
    """Return the name of a metric as people read it, the unit that ends it in brackets."""
    stem, _, last = name.rpartition("_")
    if stem and last in _UNITS:
        return f"{stem.replace('_', ' ')} ({_UNITS[last]})"
    return name.replace("_", " ")


def _metric(fit: FitResult, name: str) -> str:
    return f"{fit.diagnostics[name]:.4g}" if name in fit.diagnostics else DASH


def settings_rows(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return settings as pairs of text, long lists cut short."""
    return [(str(name), _setting_text(plain(value))) for name, value in settings.items()]


def _setting_text(value: Any) -> str:
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_setting_text(item)}" for key, item in value.items()) or DASH
    if isinstance(value, list):
        shown = ", ".join(_setting_text(item) for item in value[:12])
        return f"{shown} … ({len(value)} values)" if len(value) > 12 else shown or DASH
    return f"{value:.6g}" if isinstance(value, float) else str(value)
