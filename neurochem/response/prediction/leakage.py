"""Guards that refuse a model which knows what it should not: each names the leak and says what to do.

They catch what can be seen in names, dates, ids, fitted objects and numbers. They cannot see a choice made by eye or in
another program: what was tried before belongs in the report.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from neurochem.errors import InputError, LeakageError
from neurochem.response.screening.screen_result import SelectedMarkers
from neurochem.units import FloatArray

# Attribute that the package's own harmonisation leaves on a table; the same text as in harmonize.combat.
_HARMONISED = "neurochem_harmonised"
_LATER = re.compile(
    r"(?:^|[_ @])(?:week|wk|month)_?0*[1-9]\d*(?:$|[_ ])|(?:^|[_ ])w0*[1-9]\d?(?:$|[_ ])|end_?point|follow_?up|(?:^|[_ ])change"
    r"|(?:^|[_ ])delta|(?:^|[_ ])post(?:$|[_ ])|post_?treatment|on_?drug|occupancy|slope",
    re.IGNORECASE,
)
_DISGUISED = re.compile(
    r"dose_?(?:reached|final|max|end)|(?:final|max|last|end)_?dose|respon(?:se|der)|remi(?:ssion|tter|tted)|improve|outcome"
    r"|complet(?:er|ed)|drop_?out|withdr|n_?visits|weeks_?in|(?:^|_)cgi_?i(?:$|_)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"(?:^|_)(?:item|q)_?\d+", re.IGNORECASE)
# A marker that alone tells the outcome this well has not been seen in depression; it is the outcome, or what follows it.
_TELLING_AUC, _TELLING_R, _ENOUGH = 0.97, 0.90, 20
_EXACT = 1e-9


def _refuse(leak: str, text: str) -> NoReturn:
    msg = f"leakage: {leak}: {text}"
    raise LeakageError(msg)


def refuse_selected(predictors: object) -> None:
    """Refuse markers that were chosen by how they go with the outcome in the same people."""
    if isinstance(predictors, SelectedMarkers):
        text = f"these predictors come from a {predictors.source} in the same people. Give all candidates and let the "
        _refuse(
            "selection before splitting", text + "penalty (or a selection step in the pipeline) choose inside the folds"
        )


def refuse_fitted(pipeline: Any) -> None:
    """Refuse a pipeline with a step that was fitted before, and a search that brings folds of its own."""
    for name, step in _steps(pipeline):
        if hasattr(step, "best_estimator_"):
            text = f"'{name}' was tuned before on all rows, and would be scored on rows that tuned it. Give it unfitted"
            _refuse("tuning scored on the outer test fold", text)
        if hasattr(step, "cv") and hasattr(step, "param_grid") and not isinstance(step.cv, int | None):
            text = f"'{name}' brings folds of its own (cv={type(step.cv).__name__}), which do not keep to the training rows. "
            _refuse(
                "tuning scored on the outer test fold",
                text + "Give the settings as grid= and leave the folds to predict",
            )
        if not _is_fitted(step):
            continue
        text = f"step '{name}' ({type(step).__name__}) is already fitted; give it unfitted, so that it learns from the "
        text += "training rows of each fold"
        _refuse(_kind_of(step), text)


def _kind_of(step: Any) -> str:
    if hasattr(step, "get_support"):
        return "selection before splitting"
    if hasattr(step, "effects_"):
        return "ComBat fitted on all rows"
    return "scaling or imputation before splitting" if hasattr(step, "transform") else "model fitted before splitting"


def _steps(pipeline: Any) -> Iterable[tuple[str, Any]]:
    """Return every step at every depth, inner ones before what holds them."""
    parts = getattr(pipeline, "steps", None) or getattr(pipeline, "transformers", None) or []
    for name, step, *_ in parts:
        if not isinstance(step, str) and step is not None:
            yield from ((inner if inner != "model" else name, part) for inner, part in _steps(step))
    if hasattr(pipeline, "estimator") and hasattr(pipeline, "param_grid"):
        yield "search", pipeline
    if not parts:
        yield "model", pipeline
    else:
        yield from ((name, step) for name, step, *_ in parts if not isinstance(step, str) and step is not None)


def _is_fitted(step: Any) -> bool:
    return any(key.endswith("_") and not key.startswith("_") for key in vars(step))


def refuse_processed(table: pd.DataFrame, sites: np.ndarray | None) -> None:
    """Refuse numbers that can only come from statistics of all rows: scaled, imputed or harmonised before the split."""
    if _HARMONISED in table.attrs:
        text = f"the table went through a harmonisation ({table.attrs[_HARMONISED]}). Give the raw values and harmonise='combat'"
        _refuse("ComBat fitted on all rows", text)
    numeric = table.select_dtypes("number")
    if sites is not None and _same_by_site(numeric, sites):
        text = "every site has the same mean in every column, as after harmonising all rows. Give the raw values and "
        _refuse("ComBat fitted on all rows", text + "harmonise='combat'")
    for name in numeric.columns:
        values = numeric[name].dropna().to_numpy(dtype=float)
        if len(set(values.tolist())) < 10:
            continue
        found = _scaled(values) or _imputed(values)
        if found:
            text = f"column '{name}' {found}. Give the raw values, missing ones as NaN: each fold scales and imputes by its "
            _refuse("scaling or imputation before splitting", text + "own training rows")


def _same_by_site(table: pd.DataFrame, sites: np.ndarray) -> bool:
    continuous = [name for name in table.columns if table[name].nunique() >= 10]
    if len(continuous) < 2 or len(set(sites.tolist())) < 2:
        return False
    means = table[continuous].groupby(sites).mean()
    return bool((np.ptp(means.to_numpy(), axis=0) < _EXACT * table[continuous].std().to_numpy()).all())


def _scaled(values: FloatArray) -> str:
    digits = _resolution(values)
    # a file keeps a few decimals; with fewer than three a marker in units of SD could be so by chance
    close = 0.5 * 10.0**-digits if 3 <= digits < 7 else _EXACT
    if abs(values.mean()) < close and any(abs(values.std(ddof=ddof) - 1.0) < close for ddof in (0, 1)):
        return "has mean 0 and SD 1 over all rows, to the last digits"
    if values.min() == 0.0 and values.max() == 1.0 and len(set(values.tolist())) > 10 and not digits <= 2:
        return "runs from exactly 0 to exactly 1 over all rows"
    return ""


def _imputed(values: FloatArray) -> str:
    """Return how a column shows that holes were filled from all rows, or nothing."""
    unique, counts = np.unique(values, return_counts=True)
    for value in unique[(np.abs(unique - values.mean()) < _EXACT * values.std())]:
        others = values[values != value]
        if _resolution(others) < _resolution(np.array([value])) or (_resolution(others) > 6 and counts.max() > 1):
            return f"holds its own mean ({value:.6g}) as a value, as after imputing the mean of all rows"
    often = unique[counts > 1]
    if often.size == 1 and counts.max() >= 3 and unique.size >= 10:
        others = values[values != often[0]]
        if abs(np.median(np.append(others, often[0])) - often[0]) < _EXACT * values.std() or (
            abs(np.median(others) - often[0]) < _EXACT * values.std()
        ):
            return f"holds its own median ({often[0]:.6g}) {counts.max()} times and no other value twice, as after imputation"
    return ""


def _resolution(values: FloatArray) -> int:
    """Return the decimals that all values keep to, 7 where they do not."""
    for digits in range(7):
        if np.abs(values - np.round(values, digits)).max() < 1e-11 * max(1.0, float(np.abs(values).max())):
            return digits
    return 7


def refuse_outer_tuning(inner_folds: int, candidates: int) -> None:
    """Refuse a choice among settings without inner folds to make it in."""
    if candidates > 1 and inner_folds < 2:
        text = f"inner_folds is {inner_folds} and there are {candidates} settings to choose from, so the best would be picked by "
        text += "the folds that judge it. Ask for at least 2 inner folds, or give one setting"
        _refuse("tuning scored on the outer test fold", text)


def refuse_preserved_outcome(preserve: Sequence[str], outcome: str, later: Iterable[str]) -> None:
    """Refuse harmonisation that preserves the outcome, or what is known only after treatment."""
    for name in preserve:
        if name in {outcome, *later} or _DISGUISED.search(name) or _LATER.search(name):
            text = f"'{name}' would write the label into every feature. Preserve only what is known of a new patient (age, sex)"
            _refuse("outcome among ComBat's preserved covariates", text)


def refuse_session_ids(people: Sequence[str]) -> None:
    """Refuse ids of sessions in the place of ids of people."""
    bases = {re.sub(r"_(?:ses|run|visit)-?\w+$", "", name) for name in people}
    if len(bases) < len(set(people)):
        name = next(name for name in people if re.search(r"_(?:ses|run|visit)-?\w+$", name))
        text = f"ids such as '{name}' name sessions, so that scans of one person would be taken for people. Give the "
        _refuse("one person in two folds", text + "participant's id of every row as people=")


def refuse_shared_people(folds: Sequence[tuple[Any, Any]], people: np.ndarray) -> None:
    """Refuse folds of the user in which somebody is in training and in test."""
    for index, (train, test) in enumerate(folds):
        shared = sorted(set(people[np.asarray(train)].tolist()) & set(people[np.asarray(test)].tolist()))
        if shared:
            text = f"fold {index} has '{shared[0]}'" + (f" and {len(shared) - 1} more" if len(shared) > 1 else "")
            _refuse("one person in two folds", text + " in training and in test; keep all rows of a person together")


def refuse_travellers(people: np.ndarray, sites: np.ndarray) -> None:
    """Refuse somebody who was seen at two sites: a site left out would share a person with training."""
    home: dict[str, str] = {}
    for person, site in zip(people.tolist(), sites.tolist(), strict=True):
        if home.setdefault(person, site) != site:
            text = f"'{person}' was seen at sites '{home[person]}' and '{site}'. Keep the rows of one site a person"
            _refuse("one person in two folds", text)


def refuse_repeated_rows(table: pd.DataFrame) -> None:
    """Refuse identical rows of predictors under different ids: the same person twice."""
    continuous = table[[name for name in table.columns if table[name].nunique() >= 10]]
    if continuous.shape[1] < 2 or not continuous.duplicated().any():
        return
    pair = continuous.index[continuous.duplicated(keep=False)].tolist()[:2]
    text = f"rows {pair[0]} and {pair[1]} have the same values in every continuous predictor. Give people=, or drop the copies"
    _refuse("one person in two folds", text)


def refuse_later(
    names: Iterable[str], weeks: Mapping[str, float], landmark_week: float | None, allow: Mapping[str, str]
) -> None:
    """Refuse predictors measured after the start of treatment, or after the landmark where one is declared.

    Raises
    ------
    LeakageError
        With the predictor and its week; a name that sounds later ("week8_x", "change_x") is refused unless `weeks` dates it.
    """
    limit = 0.0 if landmark_week is None else landmark_week
    point = "baseline" if landmark_week is None else f"the landmark (week {limit:g})"
    for name in names:
        if name in allow:
            continue
        if name in weeks:
            if weeks[name] > limit:
                text = (
                    f"'{name}' was measured in week {weeks[name]:g}, after {point}. Leave it out, or declare a landmark"
                )
                _refuse(
                    "a post-baseline variable as a baseline feature", text + ", which keeps only patients at risk then"
                )
        elif _LATER.search(name):
            text = f"'{name}' sounds as if measured after {point}. Date it with weeks={{'{name}': ...}} (0 or less is baseline), "
            _refuse("a post-baseline variable as a baseline feature", text + "or leave it out")


def refuse_disguised(table: pd.DataFrame, outcome: FloatArray, *, scale: str, allow: Mapping[str, str]) -> None:
    """Refuse the outcome in disguise: scale items, words for the result of treatment, a column that tells the outcome.

    Raises
    ------
    LeakageError
        With the column and what gave it away. `allow` takes a reason for columns that are known before treatment.
    """
    for name in table.columns:
        if name in allow:
            continue
        remedy = f"Leave it out; if it is known before treatment, say why with allow={{'{name}': 'reason'}}"
        if _DISGUISED.search(name):
            _refuse("the outcome in disguise", f"'{name}' is known only when the treatment has worked or not. {remedy}")
        if _ITEM.search(name) and (
            not scale or name.lower().startswith(scale.lower()) or name.lower().startswith("item")
        ):
            _refuse("the outcome in disguise", f"'{name}' is an item of the outcome's scale. {remedy}")
        told = _telling(table[name].to_numpy(dtype=float), outcome)
        if told:
            _refuse("the outcome in disguise", f"'{name}' alone tells the outcome ({told}). {remedy}")


def _telling(values: FloatArray, outcome: FloatArray) -> str:
    known = np.isfinite(values)
    x, y = values[known], outcome[known]
    if x.size < _ENOUGH or np.ptp(x) == 0 or np.ptp(y) == 0:
        return ""
    if set(y.tolist()) == {0.0, 1.0}:
        if min((y == 1).sum(), (y == 0).sum()) < 5:
            return ""
        wins = (x[y == 1][:, None] > x[y == 0]) + 0.5 * (x[y == 1][:, None] == x[y == 0])
        area = max(float(wins.mean()), 1.0 - float(wins.mean()))
        return f"AUC {area:.2f}" if area >= _TELLING_AUC else ""
    r = float(np.corrcoef(x, y)[0, 1])
    return f"r {r:.2f}" if abs(r) >= _TELLING_R else ""


def require_reasons(allow: Mapping[str, str]) -> None:
    """Refuse an exception without a reason."""
    for name, reason in allow.items():
        if not str(reason).strip():
            msg = f"allow['{name}'] has no reason; say in words why it is known before treatment"
            raise InputError(msg)
