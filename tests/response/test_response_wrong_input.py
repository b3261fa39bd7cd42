"""Values that a function cannot take are refused by name; none passes silently into a number."""

import warnings

import numpy as np
import pandas as pd
import pytest

from neurochem.errors import InputError, NeurochemError
from neurochem.response import (
    conditional_reliability,
    impute,
    kaplan_meier,
    mean_with_errors,
    random_effects,
    ratio_of_markers,
    regress,
    regress_ordinal,
    regress_survival,
    regress_trajectory,
    reliable_change_index,
    scan_stderr,
    screen,
    stderr_from_crlb,
)
from neurochem.response.moderation.moderate import moderation

N = 40
RNG = np.random.default_rng(1)
X = RNG.standard_normal(N)
Y = X + RNG.standard_normal(N)
SE = np.full(N, 0.4)
EVENT = (Y > 0).astype(float)
NOTHING = np.empty((N, 0))

ODD = {
    "missing": lambda a: np.r_[np.nan, a[1:]],
    "endless": lambda a: np.r_[np.inf, a[1:]],
    "words": lambda a: ["x"] * len(a),
    "text": lambda _: "abc",
    "short": lambda a: a[:-1],
    "square": lambda a: np.column_stack([a, a]),
    "empty": lambda a: a[:0],
    "one": lambda a: a[:1],
    "huge": lambda a: a * 1e200,
    "objects": lambda a: [{} for _ in a],
    "complex": lambda a: a + 1j,
    "all missing": lambda a: a * np.nan,
    "constant": np.ones_like,
    "zero": np.zeros_like,
    "negative": lambda a: -np.abs(a),
}
CALLS = {
    "regress": (lambda y, x, s: regress(y, x, stderr=s), (Y, X, SE)),
    "regress rc": (lambda y, x, s: regress(y, x, stderr=s, error="rc"), (Y, X, SE)),
    "regress simex": (lambda y, x, s: regress(y, x, stderr=s, error="simex"), (Y, X, SE)),
    "regress binomial": (lambda y, x, s: regress(y, x, stderr=s, family="binomial"), (EVENT, X, SE)),
    "covariate": (lambda z: regress(Y, X, stderr=SE, covariates={"z": z}), (X**2,)),
    "covariate_stderr": (
        lambda s: regress(Y, X, stderr=SE, covariates={"z": X**2}, covariate_stderr={"z": s}), (SE,),
    ),
    "survival": (regress_survival, (np.abs(Y) + 1, EVENT, X)),
    "ordinal": (regress_ordinal, (np.digitize(Y, [-1.0, 0.0, 1.0]).astype(float), X)),
    "mean_with_errors": (mean_with_errors, (X, SE)),
    "random_effects": (random_effects, (X[:6], SE[:6])),
    "conditional_reliability": (lambda x, s: conditional_reliability(x, s, NOTHING, weighted=True), (X, SE)),
    "screen": (
        lambda y: screen(np.column_stack([X, Y**2]), y, rng=np.random.default_rng(1), permutations=20), (Y,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("odd", ODD)
def test_odd_values_give_an_answer_or_an_error_of_this_package(name, odd):
    call, given = CALLS[name]
    for place, values in enumerate(given):
        arguments = list(given)
        arguments[place] = ODD[odd](values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of 1e200 squared; whether it raises is what is asked
            try:
                call(*arguments)
            except NeurochemError as error:
                assert str(error)  # noqa: PT017 - either outcome is right; only another kind of error is not


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stderr_from_crlb(2.0, -12.0), "crlb_percent holds -12"),
        (lambda: stderr_from_crlb([2.0, 3.0], [1.0, 2.0, 3.0]), "flat arrays of one length"),
        (lambda: ratio_of_markers(1.8, 8.0, -0.2, 0.1), "first_se holds -0.2"),
        (lambda: ratio_of_markers(1.8, 8.0, 0.2, 0.1, correlation=1.5), "correlation holds 1.5"),
        (lambda: scan_stderr([0.1, -0.1], 0.1), "fit_se holds -0.1"),
        (lambda: reliable_change_index([1, 2], [1, 2, 3], baseline_sd=4, reliability=0.8), "flat arrays of one length"),
        (lambda: regress_trajectory([1, 2, 3], [0, 1, 2], ["a", "a", "a"]), "1 people with 3 scores do not carry"),
        (lambda: kaplan_meier([1, -2], [1, 0]), "time zero or more"),
        (lambda: kaplan_meier([1, 2], [1, 2]), "event must hold 0 and 1"),
        (lambda: regress(Y, X, robust="cluster", clusters=[*range(N - 1), np.nan]), r"clusters\[39\] is missing"),
        (lambda: regress(Y, X, stderr=np.full(N, np.inf)), "every standard error that is known is infinite"),
        (lambda: regress(Y, X, covariates={"age": 3.0}), "covariate 'age' has shape"),
        (lambda: regress(Y, X, covariates={"age": np.r_[np.inf, X[1:]]}), "covariate 'age'"),
        (lambda: regress(Y, X, covariates={"z": X**2}, covariate_stderr={"z": SE[1:]}), "has shape"),
        (
            lambda: regress(Y, X, covariates={"z": X**2}, covariate_stderr={"z": SE * np.nan}),
            "no finite standard error",
        ),
        (lambda: screen(X[:, None], np.ones(N), rng=RNG), "outcome is 1 in all 40 people"),
        (lambda: screen(pd.DataFrame({"a": ["x"] * N}), Y, rng=RNG), "marker 'a' holds other things than numbers"),
        (lambda: screen(X[:, None], Y, rng=RNG, stderr=-np.ones((N, 1))), "smallest is -1"),
        (lambda: impute(pd.DataFrame({"y": Y, "x": np.r_[np.nan, np.inf, X[2:]]}), rng=RNG), "row 1 is inf"),
    ],
)
def test_what_would_be_a_silent_wrong_number_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize("form", [list, np.array, pd.Series])
def test_names_of_levels_clusters_and_people_are_taken_as_they_are(form):
    sex, site = form(["M", "F"] * 20), form(["A", "B", "C", "D", "E"] * 8)
    for fit in (
        regress(Y, X, covariates={"sex": sex}),
        regress_ordinal(EVENT + (Y > 1), X, covariates={"sex": sex}),
        regress_survival(np.abs(Y) + 1, EVENT, X, covariates={"sex": sex}),
        moderation(Y, X, np.tile([0, 1, 1, 0], 10), covariates={"sex": sex}),
    ):
        assert any("sex" in name for name in (*fit.estimates, *fit.settings.get("terms", ())))
    coded = regress(Y, X, covariates={"sex": np.tile([1.0, 0.0], 20)})
    assert regress(Y, X, covariates={"sex": sex})["slope"].value == pytest.approx(coded["slope"].value, rel=1e-12)
    numbered = regress(Y, X, robust="cluster", clusters=np.tile(np.arange(5), 8))
    assert regress(Y, X, robust="cluster", clusters=site)["slope"].stderr == numbered["slope"].stderr
    person = np.repeat(np.arange(10), 4)
    weeks, score = np.tile([0.0, 1, 2, 4], 10), 20 - np.tile([0.0, 1, 2, 4], 10) + Y + np.repeat(X[:10], 4)
    named = regress_trajectory(score, weeks, form([f"sub-{i}" for i in person]), random="intercept")
    assert named["slope"].value == regress_trajectory(score, weeks, person, random="intercept")["slope"].value
    with pytest.raises(InputError, match="an array of numbers or names"):
        regress_trajectory(score, weeks, [{}] * 40)
