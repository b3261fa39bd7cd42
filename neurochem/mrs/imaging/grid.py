"""The spectra of an acquisition as one table, and which of them hold a signal."""

from dataclasses import dataclass

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.spectra import TIME, Acquisition, Spectrum, noise_sd
from neurochem.units import BoolArray, ComplexArray, FloatArray

# Dimensions that are parts of one measurement, to be combined before a fit.
_PARTS = ("DIM_COIL", "DIM_EDIT", "DIM_PHASE_CYCLE", "DIM_ISIS", "DIM_METCYCLE")
_METABOLITES_PPM = (1.8, 3.4)


@dataclass(frozen=True, eq=False)
class SpectralGrid:
    """Spectra of the same kind at many places, times or settings.

    Attributes
    ----------
    fids : complex array, shape (n_spectra, n_points)
        One row a spectrum, in C order of `shape`.
    shape : tuple of int
        Lengths of `dims`.
    dims : tuple of str
        "x", "y", "z" and NIfTI-MRS tags.
    source : Acquisition
        Where they come from.
    """

    fids: ComplexArray
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    source: Acquisition

    @classmethod
    def of(cls, acquisition: Acquisition) -> "SpectralGrid":
        """Return the spectra of an acquisition.

        Raises
        ------
        InputError
            If it holds coils, edits or other parts of a measurement that must be combined first.
        """
        if not isinstance(acquisition, Acquisition):
            msg = f"expected a neurochem.mrs.Acquisition, got {type(acquisition).__name__}; read a file with neurochem.mrs.read"
            raise InputError(msg)
        for dim in _PARTS:
            if acquisition.size(dim) > 1:
                msg = (
                    f"{acquisition.source or acquisition.name}: {dim} has {acquisition.size(dim)} entries; combine them with "
                    "neurochem.mrs.preprocess before a fit of many spectra"
                )
                raise InputError(msg)
        kept = [(dim, acquisition.size(dim)) for dim in acquisition.dims if dim != TIME and acquisition.size(dim) > 1]
        fids = acquisition.data.reshape(-1, acquisition.data.shape[-1])
        return cls(fids, tuple(size for _, size in kept), tuple(dim for dim, _ in kept), acquisition)

    def spectrum(self, index: int) -> Spectrum:
        """Return one spectrum, named by its place."""
        place = ", ".join(str(int(k)) for k in np.unravel_index(index, self.shape)) if self.shape else "0"
        source = self.source
        return Spectrum(
            self.fids[index], dwell_s=source.dwell_s, larmor_mhz=source.larmor_mhz, echo_time_s=source.echo_time_s,
            repetition_time_s=source.repetition_time_s, reference_ppm=source.reference_ppm, nucleus=source.nucleus,
            name=f"{source.name}[{place}]", source=source.source,
        )  # fmt: skip

    def signal_to_noise(self) -> FloatArray:
        """Return the tallest point between 1.8 and 3.4 ppm over the noise of each spectrum; NaN where not finite."""
        found = np.full(len(self.fids), np.nan)
        first = self.spectrum(0)
        inside = (first.ppm >= _METABOLITES_PPM[0]) & (first.ppm <= _METABOLITES_PPM[1])
        for index in range(len(self.fids)):
            spectrum = self.spectrum(index)
            if np.isfinite(spectrum.fid).all() and spectrum.fid.any():
                noise = noise_sd(spectrum)
                height = float(np.abs(spectrum.spectrum[inside]).max())
                found[index] = height / noise if noise > 0 else np.inf
        return found


def grid_mask(mask: object, grid: SpectralGrid) -> BoolArray:
    """Return a mask as one entry a spectrum.

    Parameters
    ----------
    mask : array_like of bool, optional
        Shape of the grid, or of its spatial part.

    Raises
    ------
    InputError
        If the shape is another, or nothing is inside.
    """
    if mask is None:
        return np.ones(len(grid.fids), dtype=bool)
    inside = np.asarray(mask) != 0
    spatial = tuple(size for dim, size in zip(grid.dims, grid.shape, strict=True) if dim in "xyz")
    squeezed = inside.squeeze()
    if squeezed.shape == spatial and spatial != grid.shape:
        squeezed = np.broadcast_to(squeezed.reshape(spatial + (1,) * (len(grid.shape) - len(spatial))), grid.shape)
    if squeezed.shape != grid.shape:
        msg = f"the mask has shape {inside.shape}, the grid {grid.shape} ({', '.join(grid.dims)}); they must agree"
        raise InputError(msg)
    if not squeezed.any():
        msg = "the mask is empty; give one that is not zero somewhere"
        raise InputError(msg)
    return np.ascontiguousarray(squeezed).ravel()
