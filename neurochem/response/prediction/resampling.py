"""Out-of-sample predictions: nested folds, permuted labels, bootstrap optimism and the learning curve, all by one learner."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special
from tqdm import tqdm

from neurochem.errors import InputError
from neurochem.response.prediction.folds import fold_ids, systematic_subset
from neurochem.response.prediction.learners import Learner
from neurochem.response.prediction.metrics import area_within_folds, brier, calibration, explained
from neurochem.response.screening.permutation import orders_within
from neurochem.solve.threads import one_library_thread
from neurochem.units import FloatArray

_PART = 250


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Who the rows are.

    Attributes
    ----------
    outcome : array, shape (n,)
        0 and 1, or numbers.
    people, sites : array of int, shape (n,)
        Codes of person and site, from 0.
    binary : bool
        Whether the outcome is yes or no.
    outer, inner : int
        Numbers of folds.
    """

    outcome: FloatArray
    people: np.ndarray
    sites: np.ndarray
    binary: bool
    outer: int
    inner: int

    def strata(self, outcome: FloatArray) -> np.ndarray:
        """Return the stratum of every row, shape (B, n): class of a yes-or-no outcome, then site."""
        classes = outcome.astype(np.int64) if self.binary else np.zeros(outcome.shape, dtype=np.int64)
        # class first: folds then share out each class evenly, and each site within it
        return (int(self.sites.max()) + 1) * classes + self.sites


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Predictions for rows left out.

    Attributes
    ----------
    outcome, linear, reference : array, shape (B, n)
        Labels, predictions (log-odds, or the outcome), and the mean outcome of the training rows.
    folds : array of int, shape (B, n)
        Which fold left the row out.
    sites : array of int, shape (n,)
        Site of each row; people of two sites are not compared.
    """

    outcome: FloatArray
    linear: FloatArray
    reference: FloatArray
    folds: np.ndarray
    sites: np.ndarray

    def predicted(self, *, binary: bool) -> FloatArray:
        """Return risks, or the predicted outcome."""
        return np.asarray(special.expit(self.linear)) if binary else self.linear


def nested(
    learner: Learner, rows: Rows, outcome: FloatArray, rng: np.random.Generator, folds: np.ndarray | None = None
) -> Nested:
    """Return nested cross-validated predictions for every label vector.

    Parameters
    ----------
    learner : Learner
        Tunes on inner folds of the training rows and predicts.
    rows : Rows
        Who the rows are.
    outcome : array, shape (B, n)
        Label vectors; each gets folds of its own, stratified by its own labels.
    rng : Generator
        Source of the folds.
    folds : array of int, shape (B, n), optional
        Outer folds; random by default.
    """
    strata = rows.strata(outcome)
    outer = fold_ids(strata, rows.people, rows.outer, rng) if folds is None else folds
    linear, reference = np.full(outcome.shape, np.nan), np.full(outcome.shape, np.nan)
    for fold in range(int(outer.max()) + 1):
        test = outer == fold
        train = ~test & (outer >= 0)
        inner = fold_ids(strata, rows.people, rows.inner, rng, member=train)
        fitted = learner.run(outcome, train.astype(float), inner, test)
        linear = np.where(test, fitted.linear, linear)
        mean = (outcome * train).sum(axis=1, keepdims=True) / train.sum(axis=1, keepdims=True)
        reference = np.where(test, mean, reference)
    return Nested(outcome, linear, reference, outer, rows.sites)


def headline(found: Nested, *, binary: bool) -> FloatArray:
    """Return the number that is tested, shape (B,): area under the ROC curve within folds and sites, or R2."""
    if binary:
        return area_within_folds(found.outcome, found.linear, found.folds, found.sites)
    rows = zip(found.outcome, found.linear, found.reference, strict=True)
    return np.array([explained(y, p, m) for y, p, m in rows])


@dataclass(frozen=True, slots=True, eq=False)
class PermutationTest:
    """Labels shuffled and the whole procedure run again.

    Attributes
    ----------
    observed : float
        The number for the true labels: mean over the repeats of the folds, or of one repeat.
    null : array, shape (P,)
        The same for shuffled labels, one repeat each.
    p : float
        (1 + #{null >= observed}) / (1 + P).
    """

    observed: float
    null: FloatArray
    p: float


def permutation_test(
    learner: Learner, rows: Rows, count: int, rng: np.random.Generator, observed: float | None = None
) -> PermutationTest:
    """Test whether the procedure predicts better than it does for shuffled labels.

    Labels of people are shuffled within their site; folds are drawn anew for every shuffle.

    Parameters
    ----------
    learner : Learner
        The procedure.
    rows : Rows
        Who the rows are.
    count : int
        Number of shuffles.
    rng : Generator
        Source of shuffles and folds.
    observed : float, optional
        Mean for the true labels over several repeats of the folds. A mean varies less than the single repeats of the shuffles,
        so that the test errs on the side of no prediction (at 5 % it rejected 3.0 % of 400 null cohorts of 40 people with 20
        repeats, the exact test 4.8 %), and p hangs less on the draw of the folds. By default one repeat is drawn, as for
        every shuffle: an exact test.

    Raises
    ------
    InputError
        If rows of one person differ in the outcome, so that people cannot be shuffled.
    """
    persons = int(rows.people.max()) + 1
    label, site = np.zeros(persons), np.zeros(persons, dtype=np.int64)
    label[rows.people], site[rows.people] = rows.outcome, rows.sites
    if not np.array_equal(label[rows.people], rows.outcome):
        msg = "rows of one person have different outcomes, so that labels of people cannot be shuffled; set permutations=0"
        raise InputError(msg)
    null = []
    with one_library_thread():
        if observed is None:
            observed = float(headline(nested(learner, rows, rows.outcome[None], rng), binary=rows.binary)[0])
        for size in _parts(count, "label shuffles"):
            orders = orders_within(rng.random((size, persons)), site)
            shuffled = label[orders][:, rows.people]
            null.append(headline(nested(learner, rows, shuffled, rng), binary=rows.binary))
    values = np.concatenate(null)
    reached = int((values >= observed - 1e-12).sum())
    return PermutationTest(observed, values, (1 + reached) / (1 + count))


def _parts(count: int, what: str) -> Iterator[int]:
    """Return batch sizes, with a bar on a terminal."""
    with tqdm(total=count, desc=what, disable=not sys.stderr.isatty(), leave=False, delay=1.0) as bar:
        for start in range(0, count, _PART):
            size = min(_PART, count - start)
            yield size
            bar.update(size)


def optimism(learner: Learner, rows: Rows, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return how much the procedure flatters itself, by bootstrap of people.

    Returns
    -------
    DataFrame
        One row a measure: apparent (model and judgement by the same people: not a prediction); optimism (mean, for the
        calibration slope median, over bootstrap samples of performance in the sample minus performance in all);
        corrected (apparent - optimism); samples (of the bootstrap, without those in which a site could not be harmonised).

    References
    ----------
    Harrell, Lee, Mark (1996), Stat Med 15:361.
    """
    everyone = np.ones((1, rows.outcome.size))
    apparent = _measures(rows.outcome, _whole(learner, rows, everyone, rng)[0], rows.sites, binary=rows.binary)
    persons = int(rows.people.max()) + 1
    differences: list[dict[str, float]] = []
    for size in _parts(count, "bootstrap samples"):
        drawn = rng.integers(0, persons, (size, persons))
        counts = np.array([np.bincount(row, minlength=persons) for row in drawn])
        weights = counts[:, rows.people].astype(float)
        differences += _differences(learner, rows, weights, rng)
    if not differences:
        return pd.DataFrame(columns=["measure", "apparent", "optimism", "corrected", "samples"])
    sample = pd.DataFrame(differences)
    # the slope of a model that the penalty has nearly emptied is endless, and a mean of slopes with it
    # (a sample without two outcomes at one site has no area and is left out of its mean)
    middle = {key: sample[key].median() if key == "calibration slope" else sample[key].mean() for key in apparent}
    table = pd.DataFrame({"measure": list(apparent), "apparent": list(apparent.values())})
    table["optimism"] = [float(middle[key]) for key in apparent]
    table["corrected"] = table["apparent"] - table["optimism"]
    return table.assign(samples=len(differences))


def _differences(learner: Learner, rows: Rows, weights: FloatArray, rng: np.random.Generator) -> list[dict[str, float]]:
    """Return performance in each bootstrap sample minus performance in all; samples that cannot be fitted are left out."""
    both = [len(set(rows.outcome[w > 0].tolist())) > 1 for w in weights]
    found = []
    for w, predicted in _fitted_samples(learner, rows, weights[np.array(both)], rng):
        twice = np.repeat(np.arange(w.size), w.astype(int))
        inside = _measures(rows.outcome[twice], predicted[twice], rows.sites[twice], binary=rows.binary)
        whole = _measures(rows.outcome, predicted, rows.sites, binary=rows.binary)
        found.append({key: inside[key] - whole[key] for key in whole})
    return found


def _fitted_samples(
    learner: Learner, rows: Rows, weights: FloatArray, rng: np.random.Generator
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Return samples with the predictions of their models, one by one where a site has too few people to harmonise."""
    try:
        yield from zip(weights, _whole(learner, rows, weights, rng), strict=True)
    except InputError:
        if len(weights) > 1:
            for index in range(len(weights)):
                yield from _fitted_samples(learner, rows, weights[index : index + 1], rng)


def _whole(learner: Learner, rows: Rows, weights: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return predictions for everybody of models tuned and fitted on the weighted rows."""
    outcome = np.broadcast_to(rows.outcome, weights.shape)
    inner = fold_ids(rows.strata(outcome), rows.people, rows.inner, rng, member=weights > 0)
    return learner.run(outcome, weights, inner).linear


def _measures(outcome: FloatArray, linear: FloatArray, sites: np.ndarray, *, binary: bool) -> dict[str, float]:
    if not binary:
        error = outcome - linear
        return {"R2": explained(outcome, linear, np.full(outcome.shape, outcome.mean())),
                "MAE": float(np.abs(error).mean()), "RMSE": float(np.sqrt(np.mean(error**2)))}  # fmt: skip
    area = float(area_within_folds(outcome[None], linear[None], sites[None])[0])
    return {"AUC": area, "Brier": brier(outcome, special.expit(linear))[0],
            "calibration slope": calibration(outcome, linear).slope}  # fmt: skip


def learning_curve(learner: Learner, rows: Rows, sizes: int, repeats: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return performance in people left out against the number of people in training.

    Returns
    -------
    DataFrame
        people (in training), value, low, high (2.5 and 97.5 % of the repeats: spread of folds and samples, not an
        interval for new patients), fitted (a + b n^-c; NaN where that could not be fitted).
    """
    people = int(rows.people.max()) + 1
    largest = people * (rows.outer - 1) // rows.outer
    fewest = max(10, 4 * rows.inner)
    if rows.binary:
        rare = int(np.bincount(rows.outcome.astype(int)).min())
        fewest = max(fewest, int(np.ceil(2.0 * rows.inner * people / rare)))
    columns = ["people", "value", "low", "high", "fitted"]
    if fewest >= largest:
        return pd.DataFrame(columns=columns)
    records = []
    for size in np.unique(np.linspace(fewest, largest, sizes).round().astype(int)):
        try:
            values = headline(_smaller(learner, rows, int(size), repeats, rng), binary=rows.binary)
        except InputError:
            # a site with too few people in so small a training set cannot be harmonised
            continue
        low, high = np.quantile(values, [0.025, 0.975])
        records.append({"people": int(size), "value": float(values.mean()), "low": float(low), "high": float(high)})
    if not records:
        return pd.DataFrame(columns=columns)
    table = pd.DataFrame(records)
    return table.assign(fitted=_power_law(table["people"].to_numpy(dtype=float), table["value"].to_numpy()))


def _smaller(learner: Learner, rows: Rows, size: int, repeats: int, rng: np.random.Generator) -> Nested:
    """Return nested predictions from training sets of that many people."""
    outcome = np.repeat(rows.outcome[None], repeats, axis=0)
    strata = rows.strata(outcome)
    outer = fold_ids(strata, rows.people, rows.outer, rng)
    linear, reference = np.full(outcome.shape, np.nan), np.full(outcome.shape, np.nan)
    for fold in range(rows.outer):
        train = np.array([systematic_subset(strata[0], rows.people, size, rng, ids != fold) for ids in outer])
        inner = fold_ids(strata, rows.people, rows.inner, rng, member=train)
        fitted = learner.run(outcome, train.astype(float), inner, outer == fold)
        linear = np.where(outer == fold, fitted.linear, linear)
        mean = (outcome * train).sum(axis=1, keepdims=True) / train.sum(axis=1, keepdims=True)
        reference = np.where(outer == fold, mean, reference)
    return Nested(outcome, linear, reference, outer, rows.sites)


def _power_law(people: FloatArray, values: FloatArray) -> FloatArray:
    """Return a + b n^-c at the sizes, or NaN where there are too few points or no fit."""
    if people.size < 4:
        return np.full(people.shape, np.nan)

    def curve(n: FloatArray, a: float, b: float, c: float) -> FloatArray:
        return a + b * (n / people[0]) ** -c

    start, bounds = (values[-1], values[0] - values[-1], 0.7), ([-2, -2, 0.1], [1, 2, 3])
    try:
        found = optimize.curve_fit(curve, people, values, p0=np.clip(start, *bounds), bounds=bounds)[0]
    except (RuntimeError, ValueError):
        return np.full(people.shape, np.nan)
    return curve(people, *found)
