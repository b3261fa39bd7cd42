"""An image as a row of volumes, whatever it was given as."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.errors import InputError
from neurochem.pet.frames import Frames
from neurochem.pet.image import DynamicImage
from neurochem.pet.partial_volume.separable import float_type
from neurochem.reading import load_nifti
from neurochem.units import FloatArray


@dataclass(frozen=True, eq=False)
class Volumes:
    """Volumes on one grid, read one at a time.

    Attributes
    ----------
    source : DynamicImage or array-like
        Where they come from.
    shape : tuple of int
        Size of one volume.
    count : int
        Number of volumes.
    affine : array, shape (4, 4)
        Voxel indices to millimetres.
    dtype : dtype
        float32 or float64: the type that corrected volumes have.
    single : bool
        Whether the source is one volume without an axis of frames.
    where : str
        File, for messages.
    """

    source: Any
    shape: tuple[int, int, int]
    count: int
    affine: FloatArray
    dtype: np.dtype[Any]
    single: bool
    where: str

    @property
    def frames(self) -> Frames | None:
        """Frames of a dynamic image; None for other images."""
        return self.source.frames if isinstance(self.source, DynamicImage) else None

    @property
    def isotope(self) -> str | None:
        """Isotope of a dynamic image."""
        return self.source.isotope if isinstance(self.source, DynamicImage) else None

    def volume(self, index: int) -> np.ndarray:
        """Return one volume, shape (x, y, z)."""
        if isinstance(self.source, DynamicImage):
            return self.source.frame(index).astype(self.dtype, copy=False)
        part = self.source if self.single else self.source[..., index]
        return np.asarray(part).astype(self.dtype, copy=False)


def as_volumes(image: Any, affine: ArrayLike | None) -> Volumes:
    """Return an image as volumes.

    Parameters
    ----------
    image : DynamicImage, path, nibabel image, object with `data` and `affine`, or array
        3-D or 4-D; frames last. Files and float32 are worked on in single precision.
    affine : array_like, shape (4, 4), optional
        Needed with an array, and only there.

    Raises
    ------
    InputError
        If it has neither three nor four dimensions, or the affine is missing or given twice.
    """
    image = load_nifti(image) if isinstance(image, str | Path) else image
    own = getattr(image, "affine", None)
    if (own is None) == (affine is None):
        given = "an image with its own affine and affine=" if own is not None else "an array without affine="
        msg = f"{given} were given; an array needs affine= (4 x 4, voxel indices to millimetres), an image must not have it"
        raise InputError(msg)
    matrix = np.array(affine if own is None else own, dtype=float)
    where = str(getattr(image, "where", "") or "")
    if isinstance(image, DynamicImage):
        dtype = float_type(image.data.dtype) if isinstance(image.data, np.ndarray) else np.dtype(np.float32)
        return Volumes(image, image.shape, len(image.frames), matrix, dtype, single=False, where=where)
    values = getattr(image, "dataobj", None)
    values = getattr(image, "data", image) if values is None else values
    values = image if own is None else values
    shape = tuple(np.shape(values)) if not hasattr(values, "shape") else tuple(values.shape)
    if len(shape) not in (3, 4) or 0 in shape:
        msg = f"{where or 'the image'} has shape {shape}; give one volume (x, y, z) or several (x, y, z, frames)"
        raise InputError(msg)
    dtype = float_type(values.dtype) if isinstance(values, np.ndarray) else np.dtype(np.float32)
    x, y, z = shape[:3]
    return Volumes(values, (x, y, z), shape[3] if len(shape) == 4 else 1, matrix, dtype, len(shape) == 3, where)
