"""Gaussian smoothing of a dynamic image."""

from typing import Any

from neurochem.arguments import checked_arguments
from neurochem.pet.denoise.kernel import gaussian_kernel
from neurochem.pet.denoise.method import DENOISERS, denoised, empty_frames, read_frame
from neurochem.pet.image import DynamicImage


@DENOISERS.register(name="Gaussian", aliases=("smooth",), reference="linear filter; no source needed")
@checked_arguments
def smooth_image(image: DynamicImage, fwhm_mm: Any, *, mask: Any = None) -> DynamicImage:
    """Return every frame smoothed with a Gaussian.

    Parameters
    ----------
    image : DynamicImage
        Dynamic image.
    fwhm_mm : float or three floats
        Full width at half maximum of the kernel in mm, one for all axes or one for each axis of the array (its rows,
        columns and slices, whatever their direction in space); 0 leaves an axis as it is.
    mask : path, image or array, shape (x, y, z), or "finite", optional
        Smooth inside it alone, by normalised convolution; voxels outside keep their values and touch none inside.
        "finite" takes every voxel that is finite in all frames.

    Returns
    -------
    DynamicImage
        In single precision, kBq/mL; `notes` name kernel and width.

    Raises
    ------
    InputError
        If the width is none, the mask lies elsewhere, or a voxel that takes part is not finite.

    Notes
    -----
    The kernel is sampled at voxel centres out to five standard deviations and sums to 1, so constants and (without a mask)
    totals are kept; its variance is that of the stated width even where that is below a voxel. Widths add in squares to
    the resolution R of the scanner: the image then has sqrt(R^2 + FWHM^2), which a partial-volume correction must be told.
    """
    kernel = gaussian_kernel(image, fwhm_mm, mask)
    data = empty_frames(image)
    for index in range(len(image.frames)):
        read_frame(image, index, data[..., index], kernel.inside)
        kernel.smooth(data[..., index])
    return denoised(image, data, f"every frame smoothed with a {kernel.text}")
