"""Two tissue compartments whose non-displaceable volume is known: the search over k2, k3, k4 and blood volume."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurochem.pet.compartments import Blood, fit_exponentials, two_tissue_exponentials
from neurochem.pet.model import ScanInputs, Target
from neurochem.solve import Minimum, delta_method, minimize_least_squares, propagated_covariance
from neurochem.units import FloatArray

_TRIAL_STEPS = 4
_MOST_STEPS = 300
# Starts of k4 (1/min): slow and quick dissociation as met among brain tracers.
_K4_STARTS = (0.02, 0.1)


class TiedProblem:
    """One region with K1 = VND k2.

    Parameters
    ----------
    target, inputs
        The region and what regions share.
    blood : Blood
        How whole blood enters.
    """

    def __init__(self, target: Target, inputs: ScanInputs, blood: Blood) -> None:
        self.target, self.inputs, self.blood = target, inputs, blood
        self.weights = inputs.weights / np.max(inputs.weights)
        self.root = np.sqrt(self.weights)
        slowest, fastest = inputs.washout_grid[0][[0, -1]]
        self.lower = np.array([slowest, 0.0, slowest, 0.0])[: self.size]
        self.upper = np.array([fastest, fastest, fastest, 1.0])[: self.size]
        self.start_point = fit_exponentials(blood.means, target, inputs, count=2, constant=blood.column).point

    @property
    def size(self) -> int:
        """Number of parameters searched: k2, k3, k4, and VB where it is fitted."""
        return 4 if self.blood.fraction is None else 3

    @property
    def volume(self) -> float:
        """VT of the region without the tie."""
        slow, fast, phi1, phi2 = self.start_point[:4]
        return float((phi1 / slow + phi2 / fast) / (1.0 - self.fraction(self.start_point[4:])))

    def fraction(self, rest: FloatArray) -> float:
        """Return VB, the first of what follows the rate constants, or what is given."""
        return float(rest[0]) if self.blood.fraction is None else self.blood.fraction

    def curve(self, theta: FloatArray, vnd: float) -> tuple[FloatArray, FloatArray]:
        """Return the measured curve (without known blood) and its derivatives by theta, then by VND."""

        def exponentials(p: np.ndarray) -> np.ndarray:
            amplitudes, rates = two_tissue_exponentials(p[3] * p[0], p[0], p[1], p[2])
            return np.array([*amplitudes, *rates])

        point = np.array([*theta[:3], vnd])
        values, gradient = _gradient(exponentials, point)
        fraction = self.fraction(theta[3:])
        responses, slopes = self.inputs.view.convolved(values[2:])
        tissue = values[:2] @ responses
        moved = np.vstack([responses, values[:2, None] * slopes]).T @ gradient
        jacobian = [(1.0 - fraction) * moved[:, :3]]
        if self.blood.fraction is None:
            jacobian.append((self.blood.column[:, 0] - tissue)[:, None])
        jacobian.append((1.0 - fraction) * moved[:, 3:])
        blood = fraction * self.blood.column[:, 0] if self.blood.fraction is None else 0.0
        return (1.0 - fraction) * tissue + blood, np.hstack(jacobian)

    def starts(self, vnd: float) -> list[FloatArray]:
        """Return points with the K1 and VT that the region has without the tie."""
        fraction = self.fraction(self.start_point[4:])
        k2 = float(np.sum(self.start_point[2:4])) / (1.0 - fraction) / vnd
        ratio = max(self.volume / vnd - 1.0, 0.05)
        rest = [fraction] if self.blood.fraction is None else []
        return [np.clip(np.array([k2, k4 * ratio, k4, *rest]), self.lower, self.upper) for k4 in _K4_STARTS]

    def search(self, vnd: float, warm: FloatArray | None = None) -> "TiedFit":
        """Return the best fit for one VND, from the best start, or from a point nearby."""

        def evaluate(theta: FloatArray) -> tuple[FloatArray, Callable[[], FloatArray]]:
            curve, jacobian = self.curve(theta, vnd)
            return self.root * (curve - self.blood.means), lambda: self.root[:, None] * jacobian[:, :-1]

        def run(start: FloatArray, steps: int) -> Minimum:
            return minimize_least_squares(evaluate, start, lower=self.lower, upper=self.upper, max_iterations=steps)

        starts = self.starts(vnd) if warm is None else [warm, *self.starts(vnd)[:1]]
        trials = [run(start, _TRIAL_STEPS) for start in starts]
        best = run(min(trials, key=lambda trial: trial.cost).parameters, _MOST_STEPS)
        curve, jacobian = self.curve(best.parameters, vnd)
        return TiedFit(self, vnd, best, curve, jacobian)


def _gradient(function: Callable[[np.ndarray], np.ndarray], point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return values and gradient of a function by complex step."""
    values = np.asarray(function(point.astype(complex))).real
    gradient = np.empty((values.size, point.size))
    for index in range(point.size):
        shifted = point.astype(complex)
        shifted[index] += 1e-40j
        gradient[:, index] = np.asarray(function(shifted)).imag / 1e-40
    return values, gradient


