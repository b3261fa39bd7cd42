import numpy as np
import pandas as pd
from cohort_a24 import a24_cohort, a24_frame
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from neurochem.response import (
    SCALES,
    Cohort,
    adjust_p_values,
    associate,
    is_response,
    outcome_values,
    percent_reduction,
    regress,
)

SEEDS = st.integers(0, 2**32 - 1)
ROUNDING = 1e-8  # sums in another order and scale, through a design of condition up to 1e4


def sample(seed, n=30):
    rng = np.random.default_rng(seed)
    covariate = rng.standard_normal(n)
    marker = 1.5 + 0.3 * rng.standard_normal(n) + 0.1 * covariate
    outcome = 13 - 5 * marker + covariate + 3 * rng.standard_normal(n)
    return outcome, marker, rng.uniform(0.05, 0.2, n), covariate


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_order_of_people_does_not_matter(seed):
    outcome, marker, noise, covariate = sample(seed)
    order = np.random.default_rng(seed).permutation(outcome.size)
    first = regress(outcome, marker, stderr=noise, covariates=covariate)
    second = regress(outcome[order], marker[order], stderr=noise[order], covariates=covariate[order])
    for name in first.estimates:
        assert_allclose(second[name].value, first[name].value, rtol=ROUNDING)
        assert_allclose(second[name].stderr, first[name].stderr, rtol=ROUNDING)
    assert_allclose(second.diagnostics["reliability"], first.diagnostics["reliability"], rtol=ROUNDING)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(1e-3, 1e3))
def test_scaling_the_marker_scales_its_slope_and_nothing_else(seed, factor):
    outcome, marker, noise, covariate = sample(seed)
    first = regress(outcome, marker, stderr=noise, covariates=covariate)
    second = regress(outcome, factor * marker, stderr=factor * noise, covariates=covariate)
    assert_allclose(factor * second["slope"].value, first["slope"].value, rtol=ROUNDING)
    assert_allclose(factor * second["slope"].stderr, first["slope"].stderr, rtol=ROUNDING)
    for name in ("intercept", "covariate1", "standardised_slope", "partial_r"):
        assert_allclose(second[name].value, first[name].value, rtol=ROUNDING, atol=ROUNDING)
    for name in ("p_value", "reliability"):
        assert_allclose(second.diagnostics[name], first.diagnostics[name], rtol=ROUNDING)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(-20, 20), st.floats(0.1, 10))
def test_shifting_and_scaling_the_outcome_shifts_the_intercept_and_scales_slopes(seed, shift, factor):
    outcome, marker, _, covariate = sample(seed)
    first = regress(outcome, marker, covariates=covariate)
    second = regress(factor * outcome + shift, marker, covariates=covariate)
    assert_allclose(second["slope"].value, factor * first["slope"].value, rtol=ROUNDING)
    assert_allclose(second["intercept"].value, factor * first["intercept"].value + shift, rtol=ROUNDING, atol=1e-7)
    assert_allclose(second.diagnostics["p_value"], first.diagnostics["p_value"], rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_exchanging_response_and_no_response_turns_the_slope_round(seed):
    outcome, marker, _, _ = sample(seed, n=60)
    response = (outcome < np.median(outcome)).astype(float)
    first, second = (regress(values, marker, family="binomial") for values in (response, 1 - response))
    assert_allclose(second["slope"].value, -first["slope"].value, rtol=1e-5)  # Newton ends at 1e-8 of the gradient
    assert_allclose(second["slope"].interval(0.95), np.negative(first["slope"].interval(0.95))[::-1], rtol=1e-5)
    assert_allclose(second.diagnostics["p_value"], first.diagnostics["p_value"], rtol=1e-6, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_the_order_of_rows_in_every_table_does_not_matter(seed):
    cohort = a24_cohort(a24_frame())
    rng = np.random.default_rng(seed)
    keep = {"markers": ["visit", "week"], "scores": ["visit", "week"], "visits": [], "people": []}
    tables = {name: getattr(cohort, name).drop(columns=gone) for name, gone in keep.items()}
    mixed = {name: table.iloc[rng.permutation(len(table))].reset_index(drop=True) for name, table in tables.items()}
    shuffled = Cohort.from_tables(
        mixed["people"], visits=mixed["visits"], scores=mixed["scores"], markers=mixed["markers"]
    )
    first, second = (associate(c, outcome="hamd17", marker="BPND", covariates=["site"]) for c in (cohort, shuffled))
    assert first.covariance_names == second.covariance_names
    assert_allclose([item.value for item in second], [item.value for item in first], rtol=ROUNDING)


@given(st.lists(st.tuples(st.floats(1, 60), st.floats(0, 60)), min_size=1, max_size=20))
def test_outcomes_agree_with_each_other(pairs):
    before, after = np.array(pairs).T
    scale = SCALES["madrs"]
    reduction = percent_reduction(before, after)
    assert_allclose(outcome_values("percent_change", before, after, scale), -reduction)
    assert_allclose(before + outcome_values("change", before, after, scale), after, atol=1e-12)
    clear = np.abs(reduction - 50) > 1e-9
    assert (is_response(before, after) == (reduction >= 50))[clear].all()


@settings(max_examples=8, deadline=None)  # statsmodels collects garbage at every call
@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30))
def test_adjusted_p_values_keep_their_order_and_never_shrink(p_values):
    for method in ("bonferroni", "holm", "bh", "by"):
        adjusted = adjust_p_values(p_values, method)
        assert (adjusted >= np.array(p_values) - 1e-15).all()
        assert (adjusted <= 1.0).all()
        assert (np.diff(adjusted[np.argsort(p_values)]) >= -1e-15).all()
    holm, bonferroni = adjust_p_values(p_values, "holm"), adjust_p_values(p_values, "bonferroni")
    assert (holm <= bonferroni + 1e-15).all()


def test_tables_are_not_touched_by_an_association():
    cohort = a24_cohort()
    before = {name: getattr(cohort, name) for name in ("people", "visits", "scores", "markers")}
    associate(cohort, outcome="hamd17", marker="BPND", covariates=["site"])
    for name, table in before.items():
        pd.testing.assert_frame_equal(getattr(cohort, name), table)
