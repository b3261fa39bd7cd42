"""The relative equilibrium plot."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from neurochem.pet.model import MODELS, KineticModel, Outcome, ScanInputs, Target
from neurochem.pet.one_tissue import reference_tissue
from neurochem.pet.reference_plots import ReferenceLine, from_t_star, graph, graph_weights, reference_line
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.units import FloatArray


class REPlot(KineticModel):
    """Relative equilibrium plot (Zhou et al. 2009).

    int C_T/C_R = DVR int C_R/C_R + alpha from t* on, exact where C_T/C_R is constant. The noise of C_T is on one side
    only, so it does not bias; a drift of C_T/C_R does, by as much as tens of percent, and no residual shows it: the drift
    over the frames used is reported and every result flagged. REGP corrects for it.
    """

    name: ClassVar[str] = "REPlot"
    citation: ClassVar[str] = "Zhou Y et al (2009), NeuroImage 44:661-670"
    equation: ClassVar[str] = "int C_T/C_R = DVR int C_R/C_R + alpha"
    inputs: ClassVar[str] = "reference"
    parameters: ClassVar[tuple[str, ...]] = ("R1", "k2prime", "BPND")
    options: ClassVar[tuple[str, ...]] = ("t_star_s",)
    one_compartment: ClassVar[bool] = False

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("BPND", "DVR", "intercept")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the tissue curve from R1, k2prime and BPND."""
        return reference_tissue(parameters, view, self.name)

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Fit the line from t* on."""
        t_star, line, notes = from_t_star(
            inputs,
            lambda used: reference_line(target, inputs, used, integral=True),
            ReferenceLine.largest_relative_residual,
        )
        drift = ratio_drift(target, inputs, line)
        message = (
            f"BPND is biased unless the target-to-reference ratio is constant; it drifts by {drift:.1f} %/h after t*"
        )
        slope, offset = line.coefficients
        spread = np.zeros((3, 3))
        spread[np.ix_([0, 2], [0, 2])] = line.covariance()
        spread[1], spread[:, 1] = spread[0], spread[:, 0]
        spread[1, 1] = spread[0, 0]
        axis, data, fitted = graph(line, inputs, "integral of activity / reference", "min")
        return Outcome(
            names=self.reported,
            values=np.array([slope - 1.0, slope, offset]),
            covariance=spread,
            fitted=fitted,
            used=line.used,
            dof=line.dof,
            flags=(*notes, Flag("biased_without_k2prime", message)),
            settings={"t_star_s": t_star},
            diagnostics={
                "largest_relative_residual": line.largest_relative_residual(),
                "ratio_drift_percent_per_hour": drift,
            },
            axis=axis,
            data=data,
            weights=graph_weights(line, inputs),
        )


def ratio_drift(target: Target, inputs: ScanInputs, line: ReferenceLine) -> float:
    """Return the slope of C_T/C_R over the frames used, in percent of its mean per hour."""
    weights = line.weights[line.used] * inputs.view.input[line.used] ** 2
    ratio = target.means[line.used] / inputs.view.input[line.used]
    time = inputs.frames.mid_min[line.used] / 60.0
    time = time - np.average(time, weights=weights)
    mean = np.average(ratio, weights=weights)
    return float(100.0 * np.sum(weights * time * ratio) / np.sum(weights * time**2) / mean) if mean else np.nan


MODELS.add(REPlot(), name=REPlot.name, aliases=("RE",), reference=REPlot.citation, needs=("reference",))
