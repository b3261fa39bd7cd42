"""The registry of denoisers, and what they share: frames in single precision, one at a time."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.image import DynamicImage
from neurochem.registry import Registry
from neurochem.units import BoolArray

if TYPE_CHECKING:
    import pandas as pd

Float32Array = NDArray[np.float32]


class Denoiser(Protocol):
    """A function from a dynamic image to one with less noise, which says in `notes` what it did."""

    def __call__(self, image: DynamicImage, fwhm_mm: Any, *, mask: Any = None) -> DynamicImage:
        """Return a new image; `image` stays as it is."""


DENOISERS: Registry[Denoiser] = Registry("denoiser", package="neurochem.pet.denoise")


@checked_arguments
def denoise_image(image: DynamicImage, method: str, fwhm_mm: Any, **options: Any) -> DynamicImage:
    """Return a dynamic image denoised by a named method.

    Parameters
    ----------
    image : DynamicImage
        Dynamic image.
    method : str
        "Gaussian" or "HYPR-LR"; `denoisers()` lists all.
    fwhm_mm : float or three floats
        Full width at half maximum of the method's kernel in mm.
    **options
        Options of the method.

    Returns
    -------
    DynamicImage
        In single precision, kBq/mL; the last of its `notes` names the method and its settings.

    Raises
    ------
    UnknownNameError, InputError
        If there is no such method, or as its function raises.
    """
    return DENOISERS[method](image, fwhm_mm, **options)


def denoisers() -> "pd.DataFrame":
    """Return a table of the denoisers: name, other names, source."""
    import pandas as pd

    rows = [{"name": e.name, "aliases": ", ".join(e.aliases), "reference": e.reference} for e in DENOISERS]
    return pd.DataFrame(rows)


def empty_frames(image: DynamicImage) -> Float32Array:
    """Return memory for the output, shape (x, y, z, n_frames), each frame in one piece as NIfTI stores it."""
    return np.empty((*image.shape, len(image.frames)), dtype=np.float32, order="F")


def read_frame(image: DynamicImage, index: int, out: Float32Array, inside: BoolArray | None = None) -> None:
    """Write one frame in kBq/mL into `out`, shape (x, y, z).

    Raises
    ------
    InputError
        If a voxel that takes part (inside the mask, or any without one) is not finite.
    """
    data = image.data
    if isinstance(data, np.ndarray) and data.dtype == np.float32:
        # single precision in, single precision out: a detour by double would cost two frames of it
        np.multiply(data[..., np.flatnonzero(image.kept)[index]], np.float32(image.scale[index]), out=out)
    else:
        out[...] = image.frame(index)
    bad = ~np.isfinite(out)
    if inside is not None:
        bad &= inside
    if bad.any():
        first = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
        place = f"{image.where}: " if image.where else ""
        msg = (
            f"{place}frame {index + 1} holds {np.count_nonzero(bad)} voxels that are not finite, the first {out[first]} at "
            f"voxel {first}; a kernel would spread them. Give a mask without them, or mask='finite'."
        )
        raise InputError(msg)


def denoised(image: DynamicImage, data: Float32Array, note: str) -> DynamicImage:
    """Return the image with new data, read-only, and what was done to it."""
    data.setflags(write=False)
    return DynamicImage(
        data, image.frames, image.affine, isotope=image.isotope, where=image.where, notes=(*image.notes, note)
    )
