"""Ichise's multilinear reference models, and the multilinear forms of Logan's line, in every voxel."""

import numpy as np

from neurochem.pet.kinetics.logan_multilinear import MultilinearLogan
from neurochem.pet.kinetics.logan_ref_multilinear import LoganRefML
from neurochem.pet.kinetics.ma1 import MA1
from neurochem.pet.kinetics.mrtm1 import MRTM1
from neurochem.pet.kinetics.mrtm2 import MRTM2
from neurochem.pet.maps.estimator import ESTIMATORS, EstimatorEntry, VoxelEstimator
from neurochem.pet.maps.regression import VoxelRegression
from neurochem.pet.model import ScanInputs, required_option
from neurochem.units import FloatArray


def _mrtm1(coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return R1, k2, BPND, k2a, k2' from the coefficients of int C_R, C_R and int C_T."""
    g1, g3, g2 = coefficients
    zero, one = np.zeros_like(g1), np.ones_like(g1)
    values = np.array([g3, g1, -g1 / g2 - 1.0, -g2, g1 / g3])
    gradient = np.array(
        [
            [zero, one, zero],
            [one, zero, zero],
            [-1.0 / g2, zero, g1 / g2**2],
            [zero, zero, -one],
            [1.0 / g3, -g1 / g3**2, zero],
        ]
    )
    return values, gradient


def _mrtm1_estimator(inputs: ScanInputs) -> VoxelEstimator:
    return VoxelRegression(inputs, MRTM1(), ("R1", "k2", "BPND", "k2a", "k2prime"), _mrtm1)


def _mrtm2_estimator(inputs: ScanInputs) -> VoxelEstimator:
    k2prime = required_option(inputs, "k2prime", "MRTM2", "one for all voxels")

    def derived(coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        g1, g2 = coefficients
        zero, one = np.zeros_like(g1), np.ones_like(g1)
        values = np.array([g1 / k2prime, g1, -g1 / g2 - 1.0, -g2])
        gradient = np.array([[one / k2prime, zero], [one, zero], [-1.0 / g2, g1 / g2**2], [zero, -one]])
        return values, gradient

    return VoxelRegression(inputs, MRTM2(), ("R1", "k2", "BPND", "k2a"), derived)


def reference_line(coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return BPND and intercept from slope and intercept of Logan's reference line."""
    slope, intercept = coefficients
    zero, one = np.zeros_like(slope), np.ones_like(slope)
    return np.array([slope - 1.0, intercept]), np.array([[one, zero], [zero, one]])


def plasma_line(coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return VT and intercept from slope and intercept of Logan's line."""
    slope, intercept = coefficients
    zero, one = np.zeros_like(slope), np.ones_like(slope)
    return np.array([slope, intercept]), np.array([[one, zero], [zero, one]])


def _ma1(coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
    g1, g2 = coefficients
    zero = np.zeros_like(g1)
    return np.array([-g1 / g2, 1.0 / g2]), np.array([[-1.0 / g2, g1 / g2**2], [zero, -1.0 / g2**2]])


ESTIMATORS.add(EstimatorEntry(_mrtm1_estimator), name="MRTM1", reference="regional MRTM1 as ratios of quadratic forms")
ESTIMATORS.add(
    EstimatorEntry(_mrtm2_estimator, shares_k2prime=True),
    name="MRTM2",
    reference="regional MRTM2 as ratios of quadratic forms",
)
ESTIMATORS.add(
    EstimatorEntry(lambda inputs: VoxelRegression(inputs, LoganRefML(), ("BPND", "intercept"), reference_line)),
    name="LoganRefML",
    reference="regional LoganRefML as ratios of quadratic forms",
)
ESTIMATORS.add(
    EstimatorEntry(lambda inputs: VoxelRegression(inputs, MultilinearLogan(), ("VT", "intercept"), plasma_line)),
    name="MLLogan",
    reference="regional MLLogan as ratios of quadratic forms",
)
ESTIMATORS.add(
    EstimatorEntry(lambda inputs: VoxelRegression(inputs, MA1(), ("VT", "intercept"), _ma1)),
    name="MA1",
    reference="regional MA1 as ratios of quadratic forms",
)
