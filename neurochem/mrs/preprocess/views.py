"""A small picture of a scan in the middle of preprocessing: a few spectra of a limited range."""

from dataclasses import dataclass

import numpy as np

from neurochem.mrs.spectra import COIL, DYNAMIC, EDIT, TIME, Acquisition, frequency_axis, to_ppm
from neurochem.results import frozen_array
from neurochem.units import ComplexArray, FloatArray

RANGE_PPM = (0.0, 5.5)
_MOST_ROWS = 400


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Spectra of one moment.

    Attributes
    ----------
    ppm : array, shape (n_shifts,)
        Descending.
    spectra : complex array, shape (n_rows, n_shifts)
        Single precision: coils (mean of their transients), else transients, else edit conditions.
    rows : str
        What a row is: "coil", "transient", "edit condition" or "spectrum".
    """

    ppm: FloatArray
    spectra: ComplexArray
    rows: str

    @property
    def mean(self) -> ComplexArray:
        """Mean over the rows; of coils the strongest one, since their phases differ."""
        if self.rows == "coil":
            return self.spectra[int(np.argmax(np.abs(self.spectra).sum(axis=1)))]
        return self.spectra.mean(axis=0)


def view_of(data: Acquisition, weights: FloatArray | None = None) -> View:
    """Return the picture of a scan, without FIDs of weight zero."""
    values, dims = data.data, list(data.dims)
    if COIL in dims:
        for dim in [name for name in dims if name not in {COIL, TIME}]:
            # a handful of transients is enough to see a coil
            axis = dims.index(dim)
            few = values[(*(slice(None),) * axis, slice(0, 16))]
            # infinite samples make NaN here, which the record of the steps tells
            with np.errstate(invalid="ignore"):
                values, dims = few.mean(axis=axis), [name for name in dims if name != dim]
    rows = next(
        (word for dim, word in ((COIL, "coil"), (DYNAMIC, "transient"), (EDIT, "edit condition")) if dim in dims), ""
    )
    if DYNAMIC in dims:
        values = np.moveaxis(values, dims.index(DYNAMIC), -2)
    flat = values.reshape(-1, values.shape[-1])
    if weights is not None and weights.shape == data.shape[:-1] and DYNAMIC in dims:
        flat = flat[np.moveaxis(weights, dims.index(DYNAMIC), -1).reshape(-1) > 0]
    flat = flat[:: -(-flat.shape[0] // _MOST_ROWS)]
    ppm = to_ppm(frequency_axis(flat.shape[-1], data.dwell_s), data.larmor_mhz, data.reference_ppm)
    low, high = RANGE_PPM if data.nucleus == "1H" else (-np.inf, np.inf)
    inside = np.flatnonzero((ppm >= low) & (ppm <= high))
    if not inside.size:
        inside = np.arange(ppm.size)
    spectra = np.fft.fftshift(np.fft.fft(flat.astype(np.complex64), axis=-1), axes=-1)[:, inside]
    return View(frozen_array(ppm[inside]), frozen_array(spectra.astype(np.complex64)), rows or "spectrum")
