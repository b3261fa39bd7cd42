"""Richer models, and whether the residual of a simple one asks for them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neurochem.mrs.lineshape import KERNEL_STEP_HZ, distortion, gauss_fwhm, gauss_variance
from neurochem.mrs.macromolecules import macromolecule_ratios, macromolecules
from neurochem.mrs.model import VARIANCE, LinearCombination
from neurochem.mrs.posterior import Solved, linearised
from neurochem.mrs.problem import Problem
from neurochem.mrs.ratios import from_prior
from neurochem.mrs.setup import Setup
from neurochem.units import FloatArray

if TYPE_CHECKING:
    from neurochem.mrs.search import Found

LIPID_SET = "LCModel"
SAME_SHIFT = {
    "NAA": ("NAA", "NAAG", "tNAA"), "creatine": ("Cr", "PCr", "tCr"), "choline": ("GPC", "PCh", "Cho", "tCho"),
}  # fmt: skip


def with_lipids(setup: Setup) -> Setup:
    """Return the setup with LCModel's mobile lipids as a broad group of their own."""
    spectrum, model = setup.spectrum, setup.model
    grid = {
        "dwell_s": spectrum.dwell_s, "points": spectrum.points, "larmor_mhz": spectrum.larmor_mhz,
        "reference_ppm": spectrum.reference_ppm, "proton_amplitude": setup.proton_amplitude,
    }  # fmt: skip
    added = macromolecules(LIPID_SET, like=grid)
    added = added.select([name for name in added.names if is_lipid(name)])
    priors = [prior for prior in macromolecule_ratios(LIPID_SET) if is_lipid(prior.name)]
    return replace(
        setup,
        names=(*setup.names, *added.names),
        macromolecules=(*setup.macromolecules, *added.names),
        model=replace(
            model,
            fids=np.vstack([model.fids, added.fids]),
            broad=np.concatenate([model.broad, np.full(len(added), model.groups + 1)]),
        ),
        ratios=(*setup.ratios, *(from_prior(prior) for prior in priors)),
    )


def is_lipid(name: str) -> bool:
    """Say whether an element is one of lipids, by its name."""
    return name.casefold().startswith("lip")


def takes_lipids(setup: Setup) -> bool:
    """Say whether lipids could be added: protons, no lipid among the elements, and their main line in the window."""
    low, high = setup.ppm
    return setup.spectrum.nucleus == "1H" and low < 1.2 < high and not any(map(is_lipid, setup.names))


def with_phase(setup: Setup) -> Setup:
    """Return the setup with a free phase of the line."""
    return _with_line(setup, phase=True)


def with_kernel(setup: Setup) -> Setup:
    """Return the setup with a free, non-negative kernel of the line."""
    return _with_line(setup, kernel=True)


def kernel_start(model: LinearCombination, theta: FloatArray, richer: LinearCombination) -> FloatArray:
    """Return parameters with the Gaussian part of the Voigt line moved into the kernel, so that the kernel can undo it.

    Parameters
    ----------
    model, theta : LinearCombination, array
        The model without a kernel, and its parameters.
    richer : LinearCombination
        The model with one.
    """
    start = model.translated(theta, richer)
    line, width = richer.distortion, gauss_fwhm(theta[VARIANCE])
    if line is None or width <= KERNEL_STEP_HZ:
        return start
    start[VARIANCE] = gauss_variance(KERNEL_STEP_HZ)
    left = math.sqrt(width**2 - KERNEL_STEP_HZ**2)
    height = np.exp(-4.0 * math.log(2.0) * (line.offsets_hz / left) ** 2)
    start[richer.extras][line.phase_sd.size :] = height / (1.0 + height.sum())
    return start


def _with_line(setup: Setup, *, phase: bool = False, kernel: bool = False) -> Setup:
    known = setup.model.distortion
    if known is not None:
        phase, kernel = phase or known.phase_sd.size > 0, kernel or known.offsets_hz.size > 0
    line = distortion(setup.spectrum.points, setup.spectrum.dwell_s, phase=phase, kernel=kernel)
    return replace(setup, model=replace(setup.model, distortion=line))


