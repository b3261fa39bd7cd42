"""From a molecule to the smallest independent spin systems whose signals add up to its own.

Three exact reductions (no approximation of the spectrum):

- groups without a coupling between them are separate systems, and an uncoupled group of n protons is one spin, n times;
- n equivalent protons are a composite spin: the total spin K is conserved by every coupling and every pulse, so that a
  methyl group is one spin 3/2 and, with weight 2, one spin 1/2;
- a hetero nucleus that no pulse touches keeps its state, so that each of its states is a proton system with shifted
  frequencies: two for 31P, three for 14N.  Such couplings are refocused by a proton echo, as they must be.
"""

from itertools import product
from math import comb

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.spins.molecule import HETERO_SPINS, Molecule, Part
from neurochem.mrs.spins.system import SpinSystem
from neurochem.units import FloatArray

# Eleven coupled protons; a density matrix of that size takes 64 MiB.
LARGEST_DIMENSION = 2048


def reduced_systems(
    molecule: Molecule,
    *,
    larmor_mhz: float,
    reference_ppm: float = 4.65,
    exchangeable: bool = False,
    composite: bool = True,
) -> list[SpinSystem]:
    """Return the spin systems of a molecule.

    Parameters
    ----------
    molecule : Molecule
        Shifts and couplings.
    larmor_mhz, reference_ppm : float
        Proton frequency (MHz) and the shift at which the frame rotates.
    exchangeable : bool
        Whether exchangeable protons are kept.
    composite : bool
        False expands every group into single protons: the full product space, for checks.

    Returns
    -------
    list of SpinSystem
        Sum of weight x Tr(rho F_+) over them is the signal; F_x gives the number of protons.

    Raises
    ------
    InputError
        If more than eleven protons (2048 states) are coupled in one system.
    """
    systems: list[SpinSystem] = []
    for whole in molecule.parts:
        part = whole if exchangeable else whole.without_exchangeable()
        for indices in _components(part.couplings_hz):
            piece = part.restricted(indices)
            made = _systems_of(piece if composite else _expanded(piece), larmor_mhz, reference_ppm)
            _check_size(molecule.name, made)
            systems += made
    return systems


def _check_size(name: str, systems: list[SpinSystem]) -> None:
    largest = max(system.dimension for system in systems)
    if largest > LARGEST_DIMENSION:
        msg = (
            f"molecule {name}: {len(systems[0].spins)} coupled groups span {largest} states; at most {LARGEST_DIMENSION} "
            "can be simulated. Split it into parts where couplings are small, or join equivalent protons in one group."
        )
        raise InputError(msg)


def _components(couplings: FloatArray) -> list[list[int]]:
    """Return the sets of groups that couplings connect."""
    left = list(range(couplings.shape[0]))
    found = []
    while left:
        inside = [left.pop(0)]
        for index in inside:
            reached = [other for other in left if couplings[index, other] != 0.0]
            inside += reached
            left = [other for other in left if other not in reached]
        found.append(sorted(inside))
    return found


def _expanded(part: Part) -> Part:
    """Return the part with one row for each proton."""
    rows = [index for index, group in enumerate(part.groups) for _ in range(group.protons)]
    single = part.restricted(rows)
    groups = [type(group)(f"{group.name} {index}", group.ppm) for index, group in enumerate(single.groups)]
    return type(part)(part.label, groups, single.couplings_hz, part.scale, single.hetero)


def _systems_of(part: Part, larmor_mhz: float, reference_ppm: float) -> list[SpinSystem]:
    ppm = np.array([group.ppm for group in part.groups])
    base = (ppm - reference_ppm) * larmor_mhz
    choices, protons = _choices(part)
    states = _hetero_states(part)
    systems = []
    for shift in states:
        for choice in product(*choices):
            kept = [index for index, (spin, _) in enumerate(choice) if spin > 0]
            if not kept:
                continue
            weight = part.scale * float(np.prod([count for _, count in choice])) / len(states) / 2.0 ** (protons - 2)
            systems.append(
                SpinSystem(
                    tuple(choice[index][0] for index in kept),
                    ppm[kept],
                    (base + shift)[kept],
                    part.couplings_hz[np.ix_(kept, kept)],
                    weight,
                    larmor_mhz,
                    reference_ppm,
                )
            )
    return systems


def _choices(part: Part) -> tuple[list[list[tuple[float, float]]], int]:
    """Return the (spin, weight) choices of each group, and the protons that the trace runs over."""
    if len(part.groups) == 1:
        return [[(0.5, float(part.groups[0].protons))]], 1
    counts = [group.protons for group in part.groups]
    return [_total_spins(count) for count in counts], sum(counts)


def _total_spins(count: int) -> list[tuple[float, float]]:
    """Return each total spin of `count` spins 1/2 and how often it occurs."""
    values = []
    for lowered in range(count // 2 + 1):
        multiplicity = comb(count, lowered) - (comb(count, lowered - 1) if lowered else 0)
        values.append((count / 2 - lowered, float(multiplicity)))
    return values


def _hetero_states(part: Part) -> list[FloatArray]:
    """Return the frequency shifts (Hz) of the groups in each state of the hetero nuclei, shape (n_groups,) each."""
    ladders = []
    for other in part.hetero:
        spin = HETERO_SPINS[other.nucleus]
        ladders.append([m * np.array(other.couplings_hz) for m in np.arange(-spin, spin + 0.5)])
    return [sum(state, np.zeros(len(part.groups))) for state in product(*ladders)]
