"""The relative equilibrium plot corrected by a Patlak plot, made exact by k2'."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.k2prime_error import with_k2prime_error
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.reference_plots import ReferenceLine, from_t_star, graph_weights, reference_line
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.results import Axis
from neurochem.solve import delta_method, scaled_covariance
from neurochem.units import BoolArray, FloatArray


class REGP(KineticModel):
    """Relative equilibrium graphical plot (Zhou et al. 2010), with the reference's own washout kept.

    Two lines on the same frames, int C_T/C_R = DVR_RE int C_R/C_R + alpha and C_T/C_R = kappa int C_R/C_R + beta, give
    DVR = (DVR_RE - kappa alpha/beta) / (1 - kappa/(beta k2')), exact for a one-compartment target, and b = (alpha -
    DVR/k2')/beta = -1/k2a. The denominator is the term C_R/k2' of Logan's reference plot that the published form leaves
    out; without `k2prime` that form, biased by tens of percent, is computed and flagged. Neither line has the noise of
    C_T as a regressor. Unstable where beta is near zero; the propagated error shows it.
    """

    name: ClassVar[str] = "REGP"
    citation: ClassVar[str] = "Zhou Y et al (2010), NeuroImage 49:947-957; the term in k2' by the same algebra"
    equation: ClassVar[str] = "DVR = (DVR_RE - kappa alpha/beta)/(1 - kappa/(beta k2'))"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2prime", "BPND")
    options: ClassVar[tuple[str, ...]] = ("t_star_s", "k2prime", "k2prime_stderr")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("BPND", "DVR", "intercept")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2prime and BPND."""
        return reference_tissue(parameters, view, self.name)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit both lines from t* on and combine them."""
        return with_k2prime_error(lambda given: self._combine(target, given), inputs)

    def _combine(self, target: Target, inputs: ScanInputs) -> Outcome:
        k2prime = inputs.options.get("k2prime")
        inverse = 0.0 if k2prime is None else 1.0 / float(k2prime)

        def solve(used: BoolArray) -> tuple[ReferenceLine, ReferenceLine]:
            first, second = (reference_line(target, inputs, used, integral=integral) for integral in (True, False))
            return first, second

        t_star, (equilibrium, patlak), notes = from_t_star(
            inputs, solve, lambda lines: lines[0].largest_relative_residual(_left(lines, inverse)[0])
        )
        lines = (equilibrium, patlak)
        residual, point, covariance = _left(lines, inverse)
        values, spread = delta_method(lambda four: _reported(four, inverse), point, covariance)
        if k2prime is None:
            message = "without k2prime the term C_R/k2' is neglected and BPND biased"
            notes = (*notes, Flag("biased_without_k2prime", message))
        axis = Axis(inputs.frames.mid_min, "time after injection", "min", "integral of activity", "kBq/mL min")
        return Outcome(
            names=self.reported,
            values=values,
            covariance=spread,
            fitted=equilibrium.response - residual,
            used=equilibrium.used,
            dof=equilibrium.dof - 1.0,
            flags=notes,
            settings={"t_star_s": t_star},
            diagnostics={
                "largest_relative_residual": equilibrium.largest_relative_residual(residual),
                "beta": float(point[3]),
            },
            axis=axis,
            data=equilibrium.response,
            weights=graph_weights(equilibrium, inputs) / np.where(inputs.view.input == 0, 1.0, inputs.view.input) ** 2,
        )


def _reported(four: np.ndarray, inverse: float) -> np.ndarray:
    """Return BPND, DVR and b from DVR_RE, alpha, kappa and beta."""
    slope, alpha, kappa, beta = four
    dvr = (slope - kappa * alpha / beta) / (1.0 - inverse * kappa / beta)
    return np.array([dvr - 1.0, dvr, (alpha - inverse * dvr) / beta])


def _left(lines: tuple[ReferenceLine, ReferenceLine], inverse: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the residual of Logan's equation, the four coefficients and their covariance.

    int C_T - DVR (int C_R + C_R/k2') - b C_T is what both lines leave together, e = e_1 - b e_2: the misfit that each
    line has alone, because C_T/C_R is not straight, is no noise and cancels.
    """
    first, second = lines
    point = np.concatenate([first.coefficients, second.coefficients])
    moves = np.vstack([first.moves, second.moves])
    (_, _, intercept), _ = delta_method(lambda four: _reported(four, inverse), point, np.zeros((4, 4)))
    gradient = np.array([_reported(point + 1e-40j * unit, inverse)[2].imag / 1e-40 for unit in np.eye(4)])
    residual = first.residual - intercept * second.residual
    residual_moves = (
        first.residual_moves - intercept * second.residual_moves - np.outer(second.residual, gradient @ moves)
    )
    lost = np.zeros(4, dtype=bool)
    return residual, point, scaled_covariance(moves, residual_moves, first.weights, residual, lost=lost)[0]


MODELS.add(REGP(), name=REGP.name, aliases=("RE-GP",), reference=REGP.citation, needs=("reference", "k2prime"))
