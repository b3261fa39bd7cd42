"""The irreversible two-tissue compartment model."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.compartments import Blood, exponential_outcome, fit_exponentials
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.plasma_tissue import two_tissue_curve
from neurochem.pet.view import View
from neurochem.units import FloatArray


class TwoTissueIrreversible(KineticModel):
    """Two tissue compartments with arterial input, the second of which keeps its tracer.

    The two-tissue model with k4 = 0: C_T = Ki int C_P + phi2 C_P (x) exp(-(k2 + k3) t), Ki = K1 k3/(k2 + k3), phi2 =
    K1 k2/(k2 + k3), measured (1 - VB) C_T + VB C_B with C_B whole blood. VB is fitted where whole blood is given, `VB=`
    fixes it, and without whole blood it is zero. Tracer that does return (k4 > 0) biases Ki low, the more the longer the
    scan. k2 + k3 is searched from 0.06/T (T the scan's length) to 2/min.
    """

    name: ClassVar[str] = "2TCMirr"
    citation: ClassVar[str] = "Phelps ME et al (1979), Ann Neurol 6:371-388; Innis RB et al (2007)"
    equation: ClassVar[str] = "C_T = (1-VB) [Ki int C_P + phi2 C_P (x) exp(-(k2+k3) t)] + VB C_B"
    inputs: ClassVar[str] = "plasma"
    parameters: ClassVar[tuple[str, ...]] = ("K1", "k2", "k3", "VB")
    options: ClassVar[tuple[str, ...]] = ("VB",)

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("K1", "k2", "k3", "Ki", "VND", "VB")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from K1, k2 (or VND), k3 and VB."""
        return two_tissue_curve(parameters, view, self.name, reversible=False)

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from K1, k2, k3 and VB."""
        k1, k2, k3, fraction = base
        return np.array([k1, k2, k3, k1 * k3 / (k2 + k3), k1 / k2, fraction])

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit by variable projection over k2 + k3, from the best points of a grid."""
        blood = Blood.of(target, inputs, self.name)
        constant = np.column_stack([inputs.input_integral, blood.column])
        fit = fit_exponentials(blood.means, target, inputs, count=1, constant=constant)
        if fit.point[1] == 0:
            msg = "nothing washes out (k2 is zero)"
            raise np.linalg.LinAlgError(msg)

        def reported(p: np.ndarray) -> np.ndarray:
            fraction = p[3] if blood.fraction is None else blood.fraction + 0.0 * p[0]
            kept, back = p[2] / (1.0 - fraction), p[1] / (1.0 - fraction)
            k1 = kept + back
            return self.derived(np.array([k1, p[0] * back / k1, p[0] * kept / k1, fraction]))

        at_bound = {"k2", "k3", "VND"} if fit.rate_at_bound[0] else set()
        if fit.amplitude_at_bound[1]:
            at_bound |= {"k3", "Ki"}
        if blood.fraction is None and fit.amplitude_at_bound[2]:
            at_bound.add("VB")
        return exponential_outcome(
            fit, target, inputs, blood, names=self.reported, reported=reported, at_bound=frozenset(at_bound)
        )


MODELS.add(
    TwoTissueIrreversible(),
    name=TwoTissueIrreversible.name,
    aliases=("2TCM irreversible", "2TCMk"),
    reference=TwoTissueIrreversible.citation,
    needs=("blood",),
)
