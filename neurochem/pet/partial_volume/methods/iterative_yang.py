"""Iterative Yang correction (Erlandsson 2012): regional means taken from the corrected image, again and again."""

from functools import cached_property
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.partial_volume.method import FrameCorrection, add_method
from neurochem.pet.partial_volume.problem import Problem
from neurochem.pet.partial_volume.ratio_flags import ratio_flags
from neurochem.pet.partial_volume.regional import RegionalMethod
from neurochem.quality import Flag
from neurochem.units import FloatArray

# A last step of more than this share of the largest mean has not settled.
_SETTLED = 0.01


class IterativeYang(RegionalMethod):
    """I_(k+1) = I x S_k / (P S_k) with S_k = sum_j T_jk D_j and T_jk the mean of I_k over region j; I_0 = I.

    Parameters
    ----------
    problem : Problem
        Geometry.
    iterations : int
        Number of updates; 10 is usual. The last change of the means tells whether it was enough.

    Notes
    -----
    No equations are solved. Where it settles, regional means obey sum over region j of (I - P S) / (P S) = 0: those of the
    geometric transfer matrix with voxels weighted by 1 / (P S), hence equal to them on data that the model describes.
    Small regions settle slowly, and so do regions of no activity, which the ratio only shrinks. The means carry no
    standard error; take those of `gtm`.

    References
    ----------
    Erlandsson et al. 2012, Phys Med Biol 57:R119-R159.
    """

    name = "iy"
    reference = "Erlandsson et al. 2012, Phys Med Biol 57:R119-R159"
    options = ("iterations",)
    makes_image = True

    @checked_arguments
    def __init__(self, problem: Problem, dtype: Any, *, iterations: int = 10) -> None:
        super().__init__(problem, dtype)
        if iterations < 1:
            msg = f"iterations is {iterations}; give a whole number of 1 or more, 10 as a rule"
            raise InputError(msg)
        self.iterations = int(iterations)

    @cached_property
    def unit_covariance(self) -> FloatArray:
        """NaN: the means are no linear function of the image."""
        return np.full((len(self.regions), len(self.regions)), np.nan)

    @property
    def settings(self) -> dict[str, Any]:
        """Number of iterations."""
        return {"iterations": self.iterations}

    def correct(self, volume: np.ndarray, frame: int) -> FrameCorrection:
        """Return one frame."""
        observed = self.system.observed(volume)
        means, change = observed, np.inf
        beyond = self._beyond(volume)
        for _ in range(self.iterations):
            prediction = self.model.predict(means)
            ratio, undefined = prediction.ratio()
            updated = self._means(volume[self.model.box] * ratio, beyond)
            largest = float(np.max(np.abs(updated)))
            change = float(np.max(np.abs(updated - means))) / largest if largest > 0 else 0.0
            means = updated
        image = self.model.scale(volume, ratio)
        diagnostics = {"undefined": undefined, "change": change}
        last = None if self.problem.noise_variance is not None else self.model.predict(means)
        return self.record(volume, frame, observed, means, last, image, diagnostics)

    def scaled_error(self, stderr: np.ndarray, means: FloatArray, background: float) -> np.ndarray:
        """Return the standard error times the size of the ratio that the means give."""
        known = np.append(means, background) if self.problem.has_background else means
        ratio, _ = self.model.predict(known).ratio()
        return self.model.scale(stderr, np.abs(ratio))

    def flags(self, frames: list[dict[str, float]]) -> tuple[Flag, ...]:
        """Return flags where the ratio was not defined or the means still moved."""
        change = np.array([frame["change"] for frame in frames])
        moving = np.flatnonzero(change > _SETTLED)
        if moving.size == 0:
            return ratio_flags(frames)
        worst = int(np.argmax(change))
        message = (
            f"after {self.iterations} iterations regional means still moved in {moving.size} of {change.size} frames, most in "
            f"frame {worst + 1}, by {100 * change[worst]:.3g} % of the largest; give more iterations"
        )
        return (Flag("not_converged", message), *ratio_flags(frames))

    def _beyond(self, volume: np.ndarray) -> float:
        """Return the corrected background outside the box, which no iteration changes."""
        if not self.problem.has_background:
            return 0.0
        empty = np.zeros_like(volume[self.model.box])
        return float(np.sum(self.model.scale(volume, empty), dtype=float))

    def _means(self, corrected: np.ndarray, beyond: float) -> FloatArray:
        sums = self.problem.regions.box_sums(corrected, self.model.box)
        if self.problem.has_background:
            sums = np.append(sums, beyond + np.sum(corrected, dtype=float) - sums.sum())
        return sums / self.system.counts


add_method(IterativeYang, aliases=("iterative yang",))
