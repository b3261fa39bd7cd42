"""Guards on numbers that only statistics of all rows can give: scaled, ranked, imputed or harmonised before the split."""

import numpy as np
import pandas as pd
from scipy import special

from neurochem.response.prediction.refusal import refuse
from neurochem.units import FloatArray

# Attribute that the package's own harmonisation leaves on a table; the same text as in harmonize.combat.
_HARMONISED = "neurochem_harmonised"
_LEAK = "scaling or imputation before splitting"
_EXACT, _SINGLE = 1e-9, 1e-6
# Decimals from which on a column counts as written in full.
_FULL = 7
_CONTINUOUS = 10
# Sites differ less than this by chance once in ten thousand studies, in one column.
_TOO_EQUAL = 1e-4


def refuse_processed(table: pd.DataFrame, sites: np.ndarray | None) -> None:
    """Refuse numbers that can only come from statistics of all rows.

    Seen are standard scores and their linear forms (T-scores, percent of the range, robust scaling), centred columns,
    ranks and normal scores, filled means and medians, and sites made equal by ComBat, where the numbers are not rounded
    much. Not seen are values that were filled by neighbours, scaled and then rounded to two decimals, or harmonised with
    shrinkage or preserved covariates and stripped of the mark that `ComBat` leaves.

    Raises
    ------
    LeakageError
        With the column and what gave it away.
    """
    if _HARMONISED in table.attrs:
        text = f"the table went through a harmonisation ({table.attrs[_HARMONISED]}). Give the raw values and harmonise='combat'"
        refuse("ComBat fitted on all rows", text)
    numeric = table.select_dtypes("number")
    if sites is not None and _same_by_site(numeric, sites):
        text = "every site has the same mean in every column, as after harmonising all rows. Give the raw values and "
        refuse("ComBat fitted on all rows", text + "harmonise='combat'")
    for name in numeric.columns:
        values = numeric[name].dropna().to_numpy(dtype=float)
        if len(set(values.tolist())) < _CONTINUOUS or not np.isfinite(values).all():
            continue
        found = _scaled(values) or _stretched(values) or _ranked(values) or _imputed(values)
        if found:
            text = f"column '{name}' {found}. Give the raw values, missing ones as NaN: each fold scales and imputes by its "
            refuse(_LEAK, text + "own training rows")


def _same_by_site(table: pd.DataFrame, sites: np.ndarray) -> bool:
    """Return whether the sites' means are equal in every column, to the last digit or far closer than chance allows."""
    names = [name for name in table.columns if table[name].nunique() >= _CONTINUOUS]
    places = len(set(sites.tolist()))
    if len(names) < 2 or places < 2:
        return False
    groups = table[names].groupby(sites)
    means = groups.mean().to_numpy()
    if bool((np.ptp(means, axis=0) < _EXACT * table[names].std().to_numpy()).all()):
        return True
    counts = groups.count().to_numpy()
    within = len(table) - places
    if len(names) < 4 or within < 1:
        return False
    between = (counts * (means - table[names].mean().to_numpy()) ** 2).sum(axis=0) / (places - 1)
    inside = ((groups.transform("mean") - table[names]) ** 2).sum().to_numpy() / within
    return bool(
        (special.fdtr(places - 1, within, between / np.maximum(inside, np.finfo(float).tiny)) < _TOO_EQUAL).all()
    )


def _near(value: float, target: float, close: float) -> bool:
    return abs(value - target) < close * max(1.0, abs(target))


def _round(value: float, close: float) -> bool:
    """Return whether a number has two leading digits at most, as means and SDs of a made scale have."""
    if not np.isfinite(value) or abs(value) < close:
        return bool(np.isfinite(value))
    digits = 1 - int(np.floor(np.log10(abs(value))))
    return abs(value - round(value, digits)) < close * abs(value)


def _scaled(values: FloatArray) -> str:
    digits = resolution(values)
    if digits >= _FULL:
        # single precision keeps seven digits
        close = _SINGLE if np.array_equal(values, values.astype(np.float32)) else _EXACT
    else:
        # a file keeps a few decimals; with fewer than three a marker in units of SD could be so by chance
        close = 0.5 * 10.0**-digits if digits >= 3 else _EXACT
    mean, spreads = float(values.mean()), [float(values.std(ddof=ddof)) for ddof in (0, 1)]
    if abs(mean) < close and any(_near(spread, 1.0, close) for spread in spreads):
        return "has mean 0 and SD 1 over all rows, to the last digits"
    if digits < _FULL:
        return ""
    for spread in spreads:
        if abs(mean) > close * spread and _round(mean, close) and _round(spread, close):
            return f"has mean {mean:.4g} and SD {spread:.4g} over all rows, to the last digits"
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    if abs(middle) < close and _near(float(high - low), 1.0, close):
        return "has median 0 and interquartile range 1 over all rows, to the last digits"
    if abs(mean) < close * spreads[0]:
        return (
            "has mean 0 over all rows, to the last digits, as after centring, principal components or taking residuals"
        )
    return ""


def _stretched(values: FloatArray) -> str:
    low, high, digits = float(values.min()), float(values.max()), resolution(values)
    if low == 0.0 and high == 1.0 and len(set(values.tolist())) > 10 and not digits <= 2:
        return "runs from exactly 0 to exactly 1 over all rows"
    if digits < _FULL or np.sum(values == low) > 1 or np.sum(values == high) > 1:
        return ""
    # written in full, and yet its ends are round numbers, each reached once
    if _round(low, _EXACT) and _round(high, _EXACT):
        return f"runs from exactly {low:.4g} to exactly {high:.4g} over all rows"
    if max(abs(low), abs(high)) == 1.0:
        return "has its largest value at exactly 1 over all rows"
    return ""


def _ranked(values: FloatArray) -> str:
    """Return how a column shows that it was ranked: symmetrical to the last digit, no value twice."""
    ordered = np.sort(values)
    if ordered.size < 20 or len(set(values.tolist())) < ordered.size:
        return ""
    ends = ordered + ordered[::-1]
    if np.ptp(ends) < _EXACT * ordered.std() and np.ptp(np.diff(ordered)) != 0.0:
        return "lies symmetrically about its middle to the last digit, as after ranking all rows"
    return ""


def _imputed(values: FloatArray) -> str:
    """Return how a column shows that holes were filled from all rows, or nothing."""
    unique, counts = np.unique(values, return_counts=True)
    for value in unique[np.abs(unique - values.mean()) < _EXACT * values.std()]:
        others = values[values != value]
        if resolution(others) < resolution(np.array([value])) or (resolution(others) > 6 and counts.max() > 1):
            return f"holds its own mean ({value:.6g}) as a value, as after imputing the mean of all rows"
    often = unique[counts > 1]
    if often.size == 1 and counts.max() >= 3 and unique.size >= _CONTINUOUS:
        others = values[values != often[0]]
        if abs(np.median(np.append(others, often[0])) - often[0]) < _EXACT * values.std() or (
            abs(np.median(others) - often[0]) < _EXACT * values.std()
        ):
            return f"holds its own median ({often[0]:.6g}) {counts.max()} times and no other value twice, as after imputation"
    return ""


def resolution(values: FloatArray) -> int:
    """Return the decimals that all values keep to, 7 where they do not."""
    for digits in range(7):
        if np.abs(values - np.round(values, digits)).max() < 1e-11 * max(1.0, float(np.abs(values).max())):
            return digits
    return 7
