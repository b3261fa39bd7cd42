"""Guards that refuse a model which knows what it should not: each names the leak and says what to do.

They catch what can be seen in names, dates, ids, fitted objects and numbers. They cannot see a choice made by eye or in
another program: what was tried before belongs in the report.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from neurochem.errors import InputError
from neurochem.response.prediction.refusal import refuse
from neurochem.response.screening.screen_result import SelectedMarkers
from neurochem.units import FloatArray

# Names of things alone are no sign of time: T2, V1, M1, D2 and BP8 are a relaxation, areas, a cortex and receptors.
_LATER = re.compile(
    r"(?:^|[^a-z])(?:week|wk|month)[-_ .]?0*[1-9]\d*(?:$|[^0-9])|(?:^|[^a-z])w0*[1-9]\d?(?:$|[^0-9a-z])"
    # visit1, ses-1 and day1 are baseline in many studies
    r"|(?:^|[^a-z])(?:day|visit|ses(?:sion)?)[-_ .]?0*(?:[2-9]|[1-9]\d)(?:$|[^0-9])|(?:^|[^a-z])ses-?(?:week|follow)"
    r"|(?:^|[^0-9.])0*[1-9]\d*[-_ ]?(?:weeks?|wks?|months?|mo|days?)(?:$|[^a-z])|end_?point|follow_?up|(?:^|[^a-z])fu(?:$|[^a-z])"
    r"|(?:^|[^a-z])(?:change|delta|diff|post|after|end|discharge)(?:$|[^a-z])|post_?treatment|on_?drug|occupancy|slope",
    re.IGNORECASE,
)
# episodes_last_12_months looks back
_BACK = re.compile(r"(?:last|past|previous|prior)[-_ ]?\d+[-_ ]?[a-z]+", re.IGNORECASE)
# bpW8, bpChange: a capital begins a word
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DISGUISED = re.compile(
    r"dose_?(?:reached|final|max|end)|(?:final|max|last|end)_?dose|respon(?:se|der)|remi(?:ssion|tter|tted)|improve|outcome"
    r"|complet(?:er|ed)|drop_?out|withdr|n_?visits|weeks_?in|(?:^|_)cgi_?i(?:$|_)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"(?:^|_)(?:item|q)_?\d+", re.IGNORECASE)
# A marker that alone tells the outcome this well has not been seen in depression; it is the outcome, or what follows it.
_TELLING_AUC, _TELLING_R, _ENOUGH = 0.97, 0.90, 20


def sounds_later(name: str) -> bool:
    """Return whether a name sounds as if measured after baseline: "week8_x", "bpW8", "x_diff"; not T2, V1 or D2."""
    forward = _BACK.sub("", name)
    return bool(_LATER.search(_CAMEL.sub("_", forward)) or _LATER.search(forward))


def refuse_selected(predictors: object) -> None:
    """Refuse markers that were chosen by how they go with the outcome in the same people."""
    if isinstance(predictors, SelectedMarkers):
        text = f"these predictors come from a {predictors.source} in the same people. Give all candidates and let the "
        refuse(
            "selection before splitting", text + "penalty (or a selection step in the pipeline) choose inside the folds"
        )


def refuse_outer_tuning(inner_folds: int, candidates: int) -> None:
    """Refuse a choice among settings without inner folds to make it in."""
    if candidates > 1 and inner_folds < 2:
        text = f"inner_folds is {inner_folds} and there are {candidates} settings to choose from, so the best would be picked by "
        text += "the folds that judge it. Ask for at least 2 inner folds, or give one setting"
        refuse("tuning scored on the outer test fold", text)


def refuse_preserved_outcome(preserve: Sequence[str], outcome: str, later: Iterable[str]) -> None:
    """Refuse harmonisation that preserves the outcome, or what is known only after treatment."""
    for name in preserve:
        if name in {outcome, *later} or _DISGUISED.search(name) or sounds_later(name):
            text = f"'{name}' would write the label into every feature. Preserve only what is known of a new patient (age, sex)"
            refuse("outcome among ComBat's preserved covariates", text)


def refuse_shared_people(folds: Sequence[tuple[Any, Any]], people: np.ndarray) -> None:
    """Refuse folds of the user in which somebody is in training and in test."""
    for index, (train, test) in enumerate(folds):
        shared = sorted(set(people[np.asarray(train)].tolist()) & set(people[np.asarray(test)].tolist()))
        if shared:
            text = f"fold {index} has '{shared[0]}'" + (f" and {len(shared) - 1} more" if len(shared) > 1 else "")
            refuse("one person in two folds", text + " in training and in test; keep all rows of a person together")


def refuse_travellers(people: np.ndarray, sites: np.ndarray) -> None:
    """Refuse somebody who was seen at two sites: a site left out would share a person with training."""
    home: dict[str, str] = {}
    for person, site in zip(people.tolist(), sites.tolist(), strict=True):
        if home.setdefault(person, site) != site:
            text = f"'{person}' was seen at sites '{home[person]}' and '{site}'. Keep the rows of one site a person"
            refuse("one person in two folds", text)


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
                refuse(
                    "a post-baseline variable as a baseline feature", text + ", which keeps only patients at risk then"
                )
        elif sounds_later(name):
            text = f"'{name}' sounds as if measured after {point}. Date it with weeks={{'{name}': ...}} (0 or less is baseline), "
            refuse("a post-baseline variable as a baseline feature", text + "or leave it out")


def refuse_disguised(table: pd.DataFrame, outcome: FloatArray, *, scale: str, allow: Mapping[str, str] | None) -> None:
    """Refuse the outcome in disguise: scale items, words for the result of treatment, a column that tells the outcome.

    Raises
    ------
    LeakageError
        With the column and what gave it away. `allow` takes a reason for columns that are known before treatment; it is None
        where the caller offers no such choice.
    """
    for name in table.columns:
        if name in (allow or ()):
            continue
        remedy = (
            "Leave it out"
            if allow is None
            else f"Leave it out; if it is known before treatment, say why with allow={{'{name}': 'reason'}}"
        )
        if _DISGUISED.search(name):
            refuse("the outcome in disguise", f"'{name}' is known only when the treatment has worked or not. {remedy}")
        if _ITEM.search(name) and (
            not scale or name.lower().startswith(scale.lower()) or name.lower().startswith("item")
        ):
            refuse("the outcome in disguise", f"'{name}' is an item of the outcome's scale. {remedy}")
        values = table[name].to_numpy(dtype=float)
        hole = (
            telling(np.isnan(values).astype(float), outcome) if set(np.unique(outcome).tolist()) == {0.0, 1.0} else ""
        )
        if hole:
            refuse("the outcome in disguise", f"where '{name}' is missing tells the outcome ({hole}). {remedy}")
        told = telling(values, outcome)
        if told:
            refuse("the outcome in disguise", f"'{name}' alone tells the outcome ({told}). {remedy}")


def telling(values: FloatArray, outcome: FloatArray) -> str:
    """Return how well a column alone tells the outcome where that is past belief, or nothing."""
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
    # ranks see through any transformation that keeps the order
    r = max((float(np.corrcoef(*pair)[0, 1]) for pair in ((x, y), (stats.rankdata(x), stats.rankdata(y)))), key=abs)
    return f"r {r:.2f}" if abs(r) >= _TELLING_R else ""


def refuse_telling_sites(sites: np.ndarray | None, outcome: FloatArray) -> None:
    """Refuse sites that each hold one outcome only: nothing within a site can then be predicted."""
    if sites is None or len(set(sites.tolist())) < 2 or set(np.unique(outcome).tolist()) != {0.0, 1.0}:
        return
    if all(len(set(outcome[sites == name].tolist())) == 1 for name in set(sites.tolist())):
        text = "every site has one outcome only, so that the site alone tells it, and with it every difference between "
        refuse(
            "the outcome in disguise", text + "scanners. Give the true sites, or patients of both outcomes at one site"
        )


def refuse_too_good(value: float, rows: int, rarer: int, *, binary: bool, allow: Mapping[str, str]) -> None:
    """Refuse a prediction past belief: predictors that tell the outcome together though none does so alone.

    Raises
    ------
    LeakageError
        Where the area within sites, or R2, in people left out is at least that of a column that tells the outcome, in 20 rows
        or more, and no predictor passed the guards by the user's word.
    """
    limit = _TELLING_AUC if binary else _TELLING_R**2
    if allow or rows < _ENOUGH or rarer < 5 or not value >= limit:
        return
    name = "AUC" if binary else "R2"
    text = f"the predictors together tell the outcome ({name} {value:.2f} in people left out), as a score at baseline and its "
    text += "fall do. Look for parts of the outcome among them and leave these out; if all are known before treatment, say why "
    refuse("the outcome in disguise", text + "of one of them with allow={name: 'reason'}")


def require_reasons(allow: Mapping[str, str]) -> None:
    """Refuse an exception without a reason."""
    for name, reason in allow.items():
        if not str(reason).strip():
            msg = f"allow['{name}'] has no reason; say in words why it is known before treatment"
            raise InputError(msg)
