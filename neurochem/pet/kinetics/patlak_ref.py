"""Patlak's graphical analysis with a reference region."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.errors import InputError, unknown_name
from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.reference_plots import ReferenceLine, from_t_star, graph, graph_weights, reference_line
from neurochem.pet.view import View
from neurochem.units import FloatArray


class PatlakRef(KineticModel):
    """Reference Patlak plot (Patlak and Blasberg 1985).

    C_T/C_R = KiRef int C_R/C_R + V, from t* on. For a tracer that is trapped in the target and not in the reference;
    KiRef = k2 k3/(k2 + k3) (with K1/k2 the same in both) is reached only when the free pool follows C_R. Exact
    integrals of the rebuilt reference; unweighted on the graph unless weights are given.
    """

    name: ClassVar[str] = "PatlakRef"
    citation: ClassVar[str] = "Patlak CS, Blasberg RG (1985), J Cereb Blood Flow Metab 5:584-590"
    equation: ClassVar[str] = "C_T/C_R = KiRef int C_R/C_R + V"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("KiRef", "ratio_intercept")
    options: ClassVar[tuple[str, ...]] = ("t_star_s",)
    one_compartment: ClassVar[bool] = False

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return KiRef int C_R + ratio_intercept C_R, the curve once the plot is linear."""
        for name in parameters:
            if name not in self.parameters:
                raise unknown_name(name, self.parameters, kind=f"parameter of {self.name}")
        if "KiRef" not in parameters:
            msg = f"{self.name} needs KiRef (1/min) to make a curve; got {', '.join(parameters) or 'nothing'}"
            raise InputError(msg)
        value = float(parameters["KiRef"]) * view.convolved(0.0)[0][0]
        return np.asarray(value + float(parameters.get("ratio_intercept", 0.0)) * view.input)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit the line from t* on."""
        t_star, line, notes = from_t_star(
            inputs,
            lambda used: reference_line(target, inputs, used, integral=False),
            ReferenceLine.largest_relative_residual,
        )
        axis, data, fitted = graph(line, inputs, "activity / reference", "")
        return Outcome(
            names=self.reported,
            values=line.coefficients,
            covariance=line.covariance(),
            fitted=fitted,
            used=line.used,
            dof=line.dof,
            flags=notes,
            settings={"t_star_s": t_star},
            diagnostics={"largest_relative_residual": line.largest_relative_residual()},
            axis=axis,
            data=data,
            weights=graph_weights(line, inputs),
        )


MODELS.add(PatlakRef(), name=PatlakRef.name, aliases=("refPatlak",), reference=PatlakRef.citation, needs=("reference",))
