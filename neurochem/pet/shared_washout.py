"""One k2' for all regions of a scan: the joint fit of SRTM2, and what its error does to each region."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from neurochem.pet.kinetics.srtm import SRTM
from neurochem.pet.model import Outcome, ScanInputs, Target
from neurochem.quality import Flag
from neurochem.solve import information_covariance
from neurochem.units import FloatArray

# Regions that bind less than this hardly tell k2' from k2a; the limit is a common choice, not a measurement.
BINDING_THRESHOLD = 0.5
_SURE = 2.0  # BPND must also exceed its own standard error by this factor
_LOWEST, _HIGHEST = 1e-3, 2.0  # 1/min
_EXACT = 1e-12  # relative weighted variance below which a region counts as noise-free
_STEP = 1e-10
_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class SharedK2prime:
    """The washout of the reference tissue that all regions share, and where its error comes from.

    Attributes
    ----------
    value : float
        k2' in 1/min.
    regions : tuple of str
        Regions it was estimated from; empty when it was given.
    variance : float
        Its whole variance.
    dof : float
        Degrees of freedom of that variance.
    by_target : mapping of str to array, shape (n_frames,)
        How k2' moves with the frame means of each of those regions.
    target_variance : mapping of str to float
        What the noise of each of those regions adds to the variance, widened.
    widening : float
        Factor by which estimated weights enlarge the variance.
    by_reference : array, shape (n_frames,)
        How k2' moves with the frame means of the reference.
    scale : float
        Variance of unit noise, pooled over the regions; NaN when k2' was given.
    converged : bool
        Whether the joint search ended by its own rule.
    flags : tuple of Flag
        What the reader of every region must know.
    """

    value: float
    regions: tuple[str, ...] = ()
    variance: float = 0.0
    dof: float = math.inf
    by_target: Mapping[str, FloatArray] = field(default_factory=dict)
    target_variance: Mapping[str, float] = field(default_factory=dict)
    by_reference: FloatArray | None = None
    scale: float = math.nan
    converged: bool = True
    flags: tuple[Flag, ...] = ()
    widening: float = 1.0

    def variance_elsewhere(self, region: str) -> float:
        """Return the variance that neither this region's own noise nor the reference's brings."""
        if not self.regions:
            return self.variance
        # the own noise is propagated without the widening, which therefore belongs here
        return sum(self.target_variance.values()) - self.target_variance.get(region, 0.0) / self.widening


@dataclass(frozen=True, eq=False)
class SharedInputs(ScanInputs):
    """Inputs of a scan with the k2' that its regions share."""

    shared: SharedK2prime | None = None

    @classmethod
    def of(cls, inputs: ScanInputs, shared: SharedK2prime) -> "SharedInputs":
        """Return the inputs with a shared k2'."""
        known = {item.name: getattr(inputs, item.name) for item in fields(ScanInputs)}
        return cls(**{**known, "flags": (*inputs.flags, *shared.flags)}, shared=shared)


def washout_column(k2prime: float, rate: float, view_input: FloatArray, convolved: FloatArray) -> FloatArray:
    """Return C_R + (k2' - k2a) C_R (x) exp(-k2a t), the curve that R1 multiplies."""
    return view_input + (k2prime - rate) * convolved


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Derivatives of one region's curve.

    Attributes
    ----------
    own : array, shape (n_frames, 2)
        By k2a and R1.
    shared : array, shape (n_frames,)
        By k2'.
    by_reference : array, shape (n_frames, n_frames)
        By the frame means of the reference.
    """

    own: FloatArray
    shared: FloatArray
    by_reference: FloatArray

    @classmethod
    def at(cls, k2prime: float, k2a: float, r1: float, inputs: ScanInputs) -> "Sensitivity":
        """Return the derivatives at one point."""
        value, slope = (part[0] for part in inputs.view.convolved(k2a))
        by_rate = r1 * ((k2prime - k2a) * slope - value)
        column = washout_column(k2prime, k2a, inputs.view.input, value)
        operator = np.eye(column.size) + (k2prime - k2a) * inputs.reference_operator(k2a)
        return cls(np.column_stack([by_rate, column]), r1 * value, r1 * operator)


def estimate_shared(targets: Sequence[Target], inputs: ScanInputs) -> SharedK2prime:
    """Fit SRTM2 to all regions that bind, with one k2'.

    Parameters
    ----------
    targets : sequence of Target
        Regions of the scan.
    inputs : ScanInputs
        Reference, frames and weights.

    Returns
    -------
    SharedK2prime
        k2' that minimises the sum over regions of the weighted squares, each over the variance of the region's SRTM
        residual. Regions bind when SRTM gives a BPND above 0.5 and above twice its standard error; if none does, all
        are used and a flag says so.
    """
    singles = {target.region: SRTM().estimate(target, inputs) for target in targets if target.means[inputs.kept].any()}
    usable = [target for target in targets if target.region in singles and not singles[target.region].at_bound]
    binding = [target for target in usable if _binds(singles[target.region])]
    chosen = binding or usable or [target for target in targets if target.region in singles]
    if not chosen:
        return SharedK2prime(math.nan, variance=math.inf)
    start = [singles[target.region] for target in chosen]
    search = _Search(chosen, start, inputs)
    search.run()
    return _with_errors(search, chosen, inputs, bind=bool(binding))


def binds(bpnd: float, stderr: float) -> bool:
    """Say whether a region binds enough to determine k2': BPND above 0.5 and above twice its standard error."""
    return bool(bpnd > BINDING_THRESHOLD and bpnd > _SURE * stderr)


