"""The arithmetic of ComBat: standardised values, a location and a scale for every site, shrunken over features."""

from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.results import frozen_array
from neurochem.units import FloatArray

_ROUNDS = 10_000
_SETTLED = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class SiteEffects:
    """Location and scale of every site in standardised units.

    Attributes
    ----------
    sites : tuple of str
        Names of the sites, in the order of the rows below.
    location, scale : array, shape (n_sites, n_features)
        What is taken off, and the variance that is divided out: g* and d* when shrunken, else g and d.
    raw_location, raw_scale : array, shape (n_sites, n_features)
        Mean and variance of the standardised values of a site (divided by n - 1).
    prior : array, shape (n_sites, 4)
        Mean and variance of the locations over features, then lambda and theta of the inverse gamma of the scales; NaN
        when nothing was shrunken.
    """

    sites: tuple[str, ...]
    location: FloatArray
    scale: FloatArray
    raw_location: FloatArray
    raw_scale: FloatArray
    prior: FloatArray

    def __post_init__(self) -> None:
        for name in ("location", "scale", "raw_location", "raw_scale", "prior"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    def remove(self, standard: FloatArray, codes: np.ndarray) -> FloatArray:
        """Return standardised values without the effect of their site; codes are rows of `location`."""
        return (standard - self.location[codes]) / np.sqrt(self.scale[codes])


def site_effects(
    standard: FloatArray,
    sites: np.ndarray,
    *,
    shrink: bool,
    location: FloatArray | None = None,
) -> SiteEffects:
    """Return the location and scale of every site.

    Parameters
    ----------
    standard : array, shape (n, f)
        Standardised values, sites not yet removed.
    sites : array of str, shape (n,)
        Site of each row.
    shrink : bool
        Whether sites are shrunken over features by empirical Bayes.
    location : array, shape (n_sites, f), optional
        Locations from a model, sites sorted; the mean of each site by default.

    Notes
    -----
    g* = (n t2 g + d* gbar) / (n t2 + d*) and d* = (theta + 0.5 sum (z - g*)^2) / (n/2 + lambda - 1), in turn until they
    settle. Johnson, Li, Rabinovic (2007), Biostatistics 8:118.
    """
    names = tuple(sorted(set(sites.tolist())))
    parts = [standard[sites == name] for name in names]
    mean = np.array([rows.mean(axis=0) for rows in parts]) if location is None else location
    variance = np.array([rows.var(axis=0, ddof=1) for rows in parts])
    prior = np.full((len(names), 4), np.nan)
    if not shrink:
        return SiteEffects(names, mean, variance, mean, variance, prior)
    shrunken = []
    for index, rows in enumerate(parts):
        prior[index] = _prior(mean[index], variance[index])
        shrunken.append(_settle(rows, mean[index], variance[index], prior[index]))
    star = np.array(shrunken)
    return SiteEffects(names, star[:, 0], star[:, 1], mean, variance, prior)


def refuse_constant(values: FloatArray, sites: np.ndarray, features: tuple[str, ...]) -> None:
    """Refuse a site with one row and a feature that does not vary within a site; both are named.

    Raises
    ------
    InputError
        With the site, the feature and the remedy.
    """
    for name in sorted(set(sites.tolist())):
        rows = values[sites == name]
        if len(rows) < 2:
            msg = f"site '{name}' has {len(rows)} row; its scale cannot be estimated. Leave the site out, join it with "
            msg += "another that has the same scanner, or put site in the outcome model instead"
            raise InputError(msg)
        flat = np.flatnonzero(np.ptp(rows, axis=0) <= 1e-12 * np.abs(rows).max(axis=0))
        if flat.size:
            msg = f"feature '{features[flat[0]]}' does not vary within site '{name}'; its scale cannot be estimated. "
            msg += "Leave the feature or the site out"
            raise InputError(msg)


def _prior(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return mean and variance of the locations, and lambda and theta of the scales, by moments over features."""
    centre, spread = variance.mean(), variance.var(ddof=1)
    # scales that are all alike pull infinitely hard; a tiny spread says the same with finite numbers
    spread = max(float(spread), 1e-12 * float(centre) ** 2)
    shape, size = (2 * spread + centre**2) / spread, (centre * spread + centre**3) / spread
    return np.array([mean.mean(), max(float(mean.var(ddof=1)), 1e-12), shape, size])


def _settle(
    rows: FloatArray, mean: FloatArray, variance: FloatArray, prior: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return g* and d* of one site."""
    middle, spread, shape, size = prior
    count, star, scale = len(rows), mean, variance
    for _ in range(_ROUNDS):
        new = (count * spread * mean + scale * middle) / (count * spread + scale)
        new_scale = (size + 0.5 * ((rows - new) ** 2).sum(axis=0)) / (0.5 * count + shape - 1.0)
        moved = max(np.abs(new - star).max(), np.abs(new_scale / scale - 1.0).max())
        star, scale = new, new_scale
        if moved < _SETTLED:
            break
    return star, scale
