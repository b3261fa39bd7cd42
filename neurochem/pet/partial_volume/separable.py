"""Convolution with one kernel an axis, on whole volumes and on boxes cut from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from neurochem.units import FloatArray

Box = tuple[slice, slice, slice]
# What scipy.ndimage calls the two assumptions on what lies outside the volume.
_MODES = {"zero": "constant", "nearest": "nearest"}


def float_type(dtype: Any) -> np.dtype[Any]:
    """Return float32 for float32 and small whole numbers, float64 for the rest."""
    return np.result_type(dtype, np.float32)


@dataclass(frozen=True, eq=False)
class Separable:
    """A symmetric convolution along each axis of a volume.

    Attributes
    ----------
    kernels : tuple of three arrays
        Odd lengths; a kernel of one element is a factor and costs nothing.
    outside : str
        "zero" or "nearest": what is assumed beyond the faces of the volume.
    """

    kernels: tuple[FloatArray, FloatArray, FloatArray]
    outside: str = "zero"

    @property
    def radius(self) -> tuple[int, ...]:
        """Voxels on each side that a kernel reaches, an axis."""
        return tuple(kernel.size // 2 for kernel in self.kernels)

    def apply(self, volume: np.ndarray) -> np.ndarray:
        """Return the convolved volume, float32 for float32; further axes (frames) are left alone."""
        values = volume.astype(float_type(volume.dtype), copy=False)
        for axis in range(3):
            values = self._along(values, axis)
        return values.copy() if values is volume else values

    def grow(self, values: np.ndarray, box: Box, shape: tuple[int, ...]) -> tuple[np.ndarray, Box]:
        """Return the convolution of a volume that is zero outside a box, and the larger box that it fills.

        Parameters
        ----------
        values : array
            The volume in the box.
        box : tuple of slices
            Where it lies.
        shape : tuple of int
            Size of the volume; the result is exact at its faces too.
        """
        slices = list(box)
        for axis, reach in enumerate(self.radius):
            start, stop = max(box[axis].start - reach, 0), min(box[axis].stop + reach, shape[axis])
            margin = [(0, 0)] * 3
            margin[axis] = (box[axis].start - start, stop - box[axis].stop)
            values = self._along(np.pad(values, margin), axis)
            slices[axis] = slice(start, stop)
        return values, (slices[0], slices[1], slices[2])

    def along_vectors(self, vectors: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        """Return three vectors whose outer product is the convolution of the outer product of three."""
        return tuple(
            ndimage.correlate1d(vector, kernel, mode=_MODES[self.outside], cval=0.0)
            for vector, kernel in zip(vectors, self.kernels, strict=True)
        )

    def _along(self, values: np.ndarray, axis: int) -> np.ndarray:
        kernel = self.kernels[axis]
        if kernel.size == 1:
            return values if kernel[0] == 1.0 else values * values.dtype.type(kernel[0])
        return ndimage.correlate1d(values, kernel, axis=axis, mode=_MODES[self.outside], cval=0.0)


def ones_through(operators: Sequence[Separable], shape: tuple[int, ...]) -> tuple[FloatArray, ...]:
    """Return three vectors whose outer product is a volume of ones after the operators, the first one first."""
    vectors = tuple(np.ones(length) for length in shape)
    for operator in operators:
        vectors = operator.along_vectors(vectors)
    return vectors
