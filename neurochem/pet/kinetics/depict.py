"""Data-driven estimation of parametric images based on compartmental theory, for regions."""

from typing import ClassVar

import numpy as np

from neurochem.pet.lasso import lasso_path
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.pet.plasma_spectrum import Spectrum, SpectrumModel


class DEPICT(SpectrumModel):
    """Basis pursuit with plasma input (Gunn et al. 2002).

    The dictionary of spectral analysis, phi >= 0, with the penalty mu sum |phi| that keeps only the terms the data call
    for: 1/2 ||W^1/2 (y - Psi phi)||^2 + mu sum |phi_j| ||W^1/2 Psi_j||. Every curve is scaled to unit length, so that
    the penalty does not favour slow ones. The whole path over mu is followed exactly, and mu is the knot of lowest
    generalised cross-validation. `VB`, `trapping` and `slowest_per_min` as for spectral analysis, and so are the
    errors, which also leave out the choice of mu. The number of exponentials found is a diagnostic. The penalty shrinks
    amplitudes and therefore VT, by little where the data are good.
    """

    name: ClassVar[str] = "DEPICT"
    citation: ClassVar[str] = "Gunn RN, Gunn SR, Turkheimer FE, Aston JAD, Cunningham VJ (2002), JCBFM 22:1425-1439"
    equation: ClassVar[str] = "min 1/2 ||y - Psi phi||_W^2 + mu sum |phi|, Psi_j = C_P (x) exp(-theta_j t)"

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Follow the path and take the knot of lowest cross-validation."""
        spectrum = Spectrum.of(target, inputs, self.name)
        matrix, data = spectrum.weighted(inputs)
        norms = np.linalg.norm(matrix, axis=0)
        norms[norms == 0] = 1.0
        path = lasso_path(matrix / norms, data, nonnegative=True)
        amplitudes = path.amplitudes[path.best] / norms
        order = float(np.count_nonzero(amplitudes))
        return spectrum.outcome(amplitudes, target, inputs, order=order, mu=float(path.penalties[path.best]))


MODELS.add(DEPICT(), name=DEPICT.name, aliases=("basis pursuit",), reference=DEPICT.citation, needs=("blood",))
