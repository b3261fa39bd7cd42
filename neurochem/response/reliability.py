"""How much of a marker's spread is people, and how much is noise of the scans."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.units import FloatArray


@dataclass(frozen=True, slots=True)
class Reliability:
    """Share of the variance that is not noise, given the covariates.

    Attributes
    ----------
    value : float
        tau2 / (tau2 + mean_se2), between 0 and 1; NaN when it cannot be known.
    tau2, mean_se2 : float
        Variance of the true marker between people given the covariates (may be negative: no spread beyond noise), and
        mean squared standard error, in the squared unit of the marker.
    known : int
        Number of rows whose standard error is known and finite; the others do not enter.
    low, high : float
        95 % interval of `value`, from chi-square for the residual variance, as if all errors were equal.
    """

    value: float
    tau2: float
    mean_se2: float
    known: int
    low: float = np.nan
    high: float = np.nan

    def corrected_slope(self, naive: float) -> float:
        """Return a naive slope over the reliability: the moment estimate as if all errors were equal.

        NaN where the reliability is zero. `regress` with error="ml" uses each scan's own error and gives an interval.
        """
        return naive / self.value if self.value > 0.0 else np.nan

    def corrected_correlation(self, r: float) -> float:
        """Return a correlation with the marker's noise taken out, r / sqrt(reliability) (Spearman); it may leave -1 to 1."""
        return r / float(np.sqrt(self.value)) if self.value > 0.0 else np.nan


@checked_arguments
def conditional_reliability(
    marker: FloatArray, stderr: FloatArray, covariates: FloatArray, *, weighted: bool = False
) -> Reliability:
    """Return the reliability of a marker given covariates, by moments.

    Parameters
    ----------
    marker, stderr : array, shape (n,)
        Values and standard errors, in the marker's unit; NaN or infinite errors are left out.
    covariates : array, shape (n, k)
        What the outcome model adjusts for, without intercept.
    weighted : bool
        Whether each value counts by its own error (Paule, Mandel): tau2 where the sum of (W - a'Z)^2 / (tau2 + se^2) is
        n - k - 1. The same where all errors are equal; where a few scans are much noisier than the others they cannot
        hide how much the others differ. What the fits report.

    Returns
    -------
    Reliability
        With s^2 the residual variance of the marker on the covariates (divided by n - k - 1), tau2 = s^2 - mean se^2
        and value = max(0, tau2) / s^2. A naive slope is about this factor times the true one.

    Raises
    ------
    InputError
        If shapes differ, a marker value is missing or a standard error is negative.

    Notes
    -----
    Classical errors, independent of everything else. Good covariates lower tau2 and so make the attenuation worse.

    References
    ----------
    Carroll, Ruppert, Stefanski, Crainiceanu (2006), Measurement Error in Nonlinear Models, chapter 3. Paule, Mandel
    (1982), J Res Natl Bur Stand 87:377.
    """
    marker, stderr, covariates = (np.asarray(item, dtype=float) for item in (marker, stderr, covariates))
    if marker.ndim != 1 or stderr.shape != marker.shape or covariates.ndim != 2 or len(covariates) != marker.size:
        msg = f"marker has shape {marker.shape}, stderr {stderr.shape} and covariates {covariates.shape}; give (n,), (n,) and "
        msg += "(n, k), one row a person"
        raise InputError(msg)
    if not np.isfinite(marker).all() or (stderr < 0.0).any():
        msg = "marker holds a missing value, or stderr a negative one; leave such rows out (an unknown error is NaN)"
        raise InputError(msg)
    known = np.isfinite(stderr)
    design = np.column_stack([np.ones(int(known.sum())), covariates[known]])
    rank = int(np.linalg.matrix_rank(design)) if len(design) else 0
    dof = int(known.sum()) - rank
    if dof < 1:
        return Reliability(np.nan, np.nan, np.nan, int(known.sum()))
    values = marker[known]
    residual = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    variance = float(residual @ residual) / dof
    noise = float(np.mean(stderr[known] ** 2))
    if weighted and variance > 0 and np.ptp(stderr[known]) > 0:
        return _weighted(values, stderr[known] ** 2, design, dof)
    share = max(0.0, variance - noise) / variance if variance > 0 else np.nan
    # the residual variance times its degrees of freedom is chi-square: its two ends give those of the share
    ends = [variance * dof / special.chdtri(dof, tail) for tail in (0.025, 0.975)]
    low, high = (max(0.0, 1.0 - noise / end) if variance > 0 else np.nan for end in ends)
    return Reliability(share, variance - noise, noise, int(known.sum()), low, high)


def _weighted(values: FloatArray, noise: FloatArray, design: FloatArray, dof: int) -> Reliability:
    """Return the reliability with tau2 of Paule and Mandel, its interval from the same sum at the ends of chi-square."""
    least = -(1.0 - 1e-9) * float(noise.min())
    size = float(np.var(values)) + float(noise.max())
    floor = max(least, 0.0) + 1e-12 * size if noise.min() == 0.0 else least

    def excess(tau2: float, target: float) -> float:
        root = np.sqrt(tau2 + noise)
        line = np.linalg.lstsq(design / root[:, None], values / root, rcond=None)[0]
        return float(np.sum(((values - design @ line) / root) ** 2)) - target

    def spread(target: float) -> float:
        if excess(floor, target) <= 0.0:
            return floor
        high = size
        while excess(high, target) > 0.0:
            high *= 2.0
        return float(optimize.brentq(excess, floor, high, args=(target,), xtol=1e-14 * size, rtol=1e-12))

    mean = float(noise.mean())
    tau2, *ends = (spread(target) for target in (dof, *(special.chdtri(dof, tail) for tail in (0.025, 0.975))))
    value, low, high = (max(0.0, found) / (max(0.0, found) + mean) for found in (tau2, *ends))
    return Reliability(value, tau2, mean, len(values), low, high)
