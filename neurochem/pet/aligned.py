"""Labels, masks and maps that must lie on the voxels of a PET image: nothing is resampled here."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, is_numeric_array
from neurochem.errors import FileFormatError, InputError
from neurochem.reading import load_nifti
from neurochem.units import BoolArray, FloatArray

# Affines written by different tools differ by rounding: a micrometre a voxel is the same place.
_SAME_PLACE_MM = 1e-3


def read_values(source: Any, kind: str) -> tuple[np.ndarray, FloatArray | None, str]:
    """Return the values of a path, a nibabel image or an array, its affine if it has one, and its name for messages.

    Parameters
    ----------
    source : path, image or array
        Where the values are.
    kind : str
        What they are, in the singular: "label", "mask", "map".

    Raises
    ------
    MissingFileError, FileFormatError
        If the file is missing, or cannot be read.
    """
    if isinstance(source, str | Path):
        image = load_nifti(source)
        try:
            return _stored(image), image.affine, str(source)
        except (OSError, EOFError, ValueError) as error:
            msg = f"{source}: {kind}s cannot be read ({error}); the file is truncated or damaged, copy it again"
            raise FileFormatError(msg) from error
    if hasattr(source, "dataobj"):
        return _stored(source), source.affine, f"{kind} image"
    if not is_numeric_array(source):
        raise argument_error(
            source, kind, "a path, a NIfTI image, or an array of numbers on the voxels of the PET image"
        )
    return np.asarray(source), None, f"{kind} array"


def _stored(image: Any) -> np.ndarray:
    """Return values in single precision where the file scales them: a stack of maps is large, a weight has few digits."""
    proxy = image.dataobj
    return proxy.get_scaled(np.float32) if hasattr(proxy, "get_scaled") else np.asarray(proxy)


def check_place(
    shape: tuple[int, ...], affine: FloatArray | None, image: Any, *, where: str, kind: str, image_where: str = ""
) -> None:
    """Raise InputError unless `shape` and `affine` are those of `image` (anything with .shape and .affine)."""
    remedy = f"resample the {kind}s to the PET voxels"
    if shape != image.shape:
        msg = f"{where}: {kind}s have shape {shape}, the PET image {image.shape}; {remedy}"
        raise InputError(msg)
    if affine is not None and not np.allclose(affine, image.affine, atol=_SAME_PLACE_MM):
        msg = f"{where}: the affine differs from that of {image_where or 'the PET image'}; {remedy}"
        raise InputError(msg)


def read_mask(source: Any, image: Any, *, kind: str = "mask") -> BoolArray:
    """Return a mask on the voxels of an image.

    Parameters
    ----------
    source : path, image or array, shape (x, y, z)
        Zero (or False), or a value that is not finite, outside and one other value inside.
    image : DynamicImage or StaticImage
        The image whose voxels it must have.
    kind : str
        What to call it in messages.

    Raises
    ------
    InputError
        If it lies elsewhere, is empty, or holds more than two values, as a probabilistic map does.
    """
    values, affine, where = read_values(source, kind)
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    check_place(values.shape, affine, image, where=where, kind=kind, image_where=image.where)
    # resampling writes NaN where it has no data: that is outside
    inside = np.isfinite(values) & (values != 0)
    if not inside.any():
        msg = f"{where}: the {kind} is empty; give one that is not zero somewhere"
        raise InputError(msg)
    low, high = values[inside].min(), values[inside].max()
    if low != high:
        msg = (
            f"{where}: the {kind} holds values from {low:g} to {high:g} beside 0; a mask has one. "
            "Compare a map with a threshold, or labels with a number, first."
        )
        raise InputError(msg)
    return inside


def voxel_size_mm(affine: ArrayLike) -> FloatArray:
    """Return the length of a voxel along each axis of the array in mm, shape (3,)."""
    size = np.sqrt(np.sum(np.asarray(affine, dtype=float)[:3, :3] ** 2, axis=0))
    if not (np.isfinite(size) & (size > 0)).all():
        msg = f"affine gives voxels of {size.tolist()} mm; each side must be a positive length. Repair the affine."
        raise InputError(msg)
    return size
