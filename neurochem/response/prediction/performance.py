"""From out-of-sample predictions to a table of measures with intervals that know that folds share people."""

import math

import numpy as np
import pandas as pd
from scipy import special

from neurochem.response.prediction.metrics import area_within_folds, brier, calibration, discrimination, logit_interval
from neurochem.response.prediction.resampling import Nested, headline
from neurochem.response.screening.shrinkage import RandomEffects, random_effects
from neurochem.units import FloatArray

_RESAMPLED = "corrected resampled t"
COLUMNS = ("measure", "value", "low95", "high95", "interval")


def fold_values(found: Nested, *, binary: bool) -> pd.DataFrame:
    """Return the measures of every fold of every repeat: repeat, fold, n, and AUC and Brier, or MAE and squared errors."""
    rows = []
    for repeat, (y, linear, reference, folds) in enumerate(
        zip(found.outcome, found.linear, found.reference, found.folds, strict=True)
    ):
        for fold in range(int(folds.max()) + 1):
            part = folds == fold
            record: dict[str, float] = {"repeat": repeat, "fold": fold, "n": int(part.sum())}
            rows.append({**record, **_fold(y[part], linear[part], reference[part], found.sites[part], binary=binary)})
    return pd.DataFrame(rows)


def _fold(
    y: FloatArray, linear: FloatArray, reference: FloatArray, sites: np.ndarray, *, binary: bool
) -> dict[str, float]:
    if not binary:
        error, plain = y - linear, y - reference
        spread = float((plain**2).sum())
        return {"R2": 1.0 - float((error**2).sum()) / spread if spread > 0 else math.nan,
                "MAE": float(np.abs(error).mean()), "RMSE": float(np.sqrt(np.mean(error**2)))}  # fmt: skip
    area = float(area_within_folds(y[None], linear[None], sites[None])[0])
    return {"AUC": area, "Brier": brier(y, special.expit(linear))[0],
            "log loss": float(np.mean(np.logaddexp(0.0, linear) - y * linear))}  # fmt: skip


def resampled_error(values: FloatArray, folds: int) -> tuple[float, float]:
    """Return the standard error of the mean of fold values, and its degrees of freedom.

    Variance (1/J + 1/(folds - 1)) s^2 of J values: folds share training rows, so that the plain s^2 / J is far too small.
    Nadeau, Bengio (2003), Mach Learn 52:239.
    """
    known = values[np.isfinite(values)]
    if known.size < 2:
        return math.nan, 1.0
    return math.sqrt((1.0 / known.size + 1.0 / (folds - 1)) * float(known.var(ddof=1))), float(known.size - 1)


def measures(found: Nested, *, binary: bool) -> pd.DataFrame:
    """Return the table of out-of-sample measures, with 95 % intervals where there is an honest one."""
    table = fold_values(found, binary=binary)
    folds = int(found.folds.max()) + 1
    rows = []
    top = float(np.nanmean(headline(found, binary=binary)))
    for name in ("AUC", "Brier") if binary else ("R2", "MAE", "RMSE"):
        values = table[name].to_numpy(dtype=float)
        value = top if name in {"AUC", "R2"} else float(np.nanmean(values))
        error, dof = resampled_error(values, folds)
        quantile = float(special.stdtrit(dof, 0.975))
        low, high = (value - quantile * error, value + quantile * error)
        if name == "AUC":
            low, high = logit_interval(value, error, quantile)
        rows.append((name, value, low, high, _RESAMPLED))
    rows += _binary_rows(found) if binary else _continuous_rows(found)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _binary_rows(found: Nested) -> list[tuple[str, float, float, float, str]]:
    parts = [calibration(y, linear) for y, linear in zip(found.outcome, found.linear, strict=True)]
    scaled = [brier(y, special.expit(linear))[1] for y, linear in zip(found.outcome, found.linear, strict=True)]
    how = "likelihood of one repeat, models taken as given"
    rows = [("scaled Brier", float(np.mean(scaled)), math.nan, math.nan, "")]
    for name, key, error in (
        ("calibration slope", "slope", "slope_stderr"),
        ("calibration in the large", "in_the_large", "in_the_large_stderr"),
    ):
        value, half = _mean([getattr(p, key) for p in parts]), 1.96 * _mean([getattr(p, error) for p in parts])
        rows.append((name, value, value - half, value + half, how))
    rows.append(("calibration intercept", _mean([p.intercept for p in parts]), math.nan, math.nan, ""))
    rows.append(("observed / expected", _mean([p.observed_expected for p in parts]), math.nan, math.nan, ""))
    return rows


