"""A family of associations: several markers, looked at together and counted together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.response.analysis_table import AT
from neurochem.response.association import associate
from neurochem.response.cohort import Cohort
from neurochem.response.validation import marker_label
from neurochem.results import FitResult, ResultSet
from neurochem.units import FloatArray

_METHODS = {"bonferroni": "bonferroni", "holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}
_MEMBER_KEYS = ("marker", "region", "model")
Member = str | Mapping[str, str]


@checked_arguments
def adjust_p_values(p_values: ArrayLike, method: str = "holm") -> FloatArray:
    """Return p values adjusted for the number of tests.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        NaN (a test that could not be done) stays NaN and is not counted.
    method : str
        "bonferroni", "holm" (family-wise error), "bh" (false discovery rate, independent or positively dependent
        tests) or "by" (false discovery rate, any dependence).

    Returns
    -------
    array, shape (m,)
        Adjusted p, at most 1.

    References
    ----------
    Holm (1979), Scand J Stat 6:65. Benjamini, Hochberg (1995), J R Stat Soc B 57:289. Benjamini, Yekutieli (2001),
    Ann Stat 29:1165.
    """
    if method not in _METHODS:
        raise unknown_name(method, _METHODS, kind="method")
    from statsmodels.stats.multitest import multipletests

    values = np.asarray(p_values, dtype=float)
    if ((values < 0.0) | (values > 1.0)).any():
        msg = f"p_values holds {values[(values < 0.0) | (values > 1.0)][0]:g}; a p value lies between 0 and 1"
        raise InputError(msg)
    adjusted = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    if known.any():
        adjusted[known] = multipletests(values[known], method=_METHODS[method])[1]
    return adjusted


def associate_all(
    cohort: Cohort,
    *,
    outcome: str,
    markers: Sequence[Member] | None = None,
    at: Sequence[str] = AT,
    test_retest_sd: float | Mapping[str, float] = 0.0,
    **choices: Any,
) -> ResultSet:
    """Run one association for every marker and time point of a family.

    Parameters
    ----------
    cohort : Cohort
        The study.
    outcome : str
        Scale of the outcome.
    markers : sequence, optional
        Names, or mappings with marker and, where there are several, region and model. All of the cohort by default;
        a marker analysed with several models then counts once a model, since all were looked at.
    at : sequence of str
        "baseline", "change" or both. A change is left out for markers that nobody was scanned for a second time.
    test_retest_sd : float or mapping of str to float
        As for `associate`, one for all; or by marker ("GABA") or marker and region ("BPND midbrain"), each in the unit of
        its marker, zero for those without one.
    **choices
        Every other keyword of `associate`: outcome_type, covariates, endpoint_visit ...

    Returns
    -------
    ResultSet
        By names such as "BPND midbrain (baseline)". Each fit records the family's size in `settings["family"]` and
        p_holm and p_bh in `diagnostics`; the size counts the tests that could be done.

    Raises
    ------
    UnknownNameError, InputError
        As for `associate`.
    """
    times = (at,) if isinstance(at, str) else tuple(at)
    for time in times:
        if time not in AT:
            raise unknown_name(time, AT, kind="at")
    fits: dict[str, FitResult] = {}
    members = _members(cohort, markers)
    days = _day_to_day(members, test_retest_sd)
    for time in times:
        for member, sd in zip(members, days, strict=True):
            if time == "change" and not _scanned_twice(cohort, member, choices):
                continue
            fit = associate(cohort, outcome=outcome, at=time, test_retest_sd=sd, **member, **choices)
            fits[_name(cohort, member, time)] = fit
    return _with_family(fits)


def _day_to_day(members: Sequence[Mapping[str, Any]], sd: float | Mapping[str, float]) -> list[float]:
    """Return the day-to-day SD of each member; a name that is none of theirs is refused."""
    if not isinstance(sd, Mapping):
        return [sd] * len(members)
    labels = [marker_label(str(member["marker"]), member["region"]) for member in members]
    known = dict.fromkeys([*(str(member["marker"]) for member in members), *labels])
    for name in sd:
        if name not in known:
            raise unknown_name(name, known, kind="marker in test_retest_sd")
    return [float(sd.get(label, sd.get(member["marker"], 0.0))) for label, member in zip(labels, members, strict=True)]


def _members(cohort: Cohort, markers: Sequence[Member] | None) -> list[dict[str, Any]]:
    if markers is None:
        return _expand(cohort, {})
    if isinstance(markers, str):
        msg = f"markers is the text '{markers}'; give a list, for example [{{'marker': '{markers}'}}]"
        raise InputError(msg)
    members: list[dict[str, Any]] = []
    for item in markers:
        member = {"marker": item} if isinstance(item, str) else dict(item)
        for key in member:
            if key not in _MEMBER_KEYS:
                raise unknown_name(key, _MEMBER_KEYS, kind="key of a marker")
        if "marker" not in member:
            msg = f"a marker of the family has no key 'marker' ({member}); give at least its name"
            raise InputError(msg)
        members.extend(_expand(cohort, member))
    return members


def _expand(cohort: Cohort, member: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one member a region and model where the user named none."""
    fitted = cohort.markers.loc[lambda table: table["model"].notna() | table["value"].notna()]
    chosen = fitted[list(_MEMBER_KEYS)].drop_duplicates()
    for key, name in member.items():
        if name is not None and name not in set(chosen[key]):
            raise unknown_name(name, sorted(map(str, set(chosen[key]))), kind=key)
        chosen = chosen if name is None else chosen.loc[chosen[key] == name]
    return [{"marker": row.marker, "region": row.region, "model": row.model} for row in chosen.itertuples()]


