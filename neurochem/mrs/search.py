"""The search: a first optimum, the choice of baseline and lipids, the optimum, and a richer model where the residual asks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurochem.mrs.baseline import DIMENSION_GRID, Baseline, choose_dimension
from neurochem.mrs.bounds import Limits, limits, starts
from neurochem.mrs.families import (
    Gains,
    evidence,
    spread_start,
    takes_lipids,
    temperature,
    with_copies,
    with_lipids,
    with_loose_shifts,
    with_phase,
)
from neurochem.mrs.lineshape import MOST_COPIES
from neurochem.mrs.model import GAMMA, SHIFT, VARIANCE
from neurochem.mrs.options import FitOptions
from neurochem.mrs.posterior import Solved, conclude
from neurochem.mrs.problem import LEAST_GAIN, Problem, Rows
from neurochem.mrs.ratios import SoftRatio, from_prior, group_rows, penalty_rows
from neurochem.mrs.setup import Setup
from neurochem.solve import Minimum
from neurochem.units import ComplexArray, FloatArray

# Baseline of the first search, before the data have chosen (effective dimension per ppm and part).
FIRST_DIMENSION_PER_PPM = 4.0
# Steps of the first search; the last one has the solver's own limit, richer models one in between.
_FIRST_ITERATIONS, _LAST_ITERATIONS, _RICHER_ITERATIONS = 5, 200, 60
# Promised fall of the cost at which the first search may stop: the baseline is chosen no better for more.
_FIRST_GAIN = 0.5
# Promised fall of the cost at which the search of a richer model may stop: far below what decides for or against it.
_RICHER_GAIN = 0.1
# Share of the greatest promise that another one must reach to be tried in the same round.
_WORTH = 0.5
# Copies smaller than this may imitate the foot of a field that is spread evenly.
_SMALL_SHARE = 0.1
# Residual over noise (variances) of the first search beyond which it is repeated from other starts.
SUSPICIOUS_MISFIT = 1.2
# By how much -2 ln of a criterion must fall before lipids, a free line or loose shifts are taken.
LIPID_MARGIN, EVIDENCE_MARGIN = 20.0, 4.0
# Below this misfit, with the stiffest baseline, nothing is hidden that lipids could explain.
_LIPID_MISFIT = 1.1


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The optimum.

    Attributes
    ----------
    setup : Setup
        What was fitted in the end.
    solved : Solved
        In units of `unit`.
    problem : Problem
        The least-squares problem of which it is the optimum.
    dimension_per_ppm : float
        Effective dimension of the baseline.
    unit : float
        What the data over the noise were divided by: 1, or the ratio of residual to noise of the first search where
        that is larger.  A misfit acts as noise: priors weigh against both together.
    ratios : tuple of SoftRatio
        Soft ratios in force.
    """

    setup: Setup
    solved: Solved
    problem: Problem
    dimension_per_ppm: float
    unit: float
    ratios: tuple[SoftRatio, ...] = ()

    @property
    def baseline(self) -> Baseline:
        """Nuisance curves."""
        return self.problem.baseline

    @property
    def limits(self) -> Limits:
        """Bounds and priors of the parameters."""
        return limits(self.setup)


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """What one optimum leaves to the next: elements, parameters, baseline, unit and soft ratios."""

    setup: Setup
    theta: FloatArray
    dimension: float
    unit: float
    rows: Rows | None
    ratios: tuple[SoftRatio, ...]


