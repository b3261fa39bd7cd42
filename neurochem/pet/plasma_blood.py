"""Plasma and whole blood that are given as curves rather than as samples."""

from numpy.typing import ArrayLike

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.pet.curves import Curve, Prepared
from neurochem.units import FloatArray


class PlasmaAndBlood(Curve):
    """Parent plasma and whole blood as continuous curves, for example in closed form.

    Parameters
    ----------
    plasma_parent : Curve
        Metabolite-corrected plasma in kBq/mL; what the curve itself is.
    whole_blood : Curve
        Whole blood in kBq/mL, not corrected for metabolites.

    Raises
    ------
    InputError
        If either is not a Curve.
    """

    @checked_arguments
    def __init__(self, plasma_parent: Curve, whole_blood: Curve) -> None:
        for name, curve in (("plasma_parent", plasma_parent), ("whole_blood", whole_blood)):
            if not isinstance(curve, Curve):
                msg = f"{name} is a {type(curve).__name__}; give a continuous curve such as Feng or ExponentialSum"
                raise InputError(msg)
        self.plasma_parent, self.whole_blood = plasma_parent, whole_blood

    def tail_s(self, until_s: float) -> float:
        """Return 0: a closed form needs no continuation."""
        return 0.0

    def parent(self, until_s: float) -> Curve:
        """Return parent plasma."""
        return self.plasma_parent

    def blood(self, until_s: float) -> Curve:
        """Return whole blood."""
        return self.whole_blood

    def values(self, time_min: ArrayLike) -> FloatArray:
        """Return parent plasma at some times in minutes."""
        return self.plasma_parent.values(time_min)

    def prepare(self, edges_min: FloatArray) -> Prepared:
        """Return parent plasma cut at edges in minutes."""
        return self.plasma_parent.prepare(edges_min)
