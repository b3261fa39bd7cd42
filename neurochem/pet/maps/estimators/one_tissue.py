"""The one-tissue compartment model in every voxel."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.pet.compartments import given_blood_fraction
from neurochem.pet.curve_family import CurveFamily, Found
from neurochem.pet.maps.estimator import ESTIMATORS, EstimatorEntry, Solution, VoxelEstimator
from neurochem.pet.maps.propagation import combined, noise_level
from neurochem.pet.model import ScanInputs
from neurochem.units import FloatArray


class VoxelOneTissue(VoxelEstimator):
    """(1 - VB) K1 C_P (x) exp(-k2 t) + VB C_B with K1 and VB not negative, the regional fit's objective and limits.

    Voxels whose free VB is negative are solved again with VB = 0; as in the regional fit, standard errors then still
    count VB as free, so that its own is that of an upper limit. Such voxels are ok: only k2 is searched.
    Voxels that no tracer enters have K1 = VT = 0 and count as at the edge.
    """

    def __init__(self, inputs: ScanInputs) -> None:
        rates = inputs.washout_grid[0]
        limits = (float(rates[0]), float(rates[-1]))
        self.fraction = given_blood_fraction(inputs, "1TCM")
        blood = inputs.view.blood
        self.names = ("K1", "k2", "VT", "VB") if self.fraction is None else ("K1", "k2", "VT")
        self.bare = CurveFamily(inputs.view.convolved, limits, inputs.weights)
        self.beside = (
            CurveFamily(inputs.view.convolved, limits, inputs.weights, blood) if self.fraction is None else None
        )
        self._offset = None if not self.fraction or blood is None else self.fraction * blood
        self.points = int(np.count_nonzero(inputs.kept))
        self.settings: Mapping[str, Any] = {"k2_bounds_per_min": list(limits), "VB": self.fraction}

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Search k2, with VB free where it is fitted and not negative."""
        if self._offset is not None:
            block = block - self._offset
        if self.beside is None:
            return self._derive(self.bare, self.bare.search(block, positive=True))
        solution = self._derive(self.beside, self.beside.search(block, positive=True))
        below = np.flatnonzero(~(solution.values["VB"] > 0) | (solution.values["K1"] <= 0))
        if below.size:
            alone = self.bare.search(block[below], positive=True)
            again = self._derive(self.beside, self.beside.curve_alone(alone))
            again.values["VB"][:] = 0.0
            for name in self.names:
                solution.values[name][below] = again.values[name]
                solution.stderrs[name][below] = again.stderrs[name]
            solution.edge[below] = again.edge
        return solution

    def _derive(self, family: CurveFamily, found: Found) -> Solution:
        """Return parameters and errors; with phi dlog(k2) = e3/(m nu), and VB moved by e1 where it is free."""
        k2, edge = found.rate, found.edge.copy()
        empty = found.along_curve <= 0
        phi = np.where(empty, 0.0, found.along_curve / found.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            third = ~edge / (found.size * found.turning)
            phi2 = 1.0 / found.size
            phi3 = -found.size_slope * third * phi2
            if family.fixed_norm:
                volume = (found.along_fixed - phi * found.shared) / family.fixed_norm
                parts = (
                    np.full(phi.size, 1.0 / family.fixed_norm),
                    -found.shared * phi2 / family.fixed_norm,
                    -(found.shared * phi3 + found.shared_slope * third) / family.fixed_norm,
                )
                count = 3
            else:
                volume = np.full(phi.size, self.fraction or 0.0)
                parts = (np.zeros(1), np.zeros(1), np.zeros(1))
                count = 2
            left = 1.0 - volume
            k1 = phi / left
            lift = phi / left**2
            k1_by = (lift * parts[0], phi2 / left + lift * parts[1], phi3 / left + lift * parts[2])
            sigma = noise_level(found.rss, self.points - count + found.edge)
            stderrs = {
                "K1": combined(sigma, *k1_by),
                "k2": sigma * k2 * np.abs(np.where(edge, 0.0, third / phi)),
                "VT": combined(sigma, k1_by[0] / k2, k1_by[1] / k2, (k1_by[2] - third / left) / k2),
                "VB": combined(sigma, *parts) if family.fixed_norm else np.full(phi.size, np.nan),
            }
        values = {"K1": k1, "k2": np.where(empty, np.nan, k2), "VT": k1 / k2, "VB": volume}
        edge |= empty
        kept = self.names
        return Solution({name: values[name] for name in kept}, {name: stderrs[name] for name in kept}, edge)


ESTIMATORS.add(
    EstimatorEntry(VoxelOneTissue), name="1TCM", reference="regional 1TCM, solved on a tabulated curve family"
)
