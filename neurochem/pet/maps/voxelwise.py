"""Any kinetic model in every voxel, by its regional fit: exact and slow."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.maps.estimator import Solution, VoxelEstimator
from neurochem.pet.maps.operators import frame_noise
from neurochem.pet.model import KineticModel, ScanInputs, Target
from neurochem.results import FitResult
from neurochem.units import FloatArray


class VoxelwiseFit(VoxelEstimator):
    """The regional fit of each voxel in turn, for models without a blocked form.

    A fit that goes wrong, or a curve that the model refuses, gives NaN; an estimate at the edge of its search keeps its
    value and counts as `edge`.

    Parameters
    ----------
    inputs : ScanInputs
        What all voxels share.
    kinetic : KineticModel
        The model.
    mean : array, shape (n_frames,)
        Mean of the voxels, fitted first: input that no voxel can be fitted with is an error before the long work.
    """

    def __init__(self, inputs: ScanInputs, kinetic: KineticModel, mean: FloatArray) -> None:
        self.inputs, self.kinetic = inputs, kinetic
        self.names = tuple(name for name in kinetic.reported if name != "DVR")
        self.settings: Mapping[str, Any] = {"solver": "regional fit of every voxel"}
        self._noise = frame_noise(inputs)
        self._fit("mean of the voxels", mean)

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Fit the voxels one after the other."""
        values = {name: np.full(len(block), math.nan) for name in self.names}
        stderrs = {name: np.full(len(block), math.nan) for name in self.names}
        edge = np.zeros(len(block), dtype=bool)
        for index, (place, means) in enumerate(zip(places, block, strict=True)):
            try:
                fit = self._fit(f"voxel {place}", means)
            except InputError:
                # what is wrong with every voxel was raised for their mean; this is one voxel's curve, zero from t* on
                continue
            if not fit.success:
                continue
            for name in self.names:
                values[name][index], stderrs[name][index] = fit[name].value, fit[name].stderr
            edge[index] = any(flag.name == "edge" for flag in fit.flags)
        return Solution(values, stderrs, edge)

    def _fit(self, name: str, means: FloatArray) -> FitResult:
        target = Target(name, means, self._noise)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self.kinetic.fit(target, self.kinetic.prepare([target], self.inputs))
