"""The reversible two-tissue compartment model."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.compartments import (
    Blood,
    ExponentialFit,
    exponential_outcome,
    fit_exponentials,
    two_tissue_constants,
)
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.plasma_tissue import two_tissue_curve
from neurochem.pet.view import View
from neurochem.units import FloatArray


class TwoTissue(KineticModel):
    """Two tissue compartments with arterial input, reversible binding.

    dC_ND/dt = K1 C_P - (k2 + k3) C_ND + k4 C_S, dC_S/dt = k3 C_ND - k4 C_S, measured (1 - VB)(C_ND + C_S) + VB C_B with
    C_B whole blood. VB is fitted where whole blood is given, `VB=` fixes it, and without whole blood it is zero.
    VT = (K1/k2)(1 + k3/k4) is well determined; k3, k4, VND = K1/k2 and BPND = k3/k4 often are not, and a standard error
    above half the value is flagged. The rates of the two exponentials are searched from 0.06/T (T the scan's length) to
    2/min with amplitudes that are not negative, which is the same as rate constants that are not negative.
    """

    name: ClassVar[str] = "2TCM"
    citation: ClassVar[str] = "Mintun MA et al (1984), Ann Neurol 15:217-227; Innis RB et al (2007)"
    equation: ClassVar[str] = "C_T = (1-VB) C_P (x) (phi1 exp(-alpha1 t) + phi2 exp(-alpha2 t)) + VB C_B"
    inputs: ClassVar[str] = "plasma"
    parameters: ClassVar[tuple[str, ...]] = ("K1", "k2", "k3", "k4", "VB")
    options: ClassVar[tuple[str, ...]] = ("VB",)

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("K1", "k2", "k3", "k4", "VT", "VND", "BPND", "VS", "VB")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from K1, k2 (or VND), k3 (or BPND), k4 and VB."""
        return two_tissue_curve(parameters, view, self.name)

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from K1, k2, k3, k4 and VB."""
        k1, k2, k3, k4, fraction = base
        vnd = k1 / k2
        return np.array([k1, k2, k3, k4, vnd * (1.0 + k3 / k4), vnd, k3 / k4, vnd * k3 / k4, fraction])

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit by variable projection over both rates, from the best pairs of a grid."""
        blood = Blood.of(target, inputs, self.name)
        fit = fit_exponentials(blood.means, target, inputs, count=2, constant=blood.column)

        def reported(p: np.ndarray) -> np.ndarray:
            fraction = p[4] if blood.fraction is None else blood.fraction + 0.0 * p[0]
            return self.derived_from_exponentials(p, fraction)

        return exponential_outcome(
            fit, target, inputs, blood,
            names=self.reported, reported=reported, at_bound=two_tissue_at_bound(fit, fitted_blood=blood.fraction is None),
        )  # fmt: skip

    def derived_from_exponentials(self, p: np.ndarray, fraction: complex) -> np.ndarray:
        """Return the reported parameters from both rates and amplitudes."""
        phi1, phi2 = p[2] / (1.0 - fraction), p[3] / (1.0 - fraction)
        values = self.derived(np.array([*two_tissue_constants(phi1, phi2, p[0], p[1]), fraction]))
        # this sum stays sharp where an exponential of no amplitude leaves k4 undetermined
        values[4] = phi1 / p[0] + phi2 / p[1]
        return values


def two_tissue_at_bound(fit: ExponentialFit, *, fitted_blood: bool) -> frozenset[str]:
    """Return the parameters that an exponential at the edge of its search, or without amplitude, leaves undecided."""
    slow, fast = fit.rate_at_bound
    names: set[str] = set()
    if slow:
        names |= {"k4", "VT", "BPND", "VS"}
    if fast:
        names |= {"K1", "k2", "k3", "VND", "BPND", "VS"}
    if fit.amplitude_at_bound[:2].any():
        names |= {"k3", "BPND", "VS"}
    if fitted_blood and fit.amplitude_at_bound[2]:
        names.add("VB")
    return frozenset(names)


MODELS.add(TwoTissue(), name=TwoTissue.name, aliases=("two tissue",), reference=TwoTissue.citation, needs=("blood",))
