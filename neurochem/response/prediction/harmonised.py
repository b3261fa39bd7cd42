"""The ridge model behind ComBat: sites are learned once a training set, and all penalties share them."""

from dataclasses import dataclass

import numpy as np

from neurochem.response.prediction.learners import Fitted, PipelineLearner, RidgeLearner
from neurochem.units import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class HarmonisedRidge:
    """Tune and fit a pipeline of `ridge_pipeline` as scikit-learn's grid search would, several times faster.

    Attributes
    ----------
    whole : PipelineLearner
        The pipeline, its table and its grid; its steps before the scaling are fitted anew in every training set.
    penalties : tuple of float
        Candidates, strongest first.
    """

    whole: PipelineLearner
    penalties: tuple[float, ...]

    @property
    def binary(self) -> bool:
        """Whether the outcome is yes or no."""
        return self.whole.binary

    def run(
        self, outcome: FloatArray, weights: FloatArray, inner: np.ndarray, wanted: BoolArray | None = None
    ) -> Fitted:
        """Tune and fit each training set of the batch; see `Learner.run`."""
        linear = np.full(outcome.shape, np.nan)
        choice = np.zeros(len(outcome), dtype=np.int64)
        for index in range(len(outcome)):
            y, w, folds = outcome[index : index + 1], weights[index : index + 1], inner[index : index + 1]
            loss = np.zeros((len(self.penalties), 1))
            for fold in range(int(folds.max()) + 1 if len(self.penalties) > 1 else 0):
                train = (w * ((folds >= 0) & (folds != fold)))[0]
                loss += self._ridge(y[0], train, (folds == fold)[0]).inner_loss(y, w, folds, fold)
            best = int(np.argmin(loss[:, 0]))
            target = np.ones(outcome.shape[1], dtype=bool) if wanted is None else wanted[index]
            _, found = self._ridge(y[0], w[0], target).fit(y, w, np.array([self.penalties[best]]))
            linear[index, target], choice[index] = found[0, target], best
        return Fitted(linear, choice)

    def _ridge(self, outcome: FloatArray, weights: FloatArray, wanted: BoolArray) -> RidgeLearner:
        """Return a ridge on predictors that were imputed and harmonised by the training rows alone."""
        from sklearn.base import clone

        table = self.whole.table
        rows = np.repeat(np.arange(len(table)), weights.astype(int))
        labels = outcome[rows].astype(int) if self.binary else outcome[rows]
        before = clone(self.whole.pipeline[:-2]).fit(table.iloc[rows], labels)
        needed = wanted | (weights > 0)
        prepared = np.asarray(before.transform(table.iloc[np.flatnonzero(needed)]), dtype=float)
        # rows that are in neither set have no weight; what stands there is never read
        values = np.zeros((len(table), prepared.shape[1]))
        values[needed] = prepared
        return RidgeLearner(values, self.penalties, self.binary)
