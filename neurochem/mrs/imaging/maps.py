"""What a fit of many spectra gives: each estimate with its error, quality and status at every place."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from neurochem.arguments import checked_fields
from neurochem.errors import InputError, unknown_name
from neurochem.naming import sidecar_path, write_text, write_via
from neurochem.records import plain
from neurochem.results import frozen_array
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SpectrumStatus(IntEnum):
    """Codes of the status map."""

    OK = 0
    FLAGGED = 1
    LOW_SIGNAL = 2
    FAILED = 3
    OUTSIDE = 4


STATUS_MEANINGS = {
    SpectrumStatus.OK: "fitted, no warning",
    SpectrumStatus.FLAGGED: "fitted, with a warning of the quality rules or of the search",
    SpectrumStatus.LOW_SIGNAL: "not fitted: signal to noise below the threshold",
    SpectrumStatus.FAILED: "no result: not finite, zero, or no metabolites found",
    SpectrumStatus.OUTSIDE: "outside the mask",
}
QUALITY = ("snr", "fwhm_hz", "fqn", "shift_ppm", "phase_deg", "baseline_dimension")


@checked_fields
@dataclass(frozen=True, eq=False)
class MetaboliteMap:
    """One element or total at every place.

    Attributes
    ----------
    name, unit : str
        What it is.
    data, stderr : array, shape of the grid
        Value and standard error; NaN where nothing was fitted.
    status : int array, shape of the grid
        See `SpectrumStatus`.
    """

    name: str
    unit: str
    data: FloatArray
    stderr: FloatArray
    status: np.ndarray


@checked_fields
@dataclass(frozen=True, eq=False)
class MetaboliteMaps:
    """Estimates of a grid of spectra.

    Attributes
    ----------
    values, stderrs : mapping of str to array, shape of the grid
        Every element of the basis and the totals.
    quality : mapping of str to array, shape of the grid
        snr, fwhm_hz, fqn, shift_ppm, phase_deg, baseline_dimension, as in the diagnostics of a single fit.
    status : int array, shape of the grid
        See `SpectrumStatus`.
    dims : tuple of str
        What the axes are.
    affine : array, shape (4, 4), or None
        Voxel indices to millimetres, where the file says.
    settings : mapping
        Choices of the fit.
    """

    values: Mapping[str, FloatArray]
    stderrs: Mapping[str, FloatArray]
    quality: Mapping[str, FloatArray]
    status: np.ndarray
    dims: tuple[str, ...]
    affine: FloatArray | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("values", "stderrs", "quality"):
            held = {key: frozen_array(array) for key, array in getattr(self, name).items()}
            object.__setattr__(self, name, MappingProxyType(held))
        object.__setattr__(self, "status", frozen_array(self.status))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @property
    def names(self) -> tuple[str, ...]:
        """Elements and totals."""
        return tuple(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.status.shape

    def __getitem__(self, name: str) -> MetaboliteMap:
        """Return the map of one element or total."""
        if name not in self.values:
            raise unknown_name(name, self.names, kind="metabolite map")
        return MetaboliteMap(name, "", self.values[name], self.stderrs[name], self.status)

    def counts(self) -> dict[str, int]:
        """Return the number of places of every status."""
        return {status.name.casefold(): int(np.count_nonzero(self.status == status)) for status in SpectrumStatus}

    def to_frame(self) -> pd.DataFrame:
        """Return one row a place and estimate that was fitted: indices, name, value, stderr, status."""
        fitted = np.argwhere(self.status <= SpectrumStatus.FLAGGED)
        rows = []
        for place in map(tuple, fitted):
            where = dict(zip(self.dims, (int(k) for k in place), strict=True))
            status = SpectrumStatus(int(self.status[place])).name.casefold()
            rows += [
                {**where, "name": name, "value": float(self.values[name][place]),
                 "stderr": float(self.stderrs[name][place]), "status": status}
                for name in self.names
            ]  # fmt: skip
        return pd.DataFrame(rows, columns=[*self.dims, "name", "value", "stderr", "status"])

    def summary(self) -> str:
        """Return places of every status and the median of every total, as text."""
        counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in self.counts().items() if number)
        lines = [f"{' x '.join(map(str, self.shape))} spectra: {counts}"]
        fitted = self.status <= SpectrumStatus.FLAGGED
        for name in self.names:
            values = self.values[name][fitted]
            if values.size:
                error = float(np.nanmedian(self.stderrs[name][fitted]))
                lines.append(f"  {name}: median {np.nanmedian(values):.4g}, median standard error {error:.3g}")
        return "\n".join(lines)

    def save(self, folder: str | Path, prefix: str = "mrsi", *, affine: Any = None) -> list[Path]:
        """Write every map, its error, the quality maps and the status as NIfTI with JSON sidecars.

        Parameters
        ----------
        folder : path
            Where; made if it is not there.
        prefix : str
            Start of the names: `<prefix>_<name>.nii.gz`, `<prefix>_<name>_stderr.nii.gz`, ...
        affine : array, shape (4, 4), optional
            Place of the grid, where the acquisition does not know it.

        Raises
        ------
        InputError
            If neither knows it.
        """
        place = self.affine if affine is None else np.asarray(affine, dtype=float)
        if place is None:
            msg = "the acquisition does not say where its grid lies; give affine, 4 x 4, voxel indices to millimetres"
            raise InputError(msg)
        written = []
        for name in self.names:
            label = name.replace("+", "p").replace("/", "-")
            written.append(self._write(Path(folder) / f"{prefix}_{label}.nii.gz", self.values[name], place, name))
            path = Path(folder) / f"{prefix}_{label}_stderr.nii.gz"
            written.append(self._write(path, self.stderrs[name], place, f"standard error of {name}"))
        for name, values in self.quality.items():
            written.append(self._write(Path(folder) / f"{prefix}_{name}.nii.gz", values, place, name))
        written.append(self._write(Path(folder) / f"{prefix}_status.nii.gz", self.status, place, "status"))
        return written

    def _write(self, path: Path, values: np.ndarray, affine: FloatArray, what: str) -> Path:
        import nibabel

        spatial = [self.dims.index(axis) for axis in "xyz" if axis in self.dims]
        others = [index for index in range(len(self.dims)) if index not in spatial]
        # three axes of space first, those of length one put back, then what else varies
        shape = [self.shape[self.dims.index(axis)] if axis in self.dims else 1 for axis in "xyz"]
        arranged = np.transpose(values, [*spatial, *others]).reshape([*shape, *(self.shape[k] for k in others)])
        kind = np.uint8 if values.dtype.kind in "iu" else np.float32
        image = nibabel.Nifti1Image(arranged.astype(kind), affine)
        image.header.set_xyzt_units("mm")
        levels = {str(int(code)): f"{code.name.casefold()}: {text}" for code, text in STATUS_MEANINGS.items()}
        record = {"Description": what, "Dimensions": list(self.dims), "Settings": plain(dict(self.settings))}
        record |= {"Levels": levels} if what == "status" else {}
        write_text(sidecar_path(path), json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        return write_via(path, lambda temporary: nibabel.save(image, temporary))

    def plot(self, name: str, *, slice_index: int | None = None) -> "Figure":
        """Draw value, standard error and status of one slice; see `neurochem.mrs.imaging.plots.draw_map`."""
        from neurochem.mrs.imaging import plots

        return plots.draw_map(self, name, slice_index)
