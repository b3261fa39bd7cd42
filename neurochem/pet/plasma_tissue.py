"""The curves of two tissue compartments, for prediction."""

from collections.abc import Mapping

from neurochem.errors import InputError, unknown_name
from neurochem.pet.compartments import two_tissue_exponentials, with_blood
from neurochem.pet.view import View
from neurochem.units import FloatArray


def two_tissue_curve(parameters: Mapping[str, float], view: View, model: str, *, reversible: bool = True) -> FloatArray:
    """Return (1 - VB) C_P (x) h + VB C_B for two tissue compartments.

    Parameters
    ----------
    parameters : mapping
        K1 (mL/cm3/min), k2 (1/min) or VND (mL/cm3), k3 (1/min) or BPND, k4 (1/min, reversible only), and VB (default 0).
    view : View
        Parent plasma, with whole blood where VB is not zero.
    model : str
        Name of the model, for messages.
    reversible : bool
        Whether there is a k4; without it k4 is zero.

    Raises
    ------
    UnknownNameError, InputError
        If a parameter is not known, missing, or negative.
    """
    k1, k2, k3, k4 = two_tissue_given(parameters, model, reversible=reversible)
    (phi1, phi2), rates = two_tissue_exponentials(k1, k2, k3, k4)
    slow, fast = view.convolved(list(rates))[0]
    return with_blood(phi1 * slow + phi2 * fast, float(parameters.get("VB", 0.0)), view, model)


def two_tissue_given(
    parameters: Mapping[str, float], model: str, *, reversible: bool = True, more: tuple[str, ...] = ()
) -> tuple[float, float, float, float]:
    """Return K1, k2, k3 and k4 from what was given."""
    known = ("K1", "k2", "VND", "k3", *(("BPND", "k4") if reversible else ()), "VB", *more)
    for name, value in parameters.items():
        if name not in known:
            raise unknown_name(name, known, kind=f"parameter of {model}")
        if not value >= 0:
            msg = f"{name} is {value} in {model}; it must not be negative"
            raise InputError(msg)
    needed = [("K1",), ("k2", "VND"), ("k3", "BPND") if reversible else ("k3",), *([("k4",)] if reversible else [])]
    for choices in needed:
        if not any(name in parameters for name in choices):
            msg = f"{model} needs {' or '.join(choices)} to make a curve; got {', '.join(parameters) or 'nothing'}"
            raise InputError(msg)
    given = {name: float(value) for name, value in parameters.items()}
    k4 = given.get("k4", 0.0)
    k2 = given["k2"] if "k2" in given else given["K1"] / given["VND"]
    return given["K1"], k2, given["k3"] if "k3" in given else given["BPND"] * k4, k4
