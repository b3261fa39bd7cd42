"""Ichise's multilinear reference tissue model in its first, ratio form."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, ScanInputs
from neurochem.pet.multilinear import Design, MultilinearModel
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.units import FloatArray


class MRTM0(MultilinearModel):
    """Multilinear reference tissue model, ratio form (Ichise et al. 1996).

    int C_T/C_T = DVR int C_R/C_T + (DVR/k2') C_R/C_T + b: Logan's reference plot with k2' fitted. Exact for a
    one-compartment target, with b = -1/k2a; noise in C_T stands on both sides and biases DVR low, which every result
    is flagged for. MRTM1 is the same model without that fault. Unweighted on the graph unless weights are given; t* as
    for LoganRef.
    """

    name: ClassVar[str] = "MRTM0"
    citation: ClassVar[str] = "Ichise M et al (1996), J Nucl Med 37:513-520"
    equation: ClassVar[str] = "int C_T/C_T = DVR int C_R/C_T + (DVR/k2') C_R/C_T + b"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND")
    graphical: ClassVar[bool] = True
    linear_from_start: ClassVar[bool] = False

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("BPND", "DVR", "k2prime", "intercept")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2 and BPND."""
        return reference_tissue(parameters, view, self.name)

    def tissue(self, means: FloatArray, inputs: ScanInputs) -> tuple[FloatArray, tuple[Flag, ...]]:
        """Return the means, with the flag that this form is biased by noise."""
        message = (
            "noise in the target stands on both sides of the ratio form and biases BPND low; MRTM1 has no such bias"
        )
        return means, (Flag("noise_biased", message, "info"),)

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of the reference and the reference itself."""
        return Design(
            np.column_stack([inputs.input_integral, inputs.view.input]),
            (inputs.reference_integral, np.eye(len(inputs.frames))),
            response_is_integral=True,
        )

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return the reported parameters from DVR, DVR/k2' and the intercept."""
        dvr, scaled, intercept = coefficients
        return np.array([dvr - 1.0, dvr, dvr / scaled, intercept])


MODELS.add(MRTM0(), name=MRTM0.name, aliases=("MRTMo",), reference=MRTM0.citation, needs=("reference",))
