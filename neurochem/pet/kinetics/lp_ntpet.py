"""Transmitter release of unknown time course: linear parametric neurotransmitter PET."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, ScanInputs
from neurochem.pet.release_courses import GammaRelease
from neurochem.pet.release_model import ReleaseModel, Search, onsets, positive_option, release_window
from neurochem.pet.view import View
from neurochem.units import FloatArray

_ALPHAS = np.array([0.25, 1.0, 4.0])
_SHORTEST_RISE_MIN, _RISES = 1.0, 8


class LpNtPET(ReleaseModel):
    """Linear parametric neurotransmitter PET (Normandin et al. 2012).

    dC_T/dt = R1 dC_R/dt + k2 C_R - [k2a + gamma h(t)] C_T, h the gamma variate that starts at tD and is 1 at its peak tP
    (`GammaRelease`). Integrated once it is linear in R1, k2, k2a and gamma; gamma is not negative. The time course of
    least weighted residual is taken from a grid and then polished continuously. The grid holds 16 onsets from
    `release_start_s` (default: a quarter of the scan) on, for each 8 rise times from one minute to `release_end_s`
    (default: the end of the scan), and `alpha` 0.25, 1 and 4 (option; the polish stays between the smallest and largest).

    BPND is that before release; BPNDchange = 100 (BPND - BPNDpost)/BPND at the peak of h, BPNDpost = k2/(k2a + gamma) - 1.
    Assumes SRTM before release, a reference without target, and that release changes k2a alone. Standard errors
    propagate the noise of target and reference but are conditional on the time course; tD, tP and alpha have none. Where the
    course was searched they are too small: 0.75 to 0.92 of the true spread for R1, k2, BPND and gamma in a simulation of
    200 raclopride-like scans with 1 % noise, whose 95 % intervals held the truth in 88 to 91 %. A gain
    in residual is no proof of release, since noise always finds some time course: `release_test` says how often. For the
    same reason gamma and BPNDchange are biased upwards where there is little or no release.
    """

    name: ClassVar[str] = "lpntPET"
    citation: ClassVar[str] = "Normandin MD, Schiffer WK, Morris ED (2012), NeuroImage 59:2689-2699"
    equation: ClassVar[str] = "C_T = R1 C_R + k2 int C_R - k2a int C_T - gamma int C_T h(t; tD, tP, alpha)"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND", "gamma", "tD", "tP", "alpha")
    options: ClassVar[tuple[str, ...]] = ("release_start_s", "release_end_s", "alpha")
    course_names: ClassVar[tuple[str, ...]] = ("tD", "tP", "alpha")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1 (default 1), k2, BPND, gamma, tD, tP and alpha."""
        given = self._given(parameters)
        course = GammaRelease(given["tD"], given["tP"], given["alpha"])
        return self._predicted(given, given["gamma"], course, view)

    def derived_linear(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the reported parameters from the coefficients."""
        return release_report(coefficients)

    def search(self, inputs: ScanInputs) -> Search:
        """Return onsets, rise times and shapes."""
        first, latest, end = release_window(inputs, self.name)
        alphas = positive_option(inputs, "alpha", _ALPHAS)
        points = [
            (start, rise, alpha)
            for start in onsets(first, latest)
            for rise in np.geomspace(_SHORTEST_RISE_MIN, max(end - start, _SHORTEST_RISE_MIN), _RISES)
            for alpha in alphas
        ]
        return Search(
            np.unique(np.array(points), axis=0),
            np.array([first, _SHORTEST_RISE_MIN, alphas[0]]),
            np.array([latest, end - first, alphas[-1]]),
        )

    def course(self, point: FloatArray) -> GammaRelease:
        """Return the time course of tD, tP - tD and alpha."""
        return GammaRelease(float(point[0]), float(point[0] + point[1]), float(point[2]))

    def described(self, point: FloatArray) -> FloatArray:
        """Return tD, tP and alpha."""
        return np.array([point[0], point[0] + point[1], point[2]])


def release_report(coefficients: np.ndarray) -> np.ndarray:
    """Return R1, k2, BPND, gamma, k2a, k2prime, DVR and BPNDchange from the coefficients of the linear form."""
    r1, k2, washout, release = coefficients
    k2a, gamma = -washout, -release
    dvr, after = k2 / k2a, k2 / (k2a + gamma)
    return np.array([r1, k2, dvr - 1.0, gamma, k2a, k2 / r1, dvr, 100.0 * (dvr - after) / (dvr - 1.0)])


MODELS.add(LpNtPET(), name=LpNtPET.name, aliases=("lp-ntPET",), reference=LpNtPET.citation, needs=("reference",))
