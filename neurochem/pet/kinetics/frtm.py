"""The full reference tissue model: two compartments in the target."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.kinetics.srtm import SRTM
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.view import View
from neurochem.solve import delta_method, fit_separable, minimize_least_squares, propagated_covariance
from neurochem.units import FloatArray

# The two rates are kept this far apart: closer, they are one exponential to any scan.
_SMALLEST_GAP = 1e-4
_LARGEST_RATE = 5.0
_GRID_STEP = 2  # of the 64 washout rates; every fourth missed the valley in 1 of 75 simulated targets
_STARTS = 3
_FAST_START = 1.0  # 1/min
_FEW = 30


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """C_R (x) exp(-c t), D = [C_R (x) exp(-d t) - C_R (x) exp(-c t)]/(c - d), and derivatives by d and the gap c - d."""

    fast: FloatArray
    divided: FloatArray
    fast_by_rate: FloatArray
    divided_by_d: FloatArray
    divided_by_gap: FloatArray

    @classmethod
    def at(cls, d: float, gap: float, view: View) -> "_Basis":
        value, slope = view.convolved(np.array([d + gap, d]))
        divided = (value[1] - value[0]) / gap
        return cls(value[0], divided, slope[0], (slope[1] - slope[0]) / gap, (-slope[0] - divided) / gap)


def _curve(view_input: FloatArray, basis: _Basis, theta: FloatArray) -> FloatArray:
    """Return C_T for theta = (R1, k2, d, gap)."""
    r1, k2, d, gap = theta
    tail = (d + gap - k2) * basis.divided
    return np.asarray(r1 * (view_input - k2 * basis.fast - d * tail) + k2 * (basis.fast + tail))


def _gradient(view_input: FloatArray, basis: _Basis, theta: FloatArray) -> FloatArray:
    """Return dC_T/d(R1, k2, d, gap), shape (n, 4)."""
    r1, k2, d, gap = theta
    lead, tail = d + gap - k2, (d + gap - k2) * basis.divided
    # C_T = R1 C_R + k2 (1 - R1) fast + (k2 - R1 d) tail
    weight = k2 - r1 * d
    fast = k2 * (1.0 - r1)
    by_d = fast * basis.fast_by_rate - r1 * tail + weight * (basis.divided + lead * basis.divided_by_d)
    by_gap = fast * basis.fast_by_rate + weight * (basis.divided + lead * basis.divided_by_gap)
    by_r1 = view_input - k2 * basis.fast - d * tail
    by_k2 = (1.0 - r1) * basis.fast + tail - weight * basis.divided
    return np.column_stack([by_r1, by_k2, by_d, by_gap])


def _micro(theta: np.ndarray) -> np.ndarray:
    """Return R1, k2, k3, k4, BPND, DVR and k2' from (R1, k2, d, gap)."""
    r1, k2, d, gap = theta
    c = d + gap
    bpnd = (c - k2) * (k2 - d) / (c * d)
    k4 = c * d / k2
    return np.array([r1, k2, bpnd * k4, k4, bpnd, 1.0 + bpnd, k2 / r1])


