"""HYPR-LR: the detail of a long average put back on smoothed frames."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.denoise.kernel import GaussianKernel, gaussian_kernel
from neurochem.pet.denoise.method import DENOISERS, Float32Array, denoised, empty_frames, read_frame
from neurochem.pet.frames import Frames
from neurochem.pet.image import DynamicImage
from neurochem.units import FloatArray

_SOURCE = "Johnson 2008 Magn Reson Med 59:456; for PET Christian 2010 J Nucl Med 51:1147"


@DENOISERS.register(name="HYPR-LR", aliases=("HYPR", "HYPRLR"), reference=_SOURCE)
@checked_arguments
def hypr_lr(
    image: DynamicImage,
    fwhm_mm: Any,
    *,
    mask: Any = None,
    weights: ArrayLike | None = None,
    windows_s: Sequence[tuple[float, float]] | None = None,
    floor: float = 0.01,
) -> DynamicImage:
    """Return every frame with the noise of a long average and its own time course.

    Parameters
    ----------
    image : DynamicImage
        Dynamic image.
    fwhm_mm : float or three floats
        Full width at half maximum of the Gaussian kernel in mm, as for `smooth_image`.
    mask : path, image or array, shape (x, y, z), or "finite", optional
        Work inside it alone; voxels outside keep their values and touch none inside.
    weights : array_like, shape (n_frames,), optional
        Weights of the frames in the composite; their durations by default, as published. Durations times the fraction of
        the isotope left are counts: a composite with less noise for carbon-11, more like the early frames.
    windows_s : sequence of (start, end), optional
        Windows in seconds, each with a composite of its own: a frame belongs to the window that holds its middle. One
        composite of all frames by default; two or three follow a tracer that moves between regions.
    floor : float
        Where the smoothed composite is below this share of its maximum, a ratio to it means nothing, and frames there are
        smoothed only.

    Returns
    -------
    DynamicImage
        In single precision, kBq/mL; `notes` name kernel, composites and how many voxels were only smoothed.

    Raises
    ------
    InputError
        If the width is none, a frame falls in no window or two, a composite is nowhere positive, or a voxel that takes
        part is not finite.

    Notes
    -----
    I'_t = G(I_t) I_c / G(I_c), with G the Gaussian and I_c = sum(w_t I_t) / sum(w_t) the composite over frames of
    weight w_t. Exact where every voxel under the kernel has the same time course up to a factor, whatever the pattern of
    the factors; next to a region of other kinetics the courses mix as under plain smoothing, but the mean over time stays.
    The noise of the composite comes back as one factor on the whole curve of a voxel. A fit over time therefore sees less
    noise than the map has, and its standard errors are too small: BPND + 1 of a reference-tissue model keeps the relative
    error of the composite, however smooth the curves look.

    References
    ----------
    Johnson KM et al. 2008, Magn Reson Med 59:456. Christian BT et al. 2010, J Nucl Med 51:1147.
    """
    if not 0.0 < floor < 1.0:
        msg = f"floor is {floor}; give a share of the composite's maximum between 0 and 1, for example 0.01"
        raise InputError(msg)
    members, share = _members(image.frames, windows_s), _composite_weights(image, weights)
    kernel = gaussian_kernel(image, fwhm_mm, mask)
    data = empty_frames(image)
    texts = [_fill(image, data, indices, kernel, share, floor) for indices in members]
    weighting = "duration" if weights is None else "given weights"
    return denoised(image, data, f"HYPR-LR with a {kernel.text}, composite by {weighting} of {'; of '.join(texts)}")


def _members(frames: Frames, windows_s: Sequence[tuple[float, float]] | None) -> list[list[int]]:
    """Return the frames of each window, which must share out all frames."""
    if windows_s is None:
        return [list(range(len(frames)))]
    middle = frames.mid_s
    edges = np.asarray(windows_s, dtype=float).reshape(-1, 2)
    inside = (middle >= edges[:, :1]) & (middle < edges[:, 1:])
    wrong = np.flatnonzero(inside.sum(axis=0) != 1)
    if wrong.size:
        frame = int(wrong[0])
        count = int(inside[:, frame].sum())
        msg = (
            f"windows_s is {edges.tolist()}: the middle of frame {frame + 1} ({middle[frame]:g} s) lies in {count} of them; "
            "every frame must lie in one"
        )
        raise InputError(msg)
    return [np.flatnonzero(row).tolist() for row in inside if row.any()]


def _composite_weights(image: DynamicImage, weights: ArrayLike | None) -> FloatArray:
    if weights is None:
        return image.frames.duration_s
    values = np.asarray(weights, dtype=float)
    if values.shape != (len(image.frames),) or not (np.isfinite(values) & (values >= 0)).all():
        msg = f"weights have shape {values.shape}; give {len(image.frames)} finite numbers, none negative, one a frame"
        raise InputError(msg)
    return values


def _fill(
    image: DynamicImage,
    data: Float32Array,
    indices: list[int],
    kernel: GaussianKernel,
    weights: FloatArray,
    floor: float,
) -> str:
    """Write the frames of one window into `data`, shape (x, y, z, n_frames), and say what was done."""
    detail, low = _detail(image, indices, kernel, weights[indices], floor)
    for index in indices:
        volume = data[..., index]
        read_frame(image, index, volume, kernel.inside)
        kernel.smooth(volume)
        np.multiply(volume, detail, out=volume, where=True if kernel.inside is None else kernel.inside)
    return f"frames {indices[0] + 1} to {indices[-1] + 1} ({low} voxels of low composite smoothed only)"


def _detail(
    image: DynamicImage, indices: list[int], kernel: GaussianKernel, weights: FloatArray, floor: float
) -> tuple[Float32Array, int]:
    """Return composite over smoothed composite, 1 where that means nothing, and how many voxels that concerns."""
    composite = np.zeros(image.shape, dtype=np.float32, order="F")
    smoothed = np.empty_like(composite)
    for index, share in zip(indices, weights / max(float(weights.sum()), np.finfo(float).tiny), strict=True):
        read_frame(image, index, smoothed, kernel.inside)
        if kernel.inside is not None:
            np.copyto(smoothed, 0.0, where=~kernel.inside)
        smoothed *= np.float32(share)
        composite += smoothed
    smoothed[...] = composite
    kernel.smooth(smoothed, keep_outside=False)
    peak = float(smoothed.max())
    if peak <= 0:
        msg = (
            f"{image.where or 'image'}: the composite of frames {indices[0] + 1} to {indices[-1] + 1} is nowhere positive; "
            "choose other windows or another mask"
        )
        raise InputError(msg)
    low = 0
    for z in range(image.shape[2]):
        counted = smoothed[..., z] > floor * peak
        plane = composite[..., z]
        plane[counted] /= smoothed[..., z][counted]
        plane[~counted] = 1.0
        taking_part = counted.size if kernel.inside is None else np.count_nonzero(kernel.inside[..., z])
        low += int(taking_part - np.count_nonzero(counted))
    return composite, low