def search(setup: Setup, options: FitOptions) -> Found:
    """Return the optimum of a setup.

    Parameters
    ----------
    setup : Setup
        What is fitted.
    options : FitOptions
        Baseline, lipids, lineshape and shifts.

    Returns
    -------
    Found
        From a short search, repeated from a pure Lorentzian and a pure Gaussian line where its residual is suspicious (either
        can end in the other's wrong valley); then with the baseline chosen and, for soft ratios, the scale of the
        amplitudes known; then with a free line and loose shifts where the evidence is for them.
    """
    if options.lineshape == "free":
        setup = with_copies(with_phase(setup), 2)
    if options.shifts == "own":
        setup = with_loose_shifts(setup)
    if options.lipids == "always" and takes_lipids(setup):
        setup = with_lipids(setup)
    size = options.baseline_dimension_per_ppm
    size = FIRST_DIMENSION_PER_PPM if size is None else size
    first = _problem(setup, setup.baseline(options.baseline, size), None, 1.0)
    mixed, *pure = starts(setup)
    start = _run(first, setup, [mixed], _FIRST_ITERATIONS, _FIRST_GAIN)
    if start.cost > SUSPICIOUS_MISFIT * 2.0 * setup.data.size:
        start = _run(first, setup, [start.parameters, *pure], _FIRST_ITERATIONS, _FIRST_GAIN)
    stage = _with_lipids(_stage(setup, options, first, start.parameters), first, options)
    return _enriched(_settled(stage, options), options)


def _stage(setup: Setup, options: FitOptions, problem: Problem, theta: FloatArray) -> _Stage:
    """Return what an optimum says about baseline, misfit and soft ratios; the problem is in units of the noise."""
    curves = setup.model.curves(theta)
    amplitudes, residual, gram = problem.solve(problem.whitened(curves))
    # whitening keeps the penalty of the baseline in the residual: slightly more than the misfit of the data alone
    spare = 2.0 * setup.data.size - theta.size - np.count_nonzero(amplitudes)
    spare -= 2.0 * problem.baseline.effective_dimension
    misfit = float(residual @ residual) / spare if spare > 0 else 1.0
    unit = float(np.sqrt(max(1.0, misfit)))
    rows, kept = _rows(setup, amplitudes, unit * _errors(gram))
    size = options.baseline_dimension_per_ppm
    if size is None:
        size = _dimension(setup, options, curves, rows, unit)[0] if problem.baseline.penalty.size else DIMENSION_GRID[0]
    return _Stage(setup, theta, size, unit, rows, kept)


def _dimension(
    setup: Setup, options: FitOptions, curves: ComplexArray, rows: Rows | None, unit: float
) -> tuple[float, float]:
    size = options.baseline_dimension_per_ppm
    return choose_dimension(
        setup.data / unit, curves / unit, rows, lambda value: setup.baseline(options.baseline, value),
        nonnegative=setup.nonnegative, grid=DIMENSION_GRID if size is None else (size,),
    )  # fmt: skip


def _with_lipids(stage: _Stage, first: Problem, options: FitOptions) -> _Stage:
    """Return the stage with lipids where they explain more than they and the baseline cost together."""
    setup, unit = stage.setup, stage.unit
    hidden = stage.dimension > DIMENSION_GRID[0] or unit**2 > _LIPID_MISFIT or options.baseline_dimension_per_ppm
    if options.lipids != "auto" or not hidden or not takes_lipids(setup) or not first.baseline.penalty.size:
        return stage
    more = with_lipids(setup)
    theta = setup.model.translated(stage.theta, more.model)
    score = _dimension(setup, options, setup.model.curves(stage.theta), stage.rows, unit)[1]
    dimension, better = _dimension(more, options, more.model.curves(theta), None, unit)
    if better + LIPID_MARGIN >= score:
        return stage
    problem = _problem(more, more.baseline(options.baseline, dimension), None, 1.0)
    amplitudes, _, gram = problem.solve(problem.whitened(more.model.curves(theta)))
    rows, kept = _rows(more, amplitudes, unit * _errors(gram))
    return _Stage(more, theta, dimension, unit, rows, kept)


def _settled(stage: _Stage, options: FitOptions, iterations: int = _LAST_ITERATIONS, gain: float = LEAST_GAIN) -> Found:
    setup = stage.setup
    problem = _problem(setup, setup.baseline(options.baseline, stage.dimension), stage.rows, stage.unit)
    best = _run(problem, setup, [stage.theta], iterations, gain)
    return Found(setup, conclude(problem, best), problem, stage.dimension, stage.unit, stage.ratios)


