import math

import pytest

from neurochem.qc import judge, judge_fit
from neurochem.quality import Flag
from neurochem.results import Estimate, FitResult


def fit_of(estimate, *, flags=(), success=True):
    return FitResult("SRTM", "putamen", {estimate.name: estimate}, success=success, flags=flags)


def test_a_clean_estimate_is_ok_without_a_reason():
    verdict = judge(fit_of(Estimate("BPND", 1.6, 0.05)), "BPND")
    assert (verdict.state, verdict.reason) == ("ok", "")


@pytest.mark.parametrize(
    "estimate",
    [
        Estimate("BPND", 1.6, math.inf),
        Estimate("BPND", 1.6, math.nan),
        Estimate("BPND", 1.6, 0.05, at_bound=True),
    ],
)
def test_an_estimate_whose_error_cannot_be_trusted_is_flagged_and_says_why(estimate):
    verdict = judge(fit_of(estimate), "BPND")
    assert verdict.state == "flagged"
    assert "BPND" in verdict.reason


def test_a_warning_on_another_estimate_does_not_flag_this_one():
    fit = FitResult(
        "SRTM", "x", {"BPND": Estimate("BPND", 1.0, 0.1), "k2": Estimate("k2", 1.0, 0.1)},
        flags=(Flag("edge", "k2 at its bound", "warning", "k2"),),
    )  # fmt: skip
    assert judge(fit, "BPND").state == "ok"
    assert judge(fit, "k2").state == "flagged"
    assert judge_fit(fit) == "flagged"


def test_a_note_does_not_flag():
    fit = fit_of(Estimate("BPND", 1.0, 0.1), flags=(Flag("note", "bridged", "info"),))
    assert judge(fit, "BPND").state == judge_fit(fit) == "ok"


@pytest.mark.parametrize(
    "fit",
    [
        fit_of(Estimate("BPND", 1.0, 0.1), success=False),
        fit_of(Estimate("BPND", math.nan, math.nan)),
        fit_of(Estimate("BPND", 1.0, 0.1), flags=(Flag("no_signal", "zero everywhere", "failure"),)),
    ],
)
def test_what_cannot_be_used_failed_with_a_reason(fit):
    verdict = judge(fit, "BPND")
    assert verdict.state == "failed"
    assert verdict.reason
