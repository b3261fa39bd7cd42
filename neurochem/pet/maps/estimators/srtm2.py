"""SRTM with one k2' for all voxels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurochem.pet.curve_family import CurveFamily
from neurochem.pet.maps.estimator import ESTIMATORS, EstimatorEntry, Solution, VoxelEstimator
from neurochem.pet.maps.propagation import combined, noise_level
from neurochem.pet.model import ScanInputs, required_option
from neurochem.units import FloatArray


class VoxelSRTM2(VoxelEstimator):
    """C_T = R1 [C_R + (k2' - k2a) C_R (x) exp(-k2a t)] with a given k2'.

    The error of k2' and of the reference is common to all voxels and not in the standard errors.
    """

    names = ("R1", "k2", "BPND", "k2a")

    def __init__(self, inputs: ScanInputs) -> None:
        k2prime = required_option(inputs, "k2prime", "SRTM2", "one for all voxels")
        rates = inputs.washout_grid[0]
        limits = (float(rates[0]), float(rates[-1]))
        view = inputs.view

        def curves(rate: FloatArray) -> tuple[FloatArray, FloatArray]:
            value, slope = view.convolved(rate)
            gap = (k2prime - rate)[:, None]
            return view.input + gap * value, gap * slope - value

        self.k2prime = k2prime
        self.family = CurveFamily(curves, limits, inputs.weights)
        self.points = int(np.count_nonzero(inputs.kept))
        self.settings: Mapping[str, Any] = {"k2a_bounds_per_min": list(limits), "k2prime": k2prime}

    def solve(self, block: FloatArray, places: np.ndarray) -> Solution:
        """Search k2a to the optimum and derive what is reported; with R1 dlog(k2a) = e3/(m nu)."""
        found = self.family.search(block)
        k2a, free, k2prime = found.rate, ~found.edge, self.k2prime
        r1 = found.along_curve / found.size
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            third = free / (found.size * found.turning)
            r2 = 1.0 / found.size
            r3 = -found.size_slope * third * r2
            ratio = k2prime / k2a
            sigma = noise_level(found.rss, self.points - 2 + found.edge)
            r1_error = combined(sigma, r2, r3)
            stderrs = {
                "R1": r1_error,
                "k2": k2prime * r1_error,
                "BPND": combined(sigma, ratio * r2, ratio * (r3 - third)),
                "k2a": sigma * k2a * np.abs(np.where(free, third / r1, 0.0)),
            }
        values = {"R1": r1, "k2": k2prime * r1, "BPND": r1 * ratio - 1.0, "k2a": k2a}
        return Solution(values, stderrs, found.edge)


ESTIMATORS.add(
    EstimatorEntry(VoxelSRTM2, shares_k2prime=True),
    name="SRTM2",
    reference="regional SRTM2 with one k2', solved on a tabulated curve family",
)