def _continuous_rows(found: Nested) -> list[tuple[str, float, float, float, str]]:
    slopes = []
    for y, linear in zip(found.outcome, found.linear, strict=True):
        spread = float(linear.var())
        slopes.append(float(np.mean((linear - linear.mean()) * (y - y.mean()))) / spread if spread > 0 else math.nan)
    return [("calibration slope", _mean(slopes), math.nan, math.nan, "")]


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def increments(full: Nested, plain: Nested, nothing: Nested, *, binary: bool) -> pd.DataFrame:
    """Return what the model adds, in the same folds: difference of fold values with its interval.

    Severity, age and sex may do worse than no information in people left out, where they are few; to be better than that adds
    nothing. Each measure is therefore compared with the better of the two, which the column `against` names.
    """
    first, second, third = (fold_values(found, binary=binary) for found in (full, plain, nothing))
    folds = int(full.folds.max()) + 1
    rows = []
    for name in ("AUC", "Brier") if binary else ("R2", "MAE", "RMSE"):
        sign = 1.0 if name in {"AUC", "R2"} else -1.0
        worse = sign * float(np.nanmean(second[name])) < sign * float(np.nanmean(third[name]))
        values = (first[name] - (third if worse else second)[name]).to_numpy(dtype=float)
        error, dof = resampled_error(values, folds)
        half = float(special.stdtrit(dof, 0.975)) * error
        value = float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
        against = "no information (severity, age and sex do worse)" if worse else "severity, age and sex"
        rows.append((name, value, value - half, value + half, _RESAMPLED, against))
    return pd.DataFrame(rows, columns=[*COLUMNS, "against"])


def site_table(found: Nested, sites: np.ndarray, *, binary: bool) -> tuple[pd.DataFrame, RandomEffects | None]:
    """Return the performance at every site left out, and its distribution over sites.

    Parameters
    ----------
    found : Nested
        One label vector, folds being sites.
    sites : array of str, shape (n,)
        Names.

    Returns
    -------
    table : DataFrame
        site, n, and AUC with DeLong's logit interval and Brier, or R2 and MAE.
    pooled : RandomEffects or None
        Of the logit of the AUC (or of MAE); None where fewer than two sites can be told.
    """
    y, linear, reference = found.outcome[0], found.linear[0], found.reference[0]
    rows, values, errors = [], [], []
    for name in sorted(set(sites.tolist())):
        part = sites == name
        record = {"site": name, "n": int(part.sum())}
        record |= _fold(y[part], linear[part], reference[part], found.sites[part], binary=binary)
        if binary and len(set(y[part].tolist())) > 1:
            auc = discrimination(y[part], linear[part])
            record |= {"AUC_low95": auc.low, "AUC_high95": auc.high}
            if 0.0 < auc.auc < 1.0 and auc.stderr > 0:
                values.append(math.log(auc.auc / (1.0 - auc.auc)))
                errors.append(auc.stderr / (auc.auc * (1.0 - auc.auc)))
        if not binary and part.sum() > 2:
            miss = np.abs(y[part] - linear[part])
            values.append(float(miss.mean()))
            errors.append(max(float(miss.std(ddof=1)), 1e-12) / math.sqrt(miss.size))
        rows.append(record)
    return pd.DataFrame(rows), random_effects(values, errors) if len(values) > 1 else None
