"""Logan's reference analysis as a regression of the integral, not of a ratio."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from neurochem.pet.k2prime_error import with_k2prime_error
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.multilinear import Design, MultilinearModel
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.results import Axis
from neurochem.units import FloatArray


class LoganRefML(MultilinearModel):
    """Multilinear reference Logan analysis (after Turkheimer et al. 2003).

    int C_T = DVR (int C_R + C_R/k2') + b C_T, solved with the weights of the frames. Exact at all times for a
    one-compartment target when k2' is given; without it the slope is biased unless C_R/C_T is constant, and flagged.
    The noise of C_T as a regressor biases DVR low, less than on Logan's graph because no ratio is formed.
    """

    name: ClassVar[str] = "LoganRefML"
    citation: ClassVar[str] = "Turkheimer FE et al (2003), IEEE Trans Med Imaging 22:289-301"
    equation: ClassVar[str] = "int C_T = DVR (int C_R + C_R/k2') + b C_T"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2prime", "BPND")
    options: ClassVar[tuple[str, ...]] = ("t_star_s", "k2prime", "k2prime_stderr")
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

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression; the integral of the target is what is drawn."""
        outcome = with_k2prime_error(lambda given: super(LoganRefML, self).estimate(target, given), inputs)
        axis = Axis(inputs.frames.mid_min, "time after injection", "min", "integral of activity", "kBq/mL min")
        return replace(outcome, axis=axis, data=inputs.target_integral @ target.means)


MODELS.add(
    LoganRefML(),
    name=LoganRefML.name,
    aliases=("refmlLogan", "MLLoganRef"),
    reference=LoganRefML.citation,
    needs=("reference", "k2prime"),
)
