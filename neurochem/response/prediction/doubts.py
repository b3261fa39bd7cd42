"""Flags on a prediction that may be too good: what no guard can prove, and a reader should ask about."""

import numpy as np
from scipy import special

from neurochem.quality import Flag
from neurochem.response.prediction.prediction_table import PredictionTable
from neurochem.units import FloatArray

# Published imaging models pool at 0.84 (Cohen 2021), which small studies flatter.
_UNSEEN_AUC, _UNSEEN_R2 = 0.90, 0.50
# So many candidates, and so large a share of them with p < 0.05 alone, look as if picked in the same people.
_FEWEST, _SHARE, _LEVEL = 5, 0.5, 0.05


def doubts(table: PredictionTable, value: float) -> tuple[Flag, ...]:
    """Return flags on performance beyond what has been seen, on candidates that look selected, and on one-sided sites.

    Parameters
    ----------
    table : PredictionTable
        Predictors and outcome.
    value : float
        Area under the ROC curve, or R2, in people left out.
    """
    flags = []
    name, limit = ("AUC", _UNSEEN_AUC) if table.binary else ("R2", _UNSEEN_R2)
    if value >= limit:
        message = f"{name} {value:.2f} is better than markers before treatment have done in new patients; look for parts of the "
        flags.append(Flag("better_than_seen", message + "outcome, later measurements and copies of people first"))
    columns = [c for c in map(str, table.frame.columns) if c not in table.baseline]
    alone = sum(_alone(table.frame[c].to_numpy(dtype=float), table.outcome) < _LEVEL for c in columns)
    if len(columns) >= _FEWEST and alone >= _SHARE * len(columns):
        message = f"{alone} of {len(columns)} candidates go with the outcome one by one (p < {_LEVEL:g}): if they were picked "
        flags.append(Flag("looks_selected", message + "for that in these people, every number here is too good"))
    one = [] if table.sites is None or not table.binary else _one_sided(table.sites, table.outcome)
    if one:
        message = (
            f"every patient of {', '.join(one)} has the same outcome, so that nothing can be judged within these sites"
        )
        flags.append(Flag("site_with_one_outcome", message))
    return tuple(flags)


def _alone(values: FloatArray, outcome: FloatArray) -> float:
    """Return the p of the correlation of one column with the outcome; 1 where there is none."""
    known = np.isfinite(values)
    x, y = values[known], outcome[known]
    if x.size < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 1.0
    r = float(np.corrcoef(x, y)[0, 1])
    t = r * np.sqrt((x.size - 2) / max(1.0 - r * r, 1e-12))
    return float(2.0 * special.stdtr(x.size - 2, -abs(t)))


def _one_sided(sites: np.ndarray, outcome: FloatArray) -> list[str]:
    return [name for name in sorted(set(sites.tolist())) if len(set(outcome[sites == name].tolist())) == 1]
