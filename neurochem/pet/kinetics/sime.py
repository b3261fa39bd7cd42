"""Simultaneous estimation of the non-displaceable volume."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq

from neurochem.errors import InputError
from neurochem.pet.compartments import Blood
from neurochem.pet.kinetics.two_tcm_tied import TwoTissueTied
from neurochem.pet.model import MODELS, ScanInputs, Target
from neurochem.pet.plasma_tied import TiedFit, TiedProblem
from neurochem.quality import Flag
from neurochem.units import FloatArray

_FEWEST_REGIONS = 3
# Values of VND tried first, as shares of the smallest VT of all regions; VND cannot exceed it.
_SHARES = np.geomspace(0.05, 1.0, 14)


class SIME(TwoTissueTied):
    """Simultaneous estimation of VND over regions (Ogden et al. 2015).

    Every region follows the two-tissue model with its own k2, k3, k4 (and VB) and the VND of all. The sum over regions
    of the weighted residual sums of squares is minimised over VND: from a grid up to the smallest regional VT to the
    lowest point, then to where the derivative of the sum is zero. Needs at least three regions with different binding;
    where the sum has no minimum inside the grid, VND is flagged as not determined. The error of VND follows from the
    noise of all regions and is carried into every estimate.
    """

    name: ClassVar[str] = "SIME"
    citation: ClassVar[str] = "Ogden RT et al (2015), J Cereb Blood Flow Metab 35:1161 (pages unchecked)"
    equation: ClassVar[str] = "2TCM with K1/k2 = VND in every region, VND minimising the sum of residuals"
    options: ClassVar[tuple[str, ...]] = ("VB",)

    def prepare(self, targets: Sequence[Target], inputs: ScanInputs) -> ScanInputs:
        """Find VND from all regions together."""
        used = [target for target in targets if np.any(target.means[inputs.kept])]
        if len(used) < _FEWEST_REGIONS:
            msg = (
                f"{self.name} needs at least {_FEWEST_REGIONS} regions with different binding; got {len(used)}. "
                "Give more regions, or use 2TCM or 2TCMtied"
            )
            raise InputError(msg)
        problems = [TiedProblem(target, inputs, Blood.of(target, inputs, self.name)) for target in used]
        vnd, error, inside = shared_volume(problems)
        options = {**inputs.options, "VND": vnd}
        if inside:
            return replace(inputs, options={**options, "VND_stderr": error})
        message = (
            f"the sum of residuals has no minimum between the VND tried; it falls up to the edge, {vnd:.4g} mL/cm3"
        )
        return replace(
            inputs, options=options, flags=(*inputs.flags, Flag("not_identified", message, "warning", "VND"))
        )


def shared_volume(problems: list[TiedProblem]) -> tuple[float, float, bool]:
    """Return VND, its standard error, and whether the sum of residuals has a minimum inside the grid.

    Parameters
    ----------
    problems : list of TiedProblem
        The regions.
    """
    grid = _SHARES * min(problem.volume for problem in problems)
    warm: list[FloatArray | None] = [None] * len(problems)

    def fits(vnd: float) -> list[TiedFit]:
        found = [problem.search(vnd, start) for problem, start in zip(problems, warm, strict=True)]
        warm[:] = [fit.minimum.parameters for fit in found]
        return found

    scores = [fits(float(vnd)) for vnd in grid]
    lowest = int(np.argmin([sum(fit.minimum.cost for fit in score) for score in scores]))
    slopes = [sum(fit.slope() for fit in score) for score in scores]
    low, high = lowest, lowest
    while low > 0 and slopes[low] > 0:
        low -= 1
    while high < grid.size - 1 and slopes[high] < 0:
        high += 1
    if not slopes[low] < 0 < slopes[high]:
        return float(grid[lowest]), np.nan, False
    warm[:] = [fit.minimum.parameters for fit in scores[lowest]]
    vnd = float(brentq(lambda value: sum(fit.slope() for fit in fits(value)), grid[low], grid[high], rtol=1e-10))
    information, spread = np.sum([fit.share() for fit in fits(vnd)], axis=0)
    return vnd, float(np.sqrt(spread)) / float(information), True


MODELS.add(SIME(), name=SIME.name, reference=SIME.citation, needs=("blood",))
