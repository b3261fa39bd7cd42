"""Ichise's multilinear reference tissue model, three coefficients."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.multilinear import Design, MultilinearModel
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.units import FloatArray


class MRTM1(MultilinearModel):
    """Multilinear reference tissue model (Ichise et al. 2003).

    C_T = g1 int C_R + g2 int C_T + g3 C_R without intercept: SRTM's differential equation integrated once, so
    BPND = -g1/g2 - 1, R1 = g3, k2 = g1, k2a = -g2, k2' = g1/g3 for a one-compartment target. k2' is not determined
    where nothing binds.
    """

    name: ClassVar[str] = "MRTM1"
    citation: ClassVar[str] = "Ichise M et al (2003), J Cereb Blood Flow Metab 23:1096-1112"
    equation: ClassVar[str] = "C_T = k2 int C_R - k2a int C_T + R1 C_R"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("R1", "k2", "BPND", "k2a", "k2prime", "DVR")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2 and BPND."""
        return reference_tissue(parameters, view, self.name)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression; a target that is the reference binds nothing, and its washout cannot be known."""
        kept = inputs.kept
        if not np.allclose(target.means[kept], inputs.view.input[kept], rtol=1e-9, atol=0.0):
            return super().estimate(target, inputs)
        values = np.array([1.0, np.nan, 0.0, np.nan, np.nan, 1.0])
        return Outcome(
            names=self.reported,
            values=values,
            covariance=np.diag(np.where(np.isnan(values), np.inf, 0.0)),
            fitted=target.means,
            used=kept,
            dof=float(np.count_nonzero(kept) - 3),
            flags=(Flag("same_as_reference", "the target is the reference: BPND is 0 and k2 cannot be known"),),
        )

    def design(self, inputs: ScanInputs) -> Design:
        """Return the integral of the reference and the reference itself."""
        return Design(
            np.column_stack([inputs.input_integral, inputs.view.input]),
            (inputs.reference_integral, np.eye(len(inputs.frames))),
            response_is_integral=False,
        )

    def derived(self, coefficients: np.ndarray, inputs: ScanInputs) -> np.ndarray:
        """Return the reported parameters from (g1, g3, g2)."""
        g1, g3, g2 = coefficients
        ratio = -g1 / g2
        return np.array([g3, g1, ratio - 1.0, -g2, g1 / g3, ratio])


MODELS.add(MRTM1(), name=MRTM1.name, aliases=("MRTM",), reference=MRTM1.citation, needs=("reference",))
