"""The screen of many markers: permutation, false discovery rates and shrinkage in one call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.quality import Flag
from neurochem.response.cohort import Cohort
from neurochem.response.family import adjust_p_values
from neurochem.response.linear import t_test_p
from neurochem.response.reliability import conditional_reliability
from neurochem.response.screening.family_table import Family, family_of_arrays, family_of_cohort
from neurochem.response.screening.permutation import Permuted, freedman_lane
from neurochem.response.screening.screen_result import ScreenResult
from neurochem.response.screening.shrinkage import RandomEffects, random_effects
from neurochem.units import BoolArray

_FEW = 1000
_COHORT_ONLY = (
    "outcome_type", "at", "baseline_visit", "endpoint_visit", "marker_visit", "adjust_severity", "adjust_arm", "flagged",
)  # fmt: skip


@checked_arguments(text=("outcome",))
def screen(  # noqa: PLR0913 - each keyword is one choice of the analysis and belongs in its record
    data: Cohort | pd.DataFrame | ArrayLike,
    outcome: str | ArrayLike,
    *,
    rng: np.random.Generator,
    markers: Sequence[str] | None = None,
    covariates: Sequence[str] | pd.DataFrame | None = None,
    blocks: str | Sequence[object] | None = None,
    stderr: pd.DataFrame | ArrayLike | None = None,
    permutations: int = 10_000,
    **question: Any,
) -> ScreenResult:
    """Test many markers against one outcome, counting all of them.

    Parameters
    ----------
    data : Cohort, DataFrame or array, shape (n, m)
        The study; or one row a person and one column a marker, missing values allowed.
    outcome : str or array_like, shape (n,)
        Scale of the cohort; or one number a person.
    rng : Generator
        Source of the shuffles.
    markers : sequence of str, optional
        Markers of the cohort; all of them, in every region, by default.
    covariates : sequence of str or DataFrame, optional
        What to adjust for: columns of the cohort's people, or a table of n rows. With a cohort severity at baseline and
        arm are in the model anyway, as in `associate`.
    blocks : str or sequence, optional
        People are shuffled within these only: a column of the cohort ("site"), or n values.
    stderr : DataFrame or array, shape (n, m), optional
        Standard errors of the markers, for their reliability; a cohort has its own.
    permutations : int
        Shuffles. Where no more exist, each is taken once and the p values are exact.
    **question
        With a cohort: outcome_type, at ("baseline" or "change"), baseline_visit, endpoint_visit, marker_visit,
        adjust_severity, adjust_arm, flagged, as for `associate`.

    Returns
    -------
    ScreenResult
        `to_frame()`, `summary()`, `plot("volcano")`, `plot("forest")`.

    Raises
    ------
    InputError, UnknownNameError
        If the tables do not fit, or a name is not in the cohort.

    Notes
    -----
    Each marker keeps its own complete rows; one shuffle of people serves all. Shrinkage: standardised slopes are taken as
    normal about a common mean, their errors correlated as the t values are over the shuffles. A marker whose true slope
    stands far from the others is pulled too much. The family is what was looked at: leave nothing out of it.

    References
    ----------
    Freedman, Lane (1983), J Bus Econ Stat 1:292. Benjamini, Hochberg (1995), J R Stat Soc B 57:289.
    """
    if isinstance(data, Cohort):
        family = _cohort_family(data, outcome, markers, covariates, blocks, question)
    else:
        family = _array_family(data, outcome, markers, covariates, blocks, stderr, question)
    found = freedman_lane(family.outcome, family.groups(), permutations=permutations, rng=rng, blocks=family.blocks)
    table = _table(family, found)
    usable = table["testable"].to_numpy(dtype=bool)
    shrunken = _shrink(table, found, usable)
    if shrunken is not None:
        low, high = shrunken.shrunken_interval()
        columns = ("shrunken", "shrunken_stderr", "shrunken_low95", "shrunken_high95")
        table.loc[usable, list(columns)] = np.column_stack([shrunken.shrunken, shrunken.shrunken_stderr, low, high])
    settings = {
        **family.settings, "family_size": int(usable.sum()), "permutations": found.permutations,
        "exhaustive": found.exhaustive, "statistic": "t of least squares, two-sided",
    }  # fmt: skip
    return ScreenResult(family.label, table, found.largest, shrunken, _flags(table, found), settings)


def _cohort_family(
    cohort: Cohort, outcome: Any, markers: Sequence[str] | None, covariates: Any, blocks: Any, question: dict[str, Any]
) -> Family:
    if not isinstance(outcome, str):
        msg = "outcome must be the name of a scale when the data are a cohort, for example 'madrs'"
        raise InputError(msg)
    unknown = [name for name in question if name not in _COHORT_ONLY]
    if unknown:
        msg = f"screen has no keyword '{unknown[0]}'; with a cohort it takes {', '.join(_COHORT_ONLY)}"
        raise InputError(msg)
    question = {**question, "covariates": tuple(covariates or ())}
    return family_of_cohort(cohort, outcome, markers=markers, blocks=blocks, question=question)


def _array_family(
    data: Any, outcome: Any, markers: Any, covariates: Any, blocks: Any, stderr: Any, question: dict[str, Any]
) -> Family:
    if question or markers is not None or isinstance(blocks, str):
        given = next(iter(question), "markers" if markers is not None else "blocks as a name")
        msg = f"'{given}' belongs to a cohort; with a table of markers give outcome, covariates and blocks as values"
        raise InputError(msg)
    table = pd.DataFrame(covariates) if covariates is not None else None
    return family_of_arrays(data, outcome, covariates=table, blocks=blocks, stderr=stderr)


def _table(family: Family, found: Permuted) -> pd.DataFrame:
    rows = []
    for index, item in enumerate(family.candidates):
        y = family.outcome[item.rows]
        spread = float(np.std(y, ddof=1))
        scale = float(np.std(item.measured, ddof=1)) / spread if spread > 0 else np.nan
        unit = f"{family.unit} per {item.unit or item.marker}".strip()
        rows.append(
            {
                "name": item.name, "marker": item.marker, "region": item.region, "n": item.rows.size,
                "slope": found.slope[index], "stderr": found.stderr[index], "unit": unit, "t": found.t[index],
                "dof": found.dof[index], "p": t_test_p(found.t[index], 1.0, found.dof[index]),
                "p_permutation": found.p[index], "p_max": found.p_max[index],
                "standardised": found.slope[index] * scale, "std_stderr": found.stderr[index] * scale,
                "reliability": conditional_reliability(
                    item.measured, item.stderr, item.covariates, weighted=True
                ).value,
                "testable": bool(np.isfinite(found.t[index])),
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    for method in ("holm", "bh", "by"):
        table[f"p_{method}"] = adjust_p_values(table["p_permutation"], method)
    half = _half_widths(table)
    table["std_low95"], table["std_high95"] = table["standardised"] - half, table["standardised"] + half
    return table.assign(shrunken=np.nan, shrunken_stderr=np.nan, shrunken_low95=np.nan, shrunken_high95=np.nan)


def _half_widths(table: pd.DataFrame) -> pd.Series:
    from scipy import special

    return table["std_stderr"] * special.stdtrit(table["dof"].to_numpy(dtype=float), 0.975)


def _shrink(table: pd.DataFrame, found: Permuted, usable: BoolArray) -> RandomEffects | None:
    """Return the distribution of the standardised slopes, their errors correlated as over the shuffles."""
    if usable.sum() < 2 or not (table.loc[usable, "std_stderr"] > 0).all():
        return None
    return random_effects(
        table.loc[usable, "standardised"].to_numpy(dtype=float),
        table.loc[usable, "std_stderr"].to_numpy(dtype=float),
        found.correlation[np.ix_(usable, usable)],
    )


def _flags(table: pd.DataFrame, found: Permuted) -> tuple[Flag, ...]:
    flags = []
    lost = table.loc[~table["testable"], "name"].tolist()
    if lost:
        message = f"{', '.join(lost)} could not be tested: constant, or computable from the covariates"
        flags.append(Flag("untestable_markers", message))
    if found.permutations < _FEW and not found.exhaustive:
        message = (
            f"{found.permutations} shuffles: p cannot fall below {1 / (found.permutations + 1):.2g}; take 1000 or more"
        )
        flags.append(Flag("few_permutations", message))
    low = table.loc[table["reliability"] < 0.5, "name"].tolist()
    if low:
        message = (
            f"more than half of the spread is noise of the scans in {', '.join(low)}: their slopes are shrunk by it"
        )
        flags.append(Flag("low_reliability", message))
    return tuple(flags)