def _enriched(found: Found, options: FitOptions) -> Found:
    """Return the fit with a free line or loose shifts where the evidence for them is strong."""
    grown = False
    if _at_edge(found):
        return found
    while richer := _promising(found, options):
        trials = []
        for setup, theta in richer:
            stage = _Stage(setup, theta, found.dimension_per_ppm, found.unit, found.problem.rows, found.ratios)
            trials.append(_settled(stage, options, _RICHER_ITERATIONS, _RICHER_GAIN))
        # what the best of them cannot explain either is noise to all of them
        heat = min(temperature(trial.problem, trial.solved, trial.unit) for trial in trials)
        best, *scores = (evidence(each.problem, each.solved, each.unit, heat) for each in (found, *trials))
        if not min(scores) < best - EVIDENCE_MARGIN:
            break
        found, grown = trials[int(np.argmin(scores))], True
    if not grown:
        return found
    # what the line missed may have been in the baseline, and in the misfit
    setup = found.setup
    plain = _problem(setup, found.baseline, None, 1.0)
    return _settled(_stage(setup, options, plain, found.solved.theta), options)


def _at_edge(found: Found) -> bool:
    """Say whether shift or widths ended at their farthest: then it is no line that the residual asks for."""
    held, theta = found.solved.theta_at_bound, found.solved.theta
    return bool(held[SHIFT] or (held & (theta > 0.0))[[GAMMA, VARIANCE]].any())


def _promising(found: Found, options: FitOptions) -> list[tuple[Setup, FloatArray]]:
    """Return the setups with one thing more whose linearised evidence is better, and where to start them."""
    now, theta = found.setup, found.solved.theta
    line, gains = now.model.distortion, Gains(found)
    promised: list[tuple[float, Setup, FloatArray]] = []
    steps: list[Callable[[Setup], Setup]] = []
    if options.lineshape == "auto":
        steps += [with_phase] if line is None or not line.phase_sd.size else []
        if line is None or line.copies < MOST_COPIES:
            gain, copies = gains.of_copies()
            more = with_copies(now, copies.size // 2)
            start = now.model.translated(theta, more.model)
            start[more.model.extras][-copies.size :] = copies
            promised.append((gain, more, start))
            if copies.size == 4 and copies[0] < _SMALL_SHARE and (line is None or not line.copies):
                promised.append((gain, more, spread_start(start, more.model)))
    if options.shifts == "auto" and not len(now.model.loose):
        steps.append(with_loose_shifts)
    for step in steps:
        more = step(now)
        promised.append((gains.of(more, limits(more).sd), more, now.model.translated(theta, more.model)))
    # what promises far less than another can wait until that is in
    least = max(EVIDENCE_MARGIN, _WORTH * max((gain for gain, _, _ in promised), default=0.0))
    return [(more, start) for gain, more, start in promised if gain > least]


def _problem(setup: Setup, baseline: Baseline, rows: Rows | None, unit: float) -> Problem:
    return Problem(
        setup.model.scaled(1.0 / unit), setup.data / unit, baseline, rows, np.zeros(setup.model.size), limits(setup).sd,
        setup.nonnegative,
    )  # fmt: skip


def _run(
    problem: Problem, setup: Setup, begin: Sequence[FloatArray], iterations: int, gain: float = LEAST_GAIN
) -> Minimum:
    edges = limits(setup)
    return problem.search(begin, edges.lower, edges.upper, iterations, gain)


def _errors(gram: FloatArray) -> FloatArray:
    """Return standard errors of the amplitudes, the parameters known."""
    norms = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    inverse = np.linalg.inv(gram / np.outer(norms, norms) + 1e-9 * np.eye(norms.size))
    return np.asarray(np.sqrt(np.diag(inverse)) / norms)


def _rows(setup: Setup, amplitudes: FloatArray, errors: FloatArray) -> tuple[Rows | None, tuple[SoftRatio, ...]]:
    """Return the penalty rows of all soft ratios that hold, and the ratios."""
    simple = [prior for prior in setup.priors if "+" not in prior.reference]
    sums = [from_prior(prior) for prior in setup.priors if "+" in prior.reference]
    broad, one = group_rows(simple, setup.names, amplitudes)
    other, two = penalty_rows([*sums, *setup.ratios], setup.names, amplitudes, errors)
    rows = np.vstack([broad, other])
    return ((rows, np.zeros(len(rows))) if len(rows) else None), (*one, *two)
