"""Spectral analysis with plasma input."""

from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.plasma_spectrum import Spectrum, SpectrumModel
from neurochem.solve import nonnegative_least_squares


class SpectralAnalysis(SpectrumModel):
    """Spectral analysis (Cunningham and Jones 1993).

    C_T = Ki int C_P + sum over j of phi_j C_P (x) exp(-beta_j t), phi_j >= 0, for 100 rates from 0.1/T (T the scan's
    length; `slowest_per_min=` sets it) to 6/min, by non-negative least squares on the exact frame means; measured
    (1 - VB) C_T + VB C_B. VB is fitted where whole blood is given, `VB=` fixes it. K1 = Ki + sum phi_j, VT = sum
    phi_j/beta_j over what washes out. Ki is zero unless `trapping=True`: with it, noise moves much of the slow part of a
    reversible tracer from VT to Ki; without it, a tracer that stays shows as VT at the slow edge, flagged.

    No number of compartments is assumed, only that no amplitude is negative. The price is noise: a little amplitude at
    the slow end is a large VT, so VT has a long upper tail, and fast terms raise K1. Between two rates of the grid VT
    errs by up to 0.1 %. Errors: delta method on the active set (see `Spectrum.outcome`); they leave out that noise
    chooses the set, and are very large where slow terms are active.
    """

    name: ClassVar[str] = "SA"
    citation: ClassVar[str] = "Cunningham VJ, Jones T (1993), J Cereb Blood Flow Metab 13:15-23"
    equation: ClassVar[str] = "C_T = Ki int C_P + sum phi_j C_P (x) exp(-beta_j t), phi_j >= 0"

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve for the spectrum."""
        spectrum = Spectrum.of(target, inputs, self.name)
        matrix, data = spectrum.weighted(inputs)
        amplitudes, inside = nonnegative_least_squares(matrix, data, np.ones(matrix.shape[1], dtype=bool))
        return spectrum.outcome(amplitudes, target, inputs, order=float(np.count_nonzero(inside)))


MODELS.add(
    SpectralAnalysis(),
    name=SpectralAnalysis.name,
    aliases=("spectral analysis",),
    reference=SpectralAnalysis.citation,
    needs=("blood",),
)
