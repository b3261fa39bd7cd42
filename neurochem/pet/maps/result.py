"""Parametric maps: every parameter with its standard error and a status in every voxel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.errors import unknown_name
from neurochem.pet.maps.status import StatusVolume, VoxelStatus, status_volume
from neurochem.pet.maps.voxel_blocks import put_back
from neurochem.pet.model import PARAMETER_UNITS
from neurochem.quality import Flag
from neurochem.results import frozen_array
from neurochem.units import BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Single = np.ndarray


@dataclass(frozen=True, eq=False)
class ParametricMap:
    """One parameter in every voxel.

    Attributes
    ----------
    name, unit : str
        Parameter and unit ("" for a ratio).
    """

    name: str
    unit: str
    _maps: "ParametricMaps"

    @property
    def data(self) -> Single:
        """Values, float32, shape (x, y, z); NaN where nothing was fitted. Nothing is clipped."""
        return self._maps.volume(self.name)

    @property
    def stderr(self) -> Single:
        """Standard errors in the unit of the value, float32, shape (x, y, z); infinite where not determined."""
        return self._maps.volume(self.name, stderr=True)

    @property
    def status(self) -> StatusVolume:
        """Status codes, uint8, shape (x, y, z); they compare with names: `status == "ok"`."""
        return self._maps.status

    def __repr__(self) -> str:
        """Return name, unit and the median over fitted voxels on one line."""
        values = self._maps.values[self.name]
        fitted = values[np.isfinite(values)]
        middle = f"median {np.median(fitted):.4g}" if fitted.size else "nothing fitted"
        return f"<ParametricMap {self.name} {self.unit}: {middle} over {fitted.size} voxels>"


@dataclass(frozen=True, eq=False)
class ParametricMaps:
    """What `fit_image` found.

    Attributes
    ----------
    model : str
        Kinetic model.
    values, stderrs : mapping of str to array, shape (n_chosen,)
        Estimates of the chosen voxels, float32.
    codes : array, shape (n_chosen,)
        Status of the chosen voxels.
    chosen : bool array, shape (x, y, z)
        Voxels inside the mask.
    order : str
        Order in which they are listed.
    affine : array, shape (4, 4)
        Voxel indices to millimetres.
    settings : mapping
        Input, weights, limits, denoising, corrections: all that determined the maps.
    flags : tuple of Flag
        What concerns every voxel.
    """

    model: str
    values: Mapping[str, Single]
    stderrs: Mapping[str, Single]
    codes: np.ndarray
    chosen: BoolArray
    order: str
    affine: FloatArray
    settings: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()

    def __post_init__(self) -> None:
        for name in ("values", "stderrs"):
            held = {key: _read_only(array) for key, array in getattr(self, name).items()}
            if "BPND" in held and "DVR" not in held:
                # DVR is BPND + 1, with the same error: made when asked for
                held["DVR"] = held["BPND"]
            object.__setattr__(self, name, MappingProxyType(held))
        object.__setattr__(self, "codes", _read_only(self.codes))
        object.__setattr__(self, "chosen", _read_only(self.chosen))
        object.__setattr__(self, "affine", frozen_array(self.affine))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters."""
        return tuple(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of the volume in voxels."""
        return self.chosen.shape

    def __getitem__(self, name: str) -> ParametricMap:
        """Return the map of one parameter; case does not matter."""
        for known in self.values:
            if known.casefold() == name.casefold():
                return ParametricMap(known, PARAMETER_UNITS.get(known, ""), self)
        raise unknown_name(name, self.names, kind=f"map of {self.model}")

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the parameters."""
        return iter(self.values)

    def volume(self, name: str, *, stderr: bool = False) -> Single:
        """Return values or standard errors of a parameter as a read-only volume, NaN where there are none."""
        held = (self.stderrs if stderr else self.values)[name]
        if name == "DVR" and not stderr and held is self.values["BPND"]:
            held = held + np.float32(1.0)
        return _read_only(put_back(held, self.chosen, self.order, np.nan))

    @property
    def status(self) -> StatusVolume:
        """Status codes, uint8, shape (x, y, z); they compare with names: `status == "ok"`."""
        return status_volume(put_back(self.codes, self.chosen, self.order, VoxelStatus.OUTSIDE))

    def counts(self) -> dict[str, int]:
        """Return the number of voxels of every status."""
        inside = {status.name.casefold(): int(np.count_nonzero(self.codes == status)) for status in VoxelStatus}
        inside["outside"] += int(self.chosen.size - np.count_nonzero(self.chosen))
        return inside

    def summary(self) -> str:
        """Return model, voxels of every status, and the spread of every parameter, as text."""
        counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in self.counts().items() if number)
        lines = [f"{self.model} maps of {' x '.join(map(str, self.shape))} voxels: {counts}"]
        lines += [line for line in map(self._spread, self.names) if line]
        lines += [f"  {flag.severity}: {flag.message}" for flag in self.flags]
        return "\n".join(lines)

    def _spread(self, name: str) -> str:
        """Return the spread of a parameter over voxels that are ok, on one line; empty where there are none."""
        ok = self.codes == VoxelStatus.OK
        shift = 1.0 if name == "DVR" and self.values[name] is self.values["BPND"] else 0.0
        values, errors = self.values[name][ok].astype(float) + shift, self.stderrs[name][ok]
        values, errors = values[np.isfinite(values)], errors[np.isfinite(errors)]
        if not values.size:
            return ""
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        error = f", median standard error {np.median(errors):.3g}" if errors.size else ""
        unit = PARAMETER_UNITS.get(name, "")
        return f"  {name}: median {middle:.4g} (5 to 95 %: {low:.4g} to {high:.4g}){error} {unit}".rstrip()

    def save(self, folder: str | Path, prefix: str = "", *, names: tuple[str, ...] | None = None) -> list[Path]:
        """Write the maps as NIfTI with JSON sidecars; see `neurochem.pet.maps.saving.save_maps`."""
        from neurochem.pet.maps.saving import save_maps

        return save_maps(self, folder, prefix, names)

    def plot(self, name: str | None = None, **choices: Any) -> "Figure":
        """Draw three planes of a parameter; see `neurochem.pet.maps.plots.draw_planes`."""
        from neurochem.pet.maps import plots

        return plots.draw_planes(self, name, **choices)

    def histogram(self, name: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw the distribution of a parameter; see `neurochem.pet.maps.plots.draw_histogram`."""
        from neurochem.pet.maps import plots

        return plots.draw_histogram(self, name, ax)

    def __repr__(self) -> str:
        """Return model, size and names on one line."""
        size = " x ".join(map(str, self.shape))
        return f"<ParametricMaps {self.model}, {size} voxels, {self.counts()['ok']} ok: {', '.join(self.names)}>"


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
