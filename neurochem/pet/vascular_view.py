"""A reference region and whole blood side by side, both ready to be convolved."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from neurochem.pet.curves import Curve
from neurochem.pet.frames import Frames
from neurochem.pet.model import ScanInputs
from neurochem.pet.view import FrameView, PointView
from neurochem.units import FloatArray


class VascularFrames(FrameView):
    """Frame means of a reference and of whole blood."""

    def __init__(self, frames: Frames, curve: Curve, blood: Curve) -> None:
        super().__init__(frames, curve, blood)
        self._vessels = FrameView(frames, blood)

    def blood_convolved(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the means of whole blood convolved with exp(-rate t), and their derivatives by rate."""
        return self._vessels.convolved(rates)


class VascularPoints(PointView):
    """Values of a reference and of whole blood at points in time."""

    def __init__(self, time_min: FloatArray, curve: Curve, blood: Curve) -> None:
        super().__init__(time_min, curve, blood)
        self._vessels = PointView(time_min, blood)

    def blood_convolved(self, rates: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return whole blood convolved with exp(-rate t) at the times, and the derivative by rate."""
        return self._vessels.convolved(rates)


@dataclass(frozen=True, eq=False)
class VascularInputs(ScanInputs):
    """Inputs of a scan with whole blood convolved as the reference is."""

    @classmethod
    def of(cls, inputs: ScanInputs) -> "VascularInputs":
        """Return the same inputs."""
        return cls(**{item.name: getattr(inputs, item.name) for item in fields(ScanInputs)})

    @cached_property
    def vascular(self) -> VascularFrames:
        """Reference and whole blood as exact frame means."""
        assert self.blood is not None
        return VascularFrames(self.frames, self.curve, self.blood)

    @cached_property
    def blood_grid(self) -> FloatArray:
        """Whole blood convolved with each rate of the washout grid, shape (n_rates, n_frames)."""
        return np.asarray(self.vascular.blood_convolved(self.washout_grid[0])[0])
