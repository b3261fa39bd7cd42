"""Rules for the table of markers: values, errors, units, models."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from neurochem.naming import QC_VALUES
from neurochem.response.problems import Problem
from neurochem.response.tables import FILE, LINE, grouped
from neurochem.response.validation import SE_SOURCES, SENTINELS, WITH_VALUE, Tables, marker_label, problem_at

# Units of a concentration, in which exactly zero is a fit that found nothing and not a measurement.
_CONCENTRATIONS = frozenset({"mmol/kg", "mm", "mmol/l", "i.u.", "iu", "institutional", "mol/kg"})


def validate_markers(tables: Tables) -> list[Problem]:
    """Return everything that is wrong with the markers, errors and warnings."""
    problems: list[Problem] = []
    for rule in _RULES:
        problems.extend(rule(tables))
    return problems


def _names(tables: Tables) -> list[Problem]:
    problems = []
    for column in ("marker", "region"):
        gone = tables.markers.loc[tables.markers[column].isna()]
        problems += [
            problem_at(row, "missing_name", column, f"{column} is missing", f"write the name of the {column}")
            for _, row in gone.iterrows()
        ]
    return problems


def _vocabulary(tables: Tables) -> list[Problem]:
    problems = []
    for column, allowed in (("qc", QC_VALUES), ("se_source", SE_SOURCES)):
        cells = tables.markers[column]
        for _, row in tables.markers.loc[cells.notna() & ~cells.isin(allowed)].iterrows():
            message = f"{column} '{row[column]}' is not one of {', '.join(allowed)}"
            problems.append(problem_at(row, "vocabulary", column, message, "write one of them"))
    return problems


def _value_and_qc(tables: Tables) -> list[Problem]:
    problems = []
    markers = tables.markers
    usable = markers["qc"].isin(WITH_VALUE) | markers["qc"].isna()
    for _, row in markers.loc[usable & markers["value"].isna() & ~markers["_bad_value"]].iterrows():
        message = f"{_who(row)} has no value, but qc is '{row['qc'] or 'n/a'}'"
        remedy = "say why in qc: failed, not_acquired or withdrawn"
        problems.append(problem_at(row, "no_value", "value", message, remedy))
    for _, row in markers.loc[~usable & markers["qc"].isin(QC_VALUES) & markers["value"].notna()].iterrows():
        message = f"{_who(row)} has value {row['value']:g}, but qc is '{row['qc']}'"
        remedy = "write n/a for the value, or qc ok or flagged if it may be used"
        problems.append(problem_at(row, "unusable_value", "value", message, remedy))
    return problems


def _sentinels(tables: Tables) -> list[Problem]:
    markers = tables.markers
    value = markers["value"]
    concentration = markers["unit"].map(lambda unit: str(unit).casefold() in _CONCENTRATIONS).astype(bool)
    # a flagged zero is an estimate at its bound and stays; an unflagged one is a code
    zero = (value == 0.0) & concentration & (markers["qc"] != "flagged")
    problems = []
    for _, row in markers.loc[value.isin(SENTINELS) | zero].iterrows():
        message = f"{_who(row)} has value {row['value']:g}, which looks like a code for a missing value"
        remedy = "write n/a and say why in qc, or qc flagged for an estimate at its bound"
        problems.append(problem_at(row, "sentinel", "value", message, remedy))
    for _, row in markers.loc[np.isinf(value)].iterrows():
        message = f"{_who(row)} has an infinite value"
        problems.append(problem_at(row, "infinite_value", "value", message, "write n/a and qc failed"))
    return problems


def _standard_errors(tables: Tables) -> list[Problem]:
    markers = tables.markers
    problems = []
    for _, row in markers.loc[markers["se"] < 0].iterrows():
        remedy = "a standard error is positive, in the unit of the value; write n/a if it is unknown"
        problems.append(problem_at(row, "se_negative", "se", f"{_who(row)} has a negative se {row['se']:g}", remedy))
    for _, row in markers.loc[(markers["se"] == 0) & (markers["se_source"] != "none")].iterrows():
        remedy = "write n/a if it is unknown, or se_source none for a marker without measurement error"
        problems.append(problem_at(row, "se_zero", "se", f"{_who(row)} has se 0", remedy))
    values = markers.loc[markers["value"].notna()]
    checks = (
        ("se_missing", values["se"].isna() & ~_without_error(values), "have no se",
         "their error cannot be carried into the outcome model"),
        ("se_infinite", np.isinf(values["se"]), "have an infinite se", "the fit could not determine them"),
        ("se_large", np.isfinite(values["se"]) & (values["se"] > values["value"].abs()), "have se above the value",
         "check the unit of se"),
        ("se_percent", _looks_like_percent(values), "look like CRLB% given as se",
         "se is absolute, in the unit of the value: CRLB% / 100 x value"),
    )  # fmt: skip
    for rule, mask, words, remedy in checks:
        problems += _counted(tables, values.loc[mask], rule, "se", words, remedy)
    return problems


def _without_error(values: pd.DataFrame) -> pd.Series:
    """Say which rows come from another modality whose table states no error, which is no oversight."""
    if "modality" not in values.columns:
        return pd.Series(data=False, index=values.index)
    return values["modality"].notna() & values["se_source"].eq("none")


def _looks_like_percent(values: pd.DataFrame) -> pd.Series:
    source = values["se_source"].eq("crlb") | values["marker"].str.casefold().str.contains("crlb", na=False)
    magnitude = values["value"].abs()
    return source & values["se"].between(2, 30) & magnitude.between(0.1, 15) & (values["se"] > 0.5 * magnitude)


def _counted(tables: Tables, rows: pd.DataFrame, rule: str, column: str, words: str, remedy: str) -> list[Problem]:
    """Return one warning a marker, with counts by site when sites are known."""
    problems = []
    for (marker, region), some in grouped(rows, ["marker", "region"]):
        by_site = ""
        if "site" in tables.people.columns:
            sites = tables.people.drop_duplicates("participant_id").set_index("participant_id")["site"]
            counts = some["participant_id"].map(sites).fillna("unknown").value_counts().sort_index()
            by_site = f" (by site: {', '.join(f'{site} {count}' for site, count in counts.items())})"
        message = f"{marker_label(marker, region)}: {len(some)} value(s) {words}{by_site}"
        name, line = str(some[FILE].iloc[0]), int(some[LINE].iloc[0])
        problems.append(Problem(rule, name, line, column, "", message, remedy, "warning"))
    return problems


def _units(tables: Tables) -> list[Problem]:
    problems = []
    rows = tables.markers.loc[tables.markers["value"].notna()]
    for (marker, region), some in grouped(rows, ["marker", "region"]):
        units = some["unit"].fillna("n/a").value_counts()
        if len(units) > 1:
            found = " and ".join(f"'{unit}' ({count} rows)" for unit, count in units.items())
            odd = some.loc[some["unit"].fillna("n/a") == units.index[-1]].iloc[0]
            message = f"{marker_label(marker, region)}: {found}"
            remedy = "give every value of one marker and region in one unit"
            problems.append(problem_at(odd, "unit_differs", "unit", message, remedy))
    return problems


def _models(tables: Tables) -> list[Problem]:
    """Refuse a marker whose scans went through different models; scans that all went through all models are fine."""
    problems = []
    fitted = tables.markers.loc[tables.markers["model"].notna() | tables.markers["value"].notna()]
    for (marker, region), some in grouped(fitted, ["marker", "region"]):
        models = some["model"].fillna("n/a").value_counts()
        if len(models) < 2:
            continue
        scans = some.groupby(["participant_id", "session_id"])["model"].nunique(dropna=False)
        if (scans == len(models)).all():
            continue
        found = " and ".join(f"{model} ({count} rows)" for model, count in models.items())
        odd = some.loc[some["model"].fillna("n/a") == models.index[-1]].iloc[0]
        message = f"{found} {marker_label(marker, region)} mixed: the model differs from scan to scan"
        remedy = f"run one model on every scan, or choose one with models={{'{marker}': '{models.index[0]}'}}"
        problems.append(problem_at(odd, "model_differs", "model", message, remedy))
    return problems


def _spread(tables: Tables) -> list[Problem]:
    problems = []
    for (marker, region), some in grouped(tables.markers, ["marker", "region"]):
        values = some["value"].dropna()
        if len(values) > 2 and math.isclose(values.min(), values.max(), rel_tol=1e-12):
            message = f"{marker_label(marker, region)}: all {len(values)} values are {values.iloc[0]:g}"
            remedy = "a constant marker says nothing; check how it was made"
            name = str(some[FILE].iloc[0])
            problems.append(Problem("constant_marker", name, None, "value", "", message, remedy, "warning"))
    return problems


def _who(row: pd.Series) -> str:
    return f"{marker_label(row['marker'], row['region'])} of {row['participant_id']} {row['session_id']}"


_RULES: tuple[Callable[[Tables], list[Problem]], ...] = (
    _names,
    _vocabulary,
    _value_and_qc,
    _sentinels,
    _standard_errors,
    _units,
    _models,
    _spread,
)
