"""Numbers as a page shows them: as many digits as the standard error supports."""

import math

from neurochem.results import Estimate

DASH = "\u2013"
_MINUS = "\u2212"


def decimals(stderr: float) -> int:
    """Return how many decimals show a standard error with two significant digits."""
    if not math.isfinite(stderr) or stderr <= 0:
        return 3
    return max(0, 1 - math.floor(math.log10(stderr)))


def rounded(value: float, digits: int) -> str:
    """Return a number with that many decimals, a dash for what is not a number, and very large or small ones as powers.

    Examples
    --------
    >>> rounded(1.23456, 2), rounded(1.2e-9, 10)
    ('1.23', '1.2e-09')
    """
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    if digits > 6 or abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:.{digits}f}".replace("-", _MINUS)


def value_with_error(estimate: Estimate) -> str:
    """Return "1.234 ± 0.045"; a fixed value says so."""
    digits = decimals(estimate.stderr)
    if estimate.fixed:
        return f"{estimate.value:.4g} (fixed)"
    if math.isnan(estimate.value):
        return DASH
    return f"{rounded(estimate.value, digits)} ± {rounded(estimate.stderr, digits)}"


def interval_text(estimate: Estimate, level: float = 0.95) -> str:
    """Return "1.15 to 1.32", a dash for a fixed value or an unknown error."""
    low, high = estimate.interval(level)
    if estimate.fixed or math.isnan(low):
        return DASH
    digits = decimals(estimate.stderr)
    return f"{rounded(low, digits)} to {rounded(high, digits)}"


def relative_error_text(estimate: Estimate) -> str:
    """Return the standard error in percent of the value."""
    percent = estimate.relative_stderr
    return f"{percent:.1f} %" if math.isfinite(percent) and not estimate.fixed else DASH
