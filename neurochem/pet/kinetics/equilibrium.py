"""Binding potential at the equilibrium of a bolus followed by an infusion."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.view import View
from neurochem.pet.window import WindowRatio, window_of, window_ratio
from neurochem.quality import Flag
from neurochem.units import FloatArray

# Percent per hour; the usual limit, not derived here.
FLAT = 5.0


class Equilibrium(KineticModel):
    """BPND = C_T/C_R - 1 while target and reference are flat (bolus plus constant infusion).

    Integrals over the window from t1 to t2 are divided. Valid only at equilibrium: the slopes of target and reference
    over the window are measured, and more than 5 %/h of either is flagged. The bolus that reaches equilibrium
    soonest is K_bol = bolus/infusion rate (min), a property of the tracer.
    """

    name: ClassVar[str] = "Equilibrium"
    citation: ClassVar[str] = "Carson RE et al (1993), J Cereb Blood Flow Metab 13:24-42"
    equation: ClassVar[str] = "BPND = int C_T / int C_R - 1 from t1 to t2, both flat"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("BPND",)
    options: ClassVar[tuple[str, ...]] = ("t1_s", "t2_s")
    one_compartment: ClassVar[bool] = False

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("BPND", "DVR")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return (1 + BPND) times the reference."""
        for name in parameters:
            if name not in self.parameters:
                raise unknown_name(name, self.parameters, kind=f"parameter of {self.name}")
        if "BPND" not in parameters:
            msg = "Equilibrium needs BPND to make a curve; got nothing"
            raise InputError(msg)
        return np.asarray((1.0 + float(parameters["BPND"])) * view.input)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Divide the integrals over the window and check that both curves are flat."""
        ratio = window_ratio(target, inputs, window_of(inputs, self.name))
        return Outcome(
            names=self.reported,
            values=np.array([ratio.value - 1.0, ratio.value]),
            covariance=np.full((2, 2), ratio.variance),
            fitted=ratio.value * inputs.view.input,
            used=ratio.used,
            dof=ratio.dof,
            flags=_slope_flags(ratio, target.region, inputs.input_name),
            settings={"window_s": list(ratio.window_s)},
            diagnostics={
                "target_slope_percent_per_hour": ratio.slopes[0],
                "reference_slope_percent_per_hour": ratio.slopes[1],
                "ratio_slope_percent_per_hour": ratio.slopes[2],
            },
        )


def _slope_flags(ratio: WindowRatio, region: str, reference: str) -> tuple[Flag, ...]:
    flags = []
    for name, slope in zip((region, reference), ratio.slopes, strict=False):
        if abs(slope) <= FLAT:
            continue
        start, end = ratio.window_s
        message = f"'{name}' changes by {slope:.1f} %/h from {start:g} to {end:g} s, equilibrium allows {FLAT:g} %/h"
        flags.append(Flag("not_at_equilibrium", message))
    return tuple(flags)


MODELS.add(
    Equilibrium(), name=Equilibrium.name, aliases=("bolus-infusion",), reference=Equilibrium.citation,
    needs=("reference", "t1_s"),
)  # fmt: skip
