"""Region-based voxelwise correction (Thomas 2011): voxels scaled by what the regional means say is missing."""

from typing import Any

import numpy as np

from neurochem.pet.partial_volume.method import FrameCorrection, add_method
from neurochem.pet.partial_volume.ratio_flags import ratio_flags
from neurochem.pet.partial_volume.regional import RegionalMethod
from neurochem.quality import Flag
from neurochem.units import FloatArray


class RegionBasedVoxelwise(RegionalMethod):
    """I x S / (P S) with S = sum_j T_j D_j and T from the geometric transfer matrix.

    Notes
    -----
    Regional means are those of the geometric transfer matrix. Voxels keep their pattern within a region, only as sharp as
    it was. Where means of both signs cancel, |P S| below 1 % of P |S|, the ratio is not defined and the voxel stays as it
    was; the share of such voxels is flagged. With the background assumed zero, voxels outside all regions become 0.

    References
    ----------
    Thomas et al. 2011, Eur J Nucl Med Mol Imaging 38:1104-1119.
    """

    name = "rbv"
    reference = "Thomas et al. 2011, Eur J Nucl Med Mol Imaging 38:1104-1119"
    makes_image = True

    def correct(self, volume: np.ndarray, frame: int) -> FrameCorrection:
        """Return one frame."""
        observed, means = self.system.observed(volume), self.system.means(volume)
        prediction = self.model.predict(means)
        ratio, undefined = prediction.ratio()
        image = self.model.scale(volume, ratio)
        return self.record(volume, frame, observed, means, prediction, image, {"undefined": undefined})

    def scaled_error(self, stderr: np.ndarray, means: FloatArray, background: float) -> np.ndarray:
        """Return the standard error times the size of the ratio."""
        known = np.append(means, background) if self.problem.has_background else means
        ratio, _ = self.model.predict(known).ratio()
        return self.model.scale(stderr, np.abs(ratio))

    def flags(self, frames: list[dict[str, float]]) -> tuple[Flag, ...]:
        """Return a flag where the ratio was not defined."""
        return ratio_flags(frames)

    @property
    def settings(self) -> dict[str, Any]:
        """Where the means come from."""
        return {"means_from": "gtm"}


add_method(RegionBasedVoxelwise, aliases=("region-based voxelwise",))
