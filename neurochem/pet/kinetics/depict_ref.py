"""Basis pursuit with a reference region."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.lasso import lasso_path
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.plasma_spectrum import dictionary, groups_of
from neurochem.pet.view import View
from neurochem.solve import delta_method, propagated_covariance
from neurochem.units import FloatArray

# Slower terms of opposite sign cancel in the curve but not in DVR.
_SLOWEST_TIMES_SCAN = 1.0


class DEPICTRef(KineticModel):
    """Basis pursuit with a reference region (Gunn et al. 2002).

    C_T = phi0 C_R + sum over j of phi_j C_R (x) exp(-theta_j t), amplitudes of either sign, with the penalty mu times the
    sum of absolute amplitudes of unit-length curves; R1 = phi0, DVR = phi0 + sum phi_j/theta_j, BPND = DVR - 1. The path
    over mu is followed exactly and mu is the knot of lowest generalised cross-validation. 100 rates from 1/T (T the
    scan's length; `slowest_per_min=` sets it) to 6/min. No number of compartments is assumed in target or reference.
    The price is noise: terms of opposite sign cancel in the curve but not in DVR, so BPND scatters several times more
    than by SRTM, with long tails. Between two rates of the grid BPND errs by 0.1 %. Errors: delta method on the active
    set, from the noise of target and reference; they leave out the choice of set and mu.
    """

    name: ClassVar[str] = "DEPICTRef"
    citation: ClassVar[str] = "Gunn RN, Gunn SR, Turkheimer FE, Aston JAD, Cunningham VJ (2002), JCBFM 22:1425-1439"
    equation: ClassVar[str] = "C_T = phi0 C_R + sum phi_j C_R (x) exp(-theta_j t), min ||.||_W^2/2 + mu sum |phi|"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND")
    options: ClassVar[tuple[str, ...]] = ("slowest_per_min",)
    # rates of a grid: BPND errs by 1e-3 on perfect data
    one_compartment: ClassVar[bool] = False

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("R1", "DVR", "BPND")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the curve of a single exponential from R1, k2 and BPND."""
        return reference_tissue(parameters, view, self.name)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Follow the path and take the knot of lowest cross-validation."""
        rates, curves = dictionary(inputs, _SLOWEST_TIMES_SCAN)
        columns = np.column_stack([inputs.view.input, curves.T])
        weights = inputs.weights / np.max(inputs.weights)
        root = np.sqrt(weights)
        norms = np.linalg.norm(root[:, None] * columns, axis=0)
        kept = inputs.kept
        matrix = (root[:, None] * columns / norms)[kept]
        path = lasso_path(matrix, (root * target.means)[kept], nonnegative=False)
        amplitudes = path.amplitudes[path.best] / norms
        volume = float(amplitudes[0] + np.sum(amplitudes[1:] / rates))
        spectrum = amplitudes[1:]
        at_bound = frozenset({"DVR", "BPND"}) if spectrum[0] else frozenset()
        return Outcome(
            names=self.reported,
            values=np.array([amplitudes[0], volume, volume - 1.0]),
            covariance=self._covariance(amplitudes, columns @ amplitudes, rates, target, inputs),
            fitted=columns @ amplitudes,
            used=kept,
            dof=float(np.count_nonzero(kept) - np.count_nonzero(amplitudes)),
            at_bound=at_bound,
            diagnostics={"mu": float(path.penalties[path.best]), "terms": float(np.count_nonzero(amplitudes))},
            settings={"rate_bounds_per_min": [float(rates[0]), float(rates[-1])], "rates": rates.size},
        )

    def _covariance(
        self, amplitudes: FloatArray, fitted: FloatArray, rates: FloatArray, target: Target, inputs: ScanInputs
    ) -> FloatArray:
        """Return the covariance of R1, DVR and BPND; neighbouring rates of one sign stand for one exponential."""
        spectrum = amplitudes[1:]
        groups = [*groups_of(spectrum), *groups_of(-spectrum)]
        count = len(groups)
        heights = np.array([spectrum[group].sum() for group in groups])
        centres = np.array([np.average(rates[group], weights=spectrum[group]) for group in groups])
        jacobian = inputs.view.input[:, None]
        if count:
            curves, slopes = inputs.view.convolved(centres)
            jacobian = np.column_stack([(slopes * heights[:, None]).T, curves.T, jacobian])
        noise = np.diag(target.noise_sd)
        if target.reference_sd is not None:
            operator = amplitudes[0] * np.eye(len(inputs.frames))
            operator += sum(
                (
                    height * inputs.reference_operator(float(rate))
                    for height, rate in zip(heights, centres, strict=True)
                ),
                np.zeros_like(operator),
            )
            noise = np.hstack([noise, operator * target.reference_sd])
        weights = inputs.weights / np.max(inputs.weights)
        block, _ = propagated_covariance(jacobian, weights, target.means - fitted, noise)

        def reported(p: np.ndarray) -> np.ndarray:
            volume = p[-1] + np.sum(p[count : 2 * count] / p[:count])
            return np.array([p[-1], volume, volume - 1.0])

        return delta_method(reported, np.concatenate([centres, heights, amplitudes[:1]]), block)[1]


MODELS.add(DEPICTRef(), name=DEPICTRef.name, reference=DEPICTRef.citation, needs=("reference",))
