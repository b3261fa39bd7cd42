"""Prediction that is judged out of sample, with guards that refuse leakage and a model card instead of a claim."""

from neurochem.response.prediction.card import ModelCard
from neurochem.response.prediction.external import ExternalValidation, validate_cohort, validate_external
from neurochem.response.prediction.metrics import (
    Calibration,
    Discrimination,
    brier,
    calibration,
    compare_discrimination,
    discrimination,
    net_benefit,
)
from neurochem.response.prediction.plan import Plan
from neurochem.response.prediction.predict import predict
from neurochem.response.prediction.result import PredictionResult
from neurochem.response.prediction.sample_size import SampleSize, riley_binary, riley_continuous

__all__ = [
    "Calibration",
    "Discrimination",
    "ExternalValidation",
    "ModelCard",
    "Plan",
    "PredictionResult",
    "SampleSize",
    "brier",
    "calibration",
    "compare_discrimination",
    "discrimination",
    "net_benefit",
    "predict",
    "riley_binary",
    "riley_continuous",
    "validate_cohort",
    "validate_external",
]
