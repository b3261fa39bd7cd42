"""A reference region and whole blood side by side, both ready to be convolved."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from neurochem.pet.model import ScanInputs
from neurochem.pet.view import FrameView
from neurochem.units import FloatArray


@dataclass(frozen=True, eq=False)
class VascularInputs(ScanInputs):
    """Inputs of a scan with whole blood convolved as the reference is."""

    @classmethod
    def of(cls, inputs: ScanInputs) -> "VascularInputs":
        """Return the same inputs."""
        return cls(**{item.name: getattr(inputs, item.name) for item in fields(ScanInputs)})

    @cached_property
    def vascular(self) -> FrameView:
        """Reference and whole blood as exact frame means."""
        return self.view

    @cached_property
    def blood_grid(self) -> FloatArray:
        """Whole blood convolved with each rate of the washout grid, shape (n_rates, n_frames)."""
        return np.asarray(self.vascular.blood_convolved(self.washout_grid[0])[0])
