"""Prediction of outcome, judged in people left out, with every guard on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from neurochem.errors import InputError, unknown_name
from neurochem.quality import Flag
from neurochem.response.cohort import Cohort
from neurochem.response.prediction import leakage
from neurochem.response.prediction.curves import calibration_curve
from neurochem.response.prediction.doubts import doubts
from neurochem.response.prediction.final_model import model_card
from neurochem.response.prediction.handed_pipeline import refuse_fitted
from neurochem.response.prediction.harmonised import HarmonisedRidge
from neurochem.response.prediction.learners import Learner, PipelineLearner, RidgeLearner
from neurochem.response.prediction.metrics import net_benefit
from neurochem.response.prediction.performance import increments, measures, site_table
from neurochem.response.prediction.plan import Plan
from neurochem.response.prediction.prediction_table import (
    CohortQuestion,
    PredictionTable,
    table_of_arrays,
    table_of_cohort,
)
from neurochem.response.prediction.resampling import (
    Nested,
    Rows,
    headline,
    learning_curve,
    nested,
    optimism,
    permutation_test,
)
from neurochem.response.prediction.result import PredictionResult
from neurochem.response.prediction.sample_size import SampleSize, riley_binary, riley_continuous
from neurochem.response.prediction.subgroups import subgroup_table
from neurochem.solve.threads import one_library_thread

_SITE = "site"
_MANY_SITES = 3
_FEW_EVENTS = 10
_CLIP = 1e-9


def predict(  # noqa: PLR0913 - each keyword is one choice of the analysis and belongs in its record
    data: Cohort | pd.DataFrame,
    outcome: str | ArrayLike,
    *,
    rng: np.random.Generator,
    predictors: Sequence[str] | None = None,
    people: ArrayLike | None = None,
    sites: ArrayLike | None = None,
    weeks: Mapping[str, float] | None = None,
    landmark: str | float | None = None,
    outcome_type: str = "response",
    endpoint_visit: str | None = None,
    pipeline: Any = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    folds: Sequence[tuple[ArrayLike, ArrayLike]] | None = None,
    **choices: Any,
) -> PredictionResult:
    """Fit a prediction model and judge it in people that it has not seen.

    Parameters
    ----------
    data : Cohort or DataFrame, shape (n, p)
        The study; or one named column a predictor, raw values, missing as NaN.
    outcome : str or array_like, shape (n,)
        Scale of the cohort; or 0 and 1 (a risk is predicted) or other numbers.
    rng : Generator
        Source of folds, shuffles and bootstrap samples.
    predictors : sequence of str, optional
        Columns to use. Of a cohort: "BPND midbrain", "baseline_score", columns of people; all markers at baseline with
        severity, age and sex by default. "BPND midbrain @ week2" is later than baseline and needs a landmark.
    people, sites : array_like, shape (n,), optional
        Person and site of each row of a DataFrame. All rows of a person stay together; a column participant_id serves too.
    weeks : mapping of str to float, optional
        Week in which a column of the DataFrame was measured; 0 or less is baseline.
    landmark : str or float, optional
        Visit (cohort) or week (DataFrame) up to which predictors may reach; of a cohort only patients still at risk then
        are used.
    outcome_type, endpoint_visit : str
        Of a cohort, as for `associate`.
    pipeline, grid : optional
        An unfitted scikit-learn pipeline and its settings to choose among, instead of the ridge model.
    folds : sequence of (train, test), optional
        Outer folds of your own; random ones, stratified by outcome and site, by default.
    **choices
        Fields of `Plan`: outer_folds 5, inner_folds 3, repeats 20, penalties, permutations 1000, bootstraps 200,
        learning_sizes 6, harmonise "none" or "combat", harmonised, preserve, unseen_site, anticipated_r2, allow,
        intended_use.

    Returns
    -------
    PredictionResult
        `summary()`, `to_frame()`, `plot(kind)`, `card`.

    Raises
    ------
    LeakageError
        Where the model would know what it must not: the message names the leak.
    InputError, UnknownNameError
        Where there are too few people for the folds, or a name is not known.

    Notes
    -----
    Penalised logistic (ridge) or linear model; the penalty by log loss (squared error) in inner folds. Where sites are known
    the AUC compares people of the same site only: noise at sites that differ in response then has 0.50 instead of 0.59, and a
    true effect of 1 on the log-odds in 120 people at three sites is found in 93 instead of 98 % (p, 40 cohorts). The interval of
    the AUC is that of Nadeau and Bengio on the logit scale: in simulation it covers 92 to 95 % of the time (60 and 150 people,
    150 cohorts each; the truth is the mean AUC of the procedure at that size). With three sites or more each is also left
    out in turn. The p of the shuffled labels tests the reported mean over the repeats. Shuffling labels with
    harmonise="combat" takes minutes for 1,000 shuffles, without it seconds.

    References
    ----------
    Collins et al. (2024), BMJ 385:e078378 (TRIPOD+AI). Riley et al. (2020), BMJ 368:m441. Nadeau, Bengio (2003), Mach
    Learn 52:239.
    """
    leakage.refuse_selected(predictors)
    plan = _plan(choices)
    if pipeline is not None:
        if grid is not None and not isinstance(grid, Mapping):
            msg = f"grid is a {type(grid).__name__}; give one mapping of a setting's name to the values to choose among"
            raise InputError(msg)
        refuse_fitted(pipeline)
        leakage.refuse_outer_tuning(plan.inner_folds, int(np.prod([len(v) for v in (grid or {}).values()])))
    table = _table(data, outcome, predictors, people, sites, weeks or {}, landmark, outcome_type, endpoint_visit, plan)
    leakage.refuse_preserved_outcome(plan.preserve, table.scale or "outcome", _telling_preserved(table, plan))
    if table.sites is not None:
        leakage.refuse_travellers(table.people, table.sites)
    rows = _rows(table, plan)
    own = None if folds is None else _own_folds(folds, table.people, plan.repeats)
    learner = _learner(table, plan, pipeline, grid or {})
    settings = _settings(table, plan, pipeline, folds)
    with one_library_thread():
        return _judge(learner, table, rows, plan, rng, own, settings)


def _plan(choices: Mapping[str, Any]) -> Plan:
    known = [item.name for item in fields(Plan)]
    for name in choices:
        if name not in known:
            raise unknown_name(name, known, kind="choice of predict")
    return Plan(**choices)


def _telling_preserved(table: PredictionTable, plan: Plan) -> list[str]:
    """Return the preserved covariates that tell the outcome; a reason in `allow` is no reason to harmonise by them."""
    columns = {
        name: [c for c in table.frame.columns if c == name or c.startswith(f"{name}[")] for name in plan.preserve
    }
    return [
        name for name, coded in columns.items()
        if any(leakage.telling(table.frame[c].to_numpy(dtype=float), table.outcome) for c in coded)
    ]  # fmt: skip


def _table(  # noqa: PLR0913, PLR0917 - the choices of `predict`, handed on
    data: Any, outcome: Any, predictors: Any, people: Any, sites: Any, weeks: Any, landmark: Any, outcome_type: str,
    endpoint_visit: str | None, plan: Plan,
) -> PredictionTable:  # fmt: skip
    if isinstance(predictors, str):
        msg = f"predictors is the text '{predictors}'; give a list of names"
        raise InputError(msg)
    if isinstance(data, Cohort):
        if not isinstance(outcome, str):
            msg = "outcome must be the name of a scale when the data are a cohort, for example 'madrs'"
            raise InputError(msg)
        names = None if predictors is None else tuple(predictors)
        question = CohortQuestion(outcome, names, outcome_type, endpoint_visit, landmark, _SITE)
        return table_of_cohort(data, question, plan.allow)
    frame = data
    if predictors is not None:
        for name in predictors:
            if name not in data.columns:
                raise unknown_name(name, map(str, data.columns), kind="predictor")
        kept = [*predictors, *(["participant_id"] if people is None and "participant_id" in data.columns else [])]
        frame = data[list(dict.fromkeys(kept))]
    week = None if landmark is None else float(landmark)
    return table_of_arrays(
        frame, outcome, people=people, sites=sites, weeks=weeks, landmark_week=week, allow=plan.allow
    )


def _rows(table: PredictionTable, plan: Plan) -> Rows:
    """Return who the rows are, or refuse folds that would lack a class."""
    people = np.unique(table.people, return_inverse=True)[1]
    sites = np.zeros(len(people), dtype=np.int64)
    if table.sites is not None:
        sites = np.unique(table.sites, return_inverse=True)[1]
    count = int(people.max()) + 1
    if table.binary:
        classes = [len(set(people[table.outcome == value].tolist())) for value in (0.0, 1.0)]
        count = min(classes)
    left = count - -(-count // plan.outer_folds)
    if left < max(plan.inner_folds, 2):
        what = "people in the rarer class" if table.binary else "people"
        msg = f"{count} {what} are too few for {plan.outer_folds} outer and {plan.inner_folds} inner folds; ask for fewer folds, "
        msg += "or look for association with associate (penalised where events are few)"
        raise InputError(msg)
    return Rows(table.outcome, people, sites, table.binary, plan.outer_folds, max(plan.inner_folds, 2))


def _own_folds(folds: Sequence[tuple[Any, Any]], people: np.ndarray, repeats: int) -> np.ndarray:
    """Return folds of the user as one row of fold numbers a repeat."""
    leakage.refuse_shared_people(folds, people)
    ids = np.full(people.size, -1, dtype=np.int64)
    for index, (_, test) in enumerate(folds):
        ids[np.asarray(test)] = index
    if (ids < 0).any() or sum(len(np.asarray(test)) for _, test in folds) != people.size:
        msg = "folds must leave every row out exactly once; use the folds of one repeat"
        raise InputError(msg)
    return np.tile(ids, (repeats, 1))


def _learner(table: PredictionTable, plan: Plan, pipeline: Any, grid: Mapping[str, Sequence[Any]]) -> Learner:
    if pipeline is not None:
        return PipelineLearner(table.frame, pipeline, grid, table.binary)
    if plan.harmonise == "none":
        return RidgeLearner(table.frame.to_numpy(dtype=float), plan.penalties, table.binary)
    from neurochem.response.prediction.pipeline import ridge_pipeline

    _check_sites(table, plan)
    usual = {*table.baseline, *plan.preserve}
    columns = [str(name) for name in table.frame.columns]
    changed = plan.harmonised or tuple(name for name in columns if "[" not in name and name not in usual)
    made, setting = ridge_pipeline(
        columns, binary=table.binary, site=_SITE, harmonised=changed, preserve=plan.preserve, unseen=plan.unseen_site
    )
    values = [1.0 / p for p in plan.penalties] if table.binary else list(plan.penalties)
    whole = PipelineLearner(table.frame.assign(**{_SITE: table.sites}), made, {setting: values}, table.binary)
    return HarmonisedRidge(whole, plan.penalties)


def _check_sites(table: PredictionTable, plan: Plan) -> None:
    """Refuse harmonisation that cannot work in the folds."""
    if table.sites is None:
        msg = "harmonise is 'combat' and the site of some rows is not known; give sites="
        raise InputError(msg)
    for name in plan.preserve:
        if name not in table.frame.columns:
            raise unknown_name(name, map(str, table.frame.columns), kind="preserved covariate")
    names = sorted(set(table.sites.tolist()))
    if len(names) >= _MANY_SITES and plan.unseen_site == "refuse":
        msg = f"with {len(names)} sites each is left out in turn, and ComBat knows nothing of a site it has not seen. Choose "
        msg += "unseen_site='unharmonised' (raw values there), unseen_site='within_site' (an unlabelled sample of the new site "
        msg += "standardises it), or harmonise='none' with site differences left to the model"
        raise InputError(msg)
    for name in names:
        for value in (0.0, 1.0) if table.binary else ():
            count = int(((table.sites == name) & (table.outcome == value)).sum())
            if count < 3:
                msg = f"site '{name}' has {count} rows with outcome {value:g}; in some training rows ComBat would see one class "
                msg += "only there. Leave the site out, or use harmonise='none'"
                raise InputError(msg)


def _settings(table: PredictionTable, plan: Plan, pipeline: Any, folds: Any) -> dict[str, Any]:
    chosen = "ridge" if pipeline is None else type(pipeline).__name__
    record = {**asdict(plan), **table.record, "model": chosen, "predictor_columns": list(map(str, table.frame.columns))}
    record["several_sites"] = table.sites is not None and len(set(table.sites.tolist())) > 1
    if folds is not None:
        record |= {"repeats": 1, "outer_folds": len(folds), "own_folds": True}
    return record


def _judge(
    learner: Learner, table: PredictionTable, rows: Rows, plan: Plan, rng: np.random.Generator,
    own: np.ndarray | None, settings: dict[str, Any],
) -> PredictionResult:  # fmt: skip
    repeats = 1 if own is not None else plan.repeats
    labels = np.tile(table.outcome, (repeats, 1))
    main = nested(learner, rows, labels, rng, None if own is None else own[:1])
    best = float(np.nanmean(headline(main, binary=table.binary)))
    events = _events(table, rows)
    leakage.refuse_too_good(
        best, rows.outcome.size, min(events, int(rows.people.max()) + 1 - events) if table.binary else rows.outcome.size,
        binary=table.binary, allow=plan.allow,
    )  # fmt: skip
    plain = _baseline(table, rows, plan, labels, main, rng)
    nothing = _nothing(main, binary=table.binary)
    added = pd.DataFrame() if plain is None else increments(main, plain, nothing, binary=table.binary)
    numbers = measures(main, binary=table.binary)
    sites, pooled = _sites(learner, table, rows, rng)
    predicted = main.predicted(binary=table.binary).mean(axis=0)
    size = _sample_size(table, plan)
    test = (
        permutation_test(learner, rows, plan.permutations, rng, best if own is None else None)
        if plan.permutations
        else None
    )
    groups = subgroup_table(table.frame, table.outcome, predicted, binary=table.binary)
    card = model_card(learner, table, rows, plan, performance=(numbers, groups), settings=settings, rng=rng)
    empty = pd.DataFrame()
    cuts = np.round(np.arange(0.05, 0.96, 0.05), 2)
    return PredictionResult(
        outcome=table.label, unit=table.unit, binary=table.binary, n=rows.outcome.size, people=int(rows.people.max()) + 1,
        events=events, measures=numbers, comparison=_comparison(table, main, plain),
        increment=added, sites=sites, pooled=pooled,
        permutation=test, optimism=optimism(learner, rows, plan.bootstraps, rng) if plan.bootstraps else empty,
        learning=learning_curve(learner, rows, plan.learning_sizes, repeats, rng) if plan.learning_sizes else empty,
        decision=net_benefit(table.outcome, predicted, cuts) if table.binary else empty,
        calibration_curve=calibration_curve(table.outcome, predicted, rng), sample_size=size, card=card,
        subgroups=groups,
        out_of_sample=pd.DataFrame({"participant_id": table.people, "outcome": table.outcome, "predicted": predicted}),
        flags=(*_flags(table, rows, plan, size, plain, card), *doubts(table, best)), settings=settings,
    )  # fmt: skip


def _baseline(
    table: PredictionTable, rows: Rows, plan: Plan, labels: np.ndarray, main: Nested, rng: np.random.Generator
) -> Nested | None:
    """Return the model of severity, age and sex in the same folds, or None where it is unknown or all there is."""
    if not table.baseline or len(table.baseline) == table.frame.shape[1]:
        return None
    values = table.frame[list(table.baseline)].to_numpy(dtype=float)
    return nested(RidgeLearner(values, plan.penalties, table.binary), rows, labels, rng, main.folds)


def _nothing(main: Nested, *, binary: bool) -> Nested:
    """Return the prediction of the training rows' mean outcome for everybody."""
    reference = special.logit(np.clip(main.reference, _CLIP, 1 - _CLIP)) if binary else main.reference
    return replace(main, linear=reference)


