"""The size of an association as the page and its figures state it: per SD of the marker."""

import math

import numpy as np

from neurochem.response.model_data import is_binary
from neurochem.results import FitResult


def per_sd(fit: FitResult) -> tuple[float, float, float]:
    """Return the slope and its 95 % interval per SD of the marker: in points of the outcome, or as log-odds."""
    standard = fit.estimates.get("standardised_slope")
    if fit.failed or standard is None:
        return math.nan, math.nan, math.nan
    outcome = np.asarray([float(value) for value in fit.settings["rows"]["outcome"]])
    scale = 1.0 if is_binary(fit) else float(np.std(outcome, ddof=1))
    low, high = standard.interval()
    return scale * standard.value, scale * low, scale * high
