"""SRTM in every voxel."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.pet.curve_family import CurveFamily, Found
from neurochem.pet.maps.estimator import ESTIMATORS, EstimatorEntry, Solution, VoxelEstimator
from neurochem.pet.maps.propagation import combined, noise_level
from neurochem.pet.model import ScanInputs
from neurochem.units import FloatArray


class VoxelSRTM(VoxelEstimator):
    """C_T = R1 C_R + slow C_R (x) exp(-k2a t), the regional fit's objective and limits.

    Standard errors are those of weighted least squares with the voxel's own residual: noise of the frames follows the
    weights. The reference's noise is common to all voxels and is not in them.
    """

    names = ("R1", "k2", "BPND", "k2a", "k2prime")

    def __init__(self, inputs: ScanInputs) -> None:
        rates = inputs.washout_grid[0]
        limits = (float(rates[0]), float(rates[-1]))
        self.family = CurveFamily(inputs.view.convolved, limits, inputs.weights, inputs.view.input)
        self.points = int(np.count_nonzero(inputs.kept))
        self.settings: Mapping[str, Any] = {"k2a_bounds_per_min": list(limits)}

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Search k2a to the optimum and derive what is reported."""
        return self.derive(self.family.search(block))

    def derive(self, found: Found, strength: FloatArray | float = 0.0) -> Solution:
        """Return parameters and standard errors.

        With D = slow dlog(k2a) = e3/(m nu), dslow = (e2 - m' D)/m and dR1 = (e1 - g dslow - g' D)/a, where e1 to e3
        are independent with the noise's standard deviation; nothing is divided by slow but what it determines. A penalty
        of some strength on log(k2a) adds to the information (slow m nu)^2 on it.
        """
        a, k2a, free = self.family.fixed_norm, found.rate, ~found.edge
        slow = found.along_curve / found.size
        r1 = (found.along_fixed - slow * found.shared) / a
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            third = free / (found.size * found.turning)
            if np.any(strength):
                third = free * np.abs(slow) / np.hypot(slow * found.size * found.turning, np.sqrt(strength))
            slow2 = 1.0 / found.size
            slow3 = -found.size_slope * third * slow2
            r2 = -found.shared * slow2 / a
            r3 = -(found.shared * slow3 + found.shared_slope * third) / a
            r_1 = 1.0 / a
            log3 = np.where(free, third / slow, 0.0)
            k2 = slow + r1 * k2a
            sigma = noise_level(found.rss, self.points - 3 + found.edge)
            share = slow / r1**2
            stderrs = {
                "R1": combined(sigma, r_1, r2, r3),
                "k2": combined(sigma, k2a * r_1, slow2 + k2a * r2, slow3 + k2a * (r3 + r1 * log3)),
                "BPND": combined(sigma, r_1, r2 + slow2 / k2a, r3 + (slow3 - third) / k2a),
                "k2a": sigma * k2a * np.abs(log3),
                "k2prime": combined(sigma, share * r_1, slow2 / r1 - share * r2, slow3 / r1 - share * r3 + k2a * log3),
            }
            values = {"R1": r1, "k2": k2, "BPND": slow / k2a + r1 - 1.0, "k2a": k2a, "k2prime": k2 / r1}
        return Solution(values, stderrs, found.edge)


ESTIMATORS.add(EstimatorEntry(VoxelSRTM), name="SRTM", reference="regional SRTM, solved on a tabulated curve family")
