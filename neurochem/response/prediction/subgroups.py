"""The same predictions judged in women and men, in younger and older people."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from neurochem.response.prediction.metrics import discrimination
from neurochem.units import BoolArray, FloatArray

_FEWEST = 5
COLUMNS = ("group", "n", "events", "measure", "value", "low95", "high95", "observed_minus_predicted")


def subgroup_table(frame: pd.DataFrame, outcome: FloatArray, predicted: FloatArray, *, binary: bool) -> pd.DataFrame:
    """Return performance by sex and age, from predictions for people left out.

    Parameters
    ----------
    frame : DataFrame, shape (n, p)
        Coded predictors; "sex[level]" and "age" are looked for.
    outcome, predicted : array, shape (n,)
        What happened, and the mean prediction over the repeats.
    binary : bool
        Whether the prediction is a risk.

    Returns
    -------
    DataFrame
        group, n, events, measure (AUC with DeLong's logit interval, or MAE), value, low95, high95, and the mean outcome
        minus the mean prediction. Empty where neither is known. Groups differ by chance too: no test is made.
    """
    rows = []
    for name, members in _groups(frame):
        y, p = outcome[members], predicted[members]
        record = {"group": name, "n": int(members.sum()), "events": int(y.sum()) if binary else 0}
        record["observed_minus_predicted"] = float(np.mean(y - p)) if members.any() else math.nan
        rows.append({**record, **_judge(y, p, binary=binary)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _groups(frame: pd.DataFrame) -> Iterator[tuple[str, BoolArray]]:
    sexes = [name for name in map(str, frame.columns) if name.lower().startswith("sex[")]
    for name in sexes:
        values = frame[name].to_numpy(dtype=float)
        level = name[4:-1]
        yield f"sex {level}", values == 1.0
        if len(sexes) == 1:
            yield f"sex not {level}", values == 0.0
    if "age" in frame.columns:
        age = frame["age"].to_numpy(dtype=float)
        middle = float(np.nanmedian(age))
        yield f"age up to {middle:g}", age <= middle
        yield f"age above {middle:g}", age > middle


def _judge(y: FloatArray, p: FloatArray, *, binary: bool) -> dict[str, object]:
    unknown = {"value": math.nan, "low95": math.nan, "high95": math.nan}
    if not binary:
        return {"measure": "MAE", **unknown, **({"value": float(np.abs(y - p).mean())} if y.size else {})}
    if min((y == 1).sum(), (y == 0).sum()) < _FEWEST:
        return {"measure": "AUC", **unknown}
    found = discrimination(y, p)
    return {"measure": "AUC", "value": found.auc, "low95": found.low, "high95": found.high}
