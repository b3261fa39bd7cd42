"""Time-activity curves of regions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.decay import isotope_name
from neurochem.pet.frames import Frames
from neurochem.results import frozen_array
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class TimeActivityCurves:
    """Decay-corrected mean activity of regions in the frames of one scan.

    Parameters
    ----------
    frames : Frames
        Frames in seconds after injection.
    activity : array_like, shape (n_frames,) or (n_frames, n_regions)
        Frame means in kBq/mL, decay corrected to injection; negative values (noise) stay as they are.
    regions : sequence of str
        One name a column.
    isotope : str, optional
        "C11", "F18" or "O15"; needed for weights that follow the decay.
    weights : array_like, shape (n_frames,), optional
        Weights that came with the data: one over variance, up to a factor.
    voxels : array_like, shape (n_regions,), optional
        Voxels averaged in each region: says how noisy a reference is against a target.
    where : str
        File the curves came from, for messages.

    Raises
    ------
    InputError
        If shapes disagree, a name is missing or double, or a value is not finite.
    """

    made_by: ClassVar[str] = "read_tacs or extract_tacs give one"

    frames: Frames
    activity: FloatArray
    regions: tuple[str, ...]
    isotope: str | None = None
    weights: FloatArray | None = None
    voxels: FloatArray | None = None
    where: str = ""

    @checked_arguments
    def __init__(
        self,
        frames: Frames,
        activity: ArrayLike,
        *,
        regions: Sequence[str],
        isotope: str | None = None,
        weights: ArrayLike | None = None,
        voxels: ArrayLike | None = None,
        where: str = "",
    ) -> None:
        values = np.array(activity, dtype=float)
        values = values[:, None] if values.ndim == 1 else values
        place = f"{where}: " if where else ""
        names = tuple(str(name) for name in regions)
        _check_table(values, len(frames), names, place)
        given = None if weights is None else _checked_weights(np.array(weights, dtype=float), len(frames), place)
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "activity", frozen_array(values))
        object.__setattr__(self, "regions", names)
        object.__setattr__(self, "isotope", None if isotope is None else isotope_name(isotope))
        object.__setattr__(self, "weights", None if given is None else frozen_array(given))
        counts = None if voxels is None else _checked_voxels(np.array(voxels, dtype=float), names, place)
        object.__setattr__(self, "voxels", None if counts is None else frozen_array(counts))
        object.__setattr__(self, "where", where)

    def __getitem__(self, region: str) -> FloatArray:
        """Return the frame means of one region in kBq/mL."""
        if region not in self.regions:
            remedy = f"Regions come from {self.where}." if self.where else ""
            raise unknown_name(region, self.regions, kind="region", remedy=remedy)
        return self.activity[:, self.regions.index(region)]

    def __repr__(self) -> str:
        """Return sizes and names on one line."""
        return f"<TimeActivityCurves {len(self.frames)} frames, {len(self.regions)} regions: {', '.join(self.regions)}>"

    def select(self, regions: Sequence[str]) -> "TimeActivityCurves":
        """Return the curves of some regions, in the order asked for."""
        columns = np.column_stack([self[region] for region in regions])
        counts = None if self.voxels is None else [self.voxels[self.regions.index(region)] for region in regions]
        return TimeActivityCurves(
            self.frames,
            columns,
            regions=regions,
            isotope=self.isotope,
            weights=self.weights,
            voxels=counts,
            where=self.where,
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table: frame_start and frame_end in seconds, then one column a region in kBq/mL."""
        import pandas as pd

        table = pd.DataFrame({"frame_start": self.frames.start_s, "frame_end": self.frames.end_s})
        for index, region in enumerate(self.regions):
            table[region] = self.activity[:, index]
        return table

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw every region against mid-frame time and return the axes."""
        from neurochem.pet.plots import draw_tacs

        return draw_tacs(self, ax)


def _check_table(values: FloatArray, n_frames: int, names: tuple[str, ...], place: str) -> None:
    if values.ndim != 2 or values.shape != (n_frames, len(names)):
        msg = (
            f"{place}activity has shape {values.shape}; with {n_frames} frames and {len(names)} region names it must be "
            f"({n_frames}, {len(names)})"
        )
        raise InputError(msg)
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        msg = f"{place}region name '{double[0]}' appears {names.count(double[0])} times; names must differ"
        raise InputError(msg)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        frame, column = bad[0]
        msg = (
            f"{place}activity of region '{names[column]}' in frame {frame + 1} is {values[frame, column]}; every value must "
            "be a finite number of kBq/mL. Repair the table, or leave the region out."
        )
        raise InputError(msg)


def _checked_weights(weights: FloatArray, n_frames: int, place: str) -> FloatArray:
    if weights.shape != (n_frames,):
        msg = f"{place}{weights.size} weights for {n_frames} frames; give one weight (1/variance) a frame"
        raise InputError(msg)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        msg = (
            f"{place}weight of frame {bad[0] + 1} is {weights[bad[0]]}; weights are 1/variance, finite and not negative"
        )
        raise InputError(msg)
    return weights


def _checked_voxels(voxels: FloatArray, names: tuple[str, ...], place: str) -> FloatArray:
    if voxels.shape != (len(names),) or not (np.isfinite(voxels) & (voxels > 0)).all():
        msg = f"{place}voxels must be {len(names)} positive numbers, one a region; got {voxels.tolist()}"
        raise InputError(msg)
    return voxels