@dataclass(frozen=True, eq=False)
class TiedFit:
    """The best fit of one region for one VND.

    Attributes
    ----------
    problem : TiedProblem
    vnd : float
    minimum : Minimum
        The search over k2, k3, k4 (and VB).
    curve : array, shape (n_frames,)
        The model, without known blood.
    jacobian : array, shape (n_frames, p + 1)
        Derivatives by the parameters, then by VND.
    """

    problem: TiedProblem
    vnd: float
    minimum: Minimum
    curve: FloatArray
    jacobian: FloatArray

    @property
    def residual(self) -> FloatArray:
        """Data minus model."""
        return self.problem.blood.means - self.curve

    @property
    def free(self) -> np.ndarray:
        """Parameters that did not end at a bound."""
        return ~(self.minimum.at_lower | self.minimum.at_upper)

    def slope(self) -> float:
        """Return the derivative of the lowest cost by VND; by the envelope theorem only VND itself counts."""
        return float(-2.0 * np.sum(self.problem.weights * self.residual * self.jacobian[:, -1]))

    def share(self) -> tuple[float, float]:
        """Return the region's information on VND, and the variance it adds to the sum of the regions' scores."""
        problem = self.problem
        free = self.jacobian[:, :-1][:, self.free]
        weighted, own = problem.root[:, None] * free, problem.root * self.jacobian[:, -1]
        own = own - weighted @ np.linalg.lstsq(weighted, own, rcond=1e-11)[0]
        _, scale = self.conditional()
        return float(own @ own), scale * float(np.sum((own * problem.root * problem.target.noise_sd) ** 2))

    def conditional(self) -> tuple[FloatArray, float]:
        """Return the covariance of the free parameters were VND known, and the scale of the noise."""
        problem = self.problem
        jacobian = self.jacobian[:, :-1][:, self.free]
        return propagated_covariance(jacobian, problem.weights, self.residual, np.diag(problem.target.noise_sd))

    def covariance(self, vnd_variance: float) -> FloatArray:
        """Return the covariance of the parameters and VND, shape (p + 1, p + 1).

        A change of VND moves the parameters by -(J'WJ)^-1 J'W dC/dVND. The part of VND's error that comes from the
        region's own noise is orthogonal to that of the parameters where weights are one over variance.
        """
        size, free = self.problem.size, np.flatnonzero(self.free)
        covariance = np.zeros((size + 1, size + 1))
        covariance[np.ix_(free, free)] = self.conditional()[0]
        moves = np.zeros(size + 1)
        root = self.problem.root
        weighted = root[:, None] * self.jacobian[:, :-1][:, self.free]
        moves[free] = -np.linalg.lstsq(weighted, root * self.jacobian[:, -1], rcond=1e-11)[0]
        moves[-1] = 1.0
        return covariance + vnd_variance * np.outer(moves, moves)

    def reported(self, vnd_variance: float) -> tuple[FloatArray, FloatArray]:
        """Return K1, k2, k3, k4, VT, VND, BPND, VS, VB and their covariance."""
        size = self.problem.size

        def derived(p: np.ndarray) -> np.ndarray:
            k2, k3, k4 = p[:3]
            vnd = p[size]
            fraction = p[3] if self.problem.blood.fraction is None else self.problem.blood.fraction + 0.0 * k2
            ratio = k3 / k4
            return np.array([vnd * k2, k2, k3, k4, vnd * (1.0 + ratio), vnd, ratio, vnd * ratio, fraction])

        point = np.concatenate([self.minimum.parameters, [self.vnd]])
        return delta_method(derived, point, self.covariance(vnd_variance))

    def at_bound(self) -> frozenset[str]:
        """Return the parameters that ended at the edge of their search."""
        names = ("k2", "k3", "k4", "VB")[: self.problem.size]
        found = {name for name, free in zip(names, self.free, strict=True) if not free}
        if found & {"k3", "k4"}:
            found |= {"BPND", "VS"}
        return frozenset(found)
