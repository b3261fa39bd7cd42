"""Grey and white matter as two maps, sharp and blurred, with the values of pure tissue as sums over voxels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.partial_volume.problem import Problem
from neurochem.pet.partial_volume.region_boxes import placed
from neurochem.pet.partial_volume.separable import Box
from neurochem.units import FloatArray


@dataclass(frozen=True, eq=False)
class Tissue:
    """The share of one tissue in each voxel.

    Attributes
    ----------
    sharp, blurred : array
        D and P D within a box.
    """

    sharp: FloatArray
    blurred: FloatArray


@dataclass(frozen=True, eq=False)
class TissueMaps:
    """Regions of a problem joined into tissues.

    Attributes
    ----------
    problem : Problem
        Regions and point-spread function.
    """

    problem: Problem

    @cached_property
    def box(self) -> Box:
        """All voxels that receive activity from a region."""
        return self.problem.regions.reached(self.problem.psf.exact)

    def tissue(self, names: Sequence[str]) -> Tissue:
        """Return the maps of some regions together.

        Raises
        ------
        UnknownNameError
            If there is no such region.
        """
        regions = self.problem.regions
        chosen = np.zeros(len(regions.names))
        for name in names:
            if name not in regions.names:
                raise unknown_name(
                    name, regions.names, kind="region", remedy="Regions are named by the maps or labels."
                )
            chosen[regions.names.index(name)] = 1.0
        painted = regions.paint(chosen, regions.box)
        blurred, box = self.problem.psf.exact.grow(painted, regions.box, regions.shape)
        return Tissue(placed(painted, regions.box, box), blurred)


def pure_value_weights(pair: tuple[Tissue, Tissue], *, blurred: bool) -> tuple[FloatArray, FloatArray]:
    """Return the 2 x 2 matrix of the pair and the weights whose inner products with an image are the two pure values.

    Parameters
    ----------
    pair : (Tissue, Tissue)
        The tissues that hold activity.
    blurred : bool
        Whether the image is sampled with the blurred maps (least squares) or the sharp ones (transfer matrix).

    Returns
    -------
    matrix : array, shape (2, 2)
        Share of tissue j's activity that tissue i reads.
    weights : array, shape (2, ...)
        In the box of the tissues; NaN if the two cannot be told apart.
    """
    sampling = [tissue.blurred if blurred else tissue.sharp for tissue in pair]
    cross = np.array([[np.sum(a * tissue.blurred) for tissue in pair] for a in sampling])
    matrix = cross / np.array([[np.sum(a)] for a in sampling])
    if not np.linalg.cond(matrix) < 1e12:
        return matrix, np.full((2, *sampling[0].shape), np.nan)
    return matrix, np.einsum("ij,j...->i...", np.linalg.inv(cross), np.stack(sampling))


def pure_voxels(tissue: Tissue, purity: float, name: str) -> FloatArray:
    """Return the weights of the mean over voxels whose signal is of one tissue by a share of at least `purity`."""
    pure = (tissue.blurred >= purity).astype(float)
    if not pure.any():
        msg = (
            f"white='eroded' finds no voxel that reads {name} by {purity:g} or more (at most {tissue.blurred.max():.3g}); "
            "lower white_purity, or give white='gtm' or 'regress'"
        )
        raise InputError(msg)
    return pure / pure.sum()