class FRTM(KineticModel):
    """Full reference tissue model (Lammertsma et al. 1996).

    C_T = R1 [C_R + a C_R (x) exp(-c t) + b C_R (x) exp(-d t)], with s = k2 + k3 + k4, q = k2 k4, p = sqrt(s^2 - 4q),
    c = (s + p)/2, d = (s - p)/2, r = k2/R1, a = (k3 + k4 - c)(c - r)/p, b = (d - k3 - k4)(d - r)/p; BPND = k3/k4.
    Assumes a one-tissue reference free of target with the same non-displaceable volume. The search runs over R1, k2
    and the two rates c > d, in which BPND = (c - k2)(k2 - d)/(cd) may also come out negative, so that noise around
    zero binding is not cut off. Of the four parameters often only BPND and R1 are determined; where one compartment
    describes the target, k3 and k4 are not, and their errors say so. With lmfit parameters k3 must not become negative.
    d is searched from 0.06/T to 2/min, c and k2 up to 5/min.
    """

    name: ClassVar[str] = "FRTM"
    citation: ClassVar[str] = "Lammertsma AA et al (1996), J Cereb Blood Flow Metab 16:42-52"
    equation: ClassVar[str] = "C_T = R1 [C_R + a C_R (x) exp(-c t) + b C_R (x) exp(-d t)], BPND = k3/k4"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "k3", "k4")
    one_compartment: ClassVar[bool] = False

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("R1", "k2", "k3", "k4", "BPND", "DVR", "k2prime")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2, k3 and k4 (or BPND for one of the last two)."""
        theta = _theta(_micro_parameters(parameters))
        return _curve(view.input, _Basis.at(float(theta[2]), float(theta[3]), view), theta)

    def derived(self, base: np.ndarray) -> np.ndarray:
        """Return the reported parameters from R1, k2, k3 and k4."""
        r1, k2, k3, k4 = base
        return np.array([r1, k2, k3, k4, k3 / k4, 1.0 + k3 / k4, k2 / r1])

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit R1, k2 and the two rates from the best points of a grid."""
        weights = inputs.weights / np.max(inputs.weights)
        rates = inputs.washout_grid[0]
        lower = np.array([-np.inf, 0.1 * rates[0], rates[0], _SMALLEST_GAP])
        upper = np.array([np.inf, _LARGEST_RATE, rates[-1], _LARGEST_RATE])
        evaluate = _residual(target, weights, inputs)
        starts = [*_starts(target.means, weights, inputs), _one_compartment(target, inputs)]
        # the right valley is deepest after a few steps; only there is the search run to its end
        tries = [
            minimize_least_squares(evaluate, start, lower=lower, upper=upper, max_iterations=_FEW) for start in starts
        ]
        best = min(tries, key=lambda search: search.cost)
        if not best.converged:
            best = minimize_least_squares(evaluate, best.parameters, lower=lower, upper=upper)
        theta, held = best.parameters, best.at_lower | best.at_upper
        basis = _Basis.at(float(theta[2]), float(theta[3]), inputs.view)
        fitted = _curve(inputs.view.input, basis, theta)
        covariance = _covariance(basis, theta, ~held, weights, target, inputs)
        values, spread = delta_method(_micro, theta, covariance)
        edge = {"k2": held[1], "k4": held[2] or held[3], "k3": held[3]}
        return Outcome(
            names=self.reported,
            values=values,
            covariance=spread,
            fitted=fitted,
            used=inputs.kept,
            dof=float(np.count_nonzero(weights) - np.count_nonzero(~held)),
            success=best.converged,
            at_bound=frozenset(name for name, at in edge.items() if at),
            diagnostics={"iterations": float(best.iterations)},
            settings={"d_bounds_per_min": [float(rates[0]), float(rates[-1])], "c_k2_limit_per_min": _LARGEST_RATE},
        )


def _micro_parameters(parameters: Mapping[str, float]) -> FloatArray:
    """Return R1, k2, k3 and k4 from what was given."""
    known = ("R1", "k2", "k3", "k4", "BPND")
    for name in parameters:
        if name not in known:
            raise unknown_name(name, known, kind="parameter of FRTM")
    given = {name: float(value) for name, value in parameters.items()}
    if "BPND" in given and "k4" in given:
        given.setdefault("k3", given["BPND"] * given["k4"])
    if "BPND" in given and given["BPND"] != 0 and "k3" in given:
        given.setdefault("k4", given["k3"] / given["BPND"])
    missing = [name for name in ("k2", "k3", "k4") if name not in given]
    if missing:
        msg = f"FRTM needs k2, k3 and k4 in 1/min (BPND may stand for k3 or k4); {', '.join(missing)} is missing"
        raise InputError(msg)
    return np.array([given.get("R1", 1.0), given["k2"], given["k3"], given["k4"]])


def _theta(micro: FloatArray) -> FloatArray:
    """Return (R1, k2, d, c - d) from micro parameters."""
    r1, k2, k3, k4 = micro
    total, square = k2 + k3 + k4, (k2 + k3 + k4) ** 2 - 4.0 * k2 * k4
    if square < 0 or total <= 0 or k2 * k4 < 0:
        msg = f"FRTM with k2 = {k2:g}, k3 = {k3:g}, k4 = {k4:g} /min decays at no real rates; k3 and k4 must not be negative"
        raise InputError(msg)
    gap = max(math.sqrt(square), _SMALLEST_GAP)
    return np.array([r1, k2, max(2.0 * k2 * k4 / (total + gap), 0.0), gap])


def _residual(
    target: Target, weights: FloatArray, inputs: ScanInputs
) -> Callable[[FloatArray], tuple[FloatArray, Callable[[], FloatArray]]]:
    root, view = np.sqrt(weights), inputs.view
    data = np.where(weights > 0, target.means, 0.0)

    def evaluate(theta: FloatArray) -> tuple[FloatArray, Callable[[], FloatArray]]:
        basis = _Basis.at(float(theta[2]), float(theta[3]), view)
        residual = root * (_curve(view.input, basis, theta) - data)
        return residual, lambda: root[:, None] * _gradient(view.input, basis, theta)

    return evaluate