def _binds(outcome: Outcome) -> bool:
    index = outcome.names.index("BPND")
    return binds(outcome.values[index], math.sqrt(outcome.covariance[index, index]))


class _Search:
    """Levenberg-Marquardt over log k2' and every log k2a, R1 projected out.

    The normal matrix is an arrow: each k2a meets only itself and k2', so a step costs one pass over the regions.
    """

    def __init__(self, targets: Sequence[Target], start: Sequence[Outcome], inputs: ScanInputs) -> None:
        self.view = inputs.view
        self.root = np.sqrt(inputs.weights / np.max(inputs.weights))
        self.sd = np.array(
            [_residual_sd(target, outcome, self.root) for target, outcome in zip(targets, start, strict=True)]
        )
        self.data = np.stack([self.root * target.means for target in targets]) / self.sd[:, None]
        rates = inputs.washout_grid[0]
        self.limits = np.log([rates[0], rates[-1]])
        washouts = [outcome.values[outcome.names.index("k2a")] for outcome in start]
        first = np.log(np.clip(washouts, rates[0], rates[-1]))
        guesses = [outcome.values[outcome.names.index("k2prime")] for outcome in start]
        middle = float(np.median([guess for guess in guesses if _LOWEST < guess < _HIGHEST] or [0.1]))
        self.log_k2prime, self.log_k2a = math.log(middle), first
        self.converged = False

    def evaluate(
        self, log_k2prime: float, log_k2a: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return residual and Kaufman's derivatives by log k2a and log k2', shape (n_regions, n_frames), and R1."""
        k2prime, rates = math.exp(log_k2prime), np.exp(log_k2a)
        value, slope = self.view.convolved(rates)
        gap = (k2prime - rates)[:, None]
        column = self.root * (self.view.input + gap * value)
        square = np.sum(column**2, axis=1)
        square[square == 0] = 1.0
        r1 = (np.sum(column * self.data, axis=1) / square)[:, None]
        by_rate = -r1 * self.root * (gap * slope - value) * rates[:, None]
        by_k2prime = -r1 * self.root * value * k2prime
        by_rate -= (np.sum(by_rate * column, axis=1) / square)[:, None] * column
        by_k2prime -= (np.sum(by_k2prime * column, axis=1) / square)[:, None] * column
        return self.data - r1 * column, by_rate, by_k2prime, r1[:, 0]

    def run(self) -> None:
        """Search until the relative step is 1e-10."""
        damping = 1e-3
        residual, by_rate, by_k2prime, self.r1 = self.evaluate(self.log_k2prime, self.log_k2a)
        for _ in range(_ROUNDS):
            step, steps = self._step(residual, by_rate, by_k2prime, damping)
            if max(abs(step), float(np.max(np.abs(steps)))) <= _STEP:
                self.converged = True
                break
            trial, trials = self.log_k2prime + step, self.log_k2a + steps
            found = self.evaluate(trial, trials)
            if np.sum(found[0] ** 2) < np.sum(residual**2):
                self.log_k2prime, self.log_k2a = trial, trials
                residual, by_rate, by_k2prime, self.r1 = found
                damping = max(damping / 5.0, 1e-14)
            else:
                damping *= 4.0
        self.residual = residual

    def _step(
        self, residual: FloatArray, by_rate: FloatArray, by_k2prime: FloatArray, damping: float
    ) -> tuple[float, FloatArray]:
        """Solve the damped arrow system; a rate pushed against its limit stays there."""
        gradient = np.sum(by_rate * residual, axis=1)
        low, high = self.limits
        held = ((self.log_k2a <= low) & (gradient >= 0)) | ((self.log_k2a >= high) & (gradient <= 0))
        own = np.where(held, 1.0, np.maximum(np.sum(by_rate**2, axis=1), np.finfo(float).tiny)) * (1.0 + damping)
        cross = np.where(held, 0.0, np.sum(by_rate * by_k2prime, axis=1))
        gradient = np.where(held, 0.0, gradient)
        corner = np.sum(by_k2prime**2) * (1.0 + damping) - np.sum(cross**2 / own)
        slope = np.sum(by_k2prime * residual) - np.sum(cross * gradient / own)
        step = -slope / corner if corner > 0 else 0.0
        step = float(np.clip(self.log_k2prime + step, math.log(_LOWEST), math.log(_HIGHEST))) - self.log_k2prime
        steps = -(gradient + cross * step) / own
        return step, np.clip(self.log_k2a + steps, low, high) - self.log_k2a


def _residual_sd(target: Target, outcome: Outcome, root: FloatArray) -> float:
    """Return the weighted residual SD of a region's own SRTM fit, not below what rounding leaves."""
    square = float(np.sum((root * (target.means - outcome.fitted)) ** 2)) / max(outcome.dof, 1.0)
    return math.sqrt(max(square, _EXACT * float(np.mean((root * target.means) ** 2))))


def _with_errors(search: _Search, targets: Sequence[Target], inputs: ScanInputs, *, bind: bool) -> SharedK2prime:
    """Return k2' with its variance by propagation of the noise of every region and of the reference."""
    k2prime, rates, r1 = math.exp(search.log_k2prime), np.exp(search.log_k2a), search.r1 * search.sd
    points = [Sensitivity.at(k2prime, float(k), float(r), inputs) for k, r in zip(rates, r1, strict=True)]
    weights = [search.root**2 / sd**2 for sd in search.sd]
    gains = [own_gain(point.own, weight) for point, weight in zip(points, weights, strict=True)]
    left = [point.shared - point.own @ (gain @ point.shared) for point, gain in zip(points, gains, strict=True)]
    shares = np.array([float(part @ (weight * part)) for part, weight in zip(left, weights, strict=True)])
    information = float(shares.sum())
    whole = sum(float(point.shared @ (weight * point.shared)) for point, weight in zip(points, weights, strict=True))
    names = tuple(target.region for target in targets)
    flags = _flags(k2prime, names, bind=bind, converged=search.converged)
    dof = float(len(names) * (np.count_nonzero(search.root) - 2) - 1)
    if not information > 1e-20 * whole:
        return SharedK2prime(k2prime, names, math.inf, dof, converged=search.converged, flags=flags)
    moves = [weight * part / information for part, weight in zip(left, weights, strict=True)]
    by_reference = -sum(move @ point.by_reference for move, point in zip(moves, points, strict=True))
    expected, found, parts = 0.0, 0.0, {}
    for index, target in enumerate(targets):
        variance, remaining = _unit_noise(target, points[index], gains[index], left[index], moves[index], by_reference)
        chi = float(np.sum(search.residual[index] ** 2)) * search.sd[index] ** 2
        unit = float(np.sum((search.root[:, None] ** 2) * remaining**2))
        expected, found = expected + unit, found + chi
        parts[target.region] = chi / unit * variance
    # weights that were estimated: Meier P (1953), Biometrics 9:59-73
    shares = shares / information
    widened = 1.0 + 4.0 * float(np.sum(shares * (1.0 - shares))) / max(float(np.count_nonzero(search.root)) - 3.0, 1.0)
    parts = {region: widened * part for region, part in parts.items()}
    scale = found / expected
    noise = targets[0].reference_sd
    shared = 0.0 if noise is None else scale * float(np.sum((by_reference * noise) ** 2))
    return SharedK2prime(
        k2prime, names, sum(parts.values()) + shared, dof, dict(zip(names, moves, strict=True)), parts,
        by_reference, scale, search.converged, flags, widened,
    )  # fmt: skip


def own_gain(own: FloatArray, weights: FloatArray) -> FloatArray:
    """Return (A'WA)^-1 A'W, rows of undetermined parameters zero."""
    inverse = information_covariance(np.sqrt(weights)[:, None] * own)
    return np.asarray(np.where(np.isinf(inverse), 0.0, inverse) @ (own * weights[:, None]).T)


def _unit_noise(
    target: Target, point: Sensitivity, gain: FloatArray, left: FloatArray, move: FloatArray, by_reference: FloatArray
) -> tuple[float, FloatArray]:
    """Return the variance of k2' and the moves of the residual, by unit noise of a region and of the reference."""
    sources, shifts = [np.diag(target.noise_sd)], [move * target.noise_sd]
    if target.reference_sd is not None:
        sources.append(-point.by_reference * target.reference_sd)
        shifts.append(by_reference * target.reference_sd)
    direct, shift = np.hstack(sources), np.concatenate(shifts)
    remaining = direct - point.own @ (gain @ direct) - np.outer(left, shift)
    return float(np.sum(shifts[0] ** 2)), remaining


def _flags(k2prime: float, names: tuple[str, ...], *, bind: bool, converged: bool) -> tuple[Flag, ...]:
    listed = ", ".join(names)
    flags = [Flag("k2prime_joint", f"k2' {k2prime:.4g} /min was estimated jointly from {listed}", "info")]
    if not bind:
        message = f"no region binds above {BINDING_THRESHOLD:g}; k2' from {listed} is uncertain, give k2prime"
        flags.append(Flag("k2prime_uncertain", message))
    if not converged:
        flags.append(Flag("k2prime_not_converged", "the joint search for k2' did not converge; give k2prime"))
    return tuple(flags)
