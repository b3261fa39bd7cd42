"""Mean, median, standard deviation and voxel count of regions in every frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import unknown_name
from neurochem.pet.frames import Frames
from neurochem.pet.image import DynamicImage
from neurochem.pet.region_voxels import RegionVoxels, find_regions, region_values, usable_voxels
from neurochem.pet.tacs import TimeActivityCurves
from neurochem.results import frozen_array
from neurochem.units import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_CURVES = ("mean", "median")
# Sums of equal weights that should meet half their total do so but for rounding.
_HALF_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class RegionStatistics:
    """Statistics of the voxels of regions, frame by frame.

    Attributes
    ----------
    frames : Frames
        Frames in seconds after injection.
    regions : tuple of str
        Names, one a column.
    mean, median : array, shape (n_frames, n_regions)
        In kBq/mL; weighted where the regions are probabilistic.
    sd : array, shape (n_frames, n_regions)
        Standard deviation between voxels in kBq/mL (n - 1), NaN for a region of one voxel. It holds noise and real
        differences between voxels alike, and is no standard error of the mean.
    voxels : array, shape (n_regions,)
        Number of voxels; for probabilistic regions the effective number (sum w)^2 / sum(w^2).
    left_out : int array, shape (n_regions,)
        Voxels left out because they are not finite in some frame.
    isotope : str or None
        Isotope.
    where : str
        File, for messages.
    """

    frames: Frames
    regions: tuple[str, ...]
    mean: FloatArray
    median: FloatArray
    sd: FloatArray
    voxels: FloatArray
    left_out: np.ndarray
    isotope: str | None = None
    where: str = ""

    def __post_init__(self) -> None:
        for name in ("mean", "median", "sd", "voxels", "left_out"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    def __repr__(self) -> str:
        """Return sizes and names on one line."""
        return f"<RegionStatistics {len(self.frames)} frames, {len(self.regions)} regions: {', '.join(self.regions)}>"

    def tacs(self, statistic: str = "mean") -> TimeActivityCurves:
        """Return the curves of means, or of medians, for a fit."""
        if statistic not in _CURVES:
            raise unknown_name(statistic, _CURVES, kind="statistic that makes a curve")
        return TimeActivityCurves(
            self.frames,
            getattr(self, statistic),
            regions=self.regions,
            isotope=self.isotope,
            voxels=self.voxels,
            where=self.where,
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table, one row a region and frame; times in seconds, activity in kBq/mL."""
        import pandas as pd

        count, frames = len(self.regions), len(self.frames)
        return pd.DataFrame(
            {
                "region": np.repeat(self.regions, frames),
                "frame_start": np.tile(self.frames.start_s, count),
                "frame_end": np.tile(self.frames.end_s, count),
                "mean": self.mean.T.ravel(),
                "median": self.median.T.ravel(),
                "sd": self.sd.T.ravel(),
                "voxels": np.repeat(self.voxels, frames),
                "left_out": np.repeat(self.left_out, frames),
            }
        )


@checked_arguments
def extract_statistics(
    image: DynamicImage,
    labels: Any = None,
    names: Mapping[int, str] | Sequence[str] | None = None,
    *,
    maps: Any = None,
    skip_absent: bool = False,
    non_finite: str = "refuse",
) -> RegionStatistics:
    """Return mean, median, standard deviation and voxel count of every region in every frame.

    Parameters
    ----------
    image, labels, names, maps, skip_absent, non_finite
        As for `extract_tacs`.

    Returns
    -------
    RegionStatistics
        `.mean`, `.median`, `.sd`, `.voxels`, `.left_out`; `.tacs("mean")` and `.tacs("median")` are ready for a fit.

    Raises
    ------
    InputError
        As for `extract_tacs`.

    Notes
    -----
    With weights w the mean is sum(w C) / sum(w), the variance sum(w (C - mean)^2) / (sum(w) - sum(w^2) / sum(w)), and the
    median the value at which the weights sorted by activity reach half their sum (the middle of two values where they
    meet it exactly). All three are the ordinary ones where every weight is equal. The median resists spill-in from a few
    hot voxels, but is not linear: a model of mean activity fits it only as far as voxels scatter evenly.
    """
    found = find_regions(image, labels, names, maps=maps, skip_absent=skip_absent)
    regions = usable_voxels(image, found, non_finite)
    shape = (len(image.frames), len(regions.names))
    mean, median, sd = np.empty(shape), np.empty(shape), np.empty(shape)
    for frame in range(len(image.frames)):
        values = region_values(image, regions, frame)
        mean[frame] = regions.sums(values) / regions.total
        sd[frame] = _standard_deviation(values, mean[frame], regions)
        median[frame] = _medians(values, regions)
    return RegionStatistics(
        frames=image.frames,
        regions=regions.names,
        mean=mean,
        median=median,
        sd=sd,
        voxels=regions.effective,
        left_out=np.diff(found.bounds) - np.diff(regions.bounds),
        isotope=image.isotope,
        where=image.where or regions.where,
    )


def _standard_deviation(values: FloatArray, mean: FloatArray, regions: RegionVoxels) -> FloatArray:
    squares = regions.sums((values - mean[regions.region]) ** 2)
    spare = regions.total * (1.0 - 1.0 / regions.effective)
    several = np.diff(regions.bounds) > 1
    return np.sqrt(np.where(several, squares, np.nan) / np.where(several, spare, 1.0))


def _medians(values: FloatArray, regions: RegionVoxels) -> FloatArray:
    """Return the median of each region: its voxels stand together, so each is one slice."""
    bounds = regions.bounds
    if regions.weight is None:
        return np.array([np.median(values[a:b]) for a, b in pairwise(bounds)])
    weight = regions.weight
    return np.array([_weighted_median(values[a:b], weight[a:b]) for a, b in pairwise(bounds)])


def _weighted_median(values: FloatArray, weight: FloatArray) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    half = 0.5 * reached[-1]
    first = int(np.searchsorted(reached, half * (1.0 - _HALF_TOLERANCE)))
    meets = abs(reached[first] - half) <= _HALF_TOLERANCE * half and first + 1 < values.size
    return float(0.5 * (values[order[first]] + values[order[first + 1]]) if meets else values[order[first]])
