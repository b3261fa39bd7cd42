"""The ratio of uptake values of target and reference over a late window."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.view import View
from neurochem.pet.window import window_of, window_ratio
from neurochem.units import FloatArray


class SUVR(KineticModel):
    """Ratio of the integrals of target and reference from t1 to t2.

    SUVR = int C_T / int C_R. SUVR - 1 is BPND at true equilibrium only; in a bolus study it overshoots or undershoots
    by an amount that changes with blood flow and with the window. Dose and weight cancel. Where the window begins and
    ends at frame edges the integrals are frame sums, elsewhere those of the rebuilt curves.
    """

    name: ClassVar[str] = "SUVR"
    citation: ClassVar[str] = "Carson RE et al (1993), J Cereb Blood Flow Metab 13:24-42 (bias against equilibrium)"
    equation: ClassVar[str] = "SUVR = int C_T / int C_R from t1 to t2"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("SUVR",)
    options: ClassVar[tuple[str, ...]] = ("t1_s", "t2_s")
    one_compartment: ClassVar[bool] = False

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return SUVR times the reference: the curve at equilibrium."""
        for name in parameters:
            if name not in self.parameters:
                raise unknown_name(name, self.parameters, kind=f"parameter of {self.name}")
        if "SUVR" not in parameters:
            msg = "SUVR needs SUVR to make a curve; got nothing"
            raise InputError(msg)
        return np.asarray(float(parameters["SUVR"]) * view.input)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Divide the integrals over the window."""
        ratio = window_ratio(target, inputs, window_of(inputs, self.name))
        return Outcome(
            names=self.reported,
            values=np.array([ratio.value]),
            covariance=np.array([[ratio.variance]]),
            fitted=ratio.value * inputs.view.input,
            used=ratio.used,
            dof=ratio.dof,
            settings={"window_s": list(ratio.window_s)},
            diagnostics={"ratio_slope_percent_per_hour": ratio.slopes[2]},
        )


MODELS.add(SUVR(), name=SUVR.name, reference=SUVR.citation, needs=("reference", "t1_s"))
