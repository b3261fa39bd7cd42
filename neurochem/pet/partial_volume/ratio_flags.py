"""Flags of the methods that scale voxels by a ratio."""

import numpy as np

from neurochem.quality import Flag

# One voxel in a thousand left as it was is worth a note.
_WORTH_SAYING = 1e-3


def ratio_flags(frames: list[dict[str, float]]) -> tuple[Flag, ...]:
    """Return a flag where the ratio of sharp to blurred model was not defined."""
    share = np.array([frame["undefined"] for frame in frames])
    worst = int(np.argmax(share))
    if share[worst] <= _WORTH_SAYING:
        return ()
    count = int(np.count_nonzero(share > _WORTH_SAYING))
    message = (
        f"in {count} of {share.size} frames voxels stay uncorrected since regional means cancel there, most in frame "
        f"{worst + 1} ({100 * share[worst]:.3g} % of the regions' voxels)"
    )
    return (Flag("ratio_undefined", message),)
