"""What a voxelwise estimator is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurochem.pet.model import ScanInputs
from neurochem.registry import Registry
from neurochem.units import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Solution:
    """Estimates of a block of B voxels.

    Attributes
    ----------
    values, stderrs : mapping of str to array, shape (B,)
        Each parameter and its standard error.
    edge : bool array, shape (B,)
        Whether the search ended at a limit.
    """

    values: Mapping[str, FloatArray]
    stderrs: Mapping[str, FloatArray]
    edge: BoolArray


class VoxelEstimator(ABC):
    """A model prepared for one scan, fitted to blocks of voxels.

    Attributes
    ----------
    names : tuple of str
        Parameters.
    settings : mapping
        What was chosen.
    """

    names: tuple[str, ...]
    settings: Mapping[str, Any] = {}

    @abstractmethod
    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Fit frame means of shape (B, n_frames); `places` are their places among all chosen."""


@dataclass(frozen=True)
class EstimatorEntry:
    """How to prepare an estimator, and whether it needs one k2' for all voxels."""

    prepare: Callable[[ScanInputs], VoxelEstimator]
    shares_k2prime: bool = False
    notes: tuple[str, ...] = field(default=())


ESTIMATORS: Registry[EstimatorEntry] = Registry("parametric map", package="neurochem.pet.maps.estimators")
