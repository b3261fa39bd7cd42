"""The two-tissue compartment model with a known non-displaceable volume."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from neurochem.errors import InputError, unknown_name
from neurochem.pet.compartments import Blood, imprecise
from neurochem.pet.kinetics.two_tcm import TwoTissue
from neurochem.pet.model import MODELS, Outcome, ScanInputs, Target, required_option
from neurochem.pet.plasma_tied import TiedProblem


class TwoTissueTied(TwoTissue):
    """Two tissue compartments with K1/k2 = VND known.

    The reversible two-tissue model with one parameter less, which makes k3/k4 determinable where it otherwise is not.
    `VND=` (mL/cm3) gives the value; `VND_region=` names one of the fitted regions, free of target, whose VT (by 2TCM)
    serves, its standard error being carried into all estimates. A VND that is wrong by x % biases BPND + 1 by -x %.
    k2, k3 and k4 are searched up to 2/min, k2 and k4 from 0.06/T (T the scan's length).
    """

    name: ClassVar[str] = "2TCMtied"
    citation: ClassVar[str] = "Koeppe RA et al (1991), J Cereb Blood Flow Metab 11:735-744"
    equation: ClassVar[str] = "C_T as 2TCM with k2 = K1/VND, VND given or VT of a region free of target"
    options: ClassVar[tuple[str, ...]] = ("VB", "VND", "VND_region")
    why: ClassVar[str] = "the ratio K1/k2 in mL/cm3, or VND_region, a region without target whose VT serves"

    def prepare(self, targets: Sequence[Target], inputs: ScanInputs) -> ScanInputs:
        """Fit the region that gives VND, if one is named."""
        region = inputs.options.get("VND_region")
        if region is None:
            return inputs
        if inputs.options.get("VND") is not None:
            msg = f"{self.name} got both VND and VND_region; give one of them"
            raise InputError(msg)
        named = {target.region: target for target in targets}
        if region not in named:
            raise unknown_name(str(region), tuple(named), kind="region among those fitted")
        free = {key: value for key, value in inputs.options.items() if key != "VND_region"}
        volume = TwoTissue().fit(named[region], replace(inputs, options=free))["VT"]
        if not volume.value > 0:
            msg = f"VT of '{region}' is {volume.value:g}; it cannot serve as VND"
            raise InputError(msg)
        return replace(inputs, options={**inputs.options, "VND": volume.value, "VND_stderr": volume.stderr})

    def estimate(self, target: Target, inputs: ScanInputs) -> Outcome:
        """Search k2, k3, k4 and VB for the VND that is known."""
        vnd = required_option(inputs, "VND", self.name, self.why)
        if not vnd > 0:
            msg = f"VND is {vnd:g} mL/cm3; it must be positive"
            raise InputError(msg)
        error = inputs.options.get("VND_stderr")
        blood = Blood.of(target, inputs, self.name)
        fit = TiedProblem(target, inputs, blood).search(vnd)
        values, covariance = fit.reported(0.0 if error is None else float(error) ** 2)
        fixed = blood.fixed | (frozenset({"VND"}) if error is None else frozenset())
        return Outcome(
            names=self.reported,
            values=values,
            covariance=covariance,
            fitted=fit.curve + blood.added(inputs),
            used=inputs.kept,
            dof=float(inputs.kept.sum() - fit.problem.size),
            success=fit.minimum.converged,
            at_bound=fit.at_bound(),
            fixed=fixed,
            flags=imprecise(self.reported, values, covariance, fixed),
            diagnostics={"iterations": float(fit.minimum.iterations)},
        )


MODELS.add(TwoTissueTied(), name=TwoTissueTied.name, reference=TwoTissueTied.citation, needs=("blood",))
