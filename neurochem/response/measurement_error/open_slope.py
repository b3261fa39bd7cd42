"""A slope that is not identified: what regression calibration and simulation extrapolation say where no spread is shown."""

import math
from dataclasses import replace

from neurochem.quality import Flag
from neurochem.response.model_data import SLOPE
from neurochem.results import FitResult

_LEVELS = (0.90, 0.95, 0.99)
_SCALED = (SLOPE, "standardised_slope")


def opened_where_unknown(fit: FitResult) -> FitResult:
    """Return the fit, its slope with an infinite interval where people may not differ beyond the noise of the scans.

    Parameters
    ----------
    fit : FitResult
        A corrected fit with `reliability_low95` and `tau2` among its diagnostics.

    Notes
    -----
    Where the lower end of the 95 % interval of the true marker's variance is zero, any slope is compatible with it, and
    errors by the delta method would be far too small. Without any spread there is no slope at all.
    """
    if fit.failed or not fit.diagnostics["reliability_low95"] <= 0.0:
        return fit
    shown = fit.diagnostics["tau2"] > 0.0
    estimates = dict(fit.estimates)
    for name in _SCALED:
        value = estimates[name].value if shown else math.nan
        limits = tuple((level, -math.inf, math.inf) for level in _LEVELS)
        estimates[name] = replace(estimates[name], value=value, stderr=math.inf, limits=limits)
    if "odds_ratio" in estimates:
        value = estimates["odds_ratio"].value if shown else math.nan
        limits = tuple((level, 0.0, math.inf) for level in _LEVELS)
        estimates["odds_ratio"] = replace(estimates["odds_ratio"], value=value, stderr=math.inf, limits=limits)
    if "partial_r" in estimates and not shown:
        estimates["partial_r"] = replace(estimates["partial_r"], value=math.nan, stderr=math.nan, limits=())
    message = (
        "the data do not identify the slope: with the errors given, people may not differ beyond noise; its interval "
    )
    message += "is infinite"
    flag = Flag("unidentified_slope", message, parameter=SLOPE)
    diagnostics = fit.diagnostics if shown else {**fit.diagnostics, "p_value": math.nan}
    return replace(fit, estimates=estimates, diagnostics=diagnostics, flags=(*fit.flags, flag))
