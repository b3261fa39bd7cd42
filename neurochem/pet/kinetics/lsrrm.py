"""Transmitter release that starts at once and fades exponentially."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.kinetics.lp_ntpet import release_report
from neurochem.pet.model import MODELS, ScanInputs
from neurochem.pet.release_courses import ExponentialRelease
from neurochem.pet.release_model import ReleaseModel, Search, onset_search, positive_option
from neurochem.pet.view import View
from neurochem.units import FloatArray

_RATES = np.geomspace(0.01, 1.0, 12)


class LSRRM(ReleaseModel):
    """Linearized simplified reference region model (Alpert et al. 2003).

    dC_T/dt = R1 dC_R/dt + k2 C_R - [k2a + gamma exp(-tau (t - T))] C_T, the bracket's second term from T on. Linear in R1, k2,
    k2a and gamma for each T and tau; gamma is not negative. T is the option `T_s` (s), as published, or searched from
    `release_start_s` to `release_end_s`; tau (1/min) is the option `tau`, one value held fixed or several to search
    between, by default 0.01 to 1. Grid of least weighted residual, then polished continuously.

    BPND is that before release; BPNDchange is the fall at T in percent. Assumptions and standard errors, conditional on T and
    tau, as in lp-ntPET. Response that rises slowly is described badly.
    """

    name: ClassVar[str] = "LSRRM"
    citation: ClassVar[str] = "Alpert NM et al (2003), NeuroImage 19:1049-1060"
    equation: ClassVar[str] = "C_T = R1 C_R + k2 int C_R - k2a int C_T - gamma int_T C_T exp(-tau (t - T))"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2", "BPND", "gamma", "tau", "T")
    options: ClassVar[tuple[str, ...]] = ("T_s", "tau", "release_start_s", "release_end_s")
    course_names: ClassVar[tuple[str, ...]] = ("tau", "T")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1 (default 1), k2, BPND, gamma, tau and T."""
        given = self._given(parameters)
        return self._predicted(given, given["gamma"], ExponentialRelease(given["T"], given["tau"]), view)

    def derived_linear(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the reported parameters from the coefficients."""
        return release_report(coefficients)

    def search(self, inputs: ScanInputs) -> Search:
        """Return rates and onsets."""
        times, first, latest = onset_search(inputs, self.name)
        rates = positive_option(inputs, "tau", _RATES)
        points = np.array([(rate, time) for rate in rates for time in times])
        return Search(points, np.array([rates[0], first]), np.array([rates[-1], latest]))

    def course(self, point: FloatArray) -> ExponentialRelease:
        """Return the time course of tau and T."""
        return ExponentialRelease(float(point[1]), float(point[0]))


MODELS.add(LSRRM(), name=LSRRM.name, reference=LSRRM.citation, needs=("reference",))
