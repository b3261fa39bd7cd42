"""Logan's reference line solved without forming ratios."""

from dataclasses import replace
from typing import ClassVar

from neurochem.pet.kinetics.logan_ref import LoganRef
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target
from neurochem.results import Axis


class LoganRefML(LoganRef):
    """Multilinear reference Logan analysis (after Turkheimer et al. 2003).

    int C_T = DVR (int C_R + C_R/k2') + b C_T, solved with the weights of the frames. Exact at all times for a
    one-compartment target when k2' is given; without it the slope is biased unless C_R/C_T is constant, and flagged.
    The noise of C_T as a regressor biases DVR low, less than on Logan's graph because no ratio is formed.
    """

    name: ClassVar[str] = "LoganRefML"
    citation: ClassVar[str] = "Turkheimer FE et al (2003), IEEE Trans Med Imaging 22:289-301"
    equation: ClassVar[str] = "int C_T = DVR (int C_R + C_R/k2') + b C_T"
    graphical: ClassVar[bool] = False

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Solve the regression; the integral of the target is what is drawn."""
        outcome = super().estimate(target, inputs)
        axis = Axis(inputs.frames.mid_min, "time after injection", "min", "integral of activity", "kBq/mL min")
        return replace(outcome, axis=axis, data=inputs.target_integral @ target.means)


MODELS.add(
    LoganRefML(),
    name=LoganRefML.name,
    aliases=("refmlLogan", "MLLoganRef"),
    reference=LoganRefML.citation,
    needs=("reference", "k2prime"),
)
