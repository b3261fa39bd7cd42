"""The phase of a water reference, without the noise of its late points."""

import numpy as np

from neurochem.mrs.preprocess.noise import sampled_points
from neurochem.units import ComplexArray, FloatArray


def eddy_phase(water: ComplexArray, *, least_snr: float = 3.0) -> tuple[FloatArray, int]:
    """Return the unwrapped phase of a water FID, extrapolated where the signal has died.

    Parameters
    ----------
    water : complex array, shape (n_points,)
        Unsuppressed water.
    least_snr : float
        Below three times the noise a phase is mostly noise: its error is 1/3 radian, and unwrapping fails.

    Returns
    -------
    phase : array, shape (n_points,)
        Radian; measured to `last`, then a straight line through the last quarter of the measured part, so that no
        noise is written into the late points of the data.
    last : int
        Number of measured points.

    Notes
    -----
    The noise is that of the last tenth of what was sampled; zeros that fill the end have no phase.
    """
    size = np.abs(water)
    end = sampled_points(water)
    noise = float(np.sqrt(np.mean(size[max(end - max(end // 10, 8), 0) : end] ** 2) / 2.0))
    weak = np.flatnonzero((size < least_snr * noise) | (np.arange(size.size) >= end))
    last = int(weak[weak > 16][0]) if (weak > 16).any() else size.size
    phase = np.unwrap(np.angle(water[:last]))
    if last < size.size:
        quarter = np.arange(last - max(last // 4, 8), last)
        slope, offset = np.polyfit(quarter, phase[quarter], 1, w=size[quarter])
        late = np.arange(last, size.size)
        phase = np.concatenate([phase, slope * late + offset])
    return phase, last
