"""Logan's graphical analysis with arterial input."""

from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, ScanInputs
from neurochem.pet.multilinear import Design
from neurochem.pet.plasma_linear import PlasmaLinearModel


class Logan(PlasmaLinearModel):
    """Logan plot (Logan et al. 1990).

    int C_T/C_T = VT int C_P/C_T + b, linear at all times for one tissue compartment (b = -1/k2) and late for two.
    Noise in C_T lies on both axes and biases VT low. Unweighted on the graph unless weights are given.
    """

    name: ClassVar[str] = "Logan"
    citation: ClassVar[str] = "Logan J et al (1990), J Cereb Blood Flow Metab 10:740-747"
    equation: ClassVar[str] = "int C_T/C_T = VT int C_P/C_T + b"
    graphical: ClassVar[bool] = True

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of parent plasma."""
        return Design(inputs.input_integral[:, None], (), response_is_integral=True)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return VT and the intercept."""
        return np.array([coefficients[0], coefficients[1]])


MODELS.add(Logan(), name=Logan.name, reference=Logan.citation, needs=("blood",))
