"""The simplified reference tissue model with the reference's washout shared by all regions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from neurochem.errors import InputError
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.shared_washout import (
    BINDING_THRESHOLD,
    Sensitivity,
    SharedInputs,
    SharedK2prime,
    estimate_shared,
    own_gain,
    washout_column,
)
from neurochem.pet.view import FrameView, View
from neurochem.solve import SeparableFit, delta_method, fit_separable, scaled_covariance
from neurochem.units import FloatArray


class _Column:
    """C_R + (k2' - k2a) C_R (x) exp(-k2a t) for one k2'; the last rate is remembered."""

    def __init__(self, view: FrameView, k2prime: float) -> None:
        self.view, self.k2prime = view, k2prime
        self.rate = np.nan
        self.convolved = self.slope = np.zeros(0)

    def _at(self, rate: float) -> None:
        if rate != self.rate:
            value, slope = self.view.convolved(rate)
            self.rate, self.convolved, self.slope = rate, value[0], slope[0]

    def columns(self, theta: FloatArray) -> FloatArray:
        self._at(float(theta[0]))
        return washout_column(self.k2prime, self.rate, self.view.input, self.convolved)[:, None]

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        self._at(float(theta[0]))
        return (amplitudes[0] * ((self.k2prime - self.rate) * self.slope - self.convolved))[:, None]


class SRTM2(KineticModel):
    """Simplified reference tissue model with one k2' for all regions (Wu and Carson 2002).

    C_T = R1 [C_R + (k2' - k2a) C_R (x) exp(-k2a t)], BPND = R1 k2'/k2a - 1, k2 = R1 k2'. k2' is given (`k2prime` in
    1/min, with `k2prime_stderr` if its error is known), or estimated in one joint fit of all regions whose SRTM BPND
    is above 0.5 and above twice its standard error. Either way the error of k2', and in the joint fit its correlation
    with every region through their noise and the reference's, is part of the standard errors. Assumes what SRTM does;
    a k2' that is 20 % wrong moves a BPND of 2 by about 0.1, and a two-tissue target or reference biases more than
    in SRTM. k2a is searched from 0.06/T (T the scan's length) to 2/min.
    """

    name: ClassVar[str] = "SRTM2"
    citation: ClassVar[str] = "Wu Y, Carson RE (2002), J Cereb Blood Flow Metab 22:1440-1452"
    equation: ClassVar[str] = "C_T = R1 [C_R + (k2' - k2a) C_R (x) exp(-k2a t)], BPND = R1 k2'/k2a - 1"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2prime", "BPND")
    options: ClassVar[tuple[str, ...]] = ("k2prime", "k2prime_stderr")

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("R1", "k2", "BPND", "k2a", "k2prime", "DVR")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2prime and BPND."""
        return reference_tissue(parameters, view, self.name)

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from R1, k2prime and BPND."""
        r1, k2prime, bpnd = base
        return np.array([r1, r1 * k2prime, bpnd, r1 * k2prime / (1.0 + bpnd), k2prime, 1.0 + bpnd])

    def prepare(self, targets: Sequence[Target], inputs: ScanInputs) -> ScanInputs:
        """Return the inputs with the k2' that was given, or that the regions that bind determine together."""
        if inputs.options.get("k2prime") is None:
            if inputs.options.get("k2prime_stderr") is not None:
                msg = "SRTM2 got k2prime_stderr without k2prime; give both, or neither for a joint estimate"
                raise InputError(msg)
            return SharedInputs.of(inputs, estimate_shared(targets, inputs))
        return SharedInputs.of(inputs, _given(inputs))

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit R1 and k2a with the shared k2', by variable projection from the best of a grid."""
        if not isinstance(inputs, SharedInputs):
            prepared = self.prepare([target], inputs)
            assert isinstance(prepared, SharedInputs)
            inputs = prepared
        shared = inputs.shared
        assert shared is not None
        weights = inputs.weights / np.max(inputs.weights)
        rates = inputs.washout_grid[0]
        fit = fit_separable(
            _Column(inputs.view, shared.value),
            target.means,
            starts=[np.array([rate]) for rate in _best_rates(target.means, weights, inputs, shared.value)],
            lower=rates[:1],
            upper=rates[-1:],
            weights=weights,
        )
        point = np.array([fit.theta[0], fit.amplitudes[0], shared.value])
        values, covariance = delta_method(_reported, point, _covariance(fit, weights, target, inputs, shared))
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=fit.fitted,
            used=inputs.kept,
            dof=fit.dof - (1.0 / len(shared.regions) if target.region in shared.regions else 0.0),
            success=fit.converged,
            at_bound=frozenset({"k2a", "BPND", "DVR"}) if fit.theta_at_bound[0] else frozenset(),
            fixed=frozenset({"k2prime"}) if shared.variance == 0 else frozenset(),
            diagnostics={"iterations": float(fit.iterations)},
            settings=_settings(shared, rates),
        )


def _given(inputs: ScanInputs) -> SharedK2prime:
    value = float(inputs.options["k2prime"])
    error = inputs.options.get("k2prime_stderr")
    error = 0.0 if error is None else float(error)
    if not (math.isfinite(value) and value > 0 and math.isfinite(error) and error >= 0):
        msg = f"k2prime is {value:g} ± {error:g} /min; k2prime must be above 0 and k2prime_stderr not below"
        raise InputError(msg)
    return SharedK2prime(value, variance=error**2)


def _reported(point: np.ndarray) -> np.ndarray:
    """Return the reported parameters from k2a, R1 and k2'."""
    k2a, r1, k2prime = point
    k2 = r1 * k2prime
    return np.array([r1, k2, k2 / k2a - 1.0, k2a, k2prime, k2 / k2a])


def _settings(shared: SharedK2prime, rates: FloatArray) -> dict[str, Any]:
    bounds = {"k2a_bounds_per_min": [float(rates[0]), float(rates[-1])]}
    if not shared.regions:
        return {**bounds, "k2prime_source": "given"}
    return {
        **bounds,
        "k2prime_source": "joint fit",
        "k2prime_regions": list(shared.regions),
        "k2prime_threshold_bpnd": BINDING_THRESHOLD,
        "k2prime_dof": shared.dof,
    }


def _best_rates(means: FloatArray, weights: FloatArray, inputs: ScanInputs, k2prime: float) -> list[float]:
    """Return the rates at the two deepest minima of the residual over a grid."""
    rates, curves = inputs.washout_grid
    root = np.sqrt(weights)
    columns = root * (inputs.view.input + (k2prime - rates)[:, None] * curves)
    explained = (columns @ (root * means)) ** 2 / np.maximum(np.sum(columns**2, axis=1), np.finfo(float).tiny)
    padded = np.concatenate([[-np.inf], explained, [-np.inf]])
    peaks = np.flatnonzero((padded[1:-1] >= padded[:-2]) & (padded[1:-1] >= padded[2:]))
    best = peaks[np.argsort(explained[peaks])[::-1][:2]]
    return [float(rates[index]) for index in best]


def _covariance(
    fit: SeparableFit, weights: FloatArray, target: Target, inputs: ScanInputs, shared: SharedK2prime
) -> FloatArray:
    """Return the covariance of k2a, R1 and k2' from the noise of this region, the reference and the other regions."""
    k2a, r1 = float(fit.theta[0]), float(fit.amplitudes[0])
    point = Sensitivity.at(shared.value, k2a, r1, inputs)
    own = point.own * [0.0 if fit.theta_at_bound[0] else 1.0, 1.0]
    free = [index for index in (0, 1) if index or not fit.theta_at_bound[0]]
    gain = np.zeros((2, weights.size))
    gain[free] = own_gain(own[:, free], weights)
    sources = [(np.diag(target.noise_sd), shared.by_target.get(target.region, 0.0) * target.noise_sd)]
    if target.reference_sd is not None:
        moved = 0.0 if shared.by_reference is None else shared.by_reference
        sources.append((-point.by_reference * target.reference_sd, moved * target.reference_sd))
    moves, remaining = [], []
    for direct, shift in sources:
        left = direct - np.outer(point.shared, shift)
        estimates = gain @ left
        moves.append(np.vstack([estimates, shift]))
        remaining.append(left - own @ estimates)
    residual = target.means - fit.fitted
    covariance, scale = scaled_covariance(
        np.hstack(moves), np.hstack(remaining), weights, residual, lost=np.zeros(3, dtype=bool)
    )
    if len(moves) == 2 and shared.regions and math.isfinite(shared.scale):
        # the reference's noise is one and the same for all regions, so its level is pooled over them
        covariance = scale * moves[0] @ moves[0].T + shared.scale * moves[1] @ moves[1].T
    if math.isinf(shared.variance):
        covariance[2, :] = covariance[:, 2] = 0.0
        covariance[2, 2] = np.inf
        return covariance
    direction = np.append(-gain @ point.shared, 1.0)
    return np.asarray(covariance + shared.variance_elsewhere(target.region) * np.outer(direction, direction))


MODELS.add(SRTM2(), name=SRTM2.name, reference=SRTM2.citation, needs=("reference",))
