"""Richer models, and whether the residual of a simple one asks for them."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neurochem.mrs.lineshape import SHARE_SD, TRIAL_OFFSETS_HZ, distortion, waves
from neurochem.mrs.macromolecules import macromolecule_ratios, macromolecules
from neurochem.mrs.model import VARIANCE, LinearCombination
from neurochem.mrs.posterior import Solved, linearised
from neurochem.mrs.problem import Problem
from neurochem.mrs.ratios import from_prior
from neurochem.mrs.setup import Setup
from neurochem.units import ComplexArray, FloatArray

if TYPE_CHECKING:
    from neurochem.mrs.search import Found

LIPID_SET = "LCModel"
# What knowing the offset of a copy costs in twice the logarithm of the evidence, some exp(3) places being told apart.
OFFSET_PRICE = 6.0
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


def with_copies(setup: Setup, count: int) -> Setup:
    """Return the setup with more copies of the line."""
    return _with_line(setup, copies=count)


def spread_start(theta: FloatArray, model: LinearCombination) -> FloatArray:
    """Return parameters with most of the Gaussian width moved into the line and a pair of copies, all three alike.

    Notes
    -----
    A field that is spread evenly is far from a Gaussian one with two small copies: the search does not cross over by
    itself.  Three equal lines at -o, 0 and o have the variance 2 o^2 / 3.
    """
    start = theta.copy()
    start[VARIANCE] = 0.1 * theta[VARIANCE]
    offset = math.sqrt(1.5 * 2.0 * (theta[VARIANCE] - start[VARIANCE])) / (2.0 * math.pi)
    start[model.extras][-4:] = 1.0 / 3.0, -offset, 1.0 / 3.0, offset
    return start


def _with_line(setup: Setup, *, phase: bool = False, copies: int = 0) -> Setup:
    known = setup.model.distortion
    if known is not None:
        phase, copies = phase or known.phase_sd.size > 0, copies + known.copies
    line = distortion(setup.spectrum.points, setup.spectrum.dwell_s, phase=phase, copies=copies)
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


class Gains:
    """Bayes factors of richer models against one at its optimum, their new parameters small.

    Parameters
    ----------
    found : Found
        The simple model at its optimum.

    Notes
    -----
    With D the derivative to the new parameters, whatever old ones can imitate taken off, and r the residual over the
    noise, twice the logarithm of the factor is g'(A + 1/sd^2)^-1 g - ln det(1 + sd A sd), A = D'D, g = D'r.
    """

    def __init__(self, found: "Found") -> None:
        problem, self.solved, self.unit = found.problem, found.solved, found.unit
        self.problem = problem
        known, self.rest = linearised(problem, self.solved)
        self.basis = np.linalg.qr(known)[0]
        self.shaped = problem.model.at(self.solved.theta)

    def of(self, richer: Setup, sd: FloatArray) -> float:
        """Return the gain of phases or shifts; `sd` are the standard deviations of the priors of all parameters."""
        new = np.array([name not in self.problem.model.parameters for name in richer.model.parameters])
        # new parameters are zero: the elements are shaped as they are
        slopes = replace(self.shaped, model=richer.model).new_slopes(self.solved.mode, self.problem.model)
        scaled, pull = self._seen(slopes, sd[new])
        matrix = np.eye(pull.size) + scaled.T @ scaled
        return float(pull @ np.linalg.solve(matrix, pull) - np.linalg.slogdet(matrix)[1])

    def of_copies(self) -> tuple[float, FloatArray]:
        """Return the gain of one more copy of the line, or of a pair on both sides, and share and offset (Hz) of each."""
        offsets = np.array(TRIAL_OFFSETS_HZ)
        slopes = self.shaped.copy_slopes(self.solved.mode, waves(offsets, self.problem.model.time_s))
        scaled, pull = self._seen(slopes, np.full(offsets.size, SHARE_SD))
        # offsets are symmetric about zero: a pair is a copy and its mirror image
        half = offsets.size // 2
        scaled = np.hstack([scaled, scaled[:, :half] + scaled[:, : half - 1 : -1]])
        pull = np.concatenate([pull, pull[:half] + pull[: half - 1 : -1]])
        size = 1.0 + np.einsum("ij,ij->j", scaled, scaled)
        # a pair stands for all that is spread evenly, of which its place is but the foot
        price = np.repeat([OFFSET_PRICE, 0.0], [offsets.size, half])
        gain = np.where(pull > 0, pull**2 / size - np.log(size) - price, -np.inf)
        best = int(np.argmax(gain))
        share = min(SHARE_SD * float(pull[best] / size[best]), SHARE_SD)
        both = [offsets[best]] if best < offsets.size else [offsets[best - offsets.size], -offsets[best - offsets.size]]
        return float(gain[best]), np.array([value for offset in both for value in (share, offset)])

    def _seen(self, slopes: ComplexArray, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return derivatives that nothing known can imitate, in units of the prior, and their product with the residual."""
        change = np.zeros((self.rest.size, slopes.shape[1]))
        change[: 2 * slopes.shape[0]] = self.problem.whitened(slopes)
        change -= self.basis @ (self.basis.T @ change)
        scaled = change * (self.unit * sd)
        return scaled, scaled.T @ (self.unit * self.rest)


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
