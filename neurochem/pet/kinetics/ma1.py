"""Ichise's multilinear analysis with arterial input."""

from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, ScanInputs
from neurochem.pet.multilinear import Design
from neurochem.pet.plasma_linear import PlasmaLinearModel


class MA1(PlasmaLinearModel):
    """Multilinear analysis 1 (Ichise et al. 2002).

    C_T = g1 int C_P + g2 int C_T, VT = -g1/g2: the Logan line solved for C_T, so that noise is on the left. The
    reported intercept is Logan's, b = 1/g2.
    """

    name: ClassVar[str] = "MA1"
    citation: ClassVar[str] = "Ichise M et al (2002), J Cereb Blood Flow Metab 22:1271-1281"
    equation: ClassVar[str] = "C_T = -(VT/b) int C_P + (1/b) int C_T"

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of parent plasma."""
        return Design(inputs.input_integral[:, None], (), response_is_integral=False)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return VT and Logan's intercept."""
        g1, g2 = coefficients
        return np.array([-g1 / g2, 1.0 / g2])


MODELS.add(MA1(), name=MA1.name, reference=MA1.citation, needs=("blood",))
