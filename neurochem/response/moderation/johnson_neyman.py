"""Where along a marker two arms differ: the region of Johnson and Neyman, and the point where the arms cross."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from neurochem.arguments import checked_arguments
from neurochem.errors import InputError
from neurochem.units import FloatArray


@dataclass(frozen=True, slots=True)
class Region:
    """Values of the marker at which the arms differ.

    Attributes
    ----------
    a, b, c : float
        Coefficients of a m^2 + b m + c, which is negative where the arms are not told apart; m is the centred marker.
    low, high : float
        Roots on the marker's own scale; NaN when there is no region with an edge.
    kind : str
        "none" (nowhere told apart), "outside" (below low and above high), "inside" (between them) or "everywhere".
    """

    a: float
    b: float
    c: float
    low: float
    high: float
    kind: str

    @property
    def text(self) -> str:
        """Return the region in words."""
        words = {
            "none": "at no value of the marker are the arms told apart",
            "everywhere": "the arms are told apart at every value of the marker",
            "outside": f"the arms are told apart below {self.low:.3g} and above {self.high:.3g}",
            "inside": f"the arms are told apart between {self.low:.3g} and {self.high:.3g}",
        }
        return words[self.kind]


@checked_arguments
def johnson_neyman(arm: float, interaction: float, covariance: FloatArray, *, dof: float, centre: float) -> Region:
    """Return the region in which the difference of two arms is significant at 5 %.

    Parameters
    ----------
    arm, interaction : float
        Difference of the arms at the centred marker's zero, and its change per unit of the marker.
    covariance : array, shape (2, 2)
        Their covariance, in that order.
    dof : float
        Degrees of freedom of t.
    centre : float
        What was taken off the marker.

    Returns
    -------
    Region
        That there is no region is a result, not an error.

    Notes
    -----
    (b3^2 - t^2 v33) m^2 + 2 (b1 b3 - t^2 v13) m + (b1^2 - t^2 v11) = 0. The bounds hold point by point, not all at once.

    References
    ----------
    Johnson, Neyman (1936), Stat Res Mem 1:57.
    """
    covariance = np.asarray(covariance, dtype=float)
    if covariance.shape != (2, 2) or not dof > 0.0:
        msg = f"covariance has shape {covariance.shape} and dof is {dof:g}; give shape (2, 2) and a dof above zero"
        raise InputError(msg)
    if not np.isfinite(covariance).all():
        return Region(math.nan, math.nan, math.nan, math.nan, math.nan, "none")
    t2 = float(special.ndtri(0.975) if math.isinf(dof) else special.stdtrit(dof, 0.975)) ** 2
    a = interaction**2 - t2 * float(covariance[1, 1])
    b = 2.0 * (arm * interaction - t2 * float(covariance[0, 1]))
    c = arm**2 - t2 * float(covariance[0, 0])
    inside = b**2 - 4.0 * a * c
    if inside < 0.0 or a == 0.0:
        kind = "everywhere" if a > 0.0 and c > 0.0 else "none"
        return Region(a, b, c, math.nan, math.nan, kind)
    roots = sorted(((-b - math.sqrt(inside)) / (2.0 * a), (-b + math.sqrt(inside)) / (2.0 * a)))
    return Region(a, b, c, centre + roots[0], centre + roots[1], "outside" if a > 0.0 else "inside")
