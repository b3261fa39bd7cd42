"""What the error of a given k2' does to the estimates of a model that takes it as exact."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import Outcome, ScanInputs

_STEP = 1e-4  # relative; central differences then err by 1e-8


def with_k2prime_error(estimate: Callable[[ScanInputs], Outcome], inputs: ScanInputs) -> Outcome:
    """Estimate, and add the variance that the standard error of k2' brings.

    Parameters
    ----------
    estimate : callable
        Fits the region with the options of the inputs, k2' taken as exact.
    inputs : ScanInputs
        With `k2prime` (1/min) and, where its error counts, `k2prime_stderr` among the options.

    Returns
    -------
    Outcome
        As estimated, the covariance larger by s^2 g g' with s the standard error of k2' and g the derivative of the
        estimates by k2', at the same t*. k2' is taken to be independent of the noise of the region.

    Raises
    ------
    InputError
        If there is a standard error but no k2', or the error is negative or not finite.
    """
    error, k2prime = inputs.options.get("k2prime_stderr"), inputs.options.get("k2prime")
    if error is None:
        return estimate(inputs)
    if k2prime is None or not (math.isfinite(float(error)) and float(error) >= 0):
        msg = f"k2prime_stderr is {error} with k2prime {k2prime}; give both in 1/min, the error not negative"
        raise InputError(msg)
    outcome = estimate(inputs)
    step = _STEP * float(k2prime)
    t_star = outcome.settings["t_star_s"]
    up, down = (
        estimate(_with_options(inputs, k2prime=float(k2prime) + sign * step, t_star_s=t_star)).values
        for sign in (1.0, -1.0)
    )
    slope = (up - down) / (2.0 * step)
    return replace(outcome, covariance=outcome.covariance + float(error) ** 2 * np.outer(slope, slope))


def _with_options(inputs: ScanInputs, **options: float) -> ScanInputs:
    """Return the inputs with other options; a shallow copy keeps the curves that were worked out already."""
    changed = copy.copy(inputs)
    object.__setattr__(changed, "options", {**inputs.options, **options})
    return changed
