"""The linear equations between observed and true regional means, and what they do to noise."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.partial_volume.overlap import overlap_matrix
from neurochem.pet.partial_volume.problem import Problem
from neurochem.pet.partial_volume.separable import ones_through
from neurochem.units import FloatArray

# A matrix of a larger condition number has no inverse in double precision.
SINGULAR = 1e12


@dataclass(frozen=True, eq=False)
class RegionalSystem:
    """M T = s: sums s over regions of the image, as the true means T make them.

    Parameters
    ----------
    problem : Problem
        Regions, point-spread function and background.
    blurred : bool
        False sums the image over each region D_i (Rousset). True sums it with the blurred region P D_i as weight
        (Labbe, Sattarivand), which is least squares for the image under white noise.

    Notes
    -----
    With A_i the sampling (D_i or P D_i), M_ij = <A_i, P D_j>; dividing rows by <A_i, 1> gives the geometric transfer
    matrix G. White or correlated noise of unit variance and correlation R gives s the covariance W_ij = <A_i, R A_j>, so
    the means T = M^-1 s have M^-1 W M^-T.
    """

    problem: Problem
    blurred: bool = False

    def __post_init__(self) -> None:
        if self.problem.has_background and self.counts[-1] <= 0:
            msg = f"{self.problem.regions.voxels.where}: regions fill the volume, nothing is background; give background='zero'"
            raise InputError(msg)
        if self.blurred and self.problem.psf.outside != "zero":
            msg = "sampling with blurred regions needs outside='zero'; give that, or use method='gtm', which allows 'nearest'"
            raise InputError(msg)

    @property
    def names(self) -> tuple[str, ...]:
        """Regions in the order of rows and columns, the background last if it is one."""
        return (*self.problem.regions.names, *(("background",) if self.problem.has_background else ()))

    @cached_property
    def counts(self) -> FloatArray:
        """Voxels of each region, the background included, shape (m,)."""
        regions = self.problem.regions
        rest = (regions.size - regions.total.sum(),) if self.problem.has_background else ()
        return np.append(regions.total, rest)

    @cached_property
    def cross(self) -> FloatArray:
        """The matrix M, shape (m, m)."""
        blur = self.problem.psf.exact
        operators = (blur, blur) if self.blurred else (blur,)
        return overlap_matrix(self.problem.regions, operators, background=self.problem.has_background)

    @cached_property
    def transfer(self) -> FloatArray:
        """The geometric transfer matrix: share of region j's activity per voxel that region i reads, shape (m, m)."""
        if not self.blurred:
            return self.cross / self.counts[:, None]
        regions = self.problem.regions
        vectors = ones_through((self.problem.psf.exact,), regions.shape)
        weights = regions.outer_sums(vectors)
        if self.problem.has_background:
            weights = np.append(weights, float(np.prod([vector.sum() for vector in vectors])) - weights.sum())
        return self.cross / weights[:, None]

    @cached_property
    def condition_number(self) -> float:
        """Condition number of the transfer matrix: how much relative errors may grow."""
        return float(np.linalg.cond(self.transfer))

    @property
    def singular(self) -> bool:
        """Whether the means cannot be told apart."""
        return not self.condition_number < SINGULAR

    @cached_property
    def inverse(self) -> FloatArray:
        """Inverse of M, NaN if it has none."""
        return np.asarray(np.full_like(self.cross, np.nan) if self.singular else np.linalg.inv(self.cross), dtype=float)

    @cached_property
    def unit_covariance(self) -> FloatArray:
        """Covariance of the means where a voxel's variance is 1, shape (m, m)."""
        blur, noise = self.problem.psf.exact, self.problem.noise
        if self.blurred and not any(noise.radius):
            # white noise and least squares: M itself is the covariance of the sums
            return self.inverse
        operators = (blur, noise, blur) if self.blurred else (noise,)
        spread = overlap_matrix(self.problem.regions, operators, background=self.problem.has_background)
        return self.inverse @ spread @ self.inverse.T

    def observed(self, volume: np.ndarray) -> FloatArray:
        """Return the plain mean of every region, shape (m,).

        Raises
        ------
        InputError
            If a region holds a value that is not finite.
        """
        return self._sums(volume) / self.counts

    def means(self, volume: np.ndarray) -> FloatArray:
        """Return the corrected means of one frame, shape (m,)."""
        if self.singular:
            return np.full(len(self.names), np.nan)
        sampled = self.problem.psf.for_type(volume.dtype).apply(volume) if self.blurred else volume
        # solving keeps more digits than multiplying with the inverse
        return np.asarray(np.linalg.solve(self.cross, self._sums(sampled)), dtype=float)

    def _sums(self, volume: np.ndarray) -> FloatArray:
        sums = self.problem.regions.sums(volume)
        if self.problem.has_background:
            sums = np.append(sums, np.sum(volume, dtype=float) - sums.sum())
        bad = np.flatnonzero(~np.isfinite(sums))
        if bad.size:
            name = self.names[bad[0]]
            remedy = "repair the image, leave these voxels out of the region, or set them to 0"
            if name == "background":
                remedy = "set voxels outside the regions to 0, or give background='zero', which does not read them"
            msg = f"{self.problem.where or 'the image'}: region '{name}' holds voxels that are not finite; {remedy}"
            raise InputError(msg)
        return sums
