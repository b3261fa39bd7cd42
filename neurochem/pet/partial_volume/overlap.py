"""How much of one region's blurred activity lies in another: the inner products under every linear method."""

from collections.abc import Sequence

import numpy as np

from neurochem.pet.partial_volume.region_boxes import RegionBoxes
from neurochem.pet.partial_volume.separable import Separable, ones_through
from neurochem.units import FloatArray


def overlap_matrix(regions: RegionBoxes, operators: Sequence[Separable], *, background: bool) -> FloatArray:
    """Return <D_i, O_n ... O_1 D_j> for every pair of regions.

    Parameters
    ----------
    regions : RegionBoxes
        D_j is the share of every voxel in region j.
    operators : sequence of Separable
        O_1 first; none gives the inner products of the regions themselves.
    background : bool
        Whether what belongs to no region is one more, the last: D_b = 1 - sum D_j.

    Returns
    -------
    array, shape (m, m)
        Rows are the regions that read, columns those that emit.

    Notes
    -----
    A region is blurred within its box and the reach of the kernels, exactly. The background, as large as the volume, is
    never blurred: its row and column follow from sums, since a volume of ones stays a product of three vectors.
    """
    count = len(regions.names)
    inner, emitted = np.empty((count, count)), np.empty(count)
    for region in range(count):
        values, box = regions.dense(region), regions.boxes[region]
        for operator in operators:
            values, box = operator.grow(values, box, regions.shape)
        inner[:, region] = regions.box_sums(values, box)
        emitted[region] = values.sum()
    if not background:
        return inner
    vectors = ones_through(operators, regions.shape)
    received = regions.outer_sums(vectors)
    corner = float(np.prod([vector.sum() for vector in vectors])) - received.sum() - emitted.sum() + inner.sum()
    column = received - inner.sum(axis=1)
    row = emitted - inner.sum(axis=0)
    return np.block([[inner, column[:, None]], [row[None, :], np.array([[corner]])]])


def kept_share(regions: RegionBoxes, operator: Separable) -> FloatArray:
    """Return the share of each region's blurred activity that stays within the volume, shape (n_regions,).

    The operator's kernels are symmetric: what leaves is what a volume of ones misses, read in the region.
    """
    inside = ones_through((Separable(operator.kernels, "zero"),), regions.shape)
    return regions.outer_sums(inside) / regions.total
