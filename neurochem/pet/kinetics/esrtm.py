"""Binding that changes once, from one level to another."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, ScanInputs
from neurochem.pet.release_courses import StepRelease
from neurochem.pet.release_model import ReleaseModel, Search, onset_search
from neurochem.pet.view import View
from neurochem.units import FloatArray


class ESRTM(ReleaseModel):
    """Extended simplified reference tissue model (Zhou et al. 2006).

    SRTM with BPND before T and BPNDpost from T on, R1 and k2 the same:
    dC_T/dt = R1 dC_R/dt + k2 C_R - k2/(1 + BP(t)) C_T. Linear in R1, k2 and the two washout rates for each T, which is the
    option `T_s` (s) or searched from `release_start_s` to `release_end_s` on a grid that is then polished. BPNDpost may
    lie above or below BPND; BPNDchange = 100 (BPND - BPNDpost)/BPND.

    Assumes that binding changes at once and stays; a release that comes and goes is averaged. The rebuilt target has no
    corner at T, which costs accuracy where frames are long around it. Standard errors as in lp-ntPET, conditional on T.
    """

    name: ClassVar[str] = "ESRTM"
    citation: ClassVar[str] = "Zhou Y et al (2006), NeuroImage 33:550-563"
    equation: ClassVar[str] = "C_T = R1 C_R + k2 int C_R - k2/(1+BPND) int_0^T C_T - k2/(1+BPNDpost) int_T C_T"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND", "BPNDpost", "T")
    options: ClassVar[tuple[str, ...]] = ("T_s", "release_start_s", "release_end_s")
    course_names: ClassVar[tuple[str, ...]] = ("T",)
    signed: ClassVar[bool] = False

    @property
    def linear_names(self) -> tuple[str, ...]:
        """Names of what the coefficients determine."""
        return ("R1", "k2", "BPND", "BPNDpost", "k2a", "k2prime", "DVR", "BPNDchange")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1 (default 1), k2, BPND, BPNDpost and T."""
        given = self._given(parameters)
        gamma = given["k2"] / (1.0 + given["BPNDpost"]) - given["k2"] / (1.0 + given["BPND"])
        return self._predicted(given, gamma, StepRelease(given["T"]), view)

    def derived_linear(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the reported parameters from the coefficients."""
        r1, k2, washout, change = coefficients
        dvr, after = -k2 / washout, -k2 / (washout + change)
        return np.array([r1, k2, dvr - 1.0, after - 1.0, -washout, k2 / r1, dvr, 100.0 * (dvr - after) / (dvr - 1.0)])

    def search(self, inputs: ScanInputs) -> Search:
        """Return the times of the change."""
        times, first, latest = onset_search(inputs, self.name)
        return Search(times[:, None], np.array([first]), np.array([latest]))

    def course(self, point: FloatArray) -> StepRelease:
        """Return the step at T."""
        return StepRelease(float(point[0]))


MODELS.add(ESRTM(), name=ESRTM.name, reference=ESRTM.citation, needs=("reference",))
