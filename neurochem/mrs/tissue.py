"""What a voxel is made of, and how much of its water is where."""

import math
from dataclasses import dataclass

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import InputError

# Relative water content of grey matter, white matter and CSF (g/mL): Ernst 1993, J Magn Reson B 102:1.
WATER_CONTENT = {"gm": 0.78, "wm": 0.65, "csf": 0.97}
_SUM_TOLERANCE = 0.02


@checked_fields
@dataclass(frozen=True, slots=True)
class Tissue:
    """Volume fractions of a voxel.

    Parameters
    ----------
    gm, wm, csf : float
        Grey matter, white matter, cerebrospinal fluid; each from 0 to 1, together 1 within 0.02 (then normalised).

    Raises
    ------
    InputError
        If a fraction is out of range, the sum is not 1, or there is no tissue besides CSF.
    """

    gm: float
    wm: float
    csf: float

    def __post_init__(self) -> None:
        values = {"gm": self.gm, "wm": self.wm, "csf": self.csf}
        for name, value in values.items():
            if not (math.isfinite(value) and 0.0 <= value <= 1.0):
                msg = f"tissue fraction {name} is {value}; it must lie between 0 and 1. Give fractions, not percent."
                raise InputError(msg)
        total = sum(values.values())
        if abs(total - 1.0) > _SUM_TOLERANCE:
            msg = (
                f"tissue fractions {values} sum to {total:g}; they must sum to 1 within {_SUM_TOLERANCE}. "
                "Check the segmentation."
            )
            raise InputError(msg)
        if values["csf"] / total > 0.999:
            msg = f"tissue fractions {values} leave no tissue besides CSF; a concentration in tissue is not defined."
            raise InputError(msg)
        for name, value in values.items():
            object.__setattr__(self, name, value / total)

    def fractions(self) -> dict[str, float]:
        """Return volume fractions by compartment."""
        return {"gm": self.gm, "wm": self.wm, "csf": self.csf}

    def water_fractions(self) -> dict[str, float]:
        """Return the share of the voxel's water in each compartment: f d / sum f d, mole not volume fractions."""
        weighted = {name: fraction * WATER_CONTENT[name] for name, fraction in self.fractions().items()}
        total = sum(weighted.values())
        return {name: value / total for name, value in weighted.items()}


@checked_arguments
def alpha_factor(tissue: Tissue, alpha: float = 0.5, group: Tissue | None = None) -> float:
    """Return what a concentration in the whole voxel is multiplied by to correct for tissue that holds it unequally.

    Parameters
    ----------
    tissue : Tissue
        Volume fractions of the voxel.
    alpha : float
        Concentration in white over that in grey matter; 0.5 for GABA.
    group : Tissue, optional
        Mean fractions of the group; the result is then that of a voxel of the group's mean composition.

    Returns
    -------
    float
        1 / (f_GM + alpha f_WM), or with a group (mu_GM + alpha mu_WM) / [(f_GM + alpha f_WM)(mu_GM + mu_WM)].

    Raises
    ------
    InputError
        If alpha is negative, or zero in a voxel without grey matter.

    References
    ----------
    Harris AD (2015), J Magn Reson Imaging 42:1431.
    """
    if not (math.isfinite(alpha) and alpha >= 0.0):
        msg = f"alpha is {alpha}; it must be zero or positive: the concentration in white over that in grey matter."
        raise InputError(msg)
    weight = tissue.gm + alpha * tissue.wm
    if weight <= 0.0:
        msg = f"alpha is {alpha} and the voxel holds {tissue.fractions()}: no tissue that could hold the metabolite."
        raise InputError(msg)
    if group is None:
        return 1.0 / weight
    return (group.gm + alpha * group.wm) / (weight * (group.gm + group.wm))
