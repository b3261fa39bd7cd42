"""Ichise's second multilinear analysis with arterial input."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.compartments import imprecise
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.multilinear import Design
from neurochem.pet.plasma_linear import PlasmaLinearModel
from neurochem.pet.plasma_regression import double_integral_operator, regress_on_itself
from neurochem.pet.plasma_tissue import two_tissue_curve
from neurochem.pet.view import View
from neurochem.solve import delta_method
from neurochem.units import FloatArray


class MA2(PlasmaLinearModel):
    """Multilinear analysis 2 (Ichise et al. 2002).

    C_T = g1 intint C_P + g2 intint C_T + g3 int C_T + g4 int C_P: the two-tissue equations integrated twice, over all
    frames. VT = -g1/g2, K1 = g4, VND = -g4^2/(g1 + g3 g4), VS = VT - VND. For slow kinetics at low to moderate noise:
    the integrals of C_T are noisy regressors, so noise biases VT and, far more, VND. Needs no start of a linear part.
    """

    name: ClassVar[str] = "MA2"
    citation: ClassVar[str] = "Ichise M et al (2002), J Cereb Blood Flow Metab 22:1271-1281"
    equation: ClassVar[str] = "C_T = g1 intint C_P + g2 intint C_T + g3 int C_T + g4 int C_P, VT = -g1/g2"
    parameters: ClassVar[tuple[str, ...]] = ("K1", "k2", "k3", "k4", "VB")
    options: ClassVar[tuple[str, ...]] = ("VB",)

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("VT", "VND", "VS", "BPND", "K1")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the two-tissue curve from K1, k2 (or VND), k3 (or BPND), k4 and VB."""
        return two_tissue_curve(parameters, view, self.name)

    def design(self, inputs: ScanInputs) -> Design:
        """Return both integrals of parent plasma."""
        # -d/dr of the convolution with exp(-rt) at r = 0 is the integral of the integral
        integral, slope = inputs.view.convolved(0.0)
        return Design(np.column_stack([-slope[0], integral[0]]), (), response_is_integral=False)

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return the reported parameters from g1, g4, g2, g3."""
        g1, g4, g2, g3 = coefficients
        volume, free = -g1 / g2, -(g4**2) / (g1 + g3 * g4)
        return np.array([volume, free, volume - free, volume / free - 1.0, g4])

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression over all frames."""
        means, flags = self.tissue(target.means, inputs)
        if np.count_nonzero(inputs.kept) <= 4:
            msg = f"{self.name} has 4 coefficients but only {np.count_nonzero(inputs.kept)} usable frames"
            raise InputError(msg)
        operators = (double_integral_operator(inputs), inputs.target_integral)
        regression = regress_on_itself(means, self.design(inputs).fixed, operators, inputs.weights, target.noise_sd)
        values, covariance = delta_method(
            lambda coefficients: self.derived(coefficients, inputs), regression.coefficients, regression.covariance
        )
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=regression.predicted,
            used=regression.used,
            dof=regression.dof,
            flags=(*flags, *imprecise(self.reported, values, covariance, frozenset())),
            data=means,
        )


MODELS.add(MA2(), name=MA2.name, reference=MA2.citation, needs=("blood",))
