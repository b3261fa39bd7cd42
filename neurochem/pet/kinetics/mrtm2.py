"""Ichise's multilinear reference tissue model, two coefficients and a given k2'."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.k2prime_error import with_k2prime_error
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target, required_option
from neurochem.pet.multilinear import Design, MultilinearModel
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.view import View
from neurochem.units import FloatArray


class MRTM2(MultilinearModel):
    """Multilinear reference tissue model with k2' given (Ichise et al. 2003).

    C_T = g1 (int C_R + C_R/k2') + g2 int C_T; BPND = -g1/g2 - 1, R1 = g1/k2', k2 = g1, k2a = -g2. A k2' that is 20 %
    wrong moves a BPND of 2 by about 0.1; `k2prime_stderr` carries its own error into the standard errors.
    """

    name: ClassVar[str] = "MRTM2"
    citation: ClassVar[str] = "Ichise M et al (2003), J Cereb Blood Flow Metab 23:1096-1112"
    equation: ClassVar[str] = "C_T = k2 (int C_R + C_R/k2') - k2a int C_T"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2prime", "BPND")
    options: ClassVar[tuple[str, ...]] = ("t_star_s", "k2prime", "k2prime_stderr")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("R1", "k2", "BPND", "k2a", "DVR")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2prime and BPND."""
        return reference_tissue(parameters, view, self.name)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression; a standard error of k2' counts."""
        return with_k2prime_error(lambda given: super(MRTM2, self).estimate(target, given), inputs)

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of the reference plus the reference over k2'."""
        k2prime = required_option(inputs, "k2prime", self.name, "take it from MRTM1 or SRTM in regions that bind")
        column = inputs.input_integral + inputs.view.input / k2prime
        operator = inputs.reference_integral + np.eye(column.size) / k2prime
        return Design(column[:, None], (operator,), response_is_integral=False)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return the reported parameters from (g1, g2)."""
        g1, g2 = coefficients
        ratio = -g1 / g2
        return np.array([g1 / float(inputs.options["k2prime"]), g1, ratio - 1.0, -g2, ratio])


MODELS.add(MRTM2(), name=MRTM2.name, reference=MRTM2.citation, needs=("reference", "k2prime"))
