"""What the linear models with plasma input share: the vascular correction and the curve they stand for."""

from collections.abc import Mapping
from typing import ClassVar

from neurochem.errors import InputError
from neurochem.pet.model import ScanInputs
from neurochem.pet.multilinear import MultilinearModel
from neurochem.pet.one_tissue import plasma_tissue
from neurochem.pet.view import View
from neurochem.quality import Flag
from neurochem.units import FloatArray


class PlasmaLinearModel(MultilinearModel):
    """Base of Logan and MA1.

    Blood volume is not part of these regressions: `VB` (default 0) takes VB x whole blood off the curve and divides the
    rest by 1 - VB beforehand.

    Two tissue compartments are linear late only, and how late depends on the tracer: give `t_star_s`. Without it the
    points from two fifths of the scan on are used, the same for every region, and a fit whose later half says something
    else is flagged as curved. (A limit on the relative residual does not do: the integral is so smooth that nearly any
    start passes, and VT comes out up to a fifth low.)
    """

    inputs: ClassVar[str] = "plasma"
    parameters: ClassVar[tuple[str, ...]] = ("K1", "VT")
    options: ClassVar[tuple[str, ...]] = ("t_star_s", "VB")
    linear_from_start: ClassVar[bool] = False
    default_start: ClassVar[float | None] = 0.4

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the estimates of a fit."""
        return ("VT", "intercept")

    def predict(self, parameters: Mapping[str, float], view: View) -> FloatArray:
        """Return the one-tissue curve from K1 and VT (or k2)."""
        return plasma_tissue(parameters, view, self.name)

    def tissue(self, means: FloatArray, inputs: ScanInputs) -> tuple[FloatArray, tuple[Flag, ...]]:
        """Return the means with vascular activity taken off, if VB is given."""
        fraction = float(inputs.options.get("VB") or 0.0)
        if fraction == 0.0:
            return means, ()
        if not 0.0 < fraction < 1.0:
            msg = f"VB is {fraction:g}; a blood volume fraction lies between 0 and 1, for example 0.05"
            raise InputError(msg)
        if inputs.view.blood is None:
            msg = f"VB = {fraction:g} needs whole blood; give ArterialInput(..., whole_blood=...)"
            raise InputError(msg)
        note = Flag("vascular_correction", f"{100 * fraction:g} % whole blood was taken off the curve", "info")
        return (means - fraction * inputs.view.blood) / (1.0 - fraction), (note,)
