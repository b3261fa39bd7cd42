import dataclasses

import numpy as np
import pytest
from cohort_a24 import column
from numpy.testing import assert_allclose, assert_array_equal

from neurochem.errors import UnknownNameError
from neurochem.response import (
    OUTCOME_TYPES,
    SCALES,
    Remission,
    is_remission,
    is_response,
    outcome_values,
    percent_change,
    percent_reduction,
    reliable_change,
    score_change,
)
from neurochem.response import change as marker_change
from neurochem.response.scales import find_scale

IDS = np.array([f"{index:02d}" for index in range(1, 25)])
PRINTED = 5e-7  # reference values are printed with six decimals


def test_outcomes_of_the_worked_example_are_reproduced():
    before, after = column("y0"), column("y8")
    assert_allclose(before.mean(), 22.083333, atol=PRINTED)
    assert_allclose(before.std(ddof=1), 2.701315, atol=PRINTED)
    assert_allclose(percent_reduction(before, after).mean(), 38.652064, atol=PRINTED)
    assert IDS[is_response(before, after)].tolist() == ["05", "07", "13", "18", "19", "21", "23"]
    assert IDS[is_remission(before, after, SCALES["hamd17"])].tolist() == ["13"]


def test_exactly_half_is_a_response():
    assert is_response([18, 18], [9, 9.5]).tolist() == [True, False]


def test_a_reduction_is_positive_and_a_change_negative_when_the_person_got_better():
    assert percent_reduction(20, 5) == 75.0
    assert score_change(20, 5) == -15.0
    scale = SCALES["hamd17"]
    assert outcome_values("percent_change", [20], [5], scale)[0] == -75.0
    assert outcome_values("percent_reduction", [20], [5], scale)[0] == 75.0
    assert outcome_values("endpoint", [20], [5], scale)[0] == 5.0
    assert outcome_values("change", [20], [5], scale)[0] == -15.0


def test_remission_may_need_a_score_and_a_reduction_together():
    scale = SCALES["hamd24"]
    assert is_remission([30, 30, 16, 18], [9, 10, 9, 9], scale).tolist() == [True, False, False, True]
    assert scale.remission.text == "score < 10 and reduction >= 50 %"


def test_remission_on_the_score_alone_needs_no_baseline():
    assert outcome_values("remission", [np.nan], [6], SCALES["hamd17"]).tolist() == [1.0]
    assert np.isnan(outcome_values("remission", [np.nan], [6], SCALES["hamd24"])[0])


@pytest.mark.parametrize("kind", OUTCOME_TYPES)
def test_a_missing_endpoint_gives_a_missing_outcome(kind):
    assert np.isnan(outcome_values(kind, [20], [np.nan], SCALES["madrs"])).all()


@pytest.mark.parametrize("kind", ["percent_change", "percent_reduction", "response"])
def test_relative_outcomes_are_undefined_at_a_baseline_of_zero(kind):
    assert np.isnan(outcome_values(kind, [0.0], [3.0], SCALES["madrs"])).all()


def test_ranges_and_cut_offs_are_those_of_the_scales():
    expected = {"hamd17": (52, 7), "madrs": (60, 10), "qids_sr16": (27, 5), "bdi2": (63, 12), "ids_c30": (84, 11)}
    for name, (high, limit) in expected.items():
        assert (SCALES[name].low, SCALES[name].high, SCALES[name].remission.limit) == (0, high, limit)
    assert SCALES["hamd17"].checked
    assert not SCALES["phq9"].checked
    assert SCALES["madrs"].in_range([0, 60, 61, -1]).tolist() == [True, True, False, False]


def test_a_cut_off_can_be_overridden():
    strict = dataclasses.replace(SCALES["madrs"], remission=Remission(8))
    assert find_scale("MADRS", {"madrs": strict}) is strict
    assert_array_equal(outcome_values("remission", [30, 30], [9, 8], strict), [0.0, 1.0])


def test_an_unknown_scale_or_outcome_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown scale 'madr'; did you mean 'madrs'"):
        find_scale("madr")
    with pytest.raises(UnknownNameError, match="unknown outcome_type 'respons'; did you mean 'response'"):
        outcome_values("respons", [1], [1], SCALES["madrs"])


def test_change_carries_the_error_of_both_scans():
    difference, se = marker_change(1.50, 1.20, 0.08, 0.06)
    assert_allclose((difference, se), (-0.30, 0.10), rtol=1e-12)
    assert_allclose(reliable_change(1.50, 1.20, 0.08, 0.06), -3.0, rtol=1e-12)


def test_occupancy_and_its_error_follow_from_the_percent_change():
    value, se = percent_change(1.60, 0.36, 0.08, 0.05)
    assert_allclose((-value / 100, se / 100), (0.775, 0.033213), atol=PRINTED)


def test_percent_change_has_no_value_without_a_first_value():
    value, se = percent_change([0.0], [1.0], [0.1], [0.1])
    assert np.isnan(value).all()
    assert np.isnan(se).all()