def _comparison(table: PredictionTable, main: Nested, plain: Nested | None) -> pd.DataFrame:
    nothing = _nothing(main, binary=table.binary)
    records = []
    for name, found in (("no information", nothing), ("severity, age and sex", plain), ("this model", main)):
        if found is None:
            continue
        found_measures = measures(found, binary=table.binary).set_index("measure")["value"]
        keys = ("AUC", "Brier", "scaled Brier") if table.binary else ("R2", "MAE", "RMSE")
        record: dict[str, Any] = {"model": name, **{key: float(found_measures[key]) for key in keys}}
        records.append(record)
    return pd.DataFrame(records)


def _sites(learner: Learner, table: PredictionTable, rows: Rows, rng: np.random.Generator) -> tuple[pd.DataFrame, Any]:
    """Return the performance at each site left out, where there are three or more."""
    if table.sites is None or len(set(table.sites.tolist())) < _MANY_SITES:
        return pd.DataFrame(), None
    found = nested(learner, rows, table.outcome[None], rng, rows.sites[None])
    return site_table(found, table.sites, binary=table.binary)


def _events(table: PredictionTable, rows: Rows) -> int:
    return len(set(rows.people[table.outcome == 1].tolist())) if table.binary else 0


def _sample_size(table: PredictionTable, plan: Plan) -> SampleSize:
    count = table.frame.shape[1]
    if table.binary:
        return riley_binary(count, float(table.outcome.mean()), plan.anticipated_r2)
    return riley_continuous(count, 0.2 if plan.anticipated_r2 is None else plan.anticipated_r2)


