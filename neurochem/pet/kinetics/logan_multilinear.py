"""Logan's equation as a regression without ratios, with arterial input."""

from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, ScanInputs
from neurochem.pet.multilinear import Design
from neurochem.pet.plasma_linear import PlasmaLinearModel


class MultilinearLogan(PlasmaLinearModel):
    """Multilinear Logan analysis (Turkheimer et al. 2003).

    int C_T = VT int C_P + b C_T without intercept: Logan's line multiplied by C_T, so that the noise of a single frame
    no longer divides the row and the weights apply to the integrals. C_T remains a regressor, so some of the bias of
    the graph remains. t* as for Logan.
    """

    name: ClassVar[str] = "MLLogan"
    citation: ClassVar[str] = "Turkheimer FE et al (2003), J Cereb Blood Flow Metab 23:490 (pages unchecked)"
    equation: ClassVar[str] = "int C_T = VT int C_P + b C_T"

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of parent plasma."""
        return Design(inputs.input_integral[:, None], (), response_is_integral=True)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return VT and the intercept."""
        return np.array([coefficients[0], coefficients[1]])


MODELS.add(
    MultilinearLogan(),
    name=MultilinearLogan.name,
    aliases=("multilinear Logan",),
    reference=MultilinearLogan.citation,
    needs=("blood",),
)
