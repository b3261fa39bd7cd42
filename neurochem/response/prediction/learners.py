"""Two ways to run the same tuned model on many training sets: a batch of ridges, or any scikit-learn pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import special

from neurochem.response.prediction.ridge import Standardiser, apply_model, fit_ridge
from neurochem.units import BoolArray, FloatArray

# Sets in one batch: few enough for the cache, many enough to hide the overhead of each call.
_CHUNK = 125
_CLIP = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Predictions of a batch of models for everybody, training rows and others.

    Attributes
    ----------
    linear : array, shape (B, n)
        Log-odds, or the outcome itself for a continuous one; NaN where it was not asked for.
    choice : array of int, shape (B,)
        Place of the chosen setting in the grid.
    """

    linear: FloatArray
    choice: np.ndarray


class Learner(Protocol):
    """Whatever can be tuned on training rows and then predict."""

    @property
    def binary(self) -> bool:
        """Whether the outcome is yes or no."""
        ...

    def run(
        self, outcome: FloatArray, weights: FloatArray, inner: np.ndarray, wanted: BoolArray | None = None
    ) -> Fitted:
        """Tune and fit each training set of the batch.

        Parameters
        ----------
        outcome : array, shape (B, n)
            Labels.
        weights : array, shape (B, n)
            Weight of each row in training, zero outside it.
        inner : array of int, shape (B, n)
            Inner fold of each training row, -1 outside.
        wanted : bool array, shape (B, n), optional
            Rows to predict; all by default.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RidgeLearner:
    """Mean imputation, scaling and a ridge model, everything from training rows, penalty by inner folds.

    Attributes
    ----------
    values : array, shape (n, p)
        Predictors, NaN where missing.
    penalties : tuple of float
        Candidates, strongest first; the penalty is on the slopes of scaled predictors.
    binary : bool
        Logistic or linear model.
    """

    values: FloatArray
    penalties: tuple[float, ...]
    binary: bool

    def run(
        self, outcome: FloatArray, weights: FloatArray, inner: np.ndarray, wanted: BoolArray | None = None
    ) -> Fitted:
        """Tune and fit each training set of the batch; see `Learner.run`."""
        parts = [
            self._run(outcome[s : s + _CHUNK], weights[s : s + _CHUNK], inner[s : s + _CHUNK])
            for s in range(0, len(outcome), _CHUNK)
        ]
        return Fitted(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))

    def _run(self, outcome: FloatArray, weights: FloatArray, inner: np.ndarray) -> tuple[FloatArray, np.ndarray]:
        loss = np.zeros((len(self.penalties), len(outcome)))
        if len(self.penalties) > 1:
            for fold in range(int(inner.max()) + 1):
                loss += self.inner_loss(outcome, weights, inner, fold)
        choice = np.argmin(loss, axis=0)
        _, linear = self.fit(outcome, weights, np.array(self.penalties)[choice])
        return linear, choice

    def inner_loss(self, outcome: FloatArray, weights: FloatArray, inner: np.ndarray, fold: int) -> FloatArray:
        """Return the mean loss in one inner fold for every penalty, shape (penalties, B)."""
        train, test = weights * ((inner >= 0) & (inner != fold)), weights * (inner == fold)
        ready = Standardiser.learn(*self._centred(), train)
        design = ready.design(slice(None))
        loss = np.zeros((len(self.penalties), len(outcome)))
        found = None
        for index, penalty in enumerate(self.penalties):
            spread = self._penalty(ready, np.full(len(outcome), penalty))
            found = fit_ridge(design, outcome, train, spread, binary=self.binary, start=found)
            linear = apply_model(design, found)
            loss[index] = (test * _loss(outcome, linear, binary=self.binary)).sum(axis=1) / test.sum(axis=1)
        return loss

    def fit(
        self, outcome: FloatArray, weights: FloatArray, penalty: FloatArray
    ) -> tuple[dict[str, FloatArray], FloatArray]:
        """Fit with given penalties, shape (B,).

        Returns
        -------
        parts : dict of arrays
            intercept (B,), slopes per SD (B, p), centre (B, p) and scale (B, p) of the training rows.
        linear : array, shape (B, n)
            Predictions for everybody.
        """
        shift, unit = self._units()
        ready = Standardiser.learn(*self._centred(), weights)
        design = ready.design(slice(None))
        found = fit_ridge(design, outcome, weights, self._penalty(ready, penalty), binary=self.binary)
        slopes = found[:, 1:] * ready.scale
        parts = {
            "intercept": found[:, 0] + (found[:, 1:] * ready.fill).sum(axis=1), "slopes": slopes,
            "centre": ready.fill * unit + shift, "scale": ready.scale * unit,
        }  # fmt: skip
        return parts, apply_model(design, found)

    def _penalty(self, ready: Standardiser, penalty: FloatArray) -> FloatArray:
        # a penalty on slopes of scaled predictors is one on raw slopes times the variance
        return np.column_stack([np.zeros(len(penalty)), penalty[:, None] * ready.scale**2])

    def _units(self) -> tuple[FloatArray, FloatArray]:
        shift = np.nanmean(self.values, axis=0)
        unit = np.nanstd(self.values, axis=0)
        return shift, np.where(unit > 0, unit, 1.0)

    def _centred(self) -> tuple[FloatArray, BoolArray]:
        """Return the predictors in convenient units, zero where missing; the model does not depend on these units."""
        shift, unit = self._units()
        missing = np.isnan(self.values)
        return np.where(missing, 0.0, (self.values - shift) / unit), missing


def _loss(outcome: FloatArray, linear: FloatArray, *, binary: bool) -> FloatArray:
    """Return minus the log-likelihood of each row, or its squared error."""
    if not binary:
        return np.square(outcome - linear)
    return np.logaddexp(0.0, linear) - outcome * linear


@dataclass(frozen=True, slots=True, eq=False)
class PipelineLearner:
    """Any unfitted scikit-learn pipeline, tuned by grid search in the inner folds.

    Attributes
    ----------
    table : DataFrame
        Columns that the pipeline takes (predictors, and the site where it harmonises).
    pipeline : sklearn estimator
        Unfitted; cloned for every training set.
    grid : mapping of str to sequence
        Settings to choose among, as for GridSearchCV.
    binary : bool
        Classifier or regressor.
    """

    table: pd.DataFrame
    pipeline: Any
    grid: Mapping[str, Sequence[Any]]
    binary: bool

    def run(
        self, outcome: FloatArray, weights: FloatArray, inner: np.ndarray, wanted: BoolArray | None = None
    ) -> Fitted:
        """Tune and fit each training set of the batch; see `Learner.run`."""
        linear = np.full(outcome.shape, np.nan)
        choice = np.zeros(len(outcome), dtype=np.int64)
        for index in range(len(outcome)):
            # whole weights are counts of a bootstrap: the row is there that often
            rows = np.repeat(np.arange(outcome.shape[1]), weights[index].astype(int))
            search = self.search(outcome[index], rows, inner[index])
            target = np.arange(outcome.shape[1]) if wanted is None else np.flatnonzero(wanted[index])
            linear[index, target] = self.linear(search, self.table.iloc[target])
            choice[index] = getattr(search, "best_index_", 0)
        return Fitted(linear, choice)

    def search(self, outcome: FloatArray, rows: np.ndarray, inner: np.ndarray) -> Any:
        """Return the pipeline tuned and fitted on these rows."""
        from sklearn.base import clone
        from sklearn.model_selection import GridSearchCV

        x, y = self.table.iloc[rows], outcome[rows].astype(int) if self.binary else outcome[rows]
        if not self.grid:
            return clone(self.pipeline).fit(x, y)
        folds = inner[rows]
        splits = [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in range(int(inner.max()) + 1)]
        scoring = "neg_log_loss" if self.binary else "neg_mean_squared_error"
        return GridSearchCV(clone(self.pipeline), dict(self.grid), scoring=scoring, cv=splits, error_score="raise").fit(
            x, y
        )

    def linear(self, fitted: Any, table: pd.DataFrame) -> FloatArray:
        """Return log-odds, or the predicted outcome."""
        if not self.binary:
            return np.asarray(fitted.predict(table), dtype=float)
        chance = np.clip(fitted.predict_proba(table)[:, 1], _CLIP, 1.0 - _CLIP)
        return np.asarray(special.logit(chance), dtype=float)
