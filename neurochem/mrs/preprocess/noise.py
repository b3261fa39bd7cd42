"""The noise of a spectrum, measured where it is white and carried through what follows."""

import math
from dataclasses import dataclass, replace

import numpy as np

from neurochem.mrs.spectra import DYNAMIC, Acquisition
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

_LAST = 5
_LOOKED_AT = 8
_FEWEST_TRANSIENTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class NoiseLevel:
    """Noise of an averaged FID.

    Attributes
    ----------
    sd : float
        Standard deviation of the real and of the imaginary part of a point, before apodisation.
    envelope : array, shape (n_points,)
        What later steps made of each point: 1 untouched, the filter where apodised, 0 where filled with zeros.
    source : str
        How it was measured.
    """

    sd: float
    envelope: FloatArray
    source: str

    @property
    def spectrum_sd(self) -> float:
        """Standard deviation of the real and of the imaginary part of a point of the spectrum (its unscaled FFT)."""
        return self.sd * math.sqrt(float(np.sum(self.envelope**2)))

    def shaped(self, envelope: FloatArray) -> "NoiseLevel":
        """Return the level after another filter, truncation or zero filling."""
        return replace(self, envelope=frozen_array(envelope))


def sampled_points(data: ComplexArray) -> int:
    """Return how many points of the FIDs were sampled: those before the zeros that fill the end, if any."""
    # a few FIDs tell; taken by slices, since reshaping a view would copy all of it
    rows = data[tuple(slice(None, None, max(size // _LOOKED_AT, 1)) for size in data.shape[:-1])]
    filled = np.flatnonzero(rows.any(axis=tuple(range(rows.ndim - 1))))
    return int(filled[-1]) + 1 if filled.size else data.shape[-1]


def late_points(data: ComplexArray) -> slice:
    """Return the last fifth of what was sampled."""
    end = sampled_points(data)
    return slice(max(end - max(end // _LAST, 8), 0), end)


def scatter_of(data: Acquisition, weights: FloatArray) -> float:
    """Return the noise of the mean of transients, from how they differ from each other.

    Parameters
    ----------
    data : Acquisition
        Transients, coils combined.
    weights : array, shape of the data without time
        Weight of each; zero for rejected ones.

    Returns
    -------
    float
        Root mean square over the last fifth of the FID, where what is left of the signal is smallest.  NaN below four
        transients.

    Notes
    -----
    Variance of the weighted mean m of transients x_k of unlike noise: sum w_k^2 |x_k - m|^2 / (1 - w_k), which for equal
    weights is the sample variance over n.  The mean over edit conditions is taken.
    """
    axis = data.dims.index(DYNAMIC)
    late = np.moveaxis(data.data[..., late_points(data.data)], axis, -2)
    share = np.moveaxis(weights, axis, -1)
    late, share = late.reshape(-1, *late.shape[-2:]), share.reshape(-1, share.shape[-1])
    energies = []
    for values, own in zip(late, share, strict=True):
        kept = own > 0
        if np.count_nonzero(kept) < _FEWEST_TRANSIENTS:
            return math.nan
        part = own[kept] / own.sum()
        left = np.mean(np.abs(values[kept] - part @ values[kept]) ** 2, axis=-1) / 2.0
        energies.append(float(np.sum(part**2 * left / (1.0 - part))))
    return math.sqrt(float(np.mean(energies)))


def tail_of(data: Acquisition) -> float:
    """Return the noise of FIDs from their last fifth, a slow trend taken off."""
    late = data.data[..., late_points(data.data)]
    trend = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, late.shape[-1]), 4))[0]
    left = late - (late @ trend) @ trend.T
    return math.sqrt(float(np.mean(np.abs(left) ** 2)) / 2.0 * late.shape[-1] / (late.shape[-1] - 4))


def measured(data: Acquisition, scatter: float = math.nan) -> NoiseLevel:
    """Return the noise of averaged FIDs: from the scatter of transients where there were enough, else from the tail."""
    envelope = frozen_array((np.arange(data.data.shape[-1]) < sampled_points(data.data)).astype(float))
    if math.isfinite(scatter):
        return NoiseLevel(scatter, envelope, "scatter of the transients in the last fifth of the FID")
    return NoiseLevel(tail_of(data), envelope, "last fifth of the FID")
