"""Guards on a pipeline of the user: nothing in it may have seen rows before, at whatever depth it hides."""

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from neurochem.response.prediction.refusal import refuse

_TUNING = "tuning scored on the outer test fold"


def refuse_fitted(pipeline: Any) -> None:
    """Refuse a pipeline with a step that was fitted before, a function that carries data, or a search with its own folds.

    Raises
    ------
    LeakageError
        With the step. Names of columns that are written into a step are not seen: candidates that were picked by hand
        are the user's word.
    """
    for name, step in _steps(pipeline):
        if hasattr(step, "best_estimator_"):
            text = f"'{name}' was tuned before on all rows, and would be scored on rows that tuned it. Give it unfitted"
            refuse(_TUNING, text)
        searches = hasattr(step, "param_grid") or hasattr(step, "param_distributions")
        if searches and not isinstance(getattr(step, "cv", None), int | None):
            text = f"'{name}' brings folds of its own (cv={type(step.cv).__name__}), which do not keep to the training rows. "
            refuse(_TUNING, text + "Give the settings as grid= and leave the folds to predict")
        if callable(getattr(step, "func", None)):
            _refuse_carrying(name, step)
        if not _is_fitted(step):
            continue
        text = f"step '{name}' ({type(step).__name__}) is already fitted; give it unfitted, so that it learns from the "
        refuse(_kind_of(step), text + "training rows of each fold")


def _steps(pipeline: Any) -> Iterable[tuple[str, Any]]:
    """Return every estimator at every depth, inner ones before what holds them."""
    inner = pipeline.get_params(deep=True) if hasattr(pipeline, "get_params") else {}
    for name in sorted(inner, key=lambda key: -key.count("__")):
        if _is_step(inner[name]):
            yield name.rpartition("__")[2], inner[name]
    yield ("search" if hasattr(pipeline, "param_grid") else "model"), pipeline


def _is_step(value: Any) -> bool:
    return not isinstance(value, type) and (hasattr(value, "fit") or hasattr(value, "transform"))


def _kind_of(step: Any) -> str:
    if hasattr(step, "get_support"):
        return "selection before splitting"
    if hasattr(step, "effects_"):
        return "ComBat fitted on all rows"
    return "scaling or imputation before splitting" if hasattr(step, "transform") else "model fitted before splitting"


def _is_fitted(step: Any) -> bool:
    return any(key.endswith("_") and not key.startswith("_") for key in vars(step))


def _refuse_carrying(name: str, step: Any) -> None:
    """Refuse a function that brings a fitted estimator or an array along, which the folds cannot fit anew."""
    for found in [*_carried(step.func), *(getattr(step, "kw_args", None) or {}).values()]:
        if _is_step(found) and _is_fitted(found):
            text = f"the function of step '{name}' brings a fitted {type(found).__name__}. Put the estimator itself into the "
            refuse(_kind_of(found), text + "pipeline, unfitted")
        if isinstance(found, np.ndarray | pd.DataFrame | pd.Series):
            text = f"the function of step '{name}' brings an array of its own, as a selection made on all rows would. Write a "
            refuse("selection before splitting", text + "transformer that learns it in fit from the training rows")


def _carried(function: Any) -> list[Any]:
    """Return what a function knows besides its arguments: its object, closure, defaults and the globals that it names."""
    found = [getattr(function, "__self__", None), *(getattr(function, "args", None) or ())]
    found += list((getattr(function, "keywords", None) or {}).values())
    inner = getattr(function, "func", function)
    inner = getattr(inner, "__func__", inner)
    if not inspect.isfunction(inner):
        return found
    known = inspect.getclosurevars(inner)
    found += [*known.nonlocals.values(), *known.globals.values(), *(inner.__defaults__ or ())]
    return found + [getattr(value, "__self__", None) for value in found if inspect.ismethod(value)]
