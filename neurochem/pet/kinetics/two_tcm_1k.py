"""The two-tissue compartment model with trapping in the vessel wall."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.compartments import Blood, exponential_outcome, fit_exponentials
from neurochem.pet.kinetics.two_tcm import TwoTissue, two_tissue_at_bound
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.plasma_tissue import two_tissue_curve
from neurochem.pet.view import View
from neurochem.units import FloatArray


class TwoTissueTrapping(TwoTissue):
    """Two tissue compartments and irreversible trapping in the endothelium (Rizzo et al. 2014).

    Measured (1 - VB) C_T + VB (C_B + Kb int C_P): tracer that binds to the vessel wall, as ligands of TSPO do, stays
    there. VB is fitted unless `VB=` fixes it; without blood volume there is no Kb. The trapped part looks like very slow
    washout, so Kb and VT are negatively correlated and short scans tell them apart poorly.
    """

    name: ClassVar[str] = "2TCM1k"
    citation: ClassVar[str] = "Rizzo G et al (2014), J Cereb Blood Flow Metab 34:1060-1069 (pages unchecked)"
    equation: ClassVar[str] = "(1-VB) C_T + VB (C_B + Kb int C_P), C_T as 2TCM"
    parameters: ClassVar[tuple[str, ...]] = ("K1", "k2", "k3", "k4", "Kb", "VB")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("K1", "k2", "k3", "k4", "VT", "VND", "BPND", "VS", "VB", "Kb")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from K1, k2 (or VND), k3 (or BPND), k4, VB and Kb."""
        rest = {name: value for name, value in parameters.items() if name != "Kb"}
        curve = two_tissue_curve(rest, view, self.name)
        trapped = float(parameters.get("VB", 0.0)) * float(parameters.get("Kb", 0.0))
        return curve + trapped * view.convolved(0.0)[0][0]

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from K1, k2, k3, k4, Kb and VB."""
        return np.concatenate([super().derived(np.array([*base[:4], base[5]])), base[4:5]])

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit by variable projection over both rates, from the best pairs of a grid."""
        blood = Blood.of(target, inputs, self.name)
        if blood.fraction == 0.0:
            msg = f"{self.name} needs blood volume: give whole blood, and VB above zero or none"
            raise InputError(msg)
        constant = np.column_stack([blood.column, inputs.input_integral])
        fit = fit_exponentials(blood.means, target, inputs, count=2, constant=constant)
        fitted_blood = blood.fraction is None
        if fitted_blood and fit.point[4] == 0:
            msg = "the blood volume is zero, so Kb has no meaning"
            raise np.linalg.LinAlgError(msg)

        def reported(p: np.ndarray) -> np.ndarray:
            fraction = p[4] if fitted_blood else blood.fraction + 0.0 * p[0]
            return np.append(self.derived_from_exponentials(p, fraction), p[-1] / fraction)

        at_bound = two_tissue_at_bound(fit, fitted_blood=fitted_blood)
        if fit.amplitude_at_bound[-1]:
            at_bound |= {"Kb"}
        return exponential_outcome(
            fit, target, inputs, blood, names=self.reported, reported=reported, at_bound=at_bound
        )

    def derived_from_exponentials(self, p: np.ndarray, fraction: complex) -> np.ndarray:
        """Return what the two-tissue model reports, from both rates and amplitudes."""
        return TwoTissue().derived_from_exponentials(p, fraction)


MODELS.add(TwoTissueTrapping(), name=TwoTissueTrapping.name, reference=TwoTissueTrapping.citation, needs=("blood",))
