"""What became of each voxel."""

from enum import IntEnum
from typing import Any

import numpy as np


class VoxelStatus(IntEnum):
    """Codes of the status map."""

    OK = 0
    EDGE = 1
    LOW_SIGNAL = 2
    NOT_FINITE = 3
    OUTSIDE = 4


MEANINGS = {
    VoxelStatus.OK: "fitted",
    VoxelStatus.EDGE: "fitted; the search ended at its limit, so the value leans on that limit",
    VoxelStatus.LOW_SIGNAL: "not fitted: mean activity below the stated share of the input's",
    VoxelStatus.NOT_FINITE: "not fitted, or without a finite value: a frame is NaN or infinite, or the model has no solution",
    VoxelStatus.OUTSIDE: "outside the mask",
}


class StatusVolume(np.ndarray):
    """A volume of status codes that also compares with their names: `status == "edge"`."""

    def __eq__(self, other: Any) -> Any:
        """Compare with a code, a name ("ok", "edge", "low_signal", "not_finite", "outside") or an array."""
        return np.asarray(self) == _code(other)

    def __ne__(self, other: Any) -> Any:
        """Return the opposite of `==`."""
        return np.asarray(self) != _code(other)

    __hash__ = None


def _code(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    from neurochem.errors import unknown_name

    names = {status.name.casefold(): status for status in VoxelStatus}
    wanted = value.casefold().replace(" ", "_")
    if wanted not in names:
        raise unknown_name(value, tuple(names), kind="voxel status")
    return int(names[wanted])


def status_volume(codes: np.ndarray) -> StatusVolume:
    """Return codes as a read-only volume that compares with names."""
    volume = codes.view(StatusVolume)
    volume.flags.writeable = False
    return volume
