"""Logan's graphical analysis with a reference region."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.k2prime_error import with_k2prime_error
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.multilinear import Design, MultilinearModel
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.units import FloatArray


class LoganRef(MultilinearModel):
    """Reference Logan plot (Logan et al. 1996).

    int C_T/C_T = DVR (int C_R + C_R/k2')/C_T + b. With k2' it is exact at all times for a one-compartment target; noise
    in C_T lies on both axes and biases DVR low. Without k2' it holds only once C_R/C_T is constant and is flagged.
    Unweighted on the graph unless weights are given. t* is the earliest start, from the peak of the reference on, that
    leaves every relative residual below 10 %, unless given.
    """

    name: ClassVar[str] = "LoganRef"
    citation: ClassVar[str] = "Logan J et al (1996), J Cereb Blood Flow Metab 16:834-840"
    equation: ClassVar[str] = "int C_T/C_T = DVR (int C_R + C_R/k2')/C_T + b"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2prime", "BPND")
    options: ClassVar[tuple[str, ...]] = ("t_star_s", "k2prime", "k2prime_stderr")
    graphical: ClassVar[bool] = True
    linear_from_start: ClassVar[bool] = False

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("BPND", "DVR", "intercept")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2prime and BPND."""
        return reference_tissue(parameters, view, self.name)

    def tissue(self, means: FloatArray, inputs: ScanInputs) -> tuple[FloatArray, tuple[Flag, ...]]:
        """Return the means, with a flag if k2' is missing."""
        if inputs.options.get("k2prime") is not None:
            return means, ()
        message = "without k2prime the slope is biased unless the target-to-reference ratio is constant after t*"
        return means, (Flag("biased_without_k2prime", message),)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression; a standard error of k2' counts."""
        return with_k2prime_error(lambda given: super(LoganRef, self).estimate(target, given), inputs)

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of the reference, plus the reference over k2' where it is given."""
        k2prime = inputs.options.get("k2prime")
        inverse = 0.0 if k2prime is None else 1.0 / float(k2prime)
        column = inputs.input_integral + inverse * inputs.view.input
        operator = inputs.reference_integral + inverse * np.eye(column.size)
        return Design(column[:, None], (operator,), response_is_integral=True)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return the reported parameters from slope and intercept."""
        slope, intercept = coefficients
        return np.array([slope - 1.0, slope, intercept])


MODELS.add(
    LoganRef(), name=LoganRef.name, aliases=("refLogan",), reference=LoganRef.citation, needs=("reference", "k2prime")
)
