"""What methods that solve for regional means share."""

from functools import cached_property
from typing import Any

import numpy as np

from neurochem.pet.partial_volume.method import FrameCorrection, Method
from neurochem.pet.partial_volume.model_image import ModelImage, Prediction
from neurochem.pet.partial_volume.problem import Problem
from neurochem.pet.partial_volume.system import RegionalSystem
from neurochem.units import FloatArray


class RegionalMethod(Method):
    """Means of all regions from one set of linear equations."""

    blurred_sampling = False

    def __init__(self, problem: Problem, dtype: Any) -> None:
        super().__init__(problem, dtype)
        self.system = RegionalSystem(problem, blurred=self.blurred_sampling)
        self.model = ModelImage(problem, dtype)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions."""
        return self.problem.regions.names

    @property
    def voxels(self) -> FloatArray:
        """Voxels in each region."""
        return self.problem.regions.total

    @property
    def transfer_matrix(self) -> FloatArray:
        """The geometric transfer matrix."""
        return self.system.transfer

    @property
    def condition_number(self) -> float:
        """Condition number of the geometric transfer matrix."""
        return self.system.condition_number

    @cached_property
    def unit_covariance(self) -> FloatArray:
        """Covariance of the regional means, without the background."""
        count = len(self.regions)
        return self.system.unit_covariance[:count, :count]

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing to choose."""
        return {}

    def correct(self, volume: np.ndarray, frame: int) -> FrameCorrection:
        """Return the means of one frame."""
        observed, means = self.system.observed(volume), self.system.means(volume)
        known = self.problem.noise_variance
        prediction = None if known is not None else self.model.predict(means)
        return self.record(volume, frame, observed, means, prediction)

    def record(
        self,
        volume: np.ndarray,
        frame: int,
        observed: FloatArray,
        means: FloatArray,
        prediction: Prediction | None,
        image: np.ndarray | None = None,
        diagnostics: dict[str, float] | None = None,
    ) -> FrameCorrection:
        """Return a frame's results, the variance of its voxels from the residual unless it is known."""
        known = self.problem.noise_variance
        if known is not None:
            variance = float(known[frame])
        else:
            assert prediction is not None
            variance = prediction.residual_variance(volume)
        count = len(self.regions)
        background = float(means[-1]) if self.problem.has_background else float("nan")
        return FrameCorrection(observed[:count], means[:count], background, variance, image, diagnostics or {})
