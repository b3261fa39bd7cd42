"""Logan's graphs with reference and with plasma, in every voxel."""

from neurochem.pet.kinetics.logan import Logan
from neurochem.pet.kinetics.logan_ref import LoganRef
from neurochem.pet.maps.estimator import ESTIMATORS, EstimatorEntry, VoxelEstimator
from neurochem.pet.maps.estimators.mrtm import plasma_line, reference_line
from neurochem.pet.maps.graphs import VoxelGraph
from neurochem.pet.maps.regression import VoxelRegression
from neurochem.pet.model import ScanInputs


def _weighted(inputs: ScanInputs) -> bool:
    """Say whether weights were given: the published graph has none."""
    return not inputs.weighting.startswith("counting")


def _logan_ref(inputs: ScanInputs) -> VoxelEstimator:
    solver = VoxelRegression if _weighted(inputs) else VoxelGraph
    return solver(inputs, LoganRef(), ("BPND", "intercept"), reference_line)


def _logan(inputs: ScanInputs) -> VoxelEstimator:
    solver = VoxelRegression if _weighted(inputs) else VoxelGraph
    return solver(inputs, Logan(), ("VT", "intercept"), plasma_line)


ESTIMATORS.add(EstimatorEntry(_logan_ref), name="LoganRef", reference="regional LoganRef, all voxels at once")
ESTIMATORS.add(EstimatorEntry(_logan), name="Logan", reference="regional Logan, all voxels at once")