class _Untied:
    """C_R, C_R (x) exp(-c t) and D with free amplitudes: FRTM without the tie of k2 to R1, whose valley is single."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.rates = (np.nan, np.nan)

    def at(self, theta: FloatArray) -> _Basis:
        """Return the curves; the last are remembered."""
        rates = (float(theta[0]), float(theta[1]))
        if rates != self.rates:
            self.rates, self.basis = rates, _Basis.at(*rates, self.view)
        return self.basis

    def columns(self, theta: FloatArray) -> FloatArray:
        basis = self.at(theta)
        return np.column_stack([self.view.input, basis.fast, basis.divided])

    def derivative(self, theta: FloatArray, amplitudes: FloatArray) -> FloatArray:
        basis = self.at(theta)
        fast = amplitudes[1] * basis.fast_by_rate
        return np.column_stack([fast + amplitudes[2] * basis.divided_by_d, fast + amplitudes[2] * basis.divided_by_gap])


def _starts(means: FloatArray, weights: FloatArray, inputs: ScanInputs) -> list[FloatArray]:
    """Return starts in every valley that k2 may lie in.

    Without the tie C_T/C_R has the transfer function R1 (s + r)(s + m)/((s + c)(s + d)), r = k2/R1 and m = k3 + k4:
    which of the two roots is r the amplitudes do not say, so each gives starts, with k2 = R1 r and k2 = c + d - m.
    """
    rates, curves = inputs.washout_grid[0][::_GRID_STEP], inputs.washout_grid[1][::_GRID_STEP]
    root, reference = np.sqrt(weights), inputs.view.input
    slow, fast = np.triu_indices(rates.size, k=1)
    # the grid of pairs is solved at once
    basis = np.linalg.qr(
        np.stack(
            [np.broadcast_to(root * reference, (slow.size, root.size)), root * curves[fast], root * curves[slow]],
            axis=2,
        )
    )[0]
    explained = np.sum(np.einsum("pnk,n->pk", basis, root * np.where(weights > 0, means, 0.0)) ** 2, axis=1)
    best = _apart(np.argsort(explained)[::-1], slow, fast)
    untied = fit_separable(
        _Untied(inputs.view),
        means,
        starts=[np.array([rates[slow[i]], rates[fast[i]] - rates[slow[i]]]) for i in best],
        lower=np.array([rates[0], _SMALLEST_GAP]),
        upper=np.array([rates[-1], _LARGEST_RATE]),
        weights=weights,
    )
    d, gap = untied.theta
    r1 = float(untied.amplitudes[0])
    if r1 == 0.0:
        return [np.array([1.0, d + 0.5 * gap, d, gap])]
    first, second = untied.amplitudes[1:] / r1
    roots = -np.roots([1.0, 2.0 * d + gap + first, d * (d + gap) + first * d + second]).real
    guesses = [*(r1 * roots), *(2.0 * d + gap - roots)]
    # at the optimum two of the four agree; starting twice from one place finds nothing new
    kept = [
        k2
        for i, k2 in enumerate(guesses)
        if 0.0 < k2 < _LARGEST_RATE and not np.isclose(k2, guesses[:i], rtol=0.02).any()
    ]
    return [np.array([r1, k2, d, gap]) for k2 in kept or [d + 0.5 * gap]]


def _one_compartment(target: Target, inputs: ScanInputs) -> FloatArray:
    """Return SRTM's solution with a second rate that is fast: where noise hides the second tissue, the way is from here."""
    outcome = SRTM().estimate(target, inputs)
    found = dict(zip(outcome.names, outcome.values, strict=True))
    return np.array([found["R1"], found["k2"], found["k2a"], _FAST_START])


def _apart(order: np.ndarray, slow: np.ndarray, fast: np.ndarray) -> list[int]:
    """Return the first few of a ranking of grid points that are not neighbours."""
    chosen: list[int] = []
    for index in order:
        if all(abs(slow[index] - slow[i]) > 1 or abs(fast[index] - fast[i]) > 1 for i in chosen):
            chosen.append(int(index))
        if len(chosen) == _STARTS:
            break
    return chosen


def _covariance(
    basis: _Basis, theta: FloatArray, free: np.ndarray, weights: FloatArray, target: Target, inputs: ScanInputs
) -> FloatArray:
    """Return the covariance of R1, k2, d and the gap from the noise of target and reference."""
    r1, k2, d, gap = (float(value) for value in theta)
    jacobian = _gradient(inputs.view.input, basis, theta)[:, free]
    noise = np.diag(target.noise_sd)
    if target.reference_sd is not None:
        fast, slow = inputs.reference_operator(d + gap), inputs.reference_operator(d)
        tail = (d + gap - k2) / gap * (slow - fast)
        operator = r1 * np.eye(fast.shape[0]) + k2 * (1.0 - r1) * fast + (k2 - r1 * d) * tail
        noise = np.hstack([noise, operator * target.reference_sd])
    residual = target.means - _curve(inputs.view.input, basis, theta)
    block, _ = propagated_covariance(jacobian, weights, residual, noise)
    covariance = np.zeros((4, 4))
    covariance[np.ix_(free, free)] = block
    return covariance


MODELS.add(FRTM(), name=FRTM.name, reference=FRTM.citation, needs=("reference",))
