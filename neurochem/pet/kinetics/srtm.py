"""The simplified reference tissue model."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from neurochem.pet.curve_family import CurveFamily
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.view import FrameView, View
from neurochem.solve import SeparableFit, delta_method, fit_separable, propagated_covariance
from neurochem.units import FloatArray


class _Columns:
    """C_R and C_R (x) exp(-k2a t), with the derivative of their sum by k2a; the last rate is remembered."""

    def __init__(self, view: FrameView) -> None:
        self.view = view
        self.rate = np.nan
        self.convolved = self.slope = np.zeros(0)

    def at(self, rate: float) -> tuple[FloatArray, FloatArray]:
        if rate != self.rate:
            value, slope = self.view.convolved(rate)
            self.rate, self.convolved, self.slope = rate, value[0], slope[0]
        return self.convolved, self.slope

    def columns(self, theta: FloatArray) -> FloatArray:
        return np.column_stack([self.view.input, self.at(float(theta[0]))[0]])

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        return (self.at(float(theta[0]))[1] * amplitudes[1])[:, None]


class SRTM(KineticModel):
    """Simplified reference tissue model (Lammertsma and Hume 1996).

    C_T = R1 C_R + (k2 - R1 k2a) C_R (x) exp(-k2a t), k2a = k2/(1 + BPND). Assumes a reference region free of target,
    with the same non-displaceable volume as the target, and one apparent compartment in both; a slow two-tissue target
    biases BPND although the fit looks good. k2a is searched from 0.06/T (T the scan's length) to 2/min.
    """

    name: ClassVar[str] = "SRTM"
    citation: ClassVar[str] = "Lammertsma AA, Hume SP (1996), NeuroImage 4:153-158"
    equation: ClassVar[str] = "C_T = R1 C_R + (k2 - R1 k2/(1+BPND)) C_R (x) exp(-k2 t/(1+BPND))"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("R1", "k2", "BPND", "k2a", "k2prime", "DVR")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2 and BPND."""
        return reference_tissue(parameters, view, self.name)

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from R1, k2 and BPND."""
        r1, k2, bpnd = base
        return np.array([r1, k2, bpnd, k2 / (1.0 + bpnd), k2 / r1, 1.0 + bpnd])

    def prepare(self, targets: Sequence[Target], inputs: ScanInputs) -> ScanInputs:
        """Find the best washout rate of every region at once, to the limit of rounding."""
        if targets:
            rates = inputs.washout_grid[0]
            limits = (float(rates[0]), float(rates[-1]))
            family = CurveFamily(inputs.view.convolved, limits, inputs.weights, inputs.view.input)
            found = family.search(np.array([target.means for target in targets])).rate
            inputs.starts.update((target.region, float(rate)) for target, rate in zip(targets, found, strict=True))
        return inputs

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit by variable projection over k2a, from the best of a grid."""
        means, columns = target.means, _Columns(inputs.view)
        weights = inputs.weights / np.max(inputs.weights)
        rates, _ = inputs.washout_grid
        fit = fit_separable(
            columns,
            means,
            starts=[np.array([rate]) for rate in _starts(target, weights, inputs)],
            lower=rates[:1],
            upper=rates[-1:],
            weights=weights,
        )

        def reported(p: np.ndarray) -> np.ndarray:
            k2a, r1, slow = p
            k2 = slow + r1 * k2a
            # BPND as a sum stays sharp where k2a is not determined (slow = 0)
            bpnd = slow / k2a + r1 - 1.0
            return np.array([r1, k2, bpnd, k2a, k2 / r1, 1.0 + bpnd])

        point = np.concatenate([fit.theta, fit.amplitudes])
        values, covariance = delta_method(reported, point, _covariance(columns, fit, weights, target, inputs))
        at_bound = frozenset({"k2a", "k2", "BPND", "k2prime", "DVR"}) if fit.theta_at_bound[0] else frozenset()
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=fit.fitted,
            used=inputs.kept,
            dof=fit.dof,
            success=fit.converged,
            at_bound=at_bound,
            diagnostics={"iterations": float(fit.iterations)},
            settings={"k2a_bounds_per_min": [float(rates[0]), float(rates[-1])]},
        )


def _covariance(
    columns: _Columns, fit: SeparableFit, weights: FloatArray, target: Target, inputs: ScanInputs
) -> FloatArray:
    """Return the covariance of k2a and the two amplitudes from the noise of target and reference.

    The reference's noise reaches the model twice: through C_R itself and, smoothed, through its convolution.
    """
    free = np.concatenate([~fit.theta_at_bound, [True, True]])
    jacobian = np.column_stack([columns.derivative(fit.theta, fit.amplitudes), columns.columns(fit.theta)])[:, free]
    noise = np.diag(target.noise_sd)
    if target.reference_sd is not None:
        operator = fit.amplitudes[0] * np.eye(len(inputs.frames))
        operator += fit.amplitudes[1] * inputs.reference_operator(float(fit.theta[0]))
        noise = np.hstack([noise, operator * target.reference_sd])
    block, _ = propagated_covariance(jacobian, weights, target.means - fit.fitted, noise)
    covariance = np.zeros((3, 3))
    covariance[np.ix_(free, free)] = block
    return covariance


def _starts(target: Target, weights: FloatArray, inputs: ScanInputs) -> list[float]:
    """Return the rates to start from: the deepest minima of the grid, the first replaced by what was found for all."""
    rates, curves = inputs.washout_grid
    best = _best_rates(target.means, weights, inputs.view.input, rates, curves)
    known = inputs.starts.get(target.region)
    return best if known is None else [known, *best[1:]]


def _best_rates(
    means: FloatArray, weights: FloatArray, reference: FloatArray, rates: FloatArray, curves: FloatArray
) -> list[float]:
    """Return the rates at the two deepest minima of the residual over a grid."""
    root = np.sqrt(weights)
    first = root * reference
    first = first / np.linalg.norm(first)
    data = root * means
    data = data - (first @ data) * first
    curves = root * curves
    curves = curves - (curves @ first)[:, None] * first
    explained = (curves @ data) ** 2 / np.maximum(np.sum(curves**2, axis=1), np.finfo(float).tiny)
    padded = np.concatenate([[-np.inf], explained, [-np.inf]])
    peaks = np.flatnonzero((padded[1:-1] >= padded[:-2]) & (padded[1:-1] >= padded[2:]))
    best = peaks[np.argsort(explained[peaks])[::-1][:2]]
    return [float(rates[index]) for index in best]


MODELS.add(SRTM(), name=SRTM.name, reference=SRTM.citation, needs=("reference",))