def _scanned_twice(cohort: Cohort, member: Mapping[str, Any], choices: Mapping[str, Any]) -> bool:
    visit = choices.get("marker_visit") or cohort.endpoint(choices.get("endpoint_visit"))
    return bool((cohort.marker_rows(**member)["visit"] == visit).any())


def _name(cohort: Cohort, member: Mapping[str, Any], time: str) -> str:
    rows = cohort.marker_rows(member["marker"], member["region"], member["model"])
    label = marker_label(member["marker"], str(rows["region"].iloc[0]))
    several = len(_expand(cohort, {"marker": member["marker"], "region": member["region"]})) > 1
    model = f" {member['model']}" if several else ""
    return f"{label}{model} ({time})"


def _with_family(fits: Mapping[str, FitResult]) -> ResultSet:
    p_values = [fit.diagnostics["p_value"] for fit in fits.values()]
    size = int(np.isfinite(p_values).sum())
    holm, bh = adjust_p_values(p_values, "holm"), adjust_p_values(p_values, "bh")
    return ResultSet(
        {
            name: replace(
                fit,
                diagnostics={**fit.diagnostics, "p_holm": float(holm[i]), "p_bh": float(bh[i])},
                settings={**fit.settings, "family": {"size": size, "members": list(fits)}},
            )
            for i, (name, fit) in enumerate(fits.items())
        }
    )


@checked_arguments
def family_frame(results: Mapping[str, FitResult]) -> pd.DataFrame:
    """Return one row an association, with p values as they are and adjusted for the family.

    Parameters
    ----------
    results : ResultSet
        What `associate_all` returned, or a part of it: the adjustment stays that of the whole family. Fits that were
        made one by one are adjusted for each other.

    Returns
    -------
    DataFrame
        name, outcome, outcome_type, marker, region, model, at, n, slope, stderr, unit, low95, high95,
        standardised_slope, std_low95, std_high95, partial_r, p, p_holm, p_bh, family_size, reliability, success, flags.
    """
    table = pd.DataFrame([_family_row(name, fit) for name, fit in results.items()])
    if table.empty or "p_holm" in next(iter(results.values())).diagnostics:
        return table
    table["p_holm"], table["p_bh"] = adjust_p_values(table["p"], "holm"), adjust_p_values(table["p"], "bh")
    table["family_size"] = int(table["p"].notna().sum())
    return table


def _family_row(name: str, fit: FitResult) -> dict[str, Any]:
    slope = fit["slope"]
    low, high = slope.interval(0.95)
    standard = fit.estimates.get("standardised_slope")
    standard_low, standard_high = standard.interval(0.95) if standard else (np.nan, np.nan)
    partial = fit.estimates.get("partial_r")
    settings, numbers = fit.settings, fit.diagnostics
    return {
        "name": name, "outcome": settings.get("outcome", ""), "outcome_type": settings.get("outcome_type", ""),
        "marker": settings.get("marker", ""), "region": settings.get("region", ""),
        "model": settings.get("marker_model", ""), "at": settings.get("at", ""), "n": int(numbers["n"]),
        "slope": slope.value, "stderr": slope.stderr, "unit": slope.unit, "low95": low, "high95": high,
        "standardised_slope": standard.value if standard else np.nan, "std_low95": standard_low,
        "std_high95": standard_high, "partial_r": partial.value if partial else np.nan, "p": numbers["p_value"],
        "p_holm": numbers.get("p_holm", np.nan), "p_bh": numbers.get("p_bh", np.nan),
        "family_size": settings.get("family", {}).get("size", 0), "reliability": numbers.get("reliability", np.nan),
        "success": fit.success, "flags": ";".join(flag.name for flag in fit.flagged("slope")),
    }  # fmt: skip
