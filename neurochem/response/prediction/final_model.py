"""The model fitted to everybody by the inner procedure, and its card."""

import importlib.metadata
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from neurochem.records import plain
from neurochem.response.prediction.card import ModelCard, row_digests
from neurochem.response.prediction.folds import fold_ids
from neurochem.response.prediction.harmonised import HarmonisedRidge
from neurochem.response.prediction.learners import Learner, PipelineLearner, RidgeLearner
from neurochem.response.prediction.plan import Plan
from neurochem.response.prediction.prediction_table import PredictionTable
from neurochem.response.prediction.resampling import Rows

_PACKAGES = ("neurochem", "numpy", "scipy", "pandas", "scikit-learn")


def model_card(
    learner: Learner,
    table: PredictionTable,
    rows: Rows,
    plan: Plan,
    *,
    performance: tuple[pd.DataFrame, pd.DataFrame],
    settings: Mapping[str, Any],
    rng: np.random.Generator,
) -> ModelCard | None:
    """Return the card of the final model, or None where a pipeline of the user cannot be written as coefficients."""
    inner = fold_ids(rows.strata(rows.outcome[None]), rows.people, rows.inner, rng)
    harmonisation: dict[str, Any] = {}
    if isinstance(learner, RidgeLearner):
        numbers = _of_ridge(learner, rows, inner)
    elif isinstance(learner, HarmonisedRidge):
        numbers, harmonisation = _of_pipeline(learner.whole, rows, inner)
    else:
        return None
    low, high = table.frame.min(), table.frame.max()
    return ModelCard(
        outcome=table.label, binary=table.binary, unit=table.unit, predictors=tuple(map(str, table.frame.columns)),
        columns=raw_columns(table), levels=dict(table.levels), ranges=tuple(zip(low.tolist(), high.tolist(), strict=True)),
        harmonisation=harmonisation, training=_training(table), digests=row_digests(table.frame),
        performance={
            **{str(r["measure"]): _known(r) for _, r in performance[0].iterrows()},
            "by group": {str(r["group"]): [r["n"], r["measure"], *_known(r)] for _, r in performance[1].iterrows()},
        },
        intended_use=plan.intended_use, versions=versions(), settings=plain(dict(settings)), **numbers,
    )  # fmt: skip


def _known(row: pd.Series) -> list[float | None]:
    """Return value and limits of a measure, None where there is none."""
    cells = [float(row[name]) for name in ("value", "low95", "high95")]
    return [cell if np.isfinite(cell) else None for cell in cells]


def raw_columns(table: PredictionTable) -> tuple[str, ...]:
    """Return the columns that a new table must have, before coding."""
    dummies = {f"{name}[{level}]": name for name, levels in table.levels.items() for level in levels}
    return tuple(dict.fromkeys(dummies.get(str(name), str(name)) for name in table.frame.columns))


def _of_ridge(learner: RidgeLearner, rows: Rows, inner: np.ndarray) -> dict[str, Any]:
    everyone = np.ones((1, rows.outcome.size))
    choice = learner.run(rows.outcome[None], everyone, inner).choice
    penalty = float(learner.penalties[int(choice[0])])
    parts, _ = learner.fit(rows.outcome[None], everyone, np.array([penalty]))
    numbers = {
        name: tuple(parts[key][0].tolist())
        for name, key in (("centre", "centre"), ("scale", "scale"), ("slopes", "slopes"))
    }
    return {**numbers, "fill": numbers["centre"], "intercept": float(parts["intercept"][0]), "penalty": penalty}


def _of_pipeline(learner: PipelineLearner, rows: Rows, inner: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
    search = learner.search(rows.outcome, np.arange(rows.outcome.size), inner[0])
    steps = dict(getattr(search, "best_estimator_", search).steps)
    scaler, model, combat = steps["scale"], steps["model"], steps["combat"]
    fill = steps["impute"].named_transformers_["mean"].statistics_
    penalty = float(1.0 / model.C) if learner.binary else float(model.alpha)
    numbers = {
        "fill": tuple(np.nan_to_num(fill).tolist()), "centre": tuple(scaler.mean_.tolist()),
        "scale": tuple(scaler.scale_.tolist()), "slopes": tuple(np.ravel(model.coef_).tolist()),
        "intercept": float(np.ravel(model.intercept_)[0]), "penalty": penalty,
    }  # fmt: skip
    record = {
        "method": "ComBat", "features": list(combat.features_), "preserve": list(combat.preserve),
        "alpha": combat.alpha_.tolist(), "beta": combat.beta_.tolist(), "sigma": combat.sigma_.tolist(),
        "sites": list(combat.effects_.sites), "location": combat.effects_.location.tolist(),
        "scale": combat.effects_.scale.tolist(),
    }  # fmt: skip
    return numbers, record


def _training(table: PredictionTable) -> dict[str, Any]:
    """Return a summary of the people without the data of anybody."""
    record: dict[str, Any] = {
        "rows": len(table.frame), "people": len(set(table.people.tolist())), "outcome_mean": float(table.outcome.mean()),
        "missing": {str(k): int(v) for k, v in table.frame.isna().sum().items() if v},
        "mean": {str(k): float(v) for k, v in table.frame.mean().items()},
        "sd": {str(k): float(v) for k, v in table.frame.std().items()},
        "not_tested": ["other sites than those of training", "use with other scanners or models"],
    }  # fmt: skip
    if table.binary:
        record["events"] = int(table.outcome.sum())
    if table.sites is not None:
        names, counts = np.unique(table.sites, return_counts=True)
        record["sites"] = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return record


def versions() -> dict[str, str]:
    """Return the versions of what made the model."""
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