def with_loose_shifts(setup: Setup) -> Setup:
    """Return the setup in which metabolites have shifts of their own, softly tied to the shared one.

    Notes
    -----
    Molecules with one singlet in common (`SAME_SHIFT`) share theirs: apart, they would imitate a line that is broader or
    steeper than it is.
    """
    broad, names = setup.model.broad, setup.names
    sets: dict[str, list[int]] = {}
    for index in np.flatnonzero(broad == 0):
        group = next((key for key, members in SAME_SHIFT.items() if names[index] in members), names[index])
        sets.setdefault(group, []).append(int(index))
    loose = np.zeros((len(sets), broad.size), dtype=bool)
    for row, members in zip(loose, sets.values(), strict=True):
        row[members] = True
    return replace(setup, model=replace(setup.model, loose=loose))


def gains(found: "Found", richer: Sequence[Setup], sds: Sequence[FloatArray]) -> list[float]:
    """Return twice the logarithm of the Bayes factors of richer models, their new parameters small.

    Parameters
    ----------
    found : Found
        The simple model at its optimum.
    richer : sequence of Setup
        Models with more parameters, which are zero in the simple one.
    sds : sequence of array
        Standard deviations of the priors of all their parameters.

    Notes
    -----
    With D the derivative to the new parameters, whatever old ones can imitate taken off, and r the residual over the
    noise: g'(A + 1/sd^2)^-1 g - ln det(1 + sd A sd), A = D'D, g = D'r.
    """
    problem, solved, unit = found.problem, found.solved, found.unit
    known, rest = linearised(problem, solved)
    basis = np.linalg.qr(known)[0]
    # new parameters are zero: the elements are shaped as they are
    shaped, out = problem.model.at(solved.theta), []
    for setup, sd in zip(richer, sds, strict=True):
        new = np.array([name not in problem.model.parameters for name in setup.model.parameters])
        slopes = replace(shaped, model=setup.model).new_slopes(solved.mode, problem.model)
        change = np.zeros((known.shape[0], slopes.shape[1]))
        change[: 2 * slopes.shape[0]] = problem.whitened(slopes)
        change -= basis @ (basis.T @ change)
        scaled = change * (unit * sd[new])
        matrix, pull = np.eye(scaled.shape[1]) + scaled.T @ scaled, scaled.T @ (unit * rest)
        out.append(float(pull @ np.linalg.solve(matrix, pull) - np.linalg.slogdet(matrix)[1]))
    return out


def temperature(problem: Problem, solved: Solved, unit: float) -> float:
    """Return by how much the residual of a model weighs less than white noise of the stated size would.

    Notes
    -----
    Misfit x (1 + r) / (1 - r), r the correlation of neighbouring residual points beyond chance: variance, and number of
    points that one independent point stands for.  At least one.
    """
    half = problem.data.size
    rest = solved.residual[:half] + 1j * solved.residual[half : 2 * half]
    power = float(np.vdot(rest, rest).real)
    chance = 2.0 / math.sqrt(half)
    correlation = float(np.vdot(rest[:-1], rest[1:]).real) / power - chance if power > 0 else 0.0
    correlation = min(max(correlation, 0.0), 0.95)
    misfit = solved.misfit * unit**2 if solved.dof > 0 else 1.0
    return max(misfit, 1.0) * (1.0 + correlation) / (1.0 - correlation)


def evidence(problem: Problem, solved: Solved, unit: float, heat: float) -> float:
    """Return minus twice the logarithm of Laplace's evidence, up to what models of the same elements share.

    Parameters
    ----------
    problem, solved : Problem, Solved
        A model and its optimum.
    unit : float
        What data and model were divided by on top of the noise.
    heat : float
        Divisor of squares of the residual, see `temperature`: the same for models that are compared.

    Notes
    -----
    cost + ln det(J'J) + sum ln sd^2 over parameters with a prior.
    """
    size = 2 * problem.data.size
    scale = unit / math.sqrt(heat)
    data, penalty = scale * solved.residual[:size], solved.residual[size:]
    cost = float(data @ data) + float(penalty @ penalty)
    jacobian = solved.jacobian.copy()
    jacobian[:size] *= scale
    width = np.abs(np.diag(np.linalg.qr(jacobian, mode="r")))
    informed = np.isfinite(problem.sd)
    return cost + 2.0 * float(np.sum(np.log(width[width > 0]))) + 2.0 * float(np.sum(np.log(problem.sd[informed])))
