"""The image that regional means predict, sharp and blurred, and the ratio of the two."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurochem.pet.partial_volume.problem import Problem
from neurochem.pet.partial_volume.region_boxes import placed
from neurochem.pet.partial_volume.separable import Box, float_type, ones_through
from neurochem.units import FloatArray

# A blurred model below this share of its blurred size is no divisor: means of both signs cancel there.
SMALLEST_DIVISOR = 0.01


@dataclass(frozen=True, eq=False)
class ModelImage:
    """S = sum_j T_j D_j and its blurred form P S, computed only where regions reach.

    Parameters
    ----------
    problem : Problem
        Regions, point-spread function and background.
    dtype : dtype
        Of the images.
    """

    problem: Problem
    dtype: Any

    @cached_property
    def box(self) -> Box:
        """All voxels that receive activity from a region."""
        return self.problem.regions.reached(self.problem.psf.for_type(self.dtype))

    def predict(self, means: FloatArray) -> "Prediction":
        """Return S and P S for one frame; the background's mean comes last, if it is a region."""
        regions = self.problem.regions
        beyond = float(means[-1]) if self.problem.has_background else 0.0
        own = means[: len(regions.names)] - beyond
        painted = regions.paint(own, regions.box).astype(float_type(self.dtype))
        blurred, box = self.problem.psf.for_type(self.dtype).grow(painted, regions.box, regions.shape)
        sharp = placed(painted, regions.box, box)
        if beyond:
            sharp += blurred.dtype.type(beyond)
            x, y, z = (vector[part] for vector, part in zip(self._ones, box, strict=True))
            blurred += (beyond * x[:, None, None] * y[:, None] * z).astype(blurred.dtype)
        return Prediction(self, means, sharp, blurred)

    def scale(self, volume: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        """Return the volume times the ratio; beyond the box the background alone counts."""
        if self.problem.has_background:
            x, y, z = self._ones
            scaled = volume / (x[:, None, None] * y[:, None] * z).astype(volume.dtype)
        else:
            scaled = np.zeros_like(volume)
        scaled[self.box] = volume[self.box] * ratio
        return scaled

    @cached_property
    def inside(self) -> np.ndarray:
        """Where the regions' voxels lie in the unrolled box."""
        return self.problem.regions.index_in(self.problem.regions.interior, self.box)

    @cached_property
    def _ones(self) -> tuple[FloatArray, ...]:
        return ones_through((self.problem.psf.for_type(self.dtype),), self.problem.regions.shape)


@dataclass(frozen=True, eq=False)
class Prediction:
    """One frame as its regional means predict it.

    Attributes
    ----------
    model : ModelImage
        What made it.
    means : array, shape (m,)
        Regional means.
    sharp, blurred : array
        S and P S in the model's box.
    """

    model: ModelImage
    means: FloatArray
    sharp: np.ndarray
    blurred: np.ndarray

    def ratio(self) -> tuple[np.ndarray, float]:
        """Return S / P S in the box, and the share of the regions' voxels where it is not defined and 1 stands for it."""
        size = np.abs(self.means)
        # P |S|, which needs blurring of its own only where signs are mixed
        whole = np.abs(self.blurred) if abs(self.means.sum()) == size.sum() else self.model.predict(size).blurred
        # with means that are NaN or all zero there is nothing to divide by anywhere
        defined = np.abs(self.blurred) > SMALLEST_DIVISOR * whole
        ratio = np.ones_like(self.blurred)
        np.divide(self.sharp, self.blurred, out=ratio, where=defined)
        if not self.model.problem.has_background and np.any(size > 0):
            # assumed to hold no activity, however little of it is blurred there
            empty = self.sharp == 0
            ratio[empty] = 0.0
            defined |= empty
        return ratio, 1.0 - float(np.mean(defined.ravel()[self.model.inside]))

    def residual_variance(self, volume: np.ndarray) -> float:
        """Return the variance of the voxels of the regions around P S."""
        regions = self.model.problem.regions
        left = volume.ravel()[regions.interior].astype(float) - self.blurred.ravel()[self.model.inside]
        free = left.size - len(regions.names)
        return float(left @ left) / free if free > 0 else float("nan")
