"""The one-tissue compartment model."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.compartments import Blood, exponential_outcome, fit_exponentials
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.one_tissue import plasma_tissue
from neurochem.pet.view import View
from neurochem.units import FloatArray


class OneTissue(KineticModel):
    """One tissue compartment with arterial input.

    dC_T/dt = K1 C_P - k2 C_T, VT = K1/k2, measured (1 - VB) C_T + VB C_B with C_B whole blood. VB is fitted where whole
    blood is given, `VB=` fixes it, and without whole blood it is zero. Assumes that free, nonspecifically and
    specifically bound tracer exchange too fast to be told apart; slow binding leaves trends in the residual and biases
    VT low. k2 is searched from 0.06/T (T the scan's length) to 2/min.
    """

    name: ClassVar[str] = "1TCM"
    citation: ClassVar[str] = "Innis RB et al (2007), J Cereb Blood Flow Metab 27:1533-1539"
    equation: ClassVar[str] = "C_T = (1-VB) K1 C_P (x) exp(-k2 t) + VB C_B"
    inputs: ClassVar[str] = "plasma"
    parameters: ClassVar[tuple[str, ...]] = ("K1", "k2", "VB")
    options: ClassVar[tuple[str, ...]] = ("VB",)

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("K1", "k2", "VT", "VB")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from K1, k2 (or VT) and VB."""
        return plasma_tissue(parameters, view, self.name)

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from K1, k2 and VB."""
        k1, k2, fraction = base
        return np.array([k1, k2, k1 / k2, fraction])

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit by variable projection over k2, from the best points of a grid."""
        blood = Blood.of(target, inputs, self.name)
        fit = fit_exponentials(blood.means, target, inputs, count=1, constant=blood.column)

        def reported(p: np.ndarray) -> np.ndarray:
            fraction = p[2] if blood.fraction is None else blood.fraction + 0.0 * p[0]
            return self.derived(np.array([p[1] / (1.0 - fraction), p[0], fraction]))

        at_bound = {"k2", "VT"} if fit.rate_at_bound[0] else set()
        if blood.fraction is None and fit.amplitude_at_bound[1]:
            at_bound.add("VB")
        return exponential_outcome(
            fit, target, inputs, blood, names=self.reported, reported=reported, at_bound=frozenset(at_bound)
        )


MODELS.add(OneTissue(), name=OneTissue.name, aliases=("one tissue",), reference=OneTissue.citation, needs=("blood",))