def _flags(
    table: PredictionTable, rows: Rows, plan: Plan, size: SampleSize, plain: Nested | None, card: Any
) -> tuple[Flag, ...]:
    flags = []
    people = int(rows.people.max()) + 1
    if people < size.needed:
        flags.append(Flag("below_riley", size.sentence(people)))
    rare = min(_events(table, rows), people - _events(table, rows)) if table.binary else _FEW_EVENTS
    if rare < _FEW_EVENTS:
        flags.append(Flag("few_events", f"{rare} people in the rarer class: every measure is very uncertain"))
    if plain is None:
        flags.append(Flag("no_baseline_model", "severity, age and sex are not among the predictors or are all of them"))
    if 0 < plan.permutations < 1000:
        flags.append(Flag("few_permutations", f"{plan.permutations} label shuffles; take 1000 or more", "info"))
    if people < 200 and plan.repeats < 20:
        flags.append(
            Flag("few_repeats", f"{plan.repeats} repeats of the folds; take 20 or more below 200 people", "info")
        )
    if table.record.get("sites_unknown"):
        flags.append(
            Flag(
                "sites_unknown", f"the site of {table.record['sites_unknown']} people is not known: no site is left out"
            )
        )
    if card is None:
        flags.append(Flag("no_card", "a pipeline of your own has no model card; save it with its own tools", "info"))
    for name, reason in plan.allow.items():
        flags.append(Flag("allowed_by_user", f"'{name}' passed the guards by your word: {reason}"))
    return tuple(flags)
