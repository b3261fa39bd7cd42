import math

import pytest

from neurochem.qc.numbers import DASH, decimals, interval_text, relative_error_text, rounded, value_with_error
from neurochem.results import Estimate


@pytest.mark.parametrize(
    ("value", "stderr", "expected"),
    [(1.23456, 0.0456, "1.235 ± 0.046"), (123.4, 12.0, "123 ± 12"), (0.0602, 0.00074, "0.06020 ± 0.00074")],
)
def test_a_value_has_the_decimals_of_two_digits_of_its_error(value, stderr, expected):
    assert value_with_error(Estimate("x", value, stderr)) == expected


def test_an_estimate_that_is_not_a_number_is_a_dash_and_not_nan():
    assert value_with_error(Estimate("x", math.nan, math.nan)) == DASH
    assert interval_text(Estimate("x", math.nan, math.nan)) == DASH


def test_an_unbounded_error_shows_an_unbounded_interval():
    assert interval_text(Estimate("x", 1.0, math.inf)) == "\u2212∞ to ∞"


def test_a_fixed_value_has_no_error_and_no_interval():
    fixed = Estimate("k2prime", 0.06, math.nan, "1/min", stderr_kind="none", fixed=True)
    assert value_with_error(fixed) == "0.06 (fixed)"
    assert interval_text(fixed) == DASH
    assert relative_error_text(fixed) == DASH


def test_the_interval_is_that_of_the_estimate():
    low, high = (float(part) for part in interval_text(Estimate("x", 10.0, 1.0)).split(" to "))
    # 1.96 standard errors, shown with one decimal
    assert (low, high) == (8.0, 12.0)


def test_zero_error_does_not_break_the_rounding():
    assert decimals(0.0) == 3
    assert rounded(2.0, decimals(0.0)) == "2.000"
